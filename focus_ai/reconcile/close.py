"""SQL that brings rows to their bill: weights of a split bill, adjustment rows, corrections of an invoiced period.

In: rows of both sides with their bucket (tables `rated_rows`, `billed_rows`: the columns of the data set, `seq`, `n`,
`quantity`), and `buckets`. Out: SELECTs of finished rows whose EffectiveCost adds up to the bill.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from focus_ai.engine import ident, literal

OWNER = ("x_Team", "x_Product", "x_Feature", "x_Environment", "x_CostCenter", "x_BusinessUnit")
_SUMS = (
    "ListCost", "ContractedCost", "EffectiveCost", "BilledCost", "PricingQuantity", "ConsumedQuantity",
    "CommitmentDiscountQuantity", "PricingCurrencyEffectiveCost", "x_InputTokens", "x_CacheReadTokens",
    "x_CacheWriteTokens", "x_OutputTokens", "x_ReasoningTokens", "x_RequestCount",
)  # fmt: skip
#: What may differ between two deliveries of one charge.
_LOOSE = (
    "ChargeClass", "BillingPeriodStart", "BillingPeriodEnd", "InvoiceId", "InvoiceDetailId", "x_ChargeId",
    "AllocatedMethodDetails", "x_AllocatedMethodDetails", "x_OriginChargeId", "x_OwnerEvidence",
)  # fmt: skip
# An adjustment has no quantity, price or SKU; it belongs to nobody.
_EMPTY = (
    "ConsumedQuantity", "ConsumedUnit", "ContractedUnitPrice", "ListUnitPrice", "PricingCategory", "PricingQuantity",
    "PricingUnit", "PricingCurrencyContractedUnitPrice", "PricingCurrencyListUnitPrice", "SkuId", "SkuMeter",
    "SkuPriceDetails", "SkuPriceId", "x_InputTokens", "x_CacheReadTokens", "x_CacheWriteTokens", "x_OutputTokens",
    "x_ReasoningTokens", "x_RequestCount", "x_RateId", "x_PriceAssumptions", "x_QuantityBasis", "x_TokenDirection",
    "x_TokenCacheAction", "x_LineItem", "x_Owner", "x_OwnerEvidence", "x_AttemptUse", "ResourceId", "ResourceName",
    "ResourceType", "x_FxDate", "x_FxRate", "x_FxSource",
    *OWNER,
)  # fmt: skip


def adjustments_sql(columns: Mapping[str, str]) -> str:
    """SELECT of one Adjustment row per bucket of usage that differs, shaped after a row of the bucket."""
    known = {
        "ChargeCategory": "'Adjustment'", "ChargeFrequency": "'One-Time'", "ChargeClass": "NULL",
        "ChargeDescription": "'Difference between rated usage and bill' || coalesce(': ' || d.causes, '')",
        "ListCost": "d.effective", "ContractedCost": "d.effective", "EffectiveCost": "d.effective",
        "BilledCost": "d.billed", "PricingCurrencyEffectiveCost": "d.effective", "Tags": "'{}'",
        "ChargePeriodStart": _instant("d.p_from"), "ChargePeriodEnd": _instant("d.p_to"),
        "x_CostBasis": "'adjusted'", "x_OwnerStatus": "'unattributed'", "x_UnattributedReason": "'bill_difference'",
        "x_Source": "'reconcile'", "x_ChargeId": "left(md5('adjustment' || chr(31) || t.x_ChargeId), 16)",
        "BillingPeriodStart": _instant("date_trunc('month', d.p_from)"),
        "BillingPeriodEnd": _instant("date_trunc('month', d.p_from) + INTERVAL 1 month"),
        "InvoiceId": "d.invoice", **dict.fromkeys(_EMPTY, "NULL"),
    }  # fmt: skip
    chosen = ", ".join(_cast(n, known[n], kind) if n in known else f"t.{ident(n)}" for n, kind in columns.items())
    # The template is the first row of the bucket by its id: the same whatever the order of the files.
    template = (
        "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY n ORDER BY side, x_ChargeId, seq) AS first FROM ("
        "SELECT 1 AS side, * FROM rated_rows UNION ALL BY NAME SELECT 2 AS side, * FROM billed_rows)) WHERE first = 1"
    )
    sums = (
        "SELECT b.n, b.p_from, b.p_to, b.invoice, CAST(b.delta AS DECIMAL(38, 18)) AS effective, "
        "CAST(coalesce(y.paid, 0) - coalesce(x.paid, 0) AS DECIMAL(38, 18)) AS billed, c.causes FROM buckets b "
        "LEFT JOIN (SELECT n, sum(BilledCost) AS paid FROM rated_rows GROUP BY n) x USING (n) "
        "LEFT JOIN (SELECT n, sum(BilledCost) AS paid FROM billed_rows GROUP BY n) y USING (n) "
        "LEFT JOIN (SELECT n, string_agg(DISTINCT cause, ', ' ORDER BY cause) AS causes FROM causes GROUP BY n) c "
        "USING (n) WHERE b.kind = 'usage' AND b.delta <> 0"
    )
    return f"SELECT {chosen}, t.n AS seq FROM ({sums}) d JOIN ({template}) t USING (n)"


def _instant(day: str) -> str:
    """SQL of the first instant of a day in UTC."""
    return f"CAST(CAST(CAST({day} AS DATE) AS VARCHAR) || ' 00:00:00+00' AS TIMESTAMPTZ)"


def adjusted_sql(columns: Mapping[str, str]) -> str:
    """SELECT of the rated rows of an adjusted period, and of the bill's own credits, taxes and purchases."""
    own = ", ".join("'adjusted' AS x_CostBasis" if n == "x_CostBasis" else ident(n) for n in columns)
    plain = ", ".join(ident(n) for n in columns)
    return (
        f"SELECT {own}, seq FROM rated_rows UNION ALL "
        f"SELECT {plain}, seq FROM billed_rows WHERE ChargeCategory <> 'Usage'"
    )


def corrections_sql(columns: Mapping[str, str], old: str, new: str, month: tuple[str, str]) -> str:
    """SELECT of Correction rows: what turns the delivered rows `old` into `new`, charge by charge.

    Rows of one charge at one price that changed in quantity get one row with the difference; a changed price gives the
    old charge with a negative sign and the new one. `month`: first day and day after the last of the billing period.
    """
    sums = [n for n in _SUMS if n in columns]
    keys = [n for n in columns if n not in sums and n not in _LOOSE]
    names = ", ".join(ident(n) for n in [*keys, *sums])
    loose = [n for n in _LOOSE if n in columns]
    kept = ", ".join(f"max({ident(n)}) AS {ident(n)}" for n in loose)
    totals = ", ".join(
        f"CAST(coalesce(sum({ident(n)} * side), 0) AS {_sql_type(columns[n])}) AS {ident(n)}, "
        f"count({ident(n)}) > 0 AS {ident('has_' + n)}"
        for n in sums
    )
    group = ", ".join(ident(n) for n in keys)
    both = f"SELECT {names}, {', '.join(map(ident, loose))}, -1 AS side FROM ({old}) UNION ALL "
    both += f"SELECT {names}, {', '.join(map(ident, loose))}, 1 AS side FROM ({new})"
    changed = " OR ".join(f"{ident(n)} <> 0" for n in sums if n != "x_RequestCount")
    start, end = (f"CAST({literal(day + ' 00:00:00+00')} AS TIMESTAMPTZ)" for day in month)
    known = {
        "ChargeClass": "'Correction'", "BillingPeriodStart": start, "BillingPeriodEnd": end, "InvoiceId": "NULL",
        "x_ChargeId": f"left(md5(concat_ws(chr(31), x_ChargeId, {literal(month[0])}, CAST(EffectiveCost AS VARCHAR), "
        "CAST(ContractedUnitPrice AS VARCHAR))), 16)",
        **{n: f"CASE WHEN {ident('has_' + n)} THEN {ident(n)} END" for n in sums},
    }  # fmt: skip
    chosen = ", ".join(_cast(n, known[n], kind) if n in known else ident(n) for n, kind in columns.items())
    grouped = f"SELECT {group}, {kept}, {totals} FROM ({both}) GROUP BY {group}"
    return f"SELECT {chosen}, 0 AS seq FROM ({grouped}) WHERE {changed}"


def _cast(name: str, sql: str, kind: str) -> str:
    return f"CAST({sql} AS {_sql_type(kind)}) AS {ident(name)}"


def _sql_type(kind: str) -> str:
    """The engine's name of an Arrow type given as text."""
    if kind.startswith("decimal128"):
        return "DECIMAL" + kind.removeprefix("decimal128")
    if kind.startswith("timestamp"):
        return "TIMESTAMPTZ"
    return "BIGINT" if kind == "int64" else "VARCHAR"


def invoiced_months(words: Sequence[str]) -> tuple[str, ...]:
    """Months as YYYY-MM, sorted. Raises `ValueError` for anything else."""
    from datetime import date

    found = {word.strip() for part in words for word in part.split(",") if word.strip()}
    for word in found:
        date.fromisoformat(f"{word}-01")
    return tuple(sorted(found))
