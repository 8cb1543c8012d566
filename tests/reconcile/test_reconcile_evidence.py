"""Causes that rest on single calls: copies, failed attempts, names without a price. Prices of gpt-5: 1.25 / 10."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sides import NOW, billed, causes, check, write

from focus_ai import api

DAY = "2026-11-03"


def event(number: int, **fields: object) -> dict[str, object]:
    """A generic event: one million input tokens of gpt-5, 1.25 USD."""
    return {
        "event_id": f"e{number}", "timestamp": f"{DAY}T10:00:{number:02d}Z", "provider": "openai", "model": "gpt-5",
        "input_tokens": 1_000_000, "output_tokens": 0, "status": "success", **fields,
    }  # fmt: skip


def run(tmp_path: Path, events: list[dict[str, object]], bill: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps(e) + "\n" for e in events), encoding="utf-8")
    report = api.reconcile(
        [str(log)], [str(write(tmp_path / "billed.parquet", bill))], as_of=NOW, listed=0, **options
    )  # fmt: skip
    check(report)
    return report


def test_42_a_copy_and_cached_input(tmp_path: Path) -> None:
    # Three calls were logged, one of them twice under another record id; of the billed 2.0 M tokens 0.4 M were cached.
    events = [event(1, request_id="req_1"), event(2, request_id="req_2"), event(3, request_id="req_2")]
    found = run(
        tmp_path, events,
        [billed(DAY, "input", 1_600_000, "2.00", model="gpt-5"), billed(DAY, "cache_read", 400_000, "0.05", model="gpt-5")],
    )  # fmt: skip
    assert causes(found) == {"duplicate_events": "-1.25", "cached_as_fresh": "-0.45"}
    assert found["causes"][0]["events"] == 1
    assert found["totals"][0]["unexplained"] == "0"


def test_equal_calls_of_one_trace_are_copies_within_ten_minutes(tmp_path: Path) -> None:
    late = event(3, trace_id="t1", timestamp=f"{DAY}T11:00:00Z")
    found = run(
        tmp_path, [event(1, trace_id="t1"), event(2, trace_id="t1"), late],
        [billed(DAY, "input", 2_000_000, "2.50", model="gpt-5")],
    )  # fmt: skip
    assert causes(found) == {"duplicate_events": "-1.25"}


def test_copies_that_the_provider_billed_are_no_cause(tmp_path: Path) -> None:
    found = run(
        tmp_path, [event(1, request_id="req_1"), event(2, request_id="req_1")],
        [billed(DAY, "input", 2_000_000, "2.50", model="gpt-5")],
    )  # fmt: skip
    assert causes(found) == {}
    assert found["passed"]


def test_a_failed_attempt_that_was_billed(tmp_path: Path) -> None:
    failed = event(1, request_id="req_1", logical_request_id="call", status="timeout", input_tokens=0)
    found = run(
        tmp_path, [failed, event(2, request_id="req_2", logical_request_id="call")],
        [billed(DAY, "input", 2_000_000, "2.50", model="gpt-5")],
    )  # fmt: skip
    assert causes(found) == {"retry_billed": "1.25"}
    assert found["causes"][0]["events"] == 1


def test_usage_without_a_price_in_a_billed_model(tmp_path: Path) -> None:
    # The card does not know the model: the calls are counted, their price is unknown.
    found = run(
        tmp_path, [event(1), event(2, model="my-new-model")],
        [billed(DAY, "input", 1_000_000, "1.25", model="gpt-5"),
         billed(DAY, "input", 1_000_000, "4.00", model="my-new-model")],
    )  # fmt: skip
    assert causes(found) == {"unpriced": "4"}
    assert found["statuses"]["unpriced"] == 1
    assert not found["passed"]


def test_a_name_that_the_card_does_not_know(tmp_path: Path) -> None:
    # Logged under a name of the gateway, billed as gpt-5-mini.
    found = run(
        tmp_path, [event(1), event(2, model="house-model")],
        [billed(DAY, "input", 1_000_000, "1.25", model="gpt-5"),
         billed(DAY, "input", 1_000_000, "0.25", model="gpt-5-mini")],
    )  # fmt: skip
    assert causes(found) == {"alias_unmapped": "0.25"}
    assert "rated as house-model, billed as gpt-5-mini" in found["causes"][0]["notes"]
