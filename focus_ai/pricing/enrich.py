"""Token quantities for billed lines that state none, from the usage export of the same account and day.

In: the view `events`, when usage and bill of one `money_family` are given together and the bill carries the money. Out:
table `enriched` (file_no, row_no, quantity) and counts per family. Money is never touched. A line takes a quantity only
on a unique match of day, account, sub account, model, meter, processing, tier and context; what the bill leaves unsaid
about geography, context window or key is summed over. Whatever is ambiguous stays without a quantity and is counted.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from focus_ai.engine import Session, ident, literal, literals
from focus_ai.engine.tables import create_table
from focus_ai.pricing.card import RateCard
from focus_ai.pricing.rate_row import CALL_METERS, NoRate
from focus_ai.pricing.rating import token_meters, used_fields
from focus_ai.usage.billing_source import export_name, group_word

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MODELS = ("model_served", "model_deployment", "model_requested", "model_alias")
_KEY = "family, account, day, sub, resource, provider, name, batch, tier, speed, above, geo"


@dataclass(frozen=True)
class Enriched:
    """Lines of one family that state no quantity, on days with usage: how many took one, how many did not."""

    enriched: int
    not_matched: int


def create_enriched(
    session: Session, present: frozenset[str], card: RateCard, *, usage: str, billed: str
) -> dict[str, Enriched]:
    """Create the table `enriched`. `usage`, `billed`: conditions of the events whose money another export carries."""
    if usage == "FALSE" or not {"money_family", "billed_meter"} <= present:
        session.sql("CREATE TABLE enriched (file_no INTEGER, row_no BIGINT, quantity DECIMAL(38, 9))")
        return {}
    _create_lines(session, present, billed)
    _create_amounts(session, present, usage)
    _create_model_keys(session, card)
    _create_matches(session)
    session.sql(
        "CREATE TABLE enriched AS SELECT file_no, row_no, quantity FROM matches WHERE unique_match AND quantity > 0"
    )
    counts = session.rows(
        "SELECT l.family, count(e.quantity), count(*) - count(e.quantity) FROM bill_lines l "
        "LEFT JOIN enriched e USING (file_no, row_no) "
        "SEMI JOIN usage_amounts u ON l.family = u.family AND l.day = u.day GROUP BY l.family ORDER BY l.family"
    )
    for table in ("bill_lines", "usage_amounts", "model_keys", "matches"):
        session.sql(f"DROP TABLE {table}")
    return {str(family): Enriched(int(took), int(missed)) for family, took, missed in counts}


def _key(present: frozenset[str]) -> str:
    """SQL of the columns that both sides are compared by; `batch`, `tier` and `speed` in one spelling."""

    def column(name: str, kind: str = "VARCHAR") -> str:
        return ident(name) if name in present else f"CAST(NULL AS {kind})"

    tier = f"lower({column('service_tier')})"
    batch = f"CASE WHEN {tier} = 'batch' THEN TRUE WHEN {tier} IS NOT NULL THEN FALSE END"
    columns = {
        "family": "money_family",
        "account": column("account_id"),
        "day": "CAST(event_time AS DATE)",
        "sub": f"coalesce({column('sub_account_id')}, {column('sub_account_name')})",
        "resource": column("resource_id"),
        "provider": "provider",
        "name": f"coalesce({', '.join(map(column, _MODELS))})",
        "batch": f"coalesce({column('is_batch', 'BOOLEAN')}, {batch})",
        "tier": f"CASE WHEN {tier} IN ('standard', 'default', 'batch') THEN 'default' ELSE {tier} END",
        "speed": f"lower({column('speed')})",
        "above": column("context_gt", "BIGINT"),
        "geo": f"lower({column('inference_geo')})",
        "ends": f"coalesce({column('bucket_end', 'TIMESTAMPTZ')}, event_time)",
        "adapter": export_name(column("same_usage")),
        "word": group_word(column("same_usage")),
    }
    return ", ".join(f"{sql} AS {name}" for name, sql in columns.items())


def _create_lines(session: Session, present: frozenset[str], billed: str) -> None:
    """Table `bill_lines`: usage lines of a family with a meter and no quantity; `whole` = exactly one UTC day."""
    stated = "coalesce(billed_quantity, 0) = 0" if "billed_quantity" in present else "TRUE"
    category = "coalesce(charge_category, 'Usage') = 'Usage'" if "charge_category" in present else "TRUE"
    session.sql(
        f"CREATE TABLE bill_lines AS SELECT file_no, row_no, billed_meter AS meter, {_key(present)}, "
        "event_time = date_trunc('day', event_time) AND (ends = event_time OR ends = event_time + INTERVAL 1 day) "
        f"AS whole FROM events WHERE kind = 'billed' AND NOT ({billed}) AND money_family IS NOT NULL "
        f"AND billed_meter IS NOT NULL AND billed_cost >= 0 AND {stated} AND {category}"
    )


def _create_amounts(session: Session, present: frozenset[str], usage: str) -> None:
    """Table `usage_amounts`: quantity per key and meter, with `group_no`.

    Of several exports that describe the same usage of an account and day one speaks: the one that names most of the
    sub accounts as the bill does, then the one with the most records.
    """
    meters = [m for m in token_meters(present, used_fields(session, present)) if m.name != "output_reasoning"]
    token = "".join(f", {m.sql} AS q_{m.name}" for m in meters)
    other = ", other_meters" if "other_meters" in present else ""
    session.sql(
        f"CREATE TABLE usage_events AS SELECT {_key(present)}{token}{other} FROM events "
        f"WHERE kind = 'usage' AND money_family IS NOT NULL AND ({usage})"
    )
    session.sql(
        "CREATE TABLE heard AS SELECT e.* FROM usage_events e LEFT JOIN ("
        "SELECT family, account, day, word, arg_max(adapter, (known, n, adapter)) AS speaker FROM "
        "(SELECT e.family, e.account, e.day, e.word, e.adapter, count(b.day) AS known, count(*) AS n "
        "FROM usage_events e LEFT JOIN (SELECT DISTINCT family, day, sub FROM bill_lines) b "
        "ON e.family = b.family AND e.day = b.day AND e.sub IS NOT DISTINCT FROM b.sub "
        "WHERE e.word IS NOT NULL GROUP BY ALL) GROUP BY ALL) s "
        "ON e.family = s.family AND e.day = s.day AND e.word = s.word "
        "AND e.account IS NOT DISTINCT FROM s.account WHERE s.speaker IS NULL OR s.speaker = e.adapter"
    )
    parts = [
        f"SELECT {_KEY}, ends, {literal(m.name)} AS meter, CAST(q_{m.name} AS DECIMAL(38, 9)) AS quantity FROM heard"
        for m in meters
    ]
    if other:
        parts.append(
            f"SELECT {_KEY}, ends, m.meter AS meter, CAST(m.quantity AS DECIMAL(38, 9)) AS quantity "
            "FROM (SELECT *, unnest(other_meters) AS m FROM heard WHERE other_meters IS NOT NULL)"
        )
    parts = parts or [f"SELECT {_KEY}, ends, '' AS meter, CAST(0 AS DECIMAL(38, 9)) AS quantity FROM heard"]
    session.sql(
        f"CREATE TABLE usage_amounts AS SELECT row_number() OVER () AS group_no, * FROM (SELECT {_KEY}, meter, "
        "sum(quantity) AS quantity, bool_or(ends > CAST(day + INTERVAL 1 day AS TIMESTAMPTZ)) AS crosses "
        f"FROM ({' UNION ALL '.join(parts)}) WHERE quantity > 0 GROUP BY ALL)"
    )
    for table in ("usage_events", "heard"):
        session.sql(f"DROP TABLE {table}")


def _create_model_keys(session: Session, card: RateCard) -> None:
    """Table `model_keys` (family, name, model_key): names of bill and usage that mean one model share a key.

    Names in use on both sides are compared as they are; a bill that has one name of its own for a model (a display
    name) covers all names of the usage that the card knows as that model. A mixture of both has no key: no match.
    """
    seen: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for side, table in (("bill", "bill_lines"), ("usage", "usage_amounts")):
        for family, provider, name, day in session.rows(
            f"SELECT family, provider, name, datediff('day', DATE '1970-01-01', min(day)) FROM {table} "
            "WHERE name IS NOT NULL GROUP BY ALL"
        ):
            ref = card.place(provider or "", (name,), _EPOCH + timedelta(days=int(day)))
            seen[(family, name if isinstance(ref, NoRate) else ref.model)][side].add(name)
    keys = []
    for (family, model), sides in sorted(seen.items()):
        bill, usage = sides["bill"], sides["usage"]
        if usage <= bill:
            keys += [(family, name, f"name {name}") for name in bill]
        elif len(bill) == 1 and not usage & bill:
            keys += [(family, name, f"model {model}") for name in bill | usage]
    create_table(
        session, "model_keys", {"family": "VARCHAR", "name": "VARCHAR", "model_key": "VARCHAR"},
        [{"family": f, "name": n, "model_key": k} for f, n, k in keys],
    )  # fmt: skip


def _create_matches(session: Session) -> None:
    """Table `matches`: one row per line that meets usage; `unique_match` when no other line claims any of it."""
    calls = f"b.meter IN ({literals(sorted(CALL_METERS))})"
    # Exports are grouped by sub account or not: a null means "default" in one and "all" in the other.
    split = (
        "SELECT u.family FROM (SELECT family, bool_or(sub IS NOT NULL) AS has FROM usage_amounts GROUP BY family) u "
        "JOIN (SELECT family, bool_or(sub IS NOT NULL) AS has FROM bill_lines GROUP BY family) b "
        "ON u.family = b.family AND u.has = b.has"
    )
    session.sql(
        f"""CREATE TABLE matches AS WITH
        b AS (SELECT l.*, k.model_key FROM bill_lines l LEFT JOIN model_keys k USING (family, name) WHERE l.whole),
        u AS (SELECT a.*, k.model_key FROM usage_amounts a LEFT JOIN model_keys k USING (family, name)),
        pairs AS (
          SELECT b.file_no, b.row_no, u.group_no, u.quantity, u.crosses,
                 CASE WHEN NOT {calls} AND b.batch IS NULL THEN coalesce(u.batch, FALSE) END AS batch,
                 CASE WHEN NOT {calls} AND b.tier IS NULL THEN coalesce(u.tier, 'default') END AS tier,
                 CASE WHEN NOT {calls} AND b.speed IS NULL THEN coalesce(u.speed, 'standard') END AS speed
          FROM b JOIN u ON b.family = u.family AND b.day = u.day AND b.meter = u.meter
           AND b.provider IS NOT DISTINCT FROM u.provider AND b.sub IS NOT DISTINCT FROM u.sub
           AND (b.sub IS NOT NULL OR b.family IN ({split}))
           AND (b.account IS NULL OR u.account IS NULL OR b.account = u.account)
           AND (b.resource IS NULL OR b.resource = u.resource)
           AND (b.model_key = u.model_key OR (b.name IS NULL AND {calls}))
           AND ({calls} OR ((b.batch IS NULL OR b.batch = u.batch) AND (b.tier IS NULL OR b.tier = u.tier)
                            AND (b.speed IS NULL OR b.speed = u.speed)))
           AND (b.above IS NULL OR b.above = u.above) AND (b.geo IS NULL OR b.geo = u.geo)),
        claims AS (SELECT group_no, count(*) AS lines FROM pairs GROUP BY group_no)
        SELECT file_no, row_no, sum(quantity) AS quantity,
               max(lines) = 1 AND NOT bool_or(crosses) AND count(DISTINCT batch) <= 1 AND count(DISTINCT tier) <= 1
               AND count(DISTINCT speed) <= 1 AS unique_match
        FROM pairs JOIN claims USING (group_no) GROUP BY file_no, row_no"""
    )


__all__ = ["Enriched", "create_enriched"]
