"""Staging as tasks over files: one after another, or in a pool of processes. The results are the same."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from collections.abc import Mapping as MappingType
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from focus_ai.adapters.mapping import Mapping
from focus_ai.adapters.quick import aside, direct, stage_quickly
from focus_ai.adapters.stage import stage
from focus_ai.adapters.staged import Staged
from focus_ai.engine import Session
from focus_ai.sources.discover import SourceFile

# JSON documents up to this size fit into the usual memory.
DOCUMENT = 8 << 20

# What the engine may plan with while it reads. Read buffers count in full although little of them is ever touched:
# the process stays near 400 MB, and below this it starts to spill for nothing.
STAGING_MEMORY = 800_000_000

Task = tuple[SourceFile, Mapping, MappingType[str, str]]


def stage_all(
    tasks: Sequence[Task],
    work: Path,
    *,
    jobs: int = 1,
    memory_limit: str | None = None,
    threads: int | None = None,
    numbered: bool = False,
    extra: frozenset[str] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Staged]:
    """Stage every file into `work/staged`, in the order given."""
    folder = work / "staged"
    folder.mkdir(parents=True, exist_ok=True)
    workers = min(jobs, len(tasks))
    opened = partial(Session, memory_limit=memory_limit, threads=threads, beside=max(0, workers - 1))
    calls = [
        (source, mapping, dict(facts), folder / f"{number:05d}.parquet", opened, numbered, extra)
        for number, (source, mapping, facts) in enumerate(tasks)
    ]
    found: list[Staged] = []
    if workers > 1:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            for done, staged in enumerate(pool.map(_one, calls), start=1):
                found.append(staged)
                if progress:
                    progress("read", done, len(calls))
        return found
    for done, call in enumerate(calls, start=1):
        if progress:
            progress("read", done - 1, len(calls))
        found.append(_one(call))
    return found


def _one(
    call: tuple[SourceFile, Mapping, dict[str, str], Path, Callable[..., Session], bool, frozenset[str] | None],
) -> Staged:
    source, mapping, facts, target, session_with, numbered, extra = call
    opened = partial(session_with, target.with_suffix(".work"))
    if not numbered and direct(source, mapping):
        # Rows of a clean file carry no number, so they may be written in any order, by all threads.
        with opened(for_two=STAGING_MEMORY, keep_order=False) as session:
            session.seal([target.parent], [source.path])
            quick = stage_quickly(session, source, mapping, target, facts=facts, extra=extra)
        if quick is not None and not quick.ignored:
            return quick
        if quick is not None:
            with opened(for_two=_room(source)) as session:
                session.seal([target.parent], [source.path])
                return aside(session, source, mapping, quick, facts=facts, extra=extra)
    with opened(for_two=_room(source)) as session:
        session.seal([target.parent], [source.path])
        return stage(session, source, mapping, target, facts=facts, numbered=numbered, extra=extra, exact=True)


def _room(source: SourceFile) -> int:
    """A JSON document is held whole, many times over; a large one gets more memory than is usual."""
    large = source.format.kind == "json" and source.size > DOCUMENT
    return 450_000_000 + 40 * source.size if large else STAGING_MEMORY
