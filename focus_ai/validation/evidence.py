"""What lies behind a broken rule: the money on its rows, and some of the rows. Runs for broken rules only.

Money is summed for all of them in one pass. Rows of rules that few rows break are fetched together in one pass; a rule
that many rows break meets its first rows early, so it gets a query of its own that stops there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from focus_ai.engine import Session, ident
from focus_ai.findings import Sample
from focus_ai.money import text
from focus_ai.validation.compile_columns import Columns, shown
from focus_ai.validation.compile_rules import Instance

FEW = 200
CHUNK = 60
#: Columns that help to find a row, in this order; the other columns of the rule come first.
KEYS = (
    "ChargePeriodStart", "BillingAccountId", "SubAccountId", "SkuId", "SkuPriceId", "ResourceId", "ChargeCategory",
    "ChargeDescription", "InvoiceId", "InvoiceDetailId", "ContractCommitmentId", "BillingPeriodStart", "x_ChargeId",
)  # fmt: skip
SHOWN_KEYS = 8
_CELL = 300


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule instance that `rows` rows break: `where` is SQL that is true for them."""

    instance: Instance
    where: str
    rows: int


def money(session: Session, columns: Columns, broken: Sequence[Broken]) -> list[dict[str, dict[str, str]]]:
    """For each: `{"BilledCost": {"USD": "1.5"}, "EffectiveCost": {…}}`; a cost column that is missing is left out."""
    costs = {name: sql for name in ("BilledCost", "EffectiveCost") if (sql := _addable(columns, name))}
    found: list[dict[str, dict[str, str]]] = [{name: {} for name in costs} for _ in broken]
    if not costs:
        return found
    currency = columns.text("BillingCurrency") if columns.column("BillingCurrency") else "''"

    def add(numbers: Sequence[int]) -> None:
        part = [broken[n] for n in numbers]
        for unit, *values in _totals(session, columns, currency, list(costs.values()), part):
            for i, number in enumerate(numbers):
                if not values[i]:
                    continue
                for j, name in enumerate(costs):
                    amount = values[len(part) + i * len(costs) + j]
                    if amount is not None:
                        found[number][name][unit] = text(Decimal(amount))

    _in_parts(range(len(broken)), add)
    return found


def _in_parts(numbers: Sequence[int], work: Callable[[Sequence[int]], None]) -> None:
    """Do it for so many rules at once as the memory allows: every step of every expression holds a vector."""
    import duckdb

    for start in range(0, len(numbers), CHUNK):
        part = numbers[start : start + CHUNK]
        try:
            work(part)
        except duckdb.OutOfMemoryException:
            if len(part) == 1:
                raise
            half = len(part) // 2
            _in_parts(part[:half], work)
            _in_parts(part[half:], work)


def _totals(
    session: Session, columns: Columns, currency: str, costs: Sequence[str], part: Sequence[Broken]
) -> list[tuple[Any, ...]]:
    """Per currency: the rows of each rule, then each cost of each rule. Beyond 38 digits, totals of binary floats."""
    import duckdb

    def query(form: str) -> str:
        counts = [f"count_if({b.where})" for b in part]
        sums = [form.format(f"CASE WHEN {b.where} THEN ", cost) for b in part for cost in costs]
        return (
            f"SELECT coalesce({currency}, '') AS currency, {', '.join(counts + sums)} "
            f"FROM {columns.relation()} GROUP BY currency ORDER BY currency"
        )

    try:
        return session.rows(query("sum({}{} END)"))
    except duckdb.OutOfRangeException:
        return session.rows(query("CAST(sum({}CAST({} AS DOUBLE) END) AS VARCHAR)"))


def samples(
    session: Session, columns: Columns, files: Sequence[str], broken: Sequence[Broken], wanted: int
) -> list[tuple[Sample, ...]]:
    """The first `wanted` rows of each, in the order of the data."""
    if wanted <= 0:
        return [() for _ in broken]
    found: dict[int, list[Sample]] = {i: [] for i in range(len(broken))}
    few = [i for i, b in enumerate(broken) if b.rows <= FEW]
    _in_parts(few, lambda part: _together(session, columns, files, broken, part, wanted, found))
    for i, b in enumerate(broken):
        if b.rows > FEW:
            names = _names(columns, b.instance)
            query = (
                f"SELECT _file, _row, {', '.join(shown(columns, n) for n in names) or 'NULL'} "
                f"FROM {columns.relation()} WHERE {b.where} LIMIT {int(wanted)}"
            )
            for file, row, *cells in session.rows(query):
                found[i].append(_sample(b.instance, files, file, row, names, cells))
    return [tuple(found[i]) for i in range(len(broken))]


def _together(
    session: Session, columns: Columns, files: Sequence[str], broken: Sequence[Broken], few: Sequence[int],
    wanted: int, found: Mapping[int, list[Sample]],
) -> None:  # fmt: skip
    names = list(dict.fromkeys(n for i in few for n in _names(columns, broken[i].instance)))
    flags = ", ".join(f"coalesce({broken[i].where}, false)" for i in few)
    cells = "".join(f", {shown(columns, n)}" for n in names)
    where = " OR ".join(f"coalesce({broken[i].where}, false)" for i in few)
    query = f"SELECT _file, _row, [{flags}]{cells} FROM {columns.relation()} WHERE {where} ORDER BY _file, _row"
    fetched = session.rows(query)
    for file, row, hits, *values in fetched:
        known = dict(zip(names, values, strict=True))
        for i, hit in zip(few, hits, strict=True):
            if hit and len(found[i]) < wanted:
                own = _names(columns, broken[i].instance)
                found[i].append(_sample(broken[i].instance, files, file, row, own, [known[n] for n in own]))


def _names(columns: Columns, instance: Instance) -> list[str]:
    """The column of the rule, the others it names, then the keys that are there."""
    own = [instance.column] if instance.column else []
    listed = dict.fromkeys([*own, *instance.columns, *KEYS])
    there = [name for name in listed if name in columns.dataset.columns]
    return there[: max(SHOWN_KEYS, len([n for n in instance.columns if n in there])) + len(own)]


def _sample(
    instance: Instance, files: Sequence[str], file: int, row: int, names: Sequence[str], cells: Sequence[Any]
) -> Sample:
    shown_cells = {n: None if c is None else str(c)[:_CELL] for n, c in zip(names, cells, strict=True)}
    value = shown_cells.pop(instance.column, None) if instance.column else None
    name = files[file] if file is not None and file < len(files) else ""
    return Sample(name, row, value, {n: c for n, c in shown_cells.items() if c is not None or n in instance.columns})


def _addable(columns: Columns, name: str) -> str | None:
    """SQL of a cost that can be added up exactly; binary floats are taken at twelve places."""
    number = columns.number(name)
    if number is None:
        return None
    if not number.exact:
        finite = f"CASE WHEN isfinite({ident(name)}) THEN {ident(name)} END"
        return f"TRY_CAST({finite} AS DECIMAL(38, 12))"
    return number.sql if number.precision < 38 or number.scale else f"CAST({number.sql} AS HUGEINT)"
