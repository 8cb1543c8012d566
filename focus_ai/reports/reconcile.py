"""The report of one `reconcile` run as text: totals, statuses, causes, the largest buckets.

Input is the document `focus-ai/reconcile@1`. Nothing is rounded; rated + explained + unexplained = billed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from focus_ai import words
from focus_ai.money import dec
from focus_ai.reports.table import amount, count, table

Report = Mapping[str, Any]


def reconcile_text(report: Report) -> str:
    """The whole report, ending with a newline."""
    blocks = [_totals(report), _statuses(report), _causes(report), _invoices(report), _buckets(report)]
    blocks += [_notes(report), _closed(report)]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _totals(report: Report) -> list[str]:
    rows = [
        (t["currency"], dec(t["rated"]), dec(t["explained"]), dec(t["unexplained"]), dec(t["billed"]))
        for t in report["totals"]
    ]
    other = _other(report)
    lines = table([f"Rated against {other}", "rated", "+ explained", "+ unexplained", f"= {other}"], rows)
    first, last = report["period"]
    lines.append(f"{first} to before {last}, {count(report['buckets_total'])} buckets by {', '.join(report['by'])}")
    return lines


def _statuses(report: Report) -> list[str]:
    rows = [(name, number) for name, number in report["statuses"].items() if number]
    tolerance = report["tolerance"]
    limits = f"{tolerance['absolute']} or {tolerance['warn']} / {tolerance['breach']} of the {report['against']}"
    verdict = "within tolerance" if report["passed"] else "OUTSIDE tolerance"
    return [f"Result  {verdict} ({tolerance['rule']}: {limits})", *table(["  status", "buckets"], [
        (f"  {name}", number) for name, number in rows
    ])]  # fmt: skip


def _causes(report: Report) -> list[str]:
    causes: Sequence[Report] = report["causes"]
    if not causes:
        return []
    rows = [(c["cause"], dec(c["amount"]), c["currency"], c["buckets"], c.get("events"), _why(c)) for c in causes]
    lines = table(["Cause", "amount", "", "buckets", "calls", ""], rows)
    return [*lines, "focus-ai explain CAUSE says what helps"]


def _why(cause: Report) -> str:
    notes = [n for n in cause.get("notes", ()) if n]
    return words.means("causes", cause["cause"], "") + (f" ({'; '.join(notes)})" if notes else "")


def _invoices(report: Report) -> list[str]:
    if report["against"] != "bill":
        return []
    rows = [
        (f"{i['channel'] or '(all)'} {i['month']}", i["account"], dec(i["delta"]), dec(i["tolerance"]), i["currency"],
         i["status"]) for i in report["invoices"]
    ]  # fmt: skip
    return table(["Invoice test without tax", "account", "difference", "allowed", "", ""], rows) if rows else []


def _buckets(report: Report) -> list[str]:
    buckets: Sequence[Report] = report["buckets"]
    if not buckets:
        return ["Buckets  no difference"]
    rows = []
    for b in buckets:
        key = b["key"]
        last = key["to"]
        words = [key[n] for n in ("channel", "account", "sub_account", "model", "meter", "tier") if n in key]
        if key.get("category") != "usage":
            words.append(key["category"])
        causes = ", ".join(f"{c['cause']} {amount(c['amount'])}" for c in b["causes"])
        rest = "" if dec(b["unexplained"]) == 0 else f"unexplained {amount(b['unexplained'])}"
        rows.append((key["from"] if last == _next(key["from"]) else f"{key['from']}..{last}", " / ".join(words),
                     dec(b["rated"]["cost"]), dec(b["billed"]["cost"]), dec(b["delta"]), b["status"],
                     ", ".join(w for w in (causes, rest) if w)))  # fmt: skip
    lines = table(["Bucket", "", "rated", _other(report), "difference", "status", "causes"], rows)
    differing = report["buckets_differing"]
    if differing > len(buckets):
        lines.append(f"and {count(differing - len(buckets))} more with a difference (--top 0, or buckets.parquet)")
    return lines


def _other(report: Report) -> str:
    """What the second side is called."""
    return "billed" if report["against"] == "bill" else str(report["against"])


def _next(day: str) -> str:
    from datetime import date, timedelta

    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()


def _notes(report: Report) -> list[str]:
    return ["Notes", *(f"  {note}" for note in report["notes"])] if report["notes"] else []


def _closed(report: Report) -> list[str]:
    closed = report.get("closed")
    if not closed:
        return []
    bill = "billed by the provider" if report["against"] == "bill" else "export and what it does not tell of"
    lines = table(
        [f"Closed by {closed['method']} in {closed['out']}", "rows", "effective", bill, ""],
        [(f"  {t['currency']}", t["rows"], dec(t["effective_cost"]), dec(t["bill"]),
          "equal" if t["equal"] else "NOT EQUAL")
         for t in closed["totals"]],
    )  # fmt: skip
    lines += [f"  {word}" for word in closed["notes"]]
    return lines
