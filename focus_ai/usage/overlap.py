"""One call seen from several places: provider, gateway, application. The money counts once.

Exports of one provider are told apart by their family (`billing_source`). A log of a gateway or of the application
belongs to no provider's family, yet it describes calls that the provider's usage export and bill hold too. Per seller,
account and UTC day: with a bill, the bill carries (or, with `billing.source = "usage"`, the usage); with a usage export
of the provider, the log carries where it is complete, for it names requests and owners, else the export. Two logs
of one call count it once: proven by the provider's response id, or, where one of them has no ids, by the same counts of
tokens at the same moment; both are listed with the call that stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from focus_ai.adapters.mapping import Mapping, shipped
from focus_ai.engine import Session, ident, literal, literals
from focus_ai.usage.billing_source import _DAYS, _EACH_DAY, Carriers, _tokens

OUTSIDE = ("gateway", "application")
# A log with so many percent of the provider's tokens is complete; the rest is rounding of times at midnight.
COMPLETE = 99
# Two clocks that look at one call differ by less than this.
SECONDS = 2


def seen_from(mapping: Mapping) -> str:
    """`provider`, `gateway` or `application`: what the mapping says, else its money family tells."""
    if mapping.seen_from:
        return mapping.seen_from
    bills = (m for m in shipped().values() if m.kind == "billed" and m.seen_from in (None, "provider"))
    families = {m.money_family for m in bills if isinstance(m.money_family, str)}
    own = mapping.kind == "billed" or (isinstance(mapping.money_family, str) and mapping.money_family in families)
    return "provider" if own else "gateway"


def leave_out_same_calls(session: Session, mappings: Iterable[Mapping], present: frozenset[str]) -> int:
    """Add calls that two systems logged to `left_out` (`same_call`, `looks_like_same_call`); returns how many.

    The gateway's record stays before the application's: it saw what was sent and what came back.
    """
    ranks = {
        m.id: (OUTSIDE.index(seen_from(m)) if seen_from(m) in OUTSIDE else len(OUTSIDE), m.system)
        for m in mappings
        if m.kind == "usage"
    }
    if len({system for _, system in ranks.values()}) < 2:
        return 0
    values = ", ".join(f"({literals([name, str(rank), system])})" for name, (rank, system) in sorted(ranks.items()))
    response = "provider_response_id" if "provider_response_id" in present else "CAST(NULL AS VARCHAR)"
    sides = {side: " + ".join(f"coalesce(s.{ident(n)}, 0)" for n in _meters(present, side)) or "0" for side in _SIDES}
    before = session.one("SELECT count(*) FROM left_out")[0]
    session.sql(
        f"""CREATE TABLE calls AS
        WITH places(adapter, rank, system) AS (VALUES {values})
        SELECT s.file_no, s.row_no, s.source_file, s.source_row, s.record_id, s.provider, s.event_time, p.rank,
               p.system, s.adapter, {response} AS response, {sides["input_"]} AS input, {sides["output_"]} AS output
        FROM staged s JOIN places p ON s.adapter = p.adapter
        ANTI JOIN left_out l ON s.file_no = l.file_no AND s.row_no = l.row_no
        WHERE s.kind = 'usage' AND s.grain <> 'aggregate'"""
    )
    session.sql(
        """INSERT INTO left_out
        WITH shared AS (SELECT response FROM calls WHERE response IS NOT NULL GROUP BY ALL
                        HAVING count(DISTINCT system) > 1),
        ranked AS (SELECT c.*, first(c.system) OVER best AS kept_system, first(c.source_file) OVER best AS kept_file,
                          first(c.source_row) OVER best AS kept_row
                   FROM calls c SEMI JOIN shared h ON c.response = h.response
                   WINDOW best AS (PARTITION BY c.response
                                   ORDER BY rank, system, adapter, source_file, source_row, row_no))
        SELECT file_no, row_no, source_file, source_row, record_id, kept_file, kept_row, 'same_call'
        FROM ranked WHERE system <> kept_system"""
    )
    _leave_out_lookalikes(session)
    session.sql("DROP TABLE calls")
    return int(session.one("SELECT count(*) FROM left_out")[0]) - int(before)


def _leave_out_lookalikes(session: Session) -> None:
    """Calls of two systems with the same tokens in and out at the same moment, one of them without a response id.

    Calls of equal counts whose times touch form a cluster; in it, the n-th call of one system stands for the n-th of
    the other, so that two equal calls stay two.
    """
    touch = f"event_time - lag(event_time) OVER same <= INTERVAL {SECONDS} second"
    session.sql(
        f"""INSERT INTO left_out
        WITH here AS (SELECT c.* FROM calls c ANTI JOIN left_out l ON c.file_no = l.file_no AND c.row_no = l.row_no
                      WHERE c.input > 0),
        edges AS (SELECT *, CASE WHEN {touch} THEN 0 ELSE 1 END AS starts FROM here
                  WINDOW same AS (PARTITION BY input, output ORDER BY event_time)),
        clusters AS (SELECT *, sum(starts) OVER (PARTITION BY input, output ORDER BY event_time
                                                 RANGE UNBOUNDED PRECEDING) AS cluster FROM edges),
        numbered AS (SELECT *, row_number() OVER (
                       PARTITION BY input, output, cluster, system
                       ORDER BY event_time, adapter, source_file, source_row, row_no) AS nth FROM clusters),
        pairs AS (SELECT c.*, o.source_file AS kept_file, o.source_row AS kept_row,
                         row_number() OVER (PARTITION BY c.file_no, c.row_no ORDER BY o.rank, o.system) AS choice
                  FROM numbered c JOIN numbered o
                    ON c.input = o.input AND c.output = o.output AND c.cluster = o.cluster AND c.nth = o.nth
                   AND (c.provider = o.provider OR c.provider IS NULL OR o.provider IS NULL)
                   AND (c.response IS NULL OR o.response IS NULL) AND (o.rank, o.system) < (c.rank, c.system)
                   AND abs(epoch_ms(c.event_time) - epoch_ms(o.event_time)) <= {1000 * SECONDS})
        SELECT file_no, row_no, source_file, source_row, record_id, kept_file, kept_row, 'looks_like_same_call'
        FROM pairs WHERE choice = 1"""
    )


_SIDES = ("input_", "output_")


def _meters(present: frozenset[str], side: str) -> list[str]:
    return sorted(n for n in present if n.startswith(side) and n.endswith("_tokens"))


def choose_place(
    session: Session, mappings: Sequence[Mapping], present: frozenset[str], source: str, carriers: Carriers
) -> Carriers:
    """The carriers, with logs, usage exports and bills of different families decided too."""
    outside = sorted({m.id for m in mappings if seen_from(m) in OUTSIDE})
    inside = sorted({m.id for m in mappings} - set(outside))
    if not inside or len({m.system for m in mappings}) < 2:
        return carriers
    _create_overlap(session, present, outside, source, carriers)
    rows = session.rows(
        "SELECT channel, between, carried_by, min(day)::VARCHAR, max(day)::VARCHAR, count(DISTINCT day) FROM overlap "
        "GROUP BY ALL ORDER BY ALL"
    )
    if not rows:
        return carriers
    same = (
        "c.channel = events.provider AND c.day = CAST(events.event_time AS DATE) "
        f"AND c.account IS NOT DISTINCT FROM {_account(present)}"
    )

    def elsewhere(adapters: Sequence[str], carrier: str) -> list[str]:
        test = f"EXISTS (SELECT 1 FROM overlap c WHERE {same} AND c.carried_by <> {literal(carrier)})"
        return [f"(adapter IN ({literals(adapters)}) AND {test})"] if adapters else []

    log = elsewhere(outside, "log")
    decisions: list[dict[str, Any]] = [
        {"family": channel, "between": between, "carried_by": carrier, "from": first, "to": last, "days": days}
        for channel, between, carrier, first, last, days in rows
    ]
    return replace(
        carriers,
        usage=" OR ".join([carriers.usage, *log, *elsewhere(inside, "usage export")]),
        billed=" OR ".join([carriers.billed, *log, *elsewhere(inside, "bill")]),
        decisions=(*carriers.decisions, *decisions),
    )


def _account(present: frozenset[str]) -> str:
    return "account_id" if "account_id" in present else "CAST(NULL AS VARCHAR)"


def _create_overlap(
    session: Session, present: frozenset[str], outside: Sequence[str], source: str, carriers: Carriers
) -> None:
    """Table `overlap`: per seller, account and day that two kinds of source tell of, which of them carries.

    A source that names no account may be any; two that name different ones are never the same spend.
    """
    counts = f"CASE WHEN kind = 'usage' THEN NOT ({carriers.usage}) ELSE NOT ({carriers.billed}) END"
    if "focus_row" in present:  # of a cloud's bill only what it bills for models
        counts += " AND (focus_row IS NULL OR same_usage IS NOT NULL)"
    log = f"adapter IN ({literals(outside)})" if outside else "FALSE"
    session.sql(
        f"""CREATE TABLE overlap AS
        WITH spans AS (
          SELECT provider AS channel, {_account(present)} AS account, {_DAYS},
                 CASE WHEN {log} THEN 'log' WHEN kind = 'billed' THEN 'bill' ELSE 'export' END AS side,
                 sum({_tokens(present)}) AS told
          FROM events WHERE provider IS NOT NULL AND {counts} GROUP BY ALL),
        days AS (
          SELECT channel, account, day, side, sum(told) AS told
          FROM (SELECT * EXCLUDE (day_span), {_EACH_DAY} AS day FROM spans) GROUP BY ALL),
        seen AS (
          SELECT k.channel, k.account, k.day, bool_or(d.side = 'bill') AS bill, bool_or(d.side = 'export') AS export,
                 bool_or(d.side = 'log') AS log, sum(CASE WHEN d.side = 'log' THEN d.told ELSE 0 END) AS logged,
                 sum(CASE WHEN d.side = 'export' THEN d.told ELSE 0 END) AS exported
          FROM (SELECT DISTINCT channel, account, day FROM days) k JOIN days d
            ON d.channel = k.channel AND d.day = k.day
            AND (d.account IS NULL OR k.account IS NULL OR d.account = k.account)
          GROUP BY ALL)
        SELECT channel, account, day,
               concat_ws(' and ', CASE WHEN log THEN 'log' END, CASE WHEN export THEN 'usage export' END,
                         CASE WHEN bill THEN 'bill' END) AS between,
               CASE WHEN bill AND {literal(source)} = 'bill' THEN 'bill'
                    WHEN export AND (NOT log OR 100 * logged < {COMPLETE} * exported) THEN 'usage export' ELSE 'log'
               END AS carried_by
        FROM seen WHERE CAST(bill AS INTEGER) + CAST(export AS INTEGER) + CAST(log AS INTEGER) > 1"""
    )
