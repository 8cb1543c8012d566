"""FOCUS files of clouds as the bill: their services are the channels that usage names."""

from __future__ import annotations

from pathlib import Path

import pytest
from sides import billed, compare, row
from test_reconcile_close import DAY


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
