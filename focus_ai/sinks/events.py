"""The request-level events beside the rows, for questions that rows cannot answer. Written when asked for."""

from __future__ import annotations

from pathlib import Path

from focus_ai.adapters.record import fields
from focus_ai.engine import Session, ident, literal


def write_events(session: Session, folder: Path, present: frozenset[str]) -> list[Path]:
    """events.parquet: every event that counts, with the fields that occur, in a total order."""
    if not present or not session.rows("SELECT 1 FROM events LIMIT 1"):
        return []
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "events.parquet"
    hidden = {"raw_usage", "tags"}
    columns = []
    for name in fields():
        if name in present and name not in hidden:
            user = name == "end_user_id"
            columns.append("u.shown AS end_user_id" if user else f"e.{ident(name)}")
    users = "LEFT JOIN users u ON u.original = e.end_user_id" if "end_user_id" in present else ""
    session.sql(
        f"COPY (SELECT {', '.join(columns)} FROM events e {users} "
        "ORDER BY event_time, record_id, source_file, source_row) "
        f"TO {literal(str(path))} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)"
    )
    return [path]
