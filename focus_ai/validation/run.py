"""One validation: rules and a data set in, findings out.

Steps: pick rules, compile them to instances, run the checks that need several rows, ask everything else in one scan,
decide the verdicts, then fetch money and rows for the broken ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from focus_ai.engine import Session, ident
from focus_ai.errors import UsageError, nearest
from focus_ai.findings import Criterion, Finding, Findings
from focus_ai.focus import columns as focus_columns
from focus_ai.validation import phrases, physical
from focus_ai.validation.compile_columns import Columns
from focus_ai.validation.compile_few import Few
from focus_ai.validation.compile_rules import Instance, instances
from focus_ai.validation.compile_scan import Scan
from focus_ai.validation.compile_sets import SetCheck, Sets
from focus_ai.validation.criteria import Evidence
from focus_ai.validation.evidence import Broken, money, samples
from focus_ai.validation.explanation import advice
from focus_ai.validation.model import Dataset, Options, Rule, RuleSet, union
from focus_ai.validation.predicates import Tests, names
from focus_ai.validation.predicates_json import Objects
from focus_ai.validation.selection import picked
from focus_ai.validation.verdicts import Judge, Outcome, verdicts


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
    """Check one data set. `version` and `dataset_name` default to what the data set, then the rules say.

    Raises `UsageError` for an unknown rule or criterion, or a rule that cannot be compiled.
    """
    options = options or Options()
    version = version or dataset.version or next((s.focus_version for s in rule_sets if s.focus_version), "")
    name = dataset_name or dataset.dataset or next((s.dataset for s in rule_sets), "CostAndUsage")
    rules = picked(union(rule_sets), options)
    criteria = focus_columns.criteria()
    known = {"all", *criteria, *(c for rule in rules for c in rule.criteria)}
    for wanted in options.criteria or ():
        if wanted not in known:
            raise UsageError(f"unknown applicability criterion {wanted!r}", expected=nearest(wanted, known))
    given = {column: kind for rule_set in rule_sets for column, kind in rule_set.types.items()}
    run = _Run(session, dataset, version, name, options, given)
    found, outcomes, holding = run.findings(rules, criteria)
    return Findings(
        focus_version=version,
        dataset=name,
        rows=run.scan.rows,
        files=dataset.files,
        rules=verdicts(outcomes, strict=options.strict_official),
        findings=tuple(found),
        criteria=tuple(holding),
        deviations=(*dataset.deviations, *physical.deviations(dataset, run.model)),
        notes=tuple(note for rule_set in rule_sets for note in rule_set.notes),
        strict_official=options.strict_official,
        generator=generator,
    )


class _Run:
    """The compilers of one run, bound to its data set, and its scan."""

    def __init__(
        self, session: Session, dataset: Dataset, version: str, name: str, options: Options, given: Mapping[str, str]
    ) -> None:
        self.session, self.dataset, self.options = session, dataset, options
        self.model = _model(version, name)
        self.tests = self._tests(dataset, version, name, given)
        self.columns = self.tests.columns
        others = {other: self._tests(d, version, other, {}) for other, d in options.others.items()}
        self.sets = Sets(session, self.tests, others)
        self.scan = Scan()

    def findings(
        self, rules: Sequence[Rule], criteria: Mapping[str, Mapping[str, Any]]
    ) -> tuple[list[Finding], dict[str, Outcome], list[Criterion]]:
        """Findings, outcomes by rule and the criteria, after one scan."""
        compiled = [(rule, self._compiled(rule)) for rule in rules]
        evidence = Evidence(self.tests, criteria)
        evidence.ask(self.scan)
        checked: dict[int, SetCheck] = {}
        for _, found in compiled:
            for instance in found:
                self._ask(instance, checked)
        self.scan.run(self.session, self.columns.relation())
        if self.options.criteria is None:
            holding = evidence.infer(self.scan)
        else:
            every = sorted({*criteria, *(c for rule in rules for c in rule.criteria)})
            held = every if "all" in self.options.criteria else self.options.criteria
            holding = [Criterion(c, c in held, "set by the user") for c in every]
        judge = Judge(self.dataset, self.model, self.options, self.scan, holding, checked)
        outcomes = {rule.id: judge.rule(rule, found) for rule, found in compiled}
        return self._findings(list(outcomes.values())), outcomes, holding

    def _tests(self, dataset: Dataset, version: str, name: str, given: Mapping[str, str]) -> Tests:
        model = _model(version, name)
        columns = Columns(dataset, {**given, **{c.name: c.type for c in model.values()}})
        few, objects = Few(self.session, columns, name), Objects(self.session, columns, name)
        tests = Tests(columns, version or "1.2", model, objects, few.test)
        tests.shared = True
        return tests

    def _compiled(self, rule: Rule) -> list[Instance]:
        if rule.require is None:
            return []
        try:
            tests = self.tests.strictly() if self.options.strict_official and rule.official_id else self.tests
            return instances(rule, tests, self.model.values())
        except UsageError as error:
            place = f"rule {rule.id}"
            raise UsageError(error.what, where=place, value=error.value, expected=error.expected) from error

    def _ask(self, instance: Instance, checked: dict[int, SetCheck]) -> None:
        """Ask the scan for what the verdict of an instance needs; whole-data checks run now."""
        if instance.column in self.dataset.columns:
            self.scan.ask(f"count({ident(instance.column)})")
        if instance.static or instance.condition in (False, None):
            return
        if instance.whole is None:
            self.scan.count(instance.applies)
            self.scan.count(instance.broken)
            return
        needed = [n for n in instance.lacks if n in names(instance.whole) and "duplicate" not in instance.whole]
        check = SetCheck(applies="false") if needed else self.sets.run(instance.whole, instance.condition)
        checked[id(instance)] = check
        self.scan.count(check.applies)
        self.scan.count(check.broken)

    def _findings(self, outcomes: Sequence[Outcome]) -> list[Finding]:
        listed = [(outcome, offence) for outcome in outcomes for offence in outcome.broken]
        rows = [Broken(o.instance, self.scan.form(o.where), o.rows) for _, o in listed if o.where and o.rows]
        amounts = money(self.session, self.columns, rows)
        shown = samples(self.session, self.columns, self.dataset.files, rows, self.options.samples)
        behind = {id(b.instance): (m, s) for b, m, s in zip(rows, amounts, shown, strict=True)}
        found = []
        for outcome, offence in listed:
            amount, sample = behind.get(id(offence.instance), ({}, ()))
            rule, column = outcome.rule, offence.instance.column
            found.append(
                Finding(
                    rule=rule.id,
                    severity=rule.severity,
                    column=column,
                    rows=offence.rows,
                    message=phrases.message(rule, column, offence.rows, outcome.rows, offence.hint),
                    billed_cost=amount.get("BilledCost", {}),
                    effective_cost=amount.get("EffectiveCost", {}),
                    fix=advice(rule, column)[1],
                    samples=sample,
                )
            )
        return found


def _model(version: str, name: str) -> dict[str, focus_columns.Column]:
    """Columns of the version by name, FOCUS and ours; none for a version or data set that is not known."""
    if version not in focus_columns.versions() or name not in focus_columns.datasets(version):
        return {}
    return {c.name: c for c in focus_columns.load(version, name).all_columns}
