"""CSV files, staged as Parquet of text: quickly by the engine, or cell by cell where a row is out of shape.

The engine's reader is used in its strict form and stops at the first row that is not in order. Such a file is read
again with Python's reader, which says for every row what is wrong; the rows that are in order are kept. Nothing is
ever guessed from the values: every cell is text, an empty cell is no value.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from focus_ai.engine import Session, literal
from focus_ai.errors import InputError
from focus_ai.sources import SourceFile
from focus_ai.sources.sniff import BOM
from focus_ai.validation.inputs.table import Problem, Problems, Table, unique

LONGEST_ROW = 16 << 20
BATCH = 10_000
CUT = 300


def stage(session: Session, source: SourceFile, target: Path) -> Table:
    """Stage one CSV file. Raises `InputError` when its header cannot be read."""
    names = header(source)
    columns, repeated = unique(names, source.name)
    problems = Problems()
    rows = _quick(session, source, len(names), target)
    if rows is None:
        rows = _careful(source, len(names), target, problems)
    selected = {name: (f"c{position}", "VARCHAR") for name, position in columns.items() if name.strip()}
    return Table(source, target, selected, rows, True, problems, repeated)


def header(source: SourceFile) -> list[str]:
    """The names of the first record exactly as written, without the byte order mark of the file."""
    with _records(source.path, source.format.delimiter) as reader:
        try:
            names: list[str] = next(reader, [])
        except csv.Error as error:
            raise InputError("the header of the CSV cannot be read", where=source.name, value=str(error)) from error
    if not names:
        raise InputError("the CSV has no header", where=source.name, expected="column names in the first line")
    return [name.removeprefix("\ufeff") if i == 0 else name for i, name in enumerate(names)]


def _quick(session: Session, source: SourceFile, width: int, target: Path) -> int | None:
    """Stage with the engine; None when a row is not in order."""
    import duckdb

    size = source.path.stat().st_size
    longest = min(LONGEST_ROW, max(size + 1, 1 << 16))
    columns = "{" + ", ".join(f"c{i}: 'VARCHAR'" for i in range(width)) + "}"
    read = (
        f"read_csv({literal(str(source.path))}, auto_detect=false, header=true, columns={columns}, "
        f"delim={literal(source.format.delimiter)}, quote='\"', escape='\"', nullstr='', strict_mode=true, "
        f"null_padding=false, max_line_size={longest}, buffer_size={2 * longest}, compression='none')"
    )
    try:
        session.sql(
            f"COPY (SELECT *, row_number() OVER () AS _row FROM {read}) TO {literal(str(target))} "
            "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
        )
        return int(session.one(f"SELECT count(*) FROM read_parquet({literal(str(target))})")[0])
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error:
        target.unlink(missing_ok=True)
        return None


@contextmanager
def _records(path: Path, delimiter: str) -> Iterator[Any]:
    csv.field_size_limit(min(sys.maxsize, 1 << 30))
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as text:
        yield csv.reader(text, delimiter=delimiter, strict=True)


def _careful(source: SourceFile, width: int, target: Path, problems: Problems) -> int:
    """Stage with Python's reader: rows in order are kept, the others become problems with their numbers."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([*((f"c{i}", pa.string()) for i in range(width)), ("_row", pa.int64())])
    rows = 0
    with pq.ParquetWriter(target, schema, compression="zstd", compression_level=1) as writer:
        batch: list[list[str | None]] = []
        numbers: list[int] = []
        for number, cells in _good(source, width, problems):
            batch.append(cells)
            numbers.append(number)
            if len(batch) == BATCH:
                rows += _write(writer, schema, batch, numbers)
        rows += _write(writer, schema, batch, numbers)
    return rows


def _write(writer: Any, schema: Any, batch: list[list[str | None]], numbers: list[int]) -> int:
    import pyarrow as pa

    count = len(batch)
    if count:
        cells = [pa.array(column, pa.string()) for column in zip(*batch, strict=True)]
        writer.write_table(pa.table([*cells, pa.array(numbers, pa.int64())], schema=schema))
    batch.clear()
    numbers.clear()
    return count


def _good(source: SourceFile, width: int, problems: Problems) -> Iterator[tuple[int, list[str | None]]]:
    """Record number and cells of every row in order; the others go to `problems`."""
    with _records(source.path, source.format.delimiter) as reader:
        next(reader)
        open_end = cut_off(source.path)
        number = short = 0
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                if open_end and 0 < short < width:
                    raise truncated(source.name, f"row {number} has {short} of {width} cells") from None
                return
            except csv.Error as error:
                number += 1
                if open_end and "unexpected end" in str(error):
                    raise truncated(source.name, f"row {number}, from line {line} on, ends inside quotes") from error
                lost = reader.line_num - line
                more = f"; {lost} more lines belong to it" if lost > 0 else ""
                problems.add("quoting", Problem(number, line, f"{error}{more}"))
                continue
            if not cells:
                continue
            number += 1
            short = len(cells)
            if len(cells) == width + 1 and cells[-1] == "":
                cells.pop()
            if len(cells) != width:
                shown = source.format.delimiter.join(cells)[:CUT].encode("utf-8", "backslashreplace").decode()
                problems.add(
                    "ragged", Problem(number, line, f"{len(cells)} cells where the header has {width}: {shown}")
                )
                continue
            yield number, [_cell(cell, number, line, problems) for cell in cells]


def _cell(cell: str, number: int, line: int, problems: Problems) -> str | None:
    if cell == "":
        return None
    if cell.isascii():
        return cell
    try:
        cell.encode("utf-8")
    except UnicodeEncodeError:
        raw = cell.encode("utf-8", "surrogateescape")
        cell = raw.decode("utf-8", "backslashreplace")
        problems.add("encoding", Problem(number, line, cell[:CUT]))
    return cell


def cut_off(path: Path) -> bool:
    """Whether the file ends without a line break: its last record may be half a record."""
    with path.open("rb") as stream:
        stream.seek(max(0, stream.seek(0, 2) - 1))
        return stream.read(1) not in (b"\n", b"\r", b"")


def truncated(name: str, found: str) -> InputError:
    """The error for a text file that ends in the middle of a record."""
    return InputError(
        "the file was cut off in its last record", where=name, value=found,
        next_step="fetch or write it again; no verdict is given on half a file",
    )  # fmt: skip


def lines_of(path: Path, delimited: bool, wanted: set[int]) -> dict[int, int]:
    """Line of the file on which each record starts. Blank lines and line breaks inside quotes are no records.

    Records of a CSV are counted after its header.
    """
    found: dict[int, int] = {}
    if not wanted:
        return found
    last = max(wanted)
    record = -1 if delimited else 0
    start = 1
    quotes = 0
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if quotes % 2 == 0:
                if not line.removeprefix(BOM).strip(b"\r\n" if delimited else None):
                    continue
                start = number
                quotes = 0
            if delimited:
                quotes += line.count(b'"')
            if quotes % 2 == 0:
                record += 1
                if record in wanted:
                    found[record] = start
                if record >= last:
                    break
    return found
