"""Shares of many rows and of large numbers: the arithmetic in pieces, and rows put together over row groups."""

from __future__ import annotations

from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rows_of import dataset, owned, read, row, rules, split_charge, total

from focus_ai import api
from focus_ai.allocation.amounts import Shape
from focus_ai.allocation.split import split
from focus_ai.sinks.parquet import ROW_GROUP

TOKENS = """
allocation:
  - id: tokens
    version: 1
    documentation: Shares by tokens measured at the gateway.
    match: {service: Licence}
    method: proportional
    basis: {metric: tokens}
"""
LARGE = st.lists(st.integers(1, 10**14), min_size=2, max_size=5)


@settings(max_examples=12)
@given(LARGE, st.integers(1, 10**9), st.integers(0, 10**10), st.integers(-(10**36), 10**36))
def test_any_size_of_weights_and_amounts(
    tmp_path_factory: pytest.TempPathFactory, weights: list[int], quantity: int, price: int, amount: int
) -> None:
    # Weights of a hundred trillion tokens, an amount of 10^18: no product of them fits into 64 bits.
    tmp_path = tmp_path_factory.mktemp("large")
    held, unit, cost = D(quantity).scaleb(-9), D(price).scaleb(-9), D(amount).scaleb(-18)
    origin = row(1, ServiceName="Licence", PricingUnit="Charges", PricingQuantity=held, ListUnitPrice=unit,
                 EffectiveCost=cost, BilledCost=D(0))  # fmt: skip
    direct = [owned(n, f"t{n}", w, ListUnitPrice=D(0)) for n, w in enumerate(weights, 2)]
    api.allocate(dataset(tmp_path / "in", [origin, *direct]), rules(tmp_path, TOKENS), out=tmp_path / "out")
    found = {r["AllocatedResourceId"]: r for r in read(tmp_path / "out") if r["AllocatedMethodId"]}
    named = {f"team/t{n}": w for n, w in enumerate(weights, 2)}
    expected = split_charge(held, unit, cost, D(0), named)
    assert {k: (r["PricingQuantity"], r["ListCost"], r["EffectiveCost"]) for k, r in found.items()} == {
        k: (s.quantity, s.list_cost, s.effective_cost) for k, s in expected.items()
    }
    assert api.verify_allocation(tmp_path / "out")["ok"]


@pytest.mark.parametrize(("whole", "weight", "most", "pieces"), [
    (2**31, 2**31, 10**38, 1),  # below 2^62 whatever the amount
    (10**12, 10**12, 9 * 10**6, 1),  # a small amount of large weights
    (10**12, 10**12, 10**9, 2), (10**13, 10**13, 10**38, 3), (10**15, 10**15, 10**38, 5),
    (10**18, 10**18, 10**38, 0), (10**18, 10**18, 9, 1),
])  # fmt: skip
def test_pieces_of_a_product(whole: int, weight: int, most: int, pieces: int) -> None:
    form = Shape({"q": most}, most, whole, weight, 50).form("q")
    assert form.pieces == pieces
    rest = min(most, whole - 1)
    # No step of the division leaves 63 bits, and the pieces hold the whole remainder.
    if pieces == 1:
        assert rest * weight < 2**63
    elif pieces:
        assert whole * 2**form.bits + weight * 2**form.bits < 2**63
        assert rest < 2 ** (form.bits * pieces)


def test_rows_stay_in_their_order_over_row_groups(tmp_path: Path) -> None:
    # 61 targets of 2,100 origin rows: 128,100 shares. A row group ends inside the shares of a row.
    teams = [f"t{n:02d}" for n in range(61)]
    origins = [
        row(n, f"2026-11-{1 + n % 28:02d}", ServiceName="Licence", PricingQuantity=D(n).scaleb(-6),
            ListUnitPrice=D(1 + n % 3), x_InputTokens=n, SubAccountId=f"p{n % 7}", ResourceId=f"r{n}",
            Tags='{"team":"x"}' if n % 5 == 0 else '{"key":"ü"}') for n in range(1, 2101)
    ]  # fmt: skip
    direct = [owned(5000 + n, t, n + 1, ListUnitPrice=D(0)) for n, t in enumerate(teams)]
    mixed: list[dict[str, Any]] = [*origins[:1000], *direct, *origins[1000:]]
    api.allocate(dataset(tmp_path / "in", mixed), rules(tmp_path, TOKENS), out=tmp_path / "out")
    path = next((tmp_path / "out" / "data").rglob("*.parquet"))
    columns = ["x_OriginChargeId", "x_ChargeId", "AllocatedResourceId", "PricingQuantity", "x_InputTokens", "ResourceId",
               "Tags", "SubAccountId", "ChargePeriodStart", "AllocatedTags", "x_Team"]  # fmt: skip
    found = pq.read_table(path, columns=columns, partitioning=None).to_pylist()
    metadata = pq.read_metadata(path)
    assert [metadata.row_group(n).num_rows for n in range(2)] == [ROW_GROUP, 61 * 2101 - ROW_GROUP]
    # Row by row in the order of the input, the shares of a row in the order of their weights.
    order = [r["x_OriginChargeId"] or r["x_ChargeId"] for r in found]
    expected = []
    for one in mixed:
        expected += [one["x_ChargeId"]] if one.get("x_Team") else [one["x_ChargeId"]] * 61
    assert order == expected
    by_id = {r["x_ChargeId"]: r for r in mixed}
    weights = {f"team/{t}": n + 1 for n, t in enumerate(teams)}
    for at in (0, 61 * 500, 61 * 1999 + 61, ROW_GROUP - 61, len(found) - 61):
        origin = by_id[order[at]]
        some = [r for r in found[max(0, at - 61) : at + 122] if r["x_OriginChargeId"] == origin["x_ChargeId"]]
        parts = split(origin["PricingQuantity"], weights, 6)
        assert {r["AllocatedResourceId"]: r["PricingQuantity"] for r in some} == parts
        for share in some:
            assert share["x_InputTokens"] == share["PricingQuantity"] * 1_000_000
            assert (share["ResourceId"], share["Tags"]) == (origin["ResourceId"], origin["Tags"])
            assert share["SubAccountId"] == origin["SubAccountId"]
            assert share["ChargePeriodStart"] == origin["ChargePeriodStart"]
            key = "allocated_team" if "team" in origin["Tags"] else "team"
            assert share["AllocatedTags"] == f'{{"{key}":"{share["x_Team"]}"}}'
    assert total(found, "x_InputTokens") == total(mixed, "x_InputTokens")
    assert api.verify_allocation(tmp_path / "out")["ok"]
