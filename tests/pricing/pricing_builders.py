"""Small cards for tests: prices are inputs of a test, not the shipped ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal as D
from typing import Any

from one_event import Rating, rate

from focus_ai.meters import meters
from focus_ai.money import round9
from focus_ai.pricing import Profile, Rate, RateCard, Source, Window
from focus_ai.pricing.rate_row import USER, normal_when

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)


def stamp(text: str) -> datetime:
    return (
        datetime.fromisoformat(text).replace(tzinfo=UTC)
        if "+" not in text and "Z" not in text
        else (datetime.fromisoformat(text))
    )


def rows(
    model: str,
    prices: Mapping[str, str | None],
    *,
    channel: str = "openai",
    when: Mapping[str, str] | None = None,
    context_gt: int = 0,
    since: str | None = None,
    until: str | None = None,
    window: Window | None = None,
    **more: Any,
) -> list[Rate]:
    table = meters()
    return [
        Rate(
            channel, model, meter, None if price is None else round9(D(price)), more.get("currency", "USD"),
            table[meter].consumed_unit, table[meter].unit_size, table[meter].pricing_unit,
            stamp(since) if since else None, stamp(until) if until else None, normal_when(when or {}), context_gt,
            window, "user", None, Source(more.get("source", "test")), more.get("layer", USER),
        )
        for meter, price in prices.items()
    ]  # fmt: skip


def card(*groups: list[Rate], **more: Any) -> RateCard:
    return RateCard(user_rates=[row for group in groups for row in group], shipped=False, **more)


def rated(
    own: RateCard, model: str, quantities: Mapping[str, int | D], *, at: datetime = NOON, channel: str = "openai",
    context: int | None = 0, **profile: Any,
) -> Rating:  # fmt: skip
    """Rate one event; `context` None takes it from the quantities, 0 stays in the lowest tier."""
    return rate(own, Profile(channel, (model,), **profile), quantities, at, context)


def total(own: RateCard, model: str, quantities: Mapping[str, int | D], **more: Any) -> D:
    result = rated(own, model, quantities, **more)
    assert not result.unpriced
    return result.total
