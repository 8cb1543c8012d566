"""From the distinct price-affecting facts of many events to segments with one price per meter each.

`resolve` asks the same lookup as a single event does, once per cell of the grid that the card's own boundaries draw:
dates, time windows, exchange-rate days and contract dates along the time, context bounds along the size of a request.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from focus_ai.meters import meters as meter_table
from focus_ai.pricing.contract import Agreed, contracted
from focus_ai.pricing.lookup import Found
from focus_ai.pricing.rate_row import Conditions, NoRate, Rate
from focus_ai.pricing.tables import model_facts
from focus_ai.pricing.unit_prices import unit_prices

if TYPE_CHECKING:
    from focus_ai.pricing.card import ModelRef, RateCard
    from focus_ai.pricing.fx import FxRate

TICK = timedelta(microseconds=1)
# Asked for every model, priced only where the card prices it: elsewhere its units belong to another meter, or are free.
WHERE_PRICED = ("output_reasoning", "request_fee")


@dataclass(frozen=True, slots=True)
class Profile:
    """What prices depend on. `models` in order of preference: served, deployment, requested.

    `context_gt`: the lower bound when an aggregate row states its context window. `aggregate`: the row sums several
    requests, so its token count says nothing about their context; without `context_gt` the base tier is assumed.
    """

    channel: str
    models: tuple[str | None, ...]
    service_tier: str | None = None
    is_batch: bool | None = None
    inference_geo: str | None = None
    speed: str | None = None
    region: str | None = None
    context_gt: int | None = None
    price_variant: str | None = None
    account_id: str | None = None
    aggregate: bool = False

    def conditions(self, context: int | None) -> Conditions:
        """The conditions of an event of this profile with so many input tokens."""
        return Conditions.of(
            service_tier=self.service_tier, is_batch=self.is_batch, inference_geo=self.inference_geo, speed=self.speed,
            region=self.region, variant=self.price_variant, context=context,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Price:
    """The price of one meter. Unit prices are per `unit_size` units of `consumed_unit` and have nine places."""

    rate_id: str
    sku_id: str
    sku_price_id: str
    details: dict[str, str]
    unit_size: int
    consumed_unit: str
    pricing_unit: str
    list_unit_price: Decimal
    contracted_unit_price: Decimal
    currency: str
    pricing_currency: str
    pc_list_unit_price: Decimal
    pc_contracted_unit_price: Decimal
    status: str
    assumptions: tuple[str, ...]
    model: str
    developer: str | None
    family: str | None
    version: str | None
    source_url: str = ""
    agreed: Agreed | None = None
    fx: FxRate | None = None


@dataclass(frozen=True, slots=True)
class Unpriced:
    """No price for a meter; reasons as in `NoRate`."""

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """Prices for events with `t_from` <= time < `t_to` and `context_gt` < input tokens <= `context_le` (None = open).

    The lowest `context_gt` is -1, so that a request without input tokens is covered. A meter missing from `prices`
    (see `WHERE_PRICED`) is not priced apart: reasoning belongs to output, and most models have no fee per request.
    """

    t_from: datetime
    t_to: datetime
    context_gt: int
    context_le: int | None
    prices: dict[str, Price | Unpriced] = field(default_factory=dict)


def resolve(card: RateCard, profile: Profile, meters: Iterable[str], t_min: datetime, t_max: datetime) -> list[Segment]:
    """Segments that cover the closed range `t_min` to `t_max` (aware) and every context size exactly once.

    `t_to` of the last segment is one microsecond after `t_max`. Neighbours with equal prices are one segment.
    """
    first, last = t_min.astimezone(UTC), t_max.astimezone(UTC) + TICK
    asked = tuple(meters)
    edges = sorted({first, *_time_edges(card, profile, asked, first, last)})
    edges.append(last)
    found: list[Segment] = []
    for start, end in pairwise(edges):
        for segment in _cells(card, profile, asked, start, end):
            join(found, segment)
    return sorted(found, key=lambda s: (s.t_from, s.context_gt))


def join(found: list[Segment], segment: Segment) -> None:
    """Add a segment; one that goes on where an equal one ends only makes that one longer."""
    for position in range(len(found) - 1, -1, -1):
        other = found[position]
        if other.context_gt == segment.context_gt and other.context_le == segment.context_le:
            if other.t_to == segment.t_from and other.prices == segment.prices:
                found[position] = replace(other, t_to=segment.t_to)
                return
            break
        if other.t_to < segment.t_from:
            break
    found.append(segment)


def _rows(card: RateCard, ref: ModelRef, asked: Sequence[str]) -> list[Rate]:
    return [row for meter in asked for row in card.meter_rows(ref, meter)[0]]


def _time_edges(
    card: RateCard, profile: Profile, asked: Sequence[str], first: datetime, last: datetime
) -> set[datetime]:
    edges = {edge for edge in card.alias_changes(profile.channel, profile.models) if first < edge < last}
    windows = set()
    for start in (first, *sorted(edges)):
        ref = card.place(profile.channel, profile.models, start)
        if isinstance(ref, NoRate):
            continue
        for row in _rows(card, ref, asked):
            ends = [row.effective_from, row.effective_to]
            if row.review_by:
                ends.append(datetime.combine(row.review_by + timedelta(days=1), time(), UTC))
            edges |= {edge for edge in ends if edge and first < edge < last}
            if row.window and (row.effective_to is None or row.effective_to > first):
                windows.add(row.window)
            for day in _rate_days(card, row):
                edges |= {edge for edge in [datetime.combine(day, time(), UTC)] if first < edge < last}
    for entry in card.contracts:
        edges |= {edge for edge in (entry.effective_from, entry.effective_to) if edge and first < edge < last}
    for window in windows:
        edges |= {edge for span in window.spans(first, last) for edge in span if first < edge < last}
    return edges


def _rate_days(card: RateCard, row: Rate) -> set[date]:
    """The days on which an exchange rate changes that the price of a row may need: of the list, or of a contract."""
    if card.fx is None:
        return set()
    pairs = {(entry.currency, row.currency) for entry in card.contracts if entry.currency}
    pairs |= {(row.currency, card.billing_currency)} if card.billing_currency else set()
    return {day for base, quote in pairs if base != quote for day in card.fx.days(base, quote)}


def _cells(card: RateCard, profile: Profile, asked: Sequence[str], start: datetime, end: datetime) -> Iterable[Segment]:
    ref = card.place(profile.channel, profile.models, start)
    if isinstance(ref, NoRate):
        unknown = Unpriced(ref.reason, ref.detail)
        yield Segment(start, end, -1, None, {meter: unknown for meter in asked if meter not in WHERE_PRICED})
        return
    bounds = sorted({row.context_gt for row in _rows(card, ref, asked) if row.context_gt})
    if profile.context_gt is not None:
        yield Segment(start, end, -1, None, _prices(card, profile, ref, asked, start, profile.context_gt + 1))
    elif profile.aggregate:
        yield Segment(start, end, -1, None, _prices(card, profile, ref, asked, start, None))
    else:
        lower = [-1, *bounds]
        cells: list[Segment] = []
        for gt, le in zip(lower, [*bounds, None], strict=True):
            prices = _prices(card, profile, ref, asked, start, gt + 1)
            if cells and cells[-1].prices == prices:
                cells[-1] = replace(cells[-1], context_le=le)
            else:
                cells.append(Segment(start, end, gt, le, prices))
        yield from cells


def _prices(
    card: RateCard, profile: Profile, ref: ModelRef, asked: Sequence[str], at: datetime, context: int | None
) -> dict[str, Price | Unpriced]:
    conditions = profile.conditions(context)
    prices: dict[str, Price | Unpriced] = {}
    for meter in asked:
        if meter in WHERE_PRICED and not card.has_own_price(ref, meter):
            continue
        found = card.price(ref, meter, at, conditions)
        prices[meter] = Unpriced(found.reason, found.detail) if isinstance(found, NoRate) else price_of(
            card, ref, found, at, profile.account_id, conditions
        )  # fmt: skip
    return prices


def price_of(
    card: RateCard, ref: ModelRef, found: Found, at: datetime, account: str | None, asked: Conditions | None = None
) -> Price | Unpriced:
    """List, contracted and converted unit prices of a chosen row; `asked`: the conditions it was chosen for."""
    rate = named(found.rate, ref)
    assert rate.price is not None
    agreed = contracted(card.contracts, rate, ref.names, at, account, asked)
    if isinstance(agreed, NoRate):
        return Unpriced(agreed.reason, agreed.detail)
    own = unit_prices(rate, agreed, card.billing_currency, card.fx, at.date())
    if isinstance(own, NoRate):
        return Unpriced(own.reason, own.detail)
    developer, family, version = model_facts(ref.model)
    return Price(
        rate.rate_id, rate.sku_id, rate.sku_price_id, details(rate), own.unit_size, rate.unit, own.pricing_unit,
        own.listed, own.contracted, card.billing_currency or rate.currency, rate.currency, own.pc_listed,
        own.pc_contracted, rate.status, (*found.assumptions, *own.assumptions), ref.model, developer, family, version,
        rate.source.url, agreed, own.fx,
    )  # fmt: skip


@lru_cache(maxsize=65536)
def _named(rate: Rate, channel: str, model: str) -> Rate:
    return rate if (rate.channel, rate.model) == (channel, model) else replace(rate, channel=channel, model=model)


def named(rate: Rate, ref: ModelRef) -> Rate:
    """A row given by pattern, under the model it was found for."""
    return rate if rate.model == ref.model and rate.channel == ref.channel.name else _named(
        rate, ref.channel.name, ref.model
    )  # fmt: skip


def details(rate: Rate) -> dict[str, str]:
    """SkuPriceDetails of a row: model identity and token class under the key names of the FOCUS 1.5 draft behind `x_`,
    then the conditions of the price. Nothing dated, no amounts; all text, as a number would mean "per pricing unit".
    """
    names = {
        "processing": "x_Processing", "service_tier": "x_ServiceTier", "speed": "x_Speed", "geo": "x_InferenceGeo",
        "region": "x_Region", "search_type": "x_SearchType", "resolution": "x_Resolution", "quality": "x_Quality",
        "route": "x_Route", "variant": "x_Variant",
    }  # fmt: skip
    facts = {names[key]: value for key, value in rate.when if value != "*" and key in names}
    if rate.context_gt:
        facts["x_ContextTokensAbove"] = str(rate.context_gt)
    if rate.window:
        facts["x_TimeWindow"] = rate.window.label
    entry = meter_table().get(rate.meter)
    developer, family, version = model_facts(rate.model) if rate.model else (None, None, None)
    known = {
        "x_ModelId": rate.model or None, "x_ModelDeveloper": developer, "x_ModelFamily": family,
        "x_ModelVersion": version, "x_CacheLifetime": entry.ttl if entry else None,
        "x_TokenDirection": entry.direction if entry else None,
        "x_TokenCacheAction": entry.cache_action if entry else None,
    }  # fmt: skip
    return facts | {key: value for key, value in known.items() if value}
