"""The showback report as text and Markdown. Input is the dictionary of schema `focus-ai/showback@1`.

All forms are made from the same blocks: a heading, a table and remarks. Amounts are rounded to cents (or to
two digits that count, when smaller) for reading; CSV and JSON hold every digit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from focus_ai import money

Report = Mapping[str, Any]
TOP = 10
_WEEKS = 6
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
    yield from _last_day(report, top)
    yield from _daily(report, top)
    yield from _budgets(report, top)
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
    held = sum(other["rows"] for other in totals["currencies"] if other["currency"] == report["currency"])
    filters = ", ".join(f"{name} {value}" for name, value in report["filters"].items())
    remarks = [
        f"{cost(totals['cost'])} {report['currency']} for {number(totals['requests'])} calls and "
        f"{number(totals['tokens'])} tokens, {period['from']} to {period['to']} ({period['days']} days), "
        f"{number(held)} rows" + (f"; only {filters}" if filters else "")
    ]
    remarks += longer(report)
    for other in totals["currencies"]:
        if other["currency"] != report["currency"]:
            remarks.append(f"and {cost(other['cost'])} {other['currency']}, not in the tables below")
    return Block("Showback", remarks=remarks)


def longer(report: Report) -> list[str]:
    """A remark on charges for more than a day, where there are any: they make their first day look dear."""
    amount = report["totals"]["longer"]
    return [f"{cost(amount)} of it is charges for more than a day, which stand on their first day"] if (
        money.dec(amount)
    ) else []  # fmt: skip


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


def _last_day(report: Report, top: int) -> Iterator[Block]:
    """Who made the spend of the newest day, and what is unusual about it."""
    said = report["last_day"]
    groups = said["groups"]
    rows = [
        (g["team"], g["product"], g["model"], cost(g["cost"]), percent(g["share"]), cost(g["usual"]),
         _signed(g["delta"])) for g in groups[:top]
    ]  # fmt: skip
    remark = f"{cost(said['cost'])} in all"
    if said["usual"] is not None:
        many = said["days_before"]
        before = f"the {many} days before" if many > 1 else "the day before"
        remark += f", {_signed(said['delta'])} against the average of {before} ({cost(said['usual'])})"
    more = [f"and {len(groups) - top} more"] if len(groups) > top else []
    if money.dec(said["longer"]):
        remark += f"; besides, {cost(said['longer'])} of charges for longer than a day"
    header = ("team", "product", "model", "cost", "share", "usual", "change")
    yield Block(f"The last day, {said['day']}", header, rows, [*more, remark], (3, 4, 5, 6))


def _budgets(report: Report, top: int) -> Iterator[Block]:
    said = report["budgets"]
    if said["why_not"]:
        yield Block("Budgets", remarks=["not compared: " + said["why_not"]])
    if not said["given"]:
        return
    # What holds now comes first; days and weeks that are over follow, the newest first.
    teams = sorted(said["teams"], key=lambda b: b["period"], reverse=True)
    teams = sorted(teams, key=lambda b: (not b["current"], b["status"] == "ok" and b["every"] in ("day", "week")))
    rows = [
        (b["team"], b["period"], cost(b["budget"]), cost(b["spent"]), percent(b["share"]), cost(b["forecast"]),
         b["status"]) for b in teams[: 2 * top]
    ]  # fmt: skip
    rest = [f"and {len(teams) - 2 * top} more"] if len(teams) > 2 * top else []
    starts = sorted({(b["data_from"], b["period"]) for b in teams if b["data_from"]})
    rest += [f"{p}: the data begins on {day}; what was spent before is not in it" for day, p in starts]
    rest += [f"no budget: {b['team']} with {cost(b['cost'])}" for b in said["without"]]
    rest += [
        f"not compared: {b['team']} has a budget of {cost(b['budget'])} {b['currency']}"
        for b in said["in_other_currencies"]
    ]
    header = ("team", "period", "budget", "spent", "used", "forecast", "status")
    yield Block("Budgets", header, rows, rest, (2, 3, 4, 5))


def _shared(report: Report, top: int) -> Iterator[Block]:
    shared = report["shared"]
    if not shared["methods"]:
        yield Block("Shared cost", remarks=["no row is a share of shared cost"])
        return
    rows = [
        (m["method"], m["team"], cost(m["cost"]), percent(m["share"]), _because(m["weights"]))
        for m in shared["methods"][: 2 * top]
    ]
    yield Block(
        "Shared cost", ("rule", "team", "cost", "of shared", "because"), rows,
        [f"{cost(shared['cost'])} was split, {percent(shared['share'])} of all"], (2, 3),
    )  # fmt: skip
    teams = [(t["team"], cost(t["direct"]), cost(t["shared"]), cost(t["cost"])) for t in shared["teams"][:top]]
    yield Block("Direct and shared", ("team", "direct", "shared", "cost"), teams, (), (1, 2, 3))


def _because(weights: Sequence[Mapping[str, Any]]) -> str:
    """The parts of a share in words: `37.5 % (3,000 Tokens)`."""
    parts = []
    for element in weights:
        measured = f" ({_plain(element['quantity'])} {element['unit']})" if element["quantity"] is not None else ""
        parts.append(f"{percent(element['ratio'])}{measured}")
    return " + ".join(parts) or "differs by month"


def _plain(value: str) -> str:
    return f"{money.dec(value):,f}"


def _nobody(report: Report) -> Iterator[Block]:
    said = report["unattributed"]
    if said["oldest_day"] is None:
        yield Block("Unattributed", remarks=["every row has a team"])
        return
    rows = [(r["reason"], cost(r["cost"])) for r in said["reasons"]]
    weeks = ", ".join(f"{week} {percent(share)}" for week, share in _by_week(report))
    yield Block(
        "Unattributed", ("reason", "cost"), rows,
        [f"{cost(said['cost'])}, {percent(said['share'])} of all; the oldest is of {said['oldest_day']} "
         f"({said['age_days']} days), {cost(said['older_than_limit'])} is {said['limit_days']} days or older",
         f"share by week: {weeks}"], (1,),
    )  # fmt: skip


def _by_week(report: Report) -> list[tuple[str, Decimal]]:
    """ISO week -> share of its spend that has no owner, the last six weeks."""
    sums: dict[str, list[Decimal]] = {}
    for nobody, every in zip(report["unattributed"]["days"], report["daily"]["total"], strict=True):
        year, week, _ = date.fromisoformat(every["day"]).isocalendar()
        held = sums.setdefault(f"{year:04d}-W{week:02d}", [Decimal(0), Decimal(0)])
        held[0] = money.CTX.add(held[0], money.dec(nobody["cost"]))
        held[1] = money.CTX.add(held[1], money.dec(every["cost"]))
    weeks = sorted(sums.items())[-_WEEKS:]
    return [(week, money.CTX.divide(part, whole) if whole else Decimal(0)) for week, (part, whole) in weeks]


def _retries(report: Report, top: int) -> Iterator[Block]:
    said = report["retries"]
    if not said["known"]:
        yield Block("Retry waste", remarks=["not known: " + said["why"]])
        return
    rows = [
        (str(g["team"]), str(g["model"]), g["what"], number(g["attempts"]), cost(g["waste"]))
        for g in said["groups"][:top]
    ]
    remarks = [f"and {len(said['groups']) - top} more"] if len(said["groups"]) > top else []
    remarks.append(f"{cost(said['waste'])}, {percent(said['share'])} of all ({said['source']})")
    if said["not_told"] is not None and money.dec(said["not_told"]):
        remarks.append(f"rows with {cost(said['not_told'])} do not say whether their calls answered")
    yield Block("Retry waste", ("team", "model", "what", "calls", "waste"), rows, remarks, (3, 4))


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


def _signed(value: str | None) -> str:
    if value is None:
        return "-"
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
