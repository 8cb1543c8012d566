"""Exact splitting: amounts, quantities and ratios by weights, so that the parts always add up to the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


def ratios(weights: Mapping[str, Weight]) -> dict[str, Decimal]:
    """AllocatedRatio of every target, twelve places, sum exactly 1."""
    return split(Decimal(1), weights, 12)


@dataclass(frozen=True, slots=True)
class Share:
    """What one target gets of an origin row. Unit prices are those of the origin."""

    quantity: Decimal
    list_cost: Decimal
    contracted_cost: Decimal
    effective_cost: Decimal
    billed_cost: Decimal


def split_charge(
    quantity: Decimal,
    list_price: Decimal,
    contracted_price: Decimal,
    effective_cost: Decimal,
    billed_cost: Decimal,
    weights: Mapping[str, Weight],
    scale: int = 9,
) -> dict[str, Share]:
    """Split the quantity and derive the costs, so that price times quantity holds on every part.

    `scale` 6 keeps token rows in whole tokens. Effective and billed cost follow the contracted cost where they equal
    it, are zero where the origin's are, and are split on their own otherwise.
    """
    contracted = CTX.multiply(contracted_price, quantity)
    parts = split(quantity, weights, scale)
    own = {key: CTX.multiply(contracted_price, part) for key, part in parts.items()}
    effective = own if effective_cost == contracted else split(effective_cost, weights, 18)
    billed = own if billed_cost == contracted else split(billed_cost, weights, 18)
    return {
        key: Share(part, CTX.multiply(list_price, part), own[key], effective[key], billed[key])
        for key, part in parts.items()
    }


def tiered(stages: Sequence[tuple[Decimal, Mapping[str, Weight]]]) -> dict[str, list[Fraction]]:
    """Several stages, each with its share of the whole: per target the exact ratio of every stage.

    Raises `ValueError` when the shares do not add up to 1.
    """
    if sum((Fraction(share) for share, _ in stages), Fraction(0)) != 1:
        raise ValueError("the shares of the stages must add up to 1")
    found: dict[str, list[Fraction]] = {}
    for share, weights in stages:
        whole = sum((Fraction(weight) for weight in weights.values()), Fraction(0))
        if whole == 0 or any(weight < 0 for weight in weights.values()):
            raise ValueError("weights must be non-negative and not all zero")
        for key, weight in weights.items():
            found.setdefault(key, []).append(Fraction(share) * Fraction(weight) / whole)
    return found


def anchored(
    billed: Decimal, seen: Mapping[str, Decimal], rest: str, scale: int = 6
) -> tuple[dict[str, Decimal], bool]:
    """A billed quantity by what was seen per owner: what nobody saw goes to `rest`; a seen surplus scales down.

    Returns the quantities and whether more was seen than billed. Nothing seen: all of it goes to `rest`.
    """
    total = sum(seen.values(), Decimal(0))
    if total > billed:
        return split(billed, dict(seen), scale), True
    missing = CTX.subtract(billed, total)
    parts = dict(seen)
    if missing:
        parts[rest] = CTX.add(parts.get(rest, Decimal(0)), missing)
    return parts, False
