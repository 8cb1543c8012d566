"""What records of one identity say differently: the reason why nobody can know which of them is right."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from focus_ai.engine import Session, ident, literal
from focus_ai.usage.identity import compared


@dataclass(frozen=True)
class Contradiction:
    """One record that was set aside. `says`: neutral field -> its text, for the fields in which the records of this
    identity differ; null where the record says nothing."""

    file: str
    row: int | None
    record_id: str | None
    says: dict[str, str | None]


def contradictions(session: Session, present: frozenset[str]) -> Iterator[Contradiction]:
    """The records that `deduplicate` left out as `conflicting_duplicate`, each with what it says differently."""
    if not session.rows("SELECT 1 FROM left_out WHERE reason = 'conflicting_duplicate' LIMIT 1"):
        return
    names = [n for n, _ in compared(present)]
    differs = ", ".join(
        f"CASE WHEN count(DISTINCT {sql}) > 1 OR count({sql}) NOT IN (0, count(*)) THEN {literal(n)} END"
        for n, sql in compared(present)
    )
    said = ", ".join(f"{{'name': {literal(n)}, 'text': CAST(s.{ident(n)} AS VARCHAR)}}" for n in names)
    for file, row, record_id, told in session.rows(
        "WITH c AS (SELECT s.* FROM staged s SEMI JOIN (SELECT * FROM left_out WHERE reason = 'conflicting_duplicate') "
        "l ON s.file_no = l.file_no AND s.row_no = l.row_no), "
        f"d AS (SELECT s.record_key, [{differs}] AS names FROM c s GROUP BY s.record_key) "
        "SELECT s.source_file, s.source_row, s.record_id, "
        f"to_json(list_filter([{said}], lambda e: list_contains(d.names, e.name))) "
        "FROM c s JOIN d ON s.record_key = d.record_key"
    ):
        says = {str(e["name"]): e["text"] for e in json.loads(told)}
        yield Contradiction(str(file), None if row is None else int(row), record_id, says)
