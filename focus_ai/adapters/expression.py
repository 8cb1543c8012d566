"""Expressions of the mapping language, compiled to SQL. Paths become references, text literals go through quoting.

Each function returns SQL; what does not fit (wrong type, impossible date) is NULL there and a problem in the scope,
so that the record is set aside with its reason instead of being guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from focus_ai.adapters import points, structures
from focus_ai.adapters.instants import OFFSET, instant
from focus_ai.adapters.mapping import table
from focus_ai.adapters.paths import describe
from focus_ai.adapters.patterns import groups_of
from focus_ai.adapters.scope import Scope
from focus_ai.engine import ident, literal, literals
from focus_ai.errors import UsageError
from focus_ai.money import dec
from focus_ai.money import text as plain

Expression = Any
_LARGEST = 10**18
_FLAT = 16
NESTED = {"json", "pairs", "object"}
_COUNTED = ("s", "ms", "us")
_UNITS = {"days", "hours", "minutes", "seconds"}


def as_text(scope: Scope, e: Expression) -> str:
    """SQL text value; empty text is NULL."""
    if isinstance(e, str):
        return f"NULLIF({scope.path(e)}, '')"
    if not isinstance(e, Mapping):
        raise UsageError("not an expression of the mapping language", value=e, expected="a path or {const: ...}")
    for name, compile_form in _TEXT.items():
        if name in e:
            sql = compile_form(scope, e)
            return scope.hold(sql) if id(e) in scope.repeats else sql
    if "int" in e or "sum" in e or "sub" in e:
        return f"CAST({as_integer(scope, e)} AS VARCHAR)"
    raise UsageError("unknown form in a mapping expression", value=dict(e), expected=", ".join(_TEXT))


def as_integer(scope: Scope, e: Expression) -> str:
    """SQL BIGINT of a whole, non-negative number; 12, "12" and 12.0 are 12, 12.7 and -1 are problems. So is 12.000 in a
    table that may mean twelve thousand by it."""
    if isinstance(e, Mapping):
        if "sum" in e:
            parts = [as_integer(scope, part) for part in e["sum"]]
            return (
                f"CASE WHEN {' OR '.join(f'{p} IS NOT NULL' for p in parts)} THEN "
                + " + ".join(f"coalesce({p}, 0)" for p in parts)
                + " END"
            )
        if "sub" in e:
            first, *rest = (as_integer(scope, part) for part in e["sub"])
            value = f"({first}" + "".join(f" - coalesce({r}, 0)" for r in rest) + ")"
            scope.problem(f"{value} < 0", "meters_mismatch")
            return value
        if "int" in e:
            return as_integer(scope, e["int"])
        if isinstance(e.get("const"), int):
            return f"CAST({int(e['const'])} AS BIGINT)"
        if "count" in e:
            raw = as_text(scope, e["count"])
            return f"len(string_split({raw}, {literal(e.get('sep', ','))}))"
        if "if" in e:
            return _branches(scope, e, as_integer)
        if "first" in e and not all(_plain_text(part) for part in e["first"]):
            return f"coalesce({', '.join(as_integer(scope, part) for part in e['first'])})"
    if _computed(e):
        return _whole(scope, e)
    raw = scope.hold(as_text(scope, e))
    # Nearly every count is written in its plain form; the rest (12.0, 1e3) takes the slower branch.
    number = scope.hold(f"TRY_CAST({raw} AS BIGINT)")
    broad = f"TRY_CAST({raw} AS DECIMAL(36, 9))"
    whole = f"regexp_full_match({raw}, '[0-9]{{1,18}}(\\.0*)?')"
    grouped = f"WHEN {points.may_be_thousands(raw)} THEN NULL " if points.COUNTS in scope.doubts else ""
    other = (
        f"CASE {grouped}WHEN {whole} THEN CAST(split_part({raw}, '.', 1) AS BIGINT) "
        f"WHEN {broad} >= 0 AND {broad} = trunc({broad}) AND {broad} < {_LARGEST} "
        f"AND regexp_full_match({raw}, '[0-9.]+([eE][+]?[0-9]+)?') THEN CAST({broad} AS BIGINT) END"
    )
    value = scope.hold(
        f"(CASE WHEN {number} BETWEEN 0 AND {_LARGEST - 1} AND CAST({number} AS VARCHAR) = {raw} THEN {number} "
        f"WHEN {raw} IS NOT NULL THEN {other} END)"
    )
    name = describe(e)
    # One cheap test for every record; what kind of wrong it is matters only for the few that fail it.
    negative = f"WHEN coalesce({broad} < 0, FALSE) THEN {literal(f'negative:{name}')}"
    scope.problem_sql(
        f"{value} IS NULL AND {raw} IS NOT NULL", f"CASE {negative} ELSE {literal(f'wrong_type:{name}')} END"
    )
    return value


def _computed(e: Expression) -> bool:
    """Is this an exact number that was computed already, so that writing it as text and reading it adds nothing?"""
    return isinstance(e, Mapping) and ("decimal" in e or "product" in e)


def _whole(scope: Scope, e: Expression) -> str:
    """SQL BIGINT of a computed number; the same problems as for a text."""
    number = scope.hold(as_decimal(scope, e))
    whole = f"{number} >= 0 AND {number} = trunc({number}) AND {number} < {_LARGEST}"
    value = scope.hold(f"CASE WHEN {whole} THEN CAST({number} AS BIGINT) END")
    name = describe(e)
    reason = f"CASE WHEN {number} < 0 THEN {literal(f'negative:{name}')} ELSE {literal(f'wrong_type:{name}')} END"
    scope.problem_sql(f"{value} IS NULL AND {number} IS NOT NULL", reason)
    return value


def _plain_text(e: Expression) -> bool:
    """Is this a value as it stands in the record, so that choosing the first can come before reading it as a number?"""
    return isinstance(e, str) or (isinstance(e, Mapping) and ("get" in e or "pick" in e or "header" in e))


def as_decimal(scope: Scope, e: Expression, *, rounded: bool = False, places: int = 18) -> str:
    """SQL DECIMAL(38,18), exact: digits that do not fit are a problem, never rounded away unless `rounded` says so.

    `places`: how many decimals the field keeps that the value goes to; a plain number is read with as many.
    """
    factor = Decimal(1)
    if isinstance(e, Mapping) and "product" in e:
        return _product(scope, e["product"], places)
    if isinstance(e, Mapping) and "decimal" in e:
        rounded = rounded or bool(e.get("approximate"))
        factor = dec(str(e.get("times", "1")))
        e = _scaled(e["decimal"], factor)
    if isinstance(e, Mapping) and "if" in e:
        return _branches(scope, e, partial(as_decimal, rounded=rounded, places=places))
    if isinstance(e, Mapping) and "first" in e and factor == 1:
        parts = [as_decimal(scope, part, rounded=rounded, places=places) for part in e["first"]]
        return f"coalesce({', '.join(parts)})"
    if isinstance(e, Mapping) and ("sum" in e or "sub" in e):
        key = "sum" if "sum" in e else "sub"
        parts = [as_decimal(scope, part, rounded=rounded, places=places) for part in e[key]]
        joined = (" + " if key == "sum" else " - ").join(f"coalesce({p}, 0)" for p in parts)
        return f"CASE WHEN {' OR '.join(f'{p} IS NOT NULL' for p in parts)} THEN CAST({joined} AS DECIMAL(38, 18)) END"
    raw, name, cells = scope.hold(as_text(scope, e)), describe(e), points.cells(e)
    scope.amounts += cells
    scale = max(0, -int(factor.as_tuple().exponent))
    digits = max(len(factor.as_tuple().digits), scale + 1)
    kept = places if factor == 1 else 18 - scale
    number = f"TRY_CAST({raw} AS DECIMAL({38 - digits - 1 if factor != 1 else 38}, {kept}))"
    numeric = f"regexp_full_match({raw}, '[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]{{1,3}})?')"
    numeric += f" AND NOT {points.may_be_either(raw)}" if cells and points.AMOUNTS in scope.doubts else ""
    # More digits than are kept would be rounded by the cast; trailing zeros are harmless.
    plain_part = f"rtrim(regexp_extract({raw}, '\\.([0-9]*)', 1), '0')"
    exponent = f"coalesce(TRY_CAST(regexp_extract({raw}, '[eE]([+-]?[0-9]+)', 1) AS INTEGER), 0)"
    if factor == 1:
        value = scope.hold(f"(CASE WHEN {numeric} THEN {number} END)")
    else:
        amount = f"CAST({plain(factor)} AS DECIMAL({digits}, {scale}))"
        value = scope.hold(f"(CASE WHEN {numeric} THEN CAST({number} * {amount} AS DECIMAL(38, 18)) END)")
    scope.problem(f"{value} IS NULL AND {raw} IS NOT NULL", f"wrong_type:{name}")
    if not rounded:
        # Only a long text can hold more digits than are kept, or one with an exponent.
        long = f"strlen({raw}) > {kept + 1} OR contains({raw}, 'e') OR contains({raw}, 'E')"
        many = f"CASE WHEN {long} THEN {numeric} AND length({plain_part}) - {exponent} > {kept} END"
        if places < 18 and factor != 1:
            many = f"coalesce({many}, FALSE) OR {value} <> CAST({value} AS DECIMAL(38, {places}))"
        scope.problem(f"coalesce({many}, FALSE)", f"too_many_decimals:{name}")
    return value


def _product(scope: Scope, pair: list[Any], places: int) -> str:
    """A quantity times a price of at most nine decimals, exact to eighteen; the whole and the rest fit apart."""
    quantity, price = (as_decimal(scope, part) for part in pair)
    nine = f"TRY_CAST({price} AS DECIMAL(18, 9))"
    whole = f"CAST(TRY_CAST(trunc({quantity}) AS DECIMAL(20, 0)) * {nine} AS DECIMAL(38, 18))"
    rest = f"CAST(CAST({quantity} - trunc({quantity}) AS DECIMAL(18, 18)) * {nine} AS DECIMAL(38, 18))"
    scope.problem(f"{price} <> {nine}", f"too_many_decimals:{describe(pair[1])}")
    value = f"({whole} + {rest})"
    if places < 18:
        scope.problem(f"{value} <> CAST({value} AS DECIMAL(38, {places}))", f"too_many_decimals:{describe(pair[0])}")
    return value


def _scaled(e: Expression, factor: Decimal) -> Expression:
    """Move a factor into the parts of a choice or sum, so that each amount is scaled exactly once."""
    if factor == 1 or not isinstance(e, Mapping):
        return e
    parts = {key: e[key] for key in ("then", "else") if "if" in e and key in e}
    parts |= {key: e[key] for key in ("sum", "sub") if key in e}
    scaled = {
        key: [{"decimal": item, "times": plain(factor)} for item in part]
        if isinstance(part, list)
        else {"decimal": part, "times": plain(factor)}
        for key, part in parts.items()
    }
    return {**e, **scaled}


def _branches(scope: Scope, e: Mapping[str, Any], kind: Callable[[Scope, Expression], str]) -> str:
    """`if` over numbers: what is wrong in the branch that is not taken does not set the record aside."""
    test = scope.hold(condition(scope, e["if"]))
    with scope.only_when(test):
        then = kind(scope, e["then"])
    other = "NULL"
    if "else" in e:
        with scope.only_when(f"NOT {test}"):
            other = kind(scope, e["else"])
    return f"CASE WHEN {test} THEN {then} ELSE {other} END"


def as_timestamp(scope: Scope, e: Expression) -> str:
    """SQL TIMESTAMPTZ; the year must lie between 2015 and 2100."""
    if isinstance(e, Mapping) and "if" in e and "time" not in e:
        return _branches(scope, e, as_timestamp)
    options: Mapping[str, Any] = e if isinstance(e, Mapping) and "time" in e else {"time": e}
    inner, unit = options["time"], str(options.get("unit", "iso"))
    if isinstance(inner, Mapping) and "first" in inner:
        parts = ", ".join(as_timestamp(scope, {**options, "time": part}) for part in inner["first"])
        return f"coalesce({parts})"
    number = _computed(inner) and unit in _COUNTED
    raw = scope.hold(as_decimal(scope, inner) if number else as_text(scope, inner))
    whole = None if number or unit not in _COUNTED else scope.hold(f"TRY_CAST({raw} AS BIGINT)")
    value = scope.hold(instant(raw, unit, options.get("zone"), options.get("format"), whole))
    for step, amount in dict(options.get("plus", {})).items():
        if step not in _UNITS:
            raise UsageError("unknown unit in a time shift", value=step, expected=", ".join(sorted(_UNITS)))
        shifted = f"({value} + INTERVAL {int(amount)} {step})"
        value = shifted
    name = describe(inner)
    if "zone" not in options and unit == "iso":
        scope.problem(
            f"{value} IS NOT NULL AND NOT ends_with({raw}, 'Z') AND NOT regexp_matches({raw}, {literal(OFFSET)})",
            f"no_time_zone:{name}",
        )
    scope.problem(f"{raw} IS NOT NULL AND {value} IS NULL", f"impossible_time:{name}")
    known = "TIMESTAMPTZ '2015-01-01 00:00:00+00' AND TIMESTAMPTZ '2100-12-31 23:59:59+00'"
    scope.problem(f"{value} NOT BETWEEN {known}", f"impossible_time:{name}")
    return value


def as_boolean(scope: Scope, e: Expression) -> str:
    """SQL BOOLEAN of true/false, 1/0, yes/no in any case; anything else is a problem."""
    if isinstance(e, Mapping) and isinstance(e.get("const"), bool):
        return literal(e["const"])
    if isinstance(e, Mapping) and "lookup" not in e and any(name in e for name in _CONDITIONS):
        return condition(scope, e)
    raw = scope.hold(as_text(scope, e))
    value = (
        f"CASE WHEN lower({raw}) IN ('true', 't', '1', 'yes') THEN TRUE "
        f"WHEN lower({raw}) IN ('false', 'f', '0', 'no') THEN FALSE END"
    )
    scope.problem(f"{raw} IS NOT NULL AND ({value}) IS NULL", f"wrong_type:{describe(e)}")
    return f"({value})"


def condition(scope: Scope, c: Mapping[str, Any]) -> str:
    """SQL BOOLEAN that is never NULL."""
    for name, compile_form in _CONDITIONS.items():
        if name in c:
            sql = compile_form(scope, c[name])
            return scope.hold(sql) if id(c) in scope.repeats else sql
    raise UsageError("unknown condition in a mapping", value=dict(c), expected=", ".join(_CONDITIONS))


def _lookup(scope: Scope, e: Mapping[str, Any]) -> str:
    entries = table(e["table"]) if "table" in e else {str(k): str(v) for k, v in e["in"].items()}
    raw = as_text(scope, e["lookup"])
    key = f"lower({raw})" if e.get("lower") else raw
    entries = {k.lower(): v for k, v in entries.items()} if e.get("lower") else entries
    other = as_text(scope, e["else"]) if "else" in e else "NULL"
    if not entries:
        return other
    if len(entries) <= _FLAT:
        pairs = " ".join(f"WHEN {literal(k)} THEN {literal(v)}" for k, v in entries.items())
        return f"CASE {key} {pairs} ELSE {other} END"
    # A long table is tried by first character first: a handful of comparisons instead of one per entry.
    key = scope.hold(key)
    groups: dict[str, list[str]] = {}
    for k, v in entries.items():
        groups.setdefault(k[:1], []).append(f"WHEN {literal(k)} THEN {literal(v)}")
    choices = " ".join(f"WHEN {literal(c)} THEN CASE {key} {' '.join(pairs)} END" for c, pairs in groups.items())
    return f"coalesce(CASE left({key}, 1) {choices} END, {other})"


def _concat(scope: Scope, e: Mapping[str, Any]) -> str:
    parts = ", ".join(as_text(scope, part) for part in e["concat"])
    return f"NULLIF(concat_ws({literal(str(e.get('sep', '')))}, {parts}), '')"


def _const(scope: Scope, e: Mapping[str, Any]) -> str:
    value = e["const"]
    return (
        "CAST(NULL AS VARCHAR)"
        if value is None
        else literal(str(value).lower() if value is True or value is False else str(value))
    )


_STRICT = frozenset(("time", "int", "decimal", "sum", "sub", "product"))


def _if(scope: Scope, e: Mapping[str, Any]) -> str:
    # Only a number or an instant can be wrong, so only then the branch that is not taken must be kept silent.
    if any(isinstance(e.get(b), Mapping) and not _STRICT.isdisjoint(e[b]) for b in ("then", "else")):
        return _branches(scope, e, as_text)
    other = as_text(scope, e["else"]) if "else" in e else "NULL"
    return f"CASE WHEN {condition(scope, e['if'])} THEN {as_text(scope, e['then'])} ELSE {other} END"


def _extract(scope: Scope, e: Mapping[str, Any]) -> str:
    groups = min(groups_of(e["pattern"]), 1)
    return f"NULLIF(regexp_extract({as_text(scope, e['extract'])}, {literal(e['pattern'])}, {groups}), '')"


def _replace(scope: Scope, e: Mapping[str, Any]) -> str:
    groups_of(e["pattern"])
    return f"regexp_replace({as_text(scope, e['replace'])}, {literal(e['pattern'])}, {literal(str(e['with']))}, 'g')"


def _matches(scope: Scope, pair: list[Any]) -> str:
    groups_of(pair[1])
    return f"coalesce(regexp_matches({as_text(scope, pair[0])}, {literal(pair[1])}), FALSE)"


def _object(scope: Scope, e: Mapping[str, Any]) -> str:
    parts = [(str(k), part, as_text(scope, part)) for k, part in e["object"].items()]
    if not any(isinstance(part, Mapping) and NESTED & set(part) for _, part, _ in parts):
        return structures.texts({k: sql for k, _, sql in parts})
    # a part that is JSON stays JSON instead of becoming a text that holds some
    pairs = ", ".join(
        f"{ident(k)} := " + (f"TRY_CAST({sql} AS JSON)" if isinstance(part, Mapping) and NESTED & set(part) else sql)
        for k, part, sql in parts
    )
    merged = f"json_merge_patch('{{}}', CAST(to_json(struct_pack({pairs})) AS JSON))"
    return f"NULLIF(CAST({merged} AS VARCHAR), '{{}}')"


def _get(scope: Scope, e: Mapping[str, Any]) -> str:
    name, key = e["get"]
    return f"NULLIF({scope.entry(str(name).removeprefix('$'), str(key))}, '')"


_TEXT: dict[str, Callable[[Scope, Mapping[str, Any]], str]] = {
    "const": _const,
    "first": lambda s, e: f"coalesce({', '.join(as_text(s, part) for part in e['first'])})",
    "lookup": _lookup,
    "if": _if,
    "concat": _concat,
    "extract": _extract,
    "replace": _replace,
    "lower": lambda s, e: f"lower({as_text(s, e['lower'])})",
    "upper": lambda s, e: f"upper({as_text(s, e['upper'])})",
    "hex_id": lambda s, e: structures.hex_id(s.hold(as_text(s, e["hex_id"]))),
    "get": _get,
    "header": lambda s, e: structures.header(s.hold, as_text(s, e["header"]), str(e["name"])),
    "tag": lambda s, e: structures.tag(s.hold(as_text(s, e["tag"])), str(e["key"])),
    "entry": lambda s, e: structures.entry(as_text(s, e["entry"]), e),
    "pick": lambda s, e: structures.pick(as_text(s, e["pick"]), e["where"], e["take"]),
    "setting": lambda s, e: literal(s.facts[e["setting"]]) if e["setting"] in s.facts else "CAST(NULL AS VARCHAR)",
    "length": lambda s, e: structures.length(as_text(s, e["length"])),
    "member": lambda s, e: structures.at(as_text(s, e["member"]), int(e.get("at", 0)), str(e.get("take", "value"))),
    "total": lambda s, e: structures.total(as_text(s, e["total"]), str(e["take"]), e.get("where", {})),
    "pairs": lambda s, e: structures.pairs(s.hold, as_text(s, e["pairs"]), e),
    "json": lambda s, e: structures.compact(as_text(s, e["json"])),
    "object": _object,
    "split": lambda s, e: structures.split(as_text(s, e["split"]), str(e.get("sep", ",")), int(e.get("item", 0))),
    "time": lambda s, e: f"strftime({as_timestamp(s, e)}, '%Y-%m-%dT%H:%M:%S.%fZ')",
    "decimal": lambda s, e: f"CAST({as_decimal(s, e)} AS VARCHAR)",
    "product": lambda s, e: f"CAST({as_decimal(s, e)} AS VARCHAR)",
}


def _same(scope: Scope, pair: list[Any]) -> str:
    left, right = as_text(scope, pair[0]), pair[1]
    if isinstance(right, Mapping):  # another value of the record, compared as numbers where both are numbers
        other = as_text(scope, right)
        kind = "DECIMAL(38, 9)"
        return f"coalesce(coalesce(TRY_CAST({left} AS {kind}) = TRY_CAST({other} AS {kind}), {left} = {other}), FALSE)"
    if isinstance(right, bool):
        return f"coalesce(lower({left}) = {literal(str(right).lower())}, FALSE)"
    return f"coalesce({left} = {literal(str(right))}, FALSE)"


def _bound(scope: Scope, e: Any) -> str:
    """The other side of `gt`: a number, or another value of the record."""
    return f"TRY_CAST({as_text(scope, e)} AS DECIMAL(38, 9))" if isinstance(e, Mapping) else plain(dec(str(e)))


_CONDITIONS: dict[str, Callable[[Scope, Any], str]] = {
    "eq": _same,
    "in": lambda s, pair: f"coalesce({as_text(s, pair[0])} IN ({literals(str(v) for v in pair[1])}), FALSE)",
    "present": lambda s, e: f"({as_text(s, e)} IS NOT NULL)",
    "absent": lambda s, e: f"({as_text(s, e)} IS NULL)",
    "gt": lambda s, pair: f"coalesce(TRY_CAST({as_text(s, pair[0])} AS DECIMAL(38, 9)) > {_bound(s, pair[1])}, FALSE)",
    "matches": _matches,
    "all": lambda s, parts: "(" + " AND ".join(condition(s, c) for c in parts) + ")",
    "any": lambda s, parts: "(" + " OR ".join(condition(s, c) for c in parts) + ")",
    "not": lambda s, c: f"(NOT {condition(s, c)})",
}
