"""Rules about the form of the files (ids FAI-IN-nnn): records, encoding, column names, files of one data set.

They are decided while the files are opened, so they need no scan. Each entry of `RULES` is a rule as people see it in
`rules list` and `explain`; `judge` gives the verdict and the findings of every one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from focus_ai.findings import Finding, Sample, Severity, Verdict
from focus_ai.focus import columns as model
from focus_ai.validation.inputs.combine import OWN
from focus_ai.validation.inputs.table import Table
from focus_ai.validation.inputs.versions import normal

SECTION = "form of the files"


@dataclass(frozen=True, slots=True)
class ShapeRule:
    """One rule about form: what must hold, why, what to do, an example of what breaks it."""

    id: str
    severity: Severity
    sentence: str
    why: str
    fix: str
    example: str


RULES: dict[str, ShapeRule] = {
    rule.id: rule
    for rule in (
        ShapeRule(
            "FAI-IN-001", "error", "Every row of a CSV file has as many cells as its header.",
            "With a cell too many or too few nobody can say which value belongs to which column, so such a row is not "
            "judged by any other rule and its money is in no total.",
            "Quote cells that hold the delimiter, a quote or a line break; write empty cells for missing values.",
            "a header of 57 names and a row of 58 cells, because a description holds a comma that is not quoted",
        ),
        ShapeRule(
            "FAI-IN-002", "error", "Every record of a text file can be read.",
            "A broken record is judged by no other rule and its money is in no total.",
            "Close quotes that were opened and double a quote inside a quoted cell (CSV); write one complete JSON "
            "object per line (JSON Lines).",
            'a line that ends in the middle of an object: {"BilledCost": 1.5, "Bil',
        ),
        ShapeRule(
            "FAI-IN-003", "error", "Text is UTF-8.",
            "Bytes that are no UTF-8 are read differently by every tool; names and tags stop matching.",
            "Write the file again as UTF-8.",
            "one cell with the byte FC (a u with two dots in Latin-1) in a file that is UTF-8 elsewhere",
        ),
        ShapeRule(
            "FAI-IN-004", "error", "No column is there twice, nor twice but for upper and lower case.",
            "Readers take one of them, and not all the same one. Here only the first is judged.",
            "Remove or rename all but one.", "the columns BilledCost and billedcost in one file",
        ),
        ShapeRule(
            "FAI-IN-005", "error", "Column names are written exactly as the specification writes them.",
            "A reader looks for BilledCost; it does not find billedcost, billed_cost or BilledCost with a space.",
            "Rename the column to the name that the message gives.", "the column billing_account_id",
        ),
        ShapeRule(
            "FAI-IN-006", "error", "All files of one data set have the same columns.",
            "Read together, a column that a file lacks is null in its rows; read alone, that file is incomplete.",
            "Write the file again with all columns, empty where there is no value.",
            "the January file has InvoiceId, the February file does not",
        ),
        ShapeRule(
            "FAI-IN-007", "warning", "All files of one data set give a column the same type.",
            "Warehouses and readers that take the type from the first file refuse or change the values of the others.",
            "Write all files with one schema.", "BilledCost is a decimal in one file and text in the next",
        ),
    )
}  # fmt: skip
_TEXT = ("csv", "jsonl", "json")
# The type of a Parquet column that was written without a single value: readers take it for the type of the others.
_NO_VALUES = '"NULL"'
_WORDS = {
    "ragged": ("FAI-IN-001", "have another number of cells than the header"),
    "quoting": ("FAI-IN-002", "cannot be read because of their quotes"),
    "unreadable": ("FAI-IN-002", "cannot be read"),
    "encoding": ("FAI-IN-003", "are not UTF-8"),
}


def judge(tables: Sequence[Table], version: str, dataset: str, samples: int) -> tuple[list[Verdict], list[Finding]]:
    """Verdict and findings of every rule about form."""
    own = model.load(version, dataset).all_columns
    findings = [
        *_records(tables, samples), *_twice(tables), *_spelled(tables, {c.name for c in own}),
        *_missing(tables, {c.name: c.level for c in own}), *_types(tables),
    ]  # fmt: skip
    return [_verdict(rule, tables, findings) for rule in RULES.values()], findings


def _verdict(rule: ShapeRule, tables: Sequence[Table], findings: Sequence[Finding]) -> Verdict:
    own = [f for f in findings if f.rule == rule.id]
    verdict = Verdict(rule.id, "passed", rule.severity, title=rule.sentence, section=SECTION)
    if own:
        worst: Severity = "error" if any(f.severity == "error" for f in own) else "warning"
        return replace(verdict, status="failed", severity=worst)
    kinds = {table.source.format.kind for table in tables}
    reason = ""
    if rule.id == "FAI-IN-001" and "csv" not in kinds:
        reason = "no CSV file among the inputs"
    elif rule.id in ("FAI-IN-002", "FAI-IN-003") and not kinds & set(_TEXT):
        reason = "no text file among the inputs"
    elif rule.id in ("FAI-IN-006", "FAI-IN-007") and len(tables) < 2:
        reason = "one file only"
    return replace(verdict, status="not_applicable", reason=reason) if reason else verdict


def _records(tables: Sequence[Table], samples: int) -> Iterator[Finding]:
    """Records out of shape, one finding per kind over all files."""
    for kind, (rule, words) in _WORDS.items():
        count = sum(t.problems.counts.get(kind, 0) for t in tables)
        if not count:
            continue
        kept = [(t, p) for t in tables for p in t.problems.kept.get(kind, ())]
        table, first = kept[0]
        line = f", line {first.line}" if first.line else ""
        lost = "" if kind == "encoding" else "; no other rule judged them and their money is not known"
        what = "cells" if kind == "encoding" else "records"
        yield _finding(
            rule, "", count, f"{count:,} {what} {words}{lost}. First: {table.source.name}, row {first.row}{line}: "
            f"{first.value}",
            tuple(Sample(t.source.name, p.row, p.value) for t, p in kept[:samples]),
        )  # fmt: skip


def _twice(tables: Sequence[Table]) -> Iterator[Finding]:
    for table in tables:
        names: dict[str, list[str]] = {}
        for name in [*table.columns, *table.repeated]:
            names.setdefault(name.lower(), []).append(name)
        for several in names.values():
            if len(several) > 1:
                yield _finding(
                    "FAI-IN-004", several[0], 0,
                    f"{table.source.name} has the column {' and '.join(several)}; only the first is judged",
                )  # fmt: skip
        for name in table.columns:
            if name.lower() in OWN:
                yield _finding(
                    "FAI-IN-004", name, 0, f"{table.source.name} has a column {name}, a name that focus-ai needs for "
                    "itself; it is not judged", severity="warning",
                )  # fmt: skip


def _spelled(tables: Sequence[Table], known: set[str]) -> Iterator[Finding]:
    right = {normal(name): name for name in known}
    for name in dict.fromkeys(name for table in tables for name in table.columns):
        wanted = right.get(normal(name))
        if wanted is None or name == wanted or any(wanted in t.columns for t in tables):
            continue
        why = " (with a space)" if name.strip() == wanted else " (with an invisible mark)" if "\ufeff" in name else ""
        yield _finding(
            "FAI-IN-005", wanted, 0, f"the column {name!r}{why} should be {wanted}; as it stands {wanted} is missing "
            "and the rules about it find no values",
        )  # fmt: skip


def _missing(tables: Sequence[Table], levels: dict[str, str]) -> Iterator[Finding]:
    every = dict.fromkeys(name for table in tables for name in table.columns)
    for name in every:
        without = [t for t in tables if name not in t.columns]
        if not without:
            continue
        rows = sum(t.rows for t in without)
        shown = ", ".join(t.source.name for t in without[:3]) + (" …" if len(without) > 3 else "")
        yield _finding(
            "FAI-IN-006", name, rows, f"{len(without)} of {len(tables)} files lack the column {name} ({rows:,} rows, "
            f"null there): {shown}", severity="error" if levels.get(name) == "Mandatory" else "warning",
        )  # fmt: skip


def _types(tables: Sequence[Table]) -> Iterator[Finding]:
    for name in dict.fromkeys(name for table in tables for name in table.columns):
        types: dict[str, str] = {}
        for table in tables:
            if name in table.columns:
                # The cells of a text file are text: a text column of Parquet beside them is no other type.
                kind = "VARCHAR" if table.staged else table.columns[name][1]
                told = f"text ({table.source.format.kind})" if table.staged else kind
                if kind != _NO_VALUES:
                    types.setdefault(kind, f"{told} in {table.source.name}")
        if len(types) > 1:
            told = "; ".join(types.values())
            yield _finding("FAI-IN-007", name, 0, f"the type of {name} differs between files: {told}")


def _finding(
    rule: str, column: str, rows: int, message: str, samples: tuple[Sample, ...] = (), severity: Severity | None = None
) -> Finding:
    facts = RULES[rule]
    return Finding(rule, severity or facts.severity, column, rows, message, fix=facts.fix, samples=samples)
