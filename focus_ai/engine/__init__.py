"""The engine room: one DuckDB session per run.

In: limits (memory, threads, work folder) and the files that may be touched. Out: a connection that spills to the
work folder, speaks UTC, and cannot reach anything else once it is sealed; the only functions that put names and
literals into SQL text; the SQL of exact numbers (`exact`). Must not know: what a token, an owner or a price is.
"""

from focus_ai.engine.session import Session
from focus_ai.engine.sql import ident, instant, literal, literals

__all__ = ["Session", "ident", "instant", "literal", "literals"]
