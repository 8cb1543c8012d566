"""Exported schemas: they describe the same columns as the files, in every form."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from jsonschema import Draft202012Validator

from focus_ai.cli.schema_cmd import names, schema
from focus_ai.errors import UsageError
from focus_ai.focus.columns import arrow_schema, datasets, load, versions
from focus_ai.focus.exports import FORMS, SQL_FLAVOURS, arrow_text, export, json_schema, markdown, sql

EVERY = [(v, d) for v in versions() for d in datasets(v)]


@pytest.mark.parametrize("form", [*FORMS, "md", "sql", "json-schema"])
@pytest.mark.parametrize(("version", "dataset"), EVERY)
def test_every_form_names_every_column(form: str, version: str, dataset: str) -> None:
    text = export(version, form, dataset=dataset)
    assert text.endswith("\n")
    at = [text.index(name) for name in load(version, dataset).all_names]
    assert len(at) == len(load(version, dataset).all_columns)


def test_arrow_text_has_one_line_per_column() -> None:
    lines = arrow_text("1.3").splitlines()
    assert len(lines) == len(load("1.3").all_columns)
    assert "ListUnitPrice: decimal128(18, 9)" in lines
    assert "ChargePeriodStart: timestamp[us, tz=UTC]" in lines
    assert "ListUnitPrice: double" in arrow_text("1.3", "double").splitlines()


@pytest.mark.parametrize("numeric", ["exact", "double"])
@pytest.mark.parametrize("version", ["1.2", "1.3", "1.4"])
def test_duckdb_table_has_the_types_of_the_files(version: str, numeric: str) -> None:
    with duckdb.connect() as db:
        db.execute(sql(version, "duckdb", table="t", numeric=numeric))  # type: ignore[arg-type]
        made = db.execute("describe t").fetchall()
        empty = arrow_schema(version, numeric).empty_table()  # type: ignore[arg-type]
        db.register("files", empty)
        read = db.execute("describe select * from files").fetchall()
    assert [(r[0], r[1]) for r in made] == [(r[0], r[1]) for r in read]


def test_flavours_of_sql() -> None:
    assert "`BilledCost` BIGNUMERIC(38, 18)" in sql("1.2", "bigquery")
    assert "`ListUnitPrice` NUMERIC(18, 9)" in sql("1.2", "bigquery")
    assert '"ChargePeriodStart" TIMESTAMP_LTZ(6)' in sql("1.2", "snowflake")
    athena = sql("1.2", "athena")
    assert athena.startswith("CREATE EXTERNAL TABLE")
    assert "PARTITIONED BY (`billing_period` string)" in athena
    assert "`x_InputTokens` bigint" in athena
    assert sql("1.2", "databricks").endswith(")\nUSING DELTA;\n")
    assert all("DOUBLE" in sql("1.2", f, numeric="double").upper() for f in SQL_FLAVOURS if f != "bigquery")
    assert "FLOAT64" in sql("1.2", "bigquery", numeric="double")
    with pytest.raises(UsageError, match="did you mean duckdb"):
        sql("1.2", "duckdv")


def row(version: str) -> dict[str, object]:
    """A complete row of plain token usage as JSON."""
    values: dict[str, object] = dict.fromkeys(load(version).all_names)
    values |= {
        "BilledCost": "0",
        "BillingAccountId": "org-1",
        "BillingAccountType": "Organization",
        "BillingCurrency": "USD",
        "BillingPeriodStart": "2026-11-01T00:00:00Z",
        "BillingPeriodEnd": "2026-12-01T00:00:00Z",
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": "2026-11-18T00:00:00Z",
        "ChargePeriodEnd": "2026-11-19T00:00:00.5Z",
        "ContractedCost": "0.003702",
        "EffectiveCost": "0.003702",
        "InvoiceIssuerName": "Acme",
        "ListCost": "0.003702",
        "PricingCurrency": "USD",
        "PricingCurrencyEffectiveCost": "0.003702",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": "Acme API",
        "ServiceSubcategory": "Generative AI",
    }
    for name in ("ProviderName", "PublisherName", "ServiceProviderName"):
        if name in values:
            values[name] = "Acme"
    return values


@pytest.mark.parametrize("version", ["1.2", "1.3", "1.4"])
def test_json_schema_accepts_a_row_and_refuses_wrong_ones(version: str) -> None:
    shape = json_schema(version)
    Draft202012Validator.check_schema(shape)
    check = Draft202012Validator(shape)
    good = row(version)
    assert [e.message for e in check.iter_errors(good)] == []
    assert check.is_valid({**good, "x_MyOwn": 1})
    wrong = {
        "BilledCost": 0.1,
        "ListCost": "1E+3",
        "ChargePeriodStart": "2026-11-18",
        "ChargeCategory": "usage",
        "ServiceName": "",
        "BillingCurrency": None,
        "x_InputTokens": "12",
        "x_TokenDirection": "Sideways",
        "Unknown": "x",
    }
    for name, value in wrong.items():
        assert not check.is_valid({**good, name: value}), name
    assert not check.is_valid({k: v for k, v in good.items() if k != "BilledCost"})
    doubles = Draft202012Validator(json_schema(version, "double"))
    assert not doubles.is_valid(good)


def test_markdown_counts_and_marks() -> None:
    text = markdown("1.3")
    assert text.startswith("# CostAndUsage, FOCUS 1.3\n\n65 FOCUS columns and ")
    assert "Deprecated in 1.3." in text
    assert "| ListUnitPrice | Decimal(18,9) | Conditional | yes |" in text
    assert markdown("1.4", "BillingPeriod").startswith("# BillingPeriod, FOCUS 1.4\n\n6 FOCUS columns. Ratified")


def test_command_prints_versions_and_files() -> None:
    assert schema("1.3") == markdown("1.3")
    assert json.loads(schema("1.4", "json", numeric="double")) == json_schema("1.4", "double")
    assert schema("1.4", "arrow", dataset="InvoiceDetail") == arrow_text("1.4", dataset="InvoiceDetail")
    for name in names():
        assert schema(name)
    with pytest.raises(UsageError, match="did you mean"):
        schema("1.33")
    with pytest.raises(UsageError, match="unknown schema form"):
        schema("1.3", "avro")
    with pytest.raises(UsageError, match="unknown numeric form"):
        schema("1.3", "arrow", numeric="float")


def test_command_prints_our_own_files_word_for_word(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from focus_ai.cli import schema_cmd

    file = tmp_path / "event.schema.json"
    file.write_text('{"type": "object"}\n', encoding="utf-8")
    monkeypatch.setattr(schema_cmd, "_files", lambda: {"event": file})
    assert schema("event") == schema("event", "json") == '{"type": "object"}\n'
    with pytest.raises(UsageError, match="only --as json"):
        schema("event", "duckdb")
    with pytest.raises(UsageError, match="did you mean event"):
        schema("events")
