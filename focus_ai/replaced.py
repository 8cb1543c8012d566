"""Days that the old data set held and the new one does not: a run replaces whole months.

In: the folder of the old data set, and the rows of this run. Out: warnings.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from focus_ai.engine import Session, literals
from focus_ai.warned import Warned, sized


def old_files(out: Path) -> list[Path]:
    """The Parquet files of the data set in place."""
    return sorted((out / "data").glob("billing_period=*/*.parquet"))


def lost_days(session: Session, out: Path, periods: Collection[str], relation: str, grain: str) -> list[Warned]:
    """A warning per seller and currency for days of the replaced months that this run has no row for.

    `relation`: the rows of this run, which have that `grain`. The session may read `old_files`.
    """
    import duckdb

    files = [f for f in old_files(out) if f.parent.name.removeprefix("billing_period=") in periods]
    if not files or not relation:
        return []
    day = "CAST(ChargePeriodStart AS DATE)"
    if "month" in (grain, _grain(out)):
        day = f"CAST(date_trunc('month', {day}) AS DATE)"
    period = "strftime(BillingPeriodStart, '%Y-%m') AS period"  # a day can be billed in two of them
    try:
        found = session.rows(
            f"WITH old AS (SELECT InvoiceIssuerName AS seller, {day} AS day, {period}, BillingCurrency AS currency, "
            "count(*) AS rows, sum(CAST(EffectiveCost AS DECIMAL(38, 18))) AS cost FROM "
            f"read_parquet([{literals(map(str, files))}], hive_partitioning=false, union_by_name=true) GROUP BY ALL), "
            f"new AS (SELECT DISTINCT InvoiceIssuerName AS seller, {day} AS day, {period} FROM {relation}) "
            "SELECT seller, currency, min(day), max(day), count(DISTINCT day), CAST(sum(rows) AS BIGINT), sum(cost) "
            "FROM old ANTI JOIN new USING (seller, day, period) GROUP BY seller, currency ORDER BY seller, currency"
        )
    except duckdb.Error:  # what stands there is no data set of ours, or damaged; it is replaced all the same
        return []
    return [
        sized(
            "replaced_days", f"the data set held {days} day{'' if days == 1 else 's'} of {seller} ({first} to {last}) "
            "that this run has no row for, and a run replaces whole months; give all exports of a month together, the "
            "months that are meant with --month, or another --out", {"n": rows, "e": cost, "currency": currency},
        )
        for seller, currency, first, last, days, rows, cost in found
    ]  # fmt: skip


def _grain(out: Path) -> str | None:
    """The grain of the data set in place, where its report says so."""
    try:
        found = json.loads((out / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return str(found.get("grain")) if isinstance(found, dict) else None
