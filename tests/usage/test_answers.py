"""One report asked for in several groupings, or by the day and by the hour: its use counts once."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from data_builders import convert, exceptions, jsonl, rows, total

START = int(datetime(2026, 10, 5, tzinfo=UTC).timestamp())
HOUR, DAY = 3600, 86400
ACCOUNT = {"accounts": {"openai": {"id": "org"}}}


def answer(path: Path, *buckets: tuple[int, int, list[dict[str, Any]]]) -> Path:
    """One page; buckets begin and end so many seconds after midnight of 5 October."""
    data = [
        {"object": "bucket", "start_time": START + a, "end_time": START + b, "results": found}
        for a, b, found in buckets
    ]
    return jsonl(path, [{"object": "page", "data": data, "has_more": False, "next_page": None}])


def used(tokens: int, **fields: Any) -> dict[str, Any]:
    """A million input tokens of gpt-5 are 1.25 USD."""
    return {
        "object": "organization.usage.completions.result", "input_tokens": tokens, "output_tokens": 0,
        "num_model_requests": 1, "project_id": None, "api_key_id": None, "model": "gpt-5", **fields,
    }  # fmt: skip


def cost(amount: str, **fields: Any) -> dict[str, Any]:
    return {"object": "organization.costs.result", "amount": {"value": amount, "currency": "usd"}, **fields}


def test_groupings_of_one_report_count_once_and_the_finest_carries(tmp_path: Path, out: Path) -> None:
    """5 October: 1,000,000 tokens (1.25 USD) by model, by project, and by both. The bill, 1.30, twice: whole and by line."""
    usage = [
        answer(tmp_path / "model.json", (0, DAY, [used(1_000_000)]), (DAY, 2 * DAY, [used(400_000)])),
        answer(tmp_path / "project.json",
               (0, DAY, [used(600_000, project_id="p", model=None), used(400_000, project_id="q", model=None)])),
        answer(tmp_path / "both.json", (0, DAY, [used(600_000, project_id="p"), used(400_000, project_id="q")])),
    ]  # fmt: skip
    report = convert(out, *usage, settings=ACCOUNT)
    # 1.25 once, and 0.50 of the day that only one answer tells of.
    assert total(rows(out)) == Decimal("1.75")
    assert {(r["SubAccountId"], r["ConsumedQuantity"]) for r in rows(out)} == {
        ("p", 600_000),
        ("q", 400_000),
        (None, 400_000),
    }
    assert [d["carried_by"] for d in report["billing_source"]] == ["days by model, sub account"]
    assert len(exceptions(out, "carried_elsewhere")) == 3

    lines = [
        cost("0.80", line_item="gpt-5, input", project_id="p"),
        cost("0.50", line_item="gpt-5, input", project_id="q"),
    ]
    bills = [
        answer(tmp_path / "whole.json", (0, DAY, [cost("1.30")])),
        answer(tmp_path / "lines.json", (0, DAY, lines)),
    ]
    convert(out, *reversed(usage), *bills, settings=ACCOUNT)
    billed = [r for r in rows(out) if r["x_CostBasis"] == "billed"]
    assert total(rows(out)) == Decimal("1.30") + Decimal("0.50")
    # The lines take their tokens from one answer, not from all three.
    assert {(r["SubAccountId"], r["ConsumedQuantity"]) for r in billed} == {("p", 600_000), ("q", 400_000)}


@pytest.mark.parametrize(
    ("one", "other", "tokens", "carried_by"),
    [
        # the same day by the hour and whole
        ([(h * HOUR, (h + 1) * HOUR, [used(1000)]) for h in range(24)], [(0, DAY, [used(24_000)])], 24_000, "hours by model"),
        # today until one o'clock, and the whole day fetched tomorrow
        ([(0, 13 * HOUR, [used(500)])], [(0, DAY, [used(1200)])], 1200, "days by model"),
        # two fetches of a day that was not over
        ([(0, 13 * HOUR, [used(500)])], [(0, 18 * HOUR, [used(800)])], 800, "64800 seconds by model"),
        # buckets that touch are not the same time
        ([(0, 13 * HOUR, [used(500)])], [(13 * HOUR, DAY, [used(800)])], 1300, None),
        # other keys of other projects, fetched apart: nothing in common
        ([(0, DAY, [used(500, project_id="p", api_key_id="k")])], [(0, DAY, [used(500, project_id="q")])], 1000, None),
        # two groupings with other amounts: nobody knows what is in both
        ([(0, DAY, [used(500, api_key_id="k")])], [(0, DAY, [used(800)])], 1300, "both"),
        # by the person behind the key, which is a tag
        ([(0, DAY, [used(500, user_id="u"), used(300)])], [(0, DAY, [used(800, model=None)])], 800, "days by model, tags"),
        # more in the half day than in the whole one: these are other calls
        ([(0, 13 * HOUR, [used(500)])], [(0, DAY, [used(300)])], 800, "both"),
    ],
)  # fmt: skip
def test_buckets_of_one_report_count_once(
    one: list[Any], other: list[Any], tokens: int, carried_by: str | None, tmp_path: Path, out: Path
) -> None:
    report = convert(out, answer(tmp_path / "a.json", *one), answer(tmp_path / "b.json", *other), settings=ACCOUNT)
    assert total(rows(out), "ConsumedQuantity") == tokens
    assert [d["carried_by"] for d in report["billing_source"]] == ([carried_by] if carried_by else [])


def test_what_a_bill_carries_is_in_no_doubt(tmp_path: Path, out: Path) -> None:
    """Two groupings with other amounts both count on the 6th (800 and 500 tokens), and neither does on the 5th."""
    one = answer(tmp_path / "a.json", *((d * DAY, (d + 1) * DAY, [used(800)]) for d in (0, 1)))
    other = answer(tmp_path / "b.json", *((d * DAY, (d + 1) * DAY, [used(500, api_key_id="k")]) for d in (0, 1)))
    bill = answer(tmp_path / "bill.json", (0, DAY, [cost("2.00", line_item="gpt-5, input")]))
    report = convert(out, one, other, bill, settings=ACCOUNT)
    assert total(rows(out)) == Decimal("2.00") + Decimal("1300") * Decimal("0.00000125")
    doubts = [(d["why"], d["from"], d["to"], d["tokens"]) for d in report["billing_source"] if "why" in d]
    assert doubts == [("amounts_differ", "2026-10-06", "2026-10-06", 800)]


def test_of_two_fetches_the_newest_counts_and_without_a_time_they_contradict_each_other(
    tmp_path: Path, out: Path
) -> None:
    """A day of 1.25 dollars and a thousand tokens that is 3.75 and three thousand a day later."""

    def fetched(name: str, at: str | None, result: dict[str, Any]) -> Path:
        bucket = {"object": "bucket", "start_time": START, "end_time": START + DAY, "results": [result]}
        page = {"object": "page", "data": [bucket], "has_more": False, "next_page": None}
        return jsonl(tmp_path / f"{name}.json", [page | ({"fetched_at": at} if at else {})])

    line = {"line_item": "gpt-5, input", "project_id": "p"}
    for first, second in (("2026-10-06T03:00:00Z", "2026-10-07T03:00:00Z"), (None, None)):
        bills = [fetched("old", first, cost("1.25", **line)), fetched("new", second, cost("3.75", **line))]
        report = convert(out, *bills, settings=ACCOUNT)
        if first:
            assert (total(rows(out)), report["records"]["duplicates"]) == (Decimal("3.75"), 1)
    said = [
        (w["records"], w["money"], w["currency"]) for w in report["warnings"] if w["code"] == "conflicting_duplicates"
    ]
    assert (report["records"]["rejected"], said) == (2, [(2, "3.75", "USD")])
    report = convert(out, fetched("old", None, used(1000)), fetched("new", None, used(3000)), settings=ACCOUNT)
    (warning,) = [w for w in report["warnings"] if w["code"] == "conflicting_duplicates"]
    assert "(up to 3,000 tokens)" in warning["message"] and (warning["records"], warning["money"]) == (2, None)


def test_pages_of_two_groupings_in_one_file_count_once(tmp_path: Path, out: Path) -> None:
    """A million tokens of gpt-5 (1.25 USD) by model and by project, one page after the other in one file."""
    one = answer(tmp_path / "model.json", (0, DAY, [used(1_000_000)])).read_bytes()
    halves = [used(600_000, project_id="p", model=None), used(400_000, project_id="q", model=None)]
    other = answer(tmp_path / "project.json", (0, DAY, halves)).read_bytes()
    for name, content in (("lines.jsonl", one + other), ("turned.json", other + b"\n" + one)):
        (tmp_path / name).write_bytes(content)
        report = convert(out, tmp_path / name, settings=ACCOUNT)
        assert (total(rows(out)), total(rows(out), "ConsumedQuantity")) == (Decimal("1.25"), 1_000_000)
        assert [d["carried_by"] for d in report["billing_source"]] == ["days by model"]


def test_a_line_that_a_newer_fetch_does_not_hold_is_named(tmp_path: Path, out: Path) -> None:
    """1.30 for tokens and 0.10 for searches on the 5th; a day later 1.40 for tokens, and the searches are gone."""

    def fetched(name: str, at: str, *found: dict[str, Any]) -> Path:
        bucket = {"object": "bucket", "start_time": START, "end_time": START + DAY, "results": list(found)}
        page = {"object": "page", "data": [bucket], "has_more": False, "next_page": None, "fetched_at": at}
        return jsonl(tmp_path / name, [page])

    searches = cost("0.10", line_item="web search tool calls")
    old = fetched("old.json", "2026-10-06T03:00:00Z", cost("1.30", line_item="gpt-5, input"), searches)
    new = fetched("new.json", "2026-10-07T03:00:00Z", cost("1.40", line_item="gpt-5, input"))
    for inputs in ((old, new), (new, old)):
        report = convert(out, *inputs, settings=ACCOUNT)
        assert total(rows(out)) == Decimal("1.50")
        (told,) = report["billing_source"]
        assert (told["why"], told["records"], told["amount"], told["from"]) == (
            "not_in_newer_fetch", 1, "0.1", "2026-10-05",
        )  # fmt: skip
    # A line that only the newer fetch holds is nothing to speak of, nor are pages of other projects.
    both = fetched("new.json", "2026-10-07T03:00:00Z", cost("1.40", line_item="gpt-5, input"), searches)
    assert (
        convert(out, fetched("old.json", "2026-10-06T03:00:00Z", cost("1.30", line_item="gpt-5, input")), both)[
            "billing_source"
        ]
        == []
    )
    apart = fetched("new.json", "2026-10-07T03:00:00Z", cost("1.40", line_item="gpt-5, input", project_id="q"))
    one = fetched("old.json", "2026-10-06T03:00:00Z", cost("1.30", line_item="gpt-5, input", project_id="p"))
    assert convert(out, one, apart)["billing_source"] == []
