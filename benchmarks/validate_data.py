"""Write a synthetic FOCUS 1.2 CostAndUsage Parquet file of 60 columns that keeps every rule, for measuring.

    python benchmarks/validate_data.py --rows 1000000 --out benchmarks/data/focus-1m.parquet [--breaks 25]

All 57 columns of the specification and three of ours; usage of AI models, virtual machines with and without a
commitment, purchases, credits, taxes. `--breaks N` then damages one cell of every N-th column in a few rows.
The same arguments give the same rows.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import duckdb

# Facts of a row from its number: which kind of charge, which service, which hour.
FACTS = """
SELECT i, hash(i) AS h,
  CASE i % 200 WHEN 0 THEN 'Tax' WHEN 1 THEN 'Credit' WHEN 2 THEN 'Purchase' ELSE 'Usage' END AS category,
  CASE WHEN i % 200 < 3 THEN 0 WHEN i % 4 = 0 THEN 2 ELSE 1 END AS kind,
  TIMESTAMPTZ '2026-09-01 00:00:00+00' + to_hours(CAST(hash(i // 7) % 720 AS INTEGER)) AS hour,
  CAST(hash(i * 3) % 90 AS INTEGER) AS model, CAST(hash(i * 5) % 400 AS INTEGER) AS owner,
  CAST(1 + hash(i * 11) % 3000000 AS BIGINT) AS tokens
FROM range({rows}) t(i)
"""
PRICED = """
SELECT *, kind = 2 AND model % 3 = 0 AS committed, category IN ('Usage', 'Purchase') AS sold,
  CAST((model % 30 + 1) * 0.000000125 AS DECIMAL(18, 9)) AS price, CAST(tokens AS DECIMAL(19, 9)) AS quantity
FROM ({facts})
"""
COLUMNS = {
    "AvailabilityZone": "CASE WHEN kind = 2 THEN 'eu-central-' || (model % 3) END",
    "BilledCost": "CASE WHEN committed THEN 0 ELSE cost END",
    "BillingAccountId": "'acct-' || (owner % 4)",
    "BillingAccountName": "'Account ' || (owner % 4)",
    "BillingAccountType": "'Organization'",
    "BillingCurrency": "'USD'",
    "BillingPeriodEnd": "TIMESTAMPTZ '2026-10-01 00:00:00+00'",
    "BillingPeriodStart": "TIMESTAMPTZ '2026-09-01 00:00:00+00'",
    "CapacityReservationId": "CASE WHEN kind = 2 AND model % 5 = 0 THEN 'cr-' || model END",
    "CapacityReservationStatus": "CASE WHEN kind = 2 AND model % 5 = 0 THEN 'Used' END",
    "ChargeCategory": "category",
    "ChargeClass": "CASE WHEN i % 10007 = 3 THEN 'Correction' END",
    "ChargeDescription": "'Model ' || model || CASE WHEN tokens % 2 = 0 THEN ' input tokens' ELSE ' output tokens' END",
    "ChargeFrequency": "CASE WHEN category = 'Usage' THEN 'Usage-Based' ELSE 'One-Time' END",
    "ChargePeriodEnd": "hour + INTERVAL 1 hour",
    "ChargePeriodStart": "hour",
    "CommitmentDiscountCategory": "CASE WHEN committed THEN 'Usage' END",
    "CommitmentDiscountId": "CASE WHEN committed THEN 'cd-' || (model % 7) END",
    "CommitmentDiscountName": "CASE WHEN committed THEN 'Commitment ' || (model % 7) END",
    "CommitmentDiscountQuantity": "CASE WHEN committed THEN CAST(tokens AS DECIMAL(38, 9)) END",
    "CommitmentDiscountStatus": "CASE WHEN committed THEN 'Used' END",
    "CommitmentDiscountType": "CASE WHEN committed THEN 'Reservation' END",
    "CommitmentDiscountUnit": "CASE WHEN committed THEN 'Hours' END",
    "ConsumedQuantity": "CASE WHEN category = 'Usage' THEN CAST(tokens AS DECIMAL(38, 9)) END",
    "ConsumedUnit": "CASE WHEN category = 'Usage' THEN unit END",
    "ContractedCost": "cost",
    "ContractedUnitPrice": "CASE WHEN sold THEN price END",
    "EffectiveCost": "CASE WHEN category = 'Purchase' THEN cost ELSE cost END",
    "InvoiceId": "'inv-2026-09-' || (owner % 4)",
    "InvoiceIssuerName": "'Example Cloud'",
    "ListCost": "cost",
    "ListUnitPrice": "CASE WHEN sold THEN price END",
    "PricingCategory": "CASE WHEN sold THEN CASE WHEN committed THEN 'Committed' ELSE 'Standard' END END",
    "PricingCurrency": "'USD'",
    "PricingCurrencyContractedUnitPrice": "CASE WHEN sold THEN price END",
    "PricingCurrencyEffectiveCost": "cost",
    "PricingCurrencyListUnitPrice": "CASE WHEN sold THEN price END",
    "PricingQuantity": "CASE WHEN sold THEN quantity END",
    "PricingUnit": "CASE WHEN sold THEN unit END",
    "ProviderName": "'Example Cloud'",
    "PublisherName": "CASE WHEN kind = 1 THEN 'Model Maker ' || (model % 6) ELSE 'Example Cloud' END",
    "RegionId": "'eu-central'",
    "RegionName": "'Europe (Central)'",
    "ResourceId": "CASE WHEN kind = 2 THEN 'vm-' || owner END",
    "ResourceName": "CASE WHEN kind = 2 THEN 'machine ' || owner END",
    "ResourceType": "CASE WHEN kind = 2 THEN 'Virtual machine' END",
    "ServiceCategory": "CASE WHEN kind = 2 THEN 'Compute' ELSE 'AI and Machine Learning' END",
    "ServiceName": "CASE WHEN kind = 2 THEN 'Machines' ELSE 'Models' END",
    "ServiceSubcategory": "CASE WHEN kind = 2 THEN 'Virtual Machines' ELSE 'Generative AI' END",
    "SkuId": "CASE WHEN sold THEN 'sku-' || kind || '-' || model END",
    "SkuMeter": "CASE WHEN sold THEN CASE WHEN kind = 2 THEN 'Run time' ELSE 'Tokens' END END",
    "SkuPriceDetails": "CASE WHEN sold THEN '{\"x_ModelId\": \"model-' || model || '\"}' END",
    "SkuPriceId": "CASE WHEN sold THEN 'sku-' || kind || '-' || model || '#standard' END",
    "SubAccountId": "'project-' || (owner % 60)",
    "SubAccountName": "'Project ' || (owner % 60)",
    "SubAccountType": "'Project'",
    "Tags": "'{\"team\": \"team-' || (owner % 24) || '\", \"product\": \"product-' || (owner % 50) || "
    "'\", \"user\": \"u-' || owner || '\"}'",
    "x_InputTokens": "CASE WHEN kind = 1 THEN tokens END",
    "x_ModelId": "CASE WHEN kind = 1 THEN 'model-' || model END",
    "x_Team": "'team-' || (owner % 24)",
}  # fmt: skip
WHOLE = """
SELECT {columns} FROM (
  SELECT *,
    CAST(CASE WHEN sold THEN price * quantity WHEN category = 'Tax' THEN 1.25 ELSE -0.5 END AS DECIMAL(38, 18)) AS cost,
    CASE WHEN kind = 2 THEN 'Hours' ELSE 'Tokens' END AS unit
  FROM ({priced}))
"""


def write(rows: int, out: Path, breaks: int = 0, numeric: str = "exact") -> None:
    """Write the file; `breaks` > 0 damages one cell in `breaks` rows near the end; `numeric`: exact or double."""
    connection = duckdb.connect()
    connection.execute("SET memory_limit='1GB'")
    connection.execute("SET TimeZone='UTC'")
    columns = dict(COLUMNS)
    if breaks:
        last = f"i >= {rows - breaks}"
        columns["ListCost"] = f"CASE WHEN {last} THEN cost + 0.01 ELSE cost END"
        columns["ChargeCategory"] = f"CASE WHEN {last} AND i % 2 = 0 THEN 'usage' ELSE category END"
        columns["ServiceName"] = f"CASE WHEN {last} AND i % 3 = 0 THEN NULL ELSE {COLUMNS['ServiceName']} END"
        columns["Tags"] = f"CASE WHEN {last} AND i % 5 = 0 THEN '{{team: x}}' ELSE {COLUMNS['Tags']} END"
    if numeric == "double":
        for name in columns:
            if name.endswith(("Cost", "UnitPrice", "Quantity")):
                columns[name] = f"CAST({columns[name]} AS DOUBLE)"
    text = ", ".join(f'{sql} AS "{name}"' for name, sql in columns.items())
    query = WHOLE.format(columns=text, priced=PRICED.format(facts=FACTS.format(rows=rows)))
    out.parent.mkdir(parents=True, exist_ok=True)
    connection.execute(f"COPY ({query}) TO '{out}' (FORMAT parquet, COMPRESSION zstd)")


def main() -> None:
    """Read the arguments and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--breaks", type=int, default=0)
    parser.add_argument("--numeric", choices=("exact", "double"), default="exact")
    args = parser.parse_args()
    write(args.rows, args.out, args.breaks, args.numeric)


if __name__ == "__main__":
    main()
