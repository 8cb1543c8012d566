"""One call in the logs of two systems counts once: proven by the provider's response id, or by equal counts.

Where one of the logs has no ids, calls with the same tokens that began at the same moment are one. The call that is
left out is listed with the one that stays: the record whose counts are the provider's own before a guess of a gateway,
then one that names its seller before one whose seller was read off the model, then the gateway's record, for it saw
what was sent and what came back, then the one that tells more kinds of use. The owner of the record that is left out is
lent to it where the id proves the call. Anthropic's input leaves the cache out, so in a log that knows no cache the
same call has less input: there the record that tells the cache stays.
"""

from __future__ import annotations

from collections.abc import Iterable

from focus_ai.adapters.mapping import Mapping
from focus_ai.engine import Session, ident, literals
from focus_ai.usage.seen_from import OUTSIDE, seen_from

# What tells the same call besides its counts and times.
FIELDS = ("provider_response_id", "event_time_basis", "duration_ms")
# Two clocks that look at one call differ by less than this.
SECONDS = 2
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
    caches = [f"s.{ident(n)}" for n in meters_of(present, "input_cache_")]
    cached = " + ".join(f"coalesce({n}, 0)" for n in caches) or "0"
    known = f"coalesce({', '.join([*caches, 'CAST(NULL AS BIGINT)'])})"
    names = ", ".join(f"s.{ident(n)}" for n in _MODELS if n in present) or "NULL"
    before = session.one("SELECT count(*) FROM left_out")[0]
    session.sql(
        f"""CREATE TABLE calls AS
        WITH places(adapter, rank, system) AS (VALUES {values}),
        logged AS (
          SELECT s.file_no, s.row_no, s.source_file, s.source_row, s.record_id, s.provider, s.served_from,
                 s.flags, {_BEGUN} AS begun, p.rank, p.system, s.adapter, {response} AS response,
                 {sides["input_"]} AS input, {sides["output_"]} AS output,
                 {cached} AS cached, {known} IS NULL AS no_cache, -({" + ".join(told) or "0"}) AS less,
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
    _leave_out_lookalikes(session, _EQUAL)
    _leave_out_lookalikes(session, _WITHOUT_CACHE)
    session.sql("DROP TABLE calls")
    return int(session.one("SELECT count(*) FROM left_out")[0]) - int(before)


# What calls have in common, which ones are looked at, and which of two is left out.
_EQUAL = (
    "input", "c.input > 0", "(o.guess, o.inferred, o.rank, o.less, o.system)",
    "(c.guess, c.inferred, c.rank, c.less, c.system)",
)  # fmt: skip
_WITHOUT_CACHE = (
    "input - cached",
    "c.input > 0 AND c.maker = 'claude' AND (c.no_cache OR c.cached > 0)",
    "o.no_cache",
    "c.no_cache",
)


def _leave_out_lookalikes(session: Session, rule: tuple[str, str, str, str]) -> None:
    """Calls of two systems with the same tokens in and out at the same moment, one of them without a response id.

    Calls of equal counts whose times touch form a cluster; in it, the n-th call of one system stands for the n-th of
    the other, so that two equal calls stay two.
    """
    fresh, looked_at, other, this = rule
    touch = f"begun - lag(begun) OVER same <= INTERVAL {SECONDS} second"
    session.sql(
        f"""INSERT INTO left_out
        WITH here AS (SELECT c.*, {fresh} AS fresh FROM calls c
                      ANTI JOIN left_out l ON c.file_no = l.file_no AND c.row_no = l.row_no WHERE {looked_at}),
        edges AS (SELECT *, CASE WHEN {touch} THEN 0 ELSE 1 END AS starts FROM here
                  WINDOW same AS (PARTITION BY fresh, output ORDER BY begun)),
        clusters AS (SELECT *, sum(starts) OVER (PARTITION BY fresh, output ORDER BY begun
                                                 RANGE UNBOUNDED PRECEDING) AS cluster FROM edges),
        numbered AS (SELECT *, row_number() OVER (
                       PARTITION BY fresh, output, cluster, system
                       ORDER BY begun, adapter, source_file, source_row, row_no) AS nth FROM clusters),
        pairs AS (SELECT c.*, o.source_file AS kept_file, o.source_row AS kept_row,
                         row_number() OVER (PARTITION BY c.file_no, c.row_no
                                            ORDER BY o.guess, o.inferred, o.rank, o.less, o.system) AS choice
                  FROM numbered c JOIN numbered o
                    ON c.fresh = o.fresh AND c.output = o.output AND c.cluster = o.cluster AND c.nth = o.nth
                   AND (c.provider = o.provider OR c.provider IS NULL OR o.provider IS NULL
                        OR (c.inferred <> o.inferred AND c.maker <> '' AND c.maker = o.maker))
                   AND (c.response IS NULL OR o.response IS NULL)
                   AND {other} < {this}
                   AND abs(epoch_ms(c.begun) - epoch_ms(o.begun)) <= {1000 * SECONDS})
        SELECT file_no, row_no, source_file, source_row, record_id, kept_file, kept_row, 'looks_like_same_call'
        FROM pairs WHERE choice = 1"""
    )


SIDES = ("input_", "output_")


def meters_of(present: frozenset[str], side: str) -> list[str]:
    """The fields that count tokens of one side; they never overlap."""
    return sorted(n for n in present if n.startswith(side) and n.endswith("_tokens"))
