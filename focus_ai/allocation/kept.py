"""What a data set keeps of an allocation beside its rows, so that every share can be worked out again.

`allocation/billing_period=YYYY-MM/` holds `origins.parquet` (the rows that were split), `weights.parquet` (one row per
rule, window, currency, target and element; ratios and quantities as exact fractions), `rules.yaml` (the rules, word for
word) and `tables/` (CSV files of weights that the rules name). `earlier/` holds the same of an allocation before.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from focus_ai.allocation.rules import FIELDS, Rule, Rules, Target, load, tables, with_tables
from focus_ai.allocation.weights import Element, Plan
from focus_ai.errors import InputError, UsageError

ORIGINS, WEIGHTS, RULES, EARLIER = "origins.parquet", "weights.parquet", "rules.yaml", "earlier"
#: What identifies a row of the weights, and what it says.
KEY = ("method_id", "window", "currency", "target", "element")
_OWN = ("reason", "resource", "resource_name", *FIELDS)
SAYS = ("ratio", "unit", "quantity", *_OWN)


def name_of(target: Target) -> str:
    """What a target is called: its resource, or its reason in brackets."""
    if target.reason is not None:
        return f"({target.reason})"
    return target.resource or "/".join([target.owner[-1][0], *(v for _, v in target.owner)])


def plan_rows(plan: Plan, window: str, currency: str) -> list[dict[str, Any]]:
    """The rows of the weights that a plan is."""
    found = []
    for target, elements in sorted(plan.elements.items(), key=lambda item: item[0].key):
        owner = dict(target.owner)
        for number, e in enumerate(elements, 1):
            found.append({
                "method_id": plan.rule.method_id, "window": window, "currency": currency, "target": name_of(target),
                "element": number, "ratio": _text(e.ratio), "unit": e.unit,
                "quantity": None if e.quantity is None else _text(e.quantity), "reason": target.reason,
                "resource": target.resource, "resource_name": target.name, **{n: owner.get(n) for n in FIELDS},
            })  # fmt: skip
    return found


def plan_of(rule: Rule, window: str, rows: Iterable[Mapping[str, Any]]) -> Plan:
    """The plan that rows of the weights describe. Raises `ValueError` for a ratio or quantity that is no fraction."""
    plan = Plan(rule, window)
    for row in rows:
        owner = tuple((n, row[n]) for n in FIELDS if row[n] is not None)
        target = Target(owner, row["resource"], row["resource_name"], None, row["reason"])
        quantity = None if row["quantity"] is None else _fraction(row["quantity"])
        plan.elements.setdefault(target, []).append(Element(_fraction(row["ratio"]), row["unit"], quantity))
    return plan


def _text(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"


def _fraction(value: Any) -> Fraction:
    try:
        return Fraction(value)
    except (TypeError, ZeroDivisionError) as error:
        raise ValueError(f"not a fraction: {value!r}") from error


def write(folder: Path, rows: Sequence[Mapping[str, Any]], rules: Rules, digest: str) -> list[Path]:
    """Write the weights of a period and copies of the rules; `digest` is the hash of the rules."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    names = ["method_id", "rules_sha256", *KEY[1:], *SAYS]
    schema = pa.schema([(n, pa.int64() if n == "element" else pa.string()) for n in names])
    table = pa.Table.from_pylist([{**row, "rules_sha256": digest} for row in rows], schema=schema)
    found = [folder / WEIGHTS, folder / RULES]
    pq.write_table(table, found[0], store_schema=False)
    shutil.copyfile(rules.path, found[1])
    for source, target in _places(folder, rules).items():
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(source, target)
        found.append(target)
    return found


def _places(folder: Path, rules: Rules) -> dict[Path, Path]:
    """Table of weights -> its copy."""
    return {path: folder / "tables" / f"{n}-{path.name}" for n, path in enumerate(tables(rules), 1)}


def read(folder: Path) -> tuple[Rules, list[dict[str, Any]]]:
    """The rules and weights of a period. Raises `InputError` when a file is missing or unreadable."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for name in (ORIGINS, WEIGHTS, RULES):
        if not (folder / name).is_file():
            raise missing(folder / name)
    try:
        rules = load(folder / RULES)
    except UsageError as error:
        raise InputError("the kept rules cannot be read", where=error.where, value=str(error.value or error.what),
                         next_step="take the rules.yaml that the allocation wrote") from error  # fmt: skip
    places = _places(folder, rules)
    for path in places.values():
        if not path.is_file():
            raise missing(path)
    try:
        rows = pq.read_table(folder / WEIGHTS, partitioning=None).to_pylist()
        pq.read_schema(folder / ORIGINS)
    except (OSError, pa.ArrowException) as error:
        raise InputError("a file of the allocation cannot be read", where=str(folder), value=str(error)) from error
    gone = [n for n in ("rules_sha256", *KEY, *SAYS) if rows and n not in rows[0]]
    if gone:
        raise InputError("the table of weights lacks columns", where=str(folder / WEIGHTS), value=", ".join(gone),
                         next_step="allocate the unsplit data set again")  # fmt: skip
    return with_tables(rules, places), rows


def missing(path: Path) -> InputError:
    """What to say when a kept file is not there."""
    said = {
        ORIGINS: "the origin rows of the shares are missing", WEIGHTS: "the weights behind the shares are missing",
        RULES: "the rules behind the shares are missing",
    }  # fmt: skip
    return InputError(
        said.get(path.name, "a table of weights is missing"), where=str(path),
        expected="the files that `focus-ai allocate` wrote beside the rows",
        next_step="take the whole data set, not data/ alone, or allocate the unsplit data set again",
    )  # fmt: skip
