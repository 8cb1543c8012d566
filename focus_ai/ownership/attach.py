"""Owners for the events of a run: distinct evidence is resolved once, events join the answer.

Out: table `owner_spans` (owner_hash, t_from, t_to, owner_id), table `owners` (one row per distinct owner) and table
`owner_changes` (owner_hash, at): where the owner of an evidence becomes another, as far as the records reach.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from focus_ai.engine import Session, ident, instant, literal
from focus_ai.engine.tables import PIECE, TableBuilder, create_table, fingerprint
from focus_ai.ownership.book import OwnerBook
from focus_ai.ownership.event import CARRIERS, EXPLICIT, TAGGED
from focus_ai.ownership.model import OWNER_FIELDS, Evidence, Owner
from focus_ai.ownership.pseudonym import Pseudonyms

_compact = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
_TEXT = (*OWNER_FIELDS, "contact", "status", "reason", "tags", "evidence")


def attach(session: Session, book: OwnerBook, present: frozenset[str]) -> str:
    """Create the tables for the view `events`; returns the SQL expression of an event's owner hash."""
    owner_hash = _hash(session, book, present)
    wanted = [n if n in book.needs and n in present else "" for n in Evidence._fields]
    selected = ", ".join(f"any_value({ident(n)})" if n else "NULL" for n in wanted)
    # A sum reaches to its end; one that is said to last more than a year is not followed further.
    last_time = "event_time"
    if "bucket_end" in present:
        last_time = "greatest(event_time, least(bucket_end, event_time + INTERVAL 366 DAY) - INTERVAL 1 MICROSECOND)"
    found = session.arrow(
        f"SELECT {owner_hash} AS h, epoch_us(min(event_time)), epoch_us(max({last_time})), {selected} "
        "FROM events GROUP BY h ORDER BY h"
    )
    numbers: dict[str, int] = {}
    owners = TableBuilder(
        session, "owners", {"owner_id": "INTEGER", "owner_key": "VARCHAR", **dict.fromkeys(_TEXT, "ENUM")}
    )
    spans = TableBuilder(
        session, "owner_spans",
        {"owner_hash": "UBIGINT", "t_from": "TIMESTAMPTZ", "t_to": "TIMESTAMPTZ", "owner_id": "INTEGER"},
    )  # fmt: skip
    changes = TableBuilder(session, "owner_changes", {"owner_hash": "UBIGINT", "at": "TIMESTAMPTZ"})
    for key, first, last, *values in _rows(found):
        evidence = Evidence(*values)
        start, end = instant(first), instant(last)
        before: Owner | None = None
        for span in book.resolve(evidence, start, end):
            if before is not None and before.key() != span.owner.key():
                changes.add({"owner_hash": key, "at": span.t_from})
            before = span.owner
            own = fingerprint(*span.owner.key(), _proof(tuple(span.owner.evidence.items()))[0])
            if own not in numbers:
                numbers[own] = len(numbers)
                owners.add({"owner_id": numbers[own], "owner_key": own, **_row(span.owner)})
            spans.add({"owner_hash": key, "t_from": span.t_from, "t_to": span.t_to, "owner_id": numbers[own]})
    for table in (spans, changes, owners):
        table.create()
    return owner_hash


def _rows(found: Any) -> Iterator[tuple[Any, ...]]:
    """The rows of an Arrow table; few of them as Python objects at a time."""
    for batch in found.to_batches(max_chunksize=PIECE):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def sums_over_a_change(session: Session, owner_hash: str, counted: str, tokens: str) -> list[tuple[Any, ...]]:
    """The records that count (a SQL condition) and are sums over a time in which their owner becomes another: per
    currency of bills (None: usage) how many, their money, and their tokens (`tokens`: SQL of those of one record)."""
    if not session.rows("SELECT 1 FROM owner_changes LIMIT 1"):
        return []
    sums = (
        f"SELECT {owner_hash} AS h, event_time, bucket_end, {tokens} AS tokens, billed_cost AS paid, "
        "CASE WHEN kind = 'billed' THEN currency END AS currency "
        f"FROM events WHERE bucket_end IS NOT NULL AND {counted}"
    )
    return session.rows(
        f"SELECT currency, count(*), sum(paid), sum(tokens) FROM ({sums}) WHERE EXISTS ("
        "SELECT 1 FROM owner_changes c WHERE c.owner_hash = h AND c.at > event_time AND c.at < bucket_end) "
        "GROUP BY currency ORDER BY currency"
    )


def attach_users(session: Session, pseudonyms: Pseudonyms, present: frozenset[str]) -> None:
    """Create the table `users` (original, shown): what may be written for each end user, NULL where it is dropped."""
    users = TableBuilder(session, "users", {"original": "VARCHAR", "shown": "VARCHAR"})
    if "end_user_id" in present:
        found = session.arrow("SELECT DISTINCT end_user_id FROM events WHERE end_user_id IS NOT NULL ORDER BY 1")
        for (user,) in _rows(found):
            users.add({"original": user, "shown": pseudonyms.one(user)})
    users.create()


def attach_people(session: Session, pseudonyms: Pseudonyms, present: frozenset[str]) -> list[str]:
    """Create the table `people` (original, shown) of the e-mail addresses that stand where tenants, keys and services
    are named; returns the fields in which some were found."""
    asked = sorted({EXPLICIT["tenant"], *(name for names in CARRIERS.values() for name in names)} & present)
    found: dict[str, str | None] = {}
    named: list[str] = []
    for name in asked:
        column = ident(name)
        values = [str(r[0]) for r in session.rows(
            f"SELECT DISTINCT {column} FROM events WHERE contains({column}, '@') OR contains({column}, '%40')"
        )]  # fmt: skip
        hidden = {value: shown for value in values if (shown := pseudonyms.text(value)) != value}
        if hidden:
            found |= hidden
            named.append(name)
    rows = [{"original": value, "shown": found[value]} for value in sorted(found)]
    create_table(session, "people", {"original": "VARCHAR", "shown": "VARCHAR"}, rows)
    return named


def _row(owner: Owner) -> dict[str, str | None]:
    tuple_tags = {name: getattr(owner, name) for name in OWNER_FIELDS if getattr(owner, name) is not None}
    tags = {**owner.tags, **tuple_tags}
    return {
        **{name: getattr(owner, name) for name in OWNER_FIELDS},
        "contact": owner.contact,
        "status": owner.status,
        "reason": owner.reason,
        "tags": _compact(tags),
        "evidence": _proof(tuple(owner.evidence.items()))[1],
    }


@lru_cache(maxsize=4096)
def _proof(evidence: tuple[tuple[str, str], ...]) -> tuple[str, str]:
    """The evidence of an owner as the text that tells owners apart and as the one that is shown."""
    return json.dumps(dict(evidence), sort_keys=True), _compact(dict(evidence))


def _hash(session: Session, book: OwnerBook, present: frozenset[str]) -> str:
    """Evidence that cannot change an answer is left out, so that equal owners share one lookup.

    Of the tags every key counts that the book looks at, also where the record names its team: each field of an owner
    is looked for on its own.
    """
    known = [n for n in Evidence._fields if n in book.needs and n in present]
    columns = [ident(n) for n in known if n not in TAGGED]
    for name in TAGGED:
        columns += _tag_columns(session, book, name) if name in known else []
    return f"hash({', '.join(columns)})" if columns else "CAST(0 AS UBIGINT)"


def _tag_columns(session: Session, book: OwnerBook, tags: str) -> list[str]:
    """What of the tags tells two events apart: the text of lists, the values of the keys that matter in objects."""
    parsed = f"(SELECT TRY_CAST({tags} AS JSON) AS t FROM events)"
    keys = [str(row[0]) for row in session.rows(
        f"SELECT DISTINCT unnest(json_keys(t)) FROM {parsed} WHERE json_type(t) = 'OBJECT'"
    )]  # fmt: skip
    if not all(map(_plain, keys)):
        return [tags]
    named = set(book.relevant_tags(keys))
    named |= _nested(session, parsed, [k for k in keys if k not in named])
    columns = []
    if session.rows(f"SELECT 1 FROM events WHERE NOT starts_with(ltrim({tags}), '{{') LIMIT 1"):
        columns.append(f"CASE WHEN NOT starts_with(ltrim({tags}), '{{') THEN {tags} END")
    if named:
        paths = ", ".join(literal(f'$."{k}"') for k in sorted(named))
        columns.append(f"CAST(json_extract_string(TRY_CAST({tags} AS JSON), [{paths}]) AS VARCHAR)")
    return columns


def _plain(key: str) -> bool:
    """Can the key stand in a path as it is?"""
    return not any(c in key for c in '"\\\x00')


def _nested(session: Session, parsed: str, keys: list[str]) -> set[str]:
    """The tag keys under which objects or lists stand: an owner may be named inside."""
    asked = sorted(keys)
    if not asked:
        return set()
    paths = ", ".join(literal(f'$."{k}"') for k in asked)
    tests = ", ".join(f"coalesce(bool_or(y[{i}] IN ('OBJECT', 'ARRAY')), FALSE)" for i in range(1, len(asked) + 1))
    found = session.one(f"SELECT {tests} FROM (SELECT json_type(t, [{paths}]) AS y FROM {parsed})")
    return {key for key, inside in zip(asked, found, strict=True) if inside}
