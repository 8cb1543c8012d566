"""Why a bucket differs: tests in a fixed order, each explaining an exact amount, until the rest is within tolerance.

Table `open` holds the buckets that still differ (`rest`, and `dq`, the quantity that is still missing or too much);
table `causes` collects what was found. Rated + explained + rest = billed in every bucket at any moment. A test reads
`open` and returns n, amount, dq, events, note. Order and meaning of every test: docs/reconcile.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from focus_ai.engine import Session, exact, literal
from focus_ai.money import text

#: What two buckets share when quantity of one stands in the other.
SIBLINGS = "p_from, p_to, currency, channel, account, sub_account"
#: Channels whose bills come later, see `Limits.late_hours_cloud`.
CLOUDS = ("aws_bedrock", "aws_sagemaker", "azure_openai", "azure_ai", "gcp_vertex")


@dataclass(frozen=True)
class Limits:
    """What counts as settled: absolute amount, relative limits, age of a bucket in hours, configured tax rates."""

    absolute: Decimal = Decimal("0.01")
    warn: Decimal = Decimal("0.01")
    breach: Decimal = Decimal("0.02")
    late_hours: int = 48
    late_hours_cloud: int = 72
    invoice_days: int = 5
    tax_rates: tuple[Decimal, ...] = ()


#: From the hunt to the SELECT of what a test explains, see `hit`.
Test = Callable[["Hunt"], str]
#: Instead of a cause: every row of the test says its own, in the column `named`.
NAMED = "*"


@dataclass
class Hunt:
    """One run of the tests over the buckets of a session."""

    session: Session
    limits: Limits
    as_of: datetime

    def __post_init__(self) -> None:
        self.tol = f"CAST({text(self.limits.absolute)} AS DECIMAL(38, 18))"
        self.session.sql(
            "CREATE TABLE causes (step INTEGER, n BIGINT, cause VARCHAR, amount DECIMAL(38, 18), "
            "quantity DECIMAL(38, 9), events BIGINT, note VARCHAR)"
        )
        self.session.sql(
            "CREATE TABLE open AS SELECT *, delta AS rest, CAST(CASE WHEN kind = 'usage' AND "
            "(r_q IS NOT NULL OR r_lines = 0) AND (b_q IS NOT NULL OR b_lines = 0) "
            "THEN coalesce(b_q, 0) - coalesce(r_q, 0) END AS DECIMAL(38, 9)) AS dq, "
            f"{_mean('r_cost', 'r_q')} AS r_mean FROM buckets WHERE delta <> 0 OR r_unpriced > 0"
        )
        self._step = 0

    def test(self, cause: str, query: str, *, settled: bool = False) -> int:
        """Run one test and book what it explains; returns the number of buckets. `settled`: also below tolerance."""
        limit = "rest <> 0" if settled else f"(abs(rest) > {self.tol} OR r_unpriced > 0)"
        self.session.sql(f"CREATE OR REPLACE VIEW o AS SELECT * FROM open WHERE {limit}")
        self.session.sql(f"CREATE OR REPLACE TABLE hits AS {query}")
        found = int(self.session.one("SELECT count(*) FROM hits")[0])
        if not found:
            return 0
        self._step += 1
        self.session.sql(
            f"INSERT INTO causes SELECT {self._step}, n, {_cause(cause)}, amount, dq, events, note FROM hits"
        )
        self.session.sql(
            "CREATE OR REPLACE TABLE open AS SELECT o.* REPLACE ("
            "CAST(o.rest - coalesce(h.amount, 0) AS DECIMAL(38, 18)) AS rest, "
            "CAST(o.dq - coalesce(h.dq, 0) AS DECIMAL(38, 9)) AS dq) FROM open o LEFT JOIN (SELECT n, "
            "CAST(sum(amount) AS DECIMAL(38, 18)) AS amount, CAST(sum(dq) AS DECIMAL(38, 9)) AS dq FROM hits GROUP BY n"
            ") h USING (n)"
        )
        return found


def _cause(cause: str) -> str:
    return "named" if cause == NAMED else literal(cause)


def _mean(cost: str, quantity: str) -> str:
    """SQL of cost / quantity in whole billionths, cut off; only where no single price is known."""
    blocks = f"{exact.whole(f'abs({cost})')} // {exact.whole(f'abs({quantity})')}"
    return (
        f"CASE WHEN {quantity} > 0 AND {cost} > 0 THEN CAST(CAST({blocks} AS DECIMAL(18, 0)) "
        "* CAST(0.000000001 AS DECIMAL(9, 9)) AS DECIMAL(18, 9)) END"
    )


def hit(amount: str, dq: str = "NULL", events: str = "NULL", note: str = "NULL", n: str = "n") -> str:
    """The columns that a test returns."""
    return (
        f"{n} AS n, CAST({amount} AS DECIMAL(38, 18)) AS amount, CAST({dq} AS DECIMAL(38, 9)) AS dq, "
        f"CAST({events} AS BIGINT) AS events, CAST({note} AS VARCHAR) AS note"
    )


def product(quantity: str, price: str) -> str:
    """SQL of an exact product of blocks and unit price."""
    return f"CAST({quantity} AS DECIMAL(19, 9)) * CAST({price} AS DECIMAL(18, 9))"


def late_data(hunt: Hunt) -> str:
    """Young buckets that are billed below what was rated: the rest of the bill is still to come."""
    return f"SELECT {hit('rest', 'dq')} FROM o WHERE kind = 'usage' AND rest < 0 AND {young(hunt.limits, hunt.as_of)}"


def young(limits: Limits, as_of: datetime) -> str:
    """SQL: the bucket is younger than its late-data window."""
    now = f"TIMESTAMP {literal(as_of.strftime('%Y-%m-%d %H:%M:%S'))}"
    clouds = ", ".join(map(literal, CLOUDS))
    hours = f"CASE WHEN channel IN ({clouds}) THEN {limits.late_hours_cloud} ELSE {limits.late_hours} END"
    hours = f"CASE WHEN p_to - p_from >= 28 THEN {limits.invoice_days * 24} ELSE {hours} END"
    return f"CAST(p_to AS TIMESTAMP) + to_hours({hours}) > {now}"


def timezone_shift(hunt: Hunt) -> str:
    """Neighbouring days that take each other's difference back: runs whose sum returns to zero."""
    key = "currency, channel, account, sub_account, model, meter, tier, kind"
    return f"""
        WITH days AS (
          SELECT n, rest, dq, p_from, p_to, hash({key}) AS k,
                 lag(p_to) OVER w AS before
          FROM o WHERE kind = 'usage' AND coalesce(dq, 1) <> 0 AND p_to - p_from = 1
          WINDOW w AS (PARTITION BY {key} ORDER BY p_from)),
        stretches AS (
          SELECT *, sum(CASE WHEN before IS DISTINCT FROM p_from THEN 1 ELSE 0 END)
                    OVER (PARTITION BY k ORDER BY p_from) AS stretch FROM days),
        running AS (
          SELECT *, CAST(sum(rest) OVER (PARTITION BY k, stretch ORDER BY p_from) AS DECIMAL(38, 18)) AS total
          FROM stretches),
        parts AS (
          SELECT *, coalesce(sum(CASE WHEN abs(total) <= {hunt.tol} THEN 1 ELSE 0 END)
                    OVER (PARTITION BY k, stretch ORDER BY p_from ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)
                    AS part FROM running),
        closed AS (
          SELECT *, count(*) OVER p AS days_in, last_value(total) OVER (PARTITION BY k, stretch, part ORDER BY p_from
                    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS ends
          FROM parts WINDOW p AS (PARTITION BY k, stretch, part))
        SELECT {hit("rest", "dq", note="CAST(days_in AS VARCHAR) || ' days'")} FROM closed
        WHERE days_in >= 2 AND abs(ends) <= {hunt.tol}"""


def timezone_pairs(hunt: Hunt) -> str:
    """Two neighbouring days that cancel out, also inside a longer stretch that does not."""
    key = "currency, channel, account, sub_account, model, meter, tier, kind"
    return f"""
        WITH days AS (
          SELECT n, rest, dq, p_from, p_to, hash({key}) AS k,
                 lead(n) OVER w AS after_n, lead(rest) OVER w AS after_rest, lead(dq) OVER w AS after_dq,
                 lead(p_from) OVER w AS after_from
          FROM o WHERE kind = 'usage' AND coalesce(dq, 1) <> 0 AND p_to - p_from = 1
          WINDOW w AS (PARTITION BY {key} ORDER BY p_from)),
        pairs AS (
          SELECT *, row_number() OVER (PARTITION BY k ORDER BY p_from) AS place FROM days
          WHERE after_from = p_to AND abs(rest + after_rest) <= {hunt.tol}),
        runs AS (SELECT *, p_from - CAST(place AS INTEGER) AS run FROM pairs),
        taken AS (SELECT *, row_number() OVER (PARTITION BY k, run ORDER BY p_from) % 2 AS odd FROM runs)
        SELECT {hit("rest", "dq", note="'2 days'")} FROM taken WHERE odd = 1
        UNION ALL SELECT {hit("after_rest", "after_dq", note="'2 days'", n="after_n")} FROM taken WHERE odd = 1"""


def duplicate_events(hunt: Hunt) -> str:
    """Copies of a call that were rated and not billed; never more than the quantity that is missing."""
    whole = "(o.dq IS NULL AND e.cost <= -o.rest) OR e.quantity <= -o.dq"
    part = product("-o.dq", "coalesce(o.r_price, o.r_mean)")
    amount = f"CASE WHEN {whole} THEN -e.cost ELSE -({part}) END"
    return (
        f"SELECT {hit(amount, 'greatest(-e.quantity, o.dq)', 'e.events', n='o.n')} "
        "FROM o JOIN evidence e ON e.n = o.n AND e.cause = 'duplicate_events' "
        f"WHERE o.rest < 0 AND (o.dq < 0 OR (o.dq IS NULL AND e.cost <= -o.rest + {hunt.tol}))"
    )


def retry_billed(hunt: Hunt) -> str:
    """Failed attempts that reached the provider and were billed there although the gateway counted nothing."""
    return (
        f"SELECT {hit('e.cost', 'e.quantity', 'e.events', n='o.n')} FROM o "
        "JOIN evidence e ON e.n = o.n AND e.cause = 'retry_billed' "
        f"WHERE o.rest > 0 AND e.cost <= o.rest + {hunt.tol} AND (o.dq IS NULL OR e.quantity <= o.dq)"
    )


def unmetered_usage(hunt: Hunt) -> str:
    """Billed quantity that nobody metered: calls beside the gateway, failed calls billed for their input."""
    price = "coalesce(r_price, r_mean)"
    why = "CASE WHEN r_price IS NULL AND r_lines > 0 THEN 'mean price' END"
    amount = f"CASE WHEN r_lines = 0 THEN rest ELSE {product('dq', price)} END"
    return (
        f"SELECT {hit(amount, 'dq', note=why)} FROM o "
        f"WHERE kind = 'usage' AND r_unpriced = 0 AND rest > 0 AND (r_lines = 0 OR (dq > 0 AND {price} IS NOT NULL))"
    )


def unpriced(hunt: Hunt) -> str:
    """Usage that the rate card has no price for: all that the bill says about it."""
    return f"SELECT {hit('rest', 'dq')} FROM o WHERE r_unpriced > 0 AND rest > 0 AND kind = 'usage' AND b_lines > 0"


def free_or_credit(hunt: Hunt) -> str:
    """Credit lines, and usage that the bill lists without charging for it."""
    why = "CASE WHEN kind = 'credit' THEN 'credit line' ELSE 'listed, not charged' END"
    return (
        f"SELECT {hit('rest', note=why)} "
        "FROM o WHERE kind = 'credit' OR (kind = 'usage' AND b_lines > 0 AND b_cost = 0 AND rest < 0)"
    )


def tax(hunt: Hunt) -> str:
    """Tax lines; and totals that exceed the net amount by exactly a configured rate."""
    rates = " OR ".join(
        f"abs(rest - CAST(r_cost AS DECIMAL(27, 9)) * CAST({text(rate)} AS DECIMAL(9, 6))) <= {hunt.tol}"
        for rate in hunt.limits.tax_rates
    )
    total = f" OR (kind = 'usage' AND meter IS NULL AND r_lines > 0 AND rest > 0 AND ({rates}))" if rates else ""
    return f"SELECT {hit('rest')} FROM o WHERE kind = 'tax'{total}"


def purchase(hunt: Hunt) -> str:
    """Money paid for credits, seats or commitments: no usage stands against it."""
    return f"SELECT {hit('rest')} FROM o WHERE kind = 'purchase'"


def rounding(hunt: Hunt) -> str:
    """Half a printed unit per billed line: the bill was rounded, the rated side was not."""
    halves = "WHEN 2 THEN 0.005 WHEN 4 THEN 0.00005 WHEN 6 THEN 0.0000005 WHEN 9 THEN 0.0000000005 ELSE 0"
    half = f"CAST(CASE places {halves} END AS DECIMAL(10, 10))"
    return (
        f"SELECT {hit('rest')} FROM o WHERE r_lines > 0 AND b_lines > 0 "
        f"AND abs(rest) <= CAST(b_lines AS DECIMAL(12, 0)) * {half}"
    )


__all__ = ["Hunt", "Limits", "Test", "hit", "product", "young"]
