"""The user's small tables: budgets, and business units to divide the spend by."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from focus_ai.errors import InputError
from focus_ai.money import dec

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Budget:
    """What a team may spend in a period: `every` is day, week, month, quarter or year.

    `month` (YYYY-MM) is the only month it holds for, None for all. It holds for periods whose last day lies between
    `start` and `end` (exclusive). `names`: the other names of the team in rows.
    """

    team: str
    month: str | None
    amount: Decimal
    currency: str | None
    every: str = "month"
    start: date = date.min
    end: date = date.max
    names: tuple[str, ...] = ()

    def called(self) -> set[str]:
        """Every name of the team, without regard to case."""
        return {name.casefold() for name in (self.team, *self.names)}


@dataclass(frozen=True)
class Unit:
    """How many of something there were on a day or in a month, for a team or product when named."""

    period: str
    unit: str
    value: Decimal
    team: str | None = None
    product: str | None = None


def read_budgets(path: Path) -> list[Budget]:
    """`team,month,budget,currency`; month and currency may be empty. Raises `InputError` with file and line."""
    found = []
    for where, row in _rows(path, ("team", "budget"), ("month", "currency")):
        month = row["month"]
        if month and not _MONTH.fullmatch(month):
            raise InputError("a month is not readable", where=where, value=month, expected="YYYY-MM")
        found.append(Budget(row["team"], month or None, _amount(row["budget"], where), row["currency"].upper() or None))
    return found


def account_budgets(paths: Sequence[Path]) -> list[Budget]:
    """The budgets of chargeback accounts, of those that have one. Raises `UsageError` as a conversion does."""
    from focus_ai.ownership.accounts import load_accounts

    return [
        Budget(
            row.team_id, None, row.budget_amount, row.budget_currency, row.budget_period or "month", row.period.start,
            row.period.end, (row.team_name,) if row.team_name else (),
        ) for row in load_accounts(paths)[0].rows if row.budget_amount is not None
    ]  # fmt: skip


def with_accounts(budgets: Sequence[Budget], accounts: Sequence[Budget]) -> list[Budget]:
    """The budgets of the budgets file, and those of the accounts for every team that is not in it."""
    named = {name for budget in budgets for name in budget.called()}
    return [*budgets, *(budget for budget in accounts if not budget.called() & named)]


def read_units(path: Path) -> list[Unit]:
    """`date,unit,value` with `team` and `product` as further columns; a date is a day or a month."""
    found = []
    for where, row in _rows(path, ("date", "unit", "value"), ("team", "product")):
        if not _MONTH.fullmatch(row["date"]) and not _is_day(row["date"]):
            raise InputError("a date is not readable", where=where, value=row["date"], expected="YYYY-MM-DD or YYYY-MM")
        value = _amount(row["value"], where)
        found.append(Unit(row["date"], row["unit"], value, row["team"] or None, row["product"] or None))
    return found


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _amount(text: str, where: str) -> Decimal:
    try:
        number = dec(text)
    except ValueError:
        raise InputError(
            "an amount is not a number", where=where, value=text, expected="digits such as 1250.00"
        ) from None
    if number < 0:
        raise InputError("an amount is negative", where=where, value=text, expected="0 or more")
    return number


def _rows(path: Path, needed: Sequence[str], optional: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise InputError("the file does not exist", where=str(path)) from None
    except (OSError, UnicodeDecodeError):
        raise InputError("the file cannot be read", where=str(path), expected="CSV in UTF-8") from None
    reader = csv.DictReader(lines)
    header = [str(name).strip() for name in reader.fieldnames or ()]
    known = {*needed, *optional}
    if not set(needed) <= set(header) or not set(header) <= known:
        raise InputError(
            "the columns are not right", where=f"{path}, line 1", value=", ".join(header),
            expected=", ".join(needed) + "; also " + ", ".join(optional),
        )  # fmt: skip
    for row in reader:
        where = f"{path}, line {reader.line_num}"
        values = {str(name).strip(): (value or "").strip() for name, value in row.items() if isinstance(value, str)}
        if None in row or any(not values.get(name) for name in needed):
            raise InputError("a line is not complete", where=where, expected=", ".join(needed))
        yield where, {name: values.get(name, "") for name in known}
