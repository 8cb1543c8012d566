"""Reports of resellers and speech providers asked for in several ways, given together: their money counts once."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from data_builders import convert

DAY = 1790812800000  # 2026-10-01 in milliseconds


def vercel(*rows: dict[str, Any]) -> dict[str, Any]:
    line = {
        "market_cost": 0.03, "input_tokens": 1000, "output_tokens": 100, "cached_input_tokens": 0,
        "cache_creation_input_tokens": 0, "reasoning_tokens": 0, "request_count": 1,
    }  # fmt: skip
    return {"results": [line | row for row in rows]}


def deepgram(*groups: tuple[float, dict[str, Any]]) -> dict[str, Any]:
    names = {"accessor": None, "deployment": None, "line_item": None, "tags": None}
    return {"start": "2026-10-01", "end": "2026-10-02", "project_id": "p", "resolution": {"units": "day", "amount": 1},
            "results": [{"dollars": dollars, "grouping": {"start": "2026-10-01", "end": "2026-10-01", **names, **said}}
                        for dollars, said in groups]}  # fmt: skip


def together(*windows: tuple[str, str, str]) -> dict[str, Any]:
    line = {"product_name": "Serverless Inference - Input Tokens", "unit_price": "0.0000002", "quantity": "2100000",
            "pricing_dimensions": {"model": "meta-llama/Llama-4-Maverick"}, "attributes": {"api_key_id": "k"}}  # fmt: skip
    return {
        "object": "list", "organization_id": "org-1", "billing_period": "2026-10", "currency": "usd",
        "earliest_window_start": "2026-10-01T00:00:00Z", "latest_window_end": "2026-10-02T00:00:00Z",
        "next_cursor": None, "data": [
            {"date": "2026-10-01", "start_time": start, "end_time": end, "line_items": [line | {"cost": cost}]}
            for start, end, cost in windows
        ],
    }  # fmt: skip


DAYS, HOURS = {"day": "2026-10-05"}, {"hour": "2026-10-05T10:00:00Z"}
BY_MODEL = vercel(
    {**DAYS, "model": "openai/gpt-5", "total_cost": 0.015}, {**DAYS, "model": "xai/grok-4", "total_cost": 0.005}
)
BY_USER = vercel({**DAYS, "user": "u1", "total_cost": 0.012}, {**DAYS, "user": "u2", "total_cost": 0.008})
BY_HOUR = vercel({**HOURS, "model": "openai/gpt-5", "total_cost": 0.015},
                 {**HOURS, "model": "xai/grok-4", "total_cost": 0.005})  # fmt: skip
BY_LINE = deepgram((1.5, {"line_item": "streaming::nova-3"}), (0.5, {"line_item": "sync::aura-2"}))
BY_KEY = deepgram((1.2, {"accessor": "k1"}), (0.8, {"accessor": "k2"}))
HOURLY = together(("2026-10-01T00:00:00Z", "2026-10-01T01:00:00Z", "0.42"),
                  ("2026-10-01T05:00:00Z", "2026-10-01T06:00:00Z", "0.42"))  # fmt: skip


@pytest.fixture
def together_in(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def run(*documents: dict[str, Any], **options: Any) -> dict[str, Any]:
        folder = tmp_path / f"in{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        for number, document in enumerate(documents):
            (folder / f"{number}.json").write_text(json.dumps(document))
        return convert(tmp_path / f"out{folder.name}", folder, **options)

    return run


@pytest.mark.parametrize(
    ("documents", "cost", "rows"),
    [
        pytest.param((BY_MODEL, BY_USER, BY_HOUR), "0.02", 2, id="vercel"),
        pytest.param((BY_USER, vercel({**DAYS, "total_cost": 0.02})), "0.02", 1, id="vercel-by-user"),
        pytest.param((BY_LINE, BY_KEY, deepgram((2.0, {}))), "2", 2, id="deepgram"),
        pytest.param((together(("2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z", "0.84")), HOURLY), "0.84", 1,
                     id="together"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("grain", ["day", "request"])
def test_answers_of_one_amount_count_once(
    documents: tuple[dict[str, Any], ...], cost: str, rows: int, grain: str, together_in: Callable[..., dict[str, Any]]
) -> None:
    for order in permutations(documents):
        report = together_in(*order, grain=grain)
        assert report["totals"][0]["effective_cost"] == cost
        assert [d["between"] for d in report["billing_source"]] == ["answers of one report"]
        assert report["rows"] == rows
    assert together_in(documents[0])["totals"][0]["effective_cost"] == cost


def test_answers_that_differ_both_count_and_are_named(together_in: Callable[..., dict[str, Any]]) -> None:
    """0.02 by model and 0.5 by user: nobody knows what is in both."""
    report = together_in(BY_MODEL, vercel({**DAYS, "user": "u1", "total_cost": 0.5}))
    assert report["totals"][0]["effective_cost"] == "0.52"
    assert [(d["carried_by"], d["why"]) for d in report["billing_source"]] == [("both", "amounts_differ")]


def test_credits_by_product_and_by_key_are_the_same_credits(together_in: Callable[..., dict[str, Any]]) -> None:
    def used(columns: list[str], *rows: list[Any]) -> dict[str, Any]:
        columns = ["total_usage", "interval_start", *columns]
        return {"columns": columns, "column_types": ["string"] * len(columns),
                "column_units": ["credits", "ms", *[None] * (len(columns) - 2)], "rows": rows}  # fmt: skip

    by_model = used(["product_type", "model"], [1000, DAY, "TTS", "eleven_v3"], [200, DAY, "TTS", "eleven_flash"])
    by_key = used(["hashed_xi_api_key"], [700, DAY, "k1"], [500, DAY, "k2"])
    report = together_in(by_model, by_key)
    assert [(m["meter"], m["quantity"]) for m in report["unpriced"]["meters"]] == [("credits", "1200")]


def vercel_row(day: int, service: str, cost: float) -> dict[str, Any]:
    """A line of Vercel's own FOCUS export: its category is none of FOCUS, and a unit is a dollar."""
    return {
        **dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "PricingQuantity"), cost),
        "BillingAccountId": "team_1", "BillingCurrency": "USD", "BillingPeriodStart": "2026-10-01T00:00:00Z",
        "BillingPeriodEnd": "2026-11-01T00:00:00Z", "ChargePeriodStart": f"2026-10-{day:02d}T00:00:00Z",
        "ChargePeriodEnd": f"2026-10-{day + 1:02d}T00:00:00Z", "ChargeCategory": "Usage", "ConsumedUnit": "tokens",
        "ChargeDescription": f"{service} usage", "ConsumedQuantity": 2200, "PricingUnit": "USD", "ServiceName": service,
        "ServiceCategory": "AI Tokens", "ServiceProviderName": "Vercel", "InvoiceIssuerName": "Vercel",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("more", "cost"),
    [
        # 0.02 of the 5th in both, 0.01 of the 6th in the bill alone.
        ([], "0.03"),
        # Another product on the 5th, which the report of the gateway does not know: the bill carries that day.
        ([vercel_row(5, "v0", 1.0)], "1.03"),
    ],
)
def test_the_bill_of_vercel_and_the_report_of_its_gateway_are_one_spend(
    more: list[dict[str, Any]], cost: str, tmp_path: Path, out: Path
) -> None:
    lines = [vercel_row(5, "AI Gateway", 0.02), vercel_row(6, "AI Gateway", 0.01), *more]
    bill, report = tmp_path / "focus.jsonl", tmp_path / "report.json"
    bill.write_text("\n".join(map(json.dumps, lines)) + "\n")
    report.write_text(json.dumps(BY_MODEL))
    told = convert(out, bill, report)
    assert told["totals"][0]["effective_cost"] == cost
    assert [d["family"] for d in told["billing_source"]] == ["vercel-ai-gateway"]
