"""What a row order, a split into files, a format or a physical type may not change: the verdict of any rule."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conform import ROOT, Row, mark, read

from focus_ai.engine import Session
from focus_ai.findings import Findings
from focus_ai.focus import columns as focus_columns
from focus_ai.sources import discover
from focus_ai.validation import Options, load_rules, validate
from focus_ai.validation.inputs import open_files

BOOK = read(ROOT / "1.3" / "cost-and-usage.yaml")
TYPES = {c.name: c.type for c in focus_columns.load("1.3", "CostAndUsage").columns}
COLUMNS = BOOK.columns


def _rows() -> list[Row]:
    """Right rows and some dozens of wrong ones whose cells every physical type can hold."""
    cases = [c for c in BOOK.cases if not c.name.startswith(("words_for", "plus_sign", "blank_for", "broken"))]
    picked = [case for number, case in enumerate(cases) if number % 3 == 0]
    return [row for number, case in enumerate(picked, 1) for row in mark(case.rows, number)]


ROWS = _rows()


@dataclass(frozen=True)
class Verdicts:
    """What must be the same: status per rule, rows and money per finding."""

    rules: Mapping[str, str]
    findings: Mapping[tuple[str, str], tuple[int, tuple[tuple[str, Decimal], ...]]]


def _verdicts(found: Findings) -> Verdicts:
    return Verdicts(
        {v.rule: v.status for v in found.rules},
        {
            (f.rule, f.column): (f.rows, tuple(sorted((c, Decimal(a)) for c, a in f.billed_cost.items())))
            for f in found.findings
        },
    )


def _judge(folder: Path, files: Sequence[Path]) -> Verdicts:
    with Session(folder / "engine", threads=2, memory_limit="2GB") as session:
        opened = open_files(session, discover([str(f) for f in files], folder), version="1.3", dataset="CostAndUsage")
        options = Options(criteria=["all"], samples=0)
        return _verdicts(validate(session, opened.dataset, load_rules("1.3", "CostAndUsage"), options))


def _csv(path: Path, rows: Sequence[Row]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def _parquet(path: Path, rows: Sequence[Row], kind: str) -> Path:
    from datetime import datetime

    arrays = []
    for name in COLUMNS:
        cells: list[Any] = [row.get(name) for row in rows]
        logical = TYPES.get(name)
        if kind != "text" and logical == "Decimal":
            numbers = [None if c is None else Decimal(c) for c in cells]
            made = pa.array(numbers, pa.decimal128(38, 18))
            arrays.append(made.cast(pa.float64()) if kind == "double" else made)
        elif kind != "text" and logical == "DateTime":
            moments = [None if c is None else datetime.fromisoformat(c) for c in cells]
            unit = {"decimal": pa.timestamp("us", tz="UTC"), "double": pa.timestamp("ms")}[kind]
            naive = [m.replace(tzinfo=None) if m is not None and kind == "double" else m for m in moments]
            arrays.append(pa.array(naive, unit))
        else:
            arrays.append(pa.array(cells, pa.string()))
    pq.write_table(pa.table(arrays, names=COLUMNS), path)
    return path


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Verdicts]:
    """The verdicts of one CSV file."""
    folder = tmp_path_factory.mktemp("wanted")
    found = _judge(folder, [_csv(folder / "data.csv", ROWS)])
    assert len(found.findings) > 30
    yield found


def test_the_order_of_rows(tmp_path: Path, wanted: Verdicts) -> None:
    shuffled = list(ROWS)
    random.Random(7).shuffle(shuffled)
    assert _judge(tmp_path, [_csv(tmp_path / "data.csv", shuffled)]) == wanted


def test_a_split_into_files(tmp_path: Path, wanted: Verdicts) -> None:
    files = [_csv(tmp_path / f"part-{n}.csv", ROWS[n::3]) for n in range(3)]
    assert _judge(tmp_path, files) == wanted


def test_json_lines(tmp_path: Path, wanted: Verdicts) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps({c: row.get(c) for c in COLUMNS}) + "\n" for row in ROWS), encoding="utf-8")
    assert _judge(tmp_path, [path]) == wanted


@pytest.mark.parametrize("kind", ["text", "decimal", "double"])
def test_parquet_of_any_physical_type(tmp_path: Path, wanted: Verdicts, kind: str) -> None:
    found = _judge(tmp_path, [_parquet(tmp_path / "data.parquet", ROWS, kind)])
    differing = {r: (s, found.rules[r]) for r, s in wanted.rules.items() if found.rules[r] != s}
    assert differing == {}
    assert {k: rows for k, (rows, _) in found.findings.items()} == {k: rows for k, (rows, _) in wanted.findings.items()}
    assert found == wanted
