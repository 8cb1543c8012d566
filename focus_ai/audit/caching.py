"""Caches and batches: what was saved, and where a log priced them as if they did not exist."""

from __future__ import annotations

from collections.abc import Iterator

from focus_ai.audit.cube import Cube
from focus_ai.audit.finding import INFO, WARNING, Finding, cut, total_of
from focus_ai.audit.inputs import Opened
from focus_ai.money import text

_UNTIMED = "cache_write"


def find(audit: Opened, cube: Cube, top: int) -> Iterator[Finding]:
    """Findings on cached tokens, batches and how tokens were counted."""
    yield from _as_fresh(audit, top)
    yield from _as_realtime(audit, top)
    yield from _gateway_cache(audit, cube, top)
    yield from _conventions(audit, cube, top)
    yield from _lifetime(audit, cube, top)
    yield from _estimates(audit, top)


def _as_fresh(audit: Opened, top: int) -> Iterator[Finding]:
    rows = audit.session.dicts(
        "SELECT c.adapter, c.provider, c.model, sum(c.events)::BIGINT AS events, sum(c.tokens)::BIGINT AS tokens, "
        "sum(c.reported_cost) AS reported_cost, sum(c.cost) AS cost, sum(c.cache_discount) AS overstated "
        "FROM cube c WHERE c.as_fresh GROUP BY ALL ORDER BY overstated DESC, 1, 2, 3",
    )
    if rows:
        yield Finding(
            "cache.priced_as_fresh", WARNING, "cached tokens priced as fresh ones",
            "the reported cost fits only when cached input is charged at the full input price",
            "use our cost, or repair the price of cached input in the gateway", sum(row["events"] for row in rows),
            sum(row["tokens"] for row in rows), total_of(rows, "overstated"), "overstated by the source",
            cut(rows, top),
        )  # fmt: skip


def _as_realtime(audit: Opened, top: int) -> Iterator[Finding]:
    rows = audit.session.dicts(
        "SELECT c.adapter, c.provider, c.model, sum(c.events)::BIGINT AS events, sum(c.tokens)::BIGINT AS tokens, "
        "sum(c.reported_cost) AS reported_cost, sum(c.cost) AS cost, sum(c.realtime_cost - c.cost) AS overstated "
        "FROM cube c WHERE c.as_realtime GROUP BY ALL ORDER BY overstated DESC, 1, 2, 3",
    )
    if rows:
        yield Finding(
            "batch.at_full_price", WARNING, "batch calls priced as realtime ones",
            "the reported cost fits only without the batch price of the provider",
            "use our cost, or repair the batch price in the gateway", sum(row["events"] for row in rows),
            sum(row["tokens"] for row in rows), total_of(rows, "overstated"), "overstated by the source",
            cut(rows, top),
        )  # fmt: skip


def _gateway_cache(audit: Opened, cube: Cube, top: int) -> Iterator[Finding]:
    """Answers replayed by the gateway: nothing was bought; the avoided money is at uncached prices."""

    def price(meter: str) -> str:
        return f"coalesce(p.c_{meter}, 0)" if meter in cube.tokens else "0"

    avoided = (
        f"coalesce(CAST(c.avoided_input AS DECIMAL(18, 0)) * {price('input')}, 0) "
        f"+ coalesce(CAST(c.avoided_output AS DECIMAL(18, 0)) * {price('output')}, 0)"
    )
    rows = audit.session.dicts(
        "SELECT o.team, c.model, sum(c.events)::BIGINT AS events, "
        "sum(coalesce(c.avoided_input, 0) + coalesce(c.avoided_output, 0))::BIGINT AS avoided_tokens, "
        f"sum(CAST({avoided} AS DECIMAL(38, 18))) AS avoided_cost, sum(c.reported_cost) AS reported_cost "
        "FROM cube c JOIN price_sets p USING (price_set) JOIN owners o USING (owner_id) "
        "WHERE c.served_from = 'gateway_cache' GROUP BY ALL ORDER BY avoided_cost DESC, 1, 2",
    )
    if rows:
        charged = total_of(rows, "reported_cost")
        yield Finding(
            "cache.gateway_hits", WARNING if charged else INFO, "answers from the gateway's own cache",
            "such answers bought no tokens" + (f", yet the source charged {text(charged)}" if charged else ""),
            "keep them out of the spend (done here); they show what the cache is worth",
            sum(row["events"] for row in rows), sum(row["avoided_tokens"] for row in rows),
            total_of(rows, "avoided_cost"), "avoided, at uncached prices", cut(rows, top),
        )  # fmt: skip


def _conventions(audit: Opened, cube: Cube, top: int) -> Iterator[Finding]:
    """Does the input total hold the cached tokens? Where nobody knows, the other reading differs by the cached and
    written tokens at the input price."""
    if "input" not in cube.tokens:
        return
    cached = " + ".join(f"c.q_{name}" for name in cube.tokens if name.startswith("cache_")) or "0"
    error = f"CAST({cached} AS DECIMAL(18, 0)) * coalesce(p.c_input, 0)"
    rows = audit.session.dicts(
        f"SELECT c.adapter, c.provider, c.model, c.input_semantics AS taken_as, sum(c.events)::BIGINT AS events, "
        f"sum({cached})::BIGINT AS tokens, sum(c.cost) AS cost, "
        f"sum(CAST({error} AS DECIMAL(38, 18))) AS possible_error "
        "FROM cube c JOIN price_sets p USING (price_set) WHERE contains(coalesce(c.flags, ''), 'semantics_inferred') "
        "OR c.input_semantics = 'unknown' GROUP BY ALL ORDER BY possible_error DESC, 1, 2, 3, 4",
    )
    if rows:
        yield Finding(
            "tokens.convention_unknown", WARNING, "whether input counts hold the cached tokens is not certain",
            "the log does not say it and its arithmetic does not prove it; the adapter's documented default was taken",
            "upgrade the gateway or log a total; the possible error is the other reading",
            sum(row["events"] for row in rows), sum(row["tokens"] for row in rows), total_of(rows, "possible_error"),
            "possible error", cut(rows, top),
        )  # fmt: skip


def _lifetime(audit: Opened, cube: Cube, top: int) -> Iterator[Finding]:
    if _UNTIMED not in cube.tokens:
        return
    error = f"CAST(c.q_{_UNTIMED} AS DECIMAL(18, 0)) * greatest(coalesce(p.w_1h - p.c_{_UNTIMED}, 0), 0)"
    rows = audit.session.dicts(
        "SELECT c.adapter, c.provider, c.model, sum(c.events)::BIGINT AS events, "
        f"sum(c.q_{_UNTIMED})::BIGINT AS tokens, "
        f"sum(CAST({error} AS DECIMAL(38, 18))) AS possible_error FROM cube c JOIN price_sets p USING (price_set) "
        f"WHERE c.q_{_UNTIMED} > 0 AND p.w_1h IS NOT NULL GROUP BY ALL ORDER BY possible_error DESC, 1, 2, 3",
    )
    if rows and total_of(rows, "possible_error"):
        yield Finding(
            "tokens.cache_lifetime_unknown", INFO, "cache writes without a lifetime",
            "they were priced at the five-minute rate; one-hour writes cost more", "log the lifetime of cache writes",
            sum(row["events"] for row in rows), sum(row["tokens"] for row in rows), total_of(rows, "possible_error"),
            "possible error", cut(rows, top),
        )  # fmt: skip


def _estimates(audit: Opened, top: int) -> Iterator[Finding]:
    rows = audit.session.dicts(
        "SELECT adapter, usage_source, outcome, sum(events)::BIGINT AS events, sum(tokens)::BIGINT AS tokens, "
        "sum(cost) AS cost FROM cube WHERE usage_source IN ('estimate', 'partial_estimate') AND tokens > 0 "
        "GROUP BY ALL ORDER BY cost DESC, 1, 2, 3",
    )
    if rows:
        yield Finding(
            "tokens.estimated", INFO, "token counts that the gateway estimated",
            "the provider did not report them, so the bill will differ", "ask for usage in streamed answers",
            sum(row["events"] for row in rows), sum(row["tokens"] for row in rows), total_of(rows, "cost"),
            "spend concerned", cut(rows, top),
        )  # fmt: skip
