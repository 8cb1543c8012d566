"""The one pass: events grouped by day, prices, owner, model and everything a finding asks about, with exact money.

Out: table `cube` (small), table `other_costs` (costs of what is not tokens, per event) and the SQL of single priced
events. A cost is linear in its tokens inside one price set, so the groups are priced after they are summed.
"""

from __future__ import annotations

from dataclasses import dataclass

from focus_ai.audit.inputs import Opened
from focus_ai.audit.prices import CACHED, cost, counts, unpriced
from focus_ai.engine import ident
from focus_ai.pricing.rating import FEE, priced_quantity

OTHER = "CAST(CAST(p.contracted_unit_price AS DECIMAL(18, 9)) * {} AS DECIMAL(38, 18))"
# What distinguishes the groups besides day, prices, owner and names.
WORDS = (
    "adapter", "grain", "attempt_kind", "outcome", "served_from", "usage_source", "input_semantics", "flags",
    "event_time_basis", "request_source",
)  # fmt: skip


@dataclass(frozen=True)
class Cube:
    """SQL pieces that several findings share. `tokens`: of each token meter of an event; `meters`: with the request
    fee; `cost`, `unpriced`: of one event."""

    tokens: dict[str, str]
    meters: dict[str, str]
    events: str
    cost: str
    unpriced: str

    @property
    def read_tokens(self) -> str:
        """SQL of the cached input tokens of one event."""
        return " + ".join(self.tokens[name] for name in CACHED if name in self.tokens) or "0"


def create_cube(audit: Opened) -> Cube:
    """Create `cube` and `other_costs`."""
    session, meters = audit.session, counts(audit.rated.meters)
    tokens = {name: sql for name, sql in meters.items() if name != FEE}
    _create_other(audit)
    cube = Cube(tokens, meters, events(audit), f"({cost(meters)} + coalesce(x.cost, 0))", f"({unpriced(tokens)})")
    keys = {
        "day": "CAST(e.event_time AS DATE)",
        "price_set": "s.price_set",
        "owner_id": "o.owner_id",
        "profile_hash": "e.profile_hash",
        "reported": "e.reported_cost IS NOT NULL" if "reported_cost" in audit.present else "FALSE",
        "reported_currency": audit.column("reported_cost_currency"),
        **_readings(audit, cube),
    }
    # Grouping by one hash of the words is quicker than by the words.
    words = [name for name in WORDS if name in audit.present]
    keys["words"] = f"hash({', '.join(f'e.{ident(w)}' for w in words)})" if words else "CAST(0 AS UBIGINT)"
    packed = ", ".join(f"{sql} AS {ident(name)}" for name, sql in keys.items())
    measures = {
        "events": "count(*)",
        "requests": f"sum(coalesce({audit.column('request_count', 'BIGINT')}, 1))",
        **{f"q_{name}": f"sum({sql})" for name, sql in meters.items()},
        "other_cost": _sum("x.cost", "DECIMAL(38, 18)", audit.rated.with_other),
        "other_unpriced": _sum("x.unpriced", "HUGEINT", audit.rated.with_other),
        "reported_cost": _sum("e.reported_cost", "DECIMAL(38, 18)", "reported_cost" in audit.present),
        "avoided_input": _sum("e.avoided_input_tokens", "BIGINT", "avoided_input_tokens" in audit.present),
        "avoided_output": _sum("e.avoided_output_tokens", "BIGINT", "avoided_output_tokens" in audit.present),
        "attempts_unseen": _sum(
            "greatest(coalesce(e.attempt_count, 1) - 1, 0)", "BIGINT", "attempt_count" in audit.present
        ),
    }
    measures |= {name: f"any_value({audit.column(name)})" for name in WORDS}
    sums = ", ".join(f"{sql} AS {ident(name)}" for name, sql in measures.items())
    session.sql(f"CREATE TABLE cells AS SELECT {packed}, {sums} FROM {cube.events} GROUP BY ALL")
    every = {name: f"q_{name}" for name in meters}
    grouped = {name: f"q_{name}" for name in tokens}
    realtime = f"({cost(every, 'b')} + coalesce(c.other_cost, 0))"
    read = " + ".join(
        f"coalesce(CAST(c.q_{n} AS DECIMAL(18, 0)) * (p.c_{_fresh(n)} - p.c_{n}), 0)"
        for n in CACHED
        if n in tokens and _fresh(n) in tokens
    )
    totals = " + ".join(f"c.q_{name}" for name in tokens) or "0"
    session.sql(
        f"""CREATE TABLE cube AS SELECT c.*, p.currency, p.reason, p.detail, p.assumptions, p.tier,
        coalesce(p.model, w.model_served, w.model_deployment, w.model_requested, w.model_alias) AS model,
        coalesce(p.provider, w.provider) AS provider,
        CAST({cost(every)} + coalesce(c.other_cost, 0) AS DECIMAL(38, 18)) AS cost,
        CAST({realtime} AS DECIMAL(38, 18)) AS realtime_cost,
        CAST({read or "0"} AS DECIMAL(38, 18)) AS cache_discount,
        CAST({totals} AS HUGEINT) AS tokens,
        CAST({unpriced(grouped)} + coalesce(c.other_unpriced, 0) AS HUGEINT) AS unpriced_quantity
        FROM cells c JOIN price_sets p USING (price_set) JOIN profiles w USING (profile_hash)"""
    )
    session.sql("DROP TABLE cells")
    return cube


def events(audit: Opened, source: str = "events") -> str:
    """SQL (for FROM) of single events `e` with segment `s`, owner span `o`, prices `p` and other costs `x`."""
    return (
        f"{audit.priced_events(source)} JOIN price_sets p ON p.price_set = s.price_set "
        "LEFT JOIN other_costs x ON x.file_no = e.file_no AND x.row_no = e.row_no"
    )


def _sum(sql: str, kind: str, present: bool) -> str:
    """SQL of a sum; NULL of its type when no input has the column."""
    return f"sum({sql})" if present else f"CAST(NULL AS {kind})"


def _fresh(meter: str) -> str:
    """The meter that a cached token would have been, had nothing been cached."""
    return {"cache_read": "input", "cache_read_audio": "input_audio", "cache_read_image": "input_image"}[meter]


def _readings(audit: Opened, cube: Cube) -> dict[str, str]:
    """Whether the reported cost of an event fits better to cached tokens at the fresh price, or to a batch without
    discount, than to the right price."""
    if "reported_cost" not in audit.present:
        return {"as_fresh": "FALSE", "as_realtime": "FALSE"}
    fresh = " + ".join(
        f"coalesce(CAST({cube.tokens[n]} AS DECIMAL(18, 0)) * (p.c_{_fresh(n)} - p.c_{n}), 0)"
        for n in CACHED
        if n in cube.tokens and _fresh(n) in cube.tokens
    )
    # Nearer to the wrong price than to the right one: above the middle of both, here with everything doubled.
    twice = "e.reported_cost + e.reported_cost"
    realtime = f"({cost(cube.meters, 'b')} + coalesce(x.cost, 0))"
    as_fresh = (
        f"CASE WHEN e.reported_cost > 0 AND {cube.read_tokens} > 0 AND {cube.unpriced} = 0 "
        f"THEN {fresh} > 0 AND {twice} > {cube.cost} + {cube.cost} + {fresh} END"
        if fresh
        else "FALSE"
    )
    as_realtime = (
        f"CASE WHEN e.reported_cost > 0 AND p.tier = 'batch' THEN {realtime} > {cube.cost} "
        f"AND {twice} > {realtime} + {cube.cost} END"
    )
    return {"as_fresh": f"coalesce({as_fresh}, FALSE)", "as_realtime": f"coalesce({as_realtime}, FALSE)"}


def _create_other(audit: Opened) -> None:
    """Table `other_costs`: per event the cost of what is not tokens (searches, images, seconds), and what has no
    price."""
    rated = audit.rated
    if not rated.with_other:
        audit.session.sql(
            "CREATE TABLE other_costs (file_no INTEGER, row_no BIGINT, cost DECIMAL(38, 18), unpriced HUGEINT)"
        )
        return
    inner = (
        f"SELECT e.file_no, e.row_no, s.price_set, unnest(e.other_meters) AS m FROM {audit.priced_events()} "
        "WHERE e.other_meters IS NOT NULL"
    )
    quantity = "CAST(i.m.quantity AS DECIMAL(28, 9))"
    price = OTHER.format(priced_quantity(quantity, "p.unit_size"))
    audit.session.sql(
        "CREATE TABLE other_costs AS SELECT file_no, row_no, "
        f"sum(CASE WHEN p.reason IS NULL THEN {price} END) AS cost, "
        "CAST(sum(CASE WHEN p.reason IS NOT NULL THEN ceil(i.m.quantity) ELSE 0 END) AS HUGEINT) AS unpriced "
        f"FROM ({inner}) i JOIN prices p ON p.price_set = i.price_set AND p.meter = i.m.meter GROUP BY ALL"
    )
