"""Charges: one leaf meter of one event or group of events, or one billed line, with quantity, prices and four costs.

Out: table or view `usage_groups` (events of equal period, price set, owner and place, one column per meter) and the
SQL of charges. Events are grouped only inside one price set, so quantity times price stays exact.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from focus_ai.engine import Session, ident
from focus_ai.engine.sql import literals
from focus_ai.meters import meters as meter_table
from focus_ai.pricing.rating import AT, BUCKET, PRICE_COLUMNS, MeterColumn, priced_quantity, quantities

PLACE = (
    "adapter", "provider", "account_id", "account_name", "sub_account_id", "sub_account_name", "resource_id",
    "resource_name", "region", "invoice_issuer", "billing_path",
)  # fmt: skip
_RESOURCE = ("resource_id", "resource_name")
REQUEST = ("record_id", "record_key", "logical_request_id", "attempt_kind", "end_user_id", "model_requested")
_STEP = {"hour": "hour", "day": "day", "month": "month"}


def place_columns(present: frozenset[str], whole_rows: Collection[str] = ()) -> dict[str, str]:
    """SQL of everything that says where a charge arose, by column. `whole_rows`: the adapters whose rows come out with
    the resource that they have, of which a bill may name as many as it has lines."""
    own = f"adapter IN ({literals(sorted(whole_rows))})" if whole_rows else ""
    return {
        c: f"CASE WHEN NOT {own} THEN {ident(c)} END" if own and c in _RESOURCE else ident(c)
        for c in PLACE
        if c in present
    }


def place_hash(columns: Mapping[str, str]) -> str:
    """SQL of the key of a place."""
    return f"hash({', '.join(columns.values())})"


def periods(grain: str) -> tuple[str, str]:
    """SQL of the charge period of an event: start inclusive, end exclusive.

    A bucket that is longer than the grain keeps its own bounds; a shorter one joins the period that it lies in.
    """
    if grain == "request":
        end = "coalesce(end_time, bucket_end)"
        return "event_time", f"CASE WHEN {end} > event_time THEN {end} ELSE event_time + INTERVAL 1 second END"
    step = _STEP[grain]
    start = f"date_trunc('{step}', event_time)"
    long_bucket = f"bucket_end IS NOT NULL AND bucket_end > {start} + INTERVAL 1 {step}"
    return (
        f"CASE WHEN {long_bucket} THEN event_time ELSE {start} END",
        f"CASE WHEN {long_bucket} THEN bucket_end ELSE {start} + INTERVAL 1 {step} END",
    )


def create_groups(
    session: Session,
    present: frozenset[str],
    meters: Sequence[MeterColumn],
    *,
    grain: str,
    owner_hash: str,
    place_hash: str,
    with_other: bool,
    carried: str,
    use: tuple[str, str],
) -> None:
    """Create `usage_groups` and, when there are other meters, `other_groups` (same keys, meter and quantity).

    `carried` is a SQL condition: events whose money another export carries are not grouped.
    `use`: SQL of what became of the event `e` and the join that it needs; each use is a group of its own.
    """
    q = quantities(meters)
    start, end = periods(grain)
    reasoning = "coalesce(output_reasoning_tokens, 0)" if "output_reasoning_tokens" in present else "0"
    keys = {"period_start": start, "period_end": end, "price_set": "s.price_set", "owner_id": "o.owner_id",
            "place_hash": place_hash, "attempt_use": use[0]}  # fmt: skip
    request = grain == "request"
    if request:
        keys |= {c: f"e.{ident(c)}" if c in present else "CAST(NULL AS VARCHAR)" for c in REQUEST}
        if "end_user_id" in present:
            keys["end_user_id"] = "u.shown"
    joined = priced_events(meters, owner_hash, carried) + use[1]
    if request and "end_user_id" in present:
        joined += " LEFT JOIN users u ON u.original = e.end_user_id"
    key_sql = ", ".join(f"{sql} AS {n}" for n, sql in keys.items())
    count = "coalesce(request_count, 1)" if "request_count" in present else "1"
    if request:
        measures = ", ".join(f"{sql} AS {n}" for n, sql in {**q, "reasoning": reasoning, "requests": count}.items())
        session.sql(f"CREATE VIEW usage_groups AS SELECT {key_sql}, {measures} FROM {joined}")
    else:
        measures = ", ".join(
            f"sum({sql}) AS {n}" for n, sql in {**q, "reasoning": reasoning, "requests": count}.items()
        )
        session.sql(f"CREATE TABLE usage_groups AS SELECT {key_sql}, {measures} FROM {joined} GROUP BY ALL")
    _create_unpriced(session, present, meters, joined, with_other=with_other)
    if with_other:
        unnested = (
            f"SELECT {key_sql}, {count} AS requests, unnest(other_meters) AS m FROM {joined} "
            "WHERE other_meters IS NOT NULL"
        )
        names = ", ".join(keys)
        if request:
            session.sql(f"CREATE VIEW other_groups AS SELECT {names}, requests, m.meter AS meter, "
                        f"m.quantity AS quantity FROM ({unnested})")  # fmt: skip
        else:
            session.sql(f"CREATE TABLE other_groups AS SELECT {names}, sum(requests) AS requests, m.meter AS meter, "
                        f"sum(m.quantity) AS quantity FROM ({unnested}) GROUP BY ALL")  # fmt: skip


def priced_events(meters: Sequence[MeterColumn], owner_hash: str, carried: str, source: str = "events") -> str:
    """SQL (for FROM) of the usage events `e` with the segment `s` that prices each and the owner span `o`.

    `source` is a relation of events; a subquery must be named `events`.
    """
    context = " + ".join(f"coalesce({ident(c)}, 0)" for c in sorted(_input_fields(meters))) or "0"
    return (
        f"(SELECT *, {AT} AS priced_at, {BUCKET} AS bucket_us, {context} AS context_tokens, "
        f"{owner_hash} AS evidence_hash "
        f"FROM {source} WHERE kind = 'usage' AND NOT ({carried})) e "
        "JOIN segments s ON e.profile_hash = s.profile_hash AND e.priced_at >= s.t_from AND e.priced_at < s.t_to "
        "AND e.context_tokens > s.context_gt AND e.context_tokens <= s.context_le "
        "AND e.bucket_us > s.bucket_gt AND e.bucket_us <= s.bucket_le "
        "JOIN owner_spans o ON e.evidence_hash = o.owner_hash AND e.event_time >= o.t_from AND e.event_time < o.t_to"
    )


def _create_unpriced(
    session: Session, present: frozenset[str], meters: Sequence[MeterColumn], joined: str, *, with_other: bool
) -> None:
    """The table `unpriced_meters`: one row per event and meter that has a quantity and no price."""
    row = "source_row" if "source_row" in present else "CAST(NULL AS BIGINT)"
    facts = (
        f"e.source_file AS file, e.{row} AS row, e.record_id, strftime(e.event_time, '%Y-%m-%dT%H:%M:%S.%fZ') AS time, "
        "p.provider, p.model, p.meter, p.reason, p.detail, e.file_no, e.row_no"
    )
    parts = [
        "SELECT NULL::VARCHAR AS file, NULL::BIGINT AS row, NULL::VARCHAR AS record_id, NULL::VARCHAR AS time, "
        "NULL::VARCHAR AS provider, NULL::VARCHAR AS model, NULL::VARCHAR AS meter, NULL::VARCHAR AS reason, "
        "NULL::VARCHAR AS detail, 0 AS file_no, 0::BIGINT AS row_no, 0::DECIMAL(38, 9) AS quantity, TRUE AS is_token "
        "WHERE FALSE"
    ]
    open_prices = "JOIN prices p ON p.price_set = s.price_set AND p.reason IS NOT NULL"
    if session.rows("SELECT 1 FROM prices WHERE reason IS NOT NULL LIMIT 1"):
        lacking = _lacking(session, meters)
        for meter, sql in zip(meters, quantities(meters).values(), strict=True):
            if meter.number not in lacking:
                continue
            parts.append(
                f"SELECT {facts}, CAST({sql} AS DECIMAL(38, 9)), TRUE FROM {joined} {open_prices} "
                f"AND p.meter_no = {meter.number} WHERE {sql} > 0"
            )
        if with_other:
            parts.append(
                f"SELECT {facts}, CAST(m.quantity AS DECIMAL(38, 9)), FALSE "
                f"FROM (SELECT j.*, unnest(other_meters) AS m FROM (SELECT e.*, s.price_set FROM {joined} "
                "WHERE other_meters IS NOT NULL) j) e "
                "JOIN prices p ON p.price_set = e.price_set AND p.reason IS NOT NULL AND p.meter = e.m.meter"
            )
    # One after another: side by side, each part would hold its own buffers for every file of the run.
    session.sql(f"CREATE TABLE unpriced_meters AS {parts[0]}")
    for part in parts[1:]:
        session.sql(f"INSERT INTO unpriced_meters {part}")


def _lacking(session: Session, meters: Sequence[MeterColumn]) -> set[int]:
    """The numbers of the meters of which some event has a quantity and no price."""
    unpriced = session.rows("SELECT DISTINCT meter_no FROM prices WHERE reason IS NOT NULL")
    asked = [m for m in meters if (m.number,) in unpriced]
    if not asked:
        return set()
    tests = ", ".join(
        f"coalesce(bool_or(q_{m.name} > 0 AND price_set IN (SELECT price_set FROM prices WHERE reason IS NOT NULL "
        f"AND meter_no = {m.number})), FALSE)"
        for m in asked
    )
    return {m.number for m, some in zip(asked, session.one(f"SELECT {tests} FROM usage_groups"), strict=True) if some}


def _input_fields(meters: Sequence[MeterColumn]) -> set[str]:
    table = meter_table()
    return {f for m in meters for f in table[m.name].fields if f.startswith("input_")}


def usage_charges(meters: Sequence[MeterColumn], *, request: bool, with_other: bool, merge: bool = False) -> str:
    """SQL of the charges of usage: one row per group and meter with a quantity, priced or not (`reason` says why).

    `merge`: groups of several price sets that have one price of the meter in common are one charge.
    """
    extra = REQUEST if request else ()
    names = ("period_start", "period_end", "price_set", "owner_id", "place_hash", "attempt_use", "requests", *extra)
    keys = ", ".join(f"g.{name}" for name in names)
    parts = []
    if meters:
        numbers = ", ".join(f"({m.number})" for m in meters)
        quantity = "CASE n.meter_no " + " ".join(f"WHEN {m.number} THEN g.q_{m.name}" for m in meters) + " END"
        reasoning = next((f"CASE WHEN n.meter_no = {m.number} THEN g.reasoning END" for m in meters
                          if m.name == "output"), "NULL")  # fmt: skip
        parts.append(
            f"SELECT {keys}, n.meter_no, CAST({quantity} AS DECIMAL(38, 9)) AS quantity, "
            f"TRY_CAST({quantity} AS BIGINT) AS tokens, "
            f"CAST({reasoning} AS BIGINT) AS reasoning FROM usage_groups g CROSS JOIN (VALUES {numbers}) n(meter_no) "
            f"WHERE {quantity} > 0"
        )
    if with_other:
        parts.append(
            f"SELECT {keys}, p.meter_no, CAST(g.quantity AS DECIMAL(38, 9)) AS quantity, "
            "CAST(NULL AS BIGINT) AS tokens, CAST(NULL AS BIGINT) AS reasoning FROM other_groups g "
            "JOIN prices p ON p.price_set = g.price_set AND p.meter = g.meter"
        )
    if not parts:
        return ""
    found = f"({' UNION ALL '.join(parts)})"
    if merge:
        found = _merged(found)
    pq = priced_quantity("c.quantity", "p.unit_size", "c.tokens")
    return (
        f"SELECT c.*, p.* EXCLUDE (price_set, meter_no), p.rowid AS price_no, {pq} AS pricing_quantity "
        f"FROM {found} c JOIN prices p ON p.price_set = c.price_set AND p.meter_no = c.meter_no"
    )


def prices_recur(session: Session) -> bool:
    """Whether a price of a meter stands in several price sets, as where the context sets the price of tokens only."""
    return bool(session.rows("SELECT price_key FROM prices GROUP BY price_key HAVING count(price_key) > 1 LIMIT 1"))


def _merged(found: str) -> str:
    """SQL of the same quantities by what a row shows: a price that several price sets have counts under the first.

    The raw quantities are added up before they are rounded to priced units, as in one group.
    """
    alike = ", ".join(name for name in PRICE_COLUMNS if name != "price_set")
    one = f"SELECT price_set, meter_no, min(price_set) OVER (PARTITION BY {alike}) AS first_set FROM prices"
    return (
        "(SELECT f.period_start, f.period_end, k.first_set AS price_set, f.owner_id, f.place_hash, f.attempt_use, "
        "sum(f.requests) AS requests, f.meter_no, CAST(sum(f.quantity) AS DECIMAL(38, 9)) AS quantity, "
        "CAST(sum(f.tokens) AS BIGINT) AS tokens, CAST(sum(f.reasoning) AS BIGINT) AS reasoning "
        f"FROM {found} f JOIN ({one}) k ON k.price_set = f.price_set AND k.meter_no = f.meter_no GROUP BY ALL)"
    )


def with_costs(charges: str) -> str:
    """SQL of priced charges with their exact costs."""

    def product(price: str) -> str:
        return f"CAST(CAST({price} AS DECIMAL(18, 9)) * pricing_quantity AS DECIMAL(38, 18))"

    return (
        f"SELECT *, {product('list_unit_price')} AS list_cost, {product('contracted_unit_price')} AS contracted_cost, "
        f"{product('pc_contracted_unit_price')} AS pc_effective_cost FROM ({charges}) WHERE reason IS NULL"
    )


__all__ = [
    "PLACE",
    "REQUEST",
    "create_groups",
    "periods",
    "place_hash",
    "priced_events",
    "prices_recur",
    "usage_charges",
    "with_costs",
]
