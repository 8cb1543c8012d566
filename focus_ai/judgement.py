"""What a run makes of findings: which are known from a baseline, which grew, which are gone, and whether it fails.

A base module without an engine. A baseline is a file of accepted findings (`focus-ai/baseline@1`): rule, column and
the number of rows at the time. A finding that is in it with no more rows than then is known; with more rows it has
grown and counts as new. Names of files and row numbers are no part of the key, so that the next delivery of the same
data still matches.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from focus_ai.errors import UsageError
from focus_ai.files import write_whole
from focus_ai.findings import Finding, Findings, Severity

FailOn = Literal["error", "warning", "never"]
State = Literal["new", "grown", "known"]
Key = tuple[str, str]

BASELINE = "focus-ai/baseline@1"
_FAILS: dict[str, tuple[Severity, ...]] = {"error": ("error",), "warning": ("error", "warning"), "never": ()}


@dataclass(frozen=True, slots=True)
class Known:
    """One accepted finding."""

    rule: str
    column: str
    rows: int


@dataclass(frozen=True, slots=True)
class Fact:
    """What is said about a rule besides its sentence: reason, remedy, place in the specification."""

    why: str = ""
    fix: str = ""
    reference: str = ""


@dataclass(frozen=True)
class Judgement:
    """Findings with the baseline laid over them.

    `lines` maps (file, row) of text files to the line; `facts` maps a rule id to what else is known about it.
    """

    findings: Findings
    baseline: Mapping[Key, Known] | None = None
    fail_on: FailOn = "error"
    lines: Mapping[tuple[str, int], int] = field(default_factory=dict)
    facts: Mapping[str, Fact] = field(default_factory=dict)

    def state(self, finding: Finding) -> State:
        """Whether the baseline accepts a finding."""
        known = (self.baseline or {}).get(key(finding))
        if known is None:
            return "new"
        return "known" if self.rows(key(finding)) <= known.rows else "grown"

    def rows(self, of: Key) -> int:
        """Rows of all findings of one rule and column."""
        return sum(f.rows for f in self.findings.findings if key(f) == of)

    @property
    def gone(self) -> tuple[Known, ...]:
        """Accepted findings that are no longer there."""
        present = {key(f) for f in self.findings.findings}
        return tuple(known for at, known in (self.baseline or {}).items() if at not in present)

    @property
    def failing(self) -> tuple[Finding, ...]:
        """The findings that make the run fail: new or grown, of the asked severity."""
        fails = _FAILS[self.fail_on]
        return tuple(f for f in self.findings.findings if f.severity in fails and self.state(f) != "known")

    def line(self, file: str, row: int | None) -> int | None:
        """The line of a text file on which the record starts, where it was looked up."""
        return None if row is None else self.lines.get((file, row))

    def to_dict(self) -> dict[str, Any]:
        """`Findings.to_dict` with the line of every sample, the state of every finding and the baseline."""
        data = self.findings.to_dict()
        for shown, finding in zip(data["findings"], self.findings.findings, strict=True):
            if self.baseline is not None:
                shown["state"] = self.state(finding)
            for sample in shown["samples"]:
                line = self.line(sample["file"], sample["row"])
                if line is not None:
                    sample["line"] = line
        if self.baseline is not None:
            counts = [self.state(f) for f in self.findings.findings]
            data["baseline"] = {
                "known": counts.count("known"), "grown": counts.count("grown"), "new": counts.count("new"),
                "gone": [{"rule": k.rule, "column": k.column, "rows": k.rows} for k in self.gone],
            }  # fmt: skip
        data["fail_on"] = self.fail_on
        data["failed"] = bool(self.failing)
        return data


def key(finding: Finding) -> Key:
    """What makes a finding the same one in the next run."""
    return finding.rule, finding.column


def write_baseline(findings: Findings, path: Path) -> int:
    """Write all findings as accepted, sorted, one per line; returns how many. Raises `UsageError`."""
    rows: dict[Key, int] = {}
    for finding in findings.findings:
        rows[key(finding)] = rows.get(key(finding), 0) + finding.rows
    entries = [json.dumps({"rule": rule, "column": column, "rows": n}) for (rule, column), n in sorted(rows.items())]
    head = {"schema": BASELINE, "focus_version": findings.focus_version, "dataset": findings.dataset}
    body = ",\n".join(f"  {entry}" for entry in entries)
    text = json.dumps(head)[:-1] + f', "findings": [\n{body}\n]}}\n'
    try:
        write_whole(path, text)
    except OSError as error:
        raise UsageError("the baseline cannot be written", where=str(path), value=error.strerror) from error
    return len(entries)


def read_baseline(path: Path) -> dict[Key, Known]:
    """The accepted findings of a file. Raises `UsageError` for a file that is missing or no baseline."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["schema"] != BASELINE:
            raise ValueError(f"schema is {data['schema']!r}")
        known = [Known(str(e["rule"]), str(e["column"]), int(e["rows"])) for e in data["findings"]]
    except OSError as error:
        raise UsageError(
            "the baseline cannot be read", where=str(path), value=error.strerror,
            next_step="write one with --write-baseline FILE",
        ) from error  # fmt: skip
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(
            "this is no baseline of findings", where=str(path), value=str(error), expected=BASELINE
        ) from error
    return {(k.rule, k.column): k for k in known}
