"""Reads the tags of a record: which of them name an owner, which are to be kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from .names import OwnerKeys, plain

_MEMO_LIMIT = 100_000
_DEPTH = 4
_ENTRY = (("Key", "Value"), ("name", "value"), ("Name", "Value"))
_GAP = re.compile(r"[,;\n]")
_JSON = tuple('{["')
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)


class Tags(NamedTuple):
    """`candidates`: (field, key, value) of keys that carry an owner field, best key first. `kept`: tags to pass on."""

    candidates: tuple[tuple[str, str, str], ...] = ()
    kept: tuple[tuple[str, str], ...] = ()
    malformed: bool = False


EMPTY = Tags()


class TagReader:
    """Reads tag texts, each distinct text once."""

    def __init__(self, keys: OwnerKeys, keep: frozenset[str], keep_all: bool) -> None:
        self._keys, self._keep, self._keep_all = keys, keep, keep_all
        self._memo: dict[str, Tags] = {}

    def read(self, text: str) -> Tags:
        """The tags of one JSON text. Text that is no JSON object or list gives no tags and `malformed`."""
        try:
            return self._memo[text]
        except KeyError:
            if len(self._memo) >= _MEMO_LIMIT:
                self._memo.clear()
            found = self._memo[text] = self._parse(text)
            return found

    def keeps(self, key: str) -> bool:
        """Whether a tag is passed on under its own name."""
        return self._keep_all or (bool(self._keep) and plain(key) in self._keep)

    def _parse(self, text: str) -> Tags:
        try:
            loaded = _DECODER.decode(text)
        except (ValueError, RecursionError):
            loaded = _written_out(text)
        if not isinstance(loaded, (dict, list)):
            return EMPTY if loaded is None else Tags(malformed=True)
        field = self._keys.field
        ranked: list[tuple[str, int, str, str]] = []
        kept: list[tuple[str, str]] = []
        for key, value in _pairs(loaded, "", _DEPTH):
            if (hit := field(key)) is not None:
                ranked.append((*hit, key, value))
            if self.keeps(key):
                kept.append((key, value))
        ranked.sort()
        return Tags(tuple((name, key, value) for name, _, key, value in ranked), tuple(sorted(kept)))


def _written_out(text: str) -> list[str] | str:
    """The entries of `team=orbit;env=prod` or `team:orbit, env:prod`; the text itself when it is no such list."""
    entries = [part.strip() for part in _GAP.split(text) if part.strip()]
    return entries if entries and text[:1] not in _JSON and all(map(_split_at, entries)) else text


def _split_at(entry: str) -> int | None:
    """Where the value of `key:value` or `key=value` begins, or `None`."""
    return min((i + 1 for mark in ":=" if (i := entry.find(mark)) > 0), default=None)


def _entry(item: dict[str, Any], path: str) -> tuple[Any, str]:
    """An object in a list, with its path: {Key, Value} or {name, value} stand for the value under that key."""
    if len(item) == 2:
        for name, content in _ENTRY:
            if isinstance(key := item.get(name), str) and content in item:
                return item[content], f"{path}{key}."
    return item, path


def _pairs(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    """(key, text) of every scalar; nested objects with dots, lists of `key:value`, `key=value` or {key, value}, and
    a text alone in its list."""
    if isinstance(value, dict):
        entry = value.get("key")
        if isinstance(entry, str) and "value" in value and len(value) == 2:
            yield from _pairs(value["value"], f"{path}{entry}.", depth - 1)
        elif depth > 0:
            for key, inner in value.items():
                if isinstance(inner, str):
                    yield path + key, inner
                else:
                    yield from _pairs(inner, f"{path}{key}.", depth - 1)
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict) and depth > 0:
                yield from _pairs(*_entry(item, path), depth - 1)
            elif isinstance(item, str):
                at = _split_at(item)
                if at is not None:
                    yield f"{path}{item[: at - 1].strip()}", item[at:].strip()
                elif path and len(value) == 1:
                    yield path[:-1], item.strip()
    elif value is not None:
        text = ("true" if value else "false") if isinstance(value, bool) else str(value)
        yield path[:-1], text
