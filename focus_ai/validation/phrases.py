"""A rule in words: one English sentence from its tree. The one place that phrases requirements and conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from focus_ai.validation.model import Rule
from focus_ai.validation.predicates import names, pair

_TYPES = {
    "string": "text", "decimal": "a number", "integer": "a whole number", "datetime": "a date and time",
    "boolean": "true or false", "json": "JSON",
}  # fmt: skip
_FORMATS = {
    "numeric": "a plain number (digits, one point, a leading minus or E notation, nothing else)",
    "decimal": "a finite number",
    "datetime": "a UTC date and time written as 2026-01-31T00:00:00Z",
    "string": "readable Unicode text",
    "currency": "an ISO 4217 code such as USD, or the name of a virtual currency",
    "national-currency": "an ISO 4217 code such as USD",
    "unit": "a unit in the FOCUS unit format, such as Tokens, 1000000 Tokens, GB-Hours or Requests/Second",
    "key-value": "one flat JSON object with unique keys and no object or array as a value",
    "json-object": "a JSON object",
    "duration": "an ISO 8601 duration such as P1Y or PT12H",
    "pascal-case": "a word in Pascal case",
    "not-blank": "more than spaces",
    "no-placeholder": "a value, not an empty text or a stand-in such as N/A",
}
_OPERATORS = {
    "=": "equals", "<>": "differs from", "<": "is below", "<=": "is at most", ">": "is above", ">=": "is at least",
}  # fmt: skip
_INFINITIVE = {
    "=": "equal", "<>": "differ from", "<": "be below", "<=": "be at most", ">": "be above", ">=": "be at least",
}  # fmt: skip
_STRENGTH = {"MUST": "must", "MUST NOT": "must", "SHOULD": "should", "SHOULD NOT": "should", "RECOMMENDED": "should"}


def sentence(rule: Rule) -> str:
    """The rule as one sentence; its own `sentence` when it has one."""
    if rule.sentence:
        return rule.sentence
    if rule.parts:
        return f"Bundle of {len(rule.parts)} rules{f' about {rule.column}' if rule.column else ''}."
    if rule.require is None:
        return f"{rule.column or 'The data set'}: {rule.undecidable or 'no requirement'}"
    wish = _STRENGTH.get(rule.keyword, "may")
    text = requirement(rule.require, wish)
    if rule.when is not None:
        text += f" when {condition(rule.when)}"
    return (text if text.startswith("x_") else text[0].upper() + text[1:]) + "."


def requirement(tree: Any, wish: str = "must") -> str:
    """What has to be true: `SkuId must not be null`."""
    if isinstance(tree, bool):
        return "this always holds" if tree else "this never holds"
    ((word, argument),) = tree.items()
    if word in ("all", "any"):
        joint = ", and " if word == "all" else ", or "
        return joint.join(requirement(part, wish) for part in argument)
    found = _REQUIRED.get(word)
    return str(found(argument, wish)) if found else f"it {wish} be that {condition(tree)}"


def condition(tree: Any) -> str:
    """When the rule applies: `ChargeCategory is Tax`."""
    if isinstance(tree, bool):
        return "always" if tree else "never"
    ((word, argument),) = tree.items()
    if word in ("all", "any"):
        joint = " and " if word == "all" else " or "
        parts = [condition(part) for part in argument]
        return joint.join(f"({p})" if _mixed(t) else p for p, t in zip(parts, argument, strict=True))
    if word == "not":
        return f"not ({condition(argument)})"
    return str(_CONDITIONS[word](argument))


def _mixed(tree: Any) -> bool:
    return isinstance(tree, Mapping) and next(iter(tree)) in ("all", "any")


def _listed(values: Sequence[Any]) -> str:
    shown = [str(value) for value in values[:8]]
    if len(values) > 8:
        return ", ".join(shown) + f", … ({len(values)} values)"
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " or " + shown[-1]


def term(value: Any) -> str:
    """A term of a comparison in words."""
    if not isinstance(value, Mapping):
        return str(value)
    ((word, argument),) = value.items()
    if word in ("number", "text"):
        return str(argument)
    parts = [term(part) for part in (argument if isinstance(argument, list | tuple) else [argument])]
    if word in ("plus", "minus", "times"):
        return {"plus": " + ", "minus": " − ", "times": " × "}[word].join(parts)
    if word == "key":
        return f"the key {argument[1]} of {argument[0]}"
    if word == "total":
        return f"{argument[1].rsplit('.', 1)[-1]} in {argument[0]}"
    if word == "hours":
        return f"the hours from {parts[0]} to {parts[1]}"
    shown = {"abs": "the size of", "sign": "the sign of", "lower": "the lower case of", "month_start": "the month of"}
    return f"{shown[word]} {parts[0]}"


def _values(argument: Any) -> str:
    if isinstance(argument, str):
        return f"{argument} {{}} one of its allowed values"
    name, values = pair(argument)
    return f"{name} {{}} {_listed(values)}"


def _columns(argument: Mapping[str, Any], wish: str) -> str:
    whose = {"focus": "FOCUS columns", "custom": "custom columns", "other": "columns that FOCUS does not name",
             "all": "column names"}[argument["scope"]]  # fmt: skip
    if argument.get("none"):
        return f"there {wish} be no {whose} without the prefix x_"
    if "place" in argument:
        return f"{whose} {wish} stand {argument['place']} in the data"
    if "max_length" in argument:
        return f"{whose} {wish} have at most {argument['max_length']} characters"
    return f"{whose} {wish} match {argument.get('match')}"


def _side(side: Any) -> str:
    if not isinstance(side, Mapping):
        return str(side)
    text = f"the sum of {term(side['sum'])}"
    if "dataset" in side:
        text += f" in {side['dataset']}"
    return text + (f" where {condition(side['where'])}" if "where" in side else "")


def _object(argument: Mapping[str, Any], wish: str) -> str:
    place = argument.get("at", "$")
    where = argument["column"] + ("" if place == "$" else f" at {place}")
    said: list[str] = []
    if "required" in argument:
        said.append(f"hold {listed(argument['required'])}")
    if "not_null" in argument:
        said.append(f"give {listed(argument['not_null'])} a value")
    for key, kinds in argument.get("types", {}).items():
        said.append(f"hold {kinds if isinstance(kinds, str) else ' or '.join(kinds)} in {key}")
    for key, values in argument.get("values", {}).items():
        said.append(f"hold {_listed(values)} in {key}")
    for key, limits in argument.get("range", {}).items():
        said.append(f"hold {limits.get('min', '…')} to {limits.get('max', '…')} in {key}")
    if "other_keys" in argument:
        rest = argument["other_keys"]
        known = f"the keys {_listed(argument['keys'])}" if argument.get("keys") else "keys"
        also = f" and others like {rest}" if argument.get("keys") else f" like {rest}"
        said.append(f"have no keys but {known.removeprefix('keys')}" if rest is False else f"have only {known}{also}")
    if "other_types" in argument:
        said.append(f"hold {' or '.join(argument['other_types'])} in other keys")
    if "spelling" in argument:
        said.append("spell the keys that FOCUS defines exactly so")
    for key, others in argument.get("needs", {}).items():
        said.append(f"give {listed(others)} with {key}")
    for key, others in argument.get("without", {}).items():
        said.append(f"not give {listed(others)} with {key}")
    if "one_of" in argument:
        said.append(f"give exactly one of {listed(argument['one_of'])}")
    if "any_of" in argument:
        said.append(f"give at least one of {listed(argument['any_of'])}")
    if "min_items" in argument:
        said.append(f"have {argument['min_items']} item or more")
    if "sum" in argument:
        said.append(f"add up to {argument['sum']['equals']} over {argument['sum']['key']}")
    for key in argument.get("format", {}):
        said.append(f"hold a unit in the FOCUS unit format in {key}")
    if "arrays" in argument:
        wished = {"one-type": "one type", "no-repeats": "no repeated elements", "no-nulls": "no null elements"}
        said.append(f"have arrays of {wished[argument['arrays']]}")
    if "depth" in argument:
        said.append(f"nest at most {argument['depth']} objects")
    for key, mark in argument.get("alone", {}).items():
        said.append(f"hold {mark} alone in {key}")
    if "unique" in argument:
        said.append(f"name each {argument['unique']} once")
    return f"{where} {wish} " + (", ".join(said) or "be a JSON object")


def listed(values: Sequence[str]) -> str:
    """`A, B and C`."""
    return values[0] if len(values) == 1 else ", ".join(values[:-1]) + " and " + values[-1]


def _distinct(a: Mapping[str, Any], wish: str) -> str:
    most, least = a.get("max", 1), a.get("min", 0)
    amount = "one" if most == 1 else f"at most {most}"
    return f"each {listed(a['per'])} {wish} have {'exactly ' if least else 'only '}{amount} {a['of']}"


_REQUIRED: dict[str, Any] = {
    "present": lambda a, w: f"the column {a} {w} be in the data",
    "null": lambda a, w: f"{a} {w} be null",
    "not_null": lambda a, w: f"{a} {w} not be null",
    "is": lambda a, w: f"{pair(a)[0]} {w} be {pair(a)[1]}",
    "is_not": lambda a, w: f"{pair(a)[0]} {w} not be {pair(a)[1]}",
    "in": lambda a, w: f"{pair(a)[0]} {w} be {_listed(pair(a)[1])}",
    "not_in": lambda a, w: f"{pair(a)[0]} {w} not be {_listed(pair(a)[1])}",
    "values": lambda a, w: _values(a).format(f"{w} be"),
    "child_of": lambda a, w: f"{pair(a)[0]} {w} belong to the {pair(a)[1]} of its row",
    "type": lambda a, w: f"{pair(a)[0]} {w} hold {_TYPES[pair(a)[1]]}",
    "format": lambda a, w: f"{pair(a)[0]} {w} hold {_FORMATS[pair(a)[1]]}",
    "matches": lambda a, w: f"{pair(a)[0]} {w} match {pair(a)[1]}",
    "compare": lambda a, w: f"{term(a[0])} {w} {_INFINITIVE[a[1]]} {term(a[2])}",
    "product": lambda a, w: f"{a['of'][0]} × {a['of'][1]} {w} equal {a['equals']}",
    "object": _object,
    "holds": lambda a, w: f"{a['at'].rsplit('.', 1)[-1]} in {a['column']} {w} be {a['value']} in one element",
    "no_common": lambda a, w: f"{a[0]} {w} not repeat an entry of {a[1]}",
    "elements": lambda a, w: (
        f"each {a['key'][0]} in {a['column']} {w} "
        + (f"be found in {a['dataset']}" if "dataset" in a else f"have only one {a['one'][0]}")
    ),
    "columns": _columns,
    "distinct": _distinct,
    "unique": lambda a, w: f"no two rows {w} share {listed(a)}",
    "duplicate": lambda a, w: f"no row {w} be there twice",
    "reference": lambda a, w: f"{listed(list(a['columns']))} {w} be found in {a['dataset']}",
    "bounds": lambda a, w: f"{a['column']} {w} lie within the range that {a['dataset']} gives",
    "below": lambda a, w: (
        f"{a['column']} {w} be below that of the rows with the same {listed(a['match'])} where {condition(a['rows'])}"
        + "".join(f", and with the same {c} apart from {m}" for c, m in a.get("apart_from", {}).items())
    ),
    "periods": lambda a, w: (
        f"the periods of each {listed(a['per']) if a['per'] else 'data set'} {w} not "
        + ("overlap" if a["forbid"] == "overlap" else "leave a gap")
    ),
    "sums": lambda a, w: (
        (f"per {listed(a['per'])} " if a["per"] else "")
        + f"{_side(a['left'])} {w} {_INFINITIVE[a.get('op', '=')]} {_side(a['right'])}"
    ),
}
_CONDITIONS: dict[str, Any] = {
    "present": lambda a: f"the column {a} is there",
    "null": lambda a: f"{a} is null",
    "not_null": lambda a: f"{a} is not null",
    "is": lambda a: f"{pair(a)[0]} is {pair(a)[1]}",
    "is_not": lambda a: f"{pair(a)[0]} is not {pair(a)[1]}",
    "in": lambda a: f"{pair(a)[0]} is {_listed(pair(a)[1])}",
    "not_in": lambda a: f"{pair(a)[0]} is not {_listed(pair(a)[1])}",
    "values": lambda a: _values(a).format("is"),
    "child_of": lambda a: f"{pair(a)[0]} belongs to its {pair(a)[1]}",
    "type": lambda a: f"{pair(a)[0]} holds {_TYPES[pair(a)[1]]}",
    "format": lambda a: f"{pair(a)[0]} holds {_FORMATS[pair(a)[1]]}",
    "matches": lambda a: f"{pair(a)[0]} matches {pair(a)[1]}",
    "compare": lambda a: f"{term(a[0])} {_OPERATORS[a[1]]} {term(a[2])}",
    "product": lambda a: f"{a['of'][0]} × {a['of'][1]} equals {a['equals']}",
    "holds": lambda a: f"an element of {a['column']} holds {a['value']}",
    "no_common": lambda a: f"{a[0]} and {a[1]} have no entry in common",
    "object": lambda a: _object(a, "does").replace(" does ", " satisfies: ", 1),
}


def message(rule: Rule, column: str, rows: int, looked: int | None, lacking: str = "") -> str:
    """What is wrong, for a finding: the sentence with the number of rows."""
    text = sentence(rule).replace("$column", column)
    if lacking:
        return f"{text} {lacking}"
    if rows == 0:
        return text
    of = f" of {looked}" if looked is not None else ""
    return f"{text} {rows}{of} row{'s' if (looked or rows) != 1 else ''} {'break' if rows != 1 else 'breaks'} this."


def mentioned(rule: Rule) -> tuple[str, ...]:
    """Columns in the trees of a rule, its own first."""
    own = (rule.column,) if rule.column else ()
    return tuple(dict.fromkeys([*own, *names(rule.require), *names(rule.when)]))
