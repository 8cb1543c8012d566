"""Small Python rows become engine tables: dimensions (prices, owners, places) that the heavy queries join to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from focus_ai.engine.session import Session
from focus_ai.engine.sql import ident, literals

# Rows that are held as Python objects at once. Dimensions have a few hundred, owners as many as there are customers.
PIECE = 20_000
# So many words of a column may stand in a statement.
FEW = 200


def fingerprint(*parts: object) -> str:
    """Sixteen hex digits of the parts: a short stable key of a dimension row for use in charge ids."""
    return hashlib.sha256("\x1f".join("" if p is None else str(p) for p in parts).encode()).hexdigest()[:16]


class TableBuilder:
    """A table made of rows that are handed over one by one and held by the engine, which can put them on disk.

    `columns` maps names to DuckDB types; `ENUM` means text with few values. Decimals must be given as `Decimal` and
    instants as aware datetimes; nothing passes through a float. The table is there after `create`.
    """

    def __init__(self, session: Session, name: str, columns: Mapping[str, str]) -> None:
        self._session, self._name, self._columns = session, name, columns
        self._rows: list[Mapping[str, Any]] = []
        self._pieces = ""

    def add(self, row: Mapping[str, Any]) -> None:
        """Take one row; names that are no columns are passed over."""
        self._rows.append(row)
        if len(self._rows) >= PIECE:
            self._put_away()

    def create(self) -> None:
        """Make the table of all rows taken."""
        source = "incoming_rows"
        words: dict[str, list[str]] = {}
        if self._pieces:
            self._put_away()
            source = self._pieces
        else:
            enums = [c for c, kind in self._columns.items() if kind == "ENUM"]
            words = {c: sorted({str(r[c]) for r in self._rows if r.get(c) is not None}) for c in enums}
            self._session.connection.register(source, self._arrow())
        select = [f"CAST({ident(c)} AS {self._type(c, source, words.get(c))}) AS {ident(c)}" for c in self._columns]
        self._session.sql(f"CREATE TABLE {ident(self._name)} AS SELECT {', '.join(select)} FROM {source}")
        if self._pieces:
            self._session.sql(f"DROP TABLE {source}")
        else:
            self._session.connection.unregister(source)

    def _put_away(self) -> None:
        self._session.connection.register("incoming_rows", self._arrow())
        if self._pieces:
            self._session.sql(f"INSERT INTO {self._pieces} SELECT * FROM incoming_rows")
        else:
            self._pieces = ident(f"{self._name}_pieces")
            self._session.sql(f"CREATE TABLE {self._pieces} AS SELECT * FROM incoming_rows")
        self._session.connection.unregister("incoming_rows")

    def _arrow(self) -> Any:
        import pyarrow as pa

        kinds = {
            "VARCHAR": pa.string(), "ENUM": pa.string(), "BIGINT": pa.int64(), "INTEGER": pa.int32(),
            "UBIGINT": pa.uint64(), "BOOLEAN": pa.bool_(), "TIMESTAMPTZ": pa.timestamp("us", tz="UTC"),
            "DECIMAL(18, 9)": pa.decimal128(18, 9), "DECIMAL(38, 18)": pa.decimal128(38, 18),
        }  # fmt: skip
        taken, self._rows = self._rows, []
        return pa.table({c: pa.array([r.get(c) for r in taken], type=kinds[k]) for c, k in self._columns.items()})

    def _type(self, column: str, source: str, words: list[str] | None) -> str:
        """The DuckDB type of a column; an ENUM needs a word at least. `words`: all of them, where they are known:
        asking the engine for the words of many small tables takes a tenth of a small run. A word with a NUL character
        cannot stand in a statement, so the engine takes it out of the rows."""
        if self._columns[column] != "ENUM":
            return self._columns[column]
        if words is not None and len(words) <= FEW and not any("\x00" in word for word in words):
            return f"ENUM({literals(words)})" if words else "VARCHAR"
        told = f"FROM {source} WHERE {ident(column)} IS NOT NULL"
        if not self._session.rows(f"SELECT 1 {told} LIMIT 1"):
            return "VARCHAR"
        made = ident(f"{self._name}_{column}")
        self._session.sql(f"CREATE TYPE {made} AS ENUM (SELECT DISTINCT {ident(column)} {told} ORDER BY 1)")
        return made


def create_table(session: Session, name: str, columns: Mapping[str, str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Create a table from rows, as `TableBuilder` does."""
    table = TableBuilder(session, name, columns)
    for row in rows:
        table.add(row)
    table.create()
