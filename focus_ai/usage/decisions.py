"""Decisions about carriers in words and numbers, for the report of the run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from focus_ai.money import text, total
from focus_ai.usage.carriers import ACCOUNT, BESIDE, DIFFER, PARTLY, SUB, TIER, Outcome
from focus_ai.usage.units import DAY, Unit

_EPOCH = date(1970, 1, 1)
_WORDS = {
    PARTLY: "{} of periods that overlap only partly",
    ACCOUNT: "{}, one of them without an account",
    SUB: "{}, of which one does not name the sub account of the other",
    DIFFER: "{} for the same time with other amounts",
    TIER: "{}, of a tier that no bill holds",
    BESIDE: "{}, which has no line for tokens there",
}


def told(outcome: Outcome, family: str, between: str) -> list[dict[str, Any]]:
    """One entry per carrier, then one per reason to doubt, with its size: tokens of usage, amounts of bills.

    `why` is the reason; what is in doubt is counted beside the other source (`both`) or left to it (the carrier).
    """
    found: list[dict[str, Any]] = []
    for carrier in sorted(set(outcome.left.values())):
        units = [u for u, by in outcome.left.items() if by == carrier]
        found.append({"family": family, "between": between, "carried_by": carrier, **_days(units)})
    # Money of two currencies makes two entries.
    doubts: dict[tuple[str, str, str], list[Unit]] = {}
    for u, (why, counted) in outcome.doubts.items():
        doubts.setdefault((why, "both" if counted else outcome.left[u], u.currency or ""), []).append(u)
    for (why, carrier, _), units in sorted(doubts.items()):
        entry = {"family": family, "between": _WORDS[why].format(between), "carried_by": carrier, **_days(units)}
        found.append({**entry, "why": why, "records": sum(u.records for u in units), **_size(units)})
    return found


def _size(units: Sequence[Unit]) -> dict[str, Any]:
    usage = [u for u in units if u.kind == "usage"]
    bills = [u for u in units if u.kind == "billed"]
    found: dict[str, Any] = {"tokens": sum(u.tokens for u in usage)} if usage else {}
    if bills:
        found |= {"amount": text(total(u.paid for u in bills)), "currency": bills[0].currency}
    return found


def _days(units: Iterable[Unit]) -> dict[str, Any]:
    days = {d for u in units for d in range(u.start // DAY, max(u.start, u.end - 1) // DAY + 1)}
    first, last = (str(_EPOCH + timedelta(days=d)) for d in (min(days), max(days)))
    return {"from": first, "to": last, "days": len(days)}
