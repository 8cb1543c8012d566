"""Columns that a mapping names nowhere: one JSON object of texts. For tables of the user's own (`other_columns: tags`)
and for exports that give each tag a column (`other_columns: {tags: resource_tags_user_}`).

They are tags: the ownership room decides which of them say whose a record is and which are passed on.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

from focus_ai.adapters.mapping import Mapping
from focus_ai.adapters.scope import Scope
from focus_ai.engine import literal
from focus_ai.errors import UsageError

# Longer texts are prompts and answers, no tags (AWS allows tags as many characters).
LONGEST = 256
# Where there are more columns their names are values.
MOST = 200
# What the key of a path cannot hold.
_ODD = frozenset('"\\\x00')


def names(mapping: Mapping, columns: Collection[str], read: Collection[str]) -> tuple[str, ...]:
    """Those of the columns (members of the record) that are not read and that the mapping does not leave out; of an
    export with columns of tags, those that begin as these do.

    Raises `UsageError` for a mapping whose records lie inside a document.
    """
    if mapping.depth:
        raise UsageError(
            "`other_columns` is for records that stand alone", where=str(mapping.path), value=mapping.records,
            expected="a table or JSON Lines",
        )  # fmt: skip
    begins = mapping.other_columns or ""
    unread = {*columns} - {*read, *mapping.leaves_out}
    found = sorted(n for n in unread if n.startswith(begins) and n != begins and _ODD.isdisjoint(n))
    return tuple(found) if len(found) <= MOST else ()


def read(scope: Scope, columns: Sequence[str], begins: str) -> str:
    """SQL of a JSON object of these columns, named without what they all begin with. Empty and long texts are left out;
    JSON in a text is laid open."""
    parts = []
    for name in columns:
        text = scope.hold(scope.column(name))
        key = literal(json.dumps(name.removeprefix(begins), ensure_ascii=False) + ":")
        parts.append(
            f"{key} || CASE WHEN {text} = '' OR length({text}) > {LONGEST} THEN NULL "
            f"WHEN left({text}, 1) IN ('{{', '[') AND json_valid({text}) THEN {text} "
            f"ELSE CAST(to_json({text}) AS VARCHAR) END"
        )
    return f"NULLIF('{{' || concat_ws(',', {', '.join(parts)}) || '}}', '{{}}')"
