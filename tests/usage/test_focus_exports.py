"""One account exported twice as FOCUS rows, in two versions or two formats: each day counts once."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from data_builders import convert, exceptions, jsonl, rows, total

SAMPLES = Path(__file__).parents[3] / "shared" / "reference" / "providers" / "samples" / "azure-openai"
# What AWS writes: 1.2 knows more columns and calls some things by another name than 1.0.
BOTH = {
    "BillingAccountId": "700000000070", "BillingAccountName": "lyra (synthetic)", "BillingCurrency": "USD",
    "BillingPeriodStart": "2026-11-01T00:00:00Z", "BillingPeriodEnd": "2026-12-01T00:00:00Z",
    "ChargeCategory": "Usage", "ChargeClass": "", "ChargeFrequency": "Usage-Based", "ConsumedUnit": "1K tokens",
    "ContractedUnitPrice": "0.001", "ListUnitPrice": "0.001", "PricingCategory": "Standard",
    "PricingUnit": "1K tokens", "ProviderName": "AWS", "PublisherName": "AWS", "InvoiceIssuerName": "Example",
    "RegionId": "eu-west-1", "ServiceCategory": "AI and Machine Learning", "ServiceName": "Amazon Bedrock Service",
    "SubAccountId": "700000000071", "SubAccountName": "lyra-prod", "Tags": "{}", "SkuId": "S", "SkuPriceId": "S.1",
    "x_UsageType": "EUW1-Claude4.5Haiku-input-tokens", "x_ServiceCode": "AmazonBedrockService",
}  # fmt: skip
NEWER = {
    "ServiceSubcategory": "Generative AI", "SkuMeter": "EUW1-Claude4.5Haiku-input-tokens", "PricingCurrency": "USD",
    "InvoiceId": "", "SkuPriceDetails": "{}",
}  # fmt: skip
Row = dict[str, Any]


def charge(day: int, cost: str, resource: str = "p1", **fields: str) -> Row:
    amounts = dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), cost)
    quantity = str(Decimal(cost) * 1000)
    return {
        **BOTH, **amounts, "ConsumedQuantity": quantity, "PricingQuantity": quantity, "ResourceId": resource,
        "ChargePeriodStart": f"2026-11-{day:02}T00:00:00Z", "ChargePeriodEnd": f"2026-11-{day + 1:02}T00:00:00Z",
        "ChargeDescription": "synthetic", **fields,
    }  # fmt: skip


def newer(found: list[Row]) -> list[Row]:
    return [{**row, **NEWER, "ChargeDescription": "synthetic, said otherwise"} for row in found]


def table(path: Path, found: list[Row]) -> Path:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, sorted(found[0]))
        writer.writeheader()
        writer.writerows(found)
    return path


def paid(out: Path) -> Decimal:
    return total(rows(out), "BilledCost")


DAYS = [charge(4, "1.25"), charge(4, "0.75", "p2"), charge(5, "3.00"), charge(5, "3.00")]


def test_two_versions_of_an_export_count_once(tmp_path: Path, out: Path) -> None:
    """2.00 on the 4th and 6.00 on the 5th in 1.0; 1.2 holds the 4th too, and the 6th with 0.50."""
    old = table(tmp_path / "one-zero.csv", DAYS)
    new = table(tmp_path / "one-two.csv", newer([*DAYS[:2], charge(6, "0.50")]))
    report = convert(out, old, new)
    assert paid(out) == Decimal("8.50")
    [decision] = report["billing_source"]
    assert (decision["between"], decision["family"]) == ("FOCUS exports", "aws_bedrock")
    assert (decision["from"], decision["to"], decision["days"]) == ("2026-11-04", "2026-11-04", 1)
    assert decision["carried_by"].startswith("FOCUS 1.2 (CSV, ")
    kept = exceptions(out, "carried_elsewhere")
    assert [(k["file"].rsplit("/")[-1], k["row"]) for k in kept] == [("one-zero.csv", 1), ("one-zero.csv", 2)]


@pytest.mark.parametrize("turned", [False, True])
def test_the_order_of_the_files_decides_nothing(tmp_path: Path, out: Path, turned: bool) -> None:
    files = [table(tmp_path / "a.csv", DAYS), table(tmp_path / "b.csv", newer(DAYS))]
    report = convert(out, *(reversed(files) if turned else files))
    assert paid(out) == Decimal("8.00") and report["billing_source"][0]["days"] == 2
    assert {k["file"].rsplit("/")[-1] for k in exceptions(out, "carried_elsewhere")} == {"a.csv"}


def test_a_newer_export_that_has_only_a_part_of_the_day_does_not_carry(tmp_path: Path, out: Path) -> None:
    """1.2 began in the middle of the 4th: 0.75 of 2.00."""
    files = [table(tmp_path / "a.csv", DAYS), table(tmp_path / "b.csv", newer(DAYS[1:2]))]
    report = convert(out, *files)
    assert paid(out) == Decimal("8.00")
    assert report["billing_source"][0]["carried_by"].startswith("FOCUS 1.0 (CSV, ")


def test_two_formats_of_one_export_count_once(tmp_path: Path, out: Path) -> None:
    files = [table(tmp_path / "a.csv", newer(DAYS)), jsonl(tmp_path / "a.jsonl", newer(DAYS))]
    report = convert(out, *files)
    assert paid(out) == Decimal("8.00") and report["billing_source"][0]["days"] == 2


@pytest.mark.parametrize(
    "other",
    [
        [charge(4, "9.00", "p9"), charge(5, "1.00", "p9")],  # another part of the same account
        [{**row, "SubAccountId": "700000000072"} for row in DAYS],
        [{**row, "BillingAccountId": "700000000099"} for row in DAYS],
        [{**row, "ChargePeriodStart": "2026-11-09T00:00:00Z", "ChargePeriodEnd": "2026-11-10T00:00:00Z"} for row in DAYS],
    ],
)  # fmt: skip
def test_other_spend_in_another_version_is_added(tmp_path: Path, out: Path, other: list[Row]) -> None:
    report = convert(out, table(tmp_path / "a.csv", DAYS), table(tmp_path / "b.csv", newer(other)))
    assert paid(out) == Decimal("8.00") + sum(Decimal(row["BilledCost"]) for row in other)
    assert report["billing_source"] == [] and not exceptions(out, "carried_elsewhere")


def test_parts_of_one_export_are_added_even_when_their_rows_look_alike(tmp_path: Path, out: Path) -> None:
    """Two files with the same columns are parts of one export; only wholly equal rows of them count once."""
    files = [table(tmp_path / "a.csv", DAYS), table(tmp_path / "b.csv", [{**r, "SkuId": "T"} for r in DAYS])]
    report = convert(out, *files)
    assert paid(out) == Decimal("16.00") and report["billing_source"] == []


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="reference samples are not beside this checkout")
def test_the_azure_samples_of_two_versions_are_one_spend(out: Path) -> None:
    """Both samples tell of 82.33420 USD on one day."""
    report = convert(out, SAMPLES / "focus_1_0r2.csv", SAMPLES / "focus_1_2.csv")
    assert paid(out) == Decimal("82.33420")
    assert {d["carried_by"] for d in report["billing_source"]} == {"FOCUS 1.2 (CSV, 104 columns)"}
