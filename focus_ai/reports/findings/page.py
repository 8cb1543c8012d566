"""A judgement as one HTML page that opens from disk: no network, no file beside it, a search field, a part per rule.

Every text from a file goes through `escape`; the page forbids itself anything but its own style and script.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from focus_ai.findings import Deviation, Finding, Verdict
from focus_ai.judgement import Judgement
from focus_ai.reports.findings import words

SAMPLES = 100
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--bad:#c62828;--warn:#b26a00;--good:#2e7d32;--dim:#777}
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:72rem;padding:1rem 1.5rem 4rem}
h1{font-size:1.4rem;margin:.5rem 0}h2{font-size:1rem;margin:0;display:inline}
header{position:sticky;top:0;background:Canvas;padding:.5rem 0;border-bottom:1px solid var(--line);z-index:1}
input,select{font:inherit;padding:.35rem .5rem;border:1px solid var(--line);border-radius:.3rem;background:Field}
input{width:22rem;max-width:60%}
details{border:1px solid var(--line);border-radius:.4rem;margin:.5rem 0;padding:.4rem .8rem}
summary{cursor:pointer}.tag{font-size:.75rem;border-radius:.3rem;padding:.05rem .4rem;color:#fff;background:var(--dim)}
.failed.error .tag{background:var(--bad)}.failed.warning .tag{background:var(--warn)}
.passed .tag{background:var(--good)}
.money,.rows{margin-left:.6rem;font-variant-numeric:tabular-nums}.dim{color:var(--dim)}
table{border-collapse:collapse;width:100%;font-size:.85rem;margin:.5rem 0}
th,td{border-bottom:1px solid var(--line);padding:.2rem .5rem;text-align:left;vertical-align:top}
td{overflow-wrap:anywhere;min-width:5rem}.wide{overflow-x:auto}
code{font-family:ui-monospace,monospace;background:var(--soft);padding:0 .2rem}.verdict{font-weight:600}
[hidden]{display:none}
"""
_SCRIPT = """
const find=document.getElementById('find'),show=document.getElementById('show'),count=document.getElementById('count');
const parts=[...document.querySelectorAll('details.rule')].map(e=>[e,e.textContent.toLowerCase()]);
function apply(){const words=find.value.toLowerCase().split(/\\s+/).filter(Boolean);let n=0;
for(const [e,text] of parts){
const ok=(show.value==='all'||e.dataset.status===show.value)&&words.every(w=>text.includes(w));
e.hidden=!ok;n+=ok}count.textContent=n+' of '+parts.length+' rules'}
find.addEventListener('input',apply);show.addEventListener('change',apply);apply();
"""


def render(judgement: Judgement) -> str:
    """The page."""
    findings = judgement.findings
    title = words.headline(findings)
    per_rule: dict[str, list[Finding]] = {}
    for finding in words.ordered(findings.findings):
        per_rule.setdefault(finding.rule, []).append(finding)
    verdicts = [v for v in findings.rules if not v.group]
    order = {rule: i for i, rule in enumerate(per_rule)}
    verdicts.sort(key=lambda v: (order.get(v.rule, len(order)), _STATUS.index(v.status)))
    status = "failed" if findings.findings else "all"
    options = "".join(
        f'<option value="{key}"{" selected" if key == status else ""}>{label}</option>'
        for key, label in _OPTIONS.items()
    )
    parts = "\n".join(_rule(judgement, v, per_rule.get(v.rule, [])) for v in verdicts)
    result = "bad" if judgement.failing else "good"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{_safe(title)}</title>
<style>{_STYLE}</style></head><body>
<h1>{_safe(title)}</h1>
<p class="verdict" style="color:var(--{result})">{_safe(words.verdict(judgement))}</p>
<p>{_safe(words.totals(findings))}</p>
{_list("Notes", findings.notes)}
{_list("Gone since the baseline", [f"{k.rule} {k.column} ({k.rows:,} rows)" for k in judgement.gone])}
<header><input id="find" type="search" placeholder="Search rules, columns, values" aria-label="Search">
<select id="show" aria-label="Status">{options}</select> <span id="count" class="dim"></span></header>
<main>
{parts}
</main>
{_list("Physical form (values judged, no finding)", [_form(d) for d in findings.deviations])}
{_list("Applicability", [f"{c.id}: {'holds' if c.holds else 'does not hold'}, {c.why}" for c in findings.criteria])}
{_list("Files", findings.files)}
<p class="dim">{_safe(findings.generator or "focus-ai")}</p>
<script>{_SCRIPT}</script></body></html>
"""


_STATUS = ("failed", "passed", "not_checked", "not_applicable")
_OPTIONS = {"all": "all rules", **{status: status.replace("_", " ") for status in _STATUS}}


def _rule(judgement: Judgement, verdict: Verdict, found: list[Finding]) -> str:
    rows = sum(f.rows for f in found)
    money = "; ".join(dict.fromkeys(filter(None, (words.money_of(f) for f in found))))
    head = f'<span class="tag">{_safe(verdict.severity if found else verdict.status.replace("_", " "))}</span> '
    head += f"<h2>{_safe(verdict.rule)}</h2> {_safe(verdict.column)}"
    if rows:
        head += f'<span class="rows">{rows:,} row{"" if rows == 1 else "s"}</span>'
    if money:
        head += f'<span class="money">{_safe(money)}</span>'
    fact = judgement.facts.get(verdict.rule)
    repeated = bool(found) and all(f.message.startswith(verdict.title) for f in found)
    body = [f"<p>{_safe(verdict.title)}</p>"] if verdict.title and not repeated else []
    if verdict.reason and not found:
        body.append(f'<p class="dim">{_safe(verdict.reason)}</p>')
    body += [_finding(judgement, finding) for finding in found]
    if fact and fact.why:
        body.append(f"<p>Why: {_safe(fact.why)}</p>")
    if found and (fix := found[0].fix or (fact.fix if fact else "")):
        body.append(f"<p>Fix: {_safe(fix)}</p>")
    if reference := (fact.reference if fact else "") or verdict.section:
        body.append(f'<p class="dim">Source: {_safe(reference)}</p>')
    if verdict.note:
        body.append(f'<p class="dim">{_safe(verdict.note)}</p>')
    opened = " open" if found and any(judgement.state(f) != "known" for f in found) else ""
    kind = f"rule {verdict.status} {verdict.severity}"
    return (
        f'<details class="{_safe(kind)}" data-status="{_safe(verdict.status)}" id="{_safe(verdict.rule)}"{opened}>'
        f"<summary>{head}</summary>{''.join(body)}</details>"
    )


def _finding(judgement: Judgement, finding: Finding) -> str:
    state = words.state_of(judgement, finding)
    told = f"<p>{_safe(finding.message)}{f' <em>({_safe(state)})</em>' if state else ''}</p>"
    samples = finding.samples[:SAMPLES]
    if not samples:
        return told
    keys = list(dict.fromkeys(name for sample in samples for name in sample.key))
    head = "".join(f"<th>{_safe(name)}</th>" for name in ("file and row", finding.column or "value", *keys))
    lines = []
    for sample in samples:
        where = words.place(sample, judgement.line(sample.file, sample.row))
        cells = [_safe(where), f"<code>{_safe(words.value_of(sample))}</code>"]
        cells += [_safe(words.cut(sample.key.get(name) or "")) for name in keys]
        lines.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    more = finding.rows - len(samples)
    rest = f'<p class="dim">and {more:,} more rows</p>' if more > 0 else ""
    return f'{told}<div class="wide"><table><tr>{head}</tr>{"".join(lines)}</table></div>{rest}'


def _form(deviation: Deviation) -> str:
    return f"{deviation.column}: {deviation.found} instead of {deviation.expected} {deviation.note}".strip()


def _list(title: str, items: Sequence[str]) -> str:
    if not items:
        return ""
    lines = "".join(f"<li>{_safe(item)}</li>" for item in items)
    return f"<details><summary>{_safe(title)} ({len(items)})</summary><ul>{lines}</ul></details>"


def _safe(text: str) -> str:
    return escape(words.clean(text), quote=True)
