"""The official requirements model (JSON, any version) becomes a rule set of ours.

Facts are taken over: ids, columns, keywords, conditions, value sets, criteria. Conditions of a bundle count for all
its parts. The text of the model is not taken: sentences are phrased from the trees. For version 1.2 the corrections in
`schemas/focus/1.2/rules/corrections.yaml` apply; how the official validator reads a rule instead is kept beside it for
`--strict-official`. `official_write.py` writes the shipped rules of 1.2 from it.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from focus_ai import resources
from focus_ai.errors import InputError, UsageError, nearest
from focus_ai.validation.model import Rule, RuleSet

Json = Mapping[str, Any]
_CORRECTED = ("1.2",)
_TYPES = {"TypeString": "string", "TypeDecimal": "decimal", "TypeDateTime": "datetime", "TypeInteger": "integer",
          "TypeJSON": "json", "TypeJson": "json", "TypeBoolean": "boolean"}  # fmt: skip
_FORMATS = {
    "FormatString": "string", "FormatNumeric": "numeric", "FormatDateTime": "datetime", "FormatUnit": "unit",
    "FormatCurrency": "currency", "FormatKeyValue": "key-value", "FormatJSON": "json-object",
    "FormatJson": "json-object", "FormatJSONObject": "json-object", "CheckNationalCurrency": "national-currency",
    "CheckDecimalValue": "decimal",
}  # fmt: skip
_LOGICAL = {"string": "String", "decimal": "Decimal", "datetime": "DateTime", "integer": "Integer", "json": "JSON"}
_COMPARISONS = {
    "CheckGreaterOrEqualThanValue": ">=", "CheckGreaterThanValue": ">", "CheckLessOrEqualThanValue": "<=",
    "CheckLessThanValue": "<",
}  # fmt: skip
PERMISSION = "a permission: nothing in the data can break it"
IN_WORDS = "the model describes the rule in words only, so data cannot decide it"
_SKIPPED = "the official validator skips the rule: it is described in words only"


class Unread(ValueError):
    """A check function that is not known here."""


@dataclass(frozen=True)
class _Node:
    """One rule of the model with what it inherits: conditions of the bundles above it."""

    id: str
    raw: Json
    above: tuple[Json, ...] = ()
    criteria: tuple[str, ...] = ()


@dataclass
class _Reading:
    """Everything that is known while one model is read."""

    version: str
    allowed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    corrections: Json = field(default_factory=dict)


def load_official(path: Path, dataset: str = "CostAndUsage") -> RuleSet:
    """Read a model file. Raises `InputError` when it is missing or no model, `UsageError` for an unknown dataset."""
    try:
        model = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError("the requirements model cannot be read", where=str(path), value=str(error)) from error
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError("the requirements model is not JSON", where=str(path), value=str(error)[:200]) from error
    if not isinstance(model, dict) or not isinstance(model.get("ModelRules"), dict):
        raise InputError(
            "the file is not a FOCUS requirements model", where=str(path), expected="JSON with a key ModelRules"
        )
    return from_model(model, dataset)


def from_model(model: Json, dataset: str = "CostAndUsage") -> RuleSet:
    """A rule set from a model document."""
    datasets = model.get("ModelDatasets") or {}
    if datasets and dataset not in datasets:
        raise UsageError(f"the model has no dataset {dataset!r}", expected=nearest(dataset, datasets))
    version = ".".join(str(model.get("Details", {}).get("FOCUSVersion", "")).split(".")[:2])
    reading = _reading(version)
    nodes = _nodes(model, datasets.get(dataset, {}).get("ModelRules", ()), only=len(datasets) > 1)
    types: dict[str, str] = {}
    rules = []
    for node in nodes:
        rule = _rule(node, reading)
        rules.append(rule)
        if isinstance(rule.require, Mapping) and "type" in rule.require:
            ((name, kind),) = rule.require["type"].items()
            types[name] = _LOGICAL.get(kind, "String")
        elif rule.require and next(iter(rule.require)) == "format" and "$column" not in rule.require["format"]:
            ((name, kind),) = rule.require["format"].items()
            types.setdefault(name, {"key-value": "JSON", "json-object": "JSON"}.get(kind, "String"))
    parted = _with_parts_like(rules)
    label = str(model.get("Details", {}).get("ModelVersion", version))
    return RuleSet(f"official model {label}", version, dataset, tuple(parted), types=types)


def _reading(version: str) -> _Reading:
    from focus_ai.focus import columns

    known = columns.load(version).columns if version in columns.versions() else ()
    corrections: Json = {}
    if version in _CORRECTED:
        corrections = resources.load_yaml(resources.schemas() / "focus" / version / "rules" / "corrections.yaml")
    return _Reading(
        version,
        {c.name: c.values for c in known if c.values},
        {c.name: c.keys for c in known if c.keys},
        corrections,
    )


def _nodes(model: Json, roots: Sequence[str], *, only: bool) -> list[_Node]:
    """All active rules in the order of the file; `only`: those that the roots of the dataset reach (and attributes)."""
    rules: Json = model["ModelRules"]
    above: dict[str, tuple[Json, ...]] = {}
    reached: set[str] = set()
    queue: list[tuple[str, tuple[Json, ...]]] = [(root, ()) for root in roots]
    queue += [(rule_id, ()) for rule_id, raw in rules.items() if raw.get("Function") == "Composite"]
    while queue:
        rule_id, conditions = queue.pop(0)
        raw = rules.get(rule_id)
        if raw is None or len(conditions) < len(above.get(rule_id, ())):
            continue
        if rule_id in above and above[rule_id] == conditions and rule_id in reached:
            continue
        above[rule_id] = conditions
        reached.add(rule_id)
        own = raw["ValidationCriteria"].get("Condition")
        below = (*conditions, own) if own else conditions
        queue += [(part, below) for part in _parts(raw) if part != rule_id]
    wanted = rules
    if only:
        from_roots: set[str] = set()
        stack = list(roots)
        while stack:
            rule_id = stack.pop()
            if rule_id in rules and rule_id not in from_roots:
                from_roots.add(rule_id)
                stack += [*_parts(rules[rule_id]), *rules[rule_id]["ValidationCriteria"].get("Dependencies", ())]
        wanted = {i: r for i, r in rules.items() if i in from_roots or r.get("EntityType") == "Attribute"}
    return [
        _Node(i, raw, above.get(i, ()), tuple(raw.get("ApplicabilityCriteria") or ()))
        for i, raw in wanted.items()
        if raw.get("Status", "Active") == "Active"
    ]


def _parts(raw: Json) -> list[str]:
    requirement = raw["ValidationCriteria"].get("Requirement") or {}
    items = requirement.get("Items", ()) if isinstance(requirement, Mapping) else ()
    return [i["ModelRuleId"] for i in items if isinstance(i, Mapping) and i.get("CheckFunction") == "CheckModelRule"]


def _rule(node: _Node, reading: _Reading) -> Rule:
    raw, criteria = node.raw, node.raw["ValidationCriteria"]
    keyword = str(criteria.get("Keyword", "MUST")).upper()
    attribute = raw.get("EntityType") == "Attribute"
    column = _column(raw)
    change = _change(node.id, reading)
    parts = tuple(_parts(raw))
    own = criteria.get("Condition") or {}
    given: dict[str, Any] = {
        "id": node.id,
        "column": change.get("column", column),
        "keyword": keyword if keyword in ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "RECOMMENDED", "MAY") else "MAY",
        "section": str(raw.get("Reference", "")),
        "official_id": True,
        "note": change.get("note", ""),
        "sentence": change.get("sentence", ""),
        "each": change.get("each"),
    }
    if raw.get("Function") == "Presence" or (not attribute and raw.get("Function") != "Composite"):
        given["criteria"] = node.criteria
    if attribute and node.criteria:
        given["criteria"] = node.criteria
    if parts or raw.get("Function") == "Composite":
        return Rule(**given, parts=parts or ("none",))
    if "parts" in change:
        return Rule(**given, parts=tuple(change["parts"]))
    if "parts_like" in change:
        return Rule(**given, undecidable=f"like {change['parts_like']}")
    ours, theirs = _trees(node, own, change, reading)
    if keyword == "MAY":
        return Rule(**given, undecidable=PERMISSION)
    if "undecidable" in change:
        return Rule(**given, undecidable=change["undecidable"], official=theirs or None)
    if ours.get("require") is None:
        return Rule(**given, undecidable=_reason(node.id, reading))
    return Rule(**given, **ours, official=theirs or None)


def _column(raw: Json) -> str:
    if raw.get("EntityType") == "Attribute" or (
        raw.get("Function") == "Composite" and raw.get("EntityType") == "Dataset"
    ):
        return ""
    return str(raw.get("Reference", ""))


def _trees(node: _Node, own: Json, change: Json, reading: _Reading) -> tuple[dict[str, Any], dict[str, Any]]:
    """Our condition and requirement, and what differs in the reading of the official validator."""
    raw_requirement = node.raw["ValidationCriteria"].get("Requirement") or None
    conditions = [*node.above, *([own] if own else [])]
    try:
        read = [condition(c) for c in conditions]
        requirement = None if raw_requirement is None else required(raw_requirement, reading.allowed)
    except Unread as error:
        return {"require": None}, {"skip": f"the check function {error} is not known here"}
    kept = [c for c in read if c is not None]
    when = _joined(kept)
    ours = {"when": change.get("when", when), "require": _filled(change.get("require", requirement), reading)}
    if ours["when"] is None:
        del ours["when"]
    theirs: dict[str, Any] = {}
    dynamic = node.raw.get("Type") == "Dynamic"
    unread = isinstance(raw_requirement, Mapping) and raw_requirement.get("CheckFunction") == "CheckDecimalValue"
    if dynamic and ours["require"] is not None:
        theirs["skip"] = _SKIPPED
    elif unread:
        theirs["skip"] = "the official validator does not implement this check"
    elif raw_requirement is not None:
        literally = required(raw_requirement, reading.allowed)
        if literally != ours["require"] or "undecidable" in change:
            theirs["require"] = literally
        strict = _joined([c for c in map(_strictly, conditions) if c is not None])
        if strict != ours.get("when") or ("undecidable" in change and strict):
            theirs["when"] = strict
    return ours, theirs


def condition(node: Json) -> dict[str, Any] | None:
    """A condition as a tree; None for an empty one. Malformed spellings are read as they are meant."""
    if not node:
        return None
    function = node.get("CheckFunction")
    if function is None:
        for word in ("AND", "OR"):
            if word in node:
                items = node[word] if isinstance(node[word], list) else [node[word]]
                return condition({"CheckFunction": word, "Items": items})
        raise Unread(sorted(node))
    if function in ("AND", "OR"):
        return _grouped(function, [condition(item) for item in node["Items"]])
    column = node.get("ColumnName", node.get("CheckCondition", ""))
    value = node.get("Value")
    if function == "CheckValue":
        return {"null": column} if value is None else {"is": {column: value}}
    if function == "CheckNotValue":
        return {"not_null": column} if value is None else {"is_not": {column: value}}
    return required(node, {})


def required(node: Json, allowed: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """A requirement as a tree. Raises `Unread` for a check function that is not known."""
    function = node.get("CheckFunction")
    column = node.get("ColumnName", "")
    if function == "CheckValue":
        value = node.get("Value")
        if value is None:
            return {"null": column}
        if isinstance(value, int) and not isinstance(value, bool):
            return {"compare": [column, "=", value]}
        return {"values": {column: [value]}}
    if function in ("AND", "OR"):
        return _several(function, node["Items"], allowed)
    if function in _TYPES:
        return {"type": {column: _TYPES[function]}}
    if function in _FORMATS:
        return {"format": {column: _FORMATS[function]}}
    if function in _COMPARISONS:
        return {"compare": [column, _COMPARISONS[function], node["Value"]]}
    first, second = node.get("ColumnAName", ""), node.get("ColumnBName", "")
    simple: dict[str, Any] = {
        "ColumnPresent": {"present": column},
        "CheckNotValue": {"not_null": column} if node.get("Value") is None else {"is_not": {column: node.get("Value")}},
        "CheckSameValue": {"compare": [first, "=", second]},
        "CheckNotSameValue": {"compare": [first, "<>", second]},
        "ColumnByColumnEqualsColumnValue": {"product": {"of": [first, second], "equals": node.get("ResultColumnName")}},
    }
    if function in simple:
        found: dict[str, Any] = simple[function]
        return found
    if function == "CheckDistinctCount":
        count = node.get("ExpectedCount", 1)
        return {"distinct": {"per": [first], "of": second, "max": count, "min": count}}
    raise Unread(str(function))


def _several(function: str, items: Sequence[Json], allowed: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    plain = [i for i in items if i.get("CheckFunction") == "CheckValue" and i.get("Value") is not None]
    columns = {i.get("ColumnName") for i in plain}
    if function == "OR" and len(plain) == len(items) and len(columns) == 1:
        name, values = str(plain[0]["ColumnName"]), [i["Value"] for i in plain]
        return {"values": name} if set(values) == set(allowed.get(name, ())) else {"values": {name: values}}
    pairs = [pair for pair in map(_pair_of, items) if pair] if function == "OR" else []
    if pairs and len(pairs) == len(items) and len({(p[0], p[2]) for p in pairs}) == 1:
        child, _, parent, _ = pairs[0]
        if child in allowed:
            return {"child_of": {child: parent}}
        both = [{"all": [{"is": {child: value}}, {"is": {parent: above}}]} for _, value, _, above in pairs]
        return {"any": [{"null": child}, *both]}
    parts = [required(item, allowed) for item in items]
    return {"all" if function == "AND" else "any": parts}


def _pair_of(item: Json) -> tuple[str, str, str, str] | None:
    """(child column, value, parent column, value) of `child = value AND parent = value`."""
    inner: Sequence[Json] = item.get("Items", ()) if item.get("CheckFunction") == "AND" else ()
    if len(inner) != 2 or any(i.get("CheckFunction") != "CheckValue" for i in inner):
        return None
    return inner[0]["ColumnName"], inner[0]["Value"], inner[1]["ColumnName"], inner[1]["Value"]


def _strictly(node: Json) -> dict[str, Any] | None:
    """A condition as the official validator reads it: None when it is written in a way that it does not read."""
    if "CheckFunction" not in node or (node["CheckFunction"] not in ("AND", "OR") and "CheckCondition" in node):
        return None
    return condition(node)


def _grouped(function: str, parts: Sequence[Any]) -> dict[str, Any]:
    word = "all" if function == "AND" else "any"
    kept = [part for part in parts if part is not None]
    if len(kept) == 1:
        return dict(kept[0])
    for test, join in (("is", "any"), ("is_not", "all")):
        if word == join and all(test in part for part in kept) and len({next(iter(p[test])) for p in kept}) == 1:
            name = next(iter(kept[0][test]))
            return {"in" if test == "is" else "not_in": {name: [p[test][name] for p in kept]}}
    return {word: kept}


def _joined(parts: Sequence[Json]) -> dict[str, Any] | None:
    """All conditions together, each once, nested `all` taken apart."""
    flat: list[Any] = []
    for part in parts:
        for one in part.get("all", [part]):
            if one not in flat:
                flat.append(one)
    if not flat:
        return None
    return dict(flat[0]) if len(flat) == 1 else {"all": flat}


def _change(rule_id: str, reading: _Reading) -> Json:
    found: dict[str, Any] = {}
    for part in ("model", "decided"):
        found |= reading.corrections.get(part, {}).get(rule_id, {})
    return found


def _reason(rule_id: str, reading: _Reading) -> str:
    for pattern, reason in reading.corrections.get("undecided", {}).items():
        if fnmatch.fnmatchcase(rule_id, pattern):
            return str(reason)
    return IN_WORDS


def _filled(tree: Any, reading: _Reading) -> Any:
    """`$keys` in an object test: the keys that FOCUS defines for its column."""
    if isinstance(tree, Mapping) and "object" in tree:
        test = dict(tree["object"])
        for word, value in test.items():
            if value == "$keys":
                test[word] = list(reading.keys.get(test["column"], ()))
        return {"object": test}
    return tree


def _with_parts_like(rules: Sequence[Rule]) -> list[Rule]:
    """Rules of an attribute become bundles of the column rules that check the attribute."""
    found = []
    for rule in rules:
        if rule.undecidable.startswith("like "):
            _, word, name = rule.undecidable.split(" ", 2)
            parts = tuple(
                r.id for r in rules
                if isinstance(r.require, Mapping) and name in dict(r.require.get(word, {})).values()
                and "$column" not in r.require[word]
            )  # fmt: skip
            rule = replace(rule, parts=parts, undecidable="")
        found.append(rule)
    return found
