"""Totals that the OpenAI and Anthropic samples of the reference pages state, and which adapter claims which file.

The reference folder lies beside a checkout and is not part of the product; without it these tests skip.
Figures: table "Samples" of the provider pages, read 2026-11-22.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from focus_ai.adapters.catalogue import shipped
from focus_ai.adapters.golden import records
from focus_ai.adapters.recognise import claims, recognise, sample
from focus_ai.errors import InputError
from focus_ai.sources import discover

SAMPLES = Path(__file__).parents[3] / "shared" / "reference" / "providers" / "samples"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="reference samples are not beside this checkout")


def read(name: str, work: Path) -> list[dict[str, Any]]:
    path = SAMPLES / name
    source = discover([str(path)], path.parent)[0]
    staged, found = records(source, recognise(source, shipped()), work)
    assert staged.rejects == ()
    return found


def by_day(found: list[dict[str, Any]], field: str = "billed_cost") -> dict[str, Decimal]:
    days: dict[str, Decimal] = defaultdict(Decimal)
    for record in found:
        days[record["event_time"][:10]] += Decimal(record.get(field, "0"))
    return dict(days)


@pytest.mark.parametrize(
    ("name", "days"),
    [
        ("openai/costs_grouped_string_amounts.json", {"2026-10-01": "8.9331", "2026-10-02": "0.1978816"}),
        ("openai/costs_ungrouped_numeric_amount.json", {"2026-10-01": "8.9331"}),
        ("openai/costs_live_extra_keys.json", {"2026-10-01": "0.00008412"}),
        ("openai/dashboard_costs_export.csv", {"2026-10-01": "8.9331"}),
        ("anthropic/cost_report.json", {"2026-10-01": "8.704067", "2026-10-02": "3.8125"}),
        ("anthropic/cost_report_ungrouped.json", {"2026-10-01": "8.704067"}),
        ("anthropic/analytics_cost.json", {"2026-10-01": "6.36075"}),
        ("anthropic/console_cost_v1.csv", {"2026-10-01": "8.42"}),
        ("anthropic/console_cost_v2.csv", {"2026-10-01": "8.42"}),
        ("anthropic/console_cost_v3.csv", {"2026-10-01": "7.57"}),
        ("anthropic/console_cost_v4.csv", {"2026-10-01": "7.57"}),
    ],
)
def test_billed_totals(name: str, days: dict[str, str], tmp_path: Path) -> None:
    assert by_day(read(name, tmp_path)) == {day: Decimal(total) for day, total in days.items()}


def test_list_amounts_are_before_discount(tmp_path: Path) -> None:
    lines = read("anthropic/analytics_cost.json", tmp_path)
    tokens = [r for r in lines if "tokens" in r["line_item"].split(", ")]
    net = sum(Decimal(r["billed_cost"]) for r in tokens)
    assert net == sum(Decimal(r["list_amount"]) for r in tokens) * Decimal("0.9") == Decimal("6.06375")


def test_every_openai_token_is_in_one_meter(tmp_path: Path) -> None:
    fresh = ("input_uncached", "input_audio", "input_image")
    read_back = ("input_cache_read", "input_cache_read_audio", "input_cache_read_image")
    meters = (*fresh, *read_back, *(f"input_cache_write_{ttl}" for ttl in ("30m", "12h", "other")))
    found = read("openai/usage_completions_grouped_page1.json", tmp_path)
    assert len(found) == 6
    for record in found:
        assert sum(record.get(f"{m}_tokens", 0) for m in meters) == record["reported_input_tokens"]
    assert [r["is_batch"] for r in found] == [False, False, False, False, True, False]


def test_dashboard_and_api_agree_on_tokens(tmp_path: Path) -> None:
    def input_side(record: dict[str, Any]) -> list[int]:
        writes = [v for k, v in record.items() if k.startswith("input_cache_write")]
        return [record["input_uncached_tokens"], record["input_cache_read_tokens"], sum(writes)]

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    api = read("openai/usage_completions_grouped_page1.json", tmp_path / "a")
    csv = read("openai/dashboard_completions_usage_export.csv", tmp_path / "b")
    assert [input_side(r) for r in api] == [input_side(r) for r in csv]


def test_a_partial_bucket_keeps_its_bounds(tmp_path: Path) -> None:
    first = read("openai/usage_completions_partial_first_bucket.json", tmp_path)[0]
    assert (first["event_time"], first["bucket_end"]) == ("2026-10-01T17:01:00Z", "2026-10-02T00:00:00Z")


@pytest.mark.parametrize(
    "name", ["openai/usage_completions_grouped_page2.json", "openai/dashboard_completions_usage_export_empty.csv"]
)
def test_empty_exports_are_known_and_give_no_records(name: str, tmp_path: Path) -> None:
    assert read(name, tmp_path) == []


def test_usage_report_counts(tmp_path: Path) -> None:
    found = read("anthropic/usage_report_messages.json", tmp_path)
    haiku = [r for r in found if r["model_served"].startswith("claude-haiku")]
    assert sum(r["input_uncached_tokens"] for r in haiku) == 1_237_067
    assert [r["service_tier"] for r in found].count("priority") == 1
    assert [r["context_gt"] for r in found] == [0, 0, 0, 0, 0, 200000]


def test_no_sample_is_claimed_twice_and_foreign_files_are_left_alone() -> None:
    ours = ("openai-", "anthropic-")
    for path in sorted(SAMPLES.rglob("*")):
        if not path.is_file():
            continue
        try:
            seen = sample(discover([str(path)], path.parent)[0])
        except InputError:
            continue
        claiming = [m.id for m in shipped().values() if claims(m, seen)]
        assert len(claiming) <= 1, path.name
        if path.parent.name not in ("openai", "anthropic"):
            assert not [c for c in claiming if c.startswith(ours)], path.name
