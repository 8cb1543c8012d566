"""The report object, its JSON, rule files of users, explanations."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from focus_ai import resources
from focus_ai.errors import UsageError
from focus_ai.findings import Finding, Findings, Sample, Verdict
from focus_ai.validation import Options, explain, load_rule_file, load_rules, shipped, validate
from focus_ai.validation.load import check_document

REPORT = Findings(
    focus_version="1.2", dataset="CostAndUsage", rows=3, files=("a.csv",),
    rules=(
        Verdict("G", "failed", "error", group=True, parts=("R", "S")),
        Verdict("R", "failed", "error", rows=3),
        Verdict("S", "failed", "warning", keyword="SHOULD"),
        Verdict("T", "not_checked", "error", "not in the data"),
        Verdict("U", "passed", "info"),
    ),
    findings=(Finding("R", "error", "A", 2, "m", {"EUR": "1.5", "USD": "2"}, {"USD": "3"}, "f", (Sample("a.csv", 2, None, {"k": None}),)),),
)  # fmt: skip


def test_the_report_has_the_shape_that_was_promised() -> None:
    data = json.loads(REPORT.to_json())
    assert data["schema"] == "focus-ai/findings@1"
    assert {"focus_version", "dataset", "rows", "rules", "findings", "summary"} <= set(data)
    assert set(data["rules"][1]) >= {"id", "status", "severity", "reason"}
    assert data["findings"][0]["samples"] == [{"file": "a.csv", "row": 2, "value": None, "key": {"k": None}}]
    assert data["findings"][0]["billed_cost"] == "1.5 EUR; 2 USD"
    assert data["findings"][0]["effective_cost"] == "3"
    assert data["summary"] == {
        "errors": 1, "warnings": 1, "infos": 0, "passed": 1, "failed": 2, "not_applicable": 0, "not_checked": 1,
    }  # fmt: skip
    assert Findings.from_json(REPORT.to_json()) == REPORT


@pytest.mark.parametrize("text", ["{}", "[]", '{"schema": "focus-ai/findings@1"}', '{"schema": "other"}'])
def test_other_json_is_no_report(text: str) -> None:
    with pytest.raises(ValueError, match="report"):
        Findings.from_json(text)


def test_no_amount_is_a_float(bench: Any) -> None:
    rows = [{"BilledCost": "0.1", "ServiceName": None}, {"BilledCost": "0.2", "ServiceName": None}]
    data = bench.data(rows, {"BilledCost": "DECIMAL(38,18)", "ServiceName": "VARCHAR"})
    found = bench.check([{"id": "T", "column": "ServiceName", "require": {"not_null": "ServiceName"}}], data)
    assert found.findings[0].billed_cost == {"": "0.3"}

    def refuse(text: str) -> None:
        pytest.fail(f"a float in the report: {text}")

    json.loads(found.to_json(), parse_float=refuse)


def test_shipped_rule_files_have_the_shape() -> None:
    folder = resources.schemas() / "focus"
    files = [*folder.glob("*/rules/*.yaml"), *(folder / "rules").glob("*.yaml")]
    assert files
    for path in files:
        if path.name != "corrections.yaml":
            check_document(resources.load_yaml(path), path.name)
    assert ("1.2", "CostAndUsage") in shipped()


def test_every_shipped_rule_can_be_explained() -> None:
    for version, dataset in shipped():
        for rule_set in load_rules(version, dataset):
            for rule in rule_set.rules:
                told = explain(rule, version, dataset)
                assert told.sentence and "{" not in told.sentence.replace('{"', ""), rule.id
                if rule.require is not None:
                    assert told.why and told.fix and "{column}" not in told.fix, rule.id


def test_the_sql_of_a_rule_finds_the_rows(bench: Any) -> None:
    rule = load_rules("1.2")[0].rule("ListCost-C-009-C")
    told = explain(rule, "1.2")
    bench.session.sql(
        "CREATE TABLE focus_data AS SELECT CAST(p AS DECIMAL(18,9)) AS ListUnitPrice, CAST(q AS DECIMAL(19,9)) AS "
        "PricingQuantity, CAST(c AS DECIMAL(38,18)) AS ListCost, NULL::VARCHAR AS ChargeClass "
        "FROM (VALUES (2, 3, 6), (2, 3, 7)) t(p, q, c)"
    )
    assert [row[2] for row in bench.session.rows(told.sql)] == [Decimal(7)]
    assert told.official and told.severity == "error" and "ListUnitPrice" in told.columns


RULES = """
rules:
  - id: MY-1
    column: x_CostCenter
    require: {matches: {x_CostCenter: "[0-9]{4}"}}
    severity: warning
    fix: Ask finance for the cost center.
  - id: MY-2
    column: BilledCost
    when: {is: {ChargeCategory: Usage}}
    require: {compare: [BilledCost, "<=", 100.50]}
"""


def test_rules_of_a_user_run_beside_the_shipped_ones(bench: Any, tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(RULES, encoding="utf-8")
    mine = load_rule_file(path)
    rows = [
        {"x_CostCenter": "12", "BilledCost": "100.51", "ChargeCategory": "Usage"},
        {"x_CostCenter": "1234", "BilledCost": "999", "ChargeCategory": "Tax"},
        {"x_CostCenter": None, "BilledCost": "100.5", "ChargeCategory": "Usage"},
    ]
    found = validate(
        bench.session, bench.data(rows), [load_rules("1.2")[0], mine], Options(select=["MY-*"]), version="1.2"
    )
    assert [(f.rule, f.severity, f.rows, f.samples[0].row) for f in found.findings] == [
        ("MY-1", "warning", 1, 1),
        ("MY-2", "error", 1, 1),
    ]
    assert found.findings[0].fix == "Ask finance for the cost center."
    assert "x_CostCenter" in found.findings[0].message


BROKEN = [
    ("rules: [{id: A}]", "rule A"),
    ("rules: [{id: A, require: {nul: B}}]", "rule A"),
    ("rules: [{id: A, column: B, require: {type: {B: number}}}]", "rule A"),
    ("rules: [{id: A, require: {null: B}, parts: [C]}]", "rule A"),
    ("rules: {}", ""),
    ("rules: [", ""),
    ("[1]", ""),
]


@pytest.mark.parametrize(("text", "place"), BROKEN)
def test_a_mistake_in_a_rule_file_is_told_with_its_place(tmp_path: Path, text: str, place: str) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as raised:
        load_rule_file(path)
    assert place in str(raised.value)
    with pytest.raises(UsageError, match="does not exist"):
        load_rule_file(tmp_path / "none.yaml")


def test_text_of_a_rule_file_is_never_sql(bench: Any) -> None:
    evil = "x') OR 1=1; DROP TABLE data_1; --"
    rows = [{"A": evil, 'B"; --': "1"}]
    rules = [
        {"id": "1", "column": "A", "require": {"values": {"A": ["a'b", evil]}}},
        {"id": "2", "column": 'B"; --', "require": {"is": {'B"; --': evil}}},
        {"id": "3", "column": "A", "require": {"matches": {"A": "'"}}},
    ]
    found = bench.check(rules, bench.data(rows))
    assert [v.status for v in found.rules] == ["passed", "failed", "failed"]
    assert found.findings[0].samples[0].value == "1"


def test_a_large_number_of_failing_rules_and_rows(bench: Any) -> None:
    rows = [{"A": None if i % 2 else "x", "BilledCost": "0.01", "BillingCurrency": "USD"} for i in range(500)]
    rules = [{"id": f"R{i}", "column": "A", "require": {"not_null": "A"}} for i in range(150)]
    found = bench.check(rules, bench.data(rows))
    assert len(found.findings) == 150
    assert all(f.rows == 250 and f.billed_cost == {"USD": "2.5"} for f in found.findings)
    assert all([s.row for s in f.samples] == [2, 4, 6, 8, 10] for f in found.findings)


def test_no_samples_when_none_are_wanted(bench: Any) -> None:
    found = bench.check(
        [{"id": "R", "column": "A", "require": {"not_null": "A"}}], bench.data([{"A": None}]), samples=0
    )
    assert found.findings[0].rows == 1 and found.findings[0].samples == ()
