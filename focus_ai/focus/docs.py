"""Renders `docs/columns.md` from `schemas/`: the page is generated, never edited.

`python -m focus_ai.focus.docs` writes the page into a checkout; a test holds that the file equals its regeneration.
"""

from __future__ import annotations

from pathlib import Path

from focus_ai.focus.columns import (
    COST_AND_USAGE,
    Column,
    criteria,
    custom_columns,
    datasets,
    load,
    reserved_names,
    versions,
)
from focus_ai.focus.exports import holds, type_text
from focus_ai.meters import meters

PAGE = "docs/columns.md"

_INTRO = """\
# Columns

Generated from `schemas/` by `python -m focus_ai.focus.docs`; do not edit.

A file holds exactly the columns of its FOCUS version, all of them, in alphabetical order, even where a column is null
throughout, and then our own `x_` columns, sorted. `focus-ai schema 1.3 --as duckdb` (or `arrow`, `json`, `snowflake`,
`bigquery`, `athena`, `databricks`) prints the same as a schema.

Types: unit prices are Decimal(18,9), PricingQuantity is Decimal(19,9), so that price times quantity is exactly a cost,
Decimal(38,18). Measured quantities are Decimal(38,9). Moments are in UTC with microseconds. JSON is text. Every column
may be null in the Parquet schema; the tables say what FOCUS allows.
"""


def render_columns() -> str:
    """The whole page as Markdown."""
    parts = [
        _INTRO,
        _cost_and_usage(),
        _own(),
        _reserved(),
        _meters(),
        _subcategories(),
        _other_datasets(),
        _criteria(),
    ]
    return "\n".join(parts)


def main() -> None:
    """Write the page below the current folder."""
    Path(PAGE).write_text(render_columns(), encoding="utf-8")


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def _cost_and_usage() -> str:
    known = versions()
    models = {v: {c.name: c for c in load(v).columns} for v in known}
    rows = []
    for name in sorted({name for model in models.values() for name in model}):
        newest = next(models[v][name] for v in reversed(known) if name in models[v])
        cells = [_cell(models[v].get(name)) for v in known]
        deprecated = next((m[name] for m in models.values() if name in m and m[name].deprecated), newest)
        rows.append([f"`{name}`", type_text(newest), *cells, holds(deprecated)])
    counts = ", ".join(f"{len(models[v])} in {v}" for v in known)
    legend = (
        "M = Mandatory, C = Conditional, R = Recommended; `?` = nulls allowed; empty = not in that version. "
        "Long value lists stand below.\n"
    )
    return f"## CostAndUsage\n\n{counts}. {legend}\n" + _table(["Column", "Type", *known, "Holds"], rows)


def _cell(column: Column | None) -> str:
    return "" if column is None else column.level[0] + ("?" if column.nulls else "")


def _own() -> str:
    by_name = {c.name: c for v in versions() for c in custom_columns(v)}
    rows = []
    for name, column in sorted(by_name.items()):
        carried = [v for v in versions() if name in {c.name for c in custom_columns(v)}]
        only = "all" if len(carried) == len(versions()) else ", ".join(carried)
        rows.append([f"`{name}`", type_text(column), only, holds(column), f"`{column.example}`"])
    return "## Our own columns\n\n" + _table(["Column", "Type", "Versions", "Holds", "Example"], rows)


def _reserved() -> str:
    rows = [[f"`{name}`", why] for name, why in sorted(reserved_names().items())]
    text = "Names that we never use, because a receiver gives them a meaning of its own.\n\n"
    return "## Reserved names\n\n" + text + _table(["Name", "Why"], rows)


def _meters() -> str:
    rows = []
    for m in meters().values():
        facts = [m.sku_meter, m.direction or "", m.cache_action or "", m.ttl or "", m.consumed_unit, m.pricing_unit]
        rows.append([f"`{m.name}`", *facts, f"`{m.column}`" if m.column else ""])
    head = ["x_TokenType", "SkuMeter", "Direction", "Cache", "TTL", "ConsumedUnit", "PricingUnit", "Counted in"]
    text = "Every token of a call is in exactly one of these. A rate may quote another PricingUnit.\n\n"
    return "## Leaf meters\n\n" + text + _table(head, rows)


def _subcategories() -> str:
    grouped: dict[str, list[str]] = {}
    for value, parent in load(versions()[-1]).column("ServiceSubcategory").parents:
        grouped.setdefault(parent, []).append(f"`{value}`")
    rows = [[parent, ", ".join(values)] for parent, values in grouped.items()]
    return "## ServiceSubcategory by ServiceCategory\n\n" + _table(["ServiceCategory", "ServiceSubcategory"], rows)


def _other_datasets() -> str:
    parts = ["## Other datasets\n\nKnown to the schemas; `convert` writes CostAndUsage.\n"]
    for version in versions():
        for dataset in datasets(version):
            if dataset != COST_AND_USAGE:
                rows = [[f"`{c.name}`", type_text(c), _cell(c), holds(c)] for c in load(version, dataset).columns]
                parts.append(f"### {dataset} {version}\n\n" + _table(["Column", "Type", "Level", "Holds"], rows))
    return "\n".join(parts)


def _criteria() -> str:
    rows = []
    for name, entry in criteria().items():
        used = [c.name for c in load(versions()[-1]).columns if any(name in p.when for p in c.presence)]
        rows.append([f"`{name}`", entry["meaning"], ", ".join(f"`{u}`" for u in used)])
    text = "When a Conditional or Recommended column has to be there. Columns: CostAndUsage of the newest version.\n\n"
    return "## Applicability criteria\n\n" + text + _table(["Criterion", "Holds when", "Columns"], rows)


if __name__ == "__main__":
    main()
