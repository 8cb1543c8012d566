"""Differences between rated and billed amounts, and exact splitting: worked amounts."""

from __future__ import annotations

from decimal import Decimal as D
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from focus_ai.allocation.split import anchored, ratios, split, split_charge, tiered
from focus_ai.reconcile.variance import (
    cached_as_fresh,
    duplicates,
    explain,
    invoice_tolerance,
    shifted_days,
    status,
    variance,
)


def test_42_volume_price_and_causes() -> None:
    found = variance(D("5.00"), D("3.85"), D("2.0"), D("1.9"), D("2.50"))
    assert (found.delta, found.volume, found.price) == (D("-1.15"), D("-0.25"), D("-0.90"))
    causes, rest = explain(
        found.delta, [duplicates(D("0.1"), D("2.50")), cached_as_fresh(D("0.4"), D("0.25"), D("2.50"))]
    )
    assert [(c.cause, c.amount) for c in causes] == [
        ("duplicate_events", D("-0.25")),
        ("cached_as_fresh", D("-0.90")),
    ]
    assert rest == 0
    assert status(found.delta, D("3.85")) == "breach"
    assert variance(D(5), D(4), D(2), None, D("2.5")).volume is None


@pytest.mark.parametrize(
    ("rows", "currency", "amount"),
    [(5, "USD", "1.00"), (250_000, "USD", "2.50"), (1_000_000, "USD", "5.00"), (100, "JPY", "100")],
)
def test_43_invoice_tolerance(rows: int, currency: str, amount: str) -> None:
    assert invoice_tolerance(rows, currency) == D(amount)


def test_44_two_days_that_cancel_out() -> None:
    deltas = [D("8.00") - D("10.00"), D("11.00") - D("9.00")]
    assert shifted_days(deltas) == [0]
    assert sum(deltas) == 0
    assert shifted_days([D(1), D(1)]) == []


def parts(total: str, weights: dict[str, int], scale: int) -> list[str]:
    return [format(part, "f") for part in split(D(total), weights, scale).values()]


def test_45_whole_parts_and_ratios() -> None:
    weights = {"a": 7400, "b": 5700, "c": 3800, "d": 1300}
    assert split(D("18200.00"), weights, 2) == {"a": D(7400), "b": D(5700), "c": D(3800), "d": D(1300)}
    found = ratios(weights)
    assert [format(r, "f") for r in found.values()] == [
        "0.406593406593", "0.313186813187", "0.208791208791", "0.071428571429",
    ]  # fmt: skip
    assert sum(found.values()) == 1


def test_46_three_equal_targets() -> None:
    weights = {"a": 1, "b": 1, "c": 1}
    shares = split_charge(D(1), D(100), D(100), D(100), D(100), weights)
    assert [s.quantity for s in shares.values()] == [D("0.333333334"), D("0.333333333"), D("0.333333333")]
    assert [s.effective_cost for s in shares.values()] == [D("33.3333334"), D("33.3333333"), D("33.3333333")]
    assert sum(s.list_cost for s in shares.values()) == D("100.0000000")
    assert [format(r, "f") for r in ratios(weights).values()] == [
        "0.333333333334", "0.333333333333", "0.333333333333",
    ]  # fmt: skip


def test_47_large_and_tiny_weights() -> None:
    weights = {"a": 500_000, "b": 250_001, "c": 249_999, "d": 7}
    shares = split_charge(D(1), D(1000), D(1000), D(1000), D(0), weights)
    assert [s.quantity for s in shares.values()] == [
        D("0.499996500"), D("0.249999250"), D("0.249997250"), D("0.000007000"),
    ]  # fmt: skip
    assert [s.contracted_cost for s in shares.values()] == [D("499.9965"), D("249.99925"), D("249.99725"), D("0.007")]
    assert sum(s.effective_cost for s in shares.values()) == 1000
    assert {s.billed_cost for s in shares.values()} == {D(0)}
    assert [format(r, "f") for r in ratios(weights).values()] == [
        "0.499996500025", "0.249999250005", "0.249997250019", "0.000006999951",
    ]  # fmt: skip


def test_48_a_credit_in_cents() -> None:
    assert parts("-50.01", {"a": 2, "b": 1}, 2) == ["-33.34", "-16.67"]


def test_49_two_stages() -> None:
    stages = tiered([
        (D("0.6"), {"A": 1, "B": 1, "C": 1}),
        (D("0.4"), {"A": 700, "B": 250, "C": 50}),
    ])  # fmt: skip
    assert stages == {
        "A": [Fraction(1, 5), Fraction("0.28")], "B": [Fraction(1, 5), Fraction("0.1")],
        "C": [Fraction(1, 5), Fraction("0.02")],
    }  # fmt: skip
    whole = {key: sum(elements, Fraction(0)) for key, elements in stages.items()}
    assert sum(whole.values()) == 1
    assert split(D(10_000), whole, 2) == {"A": D(4800), "B": D(3000), "C": D(2200)}
    with pytest.raises(ValueError, match="add up"):
        tiered([(D("0.6"), {"A": 1})])


def test_50_reserved_capacity_and_its_unused_part() -> None:
    assert parts("1200.00", {"A": 70, "B": 20, "unused": 10}, 2) == ["840.00", "240.00", "120.00"]
    assert parts("120", {"A": 70, "B": 20}, 18) == ["93.333333333333333333", "26.666666666666666667"]


def test_51_whole_tokens() -> None:
    shares = split_charge(D("1.000001"), D(3), D(3), D("3.000003"), D("3.000003"), {"a": 1, "b": 1}, 6)
    assert [s.quantity for s in shares.values()] == [D("0.500001"), D("0.500000")]
    assert [s.effective_cost for s in shares.values()] == [D("1.500003"), D("1.500000")]


def test_52_traffic_that_nobody_saw() -> None:
    seen, over = anchored(D("2.0"), {"Search": D("1.2"), "Support": D("0.7")}, "Unattributed")
    assert not over
    assert {key: q * D("2.50") for key, q in seen.items()} == {
        "Search": D("3.00"), "Support": D("1.75"), "Unattributed": D("0.25"),
    }  # fmt: skip


def test_53_more_seen_than_billed() -> None:
    seen, over = anchored(D("2.0"), {"a": D("1.5"), "b": D("1.0")}, "Unattributed")
    assert over
    assert seen == {"a": D("1.2"), "b": D("0.8")}
    assert [q * D("2.50") for q in seen.values()] == [D("3.00"), D("2.00")]


def test_54_printing_in_cents() -> None:
    amounts = {"a": D("10.005"), "b": D("10.005"), "c": D("9.990")}
    assert list(split(D("30.00"), amounts, 2).values()) == [D("10.01"), D("10.00"), D("9.99")]


@given(
    st.integers(-(10**20), 10**20),
    st.dictionaries(st.text("abcdef", min_size=1), st.integers(0, 10**12), min_size=1).filter(
        lambda w: any(w.values())
    ),
    st.integers(0, 18),
)
def test_parts_add_up_and_are_near_their_share(units: int, weights: dict[str, int], scale: int) -> None:
    total = D(units).scaleb(-scale)
    found = split(total, weights, scale)
    assert sum(found.values()) == total
    whole = sum(weights.values())
    for key, part in found.items():
        assert abs(Fraction(part) - Fraction(total) * weights[key] / whole) < Fraction(1, 10**scale)
        assert type(part) is D


def test_split_refuses_what_it_cannot_do() -> None:
    for weights in ({"a": 0}, {"a": -1, "b": 2}, {}):
        with pytest.raises(ValueError, match="weights"):
            split(D(1), weights, 2)
    with pytest.raises(ValueError, match="decimal places"):
        split(D("0.001"), {"a": 1}, 2)
