"""Findings on what a log leaves open, each worked out by hand. Prices and `event()`: see test_findings.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data_builders import EXPORTS, event, jsonl
from test_findings import OWNER, audited, found, size

from focus_ai import api

# The story that all gateway fixtures tell (fixtures/exports), as two tools wrote it down.
MLFLOW = EXPORTS / "mlflow" / "traces" / "story" / "input.jsonl"
LITELLM = EXPORTS / "litellm" / "spend-logs" / "story" / "input.jsonl"


def test_tokens_whose_convention_nobody_knows() -> None:
    """Of two calls the log does not say how it counts. gpt-5: 1024 cached at 1.25 per million are 0.00128;
    claude-sonnet-4-5: 5000 cached, 500 and 1500 written at 3.00 are 0.021. A third call proves its reading."""
    finding = found(api.audit([str(MLFLOW)]))["tokens.convention_unknown"]
    assert (*size(finding), finding["cost_means"]) == (2, "0.02228", "possible error")
    assert [(row["model"], row["tokens"], row["possible_error"]) for row in finding["rows"]] == [
        ("claude-sonnet-4-5", 7000, "0.021"), ("gpt-5", 1024, "0.00128"),
    ]  # fmt: skip


def test_cache_writes_without_a_lifetime() -> None:
    """1500 and 2000 tokens of claude-sonnet-4-5: 3.75 per million for five minutes, 6.00 for an hour."""
    finding = found(api.audit([str(MLFLOW)]))["tokens.cache_lifetime_unknown"]
    assert (*size(finding), finding["tokens"]) == (2, "0.007875", 3500)


def test_what_a_log_of_answered_requests_leaves_open() -> None:
    """Its six rows name no served model: 0.003848, 0.034925, 0.0022 and the guessed 19 and 2 tokens of an aborted
    stream (0.00004375). A fallback is 0.0022; an answer of the gateway's cache avoided 1200 and 350 tokens."""
    report = found(api.audit([str(LITELLM)]))
    assert size(report["model.served_unknown"]) == (4, "0.04101675")
    assert size(report["tokens.estimated"]) == (1, "0.00004375")
    assert size(report["retry.fallback"]) == (1, "0.0022")
    assert size(report["cache.gateway_hits"]) == (1, "0.005")
    assert size(report["retry.not_in_log"]) == (1, None)


def test_a_fallback_is_named_with_its_money(tmp_path: Path) -> None:
    log = [event(1, **OWNER), event(2, **OWNER, model="gpt-5.4", attempt_kind="fallback")]
    finding = found(audited(tmp_path, log))["retry.fallback"]
    assert size(finding) == (1, "0.00265")  # 1000 at 2.50 and 10 at 15 per million
    assert (finding["severity"], finding["rows"][0]["model"]) == ("info", "gpt-5.4")


def test_equal_calls_without_ids_are_suspected_only(tmp_path: Path) -> None:
    """Ten calls of 1000 tokens in an hour, twice the five attempts of a loop; one of them must have been wanted."""
    log = [event(n, **OWNER, timestamp=f"2026-10-07T10:{n:02d}:00Z") for n in range(10)]
    report = audited(tmp_path, log)
    assert size(found(report)["retry.suspected_loop"]) == (10, "0.01215")
    assert report["totals"]["waste"] == "0"
    assert "retry.suspected_loop" not in found(audited(tmp_path, log[1:]))
    named = [{**call, "logical_request_id": f"r{n}"} for n, call in enumerate(log)]
    assert "retry.suspected_loop" not in found(audited(tmp_path, named))


def test_attempts_that_the_log_counts_but_does_not_hold(tmp_path: Path) -> None:
    """Three tries behind one answer in a log with one row per request: two are not in it."""
    row = {
        "request_id": "chatcmpl-1", "call_type": "acompletion", "startTime": "2026-10-07T10:00:00Z",
        "endTime": "2026-10-07T10:00:02Z", "model": "gpt-5", "model_group": "gpt-5", "custom_llm_provider": "openai",
        "spend": 0.00135, "total_tokens": 1010, "prompt_tokens": 1000, "completion_tokens": 10, "status": "success",
        "api_key": "k", "cache_hit": "None", "request_tags": [],
        "metadata": {"attempted_retries": 2, "usage_object": {"prompt_tokens": 1000, "completion_tokens": 10}},
    }  # fmt: skip
    finding = found(api.audit([str(jsonl(tmp_path / "log.jsonl", [row]))]))["retry.not_in_log"]
    assert size(finding) == (2, None)
    assert finding["rows"] == [{"adapter": "litellm-spend-logs", "events": 1, "attempts_not_in_the_log": 2}]


def test_a_name_that_was_priced_by_an_alias_without_dates(tmp_path: Path) -> None:
    """What claude-3-5-sonnet-latest means today costs 3.00 and 15.00 per million: 0.00315 of 0.0045."""
    log = [event(1, **OWNER, provider="anthropic", model="claude-3-5-sonnet-latest"), event(2, **OWNER)]
    report = found(audited(tmp_path, log))
    assert size(report["model.alias_undated"]) == size(report["model.floating_name"]) == (1, "0.00315")


def test_fields_that_are_empty_or_always_the_same(tmp_path: Path) -> None:
    """A hundred calls of one team look like a default; every fourth has a feature."""
    owner = {**OWNER, "feature": None}
    log = [event(n, **{**owner, "feature": f"f{n}" if n % 4 == 0 else None}) for n in range(100)]
    report = found(audited(tmp_path, log))
    missing: dict[str, dict[str, Any]] = {row["field"]: row for row in report["fields.missing"]["rows"]}
    assert (missing["owner_feature"]["events"], missing["owner_feature"]["filled"]) == (75, "0.25")
    assert missing["logical_request_id"]["filled"] == "0"
    constant = {row["field"]: row["value"] for row in report["fields.constant"]["rows"]}
    assert constant == {"owner_team": "search", "owner_product": "shop", "owner_environment": "production"}
    assert "fields.constant" not in found(audited(tmp_path, log[:99]))


def test_spend_without_a_feature_or_an_environment(tmp_path: Path) -> None:
    log = [event(1, **OWNER), event(2, team="search", product="shop"), event(3, **{**OWNER, "feature": None})]
    report = found(audited(tmp_path, log))
    assert size(report["owner.no_feature"]) == (2, "0.0027")
    assert size(report["owner.no_environment"]) == (1, "0.00135")
