"""A judgement as Markdown for a step summary or a comment: GitHub takes 1 MiB, so findings beyond are left out."""

from __future__ import annotations

import re

from focus_ai.findings import Finding
from focus_ai.judgement import Judgement
from focus_ai.reports.findings import words

LARGEST = 900_000
SAMPLES = 5


def render(judgement: Judgement) -> str:
    """Verdict, summary table, findings with their rows, what was not judged."""
    head = [f"## {_mark(judgement)} {_plain(words.headline(judgement.findings))}", ""]
    head += [f"**{words.verdict(judgement)}.** {words.totals(judgement.findings)}.", ""]
    head += [f"- {_plain(note)}" for note in judgement.findings.notes]
    tail = [*_table(judgement), *_deviations(judgement), *_gone(judgement)]
    size = sum(len(line.encode("utf-8", "replace")) + 1 for line in [*head, *tail])
    body: list[str] = []
    found = [f for f in words.ordered(judgement.findings.findings) if judgement.state(f) != "known"]
    for number, finding in enumerate(found):
        block = _finding(judgement, finding)
        size += sum(len(line.encode("utf-8", "replace")) + 1 for line in block)
        if size > LARGEST:
            body.append(
                f"*{len(found) - number} more findings are left out here; the JSON and HTML reports hold them.*"
            )
            break
        body += block
    return "\n".join([*head, "", *tail, "", *body]).rstrip() + "\n"


def _mark(judgement: Judgement) -> str:
    return "❌" if judgement.failing else "✅"


def _table(judgement: Judgement) -> list[str]:
    found = words.ordered(judgement.findings.findings)
    if not found:
        return []
    lines = ["| | Rule | Column | Rows | Money | |", "|---|---|---|---:|---:|---|"]
    for f in found[:200]:
        cells = [f.severity, f"`{f.rule}`", _plain(f.column), words.rows_of(f), _plain(words.money_of(f))]
        lines.append("| " + " | ".join([*cells, words.state_of(judgement, f)]) + " |")
    return lines


def _finding(judgement: Judgement, finding: Finding) -> list[str]:
    facts = ", ".join(filter(None, [words.rows_of(finding), words.money_of(finding)]))
    lines = [f"### {finding.severity}: {_plain(finding.rule)} {_plain(finding.column)}".rstrip(), ""]
    lines += [f"{_plain(words.cut(finding.message, 1000))} ({_plain(facts)})", ""]
    for sample in finding.samples[:SAMPLES]:
        where = words.place(sample, judgement.line(sample.file, sample.row))
        key = words.key_of(sample)
        lines.append(f"- {_code(where)}: {_code(words.value_of(sample))}" + (f" ({_plain(key)})" if key else ""))
    if finding.fix:
        lines += ["", f"Fix: {_plain(finding.fix)}"]
    return [*lines, ""]


def _deviations(judgement: Judgement) -> list[str]:
    found = judgement.findings.deviations
    if not found:
        return []
    lines = ["", "<details><summary>Physical form (values judged, no finding)</summary>", ""]
    lines += [
        f"- {_plain(d.column)}: {_plain(d.found)} instead of {_plain(d.expected)} {_plain(d.note)}" for d in found[:200]
    ]
    return [*lines, "", "</details>"]


def _gone(judgement: Judgement) -> list[str]:
    if not judgement.gone:
        return []
    return ["", "Gone since the baseline: " + ", ".join(f"`{k.rule}` {_plain(k.column)}" for k in judgement.gone[:50])]


def _plain(text: str) -> str:
    """Text that Markdown leaves alone: no markup, no table cells, no HTML, no mentions."""
    flat = " ".join(words.clean(text).split())
    flat = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;")
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", flat)


def _code(text: str) -> str:
    """Text as code, whatever it holds; line breaks become spaces."""
    flat = " ".join(words.clean(text).split()).replace("|", "¦")
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", flat)), default=0))
    pad = " " if "`" in flat else ""
    return f"{fence}{pad}{flat}{pad}{fence}"
