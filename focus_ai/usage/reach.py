"""Which units a set of units stands for: their time and, as far as both sides name one, their account and sub account.

Two names are compared only when they are of one kind: an export that numbers its projects says nothing about those of
an export that names them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from focus_ai.usage.units import Interval, Unit

T = TypeVar("T")


def merged(spans: Iterable[Interval]) -> list[Interval]:
    """The union of spans, sorted; spans that touch are one."""
    found: list[Interval] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def holds(union: Sequence[Interval], start: int, end: int) -> bool:
    """Does the whole of a span lie in a union?"""
    place = bisect_right(union, start, key=lambda span: span[0])
    return place > 0 and end <= union[place - 1][1]


def meets(union: Sequence[Interval], start: int, end: int) -> bool:
    """Does any of a span lie in a union?"""
    place = bisect_right(union, start, key=lambda span: span[0])
    return (place > 0 and start < union[place - 1][1]) or (place < len(union) and union[place][0] < end)


class Reach:
    """What units stand for. `one`: all of them belong to one account, whether they name it or not. `strict`: calls do
    not stand for the hours before the first and after the last one of their export."""

    def __init__(self, units: Iterable[Unit], *, one: bool, strict: bool = False) -> None:
        self._one = one
        # Sub account -> account -> spans for fine units and for coarse ones.
        self._spans: dict[str | None, dict[str | None, tuple[list[Interval], list[Interval]]]] = {}
        for u in units:
            if u.fee or not u.refund:
                fine, coarse = self._spans.setdefault(u.sub, {}).setdefault(u.account, ([], []))
                fine.append(u.reach)
                coarse.append(u.reach if strict else u.day)
        self._numbered: dict[bool, list[str]] = {}
        for name in self._spans:
            if name is not None:
                self._numbered.setdefault(name.isdigit(), []).append(name)
        self._unions: dict[tuple[str | None, str | None, bool, str], list[Interval]] = {}

    def covers(self, u: Unit, match: str = "scope") -> bool:
        """Does the whole of the unit have a carrier here? `match`: see `_subs`."""
        return holds(self._union(u, match), u.start, u.end)

    def touches(self, u: Unit, match: str = "scope") -> bool:
        """Does any of the unit have a carrier here?"""
        return meets(self._union(u, match), u.start, u.end)

    def knows(self, u: Unit) -> bool:
        """Is anything here of the unit's account and sub account, at whatever time?"""
        return bool(self._union(u, "scope"))

    def _union(self, u: Unit, match: str) -> list[Interval]:
        sub = None if match in ("any_sub", "named_sub") else u.sub
        key = (u.account, sub, u.fine, match)
        if key not in self._unions:
            self._unions[key] = merged(
                span
                for name in self._subs(sub, match)
                for account, (fine, coarse) in self._spans[name].items()
                if self._one or match == "any_account" or self._same_account(account, name, u.account, sub)
                for span in (fine if u.fine else coarse)
            )
        return self._unions[key]

    def _subs(self, sub: str | None, match: str) -> Iterable[str | None]:
        """The sub accounts to look at. `scope`, `any_account`: those that a unit of `sub` may be in; `same_sub`: just
        this one; `named_sub`: all that have a name; `any_sub`: all."""
        if match == "same_sub":
            return [sub] if sub in self._spans else []
        if match == "named_sub":
            return [name for name in self._spans if name is not None]
        if sub is None:
            return self._spans
        alike = [n for n in (None, sub) if n in self._spans]
        return [*alike, *self._numbered.get(not sub.isdigit(), ())]

    @staticmethod
    def _same_account(one: str | None, its_sub: str | None, other: str | None, sub: str | None) -> bool:
        """A source without an account may be any of several; the same project tells which."""
        return one == other or ((one is None or other is None) and sub is not None and sub == its_sub)


class Carrying:
    """The reach of carriers for each unit that they may carry: a day of storage fees is no bill of its tokens."""

    def __init__(self, units: Iterable[Unit], *, one: bool, strict: bool = False) -> None:
        self._units = [u for u in units if not u.fee]
        self._one, self._strict = one, strict
        self._found: dict[str | None, Reach] = {}

    def of(self, u: Unit) -> Reach:
        """The reach of the carriers that tell of what the unit is about."""
        return self.about(u.about)

    def about(self, about: str | None) -> Reach:
        """The reach of the carriers that tell of this; None: of all."""
        if about not in self._found:
            units = (u for u in self._units if u.speaks_of(about))
            self._found[about] = Reach(units, one=self._one, strict=self._strict)
        return self._found[about]


def blocks(units: Iterable[Unit]) -> Iterator[list[Unit]]:
    """Units that are tied together by time: each overlaps another one of its block."""
    block: list[Unit] = []
    end = 0
    for u in sorted(units, key=lambda u: (u.reach, u.start, u.first, u.key)):
        if block and u.reach[0] >= end:
            yield block
            block = []
        block.append(u)
        end = max(end, u.reach[1]) if len(block) > 1 else u.reach[1]
    if block:
        yield block


def by_sub(block: Sequence[Unit]) -> Iterator[list[Unit]]:
    """The same, apart by sub account where every unit names one."""
    if any(u.sub is None for u in block):
        yield list(block)
        return
    for part in grouped(block, lambda u: u.sub).values():
        yield from blocks(part)


def grouped(units: Iterable[Unit], name: Callable[[Unit], T]) -> dict[T, list[Unit]]:
    """Units by a name of theirs."""
    found: dict[T, list[Unit]] = defaultdict(list)
    for u in units:
        found[name(u)].append(u)
    return dict(found)
