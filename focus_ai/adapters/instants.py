"""SQL of an instant: ISO texts with and without offset, and Unix time in every unit."""

from __future__ import annotations

import re

from focus_ai.engine import literal
from focus_ai.errors import UsageError

OFFSET = r"^\d{4}-\d{2}-\d{2}[T ].*(Z|z|[+-]\d{2}(:?\d{2})?)$"
# No clock is further from UTC than fourteen hours, and an hour has sixty minutes; the engine would count with any.
_NO_OFFSET = r":.*[+-](1[5-9]|[2-9]\d|\d{2}:?[6-9]\d)(:?\d{2}){0,2}$"

# Some databases set the offset apart (2026-11-20 10:00:00.000 -0800), which the engine does not read.
_SET_APART = r" +([+-]\d{2}(:?\d{2})?)$"

LATEST = 4102444800000000  # microseconds, the end of 2099
_PER_UNIT = {"s": 1_000_000, "ms": 1000, "us": 1}


def instant(raw: str, unit: str, zone: str | None, pattern: str | None = None, whole: str | None = None) -> str:
    """SQL TIMESTAMPTZ of the text `raw`; NULL where it is no instant. Raises `UsageError` for unit and zone.

    `pattern` (strptime) reads what is not written the ISO way; such a stamp is in `zone`. `whole`: SQL of the text as a
    BIGINT, for Unix times, of which nearly all are plain digits.
    """
    if pattern is not None and unit == "iso":
        return f"coalesce({instant(raw, unit, zone)}, {_written(raw, pattern, zone)})"
    if unit == "iso":
        stamp = (
            f"CASE WHEN NOT ends_with({raw}, 'Z') AND regexp_matches({raw}, {literal(_NO_OFFSET)}) THEN NULL "
            f"ELSE coalesce(TRY_CAST({raw} AS TIMESTAMPTZ), "
            f"TRY_CAST(regexp_replace({raw}, {literal(_SET_APART)}, '\\1') AS TIMESTAMPTZ)) END"
        )
        if zone in (None, "UTC"):
            return stamp
        if not re.fullmatch(r"[A-Za-z0-9_+\-/]+", str(zone)):
            raise UsageError("not a time zone name", value=zone, expected="an IANA name such as Europe/Berlin, or UTC")
        return (
            f"CASE WHEN regexp_matches({raw}, {literal(OFFSET)}) THEN {stamp} "
            f"ELSE timezone({literal(zone)}, TRY_CAST({raw} AS TIMESTAMP)) END"
        )
    if pattern is not None:
        raise UsageError("a time has a unit or a format", value=unit, expected="one of the two")
    number = f"TRY_CAST({raw} AS DECIMAL(32, 6))"
    micros = {
        "s": f"{number} * 1000000",
        "ms": f"{number} * 1000",
        "us": number,
        "ns": f"floor({number} / 1000)",
    }
    micros["ns"] = f"TRY_CAST(split_part({raw}, '.', 1) AS BIGINT) // 1000"
    micros["auto"] = (
        f"CASE WHEN {number} >= 100000000000000000 THEN {micros['ns']} WHEN {number} >= 100000000000000 THEN {number} "
        f"WHEN {number} >= 100000000000 THEN {number} * 1000 ELSE {number} * 1000000 END"
    )
    if unit not in micros:
        raise UsageError("unknown time unit", value=unit, expected="iso, s, ms, us, ns or auto")
    exact = f"TRY_CAST({micros[unit]} AS BIGINT)"
    stamp = f"CASE WHEN {exact} BETWEEN 0 AND {LATEST} THEN CAST(make_timestamp({exact}) AS TIMESTAMPTZ) END"
    if whole is None:
        return stamp
    digits = f"{whole} BETWEEN 0 AND {LATEST // _PER_UNIT[unit]} AND CAST({whole} AS VARCHAR) = {raw}"
    plain = f"CAST(make_timestamp({whole} * {_PER_UNIT[unit]}) AS TIMESTAMPTZ)"
    return f"CASE WHEN {digits} THEN {plain} WHEN {raw} IS NOT NULL THEN {stamp} END"


def _written(raw: str, pattern: str, zone: str | None) -> str:
    """SQL of an instant in another notation, such as 11/22/2026."""
    if zone is None:
        raise UsageError("a time with a format needs its zone", value=pattern, expected="zone: UTC, or another one")
    return f"timezone({literal(zone)}, try_strptime({raw}, {literal(pattern)}))"
