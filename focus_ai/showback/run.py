"""One report from a data set to its dictionary (schema `focus-ai/showback@1`, schemas/showback.schema.json)."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from focus_ai import __version__
from focus_ai.clock import created_at
from focus_ai.engine import Session, literal
from focus_ai.errors import InputError, UsageError, nearest
from focus_ai.money import total
from focus_ai.settings import Settings
from focus_ai.showback import alerts, budgets, movers, spending, tables, waste
from focus_ai.showback.dataset import KEYS, Dataset, create_tables, find_files, open_rows
from focus_ai.showback.exact import plain
from focus_ai.showback.series import calendar

SCHEMA = "focus-ai/showback@1"


def run(
    dataset: Path,
    *,
    settings: Settings,
    filters: Mapping[str, str],
    first: str | None,
    last: str | None,
    compare: Sequence[str] | None,
    budget_file: Path | None,
    unit_files: Sequence[Path],
    audit_file: Path | None,
    currency: str | None,
    memory_limit: str | None,
    threads: int | None,
) -> dict[str, Any]:
    """See `focus_ai.api.report`."""
    for name in filters:
        if name not in KEYS:
            raise UsageError(f"the report does not know the filter {name!r}", expected=nearest(name, KEYS))
    spans = [movers.read_span(text) for text in compare or ()]
    if spans and len(spans) != 2:
        raise UsageError("--compare needs two periods", value=" ".join(compare or ()))
    for text in (first, last):
        if text is not None:
            movers.read_span(text)
    start = movers.read_span(first)[0].isoformat() if first else None
    end = movers.read_span(last)[1].isoformat() if last else None
    wanted = tables.with_accounts(
        tables.read_budgets(budget_file) if budget_file else [],
        tables.account_budgets(accounts) if (accounts := settings.owners.accounts) else [],
    )
    units = [unit for path in unit_files for unit in tables.read_units(path)]
    audit = waste.read_audit(audit_file) if audit_file else None
    files = find_files(dataset)
    with (
        tempfile.TemporaryDirectory(prefix="focus-ai-", dir=settings.engine.temp) as folder,
        Session(Path(folder), memory_limit=memory_limit, threads=threads) as session,
    ):
        session.seal([], files)
        data = open_rows(session, files)
        create_tables(data, filters, start, end)
        return _report(data, dataset, settings, filters, spans, wanted, units, audit, currency)


def _report(
    data: Dataset,
    dataset: Path,
    settings: Settings,
    filters: Mapping[str, str],
    spans: Sequence[movers.Span],
    wanted: Sequence[tables.Budget],
    units: Sequence[tables.Unit],
    audit: Mapping[str, Any] | None,
    currency: str | None,
) -> dict[str, Any]:
    session, limits = data.session, settings.report
    money = session.dicts(
        "SELECT currency, sum(cost) AS cost, sum(billed) AS billed, sum(rows)::BIGINT AS rows, "
        "coalesce(sum(cost) FILTER (basis = 'rated'), 0) AS rated, coalesce(sum(cost) FILTER (basis = 'billed'), 0) "
        "AS from_bills FROM spend GROUP BY ALL ORDER BY cost DESC, currency",
    )  # fmt: skip
    if not money:
        raise InputError(
            "no row is left", where=str(dataset), value=", ".join(f"{k} {v}" for k, v in filters.items()) or None,
            next_step="check the filters and the period; names are those of the report without filters",
        )  # fmt: skip
    chosen = currency or str(money[0]["currency"])
    if chosen not in {row["currency"] for row in money}:
        raise UsageError("the data set has no such currency", value=chosen,
                         expected=", ".join(str(row["currency"]) for row in money))  # fmt: skip
    bounds = session.one(f"SELECT min(day), max(day) FROM spend WHERE currency = {literal(chosen)}")
    days = calendar(*bounds)
    whole = next(row["cost"] for row in money if row["currency"] == chosen)
    tokens, longer = session.one(
        "SELECT coalesce(sum(tokens), 0), coalesce(sum(cost) FILTER (long), 0) FROM spend "
        f"WHERE currency = {literal(chosen)}"
    )
    requests = session.one(f"SELECT coalesce(sum(requests), 0) FROM calls WHERE currency = {literal(chosen)}")[0]
    wanted, why_not = budgets.of_filters(wanted, filters)
    burnt = budgets.burn(session, wanted, chosen, days, Decimal(limits.budget_alert))
    nobody = spending.unattributed(session, chosen, days, limits.unattributed_days, whole)
    pair = (spans[0], spans[1]) if spans else movers.usual_spans(days)
    found = {
        "schema": SCHEMA,
        "version": __version__,
        "created_at": created_at().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "dataset": str(dataset),
        "rows": data.rows,
        "filters": dict(filters),
        "period": {"from": days[0].isoformat(), "to": days[-1].isoformat(), "days": len(days)},
        "currency": chosen,
        "totals": {"cost": whole, "tokens": int(tokens), "requests": int(requests), "longer": longer,
                   "currencies": money},
        "alerts": alerts.find(session, chosen, days, burnt, nobody, Decimal(limits.spike_factor)),
        "last_day": movers.last_day(session, chosen, days),
        "daily": spending.daily(session, chosen, days),
        "budgets": {"given": bool(wanted), "why_not": why_not, "teams": burnt,
                    "without": budgets.without_budget(session, wanted, chosen) if wanted else [],
                    "in_other_currencies": budgets.in_other_currencies(wanted, chosen)},
        "shared": spending.shared(session, chosen, whole),
        "unattributed": nobody,
        "retries": waste.retries(data, chosen, whole, audit),
        "evaluation": spending.environments(session, chosen),
        "caching": spending.caching(data, chosen),
        "batch": spending.batch(data, chosen, whole),
        "unit_cost": spending.unit_costs(session, chosen),
        "business_units": budgets.per_unit(session, units, chosen),
        "models": spending.efficiency(session, chosen),
        "movers": movers.compare(session, chosen, *pair) if pair else None,
        "limits": {"budget_alert": limits.budget_alert, "spike_factor": limits.spike_factor,
                   "unattributed_days": limits.unattributed_days},
        "missing_columns": data.missing,
    }  # fmt: skip
    _check(found, whole)
    result: dict[str, Any] = plain(found)
    return result


def _check(found: Mapping[str, Any], whole: Decimal) -> None:
    """Every breakdown adds up to the total. Raises `InternalError` when one does not."""
    from focus_ai.errors import InternalError

    for dimension in spending.DIMENSIONS:
        summed = total(group["cost"] for group in found["daily"][dimension])
        if summed != whole:
            raise InternalError(f"spend by {dimension} does not add up", value=f"{summed}", expected=f"{whole}")


__all__ = ["SCHEMA", "run"]
