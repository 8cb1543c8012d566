"""The showback report as one HTML page that needs nothing else: charts as SVG, tables, light and dark, no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from html import escape
from typing import Any

from focus_ai import money
from focus_ai.reports.showback import Block, blocks, cost, longer, number, percent
from focus_ai.reports.svg import COLOURS, Series, bars, colour, stacked

Report = Mapping[str, Any]
# Colours of the first eight series, told apart by people with the common kinds of colour blindness (Okabe and Ito).
_STYLE = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--soft:#59636e;--edge:#d1d9e0;--card:#f6f8fa;--bad:#b3261e;
--c0:#0072b2;--c1:#e69f00;--c2:#009e73;--c3:#cc79a7;--c4:#56b4e9;--c5:#d55e00;--c6:#8a7f00;--c7:#7a5195;--rest:#9aa4ae;--none:#5b6570}
@media(prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--soft:#9198a1;--edge:#3d444d;--card:#151b23;
--bad:#ff8a80;--c0:#4a8fe7;--c6:#f0e442;--c7:#b79ad6;--rest:#6e7781;--none:#c8d0d8}}
*{box-sizing:border-box}body{margin:0 auto;max-width:1180px;padding:24px 20px 60px;background:var(--bg);color:var(--fg);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
h1{font-size:26px;margin:0 0 4px}h2{font-size:18px;margin:36px 0 8px}p{margin:4px 0;color:var(--soft)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(170px,1fr));gap:12px;margin:18px 0}
.card{background:var(--card);border:1px solid var(--edge);border-radius:8px;padding:12px 14px}
.card b{display:block;font-size:22px;font-variant-numeric:tabular-nums}.card span{color:var(--soft);font-size:13px}
.card.bad b{color:var(--bad)}
.scroll{overflow-x:auto}table{border-collapse:collapse;min-width:60%;font-variant-numeric:tabular-nums}
th,td{padding:5px 10px;border-bottom:1px solid var(--edge);text-align:left;white-space:nowrap}
th{color:var(--soft);font-weight:600}th.n,td.n{text-align:right}
svg{width:100%;height:auto;display:block;font:11px system-ui,sans-serif}
svg .grid{stroke:var(--edge);stroke-width:1}svg .tick,svg .value{fill:var(--soft)}
svg .label{fill:var(--fg);font-size:12px}
svg .line{fill:none;stroke:var(--fg);stroke-width:2}svg .plus{fill:var(--c0)}svg .minus{fill:var(--c2)}
svg .mark{stroke:var(--bad);stroke-width:2}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;margin:6px 0 10px;padding:0;list-style:none;font-size:13px}
.legend i{display:inline-block;width:11px;height:11px;border-radius:2px;margin-right:6px}
.legend i.l{height:3px;border-radius:0;vertical-align:middle}
footer{margin-top:48px;color:var(--soft);font-size:13px}
@media print{body{max-width:none}h2{break-after:avoid}}
""".strip()

_NOBODY = "var(--none)"
_NAMELESS = ("Unattributed", "(no model)")


def showback_html(report: Report, *, top: int = 12) -> str:
    """The page, ending with a newline."""
    period = report["period"]
    title = f"AI spend {period['from']} to {period['to']}"
    sections = [f"<h1>{escape(title)}</h1>", _lead(report), _cards(report)]
    charts = {
        "Spend by team": _stack(report, "team"), "Spend by product": _stack(report, "product"),
        "Spend by model": _stack(report, "model"), "Budgets": _budget_bars(report),
        "What moved": _mover_bars(report, top), "Unattributed": _nobody(report),
    }  # fmt: skip
    for block in blocks(report, top):
        if block.title != "Showback":
            sections.append(_section(block, charts.get(block.title, "")))
    sections.append(
        f"<footer>focus-ai {escape(report['version'])}, made {escape(report['created_at'])} from "
        f"{number(report['rows'])} FOCUS rows. Averages are of seven days; the JSON form holds every digit.</footer>"
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body><main>\n"
        + "\n".join(part for part in sections if part)
        + "\n</main></body></html>\n"
    )


def _lead(report: Report) -> str:
    filters = ", ".join(f"{name} {value}" for name, value in report["filters"].items())
    lines = [f"{report['period']['days']} days in {report['currency']}" + (f", only {filters}" if filters else "")]
    lines += longer(report)
    lines += [
        f"and {cost(o['cost'])} {o['currency']}, which is not shown below" for o in report["totals"]["currencies"]
        if o["currency"] != report["currency"]
    ]  # fmt: skip
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def _cards(report: Report) -> str:
    totals, nobody, caching = report["totals"], report["unattributed"], report["caching"]
    retries, batch = report["retries"], report["batch"]
    cards = [
        (f"{cost(totals['cost'])}", f"{report['currency']} in all", False),
        (number(totals["requests"]), "calls", False),
        (number(totals["tokens"]), "tokens", False),
        (percent(nobody["share"]), "without an owner", money.dec(nobody["share"]) > 0),
        (percent(report["shared"]["share"]), "shared cost", False),
        (percent(caching["cached_share"]) if caching["known"] else "not known", "of the input cached", False),
        (cost(caching["saved"]) if caching["known"] else "not known", "saved by caching", False),
        (percent(batch["share"]) if batch["known"] else "not known", "as batch", False),
        (cost(retries["waste"]) if retries["known"] else "not known", "wasted on retries", retries["known"]
         and money.dec(retries["waste"]) > 0),
        (number(len(report["alerts"])), "alerts", bool(report["alerts"])),
    ]  # fmt: skip
    return '<div class="cards">' + "".join(
        f'<div class="card{" bad" if bad else ""}"><b>{escape(value)}</b><span>{escape(label)}</span></div>'
        for value, label, bad in cards
    ) + "</div>"  # fmt: skip


def _section(block: Block, chart: str) -> str:
    parts = [f"<section><h2>{escape(block.title)}</h2>"]
    parts.append(chart)
    if block.rows:
        head = "".join(
            f'<th scope="col"{_right(i, block.right)}>{escape(name)}</th>' for i, name in enumerate(block.header)
        )
        body = "".join(
            "<tr>" + "".join(f"<td{_right(i, block.right)}>{escape(cell)}</td>" for i, cell in enumerate(row)) + "</tr>"
            for row in block.rows
        )
        parts.append(
            f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(block.title)}"><table>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )  # fmt: skip
    parts += [f"<p>{escape(remark)}</p>" for remark in block.remarks]
    return "".join(parts) + "</section>"


def _right(index: int, right: Sequence[int]) -> str:
    return ' class="n"' if index in right else ""


def _stack(report: Report, dimension: str) -> str:
    daily = report["daily"]
    labels = [point["day"] for point in daily["total"]]
    if len(labels) < 2:
        return ""
    groups = daily[dimension]
    series = [
        Series(g["name"], [money.dec(p["cost"]) for p in g["days"]], _NOBODY if g["name"] in _NAMELESS else colour(i))
        for i, g in enumerate(groups[:COLOURS])
    ]
    if len(groups) > COLOURS:
        rest = [Decimal(0)] * len(labels)
        for group in groups[COLOURS:]:
            rest = [r + money.dec(p["cost"]) for r, p in zip(rest, group["days"], strict=True)]
        series.append(Series(f"{len(groups) - COLOURS} more", rest, colour(COLOURS)))
    line = Series("seven-day average", [money.dec(p["average"]) for p in daily["total"]], "")
    chart = stacked(labels, series, line, f"Daily spend by {dimension} with the seven-day average of all", cost)
    legend = "".join(f'<li><i style="background:{s.colour}"></i>{escape(s.name)}</li>' for s in series)
    legend += '<li><i class="l" style="background:var(--fg)"></i>seven-day average of all</li>'
    return f'{chart}<ul class="legend">{legend}</ul>'


def _budget_bars(report: Report) -> str:
    rows = report["budgets"]["teams"]
    if not any(row["current"] for row in rows):
        return ""
    last = [row for row in rows if row["current"]]
    shown = {r["team"]: f"{cost(r['spent'])} of {cost(r['budget'])} ({percent(r['share'])})" for r in last}
    return bars(
        [(r["team"], money.dec(r["spent"]), shown[r["team"]]) for r in last],
        "Spend against budget in " + ", ".join(sorted({r["period"] for r in last})) + "; the line is the budget",
        {r["team"]: money.dec(r["budget"]) for r in last},
    )  # fmt: skip


def _mover_bars(report: Report, top: int) -> str:
    movers = (report["movers"] or {}).get("by_team_and_model", ())[:top]
    if not movers:
        return ""
    rows = [(f"{m['team']}, {m['model']}", money.dec(m["delta"]), cost(m["delta"])) for m in movers]
    return bars(rows, "Change of spend between the two periods")


def _nobody(report: Report) -> str:
    days = report["unattributed"]["days"]
    if len(days) < 2 or report["unattributed"]["oldest_day"] is None:
        return ""
    series = [Series("share without an owner", [money.dec(d["share"]) for d in days], "var(--c5)")]
    return stacked([d["day"] for d in days], series, None, "Share of spend without an owner by day", _fine_percent)


def _fine_percent(share: Decimal) -> str:
    """A share for an axis: as many places as it needs, two at most."""
    shown = (share * 100).quantize(Decimal("0.01"))
    return f"{shown.normalize():f} %"
