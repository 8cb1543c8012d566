"""Verdicts do not depend on the order of rows, on the split into files, or on the physical types of a column."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_rules_1_2 import COMMITTED, RULES, TAX, USAGE

from focus_ai.findings import Findings
from focus_ai.validation import Options, validate

ODD: list[dict[str, Any]] = [
    {}, COMMITTED, TAX, {"ListCost": "9"}, {"ChargeCategory": "usage"}, {"ServiceName": None}, {"SkuId": "other"},
    {"Tags": "{"}, {"BilledCost": "x"}, {"ConsumedQuantity": None}, {"BillingCurrency": "EUR", "PricingUnit": "tokens"},
    {"ChargePeriodEnd": "2026-08-01T00:00:00Z"}, {"SubAccountName": ""},
]  # fmt: skip


def seen(found: Findings) -> tuple[Any, ...]:
    """Everything of a report that has to be the same: verdicts, rows, money; not which rows are shown."""
    return (
        [(v.rule, v.status, v.rows, v.reason) for v in found.rules],
        [(f.rule, f.column, f.rows, f.message, dict(f.billed_cost), dict(f.effective_cost)) for f in found.findings],
        found.criteria,
    )


def check(bench: Any, rows: list[dict[str, Any]], **more: Any) -> Findings:
    found: Findings = validate(bench.session, bench.data(rows, **more), [RULES], Options(samples=100), version="1.2")
    return found


@settings(max_examples=8)
@given(picks=st.lists(st.integers(0, len(ODD) - 1), min_size=1, max_size=12), data=st.data())
def test_order_and_split_do_not_matter(bench: Any, picks: list[int], data: st.DataObject) -> None:
    rows = [USAGE | ODD[i] for i in picks]
    order = data.draw(st.permutations(range(len(rows))))
    files = data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows)))
    one, other = check(bench, rows), check(bench, [rows[i] for i in order], files=files)
    assert seen(one) == seen(other)
    for finding, moved in zip(one.findings, other.findings, strict=True):
        place = sorted((s.file, s.row or 0) for s in moved.samples)
        assert [(s.file, s.row) for s in moved.samples] == place  # shown in the order of the files
        assert len(finding.samples) == len(moved.samples)


DECIMALS = [n for n in USAGE if n.endswith(("Cost", "UnitPrice", "Quantity"))]
MOMENTS = [n for n in USAGE if n.endswith(("PeriodStart", "PeriodEnd"))]


@pytest.mark.parametrize(
    "moment", ["TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S", "VARCHAR"]
)
@pytest.mark.parametrize("number", ["DECIMAL(38,18)", "DECIMAL(20,10)", "DOUBLE", "VARCHAR"])
def test_physical_types_do_not_matter(bench: Any, number: str, moment: str) -> None:
    rows = [USAGE | ODD[i] for i in (0, 1, 2, 3, 4, 5, 6, 9, 10, 11)]
    text = check(bench, rows)
    kinds = dict.fromkeys(USAGE, "VARCHAR") | dict.fromkeys(DECIMALS, number) | dict.fromkeys(MOMENTS, moment)
    typed = check(bench, rows, types=kinds)
    assert seen(typed)[0] == seen(text)[0]
    assert [(f.rule, f.rows) for f in typed.findings] == [(f.rule, f.rows) for f in text.findings]
    assert [f.billed_cost for f in typed.findings] == [f.billed_cost for f in text.findings]
    plain = number.startswith("DECIMAL") and moment == "TIMESTAMPTZ"
    assert bool(typed.deviations) is not plain


def test_columns_with_few_values_are_judged_like_all_others(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from focus_ai.validation import compile_few

    rows = [USAGE | change for change in ODD]
    direct = check(bench, rows)
    monkeypatch.setattr(compile_few, "LOOKED_AT", len(rows))
    assert seen(check(bench, rows)) == seen(direct)
    monkeypatch.setattr(compile_few, "MOST", 2)
    assert seen(check(bench, rows)) == seen(direct)
    monkeypatch.setattr(compile_few, "MOST", 20_000)
    monkeypatch.setattr(compile_few, "_IN_LINE", 0)
    assert seen(check(bench, rows)) == seen(direct)


def test_many_and_few_rows_show_the_same_samples(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from focus_ai.validation import evidence

    rows = [USAGE | change for change in ODD * 3]
    together = check(bench, rows).findings
    monkeypatch.setattr(evidence, "FEW", 0)
    assert check(bench, rows).findings == together
