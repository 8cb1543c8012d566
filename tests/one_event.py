"""Rating of one event in plain Python, to compare with: the same segments of prices, no SQL and no grouping.

Costs are exact products of a unit price and a quantity in pricing units, as the pipeline's must be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from focus_ai.money import CTX, dec, round9
from focus_ai.pricing import Price, Profile, RateCard, Unpriced, resolve

_INPUT = ("input", "cache_read", "cache_write")


@dataclass(frozen=True, slots=True)
class Charge:
    """One usage charge that nothing covers: the meter, its raw quantity and its price."""

    meter: str
    consumed_quantity: Decimal
    price: Price

    @property
    def pricing_quantity(self) -> Decimal:
        """Raw units in pricing units: exact for powers of ten, else rounded once to nine places."""
        digits = str(self.price.unit_size)
        if digits.strip("0") == "1":
            return self.consumed_quantity.scaleb(1 - len(digits), CTX)
        return round9(CTX.divide(self.consumed_quantity, Decimal(self.price.unit_size)))

    @property
    def list_cost(self) -> Decimal:
        return CTX.multiply(self.price.list_unit_price, self.pricing_quantity)

    @property
    def contracted_cost(self) -> Decimal:
        return CTX.multiply(self.price.contracted_unit_price, self.pricing_quantity)

    effective_cost = contracted_cost


@dataclass(frozen=True, slots=True)
class Rating:
    """The charges of an event, and the meters without a price with their quantity and reason."""

    charges: tuple[Charge, ...]
    unpriced: tuple[tuple[str, Decimal, Unpriced], ...]

    @property
    def total(self) -> Decimal:
        """Sum of the effective costs."""
        return sum((charge.effective_cost for charge in self.charges), Decimal(0))


def rate(
    card: RateCard, profile: Profile, meters: Mapping[str, Decimal | int], at: datetime, context: int | None = None
) -> Rating:
    """Rate one event. `meters`: raw quantity per leaf meter; meters of quantity zero give no charge.

    `context` is the size of the request when the meters do not say it.
    """
    size = sum(int(n) for meter, n in meters.items() if meter.startswith(_INPUT)) if context is None else context
    asked = {meter: dec(quantity) for meter, quantity in meters.items() if quantity}
    (segment,) = [
        s for s in resolve(card, profile, asked, at, at)
        if s.context_gt < size and (s.context_le is None or size <= s.context_le)
    ]  # fmt: skip
    charges: list[Charge] = []
    unpriced: list[tuple[str, Decimal, Unpriced]] = []
    for meter, quantity in asked.items():
        price = segment.prices.get(meter, Unpriced("no_rate", "not priced apart; part of output"))
        if isinstance(price, Unpriced):
            unpriced.append((meter, quantity, price))
        else:
            charges.append(Charge(meter, quantity, price))
    return Rating(tuple(charges), tuple(unpriced))
