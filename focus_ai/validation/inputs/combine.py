"""Several tables as one relation: columns by name, a common type where files differ, file and record number kept.

Where all files give a column the same type it stays as it is. Otherwise: whole numbers and decimals of any scale
become exact text, numbers beside doubles become doubles, instants of different kinds become instants in UTC, and
anything else becomes text, so that no cell changes its meaning because of another file.

Parquet files that differ by absent columns only are one scan. Files that differ otherwise are copied once into one
Parquet file of the common types: a query of many expressions over a union of scans would hold its state per scan. Many
small files are copied into one too, because each of the hundreds of questions would open them all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from focus_ai.engine import Session, ident, literal
from focus_ai.validation.inputs.columnar import scan
from focus_ai.validation.inputs.table import Table
from focus_ai.validation.model import Column, Kind

OWN = ("_file", "_row")
# From so many files on, of so many bytes each, one copy is quicker.
MANY, SMALL = 16, 1 << 20
_ROW_NAMES = ("file_index", "file_row_number", "filename")


def kind_of(physical: str) -> Kind:
    """The kind of an engine type: `DECIMAL(38,18)` -> decimal."""
    plain = physical.upper()
    if plain.endswith("]"):
        return "list"
    for start, kind in _KINDS:
        if plain.startswith(start):
            return kind
    return "other"


_KINDS: tuple[tuple[str, Kind], ...] = (
    ("VARCHAR", "text"), ("ENUM", "text"), ("DECIMAL", "decimal"), ("DOUBLE", "double"), ("FLOAT", "double"),
    ("BOOLEAN", "boolean"), ("TIMESTAMP WITH TIME ZONE", "timestamptz"), ("TIMESTAMPTZ", "timestamptz"),
    ("TIMESTAMP_NS WITH TIME ZONE", "timestamptz"), ("TIMESTAMP", "timestamp"), ("DATE", "date"), ("MAP", "map"),
    ("STRUCT", "struct"), ("JSON", "json"), *((prefix + "INT", "integer") for prefix in
    ("TINY", "SMALL", "BIG", "HUGE", "UTINY", "USMALL", "UBIG", "UHUGE", "U", "")),
)  # fmt: skip


def combine(session: Session, tables: Sequence[Table]) -> tuple[str, dict[str, Column], tuple[Table, ...]]:
    """The relation over all tables, its columns, and the tables in the order of `_file`."""
    groups = _groups(tables)
    ordered = tuple(table for group in groups for table in group)
    names = _names(ordered)
    shared = {name: _shared([t.columns[name][1] for t in ordered if name in t.columns]) for name in names}
    # ROW_NAMES and OWN would hide what the engine counts; such columns of a file are left out of the relation.
    columns = {
        name: Column(name, kind_of(physical), physical) for name, physical in shared.items()
        if name.lower() not in OWN
    }  # fmt: skip
    parts, before = [], 0
    for group in groups:
        parts.append(_select(group, columns, before))
        before += len(group)
    many = len(tables) >= MANY and sum(table.path.stat().st_size for table in tables) < len(tables) * SMALL
    if len(parts) == 1 and not many:
        return parts[0], columns, ordered
    return _copied(session, parts), columns, ordered


def _copied(session: Session, parts: Sequence[str]) -> str:
    """The union of the parts as one file in the work folder."""
    target = session.work / "combined.parquet"
    union = " UNION ALL ".join(part[1:-1] for part in parts)
    session.sql(f"COPY ({union}) TO {literal(str(target))} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)")
    return f"(SELECT * FROM read_parquet({literal(str(target))}))"


def _groups(tables: Sequence[Table]) -> list[list[Table]]:
    """Tables that one scan can read: the same columns of the same types; or Parquet files that only lack some."""
    groups: dict[tuple[object, ...], list[Table]] = {}
    for table in tables:
        key = (table.staged, tuple(table.columns.items()))
        groups.setdefault(key, []).append(table)
    if len(groups) > 1 and _alike(tables):
        return [list(tables)]
    return list(groups.values())


def _alike(tables: Sequence[Table]) -> bool:
    """Parquet files whose columns have one spelling and one type wherever they are."""
    seen: dict[str, tuple[str, str]] = {}
    for table in tables:
        if table.staged or table.repeated or any(name.lower() in _ROW_NAMES for name in table.columns):
            return False
        for name, (engine_name, physical) in table.columns.items():
            if engine_name != name or seen.setdefault(name.lower(), (name, physical)) != (name, physical):
                return False
    return True


def _names(tables: Sequence[Table]) -> list[str]:
    """Columns of all tables, in the order of the first one; of names that differ in case only the first counts."""
    names: dict[str, str] = {}
    for table in tables:
        for name in table.columns:
            names.setdefault(name.lower(), name)
    return list(names.values())


def _shared(types: Sequence[str]) -> str:
    """The type of a column over all files."""
    distinct = sorted(set(types))
    if len(distinct) == 1:
        return distinct[0]
    kinds = {kind_of(t) for t in distinct}
    if kinds <= {"decimal", "integer", "double"} and "double" in kinds:
        return "DOUBLE"
    if kinds == {"decimal"}:
        sizes = [tuple(map(int, found.groups())) for t in distinct if (found := re.search(r"(\d+),\s*(\d+)", t))]
        scale = max(s for _, s in sizes)
        precision = max(p - s for p, s in sizes) + scale
        if precision <= 38:
            return f"DECIMAL({precision},{scale})"
    if kinds <= {"timestamp", "timestamptz"}:
        return "TIMESTAMP WITH TIME ZONE"
    if kinds == {"integer"} and not any("HUGE" in t for t in distinct):
        return "DECIMAL(38,0)"
    return "VARCHAR"


def _select(group: Sequence[Table], columns: Mapping[str, Column], before: int) -> str:
    first = group[0]
    held = {name: facts for table in reversed(group) for name, facts in table.columns.items()}
    cells = []
    for name, column in columns.items():
        engine_name, physical = held.get(name, ("", "VARCHAR"))
        value = ident(engine_name) if name in held else "NULL"
        if name not in held or physical != column.physical:
            value = _cast(value, physical, column.physical)
        cells.append(f"{value} AS {ident(name)}")
    if not first.staged and any(name.lower() in _ROW_NAMES for name in first.columns):
        return _one_by_one(group, cells, before)
    by_name = any(table.columns.keys() != first.columns.keys() for table in group)
    index = "CAST(file_index AS INTEGER)" + (f" + {before}" if before else "")
    row = "_row" if first.staged else "file_row_number + 1"
    source = scan([t.path for t in group], by_name=by_name)
    return f"(SELECT {', '.join(cells)}, {index} AS _file, {row} AS _row FROM {source})"


def _one_by_one(group: Sequence[Table], cells: Sequence[str], before: int) -> str:
    """For files that have a column of the name under which the engine would give the record number."""
    selects = [
        f"SELECT {', '.join(cells)}, {before + i} AS _file, row_number() OVER () AS _row FROM {scan([table.path])}"
        for i, table in enumerate(group)
    ]
    return "(" + " UNION ALL ".join(selects) + ")"


def _cast(value: str, physical: str, wanted: str) -> str:
    """A cell in the common type, without a change of meaning."""
    kind = kind_of(physical)
    if wanted == "VARCHAR":
        if kind in ("map", "struct", "list", "json"):
            return f"CAST(to_json({value}) AS VARCHAR)"
        if kind in ("timestamp", "timestamptz"):
            instant = value if kind == "timestamp" else f"timezone('UTC', {value})"
            return f"strftime(CAST({instant} AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%fZ')"
    if wanted == "TIMESTAMP WITH TIME ZONE" and kind == "timestamp":
        return f"timezone('UTC', CAST({value} AS TIMESTAMP))"
    return f"CAST({value} AS {wanted})"
