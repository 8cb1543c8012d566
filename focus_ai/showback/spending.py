"""Spend by day, team, product and model, and everything that is a share of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from focus_ai.engine import Session, ident, literal
from focus_ai.money import share, total
from focus_ai.showback.dataset import Dataset
from focus_ai.showback.exact import ZERO, less, ratio, shifted
from focus_ai.showback.series import Point, points

UNATTRIBUTED = "Unattributed"
DIMENSIONS = ("team", "product", "model")
_INPUT = "('input', 'input_audio', 'input_image', 'input_video')"


def name_of(dimension: str) -> str:
    """SQL of the shown name of a group of `spend`: nobody's spend is Unattributed, a nameless model unknown."""
    empty = {"model": "(no model)", "provider": "unknown", "environment": "unknown"}.get(dimension, UNATTRIBUTED)
    return f"coalesce({ident(dimension)}, {literal(empty)})"


def costs(
    session: Session, currency: str, dimension: str | None = None, *, long: bool | None = None
) -> dict[str, dict[date, Decimal]]:
    """Name -> day -> cost; the name is empty for the total. `long`: only (or no) charges for more than a day."""
    only = "" if long is None else f"AND long = {long}"
    name = name_of(dimension) if dimension else "''"
    found: dict[str, dict[date, Decimal]] = {}
    for key, day, cost in session.rows(
        f"SELECT {name} AS name, day, sum(cost) FROM spend WHERE currency = {literal(currency)} {only} GROUP BY ALL "
        "ORDER BY name, day"
    ):
        found.setdefault(str(key), {})[day] = cost
    return found


def daily(session: Session, currency: str, days: Sequence[date]) -> dict[str, Any]:
    """The total and every team, product and model by day with the moving average; the dearest first."""
    result: dict[str, Any] = {"total": _points(points(costs(session, currency).get("", {}), days))}
    for dimension in DIMENSIONS:
        groups = costs(session, currency, dimension)
        ordered = sorted(groups, key=lambda n: (-total(groups[n].values()), n))
        whole = total(total(groups[n].values()) for n in ordered)
        result[dimension] = [
            {"name": n, "cost": total(groups[n].values()), "share": share(total(groups[n].values()), whole),
             "days": _points(points(groups[n], days))} for n in ordered
        ]  # fmt: skip
    return result


def _points(found: Sequence[Point]) -> list[dict[str, Any]]:
    return [{"day": p.day.isoformat(), "cost": p.cost, "average": p.average} for p in found]


def shared(session: Session, currency: str, whole: Decimal) -> dict[str, Any]:
    """Shared cost: which rule split how much to whom, and what each team pays directly and as its share."""
    where = f"currency = {literal(currency)}"
    # All shares of one rule and team have equal weights within a month, mostly in the whole data set.
    methods = session.dicts(
        f"SELECT method, {name_of('team')} AS team, sum(cost) AS cost, "
        "CASE WHEN count(DISTINCT details) = 1 THEN max(details) END AS details FROM chosen "
        f"WHERE {where} AND method IS NOT NULL GROUP BY ALL ORDER BY method, cost DESC, team",
    )  # fmt: skip
    allocated = total(row["cost"] for row in methods)
    teams = session.dicts(
        f"SELECT {name_of('team')} AS team, coalesce(sum(cost) FILTER (method IS NULL), 0) AS direct, "
        f"coalesce(sum(cost) FILTER (method IS NOT NULL), 0) AS shared, sum(cost) AS cost FROM spend WHERE {where} "
        "GROUP BY ALL ORDER BY cost DESC, team",
    )  # fmt: skip
    return {
        "cost": allocated, "share": share(allocated, whole),
        "methods": [
            {**{k: row[k] for k in ("method", "team", "cost")}, "share": share(row["cost"], allocated),
             "weights": _weights(row["details"])} for row in methods
        ], "teams": teams,
    }  # fmt: skip


def _weights(details: str | None) -> list[dict[str, Any]]:
    """The elements of AllocatedMethodDetails as ratio, unit and quantity (of text); none when rows differ."""
    try:
        elements = json.loads(details, parse_float=str, parse_int=str)["Elements"] if details else []
        return [
            {"ratio": e["AllocatedRatio"], "unit": e.get("UsageUnit"), "quantity": e.get("UsageQuantity")}
            for e in elements
        ]
    except (ValueError, TypeError, KeyError, AttributeError):
        return []  # written by others, and not in the shape that FOCUS asks for


def unattributed(session: Session, currency: str, days: Sequence[date], limit: int, whole: Decimal) -> dict[str, Any]:
    """Spend without a team by day, why, and its age: how many days the oldest of it has stood without an owner."""
    nobody = f"currency = {literal(currency)} AND team IS NULL"
    by_day = {d: c for d, c in session.rows(f"SELECT day, sum(cost) FROM spend WHERE {nobody} GROUP BY day")}  # noqa: C416
    every = costs(session, currency).get("", {})
    open_days = [day for day in days if by_day.get(day)]
    as_of = days[-1] if days else None
    old = [day for day in open_days if as_of and (as_of - day).days >= limit]
    reasons = session.dicts(
        f"SELECT coalesce(reason, 'not said') AS reason, sum(cost) AS cost FROM spend WHERE {nobody} "
        "GROUP BY ALL ORDER BY cost DESC, reason",
    )  # fmt: skip
    cost = total(by_day.values())
    return {
        "cost": cost, "share": share(cost, whole),
        "oldest_day": open_days[0].isoformat() if open_days else None,
        "age_days": (as_of - open_days[0]).days if open_days and as_of else None,
        "limit_days": limit, "older_than_limit": total(by_day[day] for day in old),
        "reasons": reasons,
        "days": [
            {"day": day.isoformat(), "cost": by_day.get(day, ZERO),
             "share": share(by_day.get(day, ZERO), every.get(day, ZERO))}
            for day in days
        ],
    }  # fmt: skip


def environments(session: Session, currency: str) -> dict[str, Any]:
    """Spend by environment, and evaluation as a part of production."""
    found = session.dicts(
        f"SELECT {name_of('environment')} AS name, sum(cost) AS cost FROM spend "
        f"WHERE currency = {literal(currency)} GROUP BY ALL ORDER BY cost DESC, name",
    )  # fmt: skip
    by_name = {row["name"]: row["cost"] for row in found}
    production, evaluation = by_name.get("production", ZERO), by_name.get("evaluation", ZERO)
    return {
        "environments": found, "evaluation": evaluation, "production": production,
        "evaluation_per_production": share(evaluation, production) if production else None,
    }  # fmt: skip


def caching(data: Dataset, currency: str) -> dict[str, Any]:
    """Cached share of the input and what caching saved: cached tokens at the fresh price of the same SKU, less what
    they cost, less what writes cost above fresh input. Tokens whose fresh price no row states are counted apart."""
    if not data.has("x_TokenType", "ConsumedQuantity"):
        return {"known": False, "why": "the rows do not say which tokens were cached (x_TokenType)"}
    session, where = data.session, f"c.currency = {literal(currency)}"
    swapped = "regexp_replace(c.sku_price, '/(cache_read|cache_write[a-z0-9_]*)(#|$)', '/input\\2')"
    session.sql(
        f"CREATE OR REPLACE TABLE cached AS SELECT c.model, c.token_type LIKE 'cache_read%' AS is_read, "
        "c.tokens, c.cost, "
        "CASE WHEN d.prices = 1 THEN d.price WHEN a.prices = 1 THEN a.price END AS fresh FROM "
        f"(SELECT *, {swapped} AS fresh_sku FROM chosen c WHERE {where} AND tokens IS NOT NULL "
        "AND (token_type LIKE 'cache_read%' OR token_type LIKE 'cache_write%')) c "
        "LEFT JOIN unit_prices d ON d.sku = c.fresh_sku AND d.day = c.day AND d.currency = c.currency "
        "LEFT JOIN (SELECT sku, currency, max(price) AS price, count(DISTINCT price) AS prices FROM unit_prices "
        "GROUP BY ALL) a ON a.sku = c.fresh_sku AND a.currency = c.currency"
    )
    paid = "fresh IS NOT NULL THEN CAST(tokens AS DECIMAL(20, 0)) * fresh END"
    found = session.dicts(
        f"""WITH input AS (SELECT {name_of("model")} AS name,
              coalesce(sum(tokens) FILTER (token_type IN {_INPUT}), 0) AS fresh,
              coalesce(sum(tokens) FILTER (token_type LIKE 'cache_read%'), 0) AS read,
              coalesce(sum(tokens) FILTER (token_type LIKE 'cache_write%'), 0) AS written
              FROM spend WHERE currency = {literal(currency)} GROUP BY ALL),
            worth AS (SELECT {name_of("model")} AS name,
              sum(CASE WHEN is_read AND {paid}) AS read_fresh,
              coalesce(sum(CASE WHEN is_read AND fresh IS NOT NULL THEN cost END), 0) AS read_cost,
              sum(CASE WHEN NOT is_read AND {paid}) AS write_fresh,
              coalesce(sum(CASE WHEN NOT is_read AND fresh IS NOT NULL THEN cost END), 0) AS write_cost,
              coalesce(sum(CASE WHEN fresh IS NULL THEN tokens END), 0) AS unknown FROM cached GROUP BY ALL)
            SELECT i.*, w.* EXCLUDE (name) FROM input i LEFT JOIN worth w USING (name)
            WHERE i.fresh + i.read + i.written > 0 ORDER BY i.read DESC, i.name""",
    )
    models = []
    for row in found:
        read = less(shifted(row["read_fresh"] or ZERO, -6), row["read_cost"] or ZERO)
        write = less(row["write_cost"] or ZERO, shifted(row["write_fresh"] or ZERO, -6))
        models.append({
            "name": row["name"], "input_tokens": int(row["fresh"]), "cached_tokens": int(row["read"]),
            "written_tokens": int(row["written"]),
            "cached_share": share(row["read"], row["fresh"] + row["read"] + row["written"]),
            "saved_by_reads": read, "paid_for_writes": write, "saved": less(read, write),
            "tokens_without_fresh_price": int(row["unknown"] or 0),
        })  # fmt: skip
    fresh, read = sum(m["input_tokens"] for m in models), sum(m["cached_tokens"] for m in models)
    written = sum(m["written_tokens"] for m in models)
    return {
        "known": True, "cached_share": share(read, fresh + read + written),
        "saved": total(m["saved"] for m in models),
        "tokens_without_fresh_price": sum(m["tokens_without_fresh_price"] for m in models), "models": models,
    }  # fmt: skip


def batch(data: Dataset, currency: str, whole: Decimal) -> dict[str, Any]:
    """Money that ran as batch."""
    if not data.has("x_ProcessingTier"):
        return {"known": False, "why": "the rows do not say how a call was processed (x_ProcessingTier)"}
    found = data.session.dicts(
        "SELECT coalesce(tier, 'unknown') AS name, sum(cost) AS cost FROM spend "
        f"WHERE currency = {literal(currency)} GROUP BY ALL ORDER BY cost DESC, name",
    )  # fmt: skip
    cost = total(row["cost"] for row in found if row["name"] == "batch")
    return {"known": True, "cost": cost, "share": share(cost, whole), "tiers": found}


def efficiency(session: Session, currency: str) -> list[dict[str, Any]]:
    """Per model: cost per million tokens and per thousand requests, output per input, cached share."""
    where = f"currency = {literal(currency)}"
    requests = {
        str(name): int(number or 0)
        for name, number in session.rows(
            f"SELECT {name_of('model')}, sum(requests) FROM calls WHERE {where} GROUP BY 1"
        )
    }
    found = session.dicts(
        f"SELECT {name_of('model')} AS name, sum(cost) AS cost, coalesce(sum(tokens), 0) AS tokens, "
        f"coalesce(sum(tokens) FILTER (token_type IN {_INPUT} OR token_type LIKE 'cache%'), 0) AS input, "
        "coalesce(sum(tokens) FILTER (token_type LIKE 'output%'), 0) AS output, "
        "coalesce(sum(tokens) FILTER (token_type LIKE 'cache_read%'), 0) AS cached "
        f"FROM spend WHERE {where} GROUP BY ALL ORDER BY cost DESC, name",
    )  # fmt: skip
    return [
        {
            "name": row["name"], "cost": row["cost"], "tokens": int(row["tokens"]),
            "requests": requests.get(row["name"], 0),
            "cost_per_million_tokens": ratio(shifted(row["cost"], 6), row["tokens"]),
            "cost_per_thousand_requests": ratio(shifted(row["cost"], 3), requests.get(row["name"], 0)),
            "output_per_input": ratio(row["output"], row["input"]), "cached_share": share(row["cached"], row["input"]),
        } for row in found
    ]  # fmt: skip


def unit_costs(session: Session, currency: str) -> dict[str, list[dict[str, Any]]]:
    """Cost per thousand requests of every team, product and model with requests."""
    where = f"currency = {literal(currency)}"
    result: dict[str, list[dict[str, Any]]] = {}
    for dimension in DIMENSIONS:
        requests: Mapping[str, int] = {
            str(name): int(number or 0) for name, number in session.rows(
                f"SELECT {name_of(dimension)}, sum(requests) FROM calls WHERE {where} GROUP BY 1")
        }  # fmt: skip
        found = session.dicts(
            f"SELECT {name_of(dimension)} AS name, sum(cost) AS cost FROM spend WHERE {where} GROUP BY ALL "
            "ORDER BY cost DESC, name",
        )  # fmt: skip
        result[dimension] = [
            {"name": row["name"], "cost": row["cost"], "requests": requests.get(row["name"], 0),
             "cost_per_thousand_requests": ratio(shifted(row["cost"], 3), requests.get(row["name"], 0))}
            for row in found
        ]  # fmt: skip
    return result
