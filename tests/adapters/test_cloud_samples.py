"""Totals that the cloud samples of the reference pages state: Google, AWS Bedrock, Azure, Databricks, Snowflake.

The reference folder lies beside a checkout and is not part of the product; without it these tests skip.
Figures: table "Samples" of the provider pages, read 2026-11-22.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from data_builders import convert, rows

from focus_ai.adapters.catalogue import shipped
from focus_ai.adapters.golden import records
from focus_ai.adapters.recognise import claims, recognise, sample
from focus_ai.errors import InputError
from focus_ai.sources import discover

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
SAMPLES = REFERENCE / "providers" / "samples"
GATEWAYS = REFERENCE / "gateways" / "samples"
OURS = ("google-", "aws-cur2", "aws-bedrock-", "azure-", "databricks-", "snowflake-")
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="reference samples are not beside this checkout")


def read(path: Path, work: Path) -> list[dict[str, Any]]:
    source = discover([str(path)], path.parent)[0]
    staged, found = records(source, recognise(source, shipped()), work)
    assert staged.rejects == ()
    return found


def money(found: list[dict[str, Any]], field: str = "billed_cost", **where: str) -> Decimal:
    chosen = [r for r in found if all(r.get(k) == v for k, v in where.items())]
    return sum((Decimal(r.get(field, "0")) for r in chosen), Decimal(0))


def cost(out: Path, column: str = "BilledCost") -> Decimal:
    return sum((Decimal(row[column]) for row in rows(out)), Decimal(0))


def test_google_detailed_export(tmp_path: Path) -> None:
    found = read(SAMPLES / "google/billing_export_detailed.jsonl", tmp_path)
    assert len(found) == 8
    usage, tax = money(found, charge_category="Usage"), money(found, charge_category="Tax")
    assert (usage, tax) == (Decimal("5.534725"), Decimal("1.07"))
    assert money(found, "list_amount", charge_category="Usage") == Decimal("5.584725")
    assert {r["provider"] for r in found} == {"gcp_vertex", "gemini"}
    tokens = sum(Decimal(r["billed_quantity"]) for r in found if r.get("billed_unit") == "Tokens")
    assert tokens == 1048200 + 84200 + 40210 + 250000 + 500000


def test_google_standard_export_holds_the_same_spend(tmp_path: Path) -> None:
    inputs = [SAMPLES / f"google/billing_export_{kind}.jsonl" for kind in ("standard", "detailed")]
    report = convert(tmp_path / "out", *inputs)
    assert cost(tmp_path / "out") == Decimal("6.604725")
    assert [d["carried_by"] for d in report["billing_source"]] == ["google-billing-detailed"]


def test_gemini_tokens(tmp_path: Path) -> None:
    (found,) = read(SAMPLES / "google/generate_content_response.json", tmp_path)
    fresh = found["input_uncached_tokens"] + found["input_image_tokens"] + found["input_tool_use_tokens"]
    out = found["output_text_tokens"] + found["output_reasoning_tokens"]
    assert (fresh, found["input_cache_read_tokens"], out) == (1504, 4096, 1250)
    assert fresh + found["input_cache_read_tokens"] + out == found["reported_total_tokens"] == 6850
    (logged,) = read(SAMPLES / "google/request_response_log_rows.jsonl", tmp_path)
    assert logged["input_uncached_tokens"] + logged["input_tool_use_tokens"] == 1504
    assert logged["flags"] == "may_be_sampled"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("google/generate_content_response_minimal.json", "missing:received_at"),
        ("aws-bedrock/converse_response.json", "missing:received_at"),
        ("aws-bedrock/invoke_model_stream_last_chunk.json", "missing:received_at"),
    ],
)
def test_a_body_without_a_time_is_set_aside_and_not_guessed(name: str, reason: str, tmp_path: Path) -> None:
    source = discover([str(SAMPLES / name)], tmp_path)[0]
    staged, found = records(source, recognise(source, shipped()), tmp_path)
    assert (found, [r.reason for r in staged.rejects]) == ([], [reason])


def test_cur_lines(tmp_path: Path) -> None:
    found = read(SAMPLES / "aws-bedrock/cur2_daily.csv", tmp_path)
    assert (len(found), money(found)) == (11, Decimal("5.144310"))
    assert len({r["provider_raw"] for r in found}) == 4  # two Bedrock services and two Marketplace products
    opus = [r for r in found if r["model_served"] == "anthropic.claude-opus-5-5"]
    assert [r["billed_quantity"] for r in opus] == ["420000", "96000"]


def test_the_invocation_log_equals_the_first_five_lines_of_the_bill(tmp_path: Path) -> None:
    calls = [r for r in read(SAMPLES / "aws-bedrock/invocation_log.jsonl", tmp_path) if "resource_id" in r]
    (tmp_path / "bill").mkdir()
    lines = read(SAMPLES / "aws-bedrock/cur2_daily.csv", tmp_path / "bill")[:5]
    fields = ("input_uncached", "output_text", "input_cache_read", "input_cache_write_5m", "input_cache_write_1h")
    logged = [sum(r.get(f"{f}_tokens", 0) for r in calls if r["outcome"] == "success") for f in fields]
    assert logged == [int(r["billed_quantity"]) for r in lines] == [2000, 450, 6000, 1500, 500]


def test_log_and_bill_of_aws_count_once(tmp_path: Path) -> None:
    report = convert(
        tmp_path / "out", SAMPLES / "aws-bedrock/cur2_daily.csv", SAMPLES / "aws-bedrock/invocation_log.jsonl"
    )
    assert cost(tmp_path / "out") == Decimal("5.144310")
    assert [(d["family"], d["carried_by"]) for d in report["billing_source"]] == [("aws", "bill")]


def test_an_application_profile_without_alias_stays_unpriced(tmp_path: Path) -> None:
    report = convert(tmp_path / "out", SAMPLES / "aws-bedrock/invocation_log.jsonl")
    assert report["unpriced"]["events"] == 2
    # 500 input and 90 output tokens at the geographic price, as the bill has them
    assert cost(tmp_path / "out") == Decimal("0.003135")


def test_azure_actual_cost(tmp_path: Path) -> None:
    found = read(SAMPLES / "azure-openai/actual_cost_ea.csv", tmp_path)
    assert money(found) == Decimal("14.0942")
    assert [r["billed_quantity"] for r in found] == ["1250000", "640000", "84000", "3200000", "410000", "96000"]
    assert [r["billed_meter"] for r in found] == ["input", "cache_read", "output", "input", "output", "input"]
    assert {r["region"] for r in found} == {"eastus2"}


@pytest.mark.parametrize(
    ("path", "tokens"),
    [
        (SAMPLES / "azure-openai/apim_gateway_llm_log.jsonl", (3200, 840)),
        (GATEWAYS / "azure_apim_llm_log.json", (1200, 350)),
    ],
)
def test_the_gateway_log_of_azure_counts_a_request_once(path: Path, tokens: tuple[int, int], tmp_path: Path) -> None:
    report = convert(tmp_path / "out", path, settings={"accounts": {"azure_openai": {"id": "7700001"}}})
    assert report["records"]["events"] == 1
    found = {row["x_TokenType"]: int(row["ConsumedQuantity"]) for row in rows(tmp_path / "out")}
    assert (found["input"], found["output"]) == tokens


def test_databricks_usage_with_its_prices(tmp_path: Path) -> None:
    usage, prices = (SAMPLES / f"others/databricks_{name}.jsonl" for name in ("billing_usage", "list_prices"))
    report = convert(tmp_path / "both", usage, prices)
    assert cost(tmp_path / "both") == cost(tmp_path / "both", "ListCost") == Decimal("0.903")
    assert sum(Decimal(row["ConsumedQuantity"]) for row in rows(tmp_path / "both")) == Decimal("12.9")
    assert report["records"]["ignored"] == 1
    alone = convert(tmp_path / "alone", usage)
    assert (alone["records"]["rejected"], alone["rows"]) == (3, 0)


def test_databricks_external_calls_and_their_estimate_count_once(tmp_path: Path) -> None:
    calls, spend = (SAMPLES / f"others/databricks_{n}.jsonl" for n in ("ai_gateway_usage", "external_model_spend"))
    report = convert(tmp_path / "out", calls, spend)
    families = {d["family"]: d["carried_by"] for d in report["billing_source"]}
    assert families == {"databricks-external-models": "usage"}  # an estimate of the gateway is no bill
    external = [row for row in rows(tmp_path / "out") if row["ServiceProviderName"] == "Anthropic"]
    assert sum(Decimal(row["BilledCost"]) for row in external) == Decimal("0.000804")


def test_snowflake_tokens_are_additive_and_functions_cost_credits(tmp_path: Path) -> None:
    first, second = read(SAMPLES / "others/snowflake_cortex_rest_api_usage.jsonl", tmp_path)
    parts = ("input_uncached_tokens", "input_cache_read_tokens", "output_text_tokens")
    assert [first[p] for p in parts] == [31, 5200, 44]
    assert sum(first[p] for p in parts) == first["reported_total_tokens"]
    assert second["reported_total_tokens"] == 21 and first["event_time"] == "2026-10-01T14:00:00Z"
    calls = SAMPLES / "others/snowflake_cortex_ai_functions_usage.jsonl"
    rates = tmp_path / "rates.csv"
    rates.write_text("provider,model,meter,price,unit_size,currency\nsnowflake,*,credits,3.00,1,USD\n")
    convert(tmp_path / "out", calls, settings={"rates": {"files": [str(rates)]}})
    assert cost(tmp_path / "out") == Decimal("0.05697")  # 0.01899 credits at 3 dollars
    assert convert(tmp_path / "unpriced", calls)["unpriced"]["events"] == 3


def test_no_sample_is_claimed_twice_and_foreign_files_are_left_alone() -> None:
    own = ("google", "aws-bedrock", "azure-openai")
    for path in sorted([*SAMPLES.rglob("*.*"), *GATEWAYS.glob("*.*")]):
        try:
            seen = sample(discover([str(path)], path.parent)[0])
        except InputError:
            continue
        claiming = [m.id for m in shipped().values() if claims(m, seen)]
        assert len(claiming) <= 1, path.name
        cloud = path.parent.name in own or path.name.startswith(("databricks", "snowflake", "azure_", "bedrock"))
        if not cloud:
            assert not [c for c in claiming if c.startswith(OURS)], path.name
        elif "focus" not in path.name and "manifest" not in path.name:
            assert [c for c in claiming if c.startswith(OURS)], path.name
