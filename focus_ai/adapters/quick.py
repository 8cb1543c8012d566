"""The quick way through clean JSON Lines, or a JSON array of records: DuckDB reads them straight into typed leaves, in
any order, and the records of lines by all threads.

Of a large file a sample tells first which columns its records will hardly fill; these are not written, and every record
is checked against that. A record that is unlike the sample stops the pass, which starts again with the columns that the
record fills, so the outcome never depends on the sample. A record that must be set aside stops it for good: then
the exact way (`stage`) reads the file. Records that are no consumption are few; only they are read a second time, for
their place in the file and their text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping as MappingType
from dataclasses import replace
from pathlib import Path

from focus_ai.adapters.compiler import Compiled, compile_mapping
from focus_ai.adapters.mapping import Mapping
from focus_ai.adapters.record import needed
from focus_ai.adapters.staged import TEXTS, Staged, copy_sql
from focus_ai.engine import Session, ident, literal
from focus_ai.errors import InternalError
from focus_ai.sources.discover import SourceFile
from focus_ai.sources.documents import first_documents
from focus_ai.sources.relation import ORDINARY_LINE, documents, json_lines, member_names, typed_lines
from focus_ai.sources.sniff import opened

# Below this size the exact way is as quick, and it numbers every record.
SMALL = 8 << 20
# From this size on a sample costs less than it saves.
LARGE = 64 << 20
PIECES, PIECE = 8, 128 << 10
ELEMENTS = 500
# How often a surprising record may correct what the sample told before the pass does without a sample.
TRIES = 4
# The exact way keeps the text of bad records and numbers them all; here there are no bad ones, and no numbers.
_NOT_HERE = ("problem", "raw")
_NO_NUMBER = {"source_row": "NULL"}
_SURPRISE = re.compile(r"focus-ai: unlike the sample: ([\d,]+)")


def direct(source: SourceFile, mapping: Mapping) -> bool:
    """Can the file be tried the quick way: one JSON object per record, large enough to be worth it?"""
    form = source.format
    return (
        (form.kind == "jsonl" or form.array) and not form.bom and source.size >= SMALL
        and mapping.depth == 0 and mapping.kind == "usage" and not mapping.code
        and not any({"attributes", "carry"} & set(e) for e in mapping.let.values() if not isinstance(e, str))
    )  # fmt: skip


def stage_quickly(
    session: Session,
    source: SourceFile,
    mapping: Mapping,
    target: Path,
    *,
    facts: MappingType[str, str] | None = None,
    extra: frozenset[str] | None = None,
) -> Staged | None:
    """The quick way; None when the file is not clean. The session need not keep the order of rows.

    Where records were ignored, `aside` has to read them again.
    """
    import duckdb

    wanted = None if extra is None else needed(extra, spans=mapping.leaf_spans)
    try:
        names = _members(session, source) if mapping.other_columns is not None else ()
    except duckdb.Error:
        return None
    compiled = compile_mapping(
        mapping, "typed", columns=names, facts=facts, source_file=source.name, numbered=False, wanted=wanted
    )
    query = compiled.over(_records(source, compiled))
    constants = {**compiled.constants, **_NO_NUMBER}
    empty: frozenset[str] = frozenset()
    if source.size >= LARGE:
        empty = _unfilled(session, source, compiled, target.with_suffix(".sample.jsonl"))
    for left in range(TRIES, -1, -1):
        columns = tuple(n for n in compiled.columns if n not in empty and n not in _NOT_HERE)
        try:
            session.sql(copy_sql(query, columns, constants, target, where=_like(empty)))
        except duckdb.Error as error:
            found = _SURPRISE.search(str(error))
            if found is None:
                return None
            empty -= {sorted(empty)[int(n)] for n in found[1].split(",")} if left > 1 else empty
            continue
        rows, ignored = _counts(session, target, "ignored" in columns)
        return Staged(source.name, mapping.id, target, columns, rows, rows - ignored, ignored, (), constants)
    raise InternalError("a file surprised without any expectation", where=source.name)


def _members(session: Session, source: SourceFile) -> tuple[str, ...]:
    form = source.format
    return member_names(session, documents(source.path, form.compression, ORDINARY_LINE, array=form.array))


def _records(source: SourceFile, compiled: Compiled, *, numbered: bool = False) -> str:
    form = source.format
    return typed_lines(source.path, form.compression, compiled.reader_columns, numbered=numbered, array=form.array)


def aside(
    session: Session,
    source: SourceFile,
    mapping: Mapping,
    staged: Staged,
    *,
    facts: MappingType[str, str] | None = None,
    extra: frozenset[str] | None = None,
) -> Staged:
    """Read the ignored records of a file that went the quick way once more, exactly; with their texts when they are
    few. The session keeps order."""
    if not staged.ignored:
        return staged
    wanted = None if extra is None else needed(extra, spans=mapping.leaf_spans)
    found = compile_mapping(mapping, "typed", facts=facts, wanted=frozenset(("ignored", "source_row")))
    numbered = found.over(_records(source, found, numbered=True))
    session.sql(
        f"CREATE TEMP TABLE ignored_rows AS SELECT source_row AS rn FROM ({numbered}) WHERE ignored IS NOT NULL"
    )
    exact = compile_mapping(mapping, "json", facts=facts, source_file=source.name, wanted=wanted)
    numbered = json_lines(source.path, source.format.compression, array=source.format.array)
    lines = f"(SELECT rn, j0 FROM {numbered} SEMI JOIN ignored_rows USING (rn))"
    target = staged.parquet.with_suffix(".aside.parquet")
    silent = {"raw": "CAST(NULL AS VARCHAR)"} if staged.ignored > TEXTS else {}
    session.sql(copy_sql(exact.over(lines), exact.columns, silent, target, where="ignored IS NOT NULL"))
    session.sql("DROP TABLE ignored_rows")
    again = session.one(f"SELECT count(*) FROM read_parquet({literal(str(target))})")[0]
    if again != staged.ignored:
        raise InternalError(
            "ignored records were counted differently when read again", where=source.name,
            value=f"{again} and {staged.ignored}",
        )  # fmt: skip
    kept = Staged(source.name, mapping.id, target, exact.columns, again, 0, again, (), silent)
    return replace(staged, aside=kept)


def _counts(session: Session, target: Path, with_ignored: bool) -> tuple[int, int]:
    ignored = "count(ignored)" if with_ignored else "0"
    rows, number = session.one(f"SELECT count(*), {ignored} FROM read_parquet({literal(str(target))})")
    return int(rows), int(number)


def _like(empty: frozenset[str]) -> str:
    """A condition that every good record meets that fills none of these columns; any other one fails the query."""
    names = [f"{ident(name)} IS NOT NULL" for name in sorted(empty)]
    filled = ", ".join(f"CASE WHEN {test} THEN '{number}' END" for number, test in enumerate(names))
    told = f"'focus-ai: unlike the sample: ' || concat_ws(',', {filled})" if names else "''"
    return (
        f"CASE WHEN {' OR '.join(['problem IS NOT NULL', *names])} THEN "
        f"error(CASE WHEN problem IS NOT NULL THEN 'a record to set aside' ELSE {told} END) END IS NULL"
    )


def _unfilled(session: Session, source: SourceFile, compiled: Compiled, sample: Path) -> frozenset[str]:
    """The columns that no record of a sample fills; none when the sample cannot be read."""
    import duckdb

    sample.write_bytes(_sampled(source))
    typed = typed_lines(sample, "none", compiled.reader_columns, numbered=False, array=False)
    names = [n for n in compiled.columns if n not in {*compiled.constants, *_NOT_HERE, *_NO_NUMBER}]
    counts = ", ".join(f"count({ident(n)})" for n in names)
    try:
        total, *held = session.one(f"SELECT count(*), {counts} FROM ({compiled.over(typed)})")
    except duckdb.Error:
        return frozenset()
    finally:
        sample.unlink()
    return frozenset(name for name, number in zip(names, held, strict=True) if total and not number)


def _sampled(source: SourceFile) -> bytes:
    """Whole lines from several places of the file; of a compressed one, and of an array, from its beginning."""
    if source.format.array:
        found = first_documents(source.path, source.format, ELEMENTS)
        return b"".join(json.dumps(document).encode() + b"\n" for document in found)
    if source.format.compression != "none":
        with opened(source.path, source.format.compression) as stream:
            piece = stream.read(PIECES * PIECE)
        return piece[: piece.rfind(b"\n") + 1]
    pieces = []
    with source.path.open("rb") as raw:
        for number in range(PIECES):
            raw.seek(number * (source.size // PIECES))
            piece = raw.read(PIECE)
            start = piece.find(b"\n") + 1 if number else 0
            pieces.append(piece[start : piece.rfind(b"\n") + 1] if start or not number else b"")
    return b"".join(pieces)
