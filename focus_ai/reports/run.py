"""The report of one `convert` run as text: counts, cost by provider, model and team, warnings, files.

Input is the dictionary of `OUT/run.json` (schema `focus-ai/run@1`). Nothing is rounded and nothing is left out
silently: a long list ends with a line that holds the exact sum of what is not shown, and the Unattributed line is
always there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from focus_ai import money
from focus_ai.reports.table import amount, count, table

Report = Mapping[str, Any]
TOP = 10
_METERS = 3
_REASONS = 6
UNATTRIBUTED = "Unattributed"
_DATA = "data/"
_KINDS = (("events", "events"), ("billed lines", "billed_lines"), ("duplicates", "duplicates"))
_COSTS = ("list_cost", "contracted_cost", "effective_cost", "billed_cost")
_NAMELESS = {"by_provider": "(unknown)", "by_model": "(no model)", "by_team": UNATTRIBUTED}
_BREAKDOWNS = (("Provider", "by_provider"), ("Model", "by_model"), ("Team", "by_team"))


def run_text(report: Report, *, top: int = TOP) -> str:
    """The whole report, ending with a newline. `top` limits each breakdown and the warnings."""
    blocks: list[list[str]] = [_records(report), _totals(report)]
    blocks += [_breakdown(title, report, key, top) for title, key in _BREAKDOWNS]
    blocks += [_focus_files(report), _bills(report), _warnings(report, top), _files(report, top)]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _records(report: Report) -> list[str]:
    """Records in and what became of each, then rows out."""
    records = report["records"]
    unpriced = report["unpriced"]
    rows: list[tuple[str, int, str]] = [("read", records["read"], _sources(report))]
    rows += [(f"  {label}", records[key], "") for label, key in _KINDS]
    rows.append(("  rejected", records["rejected"], _reasons(report.get("rejected", {}))))
    rows.append(("  ignored", records["ignored"], _reasons(report.get("ignored", {}))))
    reasons = _reasons(unpriced.get("reasons", {}))
    rows.append(("unpriced", unpriced["events"], reasons and f"{_size(unpriced)}: {reasons}"))
    rows.append(("rows out", report["rows"], ""))
    return table(["Records", "count", ""], rows)


def _sources(report: Report) -> str:
    """How many files of which export; with many kinds, how many kinds."""
    kinds, files = list(report.get("adapters", ())), len(report.get("inputs", ()))
    named = ", ".join(kinds) if len(kinds) <= 2 else f"{len(kinds)} kinds of export"
    return f"{count(files)} file{'' if files == 1 else 's'}: {named}" if kinds else ""


def _totals(report: Report) -> list[str]:
    """The four costs per currency."""
    rows = [(t["currency"], *(money.dec(t[cost]) for cost in _COSTS)) for t in report["totals"]]
    if not rows:
        return ["Cost      none: no record became a charge"]
    return table(["Cost", "list", "contracted", "effective", "billed"], rows)


def _breakdown(title: str, report: Report, key: str, top: int) -> list[str]:
    """Cost by one dimension: the dearest first, the rest summed, Unattributed last (teams: always)."""
    entries = sorted(report.get(key, ()), key=_dearest_first)
    held = [e for e in entries if e["name"] in (None, UNATTRIBUTED)]
    named = [e for e in entries if e["name"] not in (None, UNATTRIBUTED)]
    if key != "by_team" and not entries:
        return []
    rows = [_row(str(e["name"]), e) for e in named[:top]]
    rows += _rest(named[top:])
    if held:
        rows += [_row(_NAMELESS[key], e) for e in held]
    elif key == "by_team":
        rows.append(_row(UNATTRIBUTED, report["unattributed"]))
    many = len({e.get("currency") for e in entries}) > 1
    header = [title, "rows", "tokens", "effective", "billed"]
    if not many:
        return table(header, [row[:5] for row in rows])
    return table([*header, "currency"], rows)


Row = tuple[str, int, int | None, Decimal, Decimal | None, str | None]


def _row(name: str, entry: Report) -> Row:
    billed = entry.get("billed_cost")
    effective = money.dec(entry["effective_cost"])
    paid = None if billed is None else money.dec(billed)
    return name, entry["rows"], entry.get("tokens"), effective, paid, entry.get("currency")


def _rest(entries: Sequence[Report]) -> list[Row]:
    """One line per currency for the entries that are not shown."""
    rows: list[Row] = []
    for currency in sorted({str(e.get("currency") or "") for e in entries}):
        same = [e for e in entries if str(e.get("currency") or "") == currency]
        summed = {
            "rows": sum(e["rows"] for e in same),
            "tokens": sum(e.get("tokens") or 0 for e in same),
            "effective_cost": money.total(money.dec(e["effective_cost"]) for e in same),
            "billed_cost": money.total(money.dec(e.get("billed_cost") or "0") for e in same),
            "currency": currency or None,
        }
        rows.append(_row(f"({len(same)} more)", summed))
    return rows


def _dearest_first(entry: Report) -> tuple[Decimal, str]:
    return -money.dec(entry["effective_cost"]), str(entry["name"])


def _size(unpriced: Report) -> str:
    """`900 tokens, 43,200 seconds (audio_seconds)`: what has no price; of many meters the first ones."""
    others = [m for m in unpriced.get("meters", ()) if m["unit"] != "Tokens"]
    sizes = [f"{count(unpriced['tokens'])} tokens"] if unpriced["tokens"] or not others else []
    sizes += [
        f"{amount(m['quantity']).removesuffix('.00')} {str(m['unit'] or 'units').lower()} ({m['meter']})"
        for m in others[:_METERS]
    ]
    more = len(others) - _METERS
    return ", ".join(sizes) + (f" and {more} more meters" if more > 0 else "")


def _reasons(reasons: Mapping[str, int]) -> str:
    """`no_rate 4, alias_unmapped 1`, most frequent first; the rare ones of many are counted together."""
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    rest = ordered[_REASONS:]
    told = [f"{reason} {count(number)}" for reason, number in ordered[:_REASONS]]
    return ", ".join([*told, f"other {count(sum(n for _, n in rest))}"] if rest else told)


_CHANGED = {
    "filled": "filled in where the file had none",
    "rounded": "rounded to the decimals kept",
    "rescaled": "price and quantity rescaled to a larger unit, exactly",
    "products_differ": "price times quantity is no longer the cost, since a price was rounded",
}


def _focus_files(report: Report) -> list[str]:
    """What became of rows that were FOCUS rows already: filled, rounded, rescaled, without a home, left out."""
    told = report.get("focus_files")
    if not told:
        return []
    lines = [f"FOCUS rows taken over  {count(told['rows'])}, as FOCUS {report['focus']}"]
    for key, words in _CHANGED.items():
        if told.get(key):
            lines.append(f"  {words}: " + ", ".join(f"{e['column']} ({count(e['rows'])})" for e in told[key]))
    moved = [("no column in this version", e) for e in told["no_home"]]
    moved += [("does not fit its column", e) for e in told.get("set_apart", [])]
    for words, entry in moved:
        rows = f"{count(entry['rows'])} row{'' if entry['rows'] == 1 else 's'}"
        lines.append(f"  {words}: {entry['column']}, kept as {entry['kept_as']} ({rows}, {_paid(entry)})")
    if told["not_selected"]["rows"]:
        lines.append(
            f"  no AI spend, left out: {count(told['not_selected']['rows'])} rows, {_paid(told['not_selected'])}"
        )
    return lines


def _paid(entry: Report) -> str:
    return ", ".join(f"{m['billed_cost']} {m['currency']}" for m in entry["money"]) or "0"


def _bills(report: Report) -> list[str]:
    """Which export carries the money where usage and bill describe the same spend."""
    sources = report.get("billing_source") or []
    if not sources:
        return []
    return ["Money taken from", *(f"  {line}" for line in map(_bill, sources))]


def _bill(source: Report) -> str:
    """`openai-organization: bill (usage and bill given), 2 days, 2026-11-16 to 2026-11-17`.

    What is in doubt says how much it is: `openai: usage export and bill of periods that overlap only partly: both
    count, 2,125 tokens, 1 day, ...`.
    """
    days = f"{source['days']} day{'' if source['days'] == 1 else 's'}, {source['from']} to {source['to']}"
    if "why" in source:
        kept = "both count" if source["carried_by"] == "both" else f"left to {source['carried_by']}"
        size = [f"{count(source['tokens'])} tokens"] if source.get("tokens") else []
        paid = f"{amount(source['amount'])} {source.get('currency') or ''}".strip() if source.get("amount") else ""
        size += [f"billed {paid}"] if paid else []
        return f"{source['family']}: {source['between']}: {', '.join([kept, *size, days])}"
    return f"{source['family']}: {source['carried_by']} ({source['between']} given), {days}"


def _warnings(report: Report, top: int) -> list[str]:
    """The warnings with the most money, then the most records."""
    found = list(report.get("warnings", ()))
    if not found:
        return []
    found.sort(key=lambda w: (-abs(money.dec(w.get("money") or "0")), -(w.get("records") or 0), w["code"]))
    lines = [f"Warnings  {count(len(found))}"]
    several = len(report.get("totals", ())) > 1
    for warning in found[:top]:
        number = warning.get("records")
        facts = [f"{count(number)} record{'' if number == 1 else 's'}"] if number else []
        unit = f" {warning['currency']}" if several and warning.get("currency") else ""
        facts += [amount(warning["money"]) + unit] if warning.get("money") else []
        lines.append(f"  {warning['code']}: {warning['message']}" + (f" ({', '.join(facts)})" if facts else ""))
    if len(found) > top:
        lines.append(f"  and {count(len(found) - top)} more in run.json")
    return lines


def _files(report: Report, top: int) -> list[str]:
    """Where the data are, and which prices were used."""
    files = list(report.get("files", ()))
    out = str(report.get("out", "")).rstrip("/")
    data = [f for f in files if str(f["path"]).startswith(_DATA)]
    lines = table([f"Written to {out}", "rows"], [(f"  {f['path']}", f.get("rows")) for f in data[:top]])
    if len(data) > top:
        lines.append(f"  and {count(len(data) - top)} more data files")
    beside: dict[str, list[str]] = {}
    for path in sorted(str(f["path"]) for f in files if not str(f["path"]).startswith((_DATA, "metadata/"))):
        folder, _, name = path.rpartition("/")
        beside.setdefault(f"{folder}/: " if folder else "", []).append(name)
    lines += [f"  {folder}{', '.join(names)}" for folder, names in beside.items()]
    lines.append("  run.json")
    lines.append(f"Rate card {report.get('rate_card')}" if report.get("rate_card") else "Rate card none")
    if any(report.get(key) for key in ("rejected", "ignored", "warnings")) or report["unpriced"].get("reasons"):
        lines.append("Words  focus-ai explain WORD says what one of these means and what helps")
    return lines
