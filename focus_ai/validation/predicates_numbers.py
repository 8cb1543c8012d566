"""Comparisons and products, exact where the data is exact.

Decimals are multiplied as decimals. Where the declared types are too wide for an exact product, each row is computed
in the first of a few narrower pairs of types that hold its values unchanged; only a row that fits none is compared as
a binary float. Columns of binary floats are compared within the relative tolerance `TOLERANCE`, text cells that a float
was printed into (16 or more digits, or an exponent) within `TEXT_TOLERANCE`. A cost column that holds fewer places than
the product is right when it holds the product rounded to its places.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focus_ai.engine import ident, literal
from focus_ai.errors import UsageError
from focus_ai.money import dec, text
from focus_ai.validation.compile_columns import Columns, Number

TOLERANCE = "1e-9"
TEXT_TOLERANCE = "1e-12"
# Pairs of types whose product fits 38 digits: price with many places, quantity with few, and the other way round.
_SPLITS = (((18, 9), (19, 9)), ((23, 15), (14, 3)), ((25, 18), (13, 0)), ((20, 4), (17, 14)))
_FLOAT_TEXT = r"-?0*\.?0*(?:[0-9]\.?){16,}(?:[eE].*)?|.*[eE].*"

Sql = str | bool | None


class Numbers:
    """Compiles comparisons for one data set."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.floating = False  # terms of binary floats, for rows whose digits do not fit a decimal

    def product(self, first: str, second: str, result: str) -> Sql:
        """first × second = result; unknown when one of them is null or missing."""
        a, b, c = (self.columns.number(name) for name in (first, second, result))
        if a is None or b is None or c is None:
            return None
        near = _near(f"CAST({a.sql} AS DOUBLE) * CAST({b.sql} AS DOUBLE)", f"CAST({c.sql} AS DOUBLE)")
        if not (a.exact and b.exact and c.exact):
            return near
        cells = [n.cell for n in (a, b, c) if n.cell]
        if a.precision + b.precision <= 38:
            exact = _equal(f"{a.sql} * {b.sql}", a.scale + b.scale, c)
            if c.precision - c.scale + max(a.scale + b.scale, c.scale) > 38:
                exact = _safe(exact, near)
        else:
            whens = []
            for left, right in _SPLITS:
                x, y = (_fit(n, kind) for n, kind in ((a, left), (b, right)))
                same = f"coalesce(TRY({x} = {a.sql} AND {y} = {b.sql}), false)"
                whens.append(f"WHEN {same} THEN {_safe(_equal(f'{x} * {y}', left[1] + right[1], c), near)}")
            given = " AND ".join(f"{n.sql} IS NOT NULL" for n in (a, b, c))
            exact = f"(CASE WHEN {given} THEN CASE {' '.join(whens)} ELSE {near} END END)"
        if not cells:
            return exact
        floats = " OR ".join(f"regexp_full_match({cell}, {literal(_FLOAT_TEXT)})" for cell in cells)
        close = _near(f"CAST({a.sql} AS DOUBLE) * CAST({b.sql} AS DOUBLE)", f"CAST({c.sql} AS DOUBLE)", TEXT_TOLERANCE)
        return f"({exact} OR (({floats}) AND {close}))"

    def compare(self, left: Any, operator: str, right: Any) -> Sql:
        """left operator right; unknown when a side is null or names a missing column."""
        kinds = [self._kind(left), self._kind(right)]  # both, so that a name that is no column is told
        kind = next(filter(None, kinds), "number")
        a, b = self._term(left, kind), self._term(right, kind)
        if a is None or b is None:
            return None
        if kind == "number" and operator in ("=", "<>") and (self._float(left) or self._float(right)):
            near = _near(f"CAST({a} AS DOUBLE)", f"CAST({b} AS DOUBLE)")
            return near if operator == "=" else f"(NOT {near})"
        if kind == "number" and self._wide(left, right):
            self.floating = True
            near = f"{self._term(left, kind)} {operator} {self._term(right, kind)}"
            self.floating = False
            return _safe(f"{a} {operator} {b}", near)
        return f"({a} {operator} {b})"

    def of_text(self, *terms: Any) -> bool:
        """Whether the terms are made of text cells that are there and constants, so that their values decide."""
        found = [self._text_only(term) for term in terms]
        return None not in found and any(found)

    def _text_only(self, term: Any) -> bool | None:
        """True: a text cell; False: a constant; None: something else."""
        if isinstance(term, Mapping):
            ((word, argument),) = term.items()
            if word in ("text", "number"):
                return False
            name = argument[0] if word == "key" else argument if word == "lower" and isinstance(argument, str) else ""
            column = self.columns.column(name)
            return True if column is not None and column.kind == "text" else None
        if isinstance(term, int) or _is_number(term):
            return False
        column = self.columns.column(term)
        return True if column is not None and column.kind == "text" and self.columns.type_of(term) == "text" else None

    def term(self, term: Any, kind: str = "number") -> str | None:
        """SQL of a term of that kind; None when it names a column that the data lacks or that holds no such value."""
        return self._term(term, kind)

    def _kind(self, term: Any) -> str | None:
        """number | instant | text, or None for a constant that fits the other side."""
        if isinstance(term, Mapping):
            ((word, argument),) = term.items()
            fixed = {"text": "text", "lower": "text", "key": "text", "month_start": "instant", "number": "number",
                     "sign": "number", "hours": "number", "total": "number"}  # fmt: skip
            return fixed.get(word) or self._of_parts(argument)
        if isinstance(term, int) or _is_number(term):
            return "number"
        if not self.columns.known(term):
            raise UsageError(
                f"{term!r} is neither a column nor a number",
                where="compare",
                expected="a column of the version or of the data, a number, or {text: …}",
            )
        return self.columns.type_of(term)

    def _of_parts(self, argument: Any) -> str | None:
        parts = argument if isinstance(argument, list | tuple) else [argument]
        return next((kind for kind in map(self._kind, parts) if kind), None)

    def _float(self, term: Any) -> bool:
        if isinstance(term, Mapping):
            ((word, argument),) = term.items()
            if word in ("text", "number", "key", "hours", "total"):
                return False
            return any(map(self._float, argument if isinstance(argument, list | tuple) else [argument]))
        number = self.columns.number(term) if isinstance(term, str) and not _is_number(term) else None
        return number is not None and not number.exact

    def _wide(self, *terms: Any) -> bool:
        """Whether bringing the terms to the same places can leave the 38 digits there are."""
        before, after = zip(*(self._size(term) for term in terms), strict=True)
        return bool(max(before) + max(after) > 38)

    def _size(self, term: Any) -> tuple[int, int]:
        """Digits before and after the point that a term can have."""
        if isinstance(term, Mapping):
            ((word, argument),) = term.items()
            if word in ("hours", "sign", "number"):
                return 19, 0
            if word not in ("plus", "minus", "times", "abs"):
                return 0, 0
            parts = [self._size(part) for part in (argument if isinstance(argument, list | tuple) else [argument])]
            if word == "times":
                return 39, 18
            room = 0 if word == "abs" else 1
            return max(p[0] for p in parts) + room, max(p[1] for p in parts)
        if isinstance(term, int) or _is_number(term):
            return len(str(term)), len(str(term).partition(".")[2])
        number = self.columns.number(term)
        return (number.precision - number.scale, number.scale) if number is not None and number.exact else (0, 0)

    def _term(self, term: Any, kind: str) -> str | None:
        if isinstance(term, Mapping):
            return self._expression(*next(iter(term.items())))
        if isinstance(term, int) or _is_number(term):
            return text(dec(term)) if kind == "number" else literal(str(term))
        if self.columns.column(term) is None:
            return None
        if kind == "number":
            number = self.columns.number(term)
            if number is None:
                return None
            return f"CAST({number.sql} AS DOUBLE)" if self.floating else number.sql
        return self.columns.instant(term) if kind == "instant" else self.columns.text(term)

    def _expression(self, word: str, argument: Any) -> str | None:
        if word == "number":
            return text(dec(argument))
        if word == "text":
            return literal(argument)
        if word == "key":
            column, key = argument
            if self.columns.column(column) is None:
                return None
            cell = self.columns.text(column)
            path = literal("$." + ident(key))
            return f"(CASE WHEN json_valid({cell}) THEN json_extract_string({cell}, {path}) END)"
        if word == "total":
            column, at = argument
            if self.columns.column(column) is None:
                return None
            cell = self.columns.text(column)
            numbers = f"json_extract_string({cell}, {literal(at)})"
            added = f"list_sum(list_transform({numbers}, lambda v: TRY_CAST(v AS DECIMAL(38, 18))))"
            return f"(CASE WHEN json_valid({cell}) THEN {added} END)"
        inner = {"hours": "instant", "month_start": "instant", "lower": "text"}.get(word, "number")
        parts = [self._term(part, inner) for part in (argument if isinstance(argument, list | tuple) else [argument])]
        if any(part is None for part in parts):
            return None
        found = [str(part) for part in parts]
        if word in ("plus", "minus") or (word == "times" and self.floating):
            return "(" + {"plus": " + ", "minus": " - ", "times": " * "}[word].join(found) + ")"
        if word == "times":  # nine places each: 37 digits hold the product (`product` is exact for any places)
            return f"(TRY_CAST({found[0]} AS DECIMAL(19, 9)) * TRY_CAST({found[1]} AS DECIMAL(18, 9)))"
        if word == "hours":
            return f"date_diff('hour', {found[0]}, {found[1]})"
        if word == "month_start":
            return f"date_trunc('month', {found[0]})"
        return f"{word}({found[0]})"


def _equal(product: str, scale: int, result: Number) -> str:
    """Exact equality, or equality after rounding to the places of a narrower result column."""
    if result.cell is None and result.scale < scale:
        half = "0." + "0" * result.scale + "5"
        return f"(abs({product} - {result.sql}) <= {half})"
    return f"({product} = {result.sql})"


def _safe(exact: str, near: str) -> str:
    """The exact test; the one on binary floats for rows whose digits do not fit (both are null for nulls)."""
    return f"coalesce(TRY({exact}), {near})"


def _fit(number: Number, kind: tuple[int, int]) -> str:
    return f"TRY_CAST({number.sql} AS DECIMAL({kind[0]}, {kind[1]}))"


def _near(left: str, right: str, tolerance: str = TOLERANCE) -> str:
    return f"(abs({left} - {right}) <= {tolerance} * greatest(abs({left}), abs({right})))"


def _is_number(term: Any) -> bool:
    if not isinstance(term, str):
        return False
    try:
        dec(term)
    except ValueError:
        return False
    return True
