"""Trees of tests become SQL with three outcomes: true, false, null for unknown.

In: a tree (words: schemas/rule-set.schema.json) and the columns of a data set. Out: SQL text, or True, False, None
where the columns alone decide. A row breaks a rule when the condition is true and the requirement is false; the
unknown never breaks a rule and never meets a condition, which makes every rule safe for nulls and missing columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from focus_ai.engine import ident, literal, literals
from focus_ai.errors import UsageError, nearest
from focus_ai.money import dec, text
from focus_ai.validation import formats
from focus_ai.validation.compile_columns import NUMBERS, STRUCTURES, Columns
from focus_ai.validation.model import Tree
from focus_ai.validation.predicates_numbers import Numbers

Sql = str | bool | None
Objects = Callable[[Mapping[str, Any]], Sql]
Build = Callable[[str], str]
Cells = Callable[[Sequence[str], Callable[[Sequence[str]], str]], "str | bool"]

#: Checks of the whole data set; they stand at the top of `require` only.
WHOLE = ("columns", "distinct", "unique", "duplicate", "sums", "reference", "elements", "bounds", "below", "periods")
#: Tests of a value: nothing to test where the cell is null.
VALUE_TESTS = ("type", "format", "values", "matches", "compare", "product", "object", "holds", "no_common", "child_of")


class Tests:
    """Compiles tests for one data set. `facts` gives allowed values and parents of a column by name.

    `objects` answers `object` tests (they need the data: each distinct text is parsed once). `strict` takes over how
    the official validator reads the same tests.
    """

    def __init__(
        self,
        columns: Columns,
        version: str,
        facts: Mapping[str, Any],
        objects: Objects,
        cells: Cells = lambda cells, build: build(cells),
        *,
        strict: bool = False,
    ) -> None:
        self.columns, self.version, self.facts, self.objects, self.strict = columns, version, facts, objects, strict
        self.numbers = Numbers(columns)
        self.cells, self.wished = cells, False
        self.shared = False  # whether long conditions may become columns of the relation

    def strictly(self) -> Tests:
        """The same tests as the official validator reads them."""
        tests = Tests(self.columns, self.version, self.facts, self.objects, self.cells, strict=True)
        tests.shared = self.shared
        return tests

    def requirement(self, tree: Tree | bool) -> Sql:
        """Like `sql`, but a test that no value of the data fails may be true for nulls too (they break nothing)."""
        self.wished = True
        try:
            return self.sql(tree)
        finally:
            self.wished = False

    def sql(self, tree: Tree | bool) -> Sql:
        """The test as SQL or, when the columns decide it, as a constant."""
        if isinstance(tree, bool):
            return tree
        ((word, argument),) = tree.items()
        if word in ("all", "any"):
            return fold(word, [self.sql(t) for t in argument])
        if word == "not":
            wished, self.wished = self.wished, False
            inner = self.sql(argument)
            self.wished = wished
            return negate(inner)
        handler = getattr(self, f"_{word}", None)
        if handler is None or word in WHOLE:
            raise UsageError(f"{word!r} is not a test of a row", expected=nearest(word, WORDS))
        found: Sql = handler(argument)
        return found

    # Tests that are never unknown, except for null and not_null of a missing column.

    def _present(self, name: str) -> Sql:
        return self.columns.column(name) is not None

    def _null(self, name: str) -> Sql:
        return None if self.columns.column(name) is None else f"({ident(name)} IS NULL)"

    def _not_null(self, name: str) -> Sql:
        return None if self.columns.column(name) is None else f"({ident(name)} IS NOT NULL)"

    def _is(self, by_column: Mapping[str, Any]) -> Sql:
        name, value = pair(by_column)
        if self.columns.column(name) is None:
            return False
        own, wanted = self._operand(name, value)
        return f"({own} IS NOT DISTINCT FROM {wanted})" if own else False

    def _is_not(self, by_column: Mapping[str, Any]) -> Sql:
        name, value = pair(by_column)
        if self.columns.column(name) is None:
            return True
        own, wanted = self._operand(name, value)
        if not own:
            return True
        if self.strict:
            return f"({ident(name)} IS NOT NULL AND {own} <> {wanted})"
        return f"({own} IS DISTINCT FROM {wanted})"

    def _in(self, by_column: Mapping[str, Any]) -> Sql:
        name, values = pair(by_column)
        return fold("any", [self._is({name: value}) for value in values]) if values else False

    def _not_in(self, by_column: Mapping[str, Any]) -> Sql:
        name, values = pair(by_column)
        return fold("all", [self._is_not({name: value}) for value in values]) if values else True

    # Tests of a value: unknown for null.

    def _values(self, argument: str | Mapping[str, Any]) -> Sql:
        if isinstance(argument, str):
            name, values = argument, self._facts(argument).values
        else:
            name, values = pair(argument)
        if self.columns.column(name) is None:
            return None
        if not values:
            raise UsageError(f"no allowed values are known for {name}", where="values")
        words = [str(v) for v in values]
        return self._cell(name, lambda cell: formats.among(cell, words))

    def _child_of(self, by_column: Mapping[str, str]) -> Sql:
        name, parent = pair(by_column)
        if self.columns.column(name) is None or self.columns.column(parent) is None:
            return None
        children: dict[str, list[str]] = {}
        for child, of in self._facts(name).parents:
            children.setdefault(of, []).append(child)
        known = literals(sorted({child for child, _ in self._facts(name).parents}))

        def build(cells: Sequence[str]) -> str:
            own, above = cells
            whens = " ".join(f"WHEN {literal(of)} THEN {own} IN ({literals(c)})" for of, c in children.items())
            if self.strict:
                both = f"{own} IS NOT NULL AND {above} IS NOT NULL"
                return f"(CASE WHEN {both} THEN CASE {above} {whens} ELSE false END END)"
            # A value that is not allowed at all is the matter of the `values` rule; it has no place to be wrong.
            return f"(CASE WHEN {own} IN ({known}) THEN CASE {above} {whens} END END)"

        return self._cells([name, parent], build)

    def _type(self, by_column: Mapping[str, str]) -> Sql:
        name, wanted = pair(by_column)
        column = self.columns.column(name)
        if column is None:
            return None
        never = f"(CASE WHEN {ident(name)} IS NOT NULL THEN false END)"
        own = ident(name)
        if column.kind == "text":
            if wanted == "string":
                return True
            test = {
                "decimal": formats.number,
                "integer": formats.integer,
                "datetime": formats.instant,
                "boolean": lambda cell: f"(lower({cell}) IN ('true', 'false'))",
                "json": lambda cell: f"json_valid({cell})",
            }[wanted]
            return self._cell(name, test)
        if wanted == "integer" and column.kind in ("decimal", "double"):
            return f"({own} = trunc({own}))"
        right = {
            "string": (),
            "decimal": NUMBERS,
            "integer": ("integer",),
            "datetime": ("timestamp", "timestamptz", "date"),
            "boolean": ("boolean",),
            "json": STRUCTURES,
        }[wanted]
        if wanted == "string" and column.kind in STRUCTURES and self.columns.logical.get(name) == "JSON":
            return True
        return True if column.kind in right else never

    def _format(self, by_column: Mapping[str, str]) -> Sql:
        name, wanted = pair(by_column)
        column = self.columns.column(name)
        if column is None:
            return None
        own = ident(name)
        if wanted in ("numeric", "decimal") and column.kind in NUMBERS:
            return f"isfinite({own})" if column.kind == "double" else True
        if wanted == "datetime" and column.kind in ("timestamp", "timestamptz"):
            return f"isfinite({own})"
        if wanted == "json-object":
            return self._object({"column": name, "at": "$!"})
        if wanted == "string" and column.kind != "text":
            return True
        if wanted in ("not-blank", "no-placeholder") and column.kind != "text":
            return True
        if wanted == "key-value" and self.strict:
            return self._cell(name, lambda cell: f"json_valid({cell})")
        if wanted == "currency" and self.strict:
            return self._cell(name, lambda cell: formats.matches(cell, "[A-Z]{3}"))
        if wanted == "unit":
            return self._cell(name, lambda cell: formats.unit(cell, self.version))
        return self._cell(name, formats.TEXT_FORMATS[wanted])

    def _matches(self, by_column: Mapping[str, str]) -> Sql:
        name, pattern = pair(by_column)
        if self.columns.column(name) is None:
            return None
        return self._cell(name, lambda cell: formats.matches(cell, pattern))

    def _compare(self, argument: Sequence[Any]) -> Sql:
        left, operator, right = argument
        named = names({"compare": argument})
        if not 1 <= len(named) <= 2 or not self.numbers.of_text(left, right):
            return self.numbers.compare(left, operator, right)

        def build(cells: Sequence[str]) -> str:
            with self.columns.standing_in(dict(zip(named, cells, strict=True))):
                return str(self.numbers.compare(left, operator, right))

        return self._cells(named, build)

    def _product(self, argument: Mapping[str, Any]) -> Sql:
        first, second = argument["of"]
        return self.numbers.product(first, second, argument["equals"])

    def _holds(self, argument: Mapping[str, str]) -> Sql:
        name, value = argument["column"], argument["value"]
        if self.columns.column(name) is None or self.columns.column(value) is None:
            return None
        cell, own = self.columns.text(name), self.columns.text(value)
        found = f"json_extract_string({cell}, {literal(argument['at'])})"
        return f"(CASE WHEN {own} IS NOT NULL AND json_valid({cell}) THEN list_contains({found}, {own}) END)"

    def _no_common(self, argument: Sequence[str]) -> Sql:
        if any(self.columns.column(name) is None for name in argument):
            return None
        first, second = (self.columns.text(name) for name in argument)
        at = "'/' || replace(replace(k, '~', '~0'), '/', '~1')"  # JSON pointer: a key may hold anything
        same = f"json_extract_string({first}, {at}) IS NOT DISTINCT FROM json_extract_string({second}, {at})"
        both = f"list_filter(json_keys({first}), lambda k: list_contains(json_keys({second}), k) AND {same})"
        ready = " AND ".join(f"json_valid({cell}) AND json_type({cell}) = 'OBJECT'" for cell in (first, second))
        return f"(CASE WHEN {ready} THEN len({both}) = 0 END)"

    def _object(self, argument: Mapping[str, Any]) -> Sql:
        argument = {**argument, "version": self.version} if "format" in argument else argument
        return None if self.columns.column(argument["column"]) is None else self.objects(argument)

    def _cell(self, name: str, build: Build) -> Sql:
        """A test of one text cell, by its distinct values where that is quicker."""
        return self._cells([name], lambda cells: build(cells[0]))

    def _cells(self, named: Sequence[str], build: Callable[[Sequence[str]], str]) -> Sql:
        """A test of text cells that is unknown where one of them is null."""
        cells = [self.columns.text(name) for name in named]
        found = self.cells(cells, build)
        if found is True and not self.wished:
            return "(" + " AND ".join(f"{cell} IS NOT NULL" for cell in cells) + " OR NULL)"
        return found

    def _operand(self, name: str, value: Any) -> tuple[str, str]:
        """SQL of the cell and of the literal it is compared with; an empty cell when they cannot be equal."""
        if self.columns.type_of(name) == "number" or (isinstance(value, int) and not isinstance(value, bool)):
            number = self.columns.number(name)
            return (number.sql, amount(value)) if number else ("", "")
        if isinstance(value, bool):
            return f"lower({self.columns.text(name)})", literal(str(value).lower())
        return self.columns.text(name), literal(value)

    def _facts(self, name: str) -> Any:
        if name not in self.facts:
            raise UsageError(f"the column model has no column {name!r}", expected=nearest(name, self.facts))
        return self.facts[name]


WORDS = ("all", "any", "not", *sorted(n[1:] for n in vars(Tests) if n.startswith("_") and n[1] != "_"))
WORDS = tuple(w for w in WORDS if w not in ("operand", "facts", "cell", "cells"))


def pair(by_column: Mapping[str, Any]) -> tuple[str, Any]:
    """The only entry of `{column: argument}`."""
    ((name, argument),) = by_column.items()
    return name, argument


def amount(value: Any) -> str:
    """A number as an exact SQL literal. Raises `UsageError` for text that is no number."""
    try:
        parsed: Decimal = dec(value if isinstance(value, int) else str(value))
    except (ValueError, TypeError) as error:
        raise UsageError("a rule compares a number with something else", value=value, expected="a number") from error
    return text(parsed)


def fold(word: str, parts: Sequence[Sql]) -> Sql:
    """`all` or `any` of parts with constants taken out."""
    decisive = word == "any"
    if any(part is decisive for part in parts):
        return decisive
    left = ["NULL" if part is None else str(part) for part in parts if part is not (not decisive)]
    left = list(dict.fromkeys(left))
    if not left:
        return not decisive
    if all(part == "NULL" for part in left):
        return None
    return "(" + (" AND " if word == "all" else " OR ").join(left) + ")"


def negate(part: Sql) -> Sql:
    """The opposite; the opposite of unknown is unknown."""
    if isinstance(part, bool):
        return not part
    return None if part is None else f"(NOT {part})"


def names(tree: Any) -> tuple[str, ...]:
    """Columns that a tree mentions, in order, each once."""
    found: list[str] = []
    _collect(tree, found)
    return tuple(dict.fromkeys(found))


def _collect(tree: Any, found: list[str]) -> None:
    if not isinstance(tree, Mapping):
        return
    for word, argument in tree.items():
        if word in ("all", "any"):
            for part in argument:
                _collect(part, found)
        elif word == "not":
            _collect(argument, found)
        elif word in ("present", "null", "not_null") or (word == "values" and isinstance(argument, str)):
            found.append(argument)
        elif word in ("is", "is_not", "in", "not_in", "values", "type", "format", "matches"):
            found.append(next(iter(argument)))
        elif word == "child_of":
            found.extend(pair(argument))
        elif word == "compare":
            for term in (argument[0], argument[2]):
                _terms(term, found)
        elif word == "product":
            found.extend([*argument["of"], argument["equals"]])
        elif word == "holds":
            found.extend([argument["column"], argument["value"]])
        elif word in ("object", "bounds", "elements"):
            found.append(argument["column"])
            found.extend(argument.get("match", ()))
        elif word == "distinct":
            found.extend([*argument["per"], argument["of"]])
        elif word == "below":
            found.extend([argument["column"], *argument["match"]])
        elif word in ("unique", "duplicate", "no_common"):
            found.extend(argument)
        elif word == "reference":
            found.extend(argument["columns"])
        elif word == "periods":
            found.extend([*argument["per"], argument["start"], argument["end"]])
        elif word == "sums":
            found.extend(argument["per"])
            for side in (argument["left"], argument["right"]):
                if isinstance(side, Mapping) and "dataset" not in side:
                    _terms(side["sum"], found)
                    _collect(side.get("where"), found)


def _terms(term: Any, found: list[str]) -> None:
    if isinstance(term, str):
        if not _numeric(term):
            found.append(term)
    elif isinstance(term, Mapping):
        ((word, argument),) = term.items()
        if word in ("number", "text"):
            return
        if word in ("key", "total"):
            found.append(argument[0])
            return
        for part in argument if isinstance(argument, list | tuple) else [argument]:
            _terms(part, found)


def _numeric(value: str) -> bool:
    try:
        dec(value)
    except ValueError:
        return False
    return True
