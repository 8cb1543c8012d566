"""One input file becomes one Parquet file of neutral records. The unit of work of every runner.

Clean JSON Lines, and an array of records, are read straight into typed leaves; anything unusual in the file (a broken
line, a repeated key, a record to set aside) makes the whole file go through the slower, exact way, so the outcome does
not depend on size. Three things only small files tell: a repeated key or NaN under a key that no mapping reads, a comma
behind the last member of an object, and the digits of a reported cost beyond the fifteenth when the file writes it as a
JSON number. CSV and Parquet are read by the engine too, and once more part by part where it stops or sets rows aside.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from dataclasses import replace
from functools import partial
from pathlib import Path

from focus_ai.adapters import copies, points, quick, series, totals
from focus_ai.adapters.compiler import Compiled, compile_mapping
from focus_ai.adapters.mapping import Mapping
from focus_ai.adapters.paths import member, record_levels
from focus_ai.adapters.record import needed
from focus_ai.adapters.staged import Staged, copy_sql, too_many
from focus_ai.engine import Session, literal
from focus_ai.sources.discover import SourceFile
from focus_ai.sources.documents import spool_lines
from focus_ai.sources.lines import LineForm, text_lines
from focus_ai.sources.reject import Reject
from focus_ai.sources.relation import (
    Strict,
    bad_documents,
    csv_rejects,
    csv_table,
    in_utf8,
    json_lines,
    member_names,
    parquet_parts,
    parquet_table,
    plain,
    spooled_lines,
    whole,
    with_raw_text,
)
from focus_ai.sources.rows import spool_rows


def stage(
    session: Session,
    source: SourceFile,
    mapping: Mapping,
    target: Path,
    *,
    facts: MappingType[str, str] | None = None,
    numbered: bool = False,
    extra: frozenset[str] | None = None,
    exact: bool = False,
) -> Staged:
    """Convert one file. Good and ignored records go to `target`, the rest comes back as rejects with their text.

    `extra`: fields that the run needs besides the core ones; None stages every field. `exact`: do not try the quick
    way first.
    """
    import duckdb

    wanted = None if extra is None else needed(extra, spans=mapping.leaf_spans)
    if source.format.kind == "empty":
        return Staged(source.name, mapping.id, target, (), 0, 0, 0, (Reject(source.name, None, "empty_file", None),))
    if not exact and not numbered and quick.direct(source, mapping):
        clean = quick.stage_quickly(session, source, mapping, target, facts=facts, extra=extra)
        if clean is not None:
            return quick.aside(session, source, mapping, clean, facts=facts, extra=extra)
    spool = target.with_suffix(".jsonl")
    aside = source.aside
    source, relation, mode, columns, rejects = _relation(session, source, mapping, spool)
    if mode == "json":
        nodes, shapes = expected(mapping)
        try:
            relation, bad = bad_documents(session, relation, source.name, nodes, shapes)
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error:
            if isinstance(relation, Strict):
                raise
            source, relation, again = _spooled(source, mapping, spool)
            rejects += again
            relation, bad = bad_documents(session, relation, source.name, nodes, shapes)
        rejects += bad if source.format.kind == "json" else with_raw_text(bad, source)
        columns = member_names(session, relation) if mapping.other_columns is not None else ()
    compiler = partial(
        compile_mapping, mapping, mode, columns=columns, facts=facts, source_file=source.name, wanted=wanted,
        strict=mode != "json" or isinstance(relation, Strict),
    )  # fmt: skip
    doubts = totals.doubted(source.format, mapping) + points.may_group(source.format)
    compiled = compiler(doubts=doubts)
    if points.AMOUNTS in doubts and points.are_decimal(source, compiled.amounts):
        doubts = tuple(d for d in doubts if d != points.AMOUNTS)
        compiled = compiler(doubts=doubts)
    table = mode == "columns" and mapping.line is None
    try:
        anew = table and source.format.encoding == "cp1252"  # the engine knows only its beginnings
        counts = (0, 0, 0) if anew else _write(session, compiled, relation, target)
        if totals.nothing_else(session, target, counts):
            compiled = compiler(doubts=tuple(d for d in doubts if d != totals.REASON))
            counts = _write(session, compiled, relation, target)
        anew = anew or (table and source.format.kind == "csv" and bool(csv_rejects(session, source.name)))
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error:
        if not table:
            raise
        anew = True
    if anew:
        read = _parquet_anew if source.format.kind == "parquet" else _csv_anew
        counts, unfit = read(session, source, compiled, target, spool)
        if totals.nothing_else(session, target, counts):
            compiled = compiler(doubts=tuple(d for d in doubts if d != totals.REASON))
            counts, unfit = read(session, source, compiled, target, spool)
        rejects += unfit
    return staged_from(
        session, source, mapping, target, compiled.columns, compiled.constants, [*aside, *rejects], counts
    )


def expected(mapping: Mapping) -> tuple[tuple[str, ...], dict[str, str]]:
    """The paths where a document must hold an object, and the type (ARRAY, OBJECT) at those that hold its records."""
    nodes = compile_mapping(mapping, "typed" if mapping.depth == 0 else "json").object_nodes
    levels = record_levels(mapping.records)
    shapes = {"$" + "".join(map(member, levels[0])): "ARRAY"} if levels else {}
    if mapping.series:
        shapes = series.shapes(mapping.series)
        nodes = (*nodes, *(path for path, kind in shapes.items() if kind == "OBJECT"))
    return nodes, shapes


def _relation(
    session: Session, source: SourceFile, mapping: Mapping, spool: Path
) -> tuple[SourceFile, str, str, tuple[str, ...], list[Reject]]:
    """What is read (of a damaged packed file a copy), its relation, the mode, the columns, and what cannot be read."""
    import duckdb

    form = source.format
    if mapping.line is not None:
        source, relation, columns, rejects = _log(session, source, mapping.line, spool)
        return source, relation, "columns", columns, rejects
    if form.kind == "parquet":
        try:
            relation, columns = parquet_table(session, source.path)
        except duckdb.Error:
            source, rejects = _parts(source, spool)
            relation, columns = parquet_table(session, source.path)
            return source, relation, "columns", columns, rejects
        return source, relation, "columns", columns, []
    if form.kind == "csv":
        source, rejects = whole(source, spool.with_suffix(".part"))
        return source, csv_table(source), "columns", form.header, rejects
    if mapping.code:
        from focus_ai.adapters.code import spool_by_code

        rejects, longest = spool_by_code(mapping.code, source, spool)
        return source, spooled_lines(spool, longest), "json", (), rejects
    large = not form.bom and mapping.kind == "usage" and source.size >= quick.SMALL
    if large and form.array:
        return source, json_lines(source.path, form.compression, array=True), "json", (), []
    if large and form.kind == "jsonl":
        source, rejects = whole(source, spool.with_suffix(".part"))
        return source, json_lines(source.path, source.format.compression), "json", (), rejects
    source, relation, rejects = _spooled(source, mapping, spool)
    return source, relation, "json", (), rejects


def _spooled(source: SourceFile, mapping: Mapping, spool: Path) -> tuple[SourceFile, str, list[Reject]]:
    """The file through the strict reader: what is read, the relation of its records, and the rejects."""
    rejects: list[Reject] = []
    if source.format.kind == "jsonl":
        source, rejects = whole(source, spool.with_suffix(".part"))
    # Where the number of the document says which answer a record is of, and of lines, documents stay whole.
    whole_only = source.format.kind == "jsonl" or mapping.series or "grouping" in mapping.asked_by
    levels = [] if whole_only else record_levels(mapping.records)
    found, longest = spool_lines(source.name, source.path, source.format, spool, levels)
    return source, spooled_lines(spool, longest), [*rejects, *found]


def _log(
    session: Session, source: SourceFile, form: LineForm, spool: Path
) -> tuple[SourceFile, str, tuple[str, ...], list[Reject]]:
    """A text log. Where the engine cannot read it packed, or in its encoding, it reads a copy."""
    import duckdb

    part, text = spool.with_suffix(".part"), spool.with_suffix(".txt")
    source, rejects = whole(source, part)
    if source.format.encoding == "cp1252":
        source = in_utf8(source, text)
    try:
        relation, columns, unfit = text_lines(session, source, form)
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error:
        if source.format.compression == "none":
            raise
        source, _ = plain(source, part)
        relation, columns, unfit = text_lines(session, source, form)
    return source, relation, columns, [*rejects, *unfit]


Counts = tuple[int, int, int]


def _csv_anew(
    session: Session, source: SourceFile, compiled: Compiled, target: Path, spool: Path
) -> tuple[Counts, list[Reject]]:
    """Stage a CSV that the engine cannot take as it is: the rows that are in order, and the others."""
    rows = spool.with_suffix(".rows")
    unfit = spool_rows(source.name, source.path, source.format, rows, [])
    form = replace(source.format, compression="none", encoding="utf-8", bom=False)
    relation = csv_table(replace(source, path=rows, format=form), numbered=True)
    counts = _write(session, compiled, relation, target)
    # Rows that only the engine finds fault with are told by their place among the good ones.
    odd = [replace(r, row=_among(r.row or 0, unfit)) for r in csv_rejects(session, source.name)]
    return counts, [*unfit, *odd]


def _among(good: int, unfit: list[Reject]) -> int:
    """The number in the file of the n-th good row."""
    row = good
    for other in sorted(r.row or 0 for r in unfit):
        row += other <= row
    return row


def _parquet_anew(
    session: Session, source: SourceFile, compiled: Compiled, target: Path, spool: Path
) -> tuple[Counts, list[Reject]]:
    """Stage those parts of a damaged Parquet file that can be read."""
    source, unfit = _parts(source, spool)
    relation, _ = parquet_table(session, source.path)
    return _write(session, compiled, relation, target), unfit


def _parts(source: SourceFile, spool: Path) -> tuple[SourceFile, list[Reject]]:
    parts = spool.with_suffix(".parts")
    return replace(source, path=parts), parquet_parts(source, parts)


def _write(session: Session, compiled: Compiled, relation: str, target: Path) -> Counts:
    session.sql(copy_sql(compiled.over(relation), compiled.columns, compiled.constants, target))
    if "focus_row" in compiled.columns:
        copies.number(session, target, compiled.columns, compiled.constants)
    return _counts(session, target)


def _counts(session: Session, target: Path) -> Counts:
    rows, ignored, problems = session.one(
        f"SELECT count(*), count(ignored), count(problem) FROM read_parquet({literal(str(target))})"
    )
    return int(rows), int(ignored), int(problems)


def staged_from(
    session: Session,
    source: SourceFile,
    mapping: Mapping,
    target: Path,
    columns: tuple[str, ...],
    constants: MappingType[str, str],
    rejects: list[Reject],
    counts: Counts,
    part: int | None = None,
) -> Staged:
    """What came of a source whose records stand in `target`, or in a `part` of it; `counts` are rows, ignored records
    and problems."""
    rows, ignored, problems = counts
    apart = False
    if problems:
        mine = "" if part is None else f"AND part = {part} "
        bad = f"FROM read_parquet({literal(str(target))}) WHERE problem IS NOT NULL {mine}"
        apart = too_many(session, problems, f"SELECT raw {bad}")
        found = session.rows(f"SELECT source_row, problem, {'NULL' if apart else 'raw'} {bad}ORDER BY source_row")
        rejects = [*rejects, *(Reject(source.name, int(row), why, raw) for row, why, raw in found)]
    if mapping.private:
        rejects = [replace(r, raw=None) for r in rejects]
    read = rows + sum(1 for r in rejects if r.row is not None) - problems
    return Staged(
        source.name, mapping.id, target, columns, read, rows - problems - ignored, ignored,
        tuple(sorted(rejects, key=lambda r: (r.row or 0, r.reason))), constants=constants, part=part,
        texts_apart=apart and not mapping.private,
    )  # fmt: skip
