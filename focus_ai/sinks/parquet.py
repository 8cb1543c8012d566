"""Parquet whose bytes depend on the rows alone: sorted by the engine, written by one writer in fixed row groups."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from focus_ai.engine import Session
from focus_ai.sources.digests import sha256

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 122_880
# Rows that the engine hands over at once.
BATCH = 30_720


@dataclass(frozen=True)
class Written:
    """A finished file: path, rows, size in bytes and SHA-256."""

    path: Path
    rows: int
    bytes: int
    sha256: str


def write_parquet(
    session: Session,
    queries: Sequence[str],
    order: str,
    schema: pa.Schema,
    path: Path,
    footer: Mapping[str, str],
    *,
    beside: Callable[[Any], Any] | None = None,
    compression: str = "zstd",
) -> Written | None:
    """Write the rows of the queries, one after another and each in `order`, as one file.

    The columns of a query, or of what `beside` makes of a batch of its rows, are those of the schema, by position. How
    rows are spread over queries does not show in the rows; in the bytes it shows at most where a column of many values
    leaves its dictionary. Text of few values arrives as dictionaries and is written as such. None, and no file, when
    there are no rows.
    """
    import pyarrow as pa

    batches = _batches(session, [f"{query} ORDER BY {order}" for query in queries])
    if beside is not None:
        batches = map(beside, batches)
    first = next(batches, None)
    if first is None:
        return None
    physical = pa.schema([_physical(want, have) for want, have in zip(schema, first.schema, strict=True)])
    return write_groups(row_groups(itertools.chain([first], batches), physical), path, footer, compression=compression)


def _batches(session: Session, queries: Sequence[str]) -> Iterator[Any]:
    """The rows of the queries, one after another. While those of one are taken, the engine sorts those of the next."""

    def start(query: str) -> tuple[Any, Any]:
        reader = session.connection.cursor().sql(query).to_arrow_reader(BATCH)
        return next(reader, None), reader

    with ThreadPoolExecutor(1) as ahead:
        pending = ahead.submit(start, queries[0])
        for query in [*queries[1:], None]:
            first, more = pending.result()
            if query is not None:
                pending = ahead.submit(start, query)
            yield from (batch for batch in itertools.chain([first] if first else [], more) if batch.num_rows)


def write_groups(
    groups: Iterator[pa.Table], path: Path, footer: Mapping[str, str], *, compression: str = "zstd"
) -> Written | None:
    """Write tables of at most `ROW_GROUP` rows as one file, each as one row group.

    None, and no file, when there are no tables.
    """
    import pyarrow.parquet as pq

    first = next(groups, None)
    if first is None:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = pq.ParquetWriter(
        path,
        first.schema,
        compression=compression,
        compression_level=1 if compression == "zstd" else None,
        version="2.6",
        store_schema=False,
        write_statistics=True,
    )
    rows = 0
    # One row group is written while the engine computes the next one; the order of the groups does not change.
    with ThreadPoolExecutor(1) as writing:
        pending = None
        for table in itertools.chain([first], groups):
            if pending is not None:
                pending.result()
            pending = writing.submit(writer.write_table, table, ROW_GROUP)
            rows += table.num_rows
        if pending is not None:
            pending.result()
    # pyarrow keeps schema metadata only together with its own schema; the pairs are added to the footer apart.
    writer.add_key_value_metadata(dict(footer))
    writer.close()
    return Written(path, rows, path.stat().st_size, sha256(path))


def _physical(want: pa.Field, have: pa.Field) -> pa.Field:
    import pyarrow as pa

    if pa.types.is_dictionary(have.type) and pa.types.is_string(want.type):
        return pa.field(want.name, have.type)
    return pa.field(want.name, want.type)


def row_groups(reader: Iterable[Any], physical: pa.Schema, size: int = ROW_GROUP) -> Iterator[pa.Table]:
    """Batches re-cut to tables of `size` rows, one row group each, in the types of the file."""
    import pyarrow as pa

    held: list[Any] = []
    count = 0
    for batch in reader:
        if batch.num_rows == 0:
            continue
        held.append(_cast(batch, physical))
        count += batch.num_rows
        while count >= size:
            table = pa.Table.from_batches(held)
            yield table.slice(0, size)
            held = table.slice(size).to_batches()
            count -= size
    if count:
        yield pa.Table.from_batches(held)


def _as(column: Any, kind: Any) -> Any:
    """A column in another type. A decimal becomes the double nearest to it: by way of its digits, as the direct cast
    multiplies by a power of ten that no double holds (1000000 of nine decimals would be 1000000.0000000001)."""
    import pyarrow as pa

    if pa.types.is_decimal(column.type) and pa.types.is_floating(kind):
        return column.cast(pa.string()).cast(kind)
    return column.cast(kind)


def _cast(batch: Any, physical: pa.Schema) -> Any:
    import pyarrow as pa

    columns = [
        column if column.type == field.type else _as(column, field.type)
        for column, field in zip(batch.columns, physical, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=physical)
