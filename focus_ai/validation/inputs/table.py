"""One file made scannable: a Parquet file as it is, or a text file staged as Parquet of text cells.

Staging reads a text file once, keeps the record number of every row (`_row`) and sets aside what is no record, so that
the rules never meet a reading error and never pay for parsing twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from focus_ai.errors import InputError
from focus_ai.sources import SourceFile

# Problems of one kind that are kept with their row; the rest is counted.
KEPT = 1000


@dataclass(frozen=True, slots=True)
class Problem:
    """A record that is not what the file's form promises. `row` counts records from 1, `line` lines from 1."""

    row: int
    line: int | None
    value: str


@dataclass(slots=True)
class Problems:
    """Problems of one file by kind (see `findings.KINDS`), the first thousand of each kept, all counted."""

    counts: dict[str, int] = field(default_factory=dict)
    kept: dict[str, list[Problem]] = field(default_factory=dict)

    def add(self, kind: str, problem: Problem) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if len(kept := self.kept.setdefault(kind, [])) < KEPT:
            kept.append(problem)


@dataclass(frozen=True, slots=True)
class Table:
    """A scannable file. `columns`: name in the file -> (name to select from `path`, engine type), in file order."""

    source: SourceFile
    path: Path
    columns: Mapping[str, tuple[str, str]]
    rows: int
    staged: bool
    problems: Problems
    repeated: Sequence[str] = ()
    nested: Mapping[str, str] = field(default_factory=dict)
    footer: Mapping[str, str] = field(default_factory=dict)


def unique(names: Sequence[str], where: str) -> tuple[dict[str, int], list[str]]:
    """Position of every name by its first use, and the names that come twice (to the letter).

    Raises `InputError` for a name that is no text: a NUL, half a character.
    """
    for name in names:
        if "\x00" in name or any("\ud800" <= c <= "\udfff" for c in name):
            raise InputError(
                "a column name is damaged or was cut off", where=where, value=ascii(name)[:200],
                next_step="fetch or write the file again",
            )  # fmt: skip
    first: dict[str, int] = {}
    repeated = []
    for position, name in enumerate(names):
        if name in first:
            repeated.append(name)
        else:
            first[name] = position
    return first, sorted(set(repeated))
