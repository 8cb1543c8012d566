"""The owner book: one evidence in, who owns it and when out.

Precedence, per field: the event's own words (explicit owner fields, then tags), then the owner map (types in the order
of `owner_map.PRECEDENCE`), then the defaults of the settings (sub account, account, channel). What is still open is
filled from the chargeback account of the team. `owners.prefer = "key_map"` puts the owner map before the event:
request headers and metadata can be written by any client, while the gateway checked the key. The event goes first by
default because one shared key often serves several teams and then only the request knows better. Either way a
disagreement is written into the evidence under `conflict`.

A source that names another team than the one that won supplies nothing but the environment: its product or cost
center belongs to that other team.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

from ..settings import Owners, Settings
from .accounts import Account, Accounts, load_accounts
from .model import CARRIED_FIELDS, OWNED, OWNER_FIELDS, PARTIAL, UNATTRIBUTED, Evidence, Owner, OwnerSpan
from .names import Environments, OwnerKeys, clean, fault, wanted
from .owner_map import MapRow, OwnerMap, load_owner_map
from .pseudonym import Pseudonyms
from .tables import TableFile
from .tags import EMPTY, TagReader

Values = Mapping[str, tuple[str, str]]
Timeline = tuple[tuple[date, date, Owner], ...]

_EXPLICIT = {name: f"owner_{name}" for name in (*OWNER_FIELDS, "project")}
_EXPLICIT |= {"tenant": "tenant_id", "user": "end_user_id"}
_TAG_FACTS = {
    "api_key": ("api_key_name", "api_key_id"),
    "service": ("service_name",),
    "workspace": ("workspace_id",),
    "organization": ("organization_id",),
}
_BOUND = frozenset(OWNER_FIELDS + CARRIED_FIELDS) - {"team", "environment"}
_PERSONAL = frozenset({"user", "tenant", *_TAG_FACTS})
_SILENT = frozenset({"project", "tenant", "user"})
_MEMO_LIMIT = 200_000


class _Event(NamedTuple):
    """What one evidence says by itself."""

    values: dict[str, tuple[str, str]]
    tags: dict[str, str]
    environment_original: str | None
    notes: dict[str, str]
    team_refused: str | None


class OwnerBook:
    """Resolves evidence to owners. Made by `OwnerBook.load(settings)`; can be pickled."""

    def __init__(
        self,
        owners: Owners,
        owner_map: OwnerMap,
        accounts: Accounts,
        pseudonyms: Pseudonyms,
        files: Iterable[TableFile] = (),
    ) -> None:
        self.accounts, self.files, self.pseudonyms = accounts, tuple(files), pseudonyms
        self._map, self._keys = owner_map, OwnerKeys(owners)
        self._environments = Environments(owners.environments)
        self._required = tuple(owners.required)
        self._key_map_first = owners.prefer == "key_map"
        self._facts = tuple(name for name in (*_EXPLICIT, *CARRIED_FIELDS, *_TAG_FACTS) if name in owners.tags)
        self._tags = TagReader(self._keys, wanted(owners.tags) - set(self._facts), "*" in owners.tags)
        self._keep_original = "environment_original" in owners.tags
        self._defaults = {
            channel: {
                name: (self._environments.name(text) if name == "environment" else text, f"default:{channel}")
                for name, text in values.items()
            }
            for channel, values in owners.defaults.items()
        }
        self.needs = self._needed()
        """Evidence fields that can change an answer; the others may be left out before making evidence distinct."""
        self._explicit = tuple(
            (name, Evidence._fields.index(column), f"event:{column}")
            for name, column in _EXPLICIT.items()
            if column in self.needs
        )
        self._fields = {*OWNER_FIELDS, *self._facts, *(name for name, _, _ in self._explicit)}
        self._restrict = itemgetter(*(index for index, name in enumerate(Evidence._fields) if name in self.needs))
        self._memo: dict[tuple[str | None, ...], Timeline] = {}

    @classmethod
    def load(cls, settings: Settings, environ: Mapping[str, str] | None = None) -> OwnerBook:
        """Read the tables that the settings name. Raises `UsageError` with file, row and column for a bad table."""
        pseudonyms = Pseudonyms.from_settings(settings, os.environ if environ is None else environ)
        owners = settings.owners
        names = Environments(owners.environments)
        owner_map, map_files = load_owner_map(owners.map, names.name, lambda text: pseudonyms.text(text) or "(dropped)")
        accounts, account_files = load_accounts(owners.accounts)
        return cls(owners, owner_map, accounts, pseudonyms, [*map_files, *account_files])

    def resolve(self, evidence: Evidence, t_min: datetime, t_max: datetime) -> list[OwnerSpan]:
        """Owners of one evidence between two instants, both included.

        The spans are disjoint, without gaps, begin at the UTC midnight before `t_min` and end at the one after `t_max`;
        neighbours differ. Times without a zone mean UTC, and the spans then have none either.
        """
        zone = None if t_min.tzinfo is None else UTC
        first, last = _day(t_min), _day(t_max) + timedelta(days=1)
        if last <= first:
            raise ValueError(f"t_max {t_max} is before t_min {t_min}")
        key = self._restrict(evidence)
        timeline = self._memo.get(key)
        if timeline is None:
            if len(self._memo) >= _MEMO_LIMIT:
                self._memo.clear()
            timeline = self._memo[key] = self._timeline(evidence)
        if len(timeline) == 1:
            return [OwnerSpan(_midnight(first, zone), _midnight(last, zone), timeline[0][2])]
        return [
            OwnerSpan(_midnight(max(start, first), zone), _midnight(min(end, last), zone), owner)
            for start, end, owner in timeline
            if start < last and first < end
        ]

    def relevant_tags(self, keys: Iterable[str]) -> dict[str, str]:
        """Those tag keys (nested ones with dots) that can change an answer, each with the owner field it carries.

        A key that is only passed on has the field `tag`.
        """
        found: dict[str, str] = {}
        for key in keys:
            hit = self._keys.field(key)
            if hit is not None and hit[0] in self._fields:
                found[key] = hit[0]
            elif self._tags.keeps(key):
                found[key] = "tag"
        return found

    def _needed(self) -> frozenset[str]:
        names = {f"owner_{name}" for name in OWNER_FIELDS} | {"tags"} | self._map.fields()
        for fact in self._facts:
            names.update(_TAG_FACTS.get(fact, (_EXPLICIT.get(fact, "tags"),)))
        if self._defaults:
            names |= {"provider", "account_id", "sub_account_id"}
        return frozenset(names)

    def _event(self, evidence: Evidence) -> _Event:
        """The event's own owner values, cleaned, with what had to be refused."""
        values: dict[str, tuple[str, str]] = {}
        notes: dict[str, str] = {}
        refused: str | None = None
        tags = EMPTY if evidence.tags is None else self._tags.read(evidence.tags)
        if tags.malformed:
            notes["tags"] = "not_a_json_object"
        found = [(name, source, value) for name, at, source in self._explicit if (value := evidence[at]) is not None]
        if tags.candidates:
            candidates = tags.candidates
            if self.accounts:  # of several tags that name the team, one that has an account speaks first
                known = self.accounts.canonical
                candidates = tuple(sorted(candidates, key=lambda c: c[0] == "team" and known(c[2].strip()) is None))
            found.extend((name, f"tag:{key}", value) for name, key, value in candidates)
        for name, source, raw in found:
            value = clean(raw)
            if value is None or name in values or name not in self._fields:
                continue
            wrong = fault(value)
            if wrong is None and name in OWNER_FIELDS and value.casefold() in self._keys.placeholders:
                wrong = "placeholder"
            if wrong is None:
                values[name] = (value, source)
            else:
                notes[f"refused:{name}"] = f"{source} {wrong}"
                if name == "team":
                    refused = refused or ("placeholder_team" if wrong == "placeholder" else "invalid_team")
        extra: dict[str, str] = {}
        for key, value in tags.kept:
            shown = self.pseudonyms.text(value) if self._keys.personal(key) else value
            hit = self._keys.field(key) if self.pseudonyms.policy != "auto" else None
            if hit is not None and hit[0] == "user":
                shown = self.pseudonyms.one(value)
            if shown is not None:
                extra[key] = shown
        original = None
        if "environment" in values:
            word, source = values["environment"]
            name = self._environments.name(word)
            values["environment"] = (name, source)
            original = word if name != word and self._keep_original else None
        return _Event(values, extra, original, notes, refused)

    def _timeline(self, evidence: Evidence) -> Timeline:
        """All owners of one evidence from the beginning to the end of time, cut only where the owner changes."""
        event = self._event(evidence)
        rows: list[MapRow] = []
        tried = False
        if self._map:
            ids = {name: clean(value) for name, value in zip(Evidence._fields, evidence, strict=True)}
            for name in ("project", "tenant", "user"):
                if ids[_EXPLICIT[name]] is None and name in event.values:
                    ids[_EXPLICIT[name]] = event.values[name][0]
            rows, tried = self._map.hits(ids.get, ids["provider"])
        defaults = self._default_levels(evidence) if self._defaults else []
        pieces: list[tuple[date, date, Owner]] = []
        for start, end in _pieces(date.min, date.max, rows):
            active = [row for row in rows if row.period.start <= start < row.period.end]
            mapped: list[Values] = [row.values for row in active]
            levels = [*mapped, event.values] if self._key_map_first else [event.values, *mapped]
            levels += defaults
            team = next((level["team"] for level in levels if "team" in level), None)
            why = None if team else _why(bool(rows), bool(active), tried, event.team_refused)
            if team is not None and team[0].casefold() == UNATTRIBUTED:
                team, why = None, "marked_unattributed"
            accounts = self.accounts.periods(team[0] if team else None) if self.accounts else []
            for begin, until in _pieces(start, end, accounts):
                account = next((row for row in accounts if row.period.start <= begin < row.period.end), None)
                owner = self._owner(evidence, event, mapped, levels, team, account, bool(accounts), why)
                if pieces and pieces[-1][2] == owner:
                    pieces[-1] = (pieces[-1][0], until, owner)
                else:
                    pieces.append((begin, until, owner))
        return tuple(pieces)

    def _default_levels(self, evidence: Evidence) -> list[Values]:
        """Defaults that apply, the most telling first."""
        channel = evidence.provider
        scopes = [f"{channel}/{scope}" for scope in (evidence.sub_account_id, evidence.account_id) if scope]
        return [self._defaults[name] for name in (*scopes, channel or "") if name in self._defaults]

    def _team_key(self, team: str) -> str:
        """What two spellings of one team have in common."""
        return (self.accounts.canonical(team) or team).casefold() if self.accounts else team

    def _owner(
        self,
        evidence: Evidence,
        event: _Event,
        mapped: list[Values],
        levels: list[Values],
        team: tuple[str, str] | None,
        account: Account | None,
        has_account: bool,
        why: str | None,
    ) -> Owner:
        """The owner on one day: fields from the levels in order, then from the account."""
        chosen: dict[str, str] = {}
        proof = dict(event.notes)
        key = None if team is None else self._team_key(team[0])
        for level in levels:
            other = level.get("team")
            foreign = other is not None and key is not None and self._team_key(other[0]) != key
            for name, (value, source) in level.items():
                if name in chosen or (foreign and name in _BOUND):
                    continue
                chosen[name] = value
                proof[name] = source
        if team is None:
            chosen.pop("team", None)
        else:
            chosen["team"] = (self.accounts.canonical(team[0]) if self.accounts else None) or team[0]
            proof["team"] = team[1]
        if account is not None:
            for name, value in account.facts().items():
                if name not in chosen:
                    chosen[name] = value
                    proof[name] = f"account:{account.team_id}"
        elif self.accounts:
            proof["account"] = "account_not_effective" if has_account else "team_not_in_accounts"
        if mapped and (conflict := self._conflicts(event.values, mapped)):
            proof["conflict"] = conflict
        missing = [name for name in self._required if name not in chosen] if team else []
        status = UNATTRIBUTED if team is None else PARTIAL if missing else OWNED
        tags = dict(event.tags)
        if event.environment_original is not None and proof["environment"] == event.values["environment"][1]:
            tags["environment_original"] = event.environment_original
        return Owner(
            team=chosen.get("team"),
            product=chosen.get("product"),
            feature=chosen.get("feature"),
            environment=chosen.get("environment"),
            cost_center=chosen.get("cost_center"),
            business_unit=chosen.get("business_unit"),
            contact=chosen.get("contact"),
            status=status,
            reason=why if team is None else "missing_" + "_".join(missing) if missing else None,
            evidence={name: proof[name] for name in sorted(proof) if name not in _SILENT},
            tags=self._with_facts(tags, evidence, chosen),
        )

    def _with_facts(self, tags: dict[str, str], evidence: Evidence, chosen: Mapping[str, str]) -> dict[str, str]:
        """The tags with the facts that the settings name, keys sorted."""
        for name in self._facts:
            value = chosen.get(name)
            if value is None and name in _TAG_FACTS:
                value = next((v for column in _TAG_FACTS[name] if (v := clean(getattr(evidence, column)))), None)
            if value is not None and name in _PERSONAL:
                value = self.pseudonyms.one(value) if name == "user" else self.pseudonyms.text(value)
            if value is not None:
                tags[name] = value
        return dict(sorted(tags.items()))

    def _conflicts(self, event: Values, mapped: list[Values]) -> str | None:
        """Where the event and the owner map disagree, in words."""
        said: list[str] = []
        for name in OWNER_FIELDS:
            ours = event.get(name)
            theirs = next((level[name] for level in mapped if name in level), None)
            if ours is None or theirs is None:
                continue
            form = self._team_key if name == "team" else str
            if form(ours[0]) != form(theirs[0]):
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


def _day(moment: datetime) -> date:
    return (moment if moment.tzinfo in (None, UTC) else moment.astimezone(UTC)).date()


@lru_cache(maxsize=4096)
def _midnight(day: date, zone: tzinfo | None) -> datetime:
    return datetime.combine(day, time.min, zone)
