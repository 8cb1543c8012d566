"""SQL of exact arithmetic on whole numbers of 128 bits: decimals as their smallest units, and back."""

from __future__ import annotations

#: Division goes on by six digits at a time, so that no product leaves 128 bits.
STEP = 1_000_000
_COST = 10**18


def whole(column: str) -> str:
    """SQL of a decimal as the whole number of its smallest units."""
    return f"CAST(replace(CAST({column} AS VARCHAR), '.', '') AS HUGEINT)"


def cost(units: str) -> str:
    """SQL of 10^-18 units as a cost; in two halves, because a decimal holds 38 digits."""
    return (
        f"CAST(CAST(CAST(({units}) // {_COST} AS DECIMAL(20, 0)) AS DECIMAL(38, 18)) + "
        f"CAST(({units}) % {_COST} AS DECIMAL(19, 0)) * CAST(0.000000000000000001 AS DECIMAL(18, 18)) "
        "AS DECIMAL(38, 18))"
    )


def half_even(top: str, bottom: str) -> str:
    """SQL of a whole-number division rounded half-even; both sides not negative."""
    full, rest = f"({top} // {bottom})", f"({top} % {bottom})"
    up = f"2 * {rest} > {bottom} OR (2 * {rest} = {bottom} AND {full} % 2 = 1)"
    return f"({full} + CASE WHEN {up} THEN 1 ELSE 0 END)"


def plain(units: str, places: int) -> str:
    """SQL of whole units of 10^-places, not negative, as digits without padding."""
    scale = 10**places
    digits = f"CAST({units} // {scale} AS VARCHAR) || '.' || lpad(CAST({units} % {scale} AS VARCHAR), {places}, '0')"
    return f"rtrim(rtrim({digits}, '0'), '.')"


def largest_remainder(floor: str, remainder: str, weight: str, key: str, total: str, group: str) -> str:
    """SQL of parts of `total` in a group: missing units go to the larger remainder, larger weight, smaller key."""
    return (
        f"{floor} + CASE WHEN row_number() OVER (PARTITION BY {group} ORDER BY {remainder} DESC, {weight} DESC, {key}) "
        f"<= {total} - sum({floor}) OVER (PARTITION BY {group}) THEN 1 ELSE 0 END"
    )


def divided(rows: str, units: str, weight: str, over: str, largest: int) -> str:
    """SELECT of `rows` with `q` and `r`: floor and remainder of units x weight / over, all of any size below 10^31.

    `units` and `over` are not negative, `largest` is the largest value of `over`; a negative weight is rounded down.
    """
    digits = max(1, -(-len(str(largest)) // 6))
    level = (
        f"SELECT *, {units} // {over} AS q_a, {units} % {over} AS q_b, abs({weight}) AS q_w, "
        f"CAST(0 AS HUGEINT) AS q_0, CAST(0 AS HUGEINT) AS r_0 FROM ({rows})"
    )
    for i in range(digits):
        digit = f"(q_b // {STEP ** (digits - 1 - i)}) % {STEP}"
        level = f"SELECT *, r_{i} * {STEP} + q_w * ({digit}) AS t_{i} FROM ({level})"
        level = f"SELECT *, q_{i} * {STEP} + t_{i} // {over} AS q_{i + 1}, t_{i} % {over} AS r_{i + 1} FROM ({level})"
    q, r = f"q_{digits}", f"r_{digits}"
    gone = ", ".join(["q_a", "q_b", "q_w", "q_0", "r_0", *(f"t_{i}, q_{i + 1}, r_{i + 1}" for i in range(digits))])
    return (
        f"SELECT * EXCLUDE ({gone}), q_a * {weight} + "
        f"CASE WHEN {weight} >= 0 THEN {q} WHEN {r} = 0 THEN -{q} ELSE -{q} - 1 END AS q, "
        f"CASE WHEN {weight} >= 0 OR {r} = 0 THEN {r} ELSE {over} - {r} END AS r FROM ({level})"
    )


__all__ = ["STEP", "cost", "divided", "half_even", "largest_remainder", "plain", "whole"]
