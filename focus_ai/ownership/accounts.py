"""Chargeback accounts: who answers for a team's spend, on which cost center, from when to when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from ..errors import UsageError
from ..money import dec
from .model import CARRIED_FIELDS
from .tables import Period, Place, TableFile, period, read

UNATTRIBUTED_ID = "unattributed"
# Columns that are checked and that nothing else reads: what is split is said by the rules of `allocate`.
_NOTES = ("allocation_rule", "allocation_basis")


@dataclass(frozen=True, slots=True)
class Account:
    """One row of a chargeback accounts table. `period` is in UTC days, its end exclusive."""

    team_id: str
    period: Period
    place: Place
    team_name: str | None = None
    contact: str | None = None
    cost_center: str | None = None
    business_unit: str | None = None
    department: str | None = None
    product_line: str | None = None
    budget_amount: Decimal | None = None
    budget_currency: str | None = None
    budget_period: str | None = None

    def facts(self) -> dict[str, str]:
        """What the account adds to an owner: field to value."""
        names = ("cost_center", "business_unit", "contact", *CARRIED_FIELDS)
        return {name: value for name in names if (value := getattr(self, name)) is not None}


class Accounts:
    """All accounts, findable by team id or team name without regard to case, and by day."""

    def __init__(self, rows: Iterable[Account]) -> None:
        self.rows = tuple(sorted(rows, key=lambda row: (row.team_id, row.period.start)))
        self._by_id: dict[str, list[Account]] = {}
        for row in self.rows:
            self._by_id.setdefault(row.team_id.casefold(), []).append(row)
        self._canonical: dict[str, str] = {}
        for row in self.rows:
            self._name(row)
        self._canonical.update({key: rows[0].team_id for key, rows in self._by_id.items()})
        for rows in self._by_id.values():
            _check_group(rows)

    def __bool__(self) -> bool:
        return bool(self.rows)

    def canonical(self, team: str) -> str | None:
        """The `team_id` of the account with this id or name; an id wins over an equal name. `None` = no account."""
        return self._canonical.get(team.casefold())

    def periods(self, team: str | None) -> list[Account]:
        """All rows of a team (`None` = the unattributed account), oldest first."""
        if team is None:
            return self._by_id.get(UNATTRIBUTED_ID, [])
        known = self._canonical.get(team.casefold())
        return [] if known is None else self._by_id[known.casefold()]

    def _name(self, row: Account) -> None:
        """Make the team findable by its name; one name for two teams is an error."""
        if row.team_name is None:
            return
        name = row.team_name.casefold()
        taken = self._canonical.setdefault(name, row.team_id)
        if taken.casefold() != row.team_id.casefold():
            raise UsageError(
                "two teams have the same name",
                where=f"{row.place}, column team_name",
                value=row.team_name,
                expected=f"a name of its own; team {taken} has this one already",
            )


def _check_group(rows: list[Account]) -> None:
    """Rows of one team, oldest first: one spelling of the id, no overlap."""
    for before, after in pairwise(rows):
        if before.team_id != after.team_id:
            raise UsageError(
                "one team_id in two spellings",
                where=f"{after.place}, column team_id",
                value=after.team_id,
                expected=f"{before.team_id}, as in {before.place}",
            )
        if before.period.overlaps(after.period):
            raise UsageError(
                f"two rows of team {after.team_id} hold on the same day",
                where=f"{after.place}, column effective_from",
                value=_shown(after.period.start),
                expected=f"a range that does not overlap {before.place}",
            )


def load_accounts(paths: Iterable[Path]) -> tuple[Accounts, list[TableFile]]:
    """Read accounts tables together. Raises `UsageError` as `tables.read` does, for overlapping ranges of one team,
    for a budget without currency, and when tables are given but none has the row `unattributed`."""
    files: list[TableFile] = []
    rows: list[Account] = []
    for path in paths:
        file, table = read(path, "accounts")
        files.append(file)
        rows.extend(_account(place, row) for place, row in table)
    if files and not any(row.team_id.casefold() == UNATTRIBUTED_ID for row in rows):
        raise UsageError(
            "the account of spend without an owner is missing",
            where=", ".join(file.path for file in files),
            expected=f"a row with team_id {UNATTRIBUTED_ID}",
        )
    return Accounts(rows), files


def _account(place: Place, row: Mapping[str, str]) -> Account:
    if "budget_amount" in row and "budget_currency" not in row:
        raise UsageError("a budget needs a currency", where=f"{place}, column budget_currency", expected="such as USD")
    own = ("owner", *_NOTES)
    plain = {name: value for name, value in row.items() if not name.startswith("effective_") and name not in own}
    amount = plain.pop("budget_amount", None)
    return Account(
        **plain,
        contact=row.get("owner"),
        period=period(place, dict(row)),
        place=place,
        budget_amount=None if amount is None else dec(amount),
    )


def _shown(day: date) -> str:
    return "open" if day in (date.min, date.max) else day.isoformat()
