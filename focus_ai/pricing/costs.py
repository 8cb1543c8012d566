"""Charges as exact amounts: usage, purchases, drawdown, unused parts, credits, adjustments and corrections.

Pure arithmetic of single charges; the pipeline's SQL in `charges.py` follows the same rules. Costs are exact products
and are never rounded; quantities are in pricing units.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from focus_ai.money import CTX, round9

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Charge:
    """One charge. Unit prices and quantity are None where a charge has none (credits, adjustments)."""

    category: str
    frequency: str
    pricing_category: str | None
    list_cost: Decimal
    contracted_cost: Decimal
    effective_cost: Decimal
    billed_cost: Decimal
    currency: str
    pricing_quantity: Decimal | None = None
    list_unit_price: Decimal | None = None
    contracted_unit_price: Decimal | None = None
    charge_class: str | None = None
    meter: str | None = None
    sku_id: str | None = None
    sku_price_id: str | None = None
    rate_id: str | None = None
    consumed_quantity: Decimal | None = None
    consumed_unit: str | None = None
    pricing_unit: str | None = None
    pricing_currency: str | None = None
    pricing_currency_effective_cost: Decimal | None = None
    commitment_status: str | None = None
    assumptions: tuple[str, ...] = ()


def usage(quantity: Decimal, list_price: Decimal, contracted_price: Decimal | None, currency: str) -> Charge:
    """Postpaid usage that nothing else covers."""
    own = list_price if contracted_price is None else contracted_price
    cost = CTX.multiply(own, quantity)
    return Charge(
        "Usage", "Usage-Based", "Standard", CTX.multiply(list_price, quantity), cost, cost, cost, currency, quantity,
        list_price, own,
    )  # fmt: skip


def prepaid(charge: Charge) -> Charge:
    """The same usage drawn from money paid before: nothing is billed again."""
    return replace(charge, billed_cost=ZERO)


def covered(charge: Charge, effective_cost: Decimal) -> Charge:
    """Usage covered by a commitment: its amortised share is the effective cost."""
    return replace(
        charge, pricing_category="Committed", effective_cost=effective_cost, billed_cost=ZERO, commitment_status="Used"
    )


def commitment_share(charge: Charge, benefit_percent: Decimal) -> Charge:
    """Usage covered by a commitment which pays so many percent less than the contracted cost."""
    share = CTX.divide(Decimal(100) - benefit_percent, Decimal(100))
    return covered(charge, CTX.multiply(charge.contracted_cost, share))


def unused_commitment(quantity: Decimal, price: Decimal, effective_cost: Decimal, currency: str) -> Charge:
    """The part of a commitment that no usage drew: priced at list, with the amortised rest as effective cost."""
    charge = covered(usage(quantity, price, None, currency), effective_cost)
    return replace(charge, commitment_status="Unused")


def purchase(amount: Decimal, currency: str, *, covers_usage: bool = True, frequency: str = "One-Time") -> Charge:
    """Money paid for credits, a commitment or a fee. What later usage consumes has no effective cost now."""
    effective = ZERO if covers_usage else amount
    return Charge(
        "Purchase", frequency, "Standard", amount, amount, effective, amount, currency, Decimal(1), amount, amount,
        pricing_currency=currency, pricing_currency_effective_cost=effective,
    )  # fmt: skip


def top_up_fee(amount: Decimal, percent: Decimal, minimum: Decimal) -> Decimal:
    """The fee of a top-up: a percentage with a minimum."""
    return max(CTX.divide(CTX.multiply(amount, percent), Decimal(100)), minimum)


def unused_credit(bought: Decimal, used: Iterable[Decimal], currency: str) -> Charge:
    """Prepaid money that expires: the quantity is the unused fraction of the purchase, so all effective cost adds up.

    Raises `ValueError` when more was used than bought, or nothing was bought. The fraction is rounded to nine places
    where it does not end, and the effective cost stays the exact rest.
    """
    rest = CTX.subtract(bought, sum(used, ZERO))
    if rest < 0 or bought <= 0:
        raise ValueError("more was used than bought")
    fraction = round9(CTX.divide(rest, bought))
    cost = CTX.multiply(fraction, bought)
    return Charge(
        "Usage", "One-Time", "Standard", cost, cost, rest, ZERO, currency, fraction, bought, bought,
        pricing_currency=currency, pricing_currency_effective_cost=rest,
    )  # fmt: skip


def in_credits(
    quantity: Decimal,
    credits_per_unit: Decimal,
    credit_price: Decimal,
    currency: str,
    credit_name: str,
    *,
    contracted_credits: Decimal | None = None,
    contracted_credit_price: Decimal | None = None,
) -> Charge:
    """Usage priced in a virtual currency, in the money that the credits cost; drawn from bought credits."""
    own_credits = credits_per_unit if contracted_credits is None else contracted_credits
    own_price = credit_price if contracted_credit_price is None else contracted_credit_price
    listed = round9(CTX.multiply(credits_per_unit, credit_price))
    own = round9(CTX.multiply(own_credits, own_price))
    return replace(
        prepaid(usage(quantity, listed, own, currency)),
        pricing_currency=credit_name,
        pricing_currency_effective_cost=CTX.multiply(quantity, own_credits),
    )


def free_allowance(
    quantity: Decimal, free: Decimal, list_price: Decimal, currency: str, *, published: bool
) -> tuple[Charge | None, Charge | None]:
    """Split usage at a free allowance: the free part and the paid part, either None when empty.

    A published free tier has price 0; a programme (`published` False) keeps the list price and costs nothing.
    """
    inside = min(quantity, free)
    paid = CTX.subtract(quantity, inside)
    gift = None
    if inside > 0:
        gift = usage(inside, ZERO if published else list_price, None, currency)
        gift = replace(gift, effective_cost=ZERO, billed_cost=ZERO)
    return gift, usage(paid, list_price, None, currency) if paid > 0 else None


def flat(category: str, amount: Decimal, currency: str) -> Charge:
    """A credit, goodwill amount or adjustment: all four costs are the amount, no quantity and no prices."""
    return Charge(category, "One-Time", None, amount, amount, amount, amount, currency)


def rounding_adjustment(rated: Decimal, invoiced: Decimal, currency: str) -> Charge:
    """The difference between an invoice, which is rounded, and the exact rows behind it."""
    return flat("Adjustment", CTX.subtract(invoiced, rated), currency)


def correction(quantity: Decimal, old_price: Decimal, new_price: Decimal, currency: str) -> tuple[Charge, Charge]:
    """Re-rating of an invoiced period: the old row reversed and the right one, both of class Correction."""
    back = usage(CTX.minus(quantity), old_price, None, currency)
    right = usage(quantity, new_price, None, currency)
    return replace(back, charge_class="Correction"), replace(right, charge_class="Correction")
