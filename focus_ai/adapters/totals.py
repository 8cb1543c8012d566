"""Lines of a table that state the total of the others. Spreadsheets and downloads put them at the end, often with a
date, so that they look like records and the money would count twice.

A line is one where a cell is a word for a total and no other cell tells of anything, or where the word stands for what
was used. A table of nothing but totals is a table of records.
"""

from __future__ import annotations

from pathlib import Path

from focus_ai.adapters.mapping import Mapping
from focus_ai.adapters.paths import texts
from focus_ai.adapters.scope import Scope
from focus_ai.engine import Session, ident, literal, literals
from focus_ai.sources.sniff import Format

REASON = "totals_line"
_WORDS = (
    "total", "totals", "grand total", "subtotal", "sub-total", "sub total", "sum", "sums", "overall total",
    "gesamt", "gesamtsumme", "gesamtbetrag", "summe", "zwischensumme", "insgesamt", "total général", "sous-total",
    "totale", "totaal", "suma", "totaal generaal", "合計", "总计", "합계",
)  # fmt: skip
# What was used: no model and no line of a bill has such a name.
_USED = ("model_served", "model_requested", "line_item")
# Numbers, dates, currencies and what stands for nothing tell of nothing.
_SILENT = "[0-9 .,:;/()%$€£+_-]*|[A-Za-z]{3}|[0-9][0-9TZUC:. +-]*|n/a|none|null|N/A|None|NULL"
_LONGEST = 40


def total_lines(scope: Scope, mapping: Mapping) -> list[tuple[str, str]]:
    """SQL of the condition that a record of a table states a total, and of the reason to set it aside."""
    return [(_condition(scope, mapping), literal(REASON))] if REASON in scope.doubts else []


def _condition(scope: Scope, mapping: Mapping) -> str:
    read = {str(p.keys[0]) for p in scope.read_paths() if p.up == 0 and p.keys}
    used = {text.strip('"') for field in _USED for text in texts(mapping.fields.get(field))}
    some, stated, whole = (
        "[" + ", ".join(f"r.{ident(name)}" for name in scope.columns if name in chosen) + "]"
        for chosen in (read, used & read, {*scope.columns})
    )
    if some == "[]":
        return "FALSE"
    # One test of a list of cells: a test for each cell of a wide table takes memory for each of them.
    words = f"[{literals(_WORDS)}]"
    word = f"list_contains({words}, lower(rtrim(trim(c), ': ')))"
    telling = f"c IS NOT NULL AND NOT regexp_full_match(c, '{_SILENT}') AND NOT {word}"
    named = f"len(list_filter({stated}, lambda c: c IS NOT NULL AND {word})) > 0" if stated != "[]" else "FALSE"
    alone = f"len(list_filter({whole}, lambda c: {telling})) = 0"
    found = f"len(list_filter({some}, lambda c: c IS NOT NULL AND strlen(c) < {_LONGEST} AND {word})) > 0"
    return scope.hold(f"CASE WHEN {found} THEN {named} OR {alone} ELSE FALSE END")


def doubted(form: Format, mapping: Mapping) -> tuple[str, ...]:
    """May this file have such lines? Rows of FOCUS files are charges, whatever they are called."""
    return (REASON,) if form.kind == "csv" and mapping.line is None and not mapping.focus_rows else ()


def nothing_else(session: Session, target: Path, counts: tuple[int, int, int], part: int | None = None) -> bool:
    """Has the staged table no other line? Then its lines are the records, such as one amount for each month."""
    rows, ignored, problems = counts
    if not problems or rows > ignored + problems:
        return False
    mine = "" if part is None else f" AND part = {part}"
    where = f"read_parquet({literal(str(target))}) WHERE problem = {literal(REASON)}{mine}"
    return int(session.one(f"SELECT count(*) FROM {where}")[0]) == problems
