"""What a check of a data set found: verdict per rule, findings with rows and money, and the report that holds them.

A base module without an engine: the validator writes these objects, every report format and the baseline read them.
Amounts are text with plain digits, never floats. `Findings.to_json()` has the shape of
`schemas/findings.schema.json`, id `focus-ai/findings@1`; fields may be added, none is renamed or removed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

Status = Literal["passed", "failed", "not_applicable", "not_checked"]
Severity = Literal["error", "warning", "info"]

SCHEMA = "focus-ai/findings@1"
STATUSES: tuple[Status, ...] = ("passed", "failed", "not_applicable", "not_checked")
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True, slots=True)
class Sample:
    """One offending row: `row` counts records of its file from 1, `value` is the cell as text (None: null or absent).

    `key` holds the columns that help to find the row (`ChargePeriodStart`, `SkuId`, …) as text, in order.
    """

    file: str
    row: int | None
    value: str | None
    key: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule broken in one column: how many rows, how much money lies on them, what to do, some of the rows.

    `rows` is exact; 0 when the finding is about the data set as a whole (a missing column). `billed_cost` and
    `effective_cost` map a currency to the sum over those rows; empty when the data has no such column. `column` is
    empty for a rule about the data set.
    """

    rule: str
    severity: Severity
    column: str
    rows: int
    message: str
    billed_cost: Mapping[str, str] = field(default_factory=dict)
    effective_cost: Mapping[str, str] = field(default_factory=dict)
    fix: str = ""
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one rule ended. `reason` says why, and is never empty for not_applicable and not_checked.

    `group` is true for a rule that only bundles others (`parts`): its status follows from theirs and it has no
    finding. `rows` is the number of rows the rule was applied to (None: not a rule about rows). `note` tells a
    difference to the official validator.
    """

    rule: str
    status: Status
    severity: Severity
    reason: str = ""
    keyword: str = "MUST"
    title: str = ""
    column: str = ""
    section: str = ""
    rows: int | None = None
    group: bool = False
    parts: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One applicability criterion: whether it holds, and what that rests on (the inference, or `set by the user`)."""

    id: str
    holds: bool
    why: str


@dataclass(frozen=True, slots=True)
class Deviation:
    """A physical form that differs from the specification while the values are right (doubles, Tags as a map, …)."""

    column: str
    found: str
    expected: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """The result of one validation of one data set."""

    focus_version: str
    dataset: str
    rows: int
    files: tuple[str, ...]
    rules: tuple[Verdict, ...]
    findings: tuple[Finding, ...]
    criteria: tuple[Criterion, ...] = ()
    deviations: tuple[Deviation, ...] = ()
    notes: tuple[str, ...] = ()
    strict_official: bool = False
    generator: str = ""

    def count(self, status: Status) -> int:
        """Rules with that status; rules that only bundle others are not counted."""
        return sum(v.status == status and not v.group for v in self.rules)

    def failed(self, severity: Severity) -> int:
        """Failed rules of a severity, bundles not counted."""
        return sum(v.status == "failed" and v.severity == severity and not v.group for v in self.rules)

    @property
    def summary(self) -> dict[str, int]:
        """Failed rules by severity (`errors`, `warnings`, `infos`) and all rules by status."""
        return {
            "errors": self.failed("error"),
            "warnings": self.failed("warning"),
            "infos": self.failed("info"),
            **{status: self.count(status) for status in STATUSES},
        }

    def to_dict(self) -> dict[str, Any]:
        """The report as plain lists and dicts, keys in a fixed order."""
        return {
            "schema": SCHEMA,
            "generator": self.generator,
            "focus_version": self.focus_version,
            "dataset": self.dataset,
            "rows": self.rows,
            "files": list(self.files),
            "strict_official": self.strict_official,
            "criteria": [{"id": c.id, "holds": c.holds, "why": c.why} for c in self.criteria],
            "deviations": [_plain(d) for d in self.deviations],
            "notes": list(self.notes),
            "rules": [_verdict(v) for v in self.rules],
            "findings": [_finding(f) for f in self.findings],
            "summary": self.summary,
        }

    def to_json(self, *, indent: int | None = 1) -> str:
        """The report as JSON text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=indent)

    @classmethod
    def from_json(cls, text: str) -> Findings:
        """Read a report back. Raises `ValueError` for text that is not one."""
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            raise ValueError(f"not a report of {SCHEMA}")
        try:
            return cls(
                generator=data.get("generator", ""),
                focus_version=data["focus_version"],
                dataset=data["dataset"],
                rows=data["rows"],
                files=tuple(data["files"]),
                strict_official=data.get("strict_official", False),
                criteria=tuple(Criterion(**c) for c in data.get("criteria", ())),
                deviations=tuple(Deviation(**_known(Deviation, d)) for d in data.get("deviations", ())),
                notes=tuple(data.get("notes", ())),
                rules=tuple(_read_verdict(v) for v in data["rules"]),
                findings=tuple(_read_finding(f) for f in data["findings"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"a damaged report of {SCHEMA}: {error}") from error


def amount_text(amounts: Mapping[str, str]) -> str:
    """One currency: the plain amount. Several: `12.5 USD; 3 EUR`. None: empty text."""
    if len(amounts) == 1:
        return next(iter(amounts.values()))
    return "; ".join(f"{value} {currency}".strip() for currency, value in amounts.items())


def _verdict(verdict: Verdict) -> dict[str, Any]:
    shown = {"id": verdict.rule, "status": verdict.status, "severity": verdict.severity, "reason": verdict.reason}
    shown |= {"keyword": verdict.keyword, "title": verdict.title, "column": verdict.column}
    rest: dict[str, Any] = {"section": verdict.section, "rows": verdict.rows, "note": verdict.note}
    if verdict.group:
        rest |= {"group": True, "parts": list(verdict.parts)}
    return shown | {name: value for name, value in rest.items() if value not in ("", None)}


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "column": finding.column,
        "rows": finding.rows,
        "billed_cost": amount_text(finding.billed_cost),
        "billed_cost_by_currency": dict(finding.billed_cost),
        "effective_cost": amount_text(finding.effective_cost),
        "effective_cost_by_currency": dict(finding.effective_cost),
        "message": finding.message,
        "fix": finding.fix,
        "samples": [{"file": s.file, "row": s.row, "value": s.value, "key": dict(s.key)} for s in finding.samples],
    }


def _plain(thing: Any) -> dict[str, Any]:
    return {f.name: getattr(thing, f.name) for f in fields(thing)}


def _known(kind: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    names = {f.name for f in fields(kind)}
    return {name: value for name, value in data.items() if name in names}


def _read_verdict(data: Mapping[str, Any]) -> Verdict:
    found = _known(Verdict, {**data, "rule": data["id"]})
    found["parts"] = tuple(data.get("parts", ()))
    return Verdict(**found)


def _read_finding(data: Mapping[str, Any]) -> Finding:
    samples: Sequence[Mapping[str, Any]] = data.get("samples", ())
    return Finding(
        rule=data["rule"],
        severity=data["severity"],
        column=data["column"],
        rows=data["rows"],
        message=data["message"],
        billed_cost=dict(data.get("billed_cost_by_currency", {})),
        effective_cost=dict(data.get("effective_cost_by_currency", {})),
        fix=data.get("fix", ""),
        samples=tuple(Sample(s["file"], s["row"], s["value"], dict(s["key"])) for s in samples),
    )
