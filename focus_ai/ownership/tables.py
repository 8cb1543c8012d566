"""Reads the tables that users keep (owner map, chargeback accounts): CSV or YAML, every cell checked.

A fault names file, row, column, the value found and what was expected. Rows are numbered as a spreadsheet shows a
CSV (the header is row 1) and from 1 in YAML. Every cell is text as it was written, also in YAML, so that an id such
as 007 stays one.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from .. import resources
from ..errors import UsageError, nearest

Row = tuple[int, dict[str, str]]


class Place(NamedTuple):
    """Where a row stands, for messages."""

    file: str
    row: int

    def __str__(self) -> str:
        return f"{self.file}, row {self.row}"


@dataclass(frozen=True, slots=True)
class TableFile:
    """One file that was read: name, SHA-256 of its bytes, number of rows."""

    path: str
    sha256: str
    rows: int


@dataclass(frozen=True, slots=True)
class Period:
    """UTC days from `start` (inclusive) to `end` (exclusive)."""

    start: date = date.min
    end: date = date.max

    def overlaps(self, other: Period) -> bool:
        return self.start < other.end and other.start < self.end


def read(path: Path, schema_name: str) -> tuple[TableFile, list[tuple[Place, dict[str, str]]]]:
    """All rows of one table; absent cells are left out.

    Raises `UsageError` for a file that is missing, not UTF-8, not CSV or YAML, or has a row that the schema
    `schemas/<schema_name>.schema.json` does not allow.
    """
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise UsageError(f"table cannot be read: {problem.strerror}", where=str(path)) from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data[: problem.start].count(b"\n") + 1
        raise UsageError("table is not UTF-8 text", where=f"{path}, line {line}", expected="UTF-8") from None
    readers: dict[str, Callable[[str, str, _Cells], Iterator[Row]]] = {".csv": _csv, ".yaml": _yaml, ".yml": _yaml}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UsageError("unknown kind of table", where=str(path), value=path.suffix, expected=".csv, .yaml or .yml")
    cells = _Cells(schema_name)
    rows = []
    for number, row in reader(str(path), text, cells):
        place = Place(str(path), number)
        rows.append((place, cells.check(place, row)))
    return TableFile(str(path), hashlib.sha256(data).hexdigest(), len(rows)), rows


def period(place: Place, row: dict[str, str]) -> Period:
    """The effective range of a checked row. Raises `UsageError` when it is empty."""
    span = Period(
        date.fromisoformat(row["effective_from"]) if "effective_from" in row else date.min,
        date.fromisoformat(row["effective_to"]) if "effective_to" in row else date.max,
    )
    if span.end <= span.start:
        raise UsageError(
            "the effective range is empty",
            where=f"{place}, column effective_to",
            value=row.get("effective_to"),
            expected=f"a day after effective_from ({row.get('effective_from', 'open')}); effective_to is exclusive",
        )
    return span


def _csv(where: str, text: str, cells: _Cells) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        if not any(header):
            raise UsageError("table is empty", where=where, expected="a header line and rows")
        if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
            raise UsageError(
                "the columns are not separated by commas",
                where=f"{where}, row 1",
                value=header[0],
                expected="commas between the cells",
            )
        doubled = sorted({name for name in header if header.count(name) > 1})
        if doubled:
            raise UsageError("a column occurs twice", where=f"{where}, row 1", value=doubled[0])
        cells.check_names(f"{where}, row 1", header)
        for number, row in enumerate(reader, start=2):
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                expected = f"{len(header)}, as in the header"
                raise UsageError(
                    "wrong number of cells", where=f"{where}, row {number}", value=len(row), expected=expected
                )
            yield number, dict(zip(header, row, strict=True))
    except csv.Error as problem:
        raise UsageError(f"table is not valid CSV: {problem}", where=f"{where}, line {reader.line_num}") from None


def _yaml(where: str, text: str, cells: _Cells) -> Iterator[Row]:
    """A list of flat mappings; scalars stay the text that was written."""
    import yaml

    try:
        document = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError) as problem:
        raise UsageError(f"table is not valid YAML: {' '.join(str(problem).split())}", where=where) from None
    if document is None:
        return
    if not isinstance(document, yaml.SequenceNode):
        raise UsageError("a YAML table must be a list of rows", where=where, expected="- id_type: ... (one per row)")
    for number, item in enumerate(document.value, start=1):
        place = f"{where}, row {number} (line {item.start_mark.line + 1})"
        if not isinstance(item, yaml.MappingNode):
            raise UsageError("a row must be a mapping of column to value", where=place)
        row: dict[str, str] = {}
        for key, value in item.value:
            name = str(key.value)
            if name in row:
                raise UsageError("a column occurs twice in one row", where=place, value=name)
            if not isinstance(value, yaml.ScalarNode):
                raise UsageError("a cell must be plain text", where=f"{place}, column {name}", expected="one value")
            row[name] = "" if value.tag == "tag:yaml.org,2002:null" else value.value
        cells.check_names(place, row)
        yield number, row


class _Cells:
    """Checks rows against the row schema; equal cells of a column are checked once."""

    def __init__(self, schema_name: str) -> None:
        from jsonschema import Draft202012Validator

        page = _schema(schema_name)
        self._row = page["items"]
        defs = page["$defs"]
        self._columns: dict[str, dict[str, Any]] = {}
        for name, part in self._row["properties"].items():
            self._columns[name] = {**(defs[part["$ref"].rsplit("/", 1)[-1]] if "$ref" in part else {}), **part}
            self._columns[name].pop("$ref", None)
        self._validators = {name: Draft202012Validator(part) for name, part in self._columns.items()}
        self._good: set[tuple[str, str]] = set()

    def check_names(self, where: str, names: Iterable[str]) -> None:
        """Raise `UsageError` for a column that the schema does not have."""
        for name in names:
            if name not in self._columns:
                raise UsageError(f"unknown column {name!r}", where=where, expected=nearest(name, self._columns))

    def check(self, place: Place, row: dict[str, str]) -> dict[str, str]:
        """The row without its empty cells, trimmed. Raises `UsageError`."""
        filled = {name: cell for name, value in row.items() if (cell := value.strip())}
        for name in self._row["required"]:
            if name not in filled:
                where = f"{place}, column {name}"
                raise UsageError("a required value is missing", where=where, expected=self._say(name))
        for pair in filled.items():
            if pair not in self._good:
                self._check_cell(place, *pair)
                self._good.add(pair)
        return filled

    def _check_cell(self, place: Place, name: str, value: str) -> None:
        good = self._validators[name].is_valid(value)
        if good and self._columns[name].get("format") == "date":
            try:
                date.fromisoformat(value)
            except ValueError:
                good = False
        if not good:
            shown = value if len(value) <= 80 else value[:77] + "..."
            raise UsageError(
                f"column {name} has a wrong value",
                where=f"{place}, column {name}",
                value=repr(shown),
                expected=self._say(name),
            )

    def _say(self, name: str) -> str:
        """What a column may hold, in words."""
        column = self._columns[name]
        return "one of " + ", ".join(column["enum"]) if "enum" in column else str(column["x-expected"])


@cache
def _schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((resources.schemas() / f"{name}.schema.json").read_text(encoding="utf-8"))
    return loaded
