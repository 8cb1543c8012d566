"""The column model in other languages: Arrow text, JSON Schema of a row, SQL tables and Markdown.

In: a version, a dataset and the numeric form. Out: text that ends with a line break. Nothing here reads data.
SQL types and limits of the warehouses checked 2026-11-22.
"""

from __future__ import annotations

import json
from typing import Any

from focus_ai.errors import UsageError, nearest
from focus_ai.focus.columns import COST_AND_USAGE, Column, FocusVersion, Numeric, arrow_schema, load

_DECIMAL_TEXT = r"^-?[0-9]+(\.[0-9]+)?$"
_MOMENT_TEXT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z$"

# text, double, moment, whole number, decimal with precision and scale
_SQL_TYPES = {
    "duckdb": ("VARCHAR", "DOUBLE", "TIMESTAMP WITH TIME ZONE", "BIGINT", "DECIMAL({p},{s})"),
    "snowflake": ("VARCHAR", "DOUBLE", "TIMESTAMP_LTZ(6)", "NUMBER(19,0)", "NUMBER({p},{s})"),
    "bigquery": ("STRING", "FLOAT64", "TIMESTAMP", "INT64", "NUMERIC({p}, {s})"),
    "athena": ("string", "double", "timestamp", "bigint", "decimal({p},{s})"),
    "databricks": ("STRING", "DOUBLE", "TIMESTAMP", "BIGINT", "DECIMAL({p},{s})"),
}
_BIGQUERY_NUMERIC_SCALE = 9
_QUOTES = {"duckdb": '"', "snowflake": '"', "bigquery": "`", "athena": "`", "databricks": "`"}

SQL_FLAVOURS = tuple(_SQL_TYPES)
FORMS = ("arrow", "json", "markdown", *SQL_FLAVOURS)
_ALIASES = {"md": "markdown", "sql": "duckdb", "json-schema": "json", "jsonschema": "json", "ddl": "duckdb"}


def export(version: str, form: str, numeric: Numeric = "exact", dataset: str = COST_AND_USAGE) -> str:
    """The schema in one of `FORMS` (`sql` means duckdb). Raises `UsageError` for anything unknown."""
    chosen = _ALIASES.get(form, form)
    if chosen not in FORMS:
        raise UsageError(f"unknown schema form {form!r}", value=form, expected=nearest(form, FORMS))
    if chosen == "arrow":
        return arrow_text(version, numeric, dataset)
    if chosen == "json":
        return json.dumps(json_schema(version, numeric, dataset), indent=2, ensure_ascii=False) + "\n"
    if chosen == "markdown":
        return markdown(version, dataset)
    return sql(version, chosen, numeric=numeric, dataset=dataset)


def arrow_text(version: str, numeric: Numeric = "exact", dataset: str = COST_AND_USAGE) -> str:
    """One line per column: name and Arrow type."""
    return "".join(f"{field.name}: {field.type}\n" for field in arrow_schema(version, numeric, dataset))


def json_schema(version: str, numeric: Numeric = "exact", dataset: str = COST_AND_USAGE) -> dict[str, Any]:
    """JSON Schema (2020-12) of one row: exact amounts are text, doubles numbers; other x_ columns are allowed."""
    model = load(version, dataset)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"One row of {dataset}, FOCUS {version}, as focus-ai writes it",
        "type": "object",
        "required": [c.name for c in model.columns if any(p.keyword == "MUST" and not p.when for p in c.presence)],
        "properties": {c.name: _json_property(c, numeric) for c in model.all_columns},
        "patternProperties": {"^x_[A-Z]": True},
        "additionalProperties": False,
    }


def sql(
    version: str,
    flavour: str,
    *,
    table: str = "focus_cost_and_usage",
    numeric: Numeric = "exact",
    dataset: str = COST_AND_USAGE,
) -> str:
    """A CREATE TABLE statement. Athena reads the files in place and needs the bucket filled in.

    The folder name `billing_period=YYYY-MM` is a column only where the engine wants partitions declared.
    """
    if flavour not in SQL_FLAVOURS:
        raise UsageError(f"unknown SQL flavour {flavour!r}", value=flavour, expected=nearest(flavour, SQL_FLAVOURS))
    quote = _QUOTES[flavour]
    lines = [f"  {quote}{c.name}{quote} {_sql_type(c, flavour, numeric)}" for c in load(version, dataset).all_columns]
    kind = "EXTERNAL TABLE" if flavour == "athena" else "TABLE"
    tail = {
        "athena": "\nPARTITIONED BY (`billing_period` string)\nSTORED AS PARQUET\nLOCATION 's3://BUCKET/PREFIX/data/'",
        "databricks": "\nUSING DELTA",
    }
    return f"CREATE {kind} {table} (\n" + ",\n".join(lines) + f"\n){tail.get(flavour, '')};\n"


def markdown(version: str, dataset: str = COST_AND_USAGE) -> str:
    """A table of all columns with type, level, nulls and what they hold."""
    model = load(version, dataset)
    head = f"# {dataset}, FOCUS {version}\n\n{_counts(model)}\n\n"
    rows = ["| Column | Type | Level | Null | Holds |", "| --- | --- | --- | --- | --- |"]
    for c in model.all_columns:
        rows.append(f"| {c.name} | {type_text(c)} | {c.level} | {'yes' if c.nulls else 'no'} | {holds(c)} |")
    return head + "\n".join(rows) + "\n"


def type_text(column: Column) -> str:
    """The type as a reader wants to see it, for example `Decimal(18,9)`."""
    size = column.decimal()
    return f"{column.type}({size[0]},{size[1]})" if size else column.type


def holds(column: Column, most_values: int = 20) -> str:
    """Description, allowed values (when not too many) and deprecation as one table cell."""
    text = column.description
    if 0 < len(column.values) <= most_values:
        text += " Values: " + ", ".join(f"`{v}`" for v in column.values) + "."
    if column.deprecated:
        text += f" Deprecated in {column.deprecated}."
    return text.replace("|", "\\|")


def _counts(model: FocusVersion) -> str:
    own = f" and {len(model.custom)} of our own" if model.custom else ""
    return f"{len(model.columns)} FOCUS columns{own}. Ratified {model.ratified}."


def _sql_type(column: Column, flavour: str, numeric: Numeric) -> str:
    text, double, moment, whole, decimal = _SQL_TYPES[flavour]
    size = column.decimal()
    if size:
        if numeric == "double":
            return double
        if flavour == "bigquery" and size[1] > _BIGQUERY_NUMERIC_SCALE:
            decimal = "BIG" + decimal
        return decimal.format(p=size[0], s=size[1])
    return {"DateTime": moment, "Integer": whole}.get(column.type, text)


def _json_property(column: Column, numeric: Numeric) -> dict[str, Any]:
    shape: dict[str, Any] = {"description": column.description}
    if column.type == "Decimal":
        kind = "number" if numeric == "double" else "string"
        shape |= {"type": kind} if kind == "number" else {"type": kind, "pattern": _DECIMAL_TEXT}
    elif column.type == "DateTime":
        shape |= {"type": "string", "format": "date-time", "pattern": _MOMENT_TEXT}
    elif column.type == "Integer":
        shape |= {"type": "integer"}
    else:
        shape |= {"type": "string", "minLength": 1}
        if column.type == "JSON":
            shape |= {"contentMediaType": "application/json"}
    if column.nulls:
        shape["type"] = [shape["type"], "null"]
    if column.values:
        shape["enum"] = [*column.values, None] if column.nulls else list(column.values)
    if column.deprecated:
        shape["deprecated"] = True
    return shape
