"""Calls that were made more than once: retries, fallbacks, loops and storms of refusals, and what they cost.

Which attempt of a request answered is told by `focus_ai.usage.attempts`, as in the rows of a conversion
(x_AttemptUse); the cost of every other attempt is waste. A request with at least `audit.loop_attempts` attempts is a
loop.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from focus_ai.audit.cube import Cube, events
from focus_ai.audit.finding import ERROR, INFO, WARNING, Finding, cut, total_of
from focus_ai.audit.inputs import Opened
from focus_ai.engine import literals
from focus_ai.money import CTX, total
from focus_ai.usage.attempts import FAILED, WASTE

_FAILED = f"({literals(FAILED)})"


def find(audit: Opened, cube: Cube, top: int) -> Iterator[Finding]:
    """Findings on repeated and failed calls."""
    if _create_attempts(audit, cube):
        yield from _repeated(audit, top)
    yield from _failed(audit, top)
    yield from _storms(audit, top)
    yield from _fallbacks(audit, top)
    yield from _unseen(audit)
    yield from _suspected(audit, cube, top)


def waste(found: list[Finding]) -> Decimal:
    """What was paid for attempts that delivered nothing."""
    return total(f.cost for f in found if f.id in ("retry.loop", "retry.superseded", "retry.failed"))


def _create_attempts(audit: Opened, cube: Cube) -> bool:
    """Tables `attempts` (every attempt of a request with several) and `calls` (one row per such request)."""
    session = audit.session
    session.sql("CREATE TABLE attempts (call VARCHAR, adapter VARCHAR, outcome VARCHAR, cost DECIMAL(38, 18))")
    session.sql("CREATE TABLE calls (call VARCHAR, adapter VARCHAR)")
    if not session.rows("SELECT 1 FROM attempts_of_requests LIMIT 1"):
        return False
    only = (
        "(SELECT s.*, r.attempt_use FROM events s JOIN attempts_of_requests r "
        "ON r.file_no = s.file_no AND r.row_no = s.row_no) AS events"
    )
    tokens = " + ".join(cube.tokens.values()) or "0"
    wasted = f"attempt_use IN ({literals(WASTE)})"
    session.sql(
        f"CREATE OR REPLACE TABLE attempts AS SELECT e.logical_request_id AS call, e.adapter, e.event_time, "
        f"coalesce({audit.column('end_time', 'TIMESTAMPTZ')}, e.event_time) AS end_at, "
        f"{audit.column('outcome')} AS outcome, e.attempt_use, e.record_id, o.owner_id, s.price_set, "
        f"{tokens} AS tokens, CAST({cube.cost} AS DECIMAL(38, 18)) AS cost FROM {events(audit, only)}"
    )
    session.sql(
        "CREATE OR REPLACE TABLE calls AS SELECT call, adapter, count(*)::BIGINT AS attempts, "
        "count(*) FILTER (outcome = 'rate_limited')::BIGINT AS rate_limited, "
        f"coalesce(sum(tokens) FILTER ({wasted}), 0)::BIGINT AS tokens, "
        f"coalesce(sum(cost) FILTER ({wasted}), 0) AS waste, min(event_time) AS first_at, max(end_at) AS last_at, "
        f"arg_max(owner_id, (NOT coalesce({wasted}, FALSE), event_time, record_id)) AS owner_id, "
        "arg_max(price_set, (cost, event_time, record_id)) AS price_set FROM attempts GROUP BY ALL HAVING count(*) > 1"
    )
    return True


def _repeated(audit: Opened, top: int) -> Iterator[Finding]:
    limit = audit.settings.audit.loop_attempts
    shape = (
        "SELECT o.team, o.feature, p.model, count(*)::BIGINT AS requests, sum(k.attempts)::BIGINT AS attempts, "
        "sum(k.rate_limited)::BIGINT AS rate_limited, max(k.attempts)::BIGINT AS most_attempts, "
        "strftime(min(k.first_at), '%Y-%m-%d') AS first_day, strftime(max(k.last_at), '%Y-%m-%d') AS last_day, "
        "sum(k.tokens)::BIGINT AS tokens, sum(k.waste) AS waste FROM calls k JOIN owners o USING (owner_id) "
        "JOIN price_sets p USING (price_set) WHERE k.attempts {} GROUP BY ALL ORDER BY waste DESC, 1, 2, 3"
    )
    loops = audit.session.dicts(shape.format(f">= {limit}"))
    if loops:
        yield Finding(
            "retry.loop", ERROR, f"retry loops ({limit} or more attempts of one request)",
            "the same request was paid for again and again; only its last answer was used",
            "cap the retries, wait longer after a 429, and resume instead of starting over",
            sum(r["attempts"] for r in loops), sum(r["tokens"] for r in loops), total_of(loops, "waste"), "wasted",
            cut(loops, top),
        )  # fmt: skip
    others = audit.session.dicts(shape.format(f"< {limit}"))
    if others:
        wasted = total_of(others, "waste")
        yield Finding(
            "retry.superseded", WARNING if wasted else INFO, "requests that were tried more than once",
            "attempts whose answer was not used were paid for", "see which errors start the retries, and cap them",
            sum(r["attempts"] for r in others), sum(r["tokens"] for r in others), wasted, "wasted", cut(others, top),
        )  # fmt: skip


def _failed(audit: Opened, top: int) -> Iterator[Finding]:
    """Failed calls with tokens, as far as no other attempt of the request made them count as waste already."""
    rows = audit.session.dicts(
        f"SELECT o.team, c.model, c.outcome, sum(c.events)::BIGINT AS events, sum(c.tokens)::BIGINT AS tokens, "
        f"sum(c.cost) AS waste FROM cube c JOIN owners o USING (owner_id) WHERE c.outcome IN {_FAILED} AND c.cost > 0 "
        "GROUP BY ALL ORDER BY waste DESC, 1, 2, 3",
    )
    if not rows:
        return
    counted = audit.session.one(
        "SELECT coalesce(sum(a.cost), 0) FROM attempts a SEMI JOIN calls k USING (call, adapter) "
        f"WHERE a.outcome IN {_FAILED}"
    )[0]
    wasted = CTX.subtract(total_of(rows, "waste"), counted)
    if wasted > 0:
        yield Finding(
            "retry.failed", WARNING, "failed calls with tokens that are billed",
            "a provider bills the tokens of a call that broke after it had started",
            "look at timeouts and content filters; compare with the bill before you dispute it",
            sum(row["events"] for row in rows), sum(row["tokens"] for row in rows), wasted, "wasted", cut(rows, top),
        )  # fmt: skip


def _storms(audit: Opened, top: int) -> Iterator[Finding]:
    limit = audit.settings.audit.storm_calls
    number = audit.session.one("SELECT coalesce(sum(events), 0)::BIGINT FROM cube WHERE outcome = 'rate_limited'")[0]
    if number < limit:
        return
    rows = audit.session.dicts(
        "SELECT strftime(date_trunc('hour', e.event_time), '%Y-%m-%dT%H:00Z') AS hour, w.team, p.model, "
        f"count(*)::BIGINT AS events FROM {audit.priced_events()} JOIN price_sets p ON p.price_set = s.price_set "
        "JOIN owners w ON w.owner_id = o.owner_id WHERE e.outcome = 'rate_limited' "
        f"GROUP BY ALL HAVING count(*) >= {limit} ORDER BY events DESC, 1, 2, 3",
    )
    if rows:
        yield Finding(
            "retry.storm", WARNING, f"storms of refused calls ({limit} or more 429 in an hour)",
            "refused calls cost time, and often start retries that cost money",
            "spread the load, ask for a higher limit, and use a queue for batch work",
            sum(row["events"] for row in rows), None, None, None, cut(rows, top),
        )  # fmt: skip


def _fallbacks(audit: Opened, top: int) -> Iterator[Finding]:
    rows = audit.session.dicts(
        "SELECT o.team, c.provider, c.model, sum(c.events)::BIGINT AS events, sum(c.tokens)::BIGINT AS tokens, "
        "sum(c.cost) AS cost FROM cube c JOIN owners o USING (owner_id) WHERE c.attempt_kind IN ('fallback', 'hedge') "
        "GROUP BY ALL ORDER BY cost DESC, 1, 2, 3",
    )
    if rows:
        yield Finding(
            "retry.fallback", INFO, "calls answered by a fallback or a hedge",
            "another model or provider answered than the one that was asked; its price counts",
            "compare with the price of the first choice", sum(row["events"] for row in rows),
            sum(row["tokens"] for row in rows), total_of(rows, "cost"), "spend concerned", cut(rows, top),
        )  # fmt: skip


def _unseen(audit: Opened) -> Iterator[Finding]:
    rows = audit.session.dicts(
        "SELECT adapter, sum(events)::BIGINT AS events, sum(attempts_unseen)::BIGINT AS attempts_not_in_the_log "
        "FROM cube WHERE grain = 'request' AND attempts_unseen > 0 GROUP BY ALL ORDER BY 3 DESC, 1",
    )
    if rows:
        yield Finding(
            "retry.not_in_log", INFO, "attempts that the log counts but does not hold",
            "the log has one row per answered request; what the provider charged for the other attempts is not in it",
            "export the log of attempts instead (for LiteLLM the StandardLoggingPayload)",
            sum(row["attempts_not_in_the_log"] for row in rows), None, None, None, rows,
        )  # fmt: skip


def _suspected(audit: Opened, cube: Cube, top: int) -> Iterator[Finding]:
    """Without request ids: the same owner, model and exact input size many times within an hour."""
    unnamed = f"{audit.column('logical_request_id')} IS NULL AND e.grain <> 'aggregate'"
    limit = 2 * audit.settings.audit.loop_attempts
    if "logical_request_id" in audit.present and not audit.session.rows(
        "SELECT 1 FROM events WHERE kind = 'usage' AND logical_request_id IS NULL AND grain <> 'aggregate' LIMIT 1"
    ):
        return
    tokens = " + ".join(cube.tokens.values()) or "0"
    repeated = (
        f"SELECT date_trunc('hour', e.event_time) AS hour, o.owner_id, s.price_set, e.context_tokens, "
        f"count(*)::BIGINT AS events, sum({tokens}) AS tokens, sum({cube.cost}) AS cost, max({cube.cost}) AS one "
        f"FROM {cube.events} WHERE {unnamed} AND e.context_tokens >= 1000 "
        f"GROUP BY ALL HAVING count(*) >= {limit}"
    )
    rows = audit.session.dicts(
        "SELECT strftime(r.hour, '%Y-%m-%dT%H:00Z') AS hour, o.team, p.model, r.context_tokens AS input_tokens, "
        "r.events, r.tokens::BIGINT AS tokens, CAST(r.cost - r.one AS DECIMAL(38, 18)) AS cost "
        f"FROM ({repeated}) r JOIN owners o USING (owner_id) JOIN price_sets p USING (price_set) "
        "ORDER BY cost DESC, 1, 2, 3, 4",
    )
    if rows:
        yield Finding(
            "retry.suspected_loop", INFO, f"the same input size {limit} or more times in an hour, without request ids",
            "calls of equal size in a short time are often one request in a loop; without ids that cannot be proven",
            "log an id that all attempts of a request share", sum(row["events"] for row in rows),
            sum(row["tokens"] for row in rows), total_of(rows, "cost"), "at stake", cut(rows, top),
        )  # fmt: skip
