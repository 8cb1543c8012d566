"""Small files of one export are staged together: planning a query takes longer than running it over a few records.

What comes out is what each file by itself gives. Files for which that is not sure are left to be staged one by one.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from collections.abc import Mapping as MappingType
from dataclasses import replace
from pathlib import Path

from focus_ai.adapters import points, quick, totals
from focus_ai.adapters.compiler import compile_mapping
from focus_ai.adapters.mapping import Mapping
from focus_ai.adapters.record import needed
from focus_ai.adapters.stage import expected, staged_from
from focus_ai.adapters.staged import Staged, copy_sql
from focus_ai.engine import Session, literal, literals
from focus_ai.errors import InputError
from focus_ai.sources.bundle import documents_of, file_of, parquet_of, parquet_shape, record_of, rows_of, split
from focus_ai.sources.discover import SourceFile
from focus_ai.sources.reject import Reject
from focus_ai.sources.relation import bad_documents, csv_rejects, member_names, whole

# Bytes of one file, and of all that are staged together; a packed file counts as what it may hold.
LARGEST, ROOM = 1 << 20, 8 << 20
PACKED, PARQUET = 16, 8


def size(source: SourceFile) -> int:
    """Bytes to reckon with."""
    if source.format.kind == "parquet":
        return PARQUET * source.size
    return source.size if source.format.compression == "none" else PACKED * source.size


def kind(source: SourceFile, mapping: Mapping, facts: MappingType[str, str]) -> Hashable | None:
    """Files of equal kinds can be staged together; None for a file that goes alone."""
    form = source.format
    if size(source) > min(LARGEST, quick.SMALL - 1) or source.aside:
        return None
    # These are read in ways of their own; a table may tell what the points in its numbers mean.
    if mapping.code or mapping.series or mapping.line is not None or points.may_group(form):
        return None
    shape: Hashable = None
    if form.kind in ("json", "jsonl"):
        shape = "json"
    elif form.kind == "csv":
        shape = (form.header, form.delimiter)
    elif form.kind == "parquet":
        shape = parquet_shape(source)
    return shape and (id(mapping), tuple(sorted(facts.items())), shape)


def together(tasks: Iterable[tuple[SourceFile, Mapping, MappingType[str, str]]]) -> list[list[int]]:
    """The places of the tasks, those of one bundle together, in the order of their first files."""
    bundles: list[list[int]] = []
    filling: dict[Hashable, tuple[list[int], int]] = {}
    for place, (source, mapping, facts) in enumerate(tasks):
        like = kind(source, mapping, facts)
        held, taken = filling.get(like, ([], ROOM))
        if like is None or taken + size(source) > ROOM:
            held, taken = [], 0
            bundles.append(held)
        held.append(place)
        if like is not None:
            filling[like] = held, taken + size(source)
    return bundles


def stage_together(
    session: Session,
    sources: Sequence[SourceFile],
    mapping: Mapping,
    target: Path,
    *,
    facts: MappingType[str, str] | None = None,
    extra: frozenset[str] | None = None,
) -> list[Staged] | None:
    """Convert files of one kind into one file of records. None: they have to be staged one by one."""
    import duckdb

    wanted = None if extra is None else needed(extra, spans=mapping.leaf_spans)
    names, form = f"[{literals(s.name for s in sources)}]", sources[0].format
    place = "source_row"
    try:
        relation, columns, rejects = _read(session, sources, mapping, target)
        compiled = compile_mapping(
            mapping, "columns" if form.kind in ("csv", "parquet") else "json", columns=columns, facts=facts,
            wanted=wanted, bundled=True, doubts=totals.doubted(form, mapping),
        )  # fmt: skip
        query = (
            f"SELECT * REPLACE ({record_of(place)} AS source_row, {names}[{file_of(place)} + 1] AS source_file), "
            f"{file_of(place)} AS part FROM ({compiled.over(relation)}) ORDER BY part, source_row"
        )
        constants = {n: sql for n, sql in compiled.constants.items() if n != "source_file"}
        session.sql(copy_sql(query, (*compiled.columns, "part"), constants, target))
        if form.kind == "csv" and csv_rejects(session, ""):
            return None
    except duckdb.OutOfMemoryException:
        raise
    except (duckdb.Error, InputError):
        return None
    found = session.rows(
        f"SELECT part, count(*), count(ignored), count(problem) FROM read_parquet({literal(str(target))}) GROUP BY part"
    )
    counts = {part: (rows, ignored, problems) for part, rows, ignored, problems in found}
    if any(totals.nothing_else(session, target, counted, part) for part, counted in counts.items()):
        return None
    return [
        staged_from(
            session, source, mapping, target, compiled.columns, constants, rejects[part],
            counts.get(part, (0, 0, 0)), part=part,
        ) for part, source in enumerate(sources)
    ]  # fmt: skip


def _read(
    session: Session, sources: Sequence[SourceFile], mapping: Mapping, target: Path
) -> tuple[str, tuple[str, ...], list[list[Reject]]]:
    """The relation of all records, its columns, and by file what is no record."""
    form, spool = sources[0].format, target.with_suffix(".jsonl")
    if form.kind == "parquet":
        return *parquet_of(session, sources), [[] for _ in sources]
    parts: list[tuple[SourceFile, list[Reject]]] = [
        (s, []) if s.format.kind == "json" else whole(s, target.with_suffix(f".{number}.part"))
        for number, s in enumerate(sources)
    ]
    sources, damaged = [part for part, _ in parts], [lost for _, lost in parts]
    relation, refused = (rows_of if form.kind == "csv" else documents_of)(sources, spool)
    rejects = [[*lost, *more] for lost, more in zip(damaged, refused, strict=True)]
    if form.kind == "csv":
        return relation, form.header, rejects
    relation, bad = bad_documents(session, relation, "", *expected(mapping))
    for reject in bad:
        number, row = split(reject.row or 0)
        rejects[number].append(replace(reject, file=sources[number].name, row=row))
    return relation, member_names(session, relation) if mapping.other_columns is not None else (), rejects
