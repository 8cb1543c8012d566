"""Structural checks of a rate card: overlaps, gaps, reviews that are due, prices finer than nine places, contracts that
speak about no price."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from focus_ai.errors import misspelt, nearest
from focus_ai.pricing import snapshot
from focus_ai.pricing.rate_row import ANY, DERIVED, OVERLAY, USER, NoRate, Rate
from focus_ai.pricing.tables import channel, known_channels

if TYPE_CHECKING:
    from focus_ai.pricing.card import RateCard
    from focus_ai.pricing.contract import Contract

_LOW, _HIGH = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding: severity `error` or `warning`, a kind, the SKU price it is about, and a sentence."""

    severity: str
    kind: str
    subject: str
    text: str


def check(card: RateCard, today: date) -> list[Problem]:
    """All findings, errors first. Overlaps and gaps are errors in curated and user rows, warnings in imported ones."""
    found: list[Problem] = []
    for name in known_channels() if card.shipped else ():
        for listed in channel(name).lists[:1]:
            found += _noise(listed)
            for model in card.shipped_models(listed):
                found += check_rows(card.shipped_rows(name, listed, model), today)
    found += check_rows(card.user_rates, today)
    found += (problem for entry in card.contracts if (problem := _without_price(card, entry, today)))
    unique = dict.fromkeys(found)
    return sorted(unique, key=lambda p: (p.severity, p.kind, p.subject, p.text))


def check_rows(rows: Iterable[Rate], today: date) -> list[Problem]:
    """Findings of a set of rows."""
    found: list[Problem] = []
    groups: dict[tuple[object, ...], list[Rate]] = {}
    for row in rows:
        if row.layer != DERIVED:
            groups.setdefault((row.layer, *row.key), []).append(row)
        if row.review_by is not None and row.review_by < today:
            text = f"status {row.status}, to be reviewed by {row.review_by.isoformat()} ({row.source.name})"
            found.append(Problem("warning", "review_overdue", row.sku_price_id, text))
    for members in groups.values():
        members.sort(key=lambda r: (r.effective_from or _LOW, r.effective_to or _HIGH))
        severity = "error" if members[0].layer in (OVERLAY, USER) else "warning"
        for first, second in pairwise(members):
            end, start = first.effective_to or _HIGH, second.effective_from or _LOW
            if end > start and first.price != second.price:
                text = f"two prices from {start.isoformat()} ({first.source.name}, {second.source.name})"
                found.append(Problem(severity, "overlap", first.sku_price_id, text))
            elif end < start:
                text = f"no price from {end.isoformat()} to {start.isoformat()} ({first.source.name})"
                found.append(Problem(severity, "gap", first.sku_price_id, text))
    return found


def _without_price(card: RateCard, entry: Contract, today: date) -> Problem | None:
    """A contract entry whose seller or model no price is of: a misspelt one would leave the list price."""
    sellers = {*known_channels(), *(row.channel for row in card.user_rates)} - {ANY}
    meant = sorted(sellers) if entry.channel == ANY else [entry.channel]
    at = entry.effective_from or datetime.combine(today, datetime.min.time(), UTC)
    models = {name: _models(card, name) for name in meant}
    if entry.model.endswith(ANY):
        if any(model.startswith(entry.model[:-1]) for known in models.values() for model in known):
            return None
    elif any(not isinstance(card.place(name, (entry.model,), at), NoRate) for name in meant):
        return None
    every = {model for known in models.values() for model in known}
    wrong, known = (entry.model, every) if every else (entry.channel, sellers)
    hint = f"; {nearest(wrong, known)}" if misspelt(wrong, known) else ""
    text = f"no price is of {entry.model} at {entry.channel}, so that the list price would stand{hint}"
    return Problem("warning", "contract_unmet", entry.contract_id, text)


def _models(card: RateCard, name: str) -> set[str]:
    own = {row.model for row in card.user_rates if row.channel in (name, ANY)}
    return own.union(*(card.shipped_models(listed) for listed in channel(name).lists if card.shipped))


def _noise(listed: str) -> list[Problem]:
    prices = snapshot.price_list(listed)
    return [
        Problem("warning", "price_rounded_9", f"{listed}/{model}/{meter}", "the imported amount has more places")
        for model, line in (prices.models.items() if prices else ())
        for meter in line.get("noise", ())
    ]
