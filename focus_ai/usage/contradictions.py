"""What records of one identity say differently: the reason why nobody can know which of them is right."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from focus_ai.engine import Session, ident, literal
from focus_ai.usage.identity import compared

# Of so many identities the records are compared field by field. A delivery without versions, restated as a whole, holds
# millions, and the first thousands say what happened.
COMPARED = 5_000


@dataclass(frozen=True)
class Contradiction:
    """One record that was set aside. `says`: neutral field -> its text, for the fields in which the records of this
    identity differ; null where the record says nothing. None when it was not compared (`COMPARED`)."""

    file: str
    row: int | None
    record_id: str | None
    says: dict[str, str | None] | None


def contradictions(session: Session, agree: frozenset[str]) -> Iterator[Contradiction]:
    """The records that `deduplicate` left out as `conflicting_duplicate`, each with what it says differently of the
    fields that have to agree.

    They come in file and record order.
    """
    if not session.rows("SELECT 1 FROM left_out WHERE reason = 'conflicting_duplicate' LIMIT 1"):
        return
    names = [n for n, _ in compared(agree)]
    differs = ", ".join(
        f"CASE WHEN count(DISTINCT {sql}) > 1 OR count({sql}) NOT IN (0, count(*)) THEN {literal(n)} END"
        for n, sql in compared(agree)
    )
    said = ", ".join(f"{{'name': {literal(n)}, 'text': CAST(s.{ident(n)} AS VARCHAR)}}" for n in names)
    for file, row, record_id, told in session.rows(
        "WITH c AS (SELECT s.* FROM staged s SEMI JOIN (SELECT * FROM left_out WHERE reason = 'conflicting_duplicate') "
        "l ON s.file_no = l.file_no AND s.row_no = l.row_no), "
        f"few AS (SELECT record_key FROM c GROUP BY record_key ORDER BY record_key LIMIT {COMPARED}), "
        f"d AS (SELECT s.record_key, [{differs}] AS names FROM c s SEMI JOIN few USING (record_key) GROUP BY ALL) "
        "SELECT s.source_file, s.source_row, s.record_id, CASE WHEN d.names IS NOT NULL THEN "
        f"to_json(list_filter([{said}], lambda e: list_contains(d.names, e.name))) END "
        "FROM c s LEFT JOIN d ON s.record_key = d.record_key ORDER BY ALL NULLS FIRST"
    ):
        says = None if told is None else {str(e["name"]): e["text"] for e in json.loads(told)}
        yield Contradiction(str(file), None if row is None else int(row), record_id, says)
