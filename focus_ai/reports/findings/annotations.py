"""A judgement as GitHub workflow commands: annotations beside the files of a pull request.

GitHub shows ten errors, ten warnings and ten notices of one step (documentation, checked 2026-11-22); so the tenth
line of a kind counts what is left. Known findings of a baseline are left out.
"""

from __future__ import annotations

from focus_ai.findings import Finding
from focus_ai.judgement import Judgement
from focus_ai.reports.findings import words

MOST = 10
_COMMANDS = {"error": "error", "warning": "warning", "info": "notice"}


def render(judgement: Judgement) -> str:
    """One command per line, then the verdict as plain text."""
    lines = []
    for severity, command in _COMMANDS.items():
        found = [f for f in words.ordered(judgement.findings.findings) if f.severity == severity]
        found = [f for f in found if judgement.state(f) != "known"]
        shown = found if len(found) <= MOST else found[: MOST - 1]
        lines += [_command(judgement, command, finding) for finding in shown]
        if len(found) > len(shown):
            rest = found[len(shown) :]
            rules = ", ".join(dict.fromkeys(f.rule for f in rest))
            lines.append(f"::{command} title={len(rest)} more findings::{_data(words.cut(rules, 2000))}")
    lines.append(f"{words.headline(judgement.findings)}: {words.totals(judgement.findings)}")
    lines.append(words.verdict(judgement))
    return "\n".join(words.clean(line) for line in lines) + "\n"


def _command(judgement: Judgement, command: str, finding: Finding) -> str:
    facts = ", ".join(filter(None, [words.rows_of(finding), words.money_of(finding)]))
    place = ""
    shown = ""
    if finding.samples:
        sample = finding.samples[0]
        line = judgement.line(sample.file, sample.row) or sample.row or 1
        place = f"file={_property(sample.file)},line={line},"
        value = f"value {words.value_of(sample)}"
        shown = f"\n{words.place(sample, judgement.line(sample.file, sample.row))}: {value}"
        shown += f" ({words.key_of(sample)})" if sample.key else ""
    fix = f"\nFix: {finding.fix}" if finding.fix else ""
    title = " ".join(filter(None, [finding.rule, finding.column]))
    return f"::{command} {place}title={_property(title)}::{_data(f'{finding.message} ({facts}){shown}{fix}')}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
