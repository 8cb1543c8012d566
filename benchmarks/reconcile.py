"""Reconciliation of many buckets, measured from outside: `python benchmarks/reconcile.py [--buckets 1000000]`.

Both sides are written once as FOCUS Parquet (synthetic): days x projects x models x meters, every bucket on both sides;
one in twenty differs (unmetered quantity, batch price, cached input rated as fresh).

`--close split` (adjust, scale) closes a period of so many billed rows, each beside three rated ones: two teams, nobody.
One bucket in three was billed above what was metered, one below.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

import duckdb

sys.path.insert(0, str(Path(__file__).parent))
from measure import environment, run

DATA = Path(__file__).parent / "data" / "reconcile"
FOCUS_AI = [sys.executable, "-c", "import sys; from focus_ai.cli import main; sys.exit(main())"]
ENV = environment()


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


def generate_period(folder: Path, buckets: int) -> None:
    """Data sets rated/ and billed/: a few converted rows, repeated over days and projects."""
    folder.mkdir(parents=True, exist_ok=True)
    calls = [
        {"event_id": f"{model}-{team}", "timestamp": "2026-10-03T10:00:00Z", "provider": "openai", "model": model,
         "input_tokens": tokens, "output_tokens": tokens // 40, "status": "success", **({"team": team} if team else {})}
        for model in ("gpt-5", "gpt-5-mini") for team, tokens in (("a", 1_200_000), ("b", 700_001), (None, 400))
    ]  # fmt: skip
    (folder / "log.jsonl").write_text("".join(json.dumps(call) + "\n" for call in calls), encoding="utf-8")
    run([*FOCUS_AI, "convert", str(folder / "log.jsonl"), "--out", str(folder / "seed"), "--quiet"], ENV)
    seed = next((folder / "seed" / "data").rglob("*.parquet"))
    with duckdb.connect() as session:
        session.execute("SET TimeZone = 'UTC'")
        session.execute(f"CREATE TABLE seed AS SELECT * FROM read_parquet('{seed}', hive_partitioning=false)")
        names = ", ".join(f'"{row[0]}"' for row in session.execute("DESCRIBE seed").fetchall())
        day = "CAST(DATE '2026-10-01' + CAST(i % 30 AS INTEGER) AS TIMESTAMPTZ)"
        place = (
            f"'proj-' || (i // 30) AS SubAccountId, {day} AS ChargePeriodStart, {day} + INTERVAL 1 day AS "
            "ChargePeriodEnd, left(md5(x_ChargeId || i), 16) AS x_ChargeId"
        )
        quantity = "CAST(q + [0, 0.05, -0.004][1 + i % 3] AS DECIMAL(19, 9))"
        costs = ", ".join(
            f"CAST({price}UnitPrice * {quantity} AS DECIMAL(38, 18)) AS {name}Cost"
            for name, price in (("List", "List"), ("Contracted", "Contracted"), ("Effective", "Contracted"),
                                ("Billed", "Contracted"))
        )  # fmt: skip
        rows = {
            "rated": f"SELECT * REPLACE ({place}) FROM seed, range({buckets // 4}) t(i)",
            "billed": f"SELECT * REPLACE ({place}, {quantity} AS PricingQuantity, CAST({quantity} * 1000000 AS "
            f"DECIMAL(38, 9)) AS ConsumedQuantity, {costs}, 'billed' AS x_CostBasis, 'billed' AS x_QuantityBasis, "
            "CAST(NULL AS VARCHAR) AS x_Team, 'unattributed' AS x_OwnerStatus) FROM seed JOIN (SELECT SkuPriceId, "
            f"sum(PricingQuantity) AS q FROM seed GROUP BY ALL) USING (SkuPriceId), range({buckets // 4}) t(i) "
            "WHERE x_Team = 'a'",
        }
        for side, query in rows.items():
            target = folder / side / "data" / "billing_period=2026-10" / "focus-00000.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            session.execute(f"COPY (SELECT {names} FROM ({query}) ORDER BY ChargePeriodStart, SubAccountId) "
                            f"TO '{target}' (FORMAT parquet)")  # fmt: skip


def close(folder: Path, buckets: int, method: str, runs: int) -> None:
    """Close the period and print one line per run."""
    if not (folder / "billed").is_dir():
        generate_period(folder, buckets)
    command = [
        *FOCUS_AI, "reconcile", "--rated", str(folder / "rated"), "--billed", str(folder / "billed"), "--close", method,
        "--close-out", str(folder / "closed"), "--fail-on", "never", "--format", "json", "--quiet",
    ]  # fmt: skip
    for _ in range(runs):
        shutil.rmtree(folder / "closed", ignore_errors=True)
        sample = run(command, ENV)
        closed = sample.printed["closed"]
        print(
            f"{method} of {buckets:,} buckets: {sample.wall:.1f} s, {sample.cpu:.1f} CPU s, {sample.rss:.0f} MB, "
            f"others {sample.others:.1f} cores; {closed['rows']:,} rows, equal {closed['totals'][0]['equal']}"
        )


def main() -> None:
    """Generate when needed, run, print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--buckets", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--close", choices=["split", "adjust", "scale"])
    asked = parser.parse_args()
    if asked.close:
        close(DATA / f"period-{asked.buckets}", asked.buckets, asked.close, asked.runs)
        return
    folder = DATA / str(asked.buckets)
    if not (folder / "billed.parquet").is_file():
        generate(folder, asked.buckets)
    out = folder / "out"
    command = [
        *FOCUS_AI, "reconcile", "--rated", str(folder / "rated.parquet"), "--billed", str(folder / "billed.parquet"),
        "--out", str(out), "--fail-on", "never", "--format", "json", "--quiet",
    ]  # fmt: skip
    for _ in range(asked.runs):
        sample = run(command, ENV)
        total = sample.printed["totals"][0]
        causes = ", ".join(f"{c['cause']} {c['buckets']}" for c in sample.printed["causes"])
        print(
            f"{sample.printed['buckets_total']:,} buckets: {sample.wall:.1f} s, {sample.cpu:.1f} CPU s, "
            f"{sample.rss:.0f} MB, others {sample.others:.1f} cores; unexplained {total['unexplained']}; {causes}"
        )


if __name__ == "__main__":
    main()
