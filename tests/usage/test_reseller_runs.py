"""Logs, responses and reports of one spend given together: complete ones carry, parts add up, fees are no inference."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from data_builders import convert, exceptions, jsonl, rows, total

CREATED = 1791209000  # 2026-10-05T14:03:20Z


def generation(number: int, cost: str, **fields: Any) -> dict[str, Any]:
    return {"data": {
        "id": f"gen-{number}", "created_at": f"2026-10-05T0{number}:30:00.5Z", "model": "openai/gpt-5",
        "provider_name": "OpenAI", "is_byok": False, "total_cost": float(cost), "usage": float(cost),
        "tokens_prompt": 90, "native_tokens_prompt": 100, "native_tokens_completion": 10, **fields,
    }}  # fmt: skip


def activity(cost: str, **fields: Any) -> dict[str, Any]:
    return {"data": [{
        "date": "2026-10-05", "model": "openai/gpt-5", "model_permaslug": "openai/gpt-5", "endpoint_id": "ep-1",
        "provider_name": "OpenAI", "usage": float(cost), "byok_usage_inference": 0, "requests": 9, "byok_requests": 0,
        "prompt_tokens": 1000, "completion_tokens": 100, "reasoning_tokens": 0, "cached_tokens": 0, **fields,
    }]}  # fmt: skip


def carried(report: dict[str, Any]) -> list[str]:
    return [d["carried_by"] for d in report["billing_source"]]


def test_requests_of_a_day_become_one_row_of_the_day(tmp_path: Path, out: Path) -> None:
    convert(out, jsonl(tmp_path / "g.jsonl", [generation(1, "0.25"), generation(2, "0.5")]))
    (row,) = rows(out)
    assert (row["ChargePeriodStart"].hour, (row["ChargePeriodEnd"] - row["ChargePeriodStart"]).days) == (0, 1)
    assert (row["BilledCost"], row["ConsumedQuantity"], row["ConsumedUnit"]) == (Decimal("0.75"), 220, "Tokens")
    assert (row["InvoiceIssuerName"], row["SkuId"]) == ("OpenRouter", "openrouter/openai/gpt-5/Inference")


@pytest.mark.parametrize(("grain", "minutes"), [("hour", 60), ("request", None)])
def test_finer_rows_keep_the_hour_or_the_instant(tmp_path: Path, out: Path, grain: str, minutes: int | None) -> None:
    convert(out, jsonl(tmp_path / "g.jsonl", [generation(1, "0.25"), generation(2, "0.5")]), grain=grain)
    found = rows(out)
    assert [r["ChargePeriodStart"].minute for r in found] == ([0, 0] if minutes else [30, 30])
    spans = {r["ChargePeriodEnd"] - r["ChargePeriodStart"] for r in found}
    assert {s.total_seconds() for s in spans} == {minutes * 60 if minutes else 1}


def test_a_log_of_some_calls_does_not_stand_for_the_day(tmp_path: Path, out: Path) -> None:
    some = jsonl(tmp_path / "g.jsonl", [generation(1, "0.25")])
    report = convert(out, some, jsonl(tmp_path / "a.jsonl", [activity("2.5")]))
    assert total(rows(out)) == Decimal("2.5")
    assert carried(report) == ["openrouter-activity"]
    assert [k["record_id"] for k in exceptions(out, "carried_elsewhere")] == ["gen-1"]


def test_a_complete_log_carries_because_it_is_finer(tmp_path: Path, out: Path) -> None:
    every = jsonl(tmp_path / "g.jsonl", [generation(1, "0.999"), generation(2, "1.5")])
    report = convert(out, every, jsonl(tmp_path / "a.jsonl", [activity("2.5")]))
    assert total(rows(out)) == Decimal("2.499")
    assert carried(report) == ["openrouter-generation"]


def test_own_keys_bring_the_fee_and_never_the_upstream(tmp_path: Path, out: Path) -> None:
    own = {"is_byok": True, "upstream_inference_cost": 0.045, "provider_name": "Amazon Bedrock"}
    report = convert(out, jsonl(tmp_path / "g.jsonl", [generation(1, "0.00225", **own)]))
    (row,) = rows(out)
    assert (row["BilledCost"], row["EffectiveCost"], row["ConsumedUnit"]) == (Decimal("0.00225"),) * 2 + ("Charges",)
    assert row["SkuId"] == "openrouter/openai/gpt-5/BYOK fee"
    assert [w for w in report["warnings"] if w["code"] == "quality:byok_upstream_not_counted"]


def body(number: int, tokens: int = 1_000_000) -> dict[str, Any]:
    """A chat completion of gpt-5: 1.25 USD per million input tokens."""
    return {
        "id": f"chatcmpl-{number}", "object": "chat.completion", "created": CREATED, "model": "gpt-5-2025-08-07",
        "service_tier": "default", "choices": [],
        "usage": {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens},
    }  # fmt: skip


def response(number: int, tokens: int = 1_000_000) -> dict[str, Any]:
    return {
        "id": f"resp_{number}", "object": "response", "created_at": CREATED, "status": "completed",
        "model": "gpt-5-2025-08-07", "service_tier": "default", "output": [],
        "usage": {"input_tokens": tokens, "output_tokens": 0, "total_tokens": tokens},
    }  # fmt: skip


def usage_page(tokens: int) -> dict[str, Any]:
    result = {
        "object": "organization.usage.completions.result", "input_tokens": tokens, "input_cached_tokens": 0,
        "output_tokens": 0, "input_audio_tokens": 0, "output_audio_tokens": 0, "num_model_requests": 2,
        "model": "gpt-5-2025-08-07", "batch": False,
    }  # fmt: skip
    start = CREATED - CREATED % 86400
    bucket = {"object": "bucket", "start_time": start, "end_time": start + 86400, "results": [result]}
    return {"object": "page", "data": [bucket], "has_more": False, "next_page": None}


def test_bodies_of_two_endpoints_are_parts_of_one_log(tmp_path: Path, out: Path) -> None:
    parts = [jsonl(tmp_path / "chat.jsonl", [body(1)]), jsonl(tmp_path / "responses.jsonl", [response(1)])]
    assert convert(out, *parts).get("billing_source", []) == []
    assert total(rows(out)) == Decimal("2.5")
    report = convert(out, *parts, jsonl(tmp_path / "usage.jsonl", [usage_page(2_000_000)]))
    assert total(rows(out)) == Decimal("2.5")
    assert carried(report) == ["openai-completions/bodies"]


def test_bodies_of_some_calls_give_way_to_the_usage_report(tmp_path: Path, out: Path) -> None:
    some = jsonl(tmp_path / "chat.jsonl", [body(1)])
    report = convert(out, some, jsonl(tmp_path / "usage.jsonl", [usage_page(3_000_000)]))
    assert total(rows(out)) == Decimal("3.75")
    assert carried(report) == ["openai-usage-completions"]


def test_batch_results_cost_half(tmp_path: Path, out: Path) -> None:
    response_of = {"status_code": 200, "request_id": "req_1", "body": body(1)}
    line = {"id": "batch_req_1", "custom_id": "job-1", "response": response_of, "error": None}
    convert(out, jsonl(tmp_path / "batch.jsonl", [line]))
    assert total(rows(out)) == Decimal("0.625")
