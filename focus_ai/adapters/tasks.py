"""Staging as tasks over files: one after another, or in a pool of processes. The results are the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Mapping as MappingType
from functools import partial
from pathlib import Path

from focus_ai.adapters.bundle import stage_together, together
from focus_ai.adapters.mapping import Mapping
from focus_ai.adapters.processes import in_processes
from focus_ai.adapters.quick import aside, direct, stage_quickly
from focus_ai.adapters.stage import stage
from focus_ai.adapters.staged import Staged
from focus_ai.engine import Session
from focus_ai.sources.discover import SourceFile

# JSON documents up to this size fit into the usual memory.
DOCUMENT = 8 << 20
# What the engine reads of a file of JSON lines at once.
BUFFER = 32 << 20

# What the engine may plan with while it reads. Read buffers count in full although little of them is ever touched:
# the process stays near 400 MB, and below this it starts to spill for nothing.
STAGING_MEMORY = 800_000_000

Task = tuple[SourceFile, Mapping, MappingType[str, str]]
Call = tuple[list[Task], Path, Callable[..., Session], bool, frozenset[str] | None]


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
    """Stage every file into `work/staged`; the results come in the order given."""
    folder = work / "staged"
    folder.mkdir(parents=True, exist_ok=True)
    plain: list[Task] = [(source, mapping, dict(facts)) for source, mapping, facts in tasks]  # a process can have it
    bundles = together(plain)
    workers = min(jobs, len(bundles))
    opened = partial(Session, memory_limit=memory_limit, threads=threads, beside=max(0, workers - 1))
    calls = [
        ([plain[place] for place in places], folder / f"{number:05d}.parquet", opened, numbered, extra)
        for number, places in enumerate(bundles)
    ]
    found: dict[int, Staged] = {}
    if progress:
        progress("read", 0, len(tasks))
    results = in_processes(_some, calls, workers) if workers > 1 else map(_some, calls)
    for places, staged in zip(bundles, results, strict=True):
        found.update(zip(places, staged, strict=True))
        if progress:
            progress("read", len(found), len(tasks))
    return [found[place] for place in range(len(tasks))]


def _some(call: Call) -> list[Staged]:
    tasks, target, session_with, numbered, extra = call
    if len(tasks) > 1:
        sources, (_, mapping, facts) = [source for source, _, _ in tasks], tasks[0]
        with session_with(target.with_suffix(".work"), for_two=STAGING_MEMORY) as session:
            session.seal([target.parent], [s.path for s in sources])
            staged = stage_together(session, sources, mapping, target, facts=facts, extra=extra)
        if staged is not None:
            return staged
    return [
        _one(task, target.with_name(f"{target.stem}-{n}.parquet"), session_with, numbered=numbered, extra=extra)
        for n, task in enumerate(tasks)
    ]


def _one(
    task: Task, target: Path, session_with: Callable[..., Session], *, numbered: bool, extra: frozenset[str] | None
) -> Staged:
    source, mapping, facts = task
    opened = partial(session_with, target.with_suffix(".work"))
    if not numbered and direct(source, mapping):
        # Rows of a clean file carry no number, so they may be written in any order, by all threads.
        with opened(for_two=STAGING_MEMORY, keep_order=False) as session:
            session.seal([target.parent], [source.path])
            quick = stage_quickly(session, source, mapping, target, facts=facts, extra=extra)
        if quick is not None and not quick.ignored:
            return quick
        if quick is not None:
            with opened(for_two=_room(source, mapping)) as session:
                session.seal([target.parent], [source.path])
                return aside(session, source, mapping, quick, facts=facts, extra=extra)
    with opened(for_two=_room(source, mapping)) as session:
        session.seal([target.parent], [source.path])
        return stage(session, source, mapping, target, facts=facts, numbered=numbered, extra=extra, exact=True)


def _room(source: SourceFile, mapping: Mapping) -> int:
    """A JSON document is held whole, many times over; a large one gets more memory than is usual, and so does a file
    whose lines hold many records each."""
    form, held = source.format, 0
    if form.kind == "json":
        held = source.size
    elif form.kind == "jsonl" and mapping.depth:
        held = min(source.size, BUFFER) if form.compression == "none" else BUFFER
    return 450_000_000 + 40 * held if held > DOCUMENT else STAGING_MEMORY
