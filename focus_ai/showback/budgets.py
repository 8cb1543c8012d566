"""Budgets and unit cost: burn and forecast per team and month, money per ticket, document or user."""

from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from focus_ai.engine import Session, ident, literal
from focus_ai.money import CTX
from focus_ai.showback.exact import ZERO, ratio, share, total
from focus_ai.showback.spending import UNATTRIBUTED, costs
from focus_ai.showback.tables import Budget, Unit


def burn(
    session: Session, budgets: Sequence[Budget], currency: str, last: date, alert: Decimal
) -> list[dict[str, Any]]:
    """Per budget and month with spend: what is spent, the share, the forecast at the pace so far, and a status.

    `over`: more than the budget. `alert`: at least `alert` of it. `forecast`: at this pace the month ends above it.
    The forecast is the spend so far times the days of the month by the days passed (up to the last day with data).
    """
    spent = {name.casefold(): days for name, days in costs(session, currency, "team").items()}
    months = sorted({(day.year, day.month) for days in spent.values() for day in days})
    found = []
    for budget in budgets:
        if budget.currency not in (None, currency):
            continue
        days = spent.get(budget.team.casefold(), {})
        for year, month in months:
            label = f"{year:04d}-{month:02d}"
            if budget.month in (None, label):
                found.append(_one(budget, label, days, date(year, month, 1), last, alert))
    return sorted(found, key=lambda row: (row["month"], -row["share"], row["team"]))


def _one(
    budget: Budget, label: str, days: Mapping[date, Decimal], first: date, last: date, alert: Decimal
) -> dict[str, Any]:
    length = calendar.monthrange(first.year, first.month)[1]
    used = total(cost for day, cost in days.items() if (day.year, day.month) == (first.year, first.month))
    passed = min(length, (last - first).days + 1)
    forecast = ratio(CTX.multiply(used, Decimal(length)), passed) or ZERO
    burnt = share(used, budget.amount)
    if used > budget.amount:
        status = "over"
    elif burnt >= alert:
        status = "alert"
    else:
        status = "forecast" if forecast > budget.amount else "ok"
    return {
        "team": budget.team, "month": label, "budget": budget.amount, "spent": used, "share": burnt,
        "days": passed, "days_of_month": length, "forecast": forecast, "status": status,
    }  # fmt: skip


def without_budget(session: Session, budgets: Sequence[Budget], currency: str) -> list[dict[str, Any]]:
    """Teams that spend and have no budget."""
    named = {budget.team.casefold() for budget in budgets}
    groups = costs(session, currency, "team")
    found = [
        {"team": name, "cost": total(days.values())} for name, days in groups.items() if name.casefold() not in named
    ]
    return sorted(found, key=lambda row: (-row["cost"], row["team"]))


def per_unit(session: Session, units: Sequence[Unit], currency: str) -> list[dict[str, Any]]:
    """Money per business unit: the spend of the days (or months) that have a number, by the sum of those numbers."""
    groups: dict[tuple[str, str | None, str | None], list[Unit]] = {}
    for unit in units:
        groups.setdefault((unit.unit, unit.team, unit.product), []).append(unit)
    found = []
    for (name, team, product), members in sorted(
        groups.items(), key=lambda item: [str(part or "") for part in item[0]]
    ):
        tests = [f"currency = {literal(currency)}"]
        for column, value in (("team", team), ("product", product)):
            if value is not None:
                none = value.casefold() == UNATTRIBUTED.casefold()
                tests.append(f"{ident(column)} IS NULL" if none else f"lower({column}) = lower({literal(value)})")
        periods = sorted({member.period for member in members})
        days = [p for p in periods if len(p) == 10]
        months = [p for p in periods if len(p) == 7]
        when = []
        if days:
            when.append(f"strftime(day, '%Y-%m-%d') IN ({', '.join(map(literal, days))})")
        if months:
            when.append(f"strftime(day, '%Y-%m') IN ({', '.join(map(literal, months))})")
        cost = session.one(
            f"SELECT coalesce(sum(cost), 0) FROM spend WHERE {' AND '.join(tests)} AND ({' OR '.join(when)})"
        )[0]
        amount = total(member.value for member in members)
        found.append({
            "unit": name, "team": team, "product": product, "from": periods[0], "to": periods[-1], "units": amount,
            "cost": cost, "cost_per_unit": ratio(cost, amount),
        })  # fmt: skip
    return found
