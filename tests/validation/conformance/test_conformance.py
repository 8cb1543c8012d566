"""Every rule that data can decide has a case that keeps it and a case that breaks it, written by hand.

The conforming data set of each file passes every rule; each case breaks exactly the rules that it names.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from conform import ROOT, Book, books, fired, judge, mark, read

from focus_ai.engine import Session
from focus_ai.validation import RuleSet, load_rules, shipped
from focus_ai.validation.load import FILES

BOOKS = [pytest.param(path, id=f"{path.parent.name} {path.stem}") for path in books()]


@cache
def _book(path: Path) -> Book:
    return read(path)


def _spec(book: Book) -> list[RuleSet]:
    """The rules of the specification, without our own."""
    return [load_rules(book.version, book.dataset)[0]]


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """An engine for one test."""
    with Session(tmp_path / "engine", threads=2, memory_limit="2GB") as session:
        yield session


def test_every_rule_file_has_its_cases() -> None:
    wanted = {(version, FILES[dataset]) for version, dataset in shipped()}
    assert wanted == {(path.parent.name, path.name) for path in books()}


@pytest.mark.parametrize("path", BOOKS)
def test_the_conforming_rows_pass_and_every_rule_looks_at_them(path: Path, session: Session) -> None:
    book = _book(path)
    findings = judge(session, book, mark(book.rows.values(), 0), _spec(book))
    assert [(f.rule, f.column, [s.value for s in f.samples]) for f in findings.findings] == []
    idle = {v.rule: v.reason for v in findings.rules if v.status != "passed" and not v.group}
    decidable = {r.id for r in _spec(book)[0].rules if r.require is not None}
    assert {rule: why for rule, why in idle.items() if rule in decidable - book.never_met} == {}
    assert book.never_met <= set(idle)


@pytest.mark.parametrize("path", BOOKS)
def test_a_changed_cell_breaks_exactly_the_rules_that_the_case_names(path: Path, session: Session) -> None:
    book = _book(path)
    rows, owner = [], []
    for number, case in enumerate(book.cases, 1):
        rows += mark(case.rows, number)
        owner += [number] * len(case.rows)
    found: dict[int, set[str]] = {number: set() for number in range(1, len(book.cases) + 1)}
    touched: dict[int, dict[str, set[int]]] = {number: {} for number in found}
    for rule, numbers in fired(judge(session, book, rows, _spec(book), cases=len(book.cases))).items():
        for row in numbers:
            found[owner[row - 1]].add(rule)
            touched[owner[row - 1]].setdefault(rule, set()).add(row)
    wrong = {}
    size = len(book.rows)
    for number, case in enumerate(book.cases, 1):
        missing, extra = sorted(case.rules - found[number]), sorted(found[number] - case.rules)
        if missing or extra:
            wrong[case.name] = {"missing": missing, "extra": extra}
        changed = (number - 1) * size + case.changed + 1
        # The changed row itself is among the rows that are named.
        lost = {r for r, at in touched[number].items() if changed not in at and r in case.rules}
        if lost and not any("more" in n for n in [case.name]):
            wrong.setdefault(case.name, {})["changed row not named"] = sorted(lost - _elsewhere(book))
            if not wrong[case.name]["changed row not named"]:
                wrong.pop(case.name)
    assert wrong == {}


def _elsewhere(book: Book) -> set[str]:
    """Rules whose finding may lie on other rows of the group than the changed one."""
    whole = ("distinct", "sums", "unique", "elements", "reference")
    return {r.id for r in _spec(book)[0].rules if r.require and next(iter(r.require)) in whole}


@pytest.mark.parametrize("path", BOOKS)
def test_a_missing_column_breaks_its_presence_rules(path: Path, session: Session) -> None:
    book = _book(path)
    assert book.absent
    for half in (0, 1):  # not all at once, so that a rule that always fires would be seen
        gone = sorted(book.absent)[half::2]
        columns = [c for c in book.columns if c not in gone]
        found = fired(judge(session, book, mark(book.rows.values(), 0), _spec(book), columns=columns))
        presence = {r for rules in book.absent.values() for r in rules}
        assert set(found) & presence == {rule for column in gone for rule in book.absent[column]}
        also = {rule for column in gone for rule in book.absent_also.get(column, ())}
        assert set(found) - presence <= also


@pytest.mark.parametrize("path", BOOKS)
def test_a_number_is_no_text(path: Path, session: Session) -> None:
    book = _book(path)
    kinds = dict.fromkeys(book.number_for_text, "BIGINT")
    wanted = sorted(book.number_for_text.values())
    assert wanted
    rows = mark(book.rows.values(), 0)
    found = judge(session, book, rows, _spec(book), kinds=kinds, select=wanted)
    assert sorted(f.rule for f in found.findings) == wanted
    assert judge(session, book, rows, _spec(book), select=wanted).findings == ()


@pytest.mark.parametrize("path", BOOKS)
def test_names_of_columns(path: Path, session: Session) -> None:
    book = _book(path)
    for case in book.column_cases:
        columns = [*case.get("first", ()), *(c for c in book.columns if c not in case.get("first", ()))]
        columns += case.get("add", [])
        found = fired(judge(session, book, mark(book.rows.values(), 0), _spec(book), columns=columns))
        assert set(found) == set(case["rules"]), case


@pytest.mark.parametrize(("version", "dataset"), shipped())
def test_every_decidable_rule_has_a_breaking_case(version: str, dataset: str) -> None:
    book = _book(ROOT / version / FILES[dataset])
    rules = _spec(book)[0].rules
    decidable = {rule.id for rule in rules if rule.require is not None}
    assert decidable - book.expected == set()
    assert book.expected <= decidable


@pytest.mark.parametrize(("version", "dataset"), shipped())
def test_a_rule_that_is_not_decided_says_why(version: str, dataset: str) -> None:
    for rule in _spec(_book(ROOT / version / FILES[dataset]))[0].rules:
        assert rule.require is not None or rule.parts or len(rule.undecidable) > 12, rule.id
