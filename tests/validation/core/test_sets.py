"""Checks of the whole data set: which rows belong to the groups that break them."""

from __future__ import annotations

from typing import Any

import pytest

from focus_ai.findings import Findings


def run(bench: Any, require: dict[str, Any], rows: list[dict[str, Any]], when: Any = None, **options: Any) -> Findings:
    rule = {"id": "S", "require": require, **({"when": when} if when else {})}
    found: Findings = bench.check([rule], bench.data(rows), samples=20, **options)
    return found


def broken(found: Findings) -> list[int]:
    assert sum(f.rows for f in found.findings) == sum(len(f.samples) for f in found.findings)
    return [s.row or 0 for f in found.findings for s in f.samples]


def test_distinct(bench: Any) -> None:
    rows = [
        {"k": "a", "v": "1"}, {"k": "a", "v": "2"}, {"k": "b", "v": "1"}, {"k": "b", "v": "1"}, {"k": "c", "v": None},
        {"k": None, "v": "1"}, {"k": None, "v": "2"}, {"k": "b", "v": None},
    ]  # fmt: skip
    assert broken(run(bench, {"distinct": {"per": ["k"], "of": "v"}}, rows)) == [1, 2]
    assert broken(run(bench, {"distinct": {"per": ["k"], "of": "v", "min": 1}}, rows)) == [1, 2, 5]
    assert broken(run(bench, {"distinct": {"per": ["k"], "of": "v", "max": 2}}, rows)) == []
    assert broken(run(bench, {"distinct": {"per": ["k"], "of": "v"}}, rows, {"is_not": {"v": "2"}})) == []
    assert run(bench, {"distinct": {"per": ["k"], "of": "gone"}}, rows).rules[0].status == "not_applicable"


def test_unique_and_duplicate(bench: Any) -> None:
    rows = [
        {"a": "1", "b": "x"},
        {"a": "1", "b": "x"},
        {"a": "1", "b": None},
        {"a": "1", "b": None},
        {"a": "2", "b": "x"},
    ]
    assert broken(run(bench, {"unique": ["a", "b"]}, rows)) == [1, 2]
    assert broken(run(bench, {"duplicate": ["a", "b", "not there"]}, rows)) == [1, 2, 3, 4]


def test_sums_per_group(bench: Any) -> None:
    rows = [
        {"CommitmentDiscountId": "c", "ChargeCategory": "Usage", "EffectiveCost": "0.1", "BilledCost": "0"},
        {"CommitmentDiscountId": "c", "ChargeCategory": "Usage", "EffectiveCost": "0.2", "BilledCost": "0"},
        {"CommitmentDiscountId": "c", "ChargeCategory": "Purchase", "EffectiveCost": "0", "BilledCost": "0.3"},
        {"CommitmentDiscountId": "d", "ChargeCategory": "Usage", "EffectiveCost": "0.1", "BilledCost": "0"},
        {"CommitmentDiscountId": "d", "ChargeCategory": "Purchase", "EffectiveCost": "0", "BilledCost": "0.2"},
        {"CommitmentDiscountId": "e", "ChargeCategory": "Usage", "EffectiveCost": "7", "BilledCost": "0"},
    ]
    left = {"sum": "EffectiveCost", "where": {"is": {"ChargeCategory": "Usage"}}}
    right = {"sum": "BilledCost", "where": {"is": {"ChargeCategory": "Purchase"}}}
    sums = {"per": ["CommitmentDiscountId"], "left": left, "right": right}
    assert broken(run(bench, {"sums": sums}, rows)) == [4, 5]
    assert broken(run(bench, {"sums": {**sums, "both": False}}, rows)) == [4, 5, 6]
    assert broken(run(bench, {"sums": {**sums, "tolerance": "0.1"}}, rows)) == []
    assert broken(run(bench, {"sums": {**sums, "op": "<=", "right": "1"}}, rows)) == [6]


def test_reference_bounds_and_sums_of_another_data_set(bench: Any) -> None:
    rows = [
        {"ContractApplied": "k1", "ListUnitPrice": "1", "BilledCost": "1"},
        {"ContractApplied": "k9", "ListUnitPrice": "9", "BilledCost": "1"},
        {"ContractApplied": None, "ListUnitPrice": "5", "BilledCost": "1"},
    ]
    other = bench.data(
        [
            {"Id": "k1", "low": "1", "high": "2", "ListUnitPrice": "2"},
            {"Id": "k2", "low": "1", "high": "2", "ListUnitPrice": "3"},
        ]
    )
    require = {"reference": {"columns": {"ContractApplied": "Id"}, "dataset": "Other"}}
    assert run(bench, require, rows).rules[0].reason == "needs the data set Other beside this one"
    assert broken(run(bench, require, rows, others={"Other": other})) == [2]
    bounds = {
        "bounds": {
            "column": "ListUnitPrice",
            "dataset": "Other",
            "match": {"ContractApplied": "Id"},
            "max": "ListUnitPrice",
        }
    }
    high = [
        {"ContractApplied": "k1", "ListUnitPrice": "2"},
        {"ContractApplied": "k1", "ListUnitPrice": "2.5"},
        {"ContractApplied": "zz", "ListUnitPrice": "99"},
    ]
    assert broken(run(bench, bounds, high, others={"Other": other})) == [2]
    side = {"sum": "ListUnitPrice", "dataset": "Other", "per": ["Id"]}
    sums = {"sums": {"per": ["ContractApplied"], "left": {"sum": "ListUnitPrice"}, "right": side}}
    assert broken(run(bench, sums, high[:2], others={"Other": other})) == [1, 2]


def test_periods(bench: Any) -> None:
    def at(start: int, end: int, key: str = "k") -> dict[str, str]:
        return {
            "k": key,
            "ChargePeriodStart": f"2026-01-{start:02}T00:00:00Z",
            "ChargePeriodEnd": f"2026-01-{end:02}T00:00:00Z",
        }

    rows = [at(1, 2), at(2, 3), at(2, 3), at(5, 6), at(1, 4, "o"), at(2, 3, "o")]
    periods = {"per": ["k"], "start": "ChargePeriodStart", "end": "ChargePeriodEnd"}
    assert broken(run(bench, {"periods": {**periods, "forbid": "gap"}}, rows)) == [4]
    assert broken(run(bench, {"periods": {**periods, "forbid": "overlap"}}, rows)) == [6]


@pytest.mark.parametrize("name", ["distinct", "unique"])
def test_nothing_to_look_at_is_not_applicable(bench: Any, name: str) -> None:
    check = {"distinct": {"per": ["k"], "of": "v"}} if name == "distinct" else {"unique": ["k"]}
    found = run(bench, check, [{"k": None, "v": "1"}])
    assert (found.rules[0].status, found.rules[0].reason) == ("not_applicable", "no row meets its condition")
