"""Names and spellings: which key carries which owner field, which word means which environment.

The tables are data (`mappings/tables/owner-keys.yaml`, `environments.yaml`) and are extended by the settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from .. import resources
from ..settings import Owners

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_GAPS = re.compile(r"[^a-z0-9]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
MAX_LENGTH = 256
_MEMO_LIMIT = 100_000


def plain(key: str) -> str:
    """The plain form of a key: `teamId`, `Team-ID` and `team.id` are all `team_id`."""
    return _GAPS.sub("_", _CAMEL.sub("_", key).lower()).strip("_")


class OwnerKeys:
    """Answers which owner field a tag, metadata or header name carries."""

    def __init__(self, owners: Owners) -> None:
        table = _table("owner-keys")
        self._rank: dict[str, tuple[str, int]] = {}
        for name, shipped in table["fields"].items():
            own = [plain(key) for key in (*owners.headers.get(name, ()), *owners.tag_keys.get(name, ()))]
            for rank, key in enumerate(own):
                self._rank[key] = (name, rank - len(own))
            for rank, key in enumerate(shipped):
                self._rank.setdefault(key, (name, rank))
        self._prefixes = tuple(sorted((f"{prefix}_" for prefix in table["prefixes"]), key=lambda p: (-len(p), p)))
        self._person_words = frozenset(table["person_words"])
        self.placeholders = frozenset(str(word).casefold() for word in table["placeholders"])
        self._memo: dict[str, tuple[str, int] | None] = {}

    def field(self, key: str) -> tuple[str, int] | None:
        """(owner field, rank) of a key, or `None`; among several keys of one field the lowest rank wins."""
        try:
            return self._memo[key]
        except KeyError:
            if len(self._memo) >= _MEMO_LIMIT:
                self._memo.clear()
            found = self._memo[key] = self._find(plain(key))
            return found

    def _find(self, name: str) -> tuple[str, int] | None:
        """Look a plain name up, taking known prefixes off one at a time."""
        hit = self._rank.get(name)
        if hit is not None:
            return hit
        for prefix in self._prefixes:
            if name.startswith(prefix) and (hit := self._find(name[len(prefix) :])) is not None:
                return hit
        return None

    def personal(self, key: str) -> bool:
        """Whether a tag of this name may hold the id of a person."""
        hit = self.field(key)
        if hit is not None and hit[0] in ("user", "tenant"):
            return True
        return not self._person_words.isdisjoint(plain(key).split("_"))


class Environments:
    """Turns spellings of an environment into one name; words it does not know stay as they are."""

    def __init__(self, aliases: Mapping[str, str]) -> None:
        self._names = {self._form(str(alias)): str(name) for alias, name in _table("environments").items()}
        self._names.update({self._form(alias): name for alias, name in aliases.items()})
        self._memo: dict[str, str] = {}

    @staticmethod
    def _form(word: str) -> str:
        return _GAPS.sub("-", word.casefold()).strip("-")

    def name(self, word: str) -> str:
        """`prod` -> `production`."""
        found = self._memo.get(word)
        if found is None:
            if len(self._memo) >= _MEMO_LIMIT:
                self._memo.clear()
            found = self._memo[word] = self._names.get(self._form(word), word)
        return found


def clean(value: str | None) -> str | None:
    """An owner value without surrounding space; `None` for an absent one (`''`, `-`)."""
    if value is None:
        return None
    value = value.strip()
    return None if value in ("", "-") else value


def fault(value: str) -> str | None:
    """Why a value cannot name an owner, or `None`: headers are written by clients, so anything may come."""
    if len(value) > MAX_LENGTH:
        return "too_long"
    return "control_characters" if _CONTROL.search(value) else None


def wanted(names: Iterable[str]) -> frozenset[str]:
    """Plain forms of the tag keys that the settings keep."""
    return frozenset(plain(name) for name in names if name != "*")


@cache
def _table(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = resources.load_yaml(resources.mappings() / "tables" / f"{name}.yaml")
    return loaded
