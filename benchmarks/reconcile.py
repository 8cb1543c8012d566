"""Reconciliation of many buckets, measured from outside: `python benchmarks/reconcile.py [--buckets 1000000]`.

Both sides are written once as FOCUS Parquet (synthetic): days x projects x models x meters, every bucket on both sides;
one in twenty differs (unmetered quantity, batch price, cached input rated as fresh).
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import duckdb

sys.path.insert(0, str(Path(__file__).parent))
from measure import run

DATA = Path(__file__).parent / "data" / "reconcile"


def generate(folder: Path, buckets: int) -> None:
    """rated.parquet and billed.parquet with so many buckets."""
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as session:
        session.execute("SET TimeZone = 'UTC'")
        # Thirty days, four models and four meters; projects fill up the number.
        session.execute(
            f"""CREATE TABLE base AS SELECT i, DATE '2026-10-01' + CAST(i % 30 AS INTEGER) AS day,
            ['input', 'cache_read', 'output', 'cache_write'][1 + (i // 30) % 4] AS meter,
            ['gpt-5', 'gpt-5-mini', 'gpt-5.4', 'gpt-5.4-mini'][1 + (i // 120) % 4] AS model,
            'proj-' || (i // 480) AS project, 1000 * (1 + hash(i) % 5000)::BIGINT AS tokens,
            [1.25, 0.125, 10, 1.25][1 + (i // 30) % 4]::DECIMAL(18, 9) AS price, hash(i * 7) % 20 = 0 AS odd
            FROM range({buckets}) t(i)"""
        )
        for side in ("rated", "billed"):
            billed = side == "billed"
            tokens = "tokens + CASE WHEN odd AND i % 3 = 0 THEN 7000 ELSE 0 END" if billed else "tokens"
            price = "CASE WHEN odd AND i % 3 = 1 THEN price / 2 ELSE price END" if billed else "price"
            quantity = f"CAST(CAST({tokens} AS DECIMAL(19, 0)) * CAST(0.000001 AS DECIMAL(6, 6)) AS DECIMAL(19, 9))"
            cost = f"CAST(CAST({price} AS DECIMAL(18, 9)) * {quantity} AS DECIMAL(38, 18))"
            session.execute(
                f"""COPY (SELECT CAST(day AS TIMESTAMPTZ) AS ChargePeriodStart,
                CAST(day + 1 AS TIMESTAMPTZ) AS ChargePeriodEnd, 'USD' AS BillingCurrency, 'OpenAI API' AS ServiceName,
                'org-1' AS BillingAccountId, project AS SubAccountId, 'Usage' AS ChargeCategory,
                'openai/' || model || '/' || meter AS SkuId, 'openai/' || model || '/' || meter AS SkuPriceId,
                '1000000 Tokens' AS PricingUnit, 'Tokens' AS ConsumedUnit, {quantity} AS PricingQuantity,
                CAST({tokens} AS DECIMAL(38, 9)) AS ConsumedQuantity,
                CAST({price} AS DECIMAL(18, 9)) AS ContractedUnitPrice,
                {cost} AS EffectiveCost, {cost} AS BilledCost, model AS x_ModelId, meter AS x_TokenType,
                'standard' AS x_ProcessingTier, '{side}' AS x_CostBasis,
                '{"billed" if billed else "metered"}' AS x_QuantityBasis, 'owned' AS x_OwnerStatus FROM base)
                TO '{folder / (side + ".parquet")}' (FORMAT parquet)"""
            )


def main() -> None:
    """Generate when needed, run, print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--buckets", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=1)
    asked = parser.parse_args()
    folder = DATA / str(asked.buckets)
    if not (folder / "billed.parquet").is_file():
        generate(folder, asked.buckets)
    out = folder / "out"
    command = [
        sys.executable, "-c", "import sys; from focus_ai.cli import main; sys.exit(main())", "reconcile",
        "--rated", str(folder / "rated.parquet"), "--billed", str(folder / "billed.parquet"), "--out", str(out),
        "--fail-on", "never", "--format", "json", "--quiet",
    ]  # fmt: skip
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    for _ in range(asked.runs):
        sample = run(command, env)
        total = sample.printed["totals"][0]
        causes = ", ".join(f"{c['cause']} {c['buckets']}" for c in sample.printed["causes"])
        print(
            f"{sample.printed['buckets_total']:,} buckets: {sample.wall:.1f} s, {sample.cpu:.1f} CPU s, "
            f"{sample.rss:.0f} MB, others {sample.others:.1f} cores; unexplained {total['unexplained']}; {causes}"
        )


if __name__ == "__main__":
    main()
