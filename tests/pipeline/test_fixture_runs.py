"""Whole runs over the shipped fixtures: the counts add up and the money is the product of what stands beside it."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from data_builders import COSTS, EXPORTS, ask, convert, data_files, exceptions, rows, total

from focus_ai.adapters.golden import cases

RULES = (
    "PricingQuantity * ListUnitPrice = ListCost OR PricingQuantity IS NULL",
    "PricingQuantity * ContractedUnitPrice = ContractedCost OR PricingQuantity IS NULL",
    "x_CostBasis <> 'rated' OR EffectiveCost = ContractedCost",
    "ChargePeriodStart < ChargePeriodEnd",
    "ChargePeriodStart >= BillingPeriodStart AND ChargePeriodStart < BillingPeriodEnd",
    "ChargeCategory <> 'Usage' OR (ConsumedQuantity IS NOT NULL AND ConsumedUnit IS NOT NULL)",
    "ChargeCategory NOT IN ('Usage', 'Purchase') OR (SkuId IS NOT NULL AND SkuPriceId IS NOT NULL)",
    "ChargeCategory NOT IN ('Usage', 'Purchase') OR (PricingQuantity IS NOT NULL AND PricingUnit IS NOT NULL)",
    "ChargeCategory NOT IN ('Usage', 'Purchase') OR (ListUnitPrice >= 0 AND ContractedUnitPrice >= 0)",
    "x_OwnerStatus <> 'unattributed' OR x_UnattributedReason IS NOT NULL",
    "json_valid(Tags) AND json_valid(x_OwnerEvidence)",
    "SkuPriceDetails IS NULL OR json_valid(SkuPriceDetails)",
)
FAMILIES = sorted(p.name for p in EXPORTS.iterdir() if p.is_dir())


def inputs(family: str) -> list[Path]:
    """Inputs of a family that are recognised by themselves."""
    found = []
    for case in cases(EXPORTS / family):
        about = case / "expected.json"
        if not (about.exists() and "adapter" in json.loads(about.read_text(encoding="utf-8"))):
            found += [p for p in case.iterdir() if p.name.startswith("input.")]
    return found


@pytest.fixture(scope="module", params=FAMILIES)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    out = tmp_path_factory.mktemp(request.param) / "out"
    return convert(out, *inputs(request.param), validate=True), out


def test_read_is_the_sum_of_what_became_of_it(run: tuple[dict[str, Any], Path]) -> None:
    report, out = run
    counts = report["records"]
    assert counts["read"] > 0
    assert sum(f["records"] for f in report["inputs"]) == counts["read"]
    assert counts["duplicates"] == len(exceptions(out, "duplicates"))
    assert counts["ignored"] == len(exceptions(out, "ignored")) == sum(report["ignored"].values())
    aside = Counter(r["reason"] for r in exceptions(out, "rejects") if r["row"] is not None)
    assert counts["rejected"] == aside.total() and report["rejected"] == aside
    assert (
        len({(u["file"], u["row"], u["record_id"]) for u in exceptions(out, "unpriced")})
        <= report["unpriced"]["events"]
    )


def test_totals_are_the_sums_of_the_rows(run: tuple[dict[str, Any], Path]) -> None:
    report, out = run
    found = rows(out)
    assert report["rows"] == len(found)
    for stated in report["totals"]:
        mine = [r for r in found if r["BillingCurrency"] == stated["currency"]]
        for column, name in zip(COSTS, ("list_cost", "contracted_cost", "effective_cost", "billed_cost"), strict=True):
            assert Decimal(stated[name]) == total(mine, column)
    for kind in ("by_provider", "by_model", "by_team"):
        assert sum(Decimal(r["effective_cost"]) for r in report[kind]) == total(found)
        assert sum(r["rows"] for r in report[kind]) == len(found)


def test_every_row_follows_the_column_facts(run: tuple[dict[str, Any], Path]) -> None:
    report, out = run
    if not data_files(out):
        pytest.skip("no priced record in this family")
    if report.get("focus_files"):
        pytest.skip("rows of FOCUS files of others keep what they hold, right or wrong")
    broken = ", ".join(f"count(*) FILTER (NOT coalesce(({rule}), FALSE))" for rule in RULES)
    assert dict(zip(RULES, ask(out, f"SELECT {broken} FROM data")[0], strict=True)) == dict.fromkeys(RULES, 0)
    texts = [name for name, kind, *_ in ask(out, "DESCRIBE data") if kind == "VARCHAR"]
    odd = ", ".join(f'count(*) FILTER ("{t}" = \'\' OR "{t}" <> trim("{t}"))' for t in texts)
    assert dict(zip(texts, ask(out, f"SELECT {odd} FROM data")[0], strict=True)) == dict.fromkeys(texts, 0)


def test_every_charge_has_its_own_id(run: tuple[dict[str, Any], Path]) -> None:
    report, out = run
    if not data_files(out):
        pytest.skip("no priced record in this family")
    if report.get("focus_files"):
        pytest.skip("rows of FOCUS files of others keep what they hold, right or wrong")
    assert ask(out, "SELECT x_ChargeId, count(*) FROM data GROUP BY 1 HAVING count(*) > 1") == []
