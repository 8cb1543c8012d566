"""What an evidence says by itself: the owner values of explicit fields and tags, cleaned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..settings import Owners
from .accounts import Accounts
from .model import CARRIED_FIELDS, OWNER_FIELDS, Evidence
from .names import Environments, OwnerKeys, clean, fault, wanted
from .pseudonym import Pseudonyms
from .tags import EMPTY, TagReader, Tags

EXPLICIT = {name: f"owner_{name}" for name in (*OWNER_FIELDS, "project")}
EXPLICIT |= {"tenant": "tenant_id", "user": "end_user_id"}
"""Owner field or fact -> evidence field that states it outright."""

CARRIERS = {
    "api_key": ("api_key_name", "api_key_id"),
    "service": ("service_name",),
    "workspace": ("workspace_id",),
    "organization": ("organization_id",),
}
"""Facts for Tags that are read off other evidence fields."""

TAGGED = ("tags", "other_columns")
"""Evidence fields that hold facts under names of the user's own. The first speaks first."""

_PERSONS = ("tenant", "user")


class Event(NamedTuple):
    """`values`: field -> (value, source) of owner fields, carried fields and `project`. `persons`: `tenant` and `user`
    as written. `extra`: further tags, keys sorted, fit to be written. `original_environment`: spelling before
    normalising, when that changed it. `notes`: what was refused. `team_refused`: why the team was."""

    values: dict[str, tuple[str, str]]
    persons: dict[str, str]
    extra: dict[str, str]
    original_environment: str | None
    notes: dict[str, str]
    team_refused: str | None


class EventReader:
    """Reads evidence; only the fields in `needs` are looked at."""

    def __init__(
        self, owners: Owners, keys: OwnerKeys, accounts: Accounts, pseudonyms: Pseudonyms, lookups: frozenset[str]
    ) -> None:
        self._keys, self._accounts, self._pseudonyms = keys, accounts, pseudonyms
        self._environments = Environments(owners.environments)
        self.facts = tuple(name for name in (*EXPLICIT, *CARRIED_FIELDS, *CARRIERS) if name in owners.tags)
        self._carried = tuple(name for name in self.facts if name in CARRIERS)
        self._tags = TagReader(keys, wanted(owners.tags) - {*self.facts, "environment_original"}, "*" in owners.tags)
        self._keep_original = "environment_original" in owners.tags
        columns = {EXPLICIT[name] for name in self.facts if name in EXPLICIT} | lookups
        columns |= {EXPLICIT[name] for name in OWNER_FIELDS}
        columns |= {column for name in self._carried for column in CARRIERS[name]}
        self.needs = frozenset(columns | set(TAGGED))
        self._explicit = tuple(
            (name, Evidence._fields.index(column), f"event:{column}")
            for name, column in EXPLICIT.items()
            if column in self.needs
        )
        self._fields = {*OWNER_FIELDS, *self.facts, *(name for name, _, _ in self._explicit)}

    def relevant(self, keys: Iterable[str]) -> dict[str, str]:
        """Tag keys that are looked at, with the field they carry, or `tag` when they are only passed on."""
        found: dict[str, str] = {}
        for key in keys:
            hit = self._keys.field(key)
            if hit is not None and hit[0] in self._fields:
                found[key] = hit[0]
            elif self._tags.keeps(key):
                found[key] = "tag"
        return found

    def read(self, evidence: Evidence) -> Event:
        """The event of one evidence."""
        values: dict[str, tuple[str, str]] = {}
        notes: dict[str, str] = {}
        refused: str | None = None
        tags, others = (
            EMPTY if text is None else self._tags.read(text) for text in (evidence.tags, evidence.other_columns)
        )
        if tags.malformed:
            notes["tags"] = "not_a_json_object"
        found = [(name, source, value) for name, at, source in self._explicit if (value := evidence[at]) is not None]
        for word, told in (("tag", tags), ("column", others)):
            if told.candidates:
                found.extend(self._from_tags(told, word))
        for name, source, raw in found:
            if name in values or name not in self._fields:
                continue
            value = clean(raw)
            if value is None:
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
        persons: dict[str, str] = {name: values.pop(name)[0] for name in _PERSONS if name in values}
        original = None
        if "environment" in values:
            word, source = values["environment"]
            written = self._environments.name(word)
            values["environment"] = (written, source)
            original = word if written != word and self._keep_original else None
        kept = {**dict(others.kept), **dict(tags.kept)}
        return Event(values, persons, self._extra(evidence, kept, persons), original, notes, refused)

    def _from_tags(self, tags: Tags, word: str) -> Iterable[tuple[str, str, str]]:
        """Candidates as (field, source, value); of several team tags one that has an account speaks first."""
        candidates = tags.candidates
        if self._accounts:
            known = self._accounts.canonical
            candidates = tuple(sorted(candidates, key=lambda c: c[0] == "team" and known(c[2].strip()) is None))
        return [(name, f"{word}:{key}", value) for name, key, value in candidates]

    def _extra(self, evidence: Evidence, kept: dict[str, str], persons: dict[str, str]) -> dict[str, str]:
        """Kept tags and facts about persons, keys and services; ids of people as the privacy policy says."""
        hide = self._pseudonyms
        extra: dict[str, str] = {}
        for key, value in kept.items():
            hit = self._keys.field(key)
            if hit is not None and hit[0] == "user":
                _put(extra, key, hide.one(value))
            else:
                _put(extra, key, hide.text(value) if self._keys.personal(key) else value)
        if "tenant" in persons and "tenant" in self.facts:
            _put(extra, "tenant", hide.text(persons["tenant"]))
        if "user" in persons and "user" in self.facts:
            _put(extra, "user", hide.one(persons["user"]))
        for name in self._carried:
            found = next((v for column in CARRIERS[name] if (v := clean(getattr(evidence, column)))), None)
            if found is not None:
                _put(extra, name, hide.text(found))
        return extra


def _put(target: dict[str, str], key: str, value: str | None) -> None:
    if value is not None:
        target[key] = value
