"""Regular expressions of mappings: checked by Python and by the engine before any record is read."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from focus_ai.errors import UsageError


@cache
def _probe() -> Any:
    """An engine that only compiles patterns."""
    import duckdb

    return duckdb.connect(":memory:", config={"threads": 1, "enable_external_access": False})


@cache
def groups_of(pattern: str) -> int:
    """Number of groups of a regular expression. Raises `UsageError` when Python or the engine does not take it."""
    import duckdb

    try:
        groups = re.compile(pattern).groups
        _probe().execute("SELECT regexp_matches('', ?)", [pattern]).fetchall()
    except (re.error, duckdb.Error) as error:
        raise UsageError("not a regular expression", value=pattern, expected=str(error).splitlines()[0]) from error
    return groups
