"""What did not become a row, one JSON Lines file per kind, each line with file, record number and reason."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from focus_ai import words
from focus_ai.engine import Session, literal
from focus_ai.sources import Reject


def write_rejects(folder: Path, rejects: Iterable[Reject]) -> Path | None:
    """rejects.jsonl, in file and record order; no file when there is nothing to say."""
    ordered = sorted(rejects, key=lambda r: (r.file, r.row or 0, r.reason))
    if not ordered:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "rejects.jsonl"
    with path.open("w", encoding="utf-8", newline="\n") as out:
        for reject in ordered:
            out.write(json.dumps(_told(reject), ensure_ascii=False) + "\n")
    return path


def _told(reject: Reject) -> dict[str, object]:
    """The line of a reject, with what its reason means; a mapping of the user explains its own reasons."""
    word = words.meaning("rejected", reject.reason)
    return reject.as_dict(None if word is None else word.means)


def write_lines(session: Session, folder: Path, name: str, query: str, order: str) -> Path | None:
    """A query as JSON Lines, in a total order; no file when the query has no rows."""
    if not session.rows(f"SELECT 1 FROM ({query}) LIMIT 1"):
        return None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.jsonl"
    session.sql(f"COPY (SELECT * FROM ({query}) ORDER BY {order}) TO {literal(str(path))} (FORMAT json)")
    return path
