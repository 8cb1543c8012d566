"""Everything about one rule for a person: sentence, why, fix, where it comes from, and the SQL that finds bad rows."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from focus_ai import resources
from focus_ai.validation import phrases
from focus_ai.validation.compile_columns import Columns
from focus_ai.validation.compile_rules import PLACE, Instance, instances
from focus_ai.validation.model import Column, Dataset, Kind, Rule
from focus_ai.validation.predicates import Sql, Tests

SPECIFICATION = "https://focus.finops.org/focus-specification/"
TABLE = "focus_data"
_KINDS: dict[str, tuple[Kind, str]] = {"Integer": ("integer", "BIGINT"), "DateTime": ("timestamptz", "TIMESTAMPTZ")}


@dataclass(frozen=True)
class Explanation:
    """One rule in words. `sql` selects the rows that break it from a table `focus_data` (empty: no single query)."""

    id: str
    sentence: str
    keyword: str
    severity: str
    column: str
    columns: tuple[str, ...]
    section: str
    reference: str
    official: bool
    criteria: tuple[str, ...]
    why: str
    example: str
    fix: str
    note: str
    undecidable: str
    parts: tuple[str, ...]
    sql: str
    differs: str


def explain(rule: Rule, version: str, dataset: str = "CostAndUsage") -> Explanation:
    """Put together what is known about a rule; texts that the rule lacks come from `schemas/focus/advice.yaml`."""
    why, fix = advice(rule)
    return Explanation(
        id=rule.id,
        sentence=phrases.sentence(rule),
        keyword=rule.keyword,
        severity=rule.severity,
        column=rule.column,
        columns=phrases.mentioned(rule),
        section=rule.section,
        reference=f"FOCUS {version}, {dataset}, {rule.section}: {SPECIFICATION}" if rule.section and version else "",
        official=rule.official_id,
        criteria=rule.criteria,
        why=why,
        example=example(rule, version, dataset),
        fix=fix,
        note=rule.note,
        undecidable=rule.undecidable,
        parts=rule.parts,
        sql=sql(rule, version, dataset),
        differs=differences(rule),
    )


def advice(rule: Rule, column: str = "") -> tuple[str, str]:
    """Why the rule matters and what to do; for rules that check something."""
    if not isinstance(rule.require, Mapping):
        return rule.why, rule.fix
    texts, kind = _texts(), _kind(rule.require)
    about = column or rule.column or next(iter(phrases.mentioned(rule)), "")
    family = next((t for pattern, t in texts["families"].items() if fnmatch.fnmatchcase(about, pattern)), "")
    names = [n for n in phrases.mentioned(rule) if n != PLACE] or [about]
    fill = {"column": about or "the column", "columns": phrases.listed(names)}
    why = rule.why or " ".join(filter(None, (kind.get("why", ""), family)))
    both = [kind.get("fix", ""), kind.get("fix_when", "") if rule.when is not None else ""]
    fix = rule.fix or " ".join(filter(None, both)).format(**fill)
    return why.replace(PLACE, about), fix.replace(PLACE, about)


def example(rule: Rule, version: str, dataset: str = "CostAndUsage") -> str:
    """A case that breaks the rule and one that does not; empty for a rule that is not checked."""
    if not isinstance(rule.require, Mapping):
        return ""
    named = [n for n in phrases.mentioned(Rule(rule.id, rule.column, require=rule.require)) if n != PLACE]
    about = rule.column or next(iter(named), "the column")
    ((word, argument),) = rule.require.items()
    padded = [*named, *["another column"] * 3]
    first, second, result = padded[0], padded[1], padded[2]
    if word == "product":
        (first, second), result = argument["of"], argument["equals"]
    elif word == "distinct":
        first, second = phrases.listed(argument["per"]), argument["of"]
    allowed = _allowed(argument if isinstance(argument, str) else about, version, dataset)
    kind = next(iter(argument.values())) if word == "type" else ""
    wrong, right = _CELLS.get(str(kind), ("a cell of another type", "a cell of its type"))
    told = str(_kind(rule.require).get("example", "")).format(
        column=about, columns=phrases.listed(named or [about]), first=first, second=second, result=result,
        allowed=allowed, misspelt=allowed.lower() if allowed.lower() != allowed else allowed.upper(),
        wrong=wrong, right=right,
    )  # fmt: skip
    return f"Where {phrases.condition(rule.when)}: {told}" if rule.when is not None else told


_CELLS = {
    "string": ("the number 42", "the text '42'"), "decimal": ("'twelve'", "12.50"), "integer": ("1.5", "2"),
    "datetime": ("'soon'", "'2026-01-31T10:00:00Z'"), "json": ("'team=a'", "'{\"team\": \"a\"}'"),
    "boolean": ("'maybe'", "true"),
}  # fmt: skip


def _allowed(name: str, version: str, dataset: str) -> str:
    """The first value that FOCUS allows in the column; a stand-in where it is not known."""
    from focus_ai.focus import columns

    if version in columns.versions() and dataset in columns.datasets(version):
        for column in columns.load(version, dataset).all_columns:
            if column.name == name and column.values:
                return column.values[0]
    return "one of the list"


def _kind(require: Mapping[str, Any]) -> Mapping[str, str]:
    """The texts for the check at the top of a requirement."""
    kinds: dict[str, dict[str, str]] = _texts()["kinds"]
    ((word, argument),) = require.items()
    kind = kinds.get(word, kinds["other"])
    return kinds.get(f"format {next(iter(argument.values()))}", kind) if word == "format" else kind


def sql(rule: Rule, version: str, dataset: str = "CostAndUsage") -> str:
    """A query for the rows that break the rule, for a file with the natural types of every column."""
    from focus_ai.focus import columns

    if not isinstance(rule.require, Mapping):
        return ""
    known = version in columns.versions() and dataset in columns.datasets(version)
    model = columns.load(version, dataset).all_columns if known else ()
    named = [n for n in phrases.mentioned(rule) if n != PLACE and n not in {c.name for c in model}]
    described = {c.name: Column(c.name, *_natural(c.type, c.decimal())) for c in model}
    described |= {name: Column(name, "text") for name in named}
    data = Dataset(TABLE, described)
    compiled = Columns(data, {c.name: c.type for c in model})
    tests = Tests(compiled, version or "1.2", {c.name: c for c in model}, _shape)
    found: list[Instance] = instances(rule, tests, model)
    queries = [f"SELECT * FROM {compiled.relation()} WHERE {i.broken}" for i in found[:1] if i.broken]
    return queries[0] if queries else ""


def _natural(logical: str, size: tuple[int, int] | None) -> tuple[Kind, str]:
    """Kind and physical type that a column of a FOCUS type naturally has."""
    return ("decimal", f"DECIMAL{size}") if size else _KINDS.get(logical, ("text", "VARCHAR"))


def _shape(test: Mapping[str, Any]) -> Sql:
    """An object test is not SQL: the shape is judged by the validator itself."""
    return f'object_has_shape("{test["column"]}")'


def differences(rule: Rule) -> str:
    """What the official validator (2.2.1) does differently for an official rule; empty when nothing is known."""
    given = rule.official or {}
    if "skip" in given:
        return str(given["skip"])
    if not rule.official_id or rule.require is None:
        return ""
    require, when = given.get("require", rule.require), given.get("when", rule.when)
    said = []
    if "require" in given:
        said.append(f"it requires that {phrases.condition(require)}")
    if "when" in given:
        said.append("it applies to every row" if when is None else f"it applies when {phrases.condition(when)}")
    word = next(iter(require))
    if word in ("values", "child_of", "any"):
        said.append("it passes as soon as one row is right")
    if word == "child_of":
        said.append("a value or parent that is not allowed at all breaks it too")
    if when is not None and _holds_not(when):
        said.append("its condition is never true for a null")
    form = next(iter(require["format"].values())) if word == "format" else ""
    loose = {"key-value": "every JSON text passes", "currency": "any three capital letters pass and nothing else"}
    said += [loose[form]] if form in loose else []
    return "the official validator differs: " + "; ".join(said) if said else ""


def _holds_not(tree: Any) -> bool:
    if not isinstance(tree, Mapping):
        return False
    ((word, argument),) = tree.items()
    if word in ("all", "any"):
        return any(map(_holds_not, argument))
    return word in ("is_not", "not_in") or (word == "not" and _holds_not(argument))


@cache
def _texts() -> dict[str, Any]:
    return dict(resources.load_yaml(resources.schemas() / "focus" / "advice.yaml"))
