"""Pricing: what a leaf meter of an event costs, at which instant, and why.

Comes in: a channel, model names, a meter, an instant and the conditions of an event (or the distinct profiles of many
events), plus a user's rate, contract and exchange-rate files. Goes out: a row of the rate card or the reason why there
is none, segments of prices for a time range, charges with exact costs. This room must not know adapters, record fields
or FOCUS columns, and never reads usage files.

One way in: `RateCard.load`, then `lookup` for one event or `resolve` for many.
"""

from __future__ import annotations

from focus_ai.pricing.card import ModelRef, RateCard
from focus_ai.pricing.lookup import Found, lookup
from focus_ai.pricing.profile import Price, Profile, Segment, Unpriced, resolve
from focus_ai.pricing.rate_row import Conditions, NoRate, Rate, Source
from focus_ai.pricing.window import Window

__all__ = [
    "Conditions", "Found", "ModelRef", "NoRate", "Price", "Profile", "Rate", "RateCard", "Segment", "Source",
    "Unpriced", "Window", "lookup", "resolve",
]  # fmt: skip
