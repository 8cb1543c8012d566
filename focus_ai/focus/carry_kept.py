"""Where a cell of a FOCUS file goes that its own column does not hold: no cell with text is ever without a column.

x_ columns of others stay under their names; names that differ by case alone become one column, since most readers of
Parquet take them for one. What the version has no column for, and what its column cannot hold (no number, too many
digits, no time, no JSON, a word that FOCUS does not know), moves behind x_, to the first name that is free.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from focus_ai.focus.carry_cells import Cells, homes
from focus_ai.focus.carry_readings import same
from focus_ai.focus.columns import FocusVersion


@dataclass(frozen=True)
class Left:
    """A column of the file with cells that no column of theirs holds: SQL of the text that is left over.

    `known`: the version has the column. `into`: the column that takes the cell, when that is settled already.
    """

    name: str
    sql: str
    known: bool
    into: str | None = None


def staying(cells: Cells, model: FocusVersion) -> dict[str, tuple[str, ...]]:
    """Columns of others that stay -> the columns of the file that differ from it by case alone, itself first."""
    taken = {name.casefold() for name in model.all_names}
    found: dict[str, list[str]] = {}
    for name in cells.names:
        folded = name.casefold()
        if name.startswith("x_") and folded not in taken and not homes(name, model.version) and _clean(name) == name:
            found.setdefault(folded, []).append(name)
    return {group[0]: tuple(group) for group in found.values()}


def leftovers(cells: Cells, model: FocusVersion, values: Mapping[str, str]) -> list[Left]:
    """What could be left over of each column of the file; `values`: column of the version -> SQL of its value."""
    found = []
    columns = {column.name: column for column in model.all_columns}
    stays = staying(cells, model)
    beside = {name: group for group in stays.values() for name in group}
    for name in cells.names:
        text = cells.text(name)
        if name in stays:
            continue
        if name in beside:
            first = cells.first(*beside[name])
            found.append(Left(name, f"CASE WHEN {text} = {first} THEN {text} END", False, beside[name][0]))
            found.append(Left(name, f"CASE WHEN {text} <> {first} THEN {text} END", False))
            continue
        told = [f"coalesce({same(columns[c], text, values[c])}, FALSE)" for c in homes(name, model.version)]
        sql = f"CASE WHEN NOT ({' OR '.join(told)}) THEN {text} END" if told else text
        found.append(Left(name, sql, name in columns))
    return found


def names_for(left: Sequence[Left], taken: Iterable[str]) -> dict[Left, str]:
    """The column for what is left over: behind x_, or with a word more where a column has that name already."""
    used = {name.casefold() for name in taken}
    found = {entry: entry.into for entry in left if entry.into is not None}
    # A column that is called x_ already comes first, so that nothing takes its name.
    for entry in sorted((e for e in left if e.into is None), key=lambda e: (not e.name.startswith("x_"), e.name)):
        bare = _clean(entry.name.removeprefix("x_")) or "Unnamed"
        numbered = (f"x_Source_{bare}_{number}" for number in itertools.count(2))
        wanted = itertools.chain((f"x_{bare}", f"x_Source_{bare}"), numbered)
        free = next(name for name in wanted if name.casefold() not in used)
        used.add(free.casefold())
        found[entry] = free
    return found


def _clean(name: str) -> str:
    return name.replace("\x00", "")
