"""Checks that need more than one row: each is a query of its own that leaves the offending keys in a small table.

In: a check (`distinct`, `unique`, `sums`, …), the condition that picks the rows it looks at, and the columns. Out: a
`SetCheck` with the rows that were looked at and the rows that break the rule, both as SQL over a row. Keys with a null
are left out unless the check says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from focus_ai.engine import Session, ident, literal, literals
from focus_ai.errors import UsageError
from focus_ai.money import dec, text
from focus_ai.validation.compile_columns import Columns
from focus_ai.validation.predicates import Sql, Tests

# Currencies without a smaller unit, and those with a thousandth (ISO 4217).
_WHOLE = ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF",
          "XOF", "XPF")  # fmt: skip
_MILLS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")


@dataclass(frozen=True, slots=True)
class SetCheck:
    """`applies`: rows looked at. `broken`: rows that break the rule, None when no row does. `unchecked`: why not."""

    applies: str = "true"
    broken: str | None = None
    unchecked: str = ""


class Sets:
    """Runs whole-data checks. `tests` compiles conditions; `others` are compiled the same way for other data sets."""

    def __init__(self, session: Session, tests: Tests, others: Mapping[str, Tests]) -> None:
        self.session, self.tests, self.others = session, tests, others
        self.columns: Columns = tests.columns
        self.made = 0

    def run(self, check: Mapping[str, Any], condition: Sql) -> SetCheck:
        """Run one check. The columns it names must be there."""
        ((word, argument),) = check.items()
        where = "true" if condition is True else str(condition)
        handler: Callable[[Any, str], SetCheck] = getattr(self, f"_{word}")
        return handler(argument, where)

    def _distinct(self, argument: Mapping[str, Any], where: str) -> SetCheck:
        per, of = list(map(ident, argument["per"])), ident(argument["of"])
        most, least = argument.get("max", 1), argument.get("min", 0)
        over = f"min({of}) <> max({of})" if most == 1 else f"count(DISTINCT {of}) > {int(most)}"
        under = f" OR count(DISTINCT {of}) < {int(least)}" if least > 1 else f" OR count({of}) = 0" if least else ""
        looked = _and(where, *(f"{p} IS NOT NULL" for p in per))
        keys = ", ".join(per)
        source = self.columns.relation()
        query = f"SELECT {keys} FROM {source} WHERE {looked} GROUP BY {keys} HAVING {over}{under}"
        return self._keyed(query, per, looked)

    def _unique(self, argument: Sequence[str], where: str) -> SetCheck:
        per = list(map(ident, argument))
        looked, keys = _and(where, *(f"{p} IS NOT NULL" for p in per)), ", ".join(per)
        source = self.columns.relation()
        query = f"SELECT {keys} FROM {source} WHERE {looked} GROUP BY {keys} HAVING count(*) > 1"
        return self._keyed(query, per, looked)

    def _duplicate(self, argument: Sequence[str], where: str) -> SetCheck:
        there = [ident(name) for name in argument if name in self.columns.dataset.columns]
        if not there:
            return SetCheck(unchecked="none of its columns is in the data")
        # First by hash, which is small; then the few rows whose hash comes twice are compared in full.
        mark, whole = f"hash({', '.join(there)})", _key(there)
        source = self.columns.relation()
        twice = self._table(f"SELECT {mark} AS h FROM {source} WHERE {where} GROUP BY h HAVING count(*) > 1")
        if twice is None:
            return SetCheck(applies=where)
        maybe = f"{where} AND {mark} IN (SELECT h FROM {twice})"
        same = self._table(f"SELECT {whole} AS k FROM {source} WHERE {maybe} GROUP BY k HAVING count(*) > 1")
        if same is None:
            return SetCheck(applies=where)
        return SetCheck(applies=where, broken=f"({maybe} AND {whole} IN (SELECT k FROM {same}))")

    def _reference(self, argument: Mapping[str, Any], where: str) -> SetCheck:
        own_name = self.columns.dataset.dataset
        other = self.others.get(argument["dataset"], self.tests if argument["dataset"] == own_name else None)
        if other is None:
            return SetCheck(unchecked=f"needs the data set {argument['dataset']} beside this one")
        own = list(map(ident, argument["columns"]))
        lacking = [n for n in argument["columns"].values() if n not in other.columns.dataset.columns]
        if lacking:
            return SetCheck(unchecked=f"{argument['dataset']} has no column {lacking[0]}")
        mine = [_comparable(self.columns, name) for name in argument["columns"]]
        there = [_comparable(other.columns, name) for name in argument["columns"].values()]
        looked = _and(where, *(f"{m} IS NOT NULL" for m in mine))
        keys = ", ".join(f"{m} AS m{i}" for i, m in enumerate(mine))
        theirs = ", ".join(f"{t} AS t{i}" for i, t in enumerate(there))
        same = " AND ".join(f"m{i} = t{i}" for i in range(len(mine)))
        query = (
            f"SELECT {', '.join(own)} FROM (SELECT DISTINCT {', '.join(own)}, {keys} FROM {self.columns.relation()} "
            f"WHERE {looked}) WHERE NOT EXISTS "
            f"(SELECT 1 FROM (SELECT {theirs} FROM {other.columns.relation()}) WHERE {same})"
        )
        return self._keyed(query, own, looked)

    def _elements(self, argument: Mapping[str, Any], where: str) -> SetCheck:
        """Elements of an array in a JSON column: one value of `one` per key, or the key is found elsewhere."""
        cell, at = self.columns.text(argument["column"]), literal(argument["at"] + "[*]")
        items = f"(CASE WHEN json_valid({cell}) THEN json_extract({cell}, {at}) END)"
        key = _first(argument["key"])
        source = f"SELECT unnest({items}) AS e FROM {self.columns.relation()} WHERE {where}"
        if "dataset" in argument:
            other, found = self.others.get(argument["dataset"]), ident(argument["found"])
            if other is None:
                return SetCheck(unchecked=f"needs the data set {argument['dataset']} beside this one")
            if argument["found"] not in other.columns.dataset.columns:
                return SetCheck(unchecked=f"{argument['dataset']} has no column {argument['found']}")
            known = f"SELECT CAST({found} AS VARCHAR) FROM {other.columns.relation()} WHERE {found} IS NOT NULL"
            query = f"SELECT DISTINCT {key} AS k FROM ({source}) WHERE k IS NOT NULL AND k NOT IN ({known})"
        else:
            one = _first(argument["one"])
            query = f"SELECT {key} AS k FROM ({source}) WHERE k IS NOT NULL GROUP BY k HAVING min({one}) <> max({one})"
        table = self._table(query)
        if table is None:
            return SetCheck(applies=where)
        wrong = f"list_has_any(list_transform({items}, lambda e: {key}), (SELECT list(k) FROM {table}))"
        return SetCheck(applies=where, broken=f"({where} AND {wrong})")

    def _bounds(self, argument: Mapping[str, Any], where: str) -> SetCheck:
        other = self.others.get(argument["dataset"])
        if other is None:
            return SetCheck(unchecked=f"needs {argument['dataset']} beside this data set")
        own = [ident(name) for name in argument["match"]]
        there = [ident(name) for name in argument["match"].values()]
        value = self.tests.numbers.term(argument["column"])
        if value is None:
            return SetCheck(unchecked=f"{argument['column']} holds no numbers")
        low, high = (other.numbers.term(argument[side]) if side in argument else None for side in ("min", "max"))
        sides = [f"min({low}) AS low" if low else "NULL AS low", f"max({high}) AS high" if high else "NULL AS high"]
        group = ", ".join(there)
        limits = f"(SELECT {group}, {', '.join(sides)} FROM {other.columns.relation()} GROUP BY {group}) o"
        cell = ident(argument["column"])
        looked = _and(where, f"{cell} IS NOT NULL", *(f"{o} IS NOT NULL" for o in own))
        same = " AND ".join(f"CAST(m.{o} AS VARCHAR) = CAST(o.{t} AS VARCHAR)" for o, t in zip(own, there, strict=True))
        picked = list(dict.fromkeys([*own, cell]))
        mine = f"(SELECT DISTINCT {', '.join(picked)}, {value} AS v FROM {self.columns.relation()} WHERE {looked}) m"
        outside = "m.v < o.low OR m.v > o.high"
        query = f"SELECT {', '.join(f'm.{p}' for p in picked)} FROM {mine} JOIN {limits} ON {same} WHERE {outside}"
        return self._keyed(query, picked, looked)

    def _below(self, argument: Mapping[str, Any], where: str) -> SetCheck:
        value, picked = self.tests.numbers.term(argument["column"]), self.tests.sql(argument["rows"])
        if value is None:
            return SetCheck(unchecked=f"{argument['column']} holds no numbers")
        match, cell = list(map(ident, argument["match"])), ident(argument["column"])
        there = _and(*(f"{m} IS NOT NULL" for m in match))
        others = "false" if picked in (False, None) else _and("true" if picked is True else str(picked), there)
        group, source = ", ".join(match), self.columns.relation()
        # Cells with the mark taken out: they have to agree where there was one to take out.
        marks = {n: m for n, m in argument.get("apart_from", {}).items() if self.columns.column(n)}
        cells = [f"coalesce(CAST({ident(name)} AS VARCHAR), '')" for name in marks]
        bare = [f"regexp_replace({c}, {literal(m)}, '', 'g')" for c, m in zip(cells, marks.values(), strict=True)]
        held = [f"{sql} AS {name}{n}" for name, sqls in (("c", cells), ("b", bare)) for n, sql in enumerate(sqls)]
        least = f"(SELECT {', '.join([group, *held[len(cells) :]])}, min({value}) AS low FROM {source} WHERE {others} "
        least += "GROUP BY ALL) o"
        looked = _and(where, f"{cell} IS NOT NULL", there)
        mine = f"(SELECT DISTINCT {', '.join([group, cell, *held])}, {value} AS v FROM {source} WHERE {looked}) m"
        alike = "".join(f" AND (m.b{n} = m.c{n} OR m.b{n} = o.b{n})" for n in range(len(cells)))
        own, kept = [*match, cell, *cells], [*match, cell, *(f"c{n}" for n in range(len(cells)))]
        table = self._table(
            f"SELECT {', '.join(f'm.{k}' for k in kept)} FROM {mine} JOIN {least} USING ({group}) "
            f"WHERE m.v >= o.low{alike}"
        )
        if table is None:
            return SetCheck(applies=looked)
        return SetCheck(looked, f"({looked} AND ({', '.join(own)}) IN (SELECT {', '.join(kept)} FROM {table}))")

    def _periods(self, argument: Mapping[str, Any], where: str) -> SetCheck:
        start, end = (self.columns.instant(argument[side]) for side in ("start", "end"))
        if start is None or end is None:
            return SetCheck(unchecked="start or end holds no moments")
        group = _key([ident(name) for name in argument["per"]]) if argument["per"] else "''"
        looked = _and(where, f"{start} IS NOT NULL", f"{end} IS NOT NULL")
        periods = (
            f"SELECT DISTINCT {group} AS g, {start} AS s, {end} AS e FROM {self.columns.relation()} WHERE {looked}"
        )
        before = "max(e) OVER (PARTITION BY g ORDER BY s, e ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
        test = "s < before" if argument["forbid"] == "overlap" else "s > before"
        table = self._table(f"SELECT g, s, e FROM (SELECT *, {before} AS before FROM ({periods})) WHERE {test}")
        if table is None:
            return SetCheck(applies=looked)
        return SetCheck(looked, f"({looked} AND ({group}, {start}, {end}) IN (SELECT g, s, e FROM {table}))")

    def _sums(self, argument: Mapping[str, Any], where: str) -> SetCheck:
        import duckdb

        try:
            return self._added(argument, where, "sum({})")
        except duckdb.OutOfRangeException:  # totals beyond 38 digits: binary floats, within the relative tolerance
            return self._added(argument, where, "sum(CAST({} AS DOUBLE))")

    def _added(self, argument: Mapping[str, Any], where: str, form: str) -> SetCheck:
        per = [ident(name) for name in argument["per"]]
        looked = _and(where, *(f"{p} IS NOT NULL" for p in per))
        sides: list[tuple[str, str] | None] = []
        for side in (argument["left"], argument["right"]):
            found = self._side(side, argument["per"], looked, form)
            if isinstance(found, SetCheck):
                return found
            sides.append(found)
        left, right = sides
        if left is None:
            raise UsageError("the left side of `sums` has to be a sum", where="sums")
        a, b = "l.total", "r.total" if right else text(dec(argument["right"]))
        join = ""
        if right is not None:
            kind = "INNER" if argument.get("both", True) else "FULL"
            join = f"{kind} JOIN ({right[0]}) r ON l.k = r.k"
        if not argument.get("both", True):
            a, b = f"coalesce({a}, 0)", f"coalesce({b}, 0)"
        charges = argument["right"] if isinstance(argument["right"], Mapping) else {}
        rows = "r" if charges.get("dataset") == "CostAndUsage" else "l"
        wrong = _differs(a, argument.get("op", "="), b, argument.get("tolerance"), rows)
        key = "coalesce(l.k, r.k)" if right is not None else "l.k"
        table = self._table(f"SELECT {key} AS k FROM ({left[0]}) l {join} WHERE {wrong}")
        if table is None:
            return SetCheck(applies=looked)
        mine = " OR ".join(side[1] for side in sides if side is not None and side[1])
        group = _key(per) if per else "''"
        return SetCheck(looked, f"({looked} AND ({mine}) AND {group} IN (SELECT k FROM {table}))")

    def _side(self, side: Any, per: Sequence[str], looked: str, form: str) -> tuple[str, str] | SetCheck | None:
        """Query of group keys and totals with the rows it adds (empty for another data set); None for a number."""
        if not isinstance(side, Mapping):
            return None
        tests, where, mine = self.tests, looked, True
        if "dataset" in side:
            other = self.others.get(side["dataset"])
            if other is None:
                return SetCheck(unchecked=f"needs the data set {side['dataset']} beside this one")
            tests, where, mine = other, "true", False
            per = side.get("per", per)
            lacking = [n for n in per if n not in tests.columns.dataset.columns]
            if lacking:
                return SetCheck(unchecked=f"{side['dataset']} has no column {lacking[0]}")
        picked = tests.sql(side["where"]) if "where" in side else True
        if picked is not True:
            where = _and(where, "false" if picked in (False, None) else str(picked))
        amount = tests.numbers.term(side["sum"])
        if amount is None:
            return SetCheck(unchecked="a column to add up is missing or holds no numbers")
        group = _key([ident(name) for name in per]) if per else "''"
        unit = _subunit(tests.columns)
        picked = f"{group} AS k, {form.format(amount)} AS total, count(*) AS n, min({unit}) AS unit"
        query = f"SELECT {picked} FROM {tests.columns.relation()} WHERE {where} GROUP BY k"
        return query, f"({where})" if mine else ""

    def _keyed(self, query: str, keys: Sequence[str], looked: str) -> SetCheck:
        table = self._table(query)
        if table is None:
            return SetCheck(applies=looked)
        one = keys[0] if len(keys) == 1 else f"({', '.join(keys)})"
        return SetCheck(looked, f"({looked} AND {one} IN (SELECT {', '.join(keys)} FROM {table}))")

    def _table(self, query: str) -> str | None:
        """Keep the result of a query; None when it is empty."""
        self.made += 1
        name = ident(f"offending_keys_{self.made}")
        self.session.sql(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")
        return name if self.session.one(f"SELECT count(*) FROM {name}")[0] else None


def _and(*parts: str) -> str:
    kept = [part for part in parts if part != "true"]
    return "(" + " AND ".join(kept) + ")" if kept else "true"


def _key(columns: Sequence[str]) -> str:
    """One text for a key of several columns; a null is a mark of its own."""
    parts = ", ".join(f"coalesce(CAST({c} AS VARCHAR), chr(30))" for c in columns)
    return f"concat_ws(chr(31), {parts})"


def _first(keys: Sequence[str]) -> str:
    """SQL: the first of these keys that the JSON object `e` holds, as text."""
    return "coalesce(" + ", ".join(f"json_extract_string(e, {literal('$.' + ident(key))})" for key in keys) + ", NULL)"


def _comparable(columns: Columns, name: str) -> str:
    """SQL of a cell as another data set can hold it too, whatever its physical type: a moment or text."""
    return (columns.instant(name) if columns.type_of(name) == "instant" else None) or columns.text(name)


def _subunit(columns: Columns) -> str:
    """SQL of the smallest unit of the billing currency of a row, in major units (ISO 4217, checked 2026-11-22)."""
    if "BillingCurrency" not in columns.dataset.columns:
        return "0.01"
    cell = columns.text("BillingCurrency")
    whole, mills = literals(_WHOLE), literals(_MILLS)
    return f"CASE WHEN {cell} IN ({whole}) THEN 1 WHEN {cell} IN ({mills}) THEN 0.001 ELSE 0.01 END"


def _differs(left: str, operator: str, right: str, tolerance: Any, rows: str = "l") -> str:
    if tolerance == "invoice":  # FOCUS 1.4, BilledCost: the greater of 100 subunits and half the root of the rows
        return f"abs({left} - {right}) > greatest(100, sqrt({rows}.n) * 0.5) * {rows}.unit"
    room = text(dec(tolerance)) if tolerance is not None else f"1e-9 * greatest(abs({left}), abs({right}))"
    gap = f"CAST({left} AS DOUBLE) - CAST({right} AS DOUBLE)" if tolerance is None else f"{left} - {right}"
    if operator == "<=":
        return f"{gap} > {room}"
    if operator == ">=":
        return f"{gap} < -({room})"
    return f"abs({gap}) > {room}"
