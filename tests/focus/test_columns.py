"""The column model: counts, types and order follow FOCUS; our own columns keep clear of reserved names."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from focus_ai import resources
from focus_ai.errors import UsageError
from focus_ai.focus.columns import (
    Column,
    arrow_schema,
    arrow_type,
    criteria,
    custom_columns,
    datasets,
    load,
    reserved_names,
    versions,
)
from focus_ai.focus.docs import PAGE, render_columns

COUNTS = {
    ("1.2", "CostAndUsage"): 57,
    ("1.3", "CostAndUsage"): 65,
    ("1.3", "ContractCommitment"): 13,
    ("1.4", "CostAndUsage"): 65,
    ("1.4", "ContractCommitment"): 30,
    ("1.4", "BillingPeriod"): 6,
    ("1.4", "InvoiceDetail"): 22,
}
EVERY = sorted(COUNTS)
REFERENCE = Path(__file__).parents[3] / "shared/reference/focus/columns.json"


def test_versions_and_datasets() -> None:
    assert versions() == ("1.2", "1.3", "1.4")
    assert {(v, d) for v in versions() for d in datasets(v)} == set(COUNTS)


@pytest.mark.parametrize(("version", "dataset"), EVERY)
def test_count_order_and_descriptions(version: str, dataset: str) -> None:
    model = load(version, dataset)
    assert len(model.columns) == COUNTS[version, dataset]
    assert list(model.names) == sorted(model.names)
    assert [c.order for c in model.all_columns] == list(range(1, len(model.all_columns) + 1))
    for column in model.columns:
        assert column.description.endswith("."), column.name
        assert column.type in ("String", "Decimal", "DateTime", "JSON")
        assert column.level in ("Mandatory", "Conditional", "Recommended")
        assert column.presence, column.name
        assert (column.format == "AllowedValues") == bool(column.values), column.name
        assert {w for p in column.presence for w in p.when} <= set(criteria())


def test_no_description_is_left_over() -> None:
    texts = resources.load_yaml(resources.schemas() / "focus" / "descriptions.yaml")
    assert set(texts) == {name for v, d in EVERY for name in load(v, d).names}


def test_what_changed_between_versions() -> None:
    two, three, four = (set(load(v).names) for v in ("1.2", "1.3", "1.4"))
    allocated = {"AllocatedMethodDetails", "AllocatedMethodId", "AllocatedResourceId", "AllocatedResourceName"}
    added = allocated | {"AllocatedTags", "ContractApplied", "HostProviderName", "ServiceProviderName"}
    assert (three - two, two - three) == (added, set())
    assert three - four == {"ProviderName", "PublisherName"}
    assert four - three == {"CommitmentProgramEligibilityDetails", "InvoiceDetailId"}
    assert [c.name for c in load("1.3").columns if c.deprecated] == ["ProviderName", "PublisherName"]


def test_values_and_parents() -> None:
    model = load("1.2")
    assert model.column("ChargeCategory").values == ("Usage", "Purchase", "Tax", "Credit", "Adjustment")
    assert model.column("ChargeClass").values == ("Correction",)
    sub = model.column("ServiceSubcategory")
    assert sub.values_of == "ServiceCategory"
    assert dict(sub.parents)["Generative AI"] == "AI and Machine Learning"
    assert {parent for _, parent in sub.parents} == set(model.column("ServiceCategory").values)
    assert model.column("ListUnitPrice").range == "non-negative"
    assert len(model.column("SkuPriceDetails").keys) == 13


def test_text_wins_over_the_constraint_table() -> None:
    for version in versions():
        assert not load(version).column("PricingCurrency").nulls
        assert not load(version).column("PricingCurrencyEffectiveCost").nulls
    assert load("1.3").column("HostProviderName").nulls


def test_unknown_names_say_what_is_near() -> None:
    with pytest.raises(UsageError, match=r"1\.2, 1\.3, 1\.4|did you mean"):
        load("1.1")
    with pytest.raises(UsageError, match="CostAndUsage"):
        load("1.2", "BillingPeriod")
    with pytest.raises(UsageError, match="did you mean BilledCost"):
        load("1.2").column("BiledCost")
    with pytest.raises(UsageError, match="exact or double"):
        arrow_schema("1.2", "float")  # type: ignore[arg-type]


@pytest.mark.parametrize("version", ["1.2", "1.3", "1.4"])
def test_our_columns(version: str) -> None:
    ours = custom_columns(version)
    names = [c.name for c in ours]
    assert names == sorted(names)
    assert not set(names) & set(reserved_names())
    for column in ours:
        assert re.fullmatch(r"x_[A-Z][A-Za-z0-9]*", column.name)
        assert len(column.name) <= 50
        assert column.description.endswith(".")
        assert column.example
        assert column.type in ("String", "Integer", "Decimal", "JSON")
        if column.values:
            assert column.example in column.values
        if column.type == "JSON":
            json.loads(str(column.example))
        # FOCUS columns of the version are not carried twice
        assert column.name.removeprefix("x_") not in load(version).names


def test_allocation_columns_are_ours_in_1_2_only() -> None:
    def allocated(version: str) -> list[str]:
        return [c.name for c in custom_columns(version) if c.name.startswith("x_Allocated")]

    assert allocated("1.2") == ["x_" + n for n in load("1.3").names if n.startswith("Allocated")]
    assert allocated("1.3") == allocated("1.4") == []


def test_reserved_names_of_finops_hubs() -> None:
    listed = "x_CostCategories x_Discount x_Operation x_ServiceCode x_UsageType x_Cost x_Credits x_CostType"
    listed += " x_CurrencyConversionRate x_ExportTime x_Project x_ServiceId x_BillingProfileId x_InvoiceSectionId"
    listed += " x_PricingBlockSize x_SkuMeterId x_SkuOfferId x_SourceName x_SourceProvider x_SourceType x_SourceVersion"
    assert set(listed.split()) <= set(reserved_names())


@pytest.mark.parametrize("version", ["1.2", "1.3", "1.4"])
def test_arrow_schema(version: str) -> None:
    schema = arrow_schema(version)
    assert tuple(schema.names) == load(version).all_names
    assert all(field.nullable for field in schema)
    expected = {
        "ListUnitPrice": pa.decimal128(18, 9),
        "ContractedUnitPrice": pa.decimal128(18, 9),
        "PricingCurrencyListUnitPrice": pa.decimal128(18, 9),
        "PricingCurrencyContractedUnitPrice": pa.decimal128(18, 9),
        "PricingQuantity": pa.decimal128(19, 9),
        "ConsumedQuantity": pa.decimal128(38, 9),
        "CommitmentDiscountQuantity": pa.decimal128(38, 9),
        "ChargePeriodStart": pa.timestamp("us", "UTC"),
        "SkuPriceDetails": pa.string(),
        "SkuId": pa.string(),
        "x_InputTokens": pa.int64(),
        "x_OwnerEvidence": pa.string(),
    }
    costs = ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost", "PricingCurrencyEffectiveCost")
    expected |= dict.fromkeys((*costs, "x_FxRate"), pa.decimal128(38, 18))
    assert {name: schema.field(name).type for name in expected} == expected
    decimals = [c for c in load(version).all_columns if c.type == "Decimal"]
    assert {c.name for c in decimals} <= set(expected)
    doubles = arrow_schema(version, "double")
    assert {f.type for f in doubles if f.name in {c.name for c in decimals}} == {pa.float64()}
    assert [f for f in doubles if f.type != pa.float64()] == [f for f in schema if not pa.types.is_decimal(f.type)]


def test_price_times_quantity_is_exactly_a_cost() -> None:
    price_type, quantity_type, cost_type = (
        arrow_schema("1.3").field(n).type for n in ("ListUnitPrice", "PricingQuantity", "ListCost")
    )
    price = pa.array([Decimal("2.500000001"), Decimal("999999999.999999999")], price_type)
    quantity = pa.array([Decimal("1.234567891"), Decimal("9999999999.999999999")], quantity_type)
    product = pc.multiply(price, quantity)
    assert product.type == cost_type == pa.decimal128(38, 18)
    # 2.500000001 x 1.234567891 = 3.0864197275 + 0.000000001234567891
    assert product[0].as_py() == Decimal("3.086419728734567891")


@pytest.mark.parametrize(("version", "numeric"), [("1.2", "exact"), ("1.3", "double"), ("1.4", "exact")])
def test_parquet_round_trip_in_duckdb(version: str, numeric: str, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    schema = arrow_schema(version, numeric)  # type: ignore[arg-type]
    row = {"ListCost": Decimal("0.003702"), "ChargePeriodStart": datetime(2026, 11, 1, tzinfo=UTC), "SkuId": "s"}
    if numeric == "double":
        row["ListCost"] = 0.003702
    pq.write_table(pa.Table.from_pylist([row], schema=schema), tmp_path / "a.parquet")
    with duckdb.connect() as db:
        described = db.execute(f"describe select * from '{tmp_path / 'a.parquet'}'").fetchall()
        cost = db.execute(f"select ListCost from '{tmp_path / 'a.parquet'}'").fetchone()
    assert [r[0] for r in described] == list(schema.names)
    assert cost == (row["ListCost"],)


def test_types_of_single_columns() -> None:
    assert arrow_type(Column("x_SomeCost", "Decimal", "")) == pa.decimal128(38, 18)
    assert arrow_type(load("1.4", "InvoiceDetail").column("InvoiceDetailGrain")) == pa.string()
    assert arrow_type(load("1.4", "ContractCommitment").column("ContractCommitmentQuantity")) == pa.decimal128(38, 9)


def test_documentation_page_is_up_to_date() -> None:
    page = Path(__file__).parents[2] / PAGE
    assert page.read_text(encoding="utf-8") == render_columns(), "run: python -m focus_ai.focus.docs"


@pytest.mark.skipif(not REFERENCE.is_file(), reason="the reference pages are not part of the repository")
@pytest.mark.parametrize(("version", "dataset"), EVERY)
def test_facts_equal_the_reference(version: str, dataset: str) -> None:
    facts = json.loads(REFERENCE.read_text(encoding="utf-8"))["versions"][version]["datasets"][dataset]["columns"]
    model = load(version, dataset)
    # null rule of the text instead of the constraint table, see `note` in the version files
    by_text = {(v, n) for v in ("1.2", "1.3") for n in ("PricingCurrency", "PricingCurrencyEffectiveCost")}
    assert [f["name"] for f in facts] == list(model.names)
    for fact, column in zip(facts, model.columns, strict=True):
        assert fact["order"] == column.order
        assert fact["data_type"].replace("Date/Time", "DateTime") == column.type
        assert (fact["column_type"], fact["feature_level"]) == (column.column_type, column.level)
        assert fact["allows_nulls"] == column.nulls or (version, column.name) in by_text
        assert fact["introduced"] == column.introduced
        values = [v["value"] if isinstance(v, dict) else v for v in fact.get("allowed_values", [])]
        assert values == list(column.values)
        presence = [(p["keyword"], tuple(w.removeprefix("own:") for w in p["when_all"])) for p in fact["presence"]]
        assert presence == [(p.keyword, p.when) for p in column.presence]
