"""A bill without quantities takes them from the usage export beside it: on unique matches only, money untouched."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from focus_ai import api
from focus_ai.settings import Billing, Settings

SAMPLES = Path(__file__).parents[3] / "shared" / "reference" / "providers" / "samples" / "anthropic"
HAIKU = "claude-haiku-4-5-20251001"
DAY = {"starting_at": "2026-10-01T00:00:00Z", "ending_at": "2026-10-02T00:00:00Z"}


def cost(amount: str, token: str | None = "uncached_input_tokens", **more: Any) -> dict[str, Any]:
    """One line of a cost report; `amount` in cents."""
    line = {
        "amount": amount, "currency": "USD", "cost_type": "tokens", "description": f"line {token} {more}",
        "model": HAIKU, "token_type": token, "service_tier": "standard", "context_window": "0-200k",
        "inference_geo": None, "workspace_id": None,
    }  # fmt: skip
    return line | more


def usage(uncached: int, **more: Any) -> dict[str, Any]:
    """One row of a usage report."""
    row = {
        "uncached_input_tokens": uncached, "cache_read_input_tokens": 0, "output_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "server_tool_use": {"web_search_requests": 0}, "model": HAIKU, "service_tier": "standard",
        "context_window": "0-200k", "inference_geo": "global", "workspace_id": None, "api_key_id": None,
    }  # fmt: skip
    return row | more


def page(path: Path, rows: list[dict[str, Any]], bucket: dict[str, str] | None = None) -> Path:
    path.write_text(json.dumps({"data": [{**(bucket or DAY), "results": rows}], "has_more": False, "next_page": None}))
    return path


def convert(inputs: list[Path], out: Path, settings: Settings | None = None) -> tuple[dict[str, Any], list[Any]]:
    """The decision about usage and bill; SKU, quantity, unit, basis, unit price, billed cost and tokens of the rows."""
    report = api.convert([str(p) for p in inputs], out, focus="1.4", settings=settings)
    rows = duckdb.sql(
        "SELECT SkuPriceId, ConsumedQuantity, ConsumedUnit, x_QuantityBasis, ListUnitPrice, BilledCost, x_InputTokens "
        f"FROM read_parquet('{out}/data/*/*.parquet') ORDER BY ALL"
    ).fetchall()
    between = [d for d in report["billing_source"] if d["between"] == "usage and bill"]
    assert len(between) == 1
    return between[0], rows


def test_the_reference_reports_join(tmp_path: Path) -> None:
    """12 of 13 lines match; code execution is in no usage report; the priority row of day 1 has no cost line."""
    if not SAMPLES.is_dir():
        pytest.skip("the reference samples are not here")
    both = [SAMPLES / "cost_report.json", SAMPLES / "usage_report_messages.json"]
    decision, rows = convert(both, tmp_path / "both")
    assert (decision["enriched"], decision["not_matched"]) == (12, 1)
    by_sku = {r[0]: r[1:] for r in rows if r[0] != "anthropic/claude-opus-5-5/input"}
    assert by_sku["anthropic/claude-haiku-4-5/input"] == (
        Decimal(1237067), "Tokens", "metered", Decimal(1), Decimal("1.237067"), 1237067,
    )  # fmt: skip
    assert by_sku["anthropic/claude-haiku-4-5/output"][:4] == (Decimal(88900), "Tokens", "metered", Decimal(5))
    assert by_sku["anthropic/claude-opus-5-5/input#batch"][:4] == (Decimal(310000), "Tokens", "metered", Decimal("2.5"))
    assert by_sku["anthropic/claude-opus-5-5/cache_write_1h"][:4] == (Decimal(40000), "Tokens", "metered", Decimal(10))
    assert by_sku["anthropic/web_search"][:4] == (Decimal(25), "Requests", "metered", Decimal(10))
    assert by_sku["anthropic/code_execution"][:4] == (Decimal(1), "Charges", "none", Decimal("0.035"))
    opus = [r[1] for r in rows if r[0] == "anthropic/claude-opus-5-5/input"]
    assert opus == [Decimal(420000)]  # not 510000: priority tokens are paid by a commitment
    assert sum(r[5] for r in rows) == Decimal("8.704067") + Decimal("3.8125")
    alone = api.convert([str(both[0])], tmp_path / "alone", focus="1.4")
    total = json.loads((tmp_path / "both" / "run.json").read_text())["totals"]
    assert alone["totals"] == total


def test_keys_and_unstated_geographies_are_summed(tmp_path: Path) -> None:
    rows = [usage(1000, api_key_id="a"), usage(200, api_key_id="b", inference_geo="us"), usage(34)]
    inputs = [page(tmp_path / "cost.json", [cost("0.1234")]), page(tmp_path / "usage.json", rows)]
    decision, found = convert(inputs, tmp_path / "out")
    assert (decision["enriched"], decision["not_matched"]) == (1, 0)
    assert [r[1] for r in found] == [Decimal(1234)]


def test_hours_of_the_day_are_summed(tmp_path: Path) -> None:
    first = {"starting_at": "2026-10-01T09:00:00Z", "ending_at": "2026-10-01T10:00:00Z"}
    last = {"starting_at": "2026-10-01T23:00:00Z", "ending_at": "2026-10-02T00:00:00Z"}
    inputs = [
        page(tmp_path / "cost.json", [cost("0.03")]),
        page(tmp_path / "one.json", [usage(100)], first),
        page(tmp_path / "two.json", [usage(200)], last),
    ]
    assert [r[1] for r in convert(inputs, tmp_path / "out")[1]] == [Decimal(300)]


@pytest.mark.parametrize(
    ("lines", "rows"),
    [
        # two lines for one key: which tokens belong to which is unknown
        ([cost("1", description="a"), cost("2", description="b")], [usage(100)]),
        # one line states a geography, the other covers all of them
        ([cost("1"), cost("2", inference_geo="us")], [usage(100, inference_geo="us")]),
        # the bill says no tier and the usage has two
        ([cost("1", service_tier=None)], [usage(100), usage(50, service_tier="batch")]),
        # another tier, context, model or meter
        ([cost("1")], [usage(100, service_tier="flex")]),
        ([cost("1")], [usage(100, context_window="200k-1M")]),
        ([cost("1")], [usage(100, model="claude-opus-5-5")]),
        ([cost("1", "output_tokens")], [usage(100)]),
        # the usage is not grouped by workspace: its null means all of them, that of the bill one
        ([cost("1"), cost("1", workspace_id="w")], [usage(100)]),
        # the bill is not grouped by workspace, the usage is: the null rows are not the whole
        ([cost("1")], [usage(100), usage(50, workspace_id="w")]),
        # a refund says nothing about tokens
        ([cost("-1"), cost("1", "output_tokens")], [usage(100)]),
    ],
)
def test_what_is_not_unique_keeps_its_money_and_takes_nothing(
    tmp_path: Path, lines: list[dict[str, Any]], rows: list[dict[str, Any]]
) -> None:
    decision, found = convert(
        [page(tmp_path / "cost.json", lines), page(tmp_path / "usage.json", rows)], tmp_path / "out"
    )
    refunds = sum(1 for line in lines if line["amount"].startswith("-"))
    assert (decision["enriched"], decision["not_matched"]) == (0, len(lines) - refunds)
    assert {r[3] for r in found} == {"none"} and {r[2] for r in found} == {"Charges"}
    assert {r[6] for r in found} == {None}  # a charge is not a token
    assert sum(r[5] for r in found) == sum(Decimal(line["amount"]) for line in lines) / 100


def test_the_usage_that_names_the_workspaces_of_the_bill_speaks(tmp_path: Path) -> None:
    """1,000,000 tokens for 1 dollar in workspace w1. The Console file tells of them in two lines and by another name."""
    tokens = tmp_path / "tokens.csv"
    lines = [f"2026-10-01,{HAIKU},key {k},Shop,standard,≤ 200k,500000,0,0,0,0,0,global,standard" for k in (1, 2)]
    tokens.write_text(
        "usage_date_utc,model_version,api_key,workspace,usage_type,context_window,usage_input_tokens_no_cache,"
        "usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,"
        "usage_output_tokens,web_search_count,inference_geo,speed\n" + "\n".join(lines) + "\n"
    )
    bill = page(tmp_path / "cost.json", [cost("100", workspace_id="w1")])
    report = page(tmp_path / "usage.json", [usage(1_000_000, workspace_id="w1")])
    decision, rows = convert([bill, report, tokens], tmp_path / "out")
    assert (decision["enriched"], decision["not_matched"]) == (1, 0)
    assert [r[1:6] for r in rows] == [(1_000_000, "Tokens", "metered", Decimal(1), Decimal(1))]


def test_nothing_is_taken_where_usage_carries_the_money(tmp_path: Path) -> None:
    inputs = [page(tmp_path / "cost.json", [cost("0.01")]), page(tmp_path / "usage.json", [usage(100)])]
    decision, found = convert(inputs, tmp_path / "out", Settings(billing=Billing(source="usage")))
    assert "enriched" not in decision and [r[3] for r in found] == ["metered"]
    assert [r[1] for r in found] == [Decimal(100)]
