"""From counts to verdicts: how each rule ended, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from focus_ai.engine import ident
from focus_ai.findings import Criterion, Status, Verdict
from focus_ai.validation import phrases
from focus_ai.validation.compile_rules import Instance
from focus_ai.validation.compile_scan import Scan
from focus_ai.validation.compile_sets import SetCheck
from focus_ai.validation.criteria import column_applies
from focus_ai.validation.explanation import differences
from focus_ai.validation.model import Dataset, Options, Rule
from focus_ai.validation.names import check_names


@dataclass(frozen=True)
class Offence:
    """One column that breaks a rule: SQL that is true for its rows (None: no row is looked at), how many, a hint."""

    instance: Instance
    where: str | None
    rows: int
    hint: str = ""


@dataclass(frozen=True)
class Outcome:
    """How one rule ended. `rows`: rows it was applied to, None for a rule that looks at no row."""

    rule: Rule
    status: Status = "passed"
    reason: str = ""
    rows: int | None = None
    broken: tuple[Offence, ...] = ()


@dataclass(frozen=True)
class Judge:
    """Decides rules of one run from its scan. `checked`: whole-data checks by the identity of their instance."""

    dataset: Dataset
    model: Mapping[str, Any]
    options: Options
    scan: Scan
    criteria: Sequence[Criterion]
    checked: Mapping[int, SetCheck] = field(default_factory=dict)

    def rule(self, rule: Rule, found: Sequence[Instance]) -> Outcome:
        """The outcome of a rule from its instances; bundles are decided later, from their parts."""
        if rule.parts:
            return Outcome(rule)
        if rule.require is None:
            return Outcome(rule, "not_checked", rule.undecidable)
        skip = (rule.official or {}).get("skip") if self.options.strict_official else None
        if skip:
            return Outcome(rule, "not_checked", str(skip))
        held = [c.id for c in self.criteria if c.holds]
        missing = [c for c in rule.criteria if c not in held]
        if missing:
            why = next((c.why for c in self.criteria if c.id == missing[0]), "not named")
            return Outcome(rule, "not_applicable", f"{missing[0]} does not hold ({why})")
        explicit = self.options.criteria is not None and not rule.attribute
        if explicit and rule.column and not column_applies(self.model.get(rule.column), held):
            return Outcome(rule, "not_applicable", f"the criteria for {rule.column} do not hold (set by the user)")
        if rule.each is not None and not found:
            return Outcome(rule, "not_applicable", "the data has no column that the rule is about")
        return _combined(rule, [self._instance(instance) for instance in found])

    def _instance(self, instance: Instance) -> Outcome:
        rule, scan = instance.rule, self.scan
        if instance.static:
            return self._static(instance)
        if instance.column and instance.column in instance.lacks:
            return Outcome(rule, "not_applicable", f"the column {instance.column} is not in the data")
        if scan.rows == 0:
            return Outcome(rule, "not_applicable", "the data has no rows")
        if self.options.strict_official and rule.official_id and instance.lacks:
            hint = f"The column {instance.lacks[0]} is missing."
            return Outcome(rule, "failed", broken=(Offence(instance, None, 0, hint),))
        if instance.whole is not None:
            return self._whole(instance)
        looked = scan.number(instance.applies) if instance.condition not in (False, None) else 0
        if looked == 0:
            return _idle(instance)
        if instance.holds is None:
            lacking = ", ".join(instance.lacks) or "values that can be compared"
            return Outcome(rule, "not_applicable", f"needs {lacking}, which the data lacks")
        there = instance.column in self.dataset.columns
        if instance.value_test and there and scan.filled(ident(instance.column)) == 0:
            return Outcome(rule, "not_applicable", f"{instance.column} is null in every row")
        rows = scan.number(instance.broken) if instance.broken else 0
        if instance.any_row and rows < looked:
            rows = 0
        return _counted(instance, instance.broken, rows, looked)

    def _static(self, instance: Instance) -> Outcome:
        rule = instance.rule
        if instance.whole is not None:
            wrong = check_names(instance.whole["columns"], list(self.dataset.columns), self.model)
            listed = tuple(Offence(replace(instance, column=name), None, 0, text) for name, text in wrong)
            return Outcome(rule, "failed" if listed else "passed", broken=listed)
        if instance.condition is not True:
            return _idle(instance)
        if instance.holds is False:
            return Outcome(rule, "failed", broken=(Offence(instance, None, 0, self._alike(instance.column)),))
        return Outcome(rule)

    def _alike(self, column: str) -> str:
        """A hint when a column of nearly that name is there."""
        there = {n.lower().replace("_", ""): n for n in self.dataset.columns}
        like = there.get(column.lower())
        return f"The data has {like} instead: names are case sensitive." if like and like != column else ""

    def _whole(self, instance: Instance) -> Outcome:
        check = self.checked[id(instance)] if id(instance) in self.checked else SetCheck(applies="false")
        if check.unchecked:
            return Outcome(instance.rule, "not_checked", check.unchecked)
        looked = 0 if check.applies == "false" else self.scan.number(check.applies)
        if looked == 0:
            return _idle(instance)
        return _counted(instance, check.broken, self.scan.number(check.broken) if check.broken else 0, looked)


def verdicts(outcomes: Mapping[str, Outcome], *, strict: bool = False) -> tuple[Verdict, ...]:
    """Verdicts in the order of the rules; those of bundles follow from their parts.

    `strict`: the note tells what the official reading, which was used, means for the rule.
    """
    states: dict[str, tuple[Status, str]] = {}

    def state(rule_id: str, above: tuple[str, ...] = ()) -> tuple[Status, str]:
        if rule_id in above:
            return "not_checked", "a bundle that holds itself"
        if rule_id not in states:
            outcome = outcomes[rule_id]
            states[rule_id] = outcome.status, outcome.reason
            if outcome.rule.parts:
                inner = [state(part, (*above, rule_id))[0] for part in outcome.rule.parts if part in outcomes]
                states[rule_id] = _bundled(inner)
        return states[rule_id]

    found = []
    for rule_id, outcome in outcomes.items():
        status, reason = state(rule_id)
        rule = outcome.rule
        found.append(
            Verdict(
                rule=rule_id,
                status=status,
                severity=rule.severity,
                reason=reason,
                keyword=rule.keyword,
                title=phrases.sentence(rule).replace("$column", "A column"),
                column=rule.column,
                section=rule.section,
                rows=outcome.rows,
                group=bool(rule.parts),
                parts=rule.parts,
                note=differences(rule) if strict else rule.note,
            )
        )
    return tuple(found)


def _idle(instance: Instance) -> Outcome:
    lacking = ", ".join(instance.lacks)
    reason = f"needs {lacking}, which the data lacks" if lacking else "no row meets its condition"
    return Outcome(instance.rule, "not_applicable", reason)


def _counted(instance: Instance, where: str | None, rows: int, looked: int) -> Outcome:
    if rows == 0:
        return Outcome(instance.rule, "passed", rows=looked)
    return Outcome(instance.rule, "failed", rows=looked, broken=(Offence(instance, where, rows),))


def _combined(rule: Rule, single: Sequence[Outcome]) -> Outcome:
    """One outcome of a rule from those of its columns."""
    for status in ("failed", "passed"):
        these = [o for o in single if o.status == status]
        if these:
            broken = tuple(offence for o in these for offence in o.broken)
            rows = [o.rows for o in these if o.rows is not None]
            return replace(these[0], rule=rule, rows=max(rows) if rows else None, broken=broken)
    return single[0]


def _bundled(parts: Sequence[Status]) -> tuple[Status, str]:
    if not parts:
        return "not_checked", "none of its parts was selected"
    for status in ("failed", "passed"):
        if status in parts:
            return status, f"{parts.count(status)} of {len(parts)} parts {status}"
    kinds = set(parts)
    if len(kinds) == 1:
        return parts[0], f"all parts are {parts[0].replace('_', ' ')}"
    return "not_applicable", "no part could be decided"
