"""The staged files of one run as one relation with every column of the neutral record."""

from __future__ import annotations

from collections.abc import Sequence

from focus_ai.adapters.record import all_columns
from focus_ai.adapters.staged import Staged
from focus_ai.engine import Session, ident, literal, literals


def create_view(session: Session, staged: Sequence[Staged]) -> frozenset[str]:
    """Create the view `staged` (good records, `file_no` and `row_no` name each row) and `set_aside` (ignored ones).

    Returns the columns that at least one file has; the others are NULL of their type.
    """
    files = [s for s in staged if s.columns]
    parts = [*files, *(s.aside for s in files if s.aside is not None)]
    odd = any(s.rejects or s.ignored for s in files)
    clean = "problem IS NULL AND ignored IS NULL" if odd else "TRUE"
    session.sql(f"CREATE VIEW staged AS SELECT * FROM ({_rows(files, parts)}) WHERE {clean}")
    ignored = [s for s in parts if s.ignored and s.aside is None]
    session.sql(f"CREATE VIEW set_aside AS SELECT * FROM ({_rows(ignored, parts)}) WHERE ignored IS NOT NULL")
    return frozenset(c for s in files for c in s.columns)


def _rows(files: Sequence[Staged], parts: Sequence[Staged]) -> str:
    """A query over some of the files; `file_no` is their place in `parts`."""
    columns = all_columns() | {"raw": "VARCHAR"}
    if not files:
        nothing = ", ".join(f"CAST(NULL AS {kind}) AS {ident(name)}" for name, kind in columns.items())
        return f"SELECT {nothing}, 0 AS file_no, 0 AS row_no WHERE FALSE"
    numbers: dict[str, list[int]] = {}
    for number, part in enumerate(parts):
        numbers.setdefault(str(part.parquet), []).append(number)
    numbers = {name: numbers[name] for name in dict.fromkeys(str(s.parquet) for s in files)}
    together = any(s.part is not None for s in files)
    place = "MAP {" + ", ".join(f"{literal(n)}: {found}" for n, found in numbers.items()) + "}[filename]"
    place = f"{place}[{'coalesce(part, 0)' if together else '0'} + 1]" if len(parts) > 1 else "0"
    stored = frozenset(c for s in files for c in s.stored)
    values = ", ".join(
        f"{_value(name, kind, files, parts, name in stored)} AS {ident(name)}" for name, kind in columns.items()
    )
    source = f"read_parquet([{literals(numbers)}], union_by_name=true, filename=true, file_row_number=true)"
    return (
        f"SELECT {values}, file_no, row_no FROM "
        f"(SELECT *, CAST({place} AS INTEGER) AS file_no, file_row_number AS row_no FROM {source})"
    )


def _value(name: str, kind: str, files: Sequence[Staged], parts: Sequence[Staged], stored: bool) -> str:
    """SQL of one column: what the files hold, or the value that is the same in every record of a file."""
    given = {s.constants.get(name) for s in files}
    if given == {None}:
        return ident(name) if stored else f"CAST(NULL AS {kind})"
    if len(given) == 1 and not stored:
        return f"CAST({given.pop()} AS {kind})"
    listed = ", ".join(s.constants.get(name, "NULL") for s in parts)
    held = f", {ident(name)}" if stored else ""
    return f"coalesce(CAST([{listed}][file_no + 1] AS {kind}){held})"
