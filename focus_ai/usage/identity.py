"""The same record twice counts once; two versions of a record count as the newest; contradictions count not at all.

The key is `record_key`: a hash of source instance, adapter and the identity that the mapping names. Repeated keys are
found first (they are few), and only their rows are compared. Records of equal key and version that say different
things are set aside together as `conflicting_duplicate`: which one is right cannot be known. A copy in another file
that only tells less contradicts nothing (see `fuller`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from focus_ai.adapters.mapping import Mapping
from focus_ai.adapters.record import fields, needed
from focus_ai.adapters.structures import members
from focus_ai.engine import Session, ident
from focus_ai.usage import attempts
from focus_ai.usage.fuller import REASON as TELLS_LESS
from focus_ai.usage.fuller import keep_fuller
from focus_ai.usage.lent_owners import lend_owners, lend_to_same_calls
from focus_ai.usage.same_calls import leave_out_same_calls

# Records per pass when looking for repeated keys; bounds the memory of the search.
PER_PASS = 2_000_000
_LINEAGE = ("source_file", "source_row", "adapter", "record_version", "flags", "raw_usage", "duration_ms")
# What a log says about the attempts of a request is no consumption either, nor is when a collector took it in.
_NOT_COMPARED = (*_LINEAGE, *attempts.FIELDS, "other_columns")


def compared(said: frozenset[str], record: str = "s") -> list[tuple[str, str]]:
    """Of these fields those in which two deliveries of one record must agree, with the SQL over `record` of each."""
    # Two exports may print the same binary amount with other last digits.
    shown = {"reported_cost": f"round({record}.reported_cost, 9)", "tags": members(f"{record}.tags")}
    return [(n, shown.get(n, f"{record}.{ident(n)}")) for n in fields() if n in said and n not in _NOT_COMPARED]


@dataclass(frozen=True)
class Duplicates:
    """How many records were left out, by kind. The rows are in the table `left_out`."""

    same: int
    superseded: int
    repeated_spans: int
    conflicting: int
    same_calls: int = 0
    # the fields in which the records of one identity have to agree
    said: frozenset[str] = frozenset()

    @property
    def total(self) -> int:
        """Records counted as duplicates (older versions, exact repeats, calls that another log holds too)."""
        return self.same + self.superseded + self.same_calls


def deduplicate(
    session: Session,
    present: frozenset[str],
    *,
    leaf_spans: tuple[str, ...] = (),
    mappings: Sequence[Mapping] = (),
    evidence: frozenset[str] | None = None,
    more: bool = False,
) -> Duplicates:
    """Create the table `left_out` (file_no, row_no, reason, kept ...) and the view `events` without those rows.

    The events show the owners of their traces where the export puts those apart. `evidence`: the fields that can
    change an owner. Given, records of one identity contradict each other only in what can change a row, not in what is
    staged because somebody asked for it as well (None: in everything). `more`: rows will be added to `left_out` later
    on.
    """
    said = present if evidence is None else present & needed(evidence, spans=False)
    _leave_out_repeats(session, present, said)
    spans = 0
    if leaf_spans and "span_id" in present:
        from focus_ai.usage.spans import leave_out_repeated_spans

        spans = leave_out_repeated_spans(session, leaf_spans, present)
    same_calls = leave_out_same_calls(session, mappings, present)
    counts = dict(session.rows("SELECT reason, count(*) FROM left_out GROUP BY reason"))
    if counts or more:
        session.sql(
            "CREATE VIEW events AS SELECT s.* FROM staged s ANTI JOIN left_out l "
            "ON s.file_no = l.file_no AND s.row_no = l.row_no"
        )
    else:
        session.sql("CREATE VIEW events AS SELECT * FROM staged")
    if spans:
        lend_to_same_calls(session, present, "repeated_spans")
    if same_calls:
        lend_to_same_calls(session, present)
    lend_owners(session, present)
    return Duplicates(
        counts.get("same_record", 0) + counts.get(TELLS_LESS, 0),
        counts.get("older_version", 0),
        spans,
        counts.get("conflicting_duplicate", 0),
        same_calls,
        said,
    )


def _leave_out_repeats(session: Session, present: frozenset[str], said: frozenset[str]) -> None:
    """Create `left_out`: of records with equal keys all but the newest version, or all where versions contradict."""
    total = session.one("SELECT count(*) FROM staged")[0]
    passes = max(1, -(-int(total) // PER_PASS))
    session.sql("CREATE TABLE repeated (record_key UUID)")
    for number in range(passes):
        bucket = f"WHERE hash(record_key) % {passes} = {number}" if passes > 1 else ""
        session.sql(
            f"INSERT INTO repeated SELECT record_key FROM staged {bucket} GROUP BY record_key HAVING count(*) > 1"
        )
    content = ", ".join(sql for _, sql in compared(said))
    session.sql(
        f"""CREATE TABLE compared AS
        SELECT s.file_no, s.row_no, s.record_key, s.source_file, s.source_row, s.record_id, s.record_version,
               hash({content or "0"}) AS content,
               {"s.other_columns" if "other_columns" in present else "NULL"} AS beside,
               TRY_CAST(s.record_version AS DECIMAL(38, 9)) AS version_number
        FROM staged s SEMI JOIN repeated r ON s.record_key = r.record_key"""
    )
    session.sql(
        """CREATE TABLE ranked AS SELECT *,
          row_number() OVER newest AS place,
          rank() OVER by_version AS version_place,
          first(source_file) OVER newest AS kept_file, first(source_row) OVER newest AS kept_row,
          first(content) OVER newest AS kept_content
        FROM compared
        WINDOW newest AS (PARTITION BY record_key ORDER BY version_number DESC NULLS LAST,
                          record_version DESC NULLS LAST, content, beside, source_file, source_row, row_no),
               by_version AS (PARTITION BY record_key ORDER BY version_number DESC NULLS LAST,
                          record_version DESC NULLS LAST)"""
    )
    session.sql(
        """CREATE TABLE left_out AS
        WITH judged AS (SELECT *, count(DISTINCT content) OVER (PARTITION BY record_key, version_place) > 1
                                  AND version_place = 1 AS unclear FROM ranked),
             keys AS (SELECT record_key, bool_or(unclear) AS conflict FROM judged GROUP BY record_key)
        SELECT file_no, row_no, source_file, source_row, record_id, kept_file, kept_row,
               CASE WHEN conflict THEN 'conflicting_duplicate'
                    WHEN version_place > 1 AND content <> kept_content THEN 'older_version'
                    ELSE 'same_record' END AS reason
        FROM judged JOIN keys USING (record_key) WHERE conflict OR place > 1"""
    )
    keep_fuller(session, present, compared(said), compared(said, "k"))
    for table in ("repeated", "compared", "ranked"):
        session.sql(f"DROP TABLE {table}")
