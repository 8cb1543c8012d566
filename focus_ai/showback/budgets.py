"""Budgets and unit cost: burn and forecast per team and month, money per ticket, document or user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from focus_ai.engine import Session, ident, literal
from focus_ai.money import CTX, share, total
from focus_ai.showback.exact import ZERO, less, ratio
from focus_ai.showback.spending import UNATTRIBUTED, costs
from focus_ai.showback.tables import Budget, Unit


def burn(
    session: Session, budgets: Sequence[Budget], currency: str, days: Sequence[date], alert: Decimal
) -> list[dict[str, Any]]:
    """Per budget and period with spend: what is spent, the share, the forecast at the pace so far, and a status.

    `over`: more than the budget. `alert`: at least `alert` of it. `forecast`: at this pace the period ends above it.
    The forecast is the spend so far times the days of the period by the days passed (up to the last day with data);
    charges for more than a day count in it as they are.
    `data_from` is the first day of the data where that lies inside the period: what was spent before is not known.
    """
    spent, fixed = costs(session, currency, "team"), costs(session, currency, "team", long=True)
    seen = sorted({day for by_day in spent.values() for day in by_day})
    found = []
    for budget in budgets:
        if budget.currency not in (None, currency):
            continue
        names = budget.called()
        for label, first, after in dict.fromkeys(period_of(day, budget.every) for day in seen):
            ends = after - timedelta(days=1)
            if budget.month in (None, label) and budget.start <= ends < budget.end:
                used, once = (_between(sums, names, first, after) for sums in (spent, fixed))
                found.append(_one(budget, label, used, once, (first, after), days, alert))
    return sorted(found, key=lambda row: (row["period"], -row["share"], row["team"]))


def _between(sums: Mapping[str, Mapping[date, Decimal]], names: set[str], first: date, after: date) -> Decimal:
    """What the named teams spent from the first day on, before `after`."""
    own = [by_day for name, by_day in sums.items() if name.casefold() in names]
    return total(cost for by_day in own for day, cost in by_day.items() if first <= day < after)


def of_filters(budgets: Sequence[Budget], filters: Mapping[str, str]) -> tuple[list[Budget], str | None]:
    """The budgets that a filtered report can be compared with: those of the chosen team, none of a part of a team.

    The second value says why budgets were left out, where they were.
    """
    others = sorted(set(filters) - {"team"})
    if budgets and others:
        return [], f"budgets are of whole teams, and this report is only of one {' and '.join(others)}"
    if "team" not in filters:
        return list(budgets), None
    team = filters["team"].casefold()
    return [budget for budget in budgets if team in budget.called()], None


def period_of(day: date, every: str) -> tuple[str, date, date]:
    """Name, first day and day after the last one of the day, week (ISO), month, quarter or year that holds a day."""
    if every == "day":
        return day.isoformat(), day, day + timedelta(days=1)
    if every == "week":
        year, week, weekday = day.isocalendar()
        first = day - timedelta(days=weekday - 1)
        return f"{year:04d}-W{week:02d}", first, first + timedelta(days=7)
    months = {"month": 1, "quarter": 3, "year": 12}[every]
    number = (day.month - 1) // months
    first = date(day.year, number * months + 1, 1)
    after = date(day.year + (first.month - 1 + months) // 12, (first.month - 1 + months) % 12 + 1, 1)
    names = {"month": f"{day:%Y-%m}", "quarter": f"{day.year:04d}-Q{number + 1}", "year": f"{day.year:04d}"}
    return names[every], first, after


def _one(
    budget: Budget,
    label: str,
    used: Decimal,
    once: Decimal,
    span: tuple[date, date],
    days: Sequence[date],
    alert: Decimal,
) -> dict[str, Any]:
    first, after = span
    length = (after - first).days
    passed = min(length, (days[-1] - first).days + 1)
    pace = ratio(CTX.multiply(less(used, once), Decimal(length)), passed) or ZERO
    forecast = CTX.add(once, pace)
    burnt = share(used, budget.amount)
    if used > budget.amount:
        status = "over"
    elif burnt >= alert:
        status = "alert"
    else:
        status = "forecast" if forecast > budget.amount else "ok"
    return {
        "team": budget.team, "period": label, "every": budget.every, "budget": budget.amount, "spent": used,
        "share": burnt, "days": passed, "days_of_period": length, "forecast": forecast, "status": status,
        "current": first <= days[-1] < after, "data_from": days[0].isoformat() if days[0] > first else None,
    }  # fmt: skip


def without_budget(session: Session, budgets: Sequence[Budget], currency: str) -> list[dict[str, Any]]:
    """Teams that spend and have no budget in this currency."""
    named = {name for budget in budgets if budget.currency in (None, currency) for name in budget.called()}
    groups = costs(session, currency, "team")
    found = [
        {"team": name, "cost": total(days.values())} for name, days in groups.items() if name.casefold() not in named
    ]
    return sorted(found, key=lambda row: (-row["cost"], row["team"]))


def in_other_currencies(budgets: Sequence[Budget], currency: str) -> list[dict[str, Any]]:
    """Budgets that are not compared, because they are in another currency than the report."""
    return [
        {"team": b.team, "budget": b.amount, "currency": b.currency}
        for b in budgets
        if b.currency not in (None, currency)
    ]


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
