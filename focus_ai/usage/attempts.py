"""Which calls answered, and which were paid for nothing: attempts of one request, and calls that failed.

Out: the table `attempts_of_requests` (every attempt of a request that was tried more than once), the table
`attempt_uses` (calls with tokens that did not simply answer), and the SQL of a call's use:

- `failed`: an error, a refusal, a filter or a timeout; the provider bills the tokens of a call that broke off.
- `superseded`: the call did not fail, but another attempt of its request is the one that answered.
- `used`: the attempt that answered, the last successful one of its request.
- NULL: nobody knows. The log does not say which calls are attempts of one request, or not how this one ended.

This stage must see all calls of a request: attempts in another run are not compared.
"""

from __future__ import annotations

from dataclasses import dataclass

from focus_ai.adapters.record import fields
from focus_ai.engine import Session, ident, literals

#: Fields that a run must stage to have the use of its calls told.
FIELDS = ("logical_request_id", "attempt_index", "outcome")
FAILED = ("error", "rate_limited", "blocked", "timeout")
UNCLEAR = ("cancelled", "unknown")
#: Uses that bought nothing.
WASTE = ("superseded", "failed")
# Calls per pass when looking for repeated requests; bounds the memory of the search.
PER_PASS = 4_000_000
# A cached answer of the gateway is no attempt, and neither is a sum of calls.
_CALLS = "e.kind = 'usage' AND e.served_from IS DISTINCT FROM 'gateway_cache' AND e.grain <> 'aggregate'"
_UNKNOWN = "CAST(NULL AS VARCHAR)"


@dataclass(frozen=True)
class Attempts:
    """`sql`: the use of the event `e`; `join`: what it needs after FROM ... e (empty when nothing)."""

    sql: str = _UNKNOWN
    join: str = ""


def mark(session: Session, present: frozenset[str]) -> Attempts:
    """Create both tables from the view `events`. Nothing is joined where every call has the same use."""
    session.sql(
        "CREATE TABLE attempts_of_requests (file_no INTEGER, row_no BIGINT, logical_request_id VARCHAR, "
        "attempt_use VARCHAR, has_meters BOOLEAN)"
    )
    session.sql("CREATE TABLE attempt_uses (file_no INTEGER, row_no BIGINT, attempt_use VARCHAR)")
    usual = _compare(session, present) if "logical_request_id" in present else _UNKNOWN
    _collect(session, present, with_ids=usual != _UNKNOWN)
    if not session.rows("SELECT 1 FROM attempt_uses LIMIT 1"):
        return Attempts(usual)
    return Attempts(
        f"CASE WHEN au.file_no IS NULL THEN {usual} ELSE au.attempt_use END",
        " LEFT JOIN attempt_uses au ON au.file_no = e.file_no AND au.row_no = e.row_no",
    )


def _compare(session: Session, present: frozenset[str]) -> str:
    """Fill `attempts_of_requests`; returns the SQL of the use of a call that is in no table."""
    total, named = session.one(
        "SELECT count(*), count(logical_request_id) FILTER (grain <> 'aggregate') FROM events WHERE kind = 'usage'"
    )
    if not named:
        return _UNKNOWN
    passes = -(-int(named) // PER_PASS)
    session.sql("CREATE TABLE repeated_requests (h UBIGINT)")
    for number in range(passes):
        bucket = f"WHERE h % {passes} = {number}" if passes > 1 else ""
        session.sql(
            f"INSERT INTO repeated_requests SELECT h FROM (SELECT hash(logical_request_id) AS h FROM events e "
            f"WHERE {_CALLS} AND logical_request_id IS NOT NULL) {bucket} GROUP BY h HAVING count(*) > 1"
        )
    if session.rows("SELECT 1 FROM repeated_requests LIMIT 1"):
        # An export without a status tells of answers only.
        ended = (
            f"CASE WHEN outcome IN ({literals(FAILED)}) THEN 2 WHEN outcome IN ({literals(UNCLEAR)}) THEN 1 ELSE 0 END"
        )
        session.sql(
            f"""INSERT INTO attempts_of_requests
            SELECT file_no, row_no, logical_request_id,
              CASE WHEN ended = 2 THEN 'failed' WHEN place > 1 THEN 'superseded' WHEN ended = 0 THEN 'used' END,
              has_meters
            FROM (SELECT *, count(*) OVER request AS attempts, row_number() OVER (request ORDER BY ended,
                    attempt_index DESC NULLS LAST, event_time DESC, record_id DESC, file_no, row_no) AS place
                  FROM (SELECT file_no, row_no, adapter, logical_request_id, attempt_index, event_time, record_id,
                          {ended} AS ended, {_has_meters(present)} AS has_meters FROM events e
                        WHERE {_CALLS} AND logical_request_id IS NOT NULL
                          AND hash(logical_request_id) IN (SELECT h FROM repeated_requests))
                  WINDOW request AS (PARTITION BY adapter, logical_request_id)) WHERE attempts > 1"""
        )
    session.sql("DROP TABLE repeated_requests")
    return (
        "'used'"
        if total == named
        else ("CASE WHEN e.grain <> 'aggregate' AND e.logical_request_id IS NOT NULL THEN 'used' END")
    )


def _collect(session: Session, present: frozenset[str], *, with_ids: bool) -> None:
    """Fill `attempt_uses`: what differs from the usual, as far as it has a quantity."""
    if with_ids:
        session.sql(
            "INSERT INTO attempt_uses SELECT file_no, row_no, attempt_use FROM attempts_of_requests "
            "WHERE has_meters AND attempt_use IS DISTINCT FROM 'used'"
        )
    if "outcome" not in present:
        return
    # Without request ids an unclear end changes nothing: the use of such a call is unknown anyway.
    ends = (*FAILED, *UNCLEAR) if with_ids else FAILED
    session.sql(
        f"INSERT INTO attempt_uses SELECT file_no, row_no, CASE WHEN outcome IN ({literals(FAILED)}) THEN 'failed' END "
        f"FROM events e WHERE {_CALLS} AND outcome IN ({literals(ends)}) AND {_has_meters(present)} "
        "AND NOT EXISTS (SELECT 1 FROM attempts_of_requests a WHERE a.file_no = e.file_no AND a.row_no = e.row_no)"
    )


def _has_meters(present: frozenset[str]) -> str:
    """SQL: does the event count anything that can be priced?"""
    meters = [f for f in fields().values() if f.group == "meters" and f.name in present]
    tokens = [f"coalesce({ident(f.name)}, 0) > 0" for f in meters if f.type == "integer"]
    others = [f"len({ident(f.name)}) > 0" for f in meters if f.type == "meters"]
    return f"coalesce({' OR '.join((*tokens, *others)) or 'FALSE'}, FALSE)"
