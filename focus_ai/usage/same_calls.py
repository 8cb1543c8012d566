"""One call in the logs of two systems counts once: proven by the provider's response id, or by equal counts (see
`lookalikes`).

The call that is left out is listed with the one that stays: the record whose counts are the provider's own before a
guess of a gateway, then one that names its seller before one whose seller was read off the model, then the gateway's
record, for it saw what was sent and what came back, then the one that tells more kinds of use. The owner of the record
that is left out is lent to it where the id proves the call.
"""

from __future__ import annotations

from collections.abc import Iterable

from focus_ai.adapters.mapping import Mapping
from focus_ai.engine import Session, ident, literals
from focus_ai.usage.lookalikes import leave_out_lookalikes
from focus_ai.usage.seen_from import OUTSIDE, seen_from

# What tells the same call besides its counts and times.
FIELDS = ("provider_response_id", "event_time_basis", "duration_ms")
# How good the counts are: the provider's own, a guess of a gateway (a stream that broke off), none at all. An answer
# out of a gateway's cache bought nothing, and only the gateway knows.
_GUESS = (
    "CASE WHEN served_from = 'gateway_cache' THEN 0 WHEN input + output = 0 THEN 2 "
    "WHEN contains(coalesce(flags, ''), 'usage_estimated') THEN 1 ELSE 0 END"
)
# A seller read off the model is no statement: Claude is sold by clouds too. Another record of the call may name it.
_INFERRED = "contains(coalesce(flags, ''), 'provider_inferred')"
# What such a reading goes by; the call of another record is of the same maker's models.
_MAKER = "(gpt|claude|gemini|text-embedding|(?:^|[^a-z0-9])o[134](?:[^0-9]|$))"
# Some logs are written when the answer has ended; what they say of its length leads back to the beginning.
_BEGUN = (
    "CASE WHEN s.event_time_basis = 'end' AND s.duration_ms >= 0 "
    "THEN s.event_time - to_milliseconds(s.duration_ms) ELSE s.event_time END"
)
_MODELS = ("model_served", "model_requested", "model_deployment")


def leave_out_same_calls(session: Session, mappings: Iterable[Mapping], present: frozenset[str]) -> int:
    """Add calls that two systems logged to `left_out` (`same_call`, `looks_like_same_call`); returns how many.

    Table `same_calls`: the proven ones with the record that stays, for `lent_owners`.
    """
    ranks = {
        m.id: (OUTSIDE.index(seen_from(m)) if seen_from(m) in OUTSIDE else len(OUTSIDE), m.system)
        for m in mappings
        if m.kind == "usage"
    }
    if len({system for _, system in ranks.values()}) < 2:
        return 0  # and no table
    values = ", ".join(f"({literals([name, str(rank), system])})" for name, (rank, system) in sorted(ranks.items()))
    response = "provider_response_id" if "provider_response_id" in present else "CAST(NULL AS VARCHAR)"
    sides = {side: " + ".join(f"coalesce(s.{ident(n)}, 0)" for n in meters_of(present, side)) or "0" for side in SIDES}
    told = [f"(coalesce(s.{ident(n)}, 0) > 0)::INTEGER" for side in SIDES for n in meters_of(present, side)]
    told += ["len(coalesce(s.other_meters, []))"] if "other_meters" in present else []
    cached, any_cached = _counted(present, "input_cache_")
    written, any_written = _counted(present, "input_cache_write_")
    names = ", ".join(f"s.{ident(n)}" for n in _MODELS if n in present) or "NULL"
    ends = [*(["s.end_time"] if "end_time" in present else []), "s.event_time + to_milliseconds(s.duration_ms)"]
    ended = (
        "CASE WHEN s.event_time_basis IN ('end', 'logged') THEN s.event_time "
        f"ELSE coalesce({', '.join(ends)}, s.event_time) END"
    )
    before = session.one("SELECT count(*) FROM left_out")[0]
    session.sql(
        f"""CREATE TABLE calls AS
        WITH places(adapter, rank, system) AS (VALUES {values}),
        logged AS (
          SELECT s.file_no, s.row_no, s.source_file, s.source_row, s.record_id, s.provider, s.served_from,
                 s.flags, {_BEGUN} AS begun, {ended} AS ended, s.event_time_basis = 'logged' AS logged,
                 p.rank, p.system, s.adapter, {response} AS response,
                 {sides["input_"]} AS input, {sides["output_"]} AS output,
                 {cached} AS cached, NOT {any_cached} AS no_cache, {written} AS written, NOT {any_written} AS no_writes,
                 -({" + ".join(told) or "0"}) AS less,
                 regexp_extract(lower(concat_ws(' ', {names})), {literals([_MAKER])}, 1) AS maker
          FROM staged s JOIN places p ON s.adapter = p.adapter
          ANTI JOIN left_out l ON s.file_no = l.file_no AND s.row_no = l.row_no
          WHERE s.kind = 'usage' AND s.grain <> 'aggregate')
        SELECT * EXCLUDE (served_from, flags), {_GUESS} AS guess, {_INFERRED} AS inferred FROM logged"""
    )
    session.sql(
        """CREATE TABLE same_calls AS
        WITH shared AS (SELECT response FROM calls WHERE response IS NOT NULL GROUP BY ALL
                        HAVING count(DISTINCT system) > 1),
        ranked AS (SELECT c.*, first(c.system) OVER best AS kept_system, first(c.source_file) OVER best AS kept_file,
                          first(c.source_row) OVER best AS kept_row, first(c.file_no) OVER best AS kept_file_no,
                          first(c.row_no) OVER best AS kept_row_no, row_number() OVER best AS place
                   FROM calls c SEMI JOIN shared h ON c.response = h.response
                   WINDOW best AS (PARTITION BY c.response
                                   ORDER BY guess, inferred, rank, less, system, adapter, source_file, source_row,
                                            row_no))
        SELECT file_no, row_no, source_file, source_row, record_id, kept_file, kept_row, kept_file_no,
               kept_row_no, place
        FROM ranked WHERE system <> kept_system"""
    )
    session.sql(
        "INSERT INTO left_out SELECT file_no, row_no, source_file, source_row, record_id, kept_file, kept_row, "
        "'same_call' FROM same_calls"
    )
    leave_out_lookalikes(session)
    session.sql("DROP TABLE calls")
    return int(session.one("SELECT count(*) FROM left_out")[0]) - int(before)


SIDES = ("input_", "output_")


def meters_of(present: frozenset[str], side: str) -> list[str]:
    """The fields that count tokens of one side; they never overlap."""
    return sorted(n for n in present if n.startswith(side) and n.endswith("_tokens"))


def _counted(present: frozenset[str], kind: str) -> tuple[str, str]:
    """SQL of the tokens of one kind of a record `s`, and whether it counts them at all."""
    columns = [f"s.{ident(n)}" for n in meters_of(present, kind)]
    there = " OR ".join(f"{c} IS NOT NULL" for c in columns) or "FALSE"
    return " + ".join(f"coalesce({c}, 0)" for c in columns) or "0", f"({there})"
