"""One bill, one carrier: when usage and cost exports of the same account and day are given together.

The exports of one `money_family` describe the same spend. By default the bill carries the money and the usage of the
covered days is kept aside (`exceptions/carried_by_bill.jsonl`); with `billing.source = "usage"` it is the other way
round. Two cost exports of one family for one day also count once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from focus_ai.engine import Session


@dataclass(frozen=True)
class Carriers:
    """SQL conditions over `events`: usage and billed lines whose money another export carries; and what was decided."""

    usage: str
    billed: str
    decisions: tuple[dict[str, Any], ...]


def choose(session: Session, present: frozenset[str], source: str) -> Carriers:
    """Decide per family, account and UTC day. Creates the table `covered`."""
    if "money_family" not in present:
        return Carriers("FALSE", "FALSE", ())
    account = "account_id" if "account_id" in present else "CAST(NULL AS VARCHAR)"
    session.sql(
        f"""CREATE TABLE spend AS SELECT money_family, {account} AS account, CAST(event_time AS DATE) AS day, kind,
        adapter, count(*) AS records FROM events WHERE money_family IS NOT NULL GROUP BY ALL"""
    )
    session.sql(
        """CREATE TABLE bills AS SELECT money_family, account, day,
        arg_max(adapter, (records, adapter)) AS adapter, count(*) AS exports
        FROM (SELECT money_family, account, day, adapter, sum(records) AS records FROM spend
              WHERE kind = 'billed' GROUP BY ALL) GROUP BY ALL"""
    )
    session.sql("CREATE TABLE metered AS SELECT DISTINCT money_family, account, day FROM spend WHERE kind = 'usage'")
    both = session.rows(
        "SELECT b.money_family, any_value(b.adapter), min(b.day)::VARCHAR, max(b.day)::VARCHAR, count(DISTINCT b.day) "
        f"FROM bills b JOIN metered m ON {_same('b', 'm')} GROUP BY b.money_family ORDER BY 1"
    )
    twice = session.rows(
        "SELECT money_family, any_value(adapter), min(day)::VARCHAR, max(day)::VARCHAR, count(*) FROM bills "
        "WHERE exports > 1 GROUP BY money_family ORDER BY 1"
    )
    decisions = [
        {"family": f, "carried_by": "bill" if source == "bill" else "usage", "adapter": a if source == "bill" else None,
         "from": first, "to": last, "days": days, "between": "usage and bill"}
        for f, a, first, last, days in both
    ]  # fmt: skip
    decisions += [
        {
            "family": f,
            "carried_by": "bill",
            "adapter": a,
            "from": first,
            "to": last,
            "days": days,
            "between": "two bills",
        }
        for f, a, first, last, days in twice
    ]
    event_account = account
    match = f"c.money_family = events.money_family AND c.day = CAST(events.event_time AS DATE) AND (c.account IS NULL OR {event_account} IS NULL OR c.account = {event_account})"
    usage = f"EXISTS (SELECT 1 FROM bills c WHERE {match})" if both and source == "bill" else "FALSE"
    billed = [f"EXISTS (SELECT 1 FROM metered c WHERE {match})"] if both and source == "usage" else []
    if twice:
        billed.append(f"EXISTS (SELECT 1 FROM bills c WHERE {match} AND c.exports > 1 AND c.adapter <> events.adapter)")
    return Carriers(usage, " OR ".join(billed) or "FALSE", tuple(decisions))


def _same(a: str, b: str) -> str:
    return (
        f"{a}.money_family = {b}.money_family AND {a}.day = {b}.day "
        f"AND ({a}.account IS NULL OR {b}.account IS NULL OR {a}.account = {b}.account)"
    )


__all__ = ["Carriers", "choose"]
