"""Checks of a record that no single path shows: closed lists of words, and the `reject` rules of a mapping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focus_ai.adapters import expression
from focus_ai.adapters.mapping import table
from focus_ai.adapters.paths import describe
from focus_ai.adapters.record import fields
from focus_ai.adapters.scope import Scope
from focus_ai.engine import ident, literals

_CONVENTIONS = {
    "convention": ("inclusive", "exclusive", "infer"),
    "output_convention": ("inclusive", "exclusive", "infer"),
}


def register(scope: Scope, mapped: Mapping[str, Any], tokens: Mapping[str, Any], reject: tuple[Any, ...]) -> None:
    """Add to the scope: a word outside the list of its field, an unknown token convention, the rules of `reject`."""
    for name, e in mapped.items():
        allowed = fields()[name].values
        if allowed and not _closed(e, set(allowed)):
            scope.problem(_outside(name, allowed), f"unknown_value:{describe(e)}")
    for key, words in _CONVENTIONS.items():
        e = tokens.get(key)
        if e is not None and not isinstance(e, str) and not _closed(e, set(words)):
            scope.problem(_outside(f"tk_{key}", words), f"unknown_value:{describe(e)}")
    for rule in reject:
        scope.problem(expression.condition(scope, rule["when"]), rule["reason"])


def _outside(column: str, allowed: tuple[str, ...]) -> str:
    return f"{ident(column)} IS NOT NULL AND {ident(column)} NOT IN ({literals(allowed)})"


def _closed(e: Any, allowed: set[str]) -> bool:
    """Can this expression give nothing but allowed words (or null)?"""
    if not isinstance(e, Mapping):
        return False
    if "const" in e:
        return e["const"] is None or str(e["const"]) in allowed
    if "first" in e:
        return all(_closed(part, allowed) for part in e["first"])
    if "if" in e:
        return _closed(e["then"], allowed) and ("else" not in e or _closed(e["else"], allowed))
    if "lookup" in e:
        words = table(e["table"]) if "table" in e else e["in"]
        known = all(str(word) in allowed for word in words.values())
        return known and ("else" not in e or _closed(e["else"], allowed))
    return False
