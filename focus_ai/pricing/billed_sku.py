"""The SKU of a billed line, spelled exactly as the rate card spells the SKU of the usage behind it.

In: what a billed line says about its model, meter and conditions. Out: canonical model, SkuId, SkuPriceId and details.
Where the card would price the line, the ids are those of that row; where it would not (unknown model, unlisted tier,
words that no row discriminates by), the same code builds them from the line's own facts. Never touches an amount.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from focus_ai.meters import meters
from focus_ai.pricing.card import ModelRef, RateCard
from focus_ai.pricing.profile import details, named
from focus_ai.pricing.rate_row import (
    CALL_METERS,
    VARIANT_KEYS,
    Conditions,
    NoRate,
    Rate,
    condition_marks,
    normal_when,
)
from focus_ai.pricing.tables import channel, model_facts, pricing_unit

#: What of a billed line decides its SKU; lines that agree in all of it are one SKU.
FACTS = (
    "provider", "model_served", "model_deployment", "billed_meter", "billed_unit", "line_item", "service_tier",
    "is_batch", "context_gt", "inference_geo", "speed", "price_variant", "region",
)  # fmt: skip
TEXTS = (
    "meter", "sku_id", "sku_price_id", "sku_details", "base_unit", "block_unit", "model", "developer", "family",
    "version", "processing_tier", "geo", "line_item", "line_facts",
)  # fmt: skip


def placed(card: RateCard, provider: str, names: tuple[str, ...], first: datetime, last: datetime) -> ModelRef | None:
    """The model on the rate card; None when the card does not know it or the name changed its meaning in between."""
    if not names:
        return None
    early, late = (card.place(provider, names, at) for at in (first, last))
    if isinstance(early, NoRate) or isinstance(late, NoRate) or early.model != late.model:
        return None
    return early


def billed_sku(card: RateCard, facts: Mapping[str, Any], first: datetime, last: datetime) -> dict[str, Any]:
    """Ids, texts and units of the lines with these facts, which occur from `first` to `last`."""
    seller = channel(facts["provider"] or "unknown").name
    names = tuple(n for n in (facts["model_served"], facts["model_deployment"]) if n)
    ref = placed(card, seller, names, first, last)
    model = ref.model if ref else (names[0] if names else None)
    meter, line = facts["billed_meter"], facts["line_item"]
    asked = _conditions(card, ref, facts, first)
    rate = _card_row(card, ref, meter, asked, first)
    if rate is not None:
        sku_id, sku_price_id, told = rate.sku_id, rate.sku_price_id, details(rate)
    else:
        when = _when(asked, meter)
        above = 0 if asked.context is None or meter in CALL_METERS else asked.context - 1
        sku_id = "/".join(p for p in (seller, *_named(model, names, meter, line)) if p)
        sku_price_id = "#".join([sku_id, *condition_marks(when, above, None)])
        told = details(Rate(seller, model or "", meter or "", None, when=normal_when(when), context_gt=above))
    developer, family, version = model_facts(model) if model else (None, None, None)
    base, block, size = _units(meter, facts["billed_unit"], rate)
    return {
        "meter": meter,
        "sku_id": sku_id,
        "sku_price_id": sku_price_id,
        "sku_details": json.dumps(dict(sorted(told.items())), separators=(",", ":"), ensure_ascii=False),
        "base_unit": base, "block_unit": block, "unit_size": size,
        "model": model, "developer": developer, "family": family, "version": version,
        "processing_tier": "batch" if told.get("x_Processing") == "batch" else told.get("x_ServiceTier", "standard"),
        "geo": told.get("x_InferenceGeo"),
        "line_item": line,
        "line_facts": "|".join("" if facts[name] is None else str(facts[name]) for name in FACTS),
    }  # fmt: skip


def _conditions(card: RateCard, ref: ModelRef | None, facts: Mapping[str, Any], at: datetime) -> Conditions:
    """What the line says about its price. `long context` without a number is the card's bound when it has just one."""
    above, variant = facts["context_gt"], facts["price_variant"]
    if ref and above is None and (variant or "").lower() == "long context":
        rows = card.meter_rows(ref, facts["billed_meter"] or "")[0]
        bounds = {row.context_gt for row in rows if row.context_gt and row.live(at)}
        if len(bounds) == 1:
            above, variant = bounds.pop(), None
    return Conditions.of(
        service_tier=facts["service_tier"], is_batch=facts["is_batch"], inference_geo=facts["inference_geo"],
        speed=facts["speed"], region=facts["region"], variant=variant,
        context=None if above is None else int(above) + 1,
    )  # fmt: skip


def _card_row(card: RateCard, ref: ModelRef | None, meter: str | None, asked: Conditions, at: datetime) -> Rate | None:
    """The row that the usage behind the line would be rated with; None where a row would say less than the line."""
    if ref is None or meter is None:
        return None
    found = card.price(ref, meter, at, asked)
    if isinstance(found, NoRate) or found.rate.window is not None:
        return None
    if asked.variant and not any(key in found.rate.conditions for key in VARIANT_KEYS):
        return None
    # A bill that tells large contexts apart may price them apart, whatever the card says: keep its own word.
    if (asked.context or 0) > 1 and not found.rate.context_gt:
        return None
    return named(found.rate, ref)


def _when(asked: Conditions, meter: str | None) -> dict[str, str]:
    keys = ("variant",) if meter in CALL_METERS else ("processing", "service_tier", "speed", "geo", "region", "variant")
    said = {key: asked.value(key) for key in keys}
    return {key: value for key, value in said.items() if value}


def _named(model: str | None, names: tuple[str, ...], meter: str | None, line: str | None) -> tuple[str | None, ...]:
    """Model and meter; a line without a known meter is its own words, which mostly name the model already."""
    if meter:
        return model, meter
    if line and any(name in line for name in names):
        return (line,)
    return model, line or "unspecified"


def _units(meter: str | None, stated: str | None, rate: Rate | None) -> tuple[str | None, str | None, int]:
    """Consumed unit, pricing unit and size: of the card's row, of the meter, else of the unit that the line states."""
    if rate and stated in (None, rate.unit):
        return rate.unit, rate.pricing_unit, rate.unit_size
    entry = meters().get(meter or "")
    if entry and stated in (None, entry.consumed_unit):
        return entry.consumed_unit, entry.pricing_unit, entry.unit_size
    if stated in {m.consumed_unit for m in meters().values()}:
        size = 1_000_000 if stated == "Tokens" else 1
        return stated, pricing_unit(stated, size), size
    return None, None, 1
