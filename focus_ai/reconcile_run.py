"""One `reconcile` run: both sides become rows of a FOCUS shape, meet in buckets, and differences get their causes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from focus_ai import __version__, report
from focus_ai.clock import created_at
from focus_ai.engine import Session
from focus_ai.errors import InputError, UsageError, nearest
from focus_ai.focus.rows import month_bounds
from focus_ai.intake import rate_card
from focus_ai.pricing.card import RateCard
from focus_ai.reconcile.buckets import BILL, DIMENSIONS, USAGE, coverage, create_buckets
from focus_ai.reconcile.causes import Limits
from focus_ai.reconcile.close import invoiced_months
from focus_ai.reconcile.compare import compare
from focus_ai.reconcile.result import PARQUET, create_cause_lists, document
from focus_ai.reconcile_sides import Side, Span, add_bill_rows, create_evidence_of, load_sides, read_side
from focus_ai.rewrite import DataSet, exact, plain, work_folder
from focus_ai.settings import Settings
from focus_ai.sinks import Delivery
from focus_ai.sinks.manifest import write_json
from focus_ai.sources.digests import sha256

Progress = Callable[[str, int, int], None]
LISTED = 200
# Bytes for the engine unless told otherwise: a million buckets fit without spilling.
MEMORY = 600_000_000
# Buckets that are sorted and written at once.
SLICE = 250_000


def run(
    rated: Sequence[str],
    billed: Sequence[str],
    *,
    usage: Sequence[str] = (),
    settings: Settings,
    out: Path | None,
    by: Sequence[str] = (),
    rule: str = "bucket",
    limits: Limits | None = None,
    measure: str | None = None,
    period: str | None = None,
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
    if close is not None and measure == "BilledCost":
        raise UsageError("a period is closed to its EffectiveCost", value="--measure billed",
                         next_step="leave --measure out, or compare without --close")  # fmt: skip
    if usage and billed:
        raise UsageError("rated charges are laid beside a bill or beside a usage export", value="--billed, --usage",
                         next_step="leave --usage out: a bill says what was paid")  # fmt: skip
    if usage and close not in (None, "split"):
        raise UsageError("only a split gives the owners of a log to a usage export", value=f"--close {close}",
                         expected="--close split")  # fmt: skip
    other = USAGE if usage else BILL
    if "-" in rated and "-" in (*billed, *usage):
        raise UsageError("standard input cannot be both sides", value="--rated - --billed -",
                         next_step="name a file for one of the two")  # fmt: skip
    now = as_of or created_at()
    span = _span(period)
    months = _months(invoiced)
    card = rate_card(settings)
    # A closed data set is built beside its folder, so that it can be put in place in one step.
    delivery = None if close_out is None else Delivery(close_out)
    try:
        with work_folder(out) if delivery is None else _Kept(delivery.work) as work:
            options: dict[str, Any] = {
                "adapter": adapter, "mapping": mapping, "memory_limit": memory_limit, "threads": threads,
                "progress": progress,
            }  # fmt: skip
            sides = [
                read_side(side, given, work, settings, options, own=close is not None)
                for side, given in ((Side("rated"), rated), (Side("billed", other), usage or billed))
            ]
            if close is not None:
                add_bill_rows(sides[1], _schema(sides), work)
            with Session(work / "engine", memory_limit=memory_limit, threads=threads, for_two=MEMORY) as session:
                folders = [work, *(d for s in sides for d in s.datasets)]
                folders += [delivery.folder, delivery.out] if delivery else []
                session.seal(folders, [f for s in sides for f in s.files])
                load_sides(session, sides, card, measure, span)
                notes = coverage(session, other)
                notes += create_buckets(session, dimensions, month=month, other=other)
                create_evidence_of(session, sides[0], card)
                compare(session, card, limits, now, other)
                facts = _facts(session, sides, card, now, dimensions, notes)
                found = document(session, facts, limits, top=listed, verdict=rule)
                if delivery is not None and close is not None:
                    found["closed"] = _close(
                        session, sides, settings, delivery, close, months, now, dimensions, work=work,
                    )  # fmt: skip
                if out is not None:
                    _write(session, out, found)
        if delivery is not None:
            delivery.commit()
    except BaseException:
        if delivery is not None:
            delivery.discard()
        raise
    return found


def _schema(sides: Sequence[Side]) -> Any:
    """The Arrow schema of the closed rows: the columns of both sides.

    Texts behind x_ may stand on one side only, as those of a cloud's own export do. Raises `UsageError` when the sides
    differ in anything else.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    every = list(dict.fromkeys(plain(pq.read_schema(f)) for side in sides for f in side.files))
    if not every:
        raise InputError("no rows to close", next_step="give usage and a bill")
    fields = {f.name: f for schema in every for f in schema}
    texts = {n for n, f in fields.items() if n.startswith("x_") and pa.types.is_string(f.type)}
    fixed = [[f for f in schema if f.name not in texts] for schema in every]
    for held in fixed[1:]:
        if held != fixed[0]:
            other = sorted({f.name for f in held} ^ {f.name for f in fixed[0]})[:5]
            raise UsageError(
                "the two sides have different columns", value=", ".join(other),
                next_step="make both sides with one --focus version, or give raw exports",
            )  # fmt: skip
    for schema in every:
        exact(schema, "rows to close")
    if len(every) == 1:
        return every[0]
    names = [n for n in every[0].names if not n.startswith("x_")]
    return pa.schema([fields[n] for n in (*names, *sorted(n for n in fields if n.startswith("x_")))])


def _close(
    session: Session, sides: Sequence[Side], settings: Settings, delivery: Delivery, method: str,
    invoiced: Sequence[str], now: datetime, dimensions: Sequence[str], *, work: Path,
) -> dict[str, Any]:  # fmt: skip
    from focus_ai.close_run import Closing, close

    schema = _schema(sides)
    focus = "1.2" if "AllocatedMethodId" not in schema.names else settings.convert.focus
    if "InvoiceDetailId" in schema.names:
        focus = "1.4"
    run = {"focus": focus, "grain": "day", "rate_card": None}
    # In an order of their own, so that the rows do not depend on the order in which the inputs were named.
    rated, billed = (DataSet(work / "none", {"all": sorted(s.files, key=sha256)}, schema, run) for s in sides)
    closing = Closing(session, rated, billed, dimensions, work=work, other=sides[1].what)
    sources = [{"side": side.name, **entry} for side in sides for entry in side.inputs]
    return close(closing, method, delivery, invoiced=invoiced, as_of=now, sources=sources)


class _Kept:
    """A work folder that somebody else removes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        pass


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


def _months(words: Sequence[str]) -> tuple[str, ...]:
    try:
        return invoiced_months(words)
    except ValueError:
        raise UsageError("--invoiced is not a month", value=", ".join(words), expected="YYYY-MM") from None


def _span(word: str | None) -> Span | None:
    """First day and day after the last one of `2026-11`, `2026-11-03` or `2026-11-03..2026-11-09`."""
    if word is None:
        return None
    try:
        if len(word) == 7:
            first, after = month_bounds(word)
            return date.fromisoformat(first), date.fromisoformat(after)
        start, _, last = word.partition("..")
        days = date.fromisoformat(start), date.fromisoformat(last or start) + timedelta(days=1)
        if days[0] < days[1]:
            return days
    except ValueError:
        pass
    raise UsageError("--period is not understood", value=word, expected="2026-11, 2026-11-03 or 2026-11-03..2026-11-09")


def _facts(
    session: Session, sides: Sequence[Side], card: RateCard, now: datetime, by: Sequence[str], notes: Sequence[str]
) -> dict[str, Any]:
    first, last = session.one("SELECT min(p_from)::VARCHAR, max(p_to)::VARCHAR FROM stretches")
    inputs = {s.name: s.inputs for s in sides}
    against = sides[1].what
    identity = {"version": __version__, "inputs": inputs, "against": against, "rate_card": card.card_id, "by": list(by)}
    return {
        "version": __version__,
        "against": against,
        "run_id": report.digest(identity),
        "created_at": created_at().strftime("%Y-%m-%dT%H:%M:%SZ"),
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
    create_cause_lists(session)
    schema = session.connection.sql(f"{PARQUET} LIMIT 0").to_arrow_table().schema
    part = out / f".buckets-{os.getpid()}.parquet"
    count = int(session.one("SELECT count(*) FROM bucket_facts")[0])
    slices = [f"{PARQUET} WHERE n > {start} AND n <= {start + SLICE}" for start in range(0, count, SLICE)]
    write_parquet(session, slices, "n", schema, part, {"focus-ai.schema": "focus-ai/reconcile-buckets@1"})
    part.replace(out / "buckets.parquet")
    part = out / f".reconcile-{os.getpid()}.json"
    write_json(part, dict(found))
    part.replace(out / "reconcile.json")
