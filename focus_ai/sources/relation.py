"""How the engine reads a file: the relation text for each way of reading, and what it could not read.

Every relation has a row `r` (typed, columns) or a document `j0` (json) and the record number `rn`.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from focus_ai.engine import Session, ident, literal
from focus_ai.errors import InputError
from focus_ai.sources.discover import SourceFile
from focus_ai.sources.documents import LONGEST_LINE
from focus_ai.sources.reject import Reject
from focus_ai.sources.sniff import opened, partial

# A CSV buffer holds at least one row and, unless told, sixteen: that alone would be more than a small memory limit.
LONGEST_ROW = 16 << 20
# The quick reader takes lines up to this size; a file with a longer one is read the other way.
ORDINARY_LINE = 8 << 20
COMPRESSION = {"none": "none", "gzip": "gzip", "zstd": "zstd"}


def _longest(path: Path, compression: str) -> int:
    """Longest line to make room for: the reader holds two buffers of this size per thread."""
    whole_file = path.stat().st_size + 1 if compression == "none" else LONGEST_LINE
    return min(LONGEST_LINE, max(whole_file, 1 << 20))


def json_lines(path: Path, compression: str = "none", longest: int | None = None, *, array: bool = False) -> str:
    """Documents of a JSON Lines file with their record number; a line that is not JSON is NULL.

    `array`: those of a file that is one JSON array. There, what is not JSON stops the read with a DuckDB error, and so
    does any line or element above the limit (`longest`, else LONGEST_LINE), see `too_long`.
    """
    return (
        "(SELECT row_number() OVER () AS rn, json AS j0 FROM read_json_objects("
        f"{literal(str(path))}, {_shape(array)}, ignore_errors={'false' if array else 'true'}, "
        f"maximum_object_size={longest or _longest(path, compression)}, "
        f"compression={literal(COMPRESSION[compression])}))"
    )


def _shape(array: bool) -> str:
    return f"format={literal('array' if array else 'newline_delimited')}"


def too_long(error: Exception) -> bool:
    """Is this the engine's complaint about a line above the limit?"""
    return "maximum_object_size" in str(error)


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


def with_raw_text(rejects: list[Reject], source: SourceFile) -> list[Reject]:
    """Fill in the text of lines that the engine could not parse, by their number among the lines that are not blank."""
    wanted = {r.row for r in rejects if r.raw is None and r.row is not None}
    if not wanted:
        return rejects
    lines: dict[int, bytes] = {}
    row = 0
    # The tail of a damaged compressed file is a reject of its own.
    damaged = contextlib.suppress(EOFError, OSError, zlib.error)
    with damaged, opened(source.path, source.format.compression) as stream:
        for line in stream:
            if line.strip():
                row += 1
                if row in wanted:
                    lines[row] = line.rstrip(b"\r\n")
    return [r if r.raw is not None or r.row not in lines else _told(r, lines[r.row]) for r in rejects]


def _told(reject: Reject, line: bytes) -> Reject:
    """The reject with the text of its line; a line that is not UTF-8 says so."""
    try:
        return Reject(reject.file, reject.row, reject.reason, line.decode("utf-8"))
    except UnicodeDecodeError:
        return Reject(reject.file, reject.row, "not_utf8", line.decode("utf-8", "backslashreplace"))


def csv_table(source: SourceFile, path: Path, *, compression: str) -> str:
    """CSV as text columns with the names of the header; rows with another number of cells go to the reject table."""
    header = source.format.header
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise InputError("a CSV header names a column twice", where=source.name, value=", ".join(repeated))
    columns = "{" + ", ".join(f"{literal(name or f'column{i}')}: 'VARCHAR'" for i, name in enumerate(header)) + "}"
    return (
        f"(SELECT r, row_number() OVER () AS rn FROM read_csv({literal(str(path))}, auto_detect=false, header=true, "
        f"delim={literal(source.format.delimiter)}, quote='\"', escape='\"', columns={columns}, "
        f"compression={literal(COMPRESSION[compression])}, encoding={literal(source.format.encoding)}, "
        f"max_line_size={LONGEST_ROW}, buffer_size={2 * LONGEST_ROW}, store_rejects=true, rejects_limit=0, "
        "null_padding=false) AS r)"
    )


def csv_rejects(session: Session, name: str) -> list[Reject]:
    """What the CSV reader set aside since the last call."""
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
    """Parquet with every column as text (nested values as JSON text); returns the relation and the column names."""
    described = session.rows(f"DESCRIBE SELECT * FROM read_parquet({literal(str(path))}, hive_partitioning=false)")
    columns = []
    for name, kind, *_ in described:
        nested = any(word in str(kind) for word in ("STRUCT", "[]", "MAP", "JSON"))
        value = f"CAST(to_json({ident(name)}) AS VARCHAR)" if nested else f"CAST({ident(name)} AS VARCHAR)"
        columns.append(f"{value} AS {ident(name)}")
    table = f"(SELECT {', '.join(columns)} FROM read_parquet({literal(str(path))}, hive_partitioning=false))"
    return f"(SELECT r, row_number() OVER () AS rn FROM {table} AS r)", tuple(str(d[0]) for d in described)


def whole(source: SourceFile, spool: Path) -> tuple[Path, str, list[Reject]]:
    """The file, or for a damaged compressed file what could be decompressed, cut after its last full line."""
    packing = source.format.compression
    if packing == "none":
        return source.path, packing, []
    try:
        with opened(source.path, packing) as stream:
            while stream.read(1 << 22):
                pass
    except (EOFError, OSError, zlib.error):
        body = partial(source.path, packing, 1 << 40)
        kept = body[: body.rfind(b"\n") + 1]
        target = spool / f"{source.path.name}.part"
        target.write_bytes(kept)
        tail = body[len(kept) :].decode("utf-8", "backslashreplace")
        return target, "none", [Reject(source.name, None, "truncated_compression", tail)]
    return source.path, packing, []
