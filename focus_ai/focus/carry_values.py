"""The value of each column of the version asked for, as SQL over the cells of a FOCUS file and what the run knows."""

from __future__ import annotations

from functools import cache

from focus_ai.engine import ident, literal, literals
from focus_ai.focus.carry_cells import Cells, sources
from focus_ai.focus.carry_readings import allowed, details, fits, number, reading, rules
from focus_ai.focus.columns import Column, load
from focus_ai.meters import meters

# Our columns that come from the owner of the row, from its SKU, or from the run.
_OWNER = {
    "x_Team": "team", "x_Product": "product", "x_Feature": "feature", "x_Environment": "environment",
    "x_CostCenter": "cost_center", "x_BusinessUnit": "business_unit", "x_OwnerStatus": "status",
}  # fmt: skip
_OWNER_PROOF = {"x_UnattributedReason": "reason", "x_OwnerEvidence": "evidence"}
_SKU = {
    "x_ModelId": "model", "x_ModelDeveloper": "developer", "x_ModelFamily": "family", "x_ModelVersion": "version",
}  # fmt: skip
# Told by the words of a line that is read as a meter; rows that came with our own columns keep what they say.
_READ = {"x_ProcessingTier": "processing_tier", "x_InferenceGeo": "geo"}
_PARTS = {"x_TokenType": "token_type", "x_TokenDirection": "direction", "x_TokenCacheAction": "cache_action"}
_RUN = {"x_CostBasis": "'billed'", "x_Source": "adapter", "x_ChargeId": "left(md5(CAST(record_key AS VARCHAR)), 16)"}
# Read by the adapter already, whatever way its mapping says.
_TIMES = {"ChargePeriodStart": "event_time", "ChargePeriodEnd": "bucket_end"}
_TYPES = {"DateTime": "TIMESTAMPTZ", "Integer": "BIGINT"}
UNIT_PRICES = (
    "ListUnitPrice", "ContractedUnitPrice", "PricingCurrencyListUnitPrice", "PricingCurrencyContractedUnitPrice",
)  # fmt: skip
QUANTITY, UNIT = "PricingQuantity", "PricingUnit"


def value(column: Column, cells: Cells) -> str:
    """SQL of the value, in the type of the column."""
    if column.name in UNIT_PRICES and column.name in cells:
        return number(cells.text(column.name), column, "per_more")
    if column.name == QUANTITY and column.name in cells:
        return number(cells.text(column.name), column, "(-per_more)")
    if column.name == UNIT and column.name in cells:
        unit = cells.text(UNIT)
        return f"CASE WHEN per_more > 0 THEN '1000000 ' || regexp_replace({unit}, '^1000 ', '') ELSE {unit} END"
    parts = [own(column, cells)]
    parts += [_from(column, name, cells) for name in sources(column.name) if name != column.name and name in cells]
    parts += _known(column, cells)
    kind = _TYPES.get(column.type, "VARCHAR")
    if column.type == "Decimal":
        kind = "DECIMAL({}, {})".format(*(column.decimal() or (38, 18)))
    if column.name in _OWNER:
        parts = [_OWNER[column.name]]
    if column.name in _OWNER_PROOF:
        kept = f"CASE WHEN {_same_owner(cells)} THEN {cells.first(column.name)} END"
        parts = [kept, _OWNER_PROOF[column.name]]
    if column.name == "x_Owner":
        team = cells.first("x_Team")
        kept = f"CASE WHEN {team} IS NULL OR {team} = CAST(team AS VARCHAR) THEN {cells.first('x_Owner')} END"
        parts = [kept, "contact"]
    return f"coalesce({', '.join(f'CAST({part} AS {kind})' for part in parts)})"


def own(column: Column, cells: Cells) -> str:
    """SQL of what the cell of the same name says; NULL where it is empty or does not fit."""
    if column.name not in cells:
        return "NULL"
    read = reading(column, cells.text(column.name))
    if rules()["columns"].get(column.name, {}).get("unless") == "a_day":
        start, end = (f"carry_instant({cells.first(n)})" for n in ("BillingPeriodStart", "BillingPeriodEnd"))
        return f"CASE WHEN NOT coalesce({end} - {start} <= INTERVAL 1 day, FALSE) THEN {read} END"
    return read


def per_more(cells: Cells) -> str:
    """SQL: by how many places a price has to be told for more units, so that it needs nine decimals and no more.

    A price of 0.0000000375 per token is exactly 0.0375 per million tokens. Only where the unit text says how many units
    a price is for, where all prices and the quantity of the row are exact afterwards, and where one is not before.
    """
    model = load("1.4")
    prices = [name for name in UNIT_PRICES if name in cells]
    numbers = [*prices, *([QUANTITY] if QUANTITY in cells else [])]
    if UNIT not in cells or not numbers:
        return "0"
    unit = cells.text(UNIT)
    word = "[A-Z][A-Za-z]*( [A-Z][A-Za-z]*)*"
    more = (
        f"CASE WHEN regexp_full_match({unit}, '{word}') THEN 6 WHEN regexp_full_match({unit}, '1000 {word}') THEN 3 END"
    )
    texts = {name: cells.text(name) for name in numbers}
    bad = [f"({t} IS NOT NULL AND NOT {fits(t, model.column(n))})" for n, t in texts.items()]
    good = [
        f"({t} IS NULL OR {fits(t, model.column(n), f'(-({more}))' if n == QUANTITY else f'({more})')})"
        for n, t in texts.items()
    ]
    return f"CASE WHEN ({' OR '.join(bad)}) AND {' AND '.join(good)} THEN coalesce({more}, 0) ELSE 0 END"


def _from(column: Column, name: str, cells: Cells) -> str:
    """SQL of what another column of the file gives; with `needs`, only on rows that have what the value hangs on."""
    entry = rules()["columns"].get(column.name, {})
    text = details(cells.text(name)) if entry.get("details") else reading(column, cells.text(name))
    return f"CASE WHEN {cells.given(entry['needs'])} IS NOT NULL THEN {text} END" if "needs" in entry else text


def _known(column: Column, cells: Cells) -> list[str]:
    """What the run knows about a column that the file leaves empty."""
    name = column.name
    if name in _READ:
        stated = cells.first("x_TokenType")
        return [f"CASE WHEN billed_meter IS NOT NULL AND {stated} IS NULL THEN {_READ[name]} END"]
    if name in _PARTS:
        return [_by_meter(_PARTS[name])]
    if name in _token_columns():
        counted = f"CASE WHEN billed_meter IN ({literals(_token_columns()[name])}) THEN tokens END"
        return [f"TRY_CAST({counted} AS BIGINT)"]
    if name in _SKU:
        return [ident(_SKU[name])]
    fill = rules()["columns"].get(name, {}).get("fill")
    found = {**_RUN, **_TIMES}.get(name)
    return [sql for sql in (found, _fill(fill, cells) if fill else None) if sql]


def _same_owner(cells: Cells) -> str:
    """SQL: did the row come with the very owner that this run finds? Then its proof is the better one."""
    if "x_OwnerStatus" not in cells:
        return "FALSE"
    return " AND ".join(f"{cells.first(n)} IS NOT DISTINCT FROM CAST({sql} AS VARCHAR)" for n, sql in _OWNER.items())


def _fill(rule: str, cells: Cells) -> str:
    """SQL of what stands in for a column that the row leaves empty."""
    model = load("1.4")
    provider = cells.given("ServiceProviderName")
    if rule == "host":
        named = literals(rules()["own_hosts"])
        return f"CASE WHEN {provider} IN ({named}) THEN {provider} END"
    category = allowed(model.column("ServiceCategory"), cells.given("ServiceCategory"))
    category = f"coalesce({category}, {_category(cells)})"
    start, end = (own(model.column(name), cells) for name in ("BillingPeriodStart", "BillingPeriodEnd"))
    month = "date_trunc('month', event_time)"
    return {
        "account": "account_id",
        "service": f"coalesce({cells.first('SkuMeter', 'ChargeDescription')}, CAST(service AS VARCHAR))",
        "month_start": f"coalesce(CAST({end} AS TIMESTAMPTZ) - INTERVAL 1 month, {month})",
        "month_end": f"coalesce(CAST({start} AS TIMESTAMPTZ), {month}) + INTERVAL 1 month",
        "frequency": "CASE WHEN category = 'Usage' THEN 'Usage-Based' ELSE 'One-Time' END",
        "category": _category(cells),
        "subcategory": "CASE WHEN model IS NOT NULL AND billed_meter IS NOT NULL THEN 'Generative AI' "
        f"ELSE 'Other (' || {category} || ')' END",
    }[rule]


def _category(cells: Cells) -> str:
    service = f"coalesce({cells.first('ServiceName')} IN ({literals(rules()['ai_services'])}), FALSE)"
    return f"CASE WHEN model IS NOT NULL OR for_models OR {service} THEN 'AI and Machine Learning' ELSE 'Other' END"


@cache
def _token_columns() -> dict[str, list[str]]:
    """Token column -> the meters whose tokens it holds."""
    found: dict[str, list[str]] = {}
    for name, meter in meters().items():
        if meter.column:
            found.setdefault(meter.column, []).append(name)
    return found


def _by_meter(attribute: str) -> str:
    groups: dict[str, list[str]] = {}
    for name, meter in meters().items():
        told = getattr(meter, attribute)
        if told is not None:
            groups.setdefault(str(told), []).append(name)
    whens = " ".join(f"WHEN billed_meter IN ({literals(names)}) THEN {literal(v)}" for v, names in groups.items())
    return f"CASE {whens} END"
