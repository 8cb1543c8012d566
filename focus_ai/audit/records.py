"""The log itself: what could not be read, what is in it twice, what is never filled, and clocks that are wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from focus_ai.audit.cube import Cube, events
from focus_ai.audit.finding import ERROR, INFO, WARNING, Finding, cut
from focus_ai.audit.inputs import Opened
from focus_ai.engine import ident, literal
from focus_ai.money import share, text, total

# Field -> (why it matters, may it be the same everywhere).
FIELDS = {
    "owner_team": ("who pays", False),
    "owner_product": ("what it was for", False),
    "owner_feature": ("which part of the product", False),
    "owner_environment": ("production or not", False),
    "logical_request_id": ("finds retries and loops", False),
    "provider_response_id": ("finds the same call in two logs, and disputes with the provider", False),
    "model_served": ("shows when a name changes its meaning", True),
    "end_time": ("duration, and the day that the provider bills", False),
    "outcome": ("tells failed calls", True),
    "input_cache_read_tokens": ("without it cached tokens look fresh", True),
    "output_text_tokens": ("the dearer half of the price", True),
    "reported_cost": ("a second opinion on the price", False),
    "request_source": ("tells people from jobs", True),
    "end_user_id": ("cost per user", False),
    "account_id": ("which bill it belongs to", True),
}
_MANY = 100
# Earlier than this is a wrong clock: no log is older than the first commercial model APIs.
_EARLIEST = "TIMESTAMPTZ '2020-01-01 00:00:00+00'"


def find(audit: Opened, cube: Cube, top: int, now: str) -> Iterator[Finding]:
    """Findings on the records. `now` is an ISO instant: events after it come from a wrong clock."""
    yield from _rejected(audit, top)
    yield from _duplicates(audit, cube, top)
    yield from _same_call(audit, cube, top)
    yield from _mismatch(audit, top)
    yield from _missing(audit)
    yield from _clock(audit, now)


def _rejected(audit: Opened, top: int) -> Iterator[Finding]:
    reasons = Counter((r.file, r.reason) for s in audit.staged for r in s.rejects)
    if reasons:
        rows = [{"file": f, "reason": why, "events": n} for (f, why), n in sorted(reasons.items(), key=_most)]
        yield Finding(
            "records.rejected", ERROR, "records that could not be read",
            "their tokens and money are in no number of this report",
            "convert the same input and read exceptions/rejects.jsonl", sum(reasons.values()), None, None, None,
            cut(rows, top),
        )  # fmt: skip


def _most(item: tuple[tuple[str, str], int]) -> tuple[int, tuple[str, str]]:
    return -item[1], item[0]


def _duplicates(audit: Opened, cube: Cube, top: int) -> Iterator[Finding]:
    """Records left out by identity, and what they would have cost had they counted."""
    rows = audit.session.dicts(
        "SELECT source_file AS file, reason, count(*)::BIGINT AS events FROM left_out "
        "WHERE reason <> 'repeated_by_child_span' GROUP BY ALL ORDER BY events DESC, 1, 2",
    )
    if not rows:
        return
    copies = (
        "(SELECT g.* FROM staged g SEMI JOIN left_out l ON g.file_no = l.file_no AND g.row_no = l.row_no) AS events"
    )
    cost = audit.session.one(
        f"SELECT CAST(coalesce(sum({cube.cost}), 0) AS DECIMAL(38, 18)) FROM {events(audit, copies)}"
    )[0]
    conflicting = sum(row["events"] for row in rows if row["reason"] == "conflicting_duplicate")
    yield Finding(
        "records.duplicate", ERROR if conflicting else WARNING if cost else INFO, "records that are in the input twice",
        "they count once here; a plain sum over the log counts them again"
        + (f"; {conflicting:,} say different things under one id and count not at all" if conflicting else ""),
        "export each period once, and keep the newest version of a record", sum(row["events"] for row in rows), None,
        cost, "would have counted twice", cut(rows, top),
    )  # fmt: skip


def _same_call(audit: Opened, cube: Cube, top: int) -> Iterator[Finding]:
    """One call of the provider under several record ids: logged by two tools, or written twice."""
    names = [n for n in ("provider_response_id", "provider_request_id") if n in audit.present]
    if not names:
        return
    key = f"coalesce({', '.join(f'e.{ident(n)}' for n in names)})"
    plain = key.replace("e.", "")
    audit.session.sql(
        f"CREATE TABLE shared_ids AS SELECT h FROM (SELECT hash({plain}) AS h, count(*) AS n FROM events "
        f"WHERE kind = 'usage' AND {plain} IS NOT NULL GROUP BY 1) WHERE n > 1"
    )
    if not audit.session.rows("SELECT 1 FROM shared_ids LIMIT 1"):
        return
    only = f"(SELECT * FROM events WHERE {plain} IS NOT NULL AND hash({plain}) IN (SELECT h FROM shared_ids)) AS events"
    tokens = ", ".join(f"{sql} AS t_{name}" for name, sql in cube.tokens.items())
    alike = ", ".join(["call", "provider", *(f"t_{name}" for name in cube.tokens)])
    rows = audit.session.dicts(
        f"""WITH seen AS (SELECT {key} AS call, e.provider, e.adapter, {tokens}, p.model, o.owner_id,
              e.event_time, e.source_file, e.record_id, CAST({cube.cost} AS DECIMAL(38, 18)) AS cost
              FROM {events(audit, only)} WHERE e.served_from IS DISTINCT FROM 'gateway_cache'),
            copies AS (SELECT *, row_number() OVER (PARTITION BY {alike} ORDER BY event_time, source_file, record_id)
              AS place FROM seen)
            SELECT w.team, c.model, c.adapter, count(*)::BIGINT AS events, sum(c.cost) AS cost FROM copies c
            JOIN owners w USING (owner_id) WHERE place > 1 AND cost > 0 GROUP BY ALL ORDER BY cost DESC, 1, 2, 3""",
    )
    if rows:
        yield Finding(
            "records.same_call", WARNING, "one call of the provider under several record ids",
            "equal provider ids and equal token counts: most likely one call, logged twice, and counted twice here",
            "give only one of the logs, or keep one id per call", sum(row["events"] for row in rows), None,
            total(row["cost"] for row in rows), "probably counted twice", cut(rows, top),
        )  # fmt: skip


def _mismatch(audit: Opened, top: int) -> Iterator[Finding]:
    """The source's own cost against ours, per model, where both are known and in one currency."""
    rows = audit.session.dicts(
        "SELECT c.adapter, c.provider, c.model, sum(c.events)::BIGINT AS events, sum(c.tokens)::BIGINT AS tokens, "
        "sum(c.reported_cost) AS reported_cost, sum(c.cost) AS cost, sum(c.reported_cost) - sum(c.cost) AS difference "
        "FROM cube c WHERE c.reported AND c.reported_currency = c.currency AND c.unpriced_quantity = 0 "
        "AND c.served_from = 'provider' GROUP BY ALL ORDER BY abs(difference) DESC, 1, 2, 3",
    )
    limit = Decimal(audit.settings.audit.price_mismatch)
    off = [r for r in rows if abs(r["difference"]) > limit * max(r["cost"], r["reported_cost"])]
    if off:
        for row in off:
            row["reported_per_ours"] = share(row["reported_cost"], row["cost"]) if row["cost"] else None
        apart = total(abs(row["difference"]) for row in off)
        yield Finding(
            "price.mismatch", WARNING, f"reported cost is off our price by more than {_percent(limit)}",
            "the source uses other prices, a margin, or counts the tokens differently; the larger of both is not proof",
            "compare `focus-ai rates explain` with the gateway's price table, then reconcile with the bill",
            sum(row["events"] for row in off), sum(row["tokens"] for row in off), apart,
            "difference, either way", cut(off, top),
        )  # fmt: skip


def _percent(value: Decimal) -> str:
    return f"{text(value * 100)} %"


def _missing(audit: Opened) -> Iterator[Finding]:
    """Important fields that are empty, or that hold one value everywhere."""
    total = audit.session.one("SELECT count(*) FROM events WHERE kind = 'usage'")[0]
    if not total:
        return
    names = [n for n in FIELDS if n in audit.present]
    shown = {"end_user_id": "NULL"}
    sql = ", ".join(
        f"count({ident(n)}), min({shown.get(n, ident(n))})::VARCHAR, max({shown.get(n, ident(n))})::VARCHAR"
        if n.startswith(("owner_", "outcome", "request_source", "model_served", "account_id"))
        else f"count({ident(n)}), NULL, NULL"
        for n in names
    )
    found = audit.session.one(f"SELECT {sql or '1'} FROM events WHERE kind = 'usage'")
    missing: list[dict[str, Any]] = []
    constant: list[dict[str, Any]] = []
    for name, (why, may_be_one) in FIELDS.items():
        at = names.index(name) * 3 if name in names else None
        filled, low, high = (0, None, None) if at is None else found[at : at + 3]
        if filled < total:
            missing.append({"field": name, "events": int(total - filled), "filled": share(int(filled), int(total)),
                            "needed_for": why})  # fmt: skip
        if filled >= _MANY and not may_be_one and low is not None and low == high:
            constant.append({"field": name, "events": int(filled), "value": str(low), "needed_for": why})
    if missing:
        missing.sort(key=lambda row: (row["filled"], row["field"]))
        yield Finding(
            "fields.missing", INFO, "fields that are empty in some or all records", "each answers a question below",
            "fill them at the gateway, the earlier the better", max(r["events"] for r in missing), None, None, None,
            missing,
        )  # fmt: skip
    if constant:
        yield Finding(
            "fields.constant", WARNING, "owner fields that hold one value everywhere",
            "one value for all traffic is usually a default, not an owner", "check where the value is set",
            max(r["events"] for r in constant), None, None, None, constant,
        )  # fmt: skip


_CLOCK = {
    "future": "later than now", "ancient": "before 2020", "reversed": "end before start",
    "endless": "longer than a day", "midnight": "exactly at midnight UTC: probably a date without a time",
}  # fmt: skip


def _clock(audit: Opened, now: str) -> Iterator[Finding]:
    end, basis = audit.column("end_time", "TIMESTAMPTZ"), audit.column("event_time_basis")
    tests = {
        "future": f"e.event_time > TIMESTAMPTZ {literal(now)}", "ancient": f"e.event_time < {_EARLIEST}",
        "reversed": f"{end} < e.event_time", "endless": f"{end} > e.event_time + INTERVAL 1 day",
        "midnight": "e.event_time = date_trunc('day', e.event_time)",
    }  # fmt: skip
    sums = ", ".join(f"coalesce(sum(CASE WHEN {tests[name]} THEN 1 ELSE 0 END), 0)::BIGINT" for name in _CLOCK)
    *counts, total, logged = audit.session.one(
        f"SELECT {sums}, count(*), coalesce(sum(CASE WHEN {basis} IN ('end', 'logged') THEN 1 ELSE 0 END), 0)::BIGINT "
        "FROM events e WHERE e.kind = 'usage' AND e.grain <> 'aggregate'"
    )
    rows: list[dict[str, Any]] = []
    for (name, meaning), number in zip(_CLOCK.items(), counts, strict=True):
        if number and (name != "midnight" or number * 10 > total):
            rows.append({"oddity": name, "events": int(number), "meaning": meaning})
    if logged:
        rows.append({"oddity": "end_only", "events": int(logged),
                     "meaning": "the time is the end of the call: calls over midnight move a day"})  # fmt: skip
    if rows:
        serious = any(row["oddity"] != "end_only" for row in rows)
        yield Finding(
            "time.odd", WARNING if serious else INFO, "times that cannot be right or move days",
            "a price, a day and a budget depend on the time of a call",
            "check the clock and the time zone of the export", sum(row["events"] for row in rows), None, None, None,
            rows,
        )  # fmt: skip
