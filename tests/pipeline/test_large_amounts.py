"""Bills in currencies of small units: a price or an amount that outgrows its column never costs the line."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from data_builders import convert, exceptions, rows

LARGEST = Decimal("999999999.999999999")  # a unit price holds nine digits on either side of the point


def line(number: int, sku: str, cost: str, tokens: float = 1.0) -> str:
    """A line of the standard usage cost export of Google Cloud in rupiah; the amount as it is written."""
    return (
        '{"billing_account_id":"01ABCD","service":{"id":"C7E2-9256-1C43","description":"Vertex AI"},'
        f'"sku":{{"id":"S-{number}","description":"{sku}"}},"usage_start_time":"2026-11-03 09:00:00 UTC",'
        f'"usage_end_time":"2026-11-03 10:00:00 UTC","project":{{"id":"p{number}"}},"cost":{cost},"currency":"IDR",'
        f'"usage":{{"amount":{tokens!r},"unit":"count"}},"cost_type":"regular"}}'
    )


def converted(out: Path, folder: Path, *lines: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    path = folder / "bill.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return convert(out, path), rows(out)


def test_a_price_beyond_its_column_leaves_the_amount(tmp_path: Path, out: Path) -> None:
    """Two thousand million rupiah for one thing (about 125,000 USD): no unit price, all four costs the amount.

    Beside it 3,000 million for two million million tokens: 2,000,000 blocks of a million at 1,500 rupiah.
    """
    report, found = converted(
        out, tmp_path,
        line(1, "Gemini 3 Pro Provisioned Throughput", "2000000000"),
        line(2, "Gemini 3 Pro Text Input - Predictions", "3000000000", 2e12),
    )  # fmt: skip
    assert report["totals"] == [
        {
            "currency": "IDR",
            **dict.fromkeys(("list_cost", "contracted_cost", "effective_cost", "billed_cost"), "5000000000"),
        }
    ]
    one, tokens = sorted(found, key=lambda r: r["EffectiveCost"])
    assert (one["ListUnitPrice"], one["PricingQuantity"], one["SkuPriceId"], one["BilledCost"]) == (
        None, None, None, Decimal(2_000_000_000),
    )  # fmt: skip
    assert (one["ConsumedQuantity"], one["ConsumedUnit"]) == (1, "Charges")
    assert (tokens["PricingQuantity"], tokens["ListUnitPrice"]) == (2_000_000, 1_500)


@pytest.mark.parametrize(
    ("cost", "price"),
    [
        ("999999999.999999999", LARGEST),
        ("999999999.9999999995", None),
        ("1000000000", None),
        ("999999999", 999_999_999),
    ],
)
def test_the_largest_price(cost: str, price: Decimal | None, tmp_path: Path, out: Path) -> None:
    """Rounded half-even to nine places, the second is 10^9, which has ten digits."""
    path = tmp_path / "costs.json"
    path.write_text(
        '{"object":"page","data":[{"object":"bucket","start_time":1790812800,"end_time":1790899200,"results":'
        '[{"object":"organization.costs.result","amount":{"value":COST,"currency":"usd"},"line_item":"x"}]}]}'.replace(
            "COST", cost
        )
    )
    report = convert(out, path)
    assert Decimal(report["totals"][0]["billed_cost"]) == Decimal(cost)
    assert [r["ListUnitPrice"] for r in rows(out)] == [price]


def test_an_absurd_amount_is_set_aside(tmp_path: Path, out: Path) -> None:
    """Sums of hundreds of lines must fit twenty digits before the point."""
    report, found = converted(
        out, tmp_path, line(1, "Gemini 3 Pro Something", "100000000000000000"), line(2, "Gemini 3 Pro Something", "99999999999999999")
    )  # fmt: skip
    assert [r["EffectiveCost"] for r in found] == [99_999_999_999_999_999]
    assert report["records"]["rejected"] == 1
    assert [(e["row"], e["reason"]) for e in exceptions(out, "rejects")] == [(1, "absurd:amount")]
