"""The order of a comparison: lines, buckets, prices, causes, result."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

from focus_ai.engine import Session
from focus_ai.reconcile import amounts, causes, moves
from focus_ai.reconcile.buckets import create_buckets
from focus_ai.reconcile.causes import Hunt, Limits
from focus_ai.reconcile.prices import create_prices
from focus_ai.reconcile.result import create_result

if TYPE_CHECKING:
    from focus_ai.pricing.card import RateCard


def compare(
    session: Session, card: RateCard, limits: Limits, as_of: datetime, by: Collection[str], *, month: bool
) -> Hunt:
    """From `buckets` and `evidence` to the table `causes` and the view `result`."""
    hunt = Hunt(session, limits, as_of)
    create_prices(session, card)
    hunt.test("late_data", causes.late_data(hunt))
    hunt.test("timezone_shift", causes.timezone_shift(hunt))
    hunt.test("timezone_shift", causes.timezone_pairs(hunt))
    hunt.test("duplicate_events", causes.duplicate_events(hunt))
    hunt.test("retry_billed", causes.retry_billed(hunt))
    # Quantity that only changed its place is no unmetered usage, so these come first.
    hunt.test("cached_as_fresh", moves.cached_as_fresh(hunt))
    hunt.test("cache_ttl", moves.cache_ttl(hunt))
    hunt.test("batch_discount", moves.batch_discount(hunt))
    hunt.test("service_tier", moves.service_tier(hunt))
    hunt.test("*", moves.wrong_model(hunt))
    hunt.test("cache_double_count", moves.cache_double_count(hunt))
    hunt.test("unpriced", causes.unpriced(hunt))
    hunt.test("free_or_credit", causes.free_or_credit(hunt))
    hunt.test("unmetered_usage", causes.unmetered_usage(hunt))
    hunt.test("wrong_model", amounts.other_model(hunt))
    hunt.test("price_change_boundary", amounts.alternative("price_change_boundary", near=True)(hunt))
    hunt.test("cached_as_fresh", amounts.fresh_total(hunt))
    hunt.test("cache_double_count", amounts.double_total(hunt))
    hunt.test("cache_ttl", amounts.alternative("cache_ttl")(hunt))
    hunt.test("cache_ttl", amounts.ttl_total(hunt))
    hunt.test("batch_discount", amounts.alternative("batch_discount")(hunt))
    hunt.test("batch_discount", amounts.batch_half(hunt))
    hunt.test("service_tier", amounts.alternative("service_tier")(hunt))
    hunt.test("service_tier", amounts.tier_double(hunt))
    hunt.test("context_tier", amounts.alternative("context_tier")(hunt))
    hunt.test("geo_uplift", amounts.alternative("geo_uplift")(hunt))
    hunt.test("geo_uplift", amounts.geo_tenth(hunt))
    amounts.contract_rate(hunt)
    hunt.test("tax", causes.tax(hunt))
    hunt.test("fx", amounts.fx(hunt))
    hunt.test("purchase", causes.purchase(hunt))
    hunt.test("rounding", causes.rounding(hunt), settled=True)
    create_result(session, limits, as_of)
    return hunt


__all__ = ["compare", "create_buckets"]
