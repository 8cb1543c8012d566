"""Prices that could stand behind a difference, from the rate card: other tiers, times, models, meters and currencies.

Tables: `class_prices` (channel, model, meter, tier -> price), `alternatives` (cause, channel, model, meter, tier,
price and the days it holds), `model_prices` (channel, meter, other model -> price), `fx_days`. Prices are contracted
prices in the billing currency, as the rated side has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from focus_ai.engine import Session
from focus_ai.pricing.lookup import Found
from focus_ai.pricing.profile import Price, Profile, price_of
from focus_ai.pricing.rate_row import NoRate, Rate

if TYPE_CHECKING:
    from focus_ai.pricing.card import ModelRef, RateCard

CACHE = ("input", "cache_read", "cache_write", "cache_write_5m", "cache_write_1h", "output")
#: How far an effective date may be from a bucket to explain it.
NEAR = timedelta(days=2)
#: Other models are only compared with where the card has one list for the channel of at most so many models.
MODELS = 400


def create_prices(session: Session, card: RateCard) -> None:
    """Create the tables for the buckets that are still open."""
    found = session.rows(
        "SELECT channel, model, meter, tier, min(p_from), max(p_to), any_value(account) FROM open "
        "WHERE kind = 'usage' AND channel IS NOT NULL AND model IS NOT NULL GROUP BY channel, model, meter, tier "
        "ORDER BY channel, model, meter, tier"
    )
    classes: dict[tuple[str, str, str, str | None], Decimal] = {}
    alternatives: list[tuple[str, str, str, str, str | None, Decimal, date | None, date | None, str]] = []
    others: dict[tuple[str, str, str], Decimal] = {}
    for channel, model, meter, tier, first, last, account in found:
        at = datetime(first.year, first.month, first.day, 12, tzinfo=UTC)
        ref = card.place(channel, (model,), at)
        if isinstance(ref, NoRate):
            continue
        own = Profile(channel, (model,), service_tier=tier if tier != "batch" else None, is_batch=tier == "batch",
                      account_id=account, aggregate=True)  # fmt: skip
        for name in {meter, *CACHE} - {None}:
            price = _price(card, ref, name, at, own)
            if price is not None:
                classes[channel, model, name, tier] = price
        if meter is None:
            continue
        alternatives += [
            (cause, channel, model, meter, tier, price, start, end, why)
            for cause, price, start, end, why in _alternatives(card, ref, meter, tier, first, last, account)
        ]
        others |= _models(card, ref, meter, at, account)
    _create(session, classes, alternatives, others)
    _create_fx(session, card)


def _price(card: RateCard, ref: ModelRef, meter: str, at: datetime, profile: Profile) -> Decimal | None:
    found = card.price(ref, meter, at, profile.conditions(None))
    if isinstance(found, NoRate):
        return None
    price = price_of(card, ref, found, at, profile.account_id)
    return price.contracted_unit_price if isinstance(price, Price) else None


def _alternatives(
    card: RateCard, ref: ModelRef, meter: str, tier: str | None, first: date, last: date, account: str | None
) -> Iterator[tuple[str, Decimal, date | None, date | None, str]]:
    """Every other price of this meter that holds near these days, under the cause that would lead to it."""
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    end = datetime(last.year, last.month, last.day, tzinfo=UTC)
    rows = list(card.meter_rows(ref, meter)[0])
    if meter.startswith("cache_write"):
        for other in ("cache_write_5m", "cache_write_1h", "cache_write"):
            rows += [] if other == meter else card.meter_rows(ref, other)[0]
    for row in rows:
        if row.price is None or (row.effective_from and row.effective_from > end + NEAR):
            continue
        if row.effective_to and row.effective_to < start - NEAR:
            continue
        at = max(start, row.effective_from) if row.effective_from else start
        priced = price_of(card, ref, Found(row, ()), at, account)
        if not isinstance(priced, Price):
            continue
        cause, why = _named(row, meter, tier)
        days = [None if at is None else at.date() for at in (row.effective_from, row.effective_to)]
        yield cause, priced.contracted_unit_price, days[0], days[1], why


def _named(row: Rate, meter: str, tier: str | None) -> tuple[str, str]:
    """Which cause a row of the card stands for, and its words."""
    when = dict(row.when)
    if row.meter != meter and row.meter.startswith("cache_write"):
        return "cache_ttl", f"price of {row.meter}"
    if row.context_gt:
        return "context_tier", f"price above {row.context_gt} tokens"
    if when.get("geo") and when["geo"] != "global":
        return "geo_uplift", f"price for {when['geo']}"
    named = "batch" if when.get("processing") == "batch" else when.get("service_tier") or when.get("speed")
    if (named or "standard") != (tier or "standard"):
        return ("batch_discount" if named == "batch" else "service_tier"), f"price of {named or 'standard'}"
    if row.window is not None:
        return "price_change_boundary", f"price of the {row.window.label} hours"
    return "price_change_boundary", "price before or after an effective date"


def _models(
    card: RateCard, ref: ModelRef, meter: str, at: datetime, account: str | None
) -> dict[tuple[str, str, str], Decimal]:
    """Prices of the other models of the price list."""
    names = card.shipped_models(ref.price_list) if ref.price_list and card.shipped else []
    names = [
        *names,
        *sorted({r.model for r in card.user_rates if r.channel == ref.channel.name and "*" not in r.model}),
    ]
    found: dict[tuple[str, str, str], Decimal] = {}
    for name in dict.fromkeys(names[:MODELS]):
        key = (ref.channel.name, meter, name)
        if name == ref.model or key in found:
            continue
        other = card.place(ref.channel.name, (name,), at)
        if isinstance(other, NoRate):
            continue
        price = _price(card, other, meter, at, Profile(ref.channel.name, (name,), account_id=account, aggregate=True))
        if price is not None:
            found[key] = price
    return found


def _create(session: Session, classes: Any, alternatives: Sequence[Sequence[Any]], others: Any) -> None:
    _table(session, "class_prices", (("channel", "s"), ("model", "s"), ("meter", "s"), ("tier", "s"), ("price", "p")),
           [(*key, price) for key, price in sorted(classes.items(), key=str)])  # fmt: skip
    _table(session, "alternatives",
           (("cause", "s"), ("channel", "s"), ("model", "s"), ("meter", "s"), ("tier", "s"), ("price", "p"),
            ("day_from", "d"), ("day_to", "d"), ("why", "s")),
           sorted(set(map(tuple, alternatives)), key=str))  # fmt: skip
    _table(session, "model_prices", (("channel", "s"), ("meter", "s"), ("model", "s"), ("price", "p")),
           [(*key, price) for key, price in sorted(others.items())])  # fmt: skip


def _create_fx(session: Session, card: RateCard) -> None:
    """Table `fx_days` (day, rate): rates from US dollars to the billing currency."""
    rows: list[tuple[date, Decimal]] = []
    currency = card.billing_currency
    if card.fx is not None and currency and currency != "USD":
        for day in card.fx.days("USD", currency):
            rate = card.fx.find("USD", currency, day)
            if rate is not None:
                rows.append((day, rate.rate))
    _table(session, "fx_days", (("day", "d"), ("rate", "f")), rows)


def _table(session: Session, name: str, columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[Any]]) -> None:
    import pyarrow as pa

    kinds = {"s": pa.string(), "p": pa.decimal128(18, 9), "d": pa.date32(), "f": pa.decimal128(18, 12)}
    held = list(rows)
    data = pa.table({c: pa.array([row[i] for row in held], type=kinds[k]) for i, (c, k) in enumerate(columns)})
    session.connection.register("incoming_prices", data)
    session.sql(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM incoming_prices")
    session.connection.unregister("incoming_prices")


__all__ = ["create_prices"]
