"""Lines of a Google Cloud Billing export that are easily lost or misread."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from data_builders import EXPORTS, convert, jsonl, rows

GOOGLE = EXPORTS / "google"


@pytest.mark.parametrize("focus", ["1.2", "1.3", "1.4"])
def test_an_adjustment_is_a_correction(focus: str, out: Path) -> None:
    """A line of 2 USD for 1,000 tokens, and 0.50 USD given back for a wrong price of the month before."""
    convert(out, GOOGLE / "billing-standard" / "corrections" / "input.jsonl", validate=True, focus=focus)
    found = {r["ChargeClass"]: (r["ChargeCategory"], r["BilledCost"], r["ConsumedQuantity"]) for r in rows(out)}
    assert found == {None: ("Usage", Decimal(2), 1_000), "Correction": ("Adjustment", Decimal("-0.5"), None)}


def test_resources_with_the_same_cost_in_an_hour_are_two_charges(out: Path) -> None:
    """Two units of throughput at 2.50 USD an hour, which differ in the endpoint alone."""
    report = convert(out, GOOGLE / "billing-detailed" / "equal-resources" / "input.jsonl")
    assert report["records"]["billed_lines"] == 2
    assert sum(r["BilledCost"] for r in rows(out)) == 5
    assert {r["ResourceName"] for r in rows(out)} == {"projects/1/endpoints/a", "projects/1/endpoints/b"}


def test_units_that_are_no_tokens_and_words_of_no_table_are_told(out: Path) -> None:
    """10 tokens of Llama count. 5,000 characters, storage by the second and words of no table keep their 2.50 USD."""
    report = convert(out, GOOGLE / "billing-standard" / "units-unknown-words" / "input.jsonl")
    told = {w["code"]: w.get("records") for w in report["warnings"]}
    assert told == {"quality:unit_scale_unknown": 2, "quality:unknown_model": 1, "quality:unknown_meter": 1}
    assert sum(r["BilledCost"] for r in rows(out)) == 3
    assert sum(r["x_InputTokens"] or 0 for r in rows(out)) == 10


def test_words_of_the_gemini_api_say_model_and_kind_of_token_in_both_exports(out: Path, tmp_path: Path) -> None:
    """14 lines of 0.25 USD; 2,000 + 10 + 70 + 90 tokens of output, and searches of no model."""
    convert(out, GOOGLE / "billing-standard" / "gemini-api-words" / "input.jsonl", validate=True)
    convert(tmp_path / "focus", EXPORTS / "focus/focus-cost-and-usage/google-gemini-api-words" / "input.jsonl")
    for found in (rows(out), rows(tmp_path / "focus")):
        assert sum(r["BilledCost"] for r in found) == Decimal("3.5")
        assert sum(r["x_OutputTokens"] or 0 for r in found) == 2_170
        assert sum(r["x_InputTokens"] or 0 for r in found) == 300 + 80 + 100 + 110
        assert sum(r["x_CacheReadTokens"] or 0 for r in found) == 40 + 50 + 60 + 140
        assert [r["ChargeDescription"] for r in found if r["x_ModelId"] is None] == [
            "Generate content search query gemini 3 paid one"
        ]


@pytest.mark.parametrize("taxed", [("standard", "detailed"), ("standard",), ("detailed",)])
def test_the_tax_of_a_day_counts_once_whichever_of_two_exports_carries_it(
    out: Path, tmp_path: Path, taxed: tuple[str, ...]
) -> None:
    """3 USD of usage in both exports, 2 USD of tax in one or both, and 7 USD that came late in the detailed one alone."""
    line = json.loads(
        (GOOGLE / "billing-standard" / "hours" / "input.jsonl").read_text(encoding="utf-8").splitlines()[0]
    )
    usage = {**line, "cost": 3.0, "cost_at_list": 3.0, "credits": []}
    tax = {
        **usage, "sku": {"id": "TAX", "description": "Tax"}, "cost": 2.0, "cost_at_list": 2.0, "cost_type": "tax",
        "usage": {"amount": 0.0, "unit": "requests"}, "project": None, "labels": [],
    }  # fmt: skip
    late = {**usage, "sku": {"id": "LATE", "description": "Gemini 2.5 Pro GA Text Output - Predictions"}, "cost": 7.0}
    place = {"resource": {"name": None, "global_name": None}}
    standard = jsonl(tmp_path / "standard.jsonl", [usage, *([tax] if "standard" in taxed else [])])
    lines = [usage, late, *([tax] if "detailed" in taxed else [])]
    detailed = jsonl(tmp_path / "detailed.jsonl", [{**row, **place} for row in lines])
    convert(out, standard, detailed)
    found = rows(out)
    assert sum(r["BilledCost"] for r in found) == 12
    assert [r["BilledCost"] for r in found if r["ChargeCategory"] == "Tax"] == [2]


def test_storage_of_a_cache_is_a_unit_that_no_rule_finds_fault_with(out: Path) -> None:
    report = convert(out, GOOGLE / "billing-standard" / "gemini-api-words" / "input.jsonl", validate=True)
    assert {r["ConsumedUnit"] for r in rows(out)} >= {"Token-Hours", "Tokens", "Requests"}
    assert report["warnings"] == [] and report["validation"]["failed"] == 0
