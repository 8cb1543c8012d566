"""The engine room: one DuckDB session per run.

In: limits (memory, threads, work folder) and the files that may be touched. Out: a connection that spills to the
work folder, speaks UTC, and cannot reach anything else once it is sealed; and the only two functions that put
names and literals into SQL text. Must not know: what a token, an owner or a price is.
"""

from focus_ai.engine.session import Session
from focus_ai.engine.sql import ident, literal, literals

__all__ = ["Session", "ident", "literal", "literals"]
