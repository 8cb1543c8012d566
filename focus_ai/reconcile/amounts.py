"""Causes that are read off the amounts: the bill fits another price of the card, digit for digit (to half a cent).

Every test compares products, never ratios: quantity x (other price - rated price) against what is left to explain.
"""

from __future__ import annotations

from decimal import Decimal

from focus_ai.engine import literal
from focus_ai.money import CTX, text
from focus_ai.reconcile.causes import Hunt, Test, hit, product

_PRICED = "coalesce(o.r_price, o.r_mean)"


def alternative(cause: str, *, near: bool = False) -> Test:
    """A test of one cause: the whole bucket was billed at another price of the card."""

    def test(hunt: Hunt) -> str:
        boundary = (
            "((a.day_from IS NOT NULL AND abs(o.p_from - a.day_from) <= 2) OR "
            "(a.day_to IS NOT NULL AND abs(a.day_to - o.p_from) <= 2))"
        )
        days = boundary if near else (
            "(a.day_from IS NULL OR a.day_from < o.p_to) AND (a.day_to IS NULL OR a.day_to > o.p_from)"
        )  # fmt: skip
        difference = product("o.qty", f"(a.price - {_PRICED})")
        above = product("o.b_above", f"(a.price - {_PRICED})")
        parts = "o.b_above > 0 AND o.b_above < o.qty" if cause == "context_tier" else "FALSE"
        return f"""
            SELECT {hit("any_value(rest)", note="min(why)")} FROM (
              SELECT o.n, o.rest, a.why FROM {_open()} o JOIN alternatives a ON a.cause = {literal(cause)}
                AND a.channel = o.channel AND a.model = o.model AND a.meter = o.meter
                AND a.tier IS NOT DISTINCT FROM o.tier
              WHERE o.kind = 'usage' AND o.r_lines > 0 AND o.b_lines > 0 AND coalesce(o.dq, 0) = 0
                AND {_PRICED} IS NOT NULL AND a.price <> {_PRICED} AND {days}
                AND (abs(o.rest - {difference}) <= {_slack()}
                     OR ({parts} AND abs(o.rest - {above}) <= {_slack()})))
            GROUP BY n"""

    return test


def _slack() -> str:
    """How far amounts may be apart: half a printed unit per billed line, at least half a cent's hundredth."""
    return "greatest(0.00005, 0.005 * CAST(CASE WHEN places = 2 THEN b_lines ELSE 0 END AS DECIMAL(12, 0)))"


def _open() -> str:
    return "(SELECT *, coalesce(b_q, r_q) AS qty FROM o)"


def batch_half(hunt: Hunt) -> str:
    """Half of the rated cost, whatever price the rated side used: the usual discount of batch work."""
    return f"""SELECT {hit("rest", note="'half of the rated cost'")} FROM o WHERE kind = 'usage' AND r_cost > 0
        AND b_lines > 0 AND coalesce(dq, 0) = 0 AND coalesce(tier, 'standard') <> 'batch'
        AND abs(rest * 2 + r_cost) <= 2 * {_slack()}"""


def tier_double(hunt: Hunt) -> str:
    """Twice the rated cost: a priority tier that the card does not list."""
    return f"""SELECT {hit("rest", note="'twice the rated cost'")} FROM o WHERE kind = 'usage' AND r_cost > 0
        AND b_lines > 0 AND coalesce(dq, 0) = 0 AND abs(rest - r_cost) <= {_slack()}"""


def geo_tenth(hunt: Hunt) -> str:
    """Ten per cent above the rated cost: the usual uplift of a regional endpoint."""
    return f"""SELECT {hit("rest", note="'1.1 times the rated cost'")} FROM o WHERE kind = 'usage' AND r_cost > 0
        AND b_lines > 0 AND coalesce(dq, 0) = 0 AND abs(rest * 10 - r_cost) <= 10 * {_slack()}"""


def other_model(hunt: Hunt) -> str:
    """Equal quantities at the prices of another model, on at least two meters of the model."""
    difference = product("o.qty", f"(m.price - {_PRICED})")
    why = "'prices of ' || b.other || CASE WHEN others > 1 THEN ' (and ' || (others - 1) || ' more)' ELSE '' END"
    return f"""
        WITH fits AS (
          SELECT o.n, o.rest, o.p_from, o.p_to, o.currency, o.channel, o.account, o.sub_account, o.model, o.tier,
                 o.meter, m.model AS other
          FROM {_open()} o JOIN model_prices m ON m.channel = o.channel AND m.meter = o.meter
          WHERE o.kind = 'usage' AND o.r_lines > 0 AND o.b_lines > 0 AND coalesce(o.dq, 0) = 0
            AND {_PRICED} IS NOT NULL AND m.price <> {_PRICED} AND abs(o.rest - {difference}) <= {_slack()}),
        key AS (SELECT *, hash(p_from, p_to, currency, channel, account, sub_account, model, tier) AS g FROM fits),
        models AS (SELECT g, other, count(DISTINCT meter) AS meters FROM key GROUP BY ALL
                   HAVING count(DISTINCT meter) >= 2),
        ranked AS (SELECT *, max(meters) OVER (PARTITION BY g) AS most FROM models),
        best AS (SELECT g, min(other) AS other, count(*) AS others FROM ranked WHERE meters = most GROUP BY g)
        SELECT {hit("k.rest", note=why, n="k.n")}
        FROM key k JOIN best b ON k.g = b.g AND k.other = b.other"""


def _classes(meter: str) -> str:
    return (
        "(SELECT channel, model, tier, "
        + ", ".join(
            f"max(price) FILTER (meter = '{name}') AS p_{name}"
            for name in ("input", "cache_read", "cache_write_5m", "cache_write_1h")
        )
        + f" FROM class_prices WHERE meter <> {literal(meter)} GROUP BY channel, model, tier)"
    )


def _aggregated(hunt: Hunt, quantity: str, difference: str, note: str) -> str:
    """A test on buckets whose meters are added up: the rest is a quantity of the record times a price difference."""
    amount = product(quantity, difference)
    return f"""SELECT {hit("rest", note=literal(note))} FROM o JOIN {_classes("")} k
        ON k.channel = o.channel AND k.model = o.model AND k.tier IS NOT DISTINCT FROM o.tier
        WHERE o.kind = 'usage' AND o.meter IS NULL AND {quantity} > 0 AND {difference} IS NOT NULL
        AND abs(o.rest - ({amount})) <= {_slack()}"""


def fresh_total(hunt: Hunt) -> str:
    """Cached input at the price of fresh input, in a total over meters."""
    return _aggregated(
        hunt, "greatest(o.b_cache_read, o.r_cache_read)", "(k.p_cache_read - k.p_input)", "cached input rated as fresh"
    )


def double_total(hunt: Hunt) -> str:
    """Cache tokens also counted as fresh input, in a total over meters."""
    return _aggregated(
        hunt, "(o.r_cache_read + o.r_cache_write_5m + o.r_cache_write_1h)", "(-k.p_input)", "cache tokens counted twice"
    )


def ttl_total(hunt: Hunt) -> str:
    """Cache writes of one hour at the price of five minutes, in a total over meters."""
    return _aggregated(
        hunt, "greatest(o.r_cache_write_5m, o.b_cache_write_1h)", "(k.p_cache_write_1h - k.p_cache_write_5m)",
        "one-hour writes rated as five minutes",
    )  # fmt: skip


def contract_rate(hunt: Hunt) -> None:
    """One constant discount or markup over the buckets of an account; found from its dearest bucket."""
    session = hunt.session
    session.sql(
        "CREATE OR REPLACE TABLE contract_base AS SELECT o.n, o.currency, o.channel, o.account, o.rest, o.places, "
        "o.b_lines, CAST(o.b_cost - o.rest AS DECIMAL(27, 9)) AS rated FROM open o "
        "WHERE kind = 'usage' AND r_lines > 0 AND b_lines > 0 AND r_unpriced = 0 AND o.b_cost - o.rest > 0"
    )
    rows = session.rows(
        "SELECT currency, channel, account, arg_max(rest, rated), max(rated), count(*) FROM contract_base "
        f"WHERE abs(rest) > {hunt.tol} GROUP BY ALL HAVING count(*) >= 3 ORDER BY ALL"
    )
    parts = []
    for currency, channel, account, rest, rated, _ in rows:
        for places in (2, 3, 4, 6):
            share = CTX.quantize(CTX.divide(Decimal(rest), Decimal(rated)), Decimal(1).scaleb(-places))
            same = (
                f"currency = {literal(currency)} AND channel IS NOT DISTINCT FROM {literal(channel)} "
                f"AND account IS NOT DISTINCT FROM {literal(account)}"
            )
            fits = f"abs(rest - rated * CAST({text(share)} AS DECIMAL(9, 6))) <= greatest({hunt.tol}, {_slack()})"
            good, every = session.one(f"SELECT count(*) FILTER ({fits}), count(*) FROM contract_base WHERE {same}")
            if share and good >= 3 and good * 5 >= every * 4:
                why = f"bill = rated x {text(CTX.add(Decimal(1), share))}; add a contract multiplier"
                parts.append(
                    f"SELECT {hit('rest', note=literal(why))} FROM contract_base WHERE {same} AND {fits} AND rest <> 0"
                )
                break
    if parts:
        hunt.test("contract_rate", " UNION ALL ".join(parts), settled=True)


def fx(hunt: Hunt) -> str:
    """The bill used the exchange rate of another day: amount x own rate = rated x other rate."""
    return f"""
        WITH own AS (SELECT o.n, o.p_from, arg_max(f.rate, f.day) AS used FROM o JOIN fx_days f ON f.day <= o.p_from
                     GROUP BY ALL),
        fits AS (SELECT o.n, any_value(o.rest) AS rest, min(f.day) AS day FROM o JOIN own w ON w.n = o.n
                 JOIN fx_days f ON abs(f.day - o.p_from) <= 45 AND f.rate <> w.used
                 WHERE o.kind = 'usage' AND o.r_cost > 0 AND o.b_lines > 0 AND coalesce(o.dq, 0) = 0
                   AND abs(CAST(o.b_cost AS DECIMAL(20, 9)) * w.used
                           - CAST(o.b_cost - o.rest AS DECIMAL(20, 9)) * f.rate)
                       <= w.used * {_slack()}
                 GROUP BY o.n)
        SELECT {hit("rest", note="'rate of ' || CAST(day AS VARCHAR)")} FROM fits"""
