"""Rating of one event in plain Python: what `rates explain`, the documentation and the tests use.

The pipeline does the same arithmetic in SQL over segments; both get their prices from the same lookup.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from focus_ai.money import CTX, dec, round9
from focus_ai.pricing.costs import ZERO, Charge, usage
from focus_ai.pricing.profile import Price, Profile, Unpriced, resolve

if TYPE_CHECKING:
    from focus_ai.pricing.card import RateCard

_INPUT = ("input", "cache_read", "cache_write")


@dataclass(frozen=True, slots=True)
class Rating:
    """The charges of an event, and the meters without a price with their quantity and reason."""

    charges: tuple[Charge, ...]
    unpriced: tuple[tuple[str, Decimal, Unpriced], ...]

    @property
    def total(self) -> Decimal:
        """Sum of the effective costs."""
        return sum((charge.effective_cost for charge in self.charges), ZERO)


def pricing_quantity(raw: Decimal, unit_size: int) -> Decimal:
    """Raw units in pricing units: exact for powers of ten, else rounded once to nine places."""
    digits = str(unit_size)
    if digits.strip("0") == "1":
        return raw.scaleb(1 - len(digits), CTX)
    return round9(CTX.divide(raw, Decimal(unit_size)))


def context_tokens(meters: Mapping[str, Decimal | int]) -> int:
    """All input tokens of a request: fresh, cache read, cache write and other modalities."""
    return sum(int(quantity) for meter, quantity in meters.items() if meter.startswith(_INPUT))


def rate(
    card: RateCard, profile: Profile, meters: Mapping[str, Decimal | int], at: datetime, context: int | None = None
) -> Rating:
    """Rate one event. `meters`: raw quantity per leaf meter; meters of quantity zero give no charge.

    `context` is the size of the request when the meters do not say it. Raises `ValueError` for a negative quantity.
    """
    amounts = {meter: dec(quantity) for meter, quantity in meters.items()}
    if any(quantity < 0 for quantity in amounts.values()):
        raise ValueError(f"a quantity is negative: {meters}")
    size = context_tokens(meters) if context is None else context
    asked = {meter: quantity for meter, quantity in amounts.items() if quantity}
    segment = next(
        s for s in resolve(card, profile, asked, at, at)
        if s.context_gt < size and (s.context_le is None or size <= s.context_le)
    )  # fmt: skip
    charges: list[Charge] = []
    unpriced: list[tuple[str, Decimal, Unpriced]] = []
    for meter, quantity in asked.items():
        price = segment.prices.get(meter, Unpriced("no_rate", "not priced apart; part of output"))
        if isinstance(price, Unpriced):
            unpriced.append((meter, quantity, price))
        else:
            charges.append(charge_of(meter, quantity, price))
    return Rating(tuple(charges), tuple(unpriced))


def charge_of(meter: str, raw: Decimal, price: Price) -> Charge:
    """One usage charge from a raw quantity and a price."""
    quantity = pricing_quantity(raw, price.unit_size)
    return replace(
        usage(quantity, price.list_unit_price, price.contracted_unit_price, price.currency),
        meter=meter, sku_id=price.sku_id, sku_price_id=price.sku_price_id, rate_id=price.rate_id,
        consumed_quantity=raw, consumed_unit=price.consumed_unit, pricing_unit=price.pricing_unit,
        pricing_currency=price.pricing_currency, assumptions=price.assumptions,
        pricing_currency_effective_cost=CTX.multiply(price.pc_contracted_unit_price, quantity),
    )  # fmt: skip
