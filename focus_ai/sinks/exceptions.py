"""What did not become a row, one file per kind, each line with file, record number and reason.

JSON Lines; of records that a rule ignores, when they are very many, Parquet without what they say: most lines of a
cloud bill are other services.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from pathlib import Path

from focus_ai import words
from focus_ai.engine import Session, literal
from focus_ai.sinks.parquet import write_parquet
from focus_ai.sources import Reject


def write_rejects(folder: Path, rejects: Iterable[Reject]) -> Path | None:
    """rejects.jsonl; no file when there is nothing to say. The rejects come in the order of `by_place`."""
    first = next(rejects := iter(rejects), None)
    if first is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "rejects.jsonl"
    with path.open("w", encoding="utf-8", newline="\n") as out:
        for reject in itertools.chain([first], rejects):
            out.write(json.dumps(_told(reject), ensure_ascii=False) + "\n")
    return path


def by_place(reject: Reject) -> tuple[str, int, str]:
    """Rejects stand in file and record order."""
    return reject.file, reject.row or 0, reject.reason


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


def write_places(session: Session, folder: Path, name: str, query: str) -> Path:
    """Only file, row and reason of the rows of a query, which has some, as Parquet in file and record order."""
    import pyarrow as pa

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.parquet"
    schema = pa.schema([("file", pa.string()), ("row", pa.int64()), ("reason", pa.string())])
    places = f"SELECT file, CAST(row AS BIGINT) AS row, reason FROM ({query})"
    write_parquet(session, [places], "file, row, reason", schema, path, {})
    return path
