"""The column model: what FOCUS says about every column per version and dataset, and our own x_ columns.

One source (`schemas/focus/`) for the writer, the validator, the documentation and the exported schemas. In: a version
such as "1.3" and a dataset such as "CostAndUsage". Out: frozen `Column` objects in the order of the specification,
and the Arrow schema that a file of that version has. Money types and their reasons: design section 5; facts of the
specification checked 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from focus_ai import resources
from focus_ai.errors import UsageError, nearest

if TYPE_CHECKING:
    import pyarrow as pa

Numeric = Literal["exact", "double"]

COST_AND_USAGE = "CostAndUsage"
_FILES = {
    COST_AND_USAGE: "cost-and-usage.yaml",
    "ContractCommitment": "contract-commitment.yaml",
    "BillingPeriod": "billing-period.yaml",
    "InvoiceDetail": "invoice-detail.yaml",
}
_UNIT_PRICE, _PRICING_QUANTITY, _QUANTITY, _COST = (18, 9), (19, 9), (38, 9), (38, 18)


@dataclass(frozen=True, slots=True)
class Presence:
    """When a column has to be there: `keyword` MUST | SHOULD | MAY, if all criteria of `when` hold (none: always)."""

    keyword: str
    when: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `type` is String | Decimal | DateTime | JSON, for x_ columns also Integer.

    `order` counts from 1 within the file. `nulls` is what the specification means where its table and text differ
    (`note` says so). `parents` maps a value to the value of the column `values_of` that it belongs under.
    """

    name: str
    type: str
    description: str
    order: int = 0
    column_type: str = "Dimension"
    level: str = "Custom"
    nulls: bool = True
    format: str | None = None
    range: str | None = None
    values: tuple[str, ...] = ()
    values_of: str | None = None
    parents: tuple[tuple[str, str], ...] = ()
    keys: tuple[str, ...] = ()
    object: str | None = None
    presence: tuple[Presence, ...] = ()
    introduced: str | None = None
    deprecated: str | None = None
    removed: str | None = None
    replaced_by: tuple[str, ...] = ()
    note: str | None = None
    example: str | None = None

    @property
    def custom(self) -> bool:
        """Whether the column is one of ours."""
        return self.name.startswith("x_")

    def decimal(self) -> tuple[int, int] | None:
        """Precision and scale of an exact number; None for every other type."""
        return decimal_type(self.name) if self.type == "Decimal" else None


@dataclass(frozen=True, slots=True)
class FocusVersion:
    """One dataset of one FOCUS version: its columns in order and, for CostAndUsage, our x_ columns sorted."""

    version: str
    dataset: str
    ratified: str
    columns: tuple[Column, ...]
    custom: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the FOCUS columns in order."""
        return tuple(c.name for c in self.columns)

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """FOCUS columns in order, then our x_ columns sorted: the columns of a file."""
        return self.columns + self.custom

    @property
    def all_names(self) -> tuple[str, ...]:
        """Names of all columns of a file, in order."""
        return tuple(c.name for c in self.all_columns)

    def column(self, name: str) -> Column:
        """The column of that name, FOCUS or ours. Raises `UsageError` with the nearest names."""
        for candidate in self.all_columns:
            if candidate.name == name:
                return candidate
        where = f"{self.dataset} of FOCUS {self.version}"
        raise UsageError(f"{where} has no column {name!r}", value=name, expected=nearest(name, self.all_names))


def decimal_type(name: str) -> tuple[int, int]:
    """Precision and scale of a numeric column; price times pricing quantity has exactly the type of a cost."""
    if name.endswith("UnitPrice"):
        return _UNIT_PRICE
    if name == "PricingQuantity":
        return _PRICING_QUANTITY
    if name.endswith("Quantity"):
        return _QUANTITY
    if name.endswith("Percentage"):
        return _UNIT_PRICE
    return _COST


@cache
def versions() -> tuple[str, ...]:
    """The FOCUS versions that `schemas/focus/` has a folder for, oldest first."""
    found = (p.name for p in (resources.schemas() / "focus").iterdir() if (p / _FILES[COST_AND_USAGE]).is_file())
    return tuple(sorted(found, key=lambda v: tuple(int(part) for part in v.split("."))))


def datasets(version: str) -> tuple[str, ...]:
    """The datasets known for a version. Raises `UsageError` for an unknown version."""
    folder = _folder(version)
    return tuple(name for name, file in _FILES.items() if (folder / file).is_file())


@cache
def load(version: str, dataset: str = COST_AND_USAGE) -> FocusVersion:
    """The column model of one dataset. Raises `UsageError` for an unknown version or dataset."""
    folder = _folder(version)
    if dataset not in datasets(version):
        raise UsageError(
            f"FOCUS {version} has no dataset {dataset!r}", value=dataset, expected=nearest(dataset, datasets(version))
        )
    facts = resources.load_yaml(folder / _FILES[dataset])
    texts = _descriptions()
    columns = tuple(_column(entry, order, texts) for order, entry in enumerate(facts["columns"], 1))
    custom = custom_columns(version) if dataset == COST_AND_USAGE else ()
    return FocusVersion(version, dataset, facts["ratified"], columns, custom)


@cache
def custom_columns(version: str) -> tuple[Column, ...]:
    """Our x_ columns that a CostAndUsage file of the version carries, sorted by name."""
    start = len(resources.load_yaml(_folder(version) / _FILES[COST_AND_USAGE])["columns"])
    listed = sorted(_ai_columns()["columns"].items())
    kept = [(name, entry) for name, entry in listed if version in entry.get("only", [version])]
    return tuple(
        Column(
            name=name,
            type=entry["type"],
            description=entry["meaning"],
            order=order,
            column_type="Metric" if entry["type"] in ("Integer", "Decimal") else "Dimension",
            values=tuple(entry.get("values", ())),
            introduced=entry["since"],
            example=str(entry["example"]),
        )
        for order, (name, entry) in enumerate(kept, start + 1)
    )


@cache
def reserved_names() -> dict[str, str]:
    """x_ names that must not be used, with the reason."""
    return {entry["name"]: f"{entry['by']}: {entry['why']}" for entry in _ai_columns()["reserved"]}


@cache
def criteria() -> dict[str, dict[str, Any]]:
    """Applicability criteria by id: `meaning`, `token_usage` (holds for plain model API spend), `official`."""
    entries = resources.load_yaml(resources.schemas() / "focus" / "criteria.yaml")
    return {name: {"official": True, **entry} for name, entry in entries.items()}


def arrow_type(column: Column, numeric: Numeric = "exact") -> pa.DataType:
    """Arrow type of a column: exact decimals or doubles, microsecond UTC timestamps, int64, text (JSON as text)."""
    import pyarrow as pa

    if column.type == "Decimal":
        return pa.float64() if numeric == "double" else pa.decimal128(*decimal_type(column.name))
    if column.type == "DateTime":
        return pa.timestamp("us", tz="UTC")
    return pa.int64() if column.type == "Integer" else pa.string()


def arrow_schema(
    version: str, numeric: Numeric = "exact", dataset: str = COST_AND_USAGE, extra: Sequence[str] = ()
) -> pa.Schema:
    """Arrow schema of a file: all columns, all nullable, FOCUS columns in order and then x_ columns sorted.

    `extra`: names of text columns that stand among the x_ columns, brought along from FOCUS files of others.
    """
    import pyarrow as pa

    if numeric not in ("exact", "double"):
        raise UsageError(f"unknown numeric form {numeric!r}", value=numeric, expected="exact or double")
    return pa.schema([pa.field(c.name, arrow_type(c, numeric)) for c in output_columns(version, dataset, extra)])


def output_columns(version: str, dataset: str = COST_AND_USAGE, extra: Sequence[str] = ()) -> tuple[Column, ...]:
    """The columns of a file with the `extra` text columns in their place."""
    model = load(version, dataset)
    others = (Column(name, "String", "A column of the FOCUS file that the row comes from.") for name in extra)
    return model.columns + tuple(sorted((*model.custom, *others), key=lambda c: c.name))


def _folder(version: str) -> Path:
    if version not in versions():
        raise UsageError(f"unknown FOCUS version {version!r}", value=version, expected=nearest(version, versions()))
    return resources.schemas() / "focus" / version


@cache
def _descriptions() -> dict[str, str]:
    texts = resources.load_yaml(resources.schemas() / "focus" / "descriptions.yaml")
    return {name: " ".join(str(text).split()) for name, text in texts.items()}


@cache
def _ai_columns() -> dict[str, Any]:
    return dict(resources.load_yaml(resources.schemas() / "focus" / "ai-columns.yaml"))


def _column(entry: dict[str, Any], order: int, texts: dict[str, str]) -> Column:
    values: list[str] = []
    parents: list[tuple[str, str]] = []
    listed = entry.get("values", [])
    if isinstance(listed, dict):
        for parent, children in listed.items():
            values.extend(children)
            parents.extend((child, parent) for child in children)
    else:
        values.extend(listed)
    return Column(
        name=entry["name"],
        type=entry["type"],
        description=texts[entry["name"]],
        order=order,
        column_type=entry["column_type"],
        level=entry["level"],
        nulls=entry["nulls"],
        format=entry.get("format"),
        range=entry.get("range"),
        values=tuple(values),
        values_of=entry.get("values_of"),
        parents=tuple(parents),
        keys=tuple(entry.get("keys", ())),
        object=entry.get("object"),
        presence=tuple(Presence(p["keyword"], tuple(p["when"])) for p in entry["presence"]),
        introduced=entry["introduced"],
        deprecated=entry.get("deprecated"),
        removed=entry.get("removed"),
        replaced_by=tuple(entry.get("replaced_by", ())),
        note=entry.get("note"),
    )
