"""Token counts as a source reports them become disjoint leaf meters. One rule set for every export.

Decision procedure for "does the input total contain cache reads and writes": no cache at all means both readings
agree; a cache count above the total means exclusive; a stated text part which fills the total up together with the
cached parts means inclusive; a grand total equal to the sum of all parts means exclusive;
otherwise what the mapping declares, or with `infer` its stated default, flagged `semantics_inferred`.
A part that would become negative contradicts the convention: the record is set aside as `meters_mismatch`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from focus_ai import resources
from focus_ai.adapters import expression
from focus_ai.adapters.scope import Scope
from focus_ai.engine import literal

TTLS = ("5m", "30m", "1h", "12h")
MODALITIES = ("audio", "image", "video")


@cache
def meter_fields() -> dict[str, str]:
    """Leaf meter -> field of the neutral record that holds it, from schemas/meters.yaml (token meters only)."""
    entries = resources.load_yaml(resources.schemas() / "meters.yaml")["meters"]
    return {name: m["fields"][0] for name, m in entries.items() if m["fields"] and m["fields"][0].endswith("_tokens")}


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


def meters(tokens: Mapping[str, Any]) -> tuple[dict[str, str], list[tuple[str, str]], list[tuple[str, str]]]:
    """Columns, problems and flags in terms of the `tk_` columns. Empty when the mapping has no tokens block."""
    if not tokens:
        return {}, [], []
    if "long" in tokens:
        return _long(), [("tk_long_quantity IS NULL OR tk_long_meter IS NULL", "missing:token class")], []

    def has(name: str) -> bool:
        return name in tokens

    def n(name: str) -> str:
        return f"coalesce(tk_{name}, 0)" if has(name) else "0"

    def raw(name: str) -> str:
        return f"tk_{name}" if has(name) else "CAST(NULL AS BIGINT)"

    parts = [name for name in (f"cache_write_{ttl}" for ttl in TTLS) if has(name)]
    part_sum = " + ".join(n(p) for p in parts) or "0"
    written = f"coalesce(tk_cache_write, {part_sum})" if has("cache_write") else f"({part_sum})"
    cached = f"({n('cache_read')} + {written})"
    modal_in = " + ".join(n(f"input_{m}") for m in MODALITIES)
    modal_out = " + ".join(n(f"output_{m}") for m in MODALITIES)
    columns: dict[str, str] = {}
    problems: list[tuple[str, str]] = []
    flags: list[tuple[str, str]] = []

    if has("input_uncached"):
        split = f"tk_input_uncached - ({modal_in})"
        if has("input"):
            uncached = f"coalesce({split}, tk_input - {cached} - ({modal_in}))"
            columns["input_semantics"] = "'inclusive'"
            problems.append(
                (
                    "tk_input IS NOT NULL AND tk_input_uncached IS NOT NULL AND tk_input < tk_input_uncached",
                    "meters_mismatch",
                )
            )
            # Cache writes that an older export counts nowhere sit between the total and its known parts.
            gap = f"tk_input - tk_input_uncached - {cached}"
            problems.append((f"{gap} < 0", "meters_mismatch"))
            columns["gap"] = f"CASE WHEN {gap} > 0 THEN {gap} END"
            flags.append((f"{gap} > 0", "input_remainder_as_cache_write"))
        else:
            uncached = split
            columns["input_semantics"] = "'exclusive'"
    else:
        declared = "tk_convention"
        # The stated text part and the cached parts together are the total: nothing can stand outside it.
        proven = f"coalesce(tk_input_text + {modal_in} + {cached} = tk_input, FALSE)" if has("input_text") else "FALSE"
        default = literal(str(tokens.get("default", "inclusive")))
        semantics = (
            f"CASE WHEN {cached} = 0 AND {declared} = 'infer' THEN 'inclusive' "
            f"WHEN {declared} IN ('inclusive', 'exclusive') THEN {declared} "
            f"WHEN {cached} > {n('input')} THEN 'exclusive' "
            f"WHEN {proven} THEN 'inclusive' "
            f"WHEN {raw('total')} = {n('input')} + {n('output')} + {cached} THEN 'exclusive' "
            f"ELSE {default} END"
        )
        columns["input_semantics"] = f"CASE WHEN {raw('input')} IS NOT NULL THEN {semantics} END"
        if tokens.get("convention") == "infer" or not isinstance(tokens.get("convention", ""), str):
            flags.append(
                (
                    f"{declared} = 'infer' AND {cached} > 0 AND {cached} <= {n('input')} AND "
                    f"NOT {proven} AND NOT coalesce({raw('total')} = {n('input')} + {n('output')} + {cached}, FALSE)",
                    "semantics_inferred",
                )
            )
        uncached = f"{raw('input')} - CASE WHEN ({semantics}) = 'inclusive' THEN {cached} ELSE 0 END - ({modal_in})"
    columns["input_uncached_tokens"] = uncached
    problems.append((f"({uncached}) < 0", "meters_mismatch"))
    for m in MODALITIES:
        if has(f"input_{m}"):
            columns[f"input_{m}_tokens"] = raw(f"input_{m}")
    if has("tool_use"):
        columns["input_tool_use_tokens"] = raw("tool_use")
    if has("cache_read"):
        read = f"tk_cache_read - {n('cache_read_audio')} - {n('cache_read_image')}"
        columns["input_cache_read_tokens"] = read
        problems.append((f"({read}) < 0", "meters_mismatch"))
    for m in ("audio", "image"):
        if has(f"cache_read_{m}"):
            columns[f"input_cache_read_{m}_tokens"] = raw(f"cache_read_{m}")
    for part in parts:
        columns[f"input_{part}_tokens"] = raw(part)
    if has("cache_write"):
        rest = f"tk_cache_write - ({part_sum})"
        columns["input_cache_write_other_tokens"] = rest
        problems.append((f"({rest}) < 0", "meters_mismatch"))
        flags.append((f"({rest}) > 0", "cache_ttl_unknown"))
    if "gap" in columns:
        gap = columns.pop("gap")
        other = columns.get("input_cache_write_other_tokens")
        # Both may hold tokens: the rest of the writes that have no lifetime, and the remainder of the total.
        both = f"CASE WHEN ({gap}) IS NULL THEN {other} ELSE coalesce({other}, 0) + ({gap}) END"
        columns["input_cache_write_other_tokens"] = both if other else gap

    inside = (
        f"CASE WHEN tk_output_convention IN ('inclusive', 'exclusive') THEN tk_output_convention "
        f"WHEN {n('reasoning')} = 0 THEN 'inclusive' "
        f"WHEN {raw('total')} = {n('input')} + {n('output')} THEN 'inclusive' "
        f"WHEN {raw('total')} = {n('input')} + {n('output')} + {n('reasoning')} THEN 'exclusive' "
        f"WHEN {n('reasoning')} > {n('output')} THEN 'exclusive' ELSE 'inclusive' END"
    )
    if has("output"):
        columns["output_semantics"] = f"CASE WHEN tk_output IS NOT NULL THEN {inside} END"
        visible = f"tk_output - CASE WHEN ({inside}) = 'inclusive' THEN {n('reasoning')} ELSE 0 END - ({modal_out})"
        columns["output_text_tokens"] = visible
        problems.append((f"({visible}) < 0", "meters_mismatch"))
    if has("reasoning"):
        columns["output_reasoning_tokens"] = raw("reasoning")
    for m in MODALITIES:
        if has(f"output_{m}"):
            columns[f"output_{m}_tokens"] = raw(f"output_{m}")
    total_in = raw("input") if has("input") else f"tk_input_uncached + {cached}" if has("input_uncached") else "NULL"
    columns["reported_input_tokens"] = f"CAST({total_in} AS BIGINT)"
    columns["reported_output_tokens"] = raw("output")
    columns["reported_total_tokens"] = raw("total")
    return columns, problems, flags


def _long() -> dict[str, str]:
    """One row per token class: the quantity goes to the field of its meter."""
    return {
        field: f"CASE WHEN tk_long_meter = {literal(meter)} THEN tk_long_quantity END"
        for meter, field in meter_fields().items()
        if meter != "output_reasoning"
    }
