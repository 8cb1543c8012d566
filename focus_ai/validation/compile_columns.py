"""Columns of the data set as SQL: as text, as a number, as a moment; dear conversions are computed once.

A conversion that costs something (text to a number, a map to JSON text) becomes a column `~1`, `~2`, … of an inner
SELECT around the relation, so that all rules of a scan share it. Numbers never pass through a float unless the data
itself holds floats.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from focus_ai.engine import ident, literal
from focus_ai.validation import formats
from focus_ai.validation.model import Column, Dataset

NUMBERS = ("decimal", "integer", "double")
STRUCTURES = ("map", "struct", "list", "json")
_WIDE = (38, 18)


@dataclass(frozen=True, slots=True)
class Number:
    """SQL of a number: exact decimal of that precision and scale, or a binary float. `cell`: the text it came from."""

    sql: str
    exact: bool = True
    precision: int = 38
    scale: int = 18
    cell: str | None = None


@dataclass
class Columns:
    """The columns of one data set for one compilation. `logical` maps a name to its FOCUS type (String, Decimal, …)."""

    dataset: Dataset
    logical: Mapping[str, str]
    computed: dict[str, str] = field(default_factory=dict)
    stand_ins: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def standing_in(self, cells: Mapping[str, str]) -> Iterator[None]:
        """For a while, `text` of these columns is other SQL (a value of a table of values)."""
        before, self.stand_ins = self.stand_ins, dict(cells)
        try:
            yield
        finally:
            self.stand_ins = before

    def column(self, name: str) -> Column | None:
        """The column of exactly that name, None when the data lacks it."""
        return self.dataset.columns.get(name)

    def relation(self) -> str:
        """The relation with the computed columns, to stand after FROM."""
        if not self.computed:
            return self.dataset.relation
        extra = ", ".join(f"{sql} AS {ident(name)}" for sql, name in self.computed.items())
        return f"(SELECT *, {extra} FROM {self.dataset.relation})"

    def text(self, name: str) -> str:
        """The cell as text: structures as JSON text, numbers in plain digits. Raises `KeyError` when missing."""
        if name in self.stand_ins:
            return self.stand_ins[name]
        column, own = self.dataset.columns[name], ident(name)
        if column.kind == "text":
            return own
        if column.kind in STRUCTURES:
            return self.once(f"CAST(to_json({own}) AS VARCHAR)" if column.kind != "json" else f"CAST({own} AS VARCHAR)")
        if column.kind in ("timestamp", "timestamptz"):
            zone = "" if column.kind == "timestamptz" else "::TIMESTAMPTZ"
            return self.once(f"strftime({own}{zone}, '%Y-%m-%dT%H:%M:%SZ')")
        return self.once(f"CAST({own} AS VARCHAR)")

    def number(self, name: str) -> Number | None:
        """The cell as a number; null where it is none. None when the kind holds no numbers (or is missing)."""
        column, own = self.column(name), ident(name)
        if column is None:
            return None
        if column.kind == "decimal":
            precision, scale = _decimal(column.physical)
            return Number(own, True, precision, scale)
        if column.kind == "integer":
            return Number(own, True, 19, 0) if "HUGE" not in column.physical.upper() else Number(own, True, 38, 0)
        if column.kind == "double":
            return Number(own, False)
        if column.kind == "text":
            cast = f"CASE WHEN {formats.number(own)} THEN TRY_CAST({own} AS DECIMAL(38, 18)) END"
            return Number(self.once(cast), True, *_WIDE, cell=own)
        return None

    def instant(self, name: str) -> str | None:
        """The cell as a moment in UTC; null where it is none. None when the kind holds no moments."""
        column, own = self.column(name), ident(name)
        if column is None:
            return None
        if column.kind == "timestamptz":
            return own
        if column.kind in ("timestamp", "date"):
            return f"CAST({own} AS TIMESTAMPTZ)"
        return self.once(f"TRY_CAST({own} AS TIMESTAMPTZ)") if column.kind == "text" else None

    def type_of(self, name: str) -> str:
        """number | instant | text: how cells of the column are compared."""
        logical = self.logical.get(name)
        if logical in ("Decimal", "Integer"):
            return "number"
        if logical == "DateTime":
            return "instant"
        if logical is not None:
            return "text"
        column = self.column(name)
        if column is None or column.kind not in (*NUMBERS, "timestamp", "timestamptz", "date"):
            return "text"
        return "number" if column.kind in NUMBERS else "instant"

    def known(self, name: str) -> bool:
        """Whether the version or the data has a column of that name."""
        return name in self.logical or name in self.dataset.columns

    def once(self, sql: str) -> str:
        """A column of the inner SELECT that holds this; the same text is computed once."""
        return ident(self.computed.setdefault(sql, f"~{len(self.computed) + 1}"))


def shown(columns: Columns, name: str) -> str:
    """SQL of a cell as a person reads it: decimals without padding zeros."""
    column = columns.dataset.columns[name]
    if column.kind == "decimal" and "," in column.physical and not column.physical.replace(" ", "").endswith(",0)"):
        cast = f"CAST({ident(name)} AS VARCHAR)"
        return f"regexp_replace({cast}, {literal('[.]?0+$')}, '')"
    if column.kind in ("timestamp", "timestamptz"):
        return f"strftime({ident(name)}, '%Y-%m-%dT%H:%M:%SZ')"
    if column.kind in STRUCTURES and column.kind != "json":
        return f"CAST(to_json({ident(name)}) AS VARCHAR)"
    return f"CAST({ident(name)} AS VARCHAR)"


def _decimal(physical: str) -> tuple[int, int]:
    found = re.search(r"\(\s*([0-9]+)\s*,\s*([0-9]+)\s*\)", physical)
    return (int(found[1]), int(found[2])) if found else _WIDE
