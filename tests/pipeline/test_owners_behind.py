"""A bill without owners that carries the money of usage with owners: the run says what gives them to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from data_builders import convert

DAY = 1793664000  # 2026-11-03


def log(path: Path, team: str | None) -> Path:
    record = {
        "request_id": "r1", "call_type": "acompletion", "api_key": "h", "spend": 1.25, "total_tokens": 1_000_000,
        "prompt_tokens": 1_000_000, "completion_tokens": 0, "startTime": "2026-11-03T10:00:00Z",
        "endTime": "2026-11-03T10:00:05Z", "model": "gpt-5-2025-08-07", "model_group": "gpt-5", "user": "u1",
        "custom_llm_provider": "openai", "team_id": team, "metadata": {}, "cache_hit": "False", "status": "success",
    }  # fmt: skip
    path.write_text(json.dumps(record) + "\n", encoding="utf-8")
    return path


def bill(path: Path) -> Path:
    line = {
        "object": "organization.costs.result", "amount": {"value": 2.5, "currency": "usd"},
        "line_item": "gpt-5-2025-08-07, input", "project_id": "proj_a", "organization_id": "org-1",
    }  # fmt: skip
    bucket = {"object": "bucket", "start_time": DAY, "end_time": DAY + 86_400, "results": [line]}
    page = {"object": "page", "data": [bucket], "has_more": False, "next_page": None}
    path.write_text(json.dumps(page), encoding="utf-8")
    return path


def told(report: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(w["records"], w["money"]) for w in report["warnings"] if w["code"] == "owners_behind_a_bill"]


@pytest.mark.parametrize("focus", ["1.2", "1.3", "1.4"])
def test_a_bill_without_owners_before_a_log_with_some(focus: str, tmp_path: Path, out: Path) -> None:
    files = log(tmp_path / "log.jsonl", "search"), bill(tmp_path / "bill.json")
    assert told(convert(out, *files, focus=focus)) == [(1, "2.5")]


def test_where_the_log_names_nobody_or_the_bill_does_nothing_is_told(tmp_path: Path, out: Path) -> None:
    files = log(tmp_path / "log.jsonl", None), bill(tmp_path / "bill.json")
    assert told(convert(out, *files)) == []
    files = log(tmp_path / "log.jsonl", "search"), bill(tmp_path / "bill.json")
    owners = {"owners": {"defaults": {"openai": {"team": "platform"}}}}
    assert told(convert(out, *files, settings=owners)) == []
    # The usage carries the money and has its owners.
    assert told(convert(out, *files, settings={"billing": {"source": "usage"}})) == []
