"""SQL of why a record is set aside, and of the flags of its quality."""

from __future__ import annotations

from focus_ai.adapters import tokens
from focus_ai.engine import literal

# More tokens in one call than any model takes, more in one bucket than the fields hold exactly, more money on one line
# than can be added up.
ABSURD = {"call": 1_000_000_000, "aggregate": 1_000_000_000_000_000, "amount": 100_000_000_000_000_000}


def field_flags(out: dict[str, str]) -> list[tuple[str, str]]:
    """The flags that fields tell by themselves: SQL of the condition and the name of each."""
    flags = []
    if "usage_source" in out:
        flags.append(("usage_source IN ('estimate', 'partial_estimate')", "usage_estimated"))
    return flags


def costs_without_use(meter_columns: dict[str, str]) -> str:
    """SQL: the source charges for the record and counts nothing that a price could be laid on."""
    counts = " + ".join(f"coalesce(m_{n}, 0)" for n in sorted(tokens.meter_fields().values()) if n in meter_columns)
    tests = ["reported_cost > 0", *([f"{counts} = 0"] if counts else [])]
    return " AND ".join([*tests, *(["m_other_meters IS NULL"] if "other_meters" in meter_columns else [])])


def first_reason(checks: list[tuple[str, str]]) -> str:
    """SQL of the first reason whose condition holds. All are tried together first, since nearly no record fails."""
    if not checks:
        return "CAST(NULL AS VARCHAR)"
    anything = " OR ".join(f"({c})" for c, _ in checks)
    return f"CASE WHEN {anything} THEN CASE {' '.join(f'WHEN {c} THEN {reason}' for c, reason in checks)} END END"


def flags(flags: list[tuple[str, str]]) -> str:
    """SQL of the names of the flags whose conditions hold, with commas; null when none does, as for nearly all."""
    if not flags:
        return "CAST(NULL AS VARCHAR)"
    anything = " OR ".join(f"({c})" for c, _ in flags)
    parts = ", ".join(f"CASE WHEN {c} THEN {literal(name)} END" for c, name in flags)
    return f"CASE WHEN {anything} THEN concat_ws(',', {parts}) END"


def too_many(out: dict[str, str], last: dict[str, str]) -> str:
    """SQL of the reason to set a record aside whose numbers are absurd (`ABSURD`)."""
    tokens_read = [name for name in ("reported_input_tokens", "reported_output_tokens") if name in last]
    most = f"CASE WHEN grain = 'aggregate' THEN {ABSURD['aggregate']} ELSE {ABSURD['call']} END"
    absurd = " OR ".join(f"{name} > {most}" for name in tokens_read)
    huge = " OR ".join(f"abs({name}) >= {ABSURD['amount']}" for name in ("billed_cost", "list_amount") if name in out)
    tests = [(absurd, "absurd:tokens"), (huge, "absurd:amount")]
    return first_reason([(c, literal(reason)) for c, reason in tests if c])
