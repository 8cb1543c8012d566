"""A rule and a data set become instances: one per column, with condition and requirement as SQL or constants."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from focus_ai.validation.model import Rule
from focus_ai.validation.predicates import VALUE_TESTS, WHOLE, Sql, Tests, names

if TYPE_CHECKING:
    from focus_ai.focus.columns import Column as FocusColumn

PLACE = "$column"
LONG = 200


@dataclass(frozen=True)
class Instance:
    """One rule for one column.

    `condition` and `holds` are SQL with three outcomes, or constants. `whole` is a check of the whole data set
    instead of `holds`. `lacks` names columns of the trees that the data does not have; `static`: no row is looked at.
    """

    rule: Rule
    column: str
    condition: Sql
    holds: Sql
    whole: Mapping[str, Any] | None
    columns: tuple[str, ...]
    lacks: tuple[str, ...]
    static: bool
    value_test: bool
    any_row: bool = False

    @property
    def broken(self) -> str | None:
        """SQL that is true for a row that breaks the rule; None when no row can, or the columns decide."""
        if self.whole is not None or self.static or self.condition in (False, None) or self.holds in (True, None):
            return None
        if self.holds is False:
            return "true" if self.condition is True else str(self.condition)
        wrong = f"NOT {self.holds}"
        return f"({wrong})" if self.condition is True else f"({self.condition} AND {wrong})"

    @property
    def applies(self) -> str | None:
        """SQL of the rows the rule looks at; None: all of them."""
        return self.condition if isinstance(self.condition, str) else None


def instances(rule: Rule, tests: Tests, model: Iterable[FocusColumn]) -> list[Instance]:
    """The rule for its column, or for each column that its `each` picks (those that the data has)."""
    if rule.each is None:
        return [_instance(rule, rule.column, rule.require, rule.when, tests)]
    picked = _picked(rule.each, tests, model)
    return [_instance(rule, name, put(rule.require, name), put(rule.when, name), tests) for name in picked]


def put(tree: Any, name: str) -> Any:
    """The tree with `$column` replaced."""
    if isinstance(tree, str):
        return name if tree == PLACE else tree
    if isinstance(tree, Mapping):
        return {put(key, name): put(value, name) for key, value in tree.items()}
    return [put(part, name) for part in tree] if isinstance(tree, list | tuple) else tree


def _instance(rule: Rule, column: str, require: Any, when: Any, tests: Tests) -> Instance:
    whole = require if isinstance(require, Mapping) and next(iter(require)) in WHOLE else None
    mentioned = tuple(dict.fromkeys([*names(require), *names(when)]))
    lacks = tuple(n for n in mentioned if n not in tests.columns.dataset.columns)
    word = next(iter(require)) if isinstance(require, Mapping) else ""
    if column and column in lacks and word != "present":
        condition: Sql = False
        holds: Sql = None
    else:
        condition = True if when is None else tests.sql(when)
        if isinstance(condition, str) and len(condition) > LONG and tests.shared:
            condition = tests.columns.once(condition)  # it is asked twice at least: rows looked at, rows broken
        holds = None if whole is not None else tests.requirement(require)
    return Instance(
        rule=rule,
        column=column,
        condition=condition,
        holds=holds,
        whole=whole,
        columns=mentioned,
        lacks=lacks,
        static=only_present(require) or word == "columns",
        value_test=word in VALUE_TESTS,
        any_row=tests.strict and word in ("values", "child_of", "any"),
    )


def only_present(tree: Any) -> bool:
    """Whether the tree asks for columns only, never for a cell."""
    if not isinstance(tree, Mapping):
        return isinstance(tree, bool)
    ((word, argument),) = tree.items()
    if word in ("all", "any"):
        return all(map(only_present, argument))
    return only_present(argument) if word == "not" else word == "present"


def _picked(each: Mapping[str, Any], tests: Tests, model: Iterable[FocusColumn]) -> list[str]:
    scope = each.get("scope", "focus")
    listed = [c for c in model if not c.custom]
    there = tests.columns.dataset.columns
    found: list[str] = []
    if scope in ("focus", "all"):
        for column in listed:
            fits = (
                ("type" not in each or column.type in each["type"])
                and ("format" not in each or column.format in each["format"])
                and ("nulls" not in each or column.nulls is each["nulls"])
            )
            if fits and column.name in there:
                found.append(column.name)
    if scope in ("custom", "all"):
        found += [name for name in there if name.startswith("x_")]
    if "columns" in each:
        found = [n for n in found if any(fnmatch.fnmatchcase(n, pattern) for pattern in each["columns"])]
    return [n for n in found if not any(fnmatch.fnmatchcase(n, pattern) for pattern in each.get("except", ()))]
