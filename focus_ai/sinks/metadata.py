"""The FOCUS metadata objects that go beside the data, built from the column model and facts that the caller gives.

In: version, Arrow schema of the files, names, moments (never the clock, so the same run gives the same bytes).
Out: plain dicts with the property names of the specification, ready for `json.dumps`. No input or output happens here.
1.2 knows DataGenerator and Schema only; DatasetInstance and Recency exist from 1.3. Facts checked 2026-11-22.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from focus_ai.focus.columns import COST_AND_USAGE, Column, load

if TYPE_CHECKING:
    import pyarrow as pa

Json = dict[str, Any]

NAMESPACE = UUID("0d2f7a54-6a3e-5c1b-9f64-1f0c5a0e7b11")
_DOUBLE_DIGITS = 16
_INT64_DIGITS = 19
_ENCODING = "UTF-8"


def moment(value: datetime) -> str:
    """ISO 8601 in UTC with seconds. Raises `ValueError` for a time without a zone."""
    if value.tzinfo is None:
        raise ValueError(f"a moment needs a time zone: {value.isoformat()}")
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def data_generator(name: str) -> Json:
    """Who made the data: the tool, or the organisation that runs it."""
    return {"DataGenerator": name}


def has_instances(version: str) -> bool:
    """Whether the version knows DatasetInstance and Recency (1.3 and later)."""
    return tuple(int(part) for part in version.split(".")) >= (1, 3)


def dataset_instance(name: str, dataset: str = COST_AND_USAGE) -> Json:
    """One delivered data set; the id depends on its name and dataset only."""
    content = {"DatasetInstanceName": name, "FocusDatasetId": dataset}
    return {"DatasetInstanceId": _id("DatasetInstance", content), **content}


def schema_object(
    version: str,
    schema: pa.Schema,
    *,
    created: datetime,
    generator_version: str,
    instance_id: str | None = None,
    tag_prefixes: Sequence[str] = (),
    dataset: str = COST_AND_USAGE,
) -> Json:
    """The Schema object of files with this Arrow schema.

    SchemaId is a UUID 5 over everything but itself and `created`: a new id appears exactly when a column, its
    metadata, the FOCUS version or the generator version changed. `instance_id` is required from 1.3 on (`ValueError`).
    """
    if has_instances(version) and instance_id is None:
        raise ValueError(f"FOCUS {version} wants the DatasetInstanceId in the Schema object")
    content: Json = {"DatasetInstanceId": instance_id} if has_instances(version) else {}
    content |= {
        "FocusVersion": version,
        "DataGeneratorVersion": generator_version,
        "ColumnDefinition": column_definitions(version, schema, tag_prefixes=tag_prefixes, dataset=dataset),
    }
    return {"SchemaId": _id("Schema", content), "CreationDate": moment(created), **content}


def column_definitions(
    version: str, schema: pa.Schema, *, tag_prefixes: Sequence[str] = (), dataset: str = COST_AND_USAGE
) -> list[Json]:
    """ColumnDefinition entries in the order of the Arrow schema; columns outside the model follow their Arrow type."""
    known = {c.name: c for c in load(version, dataset).all_columns}
    return [_definition(field, known.get(field.name), tag_prefixes) for field in schema]


def day_sectors(days: Iterable[date], *, updated: datetime, complete_until: datetime | None = None) -> list[Json]:
    """One TimeSector per UTC day, sorted; a day is complete when it ended at or before `complete_until`."""
    sectors = []
    for day in sorted(set(days)):
        start = datetime.combine(day, time(), UTC)
        end = start + timedelta(days=1)
        sectors.append(
            {
                "TimeSectorStart": moment(start),
                "TimeSectorEnd": moment(end),
                "TimeSectorComplete": complete_until is not None and end <= complete_until,
                "TimeSectorLastUpdated": moment(updated),
            }
        )
    return sectors


def sectors_of(folder: Path, instance_id: str) -> list[Json]:
    """The TimeSectors that a `metadata` folder states for an instance; none where it has no such object."""
    try:
        found = json.loads((folder / _recency_path(instance_id)).read_text(encoding="utf-8"))
        return [s for s in found["TimeSectors"] if isinstance(s["TimeSectorStart"], str)]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def join_sectors(new: Sequence[Json], old: Iterable[Json], months: Collection[str]) -> list[Json]:
    """The new sectors and those old ones that are in none of the months (YYYY-MM) that were written, sorted."""
    told = {s["TimeSectorStart"]: s for s in old if s["TimeSectorStart"][:7] not in months}
    told |= {s["TimeSectorStart"]: s for s in new}
    return [told[start] for start in sorted(told)]


def recency(
    instance_id: str,
    *,
    written: datetime,
    data_updated: datetime,
    sectors: Sequence[Json],
    complete: bool | None = None,
) -> Json:
    """How fresh a data set is. Raises `ValueError` without sectors: CostAndUsage is a time series and needs one."""
    if not sectors:
        raise ValueError("a time series needs at least one time sector")
    result: Json = {
        "DatasetInstanceId": instance_id,
        "RecencyLastUpdated": moment(written),
        "DatasetInstanceLastUpdated": moment(data_updated),
    }
    if complete is not None:
        result["DatasetInstanceComplete"] = complete
    return {**result, "TimeSectors": list(sectors)}


def footer(schema: Mapping[str, Any], generator: str, dataset: str = COST_AND_USAGE) -> dict[str, str]:
    """Key-value pairs for the Parquet footer, from a Schema object: one loose file still names its schema."""
    pairs = {
        "focus.data_generator": generator,
        "focus.data_generator_version": schema["DataGeneratorVersion"],
        "focus.dataset": dataset,
        "focus.schema_id": schema["SchemaId"],
        "focus.version": schema["FocusVersion"],
    }
    if "DatasetInstanceId" in schema:
        pairs["focus.dataset_instance_id"] = schema["DatasetInstanceId"]
    return dict(sorted(pairs.items()))


def sidecar(
    generator: str, schema: Json, instance: Json | None = None, recency_object: Json | None = None
) -> dict[str, Json]:
    """Relative path below `metadata/` -> object, for the objects that exist in the version of `schema`."""
    files = {
        "data_generator.json": data_generator(generator),
        f"schemas/{schema['SchemaId']}.json": schema,
    }
    if instance is not None:
        files["dataset_instances.json"] = {"DatasetInstance": [instance]}
    if recency_object is not None:
        files[_recency_path(recency_object["DatasetInstanceId"])] = recency_object
    return dict(sorted(files.items()))


def _recency_path(instance_id: str) -> str:
    return f"recency/{instance_id}.json"


def _id(kind: str, content: Json) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return str(uuid5(NAMESPACE, f"{kind}:{canonical}"))


def _definition(field: pa.Field, column: Column | None, tag_prefixes: Sequence[str]) -> Json:
    import pyarrow as pa

    entry: Json = {"ColumnName": field.name}
    if pa.types.is_decimal(field.type):
        entry |= {"DataType": "DECIMAL", "NumericPrecision": field.type.precision, "NumberScale": field.type.scale}
    elif pa.types.is_floating(field.type):
        entry |= {"DataType": "DOUBLE", "NumericPrecision": _DOUBLE_DIGITS}
    elif pa.types.is_integer(field.type):
        entry |= {"DataType": "INTEGER", "NumericPrecision": _INT64_DIGITS}
    elif pa.types.is_timestamp(field.type):
        entry["DataType"] = "DATETIME"
    else:
        entry["DataType"] = "JSON" if column is not None and column.type == "JSON" else "STRING"
        entry["StringEncoding"] = _ENCODING
    if column is not None and column.deprecated:
        entry["Deprecated"] = True
    if field.name == "Tags":
        entry["ProviderTagPrefixes"] = sorted(tag_prefixes)
    return entry
