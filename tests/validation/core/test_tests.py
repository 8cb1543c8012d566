"""Each check function of the rule language: which rows break it, nulls and missing columns included."""

from __future__ import annotations

from typing import Any

import pytest

from focus_ai.errors import UsageError

A = [{"A": v} for v in ("x", "y", None, "")]


@pytest.mark.parametrize(
    ("require", "broken"),
    [
        ({"null": "A"}, [1, 2, 4]),
        ({"not_null": "A"}, [3]),
        ({"is": {"A": "x"}}, [2, 3, 4]),
        ({"is_not": {"A": "x"}}, [1]),
        ({"in": {"A": ["x", "y"]}}, [3, 4]),
        ({"not_in": {"A": ["x", "y"]}}, [1, 2]),
        ({"values": {"A": ["x", "y"]}}, [4]),
        ({"matches": {"A": "[a-z]"}}, [4]),
        ({"format": {"A": "not-blank"}}, [4]),
        ({"not": {"values": {"A": ["x"]}}}, [1]),
        ({"any": [{"is": {"A": "x"}}, {"null": "A"}]}, [2, 4]),
        ({"all": [{"is_not": {"A": "x"}}, {"not_null": "A"}]}, [1, 3]),
    ],
)
def test_text_tests(bench: Any, require: Any, broken: list[int]) -> None:
    assert bench.rows(require, A) == broken


def test_unknown_never_breaks_and_never_meets_a_condition(bench: Any) -> None:
    # compare is unknown for a null: row 3 neither breaks a requirement nor meets a condition, also when negated
    rows = [{"N": "1", "M": "x"}, {"N": "-1", "M": "x"}, {"N": None, "M": "x"}]
    assert bench.rows({"compare": ["N", ">", 0]}, rows, types={"N": "BIGINT", "M": "VARCHAR"}) == [2]
    negated = {"not": {"compare": ["N", ">", 0]}}
    assert bench.rows({"null": "M"}, rows, {"compare": ["N", ">", 0]}, {"N": "BIGINT", "M": "VARCHAR"}) == [1]
    assert bench.rows({"null": "M"}, rows, negated, {"N": "BIGINT", "M": "VARCHAR"}) == [2]


def test_conditions_are_null_safe(bench: Any) -> None:
    rows = [
        {"ChargeClass": None, "SkuId": None},
        {"ChargeClass": "Correction", "SkuId": None},
        {"ChargeClass": "Other", "SkuId": None},
        {"ChargeClass": None, "SkuId": "s"},
    ]
    assert bench.rows({"not_null": "SkuId"}, rows, {"is_not": {"ChargeClass": "Correction"}}) == [1, 3]


def test_a_missing_column_counts_as_null_except_for_null_tests(bench: Any) -> None:
    rows = [{"A": None}, {"A": "x"}]
    assert bench.status({"not_null": "A"}, rows, {"is_not": {"B": "Unused"}}) == "failed"
    assert bench.status({"not_null": "A"}, rows, {"is": {"B": "Unused"}}) == "not_applicable"
    assert bench.status({"null": "A"}, rows, {"null": "B"}) == "not_applicable"
    assert bench.status({"null": "A"}, rows, {"not_null": "B"}) == "not_applicable"
    assert bench.status({"not_null": "A"}, [{"B": "x"}]) == "not_applicable"


def test_presence_is_told_once_and_needs_no_row(bench: Any) -> None:
    rules = [
        {"id": "P", "column": "BilledCost", "require": {"present": "BilledCost"}},
        {"id": "N", "column": "BilledCost", "require": {"not_null": "BilledCost"}},
    ]
    found = bench.check(rules, bench.data([{"billedcost": "1"}]))
    assert [(v.rule, v.status) for v in found.rules] == [("P", "failed"), ("N", "not_applicable")]
    assert [(f.rule, f.rows, f.samples) for f in found.findings] == [("P", 0, ())]
    assert "billedcost instead" in found.findings[0].message
    empty = bench.check(rules, bench.data([], {"BilledCost": "DOUBLE"}))
    assert [v.status for v in empty.rules] == ["passed", "not_applicable"]
    assert empty.rules[1].reason == "the data has no rows"


TYPES: list[tuple[str, str, bool]] = [
    ("decimal", "1.5", True), ("decimal", "-0.000000001", True), ("decimal", "1E-5", True), ("decimal", "+1", True),
    ("decimal", "1,000.5", False), ("decimal", "$1", False), ("decimal", "abc", False), ("decimal", "1_000", False),
    ("decimal", "", False), ("integer", "12", True), ("integer", "1.5", False),
    ("datetime", "2026-01-31T00:00:00Z", True), ("datetime", "2026-02-30T00:00:00Z", False), ("datetime", "now", False),
    ("datetime", "infinity", False), ("string", "00123", True), ("json", '{"a": 1}', True), ("json", "{a: 1}", False),
]  # fmt: skip
FORMATS: list[tuple[str, str, bool]] = [
    ("numeric", "1.5", True), ("numeric", "-1E-5", True), ("numeric", "1e5", True), ("numeric", "+1", False),
    ("numeric", "1E+5", False), ("numeric", "1/2", False), ("numeric", " 1", False), ("numeric", "1.", False),
    ("datetime", "2026-01-31T23:59:59Z", True), ("datetime", "2026-01-31T23:59:59.123456Z", True),
    ("datetime", "2026-01-31", False), ("datetime", "2026-01-31 00:00:00", False),
    ("datetime", "2026-01-31T00:00:00+00:00", False), ("datetime", "2026-02-30T00:00:00Z", False),
    ("currency", "USD", True), ("currency", "usd", False), ("currency", "XYZ", False), ("currency", "Credits", True),
    ("currency", "$", False), ("national-currency", "EUR", True), ("national-currency", "Credits", False),
    ("unit", "Tokens", True), ("unit", "1000000 Tokens", True), ("unit", "GB-Hours", True),
    ("unit", "Requests/Second", True), ("unit", "1M Tokens", False), ("unit", "tokens", False),
    ("unit", "1,000,000 Tokens", False), ("unit", "1.5 Tokens", False),
    ("key-value", "{}", True), ("key-value", '{"a": "b", "c": 1.5e3, "d": true, "e": null}', True),
    ("key-value", '{"a": 1, "a": 2}', False), ("key-value", '{"a": {"b": 1}}', False), ("key-value", '{"a": [1]}', False),
    ("key-value", "[1, 2]", False), ("key-value", '{"a": 1,}', False), ("key-value", '{"a": NaN}', False),
    ("key-value", "{'a': 1}", False), ("key-value", '{"a": "line\nbreak"}', False), ("key-value", "text", False),
    ("json-object", '{"a": {"b": [1]}}', True), ("json-object", "[1]", False), ("json-object", "{bad", False),
    ("no-placeholder", "N/A", False), ("no-placeholder", "", False), ("no-placeholder", "Unknown", True),
    ("duration", "P1Y", True), ("duration", "PT12H", True), ("duration", "P", False), ("duration", "1 year", False),
    ("string", "caf\u00e9", True), ("string", "caf\ufffd", False), ("pascal-case", "CoreCount", True),
    ("pascal-case", "core_count", False), ("not-blank", "  ", False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("word", "name", "value", "right"), [("type", *t) for t in TYPES] + [("format", *f) for f in FORMATS]
)
def test_types_and_formats_are_judged_per_cell(bench: Any, word: str, name: str, value: str, right: bool) -> None:
    rows = [{"A": None}, {"A": value}]
    assert bench.rows({word: {"A": name}}, rows) == ([] if right else [2])


def test_units_of_1_4(bench: Any) -> None:
    from focus_ai.validation.formats import unit

    def right(text: str, version: str) -> bool:
        return bool(bench.session.one(f"SELECT {unit(repr(text), version)}")[0])

    assert right("GB-Hours/Month", "1.4")
    assert not right("GB-Hours/Month", "1.2")
    assert right("Tokens/7 Days", "1.4")


def test_one_bad_cell_does_not_change_the_others(bench: Any) -> None:
    rows = [{"A": "0001"}] * 5 + [{"A": "x1"}] + [{"A": "12"}] * 5
    assert bench.rows({"type": {"A": "integer"}}, rows) == [6]
    assert bench.rows({"type": {"A": "string"}}, rows) == []


@pytest.mark.parametrize(
    ("physical", "value", "wanted", "status"),
    [
        ("DOUBLE", "1.5", "decimal", "passed"), ("BIGINT", "1", "decimal", "passed"), ("BOOLEAN", "true", "decimal", "failed"),
        ("DECIMAL(10,2)", "1.5", "integer", "failed"), ("DECIMAL(10,2)", "2", "integer", "passed"),
        ("BIGINT", "12", "string", "failed"), ("TIMESTAMP", "2026-01-01", "datetime", "passed"),
        ("VARCHAR", "2026-01-01T00:00:00Z", "datetime", "passed"), ("DATE", "2026-01-01", "datetime", "passed"),
    ],
)  # fmt: skip
def test_physical_types(bench: Any, physical: str, value: str, wanted: str, status: str) -> None:
    assert bench.status({"type": {"A": wanted}}, [{"A": value}], types={"A": physical}) == status


def test_a_float_that_is_no_number_is_no_numeric_value(bench: Any) -> None:
    rows = [{"A": "1.5"}, {"A": "nan"}, {"A": "inf"}]
    assert bench.rows({"format": {"A": "numeric"}}, rows, types={"A": "DOUBLE"}) == [2, 3]


def test_a_date_has_no_time(bench: Any) -> None:
    assert bench.status({"format": {"A": "datetime"}}, [{"A": "2026-01-01"}], types={"A": "DATE"}) == "failed"


def test_tags_as_map_and_struct_are_the_json_they_stand_for(bench: Any) -> None:
    data = bench.session
    data.sql("CREATE TABLE m AS SELECT MAP {'a': 'b'} AS Tags, 0 AS _file, 1 AS _row")
    from focus_ai.validation import Column, Dataset

    rule = [{"id": "T", "column": "Tags", "require": {"format": {"Tags": "key-value"}}}]
    found = bench.check(rule, Dataset("m", {"Tags": Column("Tags", "map", "MAP(VARCHAR, VARCHAR)")}, ("f",)))
    assert found.rules[0].status == "passed"
    assert [(d.column, d.found) for d in found.deviations] == [("Tags", "MAP(VARCHAR, VARCHAR)")]


def test_values_of_the_column_model(bench: Any) -> None:
    rows = [{"ChargeCategory": v} for v in ("Usage", "usage", None, "Tax")]
    assert bench.rows({"values": "ChargeCategory"}, rows) == [2]
    pairs = [
        {"ServiceCategory": "Compute", "ServiceSubcategory": "Virtual Machines"},
        {"ServiceCategory": "Storage", "ServiceSubcategory": "Virtual Machines"},
        {"ServiceCategory": "Storage", "ServiceSubcategory": "Nonsense"},
        {"ServiceCategory": None, "ServiceSubcategory": "Containers"},
    ]
    assert bench.rows({"child_of": {"ServiceSubcategory": "ServiceCategory"}}, pairs) == [2]


def test_one_right_row_does_not_excuse_a_wrong_one(bench: Any) -> None:
    rows = [{"ChargeCategory": "Usage"}] * 3 + [{"ChargeCategory": "usage"}]
    assert bench.rows({"values": "ChargeCategory"}, rows) == [4]


def test_comparisons_of_moments_and_terms(bench: Any) -> None:
    rows = [
        {"ChargePeriodStart": "2026-01-01T00:00:00Z", "ChargePeriodEnd": "2026-01-02T00:00:00Z"},
        {"ChargePeriodStart": "2026-01-02T00:00:00Z", "ChargePeriodEnd": "2026-01-02T00:00:00Z"},
        {"ChargePeriodStart": "2026-01-01T23:00:00-02:00", "ChargePeriodEnd": "2026-01-02T02:00:00Z"},
        {"ChargePeriodStart": "bad", "ChargePeriodEnd": "2026-01-02T00:00:00Z"},
    ]
    assert bench.rows({"compare": ["ChargePeriodEnd", ">", "ChargePeriodStart"]}, rows) == [2]
    hours = {"hours": ["ChargePeriodStart", "ChargePeriodEnd"]}
    assert bench.rows({"compare": [hours, "=", 24]}, rows) == [2, 3]
    costs = [{"BilledCost": "0.3", "ListCost": "0.1"}, {"BilledCost": "-0.1", "ListCost": "0.1"}]
    total = {"plus": ["ListCost", {"number": "0.2"}]}
    assert bench.rows({"compare": ["BilledCost", "=", total]}, costs) == [2]
    assert bench.rows({"compare": [{"abs": "BilledCost"}, "=", "ListCost"]}, costs) == [1]
    tags = [{"Tags": '{"team": "a b"}'}, {"Tags": '{"team": "c"}'}, {"Tags": "no json"}, {"Tags": "{}"}]
    assert bench.rows({"compare": [{"key": ["Tags", "team"]}, "=", {"text": "c"}]}, tags) == [1]


def test_a_word_that_is_no_column_is_an_error(bench: Any) -> None:
    with pytest.raises(UsageError, match="neither a column nor a number") as raised:
        bench.rows({"compare": ["BilledCost", "=", "ListCots"]}, [{"BilledCost": "1"}])
    assert "rule T-1" in str(raised.value)


SHAPES: list[tuple[dict[str, Any], str, bool]] = [
    ({"required": ["a"]}, '{"a": null}', True), ({"required": ["a"]}, '{"b": 1}', False),
    ({"not_null": ["a"]}, '{"a": null}', False), ({"types": {"a": "number"}}, '{"a": 1.5}', True),
    ({"types": {"a": "number"}}, '{"a": "1"}', False), ({"types": {"a": "number"}}, '{"a": true}', False),
    ({"types": {"a": ["string", "null"]}}, '{"a": null}', True), ({"types": {"a": "integer"}}, '{"a": 1.5}', False),
    ({"values": {"a": ["x"]}}, '{"a": "y"}', False), ({"values": {"a": ["x"]}}, '{"a": "x"}', True),
    ({"range": {"a": {"min": 0, "max": "0.5"}}}, '{"a": 0.5}', True),
    ({"range": {"a": {"min": 0, "max": "0.5"}}}, '{"a": 0.5000000000000000001}', False),
    ({"keys": ["a"], "other_keys": "x_.*"}, '{"a": 1, "x_b": 2}', True),
    ({"keys": ["a"], "other_keys": "x_.*"}, '{"a": 1, "b": 2}', False), ({"keys": ["a"], "other_keys": False}, '{"b": 1}', False),
    ({"other_types": ["string"]}, '{"a": 1}', False), ({"spelling": ["CoreCount"]}, '{"corecount": 1}', False),
    ({"spelling": ["CoreCount"]}, '{"CoreCount": 1, "other": 2}', True),
    ({"needs": {"q": ["u"]}}, '{"q": 1, "u": null}', False), ({"needs": {"q": ["u"]}}, '{"u": "t"}', True),
    ({"without": {"c": ["q"]}}, '{"c": 1, "q": 2}', False), ({"without": {"c": ["q"]}}, '{"c": 1, "q": null}', True),
    ({"one_of": ["c", "q"]}, '{"c": 1, "q": 2}', False), ({"one_of": ["c", "q"]}, '{"c": 1}', True),
    ({"any_of": ["c", "q"]}, "{}", False), ({"at": "$.e", "min_items": 1}, '{"e": []}', False),
    ({"at": "$.e", "min_items": 1}, '{"e": [1]}', True), ({"at": "$.e[*]", "required": ["r"]}, '{"e": [{"r": 1}, {}]}', False),
    ({"at": "$.e[*]", "required": ["r"]}, '{"e": []}', True), ({"at": "$.e[*]"}, '{"e": [1]}', False),
    ({"at": "$.e[*]", "sum": {"key": "r", "equals": 1}}, '{"e": [{"r": 0.1}, {"r": 0.9}]}', True),
    ({"at": "$.e[*]", "sum": {"key": "r", "equals": 1}}, '{"e": [{"r": 0.1}, {"r": 0.8}]}', False),
    ({"at": "$.e[*]", "unique": "k"}, '{"e": [{"k": "a"}, {"k": "a"}]}', False),
    ({"required": ["a"]}, "no json", True), ({"required": ["a"]}, "[1]", True), ({"required": ["a"]}, '{"b": 1, "b": 2}', True),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "text", "right"), SHAPES)
def test_shapes_of_objects(bench: Any, shape: dict[str, Any], text: str, right: bool) -> None:
    rows = [{"A": None}, {"A": text}, {"A": text}]
    assert bench.rows({"object": {"column": "A", **shape}}, rows) == ([] if right else [2, 3])


def test_names_of_columns(bench: Any) -> None:
    def broken(test: dict[str, Any], *names: str) -> list[str]:
        found = bench.check([{"id": "C", "require": {"columns": test}}], bench.data([dict.fromkeys(names, "1")]))
        return [f.column for f in found.findings]

    assert broken({"scope": "other", "none": True}, "BilledCost", "x_Team", "Team") == ["Team"]
    assert broken({"scope": "custom", "match": "x_[A-Z][A-Za-z0-9]*"}, "x_Team", "x_my_team") == ["x_my_team"]
    assert broken({"scope": "all", "max_length": 50}, "x_" + "A" * 49, "BilledCost") == ["x_" + "A" * 49]
    assert broken({"scope": "focus", "place": "first"}, "BilledCost", "x_Team", "Tags") == ["Tags"]
    assert broken({"scope": "focus", "place": "first"}, "Tags", "BilledCost", "x_Team") == []


def test_each_repeats_a_rule_per_column(bench: Any) -> None:
    rule = {
        "id": "E",
        "keyword": "SHOULD NOT",
        "each": {"type": ["String"], "nulls": False},
        "require": {"format": {"$column": "not-blank"}},
    }
    data = bench.data(
        [
            {"ServiceName": " ", "ProviderName": "p", "RegionId": " "},
            {"ServiceName": "s", "ProviderName": "", "RegionId": "r"},
        ]
    )
    found = bench.check([rule], data)
    assert {(f.column, f.rows, f.severity) for f in found.findings} == {
        ("ServiceName", 1, "warning"),
        ("ProviderName", 1, "warning"),
    }
    assert len(found.rules) == 1 and found.summary["warnings"] == 1
    only = bench.check([{**rule, "each": {"scope": "custom"}}], bench.data([{"x_A": " ", "B": " "}]))
    assert [f.column for f in only.findings] == ["x_A"]
