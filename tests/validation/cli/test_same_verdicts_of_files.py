"""The form of a file does not change a verdict: CSV, JSON Lines, Parquet types, order of rows, split into files."""

from __future__ import annotations

import io
import json
import random
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import focus_files as ff
from hypothesis import given, settings
from hypothesis import strategies as st

from focus_ai.cli import main


def verdicts(*paths: Path, files: bool = False) -> tuple[Any, Any]:
    """Status of every rule and (rule, column, rows, money) of every finding; `files`: with those about several files."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["validate", *map(str, paths), "--focus", "1.2", "--format", "json"])
    assert code in (0, 1), err.getvalue()
    report = json.loads(out.getvalue())
    skipped = () if files else ("FAI-IN-",)
    rules = {r["id"]: r["status"] for r in report["rules"] if not r["id"].startswith(skipped or "\0")}
    found = {
        (f["rule"], f["column"], f["rows"], tuple(sorted(f["billed_cost_by_currency"].items())))
        for f in report["findings"] if not f["rule"].startswith(skipped or "\0")
    }  # fmt: skip
    return rules, found


# Breaks that every physical form can hold: numbers stay numbers and instants stay instants.
BREAKS = st.sampled_from(
    [{}, {"ListCost": "9"}, {"ChargeCategory": "Usge"}, {"BilledCost": None}, {"BillingCurrency": "usd"}, {"Tags": "{"},
     {"ChargeClass": "Correction", "ListCost": "5"}, {"PricingUnit": None}, {"ServiceName": None},
     {"ChargeCategory": "Tax"}, {"PricingQuantity": None}, {"ChargePeriodEnd": "2026-10-01T00:00:00Z"},
     {"BillingCurrency": "EUR", "PricingCurrency": "EUR"}, {"ContractedUnitPrice": "0.5"}, {"ListUnitPrice": "-1"}]
)  # fmt: skip
DATA = st.lists(st.tuples(st.integers(1, 28), st.integers(1, 10**7), st.sampled_from(["0.000002", "0.25", "3"]), BREAKS),
                min_size=4, max_size=20)  # fmt: skip


def built(drawn: list[tuple[int, int, str, dict[str, str | None]]]) -> list[ff.Row]:
    return [ff.row(day, quantity, price, **changes) for day, quantity, price, changes in drawn]


@settings(max_examples=3)
@given(drawn=DATA)
def test_forms(drawn: Any) -> None:
    data = built(drawn)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        expected = verdicts(ff.write_csv(folder / "a.csv", data))
        assert verdicts(ff.write_jsonl(folder / "a.jsonl", data)) == expected
        assert verdicts(ff.write_jsonl(folder / "n.jsonl", data, numbers=True)) == expected
        for numeric, instant in (("decimal", "us"), ("decimal", "ms"), ("decimal", "naive"), ("text", "text")):
            path = ff.write_parquet(folder / f"{numeric}{instant}.parquet", data, numeric=numeric, instant=instant)
            assert verdicts(path) == expected, (numeric, instant)


@settings(max_examples=3)
@given(drawn=DATA)
def test_doubles_give_the_same_verdicts_as_decimals(drawn: Any) -> None:
    """Amounts of doubles are sums of doubles, so money is compared as rounded amounts."""
    data = built(drawn)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        exact = verdicts(ff.write_parquet(folder / "d.parquet", data))
        double = verdicts(ff.write_parquet(folder / "f.parquet", data, numeric="double"))
        assert double[0] == exact[0]
        assert {f[:3] for f in double[1]} == {f[:3] for f in exact[1]}


@settings(max_examples=3)
@given(drawn=DATA, seed=st.integers(0, 99))
def test_order_and_split(drawn: Any, seed: int) -> None:
    data = built(drawn)
    shuffled = data.copy()
    random.Random(seed).shuffle(shuffled)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        expected = verdicts(ff.write_parquet(folder / "a.parquet", data))
        assert verdicts(ff.write_parquet(folder / "b.parquet", shuffled)) == expected
        middle = len(data) // 2
        parts = [part for part in (shuffled[:middle], shuffled[middle:]) if part]
        paths = [ff.write_parquet(folder / f"p{i}.parquet", part) for i, part in enumerate(parts)]
        assert verdicts(*paths) == expected
