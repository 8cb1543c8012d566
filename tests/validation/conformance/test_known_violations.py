"""Breaches that the official validator misses, and those it finds: each is found here with its row number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conform import ROOT, Row, fired, judge, mark, read

from focus_ai.engine import Session
from focus_ai.validation import load_rules

BOOK = read(ROOT / "1.2" / "cost-and-usage.yaml")
KNOWN: dict[str, list[dict[str, Any]]] = yaml.safe_load((ROOT / "known-violations.yaml").read_text(encoding="utf-8"))
COPIES = 40


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """An engine for one test."""
    with Session(tmp_path / "engine", threads=2, memory_limit="2GB") as session:
        yield session


def _many() -> list[Row]:
    """Many right rows, so that one wrong cell is the exception."""
    return [row for number in range(COPIES) for row in mark(BOOK.rows.values(), number)]


def _wrong(entry: dict[str, Any], number: int) -> Row:
    changed = {c: None if v is None else str(v) for c, v in entry["set"].items()}
    return mark([{**BOOK.rows[entry["row"]], **changed}], number)[0]


def test_there_are_as_many_as_the_official_validator_was_tried_with() -> None:
    assert len(KNOWN["breaches"]) >= 46
    assert sum(entry.get("missed", False) for entry in KNOWN["breaches"]) >= 16


def test_every_breach_is_found_with_its_row(session: Session) -> None:
    rows, places = _many(), {}
    size = len(BOOK.rows)
    for index, entry in enumerate(KNOWN["breaches"]):
        # Each breach in a copy of the right rows of its own: in the place of its row, or after all others.
        number = COPIES + index
        copy = mark(BOOK.rows.values(), number)
        at = size if entry.get("late") else list(BOOK.rows).index(entry["row"])
        copy[at : at + 1] = [_wrong(entry, number)]
        rows += copy
        places[index] = len(rows) - len(copy) + at + 1
    found = fired(judge(session, BOOK, rows, [load_rules("1.2", "CostAndUsage")[0]]))
    missed = [
        (entry["find"], entry["set"])
        for index, entry in enumerate(KNOWN["breaches"])
        if places[index] not in found.get(entry["find"], set())
    ]
    assert missed == []
    right = set(range(1, COPIES * size + 1))
    assert {rule: rows & right for rule, rows in found.items() if rows & right} == {}


def test_one_wrong_cell_is_one_row_of_one_finding(session: Session) -> None:
    rows = _many()
    at = 17 * len(BOOK.rows)
    rows[at] = {**rows[at], "ChargeCategory": "Consumption"}
    findings = judge(session, BOOK, rows, [load_rules("1.2", "CostAndUsage")[0]], select=["ChargeCategory-C-003-M"])
    (finding,) = findings.findings
    assert (finding.rows, finding.samples[0].row, finding.samples[0].value) == (1, at + 1, "Consumption")
    assert finding.billed_cost == {"USD": "5"}


def test_right_rows_are_left_alone(session: Session) -> None:
    rows, quiet = [], []
    for number, entry in enumerate(KNOWN["false_alarms"]):
        rows.append(_wrong(entry, number))
        quiet.append(entry["quiet"])
    found = fired(judge(session, BOOK, rows, [load_rules("1.2", "CostAndUsage")[0]]))
    said = [(rule, n) for n, rules in enumerate(quiet, 1) for rule in rules if n in found.get(rule, set())]
    assert said == []
