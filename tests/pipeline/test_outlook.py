"""A sample of a large file tells what to leave out of the query; what the sample did not tell is never lost."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from data_builders import convert, event, exceptions, jsonl, rows, staged, total

from focus_ai.adapters import quick
from focus_ai.engine import Session


@pytest.fixture(autouse=True)
def _every_file_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of 2,000 bytes of every file are the sample."""
    monkeypatch.setattr(quick, "SMALL", 0)
    monkeypatch.setattr(quick, "LARGE", 0)
    monkeypatch.setattr(quick, "PIECE", 2_000)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passes over the file that were started."""
    started: list[str] = []
    plain = Session.sql

    def watched(self: Session, statement: str) -> None:
        if statement.startswith("COPY") and "read_json(" in statement:
            started.append(statement)
        plain(self, statement)

    monkeypatch.setattr(Session, "sql", watched)
    return started


def many(**late: Any) -> list[Any]:
    """2,000 records of which one, between the pieces of the sample, is different."""
    found = [event(n) for n in range(2_000)]
    found[900] = event(900, **late)
    return found


def test_columns_that_nothing_fills_are_left_out(tmp_path: Path, passes: list[str]) -> None:
    result, found = staged(jsonl(tmp_path / "x.jsonl", many()), tmp_path / "w")
    assert len(passes) == 1
    assert len(found) == 2_000
    assert "region" not in result.columns
    assert {"kind", "adapter", "source_file"} <= set(result.constants)
    assert not {"kind", "adapter", "source_file", "region", "problem"} & result.stored


def test_one_surprising_record_has_its_value(tmp_path: Path, passes: list[str]) -> None:
    """A field that only one record of 2,000 has stops the first pass; the second one reads it."""
    path = jsonl(tmp_path / "x.jsonl", many(region="eu-west-1"))
    _, found = staged(path, tmp_path / "w")
    assert [r["region"] for r in found if "region" in r] == ["eu-west-1"]
    assert len(passes) == 2


def test_surprises_without_end_are_read_without_a_sample(
    tmp_path: Path, passes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of three records has another new field and one is corrected: the last pass expects nothing and reads all."""
    monkeypatch.setattr(quick, "TRIES", 2)
    records = many(region="eu-west-1")
    records[300] = event(300, service_tier="priority")
    records[1500] = event(1500, feature="search")
    _, found = staged(jsonl(tmp_path / "x.jsonl", records), tmp_path / "w")
    names = ("region", "service_tier", "owner_feature")
    assert [[r[n] for r in found if n in r] for n in names] == [["eu-west-1"], ["priority"], ["search"]]
    assert ["unlike the sample" in p for p in passes] == [True, True, False]


def test_a_late_bad_record_is_set_aside(tmp_path: Path) -> None:
    result, found = staged(jsonl(tmp_path / "x.jsonl", many(input_tokens=-4)), tmp_path / "w")
    assert [(r.row, r.reason) for r in result.rejects] == [(901, "negative:input_tokens")]
    assert len(found) == 1_999


def test_a_sample_that_cannot_be_read_tells_nothing(tmp_path: Path) -> None:
    """A broken line in the sample: the exact way reads the file and names the line."""
    records = many(region="eu-west-1")
    records[0] = "{broken"
    result, found = staged(jsonl(tmp_path / "x.jsonl", records), tmp_path / "w")
    assert [(r.row, r.reason) for r in result.rejects] == [(1, "broken_json")]
    assert [r["region"] for r in found if "region" in r] == ["eu-west-1"]


def test_lines_longer_than_a_piece(tmp_path: Path) -> None:
    """No piece holds a whole line: nothing is known beforehand, and nothing is lost."""
    records = [event(n, note="x" * 5_000) for n in range(20)]
    records[11]["region"] = "eu-west-1"
    _, found = staged(jsonl(tmp_path / "x.jsonl", records), tmp_path / "w")
    assert len(found) == 20
    assert [r["region"] for r in found if "region" in r] == ["eu-west-1"]


def spend(number: int, **fields: Any) -> dict[str, Any]:
    """A LiteLLM spend log (synthetic)."""
    return {
        "request_id": f"r{number}", "call_type": "acompletion", "startTime": "2026-09-03T10:00:00Z",
        "endTime": "2026-09-03T10:00:02Z", "model": "gpt-5.4", "custom_llm_provider": "openai", "status": "success",
        "spend": 0.001, "prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010, "metadata": {}, **fields,
    }  # fmt: skip


def test_ignored_records_keep_their_place_and_text(tmp_path: Path, out: Path) -> None:
    """A tool call in a spend log is no consumption: it is listed with its line, and the file is read quickly."""
    records = [spend(n) for n in range(2_000)]
    records[900] = spend(900, call_type="call_mcp_tool", prompt_tokens=0, completion_tokens=0, total_tokens=0, spend=0)
    path = jsonl(tmp_path / "x.jsonl", records)
    result, _ = staged(path, tmp_path / "w")
    assert (result.read, result.rows, result.ignored) == (2_000, 1_999, 1)
    assert result.aside is not None
    run = convert(out, path)
    assert run["records"]["ignored"] == 1
    assert run["records"]["events"] == 1_999
    (kept,) = exceptions(out, "ignored")
    assert (kept["row"], kept["reason"], kept["key"]) == (901, "tool_call_without_tokens", "r900")
    assert '"call_mcp_tool"' in kept["raw"]
    # 1,999 calls of 1,000 input tokens at 2.50 and 10 output tokens at 15.00 USD per million: 4.9975 + 0.29985
    assert total(rows(out)) == Decimal("5.29735")
