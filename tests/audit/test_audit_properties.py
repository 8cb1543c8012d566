"""What holds for every log: the money of the conversion, no matter the order; duplicates change one count only."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from data_builders import EXPORTS, convert, event, jsonl
from hypothesis import given, settings
from hypothesis import strategies as st

from focus_ai import api
from focus_ai.sources import discover

CASES = ("litellm", "openai", "anthropic", "access-log", "opentelemetry", "generic", "focus", "langfuse", "demo")
CALLS = st.lists(
    st.fixed_dictionaries(
        {
            "team": st.sampled_from([None, "search", "care"]),
            "model": st.sampled_from(["gpt-5", "gpt-5-mini", "house-model"]),
            "input_tokens": st.integers(0, 3000),
            "output_tokens": st.integers(0, 300),
            "status": st.sampled_from(["success", "error", "rate_limited"]),
            "logical_request_id": st.sampled_from([None, "a", "b"]),
            "timestamp": st.sampled_from(["2026-10-07T10:00:00Z", "2026-10-07T11:00:00Z", "2026-10-09T01:00:00Z"]),
        }
    ),
    min_size=1,
    max_size=12,
)


def comparable(report: dict[str, Any]) -> dict[str, Any]:
    """The report without what names the run."""
    return {name: value for name, value in report.items() if name not in ("inputs", "created_at")}


def without_duplicates(report: dict[str, Any]) -> dict[str, Any]:
    records = {name: n for name, n in report["records"].items() if name not in ("read", "duplicates")}
    findings = [f for f in report["findings"] if f["id"] != "records.duplicate"]
    return {**comparable(report), "records": records, "findings": findings}


def named(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event(n, **{k: v for k, v in call.items() if v is not None}) for n, call in enumerate(calls)]


def readable(path: Path) -> bool:
    """Whether an adapter claims the file; some cases are made to be claimed by none."""
    from focus_ai.adapters import recognise, shipped
    from focus_ai.errors import FocusAiError

    try:
        recognise(discover([str(path)], path.parent)[0], shipped())
    except FocusAiError:
        return False
    return True


def inputs(case: str) -> list[Path]:
    """The inputs of all golden cases of a provider, or of the demo."""
    if case == "demo":
        return sorted((EXPORTS.parent / "demo" / "exports").iterdir())
    return sorted((EXPORTS / case).rglob("input.*"))


@pytest.mark.parametrize("case", CASES)
def test_the_money_is_that_of_the_conversion(case: str, tmp_path: Path) -> None:
    files = [path for path in inputs(case) if readable(path)]
    assert files
    converted = convert(tmp_path / "out", *files)
    audited = api.audit([str(path) for path in files])
    assert audited["records"] == converted["records"]
    totals = {t["currency"]: Decimal(t["effective_cost"]) for t in converted["totals"]}
    found: dict[str, Decimal] = {}
    for row in audited["totals"]["money"]:
        found[row["currency"]] = found.get(row["currency"], Decimal(0)) + Decimal(row["cost"])
    assert {c: v for c, v in found.items() if v} == {c: v for c, v in totals.items() if v}
    for name in ("by_team", "by_model", "by_feature", "by_day"):
        rows = [row for row in audited["spend"][name] if row["currency"] == "USD"]
        assert sum((Decimal(row["cost"]) for row in rows), Decimal(0)) == found.get("USD", Decimal(0))


@settings(max_examples=6)
@given(CALLS, st.randoms(use_true_random=False))
def test_order_changes_nothing(tmp_path: Path, calls: list[dict[str, Any]], rng: random.Random) -> None:
    events = named(calls)
    first = api.audit([str(jsonl(tmp_path / "log.jsonl", events))])
    rng.shuffle(events)
    second = api.audit([str(jsonl(tmp_path / "log.jsonl", events))])
    for report in (first, second):
        for request in report["top_requests"]:
            del request["row"]
    assert comparable(first) == comparable(second)


@settings(max_examples=6)
@given(CALLS, st.data())
def test_duplicates_change_only_their_count(tmp_path: Path, calls: list[dict[str, Any]], data: st.DataObject) -> None:
    events = named(calls)
    again = data.draw(st.lists(st.sampled_from(events), min_size=1, max_size=5))
    once = api.audit([str(jsonl(tmp_path / "log.jsonl", events))])
    twice = api.audit([str(jsonl(tmp_path / "log.jsonl", [*events, *again]))])
    assert twice["records"]["duplicates"] == len(again)
    assert without_duplicates(once) == without_duplicates(twice)


@settings(max_examples=6)
@given(CALLS)
def test_waste_is_part_of_the_spend(tmp_path: Path, calls: list[dict[str, Any]]) -> None:
    report = api.audit([str(jsonl(tmp_path / "log.jsonl", named(calls)))])
    totals = report["totals"]
    assert Decimal(0) <= Decimal(totals["waste"]) <= Decimal(totals["cost"])
    for field in report["owners"].values():
        assert Decimal(0) <= Decimal(field["share_of_cost"]) <= 1
