"""Decides between the event, the owner map and the defaults, day by day, and adds the account.

A source that names another team than the one that won supplies nothing but the environment: its product or cost
center belongs to that other team.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from itertools import pairwise

from ..settings import Owners
from .accounts import Account, Accounts
from .event import Event
from .model import CARRIED_FIELDS, OWNED, OWNER_FIELDS, PARTIAL, UNATTRIBUTED, Owner
from .owner_map import MapRow

Values = Mapping[str, tuple[str, str]]
Timeline = tuple[tuple[date, date, Owner], ...]
"""(first day, day after the last, owner), from `date.min` to `date.max` without gaps; neighbours differ."""

_BOUND = frozenset(OWNER_FIELDS + CARRIED_FIELDS) - {"team", "environment"}


class Decision:
    """The rules of one book; no state between calls."""

    def __init__(self, owners: Owners, accounts: Accounts, facts: tuple[str, ...]) -> None:
        self._accounts = accounts
        self._required = tuple(owners.required)
        self._key_map_first = owners.prefer == "key_map"
        self._facts = tuple(name for name in (*CARRIED_FIELDS, "project") if name in facts)

    def timeline(self, event: Event, rows: list[MapRow], tried: bool, defaults: list[Values]) -> Timeline:
        """All owners from the beginning to the end of time; `tried` says that some id was looked up in the map."""
        pieces: list[tuple[date, date, Owner]] = []
        for start, end in _pieces(date.min, date.max, rows):
            active = [row.values for row in rows if row.period.start <= start < row.period.end]
            levels = [*active, event.values] if self._key_map_first else [event.values, *active]
            levels += defaults
            team = next((level["team"] for level in levels if "team" in level), None)
            reason = None if team else _why(bool(rows), bool(active), tried, event.team_refused)
            if team is not None and team[0].casefold() == UNATTRIBUTED:
                team, reason = None, "marked_unattributed"
            chosen, proof = self._choose(levels, team)
            if active and (conflict := self._conflicts(event.values, active)):
                proof["conflict"] = conflict
            accounts = self._accounts.periods(team[0] if team else None) if self._accounts else []
            for begin, until in _pieces(start, end, accounts):
                account = next((row for row in accounts if row.period.start <= begin < row.period.end), None)
                owner = self._owner(event, dict(chosen), event.notes | proof, account, bool(accounts), reason)
                if pieces and pieces[-1][2] == owner:
                    pieces[-1] = (pieces[-1][0], until, owner)
                else:
                    pieces.append((begin, until, owner))
        return tuple(pieces)

    def _team_key(self, team: str) -> str:
        """What two spellings of one team have in common; without accounts a team is what is written."""
        return (self._accounts.canonical(team) or team).casefold() if self._accounts else team

    def _choose(self, levels: list[Values], team: tuple[str, str] | None) -> tuple[dict[str, str], dict[str, str]]:
        """(field -> value, field -> source): per field the first level that has it and may speak."""
        chosen: dict[str, str] = {}
        proof: dict[str, str] = {}
        key = None if team is None else self._team_key(team[0])
        for level in levels:
            other = level.get("team")
            foreign = other is not None and key is not None and self._team_key(other[0]) != key
            for name, (value, source) in level.items():
                if name not in chosen and not (foreign and name in _BOUND):
                    chosen[name] = value
                    proof[name] = source
        if team is None:
            chosen.pop("team", None)
        elif self._accounts:
            chosen["team"] = self._accounts.canonical(team[0]) or team[0]
        return chosen, proof

    def _owner(
        self,
        event: Event,
        chosen: dict[str, str],
        proof: dict[str, str],
        account: Account | None,
        has_account: bool,
        reason: str | None,
    ) -> Owner:
        """The owner on one day: the chosen fields, then the account's."""
        if account is not None:
            for name, value in account.facts().items():
                if name not in chosen:
                    chosen[name] = value
                    proof[name] = f"account:{account.team_id}"
        elif self._accounts:
            proof["account"] = "account_not_effective" if has_account else "team_not_in_accounts"
        status = OWNED
        if "team" not in chosen:
            status = UNATTRIBUTED
        elif missing := [name for name in self._required if name not in chosen]:
            status, reason = PARTIAL, "missing_" + "_".join(missing)
        tags = {name: chosen[name] for name in self._facts if name in chosen}
        if event.original_environment is not None and proof["environment"] == event.values["environment"][1]:
            tags["environment_original"] = event.original_environment
        proof.pop("project", None)
        return Owner(
            team=chosen.get("team"),
            product=chosen.get("product"),
            feature=chosen.get("feature"),
            environment=chosen.get("environment"),
            cost_center=chosen.get("cost_center"),
            business_unit=chosen.get("business_unit"),
            contact=chosen.get("contact"),
            status=status,
            reason=reason,
            evidence=dict(sorted(proof.items())),
            tags=dict(sorted(tags.items())),
        )

    def _conflicts(self, event: Values, active: list[Values]) -> str | None:
        """Where the event and the owner map disagree, in words."""
        said: list[str] = []
        for name in OWNER_FIELDS:
            ours = event.get(name)
            theirs = next((level[name] for level in active if name in level), None)
            if ours is None or theirs is None or ours[0] == theirs[0]:
                continue
            if name != "team" or self._team_key(ours[0]) != self._team_key(theirs[0]):
                said.append(f"{name}: {ours[1]} says {ours[0]}, {theirs[1]} says {theirs[0]}")
        return "; ".join(said) or None


def _why(known: bool, effective: bool, tried: bool, refused: str | None) -> str:
    """The reason of spend without a team."""
    if known:
        return "map_without_team" if effective else "map_not_effective"
    return refused or ("key_not_in_map" if tried else "no_owner_evidence")


def _pieces(start: date, end: date, rows: Iterable[MapRow | Account]) -> list[tuple[date, date]]:
    """[start, end) cut at every border of the rows' periods."""
    borders = {day for row in rows for day in (row.period.start, row.period.end) if start < day < end}
    return list(pairwise([start, *sorted(borders), end])) if borders else [(start, end)]
