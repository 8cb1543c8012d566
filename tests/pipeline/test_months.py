"""`--month`: a run writes the billing periods that were asked for, and leaves the others of the data set alone."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from data_builders import COSTS, EXPORTS, convert, data_files, event, exceptions, jsonl, rows, snapshot
from focus_files import row

from focus_ai.errors import UsageError

GOOGLE = EXPORTS / "google/billing-standard/hours/input.jsonl"


def sources(folder: Path) -> list[Path]:
    """Calls of three months, a bill whose invoices do not end with the month (UTC), and a FOCUS file with a correction.

    The calls to Gemini lie in hours of the bill, which carries them.
    """
    folder.mkdir(exist_ok=True)
    log = [event(f"openai-{day}", timestamp=f"2026-{day}T12:00:00Z") for day in ("09-30", "10-01", "10-31", "11-01")]
    log += [
        event(f"google-{day}", timestamp=f"2026-{day}:10:00Z", provider="gcp_vertex", model="gemini-2.5-pro")
        for day in ("10-31T20", "11-01T03", "11-01T09")
    ]
    line = json.loads(GOOGLE.read_text(encoding="utf-8").splitlines()[0]) | {"credits": []}
    bill = [
        line | {"invoice": {"month": f"2026{month}"}, "usage_start_time": f"2026-{hour}:00:00 UTC",
                "usage_end_time": f"2026-{hour}:59:59 UTC", "cost": cost, "cost_at_list": cost}
        for month, hour, cost in (("10", "10-31 20", 1), ("10", "11-01 03", 2), ("11", "11-01 09", 4))
    ]  # fmt: skip
    later = {"BillingPeriodStart": "2026-12-01T00:00:00Z", "BillingPeriodEnd": "2027-01-01T00:00:00Z"}
    focus = [row(2, 8_000_000), row(2, 4_000_000, ChargeClass="Correction", **later)]
    return [jsonl(folder / f"{name}.jsonl", lines) for name, lines in (("log", log), ("bill", bill), ("focus", focus))]


def by_folder(out: Path) -> dict[str, list[dict[str, Any]]]:
    import pyarrow.parquet as pq

    found = {}
    for path in data_files(out):
        found[path.parent.name.removeprefix("billing_period=")] = pq.read_table(path, partitioning=None).to_pylist()
    return found


@pytest.mark.parametrize("grain", ["request", "day", "month"])
def test_a_month_has_the_same_rows_alone_and_with_all_others(grain: str, out: Path, tmp_path: Path) -> None:
    """Gemini: 1 + 2 USD on October's invoice, 4 on November's. FOCUS: 16 and 8 USD. A call of OpenAI: 0.00135."""
    inputs = sources(tmp_path / "in")
    whole = convert(tmp_path / "whole", *inputs, grain=grain)
    expected = by_folder(tmp_path / "whole")
    assert {m: sum(r["EffectiveCost"] for r in found) for m, found in expected.items()} == {
        "2026-09": Decimal("0.00135"), "2026-10": Decimal("3.0027"), "2026-11": Decimal("20.00135"), "2026-12": 8
    }  # fmt: skip
    events = billed = 0
    for number, month in enumerate(sorted(expected, reverse=True), 1):
        report = convert(out, *inputs, grain=grain, months=[month])
        assert report["months"] == [month]
        assert by_folder(out)[month] == expected[month]
        # The months that were written before stand beside it.
        assert len(by_folder(out)) == number
        assert report["ignored"] == {"other_month": report["records"]["ignored"]}
        events += report["records"]["events"]
        billed += report["records"]["billed_lines"]
    assert (events, billed) == (whole["records"]["events"], whole["records"]["billed_lines"]) == (7, 5)
    assert by_folder(out) == expected


def test_two_months_are_the_two_and_totals_are_theirs(out: Path, tmp_path: Path) -> None:
    report = convert(out, *sources(tmp_path / "in"), months=["2026-11", "2026-10", "2026-11"])
    assert report["months"] == ["2026-10", "2026-11"]
    assert sorted(by_folder(out)) == ["2026-10", "2026-11"]
    assert report["totals"][0]["effective_cost"] == "23.00405"
    # Calls of 1,000 tokens, two in October and one in November, and those that the bill carries: they are events.
    assert report["tokens"]["input"] == 6_000
    assert [(r["file"][-9:], r["row"], r["reason"]) for r in exceptions(out, "ignored")] == [
        ("cus.jsonl", 2, "other_month"), ("log.jsonl", 1, "other_month")
    ]  # fmt: skip


def test_the_evening_before_does_not_replace_the_month_before(out: Path, tmp_path: Path) -> None:
    october = jsonl(tmp_path / "10.jsonl", [event(n, timestamp=f"2026-10-{n:02d}T10:00:00Z") for n in (5, 31)])
    november = jsonl(
        tmp_path / "11.jsonl",
        [event(n, timestamp=t) for n, t in ((90, "2026-10-31T23:59:59Z"), (91, "2026-11-01T00:00:00Z"))],
    )
    convert(out, october)
    before = {name: held for name, held in snapshot(out).items() if "billing_period=2026-10" in name}
    report = convert(out, november, months=["2026-11"])
    assert {name: held for name, held in snapshot(out).items() if "billing_period=2026-10" in name} == before
    assert (report["records"]["events"], report["ignored"], report["kept_periods"]) == (
        1,
        {"other_month": 1},
        ["2026-10"],
    )
    assert sum(r[cost] for r in rows(out) for cost in COSTS) == 3 * 4 * Decimal("0.00135")
    told = convert(out, november)["warnings"]
    assert ["--month" in w["message"] for w in told if w["code"] == "replaced_days"] == [True]


def test_a_record_that_came_twice_is_a_duplicate_in_every_month(out: Path, tmp_path: Path) -> None:
    same = jsonl(tmp_path / "a.jsonl", [event(1), event(1), event(2, timestamp="2026-11-01T00:00:00Z")])
    for month, counted in (("2026-10", (1, 1, 1)), ("2026-11", (1, 1, 1)), ("2026-12", (0, 1, 2))):
        found = convert(out, same, months=[month])["records"]
        assert (found["events"], found["duplicates"], found["ignored"]) == counted


@pytest.mark.parametrize("word", ["2026-1", "2026-13", "November", "2026-11-01", ""])
def test_what_is_no_month_is_refused(word: str, out: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a month"):
        convert(out, jsonl(tmp_path / "a.jsonl", [event(1)]), months=[word])
    assert not out.exists()
