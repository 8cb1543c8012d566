"""The public functions. What the command line does, a program can do through these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from focus_ai.errors import UsageError

if TYPE_CHECKING:
    from focus_ai.settings import Settings

Progress = Callable[[str, int, int], None]
GRAINS = ("request", "hour", "day", "month")


def convert(
    inputs: Sequence[str],
    out: Path,
    *,
    adapter: str | None = None,
    mapping: Sequence[Path] = (),
    settings: Settings | None = None,
    focus: str = "1.3",
    grain: str = "day",
    numeric: str = "decimal",
    events: bool = False,
    jobs: int = 1,
    memory_limit: str | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Convert exports and logs into a FOCUS data set in `out`; returns the run report (schema focus-ai/run@1).

    `focus` is a version with column facts, `grain` one of request, hour, day, month. Raises `UsageError` for a wrong
    argument or setting, `InputError` for an input that is missing or not recognised. Bad records never raise.
    """
    from focus_ai.convert import run
    from focus_ai.settings import Settings

    if grain not in GRAINS:
        raise UsageError("unknown grain", value=grain, expected=", ".join(GRAINS))
    if numeric not in ("decimal", "exact", "double"):
        raise UsageError("unknown numeric form", value=numeric, expected="decimal or double")
    return run(
        inputs, Path(out), adapter=adapter, mapping=mapping, settings=settings or Settings(), focus=focus, grain=grain,
        numeric=numeric, events=events, jobs=jobs, memory_limit=memory_limit, threads=threads, progress=progress,
    )  # fmt: skip


def adapters() -> list[dict[str, Any]]:
    """Facts of every shipped adapter, by id."""
    from focus_ai.adapters import shipped

    return [adapter(name) for name in sorted(shipped())]


def adapter(name: str) -> dict[str, Any]:
    """Facts of one adapter. Raises `UsageError` with the nearest ids."""
    from focus_ai.adapters import by_id

    found = by_id(name)
    return {
        "id": found.id, "title": found.title, "docs": found.docs, "checked": found.checked, "kind": found.kind,
        "system": found.system, "reads": list(found.reads), "export": found.export, "records": found.records,
        "fields": sorted(found.fields), "tokens": {k: v for k, v in found.tokens.items() if isinstance(v, str)},
        "meters": [m["meter"] if isinstance(m["meter"], str) else "by record" for m in found.meters],
        "identity": list(found.identity), "settings": list(found.settings), "money_family": found.money_family,
        "leaves_out": dict(found.leaves_out), "traps": list(found.traps), "recognise": dict(found.recognise),
    }  # fmt: skip
