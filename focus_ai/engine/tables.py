"""Small Python rows become engine tables: dimensions (prices, owners, places) that the heavy queries join to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from focus_ai.engine.session import Session
from focus_ai.engine.sql import ident


def fingerprint(*parts: object) -> str:
    """Sixteen hex digits of the parts: a short stable key of a dimension row for use in charge ids."""
    return hashlib.sha256("\x1f".join("" if p is None else str(p) for p in parts).encode()).hexdigest()[:16]


def create_table(session: Session, name: str, columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Create a table from rows. `columns` maps names to DuckDB types; `ENUM` means text with few values.

    Decimals must be given as `Decimal` and instants as aware datetimes; nothing passes through a float.
    """
    import pyarrow as pa

    arrow = {
        "VARCHAR": pa.string(), "ENUM": pa.string(), "BIGINT": pa.int64(), "INTEGER": pa.int32(),
        "UBIGINT": pa.uint64(), "BOOLEAN": pa.bool_(), "TIMESTAMPTZ": pa.timestamp("us", tz="UTC"),
        "DECIMAL(18, 9)": pa.decimal128(18, 9), "DECIMAL(38, 18)": pa.decimal128(38, 18),
    }  # fmt: skip
    data = {c: pa.array([row.get(c) for row in rows], type=arrow[kind]) for c, kind in columns.items()}
    table = pa.table(data)
    session.connection.register("incoming_rows", table)
    select = []
    for column, kind in columns.items():
        if kind == "ENUM":
            words = sorted({str(row[column]) for row in rows if row.get(column) is not None})
            if words:
                session.sql(
                    f"CREATE TYPE {ident(f'{name}_{column}')} AS ENUM "
                    f"(SELECT DISTINCT {ident(column)} FROM incoming_rows WHERE {ident(column)} IS NOT NULL ORDER BY 1)"
                )
                select.append(f"CAST({ident(column)} AS {ident(f'{name}_{column}')}) AS {ident(column)}")
                continue
        sql_type = "VARCHAR" if kind == "ENUM" else kind
        select.append(f"CAST({ident(column)} AS {sql_type}) AS {ident(column)}")
    session.sql(f"CREATE TABLE {ident(name)} AS SELECT {', '.join(select)} FROM incoming_rows")
    session.connection.unregister("incoming_rows")
