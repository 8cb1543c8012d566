"""The policy of one call, and what it would have refused in a log."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import pytest
from data_builders import event, jsonl

from focus_ai import api
from focus_ai.errors import UsageError
from focus_ai.policy import check, compile_policy, load

FULL: dict[str, Any] = {
    "version": 1,
    "tags": {"required": ["team", "feature"]},
    "service_accounts": {"allow": ["svc-*", "key_ok"], "mode": "soft"},
    "models": {"priced": True, "allow": ["gpt-*"], "deny": ["*-latest"]},
    "request_source": {"allow": ["ui", "worker"], "mode": "soft"},
    "budgets": {"monthly": {"search": "10.00", "default": "1"}},
}
GOOD = {
    "team": "search", "feature": "rank", "service_name": "svc-search", "provider": "openai", "model": "gpt-5",
    "request_source": "ui",
}  # fmt: skip


def judged(call: dict[str, Any], spent: Decimal | None = None) -> list[tuple[str, str]]:
    policy = compile_policy(FULL, priced=lambda provider, model: model != "gpt-secret")
    return [(r.rule, r.mode) for r in check(call, policy, spent).refusals]


def test_a_good_call_is_allowed() -> None:
    policy = compile_policy(FULL, priced=lambda provider, model: True)
    assert check(GOOD, policy, Decimal("9.99")).allowed
    assert judged(GOOD) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"team": None}, [("tags", "hard")]),
        ({"team": ""}, [("tags", "hard")]),
        ({"service_name": "laptop"}, [("service_accounts", "soft")]),
        ({"service_name": None, "api_key_id": "key_ok"}, []),
        ({"model": "gpt-5-latest"}, [("models.deny", "hard")]),
        ({"model": "claude-opus-4-5"}, [("models.allow", "hard")]),
        ({"model": "GPT-5"}, []),
        ({"model": "gpt-secret"}, [("models.priced", "hard")]),
        ({"request_source": "cron"}, [("request_source", "soft")]),
        ({"request_source": None}, [("request_source", "soft")]),
    ],
)
def test_each_rule(change: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert judged({**GOOD, **change}) == expected


def test_soft_rules_let_a_call_through() -> None:
    policy = compile_policy(FULL, priced=lambda provider, model: True)
    assert check({**GOOD, "request_source": "cron"}, policy).allowed
    assert not check({**GOOD, "team": None}, policy).allowed


def test_budgets_by_name_and_by_default() -> None:
    assert judged(GOOD, Decimal("9.999")) == []
    assert judged(GOOD, Decimal("10")) == [("budgets", "hard")]
    assert judged({**GOOD, "team": "care"}, Decimal("1")) == [("budgets", "hard")]
    assert judged({**GOOD, "team": "SEARCH"}, Decimal("9")) == []


def test_the_shipped_card_answers_when_nobody_else_does() -> None:
    policy = compile_policy({"version": 1, "models": {"priced": True}})
    assert check({"provider": "openai", "model": "gpt-5"}, policy).allowed
    refused = check({"provider": "openai", "model": "no-such-model"}, policy)
    assert [r.why for r in refused.refusals] == ["the rate card has no price for no-such-model"]


@pytest.mark.parametrize(
    "data",
    [{}, {"version": 2}, {"version": 1, "colour": "red"}, {"version": 1, "budgets": {"monthly": {"a": 5}}}, ["x"]],
)
def test_a_wrong_policy_is_refused(data: Any) -> None:
    with pytest.raises(UsageError):
        compile_policy(data)


def test_a_missing_or_broken_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not found"):
        load(tmp_path / "none.yaml")
    (tmp_path / "broken.yaml").write_text("version: [1\n", encoding="utf-8")
    with pytest.raises(UsageError, match="not valid YAML"):
        load(tmp_path / "broken.yaml")


def test_a_check_takes_less_than_fifty_microseconds() -> None:
    policy = compile_policy(FULL, priced=lambda provider, model: True)
    best = None
    for _ in range(5):
        start = perf_counter_ns()
        for _ in range(1000):
            check(GOOD, policy, Decimal(1))
        took = perf_counter_ns() - start
        best = took if best is None else min(best, took)
    assert best is not None and best < 50_000 * 1000


def test_the_module_is_light() -> None:
    heavy = "{'duckdb', 'pyarrow', 'jsonschema', 'yaml'}"
    code = f"import sys, focus_ai.policy; sys.exit(len({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_a_log_would_have_lost(tmp_path: Path) -> None:
    """Four calls of gpt-5 at 0.00135: one without a team, one from cron; search may spend 0.002, reached by its
    second call, so that its third is refused."""
    owner = {"team": "search", "feature": "rank", "request_source": "ui"}
    times = [{"timestamp": f"2026-10-07T10:0{n}:00Z"} for n in range(4)]
    events = [
        event(0, **owner, **times[0]), event(1, **{**owner, "request_source": "cron"}, **times[1]),
        event(2, **owner, **times[2]), event(3, feature="rank", request_source="ui", **times[3]),
    ]  # fmt: skip
    path = tmp_path / "policy.yaml"
    path.write_text(
        "version: 1\ntags: {required: [team]}\nrequest_source: {allow: [ui], mode: soft}\n"
        "models: {priced: true}\nbudgets: {monthly: {search: '0.002'}}\n", encoding="utf-8",
    )  # fmt: skip
    policy = api.audit([str(jsonl(tmp_path / "log.jsonl", events))], policy=path)["policy"]
    assert policy["refused"] == {"events": 2, "cost": "0.0027"}
    assert policy["reported"] == {"events": 1, "cost": "0.00135"}
    assert [(r["rule"], r["mode"], r["team"], r["events"]) for r in policy["rows"]] == [
        ("tags", "hard", "Unattributed", 1), ("request_source", "soft", "search", 1),
    ]  # fmt: skip
    assert policy["budgets"] == [{
        "team": "search", "month": "2026-10", "budget": "0.002", "spent": "0.00405", "used_up_at": "2026-10-07T10:02:00Z",
        "events_over": 1, "cost_over": "0.00135", "mode": "hard",
    }]  # fmt: skip


def test_an_unpriced_model_is_what_the_run_found(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("version: 1\nmodels: {priced: true}\n", encoding="utf-8")
    log = jsonl(tmp_path / "log.jsonl", [event(1), event(2, model="house-model")])
    policy = api.audit([str(log)], policy=path)["policy"]
    assert [(r["rule"], r["why"], r["events"]) for r in policy["rows"]] == [
        ("models.priced", "the rate card has no price for house-model", 1)
    ]
