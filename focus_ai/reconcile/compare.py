"""The order of a comparison: prices, causes, result."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from focus_ai.engine import Session
from focus_ai.reconcile import amounts, causes, moves
from focus_ai.reconcile.buckets import BILL, USAGE
from focus_ai.reconcile.causes import Hunt, Limits, Test
from focus_ai.reconcile.prices import create_prices
from focus_ai.reconcile.result import create_result
from focus_ai.reconcile.untold import create_untold, untold

if TYPE_CHECKING:
    from focus_ai.pricing.card import RateCard

#: Causes of single buckets with the tests that look for them, in their order. What a test explains is no longer there
#: for the next one: late and moved quantity comes before unmetered usage, and what counts settle before what fits.
_TESTS: tuple[tuple[str, Test], ...] = (
    ("late_data", causes.late_data),
    ("timezone_shift", causes.timezone_shift),
    ("timezone_shift", causes.timezone_pairs),
    ("duplicate_events", causes.duplicate_events),
    ("retry_billed", causes.retry_billed),
    ("cached_as_fresh", moves.cached_as_fresh),
    ("cache_ttl", moves.cache_ttl),
    ("cache_ttl", moves.cache_ttl),  # writes without a lifetime were billed at both
    ("batch_discount", moves.batch_discount),
    ("service_tier", moves.service_tier),
    (causes.NAMED, moves.wrong_model),
    ("cache_double_count", moves.cache_double_count),
    ("unpriced", causes.unpriced),
    ("free_or_credit", causes.free_or_credit),
    ("unmetered_usage", causes.unmetered_usage),
    ("wrong_model", amounts.other_model),
    ("price_change_boundary", amounts.alternative("price_change_boundary", near=True)),
    ("cached_as_fresh", amounts.fresh_total),
    ("cache_double_count", amounts.double_total),
    ("cache_ttl", amounts.alternative("cache_ttl")),
    ("cache_ttl", amounts.ttl_total),
    ("batch_discount", amounts.alternative("batch_discount")),
    ("batch_discount", amounts.batch_half),
    ("service_tier", amounts.alternative("service_tier")),
    ("service_tier", amounts.tier_double),
    ("context_tier", amounts.alternative("context_tier")),
    ("geo_uplift", amounts.alternative("geo_uplift")),
    ("geo_uplift", amounts.geo_tenth),
)
#: What is looked for once a rate that holds for a whole account is known.
_LAST: tuple[tuple[str, Test], ...] = (("tax", causes.tax), ("fx", amounts.fx), ("purchase", causes.purchase))


def compare(session: Session, card: RateCard, limits: Limits, as_of: datetime, other: str = BILL) -> Hunt:
    """From `buckets` and `evidence` to the table `causes` and the view `result`; ages are counted to `as_of`.

    `other`: what the second side is. A usage export is compared with what it speaks of only.
    """
    hunt = Hunt(session, limits, as_of)
    if other == USAGE:
        create_untold(session)
        hunt.test("untold", untold(hunt), settled=True)
    create_prices(session, card)
    for cause, test in _TESTS:
        hunt.test(cause, test(hunt))
    amounts.contract_rate(hunt)
    for cause, test in _LAST:
        hunt.test(cause, test(hunt))
    hunt.test("rounding", causes.rounding(hunt), settled=True)
    create_result(session, limits, as_of, apart=other == USAGE)
    return hunt
