"""Where the cells of FOCUS files stand: SQL of the text of a column of the file, and which columns can fill which.

A struct of the engine cannot hold two names that differ by case alone, nor one without letters; such a column is read
apart. Empty text is null.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache

from focus_ai.engine import ident, literal
from focus_ai.focus.carry_readings import rules
from focus_ai.focus.columns import load, versions


class Cells:
    """The columns that the FOCUS files of a run have, in one order."""

    def __init__(self, names: Iterable[str]) -> None:
        self._there = frozenset(names)
        self.names = tuple(sorted(self._there))
        held: dict[str, str] = {}
        for name in self.names:
            if name and "\x00" not in name:
                held.setdefault(name.casefold(), name)
        self._held = tuple(held.values())
        others = sorted(self._there - set(self._held))
        self._apart = {name: f"apart_{number}" for number, name in enumerate(others)}

    def __contains__(self, name: str) -> bool:
        return name in self._there

    def read(self, row: str) -> str:
        """SELECT list that lays out the cells of a row, a JSON object, for `text`."""
        shape = json.dumps(dict.fromkeys(self._held, "VARCHAR"))
        columns = [f"json_transform({row}, {literal(shape)}) AS f"]
        columns += [f"json_extract_string({row}, {_pointer(name)}) AS {held}" for name, held in self._apart.items()]
        return ", ".join(columns)

    def text(self, name: str) -> str:
        """SQL of a cell; the file must have the column."""
        return f"NULLIF({self._apart.get(name) or f'f.{ident(name)}'}, '')"

    def texts(self, names: Sequence[str]) -> list[str]:
        """SQL of those of the columns that the files have."""
        return [self.text(name) for name in names if name in self]

    def first(self, *names: str) -> str:
        """SQL of the first filled cell of the columns; NULL when the files have none of them."""
        found = self.texts(names)
        return f"coalesce({', '.join(found)})" if found else "NULL"

    def given(self, column: str) -> str:
        """SQL of the first filled cell that can fill a column of the version asked for."""
        return self.first(*sources(column))


def _pointer(name: str) -> str:
    parts = f"/{name.replace('~', '~0').replace('/', '~1')}".split("\x00")
    return " || chr(0) || ".join(map(literal, parts))


@cache
def wandering() -> frozenset[str]:
    """FOCUS columns that not every version has; a version without one leaves its value behind x_."""
    names = [frozenset(load(version).names) for version in versions()]
    return frozenset().union(*names) - names[0].intersection(*names)


@cache
def sources(column: str) -> tuple[str, ...]:
    """Columns of a file that can fill this one, best first; each is also looked for where we may have left it."""
    listed = rules()["columns"].get(column, {}).get("from", [column])
    places = ([name, *(_left(name) if name in wandering() else ())] for name in listed)
    return tuple(dict.fromkeys(name for several in places for name in several))


def homes(name: str, version: str) -> tuple[str, ...]:
    """Columns of the version that stand for a column of the file: itself, else what it becomes and comes back from."""
    known = load(version).all_names
    if name in known:
        return (name,)
    back = [c for c in known if name in sources(c) and (c in sources(name) or (c in wandering() and name in _left(c)))]
    return tuple(dict.fromkeys([*back, *([f"x_{name}"] if f"x_{name}" in known else [])]))


def _left(column: str) -> tuple[str, ...]:
    return f"x_Source_{column}", f"x_{column}"
