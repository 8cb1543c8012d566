"""Every sample of the reference that carries usage or money: claimed by one adapter, each record counted, none lost.

The records of a file are counted here without any adapter (lines, rows, items of the arrays that hold them). What is
set aside or ignored stands in a list with its reason; anything else must become a record. The samples lie beside a
checkout; without them these tests skip.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from data_builders import convert, jsonl

from focus_ai.adapters.catalogue import shipped
from focus_ai.adapters.recognise import recognise
from focus_ai.sources import discover

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
FOLDERS = [REFERENCE / kind / "samples" for kind in ("providers", "gateways")]
FILES = sorted(p for folder in FOLDERS for p in folder.rglob("*") if p.is_file() and p.suffix != ".md")
pytestmark = pytest.mark.skipif(not FILES, reason="reference samples are not beside this checkout")

# Files that hold neither usage nor money.
NO_USAGE = {
    "anthropic/api_keys.json": "names of keys",
    "anthropic/workspaces.json": "names of workspaces",
    "azure-openai/export_manifest.json": "what an export holds",
    "others/xai_team_usage_request.json": "the question, not the answer",
    "samples/canonical_usage_event.jsonl": "what records should become, no export",
    "samples/chargeback_accounts.csv": "accounts of owners",
    "samples/cost_rates.csv": "prices",
    "samples/owner_map.csv": "owners",
}
NO_TIME = "missing:received_at"
USAGE_ONLY = "usage_without_its_call"
# Bodies as a provider sends them say too little; how many of their records are set aside, and why. Each of these files
# is converted with what it lacks in test_other_provider_samples, test_cloud_samples or below.
SET_ASIDE = {
    "anthropic/enterprise_spend_report.csv": (2, "missing:period_start"),
    "anthropic/message_batch_results.jsonl": (1, NO_TIME),
    "anthropic/messages_response.json": (1, NO_TIME),
    "anthropic/messages_response_compaction.json": (1, NO_TIME),
    "anthropic/messages_stream_events.jsonl": (1, NO_TIME),
    "aws-bedrock/converse_response.json": (1, NO_TIME),
    "aws-bedrock/invoke_model_stream_last_chunk.json": (1, NO_TIME),
    "google/generate_content_response_minimal.json": (1, NO_TIME),
    "openai/embeddings_response.json": (1, NO_TIME),
    "openai/images_response.json": (1, "missing:request_id"),
    "openai/transcription_response_duration.json": (1, NO_TIME),
    "openai/transcription_response_tokens.json": (1, NO_TIME),
    "others/cohere_chat_usage.json": (1, USAGE_ONLY),
    "others/cohere_rerank_meta.json": (1, USAGE_ONLY),
    "others/databricks_billing_usage.jsonl": (3, "no_list_price"),
    "others/deepseek_chat_usage.json": (1, USAGE_ONLY),
    "others/groq_usage.json": (1, USAGE_ONLY),
    "others/mistral_usage.json": (1, USAGE_ONLY),
    "others/perplexity_chat_usage_legacy.json": (1, USAGE_ONLY),
    "others/perplexity_responses_usage.json": (1, USAGE_ONLY),
    "others/xai_chat_completion_usage.json": (1, USAGE_ONLY),
}
# Records that are no consumption of their own: failed lines of a batch, earlier chunks, traces, empty buckets, prices.
IGNORED = {
    "anthropic/message_batch_results.jsonl": 3,
    "openai/batch_output.jsonl": 2,
    "openai/chat_completion_stream.jsonl": 2,
    "openai/dashboard_completions_usage_export_empty.csv": 1,
    "openai/dashboard_costs_export.csv": 1,
    "others/databricks_list_prices.jsonl": 1,
    "others/xai_team_usage_response.json": 1,
    "samples/langfuse_observations.jsonl": 1,
    "samples/langfuse_traces.jsonl": 1,
    "samples/langsmith_runs.jsonl": 1,
    "samples/openrouter_traces_table.jsonl": 1,
    "samples/otlp_openinference.jsonl": 1,
    "samples/otlp_semconv_1_41.jsonl": 1,
}
# Files whose records are made: the events of a stream are one call, named lists one record per place.
MADE = {"anthropic/messages_stream_events.jsonl": 1, "others/elevenlabs_character_stats_deprecated.json": 2}


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def counted(path: Path, records: str | None) -> int:
    """The records of a file, told from its form alone."""
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix == ".csv":
        return len(list(csv.reader(text.splitlines()))) - 1
    if path.suffix != ".json":
        documents: list[Any] = [line for line in text.splitlines() if line.strip()]
        documents = documents if path.suffix == ".log" else [json.loads(line) for line in documents]
    else:
        whole = json.loads(text)
        documents = whole if isinstance(whole, list) else [whole]
    for part in (records or "").split("[]")[:-1]:
        found = []
        for document in documents:
            for key in part.strip(".").split("."):
                document = document[key]
            found += document
        documents = found
    return len(documents)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_record_of_a_sample_is_accounted_for(path: Path, tmp_path: Path) -> None:
    name, source = name_of(path), discover([str(path)], path.parent)[0]
    if name in NO_USAGE:
        with pytest.raises(Exception, match="no adapter recognises"):
            recognise(source, shipped())
        return
    mapping = recognise(source, shipped())
    report = convert(tmp_path / "out", path)["records"]
    aside, reason = SET_ASIDE.get(name, (0, None))
    assert report["read"] == (MADE[name] if name in MADE else counted(path, mapping.records))
    assert (report["rejected"], report["ignored"]) == (aside, IGNORED.get(name, 0))
    kept = report["events"] + report["billed_lines"] + report["duplicates"]
    assert kept == report["read"] - aside - report["ignored"]
    if reason:
        lines = (tmp_path / "out" / "exceptions" / "rejects.jsonl").read_text().splitlines()
        assert [json.loads(line)["reason"] for line in lines] == [reason] * aside


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        ("aws-bedrock/converse_response.json", 9_500),
        ("aws-bedrock/invoke_model_stream_last_chunk.json", 590),
        ("google/generate_content_response_minimal.json", 311),
    ],
)
def test_bodies_of_clouds_convert_with_what_they_lack(name: str, tokens: int, tmp_path: Path) -> None:
    """The same three keys as for every other body: received_at, request_id and model."""
    added = {"received_at": "2026-10-07T09:12:42Z", "request_id": "r-1", "model": "m"}
    body = json.loads((FOLDERS[0] / name).read_text())
    report = convert(tmp_path / "out", jsonl(tmp_path / "body.jsonl", [{**body, **added}]))
    assert (report["records"]["events"], report["records"]["rejected"]) == (1, 0)
    counts = {meter: n for meter, n in report["tokens"].items() if "reasoning" not in meter}  # inside the output
    assert sum(counts.values()) == tokens
