"""A fixed price per request is charged once for every request that used tokens, and only where the card has one."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest
from data_builders import convert, event, exceptions, jsonl, rows


def _fees(out: Path) -> dict[str, tuple[Decimal, Decimal]]:
    """Model -> requests charged and their cost."""
    found: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for row in rows(out):
        if row["x_TokenType"] == "request_fee":
            assert (row["ConsumedUnit"], row["PricingUnit"], row["ListUnitPrice"]) == (
                "Requests",
                "1000 Requests",
                Decimal(14),
            )
            found[row["x_ModelId"]][0] += row["ConsumedQuantity"]
            found[row["x_ModelId"]][1] += row["EffectiveCost"]
    return {model: (count, cost) for model, (count, cost) in found.items()}


@pytest.mark.parametrize("grain", ["day", "request"])
def test_every_request_with_tokens_pays_the_fee_of_its_model(tmp_path: Path, grain: str) -> None:
    calls = [
        event(1, provider="perplexity", model="sonar-pro", input_tokens=1000, output_tokens=500),
        event(2, provider="perplexity", model="sonar-pro", input_tokens=10, output_tokens=0),
        event(3, provider="perplexity", model="sonar-pro", input_tokens=0, output_tokens=0, status="error"),
        event(4, provider="openai", model="gpt-5", input_tokens=1000, output_tokens=500),
    ]
    report = convert(tmp_path / "out", jsonl(tmp_path / "in.jsonl", calls), grain=grain)
    # Two requests of 14 USD per 1000.
    assert _fees(tmp_path / "out") == {"sonar-pro": (Decimal(2), Decimal("0.028"))}
    assert report["unpriced"]["events"] == 0


def test_a_fee_of_the_users_own_rates(tmp_path: Path) -> None:
    prices = tmp_path / "own.csv"
    prices.write_text(
        "provider,model,meter,unit_size,price,currency\nopenai,gpt-5,request_fee,1000,14,USD\n", encoding="utf-8"
    )
    calls = [event(n, provider="openai", model="gpt-5", input_tokens=100, output_tokens=10) for n in range(5)]
    calls.append(event(9, provider="openai", model="gpt-5-mini", input_tokens=100, output_tokens=10))
    own = {"rates": {"files": [str(prices)]}}
    convert(tmp_path / "out", jsonl(tmp_path / "in.jsonl", calls), settings=own)
    assert _fees(tmp_path / "out") == {"gpt-5": (Decimal(5), Decimal("0.07"))}
    assert exceptions(tmp_path / "out", "unpriced") == []
