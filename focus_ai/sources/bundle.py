"""Several small files as one: their records one after another, each with the number of its file and its own number.

A place holds both: the number of the file in its upper half, that of the record in its lower half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from focus_ai.engine import Session, literal
from focus_ai.sources.discover import SourceFile
from focus_ai.sources.documents import lines_of
from focus_ai.sources.reject import Reject
from focus_ai.sources.relation import NUMBER, Strict, csv_table, parquet_tables
from focus_ai.sources.rows import write_header, write_rows

HALF = 32
# No line of JSON holds this byte as it is.
_APART = b"\x01"


def file_of(place: str) -> str:
    """SQL: the number of the file, from 0 on."""
    return f"({place} >> {HALF})"


def record_of(place: str) -> str:
    """SQL: the number of the record in its file."""
    return f"({place} & {(1 << HALF) - 1})"


def counted_anew(place: str, row: str) -> str:
    """SQL: places of rows that are counted through all files, `row`, where `place` is any place in the same file."""
    file = file_of(place)
    return f"({file} << {HALF}) + {row} - min({row}) OVER (PARTITION BY {file}) + 1"


def split(place: int) -> tuple[int, int]:
    """The number of the file and that of the record."""
    return place >> HALF, place & ((1 << HALF) - 1)


def documents_of(sources: Sequence[SourceFile], target: Path) -> tuple[Strict, list[list[Reject]]]:
    """Write the documents of JSON files to `target`; their relation, and what each file holds that is none."""
    rejects: list[list[Reject]] = [[] for _ in sources]
    longest = 0
    with target.open("wb") as out:
        for number, source in enumerate(sources):
            for row, line in lines_of(source.name, source.path, source.format, rejects[number]):
                if line is not None:
                    out.write(b"%d%b%b\n" % ((number << HALF) + row, _APART, line))
                    longest = max(longest, len(line))
    room = max(longest + 64, 1 << 20)
    relation = (
        f"(SELECT rn, CAST(line AS JSON) AS j0 FROM read_csv({literal(str(target))}, auto_detect=false, header=false, "
        f"columns={{'rn': 'BIGINT', 'line': 'VARCHAR'}}, delim={literal(_APART.decode())}, quote='', escape='', "
        f"max_line_size={room}, buffer_size={2 * room}))"
    )
    return Strict(relation), rejects


def rows_of(sources: Sequence[SourceFile], target: Path) -> tuple[str, list[list[Reject]]]:
    """The same for CSV files with one header and separator; raises `InputError` as `csv_table` does."""
    first = sources[0].format
    with target.open("wb") as out:
        write_header(first, out)
        rejects = [
            write_rows(s.name, s.path, s.format, out, [], first=number << HALF) for number, s in enumerate(sources)
        ]
    form = replace(first, compression="none", encoding="utf-8", bom=False)
    return csv_table(replace(sources[0], path=target, format=form), numbered=True), rejects


def parquet_of(session: Session, sources: Sequence[SourceFile]) -> tuple[str, tuple[str, ...]]:
    """The relation of Parquet files with the same columns, and their names; reads no copy."""
    return parquet_tables(session, [s.path for s in sources], HALF)


def parquet_shape(source: SourceFile) -> str | None:
    """Names and types of the columns of a Parquet file; None for a damaged one, or one with an odd column."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(source.path)
    except (pa.ArrowException, OSError):
        return None
    small = [name.lower() for name in schema.names]
    odd = len(set(small)) < len(small) or {"file_index", "file_row_number", NUMBER} & set(small)
    return None if odd else schema.to_string(show_field_metadata=False, show_schema_metadata=False)
