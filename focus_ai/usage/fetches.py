"""Lines that a newer fetch of a report does not hold any more.

Of two fetches of one bucket the newest version of each line counts. A line that only the older one holds, beside lines
that the newer one replaced, was taken back by the seller or is missing in the newer fetch: which of both cannot be
known, so it counts and is named with its size.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from focus_ai.engine import Session, literals
from focus_ai.money import text
from focus_ai.usage.units import tokens_sql

GONE = "not_in_newer_fetch"
_BETWEEN = "fetches of one report, of which the newer one does not hold lines of the older"


def only_in_older(
    session: Session, present: frozenset[str], adapters: Collection[str], left: str
) -> list[dict[str, Any]]:
    """Entries of the report about such lines. `left`: a condition of the events whose money another export carries."""
    if "record_version" not in present or not session.rows("SELECT 1 FROM left_out LIMIT 1"):
        return []
    page = "coalesce(page_no, 0)" if "page_no" in present else "0"
    place = f"file_no, {page}, event_time, bucket_end"
    listed = literals(sorted(adapters))
    replaced = (
        f"SELECT {place.replace('file_no', 's.file_no')} FROM left_out l JOIN staged s USING (file_no, row_no) "
        f"JOIN (SELECT source_file AS kept_file, source_row AS kept_row, record_version AS newer FROM staged "
        f"WHERE adapter IN ({listed})) k USING (kept_file, kept_row) "
        f"WHERE s.adapter IN ({listed}) AND l.reason IN ('older_version', 'same_record') "
        "AND k.newer <> s.record_version"
    )
    found = session.rows(
        f"""SELECT adapter, kind, currency, CAST(min(starts) AS VARCHAR), CAST(max(ends) AS VARCHAR),
            count(DISTINCT starts), count(*), sum(tokens), sum(paid)
        FROM (SELECT adapter, kind, CASE WHEN kind = 'billed' THEN currency END AS currency,
                CAST(event_time AS DATE) AS starts,
                CAST(greatest(event_time, bucket_end - INTERVAL 1 microsecond) AS DATE) AS ends,
                {tokens_sql(present)} AS tokens, coalesce(billed_cost, 0) AS paid
              FROM events WHERE adapter IN ({listed}) AND NOT ({left})
              AND ({place}) IN ({replaced}))
        GROUP BY ALL ORDER BY ALL"""
    )
    return [
        {
            "family": adapter, "between": _BETWEEN,
            "carried_by": "both", "from": first, "to": last, "days": days, "why": GONE, "records": records,
            **({"tokens": int(tokens)} if kind == "usage" else {"amount": text(paid), "currency": currency}),
        }
        for adapter, kind, currency, first, last, days, records, tokens, paid in found
    ]  # fmt: skip
