"""Rows of any FOCUS file become lines of one small shape, so that both sides can be added up by the same key.

A line: `day_from`, `day_to` (exclusive), `currency`, `channel`, `account`, `sub_account`, `model`, `meter`, `tier`,
`marks` (what else changes the price), `kind` (usage, purchase, credit, tax, adjustment), `unit`, `quantity` (priced
blocks, null when unknown), `price`, `cost`, `lines`, `invoice`, `unattributed`. What a file does not say is null.

Texts repeat over many rows: they are read once per combination (table `dims`, one number each), so that sums, joins
and sorting of millions of rows (tables `rated_facts`, `billed_facts`) work on numbers alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from focus_ai.engine import Session, ident, literal, literals
from focus_ai.engine.tables import create_table

#: Texts of a line, in the columns of `dims`.
TEXTS = (
    "currency", "channel", "account", "sub_account", "model", "meter", "tier", "marks", "kind", "unit", "invoice",
)  # fmt: skip
SIDES = ("rated", "billed")
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


def create_names(
    session: Session, channels: Mapping[str, str], patterns: Mapping[str, str], meters: Sequence[Meter]
) -> None:
    """Tables `channel_names` (service or seller in lower case -> channel), `channel_words` (the words of a cloud -> the
    channel, in their order) and `meter_names` (SkuMeter -> meter)."""
    create_table(
        session, "channel_words", {"place": "BIGINT", "words": "VARCHAR", "slug": "VARCHAR"},
        [{"place": n, "words": words, "slug": slug} for n, (slug, words) in enumerate(patterns.items())],
    )  # fmt: skip
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


def create_facts(session: Session) -> None:
    """The empty tables `dims`, `rated_facts` and `billed_facts`."""
    session.sql(f"CREATE TABLE dims (id INTEGER, {', '.join(f'{n} VARCHAR' for n in TEXTS)})")
    for side in SIDES:
        session.sql(
            f"CREATE TABLE {side}_facts (dim INTEGER, day_from DATE, day_to DATE, unpriced BOOLEAN, "
            "price_min DECIMAL(18, 9), price_max DECIMAL(18, 9), quantity DECIMAL(38, 9), counted BOOLEAN, "
            "cost DECIMAL(38, 18), lines BIGINT, unattributed DECIMAL(38, 18), places TINYINT)"
        )


def add_rows(
    session: Session,
    side: str,
    relation: str,
    columns: Mapping[str, str],
    *,
    billed: bool,
    measure: str | None = None,
) -> None:
    """Add the rows of a relation with these columns (name -> type of the engine) to the facts of a side.

    `billed`: what a bill states counts, else what was rated. `measure` names the cost column; by default EffectiveCost
    on rows of ours and BilledCost on rows of others. Of a bill, a quantity that was borrowed from usage does not count:
    the bill did not state it. Rated amounts are exact, so that nothing in them is rounding.
    """
    source = _Source(columns, billed=billed, measure=measure)
    told, counted = source.texts(), source.numbers()
    held = {n: f"CAST({ident(n)} AS VARCHAR)" for n in source.read}
    # Texts are looked at once per combination, however many rows have it.
    session.sql(
        "CREATE OR REPLACE TABLE combos AS SELECT row_number() OVER () AS combo, * FROM (SELECT DISTINCT "
        f"{', '.join(f'{sql} AS {ident(n)}' for n, sql in held.items())} FROM {relation} WHERE {source.basis})"
    )
    session.sql(f"CREATE OR REPLACE TABLE named AS {_named(f'SELECT *, {told} FROM combos')}")
    _add_dims(session, "named")
    keys = ", ".join(f"c.{ident(n)} AS k{i}" for i, n in enumerate(held))
    session.sql(
        f"CREATE OR REPLACE TABLE combo_dims AS SELECT d.id AS dim, n.mode, n.priced, n.nobody, {keys} "
        f"FROM named n JOIN combos c USING (combo) JOIN dims d ON {_same('n')}"
    )
    joined = " AND ".join(f"c.k{i} IS NOT DISTINCT FROM CAST(r.{ident(n)} AS VARCHAR)" for i, n in enumerate(held))
    rows = (
        f"SELECT c.dim, c.mode, c.priced, c.nobody, {counted} FROM {relation} r JOIN combo_dims c ON {joined} "
        f"WHERE {source.basis}"
    )
    rows = (
        "SELECT dim, day_from, day_to, nobody, cost, CASE WHEN priced THEN price END AS price, "
        f"{_QUANTITY} AS quantity, {_DIGITS} AS digits FROM ({rows})"
    )
    nobody = "0" if side == "billed" else "coalesce(sum(CASE WHEN nobody THEN cost END), 0)"
    places = _PLACES if billed else str(EXACT) if side == "billed" else "NULL"
    session.sql(
        f"INSERT INTO {side}_facts SELECT dim, day_from, day_to, FALSE, min(price), max(price), sum(quantity), "
        f"bool_and(quantity IS NOT NULL), sum(cost), count(*), {nobody}, "
        f"{places} FROM ({rows}) GROUP BY dim, day_from, day_to"
    )
    for table in ("combos", "named", "combo_dims"):
        session.sql(f"DROP TABLE {table}")


def add_lines(session: Session, side: str, relation: str) -> None:
    """Add finished lines (a relation with their columns; `unpriced` marks usage without a price) to a side."""
    _add_dims(session, relation)
    session.sql(
        f"INSERT INTO {side}_facts SELECT d.id, day_from, day_to, unpriced, price, price, quantity, "
        "quantity IS NOT NULL, cost, lines, unattributed, places "
        f"FROM {relation} n JOIN dims d ON {_same('n')}"
    )


def _add_dims(session: Session, relation: str) -> None:
    """New combinations of texts get the next numbers."""
    session.sql(
        "INSERT INTO dims SELECT (SELECT coalesce(max(id) + 1, 0) FROM dims) + row_number() OVER () - 1, * FROM ("
        f"SELECT DISTINCT {', '.join(TEXTS)} FROM {relation}) n "
        f"WHERE NOT EXISTS (SELECT 1 FROM dims d WHERE {_same('n')})"
    )


def _same(name: str) -> str:
    return " AND ".join(f"{name}.{n} IS NOT DISTINCT FROM d.{n}" for n in TEXTS)


def row_lines(relation: str, columns: Mapping[str, str], *, billed: bool, carry: str) -> str:
    """SELECT of one line per row, without price; `carry` names a column of the relation that goes along."""
    source = _Source(columns, billed=billed)
    raw = f"SELECT {carry}, {source.texts()}, {source.numbers()} FROM {relation} WHERE {source.basis}"
    return f"SELECT *, {_QUANTITY} AS quantity FROM ({_named(raw)})"


def _named(raw: str) -> str:
    """SELECT of all columns of `raw` (as `_Source.texts` gives them) and what they mean.

    Adds channel, meter, unit, whether the price is that of the unit, and the `mode` of the quantity: 0 unknown, 1 the
    priced blocks, 2 consumed units in millions, 3 consumed units.
    """
    # The words of a cloud are few, its rows many.
    worded = (
        f"SELECT r.words, arg_min(c.slug, c.place) AS slug FROM (SELECT DISTINCT words FROM ({raw})) r "
        "JOIN channel_words c ON regexp_matches(r.words, c.words) GROUP BY r.words"
    )
    named = (
        "SELECT r.*, coalesce(k.slug, s.slug, w.slug, i.slug, lower(seller)) AS channel, "
        "coalesce(told_meter, m.named) AS meter FROM "
        f"({raw}) r LEFT JOIN (SELECT DISTINCT slug FROM channel_names) k ON split_part(r.sku, '/', 1) = k.slug "
        "LEFT JOIN channel_names s ON lower(r.service) = s.name "
        f"LEFT JOIN ({worded}) w USING (words) "
        "LEFT JOIN channel_names i ON lower(r.seller) = i.name "
        "LEFT JOIN meter_names m ON r.sku_meter = m.sku_meter AND r.kind = 'usage'"
    )
    unit = "coalesce(u.block, CASE WHEN stated THEN pricing_unit END)"
    mode = (
        "CASE WHEN NOT stated THEN 0 WHEN u.name IS NULL OR pricing_unit = u.block THEN 1 "
        "WHEN consumed_unit = u.base AND u.size = 1000000 THEN 2 WHEN consumed_unit = u.base AND u.size = 1 THEN 3 "
        "ELSE 0 END"
    )
    return (
        f"SELECT n.*, {unit} AS unit, coalesce(pricing_unit = {unit}, FALSE) AS priced, {mode} AS mode "
        f"FROM ({named}) n LEFT JOIN meter_units u ON u.name = meter"
    )


#: SQL of the quantity in priced blocks.
_QUANTITY = (
    "CASE mode WHEN 1 THEN blocks WHEN 2 THEN CASE WHEN consumed = floor(consumed) THEN CAST(CAST(consumed AS "
    "DECIMAL(28, 0)) * CAST(0.000001 AS DECIMAL(6, 6)) AS DECIMAL(19, 9)) END "
    "WHEN 3 THEN CAST(consumed AS DECIMAL(19, 9)) END"
)
#: Decimals of an amount that nobody rounded.
EXACT = 18
#: SQL of the decimals that amounts really use: 2, 4, 6, 9 or 18. The text of a cost always has 18.
_DIGITS = "length(rtrim(CAST(cost AS VARCHAR), '0')) - length(CAST(cost AS VARCHAR)) + 18"
_PLACES = f"CASE {' '.join(f'WHEN max(digits) <= {n} THEN {n}' for n in (2, 4, 6, 9))} ELSE 18 END"


class _Source:
    """SQL of the columns of one relation, which may be missing, text (CSV) or binary doubles.

    `basis` says which rows belong to the side; `read` are the columns that texts come from.
    """

    def __init__(self, columns: Mapping[str, str], *, billed: bool, measure: str | None = None) -> None:
        self.columns, self.billed = columns, billed
        self.own = "x_CostBasis" in columns
        self.basis = _basis(self.own, billed)
        wanted = measure or ("EffectiveCost" if self.own or not billed else "BilledCost")
        self.cost = wanted if wanted in columns else next(n for n in COSTS if n in columns)
        self.read: list[str] = []

    def texts(self) -> str:
        """Columns that name something."""
        text, detail = self._text, self._detail
        usage = f"{text('ChargeCategory', 'Usage')} = 'Usage'"
        sku = text("SkuPriceId")
        parts = f"list_filter(string_split({sku}, '#')[2:], lambda m: m NOT IN ({literals(_MARK_TIERS)}))"
        marks = f"NULLIF(array_to_string({parts}, '#'), '')" if self.own else "NULL"
        tier = f"coalesce({text('x_ProcessingTier')}, {detail('x_Processing')}, {detail('x_ServiceTier')})"
        basis = text("x_QuantityBasis")
        stated = f"coalesce({basis}, '') <> 'none'" + (f" AND coalesce({basis}, '') <> 'metered'" * self.billed)
        sellers = ("ServiceProviderName", "ProviderName", "InvoiceIssuerName", "PublisherName")
        return ", ".join([
            f"{text('BillingCurrency')} AS currency", f"{text('SkuId')} AS sku", f"{text('ServiceName')} AS service",
            f"lower(concat_ws(' / ', {text('ServiceName')}, {text('x_SkuMeterSubcategory')})) AS words",
            f"coalesce({', '.join(text(n) for n in sellers)}) AS seller",
            f"NULLIF({text('BillingAccountId')}, '{_UNSPECIFIED}') AS account",
            f"{text('SubAccountId')} AS sub_account",
            f"coalesce({text('x_ModelId')}, {detail('x_ModelId')}, {detail('ModelId')}) AS model",
            f"CASE WHEN {usage} THEN {text('x_TokenType')} END AS told_meter",
            f"lower({text('SkuMeter')}) AS sku_meter", f"CASE WHEN {usage} THEN {tier} END AS tier",
            f"CASE WHEN {usage} THEN {marks} END AS marks", f"lower({text('ChargeCategory', 'Usage')}) AS kind",
            f"{text('PricingUnit')} AS pricing_unit", f"{text('ConsumedUnit')} AS consumed_unit",
            f"{stated} AS stated", f"{text('InvoiceId')} AS invoice",
            f"coalesce({text('x_OwnerStatus')} = 'unattributed', FALSE) AS nobody",
        ])  # fmt: skip

    def numbers(self) -> str:
        """Days and amounts. Amounts never pass through a sum of doubles."""
        start, end = self._instant("ChargePeriodStart"), self._instant("ChargePeriodEnd")
        return (
            f"CAST({start} AS DATE) AS day_from, CAST(make_timestamp(epoch_us({end}) - 1) AS DATE) + 1 AS day_to, "
            f"{self._number('PricingQuantity', 19, 9)} AS blocks, "
            f"{self._number('ConsumedQuantity', 38, 9)} AS consumed, "
            f"{self._number('ContractedUnitPrice', 18, 9)} AS price, "
            f"coalesce({self._number(self.cost, 38, 18)}, 0) AS cost"
        )

    def _text(self, name: str, default: str | None = None) -> str:
        if name not in self.columns:
            return f"CAST({literal(default)} AS VARCHAR)"
        sql = f"NULLIF({self._plain(name)}, '')"
        return f"coalesce({sql}, {literal(default)})" if default else sql

    def _detail(self, key: str) -> str:
        """SQL of a key of SkuPriceDetails."""
        if "SkuPriceDetails" not in self.columns:
            return "CAST(NULL AS VARCHAR)"
        held = self._plain("SkuPriceDetails")
        return f"CASE WHEN json_valid({held}) THEN json_extract_string({held}, {literal('$.' + key)}) END"

    def _plain(self, name: str) -> str:
        if name not in self.read:
            self.read.append(name)
        return f"CAST({ident(name)} AS VARCHAR)"

    def _number(self, name: str, precision: int, scale: int) -> str:
        kind = f"DECIMAL({precision}, {scale})"
        if name not in self.columns:
            return f"CAST(NULL AS {kind})"
        if self.columns[name].startswith("DECIMAL"):
            return f"CAST({ident(name)} AS {kind})"
        return f"CAST(NULLIF(CAST({ident(name)} AS VARCHAR), '') AS {kind})"

    def _instant(self, name: str) -> str:
        if name not in self.columns:
            return "CAST(NULL AS TIMESTAMPTZ)" if name != "ChargePeriodEnd" else self._instant("ChargePeriodStart")
        return f"CAST({ident(name)} AS TIMESTAMPTZ)"


def _basis(own: bool, billed: bool) -> str:
    """Rows that belong to the side: a rated side never holds the bill, a bill never holds an estimate."""
    if not own:
        return "TRUE"
    if billed:
        return "coalesce(x_CostBasis, 'billed') <> 'rated'"
    return "coalesce(x_CostBasis, 'rated') <> 'billed'"


__all__ = ["TEXTS", "Meter", "add_lines", "add_rows", "create_facts", "create_names", "is_focus", "row_lines"]
