"""The unit prices of a row in the currency of its price list and in that of the bill.

Exchange rates are applied to unit prices, never to costs, and each price is rounded once. A contract price in a third
currency comes into the currency of the list first; one that is in the currency of the bill is what the bill says.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from focus_ai.money import CTX, round9
from focus_ai.pricing.contract import Agreed
from focus_ai.pricing.fx import FxRate, FxTable
from focus_ai.pricing.rate_row import NoRate, Rate
from focus_ai.pricing.tables import blocks_in_usual, pricing_unit

CONVERTED = "contract_currency_converted"
_TOO_LARGE = Decimal(10**9)
LONG_AGO = "exchange_rate_of_long_ago"


@dataclass(frozen=True, slots=True)
class UnitPrices:
    """List and contracted price of the bill, then of the price list; `fx`: the rate that tells the two apart, or else
    the one of the contract price. They are per `unit_size`: a price of single tokens is told per million."""

    listed: Decimal
    contracted: Decimal
    pc_listed: Decimal
    pc_contracted: Decimal
    unit_size: int
    pricing_unit: str
    fx: FxRate | None = None
    assumptions: tuple[str, ...] = ()


def unit_prices(
    rate: Rate, agreed: Agreed, billing: str | None, table: FxTable | None, day: date
) -> UnitPrices | NoRate:
    """`billing`: the currency of the bill, None for that of the list. `NoRate` without an exchange rate."""
    assert rate.price is not None
    used: list[FxRate] = []
    told: list[str] = []
    currency, billing = rate.currency, billing or rate.currency
    many = blocks_in_usual(rate.meter, rate.unit_size)
    listed, agreed_price = (CTX.multiply(price, Decimal(many)) for price in (rate.price, agreed.price))
    own = round9(agreed_price)
    if agreed.currency != currency:
        found = table.find(agreed.currency, currency, day) if table else None
        if found is None:
            lacking = f"{agreed.currency} to {currency} on or before {day.isoformat()}"
            said = f"{agreed.contract_id} is in {agreed.currency}, the price in {currency}"
            return NoRate("contract_currency", f"{said}, and there is no rate {lacking}")
        own = round9(CTX.multiply(agreed_price, found.rate))
        used.append(found)
        told.append(CONVERTED)
    pc_listed, pc_own, factor = round9(listed), own, Decimal(1)
    if billing != currency:
        found = table.find(currency, billing, day) if table else None
        if found is None:
            return NoRate("no_fx_rate", f"{currency} to {billing} on or before {day.isoformat()}")
        factor = found.rate
        used.append(found)
        own = round9(agreed_price) if agreed.currency == billing else round9(CTX.multiply(own, factor))
    if any(rate.of_long_ago(day) for rate in used):
        told.append(LONG_AGO)
    price = round9(CTX.multiply(listed, factor))
    if max(price, own, pc_listed, pc_own) >= _TOO_LARGE:
        return NoRate(
            "price_too_large", f"a unit price of {rate.sku_price_id} has more than nine digits before the point"
        )
    size = rate.unit_size * many
    unit = rate.pricing_unit if many == 1 else pricing_unit(rate.unit, size)
    return UnitPrices(price, own, pc_listed, pc_own, size, unit, used[-1] if used else None, tuple(told))
