"""What the samples of the other providers must give: totals and traps of the reference pages.

The reference folder lies beside a checkout and is not part of the product; without it these tests skip. Figures: table
"Samples" and the pages openrouter, openai (bodies), anthropic (bodies) and others, read 2026-11-22.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from focus_ai.adapters.catalogue import shipped
from focus_ai.adapters.golden import records
from focus_ai.adapters.recognise import claims, recognise, sample
from focus_ai.sources import discover

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
SAMPLES = REFERENCE / "providers" / "samples"
GATEWAYS = REFERENCE / "gateways" / "samples"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="reference samples are not beside this checkout")

# A body of the seller around a usage object of the reference, which alone has no call.
BODY = {"id": "call-1", "object": "chat.completion", "created": 1791209000}


def read(path: Path, work: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Records and reasons of the rejects."""
    source = discover([str(path)], path.parent)[0]
    staged, found = records(source, recognise(source, shipped()), work)
    return found, [r.reason for r in staged.rejects]


def good(name: str, work: Path) -> list[dict[str, Any]]:
    found, rejects = read(SAMPLES / name, work)
    assert rejects == []
    return found


def rewritten(work: Path, *lines: dict[str, Any]) -> list[dict[str, Any]]:
    path = work / "sample.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    found, rejects = read(path, work)
    assert rejects == []
    return found


def loaded(name: str) -> Any:
    return json.loads((SAMPLES / name).read_text(encoding="utf-8-sig"))


def billed(found: list[dict[str, Any]]) -> Decimal:
    return sum((Decimal(r["billed_cost"]) for r in found), Decimal(0))


@pytest.mark.parametrize(
    ("name", "adapter", "money"),
    [
        ("openrouter/activity.json", "openrouter-activity", "12.400678"),
        ("openrouter/activity_group_by_workspace.json", "openrouter-activity-workspace", "12.400678"),
        ("openrouter/activity_export.csv", "openrouter-activity-export", "12.400678"),
        ("openrouter/generation.json", "openrouter-generation", "0.0114336"),
        ("openrouter/logs_export.csv", "openrouter-logs-export", "0.0136836"),
        ("openrouter/chat_completion_response.json", "openrouter-chat-completion", "0.0114336"),
        ("openrouter/chat_completion_response_byok.json", "openrouter-chat-completion", "0.00225"),
        ("others/deepseek_cost.csv", "deepseek-cost", "0.28"),
        ("others/xai_team_usage_response.json", "xai-team-usage", "1.075"),
        ("others/together_billing_usage.json", "together-billing-usage", "1.02"),
        ("others/github_ai_usage_report.csv", "github-ai-usage-report", "0.04"),
        ("others/github_ai_credit_usage.json", "github-ai-credit-usage", "2"),
        ("others/cursor_usage_events.csv", "cursor-usage-events-csv", "0.02"),
        ("others/cursor_usage_events_disjoint_variant.csv", "cursor-usage-events-csv", "0.02"),
        ("others/cursor_filtered_usage_events.json", "cursor-filtered-usage-events", "0.019875"),
    ],
)
def test_billed_totals(name: str, adapter: str, money: str, tmp_path: Path) -> None:
    found = good(name, tmp_path)
    assert {r["adapter"] for r in found} == {adapter}
    assert billed(found) == Decimal(money)


def test_list_amounts_before_the_included_quota(tmp_path: Path) -> None:
    listed = [Decimal(r["list_amount"]) for r in good("others/github_ai_usage_report.csv", tmp_path)]
    assert sum(listed) == Decimal("0.164")


@pytest.mark.parametrize("name", ["logs_export.csv", "chat_completion_response_byok.json", "activity.json"])
def test_own_keys_keep_the_upstream_amount_apart(name: str, tmp_path: Path) -> None:
    (own,) = [r for r in good(f"openrouter/{name}", tmp_path) if r["billing_path"] == "byok"]
    expected = {"activity.json": ("0.055", "1.1")}.get(name, ("0.00225", "0.045"))
    assert (own["billed_cost"], own["reported_cost"]) == expected
    assert "billed_quantity" not in own and own["flags"] == "byok_upstream_not_counted"


def test_replayed_cache_is_cut_and_flagged(tmp_path: Path) -> None:
    free = good("openrouter/activity.json", tmp_path)[2]
    assert (free["input_uncached_tokens"], free["input_cache_read_tokens"]) == (0, 1000)
    assert (free["flags"], free["request_count"]) == ("replayed_cache_cut", 5)


@pytest.mark.parametrize(
    ("name", "cost"),
    [("openrouter_generation.json", "0.003848"), ("openrouter_traces_table.jsonl", "0.003848"),
     ("vercel_generation.json", "0.003848"), ("openrouter_activity.json", "0.006048"),
     ("vercel_report.json", "0.006048")],
)  # fmt: skip
def test_resellers_agree_on_the_money_of_the_story(name: str, cost: str, tmp_path: Path) -> None:
    found, rejects = read(GATEWAYS / name, tmp_path)
    assert (rejects, billed(found)) == ([], Decimal(cost))


@pytest.mark.parametrize("name", ["openrouter_generation.json", "vercel_generation.json"])
def test_case_a_of_the_story(name: str, tmp_path: Path) -> None:
    (record,) = read(GATEWAYS / name, tmp_path)[0]
    tokens = ("input_uncached_tokens", "input_cache_read_tokens", "output_text_tokens", "output_reasoning_tokens")
    assert [record[t] for t in tokens] == [176, 1024, 222, 128]


# ---------------------------------------------------------------------------------------------- response bodies


def test_openai_bodies(tmp_path: Path) -> None:
    (chat,) = good("openai/chat_completion_response.json", tmp_path)
    assert [chat[f"input_{n}_tokens"] for n in ("uncached", "cache_read", "cache_write_other")] == [512, 2048, 640]
    assert (chat["output_text_tokens"], chat["output_reasoning_tokens"]) == (328, 512)
    (response,) = good("openai/response_object.json", tmp_path)
    assert (response["input_cache_write_30m_tokens"], response["service_tier"]) == (20000, "priority")
    assert response["other_meters"] == [{"meter": "web_search", "quantity": "2"}]


def test_only_the_last_chunk_of_a_stream_counts(tmp_path: Path) -> None:
    (record,) = good("openai/chat_completion_stream.jsonl", tmp_path)
    assert (record["reported_input_tokens"], record["reported_output_tokens"]) == (130, 29)


def test_batches_have_the_batch_price_once(tmp_path: Path) -> None:
    (line,) = good("openai/batch_output.jsonl", tmp_path)
    (whole,) = good("openai/batch_object.json", tmp_path)
    for record in (line, whole):
        assert record["is_batch"] is True
        assert (record["reported_input_tokens"], record["reported_output_tokens"]) == (3000, 300)


ADDED = {"received_at": "2026-11-22T10:00:00Z", "request_id": "req_1", "model": "gpt-4o-transcribe"}


@pytest.mark.parametrize(
    ("name", "reason", "meters"),
    [
        ("openai/embeddings_response.json", "missing:received_at", {"input_uncached_tokens": 512}),
        ("openai/transcription_response_tokens.json", "missing:received_at",
         {"input_audio_tokens": 730, "input_uncached_tokens": 10, "output_text_tokens": 210}),
        ("openai/transcription_response_duration.json", "missing:received_at",
         {"other_meters": [{"meter": "audio_seconds", "quantity": "61"}]}),
        ("openai/images_response.json", "missing:request_id",
         {"input_uncached_tokens": 120, "output_image_tokens": 4160}),
        ("anthropic/messages_response.json", "missing:received_at",
         {"input_uncached_tokens": 210, "input_cache_read_tokens": 18000, "input_cache_write_5m_tokens": 2000,
          "input_cache_write_1h_tokens": 600, "output_text_tokens": 550, "output_reasoning_tokens": 900}),
        ("anthropic/messages_response_compaction.json", "missing:received_at",
         {"input_uncached_tokens": 203_000, "output_text_tokens": 4_500}),
    ],
)  # fmt: skip
def test_bodies_without_a_time_need_it_added(name: str, reason: str, meters: dict[str, Any], tmp_path: Path) -> None:
    assert read(SAMPLES / name, tmp_path) == ([], [reason])
    (record,) = rewritten(tmp_path, {**ADDED, **loaded(name)})
    assert {key: record[key] for key in meters} == meters


def test_anthropic_stream_and_batch(tmp_path: Path) -> None:
    name = "anthropic/messages_stream_events.jsonl"
    assert read(SAMPLES / name, tmp_path) == ([], ["missing:received_at"])
    events = [json.loads(line) for line in (SAMPLES / name).read_text().splitlines()]
    (record,) = rewritten(tmp_path, *({**ADDED, **e} if e["type"] == "message_start" else e for e in events))
    assert (record["input_uncached_tokens"], record["input_cache_read_tokens"]) == (24, 3100)
    assert (record["output_text_tokens"], record["usage_source"]) == (41, "provider")
    name = "anthropic/message_batch_results.jsonl"
    assert read(SAMPLES / name, tmp_path)[1] == ["missing:received_at"]
    lines = [{**ADDED, **json.loads(line)} for line in (SAMPLES / name).read_text().splitlines()]
    (result,) = rewritten(tmp_path, *lines)
    assert (result["is_batch"], result["input_uncached_tokens"], result["output_text_tokens"]) == (True, 1500, 200)


def test_claude_code_report_is_an_estimate(tmp_path: Path) -> None:
    (record,) = good("anthropic/claude_code_report.json", tmp_path)
    assert (record["kind"], record["reported_cost"], record["reported_cost_basis"]) == (
        "usage",
        "3.09",
        "list_estimate",
    )
    assert (record["input_uncached_tokens"], record["input_cache_read_tokens"]) == (120_000, 2_100_000)


def test_the_spend_report_has_no_date_and_none_is_guessed(tmp_path: Path) -> None:
    name = SAMPLES / "anthropic" / "enterprise_spend_report.csv"
    assert read(name, tmp_path) == ([], ["missing:period_start"] * 2)
    head, *lines = name.read_text().splitlines()
    path = tmp_path / "dated.csv"
    path.write_text("\n".join([f"{head},period_start,period_end", *(f"{x},2026-10-01,2026-10-02" for x in lines)]))
    found, rejects = read(path, tmp_path)
    assert (rejects, billed(found)) == ([], Decimal("61.42"))
    assert sum(Decimal(r["list_amount"]) for r in found) == Decimal("69.74")


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("deepseek_chat_usage.json", {**BODY, "model": "deepseek-v4-flash"},
         {"provider": "deepseek", "input_uncached_tokens": 276, "input_cache_read_tokens": 1024,
          "output_text_tokens": 120, "output_reasoning_tokens": 80}),
        ("xai_chat_completion_usage.json", {**BODY, "model": "grok-4"},
         {"provider": "x-ai", "output_text_tokens": 1500, "output_reasoning_tokens": 2800,
          "reported_cost": "0.0231156", "input_cache_read_tokens": 128}),
        ("groq_usage.json", {**BODY, "model": "openai/gpt-oss-120b"},
         {"provider": "groq", "input_uncached_tokens": 104, "input_cache_read_tokens": 4096,
          "output_text_tokens": 300, "output_reasoning_tokens": 1200}),
        ("mistral_usage.json", {**BODY, "model": "mistral-large-latest"},
         {"provider": "mistral", "input_uncached_tokens": 20, "input_cache_read_tokens": 880}),
        ("cohere_chat_usage.json", {"id": "call-1", "model": "command-a", "received_at": "2026-11-22T10:00:00Z"},
         {"provider": "cohere", "input_uncached_tokens": 48, "output_text_tokens": 120}),
        ("perplexity_chat_usage_legacy.json", {**BODY, "model": "sonar"},
         {"provider": "perplexity", "billed_cost": "0.00533", "billed_quantity": "330"}),
        ("perplexity_responses_usage.json", {"id": "call-1", "created_at": 1791209000, "model": "sonar"},
         {"provider": "perplexity", "billed_cost": "0.0203", "input_cache_read_tokens": 512}),
    ],
)  # fmt: skip
def test_a_usage_object_counts_inside_its_body(
    name: str, body: dict[str, Any], expected: dict[str, Any], tmp_path: Path
) -> None:
    assert read(SAMPLES / "others" / name, tmp_path) == ([], ["usage_without_its_call"])
    (record,) = rewritten(tmp_path, {**body, "usage": loaded(f"others/{name}")})
    assert {key: record[key] for key in expected} == expected


def test_rerank_counts_search_units(tmp_path: Path) -> None:
    meta = loaded("others/cohere_rerank_meta.json")
    body = {"id": "call-1", "model": "rerank-v3.5", "received_at": "2026-11-22T10:00:00Z", "meta": meta}
    (record,) = rewritten(tmp_path, body)
    assert record["other_meters"] == [{"meter": "rerank", "quantity": "1"}]


# ------------------------------------------------------------------------------------------------ usage exports


def test_deepseek_buckets_keep_their_offset(tmp_path: Path) -> None:
    bounds = ("2026-09-30T16:00:00Z", "2026-10-01T16:00:00Z")
    (money,) = good("others/deepseek_cost.csv", tmp_path)
    amounts = good("others/deepseek_amount.csv", tmp_path)
    assert {(r["event_time"], r["bucket_end"]) for r in (money, *amounts)} == {bounds}
    assert sum(r["request_count"] for r in amounts) == 410
    tokens = ("input_cache_read_tokens", "input_uncached_tokens", "output_text_tokens")
    assert [sum(r.get(t, 0) for r in amounts) for t in tokens] == [3_200_000, 500_000, 120_000]
    old = good("others/deepseek_amount_old.csv", tmp_path)
    assert (old[0]["event_time"], old[0]["bucket_end"]) == ("2026-06-01T00:00:00Z", "2026-06-02T00:00:00Z")


@pytest.mark.parametrize("name", ["cursor_usage_events.csv", "cursor_usage_events_disjoint_variant.csv"])
def test_both_conventions_of_cursor_give_the_same_tokens(name: str, tmp_path: Path) -> None:
    first = good(f"others/{name}", tmp_path)[0]
    parts = [first[f"input_{n}_tokens"] for n in ("uncached", "cache_write_other", "cache_read")]
    assert (parts, first["output_text_tokens"]) == ([1100, 300, 5000], 250)


def test_credits_accelerator_time_and_zeros(tmp_path: Path) -> None:
    products = good("others/elevenlabs_usage_by_product.json", tmp_path)
    assert [r["other_meters"][0] for r in products] == [
        {"meter": "credits", "quantity": "120500"}, {"meter": "credits", "quantity": "900"},
    ]  # fmt: skip
    stats = good("others/elevenlabs_character_stats_deprecated.json", tmp_path)
    assert [r.get("other_meters") for r in stats] == [[{"meter": "credits", "quantity": "121400"}], None]
    dedicated = good("others/fireworks_export_metrics.csv", tmp_path)[1]
    assert dedicated["other_meters"] == [{"meter": "accelerator_seconds", "quantity": "3600"}]
    assert "input_uncached_tokens" not in dedicated


OURS = (
    "openrouter-", "deepseek-", "xai-", "together-", "fireworks-", "groq-", "mistral-", "cohere-", "perplexity-",
    "github-", "cursor-", "elevenlabs-", "vercel-", "usage-object",
)  # fmt: skip
FILES = sorted(p for folder in (SAMPLES, GATEWAYS) if folder.is_dir() for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_no_sample_of_another_tool_is_claimed(path: Path) -> None:
    if path.suffix not in (".json", ".jsonl", ".ndjson", ".csv"):
        return
    claiming = [m.id for m in shipped().values() if claims(m, sample(discover([str(path)], path.parent)[0]))]
    assert len(claiming) <= 1
    own = path.parent.name in ("openrouter", "others") or path.name.startswith(("openrouter", "vercel"))
    if not own:
        assert not [c for c in claiming if c.startswith(OURS)]
