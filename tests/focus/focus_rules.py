"""What FOCUS 1.2, 1.3 and 1.4 say about one row, and about rows together, as far as the data can decide it.

Each rule is SQL that is true for a row that breaks it. Ids: the official requirements model 1.2.0.1, with the published
corrections applied (null-safe ChargeClass and CommitmentDiscountStatus, repaired conditions), and for 1.3 and 1.4 the
requirements that differ (ids that start with `own-` are the stable ids of our own reading of the text). Written from
the specification, not from the column model of the product. Checked 2026-11-22.
"""

from __future__ import annotations

from typing import NamedTuple

ALL = ("1.2", "1.3", "1.4")
FROM_1_3 = ("1.3", "1.4")


class Rule(NamedTuple):
    """`broken` is SQL over one row (or, for set rules, a query that returns the offenders)."""

    id: str
    broken: str
    versions: tuple[str, ...] = ALL


_ORDINARY = "coalesce(ChargeClass, '') <> 'Correction'"
_BOUGHT = f"ChargeCategory IN ('Usage', 'Purchase') AND {_ORDINARY}"
_NEVER_NULL = {
    "BilledCost-C-003-M": "BilledCost", "ContractedCost-C-003-M": "ContractedCost", "ListCost-C-003-M": "ListCost",
    "EffectiveCost-C-003-M": "EffectiveCost", "BillingAccountId-C-001-M": "BillingAccountId",
    "BillingAccountType-C-005-C": "BillingAccountType", "BillingCurrency-C-004-M": "BillingCurrency",
    "BillingPeriodStart-C-003-M": "BillingPeriodStart", "BillingPeriodEnd-C-003-M": "BillingPeriodEnd",
    "ChargeCategory-C-002-M": "ChargeCategory", "ChargeFrequency-C-002-M": "ChargeFrequency",
    "ChargePeriodStart-C-003-M": "ChargePeriodStart", "ChargePeriodEnd-C-003-M": "ChargePeriodEnd",
    "InvoiceIssuerName-C-003-M": "InvoiceIssuerName", "ServiceCategory-C-002-M": "ServiceCategory",
    "ServiceName-C-003-M": "ServiceName", "ServiceSubcategory-C-002-M": "ServiceSubcategory",
    "PricingCurrency-C-004-M": "PricingCurrency",
    "PricingCurrencyEffectiveCost-C-003-M": "PricingCurrencyEffectiveCost",
    "ChargeDescription-C-003-O": "ChargeDescription",
}  # fmt: skip
_PRICED = {  # null on Tax / not null on ordinary Usage and Purchase
    "SkuId": ("C-004-C", "C-005-C"), "SkuPriceId": ("C-004-C", "C-005-C"), "PricingQuantity": ("C-004-C", "C-005-C"),
    "PricingCategory": ("C-003-C", "C-004-C"), "ListUnitPrice": ("C-004-C", "C-005-C"),
    "ContractedUnitPrice": ("C-005-C", "C-006-C"), "PricingCurrencyListUnitPrice": ("C-004-C", "C-005-C"),
    "PricingCurrencyContractedUnitPrice": ("C-004-C", "C-005-C"),
}  # fmt: skip
_FOLLOWS = (  # (id when the first is null, id when it is not, first, second)
    ("SubAccountName-C-004-C", "SubAccountName-C-005-C", "SubAccountId", "SubAccountName"),
    ("SubAccountType-C-004-C", "SubAccountType-C-005-C", "SubAccountId", "SubAccountType"),
    ("ResourceType-C-004-C", "ResourceType-C-005-C", "ResourceId", "ResourceType"),
    ("RegionName-C-004-C", "RegionName-C-005-C", "RegionId", "RegionName"),
    ("PricingUnit-C-005-C", "PricingUnit-C-006-C", "PricingQuantity", "PricingUnit"),
    ("ConsumedUnit-C-005-C", "ConsumedUnit-C-006-C", "ConsumedQuantity", "ConsumedUnit"),
    ("SkuMeter-C-004-C", "SkuMeter-C-005-C", "SkuId", "SkuMeter"),
    ("SkuPriceDetails-C-004-C", None, "SkuPriceId", "SkuPriceDetails"),
    ("ResourceName-C-004-C", None, "ResourceId", "ResourceName"),
)  # fmt: skip
_FAMILY_1_3 = (
    "ContractedUnitPrice", "ListUnitPrice", "PricingCurrencyContractedUnitPrice", "PricingCurrencyListUnitPrice",
    "PricingQuantity", "ConsumedQuantity", "PricingCategory",
)  # fmt: skip
_PRICES = ("ListUnitPrice", "ContractedUnitPrice", "PricingCurrencyListUnitPrice", "PricingCurrencyContractedUnitPrice")

_DATA = "b|Kb|Mb|Gb|Tb|Pb|Eb|Kib|Mib|Gib|Tib|Pib|Eib|B|KB|MB|GB|TB|PB|EB|KiB|MiB|GiB|TiB|PiB|EiB"
_TIME, _TIMES = "Year|Month|Day|Hour|Minute|Second", "Years|Months|Days|Hours|Minutes|Seconds"
_COUNT, _N = "[A-Z][A-Za-z0-9]*(?: [A-Z][A-Za-z0-9]*)*", "[1-9][0-9]*"
_UNIT, _SINGLE = f"(?:{_DATA}|{_TIMES}|{_COUNT})", f"(?:{_DATA}|{_COUNT})"
_BASE = f"(?:{_DATA}|{_TIME}|{_TIMES}|{_COUNT})"
UNIT_1_2 = f"(?:{_N} )?{_UNIT}|(?:{_N} )?{_SINGLE}-(?:{_TIMES})|(?:{_N} )?{_UNIT}/(?:{_TIME})|{_UNIT}/{_N} (?:{_TIMES})"
UNIT_1_4 = f"(?:{_N} )?{_BASE}(?:-{_BASE})*(?:/(?:{_TIME}|{_N} (?:{_TIMES})))?"

_SKU_KEYS = (
    "'CoreCount', 'DiskMaxIops', 'DiskSpace', 'DiskType', 'GpuCount', 'InstanceType', 'InstanceSeries', 'MemorySize', "
    "'NetworkMaxIops', 'NetworkMaxThroughput', 'OperatingSystem', 'Redundancy', 'StorageClass'"
)


def _flat_object(column: str) -> str:
    """Not one flat JSON object with unique keys (KeyValueFormat-A-001-M, A-002-M, A-004-M)."""
    parsed = f"CAST({column} AS JSON)"
    nested = f"len(list_filter(json_extract({parsed}, '$.*'), lambda v: json_type(v) IN ('OBJECT', 'ARRAY'))) > 0"
    return (
        f"{column} IS NOT NULL AND (NOT json_valid({column}) OR json_type({parsed}) <> 'OBJECT' "
        f"OR len(list_distinct(json_keys({parsed}))) <> len(json_keys({parsed})) OR {nested})"
    )


def _row_rules() -> list[Rule]:
    rules = [Rule(i, f"{column} IS NULL") for i, column in _NEVER_NULL.items()]
    rules += [
        Rule("ProviderName-C-003-M", "ProviderName IS NULL", ("1.2", "1.3")),
        Rule("PublisherName-C-003-M", "PublisherName IS NULL", ("1.2", "1.3")),
        Rule("own-1.3-CAU-ServiceProviderName-04", "ServiceProviderName IS NULL", FROM_1_3),
        Rule("own-1.3-CAU-HostProviderName-06", f"{_BOUGHT} AND HostProviderName IS NULL", FROM_1_3),
    ]
    for column, (tax, bought) in _PRICED.items():
        rules.append(Rule(f"{column}-{tax}", f"ChargeCategory = 'Tax' AND {column} IS NOT NULL"))
        rules.append(Rule(f"{column}-{bought}", f"{_BOUGHT} AND {column} IS NULL"))
    for absent, present, first, second in _FOLLOWS:
        rules.append(Rule(absent, f"{first} IS NULL AND {second} IS NOT NULL"))
        if present:
            rules.append(Rule(present, f"{first} IS NOT NULL AND {second} IS NULL"))
    for column in _FAMILY_1_3:
        rules.append(Rule(f"own-1.3-CAU-{column}-01", f"SkuPriceId IS NULL AND {column} IS NOT NULL", FROM_1_3))
    for column in _PRICES:
        rules.append(Rule(f"own-1.3-CAU-{column}-02", f"SkuPriceId IS NOT NULL AND {column} IS NULL", FROM_1_3))
        rules.append(Rule(f"{column}-not-negative (ListUnitPrice-C-008-M and like)", f"{column} < 0"))
    unused = "coalesce(CommitmentDiscountStatus, '') = 'Unused'"
    rules += [
        Rule("ConsumedQuantity-C-004-C", f"(ChargeCategory <> 'Usage' OR {unused}) AND ConsumedQuantity IS NOT NULL"),
        Rule(
            "ConsumedQuantity-C-006-C",
            f"ChargeCategory = 'Usage' AND NOT {unused} AND {_ORDINARY} AND ConsumedQuantity IS NULL",
        ),
        # Products, without tolerance. 1.2 lets corrections out, 1.3 does not; we write none of class Correction.
        Rule(
            "ListCost-C-009-C, ListUnitPrice-C-010-C, CAU-ListCost-C-011-C",
            "CAST(ListUnitPrice * PricingQuantity AS DECIMAL(38, 18)) <> ListCost",
        ),
        Rule(
            "ContractedCost-C-009-C, ContractedUnitPrice-C-011-C, CAU-ContractedCost-C-011-C",
            "CAST(ContractedUnitPrice * PricingQuantity AS DECIMAL(38, 18)) <> ContractedCost",
        ),
        Rule(
            "ListCost-C-008-C, own-1.4-CAU-ListCost-01",
            "ChargeCategory IN ('Credit', 'Adjustment') AND ListUnitPrice IS NULL AND ListCost <> EffectiveCost",
        ),
        Rule(
            "ContractedCost-C-008-C, own-1.4-CAU-ContractedCost-01",
            "ChargeCategory IN ('Credit', 'Adjustment') AND ContractedUnitPrice IS NULL "
            "AND ContractedCost <> EffectiveCost",
        ),
        Rule(
            "EffectiveCost-C-010-C",
            "ChargeCategory = 'Credit' AND billed_here AND EffectiveCost <> BilledCost",
        ),
        Rule(
            "own-1.4-CAU-EffectiveCost-05, -06",
            "ChargeCategory IN ('Usage', 'Purchase') AND CommitmentDiscountId IS NULL AND billed_here "
            "AND EffectiveCost <> BilledCost",
        ),
        Rule(
            "own-1.4-CAU-EffectiveCost-07",
            "ChargeCategory IN ('Tax', 'Credit') AND billed_here AND EffectiveCost <> BilledCost",
        ),
        Rule("own-1.4-CAU-BilledCost-06", "NOT billed_here AND ChargeCategory = 'Usage' AND BilledCost <> 0"),
        Rule("ChargeClass-C-005-C", "ChargeClass IS NOT NULL AND ChargeClass <> 'Correction'"),
        Rule("ChargeCategory-C-003-M", "ChargeCategory NOT IN ('Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment')"),
        Rule("ChargeFrequency-C-003-M", "ChargeFrequency NOT IN ('One-Time', 'Recurring', 'Usage-Based')"),
        Rule("ChargeFrequency-C-004-C", "ChargeCategory = 'Purchase' AND ChargeFrequency = 'Usage-Based'"),
        Rule("PricingCategory-C-007-M", "PricingCategory NOT IN ('Standard', 'Committed', 'Dynamic', 'Other')"),
        Rule("ServiceCategory-C-003-M", "ServiceCategory <> 'AI and Machine Learning'"),
        Rule(
            "ServiceSubcategory-C-003-M, C-004-M",
            "ServiceSubcategory NOT IN ('AI Platforms', 'Bots', 'Generative AI', 'Machine Learning', "
            "'Natural Language Processing', 'Other (AI and Machine Learning)')",
        ),
        Rule("BillingCurrency-C-003-M, C-006-M", "NOT regexp_full_match(BillingCurrency, '[A-Z]{3}')"),
        Rule(
            "PricingCurrency-C-003-M, own-1.4-CAU-PricingCurrency-01",
            "NOT regexp_full_match(PricingCurrency, '[A-Z]{3}')",
        ),
        Rule(
            "own-1.4-CAU-PricingCurrencyEffectiveCost-03",
            "sign(PricingCurrencyEffectiveCost) <> sign(EffectiveCost) "
            "OR (PricingCurrency = BillingCurrency AND PricingCurrencyEffectiveCost <> EffectiveCost)",
        ),
        Rule("ChargePeriodEnd-C-004-M", "ChargePeriodEnd <= ChargePeriodStart"),
        Rule(
            "BillingPeriodStart-C-004-M, BillingPeriodEnd-C-004-M",
            "BillingPeriodStart <> date_trunc('month', BillingPeriodStart) "
            "OR BillingPeriodEnd <> BillingPeriodStart + INTERVAL 1 month",
        ),
        Rule(
            "the billing period holds the start of the charge",
            "ChargePeriodStart < BillingPeriodStart OR ChargePeriodStart >= BillingPeriodEnd",
        ),
        Rule("own-1.3-CAU-HostProviderName-09", "HostProviderName <> ServiceProviderName AND NOT hosted", FROM_1_3),
        Rule("ResourceName-C-006-C", "ResourceName = ResourceId"),
        Rule("InvoiceId-C-004-C", "x_CostBasis = 'rated' AND InvoiceId IS NOT NULL"),
        Rule("own-1.4-CAU-InvoiceDetailId-04", "InvoiceId IS NULL AND InvoiceDetailId IS NOT NULL", ("1.4",)),
        Rule(
            "CommitmentDiscountStatus-C-003-C",
            "CommitmentDiscountId IS NULL AND (CommitmentDiscountStatus IS NOT NULL "
            "OR CommitmentDiscountType IS NOT NULL OR CommitmentDiscountName IS NOT NULL "
            "OR CommitmentDiscountCategory IS NOT NULL)",
        ),
        Rule(
            "CapacityReservationStatus-C-003-C",
            "CapacityReservationId IS NULL AND CapacityReservationStatus IS NOT NULL",
        ),
        Rule(
            "own-1.3-CAU-AllocatedResourceId-04, -AllocatedTags-03, -AllocatedMethodDetails-05",
            "AllocatedMethodId IS NULL AND (AllocatedResourceId IS NOT NULL OR AllocatedResourceName IS NOT NULL "
            "OR AllocatedTags IS NOT NULL OR AllocatedMethodDetails IS NOT NULL)",
            FROM_1_3,
        ),
        Rule("SkuPriceDetails-C-001-M, KeyValueFormat-A-001-M, A-002-M, A-004-M", _flat_object("SkuPriceDetails")),
        Rule(
            "SkuPriceDetails-C-017-C",
            "SkuPriceDetails IS NOT NULL AND len(list_filter(json_keys(CAST(SkuPriceDetails AS JSON)), "
            f"lambda k: NOT regexp_full_match(k, 'x_[A-Z][A-Za-z0-9]*') AND k NOT IN ({_SKU_KEYS}))) > 0",
        ),
        Rule(
            "SkuPriceDetails-C-018-C (no number that is not per pricing unit)",
            "SkuPriceDetails IS NOT NULL AND len(list_filter(json_extract(CAST(SkuPriceDetails AS JSON), '$.*'), "
            "lambda v: json_type(v) NOT IN ('VARCHAR', 'BOOLEAN'))) > 0",
        ),
        Rule("Tags-C-001-M, KeyValueFormat-A-001-M, A-002-M, A-004-M", _flat_object("Tags")),
    ]  # fmt: skip
    for column in ("ConsumedUnit", "PricingUnit"):
        rules.append(
            Rule(f"{column}-C-003-O (UnitFormat)", f"NOT regexp_full_match({column}, '{UNIT_1_2}')", ("1.2", "1.3"))
        )
        rules.append(
            Rule(f"{column}-C-003-O (UnitFormat 1.4)", f"NOT regexp_full_match({column}, '{UNIT_1_4}')", ("1.4",))
        )
    return rules


ROW_RULES = tuple(_row_rules())

#: Rules that our own columns follow; not of the specification.
OWN_RULES = (
    Rule(
        "token columns count the tokens of their row and of no other",
        "coalesce(x_InputTokens, x_CacheReadTokens, x_CacheWriteTokens, x_OutputTokens) IS DISTINCT FROM "
        "CASE WHEN ConsumedUnit = 'Tokens' AND x_TokenDirection IS NOT NULL THEN ConsumedQuantity END",
    ),
    Rule("x_QuantityBasis says `none` exactly where no quantity is known",
         "(coalesce(x_QuantityBasis, '') = 'none') <> (coalesce(PricingUnit, '') = 'Charges')"),
    Rule("a row without a SKU has no quantity basis", "SkuPriceId IS NULL AND x_QuantityBasis IS NOT NULL"),
    Rule("rated rows name their rate, billed rows do not", "(x_CostBasis = 'rated') <> (x_RateId IS NOT NULL)"),
    Rule("a converted price names rate, day and source, and another row none of them",
         "x_CostBasis = 'rated' AND (PricingCurrency <> BillingCurrency) <> (x_FxRate IS NOT NULL) "
         "OR (x_FxRate IS NULL) <> (x_FxDate IS NULL) OR (x_FxRate IS NULL) <> (x_FxSource IS NULL)"),
    Rule("a converted list price is the price of the list times the rate", "PricingCurrency <> BillingCurrency AND "
         "x_FxRate IS NOT NULL AND abs(CAST(PricingCurrencyListUnitPrice AS DOUBLE) * CAST(x_FxRate AS DOUBLE) "
         "- CAST(ListUnitPrice AS DOUBLE)) > 0.000000001"),
    Rule("SkuPriceId is SkuId with marks", "SkuPriceId <> SkuId AND NOT starts_with(SkuPriceId, SkuId || '#')"),
    Rule("SkuId opens with a channel and holds no account", "SkuId IS NOT NULL AND (strpos(SkuId, '/') = 0 "
         "OR (BillingAccountId <> 'unspecified' AND strpos(SkuPriceId, BillingAccountId) > 0))"),
    Rule("the model in SkuPriceDetails is the model of the row",
         "json_extract_string(CAST(SkuPriceDetails AS JSON), '$.x_ModelId') <> x_ModelId"),
    Rule("a priced model is in its SkuId", "SkuId IS NOT NULL AND x_ModelId IS NOT NULL AND x_TokenType IS NOT NULL "
         "AND strpos(SkuId, '/' || x_ModelId || '/') = 0"),
    Rule("x_ProcessingTier batch is in the SkuPriceId", "SkuPriceId IS NOT NULL AND x_TokenDirection IS NOT NULL "
         "AND (x_ProcessingTier = 'batch') <> regexp_matches(SkuPriceId, '#batch(#|$)')"),
)  # fmt: skip


def _one(group: str, value: str, where: str = "TRUE") -> str:
    return (
        f"SELECT {group}, list(DISTINCT {value}) FROM rows WHERE {group} IS NOT NULL AND {where} "
        f"GROUP BY {group} HAVING count(DISTINCT coalesce(CAST({value} AS VARCHAR), '')) > 1"
    )


#: Queries over all rows of a version that return the offenders.
SET_RULES = (
    Rule("SkuPriceId-C-008-M: one SkuId", _one("SkuPriceId", "SkuId")),
    Rule("SkuPriceDetails-C-007-M, C-013-O: one SkuPriceDetails per SkuPriceId", _one("SkuPriceId", "SkuPriceDetails")),
    Rule("SkuMeter-C-006-O: one SkuMeter per SkuId", _one("SkuId", "SkuMeter")),
    Rule("PricingUnit-C-008-M: one PricingUnit per SkuPriceId where a quantity is known",
         _one("SkuPriceId", "PricingUnit", "x_QuantityBasis <> 'none'")),
    Rule("ServiceName-C-005-C: one ServiceCategory", _one("ServiceName", "ServiceCategory")),
    Rule("ServiceName-C-008-C: one ServiceSubcategory", _one("ServiceName", "ServiceSubcategory")),
    Rule("BillingAccountType-C-006-M: one type per account of a service",
         _one("ServiceName || '|' || BillingAccountId", "BillingAccountType")),
    Rule("x_ChargeId names one row of a data set",
         "SELECT run, x_ChargeId, count(*) FROM rows GROUP BY run, x_ChargeId HAVING count(*) > 1"),
)  # fmt: skip
