"""One story told by many tools: LiteLLM, OTLP, access logs and generic events must give the same meters per case.

A chat with cache and reasoning, B Anthropic with cache writes and web search, C failed try then fallback, D answer of
the gateway's own cache, E aborted stream, F refused by a rate limit. Once over our fixtures, once over the reference
samples (which lie beside a checkout; without them those tests skip).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from focus_ai.adapters.golden import records
from focus_ai.adapters.mapping import shipped
from focus_ai.adapters.recognise import claims, recognise, sample
from focus_ai.sources import discover

FIXTURES = Path(__file__).parents[2] / "fixtures" / "exports"
SAMPLES = Path(__file__).parents[3] / "shared" / "reference" / "gateways" / "samples"
OURS = ("litellm", "otlp", "phoenix", "nginx", "envoy", "generic", "api-call")

UNCACHED, READ, TEXT, THOUGHT = (
    "input_uncached_tokens", "input_cache_read_tokens", "output_text_tokens", "output_reasoning_tokens",
)  # fmt: skip
WRITES = tuple(f"input_cache_write_{ttl}_tokens" for ttl in ("5m", "1h", "other"))
# What a record reports for each case, by its largest known total; tools without a lifetime put 2000 into `other`.
CASE_A = (176, 1024, 350)
CASE_B = (100, 5000, 300)
CASE_C = (800, 0, 120)


def read(path: Path, work: Path) -> list[dict[str, Any]]:
    source = discover([str(path)], path.parent)[0]
    staged, found = records(source, recognise(source, shipped()), work)
    assert staged.rejects == ()
    return found


def kind_of(record: dict[str, Any]) -> str:
    if record.get("served_from") == "gateway_cache":
        return "D"
    if record["outcome"] == "cancelled":
        return "E"
    if record["outcome"] == "rate_limited":
        return "F"
    if record["outcome"] == "error":
        return "C1"
    wanted = {1200: "A", 7100: "B", 100: "B", 800: "C2"}
    return wanted.get(record.get("reported_input_tokens", 0), "?")


def check(record: dict[str, Any]) -> str:
    """Assert what its case says; returns the case."""
    case = kind_of(record)
    out = record.get(TEXT, 0) + record.get(THOUGHT, 0)
    got = (record.get(UNCACHED), record.get(READ, 0), out)
    if case == "A":
        assert got == CASE_A
        assert record.get(THOUGHT, 128) == 128
    if case == "B":
        assert got == CASE_B
        assert sum(record.get(name, 0) for name in WRITES) == 2000
        if WRITES[0] in record:
            assert [record[name] for name in WRITES[:2]] == [1500, 500]
        searches = [m["quantity"] for m in record.get("other_meters", []) if m["meter"] == "web_search"]
        assert searches in ([], ["2"])
    if case == "C2":
        assert got == CASE_C
        assert record[THOUGHT] == 64
    if case == "D":
        assert got == (0, 0, 0)
        assert (record["avoided_input_tokens"], record["avoided_output_tokens"]) == (1200, 350)
    if case == "E":
        assert (record.get(UNCACHED), record["usage_source"]) in ((19, "partial_estimate"), (None, "none"))
    if case in ("C1", "F"):
        assert not any(record.get(name) for name in (UNCACHED, READ, TEXT, THOUGHT))
        assert record["usage_source"] == "none"
    return case


@pytest.mark.parametrize(
    ("case", "story"),
    [
        ("litellm/spend-logs/story/input.jsonl", ["A", "B", "C2", "D", "E", "F"]),
        ("litellm/spend-logs/csv-dump/input.csv", ["A", "B", "C2", "D", "E", "F"]),
        ("litellm/spend-logs/parquet-dump/input.parquet", ["A", "B", "C2", "D", "E", "F"]),
        ("litellm/spend-logs-page/story/input.json", ["A", "B", "C2", "D", "E", "F"]),
        ("litellm/slp/story/input.jsonl", ["A", "B", "C1", "C2", "D", "E", "F"]),
        ("opentelemetry/otlp-genai/story/input.jsonl", ["A", "B", "C1", "C2", "E", "F"]),
        ("opentelemetry/phoenix-spans/parquet/input.parquet", ["A", "B", "C1"]),
        ("access-log/envoy-ai-gateway/story/input.jsonl", ["A", "B", "C2", "E", "F"]),
        ("generic/generic-event/story/input.jsonl", ["A", "B", "C1", "C2", "D", "E", "F"]),
        ("generic/generic-event/csv/input.csv", ["A", "B", "C1", "C2", "D", "E", "F"]),
    ],
)
def test_the_story_of_our_fixtures(case: str, story: list[str], tmp_path: Path) -> None:
    assert [c for c in map(check, read(FIXTURES / case, tmp_path)) if c in story] == story


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="reference samples are not beside this checkout")
@pytest.mark.parametrize(
    ("name", "story"),
    [
        ("litellm_spend_logs.jsonl", ["A", "B", "C2", "D", "E", "F"]),
        ("litellm_standard_logging_payload.jsonl", ["A", "B", "C1", "C2", "D", "E"]),
        ("otlp_semconv_1_41.jsonl", ["A", "C1", "B"]),
        ("otlp_genai_dev.jsonl", ["B"]),
        ("otlp_legacy_gen_ai_system.jsonl", ["A"]),
        ("otlp_openinference.jsonl", ["B"]),
        ("nginx_access_owner_headers.jsonl", ["A", "F"]),
        ("envoy_ai_gateway_access_log.jsonl", ["A", "E"]),
        ("generic_cost_event.jsonl", ["A", "B", "C1", "C2", "D", "E", "F"]),
        ("generic_cost_event.csv", ["A", "B", "C1", "C2", "D", "E", "F"]),
    ],
)
def test_the_story_of_the_reference(name: str, story: list[str], tmp_path: Path) -> None:
    assert [check(record) for record in read(SAMPLES / name, tmp_path)] == story


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="reference samples are not beside this checkout")
def test_reported_costs_of_the_reference_add_up(tmp_path: Path) -> None:
    from decimal import Decimal

    for name in ("litellm_spend_logs.jsonl", "litellm_standard_logging_payload.jsonl", "litellm_daily_team_spend.csv"):
        total = sum(Decimal(r.get("reported_cost", "0")) for r in read(SAMPLES / name, tmp_path))
        assert total == Decimal("0.04101675")  # 0.003848 + 0.034925 + 0.0022 + 0.00004375


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="reference samples are not beside this checkout")
def test_our_adapters_claim_their_own_samples_and_no_others() -> None:
    mine = {m.id: m for m in shipped().values() if m.id.startswith(OURS)}
    expected = {
        "api_call_events.csv": "api-call-events",
        "cloudflare_otel_span.jsonl": "otlp-genai",
        "envoy_ai_gateway_access_log.jsonl": "envoy-ai-gateway-access-log",
        "generic_cost_event.csv": "generic-event",
        "generic_cost_event.jsonl": "generic-event",
        "litellm_daily_team_spend.csv": "litellm-daily-team",
        "litellm_spend_logs.jsonl": "litellm-spend-logs",
        "litellm_standard_logging_payload.jsonl": "litellm-slp",
        "nginx_access_owner_headers.jsonl": "nginx-json-access-log",
        "otlp_genai_dev.jsonl": "otlp-genai",
        "otlp_legacy_gen_ai_system.jsonl": "otlp-genai",
        "otlp_openinference.jsonl": "otlp-genai",
        "otlp_semconv_1_41.jsonl": "otlp-genai",
    }
    files = [*SAMPLES.iterdir(), *(SAMPLES.parents[1] / "providers" / "samples").glob("*/*")]
    for path in sorted(p for p in files if p.suffix in (".json", ".jsonl", ".ndjson", ".csv")):
        seen = sample(discover([str(path)], path.parent)[0])
        assert [m.id for m in mine.values() if claims(m, seen)] == [i for i in [expected.get(path.name)] if i], (
            path.name
        )
