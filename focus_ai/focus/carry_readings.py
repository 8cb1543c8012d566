"""How a cell of a FOCUS file is read: SQL of its text as the exact number, instant, tags or word of a column.

A reading is NULL where the text does not fit the column; the text itself is then kept elsewhere (`carry_kept`).
"""

from __future__ import annotations

from functools import cache
from typing import Any

from focus_ai import resources
from focus_ai.engine import Session, literal, literals
from focus_ai.focus.columns import Column, load

_DIGITS = r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)"
# What an instant of a charge may be; the adapters know no other years either, and no text such as `infinity`.
_YEARS = "TIMESTAMPTZ '2015-01-01 00:00:00+00' AND TIMESTAMPTZ '2100-12-31 23:59:59.999999+00'"
_CURRENCIES = ("BillingCurrency", "PricingCurrency")

# A cast of text with an exponent to a narrow decimal overflows on the way (12345678901e-6 has five digits before its
# point), so the point is moved in the text, which is exact for any number of digits.
_MACROS = {
    # digits `d` with the point behind the first `p` of them
    "carry_point(d, p)": "CASE WHEN p <= 0 THEN '0.' || repeat('0', -p) || d "
    "WHEN p >= length(d) THEN d || repeat('0', p - length(d)) ELSE left(d, p) || '.' || substr(d, p + 1) END",
    # the number `t` times ten to the power of `k`, without an exponent
    "carry_number(t, k)": f"CASE WHEN k = 0 AND regexp_full_match(t, {literal(_DIGITS)}) THEN t "
    f"WHEN regexp_full_match(t, {literal(_DIGITS + '([eE][+-]?[0-9]{1,3})?')}) THEN regexp_extract(t, '^[+-]') || "
    "carry_point(regexp_extract(t, '^[+-]?([0-9]*)', 1) || regexp_extract(t, '[.]([0-9]*)', 1), "
    "length(regexp_extract(t, '^[+-]?([0-9]*)', 1)) + k "
    "+ coalesce(TRY_CAST(regexp_extract(t, '[eE]([+-]?[0-9]+)', 1) AS INTEGER), 0)) END",
    # how many decimals the number `t` times ten to the power of `k` needs; short texts need no closer look
    "carry_decimals(t, k)": "CASE WHEN k = 0 AND strlen(t) <= 10 AND NOT contains(lower(t), 'e') "
    "THEN length(rtrim(regexp_extract(t, '[.]([0-9]*)', 1), '0')) "
    "ELSE length(rtrim(regexp_extract(carry_number(t, k), '[.]([0-9]*)', 1), '0')) END",
    "carry_instant(t)": f"CASE WHEN TRY_CAST(t AS TIMESTAMPTZ) BETWEEN {_YEARS} THEN TRY_CAST(t AS TIMESTAMPTZ) END",
}


def create_macros(session: Session) -> None:
    """Create the SQL functions that readings use."""
    for head, body in _MACROS.items():
        session.sql(f"CREATE OR REPLACE TEMP MACRO {head} AS {body}")


@cache
def rules() -> dict[str, Any]:
    """The facts of schemas/focus/carry.yaml."""
    return dict(resources.load_yaml(resources.schemas() / "focus" / "carry.yaml"))


def is_number(column: Column) -> bool:
    """Does the column hold exact numbers?"""
    return column.type in ("Decimal", "Integer")


def scale(column: Column) -> int:
    """How many decimals a column of numbers keeps."""
    return (column.decimal() or (38, 18))[1] if column.type == "Decimal" else 0


def number(text: str, column: Column, power: str = "0") -> str:
    """The text times ten to a power as the number of a column, rounded to its decimals; NULL where it is too large."""
    if column.type == "Integer":
        return f"TRY_CAST(TRY_CAST(carry_number({text}, {power}) AS DECIMAL(38, 0)) AS BIGINT)"
    precision, decimals = column.decimal() or (38, 18)
    return f"TRY_CAST(carry_number({text}, {power}) AS DECIMAL({precision}, {decimals}))"


def fits(text: str, column: Column, power: str = "0") -> str:
    """Is the text, times ten to a power, a number that the column keeps to the last digit? Never NULL."""
    exact = f"carry_decimals({text}, {power}) <= {scale(column)} AND {number(text, column, power)} IS NOT NULL"
    return f"coalesce({exact}, FALSE)"


def reading(column: Column, text: str) -> str:
    """The text as a value of the column; NULL where it is none."""
    if column.name == "Tags":
        return tags(text)
    if column.name in ("ServiceCategory", "ServiceSubcategory"):
        return allowed(column, text)
    if column.name in _CURRENCIES:
        return f"CASE WHEN regexp_full_match({text}, '[A-Za-z]{{3}}') THEN upper({text}) ELSE {text} END"
    if is_number(column):
        return number(text, column)
    return f"carry_instant({text})" if column.type == "DateTime" else text


def same(column: Column, text: str, value: str) -> str:
    """Does the value of the column still say what the text says? NULL counts as no."""
    if column.name == "Tags":
        return f"({value} = {text} OR {_told_by_pairs(text)} OR {value} = '{{' || {text} || '}}')"
    if column.name in _CURRENCIES:
        return f"{value} = upper({text}) OR {value} = {text}"
    if is_number(column):
        return f"({value} = {number(text, column)} AND carry_decimals({text}, 0) <= {scale(column)})"
    return f"{value} = {reading(column, text) if column.type == 'DateTime' else text}"


def allowed(column: Column, text: str) -> str:
    """The value where FOCUS allows it, the FOCUS word for a generator's own one, else NULL."""
    words = {**rules()["categories"]} if column.name == "ServiceCategory" else {}
    cases = " ".join(f"WHEN {text} = {literal(k)} THEN {literal(v)}" for k, v in words.items())
    return f"CASE {cases} WHEN {text} IN ({literals(column.values)}) THEN {text} END"


def tags(text: str) -> str:
    """A JSON object; `[{Key, Value}]`, as BigQuery and AWS tables hold tags, and one without its braces become one."""
    document = f"TRY_CAST({text} AS JSON)"
    listed = f"CAST(to_json(map_from_entries({_pairs(text)})) AS VARCHAR)"
    braced = f"'{{' || {text} || '}}'"
    bare = f"json_type(TRY_CAST({braced} AS JSON)) = 'OBJECT' AND starts_with(ltrim({text}), '\"')"
    return (
        f"CASE json_type({document}) WHEN 'ARRAY' THEN {listed} WHEN 'OBJECT' THEN {text} "
        f"ELSE CASE WHEN {document} IS NULL AND {bare} THEN {braced} END END"
    )


def _items(text: str) -> str:
    return f"TRY_CAST(TRY_CAST({text} AS JSON) AS JSON[])"


def _pairs(text: str) -> str:
    keys = f"list_transform({_items(text)}, lambda x: coalesce(x ->> '$.Key', x ->> '$.key'))"
    values = f"list_transform({_items(text)}, lambda x: coalesce(x ->> '$.Value', x ->> '$.value'))"
    return f"list_filter(list_zip({keys}, {values}), lambda p, i: p[1] IS NOT NULL AND list_position({keys}, p[1]) = i)"


def _told_by_pairs(text: str) -> str:
    """Do the pairs read from a list say all that it says: every key once, and nothing beside key and value?"""
    more = f"list_filter({_items(text)}, lambda x: len(json_keys(x)) <> 2)"
    return f"(starts_with(ltrim({text}), '[') AND len({_pairs(text)}) = len({_items(text)}) AND len({more}) = 0)"


def details(text: str) -> str:
    """A JSON object as FOCUS wants details of a SKU: single values only, own keys begin with x_; NULL without any."""
    own = load("1.4").column("SkuPriceDetails").keys
    key = f"CASE WHEN e.key IN ({literals(own)}) OR starts_with(e.key, 'x_') THEN e.key ELSE 'x_' || e.key END"
    entries = f"map_entries(TRY_CAST(TRY_CAST({text} AS JSON) AS MAP(VARCHAR, JSON)))"
    single = f"list_filter({entries}, lambda e: json_type(e.value) NOT IN ('OBJECT', 'ARRAY'))"
    named = f"list_transform({single}, lambda e: {{'key': {key}, 'value': e.value}})"
    names = f"list_transform({named}, lambda e: e.key)"
    first = f"list_filter({named}, lambda e, i: list_position({names}, e.key) = i)"
    return f"NULLIF(CAST(to_json(map_from_entries({first})) AS VARCHAR), '{{}}')"
