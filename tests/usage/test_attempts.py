"""What became of a call (x_AttemptUse), at every grain and in every version. A call of `event` costs 0.00135 USD."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from data_builders import ask, convert, event, jsonl

from focus_ai import api

ONE = Decimal("0.00135")


def attempt(number: int, request: str | None, status: str = "success", **fields: Any) -> dict[str, Any]:
    """Call `number` of the 7th, a minute after the one before."""
    return event(
        number, logical_request_id=request, status=status, timestamp=f"2026-10-07T10:{number:02d}:00Z", **fields
    )


def uses(out: Path) -> dict[str | None, tuple[Decimal, int]]:
    """Use -> money and calls of the rows."""
    found = ask(
        out, "SELECT x_AttemptUse, sum(EffectiveCost), sum(x_RequestCount) FILTER (x_TokenType = 'input') FROM data "
        "GROUP BY 1",
    )  # fmt: skip
    return {use: (cost, calls) for use, cost, calls in found}


def test_only_the_last_answer_is_used(tmp_path: Path) -> None:
    """a: answered twice, 0 is superseded. b: broke off, then answered. c: failed. d: answered at once."""
    log = jsonl(tmp_path / "log.jsonl", [
        attempt(0, "a"), attempt(1, "a"), attempt(2, "b", "timeout"), attempt(3, "b"), attempt(4, "c", "error"),
        attempt(5, "d"),
    ])  # fmt: skip
    convert(tmp_path / "out", log)
    assert uses(tmp_path / "out") == {"used": (3 * ONE, 3), "superseded": (ONE, 1), "failed": (2 * ONE, 2)}


def test_the_order_of_attempts_is_that_of_their_numbers(tmp_path: Path) -> None:
    """The later attempt is written first, with an earlier clock; a call that failed later does not take its place."""
    log = jsonl(tmp_path / "log.jsonl", [
        attempt(1, "a", retry_count=1, input_tokens=2000), attempt(2, "a", retry_count=0),
        attempt(3, "a", "error", retry_count=2, input_tokens=3000),
    ])  # fmt: skip
    convert(tmp_path / "out", log)
    found = ask(tmp_path / "out", "SELECT x_AttemptUse, x_InputTokens FROM data WHERE x_TokenType = 'input' ORDER BY 2")
    assert found == [("superseded", 1000), ("used", 2000), ("failed", 3000)]


def test_what_is_not_said_stays_unknown(tmp_path: Path) -> None:
    """Without an id nobody knows whether another attempt answered; a failure is one all the same. A call that the
    caller gave up may have been of use, unless another attempt answered."""
    log = jsonl(tmp_path / "log.jsonl", [
        attempt(0, None), attempt(1, None), attempt(2, None, "error"), attempt(3, "a", "cancelled"),
        attempt(4, "b", "cancelled"), attempt(5, "b"),
    ])  # fmt: skip
    convert(tmp_path / "out", log)
    assert uses(tmp_path / "out") == {
        None: (3 * ONE, 3), "failed": (ONE, 1), "superseded": (ONE, 1), "used": (ONE, 1),
    }  # fmt: skip


def test_a_replayed_answer_and_a_refusal_cost_nothing(tmp_path: Path) -> None:
    """An answer from the gateway's cache is no attempt. Calls without tokens make no row; they are counted as calls."""
    log = jsonl(tmp_path / "log.jsonl", [
        attempt(0, "a"), attempt(1, "a", gateway_cache_hit=True),
        attempt(2, "b", "rate_limited", input_tokens=0, output_tokens=0), attempt(3, "b"),
    ])  # fmt: skip
    convert(tmp_path / "out", log)
    assert uses(tmp_path / "out") == {"used": (2 * ONE, 4)}


def test_a_log_without_retries_has_the_rows_it_had(tmp_path: Path) -> None:
    """Ids that no two calls share split nothing: one row per meter, as without ids."""
    plain = jsonl(tmp_path / "plain.jsonl", [attempt(n, None) for n in range(4)])
    named = jsonl(tmp_path / "named.jsonl", [attempt(n, f"r{n}") for n in range(4)])
    assert convert(tmp_path / "a", plain)["rows"] == convert(tmp_path / "b", named)["rows"] == 2
    assert uses(tmp_path / "b") == {"used": (4 * ONE, 4)}


@pytest.mark.parametrize("focus", ["1.2", "1.3", "1.4"])
@pytest.mark.parametrize("grain", ["request", "hour", "day", "month"])
def test_every_version_and_grain_says_the_same(tmp_path: Path, focus: str, grain: str) -> None:
    log = jsonl(tmp_path / "log.jsonl", [attempt(0, "a"), attempt(1, "a"), attempt(2, "b"), attempt(3, "b", "error")])
    report = convert(tmp_path / "out", log, focus=focus, grain=grain, validate=True)
    assert report["validation"]["failed"] == 0
    assert uses(tmp_path / "out") == {"used": (2 * ONE, 2), "superseded": (ONE, 1), "failed": (ONE, 1)}
    rows, ids = ask(tmp_path / "out", "SELECT count(*), count(DISTINCT x_ChargeId) FROM data")[0]
    assert rows == ids
    assert ask(
        tmp_path / "out", "SELECT count(*) FROM data WHERE EffectiveCost <> PricingQuantity * ListUnitPrice"
    ) == [(0,)]


def test_two_exports_do_not_share_their_ids(tmp_path: Path) -> None:
    """The same word in the logs of two programs is two requests."""
    ours = jsonl(tmp_path / "ours.jsonl", [attempt(0, "42")])
    theirs = jsonl(tmp_path / "theirs.jsonl", [{
        "id": "1", "litellm_call_id": "42", "status": "success", "startTime": 1791369000.5, "endTime": 1791369001.5,
        "custom_llm_provider": "openai", "model": "gpt-5", "model_group": "gpt-5", "call_type": "acompletion",
        "response": {"model": "gpt-5", "usage": {"prompt_tokens": 1000, "completion_tokens": 10}},
        "prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010, "response_cost": 0.00135,
        "metadata": {"usage_object": {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010}},
    }])  # fmt: skip
    report = convert(tmp_path / "out", ours, theirs)
    assert (report["adapters"], report["records"]["events"]) == (["generic-event", "litellm-slp"], 2)
    assert uses(tmp_path / "out") == {"used": (2 * ONE, 2)}


def test_copies_that_tell_their_attempts_differently_count_once(tmp_path: Path) -> None:
    """Equal ids and tokens are one call, whatever the copies say about retries."""
    log = jsonl(tmp_path / "log.jsonl", [attempt(0, "a"), attempt(0, "b", retry_count=1)])
    report = convert(tmp_path / "out", log)
    assert (report["records"]["events"], report["records"]["duplicates"]) == (1, 1)


def test_shares_of_a_failed_call_stay_failed(tmp_path: Path) -> None:
    """0.00135 without a team is split in halves; each half is still money for a call that failed."""
    log = jsonl(tmp_path / "log.jsonl", [attempt(0, "a", "error"), attempt(1, "b", team="care")])
    rules = tmp_path / "allocation.yaml"
    rules.write_text(
        "allocation:\n  - id: orphans\n    version: 1\n    documentation: Half for each of the two teams.\n    match: {team: none}\n"
        "    method: even\n    targets: [{team: care}, {team: search}]\n", encoding="utf-8",
    )  # fmt: skip
    convert(tmp_path / "out", log)
    api.allocate(tmp_path / "out", rules, out=tmp_path / "split")
    assert ask(tmp_path / "split", "SELECT x_Team, x_AttemptUse, sum(EffectiveCost) FROM data GROUP BY ALL ORDER BY 1, 2") == [
        ("care", "failed", ONE / 2), ("care", "used", ONE), ("search", "failed", ONE / 2),
    ]  # fmt: skip


def test_the_audit_and_the_report_name_the_same_waste(tmp_path: Path) -> None:
    """Six attempts of one request, two of them broken off; one single failure: 6 * 0.00135 of waste in both."""
    log = jsonl(tmp_path / "log.jsonl", [
        *(attempt(n, "a", "timeout" if n in (1, 2) else "success", team="care") for n in range(6)),
        attempt(6, "b", "error", team="care"), attempt(7, "c", team="care"),
    ])  # fmt: skip
    audit = api.audit([str(log)])
    convert(tmp_path / "out", log)
    said = api.report(tmp_path / "out")["retries"]
    assert audit["totals"]["waste"] == said["waste"] == "0.0081"
    assert [(g["team"], g["what"], g["attempts"], g["waste"]) for g in said["groups"]] == [
        ("care", "failed", 3, "0.00405"), ("care", "superseded", 3, "0.00405"),
    ]  # fmt: skip
    assert said["not_told"] == "0"
