"""Every requirement that the reference lists for 1.3 and 1.4 is a rule, or it is said which rule says it already."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from conform import ROOT

from focus_ai.validation import load_rules
from focus_ai.validation.load import FILES

REFERENCE = Path(__file__).parents[4] / "shared" / "reference" / "focus"
ELSEWHERE: dict[str, Any] = yaml.safe_load((ROOT / "carried.yaml").read_text(encoding="utf-8"))
needs_reference = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference of the specification is not here")


def _ids(version: str) -> set[str]:
    known = [d for d in FILES if not (version == "1.3" and d in ("BillingPeriod", "InvoiceDetail"))]
    return {rule.id for dataset in known for rule in load_rules(version, dataset)[0].rules}


def _delta(version: str) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = json.loads((REFERENCE / f"rules-{version}-delta.json").read_text())["rules"]
    return [rule for rule in rules if rule["dataset"] != "META"]


@needs_reference
@pytest.mark.parametrize("version", ["1.3", "1.4"])
def test_every_requirement_is_a_rule_or_said_elsewhere(version: str) -> None:
    known, elsewhere = _ids(version), ELSEWHERE[version]
    # An id has no blank in it.
    wanted = {rule["id"].replace("(split cost)", "(split-cost)") for rule in _delta(version)}
    assert wanted - known - set(elsewhere) == set()
    assert set(elsewhere) <= wanted
    assert {rule for rule in elsewhere.values() if rule != "gone"} - known == set()


@needs_reference
@pytest.mark.parametrize("version", ["1.3", "1.4"])
def test_what_rows_can_decide_is_decided(version: str) -> None:
    rules = {r.id: r for d in FILES if (version, d) not in (("1.3", "BillingPeriod"), ("1.3", "InvoiceDetail"))
             for r in load_rules(version, d)[0].rules}  # fmt: skip
    open_ones = {}
    for entry in _delta(version):
        rule = rules.get(entry["id"].replace("(split cost)", "(split-cost)"))
        if rule is None or rule.require is not None or rule.parts or entry["checkable"] != "row":
            continue
        if entry["keyword"] != "MAY":
            open_ones[rule.id] = rule.undecidable
    assert set(open_ones) == set(ELSEWHERE["left_open"][version])
