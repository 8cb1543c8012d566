"""The lookup: of all rows of a meter the one that fits an instant and an event's conditions, or why none does.

The rule: conditions are compared exactly. A row that does not name processing, tier, speed or geography speaks about
the default one only; an event of another kind is never given its price. Among fitting rows a row of the user wins;
else the more precise row (exact model, more conditions, time window, higher context bound), else the stronger layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from focus_ai.pricing.rate_row import (
    ANY,
    CALL_METERS,
    DEFAULTS,
    MULTIPLIED,
    OPEN_KEYS,
    USER_DERIVED,
    Conditions,
    NoRate,
    Rate,
)

if TYPE_CHECKING:
    from focus_ai.pricing.card import RateCard


@dataclass(frozen=True, slots=True)
class Found:
    """A row and what had to be assumed to choose it."""

    rate: Rate
    assumptions: tuple[str, ...] = ()


def lookup(
    card: RateCard, channel: str, model: str, meter: str, at: datetime, conditions: Conditions | None = None
) -> Rate | NoRate:
    """The row that prices one meter of one event; `at` is the instant the provider bills at (aware, UTC)."""
    found = card.find(channel, (model,), meter, at, conditions or Conditions())
    return found if isinstance(found, NoRate) else found.rate


def choose(rows: Sequence[Rate], at: datetime, conditions: Conditions) -> Found | NoRate:
    """Pick among the rows of one meter of one model."""
    live = [row for row in rows if row.live(at)]
    if not live:
        return _not_live(rows, at)
    in_window = [row for row in live if row.window is None or row.window.holds(at)]
    if not in_window:
        return NoRate("no_rate", "no price for this time of day")
    keys = {key for row in in_window for key, _ in row.when}
    if rows[0].meter not in CALL_METERS:
        keys |= DEFAULTS.keys()
    fitting = [row for row in in_window if _fits(row, keys, conditions)]
    if not fitting:
        later = [row for row in rows if row.effective_from and row.effective_from > at and _fits(row, keys, conditions)]
        return _not_live(later, at) if later else NoRate("no_rate", _missing(in_window, keys, conditions))
    layers = (USER_DERIVED, MULTIPLIED, 0)
    pool = next(rows for least in layers if (rows := [row for row in fitting if row.layer >= least]))
    best = max(_rank(row, keys) for row in pool)
    winners = [row for row in pool if _rank(row, keys) == best]
    if len(winners) > 1 and len({row.price for row in winners}) > 1:
        return NoRate("ambiguous", " and ".join(sorted(f"{row.rate_id} ({row.source.name})" for row in winners)))
    winner = winners[0]
    if winner.price is None:
        return NoRate("empty_price", f"{winner.source.name} names {winner.model} without an amount")
    return Found(winner, (*winner.assumes, *_assumed(live, winner, conditions)))


def _fits(row: Rate, keys: set[str], conditions: Conditions) -> bool:
    if row.context_gt and (conditions.context is None or conditions.context <= row.context_gt):
        return False
    for key in keys:
        have = row.conditions.get(key, ANY if key in OPEN_KEYS else DEFAULTS.get(key))
        if have != ANY and have != (conditions.value(key) or DEFAULTS.get(key)):
            return False
    return True


def _rank(row: Rate, keys: set[str]) -> tuple[int, int, int, int, int, int]:
    model = 0 if row.model == ANY else (1 if row.model.endswith(ANY) else 2)
    exact = sum(1 for key in keys if row.conditions.get(key, ANY if key in OPEN_KEYS else "") != ANY)
    return (model, len(row.model) if model == 1 else 0, exact, int(row.window is not None), row.context_gt, row.layer)


def _assumed(live: Sequence[Rate], winner: Rate, conditions: Conditions) -> list[str]:
    """Names of the defaults which decided between prices."""
    rivals = [row for row in live if row.layer >= USER_DERIVED] if winner.layer >= USER_DERIVED else live
    keys = {key for row in rivals for key, value in row.when if value != ANY}
    told = [
        f"{key}_assumed"
        for key in sorted(keys)
        if conditions.value(key) is None and winner.conditions.get(key) != ANY and key not in OPEN_KEYS
    ]
    if conditions.context is None and any(row.context_gt for row in rivals):
        told.append("context_tier_assumed")
    return told


def _not_live(rows: Sequence[Rate], at: datetime) -> NoRate:
    if not rows:
        return NoRate("no_rate", "the rate card has no price of this meter for this model")
    starts = [row.effective_from for row in rows if row.effective_from and row.effective_from > at]
    if starts:
        return NoRate("not_yet_effective", f"the first price starts at {min(starts).isoformat()}")
    return NoRate("expired", "every price of this meter has ended")


def _missing(rows: Sequence[Rate], keys: set[str], conditions: Conditions) -> str:
    asked = {key: conditions.value(key) or DEFAULTS.get(key) for key in sorted(keys)}
    odd = [f"{key}={value}" for key, value in asked.items() if value is not None and value != DEFAULTS.get(key)]
    known = sorted({f"{key}={value}" for row in rows for key, value in row.when})
    has = ", ".join(known) or "the default only"
    return f"no price for {', '.join(odd) or 'the default conditions'}; the card has {has}"
