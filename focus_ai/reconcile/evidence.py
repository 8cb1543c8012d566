"""What single calls say: copies of a call, failed attempts that the provider saw. Turned into quantity and cost.

In: the events file of a data set, the lines of the rated side (for prices), the buckets. Out: table `evidence` (n,
cause, quantity in priced blocks, cost, events). Without events the table is empty and those causes cannot be found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from focus_ai.engine import Session, ident, instant, literal
from focus_ai.engine.tables import create_table
from focus_ai.pricing.rate_row import NoRate
from focus_ai.reconcile.lines import Meter

if TYPE_CHECKING:
    from focus_ai.pricing.card import RateCard

#: Two equal calls of one trace within this time are copies; later ones are new work.
WINDOW = 600
_NAMES = ("model_served", "model_deployment", "model_requested", "model_alias")
_TIERS = ("flex", "priority", "scale")


def no_evidence(session: Session) -> None:
    """The empty table."""
    session.sql(
        "CREATE OR REPLACE TABLE evidence (n BIGINT, cause VARCHAR, quantity DECIMAL(38, 9), cost DECIMAL(38, 18), "
        "events BIGINT)"
    )


def create_evidence(
    session: Session,
    relation: str,
    columns: Mapping[str, str],
    card: RateCard,
    meters: Sequence[Meter],
    fields: Mapping[str, Sequence[str]],
) -> None:
    """Create `evidence` from the events in `relation`. `fields`: meter -> the event fields that add up to it."""

    def column(name: str, kind: str = "VARCHAR") -> str:
        return ident(name) if name in columns else f"CAST(NULL AS {kind})"

    counted = {m: [f for f in names if f in columns] for m, names in fields.items()}
    counted = {m: names for m, names in counted.items() if names}
    if not counted or "event_time" not in columns:
        no_evidence(session)
        return
    tokens = {m: " + ".join(f"coalesce({ident(f)}, 0)" for f in names) for m, names in counted.items()}
    tier = f"lower({column('service_tier')})"
    provider_id = f"coalesce({column('provider_response_id')}, {column('provider_request_id')})"
    session.sql(
        f"""CREATE OR REPLACE TABLE calls AS SELECT row_number() OVER () AS id, provider AS channel,
        {", ".join(column(n) + " AS " + n for n in _NAMES)}, event_time, {column("record_id")} AS record_id,
        CAST(event_time AS DATE) AS day,
        coalesce({column("sub_account_id")}, {column("sub_account_name")}) AS sub_account,
        CASE WHEN {column("is_batch", "BOOLEAN")} OR {tier} = 'batch' THEN 'batch'
             WHEN {tier} IN ('{"', '".join(_TIERS)}') THEN {tier} ELSE 'standard' END AS tier,
        {provider_id} AS provider_id, coalesce({column("logical_request_id")}, {column("trace_id")}) AS call_id,
        {column("logical_request_id")} AS logical_id, {column("outcome")} AS outcome,
        {" + ".join(tokens.values())} AS total, hash({", ".join(tokens.values())}) AS counts,
        {", ".join(f"{sql} AS {ident('q_' + m)}" for m, sql in tokens.items())}
        FROM {relation} WHERE kind = 'usage' AND {column("grain")} IS DISTINCT FROM 'aggregate'
          AND {column("served_from")} IS DISTINCT FROM 'gateway_cache'"""
    )
    _create_flagged(session)
    _create_models(session, card)
    sizes = {m.name: m.size for m in meters}
    parts = " UNION ALL ".join(
        f"SELECT *, {literal(m)} AS meter, {ident('q_' + m)} AS units, {sizes.get(m, 1)} AS size FROM flagged "
        f"WHERE {ident('q_' + m)} > 0"
        for m in tokens
    )
    blocks = (
        "CASE WHEN size = 1000000 THEN CAST(CAST(sum(units) AS DECIMAL(19, 0)) * CAST(0.000001 AS DECIMAL(6, 6)) "
        "AS DECIMAL(19, 9)) ELSE CAST(sum(units) AS DECIMAL(19, 9)) END"
    )
    session.sql(
        f"""CREATE OR REPLACE TABLE evidence_lines AS
        SELECT e.*, l.price, l.currency, l.account FROM (
          SELECT cause, day, channel, sub_account, model, meter, tier, {blocks} AS quantity, count(*) AS events
          FROM ({parts}) f JOIN event_models m ON m.key = f.names
          GROUP BY cause, day, channel, sub_account, model, meter, tier, size) e
        JOIN (SELECT day_from, channel, sub_account, model, meter, tier, min(price_min) AS price,
                     min(currency) AS currency, min(account) AS account
              FROM rated_facts JOIN dims ON id = dim WHERE kind = 'usage' GROUP BY ALL) l
          ON l.day_from = e.day AND l.channel = e.channel AND l.sub_account IS NOT DISTINCT FROM e.sub_account
         AND l.model = e.model AND l.meter = e.meter AND l.tier IS NOT DISTINCT FROM e.tier"""
    )
    same = " AND ".join(
        f"b.{name} IS NOT DISTINCT FROM CASE WHEN s.keep_{name} THEN e.{name} END"
        for name in ("account", "sub_account", "model", "meter", "tier")
    )
    # A comparison that leaves dimensions out (`--by`) has nulls there on every bucket.
    same = " AND ".join(f"({part} OR b.{part.split()[0].split('.')[1]} IS NULL)" for part in same.split(" AND "))
    session.sql(
        f"""CREATE OR REPLACE TABLE evidence AS
        SELECT b.n, e.cause, CAST(sum(e.quantity) AS DECIMAL(38, 9)) AS quantity,
               CAST(sum(CAST(e.quantity AS DECIMAL(19, 9)) * e.price) AS DECIMAL(38, 18)) AS cost,
               CAST(sum(e.events) AS BIGINT) AS events
        FROM evidence_lines e
        JOIN scope s ON s.channel = e.channel AND s.kind = 'usage' AND s.meter IS NOT DISTINCT FROM e.meter
        JOIN buckets b ON b.kind = 'usage' AND b.currency = e.currency AND (b.channel = e.channel OR b.channel IS NULL)
         AND b.p_from <= e.day AND e.day < b.p_to AND {same}
        WHERE e.price IS NOT NULL GROUP BY b.n, e.cause"""
    )
    for table in ("calls", "flagged", "event_models", "evidence_lines"):
        session.sql(f"DROP TABLE {table}")


def _create_flagged(session: Session) -> None:
    """Table `flagged`: calls with a cause. Of the copies of one call the first one is the call."""
    session.sql(
        f"""CREATE OR REPLACE TABLE flagged AS
        WITH named AS (SELECT *, md5(concat_ws(chr(31), channel, {", ".join(f"coalesce({n}, '')" for n in _NAMES)}))
                       AS names FROM calls),
        copies AS (
          SELECT *, row_number() OVER (PARTITION BY channel, provider_id ORDER BY event_time, record_id, id) AS nth,
                 event_time AS first_time
          FROM named WHERE provider_id IS NOT NULL AND total > 0
          UNION ALL
          SELECT *, row_number() OVER w AS nth, first_value(event_time) OVER w AS first_time
          FROM named WHERE provider_id IS NULL AND call_id IS NOT NULL AND total > 0
          WINDOW w AS (PARTITION BY channel, call_id, names, counts ORDER BY event_time, record_id, id)),
        failed AS (
          SELECT f.id, s.id AS like_id FROM named f JOIN (
            SELECT channel, logical_id, arg_min(id, (event_time, record_id, id)) AS id FROM named
            WHERE logical_id IS NOT NULL AND total > 0 GROUP BY channel, logical_id) s
          ON s.channel = f.channel AND s.logical_id = f.logical_id
          WHERE f.total = 0 AND f.provider_id IS NOT NULL AND f.outcome IN ('error', 'timeout', 'cancelled'))
        SELECT 'duplicate_events' AS cause, * EXCLUDE (nth, first_time) FROM copies
        WHERE nth > 1 AND event_time - first_time <= to_seconds({WINDOW})
        UNION ALL
        SELECT 'retry_billed' AS cause, s.* FROM failed f JOIN named s ON s.id = f.like_id"""
    )


def _create_models(session: Session, card: RateCard) -> None:
    """Table `event_models`: the model names of the flagged calls as the rate card names them."""
    rows = session.rows(
        f"SELECT names, any_value(channel), {', '.join(f'any_value({n})' for n in _NAMES)}, epoch_us(min(event_time)) "
        "FROM flagged GROUP BY names ORDER BY names"
    )
    found = []
    for key, channel, *names, at in rows:
        ref = card.place(channel or "", names, instant(at))
        model = next((n for n in names if n), None) if isinstance(ref, NoRate) else ref.model
        found.append({"key": key, "model": model})
    create_table(session, "event_models", {"key": "VARCHAR", "model": "VARCHAR"}, found)
