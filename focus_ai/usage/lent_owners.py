"""Owners that stand elsewhere are lent to the calls they belong to: from a trace, or from the same call in another log.

Some tools write user, session, tags and metadata once per trace, in an export of its own, and the token counts per
call in another (Langfuse, checked 2026-11-22). Such a trace row is set aside as `owner_evidence`: it is no
consumption, but what it says about the owner fills what the calls of its trace leave empty. Likewise a call that two
systems logged counts once, and the record that is left out lends its owner to the one that stays.
"""

from __future__ import annotations

from collections.abc import Sequence

from focus_ai.adapters.record import fields
from focus_ai.engine import Session, ident

LENT = (
    "owner_team", "owner_product", "owner_feature", "owner_environment", "owner_project", "owner_cost_center",
    "owner_business_unit", "tenant_id", "end_user_id", "session_id", "tags",
)  # fmt: skip
REASON = "owner_evidence"
TEAM = "owner_team"
_OF_A_TEAM = ("owner_product", "owner_feature", "owner_cost_center", "owner_business_unit")
# Like everywhere, who names another team than the one that counts has no say in what belongs to that team.


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
    same_place = "AND e.source_instance IS NOT DISTINCT FROM l.lent_place" if by_place else ""
    _fill(session, "own_events", lent, "lent_owners", f"e.trace_id = l.lent_trace {same_place}")
    return True


def lend_to_same_calls(session: Session, present: frozenset[str], calls: str = "same_calls") -> None:
    """Let the view `events` show, where an event has none, the owners of the same call in the records left out.

    Only calls that share the provider's response id, for equal counts prove no owner (table `same_calls`), or spans
    above each other in one trace (table `repeated_spans`); both have file_no, row_no, kept_file_no, kept_row_no, place.
    """
    owners = [f.name for f in fields().values() if f.group == "owner" and f.name in present]
    if not owners or not session.rows(f"SELECT 1 FROM {calls} LIMIT 1"):
        return
    best = "(c.place, s.source_file, s.row_no)"  # of several logs the one whose record would have stayed next
    team = f"coalesce(k.{TEAM}, first(s.{TEAM}) OVER near)" if TEAM in owners else "NULL"
    values = ", ".join(
        f"arg_min({ident(n)}, place) FILTER ({ident(n)} IS NOT NULL{_of_team(n, owners, TEAM, 'team')}) AS {ident(n)}"
        for n in owners
    )
    own = ", ".join(f"s.{ident(n)}" for n in owners)
    nameless = f"s.{TEAM} IS NULL" if TEAM in owners else "NULL"
    empty = " OR ".join(f"(k.{ident(n)} IS NULL AND l.{ident(n)} IS NOT NULL)" for n in owners)
    session.sql(
        f"""CREATE TABLE {calls}_owners AS
        WITH near AS (
          SELECT c.kept_file_no, c.kept_row_no, {best} AS place, {team} AS team, {own} FROM {calls} c
          JOIN staged s ON s.file_no = c.file_no AND s.row_no = c.row_no
          JOIN staged k ON k.file_no = c.kept_file_no AND k.row_no = c.kept_row_no
          WINDOW near AS (PARTITION BY c.kept_file_no, c.kept_row_no
                          ORDER BY {nameless}, c.place, s.source_file, s.row_no)),
        l AS (SELECT kept_file_no, kept_row_no, {values} FROM near GROUP BY ALL)
        SELECT l.* FROM l JOIN staged k ON k.file_no = l.kept_file_no AND k.row_no = l.kept_row_no WHERE {empty}"""
    )
    if session.rows(f"SELECT 1 FROM {calls}_owners LIMIT 1"):
        on = "e.file_no = l.kept_file_no AND e.row_no = l.kept_row_no"
        _fill(session, f"without_{calls}", owners, f"{calls}_owners", on)


def _fill(session: Session, own: str, names: Sequence[str], table: str, on: str) -> None:
    """Put a view between: what an event leaves empty is taken from the table `l` that matches."""
    session.sql(f"ALTER VIEW events RENAME TO {own}")
    filled = ", ".join(
        f"coalesce(e.{ident(n)}, CASE WHEN TRUE{_of_team(n, names, f'l.{TEAM}', f'e.{TEAM}')} THEN l.{ident(n)} END) "
        f"AS {ident(n)}" for n in names
    )  # fmt: skip
    session.sql(f"CREATE VIEW events AS SELECT e.* REPLACE ({filled}) FROM {own} e LEFT JOIN {table} l ON {on}")


def _of_team(name: str, names: Sequence[str], theirs: str, ours: str) -> str:
    """The further condition under which a field may be taken from a source: it names no other team."""
    if name not in _OF_A_TEAM or TEAM not in names:
        return ""
    return f" AND ({theirs} IS NULL OR {ours} IS NULL OR {theirs} = {ours})"
