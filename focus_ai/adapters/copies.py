"""Equal rows without an id: each is a charge of its own, known by its place among the equal ones of its file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from focus_ai.adapters.staged import copy_sql
from focus_ai.engine import Session, literal


def key(first: str, number: str) -> str:
    """SQL of the key of the n-th of equal rows; `first` is SQL of the key of the first one, a UUID."""
    other = f"CAST(md5_number(concat_ws(chr(31), CAST({first} AS VARCHAR), {number})) AS UUID)"
    return f"CASE WHEN {number} = 1 THEN {first} ELSE {other} END"


def number(session: Session, target: Path, columns: Sequence[str], constants: Mapping[str, str]) -> None:
    """Give the second and later ones of equal rows in a staged file keys of their own."""
    file = f"read_parquet({literal(str(target))})"
    session.sql(
        "CREATE OR REPLACE TEMP TABLE copies AS SELECT source_row, n FROM (SELECT source_row, "
        f"row_number() OVER (PARTITION BY record_key ORDER BY source_row) AS n FROM {file} SEMI JOIN "
        f"(SELECT record_key FROM {file} GROUP BY record_key HAVING count(*) > 1) USING (record_key)) WHERE n > 1"
    )
    if session.rows("SELECT 1 FROM copies LIMIT 1"):
        again = target.with_suffix(".numbered.parquet")
        numbered = (
            f"SELECT * EXCLUDE (n) REPLACE ({key('record_key', 'coalesce(n, 1)')} AS record_key) "
            f"FROM {file} LEFT JOIN copies USING (source_row)"
        )
        session.sql(copy_sql(numbered, columns, constants, again))
        again.replace(target)
    session.sql("DROP TABLE copies")
