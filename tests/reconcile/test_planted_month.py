"""The example month of a company: every planted fault of the bill is named with its exact amount, and nothing is left."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal as D
from pathlib import Path

import pytest
from sides import check

from focus_ai import api
from focus_ai.money import dec
from focus_ai.settings import Settings

MONTH = Path(__file__).parents[2] / "fixtures" / "company" / "sample"
# The bill was fetched on the morning after the month.
FETCHED = datetime(2026, 11, 1, 6, tzinfo=UTC)


@pytest.mark.parametrize("method", [None, "split", "adjust"])
def test_the_planted_causes_of_a_month(method: str | None, tmp_path: Path) -> None:
    planted = json.loads((MONTH / "planted.json").read_text(encoding="utf-8"))
    report = api.reconcile(
        [str(MONTH / "gateway.jsonl")], [str(MONTH / "openai_costs.json"), str(MONTH / "anthropic_cost_report.json")],
        settings=Settings.load(MONTH / "focus-ai.toml"), rule="strict", as_of=FETCHED, listed=0, close=method,
        close_out=None if method is None else tmp_path / "closed",
    )  # fmt: skip
    check(report)
    expected = {entry["cause"]: dec(entry["amount"]) for entry in planted["bill"]}
    assert {c["cause"]: dec(c["amount"]) for c in report["causes"]} == expected
    total = report["totals"][0]
    assert (total["rated"], total["billed"]) == (planted["rated"], planted["billed"])
    assert total["unexplained"] == "0"
    if method is not None:
        import pyarrow.parquet as pq

        files = sorted((tmp_path / "closed" / "data").rglob("*.parquet"))
        costs = [
            c for p in files for c in pq.read_table(p, columns=["EffectiveCost"], partitioning=None)[0].to_pylist()
        ]
        assert sum(costs, D(0)) == dec(planted["billed"])
