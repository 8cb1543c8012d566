"""Rows of FOCUS files keep what they hold: the same row in the columns of the version asked for.

In: the view `events` with the rows of FOCUS files (`focus_row`, a JSON object of texts), the owners, the SKUs that
`billed_skus` tells, the places. Out: the table `carried_rows` with every column of the version, our x_ columns and the
x_ columns of others, and what was filled in, could not be kept exactly, or has no home in the version. Which column is
found where: schemas/focus/carry.yaml. Must not know files or prices.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from focus_ai import resources
from focus_ai.engine import Session, ident, literal, literals
from focus_ai.focus.columns import Column, load
from focus_ai.focus.meters import meters

TABLE = "carried_rows"
# Our columns that come from the owner of the row, from its SKU, or from the run.
_OWNER = {
    "x_Team": "team", "x_Product": "product", "x_Feature": "feature", "x_Environment": "environment",
    "x_CostCenter": "cost_center", "x_BusinessUnit": "business_unit", "x_Owner": "contact", "x_OwnerStatus": "status",
    "x_UnattributedReason": "reason", "x_OwnerEvidence": "evidence",
}  # fmt: skip
_SKU = {
    "x_ModelId": "model", "x_ModelDeveloper": "developer", "x_ModelFamily": "family", "x_ModelVersion": "version",
}  # fmt: skip
# Told by the words of a line that is read as a meter; rows that came with our own columns keep what they say.
_READ = {"x_ProcessingTier": "processing_tier", "x_InferenceGeo": "geo"}
_PARTS = {"x_TokenType": "token_type", "x_TokenDirection": "direction", "x_TokenCacheAction": "cache_action"}


@dataclass(frozen=True)
class Carried:
    """What the rows of FOCUS files brought along: the columns beyond our own, and what the report has to say."""

    extra: tuple[str, ...]
    report: Mapping[str, Any]


def create_carried(
    session: Session, version: str, *, owner_hash: str, sku_key: str, place_hash: str, carried: str
) -> Carried | None:
    """Create the table `carried_rows`; None, and no table, when no FOCUS file was read.

    `owner_hash`, `sku_key` and `place_hash` are the SQL of the keys by which an event finds its owner, SKU and place;
    `carried` is the SQL condition of the rows whose money another export carries.
    """
    if not session.rows("SELECT 1 FROM events WHERE focus_row IS NOT NULL LIMIT 1"):
        return None
    present = [str(r[0]) for r in session.rows(
        "SELECT DISTINCT unnest(json_keys(focus_row)) FROM events WHERE focus_row IS NOT NULL ORDER BY 1"
    )]  # fmt: skip
    shape = json.dumps(dict.fromkeys(present, "VARCHAR"))
    facts = (
        "CASE WHEN e.billed_unit = 'Tokens' THEN e.billed_quantity END AS tokens, "
        "e.event_time, e.bucket_end, e.billed_meter, e.record_key, e.adapter, e.billed_cost AS paid, "
        "e.currency AS paid_in, e.charge_category AS category, e.same_usage IS NOT NULL AS for_models, "
        f"json_transform(CAST(e.focus_row AS JSON), {literal(shape)}) AS f"
    )
    source = (
        f"SELECT {facts}, o.* EXCLUDE (owner_id), s.* EXCLUDE (sku_hash), l.account_id, l.service FROM "
        f"(SELECT *, {owner_hash} AS evidence_hash, {sku_key} AS sku_hash, {place_hash} AS place_hash FROM events "
        f"WHERE focus_row IS NOT NULL AND NOT ({carried})) e "
        "JOIN owner_spans n ON e.evidence_hash = n.owner_hash AND e.event_time >= n.t_from AND e.event_time < n.t_to "
        "JOIN owners o ON o.owner_id = n.owner_id JOIN billed_skus s ON s.sku_hash = e.sku_hash "
        "JOIN places l ON l.place_hash = e.place_hash"
    )
    model = load(version)
    extra = _kept_apart(present, set(model.all_names), version)
    known = {column.name: _value(column, set(present)) for column in model.all_columns}
    columns = [f"{sql} AS {ident(name)}" for name, sql in known.items()]
    columns += [f"{_text(name)} AS {ident(kept)}" for kept, name in extra.items()]
    session.sql(f"CREATE TEMP TABLE focus_source AS {source}")
    session.sql(f"CREATE TABLE {TABLE} AS SELECT {', '.join(columns)} FROM focus_source")
    report = {
        "rows": int(session.one("SELECT count(*) FROM focus_source")[0]),
        "filled": _filled(session, model.all_columns, set(present)),
        "rounded": _rounded(session, model.all_columns, set(present)),
        "no_home": _no_home(session, extra),
        "not_selected": _not_selected(session),
    }
    session.sql("DROP TABLE focus_source")
    return Carried(tuple(sorted(extra)), report)


@cache
def _rules() -> dict[str, Any]:
    return dict(resources.load_yaml(resources.schemas() / "focus" / "carry.yaml"))


def _sources(name: str) -> list[str]:
    """Columns of a file that can fill this one, best first."""
    return list(_rules()["columns"].get(name, {}).get("from", [name]))


def _text(name: str) -> str:
    return f"NULLIF(f.{ident(name)}, '')"


def _given(column: Column, present: set[str]) -> str:
    """SQL of the first filled source of a column, as text; NULL when the file has none."""
    parts = [_text(name) for name in _sources(column.name) if name in present]
    return f"coalesce({', '.join(parts)})" if parts else "NULL"


def _value(column: Column, present: set[str]) -> str:
    given = _given(column, present)
    if column.name == "Tags":
        return _tags(given)
    if column.name in _OWNER:
        return f"CAST({_OWNER[column.name]} AS VARCHAR)"
    if column.name in _SKU:
        return f"CAST(coalesce({given}, {ident(_SKU[column.name])}) AS VARCHAR)"
    if column.name in _READ:
        stated = _first(present, "x_TokenType")
        read = f"CASE WHEN billed_meter IS NOT NULL AND {stated} IS NULL THEN {_READ[column.name]} END"
        return f"CAST(coalesce({given}, {read}) AS VARCHAR)"
    if column.name in _PARTS:
        return f"coalesce({given}, {_by_meter(_PARTS[column.name])})"
    if column.name in ("x_CostBasis", "x_Source", "x_ChargeId"):
        own = {
            "x_CostBasis": "'billed'",
            "x_Source": "adapter",
            "x_ChargeId": "left(md5(CAST(record_key AS VARCHAR)), 16)",
        }
        return f"CAST(coalesce({given}, {own[column.name]}) AS VARCHAR)"
    if column.name in _token_columns():
        counted = f"CASE WHEN billed_meter IN ({literals(_token_columns()[column.name])}) THEN tokens END"
        return f"CAST(coalesce(TRY_CAST({given} AS DECIMAL(38, 0)), {counted}) AS BIGINT)"
    fill = _rules()["columns"].get(column.name, {}).get("fill")
    given = _usable(column, given, present)
    if fill:
        given = f"coalesce({given}, CAST({_fill(fill, present)} AS VARCHAR))"
    if column.type == "Decimal":
        precision, scale = column.decimal() or (38, 18)
        return f"TRY_CAST({given} AS DECIMAL({precision}, {scale}))"
    if column.type == "DateTime":
        return f"TRY_CAST({given} AS TIMESTAMPTZ)"
    if column.type == "Integer":
        return f"CAST(TRY_CAST({given} AS DECIMAL(38, 0)) AS BIGINT)"
    return f"CAST({given} AS VARCHAR)"


def _fill(rule: str, present: set[str]) -> str:
    """SQL of what stands in for a column that the row leaves empty."""
    provider = _given(Column("ServiceProviderName", "String", ""), present)
    if rule == "host":
        own = literals(_rules()["own_hosts"])
        return f"CASE WHEN {provider} IN ({own}) THEN {provider} END"
    category = _allowed(load("1.4").column("ServiceCategory"), _given(Column("ServiceCategory", "String", ""), present))
    category = f"coalesce({category}, {_category(present)})"
    return {
        "account": "account_id",
        "service": f"coalesce({_first(present, 'SkuMeter', 'ChargeDescription')}, CAST(service AS VARCHAR))",
        "month_start": "strftime(date_trunc('month', event_time), '%Y-%m-%dT00:00:00Z')",
        "month_end": "strftime(date_trunc('month', event_time) + INTERVAL 1 month, '%Y-%m-%dT00:00:00Z')",
        "frequency": "CASE WHEN category = 'Usage' THEN 'Usage-Based' ELSE 'One-Time' END",
        "category": _category(present),
        "subcategory": "CASE WHEN model IS NOT NULL AND billed_meter IS NOT NULL THEN 'Generative AI' "
        f"ELSE 'Other (' || {category} || ')' END",
    }[rule]


def _usable(column: Column, given: str, present: set[str]) -> str:
    """What the file says, without what FOCUS does not allow and without billing periods of a single day."""
    if column.name in ("ServiceCategory", "ServiceSubcategory"):
        return _allowed(column, given)
    if _rules()["columns"].get(column.name, {}).get("unless") == "a_day":
        start, end = (_first(present, name) for name in ("BillingPeriodStart", "BillingPeriodEnd"))
        day = f"TRY_CAST({end} AS TIMESTAMPTZ) - TRY_CAST({start} AS TIMESTAMPTZ) <= INTERVAL 1 day"
        return f"CASE WHEN NOT coalesce({day}, FALSE) THEN {given} END"
    return given


def _first(present: set[str], *names: str) -> str:
    parts = [_text(n) for n in names if n in present]
    return f"coalesce({', '.join(parts)})" if parts else "NULL"


def _category(present: set[str]) -> str:
    service = f"coalesce({_first(present, 'ServiceName')} IN ({literals(_rules()['ai_services'])}), FALSE)"
    return f"CASE WHEN model IS NOT NULL OR for_models OR {service} THEN 'AI and Machine Learning' ELSE 'Other' END"


def _allowed(column: Column, given: str) -> str:
    """The value where FOCUS allows it, the FOCUS word for a generator's own one, else NULL."""
    words = {**_rules()["categories"]} if column.name == "ServiceCategory" else {}
    cases = " ".join(f"WHEN {given} = {literal(k)} THEN {literal(v)}" for k, v in words.items())
    return f"CASE {cases} WHEN {given} IN ({literals(column.values)}) THEN {given} END"


def _tags(given: str) -> str:
    """A JSON object; `[{Key, Value}]`, as BigQuery and AWS tables hold tags, becomes one."""
    document = f"TRY_CAST({given} AS JSON)"
    items = f"TRY_CAST({document} AS JSON[])"
    keys = f"list_transform({items}, lambda x: coalesce(x ->> '$.Key', x ->> '$.key'))"
    values = f"list_transform({items}, lambda x: coalesce(x ->> '$.Value', x ->> '$.value'))"
    pairs = (
        f"list_filter(list_zip({keys}, {values}), lambda p, i: p[1] IS NOT NULL AND list_position({keys}, p[1]) = i)"
    )
    listed = f"CAST(to_json(map_from_entries({pairs})) AS VARCHAR)"
    return f"CASE json_type({document}) WHEN 'ARRAY' THEN {listed} WHEN 'OBJECT' THEN {given} END"


@cache
def _token_columns() -> dict[str, list[str]]:
    """Token column -> the meters whose tokens it holds."""
    found: dict[str, list[str]] = {}
    for name, meter in meters().items():
        if meter.column:
            found.setdefault(meter.column, []).append(name)
    return found


def _by_meter(attribute: str) -> str:
    groups: dict[str, list[str]] = {}
    for name, meter in meters().items():
        value = getattr(meter, attribute)
        if value is not None:
            groups.setdefault(str(value), []).append(name)
    whens = " ".join(f"WHEN billed_meter IN ({literals(names)}) THEN {literal(v)}" for v, names in groups.items())
    return f"CASE {whens} END"


def _kept_apart(present: Sequence[str], known: set[str], version: str) -> dict[str, str]:
    """Column beside ours -> column of the file: x_ columns of others, and under x_ what has no home in this version."""
    used = {s for name in known for s in _sources(name)}
    found: dict[str, str] = {}
    for name in present:
        if name in known or (name in used and not name.startswith("x_")):
            continue
        kept = name if name.startswith("x_") else f"x_{name}"
        if kept not in known and kept not in found:
            found[kept] = name
    return found


def _money(
    session: Session, where: str, table: str = "focus_source", amount: str = "paid", currency: str = "paid_in"
) -> list[dict[str, str]]:
    rows = session.rows(
        f"SELECT {currency}, CAST(sum({amount}) AS VARCHAR) FROM {table} WHERE {where} GROUP BY 1 ORDER BY 1"
    )
    return [{"currency": str(c), "billed_cost": _plain(str(v))} for c, v in rows]


def _plain(amount: str) -> str:
    return amount.rstrip("0").rstrip(".") if "." in amount else amount


def _counted(session: Session, tests: Mapping[str, str]) -> dict[str, int]:
    """Rows for which each condition holds, without the conditions that never do."""
    if not tests:
        return {}
    sums = ", ".join(f"coalesce(sum(CAST(({sql}) AS INTEGER)), 0)" for sql in tests.values())
    row = session.one(f"SELECT {sums} FROM focus_source")
    return {name: int(n) for name, n in zip(tests, row, strict=True) if n}


def _filled(session: Session, columns: Sequence[Column], present: set[str]) -> list[dict[str, Any]]:
    """Columns whose value comes from elsewhere than the column of the same name, with the rows."""
    tests = {}
    for column in columns:
        entry = _rules()["columns"].get(column.name)
        if entry is None or column.custom:
            continue
        own = _text(column.name) if column.name in present else "NULL"
        own = _usable(column, own, present)
        tests[column.name] = f"({own}) IS NULL AND ({_value(column, present)}) IS NOT NULL"
    return [{"column": name, "rows": n} for name, n in _counted(session, tests).items()]


def _rounded(session: Session, columns: Sequence[Column], present: set[str]) -> list[dict[str, Any]]:
    """Numbers with more decimals than the column keeps."""
    tests = {}
    for column in columns:
        given = _given(column, present)
        if column.type == "Decimal" and given != "NULL":
            digits = f"length(rtrim(regexp_extract({given}, '[.]([0-9]*)', 1), '0'))"
            exponent = f"coalesce(TRY_CAST(regexp_extract({given}, '[eE]([+-]?[0-9]+)', 1) AS INTEGER), 0)"
            tests[column.name] = f"{digits} - {exponent} > {(column.decimal() or (38, 18))[1]}"
    return [{"column": name, "rows": n} for name, n in _counted(session, tests).items()]


def _not_selected(session: Session) -> dict[str, Any]:
    """Rows that were read and left out because only AI spend was asked for, with their money."""
    where = "focus_row IS NOT NULL AND ignored = 'not_ai_spend'"
    rows = session.one(f"SELECT count(*) FROM set_aside WHERE {where}")[0]
    return {"rows": int(rows), "money": _money(session, where, "set_aside", "billed_cost", "currency")}


def _no_home(session: Session, extra: Mapping[str, str]) -> list[dict[str, Any]]:
    """Values without a column in this version: where they are kept and the money of their rows."""
    apart = {kept: name for kept, name in extra.items() if not name.startswith("x_")}
    counted = _counted(session, {kept: f"{_text(name)} IS NOT NULL" for kept, name in apart.items()})
    return [
        {
            "column": apart[kept],
            "kept_as": kept,
            "rows": n,
            "money": _money(session, f"{_text(apart[kept])} IS NOT NULL"),
        }
        for kept, n in counted.items()
    ]
