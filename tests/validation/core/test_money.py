"""Products and comparisons of numbers: exact for decimals, a stated tolerance for binary floats."""

from __future__ import annotations

from typing import Any

import pytest

PRODUCT = {"product": {"of": ["ListUnitPrice", "PricingQuantity"], "equals": "ListCost"}}


def row(price: str | None, quantity: str | None, cost: str | None) -> dict[str, str | None]:
    return {"ListUnitPrice": price, "PricingQuantity": quantity, "ListCost": cost}


def types(price: str, quantity: str, cost: str) -> dict[str, str]:
    return {"ListUnitPrice": price, "PricingQuantity": quantity, "ListCost": cost}


RIGHT = row("0.00000125", "1234567", "1.54320875")
WRONG = row("0.00000125", "1234567", "1.54320876")


@pytest.mark.parametrize(
    "physical",
    [
        None,
        types("DECIMAL(18,9)", "DECIMAL(19,9)", "DECIMAL(38,18)"),
        types("DECIMAL(38,18)", "DECIMAL(38,9)", "DECIMAL(38,18)"),
        types("DECIMAL(38,12)", "BIGINT", "DECIMAL(20,10)"),
        types("DOUBLE", "DOUBLE", "DOUBLE"),
        types("VARCHAR", "DOUBLE", "DECIMAL(38,18)"),
    ],
)
def test_a_product_is_right_in_every_physical_form(bench: Any, physical: dict[str, str] | None) -> None:
    rows = [RIGHT, WRONG, row(None, "1", "1"), row("1", None, "1"), row("1", "1", None), row("0", "5", "0")]
    assert bench.rows(PRODUCT, rows, types=physical) == [2]


def test_products_of_many_places_are_exact(bench: Any) -> None:
    # 18 places of the price and 12 digits of the quantity do not fit one pair of decimals; text holds them
    rows = [
        row("0.000000000000000125", "8", "0.000000000000001"),
        row("0.000000000000000125", "8", "0.000000000000001001"),
        row("12345678.123456789", "1000", "12345678123.456789"),
        row("12345678.123456789", "1000", "12345678123.4"),
        row("0.1234", "0.00000000001234", "0.000000000001522756"),
        row("0.1234", "0.00000000001234", "0.000000000001522757"),
    ]
    assert bench.rows(PRODUCT, rows) == [2, 4, 6]


def test_a_cost_with_fewer_places_holds_the_rounded_product(bench: Any) -> None:
    # 0.125 * 0.1 = 0.0125: two places hold 0.01 (half-even and half-up agree), 0.02 is wrong; 0.015 may be 0.01 or 0.02
    rows = [
        row("0.125", "0.1", "0.01"),
        row("0.125", "0.1", "0.02"),
        row("0.15", "0.1", "0.02"),
        row("0.15", "0.1", "0.01"),
    ]
    assert bench.rows(PRODUCT, rows, types=types("DECIMAL(10,4)", "DECIMAL(10,4)", "DECIMAL(10,2)")) == [2]


def test_text_that_a_float_was_printed_into_has_a_tolerance(bench: Any) -> None:
    rows = [row("0.1", "3", "0.30000000000000004"), row("0.1", "3", "0.3001"), row("0.1", "3", "0.30000000000400000")]
    assert bench.rows(PRODUCT, rows) == [2, 3]


def test_numbers_beyond_38_digits_are_compared_all_the_same(bench: Any) -> None:
    wide = types("DECIMAL(38,0)", "DECIMAL(38,18)", "DECIMAL(38,0)")
    rows = [row("1" + "0" * 30, "2", "2" + "0" * 30), row("1" + "0" * 30, "2", "3" + "0" * 30)]
    assert bench.rows(PRODUCT, rows, types=wide) == [2]
    rows = [{"ListCost": "9" * 30, "BilledCost": "0.5"}, {"ListCost": "0", "BilledCost": "0.5"}]
    both = {"ListCost": "DECIMAL(38,0)", "BilledCost": "DECIMAL(38,18)"}
    assert bench.rows({"compare": ["ListCost", ">=", "BilledCost"]}, rows, types=both) == [2]


def test_comparisons_are_exact_for_decimals_and_near_for_floats(bench: Any) -> None:
    rows = [{"ListCost": "0.1", "BilledCost": "0.1"}, {"ListCost": "0.1", "BilledCost": "0.1000000001"}]
    equal = {"compare": ["ListCost", "=", "BilledCost"]}
    assert bench.rows(equal, rows) == [2]
    assert bench.rows(equal, rows, types={"ListCost": "DOUBLE", "BilledCost": "DOUBLE"}) == []


def test_money_behind_a_finding_by_currency(bench: Any) -> None:
    rows = [
        {"A": None, "BilledCost": "0.1", "EffectiveCost": "1", "BillingCurrency": "USD"},
        {"A": None, "BilledCost": "0.2", "EffectiveCost": None, "BillingCurrency": "USD"},
        {"A": None, "BilledCost": "-5", "EffectiveCost": "2", "BillingCurrency": "EUR"},
        {"A": "x", "BilledCost": "100", "EffectiveCost": "1", "BillingCurrency": "USD"},
        {"A": None, "BilledCost": "bad", "EffectiveCost": "0", "BillingCurrency": None},
    ]
    (finding,) = bench.check([{"id": "T", "column": "A", "require": {"not_null": "A"}}], bench.data(rows)).findings
    assert finding.billed_cost == {"EUR": "-5", "USD": "0.3"}
    assert finding.effective_cost == {"": "0", "EUR": "2", "USD": "1"}
    assert finding.rows == 4


def test_totals_beyond_38_digits_do_not_end_the_run(bench: Any) -> None:
    huge = "99999999999999999999"
    rows = [{"A": None, "BilledCost": huge, "EffectiveCost": huge, "ListCost": "1"}] * 20
    rules: list[dict[str, Any]] = [
        {"id": "1", "column": "A", "require": {"not_null": "A"}},
        {"id": "2", "require": {"sums": {"per": [], "left": {"sum": "BilledCost"}, "op": "<=", "right": 5}}},
        {"id": "3", "require": {"compare": [{"plus": ["BilledCost", "EffectiveCost"]}, "<", "ListCost"]}},
        {"id": "4", "require": {"compare": [{"times": ["BilledCost", "EffectiveCost"]}, "<", "ListCost"]}},
        {"id": "5", "require": {"product": {"of": ["BilledCost", "EffectiveCost"], "equals": "ListCost"}}},
    ]
    found = bench.check(rules, bench.data(rows))
    assert [v.status for v in found.rules] == ["failed"] * 5
    assert found.findings[0].billed_cost == {"": "2000000000000000000000"}


def test_money_of_floats_is_plain(bench: Any) -> None:
    rows = [{"A": None, "BilledCost": "0.1"}, {"A": None, "BilledCost": "0.2"}, {"A": None, "BilledCost": "nan"}]
    data = bench.data(rows, {"A": "VARCHAR", "BilledCost": "DOUBLE"})
    (finding,) = bench.check([{"id": "T", "column": "A", "require": {"not_null": "A"}}], data).findings
    assert finding.billed_cost == {"": "0.3"}
