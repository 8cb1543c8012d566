"""Named formats of FOCUS as SQL tests of a text cell.

Each function takes SQL of a VARCHAR and gives SQL that is true, false, or null for a null cell. The regular expressions
are of RE2 and must match the whole text. Facts: attributes NumericFormat, DateTimeFormat, CurrencyFormat, UnitFormat,
KeyValueFormat, StringHandling and NullHandling of FOCUS 1.2 to 1.4, written from the specification; checked 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from focus_ai import resources
from focus_ai.engine import literal, literals

# What a reader would take for a number, and what NumericFormat allows (no plus sign, no separators, E notation).
NUMBER = r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*"
_NUMERIC = r"-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE]-?[0-9]+)?"
_INTEGER = r"-?[0-9]+"
_INSTANT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?Z"
_DURATION = r"P(?:[0-9]+Y)?(?:[0-9]+M)?(?:[0-9]+W)?(?:[0-9]+D)?(?:T(?:[0-9]+H)?(?:[0-9]+M)?(?:[0-9]+(?:\.[0-9]+)?S)?)?"
_PASCAL = r"[A-Z][A-Za-z0-9]*"

_DATA = "b|Kb|Mb|Gb|Tb|Pb|Eb|Kib|Mib|Gib|Tib|Pib|Eib|B|KB|MB|GB|TB|PB|EB|KiB|MiB|GiB|TiB|PiB|EiB"
_TIME, _TIMES = "Year|Month|Day|Hour|Minute|Second", "Years|Months|Days|Hours|Minutes|Seconds"
_COUNT, _N = "[A-Z][A-Za-z0-9]*(?: [A-Z][A-Za-z0-9]*)*", "[1-9][0-9]*"
_UNIT, _SINGLE = f"(?:{_DATA}|{_TIMES}|{_COUNT})", f"(?:{_DATA}|{_COUNT})"
_BASE = f"(?:{_DATA}|{_TIME}|{_TIMES}|{_COUNT})"
# 1.2 and 1.3: unit, data-time with a hyphen, unit per time with a slash. 1.4: any chain of hyphens, one slash.
_UNIT_1_2 = (
    f"(?:{_N} )?{_UNIT}|(?:{_N} )?{_SINGLE}-(?:{_TIMES})|(?:{_N} )?{_UNIT}/(?:{_TIME})|{_UNIT}/{_N} (?:{_TIMES})"
)
_UNIT_1_4 = f"(?:{_N} )?{_BASE}(?:-{_BASE})*(?:/(?:{_TIME}|{_N} (?:{_TIMES})))?"

_STRING = r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"'
_SCALAR = rf"(?:{_STRING}|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)"
_W = r"[ \t\r\n]*"
_PAIR = f"{_W}{_STRING}{_W}:{_W}{_SCALAR}{_W}"
_FLAT = rf"{_W}\{{(?:{_W}|{_PAIR}(?:,{_PAIR})*)\}}{_W}"

# Texts that stand for "nothing here"; deliberately short, a name such as Unknown may be a real value.
_PLACEHOLDERS = ("", "null", "n/a", "#n/a", "not applicable", "none", "nil", "nan", "undefined", "<null>", "\\n", "-")
# Words of a list that is walked instead of joined; between 12 and 174 words there are few lists, so it is not critical.
_SHORT = 20


def matches(text: str, pattern: str) -> str:
    """SQL: the whole text matches."""
    return f"regexp_full_match({text}, {literal(pattern)})"


def number(text: str) -> str:
    """SQL: a number, in any spelling that a reader would accept."""
    return matches(text, NUMBER)


def numeric(text: str) -> str:
    """SQL: NumericFormat."""
    return matches(text, _NUMERIC)


def integer(text: str) -> str:
    """SQL: a whole number in plain digits."""
    return matches(text, _INTEGER)


def instant(text: str) -> str:
    """SQL: anything that is read as a moment (the zone taken as UTC where none is written)."""
    return f"(CASE WHEN {text} IS NOT NULL THEN coalesce(isfinite(TRY_CAST({text} AS TIMESTAMPTZ)), false) END)"


def date_time(text: str) -> str:
    """SQL: DateTimeFormat, a real date and time in UTC with T and Z; fractions of a second are allowed."""
    return f"({matches(text, _INSTANT)} AND {instant(text)})"


def duration(text: str) -> str:
    """SQL: an ISO 8601 duration with at least one part."""
    return f"({matches(text, _DURATION)} AND NOT regexp_matches({text}, {literal('[PT]$')}))"


def key_value(text: str) -> str:
    """SQL: KeyValueFormat, one flat JSON object with unique keys and scalar values."""
    keys = f"json_keys({text})"
    return (
        f"(CASE WHEN {text} IS NOT NULL THEN (CASE WHEN {matches(text, _FLAT)} "
        f"THEN len({keys}) = list_unique({keys}) ELSE false END) END)"
    )


def unit_pattern(version: str) -> str:
    """UnitFormat of the version as a regular expression."""
    return _UNIT_1_4 if version >= "1.4" else _UNIT_1_2


def unit(text: str, version: str) -> str:
    """SQL: UnitFormat of the version."""
    return matches(text, unit_pattern(version))


@cache
def national_currencies() -> tuple[str, ...]:
    """ISO 4217 codes that are accepted."""
    listed = resources.load_yaml(resources.schemas() / "focus" / "currencies.yaml")
    return tuple(sorted({*listed["current"].split(), *listed["ended"].split()}))


def among(text: str, words: Sequence[str]) -> str:
    """SQL: one of these words; null for null. A long list is joined, for it would be walked for each row; joins of
    short ones, of which a scan has dozens, take longer to plan than small files to read."""
    if len(words) > _SHORT:
        return f"({text} IN (SELECT unnest([{literals(words)}])))"
    return f"list_contains([{literals(words)}], {text})"


def national_currency(text: str) -> str:
    """SQL: an ISO 4217 code."""
    return among(text, national_currencies())


def currency(text: str) -> str:
    """SQL: an ISO 4217 code or the name of a virtual currency (anything readable that is not three letters long)."""
    virtual = f"length(trim({text})) > 0 AND NOT regexp_full_match(trim({text}), '[A-Za-z]{{3}}|[^A-Za-z]+')"
    return f"({national_currency(text)} OR ({virtual}))"


def readable(text: str) -> str:
    """SQL: text without the marks that a broken encoding leaves (U+FFFD) and without NUL."""
    return f"NOT (contains({text}, chr(65533)) OR contains({text}, chr(0)))"


def not_blank(text: str) -> str:
    """SQL: neither empty nor only spaces."""
    return f"(trim({text}) <> '')"


def no_placeholder(text: str) -> str:
    """SQL: not empty and not one of the usual texts for "nothing"."""
    return f"(NOT {among(f'lower(trim({text}))', _PLACEHOLDERS)})"


def pascal_case(text: str) -> str:
    """SQL: one word in Pascal case."""
    return matches(text, _PASCAL)


#: Formats of text cells by the name that rules use; `unit` also needs the version.
TEXT_FORMATS: dict[str, Callable[[str], str]] = {
    "numeric": numeric,
    "decimal": number,
    "datetime": date_time,
    "string": readable,
    "currency": currency,
    "national-currency": national_currency,
    "key-value": key_value,
    "duration": duration,
    "pascal-case": pascal_case,
    "not-blank": not_blank,
    "no-placeholder": no_placeholder,
}
