"""Words that all forms of a report share: order of findings, money, places, the closing sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from focus_ai import money
from focus_ai.findings import Finding, Findings, Sample, Verdict
from focus_ai.judgement import Judgement
from focus_ai.reports.table import amount, count

SEVERITIES = ("error", "warning", "info")
PLURAL = {"error": "errors", "warning": "warnings", "info": "remarks"}
LONGEST_VALUE = 200
# Columns that name a row in text; the JSON and the HTML page hold all of them.
MOST_KEYS = 5
# What XML and terminals cannot carry: control characters but tab and line breaks, lone surrogates, two non-characters.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def ordered(findings: Sequence[Finding]) -> list[Finding]:
    """Errors first, then the most money, the most rows, the name."""
    return sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), -size(f), -f.rows, f.rule, f.column))


def size(finding: Finding) -> Decimal:
    """The money behind a finding, whatever the currency; for sorting only."""
    return money.total(abs(_number(value)) for value in (finding.billed_cost or finding.effective_cost).values())


def _number(value: str) -> Decimal:
    try:
        return money.dec(value)
    except ValueError:
        return Decimal(0)


def cost(amounts: Mapping[str, str]) -> str:
    """`1,234.50 USD; 3.00 EUR`; empty when there is none."""
    return "; ".join(f"{_shown(value)} {currency}".strip() for currency, value in amounts.items())


def _shown(value: str) -> str:
    try:
        return amount(value)
    except ValueError:
        return value


def money_of(finding: Finding) -> str:
    """`billed 3.20 USD`, or the effective cost where nothing was billed; empty when no money is known."""
    if finding.billed_cost and any(_number(v) for v in finding.billed_cost.values()):
        return f"billed {cost(finding.billed_cost)}"
    if finding.effective_cost and any(_number(v) for v in finding.effective_cost.values()):
        return f"effective {cost(finding.effective_cost)}"
    return f"billed {cost(finding.billed_cost)}" if finding.billed_cost else ""


def rows_of(finding: Finding) -> str:
    """`12 rows`, `1 row`, `data set`."""
    return "data set" if not finding.rows else f"{count(finding.rows)} row{'' if finding.rows == 1 else 's'}"


def place(sample: Sample, line: int | None) -> str:
    """`costs.csv row 17 (line 18)`."""
    where = sample.file if sample.row is None else f"{sample.file} row {count(sample.row)}"
    return f"{where} (line {line})" if line is not None else where


def value_of(sample: Sample) -> str:
    """The cell in quotes, cut when long; `null` when there is none."""
    return "null" if sample.value is None else "'" + clean(cut(" ".join(sample.value.split("\n")))) + "'"


def key_of(sample: Sample) -> str:
    """`SkuId openai/gpt-5, ChargePeriodStart 2026-11-01T00:00:00Z`."""
    given = [(name, value) for name, value in sample.key.items() if value is not None]
    return ", ".join(f"{name} {clean(cut(value, 80))}" for name, value in given[:MOST_KEYS])


def cut(text: str, longest: int = LONGEST_VALUE) -> str:
    """Long text with its length instead of its end."""
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text):,} characters)"


def clean(text: str) -> str:
    """Text without characters that a terminal or XML cannot carry; each is shown by its code."""
    return _UNPRINTABLE.sub(lambda m: f"\\x{ord(m.group()):02x}", text)


def headline(findings: Findings) -> str:
    """`FOCUS 1.3 CostAndUsage: 2 files, 33 rows`."""
    files = len(findings.files)
    named = findings.files[0] if files == 1 else f"{count(files)} files"
    rows = f"{count(findings.rows)} row{'' if findings.rows == 1 else 's'}"
    how = ", judged as the official validator does" if findings.strict_official else ""
    return f"FOCUS {findings.focus_version} {findings.dataset}: {named}, {rows}{how}"


def totals(findings: Findings) -> str:
    """`210 passed, 3 failed (2 errors, 1 warning), 80 not applicable, 35 not checked`."""
    s = findings.summary
    kinds = [(s["errors"], "error"), (s["warnings"], "warning"), (s["infos"], "remark")]
    failed = ", ".join(f"{n} {word}{'' if n == 1 else 's'}" for n, word in kinds if n)
    return (
        f"{s['passed']} passed, {s['failed']} failed{f' ({failed})' if failed else ''}, "
        f"{s['not_applicable']} not applicable, {s['not_checked']} not checked"
    )


def verdict(judgement: Judgement) -> str:
    """The one sentence that matters."""
    failing = judgement.failing
    if failing:
        known = sum(judgement.state(f) == "known" for f in judgement.findings.findings)
        extra = f"; {known} more are accepted by the baseline" if known else ""
        return f"FAILED: {len(failing)} finding{'' if len(failing) == 1 else 's'} to fix{extra}"
    if judgement.findings.findings:
        return "PASSED with findings that do not fail the run"
    return "PASSED: nothing to fix"


def next_step(judgement: Judgement) -> str:
    """What to do after reading."""
    failing = ordered(judgement.failing)
    if not failing:
        gone = judgement.gone
        return "write the baseline again: some accepted findings are gone (--write-baseline)" if gone else ""
    return f"focus-ai explain {failing[0].rule}"


def reasons(verdicts: Sequence[Verdict]) -> list[tuple[str, int]]:
    """How many rules share a reason, most frequent first."""
    counts: dict[str, int] = {}
    for item in verdicts:
        counts[item.reason] = counts.get(item.reason, 0) + 1
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))


def state_of(judgement: Judgement, finding: Finding) -> str:
    """`known` and `grown from 12 rows` for a finding of the baseline, else nothing."""
    state = judgement.state(finding)
    if state == "grown":
        before = (judgement.baseline or {})[finding.rule, finding.column].rows
        return f"grown from {count(before)} rows"
    return "" if state == "new" else "known"
