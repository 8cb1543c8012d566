"""A bill states the billing period of its lines; it is not always the month of the usage (FOCUS BillingPeriodStart)."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from data_builders import EXPORTS, convert, data_files, jsonl, rows

AWS = EXPORTS / "aws/cur2/refund-csv/input.csv"
GOOGLE = EXPORTS / "google/billing-standard/hours/input.jsonl"
AZURE = EXPORTS / "azure/actual-cost-ea/day/input.csv"


def billed(out: Path) -> list[tuple[str, str, str, Decimal]]:
    """Folder, first day of the billing period, day of the charge, amount."""
    found = []
    for path in data_files(out):
        for r in pq.read_table(path, partitioning=None).to_pylist():
            start, day = (f"{r[name]:%m-%d}" for name in ("BillingPeriodStart", "ChargePeriodStart"))
            found.append((path.parent.name.removeprefix("billing_period="), start, day, r["BilledCost"]))
    return sorted(found)


def table(path: Path, source: Path, *lines: tuple[int, dict[str, str]]) -> Path:
    """Lines of a CSV fixture by their number, changed."""
    with source.open(encoding="utf-8-sig", newline="") as file:
        given = list(csv.DictReader(file))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, given[0])
        writer.writeheader()
        writer.writerows(given[number] | changed for number, changed in lines)
    return path


def test_a_refund_of_last_month_is_billed_this_month_and_leaves_the_last_one_alone(out: Path, tmp_path: Path) -> None:
    """0.03 USD in October and in November; the invoice of November gives October's back. One month is left to pay."""
    october = {
        "line_item_usage_start_date": "2026-10-20T00:00:00Z", "line_item_usage_end_date": "2026-10-21T00:00:00Z",
    }  # fmt: skip
    bill = {**october, "bill_billing_period_start_date": "2026-10-01T00:00:00Z", "identity_line_item_id": "id0"}
    convert(out, table(tmp_path / "october.csv", AWS, (0, bill)))
    report = convert(out, table(tmp_path / "november.csv", AWS, (0, {}), (1, october)), validate=True)
    assert billed(out) == [
        ("2026-10", "10-01", "10-20", Decimal("0.03")),
        ("2026-11", "11-01", "10-20", Decimal("-0.03")),
        ("2026-11", "11-01", "11-20", Decimal("0.03")),
    ]
    assert report["kept_periods"] == ["2026-10"]
    # The same in one run, with the whole of the two invoices as its total.
    assert convert(out, tmp_path / "october.csv", tmp_path / "november.csv")["totals"][0]["billed_cost"] == "0.03"
    assert len(billed(out)) == 3


def google(path: Path, *lines: tuple[str, str, float]) -> Path:
    """Lines of the export as month of the invoice, hour of the usage and cost."""
    given = json.loads(GOOGLE.read_text(encoding="utf-8").splitlines()[0])
    return jsonl(path, [
        given | {
            "invoice": {"month": month}, "usage_start_time": f"{hour}:00:00 UTC", "usage_end_time": f"{hour}:59:59 UTC",
            "cost": cost, "cost_at_list": cost, "credits": [],
        }
        for month, hour, cost in lines
    ])  # fmt: skip


@pytest.mark.parametrize("grain", ["hour", "day", "month", "request"])
def test_the_months_of_google_are_californian_and_invoices_add_up(grain: Any, out: Path, tmp_path: Path) -> None:
    """Exports by invoice month, each a run of its own: the first hours of November (UTC) are on October's invoice."""
    convert(
        out, google(tmp_path / "10.jsonl", ("202610", "2026-10-31 20", 1), ("202610", "2026-11-01 03", 2)), grain=grain
    )
    convert(
        out, google(tmp_path / "11.jsonl", ("202611", "2026-11-01 09", 4), ("202611", "2026-11-30 20", 8)), grain=grain
    )
    by_invoice: dict[str, Decimal] = {}
    for folder, start, _, cost in billed(out):
        assert start == f"{folder[5:]}-01"
        by_invoice[folder] = by_invoice.get(folder, Decimal()) + cost
    assert by_invoice == {"2026-10": 3, "2026-11": 12}


def test_lines_of_one_day_on_two_invoices_are_two_charges(out: Path, tmp_path: Path) -> None:
    convert(out, google(tmp_path / "a.jsonl", ("202610", "2026-11-01 03", 2), ("202611", "2026-11-01 09", 4)))
    found = [r for r in rows(out) if r["BilledCost"]]
    assert [(r["BillingPeriodStart"].month, r["BilledCost"]) for r in found] == [(10, 2), (11, 4)]
    assert len({r["x_ChargeId"] for r in found}) == 2


def test_a_period_need_not_begin_with_the_month(out: Path, tmp_path: Path) -> None:
    """Azure, from the 19th: usage of 3 November is on the invoice that began on 19 October."""
    stated = {"BillingPeriodStartDate": "10/19/2026", "BillingPeriodEndDate": "11/18/2026"}
    convert(out, table(tmp_path / "a.csv", AZURE, (0, stated)), validate=True)
    assert billed(out) == [("2026-10", "10-19", "11-03", Decimal("3.125"))]
    assert {f"{r['BillingPeriodEnd']:%m-%d}" for r in rows(out)} == {"11-19"}


def test_a_day_that_another_period_bills_is_no_day_of_this_one(out: Path, tmp_path: Path) -> None:
    """November's invoice held 4 USD of 1 November; the new export has that day on October's invoice alone."""
    convert(out, google(tmp_path / "a.jsonl", ("202611", "2026-11-01 09", 4), ("202611", "2026-11-02 09", 1)))
    report = convert(out, google(tmp_path / "b.jsonl", ("202610", "2026-11-01 03", 2), ("202611", "2026-11-02 09", 1)))
    told = [w for w in report["warnings"] if w["code"] == "replaced_days"]
    assert [(w["records"], w["money"]) for w in told] == [(1, "4")]


def test_an_unreadable_period_costs_its_line_alone(out: Path, tmp_path: Path) -> None:
    report = convert(out, google(tmp_path / "a.jsonl", ("2026-13", "2026-11-01 09", 4), ("202611", "2026-11-02 09", 1)))
    assert report["records"]["rejected"] == 1
    assert [cost for *_, cost in billed(out)] == [1]
