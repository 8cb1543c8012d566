"""One value out of a list, a map or a joined text: SQL over the JSON text that holds it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from focus_ai.adapters.paths import member
from focus_ai.engine import literal


def header(raw: str, name: str) -> str:
    """The value of a key of an object, whatever its case; empty and `-` mean absent, as access logs write it."""
    document = f"TRY_CAST({raw} AS JSON)"
    key = f"list_filter(json_keys({document}), lambda k: lower(k) = {literal(name.lower())})[1]"
    return f"NULLIF(NULLIF(trim(json_extract_string({document}, '$.\"' || {key} || '\"')), ''), '-')"


def tag(raw: str, key: str) -> str:
    """The rest of the first `key:value` or `key=value` in an array of texts.

    Searched in the JSON text itself, which is quick; only a text with escapes is decoded first.
    """
    pattern = literal('"' + re.escape(key) + ' *[:=]([^"]*)"')
    colon, equal = literal(f'"{key}:'), literal(f'"{key}=')
    plain_form = f"split_part(split_part({raw}, {colon}, 2), chr(34), 1)"
    only_colon = f"contains({raw}, {colon}) AND NOT contains({raw}, {equal})"
    quick = f"CASE WHEN {only_colon} THEN {plain_form} ELSE regexp_extract({raw}, {pattern}, 1) END"
    start = literal("^" + re.escape(key) + " *[:=]")
    items = f"TRY_CAST(TRY_CAST({raw} AS JSON) AS VARCHAR[])"
    decoded = f"regexp_replace(list_filter({items}, lambda t: regexp_matches(t, {start}))[1], {start}, '')"
    found = f"CASE WHEN contains({raw}, chr(92)) THEN {decoded} ELSE {quick} END"
    return f"CASE WHEN contains({raw}, {literal(key)}) THEN NULLIF(trim({found}), '') END"


def entry(raw: str, e: Mapping[str, Any]) -> str:
    """The value of the first element of `[{key, value}, ...]` with this key; `name` and `value` rename the two."""
    where = f"lambda x: x ->> {literal('$' + member(str(e.get('name', 'key'))))} = {literal(str(e['key']))}"
    value = literal("$" + member(str(e.get("value", "value"))))
    return f"NULLIF(list_filter({_items(raw)}, {where})[1] ->> {value}, '')"


def pick(raw: str, where: Mapping[str, Any], take: str) -> str:
    """One member of the first element whose members equal the given literals."""
    tests = " AND ".join(f"x ->> {literal('$' + member(k))} = {literal(str(v))}" for k, v in where.items())
    return f"NULLIF(list_filter({_items(raw)}, lambda x: {tests})[1] ->> {literal('$' + member(take))}, '')"


def split(raw: str, separator: str, item: int) -> str:
    """One item of a joined text: 0 is the first, -1 the last."""
    index = item + 1 if item >= 0 else item
    return f"NULLIF(trim(string_split({raw}, {literal(separator)})[{index}]), '')"


def _items(raw: str) -> str:
    return f"TRY_CAST(TRY_CAST({raw} AS JSON) AS JSON[])"
