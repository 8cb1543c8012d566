"""Every cell of a FOCUS file is in some column of the rows: what its own column cannot hold is kept apart and told."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from data_builders import EXPORTS, convert, data_bytes, exceptions, jsonl, rows, total

from focus_ai import api, pipeline
from focus_ai.engine import Session
from focus_ai.errors import InternalError
from focus_ai.reports.run import run_text
from focus_ai.settings import Settings

ROW = {
    "BilledCost": "10.5", "EffectiveCost": "10.5", "ListCost": "10.5", "ContractedCost": "10.5",
    "BillingAccountId": "acc-1", "BillingCurrency": "USD", "PricingCurrency": "USD",
    "BillingPeriodStart": "2026-10-01T00:00:00Z", "BillingPeriodEnd": "2026-11-01T00:00:00Z",
    "ChargePeriodStart": "2026-10-02T00:00:00Z", "ChargePeriodEnd": "2026-10-03T00:00:00Z", "ChargeCategory": "Usage",
    "ProviderName": "Vendor", "PublisherName": "Vendor", "InvoiceIssuerName": "Vendor", "ServiceName": "Svc",
    "SkuId": "s1", "SkuPriceId": "s1.p",
}  # fmt: skip
SAMPLES = Path(__file__).parents[3] / "shared" / "reference" / "providers" / "samples"


def table(path: Path, *changes: Mapping[str, str]) -> Path:
    """A CSV with one row for each change of `ROW`."""
    lines = [{**ROW, **change} for change in changes]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(dict.fromkeys(name for line in lines for name in line)))
        writer.writeheader()
        writer.writerows(lines)
    return path


def moved(report: Mapping[str, Any], *keys: str) -> list[tuple[str, str, int, str]]:
    """What was kept elsewhere: column, where, rows, their money."""
    entries = [entry for key in keys or ("set_apart", "no_home") for entry in report["focus_files"][key]]
    return [(e["column"], e["kept_as"], e["rows"], e["money"][0]["billed_cost"]) for e in entries]


def one(out: Path, **wanted: str) -> dict[str, Any]:
    """The only row that has these values."""
    [row] = [r for r in rows(out) if all(r[name] == value for name, value in wanted.items())]
    return row


# -- times ------------------------------------------------------------------------------------------------------------

NO_MONTHS = ["2026-10", "202610", "20261001", "10/01/2026", "1/10/2026", "Oct 1, 2026", "1790812800000", "infinity",
             "-infinity", "epoch", "0001-01-01", "294247-01-01", "2026-10-01 (BC)"]  # fmt: skip


def test_a_billing_period_that_is_no_time_keeps_its_row(tmp_path: Path) -> None:
    """Thirteen texts that are no month of our time at 99 each, and one good row: 13 x 99 + 10.5 = 1297.5."""
    made = [{"BillingPeriodStart": text, "BilledCost": "99"} for text in NO_MONTHS]
    report = convert(tmp_path / "out", table(tmp_path / "a.csv", {}, *made))
    found = rows(tmp_path / "out")
    assert (len(found), total(found, "BilledCost")) == (14, Decimal("1297.5"))
    assert {r["BillingPeriodStart"].isoformat() for r in found} == {"2026-10-01T00:00:00+00:00"}
    assert sorted(r["x_BillingPeriodStart"] for r in found if r["x_BillingPeriodStart"]) == sorted(NO_MONTHS)
    assert moved(report) == [("BillingPeriodStart", "x_BillingPeriodStart", 13, "1287")]
    assert {"column": "BillingPeriodStart", "rows": 13} in report["focus_files"]["filled"]
    only = convert(tmp_path / "only", table(tmp_path / "b.csv", *made))
    assert only["rows"] == 13 and only["totals"][0]["billed_cost"] == "1287"


def test_one_end_of_a_billing_period_tells_the_other(tmp_path: Path) -> None:
    """A charge of October on the invoice of November: the end that is there says which month, not the charge."""
    convert(
        tmp_path / "out",
        table(
            tmp_path / "a.csv",
            {"BillingPeriodStart": "Nov 2026", "BillingPeriodEnd": "2026-12-01T00:00:00Z", "x_Row": "end"},
            {"BillingPeriodStart": "2026-11-01T00:00:00Z", "BillingPeriodEnd": "soon", "x_Row": "start"},
        ),
    )
    for row in rows(tmp_path / "out"):
        assert (row["BillingPeriodStart"].isoformat(), row["BillingPeriodEnd"].isoformat()) == (
            "2026-11-01T00:00:00+00:00", "2026-12-01T00:00:00+00:00"
        )  # fmt: skip
    assert (one(tmp_path / "out", x_Row="end")["x_BillingPeriodStart"]) == "Nov 2026"


def test_a_charge_that_ends_before_it_starts_is_rejected(tmp_path: Path) -> None:
    """The first ends a day too early, the second an hour (01:00 in +02:00 is 23:00 the day before); the third is fine."""
    ends = ["2026-10-01T00:00:00Z", "2026-10-02T01:00:00+02:00", "2026-10-02T03:00:00+02:00"]
    report = convert(tmp_path / "out", table(tmp_path / "a.csv", *({"ChargePeriodEnd": e} for e in ends)))
    assert (report["records"]["rejected"], report["rows"]) == (2, 1)
    assert [r["reason"] for r in exceptions(tmp_path / "out", "rejects")] == ["impossible_time:ChargePeriodEnd"] * 2


# -- numbers ----------------------------------------------------------------------------------------------------------


def test_numbers_that_their_column_cannot_hold_stay_as_text(tmp_path: Path) -> None:
    """PricingQuantity has ten digits before its point, a unit price nine; what counts tokens is a whole number."""
    report = convert(
        tmp_path / "out",
        table(
            tmp_path / "a.csv",
            {"PricingQuantity": "12345678901", "PricingUnit": "GB/Hour", "x_Row": "a"},
            {"ListUnitPrice": "1e9", "x_InputTokens": "lots", "x_Row": "b"},
            {"PricingQuantity": "9999999999.999999999", "ListUnitPrice": "999999999999999999e-9", "x_InputTokens": "7",
             "x_Row": "c"},
        ),
    )  # fmt: skip
    big, dear, fits = (one(tmp_path / "out", x_Row=name) for name in "abc")
    assert (big["PricingQuantity"], big["x_PricingQuantity"]) == (None, "12345678901")
    assert (dear["ListUnitPrice"], dear["x_ListUnitPrice"]) == (None, "1e9")
    assert (dear["x_InputTokens"], dear["x_Source_InputTokens"]) == (None, "lots")
    assert (fits["PricingQuantity"], fits["ListUnitPrice"], fits["x_InputTokens"]) == (
        Decimal("9999999999.999999999"), Decimal("999999999.999999999"), 7
    )  # fmt: skip
    assert moved(report) == [
        ("ListUnitPrice", "x_ListUnitPrice", 1, "10.5"),
        ("PricingQuantity", "x_PricingQuantity", 1, "10.5"),
        ("x_InputTokens", "x_Source_InputTokens", 1, "10.5"),
    ]
    assert report["focus_files"]["rounded"] == []


def test_a_cost_that_no_row_can_hold_is_rejected(tmp_path: Path) -> None:
    """Costs have twenty digits before their point; 1e20 has twenty-one."""
    costs = ("EffectiveCost", "ListCost", "ContractedCost", "PricingCurrencyEffectiveCost")
    report = convert(tmp_path / "out", table(tmp_path / "a.csv", *({name: "1e20"} for name in costs), {}))
    assert (report["records"]["rejected"], report["rows"]) == (4, 1)
    assert {r["reason"] for r in exceptions(tmp_path / "out", "rejects")} == {f"wrong_type:{name}" for name in costs}


@pytest.mark.parametrize(("unit", "price", "quantity", "kept"), [
    ("Tokens", "0.0000000375", "1000000", ("0.0375", "1")),
    ("Tokens", "3.75e-8", "1000000", ("0.0375", "1")),
    ("1000 Tokens", "0.0000375125", "1000", ("0.0375125", "1")),
    ("Tokens", "0.000000001", "12345678901", ("0.001", "12345.678901")),  # too large for a quantity otherwise
])  # fmt: skip
def test_a_price_of_many_decimals_is_told_for_more_units(
    tmp_path: Path, unit: str, price: str, quantity: str, kept: tuple[str, str]
) -> None:
    """0.0000000375 per token is exactly 0.0375 per million tokens; the product stays the cost."""
    cost = format(Decimal(price) * Decimal(quantity), "f")
    prices = dict.fromkeys(("ListUnitPrice", "ContractedUnitPrice"), price)
    changes = {**prices, "PricingQuantity": quantity, "PricingUnit": unit, "ListCost": cost, "ContractedCost": cost}
    report = convert(tmp_path / "out", table(tmp_path / "a.csv", changes, {"PricingUnit": unit, "ListUnitPrice": "2"}))
    [row] = [r for r in rows(tmp_path / "out") if r["PricingQuantity"] is not None]
    assert (row["ListUnitPrice"], row["PricingQuantity"], row["PricingUnit"]) == (*map(Decimal, kept), "1000000 Tokens")
    assert row["ListUnitPrice"] * row["PricingQuantity"] == row["ListCost"] == Decimal(cost)
    assert (row["x_ListUnitPrice"], row["x_PricingQuantity"], row["x_PricingUnit"]) == (price, quantity, unit)
    told = report["focus_files"]
    assert told["rounded"] == told["products_differ"] == []
    assert {(e["column"], e["rows"]) for e in told["rescaled"]} == {
        (n, 1) for n in ("ListUnitPrice", "ContractedUnitPrice", "PricingQuantity", "PricingUnit")
    }
    [other] = [r for r in rows(tmp_path / "out") if r["PricingQuantity"] is None]
    assert (other["PricingUnit"], other["ListUnitPrice"]) == (unit, Decimal(2))


@pytest.mark.parametrize("unit", ["1M tok", "GB/Hour", "1000000 Tokens", ""])
def test_a_rounded_price_keeps_its_digits_and_the_report_says_that_the_product_differs(
    tmp_path: Path, unit: str
) -> None:
    """0.000000038 x 1000000 = 0.038, and the cost is 0.0375. A row whose price fits is not counted."""
    row = {"PricingQuantity": "1000000", "PricingUnit": unit, "ListUnitPrice": "0.0000000375", "ListCost": "0.0375"}
    fine = {**row, "ListUnitPrice": "0.5", "ListCost": "500000"}
    report = convert(tmp_path / "out", table(tmp_path / "a.csv", row, fine))
    [found] = [r for r in rows(tmp_path / "out") if r["x_ListUnitPrice"]]
    assert (found["ListUnitPrice"], found["x_ListUnitPrice"]) == (Decimal("0.000000038"), "0.0000000375")
    assert report["focus_files"]["rounded"] == [{"column": "ListUnitPrice", "rows": 1}]
    money = [{"currency": "USD", "billed_cost": "10.5"}]
    assert report["focus_files"]["products_differ"] == [{"column": "ListUnitPrice", "rows": 1, "money": money}]
    assert moved(report) == [("ListUnitPrice", "x_ListUnitPrice", 1, "10.5")]


def test_trailing_zeros_of_an_exponent_are_no_decimals(tmp_path: Path) -> None:
    """1000e-12 is 0.000000001."""
    report = convert(tmp_path / "out", table(tmp_path / "a.csv", {"ListUnitPrice": "1000e-12"}))
    assert rows(tmp_path / "out")[0]["ListUnitPrice"] == Decimal("0.000000001")
    assert report["focus_files"]["rounded"] == [] == moved(report)


# -- names ------------------------------------------------------------------------------------------------------------


def test_names_that_differ_by_case_alone(tmp_path: Path) -> None:
    """One column for x_env and x_Env; where a row has both, the second stands apart. Ours keep their names."""
    lines = [
        {**ROW, "x_env": "p", "x_Row": "a"},
        {**ROW, "x_Env": "q", "x_Row": "b"},
        {**ROW, "x_Env": "q", "x_env": "r", "x_Row": "c"},
        {**ROW, "x_Env": "q", "x_env": "q", "Tags": '{"team":"t"}', "tags": "low", "x_modelid": "m", "billedcost": "1"},
    ]
    report = convert(tmp_path / "out", jsonl(tmp_path / "a.jsonl", lines))
    found = rows(tmp_path / "out")
    assert len({name.casefold() for name in found[0]}) == len(found[0])
    assert [one(tmp_path / "out", x_Row=n)["x_Env"] for n in "abc"] == ["p", "q", "q"]
    assert [one(tmp_path / "out", x_Row=n)["x_Source_env"] for n in "abc"] == [None, None, "r"]
    [last] = [r for r in found if r["x_Row"] is None]
    assert (last["Tags"], last["x_tags"], last["x_Source_modelid"], last["x_ModelId"], last["x_billedcost"]) == (
        '{"team":"t"}', "low", "m", None, "1"
    )  # fmt: skip
    assert moved(report) == [
        ("billedcost", "x_billedcost", 1, "10.5"), ("tags", "x_tags", 1, "10.5"),
        ("x_env", "x_Env", 2, "21"), ("x_env", "x_Source_env", 1, "10.5"),
        ("x_modelid", "x_Source_modelid", 1, "10.5"),
    ]  # fmt: skip
    convert(tmp_path / "turned", jsonl(tmp_path / "a.jsonl", reversed(lines)))
    assert data_bytes(tmp_path / "turned") == data_bytes(tmp_path / "out")


def test_columns_of_odd_names(tmp_path: Path) -> None:
    odd = {"": "nothing", 'q"x': "quote", "a/b~c": "slash", "x_": "bare", "Größe": "unicode", "GRÖSSE": "folded"}
    convert(tmp_path / "out", jsonl(tmp_path / "a.jsonl", [{**ROW, **odd}]))
    [row] = rows(tmp_path / "out")
    assert {name: value for name, value in row.items() if value in odd.values()} == {
        "x_Unnamed": "nothing", 'x_q"x': "quote", "x_a/b~c": "slash", "x_": "bare", "x_GRÖSSE": "folded",
        "x_Source_Größe": "unicode",
    }  # fmt: skip


def test_seller_names_that_differ_are_both_kept(tmp_path: Path) -> None:
    """1.4 has no ProviderName and 1.2 no ServiceProviderName; both come back in 1.3."""
    changes = {"ProviderName": "AWS Marketplace", "ServiceProviderName": "Anthropic", "HostProviderName": "AWS"}
    source = table(tmp_path / "a.csv", changes)
    for version, lost in (("1.4", ("ProviderName",)), ("1.2", ("ServiceProviderName", "HostProviderName"))):
        report = convert(tmp_path / version, source, focus=version)
        [row] = rows(tmp_path / version)
        for name in lost:
            assert row[f"x_{name}"] == changes[name] and (name, f"x_{name}", 1, "10.5") in moved(report, "no_home")
        convert(tmp_path / f"{version} back", tmp_path / version / "data", focus="1.3")
        [back] = rows(tmp_path / f"{version} back")
        assert {name: back[name] for name in changes} == changes
        assert not any(name in back for name in ("x_ProviderName", "x_ServiceProviderName", "x_HostProviderName"))
    same = table(tmp_path / "b.csv", {"ProviderName": "Anthropic", "ServiceProviderName": "Anthropic"})
    report = convert(tmp_path / "same", same, focus="1.4")
    assert "x_ProviderName" not in rows(tmp_path / "same")[0]
    assert [m[0] for m in moved(report)] == ["PublisherName"]


def test_a_name_that_is_taken_already(tmp_path: Path) -> None:
    """Our x_Team is the owner of the row, x_PublisherName came with the file; neither gives way."""
    changes = {"Team": "blue", "ModelId": "m-1", "CostCenter": "cc-77", "PublisherName": "A", "x_PublisherName": "B"}
    report = convert(tmp_path / "out", table(tmp_path / "a.csv", changes), focus="1.4")
    [row] = rows(tmp_path / "out")
    kept = {"Team": "x_Source_Team", "ModelId": "x_Source_ModelId", "CostCenter": "x_Source_CostCenter",
            "PublisherName": "x_Source_PublisherName", "x_PublisherName": "x_PublisherName"}  # fmt: skip
    assert {name: row[there] for name, there in kept.items()} == changes
    assert {(m[0], m[1]) for m in moved(report, "no_home")} == set(kept.items()) - {("x_PublisherName",) * 2}
    convert(tmp_path / "back", tmp_path / "out" / "data", focus="1.3")
    [back] = rows(tmp_path / "back")
    assert (back["PublisherName"], back["x_PublisherName"]) == ("A", "B")


def test_columns_that_a_version_lacks_come_back(tmp_path: Path) -> None:
    there = {
        "HostProviderName": "Own Metal", "ServiceProviderName": "Vendor", "InvoiceDetailId": "D-1",
        "ContractApplied": '{"Elements":[]}', "CommitmentProgramEligibilityDetails": '{"Elements":[]}',
        "AllocatedMethodId": "even",
    }  # fmt: skip
    convert(tmp_path / "first", table(tmp_path / "a.csv", there), focus="1.4")
    convert(tmp_path / "old", tmp_path / "first" / "data", focus="1.2")
    report = convert(tmp_path / "again", tmp_path / "old" / "data", focus="1.4")
    assert rows(tmp_path / "again") == rows(tmp_path / "first")
    assert {"column": "HostProviderName", "rows": 1} in report["focus_files"]["filled"]


# -- words and objects ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "tags", "kept"), [
    ('{"team":"a"}', '{"team":"a"}', None),
    ('"team": "a", "env": "p"', '{"team": "a", "env": "p"}', None),  # Azure leaves out the braces
    ('[{"Key":"team","Value":"a"}]', '{"team":"a"}', None),
    ('[{"Key":"team","Value":"a","x_Inherited":true}]', '{"team":"a"}', "whole"),
    ('[{"Key":"team","Value":"a"},{"Key":"team","Value":"b"}]', '{"team":"a"}', "whole"),
    ("{team=a, env=b}", None, "whole"),
    ("{'team': 'a'}", None, "whole"),
    ("team=a;env=b", None, "whole"),
    ('"team"', None, "whole"),
])  # fmt: skip
def test_tags_in_other_forms(tmp_path: Path, given: str, tags: str | None, kept: str | None) -> None:
    """What is no JSON object, or says more than one can, stays word for word."""
    report = convert(tmp_path / "out", table(tmp_path / "a.csv", {"Tags": given}))
    [row] = rows(tmp_path / "out")
    assert (row["Tags"], row.get("x_Tags")) == (tags, given if kept else None)
    assert row["x_Team"] == ("a" if tags else None)
    assert moved(report) == ([("Tags", "x_Tags", 1, "10.5")] if kept else [])


def test_categories_that_focus_does_not_know_keep_their_words(tmp_path: Path) -> None:
    changes = {"ServiceCategory": "Magic", "ServiceSubcategory": "Wands"}
    report = convert(tmp_path / "out", table(tmp_path / "a.csv", changes))
    [row] = rows(tmp_path / "out")
    assert (row["ServiceCategory"], row["ServiceSubcategory"]) == ("Other", "Other (Other)")
    assert (row["x_ServiceCategory"], row["x_ServiceSubcategory"]) == ("Magic", "Wands")
    assert [m[:2] for m in moved(report, "set_apart")] == [(name, f"x_{name}") for name in changes]


def test_currency_codes_are_capitals(tmp_path: Path) -> None:
    """usd and USD are one currency; a virtual one keeps its letters."""
    report = convert(
        tmp_path / "out", table(tmp_path / "a.csv", {}, {"BillingCurrency": "usd", "PricingCurrency": "credits"})
    )
    assert [(t["currency"], t["billed_cost"]) for t in report["totals"]] == [("USD", "21")]
    assert {r["PricingCurrency"] for r in rows(tmp_path / "out")} == {"USD", "credits"}
    assert {"column": "BillingCurrency", "rows": 1} in report["focus_files"]["filled"] and not moved(report)


def test_details_of_a_cloud_are_filled_in_only_where_there_is_a_sku(tmp_path: Path) -> None:
    """CoreCount is a key of FOCUS; other keys begin with x_; single values only. x_SkuDetails stays as it is."""
    details = '{"ImageType":"Canonical","VCPUs":2,"CoreCount":2,"Disks":[1],"x_VCPUs":3}'
    given = {"x_SkuDetails": details, "x_SkuMeterName": "vCPU"}
    convert(
        tmp_path / "out",
        table(tmp_path / "a.csv", {**given, "x_Row": "sku"}, {**given, "SkuId": "", "SkuPriceId": "", "x_Row": "none"}),
    )
    with_sku, without = (one(tmp_path / "out", x_Row=name) for name in ("sku", "none"))
    assert json.loads(with_sku["SkuPriceDetails"]) == {"x_ImageType": "Canonical", "x_VCPUs": 2, "CoreCount": 2}
    assert with_sku["SkuMeter"] == "vCPU"
    assert (without["SkuPriceDetails"], without["SkuMeter"]) == (None, None)
    assert {r["x_SkuDetails"] for r in (with_sku, without)} == {details}


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="reference samples are not beside this checkout")
def test_no_meter_without_a_sku_in_the_azure_sample(tmp_path: Path) -> None:
    """Claude's consumption units (68.24 USD) have a meter name of Azure and no SKU."""
    convert(tmp_path / "out", SAMPLES / "azure-openai" / "focus_1_0r2.csv")
    assert [
        (r["BilledCost"], r["SkuMeter"], r["x_SkuMeterName"]) for r in rows(tmp_path / "out") if not r["SkuId"]
    ] == [(Decimal("68.24"), None, "Claude Consumption Unit")]


# -- our own rows -----------------------------------------------------------------------------------------------------


def test_our_own_rows_keep_owner_and_proof_without_the_owner_files(tmp_path: Path) -> None:
    """The owners of the demo come from its tables, which the second run does not have."""
    demo = EXPORTS.parent / "demo"
    settings = Settings.load(demo / "focus-ai.toml")
    api.convert([str(demo / "exports")], tmp_path / "first", settings=settings, validate=False)
    for version in ("1.2", "1.3"):
        report = convert(tmp_path / version, tmp_path / "first" / "data", focus=version)
        told = report["focus_files"]
        assert told["set_apart"] == [] and told["rounded"] == []
        names = ("x_Owner", "x_OwnerEvidence", "x_OwnerStatus", "x_UnattributedReason", "x_Team", "x_CostCenter")
        first, second = ([tuple(r[n] for n in names) for r in rows(tmp_path / d)] for d in ("first", version))
        assert first == second and any(row[0] for row in second)


def test_another_owner_is_proved_anew_and_the_old_proof_stays(tmp_path: Path) -> None:
    came = {"x_OwnerStatus": "unattributed", "x_UnattributedReason": "no_owner_evidence", "x_OwnerEvidence": "{}",
            "x_Owner": "pat"}  # fmt: skip
    report = convert(tmp_path / "out", table(tmp_path / "a.csv", {**came, "x_Team": "", "Tags": '{"team":"orbit"}'}))
    [row] = rows(tmp_path / "out")
    assert (row["x_Team"], row["x_OwnerStatus"], row["x_UnattributedReason"], row["x_Owner"]) == (
        "orbit", "owned", None, "pat"
    )  # fmt: skip
    assert json.loads(row["x_OwnerEvidence"]) == {"team": "tag:team"}
    assert (row["x_Source_OwnerStatus"], row["x_Source_UnattributedReason"], row["x_Source_OwnerEvidence"]) == (
        "unattributed", "no_owner_evidence", "{}"
    )  # fmt: skip
    assert len(moved(report, "set_apart")) == 3


# -- the promise ------------------------------------------------------------------------------------------------------


def test_the_report_shows_what_was_kept_elsewhere(tmp_path: Path) -> None:
    """A price of ten decimals for a million tokens: told per million, with nothing rounded."""
    fine = {"PricingQuantity": "1000000", "PricingUnit": "Tokens", "ListUnitPrice": "0.0000000375",
            "ContractedUnitPrice": "0.0000000375", "ListCost": "0.0375", "ContractedCost": "0.0375"}  # fmt: skip
    shown = run_text(convert(tmp_path / "out", table(tmp_path / "in.csv", {"BillingPeriodStart": "2026-10"}, fine)))
    assert "does not fit its column: BillingPeriodStart, kept as x_BillingPeriodStart (1 row, 10.5 USD)" in shown
    assert "price and quantity rescaled to a larger unit, exactly: " in shown


def test_a_row_that_is_lost_on_the_way_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table of owners loses its entries behind the back of the run."""
    made = pipeline.create_places

    def and_lose(session: Session, *rest: Any) -> None:
        made(session, *rest)
        session.sql("DELETE FROM places")

    monkeypatch.setattr(pipeline, "create_places", and_lose)
    with pytest.raises(InternalError, match="lost or doubled"):
        convert(tmp_path / "out", table(tmp_path / "a.csv", {}))


def test_a_resource_of_its_own_in_each_row_makes_no_place_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Places are resolved one by one, and a cloud bill has as many resources as a company."""
    made, found = pipeline.create_places, []

    def and_count(session: Session, *rest: Any) -> None:
        made(session, *rest)
        found.append(session.one("SELECT count(*) FROM places")[0])

    monkeypatch.setattr(pipeline, "create_places", and_count)
    lines = [{"ResourceId": f"vm-{n}", "ResourceName": f"machine {n}"} for n in range(3)]
    convert(tmp_path / "out", table(tmp_path / "a.csv", *lines))
    assert sorted((r["ResourceId"], r["ResourceName"]) for r in rows(tmp_path / "out")) == [
        ("vm-0", "machine 0"), ("vm-1", "machine 1"), ("vm-2", "machine 2")
    ]  # fmt: skip
    assert found == [1]
