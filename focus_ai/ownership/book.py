"""The owner book: one evidence in, who owns it and when out.

Precedence, per field: the event's own words (explicit owner fields, then tags), then the owner map (types in the order
of `owner_map.PRECEDENCE`), then the defaults of the settings (sub account, account, channel). What is still open is
filled from the chargeback account of the team. `owners.prefer = "key_map"` puts the owner map before the event:
request headers and metadata can be written by any client, while the gateway checked the key. The event goes first by
default because one shared key often serves several teams and then only the request knows better. Either way a
disagreement is written into the evidence under `conflict`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from operator import itemgetter
from typing import Any

from ..settings import Owners, Settings
from .accounts import Accounts, load_accounts
from .decision import Decision, Timeline, Values
from .event import EXPLICIT, EventReader
from .model import Evidence, Owner, OwnerSpan
from .names import Environments, OwnerKeys, clean
from .owner_map import MapRow, OwnerMap, load_owner_map
from .pseudonym import Pseudonyms
from .tables import TableFile

_MEMO_LIMIT = 20_000


class OwnerBook:
    """Resolves evidence to owners. Made by `OwnerBook.load(settings)`; can be pickled.

    `accounts` are the chargeback accounts, `files` the tables that were read, `needs` the evidence fields that can
    change an answer: the others may be left out (`None`) before evidence is made distinct.
    """

    def __init__(
        self,
        owners: Owners,
        owner_map: OwnerMap,
        accounts: Accounts,
        pseudonyms: Pseudonyms,
        files: Iterable[TableFile] = (),
        settings: Settings | None = None,
    ) -> None:
        """`settings` name the billing account of a channel for records that state none."""
        self.accounts, self.files, self.pseudonyms = accounts, tuple(files), pseudonyms
        self._map = owner_map
        self._reader = EventReader(owners, OwnerKeys(owners), accounts, pseudonyms, owner_map.fields())
        self._decision = Decision(owners, accounts, self._reader.facts)
        self._defaults = _defaults(owners)
        self._lookups = tuple((name, Evidence._fields.index(name)) for name in sorted(owner_map.fields()))
        scope = {"provider", "account_id", "sub_account_id"} if self._defaults else set()
        needs = self._reader.needs | scope
        self._settings = settings or Settings()
        self.needs: frozenset[str] = needs | {"provider"} if "account_id" in needs else needs
        self._restrict = itemgetter(*(at for at, name in enumerate(Evidence._fields) if name in self.needs))
        self._memo: dict[tuple[str | None, ...], Timeline] = {}
        self._decided: dict[tuple[object, ...], Timeline] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_memo": {}, "_decided": {}}

    @classmethod
    def load(cls, settings: Settings, environ: Mapping[str, str] | None = None) -> OwnerBook:
        """Read the tables that the settings name. Raises `UsageError` with file, row and column for a bad table."""
        pseudonyms = Pseudonyms.from_settings(settings, os.environ if environ is None else environ)
        owners = settings.owners
        names = Environments(owners.environments)
        owner_map, map_files = load_owner_map(owners.map, names.name, lambda text: pseudonyms.text(text) or "(dropped)")
        accounts, account_files = load_accounts(owners.accounts)
        files = [*map_files, *account_files]
        return cls(owners, owner_map, accounts, pseudonyms, files, settings)

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
        return self._reader.relevant(keys)

    def _timeline(self, evidence: Evidence) -> Timeline:
        """All owners of one evidence. Decisions are remembered without the facts that differ per person or tag."""
        if evidence.provider and not evidence.account_id:
            evidence = evidence._replace(account_id=self._settings.account(evidence.provider).id)
        event = self._reader.read(evidence)
        rows: list[MapRow] = []
        tried = False
        if self._map:
            ids = {name: clean(evidence[at]) for name, at in self._lookups}
            if "project" in event.values:
                ids[EXPLICIT["project"]] = event.values["project"][0]
            for name, value in event.persons.items():
                ids[EXPLICIT[name]] = value
            rows, tried = self._map.hits(ids.get, evidence.provider)
        scopes = self._scopes(evidence) if self._defaults else ()
        key = (
            *event.values.items(),
            event.original_environment,
            *event.notes.items(),
            event.team_refused,
            *map(id, rows),
            tried,
            *scopes,
        )
        decided = self._decided.get(key)
        if decided is None:
            if len(self._decided) >= _MEMO_LIMIT:
                self._decided.clear()
            defaults: list[Values] = [self._defaults[scope] for scope in scopes]
            decided = self._decided[key] = self._decision.timeline(event, rows, tried, defaults)
        if not event.extra:
            return decided
        return tuple((start, end, _with_tags(owner, event.extra)) for start, end, owner in decided)

    def _scopes(self, evidence: Evidence) -> tuple[str, ...]:
        """Names of the defaults that apply, the most telling first."""
        channel = evidence.provider
        names = [f"{channel}/{scope}" for scope in (evidence.sub_account_id, evidence.account_id) if scope]
        return tuple(name for name in dict.fromkeys((*names, channel or "")) if name in self._defaults)


def _with_tags(owner: Owner, extra: Mapping[str, str]) -> Owner:
    """The owner with further tags; its own win over equal keys."""
    return Owner(
        owner.team,
        owner.product,
        owner.feature,
        owner.environment,
        owner.cost_center,
        owner.business_unit,
        owner.contact,
        owner.status,
        owner.reason,
        owner.evidence,
        dict(sorted({**extra, **owner.tags}.items())),
    )


def _defaults(owners: Owners) -> dict[str, Values]:
    """Defaults of the settings per channel, or channel and account, with their source."""
    environment = Environments(owners.environments).name
    return {
        channel: {
            name: (environment(text) if name == "environment" else text, f"default:{channel}")
            for name, text in values.items()
        }
        for channel, values in owners.defaults.items()
    }


def _day(moment: datetime) -> date:
    return (moment if moment.tzinfo in (None, UTC) else moment.astimezone(UTC)).date()


@lru_cache(maxsize=4096)
def _midnight(day: date, zone: tzinfo | None) -> datetime:
    return datetime.combine(day, time.min, zone)
