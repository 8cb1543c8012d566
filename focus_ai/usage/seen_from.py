"""Who wrote an export: the provider that bills, the gateway that the calls went through, or the application."""

from __future__ import annotations

from focus_ai.adapters.catalogue import heads
from focus_ai.adapters.mapping import Mapping

OUTSIDE = ("gateway", "application")


def seen_from(mapping: Mapping) -> str:
    """`provider`, `gateway` or `application`: what the mapping says, else its money family tells."""
    if mapping.seen_from:
        return mapping.seen_from
    bills = (m for m in heads().values() if m.kind == "billed" and m.seen_from in (None, "provider"))
    families = {m.money_family for m in bills if isinstance(m.money_family, str)}
    own = mapping.kind == "billed" or (isinstance(mapping.money_family, str) and mapping.money_family in families)
    return "provider" if own else "gateway"
