"""Which units carry the money and which are left to them. Pure: units in, units out; no query, no order of inputs.

The rule behind every decision: a unit is left out only where a unit that stays covers its account, its sub account as
far as both name one, and the whole of its time, and may tell of the same: lines for storage or searches pay for no
tokens. What is not covered stays; what overlaps without being covered stays too and is named, for nobody knows how much
of it is in both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from focus_ai.money import total
from focus_ai.usage.reach import Carrying, Reach, blocks, by_sub, grouped, meets, merged
from focus_ai.usage.units import Unit

# A source with so many percent of another one's tokens or money is complete; the rest is rounding of times at midnight.
COMPLETE = 99
# A source with so many percent of the cached tokens of another one knows which tokens the cache held. One that counts
# them as fresh input prices them several times too high.
CACHE_KNOWN = 90
# Why a decision needs a look.
PARTLY, ACCOUNT, SUB, TIER = "overlaps_partly", "account_unknown", "sub_account_unknown", "tier_not_billed"
DIFFER, BESIDE = "amounts_differ", "tokens_not_billed"


@dataclass
class Outcome:
    """What is left out, per carrier; and what stays or goes in doubt: (reason, is it counted beside the other?)."""

    left: dict[Unit, str] = field(default_factory=dict)
    doubts: dict[Unit, tuple[str, bool]] = field(default_factory=dict)

    def add(self, other: Outcome) -> None:
        """Take over the decisions about other units."""
        self.left |= other.left
        self.doubts |= other.doubts

    def keep(self, units: Iterable[Unit]) -> list[Unit]:
        """The units that are not left out."""
        return [u for u in units if u not in self.left]


def several(units: Iterable[Unit]) -> bool:
    """Do the units name more than one account? Then one without a name may be of any of them."""
    return len({u.account for u in units} - {None}) > 1


def cover(first: Sequence[Unit], second: Sequence[Unit], names: tuple[str, str], *, one: bool) -> Outcome:
    """A bill and the usage behind it, or the other way round: the first carries where it covers the second.

    Where a unit of the second stands out of what the first covers, and the second covers all that the first has there,
    the second carries the block: the money of a month is not in the bill of three of its days.
    """
    found = Outcome()
    carrying = Carrying(first, one=one)
    # A source without an account meets named ones: each of them is carried, so it tells of nothing else.
    named = Carrying((u for u in [*first, *second] if u.account is not None), one=False)
    unnamed = Carrying((u for u in first if u.account is None), one=True)
    half: list[Unit] = []
    for u in second:
        reach, everyone, nameless = carrying.of(u), named.of(u), unnamed.of(u)
        if not (u.billable or u.fee):
            if reach.touches(u):
                found.doubts[u] = (TIER, True)
        elif reach.covers(u):
            found.left[u] = names[0]
            if u.sub and not reach.covers(u, "same_sub") and reach.touches(u, "named_sub"):
                found.doubts[u] = (SUB, False)
        elif u.fee or u.refund:
            continue
        elif reach.touches(u):
            half.append(u)
        elif reach.touches(u, "any_sub"):
            found.doubts[u] = (SUB, True)
        elif not one and u.account is None and reach.touches(u, "any_account"):
            covered = everyone.covers(u, "any_account")
            if covered:
                found.left[u] = names[0]
            found.doubts[u] = (ACCOUNT, not covered)
        elif not one and u.account is not None and nameless.touches(u):
            found.doubts[u] = (ACCOUNT, True)
        elif u.kind == "usage" and carrying.about(None).touches(u):
            found.doubts[u] = (BESIDE, True)
    if half:
        _turn(half, first, second, names, found, one=one)
    _lines_of_kept_records(first, second, names, found, one=one)
    _refuse_orphans(first, second, found, one=one)
    return found


def _lines_of_kept_records(
    first: Sequence[Unit], second: Sequence[Unit], names: tuple[str, str], found: Outcome, *, one: bool
) -> None:
    """Usage that counts searches in one record with the tokens that no line bills carries the line of its searches."""
    kept = [u for u in second if u.beside and found.doubts.get(u, ("",))[0] == BESIDE]
    if kept:
        carrying, others = Carrying(kept, one=one), Carrying((u for u in second if u in found.left), one=one)
        for u in first:
            if u.kind == "billed" and u.beside and carrying.of(u).covers(u) and not others.of(u).touches(u):
                found.left[u] = names[1]


def _turn(
    half: Sequence[Unit],
    first: Sequence[Unit],
    second: Sequence[Unit],
    names: tuple[str, str],
    found: Outcome,
    *,
    one: bool,
) -> None:
    waiting, leading = set(half), set(first)
    for account in grouped([*first, *second], lambda u: None if one else u.account).values():
        for tied in blocks(account):
            for block in by_sub(tied):
                open_ones = [u for u in block if u in waiting]
                if not open_ones:
                    continue
                rest = [u for u in block if u not in leading]
                back = Carrying(rest, one=one, strict=True)
                lead = [u for u in block if u in leading and not u.fee and any(o.speaks_of(u.about) for o in rest)]
                if lead and all(back.of(u).covers(u) for u in lead):
                    for u in rest:
                        found.left.pop(u, None)
                    found.left |= dict.fromkeys(lead, names[1])
                else:
                    found.doubts |= dict.fromkeys(open_ones, (PARTLY, True))


def _refuse_orphans(first: Sequence[Unit], second: Sequence[Unit], found: Outcome, *, one: bool) -> None:
    """Nothing is left out for a carrier that is left out itself."""
    carrying = Carrying(found.keep([*first, *second]), one=one)
    for u in [*found.left]:
        if not carrying.of(u).covers(u, "any_account" if found.doubts.get(u, ("",))[0] == ACCOUNT else "scope"):
            del found.left[u]
            found.doubts[u] = (PARTLY, True)


Name = Callable[[Unit], str]


@dataclass(frozen=True)
class Preference:
    """What is preferred among exports of one kind.

    `rank`: the export with the highest one. `rounded`: exports whose lines show no less than this amount; they come
    after the exact ones.
    """

    rank: Callable[[str], int] = lambda _: 0
    rounded: Mapping[str, Decimal] = field(default_factory=dict)

    def of(self, name: str) -> int:
        """The higher, the better."""
        return self.rank(name) - (name in self.rounded)

    def drift(self, units: Iterable[Unit]) -> Decimal:
        """How far rounding may have taken the sum of these lines away: half a step per line, and no tenth of it, for
        of many small lines that would be all they say."""
        drifts, paid = [], []
        for u in units:
            paid.append(abs(u.paid))
            drifts.append(self.rounded.get(u.adapter, Decimal(0)) * u.records / 2)
        return min(total(drifts), total(paid) / 10)


def one_of_several(units: Sequence[Unit], name: Name, prefer: Preference, *, one: bool) -> Outcome:
    """Several exports of one kind tell of the same: one carries each block of days.

    The one that stands for all others: it has as much as each of them, in their time. Of several such ones one that
    knows which tokens the cache held, then the preferred, then the finest, then the one with the
    most records, then the one that says of more how much was used.
    """
    found = Outcome()
    for fees in (False, True):  # a tax of the month does not tie the days of the month together
        chosen = [u for u in units if u.fee == fees]
        if one:
            found.add(_by_block(chosen, name, prefer, one=True))
            continue
        accounts = grouped(chosen, lambda u: u.account)
        for account in accounts.values():
            found.add(_by_block(account, name, prefer, one=True))
        nameless = found.keep(accounts.pop(None, []))
        for export, part in sorted(grouped(nameless, name).items()):
            # Rows of one export that name an account and rows that do not are other rows.
            named = [u for account in accounts.values() for u in found.keep(account) if name(u) != export]
            if named:
                other = max((name(u) for u in named), key=lambda n: (prefer.of(n), n))
                sides = dict.fromkeys(part, export) | dict.fromkeys(named, other)
                judged = _by_block([*part, *named], sides.__getitem__, prefer, one=True)
                judged.doubts |= dict.fromkeys(judged.left, (ACCOUNT, False))
                found.add(judged)
    _fees(units, name, found)
    return found


def _fees(units: Sequence[Unit], name: Name, found: Outcome) -> None:
    """Where all lines of an export are left to another one, its taxes, credits and purchases of that time are too,
    unless those of the other one were left to them. A tax that nothing else tells of stays: no line holds it."""
    fees = [u for u in units if u.fee]

    def told_elsewhere(tax: Unit, export: str) -> bool:
        others = (u for u in fees if u.tax and name(u) != export and len({u.account, tax.account} - {None}) < 2)
        return meets(merged(u.reach for u in others), tax.start, tax.end)

    for export, part in grouped(units, name).items():
        carried = merged(u.reach for u in fees if found.left.get(u) == export)
        lines = [u for u in part if not u.fee]
        stay = merged(u.reach for u in lines if u not in found.left)
        gone = merged(u.reach for u in lines if u in found.left)
        by = next((found.left[u] for u in lines if u in found.left), "")
        for u in part:
            if not u.fee or u in found.left or meets(carried, u.start, u.end) or meets(stay, u.start, u.end):
                continue
            if meets(gone, u.start, u.end) and (not u.tax or told_elsewhere(u, export)):
                found.left[u] = by


def _by_block(units: Sequence[Unit], name: Name, prefer: Preference, *, one: bool) -> Outcome:
    found = Outcome()
    if len({name(u) for u in units}) < 2:
        return found
    for block in blocks(units):
        sides = grouped(block, name)
        if len(sides) > 1:
            _settle(sides, prefer, found, one=one)
    return found


def _settle(sides: dict[str, list[Unit]], prefer: Preference, found: Outcome, *, one: bool) -> None:
    reaches = {name: Reach(units, one=one) for name, units in sides.items()}
    amount = measure([u for units in sides.values() for u in units])

    def stands(x: str, y: str) -> bool:
        return _stands(sides[x], reaches[x], sides[y], reaches[y], amount, prefer)

    complete = [x for x in sides if all(stands(x, y) for y in sides if y != x)]
    cached = {x: sum(u.cached for u in sides[x]) for x in sides}
    most_cached = max((cached[x] for x in complete), default=0)

    def order(name: str) -> tuple[bool, int, int, int, int, str]:
        units = sides[name]
        records, counted = sum(u.records for u in units), sum(u.counted for u in units)
        knows_cache = 100 * cached[name] >= CACHE_KNOWN * most_cached
        return knows_cache, prefer.of(name), max(u.fineness for u in units), records, counted, name

    best = max(complete, key=order) if complete else max(sides, key=lambda x: (amount(sides[x]), *order(x)))
    for other in sorted(sides.keys() - {best}):
        known = [u for u in sides[other] if reaches[best].knows(u)]
        if not stands(best, other):
            held = [u for u in known if reaches[best].covers(u)]
            if not as_much(amount(within(filter(reaches[other].knows, sides[best]), held)), amount(held)):
                held = []
            found.doubts |= {u: (PARTLY, True) for u in known if u not in held and reaches[best].touches(u)}
            known = held
        found.left |= dict.fromkeys(known, best)
    # What the best one does not hold may still be in several of the others.
    names = {u: name for name, units in sides.items() if name != best for u in found.keep(units)}
    again = _by_block([*names], names.__getitem__, prefer, one=one)
    for u in again.left:
        found.doubts.pop(u, None)
    found.add(again)


Amount = Callable[[Iterable[Unit]], Decimal]


def measure(units: Sequence[Unit]) -> Amount:
    """By what exports are compared: money of bills; tokens of usage, or its other meters where nothing has tokens.

    Where a quota pays for all of it, a bill is compared by what it would have cost.
    """
    if all(u.kind == "billed" for u in units):
        if all(u.paid == 0 for u in units):
            return lambda us: total(u.listed for u in us)
        return lambda us: total(u.paid for u in us)
    if any(u.tokens for u in units):
        return lambda us: Decimal(sum(u.tokens for u in us))
    return lambda us: total(u.others for u in us)


def _stands(xs: Sequence[Unit], x: Reach, ys: Sequence[Unit], y: Reach, amount: Amount, prefer: Preference) -> bool:
    """Does x hold what y tells of, as far as both name the same sub accounts?

    Calls and hours are quiet where nothing happened: what they count proves that they saw the time of a longer line.
    """
    told = [u for u in ys if x.knows(u)]
    fine = any(u.fine for u in xs)
    if not all(x.covers(u) or u.refund or (fine and not u.fine) for u in told):
        return False
    return as_much(amount(within([u for u in xs if y.knows(u)], told)), amount(told) - prefer.drift(told))


def within(units: Iterable[Unit], others: Iterable[Unit]) -> list[Unit]:
    """The units that hold something of the time that the others speak for."""
    zone = merged(u.reach for u in others)
    return [u for u in units if meets(zone, u.start, u.end)]


def as_much(held: Decimal, told: Decimal) -> bool:
    return 100 * held >= 100 * told - (100 - COMPLETE) * abs(told)
