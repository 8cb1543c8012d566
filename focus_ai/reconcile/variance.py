"""Differences between rated and billed amounts: quantity first, then price, tolerance, and causes in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from focus_ai.money import CTX

#: Smallest printed unit of currencies that have no cents or more than two places (ISO 4217, read 2026-11-22).
_PLACES = {
    "BHD": 3, "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "IQD": 3, "ISK": 0, "JOD": 3, "JPY": 0, "KMF": 0, "KRW": 0,
    "KWD": 3, "LYD": 3, "OMR": 3, "PYG": 0, "RWF": 0, "TND": 3, "UGX": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0,
    "XPF": 0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Variance:
    """`delta` = billed - rated; `volume` + `price` = `delta` when the billed side has a quantity."""

    delta: Decimal
    volume: Decimal | None
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class Cause:
    """A named part of a difference."""

    cause: str
    amount: Decimal


def variance(
    rated_cost: Decimal, billed_cost: Decimal, rated_quantity: Decimal, billed_quantity: Decimal | None, price: Decimal
) -> Variance:
    """Split a difference without division: quantities in pricing units, `price` the rated unit price."""
    delta = CTX.subtract(billed_cost, rated_cost)
    if billed_quantity is None:
        return Variance(delta, None, None)
    volume = CTX.multiply(CTX.subtract(billed_quantity, rated_quantity), price)
    return Variance(delta, volume, CTX.subtract(billed_cost, CTX.multiply(billed_quantity, price)))


def subunit(currency: str) -> Decimal:
    """The smallest printed amount of a currency."""
    return Decimal(1).scaleb(-_PLACES.get(currency, 2))


def invoice_tolerance(rows: int, currency: str) -> Decimal:
    """How far rows may be from an issued invoice: the larger of 100 subunits and half a subunit per root of rows.

    Rule of FOCUS 1.4, read 2026-11-22. Raises `ValueError` for a negative number of rows.
    """
    if rows < 0:
        raise ValueError("the number of rows is negative")
    unit = subunit(currency)
    drift = CTX.multiply(CTX.multiply(CTX.sqrt(Decimal(rows)), Decimal("0.5")), unit)
    return max(CTX.multiply(Decimal(100), unit), drift)


def status(
    delta: Decimal,
    billed: Decimal,
    absolute: Decimal = Decimal("0.01"),
    warn: Decimal = Decimal("0.01"),
    breach: Decimal = Decimal("0.02"),
) -> str:
    """`ok`, `warn` or `breach` of one bucket. Strict comparison: all three limits 0."""
    size, base = abs(delta), abs(billed)
    if size <= max(absolute, CTX.multiply(warn, base)):
        return "ok"
    return "warn" if size <= max(absolute, CTX.multiply(breach, base)) else "breach"


def duplicates(copies: Decimal, price: Decimal) -> Cause:
    """Events counted more than once: their cost was rated and not billed."""
    return Cause("duplicate_events", CTX.minus(CTX.multiply(copies, price)))


def cached_as_fresh(cache_read: Decimal, cache_price: Decimal, input_price: Decimal) -> Cause:
    """Cached input that was rated at the price of fresh input."""
    return Cause("cached_as_fresh", CTX.multiply(cache_read, CTX.subtract(cache_price, input_price)))


def explain(delta: Decimal, tests: Sequence[Cause], tolerance: Decimal = Decimal(0)) -> tuple[list[Cause], Decimal]:
    """Take causes in their order until the rest is within tolerance; returns the used ones and the rest."""
    rest, used = delta, []
    for test in tests:
        if abs(rest) <= tolerance:
            break
        if test.amount:
            used.append(test)
            rest = CTX.subtract(rest, test.amount)
    return used, rest


def shifted_days(deltas: Sequence[Decimal], tolerance: Decimal = Decimal(0)) -> list[int]:
    """Positions of days whose difference is taken back by the next day: a moved day boundary or late data."""
    found = []
    position = 0
    while position + 1 < len(deltas):
        here, after = deltas[position], deltas[position + 1]
        if here and after and (here < 0) != (after < 0) and abs(CTX.add(here, after)) <= tolerance:
            found.append(position)
            position += 1
        position += 1
    return found
