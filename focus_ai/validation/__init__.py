"""The validation room: is a FOCUS data set right, rule by rule and row by row?

In: a data set that is open in the engine (`Dataset`: a relation with described columns) and rule sets (data). Out:
`Findings` with a verdict per rule, and for broken rules the rows and the money behind them. Must not know: exports,
prices, owners, allocation; a rate card comes in as one more data set.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from focus_ai.validation.load import load_rule_file, load_rules, shipped
from focus_ai.validation.model import Column, Dataset, Options, Rule, RuleSet

if TYPE_CHECKING:
    from focus_ai.engine import Session
    from focus_ai.findings import Findings
    from focus_ai.validation.explanation import Explanation

__all__ = [
    "Column",
    "Dataset",
    "Options",
    "Rule",
    "RuleSet",
    "explain",
    "load_official",
    "load_rule_file",
    "load_rules",
    "shipped",
    "validate",
]


def validate(
    session: Session,
    dataset: Dataset,
    rule_sets: Sequence[RuleSet],
    options: Options | None = None,
    *,
    version: str | None = None,
    dataset_name: str | None = None,
    generator: str = "",
) -> Findings:
    """Check one data set against rule sets; see `run.validate`."""
    from focus_ai.validation.run import validate as run

    return run(session, dataset, rule_sets, options, version=version, dataset_name=dataset_name, generator=generator)


def load_official(path: Path, dataset: str = "CostAndUsage") -> RuleSet:
    """An official requirements-model JSON as a rule set; see `official.load_official`."""
    from focus_ai.validation.official import load_official as read

    return read(path, dataset)


def explain(rule: Rule, version: str, dataset: str = "CostAndUsage") -> Explanation:
    """A rule in words and as SQL; see `explanation.explain`."""
    from focus_ai.validation.explanation import explain as run

    return run(rule, version, dataset)
