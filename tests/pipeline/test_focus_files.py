"""FOCUS files in, FOCUS rows out: every row in the version asked for, every cent kept, what changed is said."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from data_builders import EXPORTS, convert, data_bytes, event, exceptions, jsonl, rows, total

from focus_ai.focus.columns import load
from focus_ai.reports.run import run_text

CASES = EXPORTS / "focus" / "focus-cost-and-usage"
CSV, LINES = CASES / "one-zero-csv" / "input.csv", CASES / "one-three-jsonl" / "input.jsonl"
ROW = {
    "BilledCost": "2.50", "EffectiveCost": "2.50", "BillingCurrency": "USD", "BillingAccountId": "acc-1",
    "ChargeCategory": "Usage", "ChargePeriodStart": "2026-10-05T00:00:00Z", "ChargePeriodEnd": "2026-10-06T00:00:00Z",
    "ServiceProviderName": "Example AI", "ServiceName": "Example API", "ServiceCategory": "AI and Machine Learning",
    "ServiceSubcategory": "Generative AI",
}  # fmt: skip


def test_a_one_zero_file_becomes_the_version_asked_for(tmp_path: Path) -> None:
    """The tokens twice (FOCUS rows have no id), the credit and the storage: 1.50 + 1.50 - 0.25 + 4.00 = 6.75."""
    for version in ("1.2", "1.3", "1.4"):
        report = convert(tmp_path / version, CSV, focus=version)
        found = rows(tmp_path / version)
        assert (report["records"]["billed_lines"], report["records"]["rejected"], len(found)) == (4, 3, 4)
        assert total(found, "BilledCost") == Decimal("6.75")
        assert [c for c in found[0] if not c.startswith("x_")] == list(load(version).names)
    [credit] = [r for r in found if r["ChargeCategory"] == "Credit"]
    assert (credit["BilledCost"], credit["SkuId"], credit["InvoiceId"]) == (Decimal("-0.25"), None, None)
    tokens = [r for r in found if r["SkuId"] == "SKU-A"]
    assert {
        (r["ListUnitPrice"], r["PricingQuantity"], r["InvoiceId"], r["x_UsageType"], r["x_Team"]) for r in tokens
    } == {(Decimal("0.003"), Decimal(500), "INV-7", "USE1-input-tokens", "orbit")}
    # 1.4 has no publisher: it moves behind x_ and is told with the money of its rows.
    assert [(e["column"], e["kept_as"], e["rows"], e["money"]) for e in report["focus_files"]["no_home"]] == [
        ("PublisherName", "x_PublisherName", 4, [{"currency": "USD", "billed_cost": "6.75"}])
    ]
    assert {r["x_PublisherName"] for r in found} == {"AWS"}
    assert {r["ServiceProviderName"] for r in found} == {r["HostProviderName"] for r in found} == {"AWS"}
    filled = {e["column"]: e["rows"] for e in report["focus_files"]["filled"]}
    assert filled["ServiceProviderName"] == 4 and filled["ServiceSubcategory"] == 4 and filled["InvoiceId"] == 3


def test_a_file_that_lacks_columns(tmp_path: Path) -> None:
    report = convert(tmp_path / "out", LINES)
    tokens, page, gemini = sorted(rows(tmp_path / "out"), key=lambda r: (r["ChargePeriodStart"], -r["BilledCost"]))
    assert (tokens["ServiceCategory"], tokens["ListCost"], tokens["Tags"]) == (
        "AI and Machine Learning", Decimal("1.284"), '{"team":"lyra","ProjectName":"storefront"}'
    )  # fmt: skip
    assert (page["ServiceCategory"], page["BilledCost"], page["EffectiveCost"], page["ListCost"]) == (
        "Other", Decimal(0), Decimal("0.42"), Decimal("0.42"),
    )  # fmt: skip
    # A month of another time zone stays as it was given; 5e-07 is exact.
    assert gemini["BillingPeriodStart"].isoformat() == "2026-10-01T07:00:00+00:00"
    assert (gemini["ListUnitPrice"], gemini["ServiceCategory"], gemini["x_Team"], gemini["x_Environment"]) == (
        Decimal("0.0000005"), "AI and Machine Learning", "orbit", "production"
    )  # fmt: skip
    assert {r["x_OwnerStatus"] for r in (tokens, gemini)} == {"owned"} and page["x_OwnerStatus"] == "unattributed"
    assert report["unattributed"]["effective_cost"] == "0.42"
    assert "BillingAccountId" in {e["column"] for e in report["focus_files"]["filled"]}
    assert page["BillingAccountId"] == "unspecified"


def test_only_ai_spend(tmp_path: Path) -> None:
    report = convert(tmp_path / "out", CSV, LINES, ai_only=True)
    assert {r["ServiceName"] for r in rows(tmp_path / "out")} == {"Amazon Bedrock", "AI Gateway", "Vertex AI"}
    assert report["records"]["ignored"] == 2 and report["ignored"] == {"not_ai_spend": 2}
    assert report["focus_files"]["not_selected"] == {"rows": 2, "money": [{"currency": "USD", "billed_cost": "4"}]}


def test_equal_rows_of_one_file_stay_and_a_second_file_adds_nothing(tmp_path: Path) -> None:
    copy = tmp_path / "copy.csv"
    copy.write_bytes(CSV.read_bytes())
    once, twice = convert(tmp_path / "a", CSV), convert(tmp_path / "b", CSV, copy)
    assert (once["records"]["billed_lines"], twice["records"]["duplicates"]) == (4, 4)
    assert data_bytes(tmp_path / "a") == data_bytes(tmp_path / "b")


def test_order_of_rows_and_files_changes_nothing(tmp_path: Path) -> None:
    with CSV.open(encoding="utf-8", newline="") as stream:
        header, *body = list(csv.reader(stream))
    turned = tmp_path / "turned.csv"
    with turned.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *reversed(body)])
    convert(tmp_path / "a", CSV, LINES)
    convert(tmp_path / "b", LINES, turned)
    assert data_bytes(tmp_path / "a") == data_bytes(tmp_path / "b")


@pytest.mark.parametrize("version", ["1.2", "1.3", "1.4"])
def test_our_own_data_set_comes_back_the_same(tmp_path: Path, version: str) -> None:
    """Written, read as a FOCUS file and written again: the same rows."""
    calls = [event(n, input_tokens=1000 * n, team="orbit" if n % 2 else None) for n in range(1, 6)]
    convert(tmp_path / "first", jsonl(tmp_path / "in.jsonl", calls), focus=version)
    report = convert(tmp_path / "second", tmp_path / "first", focus=version)
    assert report["focus_files"]["no_home"] == report["focus_files"]["filled"] == []
    assert rows(tmp_path / "first") == rows(tmp_path / "second")


def test_up_and_down_again_keeps_what_a_version_lacks(tmp_path: Path) -> None:
    details = '{"Elements":[{"AllocatedRatio":"0.5"}]}'
    row = {
        **ROW,
        "AllocatedMethodId": "even",
        "AllocatedMethodDetails": details,
        "InvoiceDetailId": "D-1",
        "x_Squad": "blue",
    }
    convert(tmp_path / "new", jsonl(tmp_path / "in.jsonl", [row]), focus="1.4")
    report = convert(tmp_path / "old", tmp_path / "new" / "data", focus="1.2")
    [old] = rows(tmp_path / "old")
    assert (old["ProviderName"], old["x_AllocatedMethodId"], old["x_InvoiceDetailId"], old["x_Squad"]) == (
        "Example AI", "even", "D-1", "blue"
    )  # fmt: skip
    assert {e["column"] for e in report["focus_files"]["no_home"]} == {"InvoiceDetailId"}
    convert(tmp_path / "again", tmp_path / "old" / "data", focus="1.4")
    [again] = rows(tmp_path / "again")
    assert (again["ServiceProviderName"], again["AllocatedMethodId"], json.loads(again["AllocatedMethodDetails"])) == (
        "Example AI", "even", json.loads(details)
    )  # fmt: skip


def test_physical_types_of_parquet_change_nothing(tmp_path: Path) -> None:
    """Text, decimals with a map and naive times, doubles: the same rows."""
    made = {
        "text": "SELECT * FROM t",
        "typed": "SELECT * REPLACE (CAST(BilledCost AS DECIMAL(20, 4)) AS BilledCost, "
        "CAST(ChargePeriodStart AS TIMESTAMP) AS ChargePeriodStart, MAP {'team': 'orbit'} AS Tags) FROM t",
        "double": "SELECT * REPLACE (CAST(BilledCost AS DOUBLE) AS BilledCost, "
        "CAST(ChargePeriodEnd AS TIMESTAMPTZ) AS ChargePeriodEnd, {'team': 'orbit'} AS Tags) FROM t",
    }
    seen = []
    for name, query in made.items():
        con = duckdb.connect()
        con.execute("SET TimeZone='UTC'")
        columns = ", ".join(f"'{v}' AS \"{k}\"" for k, v in {**ROW, "Tags": '{"team":"orbit"}'}.items())
        con.execute(f"CREATE TABLE t AS SELECT {columns}")
        con.execute(f"COPY ({query}) TO '{tmp_path}/{name}.parquet' (FORMAT parquet)")
        convert(tmp_path / f"out-{name}", tmp_path / f"{name}.parquet")
        [row] = rows(tmp_path / f"out-{name}")
        seen.append({k: v for k, v in row.items() if k != "x_ChargeId"})
    assert seen[0] == seen[1] == seen[2]
    assert (seen[0]["x_Team"], seen[0]["Tags"], seen[0]["BilledCost"]) == ("orbit", '{"team":"orbit"}', Decimal("2.5"))


def test_more_decimals_than_a_column_keeps_are_told(tmp_path: Path) -> None:
    row = {**ROW, "ListUnitPrice": "0.00000000125", "ListCost": "2.50"}
    report = convert(tmp_path / "out", jsonl(tmp_path / "in.jsonl", [row]))
    assert report["focus_files"]["rounded"] == [{"column": "ListUnitPrice", "rows": 1}]


def test_beside_a_gateway_log(tmp_path: Path) -> None:
    """Rows of a cloud bill and rated events stand in one data set; each keeps its own basis."""
    report = convert(tmp_path / "out", CSV, jsonl(tmp_path / "in.jsonl", [event(1, team="orbit")]))
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows(tmp_path / "out"):
        found.setdefault(row["x_CostBasis"], []).append(row)
    assert (len(found["billed"]), total(found["rated"])) == (4, Decimal("0.00135"))
    assert all(r["x_UsageType"] is None for r in found["rated"])
    assert report["totals"][0]["billed_cost"] == "6.75135"
    assert exceptions(tmp_path / "out", "rejects")[0]["reason"] == "wrong_type:BilledCost"


def test_hourly_files_of_litellm_hold_the_day_so_far(tmp_path: Path) -> None:
    """The newest row of each key counts: 0.6 of one team and, an hour later, 0.55 instead of 0.4 of the other."""
    first = EXPORTS / "litellm" / "litellm-focus" / "hourly" / "input.csv"
    with first.open(encoding="utf-8", newline="") as stream:
        header, early, late = list(csv.reader(stream))
    later = dict(zip(header, early, strict=True))
    later |= dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), "0.55")
    later |= {"ConsumedQuantity": "130.0", "PricingQuantity": "130.0"}
    second = tmp_path / "hour.csv"
    with second.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, list(later.values()), late])
    report = convert(tmp_path / "out", second, first)
    assert {(r["x_Team"], r["BilledCost"]) for r in rows(tmp_path / "out")} == {
        ("Orbit", Decimal("0.55")), ("Lyra", Decimal("0.6")),
    }  # fmt: skip
    assert {(d["reason"], d["row"]) for d in exceptions(tmp_path / "out", "duplicates")} == {
        ("older_version", 1), ("same_record", 2),
    }  # fmt: skip
    assert report["records"]["billed_lines"] == 2
    assert {r["BillingPeriodEnd"].isoformat() for r in rows(tmp_path / "out")} == {"2026-11-01T00:00:00+00:00"}


def test_a_warning_about_money_of_two_currencies_adds_nothing_up(tmp_path: Path) -> None:
    """1.50 + 0.25 USD and 2.00 EUR of a vendor whose account nobody knows."""
    lines = ["BilledCost,BillingCurrency,ChargeCategory,ChargePeriodStart,ChargePeriodEnd,ServiceName,ProviderName"]
    lines += [f"{cost},Usage,2026-10-05T00:00:00Z,2026-10-06T00:00:00Z,Vendor API,Vendor"
              for cost in ("1.50,USD", "2.00,EUR", "0.25,USD")]  # fmt: skip
    (tmp_path / "vendor.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    report = convert(tmp_path / "out", tmp_path / "vendor.csv")
    told = [w for w in report["warnings"] if w["code"] == "account_unspecified"]
    assert [(w["records"], w["money"], w["currency"]) for w in told] == [(1, "2", "EUR"), (2, "1.75", "USD")]
    assert "--account (2 records, 1.75 USD)" in run_text(report)
