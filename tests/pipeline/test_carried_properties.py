"""What holds for any FOCUS rows: every row and every cent comes out or is rejected, and every cell is somewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation, localcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from data_builders import COSTS, convert, data_bytes, exceptions, jsonl, rows
from hypothesis import given, settings
from hypothesis import strategies as st

INSTANTS = st.sampled_from(
    ["2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z", "2026-10-31T22:00:00-05:00", "2026-10-02 03:04:05.678", "2026-10-01",
     "2026-10", "20261001", "10/01/2026", "infinity", "epoch", "9999-12-31", "0001-01-01", "294247-01-01", "1790812800",
     "today", " ", "n/a", ""]
)  # fmt: skip
# Costs keep eighteen decimals and twenty digits before them; what is larger is a reject.
COST = st.one_of(
    st.decimals(-(10**6), 10**6, places=6).map(str),
    st.decimals(-(10**19), 10**19, places=18).map(lambda d: format(d, "f")),
    st.sampled_from(["0", "1e3", "-2.5E-7", ".5", "5.", "12345678901234567890", "7", "10.50", "1e-18", "1e25", "many"]),
)
NUMBER = st.one_of(
    st.decimals(0, 10**12, places=9).map(lambda d: format(d, "f")),
    st.integers(0, 10**30).map(str),
    st.sampled_from(
        ["", "0", "1", "0.0000000375", "3.75e-8", "1000e-12", "12345678901e-6", "1e-30", "1e9", "12345678901", "1e99",
         "0.10000000000000000001", "+7", "-3"]
    ),
)  # fmt: skip
WORD = st.sampled_from(["", "a", "b", "B", "usd", "lots", "1.5", '{"k": 1}', "null", "Größe", 'q"', "\x1f", " x "])
TAGS = st.sampled_from(
    ["", "{}", '{"team":"a"}', '{"team": "a", "n": {"x": [1]}}', '"team": "a", "env": "p"', "{team=a, env=b}",
     "team=a;env=b", '[{"Key":"team","Value":"a"}]', '[{"key":"k","value":"v","x":1}]', '[{"Key":"k","Value":"v"},'
     '{"Key":"k","Value":"w"}]', "[1,2]", '"team"', "null", "{", '[{"Key":"k"}]']
)  # fmt: skip
TWINS = ["x_env", "x_Env", "x_ENV", "x_modelid", "tags", "Foo", "foo", "x_foo", "billedcost", "", "a/b~c", 'q"x']
NAMES = ["ProviderName", "ServiceProviderName", "x_ProviderName", "x_ServiceProviderName", "HostProviderName",
         "x_HostProviderName", "PublisherName", "x_PublisherName", "x_Source_PublisherName", "InvoiceIssuerName",
         "InvoiceDetailId", "x_InvoiceDetailId", "InvoiceId", "x_InvoiceId", "AllocatedMethodId",
         "x_AllocatedMethodId"]  # fmt: skip
OURS = ["Team", "x_Team", "x_Product", "x_Environment", "x_Owner", "x_OwnerStatus", "x_OwnerEvidence",
        "x_UnattributedReason", "ModelId", "x_ModelId", "x_InputTokens", "x_RequestCount", "x_TokenType", "x_Source",
        "x_CostBasis", "x_Source_Team"]  # fmt: skip
OTHERS = ["x_BillingPeriodStart", "x_ListUnitPrice", "x_Tags", "x_PricingUnit", "SkuId", "SkuPriceId", "SkuMeter",
          "x_SkuMeterName", "x_SkuDetails", "SkuPriceDetails", "ServiceCategory", "ServiceSubcategory", "ServiceName",
          "PricingCurrency", "ChargeFrequency", "ConsumedUnit"]  # fmt: skip
CELLS = st.fixed_dictionaries(
    dict.fromkeys(COSTS, COST),
    optional={
        **dict.fromkeys(("BillingPeriodStart", "BillingPeriodEnd"), INSTANTS),
        **dict.fromkeys(("ListUnitPrice", "ContractedUnitPrice", "PricingQuantity", "ConsumedQuantity"), NUMBER),
        "PricingUnit": st.sampled_from(["Tokens", "1000 Tokens", "1000000 Tokens", "1K tokens", "GB/Hour", ""]),
        "ChargePeriodEnd": st.sampled_from(
            ["2026-10-03", *["2026-10-04T00:00:00Z"] * 8, "2026-10-01T00:00:00Z", "soon"]
        ),
        "BillingCurrency": st.sampled_from(["USD", "usd", "EUR", "credits"]),
        "Tags": TAGS,
        **dict.fromkeys((*TWINS, *NAMES, *OURS, *OTHERS), WORD),
    },
)
Row = dict[str, str]


def finished(cells: Row, number: int) -> Row:
    made = {"BillingCurrency": "USD", "ChargePeriodEnd": "2026-10-03T00:00:00Z", **cells}
    return {**made, "ChargeCategory": "Usage", "ChargePeriodStart": "2026-10-02T00:00:00Z", "x_Row": str(number)}


def number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def pairs(listed: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The object that a list of keys and values becomes; None where it says more than an object can."""
    found = [tuple(p.values()) for p in listed if {name.lower() for name in p} == {"key", "value"}]
    return dict(found) if len(found) == len(listed) == len(dict(found)) else None


def says(value: Any, text: str, name: str) -> bool:
    """Does the value of the row say what the cell said, in the type of its column?"""
    if isinstance(value, Decimal | int):
        return number(text) == value
    if isinstance(value, datetime):
        return instant(text) == value
    if value == text:
        return True
    if name == "Tags" and value:
        return value == f"{{{text}}}" or (
            text.startswith("[{") and value.startswith("{") and pairs(json.loads(text)) == json.loads(value)
        )
    return name.endswith("Currency") and value == text.upper()


def places(name: str, report: Mapping[str, Any]) -> list[str]:
    """The columns where a cell may be: its own, the ones that the report names, and a new or old name of the column."""
    told = [e["kept_as"] for key in ("set_apart", "no_home") for e in report[key] if e["column"] == name]
    renamed = {"ProviderName": "ServiceProviderName", "ServiceProviderName": "ProviderName"}
    bare = name.removeprefix("x_Source_").removeprefix("x_")
    return [name, *told, *([renamed[name]] if name in renamed else []), bare, f"x_{bare}"]


def check(lines: list[Row], version: str, out: Path) -> None:
    source = jsonl(out / "in.jsonl", lines)
    report = convert(out / "out", source, focus=version)
    kept, refused = rows(out / "out"), [json.loads(r["raw"]) for r in exceptions(out / "out", "rejects")]
    assert sorted(r["x_Row"] for r in [*kept, *refused]) == sorted(r["x_Row"] for r in lines)
    with localcontext() as exact:
        exact.prec = 80
        for cost in COSTS:
            said = sum((number(r[cost]) or Decimal(0) for r in lines), Decimal(0))
            assert (
                sum((r[cost] for r in kept), sum((number(r[cost]) or Decimal(0) for r in refused), Decimal(0))) == said
            )
    if not kept:
        return
    assert len({name.casefold() for name in kept[0]}) == len(kept[0])
    given_rows = {r["x_Row"]: r for r in lines}
    for row in kept:
        for name, text in given_rows[row["x_Row"]].items():
            found = [
                there for there in places(name, report["focus_files"]) if there in row and says(row[there], text, name)
            ]
            assert text == "" or found, (name, text, {k: v for k, v in row.items() if v is not None})


@settings(max_examples=12)
@given(st.lists(CELLS, min_size=4, max_size=12), st.sampled_from(["1.2", "1.3", "1.4"]))
def test_nothing_is_lost(found: list[Row], version: str) -> None:
    with TemporaryDirectory() as folder:
        check([finished(cells, n) for n, cells in enumerate(found)], version, Path(folder))


@settings(max_examples=3)
@given(st.lists(CELLS, min_size=3, max_size=8))
def test_the_order_of_rows_and_another_round_change_nothing(found: list[Row]) -> None:
    """Written again, rows are the same: everything has its place already."""
    lines = [finished(cells, n) for n, cells in enumerate(found)]
    with TemporaryDirectory() as folder:
        out = Path(folder)
        convert(out / "a", jsonl(out / "a.jsonl", lines))
        convert(out / "b", jsonl(out / "a.jsonl", lines[::-1]))
        assert data_bytes(out / "a") == data_bytes(out / "b")
        if rows(out / "a"):
            convert(out / "again", out / "a" / "data")
            assert rows(out / "again") == rows(out / "a")
