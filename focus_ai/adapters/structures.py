"""One value out of a list, a map or a joined text: SQL over the JSON text that holds it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from focus_ai.adapters.paths import member, parse
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
    """One member of the first element whose members equal the given literals; members are paths."""
    value = literal(parse(take).json_path())
    return f"NULLIF(list_filter({_items(raw)}, lambda x: {_tests(where)})[1] ->> {value}, '')"


def zipped(names: str, values: str) -> str:
    """A JSON object of the names in one array and the values at the same places in another; the first name wins."""
    keys = f"coalesce(TRY_CAST({names} AS VARCHAR[]), [])"
    pairs = f"list_zip({keys}, coalesce(TRY_CAST(TRY_CAST({values} AS JSON) AS JSON[]), []))"
    good = f"list_filter({pairs}, lambda kv, i: kv[1] IS NOT NULL AND list_position({keys}, kv[1]) = i)"
    return f"to_json(map_from_entries({good}))"


def total(raw: str, take: str, where: Mapping[str, Any]) -> str:
    """The sum of one member over the objects of an array; NULL without one. What is no number makes it no number."""
    value = f"x ->> {literal(parse(take).json_path())}"
    chosen = f"list_filter({_items(raw)}, lambda x: {_tests(where)})"
    texts = f"list_filter(list_transform({chosen}, lambda x: {value}), lambda t: t IS NOT NULL)"
    numbers = f"list_transform({texts}, lambda t: TRY_CAST(t AS DECIMAL(38, 18)))"
    bad = f"list_filter({texts}, lambda t: TRY_CAST(t AS DECIMAL(38, 18)) IS NULL)[1]"
    return f"coalesce({bad}, CAST(list_sum({numbers}) AS VARCHAR))"


def _tests(where: Mapping[str, Any]) -> str:
    tests = [f"x ->> {literal(parse(k).json_path())} = {literal(str(v))}" for k, v in where.items()]
    return " AND ".join(tests) or "TRUE"


def pairs(raw: str, e: Mapping[str, Any]) -> str:
    """A JSON object of texts from `[{key, value}, ...]` or from an object; the first of equal keys wins.

    `name` and `value` rename the two members, `strip` is taken off the front of every key.
    """
    name, value = (literal("$" + member(str(e.get(k, k.replace("name", "key"))))) for k in ("name", "value"))
    listed = f"list_transform({_items(raw)}, lambda x: {{'key': x ->> {name}, 'value': x ->> {value}}})"
    named = f"map_entries(TRY_CAST(TRY_CAST({raw} AS JSON) AS MAP(VARCHAR, VARCHAR)))"
    found = f"list_filter(coalesce({listed}, {named}), lambda x: NULLIF(x.key, '') IS NOT NULL AND x.value IS NOT NULL)"
    if "strip" in e:
        start = literal("^" + re.escape(str(e["strip"])))
        found = f"list_transform({found}, lambda x: {{'key': regexp_replace(x.key, {start}, ''), 'value': x.value}})"
    keys = f"list_transform({found}, lambda x: x.key)"
    first = f"list_filter({found}, lambda x, i: list_position({keys}, x.key) = i)"
    return f"NULLIF(CAST(to_json(map_from_entries({first})) AS VARCHAR), '{{}}')"


def split(raw: str, separator: str, item: int) -> str:
    """One item of a joined text: 0 is the first, -1 the last."""
    index = item + 1 if item >= 0 else item
    return f"NULLIF(trim(string_split({raw}, {literal(separator)})[{index}]), '')"


def length(raw: str) -> str:
    """How many items a JSON array or members a JSON object has; NULL for anything else."""
    document = f"TRY_CAST({raw} AS JSON)"
    return (
        f"CASE json_type({document}) WHEN 'ARRAY' THEN CAST(json_array_length({document}) AS VARCHAR) "
        f"WHEN 'OBJECT' THEN CAST(len(json_keys({document})) AS VARCHAR) END"
    )


def at(raw: str, item: int, take: str) -> str:
    """The name (`take: key`) or the value of one member of a JSON object, or one item of a JSON array."""
    document, index = f"TRY_CAST({raw} AS JSON)", item + 1 if item >= 0 else item
    key = f"json_keys({document})[{index}]"
    if take == "key":
        return f"NULLIF({key}, '')"
    path = f"'$.\"' || {key} || '\"'"
    return (
        f"NULLIF(CASE json_type({document}) WHEN 'ARRAY' THEN TRY_CAST({document} AS JSON[])[{index}] ->> '$' "
        f"WHEN 'OBJECT' THEN json_extract_string({document}, {path}) END, '')"
    )


def _items(raw: str) -> str:
    return f"TRY_CAST(TRY_CAST({raw} AS JSON) AS JSON[])"
