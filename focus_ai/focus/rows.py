"""The projection: charges joined to their dimensions, one SQL expression per FOCUS column.

The same expressions serve every version; a version takes the columns that its model has. Columns that AI spend never
fills (capacity reservations, commitments, availability zones) are null of their type.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date

from focus_ai.engine import ident, literal
from focus_ai.focus.columns import Column, output_columns
from focus_ai.meters import meters

_SQL_TYPE = {"String": "VARCHAR", "JSON": "VARCHAR", "DateTime": "TIMESTAMPTZ", "Integer": "BIGINT"}
# By time, then by charge; equal ids differ in what follows.
_ORDER = ("ChargePeriodStart", "x_ChargeId", "SkuPriceId", "x_RequestId", "x_LineItem", "BilledCost")
_REQUEST = {
    "x_RequestId": "c.record_id",
    "x_LogicalRequestId": "c.logical_request_id",
    "x_AttemptKind": "c.attempt_kind",
    "x_UserId": "c.end_user_id",
    "x_RequestedModel": "c.model_requested",
}


def month_bounds(month: str) -> tuple[str, str]:
    """First day of a month given as YYYY-MM or YYYY-MM-DD, and first day of the next one."""
    first = date.fromisoformat(f"{month[:7]}-01")
    after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return first.isoformat(), after.isoformat()


def _instant(day: str) -> str:
    return f"TIMESTAMPTZ {literal(day + ' 00:00:00+00')}"


def expressions(month: str, *, billed: bool, request: bool) -> dict[str, str]:
    """Column -> SQL over a charge `c` of the billing period, its place `l` and its owner `o`."""
    usage = "'Usage'" if not billed else "c.category"
    priced = "TRUE" if not billed else "c.sku_price_id IS NOT NULL"
    effective = "c.contracted_cost" if not billed else "c.effective_cost"
    pricing_currency = "c.currency" if billed else "c.pricing_currency"
    start, end = map(_instant, month_bounds(month))
    bought = " OR (l.primary_source AND c.category <> 'Usage')" if billed else ""
    found = {
        # Usage drawn from money paid before, and all of a bill that another file carries, is not billed by these rows.
        "BilledCost": f"CASE WHEN l.invoiced{bought} THEN {effective} ELSE 0 END",
        "BillingAccountId": "l.account_id",
        "BillingAccountName": "l.account_name",
        "BillingAccountType": "l.account_type",
        "BillingCurrency": "c.currency",
        "BillingPeriodEnd": f"coalesce(c.billing_start + INTERVAL 1 month, {end})" if billed else end,
        "BillingPeriodStart": f"coalesce(c.billing_start, {start})" if billed else start,
        "ChargeCategory": usage,
        "ChargeClass": "c.charge_class" if billed else "NULL",
        "ChargeDescription": f"coalesce(c.line_item, {_description(billed=True)})" if billed else _description(),
        "ChargeFrequency": f"CASE WHEN {usage} = 'Usage' THEN 'Usage-Based' ELSE 'One-Time' END"
        if billed
        else "'Usage-Based'",
        "ChargePeriodEnd": "c.period_end",
        "ChargePeriodStart": "c.period_start",
        "ConsumedQuantity": "c.quantity",
        "ConsumedUnit": "c.consumed_unit",
        "ContractedCost": "c.contracted_cost",
        "ContractedUnitPrice": "c.contracted_unit_price",
        "EffectiveCost": effective,
        "HostProviderName": "l.host",
        "InvoiceId": "c.invoice_id" if billed else "NULL",
        "InvoiceIssuerName": "l.issuer",
        "ListCost": "c.list_cost",
        "ListUnitPrice": "c.list_unit_price",
        "PricingCategory": f"CASE WHEN {priced} THEN 'Standard' END",
        "PricingCurrency": pricing_currency,
        "PricingCurrencyContractedUnitPrice": "c.contracted_unit_price" if billed else "c.pc_contracted_unit_price",
        "PricingCurrencyEffectiveCost": "c.effective_cost" if billed else "c.pc_effective_cost",
        "PricingCurrencyListUnitPrice": "c.list_unit_price" if billed else "c.pc_list_unit_price",
        "PricingQuantity": "c.pricing_quantity",
        "PricingUnit": "c.pricing_unit",
        "ProviderName": "l.service_provider",
        "PublisherName": "coalesce(c.developer, l.service_provider)"
        if billed
        else "coalesce(CAST(c.developer AS VARCHAR), CAST(l.service_provider AS VARCHAR))",
        "RegionId": "l.region_id",
        "RegionName": "l.region_name",
        "ResourceId": "l.resource_id",
        "ResourceName": "l.resource_name",
        "ResourceType": "l.resource_type",
        "ServiceCategory": "'AI and Machine Learning'",
        "ServiceName": "l.service",
        "ServiceProviderName": "l.service_provider",
        "ServiceSubcategory": "'Generative AI'",
        "SkuId": "c.sku_id",
        "SkuMeter": _by_meter(
            "sku_meter",
            f"CASE WHEN {priced} THEN coalesce(c.meter, 'Charges') END" if billed else "CAST(c.meter AS VARCHAR)",
        ),
        "SkuPriceDetails": "c.sku_details",
        "SkuPriceId": "c.sku_price_id",
        "SubAccountId": "l.sub_account_id",
        "SubAccountName": "l.sub_account_name",
        "SubAccountType": "l.sub_account_type",
        "Tags": "o.tags",
        "x_AttemptUse": "NULL" if billed else "c.attempt_use",
        "x_BusinessUnit": "o.business_unit",
        "x_CostBasis": "'billed'" if billed else "'rated'",
        "x_CostCenter": "o.cost_center",
        "x_Environment": "o.environment",
        "x_Feature": "o.feature",
        "x_FxDate": "NULL" if billed else "c.fx_date",
        "x_FxRate": "NULL" if billed else "c.fx_rate",
        "x_FxSource": "NULL" if billed else "c.fx_source",
        "x_InferenceGeo": "c.inference_geo",
        "x_LineItem": "c.line_item" if billed else "NULL",
        "x_ModelDeveloper": "c.developer",
        "x_ModelFamily": "c.family",
        "x_ModelId": "c.model",
        "x_ModelVersion": "c.version",
        "x_Owner": "o.contact",
        "x_OwnerEvidence": "o.evidence",
        "x_OwnerStatus": "o.status",
        "x_PriceAssumptions": "NULL" if billed else "c.assumptions",
        "x_ProcessingTier": "c.processing_tier",
        "x_Product": "o.product",
        "x_QuantityBasis": "c.quantity_basis" if billed else "'metered'",
        "x_RateId": "NULL" if billed else "c.rate_id",
        "x_ReasoningTokens": "NULL" if billed else "NULLIF(c.reasoning, 0)",
        "x_RequestCount": "c.requests",
        "x_Source": "l.source",
        "x_Team": "o.team",
        "x_TokenCacheAction": _by_meter("cache_action", "NULL"),
        "x_TokenDirection": _by_meter("direction", "NULL"),
        "x_TokenType": _by_meter("token_type", "CAST(c.meter AS VARCHAR)"),
        "x_UnattributedReason": "o.reason",
        **_token_columns(billed=billed),
    }
    if request and not billed:
        found.update(_REQUEST)
    key = _charge_key(billed=billed, request=request)
    found["x_ChargeId"] = f"left(md5(concat_ws(chr(31), {key})), 16)"
    return found


def rows_sql(
    version: str,
    charges: str,
    month: str,
    span: tuple[str, str],
    *,
    billed: bool,
    request: bool,
    extra: Sequence[str] = (),
) -> str:
    """SELECT of the rows of one billing period, with every column of the version in order.

    `month` is its first day; `span` (first day, day after the last) picks the charges that start in it. `extra`:
    columns of FOCUS files in the same run, which these rows leave empty.
    """
    known = expressions(month, billed=billed, request=request)
    columns = ", ".join(column_sql(c, known) for c in output_columns(version, extra=extra))
    if not billed:
        return f"SELECT {columns} {span_sql(charges, span)}"
    tests = _invoiced(month, span, "coalesce(c.billing_start, c.period_start)", "c.period_start")
    return f"SELECT {columns} {_joined(charges)} WHERE {tests}"


def span_sql(charges: str, span: tuple[str, str]) -> str:
    """FROM and WHERE of the charges `c` that start in the span, with their place `l` and owner `o`."""
    start, end = map(_instant, span)
    return f"{_joined(charges)} WHERE c.period_start >= {start} AND c.period_start < {end}"


def _joined(charges: str) -> str:
    return f"FROM ({charges}) c JOIN places l ON l.place_hash = c.place_hash JOIN owners o ON o.owner_id = c.owner_id"


def carried_sql(version: str, month: str, span: tuple[str, str], extra: Sequence[str]) -> str:
    """SELECT of the rows of FOCUS files in one billing period; their period is the one that they state."""
    columns = ", ".join(ident(c.name) for c in output_columns(version, extra=extra))
    tests = _invoiced(month, span, "BillingPeriodStart", "ChargePeriodStart")
    return f"SELECT {columns} FROM carried_rows WHERE {tests}"


def _invoiced(month: str, span: tuple[str, str], period: str, charge: str) -> str:
    """SQL: the billing period starts in the month, and the charge in the span; both are SQL of an instant."""
    first, after = month_bounds(month)
    start, end = map(_instant, span)
    tests = [f"strftime({period}, '%Y-%m') = {literal(month[:7])}"]
    # A charge can lie outside the period that bills it: the first and the last span take those.
    tests += [f"{charge} >= {start}"] if span[0] != first else []
    tests += [f"{charge} < {end}"] if span[1] != after else []
    return " AND ".join(tests)


def order_sql(columns: Collection[str] = _ORDER) -> str:
    """The total order of rows inside a file, by those columns that there are."""
    return ", ".join(ident(name) for name in _ORDER if name in columns)


def column_sql(column: Column, known: Mapping[str, str]) -> str:
    """SQL of one column in the type of its model; null where nothing is known of it."""
    sql = known.get(column.name, "NULL")
    if column.type == "Decimal":
        precision, scale = column.decimal() or (38, 18)
        sql = f"CAST({sql} AS DECIMAL({precision}, {scale}))"
    elif column.type in ("DateTime", "Integer") or sql == "NULL":
        sql = f"CAST({sql} AS {_SQL_TYPE[column.type]})"
    return f"{sql} AS {ident(column.name)}"


def _by_meter(attribute: str, other: str) -> str:
    """SQL of an attribute of the charge's meter; `other` for a meter that the table does not know."""
    groups: dict[str, list[str]] = {}
    for name, meter in meters().items():
        value = getattr(meter, attribute)
        if value is not None:
            groups.setdefault(str(value), []).append(name)
    whens = " ".join(
        f"WHEN c.meter IN ({', '.join(map(literal, names))}) THEN {literal(value)}" for value, names in groups.items()
    )
    if attribute in ("cache_action", "direction"):
        return f"CASE {whens} END"
    return f"CASE {whens} ELSE {other} END"


def _token_columns(*, billed: bool) -> dict[str, str]:
    columns: dict[str, list[str]] = {}
    for name, meter in meters().items():
        if meter.column:
            columns.setdefault(meter.column, []).append(name)
    tokens = "CAST(c.quantity AS BIGINT)" if billed else "coalesce(c.tokens, CAST(c.quantity AS BIGINT))"
    counted = " AND c.consumed_unit = 'Tokens'" if billed else ""  # a line without a quantity counts no tokens
    return {
        column: f"CASE WHEN c.meter IN ({', '.join(map(literal, names))}){counted} THEN {tokens} END"
        for column, names in columns.items()
    }


def _description(*, billed: bool = False) -> str:
    """SQL: service, model, meter (with the lifetime of a cache write) and, in brackets, what changes the price."""
    lifetimes = {m.ttl: [n for n, other in meters().items() if other.ttl == m.ttl] for m in meters().values() if m.ttl}
    ttl = " ".join(f"WHEN c.meter IN ({', '.join(map(literal, n))}) THEN {literal(t)}" for t, n in lifetimes.items())
    meter = _by_meter("sku_meter", "c.category" if billed else "CAST(c.meter AS VARCHAR)")
    price = "CAST(c.sku_price_id AS VARCHAR)"
    marks = f"replace(substr({price}, strpos({price}, '#') + 1), '#', ', ')"
    marks = f"CASE WHEN strpos({price}, '#') > 0 THEN {marks} END"
    brackets = f"NULLIF(concat_ws(', ', CASE {ttl} END, {marks}), '')"
    return f"concat_ws(' ', CAST(l.service AS VARCHAR), CAST(c.model AS VARCHAR), {meter}, '(' || {brackets} || ')')"


def _charge_key(*, billed: bool, request: bool) -> str:
    """What makes a charge: period, price, place and owner, or the billed line; of a request the record and the price.

    The id of a request therefore stays when the owner map gives it to somebody else.
    """
    if request and not billed:
        return "c.price_key, c.record_key"
    parts = ["epoch_us(c.period_start)", "epoch_us(c.period_end)", "l.place_key", "o.owner_key"]
    if billed:
        parts += ["c.sku_price_id", "c.meter", "c.currency", "c.line_facts", "c.invoice_id"]
        parts += ["concat_ws(' ', c.category, c.charge_class)", "c.quantity_basis"]
    else:
        parts += ["c.price_key"]
    key = ", ".join(f"coalesce(CAST({p} AS VARCHAR), '')" for p in parts)
    # An empty part is left out, so that a log which does not link its attempts, and a bill whose period is the month,
    # keep their ids.
    return f"{key}, c.billing_start" if billed else f"{key}, c.attempt_use"
