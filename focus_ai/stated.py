"""Facts that exports lack and the settings state: of one export, of the inputs at one place, of one account.

In: the mapping and the name of an input, and the settings. Out: its facts, and what of the settings had no effect.
What a record says itself wins over all of them; that is decided where records are read.
"""

from __future__ import annotations

import os
from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from fnmatch import fnmatchcase

from focus_ai.adapters import Mapping, heads
from focus_ai.errors import UsageError, nearest
from focus_ai.settings import Settings


def facts(mapping: Mapping, settings: Settings, name: str) -> dict[str, str]:
    """What the settings state for an input: of `[files]`, else of `[exports.ID]`, else the account of its one seller.

    Raises `UsageError` for a fact of `[exports.ID]` that the adapter does not ask for.
    """
    stated = dict(settings.exports.get(mapping.id, {}))
    for fact in stated:
        if fact not in mapping.settings:
            raise UsageError(
                f"{mapping.id} does not take {fact!r} from the settings", where=f"exports.{mapping.id}.{fact}",
                expected=", ".join(mapping.settings) or "nothing",
            )  # fmt: skip
    for place in _places(settings, name):
        stated |= {fact: value for fact, value in settings.files[place].facts.items() if fact in mapping.settings}
    provider = mapping.fields.get("provider")
    channel = provider.get("const") if isinstance(provider, dict) else None
    account = settings.accounts.get(str(channel)) if channel else None
    if account is None or account.id is None or "account_id" not in mapping.settings:
        return stated
    return {"account_id": account.id, **stated}


def check_exports(settings: Settings, own: MappingType[str, Mapping]) -> None:
    """Raise `UsageError` for `[exports.ID]` of an id that no adapter has: it would be without effect."""
    for name in settings.exports:
        if name not in (known := {**heads(), **own}):
            raise UsageError(f"no adapter is called {name!r}", where=f"exports.{name}", expected=nearest(name, known))


def without_effect(settings: Settings, chosen: MappingType[str, Mapping]) -> list[str]:
    """What of `[files]` changed nothing, in words. `chosen`: the mapping of each input.

    Settings may hold places that one run does not read, so a place without inputs is told only where an input that
    takes one of its facts is at no place at all: then one of the two is likely misspelt.
    """
    places = {name: _places(settings, name) for name in chosen}
    alone = [name for name in sorted(chosen) if not places[name]]
    found: list[str] = []
    for place, stated in sorted(settings.files.items()):
        here = [chosen[name] for name in chosen if place in places[name]]
        asked = {fact for mapping in here for fact in mapping.settings}
        lacking = [name for name in alone if stated.facts.keys() & set(chosen[name].settings)]
        if here:
            idle = sorted(stated.facts.keys() - asked)
            found += [f"no input at {place!r} takes {', '.join(idle)} from the settings ([files])"] if idle else []
        elif lacking:
            more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
            found.append(
                f"no input is at {place!r} of the settings ([files]), and nothing is stated for "
                f"{', '.join(lacking[:3])}{more}"
            )
    return found


def _places(settings: Settings, name: str) -> list[str]:
    """The names of `[files]` that hold for an input, the longest last."""
    if not settings.files:
        return []
    path = _parts(name if "://" in name else os.path.abspath(name))  # noqa: PTH100 - `..` has to go, links may stay
    held = [place for place, stated in settings.files.items() if _holds(_parts(stated.place), path)]
    return sorted(held, key=lambda place: (len(place), place))


def _parts(path: str) -> Sequence[str]:
    return [part for part in path.replace(os.sep, "/").split("/") if part]


def _holds(pattern: Sequence[str], path: Sequence[str]) -> bool:
    """Does the pattern name the file, or a folder above it?"""
    if not pattern:
        return True
    if pattern[0] == "**":
        return any(_holds(pattern[1:], path[start:]) for start in range(len(path) + 1))
    return bool(path) and fnmatchcase(path[0], pattern[0]) and _holds(pattern[1:], path[1:])
