"""The rooms in order. Read this file as the table of contents of a run; it holds no logic of its own.

sources → adapters (staged records) → usage (count once) → ownership → pricing (charges) → focus (rows) → sinks.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from focus_ai.adapters import Mapping
from focus_ai.adapters.staged import Staged
from focus_ai.engine import Session
from focus_ai.focus import arrow_schema, create_places, rows_sql
from focus_ai.focus.carried import Carried, create_carried, stated_periods
from focus_ai.focus.dimensions import Dimensions
from focus_ai.focus.rows import carried_sql, month_bounds, order_sql
from focus_ai.ownership import OwnerBook, Pseudonyms
from focus_ai.ownership.attach import attach, attach_users
from focus_ai.pricing import charges, rating
from focus_ai.pricing.billed import create_billed, sku_key
from focus_ai.pricing.card import RateCard
from focus_ai.pricing.enrich import create_enriched
from focus_ai.settings import Settings
from focus_ai.sinks.parquet import Written, write_parquet
from focus_ai.usage import Duplicates, attempts, create_view, deduplicate
from focus_ai.usage.billing_source import Carriers, choose
from focus_ai.usage.months import leave_out_other_months
from focus_ai.usage.overlap import choose_place, seen_from

Progress = Callable[[str, int, int], None]
# First day and day after the last one, as YYYY-MM-DD.
Span = tuple[str, str]
# Rows that are sorted at once: of requests, which are read from the staged files again for every slice, and of groups.
SLICE = 400_000
GROUPED_SLICE = 40_000


@dataclass(frozen=True)
class Plan:
    """What a run is asked to do, after settings and flags."""

    settings: Settings
    focus: str
    grain: str
    numeric: str
    months: tuple[str, ...] = ()  # the billing periods to write, as YYYY-MM; none means all


@dataclass(frozen=True)
class Rated:
    """The state of the engine after pricing: which columns occur, which meters, the SQL of both kinds of charges."""

    present: frozenset[str]
    duplicates: Duplicates
    carriers: Carriers
    meters: tuple[rating.MeterColumn, ...]
    owner_hash: str
    place_hash: str
    with_other: bool
    has_bills: bool
    usage: str
    billed: str
    card: RateCard
    carried: Carried | None = None
    other_months: int = 0

    @property
    def extra(self) -> tuple[str, ...]:
        """Columns of FOCUS files of others that the rows keep."""
        return self.carried.extra if self.carried else ()


def rate(
    session: Session,
    staged: Sequence[Staged],
    mappings: Sequence[Mapping],
    plan: Plan,
    book: OwnerBook,
    card: RateCard,
    *,
    grouped: bool = True,
) -> Rated:
    """From staged records to charges. `grouped=False`: usage is not grouped, `charges.priced_events` reads it."""
    settings = plan.settings
    present = create_view(session, staged)
    spans = tuple(sorted({m.id for m in mappings if m.leaf_spans}))
    duplicates = deduplicate(
        session, present, leaf_spans=spans, mappings=mappings, evidence=book.needs, more=bool(plan.months)
    )
    estimates = frozenset(m.id for m in mappings if m.kind == "billed" and seen_from(m) != "provider")
    asked_by = {m.id: m.asked_by for m in mappings if m.asked_by}
    rounded = {m.id: m.rounded_to for m in mappings if m.rounded_to is not None}
    carriers = choose(session, present, settings.billing.source, estimates, asked_by, rounded)
    carriers = choose_place(session, mappings, present, settings.billing.source, carriers)
    uses = attempts.mark(session, present)
    stated = stated_periods(session, plan.focus) if plan.months and "focus_row" in present else None
    others_left = leave_out_other_months(session, present, plan.months, stated)
    owner_hash = attach(session, book, present)
    places = charges.place_columns(present, {m.id for m in mappings if m.focus_rows})
    place_hash = charges.place_hash(places)
    request = plan.grain == "request"
    if request and grouped:
        attach_users(session, Pseudonyms.from_settings(settings), present)
    used = rating.used_fields(session, present)
    meters = tuple(rating.token_meters(present, used))
    others = rating.other_meters(session, present)
    names = [*(m.name for m in meters), *others]
    rating.create_segments(session, card, present, names, lambda channel: settings.account(channel).id)
    meters = (*meters, *rating.request_fee(session, present, meters))
    if grouped:
        charges.create_groups(
            session, present, meters, grain=plan.grain, owner_hash=owner_hash, place_hash=place_hash,
            with_other=bool(others), carried=carriers.usage, use=(uses.sql, uses.join),
        )  # fmt: skip
    found = create_enriched(session, present, card, usage=carriers.behind_bills, billed=carriers.billed)
    carriers = carriers.with_quantities({family: (n.enriched, n.not_matched) for family, n in found.items()})
    keyed = {"owner_hash": owner_hash, "place_hash": place_hash}
    create_billed(session, present, card, grain=plan.grain, carried=carriers.billed, **keyed)
    create_places(session, places, place_hash, settings)
    keys = {**keyed, "sku_key": sku_key(present), "carried": carriers.billed}
    carried = create_carried(session, plan.focus, **keys) if "focus_row" in present else None
    merge = not request and charges.prices_recur(session)
    usage = charges.usage_charges(meters, request=request, with_other=bool(others), merge=merge)
    has_bills = bool(session.rows("SELECT 1 FROM billed_charges LIMIT 1"))
    billed = "SELECT * FROM billed_charges"
    return Rated(
        present, duplicates, carriers, meters, owner_hash, place_hash, bool(others), has_bills, usage, billed, card,
        carried, others_left,
    )  # fmt: skip


def periods(session: Session, rated: Rated, plan: Plan) -> dict[str, list[Span]]:
    """First day of each billing period -> the time spans in which its rows are sorted and written, in order.

    A span holds at most about `SLICE` (`GROUPED_SLICE`) rows or one day, so that sorting needs little memory whatever
    the input.
    """
    request = plan.grain == "request"
    usage = "SELECT event_time AS t FROM events WHERE kind = 'usage'" if request else (
        "SELECT period_start AS t FROM usage_groups"
    )  # fmt: skip
    # A charge can lie outside the period that bills it: its row goes to that period, with the day that is nearest.
    nearest = "SELECT least(greatest({charge}, date_trunc('month', {period})), last_day({period})) FROM {table}"
    billed = {"charge": "period_start", "period": "coalesce(billing_start, period_start)", "table": "billed_charges"}
    parts = [usage, nearest.format(**billed)]
    if rated.with_other and not request:
        parts.append("SELECT period_start FROM other_groups")
    if rated.carried:
        parts.append(nearest.format(charge="ChargePeriodStart", period="BillingPeriodStart", table="carried_rows"))
    days = session.rows(
        f"SELECT strftime(date_trunc('day', t), '%Y-%m-%d'), count(*) FROM ({' UNION ALL '.join(parts)}) "
        "GROUP BY 1 ORDER BY 1"
    )
    most = SLICE if request else GROUPED_SLICE
    found: dict[str, list[Span]] = {}
    for month, group in itertools.groupby(days, lambda d: str(d[0])[:7]):
        cuts, held = [], 0
        for day, number in group:
            if held and held + number * max(1, len(rated.meters)) > most:
                cuts.append(str(day))
                held = 0
            held += number * max(1, len(rated.meters))
        start, end = month_bounds(month)
        edges = [start, *cuts, end]
        found[start] = list(itertools.pairwise(edges))
    return found


def write_periods(
    session: Session, rated: Rated, plan: Plan, folder: Path, footer: dict[str, str], progress: Progress | None = None
) -> dict[str, list[Written]]:
    """Write one Parquet file per billing period; returns the files by period (YYYY-MM)."""
    schema = arrow_schema(plan.focus, "double" if plan.numeric == "double" else "exact", extra=rated.extra)
    months = periods(session, rated, plan)
    parts = _dimensions(session, rated, plan)

    def write(month: str) -> Written | None:
        path = folder / "data" / f"billing_period={month[:7]}" / "focus-00000.parquet"
        if parts is None:
            queries = [_rows(rated, plan, month, span) for span in months[month]]
            return write_parquet(session, queries, order_sql(), schema, path, footer)
        queries = [parts.select(charges.with_costs(rated.usage), month, span) for span in months[month]]
        return write_parquet(session, queries, parts.order, schema, path, footer, beside=parts.beside(month))

    found: dict[str, list[Written]] = {}
    # Rows of requests are many and fill the memory that the engine may use; grouped rows are few.
    with ThreadPoolExecutor(1 if plan.grain == "request" else 2) as pool:
        for done, (month, written) in enumerate(zip(months, pool.map(write, months), strict=True)):
            if progress:
                progress("write", done, len(months))
            if written is not None:
                found[month[:7]] = [written]
    return found


def _dimensions(session: Session, rated: Rated, plan: Plan) -> Dimensions | None:
    """The columns that places, owners and prices tell, where every row is usage; lines of a bill tell them apart."""
    if not rated.usage or rated.has_bills or rated.carried:
        return None
    return Dimensions(session, plan.focus, request=plan.grain == "request", prices=rating.PRICE_COLUMNS)


def _rows(rated: Rated, plan: Plan, month: str, span: Span) -> str:
    """SQL of the rows of one billing period whose charge period starts in the span."""
    options: dict[str, Any] = {"request": plan.grain == "request", "extra": rated.extra}
    parts = []
    if rated.usage:
        parts.append(rows_sql(plan.focus, charges.with_costs(rated.usage), month, span, billed=False, **options))
    if rated.has_bills or not (parts or rated.carried):
        parts.append(rows_sql(plan.focus, rated.billed, month, span, billed=True, **options))
    if rated.carried:
        parts.append(carried_sql(plan.focus, month, span, rated.extra))
    return " UNION ALL ".join(parts)


def all_rows(session: Session, rated: Rated, plan: Plan) -> str:
    """The rows of all billing periods with exact numbers, as a relation; empty text when there are none."""
    months = periods(session, rated, plan)
    queries = [_rows(rated, plan, month, (spans[0][0], spans[-1][1])) for month, spans in months.items()]
    return f"({' UNION ALL '.join(queries)})" if queries else ""
