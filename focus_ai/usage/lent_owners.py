"""Owners that stand on a trace are lent to the calls of that trace.

Some tools write user, session, tags and metadata once per trace, in an export of its own, and the token counts per
call in another (Langfuse, checked 2026-11-22). Such a trace row is set aside as `owner_evidence`: it is no
consumption, but what it says about the owner fills what the calls of its trace leave empty.
"""

from __future__ import annotations

from focus_ai.engine import Session, ident

LENT = (
    "owner_team", "owner_product", "owner_feature", "owner_environment", "owner_project", "owner_cost_center",
    "owner_business_unit", "tenant_id", "end_user_id", "session_id", "tags",
)  # fmt: skip
REASON = "owner_evidence"


def lend_owners(session: Session, present: frozenset[str]) -> bool:
    """Let the view `events` show the owners of its traces where an event has none; True when there was any to lend.

    The newest row of a trace counts. A trace of another project (source instance) lends nothing.
    """
    lent = [name for name in LENT if name in present]
    if "trace_id" not in present or not lent:
        return False
    chosen = f"ignored = '{REASON}' AND trace_id IS NOT NULL"
    if not session.rows(f"SELECT 1 FROM set_aside WHERE {chosen} LIMIT 1"):
        return False
    by_place = "source_instance" in present
    place = "source_instance" if by_place else "CAST(NULL AS VARCHAR)"
    newest = "(coalesce(record_version, ''), source_file, row_no)"
    values = ", ".join(f"arg_max({ident(n)}, {newest}) FILTER ({ident(n)} IS NOT NULL) AS {ident(n)}" for n in lent)
    session.sql(
        f"CREATE TABLE lent_owners AS SELECT trace_id AS lent_trace, {place} AS lent_place, {values} "
        f"FROM set_aside WHERE {chosen} GROUP BY ALL"
    )
    session.sql("ALTER VIEW events RENAME TO own_events")
    filled = ", ".join(f"coalesce(e.{ident(n)}, l.{ident(n)}) AS {ident(n)}" for n in lent)
    same_place = "AND e.source_instance IS NOT DISTINCT FROM l.lent_place" if by_place else ""
    session.sql(
        f"CREATE VIEW events AS SELECT e.* REPLACE ({filled}) FROM own_events e "
        f"LEFT JOIN lent_owners l ON e.trace_id = l.lent_trace {same_place}"
    )
    return True
