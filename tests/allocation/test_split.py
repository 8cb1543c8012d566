"""Exact splitting: worked amounts."""

from __future__ import annotations

from decimal import Decimal as D
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from focus_ai.allocation.split import split


def parts(total: str, weights: dict[str, int], scale: int) -> list[str]:
    return [format(part, "f") for part in split(D(total), weights, scale).values()]


def test_45_whole_parts_and_ratios() -> None:
    weights = {"a": 7400, "b": 5700, "c": 3800, "d": 1300}
    assert parts("18200.00", weights, 2) == ["7400.00", "5700.00", "3800.00", "1300.00"]
    assert parts("1", weights, 12) == ["0.406593406593", "0.313186813187", "0.208791208791", "0.071428571429"]


def test_46_three_equal_targets() -> None:
    weights = {"a": 1, "b": 1, "c": 1}
    assert parts("1", weights, 9) == ["0.333333334", "0.333333333", "0.333333333"]
    assert parts("1", weights, 12) == ["0.333333333334", "0.333333333333", "0.333333333333"]


def test_47_large_and_tiny_weights() -> None:
    weights = {"a": 500_000, "b": 250_001, "c": 249_999, "d": 7}
    assert parts("1", weights, 9) == ["0.499996500", "0.249999250", "0.249997250", "0.000007000"]
    assert parts("1", weights, 12) == ["0.499996500025", "0.249999250005", "0.249997250019", "0.000006999951"]


def test_48_a_credit_in_cents() -> None:
    assert parts("-50.01", {"a": 2, "b": 1}, 2) == ["-33.34", "-16.67"]


def test_50_reserved_capacity_and_its_unused_part() -> None:
    assert parts("1200.00", {"A": 70, "B": 20, "unused": 10}, 2) == ["840.00", "240.00", "120.00"]
    assert parts("120", {"A": 70, "B": 20}, 18) == ["93.333333333333333333", "26.666666666666666667"]


def test_51_whole_tokens() -> None:
    assert parts("1.000001", {"a": 1, "b": 1}, 6) == ["0.500001", "0.500000"]


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
