"""Our own rules for AI spend: quiet on rows that are as they should be, and each finds its case."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conform import ROOT, fired, judge, mark, read

from focus_ai.engine import Session
from focus_ai.validation import RuleSet, load_rules

BOOK = read(ROOT / "ai-spend.yaml")
COLUMNS = [*BOOK.columns, "x_CacheReadTokens", "x_CacheWriteTokens", "x_Source", "x_CostCenter"]


def _rules() -> list[RuleSet]:
    return [s for s in load_rules("1.4", "CostAndUsage") if not s.focus_version]


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """An engine for one test."""
    with Session(tmp_path / "engine", threads=2, memory_limit="2GB") as session:
        yield session


def test_rows_as_they_should_be_raise_nothing(session: Session) -> None:
    findings = judge(session, BOOK, mark(BOOK.rows.values(), 0), _rules(), columns=COLUMNS)
    assert [(f.rule, [s.row for s in f.samples]) for f in findings.findings] == []
    assert [v.rule for v in findings.rules if v.status != "passed"] == []


def test_each_case_is_found_by_exactly_the_rules_it_names(session: Session) -> None:
    rows, owner = [], []
    for number, case in enumerate(BOOK.cases, 1):
        rows += mark(case.rows, number)
        owner += [number] * len(case.rows)
    found: dict[int, set[str]] = {number: set() for number in range(1, len(BOOK.cases) + 1)}
    for rule, numbers in fired(judge(session, BOOK, rows, _rules(), columns=COLUMNS)).items():
        for row in numbers:
            found[owner[row - 1]].add(rule)
    wrong = {c.name: found[n] for n, c in enumerate(BOOK.cases, 1) if found[n] != c.rules}
    assert wrong == {}


def test_every_rule_has_a_case_and_is_no_error() -> None:
    rules = [rule for rule_set in _rules() for rule in rule_set.rules]
    assert {rule.id for rule in rules} == BOOK.expected
    assert {rule.severity for rule in rules} == {"warning", "info"}
    assert all(rule.sentence and rule.why and rule.fix for rule in rules)


def test_data_without_ai_is_not_looked_at(session: Session) -> None:
    rows = [dict(row) for row in mark([BOOK.rows["licence"]], 0)]
    found = judge(session, BOOK, rows, _rules(), columns=[c for c in COLUMNS if not c.startswith("x_")])
    assert found.findings == ()


def test_prices_are_compared_only_with_a_rate_card(session: Session) -> None:
    from dataclasses import replace

    wrong = {**BOOK.rows["usage"], "ListUnitPrice": "30"}
    rows = mark([wrong], 0)
    assert "FAI-040" in fired(judge(session, BOOK, rows, _rules(), columns=COLUMNS))
    without = judge(session, replace(BOOK, others={}), rows, _rules(), columns=COLUMNS)
    verdict = next(v for v in without.rules if v.rule == "FAI-040")
    assert (verdict.status, "rates" in verdict.reason) == ("not_checked", True)
