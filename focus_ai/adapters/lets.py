"""The named values of a mapping (`let`): what each is, and the SQL of its parts.

A value read from a text is JSON, and all its used keys come out in one call. An object that the mapping itself puts
together (`parse: {object: ...}`, with or without a condition) is never written as JSON: each used key is its own
column. Lists of names and values (attribute lists, rows apart from their column names) stay two lists, and a key is
looked up by its place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from focus_ai.adapters import expression, structures
from focus_ai.adapters import mapping as mappings
from focus_ai.adapters.scope import Let, Scope
from focus_ai.engine import literal
from focus_ai.errors import UsageError
from focus_ai.sources.bundle import file_of

# Forms that cost more than reading a value: worth computing once where a mapping uses them again and again.
_COSTLY = {
    "matches", "extract", "replace", "lookup", "lower", "upper", "split", "count", "header", "tag", "entry", "pick",
    "hex_id", "total", "pairs", "member", "length", "time", "decimal", "product", "concat",
}  # fmt: skip


def declare(scope: Scope, mapping: mappings.Mapping) -> None:
    """Make the named values of a mapping known to the scope, in their order; find what the mapping says repeatedly."""
    if mapping.calls:
        _declare_calls(scope, mapping)
    scope.repeats = _repeats(mapping)
    for name, e in mapping.let.items():
        path = e if isinstance(e, str) else e.get("parse")
        if not (isinstance(path, str) and scope.alias(name, path)):
            scope.lets[name] = _declared(scope, e)


def _declare_calls(scope: Scope, mapping: mappings.Mapping) -> None:
    """`$call` and `$called`, and the numbers of the calls that a record holds (`scope.calls`); the first always."""
    values = {name: expression.as_text(scope, e) for name, e in mapping.calls.items()}
    if scope.layers() or {"call", "called"} & set(mapping.let):
        raise UsageError(
            "the calls of a record are told by plain paths, and `call` and `called` are theirs",
            where=str(mapping.path), value=", ".join(values), expected="paths, first, if",
        )  # fmt: skip
    others = "".join(
        f" || CASE WHEN {sql} IS NOT NULL THEN [{n}] ELSE [] END" for n, sql in enumerate(values.values()) if n
    )
    scope.calls = f"[0]{others}"
    found = " ".join(f"WHEN {n} THEN {sql}" for n, sql in enumerate(values.values()))
    names = " ".join(f"WHEN {n} THEN {literal(name)}" for n, name in enumerate(values))
    scope.lets["call"] = Let(f"TRY_CAST(CASE call_no {found} END AS JSON)")
    scope.lets["called"] = Let(f"CASE call_no {names} END")


def _declared(scope: Scope, e: Any) -> Let:
    if isinstance(e, str):
        return Let(f"TRY_CAST({expression.as_text(scope, e)} AS JSON)")
    if "attributes" in e:
        raw = scope.hold(expression.as_text(scope, e["attributes"]))
        items = scope.hold(structures.attributes(raw))
        keys, values = scope.hold(structures.attribute_names(items)), scope.hold(structures.attribute_values(items))
        return Let(structures.as_map(keys, values), lists=(keys, values))
    if "zip" in e:
        names, values = (expression.as_text(scope, part) for part in e["zip"])
        keys = scope.hold(f"TRY_CAST({names} AS VARCHAR[])")
        items = scope.hold(f"TRY_CAST(TRY_CAST({values} AS JSON) AS JSON[])")
        return Let(structures.zipped(names, values), lists=(keys, items), nested=True)
    if "carry" in e:
        kept = f"CASE WHEN {expression.condition(scope, e['when'])} THEN {expression.as_text(scope, e['carry'])} END"
        apart = f"PARTITION BY {file_of('rn')} " if scope.bundled else ""
        last = f"last_value({kept} IGNORE NULLS) OVER ({apart}ORDER BY rn ROWS UNBOUNDED PRECEDING)"
        return Let(f"TRY_CAST({last} AS JSON)")
    inner = e.get("parse", e)
    parts = _parts(inner)
    if parts is not None:
        return _put_together(scope, inner, parts)
    return Let(f"TRY_CAST({expression.as_text(scope, inner)} AS JSON)")


def _parts(e: Any) -> Mapping[str, Any] | None:
    """The keys of `{object: ...}` or `{if: ..., then: {object: ...}}` with texts only; None for anything else."""
    if isinstance(e, Mapping) and set(e) == {"if", "then"}:
        e = e["then"]
    if not isinstance(e, Mapping) or set(e) != {"object"}:
        return None
    nested = any(isinstance(part, Mapping) and expression.NESTED & set(part) for part in e["object"].values())
    return None if nested else e["object"]


def _put_together(scope: Scope, e: Mapping[str, Any], parts: Mapping[str, Any]) -> Let:
    guard = scope.hold(expression.condition(scope, e["if"])) if "if" in e else None

    def part(key: str) -> str:
        if key not in parts:
            return "CAST(NULL AS VARCHAR)"
        with scope.inside(guard):
            value = expression.as_text(scope, parts[key])
        return scope.hold(value if guard is None else f"CASE WHEN {guard} THEN {value} END")

    return Let(lambda: f"TRY_CAST({expression.as_text(scope, e)} AS JSON)", part=part)


def _repeats(mapping: mappings.Mapping) -> frozenset[int]:
    """The `id` of every expression and condition that holds a costly form and that a mapping says more than once."""
    said: dict[str, list[int]] = {}

    def costly(value: Any) -> bool:
        if isinstance(value, Mapping):
            inside = [costly(v) for v in value.values()]
            if any(inside) or _COSTLY & set(value):
                said.setdefault(json.dumps(value, sort_keys=True, default=str), []).append(id(value))
                return True
        return isinstance(value, (list, tuple)) and any([costly(v) for v in value])  # noqa: C419 (all of them)

    for root in (
        mapping.let, mapping.fields, mapping.tokens, mapping.meters, mapping.ignore, mapping.reject, mapping.flags,
        mapping.identity, mapping.version, mapping.money_family, mapping.same_usage,
    ):  # fmt: skip
        costly(root)
    return frozenset(number for found in said.values() if len(found) > 1 for number in found)
