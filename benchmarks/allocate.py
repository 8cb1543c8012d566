"""Allocation of many shared rows to fifty teams, measured from outside: `python benchmarks/allocate.py [--rows N]`.

The data set is written once (synthetic): shared usage rows of one month without an owner and one direct row per team.
Every shared row becomes fifty rows, so a million origin rows are fifty million rows in the result. `--verify` measures
`allocate --verify` of the result too.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import duckdb

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(Path(__file__).parent), str(ROOT)]
from measure import environment, run  # noqa: E402

from focus_ai.focus import arrow_schema  # noqa: E402

DATA = Path(__file__).parent / "data" / "allocate"
RULES = """allocation:
  - id: shared-usage
    version: 1
    documentation: Shared usage by the tokens of the teams.
    match: {team: none}
    method: proportional
    basis: {metric: tokens}
"""


def generate(folder: Path, rows: int, teams: int) -> None:
    """A data set of ours with so many shared rows."""
    target = folder / "in" / "data" / "billing_period=2026-10"
    target.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as session:
        session.execute("SET TimeZone = 'UTC'")
        quantity = "CAST(CAST(tokens AS DECIMAL(19, 0)) * CAST(0.000001 AS DECIMAL(6, 6)) AS DECIMAL(19, 9))"
        cost = f"CAST(CAST(1.25 AS DECIMAL(18, 9)) * {quantity} AS DECIMAL(38, 18))"
        known = {
            "ChargePeriodStart": "CAST(DATE '2026-10-01' + day AS TIMESTAMPTZ)",
            "ChargePeriodEnd": "CAST(DATE '2026-10-02' + day AS TIMESTAMPTZ)",
            "BillingPeriodStart": "TIMESTAMPTZ '2026-10-01 00:00:00+00'",
            "BillingPeriodEnd": "TIMESTAMPTZ '2026-11-01 00:00:00+00'",
            "BillingCurrency": "'USD'", "PricingCurrency": "'USD'", "ChargeCategory": "'Usage'",
            "BillingAccountId": "'org-1'", "ServiceName": "'OpenAI API'", "ServiceProviderName": "'OpenAI'",
            "SubAccountId": "'proj-' || (i % 1000)", "PricingUnit": "'1000000 Tokens'", "ConsumedUnit": "'Tokens'",
            "PricingQuantity": quantity, "ConsumedQuantity": "tokens", "ListUnitPrice": "1.25",
            "ContractedUnitPrice": "1.25", "ListCost": cost, "ContractedCost": cost, "EffectiveCost": cost,
            "BilledCost": cost, "x_InputTokens": "tokens", "x_RequestCount": "1 + i % 9", "x_ModelId": "'gpt-5'",
            "x_TokenType": "'input'", "x_Team": "team", "Tags": "'{}'",
            "x_ChargeId": "lpad(CAST(i AS VARCHAR), 16, '0')",
            "x_OwnerStatus": "CASE WHEN team IS NULL THEN 'unattributed' ELSE 'owned' END",
        }  # fmt: skip
        kinds = {"int64": "BIGINT", "string": "VARCHAR", "timestamp[us, tz=UTC]": "TIMESTAMPTZ"}
        columns = ", ".join(
            f"CAST({known.get(f.name, 'NULL')} AS "
            f"{kinds.get(str(f.type)) or str(f.type).replace('decimal128', 'DECIMAL')}) AS {f.name}"
            for f in arrow_schema("1.3")
        )
        session.execute(
            f"""COPY (SELECT {columns} FROM (
            SELECT i, CAST(i * 30 // {rows} AS INTEGER) AS day, CAST(1000 + hash(i) % 900000 AS BIGINT) AS tokens,
                   CASE WHEN i >= {rows} THEN 'team-' || (i - {rows}) END AS team FROM range({rows + teams}) t(i))
            ORDER BY i) TO '{target / "focus-00000.parquet"}' (FORMAT parquet)"""
        )
    (folder / "in" / "run.json").write_text('{"focus": "1.3", "grain": "day", "rate_card": null}', encoding="utf-8")
    (folder / "allocation.yaml").write_text(RULES, encoding="utf-8")


def main() -> None:
    """Generate when needed, run, print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--teams", type=int, default=50)
    parser.add_argument("--memory-limit", default=None)
    parser.add_argument("--verify", action="store_true")
    asked = parser.parse_args()
    folder = DATA / f"{asked.rows}x{asked.teams}"
    if not (folder / "allocation.yaml").is_file():
        generate(folder, asked.rows, asked.teams)
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    program = [sys.executable, "-c", "import sys; from focus_ai.cli import main; sys.exit(main())", "allocate"]
    limit = ["--memory-limit", asked.memory_limit] if asked.memory_limit else []
    rules = ["--rules", str(folder / "allocation.yaml"), "--out", str(out)]
    env = environment()
    sample = run([*program, str(folder / "in"), *rules, "--format", "json", "--quiet", *limit], env)
    same = sample.printed["totals"][0]["effective_cost"] == sample.printed["totals_before"][0]["effective_cost"]
    print(
        f"{asked.rows:,} rows to {asked.teams} teams, {sample.printed['rows']:,} rows out: {sample.wall:.1f} s, "
        f"{sample.cpu:.1f} CPU s, {sample.rss:.0f} MB, others {sample.others:.1f} cores; totals equal: {same}"
    )
    if asked.verify:
        sample = run([*program, str(out), "--verify", "--format", "json", *limit], env)
        print(
            f"verified {sample.printed['checked']['shares']:,} shares: {sample.wall:.1f} s, {sample.cpu:.1f} CPU s, "
            f"{sample.rss:.0f} MB, others {sample.others:.1f} cores; right: {sample.printed['ok']}"
        )
    shutil.rmtree(out, ignore_errors=True)


if __name__ == "__main__":
    main()
