"""Exact decimal arithmetic: the one context, parsing, sums, rounding of unit prices and plain printing.

Types and reasons: unit prices decimal(18,9), PricingQuantity decimal(19,9), ConsumedQuantity decimal(38,9),
costs decimal(38,18) = the exact product. Unit prices are rounded once, half-even; costs never.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow

CTX = Context(prec=60, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])
_NINE = Decimal("0.000000001")
_SIX = Decimal("0.000001")


def dec(value: str | int | Decimal) -> Decimal:
    """Parse an amount exactly. Floats and booleans are refused with `TypeError`, bad text with `ValueError`."""
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise TypeError(f"an exact amount is text or a whole number, not {type(value).__name__}: {value!r}")
    try:
        parsed = CTX.create_decimal(value.strip() if isinstance(value, str) else value)
    except InvalidOperation:
        raise ValueError(f"not a number: {value!r}") from None
    if not parsed.is_finite():
        raise ValueError(f"not a finite number: {value!r}")
    return parsed


def round9(value: Decimal) -> Decimal:
    """A unit price rounded once, half-even, to nine places."""
    return CTX.quantize(value, _NINE)


def text(value: Decimal) -> str:
    """Plain digits without an exponent and without padding zeros: 0.0000025, never 2.5E-6."""
    plain = format(value, "f")
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain in ("-0", "") else plain


def total(values: Iterable[Decimal | None]) -> Decimal:
    """The exact sum; None counts nothing."""
    found = Decimal(0)
    for value in values:
        if value is not None:
            found = CTX.add(found, value)
    return found


def share(part: Decimal | int, whole: Decimal | int) -> Decimal:
    """A part of a whole with six places, half-even; 0 of nothing is 0."""
    return CTX.quantize(CTX.divide(Decimal(part), Decimal(whole)), _SIX) if whole else Decimal(0)


def largest_remainder(total: int, weights: Sequence[int], keys: Sequence[str]) -> list[int]:
    """Split `total` units by non-negative integer weights so that the parts add up exactly.

    Missing units go to the larger fractional part, then the larger weight, then the smaller key.
    Raises `ValueError` for a negative weight or when all weights are zero.
    """
    whole = sum(weights)
    if min(weights, default=0) < 0 or whole == 0:
        raise ValueError("weights must be non-negative and not all zero")
    sign, size = (-1, -total) if total < 0 else (1, total)
    parts = [size * w // whole for w in weights]
    order = sorted(range(len(weights)), key=lambda i: (-(size * weights[i] % whole), -weights[i], keys[i]))
    for i in order[: size - sum(parts)]:
        parts[i] += 1
    return [sign * part for part in parts]
