"""What a run tells about its records beside the rows: counted, and the rows stay what they are."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from data_builders import EXPORTS, convert, event, jsonl

from focus_ai.engine import Session
from focus_ai.focus.places import unmet_accounts
from focus_ai.settings import Settings


@pytest.mark.parametrize(
    ("begun", "later"),
    [
        ("2026-10-08T10:00:00Z", {"2026-10-08T10:15:00Z": 0, "2026-10-08T10:15:01Z": 1}),
        # The same instant in a zone of its own is no later.
        ("2026-10-08T00:00:00Z", {"2026-10-08T09:00:00+09:00": 0, "2026-10-08T09:00:00Z": 1}),
    ],
)
def test_usage_after_the_run_is_counted(
    begun: str, later: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clocks of two machines may differ by a quarter of an hour."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", _epoch(begun))
    report = convert(
        tmp_path / "out", jsonl(tmp_path / "x.jsonl", [event(n, timestamp=at) for n, at in enumerate(later)])
    )
    told = {w["code"]: w["records"] for w in report["warnings"]}
    assert told["time_in_the_future"] == sum(later.values())
    assert report["records"]["events"] == 2 and report["totals"][0]["effective_cost"] == "0.0027"


def test_a_bill_for_days_to_come_is_no_wrong_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", _epoch("2015-01-01T00:00:00Z"))
    report = convert(tmp_path / "out", EXPORTS / "openai" / "costs" / "line-items" / "input.json")
    assert report["records"]["billed_lines"] > 0
    assert "time_in_the_future" not in {w["code"] for w in report["warnings"]}


def _epoch(instant: str) -> str:
    return str(int(datetime.fromisoformat(instant).timestamp()))


def test_an_account_that_no_record_has_is_told_with_those_that_the_records_have(tmp_path: Path) -> None:
    """Of the settings, `opneai` is no seller; the records of openai have no account. A known seller that is merely
    absent is no mistake."""
    source = jsonl(tmp_path / "x.jsonl", [event(1, provider="openai")])
    accounts = {name: {"billing_mode": "prepaid"} for name in ("opneai", "anthropic")}
    report = convert(tmp_path / "out", source, settings={"accounts": accounts})
    told = [w["message"] for w in report["warnings"] if w["code"] == "account_without_records"]
    assert len(told) == 1 and "account opneai" in told[0] and "have openai" in told[0]


def test_of_the_accounts_of_a_seller_the_misspelt_one_is_told(tmp_path: Path) -> None:
    """org-exmple is nearly org-example, which has no table of its own. Where every account has one, an absent account
    is no mistake, and a table of an account that looks like no other is one only where some account has none."""
    settings = Settings.from_dict({"accounts": {
        name: {} for name in ("acme", "acme/org-exmple", "mistral/another", "mistral/org-b", "x-ai/first")
    }})  # fmt: skip
    with Session(tmp_path) as session:
        session.sql("CREATE TABLE places AS SELECT * FROM (VALUES ('acme', 'org-example'), ('mistral', 'org-b'), "
                    "('x-ai', 'second'), ('x-ai', 'unspecified')) v(channel, account_id)")  # fmt: skip
        assert unmet_accounts(session, settings) == [("acme/org-exmple", ["acme/org-example"]), (
            "x-ai/first", ["x-ai/second"])]  # fmt: skip


def test_a_default_owner_that_no_record_meets_is_told_with_what_the_records_have(tmp_path: Path) -> None:
    """opneai is no seller, proj_demoSerch is nearly proj_demoSearch, org-demo is the account of the records because the
    settings say so. A known seller or a project of another name that is merely absent is no mistake."""
    source = EXPORTS.parent / "demo" / "exports" / "openai_usage_completions.json"
    team = {"team": "platform"}

    def told(*names: str) -> list[str]:
        settings = {"accounts": {"openai": {"id": "org-demo"}}, "owners": {"defaults": dict.fromkeys(names, team)}}
        report = convert(tmp_path / "out", source, settings=settings)
        return [w["message"] for w in report["warnings"] if w["code"] == "owner_default_without_records"]

    for name, has in (
        ("opneai", "openai"), ("openai/proj_demoSerch", "openai/proj_demoSearch"), ("openai/org-dmo", "openai/org-demo"),
    ):  # fmt: skip
        (message,) = told(name, "mistral", "openai/another")
        assert f"no record is of {name} of the settings" in message and f"the records have {has}" in message
    assert told("openai", "mistral", "openai/proj_demoSearch", "openai/org-demo", "openai/another") == []


def test_sums_of_calls_that_are_not_there_are_told(tmp_path: Path) -> None:
    """An export of the roots: a chain of 700 + 30 tokens and the agent in it, which repeats 400 + 20 of them, but no
    call. Of a trace whose call is there the chain only repeats it."""

    def run(number: int, trace: str, kind: str, tokens: tuple[int, int], parent: str | None = None) -> dict[str, Any]:
        at = "2026-10-07T09:12:40.250000"
        return {
            "id": f"r-{number}", "run_type": kind, "start_time": at, "end_time": at, "dotted_order": "d",
            "trace_id": trace, "parent_run_id": parent, "status": "success", "prompt_tokens": tokens[0],
            "completion_tokens": tokens[1], "total_tokens": sum(tokens),
            "extra": {"metadata": {"ls_provider": "openai", "ls_model_name": "gpt-5"}},
        }  # fmt: skip

    alone = [run(1, "t-1", "chain", (700, 30)), run(2, "t-1", "chain", (400, 20), "r-1")]
    whole = [run(3, "t-2", "chain", (900, 9)), run(4, "t-2", "llm", (900, 9), "r-3")]
    silent = [run(5, "t-3", "tool", (0, 0))]
    told = []
    for runs in ([*alone, *whole, *silent], [*whole, *silent]):
        report = convert(tmp_path / "out", jsonl(tmp_path / "x.jsonl", runs))
        assert report["tokens"]["input"] == 900
        told.append([(w["records"], w["message"]) for w in report["warnings"] if w["code"] == "spans_without_calls"])
    ((spans, message),), nothing = told
    assert spans == 2 and "at least 730 tokens" in message and nothing == []
