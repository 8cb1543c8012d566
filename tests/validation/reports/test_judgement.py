"""Baselines: known findings are accepted, more rows or other findings fail, gone ones are said."""

from __future__ import annotations

from pathlib import Path

import pytest
from findings_example import findings, judgement

from focus_ai.errors import UsageError
from focus_ai.judgement import Known, read_baseline, write_baseline


def test_a_written_baseline_accepts_exactly_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "baseline.json"
    assert write_baseline(findings(), path) == 4
    known = read_baseline(path)
    assert known[("CAU-ListCost-C-009-C", "ListCost")] == Known("CAU-ListCost-C-009-C", "ListCost", 12)
    made = judgement(baseline={at: k.rows for at, k in known.items()}, fail_on="warning")
    assert made.failing == () and made.gone == ()
    write_baseline(findings(), tmp_path / "again.json")
    assert path.read_bytes() == (tmp_path / "again.json").read_bytes()


@pytest.mark.parametrize(("rows", "state"), [(12, "known"), (20, "known"), (11, "grown"), (0, "grown")])
def test_growth_fails_and_less_does_not(rows: int, state: str) -> None:
    made = judgement({("CAU-ListCost-C-009-C", "ListCost"): rows, ("CAU-BilledCost-C-001-M", "BilledCost"): 0})
    listed = next(f for f in made.findings.findings if f.column == "ListCost")
    assert made.state(listed) == state
    assert bool(made.failing) == (state == "grown")


@pytest.mark.parametrize(("fail_on", "count"), [("error", 2), ("warning", 3), ("never", 0)])
def test_fail_on(fail_on: str, count: int) -> None:
    assert len(judgement(fail_on=fail_on).failing) == count


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"schema": "focus-ai/baseline@2", "findings": []}', "not json", "[" * 9999]
)
def test_a_file_that_is_no_baseline_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(UsageError, match="no baseline"):
        read_baseline(tmp_path / "b.json")


def test_a_missing_baseline_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--write-baseline"):
        read_baseline(tmp_path / "b.json")
