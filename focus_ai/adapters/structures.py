"""One value out of a list, a map or a joined text: SQL over the JSON text that holds it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from focus_ai.adapters.paths import member, parse
from focus_ai.engine import literal


def header(hold: Callable[[str], str], raw: str, name: str) -> str:
    """The value of a key of an object, whatever its case; empty and `-` mean absent, as access logs write it.

    All names and all values come out once (`hold` names them) for however many headers a mapping reads.
    """
    document = hold(f"TRY_CAST({raw} AS JSON)")
    keys = hold(f"list_transform(json_keys({document}), lambda k: lower(k))")
    values = hold(f"json_extract_string({document}, '$.*')")
    return f"NULLIF(NULLIF(trim({values}[list_position({keys}, {literal(name.lower())})]), ''), '-')"


def tag(raw: str, key: str) -> str:
    """The rest of the first `key:value` or `key=value` in an array of texts.

    Searched in the JSON text itself, which is quick; only a text with escapes is decoded first.
    """
    pattern = literal('"' + re.escape(key) + ' *[:=]([^"]*)"')
    colon, equal, nothing, blank = (literal(f'"{key}{end}') for end in (":", "=", ':"', ": "))
    rest = f"substr({raw}, strpos({raw}, {colon}) + {len(key) + 2})"
    # Without escapes and empty values there is nothing to decode and nothing to take for absent.
    odd = " OR ".join(f"contains({raw}, {text})" for text in (equal, nothing, blank, "chr(92)"))
    plain = f"contains({raw}, {colon}) AND NOT ({odd})"
    start = literal("^" + re.escape(key) + " *[:=]")
    items = f"TRY_CAST(TRY_CAST({raw} AS JSON) AS VARCHAR[])"
    decoded = f"regexp_replace(list_filter({items}, lambda t: regexp_matches(t, {start}))[1], {start}, '')"
    found = f"CASE WHEN contains({raw}, chr(92)) THEN {decoded} ELSE regexp_extract({raw}, {pattern}, 1) END"
    # Most texts do not hold the key at all: one look settles those.
    return (
        f"CASE WHEN contains({raw}, {literal(key)}) THEN CASE WHEN {plain} "
        f"THEN trim(left({rest}, strpos({rest}, chr(34)) - 1)) ELSE NULLIF(trim({found}), '') END END"
    )


def entry(raw: str, e: Mapping[str, Any]) -> str:
    """The value of the first element of `[{key, value}, ...]` with this key; `name` and `value` rename the two."""
    where = f"lambda x: x ->> {literal('$' + member(str(e.get('name', 'key'))))} = {literal(str(e['key']))}"
    value = literal("$" + member(str(e.get("value", "value"))))
    return f"NULLIF(list_filter({_items(raw)}, {where})[1] ->> {value}, '')"


def pick(raw: str, where: Mapping[str, Any], take: str) -> str:
    """One member of the first element whose members equal the given literals; members are paths."""
    value = literal(parse(take).json_path())
    return f"NULLIF(list_filter({_items(raw)}, lambda x: {_tests(where)})[1] ->> {value}, '')"


_ATTRIBUTE = json.dumps(
    [{"key": "VARCHAR", "value": {**dict.fromkeys(("stringValue", "intValue", "doubleValue", "boolValue"), "VARCHAR"),
                                  "arrayValue": "JSON", "kvlistValue": "VARCHAR", "bytesValue": "VARCHAR"}}]
)  # fmt: skip


def attributes(raw: str) -> str:
    """The items of an OTLP attribute list, a list of structs; NULL where there is no list."""
    return f"json_transform(TRY_CAST({raw} AS JSON), {literal(_ATTRIBUTE)})"


def attribute_names(items: str) -> str:
    """Their names."""
    return f"list_transform({items}, lambda a: coalesce(a.key, ''))"


def attribute_values(items: str) -> str:
    """Their values as text; several texts become a plain JSON array of texts, as the form `tag` reads it."""
    listed = "a.value.arrayValue"
    texts = f"NULLIF(CAST(to_json({listed} ->> '$.values[*].stringValue') AS VARCHAR), '[]')"
    several = f"CASE WHEN {listed} IS NOT NULL THEN coalesce({texts}, {listed} ->> '$.values') END"
    plain = ", ".join(f"a.value.{kind}" for kind in ("stringValue", "intValue", "doubleValue", "boolValue"))
    return f"list_transform({items}, lambda a: coalesce({plain}, {several}, a.value.kvlistValue, a.value.bytesValue))"


def as_map(keys: str, values: str) -> str:
    """Both as a map; the first of equal names wins, since a map refuses repeated ones."""
    first = f"list_filter(list_zip({keys}, {values}), lambda kv, i: list_position({keys}, kv[1]) = i)"
    return f"map_from_entries({first})"


def zipped(names: str, values: str) -> str:
    """A JSON object of the names in one array and the values at the same places in another; the first name wins."""
    keys = f"coalesce(TRY_CAST({names} AS VARCHAR[]), [])"
    pairs = f"list_zip({keys}, coalesce(TRY_CAST(TRY_CAST({values} AS JSON) AS JSON[]), []))"
    good = f"list_filter({pairs}, lambda kv, i: kv[1] IS NOT NULL AND list_position({keys}, kv[1]) = i)"
    return f"to_json(map_from_entries({good}))"


def total(raw: str, take: str, where: Mapping[str, Any]) -> str:
    """The sum of one member over the objects of an array; NULL without one. What is no number makes it no number,
    and so does a value that is no array: what it holds cannot be left out of a sum of money."""
    value = f"x ->> {literal(parse(take).json_path())}"
    chosen = f"list_filter({_items(raw)}, lambda x: {_tests(where)})"
    texts = f"list_filter(list_transform({chosen}, lambda x: {value}), lambda t: t IS NOT NULL)"
    numbers = f"list_transform({texts}, lambda t: TRY_CAST(t AS DECIMAL(38, 18)))"
    bad = f"list_filter({texts}, lambda t: TRY_CAST(t AS DECIMAL(38, 18)) IS NULL)[1]"
    other = f"CASE WHEN {compact(raw)} IS NOT NULL AND {_items(raw)} IS NULL THEN 'no array' END"
    return f"coalesce({other}, {bad}, CAST(list_sum({numbers}) AS VARCHAR))"


def _tests(where: Mapping[str, Any]) -> str:
    tests = [f"x ->> {literal(parse(k).json_path())} = {literal(str(v))}" for k, v in where.items()]
    return " AND ".join(tests) or "TRUE"


def compact(raw: str) -> str:
    """A JSON text written the shortest way, so that the same value is the same text; nothing is the same as empty."""
    written = f"coalesce(CAST(json_extract(TRY_CAST({raw} AS JSON), '$') AS VARCHAR), {raw})"
    return f"NULLIF(NULLIF(NULLIF({written}, '{{}}'), '[]'), 'null')"


def members(raw: str) -> str:
    """What a JSON object or the objects of an array say, as one text, whatever the order of their members, also of
    those one level below, and the blanks between them; empty members say nothing."""
    document = f"TRY_CAST({raw} AS JSON)"

    def inner(value: str) -> str:
        """Of a member that is an object, or an array of such; both are written the shortest way."""
        items = f"list_transform(TRY_CAST(TRY_CAST({value} AS JSON) AS JSON[]), lambda x: {_in_order('x')})"
        return (
            f"CASE WHEN starts_with({value}, '{{') THEN "
            f"coalesce({_in_order(f'TRY_CAST({value} AS JSON)')}, {value}) "
            f"WHEN starts_with({value}, '[{{') THEN coalesce(CAST({items} AS VARCHAR), {value}) ELSE {value} END"
        )

    # Most objects hold no other one, and looking into each member costs more than all the rest.
    told = f"CASE WHEN contains(substr({raw}, 3), '{{') THEN {_sorted(document, inner)} ELSE {_sorted(document)} END"
    items = f"list_transform(TRY_CAST({document} AS JSON[]), lambda y: {_in_order('y', inner)})"
    said = (
        f"coalesce(CASE json_type({document}) WHEN 'OBJECT' THEN CAST({told} AS VARCHAR) "
        f"WHEN 'ARRAY' THEN CAST({items} AS VARCHAR) END, CAST(json_extract({document}, '$') AS VARCHAR), {raw})"
    )
    return f"NULLIF({said}, '[]')"


def _in_order(value: str, inner: Callable[[str], str] = str) -> str:
    """A JSON value as text, an object with its members in order."""
    told = f"CAST({_sorted(value, inner)} AS VARCHAR)"
    return f"CASE WHEN json_type({value}) = 'OBJECT' THEN {told} ELSE CAST({value} AS VARCHAR) END"


def _sorted(document: str, inner: Callable[[str], str] = str) -> str:
    """The members of a JSON object in order. A cast to a map would take twice as long."""
    kept = (
        f"list_filter(list_zip(CAST(json_keys({document}) AS VARCHAR[]), "
        f"CAST(json_extract_string({document}, '$.*') AS VARCHAR[])), "
        "lambda m: NULLIF(m[2], '') IS NOT NULL)"
    )
    if inner is not str:
        kept = f"list_transform({kept}, lambda m: (m[1], {inner('m[2]')}))"
    return f"list_sort({kept})"


def texts(parts: Mapping[str, str]) -> str:
    """A JSON object of texts (name -> SQL) without those that are NULL; NULL when all are."""
    written = ", ".join(
        f"{literal(json.dumps(name, ensure_ascii=False) + ':')} || CAST(to_json({sql}) AS VARCHAR)"
        for name, sql in parts.items()
    )
    return f"NULLIF('{{' || concat_ws(',', {written}) || '}}', '{{}}')"


def pairs(hold: Callable[[str], str], raw: str, e: Mapping[str, Any]) -> str:
    """A JSON object of texts from `[{key, value}, ...]` or from an object; the first of equal keys wins.

    `name` and `value` rename the two members, `strip` is taken off the front of every key. `hold` names a value that
    is needed more than once.
    """
    document = hold(f"TRY_CAST({raw} AS JSON)")
    name, value = (literal("$" + member(str(e.get(k, k.replace("name", "key"))))) for k in ("name", "value"))
    listed = (
        f"list_transform(TRY_CAST({document} AS JSON[]), lambda x: {{'key': x ->> {name}, 'value': x ->> {value}}})"
    )
    named = f"map_entries(TRY_CAST({document} AS MAP(VARCHAR, VARCHAR)))"
    found = f"list_filter(coalesce({listed}, {named}), lambda x: NULLIF(x.key, '') IS NOT NULL AND x.value IS NOT NULL)"
    if "strip" in e:
        start = str(e["strip"])
        key = f"CASE WHEN starts_with(x.key, {literal(start)}) THEN x.key[{len(start) + 1}:] ELSE x.key END"
        found = f"list_transform({found}, lambda x: {{'key': {key}, 'value': x.value}})"
    found = hold(found)
    keys = hold(f"list_transform({found}, lambda x: x.key)")
    first = f"list_filter({found}, lambda x, i: list_position({keys}, x.key) = i)"
    # Nearly always no key comes twice.
    entries = f"CASE WHEN len({keys}) = list_unique({keys}) THEN {found} ELSE {first} END"
    return f"NULLIF(CAST(to_json(map_from_entries({entries})) AS VARCHAR), '{{}}')"


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


def hex_id(sql: str) -> str:
    """SQL of an id of 8 or 16 bytes as hexadecimal digits. The two ways to write it have other lengths, so no id can be
    read in both."""
    return (
        f"CASE WHEN regexp_full_match({sql}, '[0-9a-fA-F]{{16}}|[0-9a-fA-F]{{32}}') THEN lower({sql}) "
        f"WHEN regexp_full_match({sql}, '[A-Za-z0-9+/]{{11}}=|[A-Za-z0-9+/]{{22}}==') "
        f"THEN coalesce(lower(hex(TRY(from_base64({sql})))), {sql}) ELSE {sql} END"
    )
