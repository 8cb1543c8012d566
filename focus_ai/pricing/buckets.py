"""Sums over a time in which the price changed: rated at the price of their first instant, and marked as such.

A daily row does not tell how much of it fell into peak hours or before a price change. Segments of prices are cut
where a bucket that starts there reaches into a segment with another price; those prices carry the assumption.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from focus_ai.pricing.profile import TICK, Price, Profile, Segment, Unpriced, join, resolve

if TYPE_CHECKING:
    from focus_ai.pricing.card import RateCard

#: A bucket is not followed further: a year holds every hour of the week, and a wrong end must not cost hours.
LONGEST = timedelta(days=366)
MARKS = ("price_change_in_bucket", "time_window_assumed")


def resolve_buckets(
    card: RateCard, profile: Profile, meters: Iterable[str], t_min: datetime, t_max: datetime, length: timedelta
) -> list[Segment]:
    """`resolve` for sums over `length` that start in the closed range, each with what its bucket has to assume.

    Single requests (`length` 0) have one instant, and nothing to assume.
    """
    if not length or not profile.aggregate:
        return resolve(card, profile, meters, t_min, t_max)
    reach = min(length, LONGEST)
    segments = resolve(card, profile, meters, t_min, t_max + reach - TICK)
    return mark_buckets(segments, reach, t_max.astimezone(UTC) + TICK)


def mark_buckets(segments: Sequence[Segment], length: timedelta, last: datetime) -> list[Segment]:
    """The segments for buckets of a length that start before `last`, cut where the answer to "does the price change
    inside" changes. `segments` follow one another without gaps, all for any context, and reach to the end of the last
    bucket."""
    found: list[Segment] = []
    for position, segment in enumerate(segments):
        end = min(segment.t_to, last)
        start, prices = segment.t_from, dict(segment.prices)
        if start >= end:
            break
        for later in segments[position + 1 :]:
            reached = max(start, later.t_from - length + TICK)  # the first start whose bucket touches `later`
            if reached >= end:
                break
            told = {meter: _told(price, later.prices.get(meter)) for meter, price in prices.items()}
            if told != prices:
                if reached > start:
                    join(found, replace(segment, t_from=start, t_to=reached, prices=prices))
                start, prices = reached, told
        join(found, replace(segment, t_from=start, t_to=end, prices=prices))
    return found


def _told(price: Price | Unpriced, later: Price | Unpriced | None) -> Price | Unpriced:
    """A price with the assumption that a later price in the same bucket asks for."""
    if isinstance(price, Unpriced) or later is None:
        return price
    assumption = MARKS[0]
    if isinstance(later, Price):
        if _amounts(price) == _amounts(later):
            return price
        if price.details.get("x_TimeWindow") != later.details.get("x_TimeWindow"):
            assumption = MARKS[1]
    if assumption in price.assumptions:
        return price
    told = {assumption, *price.assumptions}
    others = (name for name in price.assumptions if name not in MARKS)
    return replace(price, assumptions=(*others, *(mark for mark in MARKS if mark in told)))


def _amounts(price: Price) -> tuple[object, ...]:
    """What is paid, in the currencies of list and contract: exchange rates change every day, dated by the charge."""
    agreed = (price.agreed.price, price.agreed.currency) if price.agreed else price.pc_contracted_unit_price
    return price.pc_list_unit_price, agreed, price.pricing_currency
