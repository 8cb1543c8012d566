"""Amounts that a provider billed become charges. The money is the provider's; we only name its SKU and unit price.

A unit price is the amount divided by the quantity, rounded once to nine places; list and contracted cost are its exact
product, billed and effective cost are the amount itself, digit for digit. A line without a quantity takes it from the
usage export beside it (`enrich`), else its row counts as one `Charges` (reasons: docs/focus-rows.md).
"""

from __future__ import annotations

from focus_ai.engine import Session, exact, ident, instant
from focus_ai.engine.tables import create_table
from focus_ai.pricing.billed_sku import FACTS, TEXTS, billed_sku
from focus_ai.pricing.card import RateCard
from focus_ai.pricing.charges import periods


def create_billed(
    session: Session,
    present: frozenset[str],
    card: RateCard,
    *,
    grain: str,
    owner_hash: str,
    place_hash: str,
    carried: str,
) -> None:
    """Create the table `billed_charges` (columns as `usage_charges` with costs). `carried`: lines left to usage.

    Needs the table `enriched` (quantities for lines that state none). Rows of FOCUS files are no lines to be grouped:
    they keep what they hold, and only their SKU is told here (`billed_skus`, see `sku_hash`). `billing_start`: the
    first moment of the billing period that the bill states, where that is not the month of the charge.
    """
    sku_hash = sku_key(present)
    facts = ", ".join(f"any_value({ident(c)})" if c in present else "NULL" for c in FACTS)
    rows = session.rows(
        f"SELECT {sku_hash} AS h, epoch_us(min(event_time)), epoch_us(max(event_time)), {facts} FROM events "
        "WHERE kind = 'billed' GROUP BY h ORDER BY h"
    )
    skus = []
    for key, first, last, *values in rows:
        skus.append(
            {"sku_hash": key, **billed_sku(card, dict(zip(FACTS, values, strict=True)), instant(first), instant(last))}
        )
    create_table(
        session, "billed_skus", {"sku_hash": "UBIGINT", "unit_size": "BIGINT", **dict.fromkeys(TEXTS, "VARCHAR")}, skus
    )
    # A line of one request joins the period that it lies in, as usage does; a line of a bucket keeps its bounds. An end
    # that is not after the start is none.
    one_start, one_end = periods(grain)
    start = f"CASE WHEN grain = 'aggregate' THEN event_time ELSE {one_start} END"
    end = (
        "CASE WHEN grain = 'aggregate' AND bucket_end > event_time THEN bucket_end "
        f"WHEN grain = 'aggregate' THEN date_trunc('day', event_time) + INTERVAL 1 day ELSE {one_end} END"
    )
    if grain == "month":
        start, end = "date_trunc('month', event_time)", "date_trunc('month', event_time) + INTERVAL 1 month"

    def column(name: str, kind: str = "VARCHAR") -> str:
        return ident(name) if name in present else f"CAST(NULL AS {kind})"

    quantity, listed = column("billed_quantity", "DECIMAL(38, 18)"), column("list_amount", "DECIMAL(38, 18)")
    count = f"coalesce({column('request_count', 'BIGINT')}, 0)"
    lines = (
        f"SELECT {start} AS period_start, {end} AS period_end, {place_hash} AS place_hash, o.owner_id, "
        f"{sku_hash} AS sku_hash, currency, coalesce({column('charge_category')}, CASE WHEN billed_cost < 0 "
        f"THEN 'Credit' ELSE 'Usage' END) AS category, {column('charge_class')} AS charge_class, "
        f"{column('invoice_id')} AS invoice_id, {column('billing_period_start', 'TIMESTAMPTZ')} AS stated, "
        f"billed_cost, coalesce({listed}, billed_cost) AS listed, "
        f"{count} AS requests, coalesce(NULLIF({quantity}, 0), n.quantity) AS units, "
        f"CASE WHEN NULLIF({quantity}, 0) IS NOT NULL THEN 'billed' "
        "WHEN n.quantity IS NOT NULL THEN 'metered' ELSE 'none' END AS quantity_basis "
        f"FROM (SELECT *, {owner_hash} AS evidence_hash FROM events WHERE kind = 'billed' AND focus_row IS NULL "
        f"AND NOT ({carried})) e "
        "JOIN owner_spans o ON e.evidence_hash = o.owner_hash AND e.event_time >= o.t_from AND e.event_time < o.t_to "
        "LEFT JOIN enriched n ON n.file_no = e.file_no AND n.row_no = e.row_no"
    )
    session.sql(
        f"""CREATE TABLE billed_groups AS
        SELECT period_start, period_end, place_hash, owner_id, sku_hash, currency, category, charge_class, invoice_id,
               quantity_basis, NULLIF(stated, date_trunc('month', period_start)) AS billing_start,
               sum(billed_cost) AS amount, sum(listed) AS listed, sum(requests) AS requests,
               NULLIF(sum(CAST(units AS DECIMAL(38, 12))), 0) AS units
        FROM ({lines}) GROUP BY ALL"""
    )
    session.sql(f"CREATE TABLE billed_charges AS {_charges()}")


def sku_key(present: frozenset[str]) -> str:
    """SQL of the key of a billed line in the table `billed_skus`."""
    columns = [c for c in FACTS if c in present]
    return f"hash({', '.join(ident(c) for c in columns)})" if columns else "CAST(0 AS UBIGINT)"


def _charges() -> str:
    """Quantities and prices of the grouped lines; SKU and price stay empty for credits, taxes and adjustments."""
    sized = (
        "SELECT g.*, s.* EXCLUDE (sku_hash), g.category IN ('Usage', 'Purchase') AS priced, "
        "g.units IS NOT NULL AND s.base_unit IS NOT NULL AS measured, s.unit_size AS size "
        "FROM billed_groups g JOIN billed_skus s USING (sku_hash)"
    )
    # A negative amount is a negative quantity at a price that is not negative.
    signed = (
        "SELECT *, CASE WHEN amount < 0 THEN -1 ELSE 1 END AS direction, "
        "CASE WHEN measured THEN CAST(abs(units) AS DECIMAL(38, 9)) ELSE CAST(1 AS DECIMAL(38, 9)) END AS consumed, "
        f"CASE WHEN measured THEN size ELSE 1 END AS block FROM ({sized})"
    )
    blocks = f"SELECT *, {exact.half_even(exact.whole('consumed'), 'CAST(block AS HUGEINT)')} AS q9 FROM ({signed})"
    # A line so small that its quantity rounds to nothing is counted as one charge.
    counted = (
        "SELECT * REPLACE (CASE WHEN q9 = 0 THEN FALSE ELSE measured END AS measured, "
        "CASE WHEN q9 = 0 THEN CAST(1 AS DECIMAL(38, 9)) ELSE consumed END AS consumed, "
        f"CASE WHEN q9 = 0 THEN CAST(1000000000 AS HUGEINT) ELSE q9 END AS q9) FROM ({blocks})"
    )
    prices = ", ".join(
        f"{_nine(exact.half_even(exact.whole(f'abs({amount})'), 'q9'))} AS {name}"
        for amount, name in (("listed", "list_price"), ("amount", "net_price"))
    )
    sums = f"SELECT *, {prices}, {_nine('q9 * direction', 19)} AS blocks FROM ({counted})"
    # Rupiah can pass a price of 10^9, byte-seconds a quantity of 10^10: such a line has its amount and no unit price.
    fits = "priced AND list_price IS NOT NULL AND net_price IS NOT NULL AND blocks IS NOT NULL"
    priced = f"SELECT * REPLACE ({fits} AS priced) FROM ({sums})"

    def only(sql: str) -> str:
        return f"CASE WHEN priced THEN {sql} END"

    # Without a unit price all four costs are the amount (ListCost-C-008-C, ContractedCost-C-008-C).
    def cost(price: str) -> str:
        return f"CAST(CASE WHEN priced THEN {price} * blocks ELSE amount END AS DECIMAL(38, 18))"

    usage = "category = 'Usage'"
    return f"""SELECT period_start, period_end, place_hash, owner_id, requests, category, charge_class, currency,
        invoice_id, billing_start, line_item, line_facts,
        {only("CASE WHEN measured THEN quantity_basis ELSE 'none' END")} AS quantity_basis,
        {only("meter")} AS meter, {only("sku_id")} AS sku_id, {only("sku_price_id")} AS sku_price_id,
        {only("sku_details")} AS sku_details,
        CASE WHEN {usage} THEN CAST(consumed * direction AS DECIMAL(38, 9)) END AS quantity,
        CASE WHEN {usage} THEN CASE WHEN measured THEN base_unit ELSE 'Charges' END END AS consumed_unit,
        {only("blocks")} AS pricing_quantity,
        {only("CASE WHEN measured THEN block_unit ELSE 'Charges' END")} AS pricing_unit,
        {only("list_price")} AS list_unit_price, {only("net_price")} AS contracted_unit_price,
        {cost("list_price")} AS list_cost, {cost("net_price")} AS contracted_cost,
        CAST(amount AS DECIMAL(38, 18)) AS effective_cost, model, developer, family, version, processing_tier,
        geo AS inference_geo
        FROM ({priced})"""


def _nine(units: str, digits: int = 18) -> str:
    """SQL of a number of billionths as DECIMAL(digits,9); null when it does not fit."""
    fits = f"TRY_CAST({units} AS DECIMAL({digits}, 0))"
    return f"CAST({fits} * CAST(0.000000001 AS DECIMAL(9, 9)) AS DECIMAL({digits}, 9))"
