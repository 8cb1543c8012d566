"""One spend seen from several places: provider, gateway, application. The money counts once.

Exports of one provider are told apart by their family (`billing_source`). A log of a gateway or of the application
belongs to no provider's family, yet it describes calls that the provider's usage export and bill hold too. Per seller:
what a bill covers, the bill carries (or, with `billing.source = "usage"`, the usage that covers it); of a log and a
usage export of the provider, the log carries where it is complete, for it names requests and owners, and tells which
tokens the cache held if the export does; else the export.
A log that names no account is weighed against the exports of all accounts together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from focus_ai.adapters.mapping import Mapping
from focus_ai.engine import Session, literals
from focus_ai.usage.billing_source import Carriers
from focus_ai.usage.carriers import Outcome, Preference, cover, one_of_several, several
from focus_ai.usage.decisions import told
from focus_ai.usage.reach import grouped
from focus_ai.usage.seen_from import OUTSIDE, seen_from
from focus_ai.usage.units import Unit, collect, word

LOG, EXPORT, BILL = "log", "usage export", "bill"


def choose_place(
    session: Session, mappings: Sequence[Mapping], present: frozenset[str], source: str, carriers: Carriers
) -> Carriers:
    """The carriers, with logs, usage exports and bills of different families decided too."""
    outside = frozenset(m.id for m in mappings if seen_from(m) in OUTSIDE)
    inside = {m.id for m in mappings} - outside
    if not inside or len({m.system for m in mappings}) < 2 or not _sellers(session, outside):
        return carriers
    counts = f"CASE WHEN kind = 'usage' THEN NOT ({carriers.usage}) ELSE NOT ({carriers.billed}) END"
    if "focus_row" in present:  # of a cloud's bill only what it bills for models
        counts += " AND (focus_row IS NULL OR same_usage IS NOT NULL)"
    sellers = literals(_sellers(session, outside))
    outcome, decisions = Outcome(), list[dict[str, Any]]()
    units = collect(session, present, f"provider IN ({sellers}) AND {counts}")
    for channel, there in sorted(grouped(units, lambda u: str(u.channel)).items()):
        decisions += _seller(there, channel, outside, source, outcome)
    carriers = carriers.with_left(session, present, outcome)
    return replace(carriers, decisions=(*carriers.decisions, *decisions))


def _sellers(session: Session, outside: frozenset[str]) -> list[str]:
    """Sellers that more than one kind of source tells of."""
    seen: dict[str, set[str]] = {}
    for channel, kind, adapter in session.rows(
        "SELECT DISTINCT provider, kind, adapter FROM events WHERE provider IS NOT NULL"
    ):
        side = LOG if adapter in outside else BILL if kind == "billed" else EXPORT
        seen.setdefault(str(channel), set()).add(side)
    return sorted(c for c, sides in seen.items() if len(sides) > 1)


def _seller(
    units: Sequence[Unit], channel: str, outside: frozenset[str], source: str, outcome: Outcome
) -> list[dict[str, Any]]:
    """Decide about one seller; adds to the outcome."""
    decisions: list[dict[str, Any]] = []
    one = not several(units)

    def side(u: Unit) -> str:
        return LOG if u.adapter in outside else BILL if u.kind == "billed" else EXPORT

    told_of = grouped(units, side)
    bills = told_of.get(BILL, [])
    for name in (LOG, EXPORT):
        # Bills and usage of one family are decided already.
        for family, usage in sorted(grouped(told_of.get(name, []), lambda u: word(u.family) or "").items()):
            other = [b for b in outcome.keep(bills) if word(b.family) != family]
            if source == BILL:
                judged = cover(other, usage, (BILL, name), one=one)
            else:
                judged = cover([u for u in usage if u.billable], other, (name, BILL), one=one)
            decisions += told(judged, channel, f"{name} and {BILL}")
            outcome.add(judged)
    judged = log_or_export(outcome.keep([*told_of.get(LOG, []), *told_of.get(EXPORT, [])]), outside, one=one)
    decisions += told(judged, channel, f"{LOG} and {EXPORT}")
    outcome.add(judged)
    return decisions


def log_or_export(units: Sequence[Unit], outside: frozenset[str], *, one: bool) -> Outcome:
    """Of one seller's usage in logs and in its own exports, what is left to the other. `one`: there is one account."""
    return one_of_several(
        units, lambda u: LOG if u.adapter in outside else EXPORT, Preference((EXPORT, LOG).index), one=one
    )


__all__ = ["choose_place", "log_or_export", "seen_from"]
