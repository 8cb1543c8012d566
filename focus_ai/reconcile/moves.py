"""Quantity that stands on one meter, tier or model on the rated side and on another one of the bill.

A move leaves one bucket short and its sibling over by the same quantity. Without quantities on the bill the amounts
must fit: short amount x price of the sibling = over amount x price of the short one, compared without division.
"""

from __future__ import annotations

from focus_ai.reconcile.causes import SIBLINGS, Hunt, hit, product

WRITES = "('cache_write', 'cache_write_5m', 'cache_write_30m', 'cache_write_1h', 'cache_write_12h')"
# A meter that only one side has keeps its tier where the other side names none.
TIER = "coalesce(a.tier = b.tier, TRUE)"


def same(*names: str) -> str:
    """SQL: two buckets `a` and `b` are siblings and have these names in common too."""
    return " AND ".join(f"a.{n} IS NOT DISTINCT FROM b.{n}" for n in (*SIBLINGS.split(", "), *names))


def _moved(pair: str, siblings: str, note: str) -> str:
    """SQL of the two sides of every move: `a` is short, `b` is over. `pair` says which buckets can be siblings."""
    counted = "a.dq < 0 AND b.dq > 0"
    b_price = "coalesce(b.r_price, b.r_mean, b.b_price_min, k.price)"
    fits = (
        "(a.dq IS NULL OR b.dq IS NULL) AND coalesce(a.r_price, a.r_mean) IS NOT NULL "
        "AND coalesce(b.r_price, b.r_mean, k.price) IS NOT NULL AND abs("
        "CAST(a.rest AS DECIMAL(19, 9)) * coalesce(b.r_price, b.r_mean, k.price) + "
        "CAST(b.rest AS DECIMAL(19, 9)) * coalesce(a.r_price, a.r_mean)) <= 0.01 * coalesce(a.r_price, a.r_mean)"
    )
    quantity = "CAST(CASE WHEN a.dq < 0 AND b.dq > 0 THEN least(-a.dq, b.dq) END AS DECIMAL(38, 9))"
    return f"""
        WITH pairs AS (
          SELECT a.n AS a_n, b.n AS b_n, a.rest AS a_rest, b.rest AS b_rest, a.dq AS a_dq, b.dq AS b_dq,
                 a.b_lines AS a_billed, b.r_lines AS b_rated, a.meter, a.tier, a.model, b.meter AS to_meter,
                 b.tier AS to_tier, b.model AS to_model,
                 coalesce(a.r_price, a.r_mean) AS a_price, {b_price} AS b_price, {quantity} AS q
          FROM o a JOIN o b ON {siblings} AND {pair} AND a.n <> b.n
          LEFT JOIN class_prices k ON k.channel IS NOT DISTINCT FROM b.channel AND k.model = b.model
            AND k.meter = b.meter AND k.tier IS NOT DISTINCT FROM b.tier
          WHERE a.kind = 'usage' AND b.kind = 'usage' AND ((a.rest < 0 AND b.rest > 0) OR a.r_unpriced > 0)
            AND (({counted}) OR ({fits}))),
        firsts AS (
          SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY a_n ORDER BY q DESC, b_n) AS ra,
                                row_number() OVER (PARTITION BY b_n ORDER BY q DESC, a_n) AS rb FROM pairs)
          WHERE ra = 1 AND rb = 1),
        sized AS (
          SELECT *,
            CASE WHEN q IS NULL OR (q = -a_dq AND a_billed = 0) THEN a_rest ELSE -({product("q", "a_price")}) END
              AS a_amount,
            CASE WHEN q IS NULL OR (q = b_dq AND b_rated = 0) THEN b_rest ELSE {product("q", "b_price")} END
              AS b_amount FROM firsts)
        SELECT {hit("a_amount", "-q", note=note, n="a_n")} FROM sized
        WHERE a_amount IS NOT NULL AND b_amount IS NOT NULL
        UNION ALL SELECT {hit("b_amount", "q", note=note, n="b_n")} FROM sized
        WHERE a_amount IS NOT NULL AND b_amount IS NOT NULL"""


def cached_as_fresh(hunt: Hunt) -> str:
    """Rated as fresh input, billed as a cache read."""
    return _moved(
        f"a.meter = 'input' AND b.meter = 'cache_read' AND {TIER}", same("model"), "'input billed as cache_read'"
    )


def cache_ttl(hunt: Hunt) -> str:
    """Cache writes of another lifetime than rated."""
    return _moved(
        f"a.meter IN {WRITES} AND b.meter IN {WRITES} AND a.meter <> b.meter AND {TIER}", same("model"),
        "meter || ' billed as ' || to_meter",
    )  # fmt: skip


def batch_discount(hunt: Hunt) -> str:
    """Rated at the price of immediate answers, billed as batch."""
    return _moved(
        "b.tier = 'batch' AND coalesce(a.tier, 'standard') <> 'batch'", same("model", "meter"),
        "coalesce(tier, 'standard') || ' billed as batch'",
    )  # fmt: skip


def service_tier(hunt: Hunt) -> str:
    """Billed on another service tier than rated."""
    return _moved(
        "a.tier <> b.tier", same("model", "meter"), "tier || ' billed as ' || to_tier"
    )  # fmt: skip


def wrong_model(hunt: Hunt) -> str:
    """The same quantity on every meter, under another model name: a name that moved, or one the card does not know."""
    siblings = same("meter", "tier")
    group = ", ".join(f"a.{n}" for n in SIBLINGS.split(", "))
    named = "CASE WHEN a_unpriced THEN 'alias_unmapped' ELSE 'wrong_model' END AS named"
    return f"""
        WITH pairs AS (
          SELECT a.n AS a_n, b.n AS b_n, a.rest AS a_rest, b.rest AS b_rest, a.dq AS a_dq, b.dq AS b_dq,
                 a.model AS from_model, b.model AS to_model, a.r_unpriced > 0 AS a_unpriced,
                 hash({group}) AS g, coalesce(a.r_price, a.r_mean) AS a_price,
                 coalesce(b.r_price, b.r_mean, b.b_price_min) AS b_price, a.b_lines AS a_billed, b.r_lines AS b_rated
          FROM o a JOIN o b ON {siblings} AND a.model IS DISTINCT FROM b.model
          WHERE a.kind = 'usage' AND b.kind = 'usage' AND a.dq < 0 AND b.dq = -a.dq),
        shorts AS (
          SELECT hash({group}) AS g, model AS from_model, count(*) AS meters FROM o a
          WHERE kind = 'usage' AND dq < 0 GROUP BY ALL),
        whole AS (
          SELECT p.g, p.from_model, p.to_model FROM (
            SELECT g, from_model, to_model, count(*) AS meters FROM pairs GROUP BY g, from_model, to_model) p
          JOIN shorts s ON s.g = p.g AND s.from_model IS NOT DISTINCT FROM p.from_model WHERE p.meters >= s.meters),
        kept AS (
          SELECT p.* FROM pairs p SEMI JOIN (
            SELECT g, from_model, min(to_model) AS to_model FROM whole GROUP BY g, from_model HAVING count(*) = 1) w
          ON p.g = w.g AND p.from_model IS NOT DISTINCT FROM w.from_model
             AND p.to_model IS NOT DISTINCT FROM w.to_model),
        sized AS (
          SELECT *, {named},
            'rated as ' || coalesce(from_model, '?') || ', billed as ' || coalesce(to_model, '?') AS why,
            CASE WHEN a_billed = 0 THEN a_rest ELSE {product("a_dq", "a_price")} END AS a_amount,
            CASE WHEN b_rated = 0 THEN b_rest ELSE {product("b_dq", "b_price")} END AS b_amount FROM kept)
        SELECT {hit("a_amount", "a_dq", note="why", n="a_n")}, named FROM sized
        UNION ALL SELECT {hit("b_amount", "b_dq", note="why", n="b_n")}, named FROM sized"""


def cache_double_count(hunt: Hunt) -> str:
    """Input that was counted with the cache tokens of the same group a second time."""
    cached = (
        f"SELECT {SIBLINGS}, model, tier, CAST(sum(r_cache_read + r_cache_write_5m + r_cache_write_1h) "
        f"AS DECIMAL(38, 9)) AS held FROM buckets WHERE kind = 'usage' GROUP BY ALL"
    )
    group = " AND ".join(f"c.{n} IS NOT DISTINCT FROM o.{n}" for n in (*SIBLINGS.split(", "), "model", "tier"))
    return (
        f"SELECT {hit(product('-c.held', 'coalesce(o.r_price, o.r_mean)'), '-c.held', n='o.n')} FROM o "
        f"JOIN ({cached}) c ON {group} WHERE o.meter = 'input' AND c.held > 0 AND o.rest < 0 AND (o.dq = -c.held OR "
        f"(o.dq IS NULL AND abs(o.rest + {product('c.held', 'coalesce(o.r_price, o.r_mean)')}) <= {hunt.tol}))"
    )


__all__ = ["batch_discount", "cache_double_count", "cache_ttl", "cached_as_fresh", "service_tier", "wrong_model"]
