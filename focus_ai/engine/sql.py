"""Names and literals in SQL text, and instants out of it. Every value that comes from a file goes through here."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def literal(value: str | int | bool | None) -> str:
    """A SQL literal: text is quoted with doubled quotes, so nothing in it is read as SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    if "\x00" in value:
        raise ValueError("a NUL character cannot stand in a SQL literal")
    return "'" + value.replace("'", "''") + "'"


def literals(values: Iterable[str | int | bool | None]) -> str:
    """A comma separated list of literals."""
    return ", ".join(literal(v) for v in values)


def ident(name: str) -> str:
    """A quoted identifier (column, table): any text, never read as SQL."""
    if "\x00" in name:
        raise ValueError("a NUL character cannot stand in a name")
    return '"' + name.replace('"', '""') + '"'


def instant(microseconds: int) -> datetime:
    """The instant (aware, UTC) that `epoch_us` gives; a TIMESTAMPTZ itself would need a further package to be read."""
    return _EPOCH + timedelta(microseconds=int(microseconds))
