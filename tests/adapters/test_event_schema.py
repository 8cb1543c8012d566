"""schemas/event.schema.json: what a gateway team may write, and that the generic adapter reads exactly that."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from focus_ai import resources
from focus_ai.adapters.catalogue import by_id

SCHEMA = json.loads((resources.schemas() / "event.schema.json").read_text(encoding="utf-8"))
FIXTURES = Path(__file__).parents[2] / "fixtures" / "exports" / "generic" / "generic-event"
SAMPLES = Path(__file__).parents[3] / "shared" / "reference" / "gateways" / "samples"
EVENT: dict[str, Any] = {
    "event_id": "e-1",
    "timestamp": "2026-10-07T09:12:40.250Z",
    "provider": "openai",
    "model": "gpt-5",
    "input_tokens": 1200,
    "output_tokens": 350,
    "status": "success",
}


def problems(event: dict[str, Any]) -> list[str]:
    return [e.message for e in jsonschema.Draft202012Validator(SCHEMA).iter_errors(event)]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def test_the_schema_is_valid_and_carries_no_address_of_a_machine() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"] == "urn:focus-ai:schema:event:1"
    for event in SCHEMA["examples"]:
        assert problems(event) == []


def test_our_fixture_events_follow_the_schema() -> None:
    for event in lines(FIXTURES / "story" / "input.jsonl"):
        missing_currency = "cost" in event and "currency" not in event
        assert bool(problems(event)) == missing_currency


def test_the_reference_samples_follow_the_schema() -> None:
    if not SAMPLES.is_dir():
        pytest.skip("the reference samples are not here")
    for event in lines(SAMPLES / "generic_cost_event.jsonl"):
        assert problems(event) == []
    with (SAMPLES / "generic_cost_event.csv").open(newline="", encoding="utf-8") as stream:
        assert set(next(csv.reader(stream))) <= set(SCHEMA["properties"])


@pytest.mark.parametrize("key", SCHEMA["required"])
def test_required_keys(key: str) -> None:
    assert problems({k: v for k, v in EVENT.items() if k != key})


@pytest.mark.parametrize(
    "change",
    [
        {"timestamp": "2026-10-07T09:12:40"},
        {"timestamp": "7 October"},
        {"input_tokens": -1},
        {"input_tokens": 1.5},
        {"input_tokens": "1200"},
        {"output_tokens": 2_000_000_000},
        {"status": "ok"},
        {"http_status": 99},
        {"cost": 0.5, "currency": "USD"},
        {"cost": "0.5"},
        {"cost": "0.5", "currency": "usd"},
        {"cache_write_tokens": 5, "cache_write_tokens_5m": 5},
        {"cache_write_tokens": 5, "cache_write_tokens_1h": 5},
        {"input_tokens_semantics": "both"},
        {"tool_calls": {"web_search": -1}},
        {"tool_calls": {"websearch": 1}},
        {"api_key_id": "sk-live-0000"},
        {"team": ""},
        {"teem": "x"},
        {"attempt_kind": "third"},
    ],
    ids=json.dumps,
)
def test_what_is_refused(change: dict[str, Any]) -> None:
    assert problems({**EVENT, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"timestamp": "2026-10-07T09:12:40+02:00"},
        {"cost": "0.003848", "currency": "EUR"},
        {"cache_write_tokens_5m": 5, "cache_write_tokens_1h": 0, "cache_write_tokens": None},
        {"tool_calls": {"web_search": 2}, "tags": {"release": "r1"}, "team": None},
        {"gateway_cache_hit": True},
    ],
    ids=json.dumps,
)
def test_what_is_accepted(change: dict[str, Any]) -> None:
    assert problems({**EVENT, **change}) == []


def test_the_generic_adapter_names_every_key_of_the_schema_or_says_why_not() -> None:
    mapping = by_id("generic-event")
    text = json.dumps([mapping.fields, mapping.tokens, mapping.meters, mapping.let], default=str)
    unread = {key for key in SCHEMA["properties"] if f'"{key}"' not in text}
    assert unread == set(mapping.leaves_out) & set(SCHEMA["properties"]) == {"pricing_effective_date"}
