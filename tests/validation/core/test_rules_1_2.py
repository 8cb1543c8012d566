"""The rules of FOCUS 1.2: a right row passes, the corrected rules act as the specification says, and the official model
is covered. Values synthetic; expected verdicts from the specification and from the published list of model errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from focus_ai.findings import Findings
from focus_ai.validation import Options, load_official, load_rules, validate
from focus_ai.validation.explanation import differences, example

REFERENCE = Path(__file__).parents[3].parent / "shared" / "reference" / "focus"
needs_reference = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the official model is not beside the repository")

USAGE: dict[str, Any] = {
    "BilledCost": "1.25", "BillingAccountId": "a-1", "BillingAccountName": "Account", "BillingAccountType": "Organization",
    "BillingCurrency": "USD", "BillingPeriodEnd": "2026-10-01T00:00:00Z", "BillingPeriodStart": "2026-09-01T00:00:00Z",
    "ChargeCategory": "Usage", "ChargeClass": None, "ChargeDescription": "Input tokens", "ChargeFrequency": "Usage-Based",
    "ChargePeriodEnd": "2026-09-02T00:00:00Z", "ChargePeriodStart": "2026-09-01T00:00:00Z",
    "CommitmentDiscountCategory": None, "CommitmentDiscountId": None, "CommitmentDiscountName": None,
    "CommitmentDiscountQuantity": None, "CommitmentDiscountStatus": None, "CommitmentDiscountType": None,
    "CommitmentDiscountUnit": None, "CapacityReservationId": None, "CapacityReservationStatus": None,
    "ConsumedQuantity": "1000000", "ConsumedUnit": "Tokens", "ContractedCost": "1.25", "ContractedUnitPrice": "0.00000125",
    "EffectiveCost": "1.25", "InvoiceId": None, "InvoiceIssuerName": "Example AI", "ListCost": "1.25",
    "ListUnitPrice": "0.00000125", "PricingCategory": "Standard", "PricingCurrency": "USD",
    "PricingCurrencyContractedUnitPrice": "0.00000125", "PricingCurrencyEffectiveCost": "1.25",
    "PricingCurrencyListUnitPrice": "0.00000125", "PricingQuantity": "1000000", "PricingUnit": "Tokens",
    "ProviderName": "Example AI", "PublisherName": "Example AI", "RegionId": None, "RegionName": None,
    "ResourceId": None, "ResourceName": None, "ResourceType": None, "ServiceCategory": "AI and Machine Learning",
    "ServiceName": "Models", "ServiceSubcategory": "Generative AI", "SkuId": "s", "SkuMeter": "Input Tokens",
    "SkuPriceDetails": '{"x_ModelId": "m"}', "SkuPriceId": "s#1", "SubAccountId": "p", "SubAccountName": "P",
    "SubAccountType": "Project", "Tags": '{"team": "t"}', "AvailabilityZone": None,
}  # fmt: skip
COMMITTED = {
    "CommitmentDiscountCategory": "Usage", "CommitmentDiscountId": "cd", "CommitmentDiscountName": "C",
    "CommitmentDiscountQuantity": "1", "CommitmentDiscountStatus": "Used", "CommitmentDiscountType": "Plan",
    "CommitmentDiscountUnit": "Hours", "PricingCategory": "Committed",
}  # fmt: skip
TAX = dict.fromkeys(
    ("ListUnitPrice", "ContractedUnitPrice", "PricingCurrencyListUnitPrice", "PricingCurrencyContractedUnitPrice", "SkuId",
     "SkuPriceId", "SkuMeter", "SkuPriceDetails", "PricingQuantity", "PricingUnit", "PricingCategory", "ConsumedQuantity",
     "ConsumedUnit")
) | {"ChargeCategory": "Tax", "ChargeFrequency": "One-Time"}  # fmt: skip
RULES = load_rules("1.2")[0]


def run(bench: Any, *changes: dict[str, Any], without: tuple[str, ...] = (), **options: Any) -> Findings:
    rows = [{n: v for n, v in (USAGE | change).items() if n not in without} for change in changes]
    options.setdefault("criteria", ["all"])
    found: Findings = validate(bench.session, bench.data(rows), [RULES], Options(**options), version="1.2")
    return found


def failed(bench: Any, *changes: dict[str, Any], **options: Any) -> set[str]:
    return {f.rule for f in run(bench, *changes, **options).findings}


@pytest.mark.parametrize(
    "change", [{}, COMMITTED, TAX, {"ChargeClass": "Correction", "ListCost": "9", "ContractedCost": "9"}]
)
def test_right_rows_pass_with_every_criterion(bench: Any, change: dict[str, Any]) -> None:
    found = run(bench, change)
    assert found.findings == ()
    assert found.summary["failed"] == 0 and found.summary["passed"] > 150


PRODUCTS = {"ListUnitPrice-C-010-C", "ListCost-C-009-C"}
CHANGES: list[tuple[dict[str, Any], set[str]]] = [
    # ChargeClass is null on ordinary rows: the rules that leave out corrections act there
    ({"ListCost": "1.26"}, PRODUCTS),
    ({"ContractedCost": "1.26"}, {"ContractedUnitPrice-C-011-C", "ContractedCost-C-009-C"}),
    ({"ListUnitPrice": None}, {"ListUnitPrice-C-005-C"}),
    ({"PricingQuantity": None, "PricingUnit": None}, {"PricingQuantity-C-005-C"}),
    ({"SkuPriceId": None, "SkuPriceDetails": None}, {"SkuPriceId-C-005-C"}),
    ({"PricingCategory": None}, {"PricingCategory-C-004-C"}),
    ({"PricingCurrencyContractedUnitPrice": None}, {"PricingCurrencyContractedUnitPrice-C-005-C"}),
    ({"ConsumedQuantity": None, "ConsumedUnit": None}, {"ConsumedQuantity-C-006-C"}),
    ({**COMMITTED, "CommitmentDiscountQuantity": None, "CommitmentDiscountUnit": None}, {"CommitmentDiscountQuantity-C-005-C"}),
    # repaired conditions and requirements
    ({**COMMITTED, "CommitmentDiscountStatus": None}, {"CommitmentDiscountStatus-C-004-C", "EffectiveCost-C-013-C"}),
    ({"CommitmentDiscountStatus": "Used"}, {"CommitmentDiscountStatus-C-003-C"}),
    ({**COMMITTED, "CommitmentDiscountStatus": "Active"}, {"CommitmentDiscountStatus-C-005-M", "EffectiveCost-C-013-C"}),
    ({"CapacityReservationStatus": "Used"}, {"CapacityReservationStatus-C-003-C"}),
    ({"CapacityReservationId": "cr"}, {"CapacityReservationStatus-C-004-C"}),
    ({"ResourceId": "r"}, {"ResourceType-C-005-C"}),
    ({"ResourceType": "t"}, {"ResourceType-C-004-C"}),
    ({"PricingCurrencyEffectiveCost": "abc"}, {f"PricingCurrencyEffectiveCost-C-00{n}-M" for n in (1, 2, 4)}),
    ({"PricingCurrencyEffectiveCost": "-1.5"}, set()),
    ({"CommitmentDiscountQuantity": "1", "CommitmentDiscountUnit": "Hours"}, {"CommitmentDiscountQuantity-C-007-C"}),
    ({**COMMITTED, "ChargeClass": "Correction"}, set()),
    ({"PricingCurrency": "Credits"}, set()),
    ({"PricingCurrency": "usd"}, {"PricingCurrency-C-003-M"}),
    ({"Tags": "[1, 2]"}, {"Tags-C-001-M"}),
    ({"Tags": '{"a": {"b": 1}}'}, {"Tags-C-001-M"}),
    ({"ConsumedUnit": "tokens"}, {"ConsumedUnit-C-003-O"}),
    ({"ConsumedUnit": "1M Tokens"}, {"ConsumedUnit-C-003-O"}),
    # false alarms of the official model
    ({"InvoiceId": "i"}, set()),
    ({"InvoiceIssuerName": "Example Reseller"}, set()),
    ({"ChargeCategory": "Purchase", "ChargeFrequency": "Recurring", "ConsumedQuantity": None, "ConsumedUnit": None}, set()),
    # one wrong cell, one rule
    ({"ChargeCategory": "usage"}, {"ChargeCategory-C-003-M", "ConsumedQuantity-C-004-C"}),
    ({"BillingCurrency": "Credits"}, {"BillingCurrency-C-006-M"}),
    ({"ServiceName": "Machines", "ServiceSubcategory": "Virtual Machines"}, {"ServiceSubcategory-C-004-M"}),
    ({"ChargePeriodEnd": "2026-09-01T00:00:00Z"}, {"ChargePeriodEnd-C-004-M"}),
    ({"ChargePeriodStart": "2026-09-01"}, {"ChargePeriodStart-C-002-M"}),
    ({"SubAccountName": "N/A"}, {"NullHandling-A-002-M"}),
    ({"ListUnitPrice": "-0.00000125", "ListCost": "-1.25"}, {"ListUnitPrice-C-008-M"}),
    ({"SkuPriceId": "s#2", "SkuPriceDetails": '{"coreCount": 2}'}, {"SkuPriceDetails-C-002-O", "SkuPriceDetails-C-017-C", "SkuPriceDetails-C-020-M"}),
    ({"SkuPriceId": "s#2", "SkuPriceDetails": '{"CoreCount": "two"}'}, {"SkuPriceDetails-C-021-M"}),
]  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), CHANGES)
def test_a_change_breaks_exactly_these_rules(bench: Any, change: dict[str, Any], expected: set[str]) -> None:
    found = run(bench, {}, change)
    assert {f.rule for f in found.findings} == expected
    assert all([s.row for s in f.samples] == [2] for f in found.findings if "C-013" not in f.rule)


def test_a_status_column_that_is_missing_counts_as_null(bench: Any) -> None:
    assert failed(bench, {}, without=("CommitmentDiscountStatus",)) == {"CostAndUsage-D-017-C"}
    gone = {"ConsumedQuantity": None, "ConsumedUnit": None}
    assert "ConsumedQuantity-C-006-C" in failed(bench, gone, without=("CommitmentDiscountStatus",))


def test_a_missing_column_is_told_once(bench: Any) -> None:
    found = run(bench, {}, without=("ServiceName",))
    assert [f.rule for f in found.findings] == ["CostAndUsage-D-041-M"]
    others = {
        v.status for v in found.rules if v.column == "ServiceName" and v.rule.startswith("ServiceName") and not v.group
    }
    assert others == {"not_applicable", "not_checked"}


def test_rules_across_rows(bench: Any) -> None:
    assert failed(bench, {}, {"SkuId": "other"}) == {"SkuPriceId-C-008-M"}
    assert failed(bench, {}, {"ServiceCategory": "Compute", "ServiceSubcategory": "Serverless Compute"}) == {
        "ServiceName-C-005-C", "ServiceName-C-008-C",
    }  # fmt: skip


def test_criteria_are_inferred_and_shown(bench: Any) -> None:
    found = run(bench, {}, criteria=None)
    shown = {c.id: c for c in found.criteria}
    assert shown["TAGGING_SUPPORTED"].holds and "1 of 1" in shown["TAGGING_SUPPORTED"].why
    assert not shown["REGION_SUPPORTED"].holds and "RegionId" in shown["REGION_SUPPORTED"].why
    lacking = run(bench, {}, criteria=None, without=("RegionId", "RegionName", "SubAccountName", "AvailabilityZone"))
    assert {f.rule for f in lacking.findings} == {"CostAndUsage-D-029-C"}
    every = run(bench, {}, criteria=["all"], without=("RegionId", "RegionName", "AvailabilityZone"))
    assert {f.rule: f.severity for f in every.findings} == {
        "CostAndUsage-D-062-C": "error", "CostAndUsage-D-063-C": "error", "CostAndUsage-D-003-C": "warning",
    }  # fmt: skip
    none = run(bench, {"RegionName": "x"}, criteria=[])
    assert {f.rule for f in none.findings} == set()  # the user says that there are no regions
    assert {f.rule for f in run(bench, {"RegionName": "x"}, criteria=None).findings} == {"RegionName-C-004-C"}


def test_bundles_follow_their_parts(bench: Any) -> None:
    found = {v.rule: v for v in run(bench, {"ListCost": "2"}).rules}
    assert found["ListCost-C-000-M"].status == "failed" and found["ListCost-C-000-M"].group
    assert found["CostAndUsage-D-000-M"].status == "failed"
    assert found["ServiceName-C-000-M"].status == "passed"
    assert found["NumericFormat-A-002-M"].status == "passed" and "C-002" in " ".join(
        found["NumericFormat-A-002-M"].parts
    )


def test_select_and_ignore(bench: Any) -> None:
    change = {"ListCost": "2", "ServiceName": None}
    assert failed(bench, change, select=["ListCost-*"]) == {"ListCost-C-009-C"}
    assert failed(bench, change, ignore=["List*", "*C-011-C"]) == {"ServiceName-C-003-M"}
    assert failed(bench, change, select=["ServiceName-C-000-M"]) == {"ServiceName-C-003-M"}
    from focus_ai.errors import UsageError

    with pytest.raises(UsageError, match="no rule has that id"):
        run(bench, {}, select=["ListCots-*"])


STRICT: list[tuple[dict[str, Any], set[str]]] = [
    # the five leaf rules that the official validator fails on a right row (2.2.1 has repaired two of them in its model)
    ({}, {"CapacityReservationStatus-C-004-C", "CommitmentDiscountStatus-C-004-C", "InvoiceId-C-005-C"}),
    (
        {"InvoiceId": "i"},
        {"CapacityReservationStatus-C-004-C", "CommitmentDiscountStatus-C-004-C", "InvoiceId-C-004-C"},
    ),
]


@pytest.mark.parametrize(("change", "expected"), STRICT)
def test_strict_official_fails_right_rows_as_the_official_validator_does(
    bench: Any, change: dict[str, Any], expected: set[str]
) -> None:
    assert failed(bench, change, strict_official=True) == expected


def test_strict_official_misses_what_the_official_validator_misses(bench: Any) -> None:
    always = STRICT[0][1]
    for change in (
        {"ListCost": "9"},
        {"ListUnitPrice": None},
        {"SkuPriceId": None, "SkuPriceDetails": None},
        {"ConsumedQuantity": None, "ConsumedUnit": None},
    ):
        assert failed(bench, change, strict_official=True) == always, change
    assert failed(bench, {}, {"ChargeCategory": "usage"}, strict_official=True) - always <= {"ConsumedQuantity-C-004-C"}
    assert "ChargeCategory-C-003-M" in failed(bench, {"ChargeCategory": "usage"}, strict_official=True)
    resold = failed(bench, {"InvoiceIssuerName": "Example Reseller"}, strict_official=True)
    assert resold == always | {"BilledCost-C-005-C"}
    bogus = failed(bench, {"ListCost": "9", "ChargeClass": "Other"}, strict_official=True)
    assert PRODUCTS - {"ContractedCost-C-009-C"} <= bogus


def test_strict_official_says_so_per_rule(bench: Any) -> None:
    found = {v.rule: v.note for v in run(bench, {}, strict_official=True).rules}
    assert "one row is right" in found["ChargeCategory-C-003-M"]
    assert "null" in found["ListCost-C-009-C"]
    assert "skips" in found["ContractedCost-C-009-C"]
    assert found["ServiceName-C-003-M"] == ""
    assert run(bench, {}).strict_official is False


@needs_reference
def test_every_official_rule_is_there_and_every_leaf_is_checked_or_has_a_reason() -> None:
    model = json.loads((REFERENCE / "model-1.2.0.1.json").read_text(encoding="utf-8"))["ModelRules"]
    ours = {rule.id: rule for rule in RULES.rules}
    assert set(ours) == {i for i, r in model.items() if r["Status"] == "Active"}
    for rule_id, raw in model.items():
        rule = ours[rule_id]
        assert rule.official_id and rule.keyword == raw["ValidationCriteria"]["Keyword"]
        assert bool(rule.parts) + bool(rule.require) + bool(rule.undecidable) == 1, rule_id
        assert "in words only" not in rule.undecidable, rule_id
        if raw["Type"] == "Static" and raw["Function"] != "Composite":
            decided = rule.require is not None or "permission" in rule.undecidable
            assert decided or rule_id in ("InvoiceId-C-004-C", "InvoiceId-C-005-C", "BilledCost-C-005-C"), rule_id
        assert raw["ValidationCriteria"]["MustSatisfy"] != rule.sentence


@needs_reference
def test_the_shipped_rules_are_what_the_official_model_gives() -> None:
    from focus_ai import resources
    from focus_ai.validation.official_write import written

    made = written(load_official(REFERENCE / "model-1.2.0.1.json"))
    shipped = resources.schemas() / "focus" / "1.2" / "rules" / "cost-and-usage.yaml"
    assert made == shipped.read_text(encoding="utf-8")


@needs_reference
def test_both_releases_of_the_model_give_the_same_verdicts_after_correction(bench: Any) -> None:
    first = load_official(REFERENCE / "model-1.2.json")
    for change in ({}, {"ResourceId": "r"}, {"CommitmentDiscountStatus": "Used"}, {"ListCost": "9"}):
        rows = bench.data([USAGE | change])
        found = validate(bench.session, rows, [first], Options(criteria=["all"]), version="1.2")
        assert {f.rule for f in found.findings} == failed(bench, change), change


@needs_reference
def test_every_correction_is_taken_up() -> None:
    listed = json.loads((REFERENCE / "model-1.2-corrections.json").read_text(encoding="utf-8"))["corrections"]
    ours = {rule.id: rule for rule in RULES.rules}
    for correction in listed:
        for rule_id in correction["rules"]:
            rule = ours[rule_id]
            assert (
                rule.note
                or rule.parts
                or rule.undecidable
                or differences(rule)
                or "null" in correction["fix"]
                or "grammar" in correction["fix"]
            ), rule_id


def test_a_model_of_another_version_runs(bench: Any, tmp_path: Path) -> None:
    def rule(function: str, check: dict[str, Any] | None, keyword: str = "MUST", **more: Any) -> dict[str, Any]:
        criteria = {
            "MustSatisfy": "x",
            "Keyword": keyword,
            "Requirement": check or {},
            "Condition": more.pop("condition", {}),
        }
        base = {
            "Function": function,
            "Reference": "NewColumn",
            "EntityType": "Column",
            "Status": "Active",
            "Type": "Static",
        }
        return {**base, "ApplicabilityCriteria": [], "ValidationCriteria": criteria, **more}

    parts = [{"CheckFunction": "CheckModelRule", "ModelRuleId": f"N-{i}"} for i in (1, 2, 3, 4)]
    model = {
        "Details": {"ModelVersion": "9.9.1", "FOCUSVersion": "9.9"},
        "ModelDatasets": {"CostAndUsage": {"ModelRules": ["N-0"]}},
        "ModelRules": {
            "N-0": rule("Composite", {"CheckFunction": "AND", "Items": parts}, condition={"CheckFunction": "CheckNotValue", "ColumnName": "NewColumn", "Value": None}),
            "N-1": rule("Type", {"CheckFunction": "TypeDecimal", "ColumnName": "NewColumn"}),
            "N-2": rule("Validation", {"CheckFunction": "CheckGreaterOrEqualThanValue", "ColumnName": "NewColumn", "Value": 0}),
            "N-3": rule("Validation", None, Type="Dynamic"),
            "N-4": rule("Validation", {"CheckFunction": "CheckSomethingNew", "ColumnName": "NewColumn"}),
        },
    }  # fmt: skip
    path = tmp_path / "model.json"
    path.write_text(json.dumps(model), encoding="utf-8")
    rules = load_official(path)
    found = validate(bench.session, bench.data([{"NewColumn": "1"}, {"NewColumn": "-2"}, {"NewColumn": None}]), [rules])
    assert found.focus_version == "9.9"
    assert [(v.rule, v.status) for v in found.rules] == [
        ("N-0", "failed"), ("N-1", "passed"), ("N-2", "failed"), ("N-3", "not_checked"), ("N-4", "not_checked"),
    ]  # fmt: skip
    assert [s.row for s in found.findings[0].samples] == [2]
    assert {v.rule: v.rows for v in found.rules}["N-2"] == 2  # the condition of the bundle counts for its parts


@pytest.mark.parametrize("text", ["", "{", "[]", '{"ModelRules": 1}'])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, text: str) -> None:
    from focus_ai.errors import InputError

    path = tmp_path / "model.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError):
        load_official(path)


@pytest.mark.parametrize("version", ["1.2", "1.3", "1.4"])
def test_every_checked_rule_is_explained_with_an_example(version: str) -> None:
    rules = [rule for found in load_rules(version) for rule in found.rules]
    told = {rule.id: example(rule, version) for rule in rules}
    assert [r.id for r in rules if (r.require is None) != (told[r.id] == "")] == []
    assert [
        i
        for i, text in told.items()
        if any(f"{{{word}}}" in text for word in ("column", "columns", "first", "allowed"))
    ] == []
    if version == "1.2":
        assert told["ListCost-C-009-C"].endswith(
            "ListUnitPrice = 2.50 and PricingQuantity = 1.2 with ListCost = 4.00 breaks it, ListCost = 3.00 is right."
        )
        assert told["ChargeCategory-C-003-M"] == "ChargeCategory = 'usage' breaks it, 'Usage' is right."
