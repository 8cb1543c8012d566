"""The quick way through clean JSON Lines: DuckDB reads them straight into typed leaves, by all threads, in any order.

Of a large file a sample tells first which leaves and columns it will hardly hold; these are left out of the query, and
every record is checked against that. A record that is unlike the sample stops the pass, which starts again with what
that record has, so the outcome never depends on the sample. A record that must be set aside stops it for good: then
the exact way (`stage`) reads the file. Records that are no consumption are few; only they are read a second time, for
their place in the file and their text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, replace
from pathlib import Path

from focus_ai.adapters.compiler import Compiled, compile_mapping
from focus_ai.adapters.mapping import Mapping
from focus_ai.adapters.record import needed
from focus_ai.adapters.staged import Staged, copy_sql
from focus_ai.engine import Session, ident, literal
from focus_ai.errors import InternalError
from focus_ai.sources.discover import SourceFile
from focus_ai.sources.relation import json_lines, typed_lines
from focus_ai.sources.sniff import opened

# Below this size the exact way is as quick, and it numbers every record.
SMALL = 8 << 20
# From this size on a sample costs less than it saves.
LARGE = 64 << 20
PIECES, PIECE = 8, 128 << 10
# How often a surprising record may correct the outlook before the pass does without one.
TRIES = 4
# The exact way keeps the text of bad records and numbers them all; here there are no bad ones, and no numbers.
_NOT_HERE = ("problem", "raw")
_NO_NUMBER = {"source_row": "NULL"}
_SURPRISE = re.compile(r"focus-ai: unlike the sample: leaves ([\d,]*); columns ([\d,]*)")


@dataclass(frozen=True)
class Outlook:
    """What the records of a file are expected to lack: leaves of the reader, and columns of the staged record."""

    absent: frozenset[tuple[str, ...]] = frozenset()
    empty: frozenset[str] = frozenset()

    def corrected(self, error: str) -> Outlook | None:
        """Without what a surprising record has after all; None when the error is another one."""
        found = _SURPRISE.search(error)
        if found is None:
            return None
        leaves, columns = ([int(n) for n in part.split(",") if n] for part in found.groups())
        parents = {sorted(self.absent)[n][:-1] for n in leaves}
        names = {sorted(self.empty)[n] for n in columns}
        # What stands beside a surprising leaf is likely to come with it.
        return Outlook(frozenset(k for k in self.absent if k[:-1] not in parents), self.empty - names)


def direct(source: SourceFile, mapping: Mapping) -> bool:
    """Can the file be tried the quick way: plain JSON Lines of flat records, large enough to be worth it?"""
    form = source.format
    return (
        form.kind == "jsonl" and not form.bom and mapping.depth == 0 and mapping.kind == "usage" and not mapping.code
        and source.size >= SMALL
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

    def compiled(absent: frozenset[tuple[str, ...]]) -> Compiled:
        return compile_mapping(
            mapping, "typed", facts=facts, source_file=source.name, numbered=False, wanted=wanted, absent=absent
        )

    outlook = Outlook()
    if source.size >= LARGE:
        outlook = _outlook(session, source, compiled(frozenset()), target.with_suffix(".sample.jsonl"))
    for attempt in range(TRIES + 1):
        outlook = outlook if attempt < TRIES else Outlook()
        query = compiled(outlook.absent)
        columns = tuple(n for n in query.columns if n not in outlook.empty and n not in _NOT_HERE)
        constants = {**query.constants, **_NO_NUMBER}
        relation = typed_lines(source.path, source.format.compression, query.reader_columns, numbered=False)
        try:
            session.sql(copy_sql(query.over(relation), columns, constants, target, where=_like(outlook)))
        except duckdb.Error as error:
            corrected = outlook.corrected(str(error))
            if corrected is None:
                return None
            outlook = corrected
            continue
        rows, ignored = _counts(session, target, "ignored" in columns)
        return Staged(source.name, mapping.id, target, columns, rows, rows - ignored, ignored, (), constants)
    raise InternalError("a file was read without an outlook and still surprised", where=source.name)


def aside(
    session: Session,
    source: SourceFile,
    mapping: Mapping,
    staged: Staged,
    *,
    facts: MappingType[str, str] | None = None,
    extra: frozenset[str] | None = None,
) -> Staged:
    """Read the ignored records of a file that went the quick way once more, exactly. The session keeps order."""
    if not staged.ignored:
        return staged
    wanted = None if extra is None else needed(extra, spans=mapping.leaf_spans)
    found = compile_mapping(mapping, "typed", facts=facts, wanted=frozenset(("ignored", "source_row")))
    compression = source.format.compression
    relation = typed_lines(source.path, compression, found.reader_columns, numbered=True)
    session.sql(
        f"CREATE TEMP TABLE ignored_rows AS SELECT source_row AS rn FROM ({found.over(relation)}) "
        "WHERE ignored IS NOT NULL"
    )
    exact = compile_mapping(mapping, "json", facts=facts, source_file=source.name, wanted=wanted)
    lines = f"(SELECT rn, j0 FROM {json_lines(source.path, compression)} SEMI JOIN ignored_rows USING (rn))"
    target = staged.parquet.with_suffix(".aside.parquet")
    session.sql(copy_sql(exact.over(lines), exact.columns, {}, target, where="ignored IS NOT NULL"))
    session.sql("DROP TABLE ignored_rows")
    again = session.one(f"SELECT count(*) FROM read_parquet({literal(str(target))})")[0]
    if again != staged.ignored:
        raise InternalError(
            "ignored records were counted differently when read again", where=source.name,
            value=f"{again} and {staged.ignored}",
        )  # fmt: skip
    kept = Staged(source.name, mapping.id, target, exact.columns, again, 0, again, ())
    return replace(staged, aside=kept)


def _counts(session: Session, target: Path, with_ignored: bool) -> tuple[int, int]:
    ignored = "count(ignored)" if with_ignored else "0"
    rows, number = session.one(f"SELECT count(*), {ignored} FROM read_parquet({literal(str(target))})")
    return int(rows), int(number)


def _like(outlook: Outlook) -> str:
    """A condition that every record meets, or the query fails with what the record has (or without a word on it)."""
    empty = sorted(outlook.empty)
    tests = ["problem IS NOT NULL", *(["unlike IS NOT NULL"] if outlook.absent else [])]
    tests += [f"{ident(name)} IS NOT NULL" for name in empty]
    columns = ", ".join(f"CASE WHEN {ident(name)} IS NOT NULL THEN '{number}' END" for number, name in enumerate(empty))
    leaves = "coalesce(unlike, '')" if outlook.absent else "''"
    surprising = f"concat_ws(',', {columns})" if empty else "''"
    told = f"'focus-ai: unlike the sample: leaves ' || {leaves} || '; columns ' || {surprising}"
    return (
        f"CASE WHEN {' OR '.join(tests)} THEN error(CASE WHEN problem IS NOT NULL THEN 'a record to set aside' "
        f"ELSE {told} END) END IS NULL"
    )


def _outlook(session: Session, source: SourceFile, query: Compiled, sample: Path) -> Outlook:
    """What no record of a sample has. An unreadable sample expects everything."""
    import duckdb

    sample.write_bytes(_sampled(source))
    relation = typed_lines(sample, "none", query.reader_columns, numbered=False)
    leaves = [f"count(r.{'.'.join(map(ident, keys))})" for keys in query.leaves]
    names = [n for n in query.columns if n not in {*query.constants, *_NOT_HERE, *_NO_NUMBER}]
    try:
        filled = session.one(f"SELECT count(*), {', '.join(leaves)} FROM {relation}")
        held = session.one(f"SELECT {', '.join(f'count({ident(n)})' for n in names)} FROM ({query.over(relation)})")
    except duckdb.Error:
        return Outlook()
    finally:
        sample.unlink()
    if not filled[0]:
        return Outlook()
    return Outlook(
        frozenset(keys for keys, number in zip(query.leaves, filled[1:], strict=True) if not number),
        frozenset(name for name, number in zip(names, held, strict=True) if not number),
    )


def _sampled(source: SourceFile) -> bytes:
    """Whole lines from several places of the file; of a compressed one from its beginning."""
    if source.format.compression != "none":
        with opened(source.path, source.format.compression) as stream:
            piece = stream.read(PIECES * PIECE)
        return piece[: piece.rfind(b"\n") + 1]
    found = []
    with source.path.open("rb") as raw:
        for number in range(PIECES):
            raw.seek(number * (source.size // PIECES))
            piece = raw.read(PIECE)
            start = piece.find(b"\n") + 1 if number else 0
            found.append(piece[start : piece.rfind(b"\n") + 1] if start or not number else b"")
    return b"".join(found)
