"""FOCUS metadata objects: properties per version, precision equal to the files, ids that follow the content."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest

from focus_ai.focus.columns import Numeric, arrow_schema, load
from focus_ai.sinks.metadata import (
    column_definitions,
    data_generator,
    dataset_instance,
    day_sectors,
    footer,
    moment,
    recency,
    schema_object,
    sidecar,
)

CREATED = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
INSTANCE = dataset_instance("acme-ai-spend")


def made(version: str = "1.3", numeric: Numeric = "exact", **facts: Any) -> dict[str, Any]:
    """A Schema object with usual facts."""
    usual: dict[str, Any] = {"created": CREATED, "generator_version": "0.1.0"}
    if version != "1.2":
        usual["instance_id"] = INSTANCE["DatasetInstanceId"]
    return schema_object(version, arrow_schema(version, numeric), **{**usual, **facts})


def test_generator_and_instance() -> None:
    assert data_generator("focus-ai") == {"DataGenerator": "focus-ai"}
    assert UUID(INSTANCE["DatasetInstanceId"]).version == 5
    assert (INSTANCE["DatasetInstanceName"], INSTANCE["FocusDatasetId"]) == ("acme-ai-spend", "CostAndUsage")
    assert dataset_instance("acme-ai-spend") == INSTANCE
    assert dataset_instance("other")["DatasetInstanceId"] != INSTANCE["DatasetInstanceId"]


@pytest.mark.parametrize("version", ["1.2", "1.3", "1.4"])
def test_schema_object_has_the_properties_of_its_version(version: str) -> None:
    result = made(version)
    assert ("DatasetInstanceId" in result) == (version != "1.2")
    assert result["FocusVersion"] == version
    assert result["CreationDate"] == "2026-11-22T09:30:00Z"
    assert result["DataGeneratorVersion"] == "0.1.0"
    assert UUID(result["SchemaId"]).version == 5
    assert [d["ColumnName"] for d in result["ColumnDefinition"]] == list(load(version).all_names)
    assert json.loads(json.dumps(result)) == result


def test_column_definitions_equal_the_files() -> None:
    by_name = {d["ColumnName"]: d for d in made(tag_prefixes=["gw/", "acme/"])["ColumnDefinition"]}
    assert by_name["ListUnitPrice"] == {
        "ColumnName": "ListUnitPrice",
        "DataType": "DECIMAL",
        "NumericPrecision": 18,
        "NumberScale": 9,
    }
    assert (by_name["ListCost"]["NumericPrecision"], by_name["ListCost"]["NumberScale"]) == (38, 18)
    assert by_name["ChargePeriodStart"] == {"ColumnName": "ChargePeriodStart", "DataType": "DATETIME"}
    assert by_name["SkuId"] == {"ColumnName": "SkuId", "DataType": "STRING", "StringEncoding": "UTF-8"}
    assert by_name["SkuPriceDetails"]["DataType"] == by_name["x_OwnerEvidence"]["DataType"] == "JSON"
    assert by_name["x_InputTokens"] == {"ColumnName": "x_InputTokens", "DataType": "INTEGER", "NumericPrecision": 19}
    assert by_name["Tags"]["ProviderTagPrefixes"] == ["acme/", "gw/"]
    assert [n for n, d in by_name.items() if d.get("Deprecated")] == ["ProviderName", "PublisherName"]
    assert not any(d.get("Deprecated") for d in made("1.2")["ColumnDefinition"])


def test_doubles_and_columns_outside_the_model() -> None:
    doubles = {d["ColumnName"]: d for d in made(numeric="double")["ColumnDefinition"]}
    assert doubles["ListCost"] == {"ColumnName": "ListCost", "DataType": "DOUBLE", "NumericPrecision": 16}
    extra = pa.schema([pa.field("x_Mine", pa.decimal128(10, 2)), pa.field("x_Text", pa.string())])
    assert column_definitions("1.3", extra) == [
        {"ColumnName": "x_Mine", "DataType": "DECIMAL", "NumericPrecision": 10, "NumberScale": 2},
        {"ColumnName": "x_Text", "DataType": "STRING", "StringEncoding": "UTF-8"},
    ]


def test_tags_always_name_their_prefixes() -> None:
    tags = next(d for d in made()["ColumnDefinition"] if d["ColumnName"] == "Tags")
    assert tags["ProviderTagPrefixes"] == []


def test_schema_id_follows_the_content_and_not_the_clock() -> None:
    same = made()
    assert made(created=CREATED + timedelta(days=3))["SchemaId"] == same["SchemaId"]
    changed = [
        made(numeric="double"),
        made("1.4"),
        made(generator_version="0.2.0"),
        made(tag_prefixes=["gw/"]),
        made(instance_id=dataset_instance("other")["DatasetInstanceId"]),
    ]
    assert len({same["SchemaId"], *(c["SchemaId"] for c in changed)}) == 6


def test_an_instance_is_needed_from_1_3() -> None:
    with pytest.raises(ValueError, match="DatasetInstanceId"):
        made(instance_id=None)
    assert "DatasetInstanceId" not in made("1.2", instance_id="ignored")


def test_moments_are_utc() -> None:
    east = timezone(timedelta(hours=2))
    assert moment(datetime(2026, 11, 22, 1, 0, tzinfo=east)) == "2026-11-21T23:00:00Z"
    with pytest.raises(ValueError, match="time zone"):
        moment(datetime(2026, 11, 22))


def test_recency_by_day() -> None:
    days = [date(2026, 11, 2), date(2026, 10, 31), date(2026, 11, 2)]
    sectors = day_sectors(days, updated=CREATED, complete_until=datetime(2026, 11, 2, tzinfo=UTC))
    assert [(s["TimeSectorStart"], s["TimeSectorEnd"], s["TimeSectorComplete"]) for s in sectors] == [
        ("2026-10-31T00:00:00Z", "2026-11-01T00:00:00Z", True),
        ("2026-11-02T00:00:00Z", "2026-11-03T00:00:00Z", False),
    ]
    assert not any(s["TimeSectorComplete"] for s in day_sectors(days, updated=CREATED))
    result = recency("i-1", written=CREATED, data_updated=CREATED, sectors=sectors)
    assert "DatasetInstanceComplete" not in result
    assert result["RecencyLastUpdated"] == result["DatasetInstanceLastUpdated"] == "2026-11-22T09:30:00Z"
    done = recency("i-1", written=CREATED, data_updated=CREATED, sectors=sectors, complete=True)
    assert done["DatasetInstanceComplete"] is True
    with pytest.raises(ValueError, match="at least one"):
        recency("i-1", written=CREATED, data_updated=CREATED, sectors=[])


def test_a_loose_file_names_its_schema() -> None:
    schema = made()
    pairs = footer(schema, "focus-ai")
    assert list(pairs) == sorted(pairs)
    assert pairs["focus.schema_id"] == schema["SchemaId"]
    assert pairs["focus.version"] == "1.3"
    assert "focus.dataset_instance_id" not in footer(made("1.2"), "focus-ai")


def test_sidecar_paths() -> None:
    schema = made()
    fresh = recency(
        "i-1", written=CREATED, data_updated=CREATED, sectors=day_sectors([date(2026, 11, 1)], updated=CREATED)
    )
    files = sidecar("focus-ai", schema, INSTANCE, fresh)
    assert list(files) == [
        "data_generator.json",
        "dataset_instances.json",
        "recency/i-1.json",
        f"schemas/{schema['SchemaId']}.json",
    ]
    assert files["dataset_instances.json"] == {"DatasetInstance": [INSTANCE]}
    old = made("1.2")
    assert list(sidecar("focus-ai", old)) == ["data_generator.json", f"schemas/{old['SchemaId']}.json"]
