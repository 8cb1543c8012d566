"""A judgement as SARIF 2.1.0, one result per rule and column, below the limits of GitHub code scanning.

Limits (GitHub documentation on SARIF support, checked 2026-11-22): 25,000 results and rules per run, of which 5,000
results are shown; 1,000 locations per result, 100 shown; 20 tags per rule, 10 shown. A result needs a place, so a
finding about the data set points at the first line of its first file. A row of a Parquet file is given as the line.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from focus_ai.findings import Finding, Verdict
from focus_ai.judgement import Judgement, key
from focus_ai.reports.findings import words

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MOST_RESULTS, MOST_LOCATIONS, LONGEST = 5_000, 100, 1_000
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
_PRECISION = {"error": "very-high", "warning": "high", "info": "medium"}


def render(judgement: Judgement) -> str:
    """The SARIF log as JSON text."""
    findings = judgement.findings
    merged: dict[tuple[str, str], list[Finding]] = {}
    for finding in words.ordered(findings.findings):
        merged.setdefault(key(finding), []).append(finding)
    groups = list(merged.values())[:MOST_RESULTS]
    verdicts = {v.rule: v for v in findings.rules}
    rules = list(dict.fromkeys(group[0].rule for group in groups))
    driver: dict[str, Any] = {
        "name": "focus-ai",
        "rules": [_rule(judgement, rule, verdicts.get(rule), groups) for rule in rules],
    }
    if findings.generator:
        driver["semanticVersion"] = findings.generator.rpartition(" ")[2]
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "automationDetails": {"id": f"focus-ai/{findings.dataset}/{findings.focus_version}"},
        "results": [_result(judgement, group, rules.index(group[0].rule)) for group in groups],
        "properties": {"summary": findings.summary, "rows": findings.rows, "leftOut": len(merged) - len(groups)},
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _rule(judgement: Judgement, rule: str, verdict: Verdict | None, groups: list[list[Finding]]) -> dict[str, Any]:
    first = next(group[0] for group in groups if group[0].rule == rule)
    title = (verdict.title if verdict else "") or first.message
    fact = judgement.facts.get(rule)
    help_ = " ".join(filter(None, [fact.why if fact else "", f"Fix: {first.fix}" if first.fix else ""])) or title
    reference = fact.reference if fact else ""
    severity = verdict.severity if verdict else first.severity
    return {
        "id": rule,
        "shortDescription": {"text": _text(title)},
        "fullDescription": {"text": _text(" ".join(filter(None, [title, reference])))},
        "help": {"text": _text(help_)},
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": {
            "tags": ["FOCUS", judgement.findings.dataset],
            "precision": _PRECISION[severity],
            "problem.severity": "recommendation" if severity == "info" else severity,
        },
    }


def _result(judgement: Judgement, group: list[Finding], index: int) -> dict[str, Any]:
    first = group[0]
    rows = sum(f.rows for f in group)
    samples = [s for f in group for s in f.samples][:MOST_LOCATIONS]
    facts = ", ".join(filter(None, [words.rows_of(first), words.money_of(first)]))
    shown = f" First: {words.place(samples[0], None)}, value {words.value_of(samples[0])}." if samples else ""
    fix = f" Fix: {first.fix}" if first.fix else ""
    told = "; ".join(f.message for f in group)
    result: dict[str, Any] = {
        "ruleId": first.rule,
        "ruleIndex": index,
        "level": _LEVELS[first.severity],
        "message": {"text": _text(f"{told} ({facts}).{shown}{fix}")},
        "locations": [_location(s.file, judgement.line(s.file, s.row) or s.row or 1) for s in samples]
        or [_location((judgement.findings.files or ("data",))[0], 1)],
        "occurrenceCount": max(1, rows),
        "partialFingerprints": {"focusAiFinding/v1": fingerprint(judgement, first)},
        "properties": {"column": first.column, "rows": rows, "billedCost": dict(first.billed_cost)},
    }
    if judgement.baseline is not None:
        state = judgement.state(first)
        result["baselineState"] = {"new": "new", "known": "unchanged", "grown": "updated"}[state]
        if state == "known":
            result["suppressions"] = [{"kind": "external", "justification": "accepted in the baseline"}]
    return result


def fingerprint(judgement: Judgement, finding: Finding) -> str:
    """The same for the same rule and column of the same dataset, whatever the file, the rows and the version."""
    parts = "\x1f".join((judgement.findings.dataset, finding.rule, finding.column))
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def _location(file: str, line: int) -> dict[str, Any]:
    region = {"startLine": max(1, line)}
    return {"physicalLocation": {"artifactLocation": {"uri": uri(file)}, "region": region}}


def uri(file: str) -> str:
    """A path as a relative reference where it lies below the working folder, else as it is."""
    if "://" in file:
        return quote(file, safe=":/?&=#%~")
    path = Path(file)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return quote(path.as_posix(), safe="/~") if not path.is_absolute() else path.as_uri()


def _text(text: str) -> str:
    return words.cut(words.clean(" ".join(text.split())), LONGEST)
