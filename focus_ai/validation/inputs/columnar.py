"""Parquet files as they are: columns, types, rows and the key-value pairs of the footer, without reading a row."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from focus_ai.engine import Session, literal
from focus_ai.errors import InputError
from focus_ai.sources import SourceFile
from focus_ai.validation.inputs.table import Problems, Table, unique

_FOOT = b"PAR1"


def open_parquet(session: Session, source: SourceFile, described: dict[Any, list[tuple[str, str]]]) -> Table:
    """Open one Parquet file; `described` remembers the engine's types per Arrow schema between calls.

    Raises `InputError` for a file that is cut off or damaged.
    """
    import duckdb
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        _whole(source.path)
        with pq.ParquetFile(source.path) as opened:
            schema, meta = opened.schema_arrow, opened.metadata
            footer = _texts(meta.metadata or {})
            rows = meta.num_rows
            names = [str(name) for name in schema.names]
        key = schema.remove_metadata().to_string(show_field_metadata=False)
        if key not in described:
            found = session.rows(f"DESCRIBE SELECT * FROM {scan([source.path])}")
            described[key] = [(str(name), str(kind)) for name, kind, *_ in found]
    except (pa.ArrowException, OSError, ValueError, duckdb.Error, UnicodeError) as error:
        if isinstance(error, duckdb.OutOfMemoryException):
            raise
        raise damaged(source.name, error) from error
    columns, repeated = unique(names, source.name)
    selected = {name: described[key][position] for name, position in columns.items() if name.strip()}
    return Table(source, source.path, selected, rows, False, Problems(), repeated, footer=footer)


def scan(paths: list[Path], *, by_name: bool = False) -> str:
    """The table function over files; folder names such as billing_period=2026-01 are no columns.

    `by_name`: the files may lack columns (null there); otherwise all have the columns of the first one.
    """
    listed = ", ".join(literal(str(path)) for path in paths)
    merged = "true" if by_name else "false"
    return f"read_parquet([{listed}], hive_partitioning=false, union_by_name={merged}, binary_as_string=true)"


def damaged(name: str, error: BaseException) -> InputError:
    """The error for a Parquet file that the reader cannot follow."""
    told = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return InputError(
        "the Parquet file is damaged or was cut off", where=name, value=told,
        next_step="fetch or write it again; no verdict is given on a file that cannot be read",
    )  # fmt: skip


def _whole(path: Path) -> None:
    """A Parquet file ends as it begins; raises `ValueError` otherwise."""
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - 4))
        if size < 12 or stream.read(4) != _FOOT:
            raise ValueError(f"the last of its {size} bytes are no Parquet footer")


def _texts(pairs: Mapping[bytes, bytes]) -> dict[str, str]:
    """Footer pairs that are ours or another generator's words; the Arrow schema is left out."""
    kept = {k: v for k, v in pairs.items() if not k.startswith(b"ARROW") and len(v) < 10_000}
    return {k.decode("utf-8", "replace"): v.decode("utf-8", "replace") for k, v in kept.items()}
