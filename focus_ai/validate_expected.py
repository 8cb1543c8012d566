"""What a finding's cells should have held, where the rule says it exactly: allowed values, and products of two numbers.

The message then stands alone: the values that are allowed, and for every shown row the product that was expected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from focus_ai import money
from focus_ai.findings import Finding, Sample
from focus_ai.focus import columns
from focus_ai.validation.model import Rule

# More values than these are named by the first ones and their number.
SHOWN = 12


def explained(findings: Iterable[Finding], rules: Mapping[str, Rule], version: str, dataset: str) -> list[Finding]:
    """The findings with what was expected."""
    known = version in columns.versions() and dataset in columns.datasets(version)
    model = {c.name: c for c in columns.load(version, dataset).columns} if known else {}
    return [_explained(finding, rules.get(finding.rule), model) for finding in findings]


def _explained(finding: Finding, rule: Rule | None, model: Mapping[str, columns.Column]) -> Finding:
    require = dict(rule.require or {}) if rule else {}
    if "values" in require and (column := model.get(finding.column)) and column.values:
        return replace(finding, message=f"{finding.message} Allowed: {_listed(column.values)}.")
    product = require.get("product")
    if isinstance(product, Mapping):
        return replace(finding, samples=tuple(_product(s, finding.column, product) for s in finding.samples))
    return finding


def _listed(values: tuple[str, ...]) -> str:
    more = len(values) - SHOWN
    return ", ".join(values[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _product(sample: Sample, column: str, product: Mapping[str, Any]) -> Sample:
    """The sample with the product of its factors as its first key, when all of them are numbers."""
    cells = {**sample.key, column: sample.value}
    try:
        result = money.dec(1)
        for name in product["of"]:
            result = money.CTX.multiply(result, money.dec(cells[name] or ""))
    except (KeyError, ValueError, TypeError):
        return sample
    return replace(sample, key={" × ".join(product["of"]): money.text(result), **sample.key})
