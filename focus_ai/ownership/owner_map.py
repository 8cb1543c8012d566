"""The owner map: which key, project, workspace, deployment or user belongs to whom, and from when.

Ids are compared letter by letter. Types are tried in `PRECEDENCE`; within a type a row for one provider goes before a
row for any, and of user prefixes the longest goes first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from ..errors import UsageError
from ..providers import provider
from .model import CARRIED_FIELDS, OWNER_FIELDS
from .tables import Period, Place, TableFile, period, read

PRECEDENCE: dict[str, tuple[str, ...]] = {
    "api_key_id": ("api_key_id",),
    "api_key_name": ("api_key_name",),
    "virtual_key": ("api_key_id", "api_key_name"),
    "project_id": ("owner_project", "sub_account_id"),
    "workspace_id": ("workspace_id", "sub_account_id"),
    "deployment": ("model_deployment",),
    "service_principal": ("service_name",),
    "service_name": ("service_name",),
    "end_user_prefix": ("end_user_id",),
    "tenant_id": ("tenant_id",),
    "sub_account_id": ("sub_account_id",),
    "organization_id": ("organization_id",),
    "account_id": ("account_id",),
}
"""Types of ids from the most to the least telling, with the evidence fields that carry them."""

PREFIX = "end_user_prefix"


@dataclass(frozen=True, slots=True)
class MapRow:
    """One row of an owner map; `values` holds owner fields and carried facts, each with the source it is shown by."""

    id_type: str
    id_value: str
    provider: str | None
    period: Period
    place: Place
    values: Mapping[str, tuple[str, str]]


class OwnerMap:
    """All rows, indexed by id. The order of rows and files makes no difference."""

    def __init__(self, rows: Iterable[MapRow]) -> None:
        self._index: dict[str, dict[str, list[MapRow]]] = {}
        for row in rows:
            self._index.setdefault(row.id_type, {}).setdefault(row.id_value, []).append(row)
        for group in (group for ids in self._index.values() for group in ids.values()):
            group.sort(key=lambda row: (row.provider is None, row.provider or "", row.period.start))
            _check_group(group)
        self._plan = tuple((kind, PRECEDENCE[kind], self._index[kind]) for kind in PRECEDENCE if kind in self._index)
        self._lengths = tuple(sorted({len(text) for text in self._index.get(PREFIX, ())}, reverse=True))
        self.by_provider = any(row.provider for ids in self._index.values() for group in ids.values() for row in group)

    def __bool__(self) -> bool:
        return bool(self._plan)

    def fields(self) -> frozenset[str]:
        """Evidence fields that some row looks at."""
        names = {name for _, carriers, _ in self._plan for name in carriers}
        return frozenset(names | ({"provider"} if self.by_provider else set()))

    def hits(self, get: Callable[[str], str | None], provider: str | None) -> tuple[list[MapRow], bool]:
        """(rows of the evidence's ids, most telling first and whatever their dates; whether any id could be tried)."""
        rows: list[MapRow] = []
        tried = False
        for kind, carriers, ids in self._plan:
            for carrier in carriers:
                value = get(carrier)
                if value is None:
                    continue
                tried = True
                if kind == PREFIX:
                    found = [row for n in self._lengths if n <= len(value) for row in ids.get(value[:n], ())]
                else:
                    found = ids.get(value, [])
                rows.extend(row for row in found if row.provider is None or row.provider == provider)
        return rows, tried


def _check_group(rows: list[MapRow]) -> None:
    """Rows of one id, by provider and oldest first: no overlap."""
    for before, after in pairwise(rows):
        if before.provider == after.provider and before.period.overlaps(after.period):
            raise UsageError(
                f"two rows for {after.id_type} {after.id_value} hold on the same day",
                where=f"{after.place}, column effective_from",
                expected=f"a range that does not overlap {before.place} (effective_to is exclusive)",
            )


def load_owner_map(
    paths: Iterable[Path], environment: Callable[[str], str], shown: Callable[[str], str]
) -> tuple[OwnerMap, list[TableFile]]:
    """Read owner maps together. `environment` normalises environments; `shown` makes an id fit to be shown.

    Raises `UsageError` as `tables.read` does, for overlapping ranges of one id and for a row that names no owner.
    """
    files: list[TableFile] = []
    rows: list[MapRow] = []
    for path in paths:
        file, table = read(path, "owner-map")
        files.append(file)
        rows.extend(_map_row(place, row, environment, shown) for place, row in table)
    return OwnerMap(rows), files


def _map_row(
    place: Place, row: Mapping[str, str], environment: Callable[[str], str], shown: Callable[[str], str]
) -> MapRow:
    kind, value = row["id_type"], row["id_value"]
    owner = {name: row[name] for name in (*OWNER_FIELDS, *CARRIED_FIELDS) if name in row}
    if not owner:
        expected = "a value in at least one of " + ", ".join((*OWNER_FIELDS, *CARRIED_FIELDS))
        raise UsageError("the row names no owner", where=str(place), value=f"{kind} {value}", expected=expected)
    if "environment" in owner:
        owner["environment"] = environment(owner["environment"])
    source = f"owner_map:{kind}={shown(value)}"
    values = {name: (text, source) for name, text in owner.items()}
    channel = provider(row["provider"]) if "provider" in row else None
    return MapRow(kind, value, channel, period(place, dict(row)), place, values)
