"""Prices of a price set side by side: what a token of each meter costs, and what it would cost under another reading.

Out: table `price_sets` (one row per price set) with, per token meter, the price of one token (`c_`), of the same token
at realtime instead of batch (`b_`), and the price of a one-hour cache write (`w_1h`). Token prices have 15 places, so
a product with a whole number of tokens is exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from focus_ai.audit.inputs import Opened
from focus_ai.engine import ident, instant
from focus_ai.engine.tables import create_table
from focus_ai.money import CTX
from focus_ai.pricing.profile import Price, Profile, Segment, resolve
from focus_ai.pricing.rating import MeterColumn, quantities

_PLACES = Decimal("0.000000000000001")
PROFILE = (
    "provider", "model_served", "model_deployment", "model_requested", "model_alias", "service_tier", "is_batch",
    "inference_geo", "speed", "region", "context_gt", "price_variant", "account_id",
)  # fmt: skip
CACHED = ("cache_read", "cache_read_audio", "cache_read_image")


def per_token(price: Decimal, unit_size: int) -> Decimal:
    """The price of one unit, to 15 places (exact for blocks of a thousand or a million)."""
    return CTX.quantize(CTX.divide(price, Decimal(unit_size)), _PLACES)


def create_price_sets(audit: Opened) -> None:
    """Create the tables `profiles` (names and conditions behind a profile) and `price_sets`."""
    session, meters = audit.session, audit.rated.meters
    kinds = {"is_batch": "BOOLEAN", "context_gt": "BIGINT"}
    facts = ", ".join(
        f"any_value({audit.column(name, kinds.get(name, 'VARCHAR'))}) AS {ident(name)}" for name in PROFILE
    )
    session.sql(
        f"CREATE TABLE profiles AS SELECT profile_hash, bool_or(grain = 'aggregate') AS aggregate, {facts} "
        "FROM events e WHERE kind = 'usage' GROUP BY profile_hash"
    )
    names = [m.name for m in meters]
    # Where nothing has tokens there are no prices, yet the calls count.
    sets = [int(row[0]) for row in session.rows("SELECT DISTINCT price_set FROM segments ORDER BY 1")]
    found: dict[int, dict[str, Any]] = {
        number: {"price_set": number, "reason": None, "detail": None} for number in sets
    }
    rows = session.rows(
        "SELECT price_set, meter, reason, unit_size, contracted_unit_price, currency, model, provider, assumptions, "
        "processing_tier, detail FROM prices ORDER BY price_set, meter_no"
    )
    for number, meter, reason, size, price, currency, model, provider, assumed, tier, detail in rows:
        row = found[int(number)]
        row["provider"], row["model"] = provider, model
        if reason is not None:
            row["reason"], row["detail"] = row["reason"] or reason, row["detail"] or detail
            continue
        row |= {"currency": currency, "assumptions": assumed or row.get("assumptions"), "tier": tier}
        if meter in names:
            row[f"c_{meter}"] = per_token(price, int(size))
    for number, prices in _alternatives(audit, found).items():
        found[number] |= prices
    columns = {"price_set": "INTEGER", "provider": "VARCHAR", "model": "VARCHAR", "reason": "VARCHAR",
               "detail": "VARCHAR", "currency": "VARCHAR", "assumptions": "VARCHAR", "tier": "VARCHAR"}  # fmt: skip
    amounts = [f"{kind}_{name}" for kind in "cb" for name in names] + ["w_1h"]
    create_table(session, "price_words", {**columns, **dict.fromkeys(amounts, "DECIMAL(38, 18)")}, list(found.values()))
    casts = ", ".join(f"CAST({ident(a)} AS DECIMAL(18, 15)) AS {ident(a)}" for a in amounts)
    session.sql(f"CREATE TABLE price_sets AS SELECT {', '.join(columns)}, {casts} FROM price_words")


def _alternatives(audit: Opened, found: Mapping[int, Mapping[str, Any]]) -> dict[int, dict[str, Decimal]]:
    """Realtime prices of batch price sets, and the one-hour price where cache writes have no stated lifetime."""
    names = [m.name for m in audit.rated.meters]
    untimed = "cache_write" in names
    facts = ", ".join(f"p.{ident(name)}" for name in PROFILE)
    rows = audit.session.rows(
        f"SELECT g.price_set, epoch_us(g.t_from), g.context_gt, p.aggregate, {facts} FROM segments g "
        "JOIN profiles p USING (profile_hash) ORDER BY g.price_set, g.t_from, g.profile_hash, g.context_gt"
    )
    answers: dict[int, dict[str, Decimal]] = {}
    for number, at, context, aggregate, *values in rows:
        profile = dict(zip(PROFILE, values, strict=True))
        batch = bool(profile["is_batch"]) or profile["service_tier"] == "batch"
        if int(number) in answers or not (batch or (untimed and found[int(number)].get("c_cache_write") is not None)):
            continue
        moment = instant(at)
        answer: dict[str, Decimal] = {}
        if batch:
            profile |= {"is_batch": False, "service_tier": None}
            prices = _at(audit, profile, bool(aggregate), names, moment, int(context))
            answer |= {f"b_{name}": price for name, price in prices.items()}
        if untimed:
            prices = _at(audit, profile, bool(aggregate), ["cache_write_1h"], moment, int(context))
            answer |= {"w_1h": prices["cache_write_1h"]} if prices else {}
        answers[int(number)] = answer
    return answers


def _at(
    audit: Opened, facts: Mapping[str, Any], aggregate: bool, names: Sequence[str], moment: datetime, context: int
) -> dict[str, Decimal]:
    """Prices per token of a profile at one instant, in the context tier that holds more than `context` tokens."""
    models = tuple(facts[name] for name in ("model_served", "model_deployment", "model_requested", "model_alias"))
    given = {name: facts[name] for name in PROFILE if name not in ("provider", *PROFILE[1:5])}
    channel = facts["provider"] or ""
    given["account_id"] = given["account_id"] or audit.settings.account(channel).id
    profile = Profile(channel, models, **given, aggregate=aggregate)
    cells = resolve(audit.rated.card, profile, names, moment, moment)
    fitting: list[Segment] = [c for c in cells if c.context_gt <= max(context, -1)] or cells[:1]
    prices = fitting[-1].prices
    return {
        name: per_token(price.contracted_unit_price, price.unit_size)
        for name, price in prices.items()
        if isinstance(price, Price)
    }


def counts(meters: Sequence[MeterColumn]) -> dict[str, str]:
    """Meter name -> SQL of its tokens in one event."""
    return {name.removeprefix("q_"): sql for name, sql in quantities(meters).items()}


def cost(tokens: Mapping[str, str], kind: str = "c") -> str:
    """SQL of the exact cost of tokens at the prices of a price set `p`; a meter without a price adds nothing."""
    parts = [f"coalesce(CAST({sql} AS DECIMAL(18, 0)) * p.{kind}_{name}, 0)" for name, sql in tokens.items()]
    return " + ".join(parts) or "CAST(0 AS DECIMAL(38, 15))"


def unpriced(tokens: Mapping[str, str]) -> str:
    """SQL of the tokens that have no price."""
    parts = [f"CASE WHEN p.c_{name} IS NULL THEN {sql} ELSE 0 END" for name, sql in tokens.items()]
    return " + ".join(parts) or "0"
