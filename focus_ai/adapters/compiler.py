"""A mapping and a way to read become one SELECT that yields neutral records.

Layers, from the inside: the document and its record levels (with all JSON paths of a level extracted in one call),
let values, raw text values, typed values, fields and conditions, and last the disjoint meters with the housekeeping
columns. Each record carries `problem` (why it must be set aside) and `ignored` (why it is not consumption).
"""

from __future__ import annotations

import re
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, replace
from typing import Any

from focus_ai.adapters import checks, expression, lets, other_columns, other_meters, reasons, series, structures, tokens
from focus_ai.adapters.asked import answer_page, answer_said
from focus_ai.adapters.copies import key as copy_key
from focus_ai.adapters.mapping import Mapping
from focus_ai.adapters.paths import record_levels
from focus_ai.adapters.record import PROFILE, fields
from focus_ai.adapters.scope import Scope
from focus_ai.adapters.staged import TEXTS
from focus_ai.adapters.totals import total_lines
from focus_ai.engine import ident, literal
from focus_ai.errors import UsageError, nearest
from focus_ai.sources.bundle import counted_anew, file_of
from focus_ai.sources.relation import twice

# The NUL character is refused in every literal and name, so no text of a mapping or a file name can be the hole.
HOLE = "\x00relation\x00"
SOURCE = "'\x00source\x00'"
REQUIRED = {"usage": ("event_time",), "billed": ("event_time", "billed_cost", "currency")}
# What the mapping says of all its records, or of each: which money, and which usage, is one and the same.
GROUPS = ("money_family", "same_usage")
# A gateway's own estimate is often a binary float with more than 18 decimals; it is information, never money.
ROUNDED = ("reported_cost",)
# `usd` is USD, no other currency.
CURRENCIES = ("currency", "reported_cost_currency")
_LITERAL = re.compile("'([^']|'')*'")


@dataclass(frozen=True)
class Compiled:
    """A query with a hole for what DuckDB reads; `over` fills it (see `relation` in focus_ai.sources)."""

    sql: str
    columns: tuple[str, ...]
    # The members of the record that the mapping reads, by themselves or in part.
    members: tuple[str, ...]
    reader_columns: str
    object_nodes: tuple[str, ...]
    # Columns that hold the same value in every record, and that value as SQL.
    constants: MappingType[str, str]
    # The columns of a table that hold amounts.
    amounts: tuple[str, ...] = ()

    def over(self, relation: str) -> str:
        """The query that reads this relation."""
        return self.sql.replace(HOLE, relation)

    def reading(self, source_file: str) -> Compiled:
        """The same for a file of this name."""
        name = literal(source_file)
        constants = {n: name if sql == SOURCE else sql for n, sql in self.constants.items()}
        return replace(self, sql=self.sql.replace(SOURCE, name), constants=constants)


# Many files of one export are compiled once. The mapping is kept beside, so that no other one gets its identity.
_KEPT: dict[tuple[Any, ...], tuple[Mapping, Compiled]] = {}
_MOST = 500


def compile_mapping(
    mapping: Mapping,
    mode: str,
    *,
    columns: tuple[str, ...] = (),
    facts: MappingType[str, str] | None = None,
    source_file: str = "",
    numbered: bool = True,
    wanted: frozenset[str] | None = None,
    strict: bool = True,
    doubts: tuple[str, ...] = (),
    bundled: bool = False,
) -> Compiled:
    """Compile for one reading mode: `json`, `typed` or `columns` (then with the header names; where the mapping reads
    `other_columns`, with the names of all members of the records in every mode).

    `facts` are values the user supplied because the export lacks them (account_id ...). `numbered` keeps the record
    number, which needs one ordered pass. `wanted`: only these columns come out (None: all). `strict`: a strict reader
    let the documents pass; else a key that comes twice, in an object on the way to the record, is looked for here.
    `doubts`: see `Scope`. `bundled`: the record numbers hold that of their file (`focus_ai.sources.bundle`).
    Raises `UsageError` when the mapping names something that does not exist.
    """
    facts = facts or {}
    key = (id(mapping), mode, columns, tuple(sorted(facts.items())), numbered, wanted, strict, doubts, bundled)
    if key not in _KEPT:
        if len(_KEPT) == _MOST:
            _KEPT.clear()
        scope = Scope(
            mode, depth=mapping.depth, columns=columns, facts=facts, series=mapping.series is not None,
            doubts=doubts, bundled=bundled,
        )  # fmt: skip
        _KEPT[key] = mapping, _compiled(mapping, scope, facts, numbered=numbered, wanted=wanted, strict=strict)
    return _KEPT[key][1].reading(source_file)


@dataclass(frozen=True)
class _Read:
    """What a mapping reads of a record, as SQL: fields by name, token counts, other meters (name and quantity), the
    text of the identity, and the branches of a CASE that give the reason to ignore it."""

    fields: dict[str, str]
    counts: dict[str, str]
    others: list[tuple[str, str]]
    key_text: str
    ignored: str


def _compiled(
    mapping: Mapping,
    scope: Scope,
    facts: MappingType[str, str],
    *,
    numbered: bool,
    wanted: frozenset[str] | None,
    strict: bool,
) -> Compiled:
    lets.declare(scope, mapping)
    out = _fields(mapping, scope, facts)
    counts = tokens.compile_counts(scope, mapping.tokens) if mapping.tokens else {}
    others = other_meters.counted(scope, mapping)
    out["kind"] = literal(mapping.kind)
    out["adapter"] = literal(mapping.id)
    out["source_file"] = SOURCE
    out["source_row"] = "CAST(rn AS BIGINT)" if numbered else "CAST(NULL AS BIGINT)"
    out.setdefault("grain", "'attempt'" if mapping.kind == "usage" else "'aggregate'")
    out.setdefault("served_from", "'provider'")
    for group in GROUPS:
        if isinstance(getattr(mapping, group), MappingType):
            out[group] = expression.as_text(scope, getattr(mapping, group))
    out |= answer_said(mapping, scope)
    key_text = _identify(mapping, scope, out)
    if mapping.other_columns is not None and scope.columns:
        unnamed = other_columns.names(mapping, scope.columns, compile_mapping(mapping, "typed").members)
        if unnamed:
            out["other_columns"] = other_columns.read(scope, unnamed, mapping.other_columns)
    if mapping.version is not None and "record_version" not in out:
        out["record_version"] = expression.as_text(scope, mapping.version)
    ignored = "".join(
        f" WHEN {expression.condition(scope, rule['when'])} THEN {literal(rule['reason'])}" for rule in mapping.ignore
    )
    checks.register(scope, mapping.fields, mapping.tokens, mapping.reject)
    for name in REQUIRED[mapping.kind]:
        if name not in out:
            raise UsageError("a required field is not mapped", where=str(mapping.path), expected=name)
    if not strict and scope.mode == "json":
        scope.twice = [f"twice{level}" for level in range(1, scope.depth + 1) if not mapping.series]
    return _assemble(mapping, scope, _Read(out, counts, others, key_text, ignored), wanted)


def _fields(mapping: Mapping, scope: Scope, facts: MappingType[str, str]) -> dict[str, str]:
    """Field of the neutral record -> its SQL, where the mapping or the user (`facts`) fills it."""
    out: dict[str, str] = {}
    known = fields()
    for name, e in mapping.fields.items():
        if name not in known:
            raise UsageError(
                "a mapping fills a field that does not exist", where=str(mapping.path), value=name,
                expected=nearest(name, known),
            )  # fmt: skip
        out[name] = typed(scope, known[name].type, e, rounded=name in ROUNDED)
        if name in CURRENCIES and not _LITERAL.fullmatch(out[name]):
            code = scope.hold(out[name])
            out[name] = f"CASE WHEN regexp_full_match({code}, '[a-zA-Z]{{3}}') THEN upper({code}) ELSE {code} END"
    if "provider" in out and not _LITERAL.fullmatch(out["provider"]):
        out["provider"] = f"lower({out['provider']})"  # ACME and acme are one seller; provider_raw keeps the spelling
    for name, value in facts.items():
        if name in known:
            out[name] = f"coalesce({out[name]}, {literal(value)})" if name in out else literal(value)
    return out


def _identify(mapping: Mapping, scope: Scope, out: dict[str, str]) -> str:
    """The text that says which record this is; fills `record_id` where no field does."""
    identity = [
        scope.hold(structures.members(scope.hold(expression.as_text(scope, e["json"]))))
        if isinstance(e, dict) and "json" in e
        else expression.as_text(scope, e)
        for e in mapping.identity
    ]
    if mapping.focus_rows and not identity:
        # A table keeps the order of its columns; the members of a JSON object may come in any.
        row = structures.members("focus_row") if scope.mode == "json" else "focus_row"
        identity = [scope.hold(f"md5({row})")]
    own_id = "record_id" in out
    if not own_id:
        parts = ", ".join(f"coalesce({sql}, '')" for sql in identity)
        out["record_id"] = f"concat_ws('|', {parts})" if identity else "CAST(NULL AS VARCHAR)"
    return _key_text(mapping.same_records or mapping.id, identity, own_id)


def _key_text(adapter: str, identity: list[str], own_id: bool) -> str:
    """SQL of the text that says which record this is, the same for two records only when all parts are."""
    if not identity[1:]:
        only = f"coalesce({identity[0]}, chr(0))" if identity else "record_id"
        return f"concat_ws(chr(31), {literal(adapter)}, {only})"
    # With their lengths, no text in one of several parts can imitate another division. Without a separator in a part
    # none can do so either, and then the id, which joins the same parts, serves as well.
    lengths = ", ".join(f"coalesce(length({sql}) || ':' || {sql}, '-')" for sql in identity)
    whole = f"concat_ws(chr(31), {literal(adapter + '|')}, {lengths})"
    if own_id:
        return whole
    mixed = " OR ".join(f"contains({sql}, '|')" for sql in identity)
    return f"CASE WHEN {mixed} THEN {whole} ELSE concat_ws(chr(31), {literal(adapter)}, record_id) END"


def typed(scope: Scope, kind: str, e: Any, *, rounded: bool) -> str:
    if kind == "integer":
        return expression.as_integer(scope, e)
    if kind == "decimal":
        return expression.as_decimal(scope, e, rounded=rounded)
    if kind == "timestamp":
        return expression.as_timestamp(scope, e)
    if kind == "boolean":
        return expression.as_boolean(scope, e)
    return expression.as_text(scope, e)


def _assemble(mapping: Mapping, scope: Scope, read: _Read, wanted: frozenset[str] | None) -> Compiled:
    """The query: layer over layer (`_layers`), then the columns that come out (`_columns`)."""
    layers = _layers(mapping, scope, read)  # first, because it names paths that the records are read for
    layer = _base(mapping, scope)
    for stage in layers:
        if stage:
            named = ", ".join(f"{scope.resolve(sql)} AS {ident(n)}" for n, sql in stage.items())
            layer = f"SELECT *, {named} FROM ({layer})"
    problem, select = _columns(mapping, scope, read.fields, layers[-1])
    layer = f"SELECT *, {problem} AS problem FROM ({layer})"
    if wanted is not None:
        select = {name: sql for name, sql in select.items() if name in wanted or name == "raw"}
    words = {**read.fields, **{n: s for n, s in select.items() if n not in read.fields}}
    constants = {name: words[name] for name in select if _LITERAL.fullmatch(words[name])}
    sql = f"SELECT {', '.join(f'{s} AS {ident(n)}' for n, s in select.items())} FROM ({layer})"
    sql += " ORDER BY rn" if mapping.focus_rows and scope.bundled else ""  # counting equal rows lost their order
    reader = scope.typed_columns()[0] if scope.mode == "typed" else ""
    members = dict.fromkeys(str(p.keys[0]) for p in scope.read_paths() if p.up == 0 and p.keys)
    return Compiled(
        sql, tuple(select), tuple(members), reader, tuple(scope.object_nodes()), constants, (*scope.amounts,)
    )


def _layers(mapping: Mapping, scope: Scope, read: _Read) -> list[dict[str, str]]:
    """Names and SQL of every layer over the records; the last one has meters, flags and what is wrong with them."""
    meters = tokens.meters(mapping.tokens, [rule["flag"] for rule in mapping.flags])
    flags = [*meters.flags, *reasons.field_flags(read.fields)]
    flags += [(expression.condition(scope, rule["when"]), rule["flag"]) for rule in mapping.flags]
    wrong = [
        *total_lines(scope, mapping),
        *((name, "'duplicate_key:$'") for name in scope.twice),
        *scope.problems,
        *((f"{ident(n)} IS NULL", literal(f"missing:{n}")) for n in REQUIRED[mapping.kind]),
    ]
    if mapping.kind == "usage" and not mapping.identity:
        wrong.append(("record_id IS NULL", "'missing:record_id'"))
    replayed = read.fields["served_from"] != "'provider'"
    fields_layer, leaves = dict(read.fields), dict(meters.columns)
    if read.others:
        hit = "served_from = 'gateway_cache'" if replayed else "FALSE"
        fields_layer["all_meters"] = other_meters.listed(read.others)
        leaves["other_meters"] = f"CASE WHEN len(all_meters) > 0 AND NOT ({hit}) THEN all_meters END"
    fields_layer.update(read.counts)
    if mapping.kind == "usage" and "reported_cost" in read.fields:
        flags.append((reasons.costs_without_use(leaves), "cost_without_usage"))
    columns = {name: f"m_{name}" for name in leaves}
    last = {
        **(_gateway_cache(columns) if replayed else columns),
        "flags": reasons.flags(flags),
        "meter_problem": reasons.first_reason([(c, literal(reason)) for c, reason in meters.problems]),
    }
    if mapping.focus_rows:
        # Rows without an id: the n-th of equal ones in a file is the n-th of them in another file. Of a large file they
        # are counted when it is written (`copies.number`), as such rows are some 4 KB wide.
        apart = f"row_number() OVER (PARTITION BY key_text, {file_of('rn')} ORDER BY rn)"
        last["focus_copy"] = apart if scope.bundled else "1"
    keys = {
        "key_text": read.key_text,
        "field_problem": reasons.first_reason(wrong),
        "ignored": f"CASE{read.ignored} END" if read.ignored else "CAST(NULL AS VARCHAR)",
    }
    keys |= {f"m_{name}": sql for name, sql in leaves.items()}
    return [*scope.layers(), fields_layer, *meters.layers, keys, last]


def _columns(mapping: Mapping, scope: Scope, out: dict[str, str], last: dict[str, str]) -> tuple[str, dict[str, str]]:
    """SQL of what is wrong with a record, and of the columns that come out."""
    produced = [*out, *(n for n in last if n not in ("meter_problem", "focus_copy") and n not in out)]
    select = {name: _cast(name) for name in produced}
    select["ignored"] = "ignored"
    # A UUID is the one type of 128 bits that Parquet keeps exactly and that turns into text quickly.
    owners = [n for n in ("source_instance", "account_id") if n in out]
    instance = ", ".join(f"coalesce({n}, '')" for n in owners) or "''"
    select["record_key"] = f"CAST(md5_number(concat_ws(chr(31), {instance}, key_text)) AS UUID)"
    if mapping.focus_rows:
        select["record_key"] = copy_key(select["record_key"], "focus_copy")
        select["focus_row"] = "focus_row"
    select |= answer_page(mapping, scope)
    for group in GROUPS:
        word = getattr(mapping, group)
        if group not in out:
            select[group] = literal(word) if word else "CAST(NULL AS VARCHAR)"
    select["profile_hash"] = f"hash({', '.join(_hashed(n, produced) for n in PROFILE)})"
    select["problem"] = "problem"
    select["raw"] = _raw(mapping, scope)
    problem = (
        f"CASE WHEN ignored IS NULL THEN coalesce(field_problem, meter_problem, {reasons.too_many(out, last)}) END"
    )
    return problem, select


def _raw(mapping: Mapping, scope: Scope) -> str:
    """SQL of the record as it was read, for records that do not go on; never of a private export."""
    if scope.mode == "typed" or mapping.private:
        return "CAST(NULL AS VARCHAR)"
    whole = "focus_row" if mapping.focus_rows else f"j{scope.depth}" if scope.mode == "json" else "to_json(r)"
    whole = series.whole() if mapping.series else whole
    # A cloud bill is mostly other services: making a text of each of their lines would cost more than reading them.
    few = f" AND rn <= {TEXTS}" if whole == "to_json(r)" and not scope.bundled else ""
    return f"CASE WHEN problem IS NOT NULL OR (ignored IS NOT NULL{few}) THEN CAST({whole} AS VARCHAR) END"


def _base(mapping: Mapping, scope: Scope) -> str:
    layer = _records(mapping, scope)
    if scope.calls is not None:
        layer = f"SELECT *, unnest({scope.resolve(scope.calls)}) AS call_no FROM ({layer})"
    if not mapping.focus_rows:
        return layer
    whole = "j0" if scope.mode == "json" else "to_json(r)"
    return f"SELECT *, CAST({whole} AS VARCHAR) AS focus_row FROM ({layer})"


def _records(mapping: Mapping, scope: Scope) -> str:
    if scope.mode != "json":
        return f"SELECT r, rn FROM {HOLE}"
    levels = record_levels(mapping.records)
    layer, kept = f"SELECT rn AS document, j0 FROM {HOLE}", ["document"]

    def taken(level: int) -> list[str]:
        wanted = ", ".join(literal(p) for p in scope.level_paths(level))
        found = [f"j{level} ->> [{wanted}] AS p{level}"] if wanted else []
        if f"twice{level}" in scope.twice:
            keys = f"json_keys(j{level})"
            found.append(f"coalesce({twice(keys)}, FALSE) AS twice{level}")
        return found

    def names(level: int) -> list[str]:
        return [part.rpartition(" AS ")[2] for part in taken(level)]

    if mapping.series:
        layer = series.laid_apart(mapping.series, layer, kept, taken(0))
        return f"SELECT *, row_number() OVER () AS rn FROM ({layer})"
    # What is read of a document is taken out before its records are laid apart: once, not for every record.
    for level, keys in enumerate(levels):
        where = literal("$" + "".join(f'."{k}"' for k in keys) + "[*]")  # reads a document once, a cast to JSON[] twice
        arrays = f"j{level} -> {where} AS a{level}"
        layer = f"SELECT {', '.join([*kept, *taken(level), arrays])} FROM ({layer})"
        kept += names(level)
        layer = f"SELECT {', '.join(kept)}, NULLIF(unnest(a{level}), 'null') AS j{level + 1} FROM ({layer})"
    record_number = "row_number() OVER () AS rn" if levels else "document AS rn"
    last = f"j{len(levels)}"
    layer = f"SELECT {', '.join([*kept, last, *taken(len(levels)), record_number])} FROM ({layer})"
    if levels and scope.bundled:
        return f"SELECT * REPLACE ({counted_anew('document', 'rn')} AS rn) FROM ({layer})"
    return layer


def _gateway_cache(columns: dict[str, str]) -> dict[str, str]:
    """An answer replayed by a gateway bought nothing: meters become 0, the counts become avoided counts."""
    hit = "served_from = 'gateway_cache'"
    done = {
        name: f"CASE WHEN {hit} AND ({sql}) IS NOT NULL THEN 0 ELSE {sql} END"
        if name.startswith(("input_", "output_")) and name.endswith("_tokens")
        else sql
        for name, sql in columns.items()
    }
    if "reported_input_tokens" in columns:
        done["avoided_input_tokens"] = f"CASE WHEN {hit} THEN {columns['reported_input_tokens']} END"
        done["avoided_output_tokens"] = f"CASE WHEN {hit} THEN {columns['reported_output_tokens']} END"
    return done


def _cast(name: str) -> str:
    field = fields().get(name)
    return f"CAST({ident(name)} AS {field.sql_type})" if field else ident(name)


def _hashed(name: str, produced: list[str]) -> str:
    return f"CAST({ident(name)} AS VARCHAR)" if name in produced else "CAST(NULL AS VARCHAR)"
