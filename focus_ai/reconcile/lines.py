"""Rows of any FOCUS file become lines of one small shape, so that both sides can be added up by the same key.

A line: `day_from`, `day_to` (exclusive), `currency`, `channel`, `account`, `sub_account`, `model`, `meter`, `tier`,
`marks` (what else changes the price), `kind` (usage, purchase, credit, tax, adjustment), `unit`, `quantity` (priced
blocks, null when unknown), `price`, `cost`, `lines`, `invoice`, `unattributed`. What a file does not say is null.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from focus_ai.engine import Session, ident, literal, literals
from focus_ai.engine.tables import create_table

KEYS = (
    "day_from", "day_to", "currency", "channel", "account", "sub_account", "model", "meter", "tier", "marks", "kind",
    "unit", "price", "invoice",
)  # fmt: skip
_UNSPECIFIED = "unspecified"
#: Columns without which a file cannot be compared.
NEEDED = ("ChargePeriodStart", "BillingCurrency")
COSTS = ("EffectiveCost", "BilledCost")
_MARK_TIERS = ("batch", "flex", "priority", "scale", "provisioned")


@dataclass(frozen=True, slots=True)
class Meter:
    """What is known of a leaf meter: the text of SkuMeter, the unit counted in and its block."""

    name: str
    sku_meter: str
    unit: str
    block: str
    size: int


def create_names(session: Session, channels: Mapping[str, str], meters: Sequence[Meter]) -> None:
    """Tables `channel_names` (service or seller in lower case -> channel) and `meter_names` (SkuMeter -> meter)."""
    create_table(
        session, "channel_names", {"name": "VARCHAR", "slug": "VARCHAR"},
        [{"name": name, "slug": slug} for name, slug in sorted(channels.items())],
    )  # fmt: skip
    texts: dict[str, list[Meter]] = {}
    for meter in meters:
        texts.setdefault(meter.sku_meter.lower(), []).append(meter)
    rows = [{"sku_meter": text, "named": found[0].name} for text, found in sorted(texts.items())]
    create_table(session, "meter_names", {"sku_meter": "VARCHAR", "named": "VARCHAR"}, rows)
    create_table(
        session, "meter_units", {"name": "VARCHAR", "base": "VARCHAR", "block": "VARCHAR", "size": "BIGINT"},
        [{"name": m.name, "base": m.unit, "block": m.block, "size": m.size} for m in meters],
    )  # fmt: skip


def is_focus(columns: Collection[str]) -> bool:
    """Whether these columns are those of a FOCUS cost and usage file."""
    return set(NEEDED) <= set(columns) and not set(COSTS).isdisjoint(columns)


def create_lines(
    session: Session, table: str, relation: str, columns: Mapping[str, str], *, billed: bool, measure: str | None = None
) -> None:
    """Create a table of lines from a relation with these columns (name -> type of the engine).

    `measure` names the cost column; by default EffectiveCost on rows of ours and BilledCost on rows of others. On the
    billed side a quantity that was borrowed from usage does not count: the bill did not state it.
    """
    session.sql(
        f"CREATE TABLE {ident(table)} AS SELECT {', '.join(KEYS)}, CAST(sum(quantity) AS DECIMAL(38, 9)) AS quantity, "
        "CAST(sum(cost) AS DECIMAL(38, 18)) AS cost, count(*) AS lines, CAST(coalesce(sum(cost) FILTER (nobody), 0) AS "
        "DECIMAL(38, 18)) AS unattributed, CAST(max(places) AS INTEGER) AS places "
        f"FROM ({row_lines(relation, columns, billed=billed, measure=measure)}) "
        f"GROUP BY {', '.join(KEYS)}, quantity IS NULL"
    )


def row_lines(
    relation: str, columns: Mapping[str, str], *, billed: bool, measure: str | None = None, carry: str = ""
) -> str:
    """SELECT of one line per row; `carry` names a column of the relation that goes along."""
    c = _Columns(columns)
    own = "x_CostBasis" in columns
    wanted = measure or ("EffectiveCost" if own or not billed else "BilledCost")
    cost = wanted if wanted in columns else next(n for n in COSTS if n in columns)
    usage = f"{c.text('ChargeCategory', 'Usage')} = 'Usage'"
    parts = f"list_filter(string_split({c.text('SkuPriceId')}, '#')[2:], lambda m: m NOT IN ({literals(_MARK_TIERS)}))"
    marks = f"NULLIF(array_to_string({parts}, '#'), '')" if own else "NULL"
    detail = c.details
    tier = f"coalesce({c.text('x_ProcessingTier')}, {detail('x_Processing')}, {detail('x_ServiceTier')})"
    basis = c.text("x_QuantityBasis")
    known = f"coalesce({basis}, '') <> 'none'" + (f" AND coalesce({basis}, '') <> 'metered'" if billed else "")
    end = c.time("ChargePeriodEnd")
    raw = (
        f"SELECT {carry + ', ' if carry else ''}CAST({c.time('ChargePeriodStart')} AS DATE) AS day_from, "
        f"CAST({end} - INTERVAL 1 microsecond AS DATE) + 1 AS day_to, "
        f"{c.text('BillingCurrency')} AS currency, {c.text('SkuId')} AS sku, {c.text('ServiceName')} AS service, "
        f"{_seller(c)} AS seller, NULLIF({c.text('BillingAccountId')}, '{_UNSPECIFIED}') AS account, "
        f"{c.text('SubAccountId')} AS sub_account, "
        f"coalesce({c.text('x_ModelId')}, {detail('x_ModelId')}, {detail('ModelId')}) AS model, "
        f"CASE WHEN {usage} THEN {c.text('x_TokenType')} END AS told_meter, lower({c.text('SkuMeter')}) AS sku_meter, "
        f"CASE WHEN {usage} THEN {tier} END AS tier, CASE WHEN {usage} THEN {marks} END AS marks, "
        f"lower({c.text('ChargeCategory', 'Usage')}) AS kind, {c.text('PricingUnit')} AS pricing_unit, "
        f"{c.text('ConsumedUnit')} AS consumed_unit, {known} AS counted, "
        f"{c.number('PricingQuantity', 19, 9)} AS blocks, {c.number('ConsumedQuantity', 38, 9)} AS consumed, "
        f"{c.number('ContractedUnitPrice', 18, 9)} AS price, coalesce({c.number(cost, 38, 18)}, 0) AS cost, "
        f"{c.text('InvoiceId')} AS invoice, {c.text('x_OwnerStatus')} = 'unattributed' AS nobody "
        f"FROM {relation} WHERE {_basis(own, billed)}"
    )
    named = (
        "SELECT r.*, coalesce(k.slug, s.slug, i.slug, lower(seller)) AS channel, "
        "coalesce(told_meter, m.named) AS meter FROM "
        f"({raw}) r LEFT JOIN (SELECT DISTINCT slug FROM channel_names) k ON split_part(r.sku, '/', 1) = k.slug "
        "LEFT JOIN channel_names s ON lower(r.service) = s.name "
        "LEFT JOIN channel_names i ON lower(r.seller) = i.name "
        "LEFT JOIN meter_names m ON r.sku_meter = m.sku_meter AND r.kind = 'usage'"
    )
    exact = "CAST(CAST(consumed AS DECIMAL(28, 0)) * CAST(0.000001 AS DECIMAL(6, 6)) AS DECIMAL(19, 9))"
    quantity = (
        "CASE WHEN NOT counted THEN NULL WHEN u.name IS NULL OR pricing_unit = u.block THEN blocks "
        f"WHEN consumed_unit = u.base AND u.size = 1000000 AND consumed = floor(consumed) THEN {exact} "
        "WHEN consumed_unit = u.base AND u.size = 1 THEN CAST(consumed AS DECIMAL(19, 9)) END"
    )
    unit = "coalesce(u.block, CASE WHEN counted THEN pricing_unit END)"
    return (
        f"SELECT * EXCLUDE (price), {quantity} AS quantity, {unit} AS unit, CASE WHEN pricing_unit = {unit} THEN price "
        f"END AS price, {_places()} AS places FROM ({named}) LEFT JOIN meter_units u ON u.name = meter"
    )


def _basis(own: bool, billed: bool) -> str:
    """Rows that belong to the side: a rated side never holds the bill, a bill never holds an estimate."""
    if not own:
        return "TRUE"
    if billed:
        return "coalesce(x_CostBasis, 'billed') <> 'rated'"
    return "coalesce(x_CostBasis, 'rated') <> 'billed'"


def _seller(c: _Columns) -> str:
    names = ("ServiceProviderName", "ProviderName", "InvoiceIssuerName", "PublisherName")
    return f"coalesce({', '.join(c.text(n) for n in names)})"


def _places() -> str:
    """SQL of the decimals that an amount really uses: 2, 4, 6, 9 or 18."""
    tests = " ".join(f"WHEN cost = round(cost, {n}) THEN {n}" for n in (2, 4, 6, 9))
    return f"CASE {tests} ELSE 18 END"


class _Columns:
    """SQL of columns that may be missing, text (CSV) or binary doubles; amounts never pass through a double sum."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        self.columns = columns

    def text(self, name: str, default: str | None = None) -> str:
        if name not in self.columns:
            return f"CAST({literal(default)} AS VARCHAR)"
        sql = f"NULLIF(CAST({ident(name)} AS VARCHAR), '')"
        return f"coalesce({sql}, {literal(default)})" if default else sql

    def number(self, name: str, precision: int, scale: int) -> str:
        kind = f"DECIMAL({precision}, {scale})"
        if name not in self.columns:
            return f"CAST(NULL AS {kind})"
        if self.columns[name].startswith("DECIMAL"):
            return f"CAST({ident(name)} AS {kind})"
        return f"CAST(NULLIF(CAST({ident(name)} AS VARCHAR), '') AS {kind})"

    def time(self, name: str) -> str:
        if name not in self.columns:
            return "CAST(NULL AS TIMESTAMPTZ)" if name != "ChargePeriodEnd" else self.time("ChargePeriodStart")
        return f"CAST({ident(name)} AS TIMESTAMPTZ)"

    def details(self, key: str) -> str:
        """SQL of a key of SkuPriceDetails."""
        if "SkuPriceDetails" not in self.columns:
            return "CAST(NULL AS VARCHAR)"
        held = f"CAST({ident('SkuPriceDetails')} AS VARCHAR)"
        return f"CASE WHEN json_valid({held}) THEN json_extract_string({held}, {literal('$.' + key)}) END"


__all__ = ["Meter", "create_lines", "create_names", "is_focus", "row_lines"]
