"""The rooms in order. Read this file as the table of contents of a run; it holds no logic of its own.

sources → adapters (staged records) → usage (count once) → ownership → pricing (charges) → focus (rows) → sinks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from focus_ai.adapters import Mapping
from focus_ai.adapters.stage import Staged
from focus_ai.engine import Session
from focus_ai.focus import arrow_schema, create_places, rows_sql
from focus_ai.focus.rows import order_sql
from focus_ai.ownership import OwnerBook, Pseudonyms
from focus_ai.ownership.attach import attach, attach_users
from focus_ai.pricing import charges, rating
from focus_ai.pricing.billed import create_billed
from focus_ai.pricing.card import RateCard
from focus_ai.pricing.enrich import create_enriched
from focus_ai.settings import Settings
from focus_ai.sinks.parquet import Written, write_parquet
from focus_ai.usage import Duplicates, create_view, deduplicate
from focus_ai.usage.billing_source import Carriers, choose

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Plan:
    """What a run is asked to do, after settings and flags."""

    settings: Settings
    focus: str
    grain: str
    numeric: str


@dataclass(frozen=True)
class Rated:
    """The state of the engine after pricing: which columns occur, which meters, the SQL of both kinds of charges."""

    present: frozenset[str]
    duplicates: Duplicates
    carriers: Carriers
    meters: tuple[rating.MeterColumn, ...]
    owner_hash: str
    usage: str
    billed: str
    card: RateCard


def rate(
    session: Session, staged: Sequence[Staged], mappings: Sequence[Mapping], plan: Plan, book: OwnerBook, card: RateCard
) -> Rated:
    """From staged records to charges."""
    settings = plan.settings
    present = create_view(session, staged)
    spans = tuple(sorted({m.id for m in mappings if m.leaf_spans}))
    duplicates = deduplicate(session, present, leaf_spans=spans)
    carriers = choose(session, present, settings.billing.source)
    owner_hash = attach(session, book, present)
    request = plan.grain == "request"
    if request:
        attach_users(session, Pseudonyms.from_settings(settings), present)
    used = rating.used_fields(session, present)
    meters = tuple(rating.token_meters(present, used))
    others = rating.other_meters(session, present)
    rating.create_segments(session, card, present, [*(m.name for m in meters), *others])
    charges.create_groups(
        session, present, meters, grain=plan.grain, owner_hash=owner_hash, with_other=bool(others),
        carried=carriers.usage,
    )  # fmt: skip
    found = create_enriched(session, present, card, usage=carriers.usage, billed=carriers.billed)
    carriers = carriers.with_quantities({family: (n.enriched, n.not_matched) for family, n in found.items()})
    create_billed(session, present, card, grain=plan.grain, owner_hash=owner_hash, carried=carriers.billed)
    create_places(session, present, charges.PLACE, charges.place_hash(present), settings)
    usage = charges.usage_charges(meters, request=request, with_other=bool(others))
    return Rated(present, duplicates, carriers, meters, owner_hash, usage, "SELECT * FROM billed_charges", card)


def periods(session: Session) -> list[str]:
    """First days of the billing periods that occur."""
    tables = ["SELECT DISTINCT date_trunc('month', period_start) AS m FROM usage_groups",
              "SELECT DISTINCT date_trunc('month', period_start) FROM billed_charges"]  # fmt: skip
    if session.rows("SELECT 1 FROM duckdb_tables() WHERE table_name = 'other_groups' UNION ALL "
                    "SELECT 1 FROM duckdb_views() WHERE view_name = 'other_groups'"):  # fmt: skip
        tables.append("SELECT DISTINCT date_trunc('month', period_start) FROM other_groups")
    return [str(r[0]) for r in session.rows(
        f"SELECT DISTINCT strftime(m, '%Y-%m-%d') FROM ({' UNION ALL '.join(tables)}) ORDER BY 1"
    )]  # fmt: skip


def write_periods(
    session: Session, rated: Rated, plan: Plan, folder: Path, footer: dict[str, str], progress: Progress | None = None
) -> dict[str, list[Written]]:
    """Write one Parquet file per billing period; returns the files by period (YYYY-MM)."""
    schema = arrow_schema(plan.focus, "double" if plan.numeric == "double" else "exact")
    found: dict[str, list[Written]] = {}
    months = periods(session)
    for done, month in enumerate(months):
        if progress:
            progress("write", done, len(months))
        path = folder / "data" / f"billing_period={month[:7]}" / "focus-00000.parquet"
        written = write_parquet(session, _rows(session, rated, plan, month), order_sql(), schema, path, footer)
        if written is not None:
            found[month[:7]] = [written]
    return found


def _rows(session: Session, rated: Rated, plan: Plan, month: str) -> str:
    """SQL of the rows of one billing period."""
    request = plan.grain == "request"
    parts = []
    if rated.usage:
        parts.append(rows_sql(plan.focus, charges.with_costs(rated.usage), month, billed=False, request=request))
    if not parts or session.rows("SELECT 1 FROM billed_charges LIMIT 1"):
        parts.append(rows_sql(plan.focus, rated.billed, month, billed=True, request=request))
    return " UNION ALL ".join(parts)


def all_rows(session: Session, rated: Rated, plan: Plan) -> str:
    """The rows of all billing periods with exact numbers, as a relation; empty text when there are none."""
    queries = [_rows(session, rated, plan, month) for month in periods(session)]
    return f"({' UNION ALL '.join(queries)})" if queries else ""


def summary(session: Session, query: str) -> list[dict[str, Any]]:
    """Rows of a small query as dictionaries, decimals kept."""
    table = session.arrow(query)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows
