"""FOCUS files of clouds: model, kind of token and tokens as in the cloud's own detailed export; money once."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from data_builders import EXPORTS, convert, exceptions, jsonl, rows, staged, total

from focus_ai import api

CASES = EXPORTS / "focus" / "focus-cost-and-usage"
SAMPLES = Path(__file__).parents[3] / "shared" / "reference" / "providers" / "samples"
sampled = pytest.mark.skipif(not SAMPLES.is_dir(), reason="reference samples are not beside this checkout")
TOKENS = ("x_InputTokens", "x_CacheReadTokens", "x_CacheWriteTokens", "x_OutputTokens")
TOLD = (
    "x_ModelId", "x_ModelDeveloper", "x_ModelFamily", "x_ModelVersion", "x_TokenType", "x_TokenDirection",
    "x_TokenCacheAction", *TOKENS, "x_ProcessingTier", "x_InferenceGeo",
)  # fmt: skip
READ = (
    "provider", "billed_meter", "service_tier", "is_batch", "context_gt", "inference_geo", "price_variant",
)  # fmt: skip
Row = dict[str, Any]


def told(found: list[Row]) -> list[str]:
    """What the rows say about model and tokens, with their money, in one order."""
    return sorted(str([*(row[name] for name in TOLD), row["BilledCost"].normalize()]) for row in found)


def tokens(found: list[Row]) -> int:
    return sum(row[name] or 0 for row in found for name in TOKENS)


# -- the samples of the reference -----------------------------------------------------------------------------------


@sampled
@pytest.mark.parametrize("name", ["focus_1_0r2.csv", "focus_1_2.csv"])
def test_azure_samples(tmp_path: Path, name: str) -> None:
    """82.33420 USD; six token meters with 5,680,000 tokens, and Claude's consumption units without any."""
    convert(tmp_path / "out", SAMPLES / "azure-openai" / name)
    found = rows(tmp_path / "out")
    assert (total(found, "BilledCost"), tokens(found)) == (Decimal("82.33420"), 5_680_000)
    [units] = [row for row in found if row["x_TokenType"] is None]
    assert (units["BilledCost"], units["x_ModelId"], units["ConsumedQuantity"]) == (Decimal("68.24"), None, 6824)
    assert {row["ConsumedUnit"] for row in found} == {row["PricingUnit"] for row in found} == {"Units"}
    stated = "AI Platforms" if name == "focus_1_2.csv" else "Generative AI"
    assert {row["ServiceSubcategory"] for row in found if row["x_TokenType"]} == {stated}


@sampled
def test_aws_sample(tmp_path: Path) -> None:
    """5.144310 USD. Thousands: 122.5 + 0.54 + 6 + 2 = 131.04; Marketplace millions: 0.42 + 0.096 + 0.05 = 0.566."""
    convert(tmp_path / "out", SAMPLES / "aws-bedrock" / "focus_1_2_aws_columns.csv")
    found = rows(tmp_path / "out")
    assert (total(found, "BilledCost"), tokens(found)) == (Decimal("5.144310"), 131_040 + 566_000)
    assert {row["ConsumedUnit"] for row in found} == {"1K tokens", "Units"}


@sampled
def test_google_sample(tmp_path: Path) -> None:
    """5.534725 USD net of credits; 1,048,200 + 84,200 + 40,210 + 250,000 + 500,000 tokens, storage and searches none."""
    convert(tmp_path / "out", SAMPLES / "google" / "focus_bigquery_rows.jsonl")
    found = rows(tmp_path / "out")
    assert (total(found, "BilledCost"), tokens(found)) == (Decimal("5.534725"), 1_922_610)
    assert {row["x_TokenType"] for row in found} == {"input", "output", "cache_read", "cache_storage", "web_search"}
    assert {row["ConsumedUnit"] for row in found} == {"requests", "hour"}


PAIRS = {
    "aws": ("aws-bedrock/cur2_daily.csv", "aws-bedrock/focus_1_2_aws_columns.csv", Decimal("5.144310")),
    "azure": ("azure-openai/actual_cost_ea.csv", "azure-openai/focus_1_0r2.csv", Decimal("82.33420")),
    "azure versions": ("azure-openai/focus_1_2.csv", "azure-openai/focus_1_0r2.csv", None),
    # the detailed file has the tax of 1.07 besides
    "google": ("google/billing_export_detailed.jsonl", "google/focus_bigquery_rows.jsonl", Decimal("6.604725")),
}


@sampled
@pytest.mark.parametrize("pair", PAIRS)
def test_the_two_exports_of_one_usage_say_the_same(tmp_path: Path, pair: str) -> None:
    detailed, focus, once = PAIRS[pair]
    convert(tmp_path / "detailed", SAMPLES / detailed)
    convert(tmp_path / "focus", SAMPLES / focus)
    # taxes and Claude's consumption units stand in one of the two files only
    first, second = (
        told([r for r in rows(tmp_path / name) if r["x_TokenType"] is not None]) for name in ("detailed", "focus")
    )
    assert first == second and len(first) >= 6
    if once is not None:
        convert(tmp_path / "both", SAMPLES / detailed, SAMPLES / focus)
        assert total(rows(tmp_path / "both"), "BilledCost") == once


# -- the detailed fixtures, said as FOCUS rows ------------------------------------------------------------------------


def table(path: Path) -> Iterator[Row]:
    if path.suffix == ".jsonl":
        yield from (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
        return
    with path.open(encoding="utf-8-sig", newline="") as stream:
        yield from csv.DictReader(stream)


def focus_row(provider: str, cost: object, quantity: object, unit: object, **fields: Any) -> Row:
    return {
        "BilledCost": str(cost), "BillingCurrency": "USD", "ChargeCategory": "Usage",
        "ChargePeriodStart": "2026-11-03T00:00:00Z", "ChargePeriodEnd": "2026-11-04T00:00:00Z",
        "ProviderName": provider, "ConsumedQuantity": "" if quantity is None else str(quantity), "ConsumedUnit": unit,
        **fields,
    }  # fmt: skip


def of_cur(line: Row) -> Row | None:
    if line["line_item_line_item_type"] != "Usage":
        return None
    return focus_row(
        "AWS", line["line_item_unblended_cost"], line["line_item_usage_amount"], line["pricing_unit"],
        BillingAccountId=line["bill_payer_account_id"], x_UsageType=line["line_item_usage_type"],
        ServiceName=json.loads(line["product"])["product_name"], x_ServiceCode=line["line_item_product_code"],
        ContractedUnitPrice=line["line_item_unblended_rate"], ChargeDescription=line["line_item_line_item_description"],
        ServiceCategory="AI and Machine Learning", RegionId="",
    )  # fmt: skip


def of_azure(line: Row) -> Row | None:
    """The rows of the fixture whose quantity is in tokens; block sizes are what FOCUS adds."""
    fact = {key.lower(): value for key, value in line.items()}
    block = {"1K": "1000", "1M": "1000000"}.get(fact["unitofmeasure"])
    if fact["chargetype"] != "Usage" or block is None or "." in fact["quantity"]:
        return None
    profile = fact["billingprofileid"]
    path = f"/{profile}" if profile.isdigit() else f"/orbit:root_2019-05-31/billingprofiles/{profile.lower()}"
    return focus_row(
        "Microsoft", fact["costinbillingcurrency"], fact["quantity"], "Units", SkuMeter=fact["metername"],
        BillingAccountId=f"/providers/microsoft.billing/billingaccounts{path}", x_PricingBlockSize=block,
        x_SkuMeterCategory=fact["metercategory"], x_SkuMeterSubcategory=fact["metersubcategory"],
        BillingCurrency=fact.get("billingcurrencycode") or fact["billingcurrency"],
    )  # fmt: skip


def of_google(line: Row) -> Row | None:
    if line["cost_type"] != "regular":
        return None
    net = Decimal(str(line["cost"])) + sum((Decimal(str(c["amount"])) for c in line["credits"] or []), Decimal(0))
    return focus_row(
        "Google Cloud", net, line["usage"]["amount"], line["usage"]["unit"], RegionId=line["location"]["region"],
        BillingAccountId=line["billing_account_id"], ChargeDescription=line["sku"]["description"],
        ServiceName=line["service"]["description"], x_ServiceId=line["service"]["id"],
    )  # fmt: skip


DETAILED: dict[str, tuple[Callable[[Row], Row | None], Path]] = {
    "cur2": (of_cur, EXPORTS / "aws" / "cur2" / "daily-csv" / "input.csv"),
    "ea": (of_azure, EXPORTS / "azure" / "actual-cost-ea" / "day" / "input.csv"),
    "mca": (of_azure, EXPORTS / "azure" / "actual-cost-mca" / "day" / "input.csv"),
    "google detailed": (of_google, EXPORTS / "google" / "billing-detailed" / "credits" / "input.jsonl"),
    "google standard": (of_google, EXPORTS / "google" / "billing-standard" / "hours" / "input.jsonl"),
}


@pytest.mark.parametrize("name", DETAILED)
def test_words_are_read_as_in_the_detailed_export(tmp_path: Path, name: str) -> None:
    make, path = DETAILED[name]
    known = {record["source_row"]: record for record in staged(path, tmp_path / "a")[1]}
    wanted, made = [], []
    for number, line in enumerate(table(path), start=1):
        row = make(line)
        if row is not None and number in known:
            wanted.append(known[number])
            made.append(row)
    found = staged(jsonl(tmp_path / "focus.jsonl", made), tmp_path / "b")[1]
    assert len(found) == len(wanted) > 0
    for want, got in zip(wanted, found, strict=True):
        assert [got.get(n) for n in READ] == [want.get(n) for n in READ], want["line_item"]
        # actual cost does not tell the scale of a quantity without a price; the block size of FOCUS does
        if "billed_quantity" in want or want["adapter"].startswith(("aws", "google")):
            assert got.get("billed_quantity") == want.get("billed_quantity"), want["line_item"]
        assert got.get("billed_unit") == (want["billed_unit"] if "billed_quantity" in got else None)
        # a name that no table knows is no model here; the detailed export keeps its words
        assert got.get("model_served") in (want.get("model_served"), None), want["line_item"]
        if got.get("model_served") is None and got.get("billed_meter") not in (None, "web_search", "maps_grounding"):
            assert "unknown_model" in got["flags"]


@pytest.mark.parametrize("name", ["cur2", "ea", "mca", "google detailed"])
def test_both_exports_of_an_account_count_once(tmp_path: Path, name: str) -> None:
    """The bill of the day twice, and storage that only the FOCUS file knows: 4.00 more than the detailed export."""
    make, path = DETAILED[name]
    days = {record["event_time"][:10] for record in staged(path, tmp_path / "work")[1]}
    made = [row for line in table(path) if (row := make(line)) is not None]
    storage = {**made[0], "ServiceName": "Object Store", "ServiceCategory": "Storage", "BilledCost": "4.00"}
    drop = {"x_UsageType", "x_ServiceCode", "SkuMeter", "x_SkuMeterCategory", "x_SkuMeterSubcategory", "x_ServiceId"}
    storage = {k: v for k, v in storage.items() if k not in drop} | {"ChargeDescription": "stored bytes"}
    both: list[Row] = []
    for day in sorted(days):
        span = {"ChargePeriodStart": f"{day}T00:00:00Z", "ChargePeriodEnd": f"{day}T23:59:59Z"}
        both += [{**row, **span} for row in ([*made, storage] if not both else made[:1])]
    convert(tmp_path / "alone", path)
    report = convert(tmp_path / "both", path, jsonl(tmp_path / "focus.jsonl", both))
    [decision] = report["billing_source"]
    assert decision["between"] == "cost exports" and decision["days"] == len(days)
    carried = total(rows(tmp_path / "both"), "BilledCost")
    if decision["carried_by"] != "focus-cost-and-usage":
        assert carried == total(rows(tmp_path / "alone"), "BilledCost") + Decimal("4.00")
    else:
        # the rows made here tell of usage only: the tax of the detailed export is in none of them
        tax = total([row for row in rows(tmp_path / "alone") if row["ChargeCategory"] == "Tax"], "BilledCost")
        assert carried == sum((Decimal(row["BilledCost"]) for row in both), Decimal(0)) + tax
    assert exceptions(tmp_path / "both", "carried_elsewhere")


# -- whole runs over the fixtures -------------------------------------------------------------------------------------


def test_aws_rows_keep_their_columns_and_gain_tokens(tmp_path: Path) -> None:
    """Input 12,500 + 100,000 + 300,000 - 1,000 (a correction); output 5,000 + 1,000 + 250,000 + 2,000."""
    report = convert(tmp_path / "out", CASES / "aws-one-two-csv" / "input.csv")
    found = rows(tmp_path / "out")
    sums = [sum(row[name] or 0 for row in found) for name in TOKENS]
    assert sums == [411_500, 4_000, 4_000, 258_000]
    [flex] = [row for row in found if row["x_ProcessingTier"] == "flex"]
    assert (flex["x_ModelDeveloper"], flex["ConsumedQuantity"], flex["ConsumedUnit"], flex["PricingUnit"]) == (
        "Amazon", 5, "1K tokens", "1K tokens"
    )  # fmt: skip
    assert {r["x_ProcessingTier"] for r in found} == {"standard", "flex", "batch", None}
    # a global profile is the base price of the card, as in rows of the Cost and Usage Report
    assert {r["x_InferenceGeo"] for r in found} == {"in-region", "regional", None}
    assert [r["x_ModelId"] for r in found if "Lyrebird9" in (r["x_UsageType"] or "")] == [None]
    flagged = {w["code"]: w["records"] for w in report["warnings"] if w["code"].startswith("quality:")}
    assert flagged == {"quality:unknown_model": 1, "quality:unit_scale_unknown": 2}


@pytest.mark.parametrize("case", ["azure-one-zero-csv", "azure-one-two-csv"])
def test_azure_versions_say_the_same(tmp_path: Path, case: str) -> None:
    """Input 1,000,000 + 300,000 + 1,000; output 500,000 + 200,000 + 2,000; what is of unknown scale is not counted."""
    convert(tmp_path / "out", CASES / case / "input.csv")
    found = rows(tmp_path / "out")
    assert [sum(r[name] or 0 for r in found) for name in TOKENS] == [1_301_000, 400_000, 0, 702_000]
    [claude] = [r for r in found if r["PublisherName"] == "Anthropic"]
    assert (claude["ServiceCategory"], claude["x_TokenType"], claude["BillingCurrency"]) == (
        "AI and Machine Learning", None, "EUR"
    )  # fmt: skip
    assert {r["BillingAccountId"][:31] for r in found} == {"/providers/microsoft.billing/bi"}


def test_google_rows_of_both_services(tmp_path: Path) -> None:
    """Text and Parquet of one account: the same two rows, whatever the file type."""
    convert(tmp_path / "lines", CASES / "google-jsonl" / "input.jsonl", ai_only=True)
    convert(tmp_path / "table", CASES / "google-parquet" / "input.parquet")
    lines, parquet = rows(tmp_path / "lines"), rows(tmp_path / "table")
    assert [sum(r[name] or 0 for r in lines) for name in TOKENS] == [910_000, 110_000, 0, 100_000]
    assert [sum(r[name] or 0 for r in parquet) for name in TOKENS] == [500_000, 0, 0, 30_000]
    owned = {(r["x_Team"], r["x_Environment"], r["x_CostCenter"]) for r in lines if r["x_Team"]}
    assert owned == {("lyra", "prod", "cc-71")} or owned == {("lyra", "production", "cc-71")}
    assert "N2 Instance Core running in Netherlands" not in {r["ChargeDescription"] for r in lines}


def test_binary_noise_of_doubles_is_rounded_and_told(tmp_path: Path) -> None:
    """Exports of AWS hold doubles: more than eighteen decimals are no reason to lose a row of a bill."""
    row = focus_row("AWS", "1.2345678901234568e-05", "0.30000000000000004", "1K tokens", EffectiveCost="0.5",
                    ServiceName="Amazon Bedrock", x_UsageType="USE1-NovaLite-input-tokens")  # fmt: skip
    report = convert(tmp_path / "out", jsonl(tmp_path / "in.jsonl", [row]))
    [found] = rows(tmp_path / "out")
    assert (found["BilledCost"], found["EffectiveCost"], found["x_InputTokens"]) == (
        Decimal("0.000012345678901235"), Decimal("0.5"), 300
    )  # fmt: skip
    assert {"column": "BilledCost", "rows": 1} in report["focus_files"]["rounded"]
    assert "EffectiveCost" not in {entry["column"] for entry in report["focus_files"]["rounded"]}


def test_clouds_in_one_file_are_told_apart_row_by_row(tmp_path: Path) -> None:
    mixed = [
        focus_row("AWS", 1, 2, "1K tokens", ServiceName="Amazon Bedrock", x_UsageType="USE1-NovaLite-input-tokens"),
        focus_row("Microsoft", 1, 3000, "Units", SkuMeter="gpt 5 mini Outpt Glbl 1M Tokens",
                  x_PricingBlockSize="1000000", x_SkuMeterSubcategory="Azure OpenAI GPT5"),
        focus_row("Google Cloud", 1, 4000, "requests", ServiceName="Vertex AI",
                  ChargeDescription="Gemini 2.5 Pro GA Text Output - Predictions"),
        focus_row("Example AI", 1, 5000, "Units", SkuMeter="gpt 5 mini Outpt Glbl 1M Tokens",
                  ServiceName="Amazon Bedrock", x_UsageType="USE1-NovaLite-input-tokens"),
    ]  # fmt: skip
    convert(tmp_path / "out", jsonl(tmp_path / "in.jsonl", mixed))
    found = {r["ServiceProviderName"]: (r["x_ModelId"], r["x_TokenType"], tokens([r])) for r in rows(tmp_path / "out")}
    assert found == {
        "AWS": ("amazon.nova-lite", "input", 2000), "Microsoft": ("gpt-5-mini", "output", 3000),
        "Google Cloud": ("gemini-2.5-pro", "output", 4000), "Example AI": (None, None, 0),
    }  # fmt: skip


@pytest.mark.parametrize("case", ["aws-one-two-csv", "azure-one-two-csv", "google-jsonl"])
def test_what_was_read_comes_back_from_our_own_data_set(tmp_path: Path, case: str) -> None:
    (path,) = (CASES / case).glob("input.*")
    convert(tmp_path / "first", path)
    convert(tmp_path / "again", tmp_path / "first" / "data")
    # the owners are read from our own columns then, which is all that differs
    first, again = ([{**r, "x_OwnerEvidence": None} for r in rows(tmp_path / name)] for name in ("first", "again"))
    assert first == again and tokens(first) > 0


def test_report_and_audit_count_the_tokens_of_clouds(tmp_path: Path) -> None:
    """Vertex AI writes tokens as `requests`: 500,000 + 40,000 are told by the token columns, not by the unit."""
    lines = (CASES / "google-jsonl" / "input.jsonl").read_text(encoding="utf-8").splitlines()[:2]
    source = jsonl(tmp_path / "rows.jsonl", [json.loads(line) for line in lines])
    convert(tmp_path / "out", source)
    assert {row["ConsumedUnit"] for row in rows(tmp_path / "out")} == {"requests"}
    report = api.report(tmp_path / "out")
    assert report["totals"]["tokens"] == api.audit([str(source)])["totals"]["tokens"] == 540_000
    # 0.25 for half a million
    assert {m["name"]: m["cost_per_million_tokens"] for m in report["models"]}["gemini-3.7-flash"] == "0.5"
