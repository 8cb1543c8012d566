"""The report of one audit as text: verdict, findings with their money, spend, the dearest requests, policy.

Input is the dictionary of schema `focus-ai/audit@1`. A list that is cut ends with a line that says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from focus_ai import money
from focus_ai.reports.table import amount, count, table

Report = Mapping[str, Any]
TOP = 10
_DETAIL = 3
# Facts of a finding's rows that are words or counts, not money.
_SHORT = {"first_day": "from", "last_day": "to", "input_tokens": "input"}


def audit_text(report: Report, *, by: Sequence[str] = ("team", "model"), top: int = TOP) -> str:
    """The whole report, ending with a newline. `by` names the breakdowns to show."""
    blocks = [_summary(report)]
    if report.get("drill"):
        blocks.append(_drill(report["drill"], top))
    else:
        blocks += [_verdict(report), _owners(report), _findings(report)]
        blocks += [_breakdown(report["spend"][f"by_{name}"], name, top) for name in by]
        blocks.append(_requests(report["top_requests"], top))
    blocks += [_policy(report.get("policy"), top), _closing(report)]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def percent(share: str) -> str:
    """A share as per cent with two places; a share above nothing is never shown as 0.00 %."""
    value = money.CTX.multiply(money.dec(share), Decimal(100))
    shown = value.quantize(Decimal("0.01"))
    return "<0.01 %" if value and not shown else f"{shown} %"


def _summary(report: Report) -> list[str]:
    totals, records = report["totals"], report["records"]
    period = f"{totals['from']} to {totals['to']}" if totals["from"] else "no usage"
    files = len(report["inputs"])
    lines = [
        f"Audit     {count(totals['events'])} events, {count(totals['tokens'])} tokens, "
        f"{amount(totals['cost'])} {report['currency']}, {period}",
        f"          {_many(records['read'], 'record')} of {_many(files, 'file')}: "
        f"duplicate {count(records['duplicates'])}, rejected {count(records['rejected'])}, "
        f"ignored {count(records['ignored'])}",
    ]
    others = [m for m in totals["money"] if m["currency"] != report["currency"]]
    lines += [f"          and {amount(m['cost'])} {m['currency']} ({m['basis']})" for m in others]
    if money.dec(totals["waste"]):
        lines.append(
            f"          {amount(totals['waste'])} {report['currency']} of it bought nothing (retries, loops, failures)"
        )
    return lines


def _many(number: int, word: str) -> str:
    return f"{count(number)} {word}{'' if number == 1 else 's'}"


def _verdict(report: Report) -> list[str]:
    verdict = report["verdict"]
    lines = []
    for name in ("showback", "chargeback"):
        said = verdict[name]
        missed = [c for c in said["checks"] if not c["ok"]]
        lines.append(f"{name.capitalize():<12}{'ready' if said['ready'] else 'NOT READY'}")
        lines += [f"          {c['check']}: {percent(c['value'])}, limit {percent(c['limit'])}" for c in missed]
    lines.append(f"          {verdict['rule']}")
    return lines


def _owners(report: Report) -> list[str]:
    rows = [
        (name, said["events"], percent(said["share_of_events"]), percent(said["share_of_tokens"]),
         money.dec(said["cost"]), percent(said["share_of_cost"])) for name, said in report["owners"].items()
    ]  # fmt: skip
    return table(["Without a", "events", "share", "of tokens", "cost", "of cost"], rows)


def _findings(report: Report) -> list[str]:
    """Errors and warnings with reason, remedy and their largest parts; remarks in one line."""
    found = report["findings"]
    if not found:
        return ["Findings  none"]
    lines = [f"Findings  {count(len(found))}"]
    for finding in found:
        facts = [_many(finding["events"], "record")]
        if finding["cost"] is not None:
            facts.append(f"{amount(finding['cost'])} {report['currency']} {finding['cost_means']}")
        lines.append(f"  {finding['severity']:<7} {finding['id']}: {finding['title']} ({', '.join(facts)})")
        if finding["severity"] == "info":
            continue
        lines.append(f"          why: {finding['why']}")
        lines.append(f"          fix: {finding['fix']}")
        rows = finding["rows"]
        lines += [f"          - {_words(row)}" for row in rows[:_DETAIL]]
        if len(rows) > _DETAIL:
            lines.append(f"          - and {count(len(rows) - _DETAIL)} more in --format json")
    return lines


def _words(row: Mapping[str, Any]) -> str:
    """One detail row: `team search, model gpt-5, events 120, waste 3.10`."""
    parts = []
    for name, value in row.items():
        if value is None:
            value = "unattributed" if name in ("team", "feature", "product") else "-"
        elif isinstance(value, int):
            value = count(value)
        parts.append(f"{_SHORT.get(name, name).replace('_', ' ')} {value}")
    return ", ".join(parts)


def _breakdown(groups: Sequence[Mapping[str, Any]], name: str, top: int) -> list[str]:
    if not groups:
        return []
    rows = [_group(group) for group in (groups if name == "day" else groups[:top])]
    if name != "day" and len(groups) > top:
        rest = groups[top:]
        for currency in sorted({g["currency"] or "" for g in rest}):
            same = [g for g in rest if (g["currency"] or "") == currency]
            rows.append(
                (f"({len(same)} more)", sum(g["events"] for g in same), sum(g["tokens"] for g in same),
                 money.total(money.dec(g["cost"]) for g in same), "", currency)
            )  # fmt: skip
    many = len({row[5] for row in rows}) > 1
    header = [name.capitalize(), "events", "tokens", "cost", "share"]
    return table([*header, "currency"] if many else header, [row if many else row[:5] for row in rows])


def _group(group: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        group["name"], group["events"], group["tokens"], money.dec(group["cost"]), percent(group["share"]),
        group["currency"] or "",
    )  # fmt: skip


def _requests(found: Sequence[Mapping[str, Any]], top: int) -> list[str]:
    if not found:
        return []
    rows = [
        (_cut(str(r["record"])), r["time"], r["team"] or "Unattributed",
         r["feature"] or "", r["model"] or "", r["input_tokens"], r["output_tokens"], money.dec(r["cost"]),
         f"{r['times_average']} x" if r["times_average"] else "") for r in found[:top]
    ]  # fmt: skip
    header = ["Dearest requests", "time", "team", "feature", "model", "input", "output", "cost", "of average"]
    return table(header, rows)


def _cut(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."


def _drill(drill: Mapping[str, Any], top: int) -> list[str]:
    chosen = ", ".join(f"{name} {value}" for name, value in drill["filters"].items())
    lines = [f"Selected  {chosen}: {count(drill['events'])} events, {amount(drill['cost'])}"]
    if not drill["events"] and not money.dec(drill["cost"]):
        return [*lines, "          nothing matches; names are those of the breakdowns"]
    for name, groups in drill["groups"].items():
        lines += ["", *_breakdown(groups, name, top)]
    requests = _requests(drill["requests"], top)
    return [*lines, "", *requests] if requests else lines


def _policy(policy: Mapping[str, Any] | None, top: int) -> list[str]:
    if policy is None:
        return []
    refused, reported = policy["refused"], policy["reported"]
    lines = [
        f"Policy    would have refused {count(refused['events'])} requests ({amount(refused['cost'])}), "
        f"and reported {count(reported['events'])} more ({amount(reported['cost'])})"
    ]
    rows = [
        (r["mode"], r["rule"], r["why"], r["team"], r["events"], money.dec(r["cost"])) for r in policy["rows"][:top]
    ]
    if rows:
        lines += ["", *table(["Mode", "rule", "why", "team", "requests", "cost"], rows)]
    if policy["budgets"]:
        budgets = [
            (b["team"], b["month"], money.dec(b["budget"]), money.dec(b["spent"]), b["used_up_at"] or "not used up",
             b["events_over"], money.dec(b["cost_over"])) for b in policy["budgets"]
        ]  # fmt: skip
        lines += [
            "",
            *table(["Budget of", "month", "budget", "spent", "used up at", "requests over", "cost over"], budgets),
        ]
    return lines


def _closing(report: Report) -> list[str]:
    return [f"Rate card {report['rate_card']}"]
