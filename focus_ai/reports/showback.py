"""The showback report as text, Markdown and CSV. Input is the dictionary of schema `focus-ai/showback@1`.

All forms are made from the same blocks: a heading, a table and remarks. Amounts in tables of text and Markdown are
rounded to cents (or to two digits that count, when smaller) for reading; CSV and JSON hold every digit.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from focus_ai import money

Report = Mapping[str, Any]
TOP = 10
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Block:
    """One section for reading. Cells are text; `right` says which columns are numbers."""

    title: str
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    remarks: Sequence[str] = ()
    right: Sequence[int] = ()


def cost(value: str | Decimal | None) -> str:
    """An amount for reading: cents, or two digits that count for smaller ones; a dash for nothing known."""
    if value is None:
        return "-"
    number = money.dec(value)
    shown = number.quantize(_CENT)
    if number and abs(number) < 1:
        shown = number.quantize(max(_CENT.scaleb(-6), Decimal(1).scaleb(number.adjusted() - 1)).normalize())
        if shown.as_tuple().exponent == 0 or abs(number) >= Decimal("0.1"):
            shown = number.quantize(_CENT)
    return f"{shown:,f}"


def percent(value: str | Decimal | None) -> str:
    """A share for reading, one place."""
    if value is None:
        return "-"
    number = money.dec(value) * 100
    shown = number.quantize(Decimal("0.1"))
    return "<0.1 %" if number and not shown else f"{shown} %"


def number(value: int | str | None) -> str:
    """A count for reading."""
    return "-" if value is None else f"{int(Decimal(value)):,}"


def blocks(report: Report, top: int = TOP) -> Iterator[Block]:
    """Every section that has something to say, in the order of reading."""
    yield _summary(report)
    yield from _alerts(report, top)
    yield from _daily(report, top)
    yield from _budgets(report)
    yield from _shared(report, top)
    yield from _nobody(report)
    yield from _retries(report, top)
    yield from _shares(report, top)
    yield from _units(report, top)
    yield from _movers(report, top)
    if report["missing_columns"]:
        yield Block("Not in these rows", remarks=["columns missing: " + ", ".join(report["missing_columns"])])


def _summary(report: Report) -> Block:
    totals, period = report["totals"], report["period"]
    filters = ", ".join(f"{name} {value}" for name, value in report["filters"].items())
    remarks = [
        f"{cost(totals['cost'])} {report['currency']} for {number(totals['requests'])} calls and "
        f"{number(totals['tokens'])} tokens, {period['from']} to {period['to']} ({period['days']} days), "
        f"{number(report['rows'])} rows" + (f"; only {filters}" if filters else "")
    ]
    for other in totals["currencies"]:
        if other["currency"] != report["currency"]:
            remarks.append(f"and {cost(other['cost'])} {other['currency']}, not in the tables below")
    return Block("Showback", remarks=remarks)


def _alerts(report: Report, top: int) -> Iterator[Block]:
    found = report["alerts"]
    rows = [(a["id"], a["day"] or "", a["what"], cost(a["value"]), cost(a["limit"])) for a in found[:top]]
    more = [f"and {len(found) - top} more"] if len(found) > top else []
    if rows:
        yield Block("Alerts", ("alert", "day", "what", "amount", "limit"), rows, more, (3, 4))
    else:
        yield Block("Alerts", remarks=["none"])


def _daily(report: Report, top: int) -> Iterator[Block]:
    daily = report["daily"]
    for dimension in ("team", "product", "model"):
        groups = daily[dimension]
        rows = [
            (
                g["name"],
                cost(g["cost"]),
                percent(g["share"]),
                cost(g["days"][-1]["cost"]),
                cost(g["days"][-1]["average"]),
            )
            for g in groups[:top]
        ]
        more = []
        if len(groups) > top:
            rest = sum((money.dec(g["cost"]) for g in groups[top:]), Decimal(0))
            more = [f"and {len(groups) - top} more with {cost(rest)}"]
        last = report["period"]["to"]
        yield Block(
            f"Spend by {dimension}",
            (dimension, "cost", "share", f"on {last}", "7-day average"),
            rows,
            more,
            (1, 2, 3, 4),
        )
    days = [(d["day"], cost(d["cost"]), cost(d["average"])) for d in daily["total"][-7:]]
    yield Block("Last days", ("day", "cost", "7-day average"), days, (), (1, 2))


def _budgets(report: Report) -> Iterator[Block]:
    if report["budgets"]["given"]:
        rows = [
            (b["team"], b["month"], cost(b["budget"]), cost(b["spent"]), percent(b["share"]), cost(b["forecast"]),
             b["status"]) for b in report["budgets"]["teams"]
        ]  # fmt: skip
        rest = [f"no budget: {b['team']} with {cost(b['cost'])}" for b in report["budgets"]["without"]]
        header = ("team", "month", "budget", "spent", "used", "forecast", "status")
        yield Block("Budgets", header, rows, rest, (2, 3, 4, 5))


def _shared(report: Report, top: int) -> Iterator[Block]:
    shared = report["shared"]
    if not shared["methods"]:
        yield Block("Shared cost", remarks=["no row is a share of shared cost"])
        return
    rows = [(m["method"], m["team"], cost(m["cost"]), percent(m["share"])) for m in shared["methods"][: 2 * top]]
    yield Block(
        "Shared cost", ("rule", "team", "cost", "of shared"), rows,
        [f"{cost(shared['cost'])} was split, {percent(shared['share'])} of all"], (2, 3),
    )  # fmt: skip
    teams = [(t["team"], cost(t["direct"]), cost(t["shared"]), cost(t["cost"])) for t in shared["teams"][:top]]
    yield Block("Direct and shared", ("team", "direct", "shared", "cost"), teams, (), (1, 2, 3))


def _nobody(report: Report) -> Iterator[Block]:
    said = report["unattributed"]
    if said["oldest_day"] is None:
        yield Block("Unattributed", remarks=["every row has a team"])
        return
    rows = [(r["reason"], cost(r["cost"])) for r in said["reasons"]]
    yield Block(
        "Unattributed", ("reason", "cost"), rows,
        [f"{cost(said['cost'])}, {percent(said['share'])} of all; the oldest is of {said['oldest_day']} "
         f"({said['age_days']} days), {cost(said['older_than_limit'])} is {said['limit_days']} days or older"], (1,),
    )  # fmt: skip


def _retries(report: Report, top: int) -> Iterator[Block]:
    said = report["retries"]
    if not said["known"]:
        yield Block("Retry waste", remarks=["not known: " + said["why"]])
        return
    rows = [(str(g["team"]), str(g["model"]), number(g["attempts"]), cost(g["waste"])) for g in said["groups"][:top]]
    yield Block(
        "Retry waste", ("team", "model", "attempts", "waste"), rows,
        [f"{cost(said['waste'])}, {percent(said['share'])} of all ({said['source']})"], (2, 3),
    )  # fmt: skip


def _shares(report: Report, top: int) -> Iterator[Block]:
    evaluation, batch, caching = report["evaluation"], report["batch"], report["caching"]
    rows = [(e["name"], cost(e["cost"])) for e in evaluation["environments"][:top]]
    remarks = []
    if evaluation["evaluation_per_production"] is not None:
        remarks.append(f"evaluation is {percent(evaluation['evaluation_per_production'])} of production")
    remarks.append(
        f"batch is {percent(batch['share'])} of all" if batch["known"] else "batch: not known, " + batch["why"]
    )
    yield Block("Environments", ("environment", "cost"), rows, remarks, (1,))
    if not caching["known"]:
        yield Block("Caching", remarks=["not known: " + caching["why"]])
        return
    models = [
        (m["name"], number(m["cached_tokens"]), percent(m["cached_share"]), cost(m["saved"]))
        for m in caching["models"][:top] if m["cached_tokens"] or m["written_tokens"]
    ]  # fmt: skip
    remarks = [f"{percent(caching['cached_share'])} of the input was cached and saved {cost(caching['saved'])}"]
    if caching["tokens_without_fresh_price"]:
        remarks.append(f"{number(caching['tokens_without_fresh_price'])} tokens have no fresh price in these rows")
    yield Block("Caching", ("model", "cached tokens", "of input", "saved"), models, remarks, (1, 2, 3))


def _units(report: Report, top: int) -> Iterator[Block]:
    models = [
        (m["name"], cost(m["cost"]), cost(m["cost_per_million_tokens"]), cost(m["cost_per_thousand_requests"]),
         cost(m["output_per_input"]), percent(m["cached_share"])) for m in report["models"][:top]
    ]  # fmt: skip
    yield Block(
        "Model efficiency", ("model", "cost", "per 1M tokens", "per 1,000 calls", "output per input", "cached"), models,
        (), (1, 2, 3, 4, 5),
    )  # fmt: skip
    teams = [
        (t["name"], number(t["requests"]), cost(t["cost_per_thousand_requests"]))
        for t in report["unit_cost"]["product"][:top]
    ]
    yield Block("Unit cost", ("product", "calls", "per 1,000 calls"), teams, (), (1, 2))
    if report["business_units"]:
        rows = [
            (
                u["unit"],
                u["product"] or u["team"] or "all",
                number(u["units"]),
                cost(u["cost"]),
                cost(u["cost_per_unit"]),
            )
            for u in report["business_units"]
        ]
        yield Block("Cost per business unit", ("unit", "of", "units", "cost", "per unit"), rows, (), (2, 3, 4))


def _movers(report: Report, top: int) -> Iterator[Block]:
    movers = report["movers"]
    if movers is None:
        return
    before, after, whole = movers["before"], movers["after"], movers["total"]
    rows = [
        (m["team"], m["model"], cost(m["before"]), cost(m["after"]), _signed(m["delta"]), m["why"])
        for m in movers["by_team_and_model"][:top]
    ]
    remark = f"{before['from']} to {before['to']} against {after['from']} to {after['to']}"
    if whole:
        remark += f": {cost(whole['before'])} became {cost(whole['after'])} ({_signed(whole['delta'])})"
    yield Block("What moved", ("team", "model", "before", "after", "change", "why"), rows, [remark], (2, 3, 4))


def _signed(value: str) -> str:
    shown = cost(value)
    return shown if shown.startswith("-") else f"+{shown}"


def showback_text(report: Report, *, top: int = TOP) -> str:
    """All sections as plain tables."""
    parts = []
    for block in blocks(report, top):
        lines = [block.title]
        if block.rows:
            lines += [f"  {line}" for line in _grid(block)]
        lines += [f"  {remark}" for remark in block.remarks]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _grid(block: Block) -> list[str]:
    table = [list(block.header), *[list(row) for row in block.rows]]
    widths = [max(len(row[i]) for row in table) for i in range(len(block.header))]

    def line(row: Sequence[str]) -> str:
        cells = zip(row, widths, strict=True)
        return "  ".join(c.rjust(w) if i in block.right else c.ljust(w) for i, (c, w) in enumerate(cells)).rstrip()

    return [line(row) for row in table]


def showback_markdown(report: Report, *, top: int = TOP) -> str:
    """All sections as Markdown, fit for a pull request or a wiki."""
    parts = []
    for number_, block in enumerate(blocks(report, top)):
        lines = [f"{'#' if number_ == 0 else '##'} {block.title}"]
        if block.rows:
            lines += ["", "| " + " | ".join(block.header) + " |"]
            lines.append("|" + "|".join("---:" if i in block.right else "---" for i in range(len(block.header))) + "|")
            lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in block.rows]
        for remark in block.remarks:
            lines += ["", remark]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def showback_csv(report: Report) -> str:
    """One line per number: section, name, day, measure, value; every digit kept."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["section", "dimension", "name", "day", "measure", "value", "currency"])
    writer.writerows(_flat(report))
    return out.getvalue()


def _flat(report: Report) -> Iterator[Sequence[Any]]:
    currency = report["currency"]
    for point in report["daily"]["total"]:
        yield "daily", "total", "", point["day"], "cost", point["cost"], currency
        yield "daily", "total", "", point["day"], "average7", point["average"], currency
    for dimension in ("team", "product", "model"):
        for group in report["daily"][dimension]:
            for point in group["days"]:
                yield "daily", dimension, group["name"], point["day"], "cost", point["cost"], currency
                yield "daily", dimension, group["name"], point["day"], "average7", point["average"], currency
    for row in report["budgets"]["teams"]:
        for measure in ("budget", "spent", "share", "forecast", "status"):
            yield "budget", "team", row["team"], row["month"], measure, row[measure], currency
    for row in report["shared"]["methods"]:
        yield "shared", row["method"], row["team"], "", "cost", row["cost"], currency
    for point in report["unattributed"]["days"]:
        yield "unattributed", "total", "", point["day"], "share", point["share"], currency
    for row in report["models"]:
        for measure in ("cost", "tokens", "requests", "cost_per_million_tokens", "cost_per_thousand_requests"):
            yield "model", "model", row["name"], "", measure, row[measure], currency
    for row in report["business_units"]:
        yield (
            "unit",
            row["unit"],
            row["product"] or row["team"] or "",
            "",
            "cost_per_unit",
            row["cost_per_unit"],
            currency,
        )
    for row in (report["movers"] or {}).get("by_team_and_model", ()):
        yield "movers", row["model"], row["team"], "", "delta", row["delta"], currency
    for alert in report["alerts"]:
        yield "alert", alert["id"], alert["name"] or "", alert["day"] or "", "value", alert["value"], currency
