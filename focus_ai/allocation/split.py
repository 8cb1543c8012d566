"""Exact splitting of a total by weights, in Python: the parts always add up to the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from math import lcm

from focus_ai.money import CTX, largest_remainder

Weight = int | Decimal | Fraction


def split(total: Decimal, weights: Mapping[str, Weight], scale: int) -> dict[str, Decimal]:
    """Parts of `total` in units of 10^-scale by the largest-remainder method.

    Raises `ValueError` for a negative weight, weights that are all zero, or a total finer than the scale.
    """
    units = CTX.scaleb(total, scale)
    if units != units.to_integral_value():
        raise ValueError(f"{total} has more than {scale} decimal places")
    keys = list(weights)
    whole = integers([weights[key] for key in keys])
    parts = largest_remainder(int(units), whole, keys)
    return {key: CTX.scaleb(Decimal(part), -scale) for key, part in zip(keys, parts, strict=True)}


def integers(weights: Sequence[Weight]) -> list[int]:
    """Exact weights as whole numbers in the same proportion."""
    exact = [Fraction(weight) for weight in weights]
    common = lcm(*(weight.denominator for weight in exact)) if exact else 1
    return [int(weight * common) for weight in exact]
