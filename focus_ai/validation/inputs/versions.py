"""Which FOCUS version and dataset a data set is: from the footer, the metadata beside it, or its columns, and why.

Columns fit a version when it knows every one of them (x_ columns aside) and every Mandatory column is there. Where
several versions fit, the newest does; where none does, the nearest is taken and the remark says what does not fit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from focus_ai.errors import InputError
from focus_ai.focus import columns as model
from focus_ai.validation.inputs.table import Table

FOOTER_VERSION, FOOTER_DATASET = "focus.version", "focus.dataset"
LEVELS_UP = 4
# Fewer FOCUS columns than this, in any spelling, and the file is something else.
LEAST = 3


@dataclass(frozen=True, slots=True)
class Identity:
    """What the data set is, and one sentence each on how that was found. `version` may be one without rules here."""

    version: str
    dataset: str
    how_version: str
    how_dataset: str


def identify(tables: Sequence[Table], version: str | None, dataset: str | None) -> Identity:
    """Version and dataset of the tables. Raises `InputError` for files that hold no FOCUS columns."""
    known = [(version or _footer(tables, FOOTER_VERSION), dataset or _footer(tables, FOOTER_DATASET))]
    likely = [(str(v), str(d)) for v, d in known if v in model.versions() and d in model.datasets(str(v))]
    for table in tables:
        _is_focus(table, likely)
    names = {name for table in tables for name in table.columns}
    found_dataset, how_dataset = (dataset, "as given") if dataset else _dataset(tables)
    if version:
        return Identity(version, found_dataset, "as given", how_dataset)
    for found, how in ((_footer(tables, FOOTER_VERSION), "the Parquet footer"), _sidecar(tables, "FocusVersion")):
        if found in model.versions() and found_dataset in model.datasets(str(found)):
            return Identity(str(found), found_dataset, f"from {how}", how_dataset)
    best, how = _by_columns(found_dataset, names)
    return Identity(best, found_dataset, how, how_dataset)


@cache
def normal(name: str) -> str:
    """A column name without what people add to it: `billed_cost`, ` Billed Cost` and BILLEDCOST are one."""
    return "".join(c for c in name.lower() if c.isalnum())


def _is_focus(table: Table, likely: Sequence[tuple[str, str]]) -> None:
    """Pass for a table with a few FOCUS columns of any spelling; the likely model is asked first."""
    asked = {normal(name) for name in table.columns}
    every = ((version, dataset) for version in reversed(model.versions()) for dataset in model.datasets(version))
    for version, dataset in (*likely, *every):
        if len(asked & _own(version, dataset)) >= LEAST:
            return
    shown = ", ".join(list(table.columns)[:6])
    raise InputError(
        "this is not a FOCUS file: its columns are not FOCUS columns", where=table.source.name, value=shown or None,
        expected="columns such as BilledCost, ChargePeriodStart, ServiceName, in any FOCUS dataset",
        next_step="focus-ai convert makes a FOCUS file from a provider's export; focus-ai schema 1.4 lists the columns",
    )  # fmt: skip


def _dataset(tables: Sequence[Table]) -> tuple[str, str]:
    known = {dataset for version in model.versions() for dataset in model.datasets(version)}
    for found, how in ((_footer(tables, FOOTER_DATASET), "the Parquet footer"), _sidecar(tables, "FocusDatasetId")):
        if found in known:
            return str(found), f"from {how}"
    per_table = {table.source.name: _likeliest(table.columns) for table in tables}
    kinds = sorted(set(per_table.values()))
    if len(kinds) > 1:
        example = {kind: next(n for n, k in per_table.items() if k == kind) for kind in kinds}
        raise InputError(
            "the files hold different FOCUS datasets", value="; ".join(f"{k}: {n}" for k, n in example.items()),
            next_step="validate one dataset at a time, or say with --dataset what all files are",
        )  # fmt: skip
    return kinds[0], "from the columns"


def _likeliest(names: Iterable[str]) -> str:
    """The dataset with most of these columns among its own; CostAndUsage when nothing decides."""
    asked = {normal(name) for name in names}
    best, most = model.COST_AND_USAGE, (0, 0.0)
    for version in reversed(model.versions()):
        for dataset in model.datasets(version):
            own = _own(version, dataset)
            share = (len(asked & own), 1 / max(1, len(own)))
            if share > most:
                best, most = dataset, share
    return best


@cache
def _own(version: str, dataset: str) -> frozenset[str]:
    return frozenset(normal(column.name) for column in model.load(version, dataset).columns)


def _by_columns(dataset: str, names: set[str]) -> tuple[str, str]:
    standard = {name for name in names if not name.startswith("x_")}
    fits, nearest = [], []
    for version in model.versions():
        if dataset not in model.datasets(version):
            continue
        own = model.load(version, dataset).columns
        unknown = standard - {c.name for c in own}
        absent = {c.name for c in own if c.level == "Mandatory"} - standard
        nearest.append((len(unknown) + len(absent), version, unknown, absent))
        if not unknown and not absent:
            fits.append(version)
    if fits:
        several = f"; {' and '.join(fits)} fit, the newest is taken" if len(fits) > 1 else ""
        return fits[-1], f"from the columns{several}"
    least = min(found[0] for found in nearest)
    _, version, unknown, absent = [found for found in nearest if found[0] == least][-1]
    said = [
        f"{len(unknown)} are not in it" if unknown else "",
        f"{len(absent)} mandatory ones are missing" if absent else "",
    ]
    return version, f"nearest by the columns: {', '.join(filter(None, said))}"


def _footer(tables: Sequence[Table], key: str) -> str | None:
    """The value that all files agree on."""
    values = {table.footer.get(key) for table in tables}
    return values.pop() if len(values) == 1 else None


def _sidecar(tables: Sequence[Table], key: str) -> tuple[str | None, str]:
    """The one value of a property in the metadata folder that belongs to the files."""
    for folder in _metadata_folders({table.source.path.absolute().parent for table in tables}):
        values = {str(v) for path in sorted(folder.rglob("*.json"))[:200] for v in _values(path, key)}
        if len(values) == 1:
            return values.pop(), f"the metadata in {folder.name}/"
    return None, ""


def _metadata_folders(folders: Iterable[Path]) -> Iterator[Path]:
    seen = set()
    for folder in sorted(folders):
        for above in [folder, *folder.parents][:LEVELS_UP]:
            if (found := above / "metadata") not in seen and found.is_dir():
                seen.add(found)
                yield found


def _values(path: Path, key: str) -> Iterator[Any]:
    """Every value of a property anywhere in a JSON document; a broken document has none."""
    try:
        waiting = [json.loads(path.read_bytes())] if path.stat().st_size < 1 << 22 else []
    except (ValueError, OSError, RecursionError):
        return
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if isinstance(node.get(key), str):
                yield node[key]
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
