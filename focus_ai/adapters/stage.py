"""One input file becomes one Parquet file of neutral records. The unit of work of every runner.

Clean JSON Lines, and an array of records, are read straight into typed leaves; anything unusual in the file (a broken
line, a repeated key, a record to set aside) makes the whole file go through the slower, exact way, so the outcome does
not depend on size. Two things only small files tell: a repeated key or NaN under a key that no mapping reads, and the
digits of a reported cost beyond the fifteenth when the file writes it as a JSON number.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from dataclasses import replace
from pathlib import Path

from focus_ai.adapters import quick, series
from focus_ai.adapters.compiler import Compiled, compile_mapping
from focus_ai.adapters.mapping import Mapping
from focus_ai.adapters.paths import member, record_levels
from focus_ai.adapters.record import needed
from focus_ai.adapters.staged import Staged, copy_sql
from focus_ai.engine import Session, literal
from focus_ai.sources.discover import SourceFile
from focus_ai.sources.documents import spool_lines
from focus_ai.sources.lines import text_lines
from focus_ai.sources.reject import Reject
from focus_ai.sources.relation import (
    Strict,
    bad_documents,
    csv_rejects,
    csv_table,
    json_lines,
    parquet_table,
    renumbered,
    spooled_lines,
    too_long,
    whole,
    with_raw_text,
)


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
    relation, mode, columns, rejects = _relation(session, source, mapping, spool)
    if mode == "json":
        nodes = compile_mapping(mapping, "typed" if mapping.depth == 0 else "json").object_nodes
        levels = record_levels(mapping.records)
        shapes = {"$" + "".join(map(member, levels[0])): "ARRAY"} if levels else {}
        if mapping.series:
            shapes = series.shapes(mapping.series)
            nodes = (*nodes, *(path for path, kind in shapes.items() if kind == "OBJECT"))
        try:
            relation, bad = bad_documents(session, relation, source.name, nodes, shapes)
        except duckdb.InvalidInputException as error:
            if not too_long(error) and not source.format.array:
                raise
            relation, rejects = _spooled(source, spool)
            relation, bad = bad_documents(session, relation, source.name, nodes, shapes)
        rejects += bad if source.format.kind == "json" else with_raw_text(bad, source)
    compiled = compile_mapping(
        mapping, mode, columns=columns, facts=facts, source_file=source.name, wanted=wanted,
        strict=mode != "json" or isinstance(relation, Strict),
    )  # fmt: skip
    counts = _write(session, compiled, relation, target)
    if mode == "columns" and source.format.kind == "csv" and mapping.line is None:
        unfit = csv_rejects(session, source.name)
        if unfit:
            counts = _write(session, compiled, renumbered(session, relation, unfit), target)
            csv_rejects(session, source.name)
        rejects += unfit
    return _result(session, source, mapping, compiled, target, rejects, counts)


def _relation(
    session: Session, source: SourceFile, mapping: Mapping, spool: Path
) -> tuple[str, str, tuple[str, ...], list[Reject]]:
    form = source.format
    if mapping.line is not None:
        path, compression, rejects = whole(source, spool.parent)
        relation, columns, unfit = text_lines(session, source, path, compression, mapping.line)
        return relation, "columns", columns, [*rejects, *unfit]
    if form.kind == "parquet":
        relation, columns = parquet_table(session, source.path)
        return relation, "columns", columns, []
    if form.kind == "csv":
        path, compression, rejects = whole(source, spool.parent)
        return csv_table(source, path, compression=compression), "columns", form.header, rejects
    if mapping.code:
        from focus_ai.adapters.code import spool_by_code

        rejects, longest = spool_by_code(mapping.code, source, spool)
        return spooled_lines(spool, longest), "json", (), rejects
    large = not form.bom and mapping.kind == "usage" and source.size >= quick.SMALL
    if large and form.array:
        return json_lines(source.path, form.compression, array=True), "json", (), []
    if large and form.kind == "jsonl":
        path, compression, rejects = whole(source, spool.parent)
        return json_lines(path, compression), "json", (), rejects
    relation, rejects = _spooled(source, spool)
    return relation, "json", (), rejects


def _spooled(source: SourceFile, spool: Path) -> tuple[str, list[Reject]]:
    """The file through the strict reader: the relation of its records, and the rejects."""
    path, form = source.path, source.format
    rejects: list[Reject] = []
    if form.kind == "jsonl":
        path, compression, rejects = whole(source, spool.parent)
        form = replace(form, compression=compression)
    found, longest = spool_lines(source.name, path, form, spool)
    return spooled_lines(spool, longest), [*rejects, *found]


def _write(session: Session, compiled: Compiled, relation: str, target: Path) -> tuple[int, int, int]:
    session.sql(copy_sql(compiled.over(relation), compiled.columns, compiled.constants, target))
    return _counts(session, target)


def _counts(session: Session, target: Path) -> tuple[int, int, int]:
    rows, ignored, problems = session.one(
        f"SELECT count(*), count(ignored), count(problem) FROM read_parquet({literal(str(target))})"
    )
    return int(rows), int(ignored), int(problems)


def _result(
    session: Session,
    source: SourceFile,
    mapping: Mapping,
    compiled: Compiled,
    target: Path,
    rejects: list[Reject],
    counts: tuple[int, int, int],
) -> Staged:
    rows, ignored, problems = counts
    if problems:
        found = session.rows(
            f"SELECT source_row, problem, raw FROM read_parquet({literal(str(target))}) "
            "WHERE problem IS NOT NULL ORDER BY source_row"
        )
        rejects += [Reject(source.name, int(row), why, raw) for row, why, raw in found]
    if mapping.private:
        rejects = [replace(r, raw=None) for r in rejects]
    read = rows + sum(1 for r in rejects if r.row is not None) - problems
    return Staged(
        source.name, mapping.id, target, compiled.columns, read, rows - problems - ignored, ignored,
        tuple(sorted(rejects, key=lambda r: (r.row or 0, r.reason))), constants=compiled.constants,
    )  # fmt: skip
