"""FOCUS files of clouds as the bill: their services are the channels that usage names, and their owners are kept."""

from __future__ import annotations

from decimal import Decimal as D
from pathlib import Path

import pytest
from sides import billed, compare, row
from test_reconcile_close import DAY, bill, close, events, rows


@pytest.mark.parametrize(
    ("channel", "seller", "service", "category"),
    [
        ("aws_bedrock", "AWS", "Amazon Bedrock Service", None),
        ("aws_bedrock", "AWS", "Claude Opus 4.8 (Amazon Bedrock Edition)", None),
        ("azure_openai", "Microsoft", "Azure AI Services", "Azure OpenAI GPT5"),
        ("azure_openai", "Microsoft", "Foundry Models", None),
        ("azure_ai", "Microsoft", "Azure AI Services", "Azure Grok Models"),
        ("aws", "AWS", "Amazon EC2", None),
        ("microsoft", "Microsoft", "Storage Accounts", "Tiered Block Blob"),
    ],
)
def test_a_service_of_a_cloud_is_the_channel_of_its_usage(
    channel: str, seller: str, service: str, category: str | None, tmp_path: Path
) -> None:
    rated = {**row(DAY, "input", 1_000_000, price="2"), "SkuId": "aws_bedrock/m/input", "ServiceName": "Amazon Bedrock"}
    theirs = {**billed(DAY, "input", 1_000_000, price="3"), "SkuId": "S1", "ServiceName": service,
              "ProviderName": seller, "x_SkuMeterSubcategory": category}  # fmt: skip
    buckets = compare(tmp_path, [rated], [theirs])["buckets"]
    assert {b["key"]["channel"] for b in buckets} == {"aws_bedrock", channel}


@pytest.mark.parametrize(
    ("calls", "found", "note"),
    [
        # usage without an owner says nothing about the owner that the bill names
        ([("", 1_000_000)], {("mine", "1.00"), (None, "2.00")}, "1 billed rows with an owner of their own keep it"),
        (
            [("a", 500_000), ("", 500_000)],
            {("a", "0.50"), ("mine", "0.50"), (None, "2.00")},
            "were split over the owners of the usage and keep what nobody metered",
        ),
    ],
)
def test_a_split_keeps_the_owner_of_the_bill_where_usage_names_none(
    calls: list[tuple[str, int]], found: set[tuple[str | None, str]], note: str, tmp_path: Path
) -> None:
    """A million input tokens for 1.00 USD, tagged `mine`, and output for 2.00 USD without a tag or usage."""
    same = {
        "BillingPeriodStart": "2026-11-01T00:00:00Z", "BillingPeriodEnd": "2026-12-01T00:00:00Z",
        "ChargePeriodStart": f"{DAY}T00:00:00Z", "ChargePeriodEnd": "2026-11-04T00:00:00Z", "BillingCurrency": "USD",
        "BillingAccountId": "700000000070", "ChargeCategory": "Usage", "ProviderName": "AWS",
        "ServiceName": "Amazon Bedrock Service", "ConsumedQuantity": "1000", "ConsumedUnit": "1K tokens",
        "PricingQuantity": "1000", "PricingUnit": "1K tokens", "SkuId": "S1", "SkuPriceId": "S1.T1",
    }  # fmt: skip
    lines = [
        [*same.values(), *[amount] * 4, f"EUW1-Claude4.5Haiku-{kind}-tokens", tags]
        for kind, amount, tags in (("input", "1.00", '"{""user:team"": ""mine""}"'), ("output", "2.00", "{}"))
    ]
    names = [*same, "BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "x_UsageType", "Tags"]
    paper = bill(tmp_path / "aws.csv", [",".join(line) for line in lines], ",".join(names))
    log = events(tmp_path / "log.jsonl", [(DAY, team, tokens) for team, tokens in calls])
    text = log.read_text(encoding="utf-8").replace('"openai"', '"aws"')
    log.write_text(text.replace('"gpt-5"', '"anthropic.claude-haiku-4-5-20251001"'), encoding="utf-8")
    notes = close(tmp_path, log, paper)["closed"]["notes"]
    assert {(r["x_Team"], f"{r['EffectiveCost']:.2f}") for r in rows(tmp_path)} == found
    assert len(notes) == 1 and note in notes[0] and notes[0].endswith(f": {D(1)} USD")
