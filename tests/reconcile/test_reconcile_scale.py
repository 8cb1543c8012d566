"""A bill with a discount that nobody can be given: what it charges is spread over the rated rows, exactly."""

from __future__ import annotations

from decimal import Decimal as D
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_reconcile_close import DAY, bill, close, cost, events, rows

from focus_ai import api
from focus_ai.errors import UsageError
from focus_ai.money import CTX

AFTER = "2026-11-04"
HEADER = "channel,day,amount,category"


def test_a_tenth_less_on_the_bill(tmp_path: Path) -> None:
    # Rated 2.50 + 1.25 + 0.25 = 4.00 (1.25 per million); billed 3.60: every row keeps nine tenths.
    log = events(tmp_path / "log.jsonl", [(DAY, "a", 2_000_000), (DAY, "b", 1_000_000), (AFTER, "", 200_000)])
    paper = bill(tmp_path / "bill.csv", ["openai,2026-11,3.60,Usage"], "channel,month,amount,category")
    report = close(tmp_path, log, paper, "scale")
    found = {r["x_Team"]: r for r in rows(tmp_path)}
    assert {team: (r["EffectiveCost"], r["BilledCost"]) for team, r in found.items()} == {
        "a": (D("2.25"), D("2.25")), "b": (D("1.125"), D("1.125")), None: (D("0.225"), D("0.225")),
    }  # fmt: skip
    assert {team: (r["ListCost"], r["ContractedCost"], r["ContractedUnitPrice"]) for team, r in found.items()} == {
        "a": (D("2.5"), D("2.5"), D("1.25")), "b": (D("1.25"), D("1.25"), D("1.25")),
        None: (D("0.25"), D("0.25"), D("1.25")),
    }  # fmt: skip
    assert all(r["PricingCurrencyEffectiveCost"] == r["EffectiveCost"] for r in found.values())
    assert [found[t]["PricingQuantity"] for t in ("a", "b", None)] == [2, 1, D("0.2")]
    assert {(r["x_CostBasis"], r["ChargeCategory"], r["AllocatedMethodId"]) for r in found.values()} == {
        ("adjusted", "Usage", None)
    }
    assert report["closed"]["method"] == "scale"
    assert report["closed"]["notes"] == ["openai 2026-11 USD: 3.6 of the bill spread over 4 rated"]


def test_the_discount_is_a_credit_line(tmp_path: Path) -> None:
    # 4.00 of usage less a credit of 1.00 is 3.00 for 4.00 rated; tax stays a row of the bill.
    log = events(tmp_path / "log.jsonl", [(DAY, "a", 2_400_000), (DAY, "b", 800_000)])
    paper = bill(tmp_path / "bill.csv", [
        f"openai,{DAY},4.00,Usage,INV-1", f"openai,{DAY},-1.00,Credit,INV-1", f"openai,{DAY},0.57,Tax,INV-1",
    ], HEADER + ",invoice_id")  # fmt: skip
    close(tmp_path, log, paper, "scale")
    found = rows(tmp_path)
    assert {(r["ChargeCategory"], r["x_Team"]): r["EffectiveCost"] for r in found} == {
        ("Usage", "a"): D("2.25"), ("Usage", "b"): D("0.75"), ("Tax", None): D("0.57"),
    }  # fmt: skip
    assert {r["InvoiceId"] for r in found} == {"INV-1"}
    assert cost(found, "BilledCost") == D("3.57")


def test_a_credit_of_an_account_that_the_log_does_not_name(tmp_path: Path) -> None:
    """The log names no account: usage of 4.00 and credit of 1.00 of one account are one bill of 3.00 for 4.00 rated."""
    log = events(tmp_path / "log.jsonl", [(DAY, "a", 2_400_000), (DAY, "b", 800_000)])
    paper = bill(
        tmp_path / "bill.csv", [f"openai,{DAY},4.00,Usage,org-9", f"openai,{DAY},-1.00,Credit,org-9"],
        HEADER + ",account",
    )  # fmt: skip
    report = close(tmp_path, log, paper, "scale")
    assert {r["x_Team"]: r["EffectiveCost"] for r in rows(tmp_path)} == {"a": D("2.25"), "b": D("0.75")}
    assert [(i["account"], i["delta"]) for i in report["invoices"]] == [(None, "-1")]


def test_thirds_get_the_missing_unit_once(tmp_path: Path) -> None:
    log = events(tmp_path / "log.jsonl", [(DAY, team, 1_000_000) for team in "abc"])
    close(tmp_path, log, bill(tmp_path / "bill.csv", [f"openai,{DAY},1.00,Usage"], HEADER), "scale")
    third = D("0.333333333333333333")
    assert sorted(r["EffectiveCost"] for r in rows(tmp_path)) == [third, third, third + D("1e-18")]
    assert cost(rows(tmp_path)) == 1


def test_what_cannot_be_spread_stays(tmp_path: Path) -> None:
    # The bill covers one day; usage of the other day is left out. Nobody rated anything at the second seller.
    log = events(tmp_path / "log.jsonl", [(DAY, "a", 800_000), (AFTER, "b", 800_000)])
    paper = bill(tmp_path / "bill.csv", [f"openai,{DAY},0.90,Usage", f"anthropic,{DAY},7.00,Usage"], HEADER)
    report = close(tmp_path, log, paper, "scale")
    assert {(r["x_Team"], r["EffectiveCost"], r["x_CostBasis"]) for r in rows(tmp_path)} == {
        ("a", D("0.9"), "adjusted"), (None, D(7), "billed"),
    }  # fmt: skip
    assert report["closed"]["notes"] == [
        "openai 2026-11 USD: 0.9 of the bill spread over 1 rated",
        "1 rated rows with 1 USD stand outside the bill and are left out",
        "1 billed rows with 7 USD have no rated cost beside them and stay as they are",
    ]


def test_amounts_of_two_currencies_are_told_apart(tmp_path: Path) -> None:
    log = events(tmp_path / "log.jsonl", [(DAY, "a", 800_000)])
    paper = bill(tmp_path / "bill.csv", [
        f"openai,{DAY},1.00,Usage,USD", f"mistral,{DAY},1.95,Usage,EUR", f"mistral,{AFTER},1.95,Usage,EUR",
        f"mistral,{DAY},2.95,Usage,GBP",
    ], HEADER + ",currency")  # fmt: skip
    report = close(tmp_path, log, paper, "scale")
    assert "mistral: no usage was given; 3.9 EUR, 2.95 GBP of the bill stands alone" in report["notes"]
    assert report["closed"]["notes"] == [
        "3 billed rows with 3.9 EUR, 2.95 GBP have no rated cost beside them and stay as they are",
    ]  # fmt: skip


def test_a_refund_on_the_whole_bill(tmp_path: Path) -> None:
    log = events(tmp_path / "log.jsonl", [(DAY, "a", 2_400_000), (DAY, "b", 800_000)])
    close(tmp_path, log, bill(tmp_path / "bill.csv", [f"openai,{DAY},-2.00,Usage"], HEADER), "scale")
    assert {r["x_Team"]: r["EffectiveCost"] for r in rows(tmp_path)} == {"a": D("-1.5"), "b": D("-0.5")}


def test_the_measure_of_a_closed_period_is_fixed(tmp_path: Path) -> None:
    log = events(tmp_path / "log.jsonl", [(DAY, "a", 800_000)])
    paper = bill(tmp_path / "bill.csv", [f"openai,{DAY},0.90,Usage"], HEADER)
    with pytest.raises(UsageError, match="closed to its EffectiveCost"):
        api.reconcile([str(log)], [str(paper)], close="scale", close_out=tmp_path / "out", measure="BilledCost")
    assert not (tmp_path / "out").exists()


@settings(max_examples=6)
@given(
    st.lists(st.tuples(st.sampled_from([DAY, AFTER]), st.sampled_from("abc"), st.integers(1, 10**9)),
             min_size=1, max_size=8),
    st.integers(0, 10**12),
)  # fmt: skip
def test_any_bill_is_met_exactly(
    tmp_path_factory: pytest.TempPathFactory, calls: list[tuple[str, str, int]], amount: int
) -> None:
    tmp_path = tmp_path_factory.mktemp("scale")
    log = events(tmp_path / "log.jsonl", calls)
    paid = D(amount).scaleb(-6)
    paper = bill(tmp_path / "bill.csv", [f"openai,2026-11,{paid:f},Usage"], "channel,month,amount,category")
    close(tmp_path, log, paper, "scale")
    found = rows(tmp_path)
    rated = cost(found, "ContractedCost")
    assert cost(found) == cost(found, "BilledCost") == paid
    for r in found:
        # A share is within one unit of its exact part.
        share, exact = CTX.multiply(r["EffectiveCost"], rated), CTX.multiply(paid, r["ContractedCost"])
        assert abs(CTX.subtract(share, exact)) < CTX.multiply(D("1e-18"), rated)
