"""How the engine reads a file: the relation text for each way of reading, and what it could not read.

Every relation has a row `r` (typed, columns) or a document `j0` (json) and the record number `rn`.
"""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from focus_ai.engine import Session, ident, literal, literals
from focus_ai.errors import InputError
from focus_ai.sources.discover import SourceFile
from focus_ai.sources.packed import Damage, bounded_lines, opened, salvaged, unpacked
from focus_ai.sources.reject import LONGEST_RAW, Reject, cut
from focus_ai.sources.rows import LONGEST_ROW
from focus_ai.sources.sniff import LONGEST_LINE

# The quick reader takes lines up to this size; a file with a longer one is read the other way.
ORDINARY_LINE = 8 << 20
# The column of a copy that holds the place of each row in the file.
NUMBER = "focus-ai row number"
COMPRESSION = {"none": "none", "gzip": "gzip", "zstd": "zstd"}


def _longest(path: Path, compression: str) -> int:
    """Longest line to make room for: the reader holds two buffers of this size per thread."""
    whole_file = path.stat().st_size + 1 if compression == "none" else LONGEST_LINE
    return min(LONGEST_LINE, max(whole_file, 1 << 20))


def json_lines(path: Path, compression: str = "none", longest: int | None = None, *, array: bool = False) -> str:
    """Documents of a JSON Lines file with their record number; a line that is not JSON is NULL.

    `array`: those of a file that is one JSON array. There, what is not JSON stops the read with a DuckDB error, and so
    does any line or element above the limit (`longest`, else LONGEST_LINE).
    """
    return f"(SELECT row_number() OVER () AS rn, j0 FROM {documents(path, compression, longest, array=array)})"


def documents(path: Path, compression: str = "none", longest: int | None = None, *, array: bool = False) -> str:
    """The same without numbers, in any order."""
    return (
        f"(SELECT json AS j0 FROM read_json_objects({literal(str(path))}, {_shape(array)}, "
        f"ignore_errors={'false' if array else 'true'}, maximum_object_size={longest or _longest(path, compression)}, "
        f"compression={literal(COMPRESSION[compression])}))"
    )


def _shape(array: bool) -> str:
    return f"format={literal('array' if array else 'newline_delimited')}"


class Strict(str):
    """A relation of documents that the strict reader let pass: objects in which no key comes twice."""


def spooled_lines(path: Path, longest: int) -> str:
    """Documents of a file that `spool_lines` wrote; its `null` lines stand for records that were refused already."""
    documents = json_lines(path, longest=max(longest, 1 << 20))
    return Strict(f"(SELECT rn, j0 FROM {documents} WHERE j0 IS NULL OR json_type(j0) <> 'NULL')")


def typed_lines(path: Path, compression: str, columns: str, *, numbered: bool, array: bool) -> str:
    """The same file read straight into text leaves. Any record that does not fit stops the read (DuckDB error)."""
    number = "row_number() OVER ()" if numbered else "CAST(NULL AS BIGINT)"
    return (
        f"(SELECT r, {number} AS rn FROM read_json({literal(str(path))}, {_shape(array)}, "
        f"maximum_object_size={ORDINARY_LINE}, compression={literal(COMPRESSION[compression])}, "
        f"columns={columns}) AS r)"
    )


def member_names(session: Session, relation: str) -> tuple[str, ...]:
    """The names of all members that any document of a relation has, in the order of the alphabet."""
    # Most records have the same members, so the lists are told apart before their names are.
    lists = f"SELECT DISTINCT json_keys(j0) AS names FROM {relation}"
    return tuple(str(row[0]) for row in session.rows(f"SELECT DISTINCT unnest(names) AS n FROM ({lists}) ORDER BY n"))


def twice(keys: str) -> str:
    """SQL: does a key come twice in this list? Looking through a few is quicker than sorting them."""
    few = f"len(list_filter({keys}, lambda k, i: list_position({keys}, k) <> i)) > 0"
    return f"CASE WHEN len({keys}) <= 8 THEN {few} ELSE len({keys}) <> list_unique({keys}) END"


def bad_documents(
    session: Session, relation: str, name: str, object_nodes: Iterable[str], shapes: Mapping[str, str]
) -> tuple[str, list[Reject]]:
    """Documents that cannot hold records, with their reasons, and the relation without them.

    Checked: broken JSON, not an object, a repeated key or another type where the mapping expects an object, and a
    document without what holds the records (`shapes`: JSON path -> ARRAY or OBJECT).
    """
    plain, nodes, strict = relation, list(object_nodes), isinstance(relation, Strict)
    tests = [("j0 IS NULL", "broken_json"), ("json_type(j0) <> 'OBJECT'", "not_an_object")]
    if strict:
        tests, nodes = tests[:1], [node for node in nodes if node != "$"]
    for place, node in enumerate(nodes, start=1):
        if not strict:
            tests.append((twice(f"keys[{place}]"), f"duplicate_key:{node}"))
        if node != "$" and node not in shapes:
            kind, text = f"kinds[{place}]", f"texts[{place}]"
            tests.append(
                (f"{kind} NOT IN ('OBJECT', 'NULL') AND NOT ({kind} = 'VARCHAR' AND "
                 f"({text} = '' OR coalesce(json_valid({text}), FALSE)))", f"wrong_type:{node}")
            )  # fmt: skip
    nodes += [path for path in shapes if path not in nodes]
    for path, shape in shapes.items():
        tests.append((f"coalesce(kinds[{nodes.index(path) + 1}], '') <> {literal(shape)}", f"missing:{path[2:]}"))
    reason = "CASE" + "".join(f" WHEN {test} THEN {literal(why)}" for test, why in tests) + " END"
    if nodes:
        # All places in one call each: every JSON call of a query holds on to memory for a whole block of documents.
        listed = f"[{', '.join(map(literal, nodes))}]"
        relation = (
            f"(SELECT *, CASE WHEN list_contains(kinds, 'VARCHAR') THEN json_extract_string(j0, {listed}) END AS texts "
            f"FROM (SELECT rn, j0, {'[]' if strict else f'json_keys(j0, {listed})'} AS keys, "
            f"json_type(j0, {listed}) AS kinds FROM {relation}))"
        )
    checked = f"(SELECT rn, j0, {reason} AS reason FROM {relation})"
    found = session.rows(f"SELECT rn, reason, CAST(j0 AS VARCHAR) FROM {checked} WHERE reason IS NOT NULL ORDER BY rn")
    if not found:
        return plain, []
    rejects = [Reject(name, int(row), why, raw) for row, why, raw in found]
    kept = f"(SELECT rn, j0 FROM {checked} WHERE reason IS NULL)"
    return Strict(kept) if strict else kept, rejects


def with_raw_text(rejects: list[Reject], source: SourceFile, *, blank: bool = False) -> list[Reject]:
    """Fill in the text of lines that the engine could not parse, by their number among the lines that are not blank
    (`blank`: among all lines)."""
    wanted = {r.row for r in rejects if r.raw is None and r.row is not None}
    if not wanted:
        return rejects
    lines: dict[int, tuple[bytes, int]] = {}
    row = 0
    with salvaged(source.path, source.format.compression, []) as stream:
        for line, size in bounded_lines(stream, LONGEST_LINE):
            if blank or line.strip():
                row += 1
                if row in wanted:
                    lines[row] = line[: LONGEST_RAW + 4], size
    return [r if r.raw is not None or r.row not in lines else _told(r, *lines[r.row]) for r in rejects]


def _told(reject: Reject, line: bytes, size: int) -> Reject:
    """The reject with the text of its line; a line that is not UTF-8 says so."""
    kept = line.rstrip(b"\r\n")
    try:
        reason, raw = reject.reason, codecs.getincrementaldecoder("utf-8")().decode(kept, size == len(line))
    except UnicodeDecodeError:
        reason, raw = "not_utf8", kept.decode("utf-8", "backslashreplace")
    return replace(reject, reason=reason, raw=raw if size == len(line) else cut(raw, size, "bytes"))


def csv_table(source: SourceFile, *, numbered: bool = False) -> str:
    """CSV as text columns with the names of the header; rows with another number of cells go to the reject table.

    `numbered`: one more cell at the end of each row is its number; otherwise the rows are counted.
    Raises `InputError` for a header with a name twice: the engine's names are the same in small and capital letters.
    """
    header = source.format.header
    small = [name.lower() for name in header]
    repeated = [name for name in header if small.count(name.lower()) > 1]
    if repeated:
        raise InputError(
            "a CSV header names a column twice", where=source.name, value=", ".join(dict.fromkeys(repeated)),
            expected="names that differ in more than small and capital letters",
            next_step="rename one of the columns, or leave it out",
        )  # fmt: skip
    types = [f"{literal(name)}: 'VARCHAR'" for name in header]
    columns = "{" + ", ".join([*types, f"{literal(NUMBER)}: 'BIGINT'"] if numbered else types) + "}"
    taken = _struct(header) if numbered else "r, row_number() OVER () AS rn"
    return (
        f"(SELECT {taken} FROM read_csv({literal(str(source.path))}, auto_detect=false, "
        f"header=true, delim={literal(source.format.delimiter)}, quote='\"', escape='\"', columns={columns}, "
        f"compression={literal(COMPRESSION[source.format.compression])}, encoding={literal(source.format.encoding)}, "
        f"max_line_size={LONGEST_ROW}, buffer_size={2 * LONGEST_ROW}, store_rejects=true, rejects_limit=0, "
        "null_padding=false) AS r)"
    )


def _struct(names: Iterable[str]) -> str:
    """SQL of the row and its number, where that is a column of its own."""
    fields = ", ".join(f"{ident(name)} := {ident(name)}" for name in names)
    return f"struct_pack({fields}) AS r, {ident(NUMBER)} AS rn"


def csv_rejects(session: Session, name: str) -> list[Reject]:
    """What the CSV reader set aside since the last call, with the record numbers of a file without blank lines. Of a
    long text it keeps the beginning only."""
    rows = session.rows("SELECT line, error_type, csv_line FROM reject_errors ORDER BY line, error_type")
    session.sql("DELETE FROM reject_errors")
    session.sql("DELETE FROM reject_scans")
    seen: dict[int, Reject] = {}
    for line, kind, text in rows:
        reason = f"csv:{str(kind).lower().replace(' ', '_')}"
        seen.setdefault(int(line), Reject(name, int(line) - 1, reason, None if text is None else text.strip("\r\n")))
    return list(seen.values())


def renumbered(session: Session, relation: str, rejects: list[Reject]) -> str:
    """The rows of a CSV with the numbers that they have in the file, where the rejected rows count too."""
    gaps = [max(0, (r.row or 0) - 1 - before) for before, r in enumerate(sorted(rejects, key=lambda r: r.row or 0))]
    session.sql("CREATE OR REPLACE TABLE csv_gaps (good_before BIGINT, missing BIGINT)")
    for start in range(0, len(gaps), 1000):
        values = ", ".join(f"({gap}, {n})" for n, gap in enumerate(gaps[start : start + 1000], start=start + 1))
        session.sql(f"INSERT INTO csv_gaps VALUES {values}")
    last = "(SELECT good_before, max(missing) AS missing FROM csv_gaps GROUP BY good_before)"
    return (
        f"(SELECT t.r, t.rn + coalesce(g.missing, 0) AS rn FROM {relation} t "
        f"ASOF LEFT JOIN {last} g ON t.rn > g.good_before ORDER BY t.rn)"
    )


def parquet_table(session: Session, path: Path) -> tuple[str, tuple[str, ...]]:
    """Parquet with every column as text (nested values as JSON text); returns the relation and the column names.

    The rows are counted, unless a column of the file holds their numbers (see `parquet_parts`).
    """
    source = f"read_parquet({literal(str(path))}, hive_partitioning=false)"
    texts, names, numbered = _texts(session, source)
    table = f"(SELECT {', '.join([*texts, *([ident(NUMBER)] if numbered else [])])} FROM {source})"
    return f"(SELECT {_struct(names) if numbered else 'r, row_number() OVER () AS rn'} FROM {table} AS r)", names


def parquet_tables(session: Session, paths: Iterable[Path], half: int) -> tuple[str, tuple[str, ...]]:
    """The same for several files with the same columns; a row number holds that of its file above `half` bits."""
    source = f"read_parquet([{literals(map(str, paths))}], hive_partitioning=false)"
    texts, names, _ = _texts(session, source)
    number = f"(CAST(file_index AS BIGINT) << {half}) + file_row_number + 1 AS {ident(NUMBER)}"
    return f"(SELECT {_struct(names)} FROM (SELECT {', '.join([*texts, number])} FROM {source}))", names


def _texts(session: Session, source: str) -> tuple[list[str], tuple[str, ...], bool]:
    """SQL of every column as text, their names, and whether there is a column of row numbers besides."""
    described = [(str(name), str(kind)) for name, kind, *_ in session.rows(f"DESCRIBE SELECT * FROM {source}")]
    texts = []
    for name, kind in described:
        if name != NUMBER:
            nested = any(word in kind for word in ("STRUCT", "[]", "MAP", "JSON"))
            value = f"to_json({ident(name)})" if nested else ident(name)
            texts.append(f"CAST({value} AS VARCHAR) AS {ident(name)}")
    names = tuple(name for name, _ in described if name != NUMBER)
    return texts, names, len(names) < len(described)


def whole(source: SourceFile, target: Path) -> tuple[SourceFile, list[Reject]]:
    """The file, or for a damaged packed file a copy (`target`) of what could be unpacked, see `plain`."""
    packing = source.format.compression
    if packing == "none":
        return source, []
    try:
        with opened(source.path, packing) as stream:
            while stream.read(1 << 22):
                pass
    except (EOFError, OSError, zlib.error):
        return plain(source, target)
    return source, []


def plain(source: SourceFile, target: Path) -> tuple[SourceFile, list[Reject]]:
    """An unpacked copy of a file. A line that damage has cut is left out; a reject has it, and says what is lost."""
    rejects: list[Reject] = []
    size = line = 0  # of what was written, and up to the end of its last whole line
    gap = False
    with target.open("w+b") as out:
        for piece in unpacked(source.path, source.format.compression):
            if isinstance(piece, Damage):
                raw, gap = None, True
                if piece.inside:
                    out.seek(line)
                    tail = out.read(LONGEST_RAW).decode("utf-8", "backslashreplace")
                    raw = tail if size - line <= LONGEST_RAW else cut(tail, size - line, "bytes")
                    out.truncate(line)
                    size = line
                rejects.append(Reject(source.name, None, piece.reason, raw, piece.note))
            elif piece:
                piece = b"\n" + piece if gap and size > line else piece
                gap = False
                out.seek(size)
                out.write(piece)
                end = piece.rfind(b"\n") + 1
                line = size + end if end else line
                size += len(piece)
    form = replace(source.format, compression="none")
    return replace(source, path=target, format=form, size=size), rejects


def in_utf8(source: SourceFile, target: Path) -> SourceFile:
    """A copy in UTF-8 of a text of one byte per letter; bytes that stand for none stay as they are."""
    with opened(source.path, source.format.compression) as stream, target.open("wb") as out:
        for line in stream:
            out.write(line.decode("cp1252", "surrogateescape").encode("utf-8", "surrogateescape"))
    return replace(source, path=target, format=replace(source.format, compression="none", encoding="utf-8"))


def parquet_parts(source: SourceFile, target: Path) -> list[Reject]:
    """Write those row groups of a Parquet file that can be read to `target`, with the row number as one more column."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rejects: list[Reject] = []
    file = pq.ParquetFile(source.path)
    schema = file.schema_arrow.append(pa.field(NUMBER, pa.int64()))
    first = 1
    with pq.ParquetWriter(target, schema) as writer:
        for place in range(file.num_row_groups):
            rows = file.metadata.row_group(place).num_rows
            numbers = pa.array(range(first, first + rows), pa.int64())
            try:
                part = file.read_row_group(place)
            except (pa.ArrowException, OSError) as error:
                told = (str(error).splitlines() or [type(error).__name__])[0][:200]
                note = f"rows {first:,} to {first + rows - 1:,}, {rows:,} rows of one damaged part: {told}"
                rejects.append(Reject(source.name, first, "damaged_parquet", None, note, rows))
            else:
                writer.write_table(part.append_column(schema.field(NUMBER), numbers))
            first += rows
    return rejects
