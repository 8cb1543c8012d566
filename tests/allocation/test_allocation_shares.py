"""Shares in rows: worked amounts, conservation, order, re-run. The same numbers as the arithmetic of `split`."""

from __future__ import annotations

import json
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rows_of import allocate, dataset, owned, ratio, read, row, rules, same_sums, shares, split_charge, total

from focus_ai import api

TOKENS = """
allocation:
  - id: usage-weighted-tokens
    version: 1
    documentation: Shares by tokens measured at the gateway.
    match: {sub_account: proj-shared}
    method: proportional
    basis: {metric: tokens}
    targets:
      - {team: support, resource: app/chat-assistant, name: Chat assistant}
      - {team: search, resource: app/doc-search, name: Document search}
      - {team: quality, resource: app/nightly-evals, name: Nightly evals}
"""


def test_worked_example_of_the_reference(tmp_path: Path) -> None:
    # 10 million tokens at 3.00 list and 2.70 contracted; 5 % of the measured tokens have no owner.
    origin = row(
        1, PricingQuantity=D(10), ContractedUnitPrice=D("2.70"), SubAccountId="proj-shared", x_InputTokens=10_000_000
    )
    free: dict[str, Any] = {"ListUnitPrice": D(0)}
    direct = [
        owned(2, "support", 5_000_000, **free), owned(3, "search", 3_000_000, **free),
        owned(4, "quality", 1_500_000, **free), row(5, PricingQuantity=D("0.5"), **free),
    ]  # fmt: skip
    found = shares(allocate(tmp_path, [origin, *direct], TOKENS))
    table = {
        "app/chat-assistant": ("Chat assistant", '{"team":"support"}', "0.50", 5_000_000, "5", "15.00", "13.50"),
        "app/doc-search": ("Document search", '{"team":"search"}', "0.30", 3_000_000, "3", "9.00", "8.10"),
        "app/nightly-evals": ("Nightly evals", '{"team":"quality"}', "0.15", 1_500_000, "1.5", "4.50", "4.05"),
        "": (None, None, "0.05", 500_000, "0.5", "1.50", "1.35"),
    }
    assert set(found) == set(table)
    for resource, (name, tags, part, tokens, quantity, listed, own) in table.items():
        share = found[resource]
        assert share["AllocatedMethodId"] == "usage-weighted-tokens@1"
        assert (share["AllocatedResourceName"], share["AllocatedTags"]) == (name, tags)
        held = json.loads(share["AllocatedMethodDetails"], parse_float=D, parse_int=D)
        assert held == {"Elements": [{"AllocatedRatio": D(part), "UsageUnit": "Tokens", "UsageQuantity": D(tokens)}]}
        assert share["ConsumedQuantity"] == tokens == share["x_InputTokens"]
        assert share["PricingQuantity"] == D(quantity)
        assert (share["ListUnitPrice"], share["ContractedUnitPrice"]) == (D(3), D("2.70"))
        assert share["ListCost"] == D(listed)
        assert share["ContractedCost"] == share["EffectiveCost"] == share["BilledCost"] == D(own)
        assert (share["SubAccountId"], share["Tags"]) == ("proj-shared", "{}")
        assert share["x_OriginChargeId"] == origin["x_ChargeId"]
    assert found["app/doc-search"]["x_Team"] == "search"
    assert found[""]["x_OwnerStatus"] == "unattributed"
    assert found[""]["x_UnattributedReason"] == "no_owner_in_basis"
    assert len({s["x_ChargeId"] for s in found.values()}) == 4


def even(targets: str, match: str = "{service: Licence}") -> str:
    return f"""
allocation:
  - id: even
    version: 2
    documentation: Evenly, as agreed with everybody.
    match: {match}
    method: even
    targets: [{targets}]
"""


LICENCE: dict[str, Any] = {"ServiceName": "Licence", "PricingUnit": "Charges", "ConsumedUnit": "Charges"}


def test_46_three_equal_targets(tmp_path: Path) -> None:
    origin = row(1, ListUnitPrice=D(100), ConsumedQuantity=D(1), **LICENCE)
    found = shares(allocate(tmp_path, [origin], even("{team: a}, {team: b}, {team: c}")))
    assert [found[f"team/{t}"]["PricingQuantity"] for t in "abc"] == [
        D("0.333333334"),
        D("0.333333333"),
        D("0.333333333"),
    ]
    assert [found[f"team/{t}"]["EffectiveCost"] for t in "abc"] == [D("33.3333334"), D("33.3333333"), D("33.3333333")]
    assert [ratio(found[f"team/{t}"]) for t in "abc"] == [D("0.333333333334"), D("0.333333333333"), D("0.333333333333")]


def test_51_whole_tokens(tmp_path: Path) -> None:
    origin = row(1, PricingQuantity=D("1.000001"), ServiceName="Licence", x_InputTokens=1_000_001, x_RequestCount=3)
    found = shares(allocate(tmp_path, [origin], even("{team: a}, {team: b}")))
    assert [found[f"team/{t}"]["PricingQuantity"] for t in "ab"] == [D("0.500001"), D("0.500000")]
    assert [found[f"team/{t}"]["EffectiveCost"] for t in "ab"] == [D("1.500003"), D("1.500000")]
    assert [found[f"team/{t}"]["x_InputTokens"] for t in "ab"] == [500_001, 500_000]
    assert [found[f"team/{t}"]["x_RequestCount"] for t in "ab"] == [2, 1]


def test_48_a_credit_without_quantity(tmp_path: Path) -> None:
    origin = row(
        1, ChargeCategory="Credit", PricingQuantity=None, ListUnitPrice=None, ContractedUnitPrice=None,
        EffectiveCost=D("-50.01"), ListCost=D("-50.01"), ContractedCost=D("-50.01"), BilledCost=D("-50.01"),
        ConsumedQuantity=None, PricingUnit=None, ConsumedUnit=None,
    )  # fmt: skip
    text = """
allocation:
  - id: keys
    version: 1
    documentation: Agreed keys of two to one.
    match: {category: Credit}
    method: fixed
    targets: [{team: a, share: "0.5"}, {team: b, share: "0.25"}]
"""
    found = shares(allocate(tmp_path, [origin], text))
    assert [found[k]["EffectiveCost"] for k in ("team/a", "team/b", "")] == [D("-25.005"), D("-12.5025"), D("-12.5025")]
    assert found[""]["x_UnattributedReason"] == "unallocated"
    assert ratio(found[""]) == D("0.25")
    assert found["team/a"]["PricingQuantity"] is None


def test_49_two_stages_in_one_row_each(tmp_path: Path) -> None:
    origin = row(1, ListUnitPrice=D(10_000), ConsumedQuantity=D(1), **LICENCE)
    direct = [owned(n, t, k, ListUnitPrice=D(0)) for n, (t, k) in enumerate((("A", 700), ("B", 250), ("C", 50)), 2)]
    text = """
allocation:
  - id: platform
    version: 3
    documentation: Sixty percent evenly, the rest by tokens.
    match: {service: Licence}
    method: tiered
    stages:
      - {share: "0.6", method: even, targets: [{team: A}, {team: B}, {team: C}]}
      - {share: "0.4", method: proportional, basis: {metric: tokens}}
"""
    found = shares(allocate(tmp_path, [origin, *direct], text))
    assert {k: v["EffectiveCost"] for k, v in found.items()} == {
        "team/A": D(4800), "team/B": D(3000), "team/C": D(2200),
    }  # fmt: skip
    held = json.loads(found["team/A"]["AllocatedMethodDetails"], parse_float=D, parse_int=D)
    assert [e["AllocatedRatio"] for e in held["Elements"]] == [D("0.2"), D("0.28")]


def reserved() -> dict[str, Any]:
    """A month of reserved capacity."""
    return row(1, ServiceName="PTU", PricingQuantity=None, ListUnitPrice=None, ContractedUnitPrice=None,
               EffectiveCost=D(1200), ConsumedQuantity=None, ChargeCategory="Adjustment")  # fmt: skip


def drawn_from(unused: str) -> str:
    """Rules that split it; `targets` may follow."""
    return f"""
allocation:
  - id: ptu
    version: 1
    documentation: Reserved capacity by the tokens drawn from it.
    match: {{service: PTU}}
    method: commitment-usage
    basis: {{metric: tokens}}
    capacity: 100
    unused: {unused}
"""


@pytest.mark.parametrize(("unused", "amounts"), [
    ("keep", {"team/A": D(840), "team/B": D(240), "": D(120)}),
    ("spread", {"team/A": D("933.333333333333333333"), "team/B": D("266.666666666666666667")}),
])  # fmt: skip
def test_50_commitment_and_its_unused_part(tmp_path: Path, unused: str, amounts: dict[str, D]) -> None:
    # The covered capacity is an amortised amount without a price: split at 18 places.
    direct = [owned(2, "A", 70, ListUnitPrice=D(0)), owned(3, "B", 20, ListUnitPrice=D(0))]
    found = shares(allocate(tmp_path, [reserved(), *direct], drawn_from(unused)))
    if unused == "keep":
        assert found[""]["x_UnattributedReason"] == "unused_commitment"
    assert {k: v["EffectiveCost"] for k, v in found.items()} == amounts


@pytest.mark.parametrize(("unused", "left", "note"), [
    ("keep", D(360), "what owners outside the listed targets drew counts as unused"),
    ("spread", None, "owners outside the listed targets got no share"),
])  # fmt: skip
def test_a_commitment_that_others_drew_from_too(tmp_path: Path, unused: str, left: D | None, note: str) -> None:
    """A drew 70 of 100 and is the only target; the 20 of B are in the 30 that are called unused, and it is said."""
    source = dataset(tmp_path / "in", [reserved(), owned(2, "A", 70), owned(3, "B", 20)])
    held = rules(tmp_path, drawn_from(unused) + "    targets: [{team: A}]\n")
    [window] = api.allocate(source, held)["rules"][0]["windows"]
    amounts = {t["target"]: D(t["effective_cost"]) for t in window["targets"]}
    assert amounts.get("(unused_commitment)") == left
    assert window["notes"] == [note]


def test_the_weights_of_meters_and_a_day_window(tmp_path: Path) -> None:
    origins = [row(1, "2026-11-03", ServiceName="Licence"), row(2, "2026-11-04", ServiceName="Licence")]
    direct = [
        owned(3, "a", 1_000_000, day="2026-11-03"),
        owned(4, "b", 10_000_000, day="2026-11-03", x_TokenType="cache_read"),
        owned(5, "b", 500, day="2026-11-04"),
    ]
    text = """
allocation:
  - id: daily
    version: 1
    documentation: By tokens of the day, cached ones at a tenth.
    match: {service: Licence}
    method: proportional
    basis: {metric: tokens, window: day, meters: {cache_read: "0.1"}}
"""
    found = [r for r in allocate(tmp_path, [*origins, *direct], text) if r["AllocatedMethodId"]]
    assert [(r["ChargePeriodStart"].day, r["x_Team"], r["EffectiveCost"]) for r in found] == [
        (3, "a", D("1.5")), (3, "b", D("1.5")), (4, "b", D(3)),
    ]  # fmt: skip


def test_business_unit_first_and_then_team(tmp_path: Path) -> None:
    origin = row(1, ListUnitPrice=D(100), ConsumedQuantity=D(1), **LICENCE)
    direct = [
        owned(2, "a", 100, x_BusinessUnit="one", ListUnitPrice=D(0)),
        owned(3, "b", 300, x_BusinessUnit="one", ListUnitPrice=D(0)),
        owned(4, "c", 5, x_BusinessUnit="two", ListUnitPrice=D(0)),
    ]
    text = """
allocation:
  - id: units
    version: 1
    documentation: Half and half per unit, inside by tokens.
    match: {service: Licence}
    method: fixed
    targets: [{business_unit: one, share: "0.5"}, {business_unit: two, share: "0.5"}]
    then: {by: [team], basis: {metric: tokens}}
"""
    found = shares(allocate(tmp_path, [origin, *direct], text))
    assert {(v["x_BusinessUnit"], v["x_Team"]): v["EffectiveCost"] for v in found.values()} == {
        ("one", "a"): D("12.5"), ("one", "b"): D("37.5"), ("two", "c"): D(50),
    }  # fmt: skip


@pytest.mark.parametrize(("word", "left"), [("keep", D("0.6")), ("spread", D(0)), ("{team: finance}", D(0))])
def test_what_becomes_of_usage_without_an_owner(tmp_path: Path, word: str, left: D) -> None:
    origin = row(1, ServiceName="Licence")
    direct = [owned(2, "a", 800_000), row(3, PricingQuantity=D("0.2"))]
    text = f"""
allocation:
  - id: overhead
    version: 1
    documentation: By direct cost of the month.
    match: {{service: Licence}}
    method: proportional
    basis: {{metric: cost}}
    unattributed: {word}
"""
    found = shares(allocate(tmp_path, [origin, *direct], text))
    assert total([found[""]] if "" in found else [], "EffectiveCost") == left
    if word.startswith("{"):
        assert found["team/finance"]["EffectiveCost"] == D("0.6")


def test_without_weights_all_of_it_stays_unallocated(tmp_path: Path) -> None:
    origin = row(1, SubAccountId="proj-shared")
    found = shares(allocate(tmp_path, [origin], TOKENS))
    assert list(found) == [""]
    assert found[""]["x_UnattributedReason"] == "no_weights"
    assert found[""]["EffectiveCost"] == 3


def test_a_tag_that_the_origin_holds_is_not_repeated(tmp_path: Path) -> None:
    origin = row(1, ServiceName="Licence", Tags='{"team":"platform"}')
    found = shares(allocate(tmp_path, [origin], even("{team: a}, {team: b}")))
    assert found["team/a"]["AllocatedTags"] == '{"allocated_team":"a"}'
    assert found["team/a"]["Tags"] == '{"team":"platform"}'


def test_focus_1_2_carries_the_same_in_columns_of_ours(tmp_path: Path) -> None:
    source = dataset(tmp_path / "in", [row(1, ServiceName="Licence")], "1.2")
    api.allocate(source, rules(tmp_path, even("{team: a}, {team: b}")), out=tmp_path / "out")
    found = read(tmp_path / "out")
    assert [(r["x_AllocatedMethodId"], r["x_AllocatedResourceId"]) for r in found] == [
        ("even@2", "team/a"), ("even@2", "team/b"),
    ]  # fmt: skip


def test_origins_weights_and_the_rest_of_the_data_set_are_kept(tmp_path: Path) -> None:
    origin, direct = row(1, SubAccountId="proj-shared"), owned(2, "search", 10)
    source = dataset(tmp_path / "in", [origin, direct])
    (source / "exceptions").mkdir()
    (source / "exceptions" / "unpriced.jsonl").write_text("{}\n", encoding="utf-8")
    api.allocate(source, rules(tmp_path, TOKENS), out=tmp_path / "out")
    side = read(tmp_path / "out", "allocation/billing_period=2026-11")
    kept = [r for r in side if "method_id" not in r]
    assert [r["x_ChargeId"] for r in kept] == [origin["x_ChargeId"]]
    assert kept[0]["EffectiveCost"] == 3
    weights = [r for r in side if "method_id" in r]
    assert [(w["target"], w["ratio"], w["quantity"]) for w in weights] == [("app/doc-search", "1/1", "10/1")]
    assert (tmp_path / "out" / "exceptions" / "unpriced.jsonl").is_file()
    assert (tmp_path / "out" / "source-run.json").is_file()
    # A second run finds nothing to split: shares are never split again.
    api.allocate(tmp_path / "out", rules(tmp_path, TOKENS), out=tmp_path / "again")
    assert read(tmp_path / "again") == read(tmp_path / "out")


WEIGHTS = st.lists(st.integers(1, 10**9), min_size=1, max_size=6)


@settings(max_examples=25)
@given(WEIGHTS, st.integers(1, 10**13), st.integers(0, 10**9), st.integers(-(10**20), 10**20), st.integers(0, 40))
def test_rows_equal_the_arithmetic(
    tmp_path_factory: pytest.TempPathFactory, weights: list[int], tokens: int, price: int, billed: int, requests: int
) -> None:
    tmp_path = tmp_path_factory.mktemp("shares")
    quantity, unit = D(tokens).scaleb(-6), D(price).scaleb(-9)
    amount = D(billed).scaleb(-18)
    origin = row(
        1, ServiceName="Licence", PricingQuantity=quantity, ListUnitPrice=unit, EffectiveCost=amount, BilledCost=amount,
        x_RequestCount=requests, x_InputTokens=tokens,
    )  # fmt: skip
    direct = [owned(n, f"t{n}", w, ListUnitPrice=D(0)) for n, w in enumerate(weights, 2)]
    text = TOKENS.split("    targets:")[0].replace("sub_account: proj-shared", "service: Licence")
    source = dataset(tmp_path / "in", [origin, *direct])
    api.allocate(source, rules(tmp_path, text), out=tmp_path / "out")
    rows = read(tmp_path / "out")
    same_sums([origin, *direct], rows)
    found = shares(rows)
    named = {f"team/t{n}": w for n, w in enumerate(weights, 2)}
    expected = split_charge(quantity, unit, amount, amount, named, 6)
    for key, share in expected.items():
        got = found[key]
        assert (got["PricingQuantity"], got["ListCost"]) == (share.quantity, share.list_cost)
        assert (got["EffectiveCost"], got["BilledCost"]) == (share.effective_cost, share.billed_cost)
        assert got["ListCost"] == got["ListUnitPrice"] * got["PricingQuantity"]
        assert got["x_InputTokens"] == got["ConsumedQuantity"]
        assert got["PricingQuantity"] >= 0
        assert amount * got["EffectiveCost"] >= 0
    assert sum(ratio(s) for s in found.values()) == 1
    assert sum(s["x_RequestCount"] for s in found.values()) == requests


def test_order_and_re_run_do_not_matter(tmp_path: Path) -> None:
    many = [row(n, f"2026-11-{1 + n % 28:02d}", SubAccountId="proj-shared") for n in range(200)]
    direct = [owned(1000, "search", 7), owned(1001, "support", 5), owned(1002, "quality", 1)]
    runs = []
    for name, rows in (("one", [*many, *direct]), ("two", [*many, *direct])):
        source = dataset(tmp_path / name / "in", rows)
        api.allocate(
            source, rules(tmp_path / name, TOKENS), out=tmp_path / name / "out", threads=1 if name == "one" else 4
        )
        runs.append({p.name: p.read_bytes() for p in (tmp_path / name / "out" / "data").rglob("*.parquet")})
    assert runs[0] == runs[1]
    backwards = dataset(tmp_path / "three" / "in", [*reversed(direct), *reversed(many)])
    api.allocate(backwards, rules(tmp_path / "three", TOKENS), out=tmp_path / "three" / "out")
    key = "x_ChargeId"
    assert sorted(read(tmp_path / "three" / "out"), key=lambda r: r[key]) == sorted(
        read(tmp_path / "one" / "out"), key=lambda r: r[key]
    )  # fmt: skip
