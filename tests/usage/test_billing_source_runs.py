"""Usage and cost exports of one spend, given together: the money counts once, and the report says which one carries it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from data_builders import convert, exceptions, rows, total

BILL = {"billing": {"source": "bill"}}
USAGE = {"billing": {"source": "usage"}}


def second(day: int) -> int:
    return int(datetime(2026, 10, day, tzinfo=UTC).timestamp())


def page(path: Path, *buckets: tuple[int, int, list[dict[str, Any]]]) -> Path:
    data = [
        {"object": "bucket", "start_time": second(a), "end_time": second(b), "results": results}
        for a, b, results in buckets
    ]
    path.write_text(json.dumps({"object": "page", "data": data, "has_more": False, "next_page": None}))
    return path


def used(tokens: int = 1_000_000, **fields: Any) -> dict[str, Any]:
    """A million input tokens of gpt-5: 1.25 USD."""
    return {
        "object": "organization.usage.completions.result", "input_tokens": tokens, "input_cached_tokens": 0,
        "output_tokens": 0, "input_audio_tokens": 0, "output_audio_tokens": 0, "num_model_requests": 4,
        "project_id": "p", "user_id": None, "api_key_id": None, "model": "gpt-5-2025-08-07", "batch": False, **fields,
    }  # fmt: skip


def cost(amount: str, **fields: Any) -> dict[str, Any]:
    return {
        "object": "organization.costs.result", "amount": {"value": amount, "currency": "usd"},
        "line_item": "gpt-5-2025-08-07, input", "project_id": "p", **fields,
    }  # fmt: skip


def money(out: Path) -> dict[str, Decimal]:
    found = rows(out)
    return {basis: total(r for r in found if r["x_CostBasis"] == basis) for basis in {r["x_CostBasis"] for r in found}}


@pytest.fixture
def exports(tmp_path: Path) -> list[Path]:
    """Three days of usage, and a bill of two of them."""
    return [
        page(tmp_path / "usage.json", (5, 6, [used()]), (6, 7, [used()]), (7, 8, [used()])),
        page(tmp_path / "costs.json", (5, 6, [cost("1.30")]), (6, 7, [cost("1.20")])),
    ]


def test_the_bill_carries_by_default_and_usage_where_it_is_silent(exports: list[Path], out: Path) -> None:
    report = convert(out, *exports)
    assert money(out) == {"billed": Decimal("2.5"), "rated": Decimal("1.25")}
    assert (report["records"]["events"], report["records"]["billed_lines"]) == (3, 2)
    (decision,) = report["billing_source"]
    assert (decision["carried_by"], decision["from"], decision["to"], decision["days"]) == (
        "bill", "2026-10-05", "2026-10-06", 2,
    )  # fmt: skip
    kept = exceptions(out, "carried_elsewhere")
    assert [(k["kind"], k["row"]) for k in kept] == [("usage", 1), ("usage", 2)]


def test_usage_carries_where_the_settings_say_so(exports: list[Path], out: Path) -> None:
    report = convert(out, *exports, settings=USAGE)
    assert money(out) == {"rated": Decimal("3.75")}
    assert report["billing_source"][0]["carried_by"] == "usage"
    assert [k["kind"] for k in exceptions(out, "carried_elsewhere")] == ["billed", "billed"]


def test_the_order_of_the_inputs_decides_nothing(exports: list[Path], out: Path) -> None:
    convert(out, *exports)
    first = money(out)
    convert(out, *reversed(exports))
    assert money(out) == first


def test_other_accounts_are_not_mixed(tmp_path: Path, out: Path) -> None:
    one = {"organization_id": "org-1", "organization_name": "One"}
    two = {"organization_id": "org-2", "organization_name": "Two"}
    usage = page(tmp_path / "usage.json", (5, 6, [used(**one), used(2_000_000, **two)]))
    costs = page(tmp_path / "costs.json", (5, 6, [cost("1.30", **one)]))
    convert(out, usage, costs)
    assert money(out) == {"billed": Decimal("1.3"), "rated": Decimal("2.5")}
    assert {(r["BillingAccountId"], r["x_CostBasis"]) for r in rows(out)} == {("org-1", "billed"), ("org-2", "rated")}


def test_a_bill_over_several_days_covers_all_of_them(tmp_path: Path, out: Path) -> None:
    usage = page(tmp_path / "usage.json", *((d, d + 1, [used()]) for d in range(4, 13)))
    costs = page(tmp_path / "costs.json", (5, 12, [cost("9")]))
    report = convert(out, usage, costs)
    assert money(out) == {"billed": Decimal(9), "rated": Decimal("2.5")}
    assert report["billing_source"][0]["days"] == 7


def test_two_cost_exports_of_one_spend_count_once(tmp_path: Path, out: Path) -> None:
    costs = page(tmp_path / "costs.json", (5, 6, [cost("1.30"), cost("0.10", line_item="web search")]))
    table = tmp_path / "dashboard.csv"
    sample = Path(__file__).parents[2] / "fixtures" / "exports" / "openai" / "dashboard-costs"
    header = next(p for p in sorted(sample.rglob("input.csv"))).read_text(encoding="utf-8-sig").splitlines()[0]
    values = {
        "start_time": str(second(5)), "end_time": str(second(6)), "start_time_iso": "2026-10-05T00:00:00+00:00",
        "end_time_iso": "2026-10-06T00:00:00+00:00", "amount_value": "1.40", "amount_currency": "usd", "project_id": "p",
    }  # fmt: skip
    table.write_text(header + "\n" + ",".join(values.get(c.strip(), "") for c in header.split(",")) + "\n")
    report = convert(out, costs, table)
    assert report["records"]["billed_lines"] == 3
    assert sum(money(out).values()) == Decimal("1.4")
    (decision,) = report["billing_source"]
    assert decision["between"] == "cost exports"


def test_a_bill_alone_and_usage_alone_are_left_alone(exports: list[Path], out: Path) -> None:
    for source, basis in zip(exports, ("rated", "billed"), strict=True):
        report = convert(out, source)
        assert report["billing_source"] == []
        assert set(money(out)) == {basis}


def test_a_credit_stays_a_credit(tmp_path: Path, out: Path) -> None:
    costs = page(tmp_path / "costs.json", (5, 6, [cost("1.30"), cost("-0.30", line_item="promotional credits")]))
    convert(out, costs)
    found = {r["ChargeCategory"]: r for r in rows(out)}
    assert found["Credit"]["BilledCost"] == Decimal("-0.3")
    assert found["Credit"]["SkuPriceId"] is None
    assert total(rows(out), "BilledCost") == Decimal(1)
