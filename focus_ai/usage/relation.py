"""The staged files of one run as one relation with every column of the neutral record."""

from __future__ import annotations

from collections.abc import Sequence

from focus_ai.adapters.record import all_columns
from focus_ai.adapters.stage import Staged
from focus_ai.engine import Session, ident, literal, literals


def create_view(session: Session, staged: Sequence[Staged]) -> frozenset[str]:
    """Create the view `staged` (good records, `file_no` and `row_no` name each row) and `set_aside` (ignored ones).

    Returns the columns that at least one file has; the others are NULL of their type.
    """
    files = [s for s in staged if s.columns]
    present = frozenset(c for s in files for c in s.columns)
    if not files:
        columns = ", ".join(f"CAST(NULL AS {kind}) AS {ident(name)}" for name, kind in all_columns().items())
        empty = f"SELECT {columns}, CAST(NULL AS VARCHAR) AS raw, 0 AS file_no, 0 AS row_no WHERE FALSE"
        session.sql(f"CREATE VIEW staged AS {empty}")
        session.sql(f"CREATE VIEW set_aside AS {empty}")
        return frozenset()
    names = [str(s.parquet) for s in files]
    source = f"read_parquet([{literals(names)}], union_by_name=true, filename=true, file_row_number=true)"
    numbers = "MAP {" + ", ".join(f"{literal(n)}: {i}" for i, n in enumerate(names)) + "}"
    columns = ", ".join(
        ident(name) if name in present else f"CAST(NULL AS {kind}) AS {ident(name)}"
        for name, kind in all_columns().items()
    )
    number = f"{numbers}[filename]" if len(names) > 1 else "0"
    rows = f"{columns}, raw, CAST({number} AS INTEGER) AS file_no, file_row_number AS row_no"
    clean = "problem IS NULL AND ignored IS NULL" if any(s.rejects or s.ignored for s in files) else "TRUE"
    session.sql(f"CREATE VIEW staged AS SELECT {rows} FROM {source} WHERE {clean}")
    session.sql(f"CREATE VIEW set_aside AS SELECT {rows} FROM {source} WHERE ignored IS NOT NULL")
    return present
