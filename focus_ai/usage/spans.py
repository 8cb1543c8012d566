"""Tracing: an inference span that only repeats what a span below it already says is left out.

Two instrumentations of one call (framework and client, application and gateway) give nested inference spans. The
deepest one counts. A span is repeated when a span below it has the same response id, or the same model and token
counts within its time (reference: OpenTelemetry GenAI conventions, checked 2026-11-22). Outer spans often know only
the model that was asked for and inner ones the dated name of the one that answered: one name in common is enough.
One may count the cache inside the input and the other beside it, so the sums of all kinds of tokens are compared too.
A span of an agent or a framework can also state the sum of the calls below it as if it were a call: such a span is
repeated by all of them together.
"""

from __future__ import annotations

from focus_ai.engine import Session, ident, literals
from focus_ai.usage.same_calls import SIDES, meters_of


def leave_out_repeated_spans(session: Session, adapters: tuple[str, ...], present: frozenset[str]) -> int:
    """Add the repeated spans to `left_out` with reason `repeated_by_child_span`; returns how many.

    Table `repeated_spans`: each with the spans below it that it repeats, for `lent_owners`; of several spans above one
    the nearest has the fewest below it, and the lowest `place`.
    """
    chosen = f"adapter IN ({literals(adapters)})"
    session.sql(
        f"""CREATE TABLE traces AS SELECT trace_id FROM staged s
        ANTI JOIN left_out l ON s.file_no = l.file_no AND s.row_no = l.row_no
        WHERE {chosen} AND trace_id IS NOT NULL AND span_id IS NOT NULL GROUP BY trace_id HAVING count(*) > 1"""
    )
    sides = (" + ".join(f"coalesce(s.{ident(n)}, 0)" for n in meters_of(present, side)) or "0" for side in SIDES)
    columns = ", ".join(f"{total} AS {name}" for total, name in zip(sides, ("total_in", "total_out"), strict=True)) + (
        ", s.trace_id, s.span_id, s.parent_span_id, s.provider_response_id, s.event_time, s.end_time, "
        "s.model_served AS served, s.model_requested AS requested, s.reported_input_tokens, s.reported_output_tokens"
    )
    session.sql(
        f"""CREATE TABLE spans AS
        SELECT {columns}, s.file_no, s.row_no, TRUE AS inference FROM staged s
        ANTI JOIN left_out l ON s.file_no = l.file_no AND s.row_no = l.row_no
        SEMI JOIN traces t ON s.trace_id = t.trace_id WHERE {chosen}
        UNION ALL
        SELECT {columns}, s.file_no, s.row_no, FALSE FROM set_aside s
        SEMI JOIN traces t ON s.trace_id = t.trace_id WHERE {chosen}"""
    )
    session.sql(
        """CREATE TABLE below AS
        WITH RECURSIVE walk AS (
          SELECT trace_id, span_id AS top, span_id AS node, 0 AS depth FROM spans WHERE inference
          UNION
          SELECT w.trace_id, w.top, s.span_id, w.depth + 1 FROM walk w
          JOIN spans s ON s.trace_id = w.trace_id AND s.parent_span_id = w.node WHERE w.depth < 64)
        SELECT DISTINCT trace_id, top, node FROM walk WHERE depth > 0"""
    )
    before = session.one("SELECT count(*) FROM left_out")[0]
    session.sql(
        """CREATE TABLE repeated_spans AS
        SELECT p.file_no, p.row_no, q.file_no AS kept_file_no, q.row_no AS kept_row_no, d.number AS place
        FROM spans p JOIN below b ON b.trace_id = p.trace_id AND b.top = p.span_id
        JOIN spans q ON q.trace_id = b.trace_id AND q.span_id = b.node AND q.inference
        JOIN (SELECT trace_id, top, count(*) AS number FROM below GROUP BY ALL) d
          ON d.trace_id = p.trace_id AND d.top = p.span_id
        WHERE p.inference AND (
          p.provider_response_id = q.provider_response_id
          OR ((p.served IN (q.served, q.requested) OR p.requested IN (q.served, q.requested)
               OR coalesce(p.served, p.requested, q.served, q.requested) IS NULL)
              AND ((p.reported_input_tokens IS NOT DISTINCT FROM q.reported_input_tokens
                    AND p.reported_output_tokens IS NOT DISTINCT FROM q.reported_output_tokens)
                   OR (p.total_in > 0 AND (p.total_in, p.total_out) = (q.total_in, q.total_out)))
              AND q.event_time >= p.event_time
              AND coalesce(q.end_time, q.event_time) <= coalesce(p.end_time, q.event_time)))"""
    )
    _add_sums(session)
    session.sql(
        """INSERT INTO left_out
        SELECT p.file_no, p.row_no, any_value(st.source_file), any_value(st.source_row), any_value(st.record_id),
               any_value(c.source_file), min(c.source_row), 'repeated_by_child_span'
        FROM repeated_spans p
        JOIN staged st ON st.file_no = p.file_no AND st.row_no = p.row_no
        JOIN staged c ON c.file_no = p.kept_file_no AND c.row_no = p.kept_row_no
        GROUP BY p.file_no, p.row_no"""
    )
    for table in ("traces", "spans", "below"):
        session.sql(f"DROP TABLE {table}")
    return int(session.one("SELECT count(*) FROM left_out")[0]) - int(before)


def _add_sums(session: Session) -> None:
    """Add to `repeated_spans` those whose counts, in and out, are exactly the sums of the nearest calls below them.

    One call below is no sum; there the model has to agree (the rule above), unless the upper span names none. Calls
    without counts are looked through. An upper span with a response id of its own is a call.
    """
    session.sql(
        """INSERT INTO repeated_spans
        WITH RECURSIVE walk AS (
          SELECT trace_id, span_id AS top, span_id AS node, TRUE AS through, 0 AS depth FROM spans
          WHERE inference AND total_in > 0
          UNION
          SELECT w.trace_id, w.top, s.span_id, NOT s.inference OR s.total_in + s.total_out = 0, w.depth + 1 FROM walk w
          JOIN spans s ON s.trace_id = w.trace_id AND s.parent_span_id = w.node WHERE w.through AND w.depth < 64),
        near AS (SELECT DISTINCT trace_id, top, node FROM walk WHERE depth > 0 AND NOT through AND node <> top),
        -- two exports of one tool can hold the same span; it is one part of the sum
        parts AS (SELECT trace_id, span_id, max(total_in) AS total_in, max(total_out) AS total_out,
                         any_value(provider_response_id) AS response
                  FROM spans WHERE inference GROUP BY ALL),
        sums AS (SELECT n.trace_id, n.top, count(*) AS number, sum(c.total_in) AS total_in,
                        sum(c.total_out) AS total_out, list(c.response) FILTER (c.response IS NOT NULL) AS responses
                 FROM near n JOIN parts c ON c.trace_id = n.trace_id AND c.span_id = n.node GROUP BY ALL)
        SELECT p.file_no, p.row_no, q.file_no, q.row_no, d.number FROM spans p
        JOIN sums s ON s.trace_id = p.trace_id AND s.top = p.span_id
        JOIN below b ON b.trace_id = p.trace_id AND b.top = p.span_id
        JOIN spans q ON q.trace_id = b.trace_id AND q.span_id = b.node AND q.inference
        JOIN (SELECT trace_id, top, count(*) AS number FROM below GROUP BY ALL) d
          ON d.trace_id = p.trace_id AND d.top = p.span_id
        WHERE p.inference AND (p.total_in, p.total_out) = (s.total_in, s.total_out)
          AND (s.number > 1 OR coalesce(p.served, p.requested) IS NULL)
          AND (p.provider_response_id IS NULL OR coalesce(len(s.responses), 0) < s.number
               OR list_contains(s.responses, p.provider_response_id))
        EXCEPT SELECT * FROM repeated_spans"""
    )
