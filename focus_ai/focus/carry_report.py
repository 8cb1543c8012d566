"""What the run report says about rows of FOCUS files: what was filled in, rounded, rescaled or moved, with its money.

In: the table `focus_read` (the cells, and the value `v…` of every column of the version).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from focus_ai.engine import Session
from focus_ai.focus.carry_cells import Cells, sources
from focus_ai.focus.carry_kept import Left
from focus_ai.focus.carry_readings import is_number, rules, scale
from focus_ai.focus.carry_values import QUANTITY, UNIT, UNIT_PRICES, own
from focus_ai.focus.columns import Column, FocusVersion

_WITH_MONEY = ("products_differ", "kept")
_PRODUCTS = {"ListUnitPrice": "ListCost", "ContractedUnitPrice": "ContractedCost"}


def used(session: Session, left: Sequence[Left]) -> list[Left]:
    """Those with at least one cell that is left over."""
    counts = _counted(session, [f"({entry.sql}) IS NOT NULL" for entry in left])
    return [entry for entry, number in zip(left, counts, strict=True) if number]


def told(
    session: Session, model: FocusVersion, cells: Cells, values: Mapping[str, str], kept: Mapping[Left, str]
) -> dict[str, Any]:
    """The report. `kept`: what was left over -> the column that holds it."""
    columns = {column.name: column for column in model.all_columns}
    filled = {c.name: _is_filled(c, cells, values[c.name]) for c in model.columns if _can_be_filled(c, cells)}
    rounded = {
        c.name: _is_rounded(c, cells, values[c.name])
        for c in model.all_columns
        if is_number(c) and cells.texts(sources(c.name))
    }
    changed = [name for name in (*UNIT_PRICES, QUANTITY) if name in rounded]
    broken = {
        price: f"(({rounded[price]}) OR ({rounded.get(QUANTITY, 'FALSE')})) "
        f"AND {values[price]} * {values[QUANTITY]} <> {values[_PRODUCTS[price]]}"
        for price in changed
        if price in _PRODUCTS
    }
    rescaled = {name: f"per_more > 0 AND {values[name]} IS NOT NULL" for name in (UNIT, *changed) if name in cells}
    apart = {f"{number}": entry for number, entry in enumerate(kept)}
    found = _rows(session, {
        "filled": filled,
        "rounded": rounded,
        "rescaled": {n: rescaled[n] for n in columns if n in rescaled},
        "products_differ": broken,
        "kept": {key: f"({entry.sql}) IS NOT NULL" for key, entry in apart.items()},
    })  # fmt: skip
    moved = found.pop("kept")
    return {
        "rows": int(session.one("SELECT count(*) FROM focus_read")[0]),
        **found,
        "set_apart": _moved(moved, apart, kept, known=True),
        "no_home": _moved(moved, apart, kept, known=False),
        "not_selected": _not_selected(session),
    }


def _can_be_filled(column: Column, cells: Cells) -> bool:
    others = [name for name in sources(column.name) if name != column.name]
    stands_in = "fill" in rules()["columns"].get(column.name, {}) or column.type == "DateTime"
    return bool(cells.texts(others)) or stands_in or (_is_currency(column) and column.name in cells)


def _is_currency(column: Column) -> bool:
    return column.name.endswith("Currency")


def _is_filled(column: Column, cells: Cells, value: str) -> str:
    """SQL: does the value come from elsewhere than the cell of the same name, or in other letters?"""
    written = f" OR {value} <> {cells.text(column.name)}" if _is_currency(column) and column.name in cells else ""
    return f"(({own(column, cells)}) IS NULL AND {value} IS NOT NULL){written}"


def _is_rounded(column: Column, cells: Cells, value: str) -> str:
    """SQL: has the number more decimals than the column keeps?"""
    digits = f"carry_decimals({cells.given(column.name)}, 0) > {scale(column)}"
    return f"{digits} AND per_more = 0 AND {value} IS NOT NULL"


def _moved(
    found: Sequence[Mapping[str, Any]], apart: Mapping[str, Left], kept: Mapping[Left, str], *, known: bool
) -> list[dict[str, Any]]:
    """Cells that another column holds: where they are kept and the money of their rows."""
    moved = [
        {"column": entry.name, "kept_as": kept[entry], "rows": f["rows"], "money": f["money"]}
        for f in found
        if (entry := apart[f["column"]]).known is known
    ]
    return sorted(moved, key=lambda told: (told["column"], told["kept_as"]))


def _not_selected(session: Session) -> dict[str, Any]:
    """Rows that were read and left out because only AI spend was asked for, with their money."""
    where = "focus_row IS NOT NULL AND ignored = 'not_ai_spend'"
    rows = session.one(f"SELECT count(*) FROM set_aside WHERE {where}")[0]
    paid = session.rows(
        f"SELECT currency, CAST(sum(billed_cost) AS VARCHAR) FROM set_aside WHERE {where} GROUP BY 1 ORDER BY 1"
    )
    return {"rows": int(rows), "money": [_amount(*pair) for pair in paid]}


def _counted(session: Session, tests: Sequence[str]) -> list[int]:
    """Rows for which each condition holds, in one pass."""
    if not tests:
        return []
    sums = ", ".join(f"coalesce(sum(CAST(({sql}) AS INTEGER)), 0)" for sql in tests)
    return [int(n) for n in session.one(f"SELECT {sums} FROM focus_read")]


def _rows(session: Session, groups: Mapping[str, Mapping[str, str]]) -> dict[str, list[dict[str, Any]]]:
    """For each group the columns with the rows for which their condition holds, without those of which it never does.

    The groups of `_WITH_MONEY` say how much money those rows are. All groups are counted in one pass.
    """
    tests = [(group, name, sql) for group, members in groups.items() for name, sql in members.items()]
    counts = _counted(session, [sql for _, _, sql in tests])
    found: dict[str, list[dict[str, Any]]] = {group: [] for group in groups}
    paid: list[tuple[dict[str, Any], str]] = []
    for (group, name, sql), number in zip(tests, counts, strict=True):
        if number:
            found[group].append(entry := {"column": name, "rows": number})
            paid += [(entry, sql)] if group in _WITH_MONEY else []
    if paid:
        sums = ", ".join(f"CAST(sum(CASE WHEN {sql} THEN paid END) AS VARCHAR)" for _, sql in paid)
        by_currency = session.rows(f"SELECT paid_in, {sums} FROM focus_read GROUP BY 1 ORDER BY 1")
        for place, (entry, _) in enumerate(paid, start=1):
            entry["money"] = [_amount(row[0], row[place]) for row in by_currency if row[place] is not None]
    return found


def _amount(currency: str, amount: str) -> dict[str, str]:
    return {"currency": str(currency), "billed_cost": amount.rstrip("0").rstrip(".") if "." in amount else amount}
