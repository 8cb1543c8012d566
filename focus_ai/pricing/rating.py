"""Events become charges: distinct price profiles are resolved once, the engine multiplies.

In: the view `events`, the owner spans, the rate card. Out: table `segments` (which price set holds for which events),
table `prices` (one row per price set and meter), and the SQL of grouped usage and of charges. Quantities are exact
decimals, unit prices were rounded once, a cost is always the exact product. Must not know FOCUS columns.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from focus_ai.engine import Session, exact, ident, instant
from focus_ai.engine.tables import create_table, fingerprint
from focus_ai.meters import meters as meter_table
from focus_ai.pricing.buckets import resolve_buckets
from focus_ai.pricing.card import RateCard
from focus_ai.pricing.profile import Price, Profile, Segment, Unpriced

FEE = "request_fee"
_FAR = 9_000_000_000_000_000_000
AT = "CASE WHEN grain = 'aggregate' THEN event_time ELSE coalesce(end_time, event_time) END"
#: Microseconds that a sum covers; a single request has one instant.
BUCKET = (
    "CASE WHEN grain = 'aggregate' AND bucket_end > event_time THEN epoch_us(bucket_end) - epoch_us(event_time) "
    "ELSE 0 END"
)
_FACTS = (
    "provider", "model_served", "model_deployment", "model_requested", "model_alias", "service_tier", "is_batch",
    "inference_geo", "speed", "region", "context_gt", "price_variant", "account_id",
)  # fmt: skip
PRICE_COLUMNS = {
    "price_set": "INTEGER", "meter_no": "INTEGER", "meter": "ENUM", "reason": "ENUM", "detail": "ENUM",
    "rate_id": "ENUM", "sku_id": "ENUM", "sku_price_id": "ENUM", "sku_details": "ENUM", "unit_size": "BIGINT",
    "consumed_unit": "ENUM", "pricing_unit": "ENUM", "list_unit_price": "DECIMAL(18, 9)",
    "contracted_unit_price": "DECIMAL(18, 9)", "currency": "ENUM", "pricing_currency": "ENUM",
    "pc_list_unit_price": "DECIMAL(18, 9)", "pc_contracted_unit_price": "DECIMAL(18, 9)", "assumptions": "ENUM",
    "model": "ENUM", "developer": "ENUM", "family": "ENUM", "version": "ENUM", "provider": "ENUM",
    "processing_tier": "ENUM", "inference_geo": "ENUM", "price_key": "VARCHAR", "fx_rate": "DECIMAL(38, 18)",
    "fx_date": "ENUM", "fx_source": "ENUM",
}  # fmt: skip


@dataclass(frozen=True)
class MeterColumn:
    """A meter that occurs in this run: its number, name and the SQL of its quantity in an event."""

    number: int
    name: str
    sql: str


def token_meters(present: frozenset[str], used: frozenset[str]) -> list[MeterColumn]:
    """Token meters with a quantity in this run, with the SQL that adds up their fields."""
    found = []
    table = meter_table()
    for number, (name, meter) in enumerate(table.items()):
        # Reasoning is part of output unless the price set of an event prices it apart (see `quantities`).
        fields = meter.fields + (table["output_reasoning"].fields if name == "output" else ())
        columns = [f for f in fields if f in present and f in used]
        if columns:
            found.append(MeterColumn(number, name, " + ".join(f"coalesce({ident(c)}, 0)" for c in columns)))
    return found


def meter_numbers(names: Sequence[str]) -> dict[str, int]:
    """A number for every meter: its place in the table, or one above it for a meter that the table does not know."""
    known = {name: n for n, name in enumerate(meter_table())}
    unknown = sorted(set(names) - set(known))
    return {**known, **{name: len(known) + n for n, name in enumerate(unknown)}}


def used_fields(session: Session, present: frozenset[str]) -> frozenset[str]:
    """Meter fields with a quantity above zero somewhere."""
    names = [f for m in meter_table().values() for f in m.fields if f in present]
    if not names:
        return frozenset()
    row = session.one("SELECT " + ", ".join(f"coalesce(max({ident(n)}), 0) > 0" for n in names) + " FROM events")
    return frozenset(n for n, some in zip(names, row, strict=True) if some)


def other_meters(session: Session, present: frozenset[str]) -> list[str]:
    """Names of the meters that are not tokens."""
    if "other_meters" not in present:
        return []
    return [str(r[0]) for r in session.rows(
        "SELECT DISTINCT m.meter FROM (SELECT unnest(other_meters) AS m FROM events WHERE other_meters IS NOT NULL) "
        "ORDER BY 1"
    )]  # fmt: skip


def request_fee(session: Session, present: frozenset[str], meters: Sequence[MeterColumn]) -> list[MeterColumn]:
    """The fixed fee per request as a meter, when a price set of this run has one.

    Every request that used tokens at the provider pays it. An event that reports the fee among its other meters does
    so itself; an aggregate pays for the requests it states, and nothing is assumed for one that states none.
    """
    if not session.rows(f"SELECT 1 FROM prices WHERE meter = '{FEE}' AND reason IS NULL LIMIT 1"):
        return []
    one = "CASE WHEN grain = 'aggregate' THEN 0 ELSE 1 END"
    count = f"coalesce(request_count, {one})" if "request_count" in present else one
    tests = [" + ".join(f"({m.sql})" for m in meters) + " > 0" if meters else "FALSE"]
    if "other_meters" in present:
        tests.append(f"NOT coalesce(list_contains(list_transform(other_meters, lambda m: m.meter), '{FEE}'), FALSE)")
    sql = f"CASE WHEN {' AND '.join(tests)} THEN {count} ELSE 0 END"
    return [MeterColumn(meter_numbers([FEE])[FEE], FEE, sql)]


def create_segments(
    session: Session,
    card: RateCard,
    present: frozenset[str],
    names: Sequence[str],
    account: Callable[[str], str | None] = lambda _channel: None,
) -> None:
    """Resolve every distinct profile of the usage events; create `segments` and `prices`.

    The fee per request is asked for besides `names`: it is priced where the card has one. `account`: the billing
    account of a channel for events that name none; contracts can be limited to it.
    """
    facts = ", ".join(f"any_value({ident(f)})" if f in present else "NULL" for f in _FACTS)
    rows = session.rows(
        f"SELECT profile_hash, bool_or(grain = 'aggregate'), epoch_us(min({AT})), epoch_us(max({AT})), min({BUCKET}), "
        f"max({BUCKET}), {facts} FROM events WHERE kind = 'usage' GROUP BY profile_hash ORDER BY profile_hash"
    )
    lengths = _lengths(session, [int(key) for key, _, _, _, shortest, longest, *_ in rows if shortest != longest])
    numbers = meter_numbers([*names, FEE])
    sets: dict[tuple[Any, ...], int] = {}
    segments: list[dict[str, Any]] = []
    prices: list[dict[str, Any]] = []
    for key, aggregate, first, last, _, longest, *values in rows:
        profile = _profile(dict(zip(_FACTS, values, strict=True)), bool(aggregate), account)
        start, end = instant(first), instant(last)
        asked = dict.fromkeys([*names, FEE])
        for segment, above, up_to in _by_length(card, profile, asked, start, end, lengths.get(int(key), [longest])):
            if FEE in names and FEE not in segment.prices:  # an export reports it: without a price it is unpriced
                segment.prices[FEE] = Unpriced("no_rate", "no fee per request on the rate card")
            model = _model(segment, profile)
            identity = (profile.channel, model, tuple((m, _identity(p)) for m, p in sorted(segment.prices.items())))
            if identity not in sets:
                sets[identity] = len(sets)
                prices += _price_rows(sets[identity], segment, profile.channel, model, numbers)
            segments.append(
                {
                    "profile_hash": key,
                    "price_set": sets[identity],
                    "t_from": segment.t_from,
                    "t_to": segment.t_to,
                    "context_gt": segment.context_gt,
                    "context_le": _FAR if segment.context_le is None else segment.context_le,
                    "bucket_gt": above,
                    "bucket_le": up_to,
                    "splits_reasoning": "output_reasoning" in segment.prices,
                }
            )
    create_table(
        session, "segments",
        {"profile_hash": "UBIGINT", "price_set": "INTEGER", "t_from": "TIMESTAMPTZ", "t_to": "TIMESTAMPTZ",
         "context_gt": "BIGINT", "context_le": "BIGINT", "bucket_gt": "BIGINT", "bucket_le": "BIGINT",
         "splits_reasoning": "BOOLEAN"}, segments,
    )  # fmt: skip
    create_table(session, "prices", PRICE_COLUMNS, prices)


def _lengths(session: Session, keys: Sequence[int]) -> dict[int, list[int]]:
    """The lengths of the buckets of profiles that have several, shortest first."""
    if not keys:
        return {}
    found: dict[int, list[int]] = {}
    for key, length in session.rows(
        f"SELECT DISTINCT profile_hash, {BUCKET} FROM events WHERE kind = 'usage' "
        f"AND profile_hash IN ({', '.join(map(str, keys))}) ORDER BY ALL"
    ):
        found.setdefault(int(key), []).append(int(length))
    return found


def _by_length(
    card: RateCard, profile: Profile, meters: Iterable[str], start: datetime, end: datetime, lengths: Sequence[int]
) -> Iterator[tuple[Segment, int, int]]:
    """Segments with the lengths of buckets (microseconds, above and up to) that they hold for."""
    by_length = [resolve_buckets(card, profile, meters, start, end, timedelta(microseconds=n)) for n in lengths]
    above = -1
    for position, segments in enumerate(by_length):
        last = position == len(lengths) - 1
        if last or by_length[position + 1] != segments:
            up_to = _FAR if last else int(lengths[position])
            yield from ((segment, above, up_to) for segment in segments)
            above = up_to


def _profile(facts: Mapping[str, Any], aggregate: bool, account: Callable[[str], str | None]) -> Profile:
    return Profile(
        channel=facts["provider"] or "",
        models=(facts["model_served"], facts["model_deployment"], facts["model_requested"], facts["model_alias"]),
        service_tier=facts["service_tier"],
        is_batch=facts["is_batch"],
        inference_geo=facts["inference_geo"],
        speed=facts["speed"],
        region=facts["region"],
        context_gt=facts["context_gt"],
        price_variant=facts["price_variant"],
        account_id=facts["account_id"] or account(facts["provider"] or "unknown"),
        aggregate=aggregate,
    )


def _model(segment: Segment, profile: Profile) -> str | None:
    """The model of a price set: as the card names it where it prices any meter, else the names in the events."""
    priced = (price.model for price in segment.prices.values() if isinstance(price, Price))
    return next(priced, None) or " / ".join(dict.fromkeys(m for m in profile.models if m)) or None


def _identity(price: Price | Unpriced) -> tuple[Any, ...]:
    if isinstance(price, Unpriced):
        return ("unpriced", price.reason, price.detail)
    return (
        price.rate_id, price.sku_price_id, price.list_unit_price, price.contracted_unit_price, price.currency,
        price.assumptions, price.model, *((price.fx.base, price.fx.day, price.fx.rate) if price.fx else ()),
    )  # fmt: skip


def _price_rows(
    number: int, segment: Segment, channel: str, model: str | None, numbers: Mapping[str, int]
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for meter, price in sorted(segment.prices.items()):
        row: dict[str, Any] = {
            "price_set": number, "meter": meter, "meter_no": numbers[meter], "provider": channel,
        }  # fmt: skip
        if isinstance(price, Unpriced):
            row |= {"reason": price.reason, "detail": price.detail, "model": model}
        else:
            details = dict(sorted(price.details.items()))
            tier = details.get("x_ServiceTier")
            row |= {
                "rate_id": price.rate_id, "sku_id": price.sku_id, "sku_price_id": price.sku_price_id,
                "sku_details": json.dumps(details, separators=(",", ":"), ensure_ascii=False),
                "unit_size": price.unit_size, "consumed_unit": price.consumed_unit,
                "pricing_unit": price.pricing_unit, "list_unit_price": price.list_unit_price,
                "contracted_unit_price": price.contracted_unit_price, "currency": price.currency,
                "pricing_currency": price.pricing_currency, "pc_list_unit_price": price.pc_list_unit_price,
                "pc_contracted_unit_price": price.pc_contracted_unit_price,
                "assumptions": ",".join(sorted(price.assumptions)) or None, "model": price.model,
                "developer": price.developer, "family": price.family, "version": price.version,
                "processing_tier": "batch" if details.get("x_Processing") == "batch" else str(tier or "standard"),
                "inference_geo": None if details.get("x_InferenceGeo") is None else str(details["x_InferenceGeo"]),
                "price_key": fingerprint(meter, *_identity(price)),
            }  # fmt: skip
            if price.fx:
                row |= {
                    "fx_rate": price.fx.rate, "fx_date": price.fx.day.isoformat(), "fx_source": price.fx.source
                }  # fmt: skip
        rows.append(row)
    return rows


def quantities(meters: Sequence[MeterColumn]) -> dict[str, str]:
    """Name of the grouped column -> SQL of the meter's quantity in one event (reasoning apart only where priced so)."""
    found: dict[str, str] = {}
    for meter in meters:
        sql = meter.sql
        if meter.name == "output":
            plain = " + ".join(p for p in sql.split(" + ") if "reasoning" not in p)
            sql = f"CASE WHEN splits_reasoning THEN {plain or '0'} ELSE {sql} END" if "reasoning" in sql else sql
        if meter.name == "output_reasoning":
            sql = f"CASE WHEN splits_reasoning THEN {sql} ELSE 0 END"
        found[f"q_{meter.name}"] = sql
    return found


def priced_quantity(quantity: str, unit_size: str, whole: str | None = None) -> str:
    """SQL of PricingQuantity as DECIMAL(19,9): exact for powers of ten, else rounded once, half-even.

    `whole`: SQL of the quantity as a BIGINT, or null. Tokens priced per million, which nearly all are, need no wide
    numbers then.
    """
    units = f"CAST(CAST({quantity} AS DECIMAL(28, 9)) * CAST(1000000000 AS DECIMAL(10, 0)) AS HUGEINT)"
    millionth = "CAST(0.000001 AS DECIMAL(6, 6)) AS DECIMAL(19, 9))"
    rounded = (
        f"CAST(CAST({exact.half_even(units, unit_size)} AS DECIMAL(19, 0)) "
        "* CAST(0.000000001 AS DECIMAL(9, 9)) AS DECIMAL(19, 9))"
    )
    quick = f"{unit_size} = 1000000 AND {quantity} = floor({quantity}) THEN CAST(CAST({quantity} AS DECIMAL(19, 0))"
    if whole is not None:
        quick = (
            f"{unit_size} = 1000000 AND {whole} BETWEEN 0 AND 999999999999 THEN CAST(CAST({whole} AS DECIMAL(12, 0))"
        )
    return f"CASE WHEN {quick} * {millionth} ELSE {rounded} END"


__all__ = [
    "MeterColumn",
    "create_segments",
    "other_meters",
    "priced_quantity",
    "quantities",
    "request_fee",
    "token_meters",
    "used_fields",
]
