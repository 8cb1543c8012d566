"""The synthetic company: what was planted is found, with its exact amount."""

from __future__ import annotations

import importlib.util
import json
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from data_builders import convert

from focus_ai import api
from focus_ai.reports.showback import showback_text
from focus_ai.settings import Settings

FOLDER = Path(__file__).parents[2] / "fixtures" / "company"
SAMPLE = FOLDER / "sample"


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("company_generate", FOLDER / "generate.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def planted() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SAMPLE / "planted.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def audit() -> dict[str, Any]:
    return api.audit([str(SAMPLE / "gateway.jsonl")])


def finding(audit: dict[str, Any], name: str) -> dict[str, Any]:
    return next(f for f in audit["findings"] if f["id"] == name)


def test_the_sample_is_what_the_generator_writes(tmp_path: Path) -> None:
    generator().generate(tmp_path / "again", scale=1, factor=100, seed=1)
    names = sorted(p.name for p in SAMPLE.iterdir())
    assert names == sorted(p.name for p in (tmp_path / "again").iterdir())
    assert [n for n in names if (SAMPLE / n).read_bytes() != (tmp_path / "again" / n).read_bytes()] == []


def test_the_full_month_adds_up() -> None:
    """7,400 + 5,700 + 3,800 + 1,300 dollars, in cents."""
    sums: dict[str, int] = {}
    for part in generator().PARTS:
        sums[part.product] = sums.get(part.product, 0) + part.cents
    assert sums == {"customer-qa": 740_000, "doc-summary": 570_000, "code-review": 380_000, "experiments": 130_000}


def test_the_prices_of_the_generator_are_those_of_the_card() -> None:
    from datetime import UTC, datetime

    from focus_ai.pricing import Conditions, Rate, RateCard, lookup

    card = RateCard.load()
    for day in (1, 31):
        for table, batch in ((generator().PRICES, False), (generator().BATCH, True)):
            for model, prices in table.items():
                channel = "anthropic" if model.startswith("claude") else "openai"
                for meter, price in zip(("input", "cache_read", "output"), prices, strict=True):
                    if price is None or (batch and meter == "cache_read"):
                        continue
                    at = datetime(2026, 10, day, 12, tzinfo=UTC)
                    found = lookup(card, channel, model, meter, at, Conditions.of(is_batch=batch))
                    assert isinstance(found, Rate) and found.price is not None, (model, meter, found)
                    assert found.price == Decimal(price).scaleb(-3), (model, meter)


def test_the_money_is_exact(audit: dict[str, Any], planted: dict[str, Any]) -> None:
    assert audit["totals"]["cost"] == planted["rated"] == "18.2"
    assert audit["records"]["duplicates"] == planted["log"]["repeated_lines"]
    assert audit["records"]["events"] == planted["log"]["events"]


def test_the_loop_is_found_with_its_waste(audit: dict[str, Any], planted: dict[str, Any]) -> None:
    loop, said = finding(audit, "retry.loop"), planted["log"]["loop"]
    assert loop["cost"] == said["waste"] == "1.9"
    row = loop["rows"][0]
    assert (row["team"], row["feature"], row["model"]) == (said["team"], said["feature"], said["model"])
    assert row["requests"] == said["requests"]
    assert (row["first_day"], row["last_day"]) == ("2026-10-16", "2026-10-22")
    assert audit["findings"][0]["id"] == "retry.loop"


def test_the_other_faults_of_the_log(audit: dict[str, Any], planted: dict[str, Any]) -> None:
    log = planted["log"]
    assert finding(audit, "owner.no_team")["cost"] == log["without_team"]
    assert finding(audit, "cache.priced_as_fresh")["cost"] == log["cost_ignores_cache"]
    assert finding(audit, "batch.at_full_price")["cost"] == log["cost_ignores_batch"]
    drift = finding(audit, "model.alias_drift")
    assert drift["cost"] == log["alias_drift"]["spend_after"]
    assert [(r["name"], r["model"], r["first_day"]) for r in drift["rows"]] == [
        ("summary-default", "gpt-5-mini", "2026-10-01"), ("summary-default", "gpt-5.4", "2026-10-16"),
    ]  # fmt: skip


def test_the_report_shows_the_shares(tmp_path: Path, planted: dict[str, Any]) -> None:
    """18,200 by 7,400 : 5,700 : 3,800 : 1,300 gives these ratios to six places."""
    convert(tmp_path / "out", SAMPLE / "gateway.jsonl")
    report = api.report(tmp_path / "out", budgets=SAMPLE / "budgets.csv", denominators=[SAMPLE / "denominators.csv"])
    assert [(g["name"], g["cost"], g["share"]) for g in report["daily"]["product"]] == [
        ("customer-qa", "7.4", "0.406593"), ("doc-summary", "5.7", "0.313187"), ("code-review", "3.8", "0.208791"),
        ("experiments", "1.3", "0.071429"),
    ]  # fmt: skip
    assert report["evaluation"]["evaluation"] == planted["log"]["evaluation"]
    assert report["batch"]["cost"] == planted["log"]["batch"]
    assert report["unattributed"]["cost"] == planted["log"]["without_team"]
    assert {b["team"]: b["status"] for b in report["budgets"]["teams"]} == {
        "documents": "over", "support": "alert", "engineering": "alert", "research": "ok",
    }  # fmt: skip


def test_the_report_shows_the_waste_of_the_loop(tmp_path: Path, planted: dict[str, Any]) -> None:
    """Rows of days name the money of the audit, without its report. No other log line holds an unused answer."""
    convert(tmp_path / "out", SAMPLE / "gateway.jsonl")
    said, loop = api.report(tmp_path / "out")["retries"], planted["log"]["loop"]
    assert (said["waste"], said["not_told"]) == (loop["waste"], "0")
    assert [(g["team"], g["model"], g["what"]) for g in said["groups"]] == [("documents", "gpt-5.4", "superseded")]


def test_the_report_shows_what_was_shared_and_how(tmp_path: Path, planted: dict[str, Any]) -> None:
    """0.60 by the seats 50, 25, 15 and 10; 0.40 by tokens: support has 20,598,302 of 29,130,915."""
    convert(tmp_path / "out", SAMPLE / "gateway.jsonl", allocation=SAMPLE / "allocation.yaml")
    report = api.report(tmp_path / "out")
    assert report["shared"]["cost"] == "1" and planted["shared"] == {"licences": "0.6", "vector-store": "0.4"}
    assert report["totals"]["cost"] == "19.2"
    methods = {(m["method"], m["team"]): m for m in report["shared"]["methods"]}
    assert [(t, methods["licences@1", t]["cost"]) for t in ("support", "documents", "engineering", "research")] == [
        ("support", "0.3"), ("documents", "0.15"), ("engineering", "0.09"), ("research", "0.06"),
    ]  # fmt: skip
    support = methods["vector-store@1", "support"]
    assert [(w["unit"], w["quantity"]) for w in support["weights"]] == [("Tokens", "20598302")]
    assert Decimal(support["weights"][0]["ratio"]) == (Decimal(20598302) / 29130915).quantize(Decimal("1e-12"))
    shown = showback_text(report)
    assert "70.7 % (20,598,302 Tokens)" in shown and "1.00 was split, 5.2 % of all" in shown


def test_the_bills_follow_from_the_log(tmp_path: Path, planted: dict[str, Any]) -> None:
    """Converted alone, the bills hold the log's money plus every planted difference."""
    settings = Settings.from_dict({"accounts": {"openai": {"id": "o"}, "anthropic": {"id": "a"}}})
    report = api.convert(
        [str(SAMPLE / "openai_costs.json"), str(SAMPLE / "anthropic_cost_report.json")], tmp_path / "bill",
        settings=settings,
    )  # fmt: skip
    billed = Decimal(report["totals"][0]["effective_cost"])
    assert billed == Decimal(planted["billed"])
    assert billed == Decimal(planted["rated"]) + sum((Decimal(c["amount"]) for c in planted["bill"]), Decimal(0))
    assert {c["cause"] for c in planted["bill"]} == {
        "retry_billed", "cached_as_fresh", "wrong_model", "batch_discount", "late_data", "unmetered_usage",
    }  # fmt: skip
