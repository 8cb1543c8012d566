"""A log and the provider's usage export of the same calls: which of them carries, and how many tokens there were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from data_builders import convert, jsonl, rows, total

# gpt-5: 400 * 1.25 / 1e6 + 600 * 0.125 / 1e6 + 10 * 10 / 1e6
EXACT = "0.000675"
TOKENS = {"input": 400, "cache_read": 600, "output": 10}


def log(path: Path, cached: int, team: str | None = "search") -> Path:
    """One call through LiteLLM on 7 October, with so many of its 1000 input tokens from the cache."""
    usage = {"prompt_tokens": 1000, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": cached}}
    return jsonl(path, [{
        "request_id": "chatcmpl-1", "call_type": "acompletion", "startTime": "2026-10-07T11:59:59Z",
        "endTime": "2026-10-07T12:00:02Z", "spend": 0.1, "model": "openai/gpt-5", "custom_llm_provider": "openai",
        "prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010, "cache_hit": "None", "status": "success",
        "metadata": {"usage_object": usage}, "team_id": team,
    }])  # fmt: skip


def page(path: Path, kind: str, **result: Any) -> Path:
    """OpenAI's answer for that day."""
    result = {"object": f"organization.{kind}.result", "project_id": "proj", **result}
    bucket = {"object": "bucket", "start_time": 1791331200, "end_time": 1791417600, "results": [result]}
    path.write_text(json.dumps({"object": "page", "data": [bucket], "has_more": False, "next_page": None}))
    return path


def usage(path: Path, cached: int = 600) -> Path:
    return page(
        path, "usage.completions", input_tokens=1000, output_tokens=10, input_cached_tokens=cached,
        input_audio_tokens=0, output_audio_tokens=0, num_model_requests=1, user_id=None, api_key_id=None,
        model="gpt-5-2025-08-07", batch=False, service_tier="default",
    )  # fmt: skip


def bill(path: Path) -> Path:
    return page(
        path, "costs", amount={"value": 0.0006, "currency": "usd"}, line_item="gpt-5-2025-08-07, input",
        organization_id="org-1",
    )  # fmt: skip


def table(path: Path) -> Path:
    """The same day in the table that the dashboard exports."""
    path.write_text(
        "start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,api_key_id,model,batch,"
        "service_tier,input_tokens,output_tokens,input_cached_tokens,input_uncached_tokens\n"
        "1791331200,1791417600,2026-10-07T00:00:00+00:00,2026-10-08T00:00:00+00:00,proj,1.0,,,gpt-5-2025-08-07,FALSE,"
        "default,1000.0,10.0,600.0,400.0\n"
    )
    return path


def carried_by(report: dict[str, Any]) -> list[str]:
    return [d["carried_by"] for d in report["billing_source"]]


@pytest.mark.parametrize(
    ("cached", "cost", "carrier"),
    [
        # the log counts all input as fresh: 1000 * 1.25 / 1e6 + 0.0001 would be twice the price
        (0, EXACT, "usage export"),
        (500, EXACT, "usage export"),
        # the log has nine tenths of the cached tokens: 450 * 1.25 / 1e6 + 550 * 0.125 / 1e6 + 0.0001
        (550, "0.00073125", "log"),
        (600, EXACT, "log"),
    ],
)
def test_a_log_carries_where_it_knows_the_cache(
    cached: int, cost: str, carrier: str, tmp_path: Path, out: Path
) -> None:
    report = convert(out, log(tmp_path / "log.jsonl", cached), usage(tmp_path / "usage.json"))
    assert (report["totals"][0]["effective_cost"], carried_by(report)) == (cost, [carrier])
    told = [(w["records"], w["money"]) for w in report["warnings"] if w["code"] == "owners_behind_an_export"]
    assert told == ([(3, EXACT)] if carrier == "usage export" else [])
    assert {row["x_Team"] for row in rows(out)} == ({None} if carrier == "usage export" else {"search"})


def test_where_the_export_knows_no_cache_either_the_log_carries(tmp_path: Path, out: Path) -> None:
    report = convert(out, log(tmp_path / "log.jsonl", 0), usage(tmp_path / "usage.json", 0))
    assert (report["totals"][0]["effective_cost"], carried_by(report)) == ("0.00135", ["log"])


def test_a_log_without_owners_hides_none(tmp_path: Path, out: Path) -> None:
    report = convert(out, log(tmp_path / "log.jsonl", 0, team=None), usage(tmp_path / "usage.json"))
    assert "owners_behind_an_export" not in {w["code"] for w in report["warnings"]}


@pytest.mark.parametrize(
    "given",
    [
        "log", "usage", "table", "bill usage", "log usage", "usage table", "log usage table",
        # whatever carries the money, the tokens are those of one of them
        "log bill", "log usage bill", "usage table bill", "log usage table bill",
    ],
)  # fmt: skip
def test_the_tokens_of_the_report_count_once(given: str, tmp_path: Path, out: Path) -> None:
    made = {
        "log": log(tmp_path / "log.jsonl", 600), "usage": usage(tmp_path / "usage.json"),
        "table": table(tmp_path / "table.csv"), "bill": bill(tmp_path / "bill.json"),
    }  # fmt: skip
    files = [made[name] for name in given.split()]
    for source in ("bill", "usage"):
        report = convert(tmp_path / source, *files, settings={"billing": {"source": source}})
        assert {kind: number for kind, number in report["tokens"].items() if number} == TOKENS
        usage_carries = source == "usage" or "bill" not in given
        if usage_carries:
            assert total(rows(tmp_path / source), "ConsumedQuantity") == 1010
        assert report["records"]["read"] == report["records"]["events"] + report["records"]["billed_lines"]
