"""The report of one allocation as text: per rule and window who gets what, by which measure.

Input is the report `focus-ai/allocation-run@1`. Ratios are shown as they are; amounts add up to the origin exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focus_ai.money import dec
from focus_ai.reports.table import amount, count, table

Report = Mapping[str, Any]


def allocation_text(report: Report) -> str:
    """The whole report, ending with a newline."""
    blocks = [_head(report)]
    for rule in report["rules"]:
        blocks += _rule(rule)
    blocks.append(_rest(report))
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _head(report: Report) -> list[str]:
    what = "would move" if report["dry_run"] else "moved"
    rows = [(t["currency"], dec(t["effective_cost"]), dec(t["billed_cost"])) for t in report["totals_before"]]
    return table(
        [f"Shared cost that {what}", "effective", "billed"], [("before and after, " + c, e, b) for c, e, b in rows]
    )


def _rule(rule: Report) -> list[list[str]]:
    title = [f"{rule['rule']}  {rule['method']}  where {rule['match']}", f"  {rule['documentation']}"]
    if not rule["windows"]:
        return [[*title, "  no row matches"]]
    blocks = []
    for window in rule["windows"]:
        rows = [
            (f"  {t['target']}", t["ratio"], dec(t["effective_cost"]), dec(t["billed_cost"]), _why(t))
            for t in window["targets"]
        ]
        rows.append((f"  {_rows(window)}", "1", dec(window["effective_cost"]),
                     dec(window["billed_cost"]), ""))  # fmt: skip
        lines = table(["  to", "ratio", f"effective {window['currency']}", "billed", "because"], rows)
        blocks.append([*title, *lines, *(f"  note: {note}" for note in window["notes"])])
    return blocks


def _why(target: Report) -> str:
    parts = []
    for element in target["why"]:
        measured = (
            f"{amount(element['quantity'])} {element['unit']}" if element["unit"] and element["quantity"] else "fixed"
        )
        parts.append(measured.replace(".00 ", " ") + (f" ({element['ratio']})" if len(target["why"]) > 1 else ""))
    nobody = "stays unallocated: " if target["unallocated"] else ""
    return nobody + " + ".join(parts)


def _rest(report: Report) -> list[str]:
    left = report["untouched"]
    money = ", ".join(f"{amount(t['effective_cost'])} {t['currency']}" for t in left["totals"])
    lines = [f"Not shared  {count(left['rows'])} rows, {money or '0'} effective, unchanged"]
    if report.get("out"):
        lines.append(f"Written to {report['out']}, origin rows and weights in allocation/")
    return lines


def _rows(window: Report) -> str:
    number = int(window["rows"])
    return f"{count(number)} {'row' if number == 1 else 'rows'} of {window['window']}"
