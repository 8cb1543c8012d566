"""A judgement as JUnit XML: one test case per rule, so that a CI server shows which rules failed and since when.

A rule fails its test case when it has a finding that fails the run; other findings stand in the output of the case.
Rules that were not applicable or not checked are skipped test cases with their reason.
"""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from focus_ai.findings import Finding, Verdict
from focus_ai.judgement import Judgement
from focus_ai.reports.findings import words

SAMPLES = 20


def render(judgement: Judgement) -> str:
    """The XML document."""
    findings = judgement.findings
    per_rule: dict[str, list[Finding]] = {}
    for finding in words.ordered(findings.findings):
        per_rule.setdefault(finding.rule, []).append(finding)
    failing = {f.rule for f in judgement.failing}
    cases = [v for v in findings.rules if not v.group]
    skipped = sum(v.status in ("not_applicable", "not_checked") for v in cases)
    name = f"FOCUS {findings.focus_version} {findings.dataset}"
    counts = f'tests="{len(cases)}" failures="{len(failing)}" errors="0" skipped="{skipped}"'
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<testsuites name="focus-ai validate" {counts}>']
    lines.append(f"  <testsuite name={_attribute(name)} {counts}>")
    for verdict in cases:
        lines += _case(judgement, verdict, per_rule.get(verdict.rule, []), verdict.rule in failing)
    return "\n".join([*lines, "  </testsuite>", "</testsuites>", ""])


def _case(judgement: Judgement, verdict: Verdict, found: list[Finding], failed: bool) -> list[str]:
    group = verdict.column or verdict.section or "data set"
    head = f"    <testcase classname={_attribute(group)} name={_attribute(verdict.rule)}"
    if verdict.status in ("not_applicable", "not_checked"):
        reason = f"{verdict.status.replace('_', ' ')}: {verdict.reason}"
        return [f"{head}><skipped message={_attribute(reason)}/></testcase>"]
    if not found:
        return [f"{head}/>"]
    body = escape(words.clean("\n".join(line for f in found for line in _finding(judgement, f))))
    first = next((f for f in found if judgement.state(f) != "known"), found[0])
    if not failed:
        return [f"{head}><system-out>{body}</system-out></testcase>"]
    told = f"message={_attribute(first.message)} type={_attribute(first.severity)}"
    return [f"{head}><failure {told}>{body}</failure></testcase>"]


def _finding(judgement: Judgement, finding: Finding) -> list[str]:
    facts = [finding.severity, finding.column, words.rows_of(finding), words.money_of(finding)]
    lines = [f"{', '.join(filter(None, facts))}: {finding.message}"]
    for sample in finding.samples[:SAMPLES]:
        where = words.place(sample, judgement.line(sample.file, sample.row))
        lines.append(f"  {where}: {words.value_of(sample)} {words.key_of(sample)}".rstrip())
    if finding.fix:
        lines.append(f"  fix: {finding.fix}")
    if state := words.state_of(judgement, finding):
        lines.append(f"  baseline: {state}")
    return lines


def _attribute(text: str) -> str:
    return quoteattr(words.clean(words.cut(" ".join(text.split()), 1000)))
