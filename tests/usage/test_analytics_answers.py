"""Anthropic's analytics reports asked for in several groupings: the spend counts once, and pages are no groupings."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from data_builders import convert, jsonl, rows, total

ACCOUNT = {"accounts": {"anthropic": {"id": "org"}}}


def page(*found: dict[str, Any], more: bool = False) -> dict[str, Any]:
    return {
        "data": list(found), "has_more": more, "next_page": "p2" if more else None,
        "data_refreshed_at": "2026-11-06T04:00:00Z",
    }  # fmt: skip


def row(said: dict[str, Any], **group: Any) -> dict[str, Any]:
    names = dict.fromkeys(("actor", "agent_id", "model", "product", "user_profile_id", "cost_type", "workspace_id"))
    return {
        "starting_at": "2026-11-02T00:00:00Z", "ending_at": "2026-11-03T00:00:00Z", "group": names | group, **said,
    }  # fmt: skip


def cost(cents: str, **group: Any) -> dict[str, Any]:
    return row({"cost": {"amount": cents, "list_amount": cents, "currency": "USD", "requests": None}}, **group)


def used(tokens: int, **group: Any) -> dict[str, Any]:
    counted = {"uncached_input_tokens": tokens, "output_tokens": 0, "total_tokens": tokens, "requests": 1}
    return row({"usage": counted}, **group)


def user(name: str) -> dict[str, Any]:
    return {"type": "user_actor", "user_id": name}


@pytest.mark.parametrize(
    ("files", "cents", "carried_by"),
    [
        # ten dollars by product, by user and by model
        ([[page(cost("600", product="claude_code"), cost("400", product="chat"))],
          [page(cost("700", actor=user("u")), cost("300", actor=user("v")))],
          [page(cost("1000", model="claude-sonnet-5-5"))]], "1000", "days by model"),
        # names that are no columns of ours
        ([[page(cost("250", agent_id="a"), cost("150", agent_id="b"))], [page(cost("400", user_profile_id="p"))]],
         "400", "days by user profile"),
        # two kinds of a line's name
        ([[page(cost("250", product="chat"), cost("150", product="cowork"))], [page(cost("400", cost_type="tokens"))]],
         "400", "days by product"),
        # one answer by model and product in two pages with amounts that happen to be equal
        ([[page(cost("500", model="claude-sonnet-5-5", product="chat"), more=True), page(cost("500", product="chat"))]],
         "1000", None),
        # beside the answer by product, which is also in two pages of one file
        ([[page(cost("600", model="claude-sonnet-5-5"), more=True), page(cost("400"))],
          [page(cost("500", product="chat"), more=True), page(cost("500", product="cowork"))]], "1000", "days by model"),
        # the pages in two files: nothing says that they are one answer, amounts that are nearly equal do not count once
        ([[page(cost("500", model="claude-sonnet-5-5"), more=True)], [page(cost("503"))]], "1003", "both"),
        # pages in several files, and amounts that are equal
        ([[page(cost("600", model="claude-sonnet-5-5"), more=True)], [page(cost("400.5", model="claude-opus-5-5"))],
          [page(cost("1000.5", product="chat"))]], "1000.5", "days by model"),
        # another day's use in one of them
        ([[page(cost("600", product="chat"))], [page(cost("1000", model="claude-sonnet-5-5"))]], "1600", "both"),
    ],
)  # fmt: skip
def test_costs_asked_for_in_several_ways_count_once(
    files: list[list[dict[str, Any]]], cents: str, carried_by: str | None, tmp_path: Path, out: Path
) -> None:
    inputs = [jsonl(tmp_path / f"{n}.jsonl", pages) for n, pages in enumerate(files)]
    for given in (inputs, inputs[::-1]):
        report = convert(out, *given, settings=ACCOUNT)
        assert total(rows(out), "BilledCost") == Decimal(cents) / 100
        assert {d["carried_by"] for d in report["billing_source"]} == ({carried_by} if carried_by else set())


def test_usage_asked_for_in_several_ways_counts_once_by_model(tmp_path: Path, out: Path) -> None:
    """A million tokens by user and by model; what has no model has no price."""
    inputs = [
        jsonl(tmp_path / "user.jsonl", [page(used(600_000, actor=user("u")), used(400_000, actor=user("v")))]),
        jsonl(tmp_path / "model.jsonl", [page(used(1_000_000, model="claude-sonnet-4-5"))]),
    ]
    report = convert(out, *inputs, settings=ACCOUNT)
    assert (total(rows(out), "ConsumedQuantity"), total(rows(out))) == (1_000_000, Decimal(3))
    assert [d["carried_by"] for d in report["billing_source"]] == ["days by model"]
