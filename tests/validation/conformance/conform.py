"""Reads the conformance files and judges their data; see fixtures/conformance/README.md.

Every case is a whole copy of the conforming rows with its cells changed. The copies stand in one data set; the mark
`@` in a value becomes the number of the case, so that rules over several rows see each copy apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from focus_ai.engine import Session
from focus_ai.findings import Findings
from focus_ai.focus import columns as focus_columns
from focus_ai.validation import Column, Dataset, Options, RuleSet, validate

ROOT = Path(__file__).parents[3] / "fixtures" / "conformance"
ALL = 1_000_000
Row = dict[str, str | None]
# Families of the same breach for many columns: what stands in the cell, from what stood there.
FAMILIES = {
    "empty": lambda cell: None,
    "words_for_number": lambda cell: "many",
    "plus_sign": lambda cell: f"+{cell}",
    "words_for_date": lambda cell: "yesterday",
    "blank_for_t": lambda cell: cell.replace("T", " ").rstrip("Z"),
    "broken_encoding": lambda cell: f"{cell}\ufffd",
    "stand_in": lambda cell: "N/A",
}


@dataclass(frozen=True)
class Case:
    """One breach: rows of the data set with the changed cells, the row that was changed, the rules that fire."""

    name: str
    rows: tuple[Row, ...]
    changed: int
    rules: frozenset[str]


@dataclass(frozen=True)
class Book:
    """One conformance file."""

    version: str
    dataset: str
    rows: Mapping[str, Row]
    cases: tuple[Case, ...]
    absent: Mapping[str, frozenset[str]]
    absent_also: Mapping[str, Sequence[str]]
    number_for_text: Mapping[str, str]
    column_cases: tuple[Mapping[str, Any], ...]
    others: Mapping[str, Sequence[Row]]
    spare: tuple[str, ...]
    never_met: frozenset[str]

    @property
    def columns(self) -> list[str]:
        """Columns of the version in order, then the others that the rows name."""
        listed = [c.name for c in focus_columns.load(self.version, self.dataset).columns]
        named = dict.fromkeys([*(n for row in self.rows.values() for n in row), *self.spare])
        return [*listed, *(n for n in named if n not in listed)]

    @property
    def expected(self) -> frozenset[str]:
        """Rules that some case of the file breaks."""
        found = [*(c.rules for c in self.cases), *self.absent.values(), frozenset(self.number_for_text.values())]
        return frozenset().union(*found, *(frozenset(c["rules"]) for c in self.column_cases))


def books() -> list[Path]:
    """The files of rules of the specification."""
    return sorted(path for path in ROOT.glob("[0-9]*/*.yaml"))


def read(path: Path) -> Book:
    """A conformance file, with the file that it extends taken over."""
    document = _document(path)
    rows = {name: {**document.get("common", {}), **(row or {})} for name, row in document["rows"].items()}
    cases = [_case(n, case, rows) for n, case in enumerate(document["cases"])]
    families = document.get("families", {})
    for family, change in FAMILIES.items():
        for column, rules in families.get(family, {}).items():
            name = next(name for name, row in rows.items() if row.get(column) is not None)
            cell = rows[name][column]
            changed = {**rows, name: {**rows[name], column: change(cell)}}
            cases.append(
                Case(f"{family} {column}", tuple(changed.values()), list(rows).index(name), frozenset(_list(rules)))
            )
    return Book(
        version=str(document["version"]),
        dataset=document["dataset"],
        rows=rows,
        cases=tuple(cases),
        absent={column: frozenset(_list(rules)) for column, rules in families.get("absent", {}).items()},
        absent_also={c: _list(r) for c, r in families.get("absent_also", {}).items()},
        number_for_text=families.get("number_for_text", {}),
        column_cases=tuple(document.get("column_cases", ())),
        others=document.get("others", {}),
        spare=tuple(document.get("columns_without_a_value", ())),
        never_met=frozenset(document.get("never_met", ())),
    )


def _document(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    extends = document.get("extends")
    if not extends:
        return document
    base = _document(path.parent.parent / extends["version"] / path.name)
    renamed = _rename(base, extends)
    rows = {name: {**row, **document.get("add_to", {}).get(name, {})} for name, row in renamed["rows"].items()}
    rows |= document.get("rows", {})
    common = {**renamed.get("common", {}), **document.get("common", {})}
    for name in extends.get("without_columns", ()):
        common.pop(name, None)
        for row in rows.values():
            row.pop(name, None)
    families = renamed.get("families", {})
    for family, columns in document.get("families", {}).items():
        families[family] = {**families.get(family, {}), **columns}
    gone = set(extends.get("without_columns", ()))
    for columns in families.values():
        for name in [n for n, rules in columns.items() if n in gone or rules is None]:
            del columns[name]
    changed = extends.get("changed", {})
    cases, used = [], set()
    for case in renamed["cases"]:
        key = " ".join([case.get("row", "usage"), *(f"{c}={v}" for c, v in case["set"].items())])
        used.add(key)
        lost = case.pop("lost") and not case["rules"] and not case["also"]
        if key in changed:
            case |= {"rules": changed[key] or [], "also": []}
        if not lost or changed.get(key):
            cases.append(case)
    unknown = set(changed) - used
    assert not unknown, f"{path}: no case of the older version is {sorted(unknown)}"
    return {
        **document,
        "common": common,
        "rows": rows,
        "families": families,
        "cases": cases + document.get("cases", []),
        "column_cases": document.get("column_cases", []),
    }


def _rename(base: dict[str, Any], extends: Mapping[str, Any]) -> dict[str, Any]:
    """The ids of the older version in the spelling of the newer; ids that are gone are taken out."""
    gone, prefix, attribute = extends.get("drop", ()), extends.get("prefix", ""), extends.get("attribute_prefix", "")

    def new(rule: str) -> str | None:
        if not rule.startswith("own-"):
            rule = (attribute if "-A-" in rule else prefix) + rule
        rule = extends.get("rename", {}).get(rule, rule)
        return None if any(fnmatchcase(rule, pattern) for pattern in gone) else rule

    def all_new(rules: Any) -> list[str]:
        return [found for rule in _list(rules) if (found := new(rule))]

    base = deepcopy(base)
    for family in base.get("families", {}).values():
        for column in list(family):
            rules = all_new(family[column])
            family[column] = rules if len(rules) != 1 else rules[0]
            if not rules:
                del family[column]
    cases = [
        {**c, "rules": all_new(c["rules"]), "also": all_new(c.get("also", [])), "lost": bool(c["rules"])}
        for c in base["cases"]
    ]
    return {**base, "cases": cases}


def _list(rules: Any) -> list[str]:
    return [rules] if isinstance(rules, str) else list(rules)


def _case(number: int, case: Mapping[str, Any], rows: Mapping[str, Row]) -> Case:
    name = case.get("row", next(iter(rows)))
    assert set(case) <= {"rules", "also", "section", "row", "set", "why", "more"}, case
    assert case["why"], case
    changed = {**rows, name: {**rows[name], **case["set"]}}
    for other, cells in case.get("more", {}).items():
        changed[other] = {**changed[other], **cells}
    rules = frozenset([*case["rules"], *case.get("also", [])])
    return Case(f"{number} {name} {case['set']}", tuple(changed.values()), list(rows).index(name), rules)


def mark(rows: Iterable[Row], number: int) -> list[Row]:
    """The rows of a case with its own ids."""
    return [{c: v.replace("@", f"~{number}") if isinstance(v, str) else v for c, v in row.items()} for row in rows]


def dataset(
    session: Session, book: Book, rows: Sequence[Row], *, columns: Sequence[str] | None = None, name: str = "data",
    kinds: Mapping[str, str] | None = None,
) -> Dataset:  # fmt: skip
    """Text cells as a data set; `kinds` makes columns whole numbers instead (BIGINT)."""
    names = list(columns if columns is not None else book.columns)
    kinds = kinds or {}
    arrays = [pa.array([_text(row.get(n)) for row in rows], pa.string()) for n in names]
    numbers = [pa.array([0] * len(rows), pa.int32()), pa.array(range(1, len(rows) + 1), pa.int64())]
    table = pa.table([*arrays, *numbers], names=[*names, "_file", "_row"])
    session.connection.register(f"{name}_arrow", table)
    made = [f"hash({_q(n)})::HUGEINT % 100000 AS {_q(n)}" if n in kinds else _q(n) for n in names]
    casts = ", ".join(
        f"CAST({m.split(' AS ')[0]} AS BIGINT) AS {_q(n)}" if n in kinds else m
        for m, n in zip(made, names, strict=True)
    )
    session.sql(f"CREATE OR REPLACE TABLE {name} AS SELECT {casts}, _file, _row FROM {name}_arrow")
    described = {n: Column(n, "integer", "BIGINT") if n in kinds else Column(n, "text", "VARCHAR") for n in names}
    return Dataset(name, described, ("made-up.csv",), bool(kinds), book.version, book.dataset)


def _q(name: str) -> str:
    return '"' + name + '"'


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def judge(session: Session, book: Book, rows: Sequence[Row], rule_sets: Sequence[RuleSet], **how: Any) -> Findings:
    """Findings of rows with every criterion on."""
    select, cases = how.pop("select", ()), how.pop("cases", 0)
    others = {}
    for other, cells in book.others.items():
        copies = [row for number in range(cases + 1) for row in mark(cells, number)]
        distinct = list({tuple(row.items()): row for row in copies}.values())
        names = list(dict.fromkeys(n for row in cells for n in row))
        others[other] = dataset(session, _plain(book, other), distinct, columns=names, name=f"other_{other}")
    data = dataset(session, book, rows, **how)
    options = Options(criteria=["all"], samples=ALL, select=select, others=others)
    return validate(session, data, rule_sets, options, version=book.version, dataset_name=book.dataset)


def _plain(book: Book, other: str) -> Book:
    return Book(book.version, other, {}, (), {}, {}, {}, (), {}, (), frozenset())


def fired(findings: Findings) -> dict[str, set[int]]:
    """Rule id to the numbers of the rows that it names; an empty set for a rule about the data set."""
    found: dict[str, set[int]] = {}
    for finding in findings.findings:
        rows = {s.row for s in finding.samples if s.row is not None}
        assert len(rows) == finding.rows, (finding.rule, finding.rows, len(rows))
        found.setdefault(finding.rule, set()).update(rows)
    return found
