"""Small files of one export are staged together: planning a query takes longer than running it over a few records.

What comes out is what each file by itself gives. Files for which that is not sure are left to be staged one by one.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from collections.abc import Mapping as MappingType
from dataclasses import replace
from pathlib import Path

from focus_ai.adapters import quick
from focus_ai.adapters.compiler import compile_mapping
from focus_ai.adapters.mapping import Mapping
from focus_ai.adapters.record import needed
from focus_ai.adapters.stage import expected, staged_from
from focus_ai.adapters.staged import Staged, copy_sql
from focus_ai.engine import Session, literal, literals
from focus_ai.errors import InputError
from focus_ai.sources.bundle import documents_of, file_of, record_of, rows_of, split
from focus_ai.sources.discover import SourceFile
from focus_ai.sources.reject import Reject
from focus_ai.sources.relation import bad_documents, csv_rejects, member_names, whole

# Bytes of one file, and of all that are staged together; a packed file counts as what it may hold.
LARGEST, ROOM = 1 << 20, 8 << 20
PACKED = 16


def size(source: SourceFile) -> int:
    """Bytes to reckon with."""
    return source.size if source.format.compression == "none" else PACKED * source.size


def kind(source: SourceFile, mapping: Mapping, facts: MappingType[str, str]) -> Hashable | None:
    """Files of equal kinds can be staged together; None for a file that goes alone."""
    form = source.format
    if size(source) > min(LARGEST, quick.SMALL - 1) or source.aside:
        return None
    # These are read in ways of their own.
    if mapping.code or mapping.series or mapping.line is not None:
        return None
    shape: Hashable = "json" if form.kind in ("json", "jsonl") else None
    if form.kind == "csv":
        shape = (form.header, form.delimiter)
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
    spool, form = target.with_suffix(".jsonl"), sources[0].format
    table = form.kind == "csv"
    columns: tuple[str, ...] = ()
    damaged: list[list[Reject]] = [[] for _ in sources]
    if table or form.kind == "jsonl":
        parts = [whole(s, target.with_suffix(f".{number}.part")) for number, s in enumerate(sources)]
        sources, damaged = [part for part, _ in parts], [found for _, found in parts]
    try:
        if table:
            relation, rejects = rows_of(sources, spool)
            columns = form.header
        else:
            relation, rejects = documents_of(sources, spool)
            relation, bad = bad_documents(session, relation, "", *expected(mapping))
            for reject in bad:
                number, row = split(reject.row or 0)
                rejects[number].append(replace(reject, file=sources[number].name, row=row))
            columns = member_names(session, relation) if mapping.other_columns else ()
        compiled = compile_mapping(
            mapping, "columns" if table else "json", columns=columns, facts=facts, wanted=wanted, bundled=True,
            points_group=table and form.delimiter == ";",
        )  # fmt: skip
        names = f"[{literals(s.name for s in sources)}]"
        query = (
            f"SELECT * REPLACE ({record_of('source_row')} AS source_row, "
            f"{names}[{file_of('source_row')} + 1] AS source_file), {file_of('source_row')} AS part "
            f"FROM ({compiled.over(relation)}) ORDER BY part, source_row"
        )
        constants = {n: sql for n, sql in compiled.constants.items() if n != "source_file"}
        session.sql(copy_sql(query, (*compiled.columns, "part"), constants, target))
        if table and csv_rejects(session, ""):
            return None
    except duckdb.OutOfMemoryException:
        raise
    except (duckdb.Error, InputError):
        return None
    counts = {
        part: (rows, ignored, problems) for part, rows, ignored, problems in session.rows(
            "SELECT part, count(*), count(ignored), count(problem) "
            f"FROM read_parquet({literal(str(target))}) GROUP BY part"
        )
    }  # fmt: skip
    return [
        staged_from(
            session, source, mapping, target, compiled.columns, constants, [*damaged[part], *rejects[part]],
            counts.get(part, (0, 0, 0)), part=part,
        ) for part, source in enumerate(sources)
    ]  # fmt: skip
