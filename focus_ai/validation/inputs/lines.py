"""JSON Lines (and JSON arrays), staged as Parquet of text: one column per key, a number with the digits of the file.

The engine reads files whose every line is an object and whose numbers it can repeat to the digit; any other file goes
through the strict reader of `sources.documents` first, which names what is no record. Objects and lists become JSON
text; a key that a record lacks is no value.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from focus_ai.engine import Session, literal
from focus_ai.errors import InputError
from focus_ai.sources import SourceFile
from focus_ai.sources.documents import spool_lines
from focus_ai.sources.relation import json_lines, spooled_lines
from focus_ai.sources.sniff import LONGEST_LINE
from focus_ai.validation.inputs.delimited import cut_off, truncated
from focus_ai.validation.inputs.table import Problem, Problems, Table, unique

MOST_KEYS = 5000
# What the engine takes but would change or should not take: a number of more digits than a binary double repeats,
# NaN and Infinity, a comma before a closing bracket. Inside a text it costs time only: the strict reader decides.
_DOUBTFUL = r"[:,\[]\s*-?([0-9.eE+-]{17,}|[nN]a[nN]|[iI]nf)|,\s*[}\]]"
_WORDS = {
    "broken_json": "not JSON", "not_utf8": "not UTF-8", "not_an_object": "JSON, but no object",
    "line_too_long": f"longer than {LONGEST_LINE >> 20} MB", "document_too_large": "too large",
}  # fmt: skip
SAMPLE = 20_000


def stage(session: Session, source: SourceFile, target: Path) -> Table:
    """Stage one file of JSON objects. Raises `InputError` when it holds none."""
    problems = Problems()
    quick = _as_it_is(session, source)
    if quick is None:
        documents = _strictly(source, target.with_suffix(".jsonl"), problems)
        keys, _ = _keys(session, documents)
    else:
        documents, keys = quick
    if not keys:
        first = problems.kept.get("unreadable", [Problem(1, 1, "")])[0]
        raise InputError(
            "no line of the file is a JSON object", where=source.name, value=first.value[:200] or None,
            expected="one object per line with FOCUS columns as keys",
        )  # fmt: skip
    if len(keys) > MOST_KEYS:
        raise InputError(
            "the records have too many different keys to be rows of one table", where=source.name,
            value=f"{len(keys):,} keys", expected=f"at most {MOST_KEYS:,}, FOCUS columns among them",
        )  # fmt: skip
    columns, _ = unique(keys, source.name)
    texts = ", ".join(literal(_pointer(key)) for key in keys)
    cells = ", ".join(f"v[{i + 1}] AS c{i}" for i in range(len(keys)))
    session.sql(
        f"COPY (SELECT {cells}, rn AS _row FROM (SELECT rn, j0 ->> [{texts}] AS v FROM {documents})) "
        f"TO {literal(str(target))} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
    )
    rows = int(session.one(f"SELECT count(*) FROM read_parquet({literal(str(target))})")[0])
    selected = {key: (f"c{position}", "VARCHAR") for key, position in columns.items() if key.strip()}
    nested = _nested(session, documents, keys)
    return Table(source, target, selected, rows, True, problems, nested=nested)


def _as_it_is(session: Session, source: SourceFile) -> tuple[str, list[str]] | None:
    """Documents and keys of a file whose every line is an object without surprises, else None."""
    import duckdb

    if source.format.kind != "jsonl" or source.format.bom:
        return None
    relation = json_lines(source.path)
    try:
        keys, odd = _keys(session, relation)
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error:
        return None
    return None if odd else (relation, keys)


def _strictly(source: SourceFile, target: Path, problems: Problems) -> str:
    rejects, longest = spool_lines(source.name, source.path, source.format, target)
    if rejects and rejects[-1].reason == "broken_json" and source.format.kind == "jsonl":
        last = rejects[-1]
        with target.open("rb") as written:
            at_end = last.row == sum(1 for _ in written)
        if at_end and last.row != 1 and cut_off(source.path):
            raise truncated(source.name, f"row {last.row} is not closed")  # its text may hold ids of people
    for reject in rejects:
        if reject.row is None:
            raise InputError("the file cannot be read to its end", where=source.name, value=reject.reason)
        reason, _, detail = reject.reason.partition(":")
        words = _WORDS.get(reason, reason.replace("_", " ")) + (f" {detail}" if detail else "")
        line = None  # found when the report is written, see `delimited.lines_of`
        problems.add("unreadable", Problem(reject.row, line, f"{words}: {(reject.raw or '')[:200]}"))
    return spooled_lines(target, longest)


def _keys(session: Session, documents: str) -> tuple[list[str], bool]:
    """Keys of all records in order of appearance, and whether any record is for the strict reader only."""
    doubtful = f"j0 IS NULL OR json_type(j0) <> 'OBJECT' OR regexp_matches(CAST(j0 AS VARCHAR), {literal(_DOUBTFUL)})"
    lists = f"SELECT json_keys(j0) AS k, min(rn) AS first, max({doubtful}) AS odd FROM {documents} GROUP BY k"
    rows = session.rows(
        "WITH lists AS MATERIALIZED (" + lists + ") SELECT key, min((first, place)), FALSE FROM "
        "(SELECT unnest(k) AS key, generate_subscripts(k, 1) AS place, first FROM lists) GROUP BY key "
        "UNION ALL SELECT '', (0, 0), coalesce(max(odd OR len(k) <> list_unique(k)), FALSE) FROM lists ORDER BY 2"
    )
    return [str(key) for key, _, _ in rows[1:]], bool(rows[0][2])


def _pointer(key: str) -> str:
    """The JSON pointer of a key at the top."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _nested(session: Session, documents: str, keys: Sequence[str]) -> dict[str, str]:
    """JSON types other than text of each key, among the first records: `Tags` -> `OBJECT`."""
    pointers = ", ".join(literal(_pointer(key)) for key in keys)
    found: dict[str, set[str]] = {}
    for (types,) in session.rows(
        f"SELECT DISTINCT json_type(j0, [{pointers}]) FROM (SELECT j0 FROM {documents} LIMIT {SAMPLE})"
    ):
        for key, kind in zip(keys, types, strict=True):
            if kind not in (None, "NULL", "VARCHAR"):
                found.setdefault(key, set()).add(_JSON_KINDS.get(kind, kind.lower()))
    return {key: " or ".join(sorted(kinds)) for key, kinds in found.items()}


_JSON_KINDS = {
    "OBJECT": "object", "ARRAY": "list", "BOOLEAN": "boolean", "BIGINT": "number", "UBIGINT": "number",
    "DOUBLE": "number", "HUGEINT": "number", "UHUGEINT": "number", "DECIMAL": "number",
}  # fmt: skip
