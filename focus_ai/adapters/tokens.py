"""Token counts as a source reports them become disjoint leaf meters. One rule set for every export.

Decision procedure for "does the input total contain cache reads and writes": no cache at all means both readings
agree; a cache count above the total means exclusive; a stated text part which fills the total up together with the
cached parts means inclusive; a grand total equal to the sum of all parts means exclusive;
otherwise what the mapping declares, or with `infer` its stated default, flagged `semantics_inferred`.
A part that would become negative contradicts the convention: the record is set aside as `meters_mismatch`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from focus_ai.adapters import expression
from focus_ai.adapters.scope import Scope
from focus_ai.engine import literal
from focus_ai.meters import meters as meter_table

TTLS = ("5m", "30m", "1h", "12h")
MODALITIES = ("audio", "image", "video")
# Flags that say what a total holds beside its parts.
_ABOUT_TOTAL = {"buckets_not_read", "cache_split_missing"}


@cache
def meter_fields() -> dict[str, str]:
    """Leaf meter -> field of the neutral record that holds it (token meters only)."""
    return {name: meter.fields[0] for name, meter in meter_table().items() if meter.fields}


def compile_counts(scope: Scope, tokens: Mapping[str, Any]) -> dict[str, str]:
    """SQL of every count that the mapping names, as `tk_<name>` columns, plus the declared conventions."""
    names = ["input", "input_uncached", "cache_read", "cache_write", "tool_use", "output", "reasoning", "total"]
    names += [f"cache_write_{ttl}" for ttl in TTLS] + [f"input_{m}" for m in MODALITIES]
    names += ["input_text", "cache_read_audio", "cache_read_image"] + [f"output_{m}" for m in MODALITIES]
    found = {f"tk_{n}": expression.as_integer(scope, tokens[n]) for n in names if n in tokens}
    for key in ("convention", "output_convention"):
        value = tokens.get(key, "infer" if key == "output_convention" else "inclusive")
        if isinstance(value, str):
            found[f"tk_{key}"] = literal(value)
        else:
            found[f"tk_{key}"] = expression.as_text(scope, value)
    if "long" in tokens:
        found["tk_long_meter"] = expression.as_text(scope, tokens["long"]["meter"])
        found["tk_long_quantity"] = expression.as_integer(scope, tokens["long"]["quantity"])
    return found


@dataclass(frozen=True)
class Meters:
    """SQL of the disjoint meters: `layers` of shared values, then `columns`; problems and flags name `m_` columns."""

    layers: tuple[dict[str, str], ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)
    flags: list[tuple[str, str]] = field(default_factory=list)


def meters(tokens: Mapping[str, Any], own_flags: Collection[str] = ()) -> Meters:
    """Meters in terms of the `tk_` columns. Empty when the mapping has no tokens block.

    `own_flags` are those that the mapping sets itself: one that tells of its total is not told again.
    """
    if not tokens:
        return Meters()
    if "long" in tokens:
        return Meters((), _long(), [("tk_long_quantity IS NULL OR tk_long_meter IS NULL", "missing:token class")])
    side = _Side(tokens)
    columns = {**_input_columns(side), **_output_columns(side)}
    total = (
        "tk_input" if side.has("input") else "tk_input_uncached + tk_cached" if side.has("input_uncached") else "NULL"
    )
    columns["reported_input_tokens"] = f"CAST({total} AS BIGINT)"
    columns["reported_output_tokens"] = side.raw("output")
    columns["reported_total_tokens"] = side.raw("total")
    if all(side.has(name) for name in ("input", "output", "total")) and not _ABOUT_TOTAL & set(own_flags):
        side.flags.append((_unexplained(side), "buckets_not_read"))
    sums = {"tk_cached": side.cached, "tk_written": side.written}
    conventions = {"tk_semantics": _semantics(side), "tk_inside": _inside(side)}
    return Meters((sums, conventions), columns, side.problems, side.flags)


class _Side:
    """What a mapping counts, with the sums that several meters need."""

    def __init__(self, tokens: Mapping[str, Any]) -> None:
        self.tokens = tokens
        self.problems: list[tuple[str, str]] = []
        self.flags: list[tuple[str, str]] = []
        self.parts = [name for name in (f"cache_write_{ttl}" for ttl in TTLS) if self.has(name)]
        self.part_sum = " + ".join(self.n(p) for p in self.parts) or "0"
        self.written = f"coalesce(tk_cache_write, {self.part_sum})" if self.has("cache_write") else f"({self.part_sum})"
        self.cached = f"({self.n('cache_read')} + {self.written})"
        self.modal_in = " + ".join(self.n(f"input_{m}") for m in MODALITIES if self.has(f"input_{m}")) or "0"
        self.modal_out = " + ".join(self.n(f"output_{m}") for m in MODALITIES if self.has(f"output_{m}")) or "0"

    def has(self, name: str) -> bool:
        return name in self.tokens

    def n(self, name: str) -> str:
        return f"coalesce(tk_{name}, 0)" if self.has(name) else "0"

    def raw(self, name: str) -> str:
        return f"tk_{name}" if self.has(name) else "CAST(NULL AS BIGINT)"

    def not_negative(self, column: str) -> None:
        self.problems.append((f"m_{column} < 0", "meters_mismatch"))


def _semantics(side: _Side) -> str:
    """Does the input total contain cache reads and writes? NULL without a total."""
    if side.has("input_uncached"):
        return "'inclusive'" if side.has("input") else "'exclusive'"
    exclusive = f"{side.raw('total')} = {side.n('input')} + {side.n('output')} + tk_cached"
    proven = (
        f"coalesce(tk_input_text + {side.modal_in} + tk_cached = tk_input, FALSE)"
        if side.has("input_text")
        else "FALSE"
    )
    default = literal(str(side.tokens.get("default", "inclusive")))
    inferred = f"tk_convention = 'infer' AND tk_cached > 0 AND tk_cached <= {side.n('input')}"
    side.flags.append((f"{inferred} AND NOT {proven} AND NOT coalesce({exclusive}, FALSE)", "semantics_inferred"))
    return (
        f"CASE WHEN {side.raw('input')} IS NULL THEN NULL "
        "WHEN tk_cached = 0 AND tk_convention = 'infer' THEN 'inclusive' "
        "WHEN tk_convention IN ('inclusive', 'exclusive') THEN tk_convention "
        f"WHEN tk_cached > {side.n('input')} THEN 'exclusive' WHEN {proven} THEN 'inclusive' "
        f"WHEN {exclusive} THEN 'exclusive' ELSE {default} END"
    )


def _inside(side: _Side) -> str:
    """Does the output total contain the reasoning tokens?"""
    if not side.has("reasoning"):
        return "'inclusive'"
    total, base = side.raw("total"), f"{side.n('input')} + {side.n('output')}"
    return (
        "CASE WHEN tk_output_convention IN ('inclusive', 'exclusive') THEN tk_output_convention "
        "WHEN coalesce(tk_reasoning, 0) = 0 THEN 'inclusive' "
        f"WHEN {total} = {base} THEN 'inclusive' WHEN {total} = {base} + tk_reasoning THEN 'exclusive' "
        f"WHEN tk_reasoning > {side.n('output')} THEN 'exclusive' ELSE 'inclusive' END"
    )


def _unexplained(side: _Side) -> str:
    """Does the source's total hold more than any reading of its parts? Gemini's thoughts often stand only there."""
    base, beside = f"{side.n('input')} + {side.n('output')}", (side.n("reasoning"), side.n("tool_use"))
    readings = ("tk_cached", *beside, " + ".join(beside), f"tk_cached + {' + '.join(beside)}")
    known = ", ".join(f"{base} + {more}" for more in readings)
    return f"CASE WHEN tk_total > {base} THEN tk_total NOT IN ({known}) ELSE FALSE END"


def _input_columns(side: _Side) -> dict[str, str]:
    columns: dict[str, str] = {}
    gap = None
    if side.has("input_uncached"):
        uncached = f"tk_input_uncached - ({side.modal_in})"
        columns["input_semantics"] = "tk_semantics"
        if side.has("input"):
            uncached = f"coalesce({uncached}, tk_input - tk_cached - ({side.modal_in}))"
            # Input that the export counts nowhere: older exports leave cache writes between the total and its parts.
            gap = "(tk_input - tk_input_uncached - tk_cached)"
            side.problems.append((f"{gap} < 0", "meters_mismatch"))
            side.flags.append((f"{gap} > 0", "input_remainder_as_cache_write"))
    else:
        columns["input_semantics"] = "tk_semantics"
        inside = "CASE WHEN tk_semantics = 'inclusive' THEN tk_cached ELSE 0 END"
        uncached = f"{side.raw('input')} - {inside} - ({side.modal_in})"
    columns["input_uncached_tokens"] = uncached
    side.not_negative("input_uncached_tokens")
    for m in MODALITIES:
        if side.has(f"input_{m}"):
            columns[f"input_{m}_tokens"] = side.raw(f"input_{m}")
    if side.has("tool_use"):
        columns["input_tool_use_tokens"] = side.raw("tool_use")
    if side.has("cache_read"):
        columns["input_cache_read_tokens"] = (
            f"tk_cache_read - {side.n('cache_read_audio')} - {side.n('cache_read_image')}"
        )
        side.not_negative("input_cache_read_tokens")
    for m in ("audio", "image"):
        if side.has(f"cache_read_{m}"):
            columns[f"input_cache_read_{m}_tokens"] = side.raw(f"cache_read_{m}")
    for part in side.parts:
        columns[f"input_{part}_tokens"] = side.raw(part)
    other = f"tk_cache_write - ({side.part_sum})" if side.has("cache_write") else None
    if other:
        side.problems.append((f"({other}) < 0", "meters_mismatch"))
        side.flags.append((f"({other}) > 0", "cache_ttl_unknown"))
    if gap:
        rest = f"CASE WHEN {gap} > 0 THEN {gap} END"
        both = f"CASE WHEN coalesce({gap}, 0) <= 0 THEN {other} ELSE coalesce({other}, 0) + {gap} END"
        other = both if other else rest
    if other:
        columns["input_cache_write_other_tokens"] = other
    return columns


def _output_columns(side: _Side) -> dict[str, str]:
    columns: dict[str, str] = {}
    if side.has("output"):
        columns["output_semantics"] = "CASE WHEN tk_output IS NOT NULL THEN tk_inside END"
        reasoning = f"CASE WHEN tk_inside = 'inclusive' THEN {side.n('reasoning')} ELSE 0 END"
        columns["output_text_tokens"] = f"tk_output - {reasoning} - ({side.modal_out})"
        side.not_negative("output_text_tokens")
    if side.has("reasoning"):
        columns["output_reasoning_tokens"] = side.raw("reasoning")
    for m in MODALITIES:
        if side.has(f"output_{m}"):
            columns[f"output_{m}_tokens"] = side.raw(f"output_{m}")
    return columns


def _long() -> dict[str, str]:
    """One row per token class: the quantity goes to the field of its meter."""
    return {
        field: f"CASE WHEN tk_long_meter = {literal(meter)} THEN tk_long_quantity END"
        for meter, field in meter_fields().items()
        if meter != "output_reasoning"
    }
