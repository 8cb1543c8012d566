"""One `reconcile` run: both sides become rows of a FOCUS shape, meet in buckets, and the differences get their causes.

Raw exports are converted in the work folder first, so a comparison always works on finished rows.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from focus_ai import __version__, report
from focus_ai.convert import rate_card
from focus_ai.engine import Session, ident, literal, literals
from focus_ai.errors import InputError, UsageError, nearest
from focus_ai.focus.meters import meters
from focus_ai.focus.places import sellers
from focus_ai.pricing.card import RateCard
from focus_ai.reconcile import bills, evidence, lines
from focus_ai.reconcile.buckets import DIMENSIONS, create_buckets
from focus_ai.reconcile.causes import Limits
from focus_ai.reconcile.compare import compare
from focus_ai.reconcile.result import PARQUET, document
from focus_ai.settings import Settings
from focus_ai.sinks.manifest import write_json
from focus_ai.sinks.parquet import blake2b
from focus_ai.sources import SourceFile, discover

Progress = Callable[[str, int, int], None]
LISTED = 200


def run(
    rated: Sequence[str],
    billed: Sequence[str],
    *,
    settings: Settings,
    out: Path | None,
    by: Sequence[str] = (),
    rule: str = "bucket",
    limits: Limits | None = None,
    measure: str | None = None,
    as_of: datetime | None = None,
    listed: int = LISTED,
    close: str | None = None,
    close_out: Path | None = None,
    invoiced: Sequence[str] = (),
    adapter: str | None = None,
    mapping: Sequence[Path] = (),
    memory_limit: str | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """See `focus_ai.api.reconcile`."""
    dimensions, month = _dimensions(by)
    limits = limits or limits_of(settings)
    if rule == "strict":
        limits = replace(limits, absolute=Decimal(0), warn=Decimal(0), breach=Decimal(0))
    now = as_of or report.created_at()
    card = rate_card(settings)
    with work_folder(out) as work:
        options: dict[str, Any] = {
            "adapter": adapter, "mapping": mapping, "memory_limit": memory_limit, "threads": threads,
            "progress": progress,
        }  # fmt: skip
        sides = [
            read_side("rated", rated, work, settings.override({"billing.source": "usage"}), options),
            read_side("billed", billed, work, settings.override({"billing.source": "bill"}), options),
        ]
        with Session(work / "engine", memory_limit=memory_limit or "1GB", threads=threads) as session:
            session.seal([work, *(d for s in sides for d in s.datasets)], [f for s in sides for f in s.files])
            notes = load_sides(session, sides, card, measure)
            notes += create_buckets(session, dimensions, month=month)
            _create_evidence(session, sides[0], card)
            compare(session, card, limits, now, dimensions, month=month)
            facts = _facts(session, sides, card, now, dimensions, notes)
            found = document(session, facts, limits, top=listed, verdict=rule)
            if out is not None:
                _write(session, out, found)
    return found


def work_folder(out: Path | None) -> _Work:
    """A work folder beside the output, or in the system's place for such; removed afterwards."""
    return _Work(out)


class _Work:
    def __init__(self, out: Path | None) -> None:
        parent = None if out is None else out.absolute().parent
        if parent is not None:
            parent.mkdir(parents=True, exist_ok=True)
        self.path = Path(tempfile.mkdtemp(prefix=".focus-ai-work-", dir=parent))

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def limits_of(settings: Settings) -> Limits:
    """The limits of the settings."""
    held = settings.reconcile
    return Limits(
        Decimal(held.absolute), Decimal(held.warn), Decimal(held.breach), held.late_hours, held.late_hours_cloud,
        held.invoice_days, tuple(map(Decimal, held.tax_rates)),
    )  # fmt: skip


def _dimensions(by: Sequence[str]) -> tuple[tuple[str, ...], bool]:
    """The dimensions of `--by`; `day` and `month` stand for the period."""
    words = [w.strip() for part in by for w in part.split(",") if w.strip()]
    if not words:
        return DIMENSIONS, False
    names = {"day": "period", "month": "period", **{d: d for d in DIMENSIONS}}
    for word in words:
        if word not in names:
            raise UsageError(f"--by does not know {word!r}", expected=nearest(word, names))
    asked = {names[w] for w in words}
    return tuple(d for d in DIMENSIONS if d in asked), "month" in words


def _facts(
    session: Session, sides: Sequence[Side], card: RateCard, now: datetime, by: Sequence[str], notes: Sequence[str]
) -> dict[str, Any]:
    first, last = session.one("SELECT min(p_from)::VARCHAR, max(p_to)::VARCHAR FROM buckets")
    inputs = {s.name: s.inputs for s in sides}
    identity = {"version": __version__, "inputs": inputs, "rate_card": card.card_id, "by": list(by)}
    return {
        "version": __version__,
        "run_id": report.digest(identity),
        "created_at": report.created_at().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "as_of": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "period": [first, last],
        "rate_card": card.card_id,
        "inputs": inputs,
        "by": list(by),
        "notes": list(notes),
    }


def _write(session: Session, out: Path, found: Mapping[str, Any]) -> None:
    """reconcile.json and buckets.parquet, each put in place whole."""
    from focus_ai.sinks.parquet import write_parquet

    if out.exists() and not out.is_dir():
        raise InputError("the output is a file, not a folder", where=str(out), next_step="choose another --out")
    out.mkdir(parents=True, exist_ok=True)
    schema = session.connection.sql(f"{PARQUET} LIMIT 0").to_arrow_table().schema
    part = out / f".buckets-{os.getpid()}.parquet"
    write_parquet(session, [PARQUET], "n", schema, part, {"focus-ai.schema": "focus-ai/reconcile-buckets@1"})
    part.replace(out / "buckets.parquet")
    part = out / f".reconcile-{os.getpid()}.json"
    write_json(part, dict(found))
    part.replace(out / "reconcile.json")
