"""The request-level events beside the rows, for questions that rows cannot answer. Written when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from focus_ai.adapters.record import fields
from focus_ai.engine import Session, ident, literal


def write_events(session: Session, folder: Path, present: frozenset[str], named: Sequence[str]) -> list[Path]:
    """events.parquet: every event that counts, with the fields that occur, in a total order. The tables `users` and
    `people` say what is written for ids of people; the latter stands for the fields `named`."""
    if not present or not session.rows("SELECT 1 FROM events LIMIT 1"):
        return []
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "events.parquet"
    hidden = {"raw_usage", "tags", "other_columns"}
    columns = []
    for name in fields():
        if name in present and name not in hidden:
            columns.append(_shown(name, named))
    users = "LEFT JOIN users u ON u.original = e.end_user_id" if "end_user_id" in present else ""
    for name in named:
        users += f" LEFT JOIN people {ident('p_' + name)} ON {ident('p_' + name)}.original = e.{ident(name)}"
    session.sql(
        f"COPY (SELECT {', '.join(columns)} FROM events e {users} "
        "ORDER BY event_time, record_id, source_file, source_row) "
        f"TO {literal(str(path))} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)"
    )
    return [path]


def _shown(name: str, named: Sequence[str]) -> str:
    if name == "end_user_id":
        return "u.shown AS end_user_id"
    if name not in named:
        return f"e.{ident(name)}"
    person = ident("p_" + name)
    return f"CASE WHEN {person}.original IS NULL THEN e.{ident(name)} ELSE {person}.shown END AS {ident(name)}"
