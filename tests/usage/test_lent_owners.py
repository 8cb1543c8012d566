"""Owners that stand on a trace are lent to its calls: where they have none, within one project, the newest row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data_builders import convert, exceptions, jsonl, rows


def call(number: int, trace: str, project: str = "p", **more: Any) -> dict[str, Any]:
    return {
        "id": f"o{number}", "trace_id": trace, "project_id": project, "type": "GENERATION", "environment": "default",
        "start_time": f"2026-10-07T09:00:0{number}Z", "end_time": None, "provided_model_name": "gpt-5",
        "usage_details": {"input": 1000 * number, "output": 1, "total": 1000 * number + 1}, "metadata": {}, **more,
    }  # fmt: skip


def trace(name: str, team: str, updated: str, project: str = "p", **more: Any) -> dict[str, Any]:
    return {
        "id": name, "timestamp": "2026-10-07T09:00:00Z", "name": "x", "project_id": project, "bookmarked": False,
        "metadata": {"team": team}, "tags": [], "updated_at": updated, **more,
    }  # fmt: skip


def test_owners_of_a_trace(tmp_path: Path) -> None:
    calls = [
        call(1, "t1"),
        call(2, "t1", metadata={"team": "own"}),
        call(3, "t2"),
        call(4, "t1", project="other"),
        call(5, "t3"),
    ]
    traces = [
        trace("t1", "old", "2026-10-07T09:01:00Z", tags=["feature:reply"]),
        trace("t1", "new", "2026-10-07T09:02:00Z"),
        trace("t3", "", "2026-10-07T09:02:00Z"),
    ]
    convert(tmp_path / "out", jsonl(tmp_path / "calls.jsonl", calls), jsonl(tmp_path / "traces.jsonl", traces))
    inputs = [r for r in rows(tmp_path / "out") if r["SkuMeter"] == "Input Tokens"]
    teams = {
        int(r["ConsumedQuantity"]): "new" if '"new"' in r["Tags"] else "own" if '"own"' in r["Tags"] else None
        for r in inputs
    }
    assert teams == {1000: "new", 2000: "own", 12000: None}  # calls 3, 4 and 5 have no owner and share a row
    assert {r["reason"] for r in exceptions(tmp_path / "out", "ignored")} == {"owner_evidence"}


def test_a_run_without_traces_is_left_alone(tmp_path: Path) -> None:
    report = convert(tmp_path / "out", jsonl(tmp_path / "calls.jsonl", [call(1, "t1")]))
    assert report["records"]["events"] == 1
