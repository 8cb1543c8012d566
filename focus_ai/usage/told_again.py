"""Usage that other usage of the run tells of too, for the tokens of the report: each counts once, also behind a bill.

Who carries the money is decided first (`billing_source`, `overlap`). Where a bill does, it may hold a log and a usage
export of the same calls, or two exports of them; the tokens are those of the one that would carry without the bill.
"""

from __future__ import annotations

from collections.abc import Iterable

from focus_ai.adapters.mapping import Mapping
from focus_ai.engine import Session
from focus_ai.usage.billing_source import Carriers
from focus_ai.usage.carriers import Outcome, Preference, one_of_several, several
from focus_ai.usage.overlap import log_or_export
from focus_ai.usage.reach import grouped
from focus_ai.usage.seen_from import OUTSIDE, seen_from
from focus_ai.usage.units import collect, set_aside, word


def told_again(session: Session, mappings: Iterable[Mapping], present: frozenset[str], carriers: Carriers) -> str:
    """SQL over `events`: usage whose tokens another usage export or log of the run counts."""
    if carriers.usage == "FALSE":
        return "FALSE"
    outside = frozenset(m.id for m in mappings if seen_from(m) in OUTSIDE)
    units = collect(session, present, f"kind = 'usage' AND NOT ({carriers.repeated})")
    found = Outcome()
    for group, same in grouped(units, lambda u: word(u.same_usage) or "").items():
        if group:
            found.add(one_of_several(same, lambda u: u.usage_export, Preference(), one=not several(same)))
    for channel, there in grouped(found.keep(units), lambda u: u.channel or "").items():
        if channel:
            found.add(log_or_export(there, outside, one=not several(there)))
    usage, _ = set_aside(session, present, found.left, table="told_again")
    return " OR ".join(c for c in (carriers.repeated, usage) if c != "FALSE") or "FALSE"
