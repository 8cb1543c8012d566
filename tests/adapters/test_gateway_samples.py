"""One story told by many tools: gateways, tracing tools and generic events must give the same meters per case.

A chat with cache and reasoning, B Anthropic with cache writes and web search, C failed try then fallback, D answer of
the gateway's own cache, E aborted stream, F refused by a rate limit. Once over our fixtures, once over the reference
samples (which lie beside a checkout; without them those tests skip).
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from data_builders import convert, rows, total

from focus_ai.adapters.catalogue import shipped
from focus_ai.adapters.golden import records
from focus_ai.adapters.recognise import claims, recognise, sample
from focus_ai.sources import discover

FIXTURES = Path(__file__).parents[2] / "fixtures" / "exports"
SAMPLES = Path(__file__).parents[3] / "shared" / "reference" / "gateways" / "samples"
OURS = (
    "litellm", "otlp", "phoenix", "nginx", "envoy", "generic", "api-call", "agentgateway", "apisix", "aws-alb", "bifrost",
    "claude-code", "cloudflare", "codex", "datadog", "helicone", "kong", "langfuse", "langsmith", "mlflow", "plexus",
    "portkey", "weave",
)  # fmt: skip

UNCACHED, READ, TEXT, THOUGHT = (
    "input_uncached_tokens", "input_cache_read_tokens", "output_text_tokens", "output_reasoning_tokens",
)  # fmt: skip
WRITES = tuple(f"input_cache_write_{ttl}_tokens" for ttl in ("5m", "1h", "other"))
# What a record reports for each case, by its largest known total; tools without a lifetime put 2000 into `other`.
CASE_A = (176, 1024, 350)
CASE_B = (100, 5000, 300)
CASE_C = (800, 0, 120)
# What a tool does not store: Helicone drops reasoning tokens and says of a cached answer only that it was one;
# Cloudflare and Portkey without bodies know two numbers a call; Kong does not know cache writes, MLflow no reasoning.
NO_REASONING = ("helicone",)
NO_SPLIT = ("cloudflare",)
NO_WRITES = ("kong",)


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
    wanted = {1200: "A", 176: "A", 7100: "B", 100: "B", 800: "C2"}
    return wanted.get(record.get("reported_input_tokens", 0), "?")


def check(record: dict[str, Any]) -> str:
    """Assert what its case says; returns the case."""
    case = kind_of(record)
    adapter = record["adapter"]
    out = record.get(TEXT, 0) + record.get(THOUGHT, 0)
    got = (record.get(UNCACHED), record.get(READ, 0), out)
    if case == "A" and adapter.startswith(NO_SPLIT):
        assert got == (1200, 0, 350)
        assert "cache_split_missing" in record["flags"]
    elif case == "A" and adapter.startswith(NO_REASONING):
        assert got == (176, 1024, 222)
    elif case == "A":
        assert got == CASE_A
        assert record.get(THOUGHT, 128) == 128
    if case == "B":
        assert got == CASE_B
        assert sum(record.get(name, 0) for name in WRITES) == (0 if adapter.startswith(NO_WRITES) else 2000)
        if WRITES[0] in record:
            assert [record[name] for name in WRITES[:2]] == [1500, 500]
        searches = [m["quantity"] for m in record.get("other_meters", []) if m["meter"] == "web_search"]
        assert searches in ([], ["2"])
    if case == "C2":
        assert got == CASE_C
        assert record.get(THOUGHT) == (None if adapter.startswith((*NO_REASONING, *NO_SPLIT)) else 64)
    if case == "D":
        assert got == (0, 0, 0)
        avoided = (0, 0) if adapter.startswith(NO_REASONING) else (1200, 350)
        assert (record["avoided_input_tokens"], record["avoided_output_tokens"]) == avoided
    if case == "E":
        assert (record.get(UNCACHED), record["usage_source"]) in ((19, "partial_estimate"), (None, "none"))
        assert record.get("is_billable") is not False
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
        ("portkey/logs/story/input.jsonl", ["A", "B", "C1", "C2", "D", "F"]),
        ("helicone/requests/story/input.json", ["A", "B", "C1", "C2", "D", "E", "F"]),
        ("helicone/export/story/input.jsonl", ["A", "B", "C1", "C2", "D", "E", "F"]),
        ("cloudflare/logs-api/story/input.json", ["A", "C1", "C2", "D", "F"]),
        ("kong/log/story/input.jsonl", ["A", "B", "C2", "D", "E", "F"]),
        ("kong/log/http-log-batch/input.json", ["A", "B", "C2", "D", "E", "F"]),
        ("agentgateway/request-logs/story/input.jsonl", ["A", "B", "C2", "F"]),
        ("agentgateway/access-log/story/input.jsonl", ["A", "B", "C2", "F"]),
        ("apisix/access-log/story/input.jsonl", ["A", "B", "C2", "E", "F"]),
        ("langfuse/observations/story/input.jsonl", ["A", "B", "C1", "C2", "A", "B"]),
        ("langfuse/api-observations/page/input.json", ["A"]),
        ("langsmith/runs/story/input.jsonl", ["A", "B", "B", "B", "C1", "C2"]),
        ("mlflow/traces/story/input.jsonl", ["A", "B", "B", "C1"]),
        ("weave/calls/story/input.jsonl", ["A", "B", "C2"]),
        ("datadog/llm-spans/story/input.json", ["A", "B", "C1"]),
        ("bifrost/logs/story/input.jsonl", ["A", "B", "C1", "C2", "D", "E"]),
        ("plexus/request-usage/story/input.jsonl", ["A", "B", "C2", "F"]),
        ("codex/rollouts/story/input.jsonl", ["A", "A", "C2"]),
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
        ("portkey_logs_export.jsonl", ["A", "B", "C1", "C2"]),
        ("helicone_query_clickhouse.json", ["A", "D"]),
        ("helicone_request_response_rmt.jsonl", ["B", "B"]),
        ("cloudflare_logs_api.json", ["A", "D", "C2"]),
        ("kong_file_log.jsonl", ["A", "D"]),
        ("agentgateway_request_logs.jsonl", ["B"]),
        ("apisix_access_log.jsonl", ["A", "B"]),
        ("langfuse_observations.jsonl", ["A", "B"]),
        ("langfuse_traces.jsonl", []),
        ("langsmith_runs.jsonl", ["B"]),
        ("mlflow_trace.json", ["B"]),
        ("weave_calls.jsonl", ["B"]),
        ("datadog_llmobs_export_spans.json", ["B"]),
        ("bifrost_logs.jsonl", ["C1", "C2"]),
    ],
)
def test_the_story_of_the_reference(name: str, story: list[str], tmp_path: Path) -> None:
    assert [check(record) for record in read(SAMPLES / name, tmp_path)] == story


# Sum of the amounts in each sample as the tool states them, scaled to USD by hand.
REPORTED = {
    "portkey_logs_export.jsonl": "0.020973",  # 0.3848 + 1.4925 + 0 + 0.22 cents
    "helicone_query_clickhouse.json": "0.003848",
    "helicone_request_response_rmt.jsonl": "0.02985",  # 14,925,000 nano-dollars, in two versions of one row
    "cloudflare_logs_api.json": "0.006048",
    "kong_file_log.jsonl": "0.005",  # of no currency; the repeated cost of the cached answer is not an amount
    "agentgateway_request_logs.jsonl": "0.014925",
    "apisix_access_log.jsonl": "0",
    "langfuse_observations.jsonl": "0.018773",
    "langsmith_runs.jsonl": "0.014925",  # once, not again for the chain
    "mlflow_trace.json": "0.014925",  # once, not again for the trace
    "weave_calls.jsonl": "0.0048",  # the sample's costs leave cached tokens out
    "datadog_llmobs_export_spans.json": "0.0138",  # 13,800,000 nano-dollars
    "bifrost_logs.jsonl": "0.0022",
    "cloudflare_otel_span.jsonl": "0.003848",
    "aws_alb_access.log": "0",
    "cloudflare_logpush_ai_gateway_events.ndjson": "0",
}  # fmt: skip

# What the list prices make of the tokens of each sample (USD, by hand): A 0.003848, B 0.014925 with known lifetimes of
# the cache writes and 0.0138 with all of them at the 5-minute price, C 0.0022.
RATED = {
    "portkey_logs_export.jsonl": "0.019848",  # A + B + C
    "helicone_query_clickhouse.json": "0.002568",  # A without its 128 reasoning tokens
    "helicone_request_response_rmt.jsonl": "0.0138",  # B, the newer version only
    "cloudflare_logs_api.json": "0.0072",  # A at the full input price: 0.005, C
    "cloudflare_otel_span.jsonl": "0.005",
    "cloudflare_logpush_ai_gateway_events.ndjson": "0",
    "kong_file_log.jsonl": "0.003848",  # A; the cached answer costs nothing
    "envoy_ai_gateway_access_log.jsonl": "0.003848",
    "agentgateway_request_logs.jsonl": "0.0138",
    "apisix_access_log.jsonl": "0.017648",  # A + B
    "langfuse_observations.jsonl": "0.018773",  # A + B
    "langsmith_runs.jsonl": "0.014925",
    "mlflow_trace.json": "0.014925",  # 500 of 1 hour, 1500 of unknown lifetime
    "weave_calls.jsonl": "0.0138",
    "datadog_llmobs_export_spans.json": "0.0138",
    "bifrost_logs.jsonl": "0.0022",
    "aws_alb_access.log": "0",
}  # fmt: skip


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="reference samples are not beside this checkout")
@pytest.mark.parametrize("name", REPORTED)
def test_amounts_stated_by_each_tool(name: str, tmp_path: Path) -> None:
    total_reported = sum((Decimal(r.get("reported_cost", "0")) for r in read(SAMPLES / name, tmp_path)), Decimal(0))
    assert total_reported == Decimal(REPORTED[name])


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="reference samples are not beside this checkout")
@pytest.mark.parametrize("name", RATED)
def test_list_prices_of_each_tool(name: str, tmp_path: Path) -> None:
    report = convert(tmp_path, SAMPLES / name)
    assert report["records"]["rejected"] == 0
    assert total(rows(tmp_path)) == Decimal(RATED[name])


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="reference samples are not beside this checkout")
def test_a_trace_lends_its_owners_to_the_calls(tmp_path: Path) -> None:
    names = ("langfuse_observations.jsonl", "langfuse_traces.jsonl")
    report = convert(tmp_path, *(SAMPLES / name for name in names))
    assert report["records"]["ignored"] == 2  # the chain, and the trace itself
    tags = {row["SkuPriceDetails"] and row["Tags"] for row in rows(tmp_path)}
    assert any('"team":"growth"' in str(tag) for tag in tags)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="reference samples are not beside this checkout")
def test_reported_costs_of_the_reference_add_up(tmp_path: Path) -> None:
    for name in ("litellm_spend_logs.jsonl", "litellm_standard_logging_payload.jsonl", "litellm_daily_team_spend.csv"):
        total = sum(Decimal(r.get("reported_cost", "0")) for r in read(SAMPLES / name, tmp_path))
        assert total == Decimal("0.04101675")  # 0.003848 + 0.034925 + 0.0022 + 0.00004375


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="reference samples are not beside this checkout")
def test_our_adapters_claim_their_own_samples_and_no_others() -> None:
    mine = {m.id: m for m in shipped().values() if m.id.startswith(OURS)}
    expected = {
        "api_call_events.csv": "api-call-events",
        "cloudflare_otel_span.jsonl": "otlp-genai",
        "cloudflare_logpush_ai_gateway_events.ndjson": "cloudflare-logpush",
        "cloudflare_logs_api.json": "cloudflare-logs-api",
        "agentgateway_request_logs.jsonl": "agentgateway-request-logs",
        "apisix_access_log.jsonl": "apisix-access-log",
        "aws_alb_access.log": "aws-alb-access-log",
        "bifrost_logs.jsonl": "bifrost-logs",
        "datadog_llmobs_export_spans.json": "datadog-llm-spans",
        "helicone_query_clickhouse.json": "helicone-requests",
        "helicone_request_response_rmt.jsonl": "helicone-request-response-rmt",
        "kong_file_log.jsonl": "kong-log",
        "langfuse_observations.jsonl": "langfuse-observations",
        "langfuse_traces.jsonl": "langfuse-traces",
        "langsmith_runs.jsonl": "langsmith-runs",
        "mlflow_trace.json": "mlflow-traces",
        "portkey_logs_export.jsonl": "portkey-logs",
        "weave_calls.jsonl": "weave-calls",
        "envoy_ai_gateway_access_log.jsonl": "envoy-ai-gateway-access-log",
        "generic_cost_event.csv": "generic-event",
        "generic_cost_event.jsonl": "generic-event",
        "litellm_daily_team_spend.csv": "litellm-daily-team",
        "litellm_focus_export_hour14.csv": "litellm-focus",
        "litellm_focus_export_hour15.csv": "litellm-focus",
        "litellm_spend_logs.jsonl": "litellm-spend-logs",
        "litellm_standard_logging_payload.jsonl": "litellm-slp",
        "nginx_access_owner_headers.jsonl": "nginx-json-access-log",
        "otlp_genai_dev.jsonl": "otlp-genai",
        "otlp_legacy_gen_ai_system.jsonl": "otlp-genai",
        "otlp_openinference.jsonl": "otlp-genai",
        "otlp_semconv_1_41.jsonl": "otlp-genai",
    }
    files = [*SAMPLES.iterdir(), *(SAMPLES.parents[1] / "providers" / "samples").glob("*/*")]
    for path in sorted(p for p in files if p.suffix in (".json", ".jsonl", ".ndjson", ".csv", ".log")):
        seen = sample(discover([str(path)], path.parent)[0])
        assert [m.id for m in mine.values() if claims(m, seen)] == [i for i in [expected.get(path.name)] if i], (
            path.name
        )
