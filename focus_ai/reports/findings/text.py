"""A judgement as text for a terminal: findings by severity, the dearest first, then what was not judged and the sum."""

from __future__ import annotations

from textwrap import wrap

from focus_ai.findings import Finding
from focus_ai.judgement import Judgement
from focus_ai.reports.findings import words

TOP = 25
SHOWN_SAMPLES = 3
WIDTH = 110


def render(judgement: Judgement, *, top: int = TOP) -> str:
    """The whole report. `top` limits the findings of each severity; the rest is counted."""
    findings = judgement.findings
    blocks = [_head(judgement)]
    for severity in words.SEVERITIES:
        found = [f for f in words.ordered(findings.findings) if f.severity == severity]
        if found:
            blocks.append(_severity(judgement, severity, found, top))
    blocks += [_gone(judgement), _deviations(judgement), _silent(judgement), _notes(judgement), _end(judgement)]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _head(judgement: Judgement) -> list[str]:
    return [words.headline(judgement.findings), *(f"  {words.clean(n)}" for n in judgement.findings.notes[:1])]


def _notes(judgement: Judgement) -> list[str]:
    """All notes but the first, which stands below the headline."""
    notes = judgement.findings.notes[1:]
    lines = [line for note in notes for line in _hang(words.clean(note), "  ", "    ")]
    return ["Notes", *lines] if lines else []


def _severity(judgement: Judgement, severity: str, found: list[Finding], top: int) -> list[str]:
    fresh = [f for f in found if judgement.state(f) != "known"]
    known = len(found) - len(fresh)
    title = f"{words.PLURAL[severity].capitalize()}  {len(fresh)}" + (f"  (and {known} known)" if known else "")
    lines = [title]
    for finding in fresh[:top]:
        lines += _finding(judgement, finding)
    if len(fresh) > top:
        rest = fresh[top:]
        lines.append(f"  and {len(rest)} more: {', '.join(dict.fromkeys(f.rule for f in rest[:10]))} …")
    return lines


def _finding(judgement: Judgement, finding: Finding) -> list[str]:
    facts = [finding.column, words.rows_of(finding), words.money_of(finding), words.state_of(judgement, finding)]
    lines = ["  " + "  ".join([finding.rule, *filter(None, facts)])]
    lines += _hang(words.clean(finding.message), "    ")
    for sample in finding.samples[:SHOWN_SAMPLES]:
        where = words.place(sample, judgement.line(sample.file, sample.row))
        key = words.key_of(sample)
        lines.append(f"    {words.clean(where)}: {words.value_of(sample)}" + (f"  [{key}]" if key else ""))
    more = finding.rows - min(len(finding.samples), SHOWN_SAMPLES)
    if finding.samples and more > 0:
        lines.append(f"    and {more:,} more row{'' if more == 1 else 's'}")
    if finding.fix:
        lines += _hang(f"fix: {words.clean(finding.fix)}", "    ", "         ")
    return lines


def _hang(text: str, first: str, rest: str | None = None) -> list[str]:
    # Long values are cut before; nothing here may be broken in the middle of a word.
    return wrap(
        " ".join(text.split()), WIDTH, initial_indent=first, subsequent_indent=rest or first,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _gone(judgement: Judgement) -> list[str]:
    if not judgement.gone:
        return []
    gone = [f"  {k.rule}  {k.column}  {k.rows:,} rows" for k in judgement.gone]
    return [f"Gone since the baseline  {len(gone)}", *gone[:TOP]]


def _deviations(judgement: Judgement) -> list[str]:
    found = judgement.findings.deviations
    if not found:
        return []
    groups: dict[tuple[str, str, str], list[str]] = {}
    for d in found:
        groups.setdefault((d.found, d.expected, d.note), []).append(d.column)
    lines = ["Physical form  (the values were judged; no finding)"]
    for (kind, expected, note), columns in groups.items():
        lines += _hang(
            f"{kind} instead of {expected}: {', '.join(columns)}" + (f" ({note})" if note else ""), "  ", "    "
        )
    return lines


def _silent(judgement: Judgement) -> list[str]:
    """Rules without a verdict, by reason."""
    lines = []
    for status, title in (("not_checked", "Not checked"), ("not_applicable", "Not applicable")):
        silent = [v for v in judgement.findings.rules if v.status == status and not v.group]
        if silent:
            lines.append(f"{title}  {len(silent)}")
            told = words.reasons(silent)
            lines += [f"  {n:>4}  {words.cut(reason, 120)}" for reason, n in told[:6]]
            if len(told) > 6:
                lines.append(f"  {sum(n for _, n in told[6:]):>4}  other reasons (see --format json)")
    return lines


def _end(judgement: Judgement) -> list[str]:
    lines = [f"Rules     {words.totals(judgement.findings)}", f"Result    {words.verdict(judgement)}"]
    step = words.next_step(judgement)
    return [*lines, f"Next      {step}"] if step else lines
