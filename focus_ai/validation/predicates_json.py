"""Shapes of JSON objects that a column holds: `object` tests.

Each distinct text of the column is parsed once, strictly (no NaN, no comments, numbers as exact decimals), and judged
here; the texts that are wrong go into a small table, so that the scan only asks whether a cell is one of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from focus_ai.engine import Session, ident, literal
from focus_ai.errors import UsageError
from focus_ai.money import CTX, dec
from focus_ai.validation import formats
from focus_ai.validation.compile_columns import Columns
from focus_ai.validation.predicates import Sql

BATCH = 20_000
_STEP = re.compile(r"\.([^.\[\]]+)|\[\*\]")
_MISSING = object()


class NotJson(ValueError):
    """The text is not strict JSON."""


class Objects:
    """Answers `object` tests for one data set by reading the distinct texts of the column."""

    def __init__(self, session: Session, columns: Columns, name: str = "") -> None:
        self.session, self.columns, self.name = session, columns, name
        self.tables: list[str] = []
        self.distinct: dict[str, str] = {}

    def __call__(self, test: Mapping[str, Any]) -> Sql:
        """SQL that is false for a text with a wrong shape, null for null and for text that is no JSON object."""
        check = Shape(test)
        cell = self.columns.text(test["column"])
        table = ident(f"wrong_shapes_{self.name}_{len(self.tables) + 1}")
        self.tables.append(table)
        self.session.sql(f"CREATE OR REPLACE TEMP TABLE {table} (t VARCHAR, unsure BOOLEAN)")
        wrong = unsure = 0
        for batch in self._batches(cell):
            verdicts = [(text, check(text)) for text in batch]
            bad = [(text, verdict is None) for text, verdict in verdicts if verdict is not True]
            wrong += sum(not unknown for _, unknown in bad)
            unsure += sum(unknown for _, unknown in bad)
            for start in range(0, len(bad), 500):
                rows = ", ".join(f"({literal(t)}, {literal(u)})" for t, u in bad[start : start + 500])
                self.session.sql(f"INSERT INTO {table} VALUES {rows}")
        if not wrong and not unsure:
            return f"(CASE WHEN {cell} IS NOT NULL THEN true END)"
        only = f"SELECT t FROM {table} WHERE"
        known = f"WHEN {cell} IN ({only} NOT unsure) THEN false" if wrong else ""
        doubt = f"WHEN {cell} IN ({only} unsure) THEN NULL" if unsure else ""
        return f"(CASE WHEN {cell} IS NULL THEN NULL {known} {doubt} ELSE true END)"

    def _batches(self, cell: str) -> Iterator[list[str]]:
        """Distinct texts of a column in batches; they are put aside once, so that memory does not grow with them."""
        if cell not in self.distinct:
            table = ident(f"distinct_texts_{self.name}_{len(self.distinct) + 1}")
            source = f"SELECT DISTINCT {cell} AS t FROM {self.columns.relation()} WHERE {cell} IS NOT NULL"
            # A text with a NUL cannot stand in a literal, and no JSON has one: it is left out here.
            self.session.sql(f"CREATE OR REPLACE TEMP TABLE {table} AS {source} AND NOT contains({cell}, chr(0))")
            self.distinct[cell] = table
        table, start = self.distinct[cell], 0
        while True:
            where = f"rowid >= {start} AND rowid < {start + BATCH}"
            rows = self.session.rows(f"SELECT t FROM {table} WHERE {where}")
            if not rows:
                return
            yield [row[0] for row in rows]
            start += BATCH


class Shape:
    """One `object` test as a function of a text: True, False, or None when the text is no JSON object."""

    def __init__(self, test: Mapping[str, Any]) -> None:
        self.test = test
        path = test.get("at", "$")
        self.whole = path == "$!"
        self.steps = [] if self.whole else _steps(path)
        self._unit = re.compile(formats.unit_pattern(test.get("version", "")))
        other = test.get("other_keys")
        self.other = re.compile(other) if isinstance(other, str) else other

    def __call__(self, text: str) -> bool | None:
        """Judge one text."""
        try:
            value = parse(text)
        except NotJson:
            return False if self.whole else None
        if self.whole:
            return isinstance(value, dict)
        if not isinstance(value, dict):
            return None
        found = list(_walk(value, self.steps))
        least = self.test.get("min_items")
        if least is not None and any(not isinstance(v, list) or len(v) < least for v in found):
            return False
        if least is not None and set(self.test) <= {"column", "at", "min_items"}:
            return True
        if any(not isinstance(v, dict) for v in found):
            return False
        deep = self.test.get("depth")
        if (deep and _depth(value) > deep) or not all(_array(a, self.test.get("arrays")) for a in _arrays(value)):
            return False
        return all(self._object(v) for v in found) and self._together(found)

    def _object(self, value: Mapping[str, Any]) -> bool:
        test = self.test

        def has(key: str) -> bool:
            return value.get(key) is not None

        spelled = {s.lower(): s for s in test.get("spelling", ())}
        checks = (
            all(key in value for key in test.get("required", ())),
            all(value.get(key, "") is not None for key in test.get("not_null", ())),
            all(_is_type(value[k], kinds) for k, kinds in test.get("types", {}).items() if k in value),
            all(_allowed(value[k], v) for k, v in test.get("values", {}).items() if has(k)),
            all(self._unit.fullmatch(value[k]) for k in test.get("format", {}) if isinstance(value.get(k), str)),
            all(_alone(value.get(k), mark) for k, mark in test.get("alone", {}).items()),
            all(_between(value[k], limits) for k, limits in test.get("range", {}).items() if has(k)),
            all(spelled.get(key.lower(), key) == key for key in value),
            all(has(o) for key, others in test.get("needs", {}).items() if has(key) for o in others),
            not any(has(o) for key, others in test.get("without", {}).items() if has(key) for o in others),
            "one_of" not in test or sum(map(has, test["one_of"])) == 1,
            "any_of" not in test or any(map(has, test["any_of"])),
            self._others(value),
        )
        return all(checks)

    def _others(self, value: Mapping[str, Any]) -> bool:
        others = [key for key in value if key not in self.test.get("keys", ())]
        if self.other is False and others:
            return False
        if isinstance(self.other, re.Pattern) and not all(self.other.fullmatch(key) for key in others):
            return False
        kinds = self.test.get("other_types")
        return kinds is None or all(_is_type(value[key], kinds) for key in others)

    def _together(self, found: Sequence[Mapping[str, Any]]) -> bool:
        total, unique = self.test.get("sum"), self.test.get("unique")
        if total and found:
            held = [v.get(total["key"]) for v in found]
            numbers = [Decimal(n) for n in held if isinstance(n, int | Decimal) and not isinstance(n, bool)]
            if len(numbers) == len(held):
                added = Decimal(0)
                for number in numbers:
                    added = CTX.add(added, number)
                if abs(added - dec(total["equals"])) > Decimal("1e-9"):
                    return False
        keys = [json.dumps(v[unique], default=str) for v in found if unique and v.get(unique) is not None]
        return len(keys) == len(set(keys))


def parse(text: str) -> Any:
    """Strict JSON with unique keys and exact numbers. Raises `NotJson`."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error)) from error


def _refuse(constant: str) -> Any:
    raise NotJson(f"{constant} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotJson("a key is there twice")
    return found


def _steps(path: str) -> list[str | None]:
    """Steps after `$`: a key, or None for every item of an array."""
    rest = path[1:]
    if not path.startswith("$") or _STEP.sub("", rest):
        raise UsageError("a path of a rule is not understood", value=path, expected="$, $.Key, $.Key[*], $.Key[*].Key")
    return [match[1] for match in _STEP.finditer(rest)]


def _walk(value: Any, steps: Sequence[str | None]) -> Iterator[Any]:
    if not steps:
        yield value
        return
    first, rest = steps[0], steps[1:]
    if first is None:
        for item in value if isinstance(value, list) else ():
            yield from _walk(item, rest)
    elif isinstance(value, dict):
        inner = value.get(first, _MISSING)
        if inner is not _MISSING:
            yield from _walk(inner, rest)


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "number": (int, Decimal), "integer": (int,), "boolean": (bool,), "null": (type(None),),
    "object": (dict,), "array": (list,),
}  # fmt: skip


def _is_type(value: Any, kinds: str | Sequence[str]) -> bool:
    wanted = [kinds] if isinstance(kinds, str) else kinds
    if isinstance(value, bool):
        return "boolean" in wanted
    if "integer" in wanted and isinstance(value, Decimal) and value == value.to_integral_value():
        return True
    return isinstance(value, tuple(t for kind in wanted for t in _TYPES[kind]))


def _depth(value: Any) -> int:
    """Objects within objects; arrays do not count."""
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return max(map(_depth, value), default=0) if isinstance(value, list) else 0


def _arrays(value: Any) -> Iterator[list[Any]]:
    """Every array in a value."""
    if isinstance(value, list):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _arrays(inner)


def _array(items: Sequence[Any], wish: str | None) -> bool:
    """Whether an array is as wished: no nulls in it, no value twice, one type (nulls aside)."""
    if wish == "no-nulls":
        return not any(item is None for item in items)
    if wish == "no-repeats":
        texts = [json.dumps(item, default=str, sort_keys=True) for item in items if item is not None]
        return len(texts) == len(set(texts))
    if wish == "one-type":
        kinds = {"number" if type(i) in (int, Decimal) else type(i).__name__ for i in items if i is not None}
        return len(kinds) <= 1
    return True


def _alone(items: Any, mark: str) -> bool:
    """The mark stands alone in its array, or is not there."""
    return not (isinstance(items, list) and mark in items and len(items) > 1)


def _allowed(value: Any, values: Sequence[Any]) -> bool:
    """One of the values; booleans are no numbers."""
    return any(type(value) is type(v) and value == v for v in values)


def _between(value: Any, limits: Mapping[str, Any]) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return True  # the matter of `types`
    number = Decimal(value)
    return not (("min" in limits and number < dec(limits["min"])) or ("max" in limits and number > dec(limits["max"])))
