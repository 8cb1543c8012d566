"""Quantity that was metered under another meter or tier than the second side counts it, with its owners.

A log that does not know cached tokens meters them as fresh input: too much stands there, and on the cache reads nobody.
What stands over is shared to its sibling of the same stretch of days, account and model, where nothing at all was
metered, before a share says that nobody did. A sibling that was metered too is known to the log: what it lacks went
past it. In: `split_seen`, `split_amounts`, `split_owners` (see `weights`) and `buckets`. Out: the amounts with what was
moved, and table `split_moved` (n, to_n, amount in billionths).
"""

from __future__ import annotations

from focus_ai.engine import Session
from focus_ai.engine.exact import divided, largest_remainder, plain, whole
from focus_ai.reconcile.causes import SIBLINGS
from focus_ai.reconcile.moves import TIER, WRITES, same

#: Which two buckets may stand for each other, in their order.
_MOVES = (
    f"{same('model')} AND {TIER} AND a.meter = 'input' AND b.meter = 'cache_read'",
    f"{same('model')} AND {TIER} AND a.meter IN {WRITES} AND b.meter IN {WRITES}",
    f"{same('model', 'meter')} AND a.tier IS DISTINCT FROM b.tier",
)


def share_moved(session: Session) -> list[str]:
    """Add to `split_amounts` what its siblings hold too much of; returns what moved, in words."""
    session.sql("CREATE OR REPLACE TABLE split_moved (n BIGINT, to_n BIGINT, amount HUGEINT)")
    session.sql(
        "CREATE OR REPLACE TABLE split_metered AS SELECT n, oid, "
        f"greatest({whole('quantity')}, 0) AS amount, sum(amount) OVER (PARTITION BY n)::HUGEINT AS seen "
        "FROM split_seen QUALIFY bool_and(counted) OVER (PARTITION BY n)"
    )
    for siblings in _MOVES:
        while _move(session, siblings):
            pass  # a bucket gives to one sibling at a time
    session.sql(
        "CREATE OR REPLACE TABLE split_amounts AS SELECT n, oid, bool_and(counted) AS counted, "
        "CAST(sum(amount) AS HUGEINT) AS amount FROM split_amounts GROUP BY n, oid"
    )
    for table in ("split_metered", "split_open", "split_pairs"):
        session.sql(f"DROP TABLE {table}")
    return [
        f"{channel}: {quantity} x {unit} of {to} were metered as {here}; they are shared like those"
        for channel, here, to, unit, quantity in session.rows(_SAID)
    ]


def _move(session: Session, siblings: str) -> bool:
    """Share what the first of two siblings has too much of to the second; False when there is nothing left to share."""
    session.sql(f"CREATE OR REPLACE TABLE split_open AS {_OPEN}")
    session.sql(
        "CREATE OR REPLACE TABLE split_pairs AS SELECT * FROM (SELECT a.n, b.n AS to_n, "
        "least(a.spare, -b.spare) AS amount FROM split_open a JOIN split_open b "
        f"ON {siblings} WHERE a.spare > 0 AND b.spare < 0 AND b.r_lines = 0) "
        "QUALIFY row_number() OVER (PARTITION BY n ORDER BY amount DESC, to_n) = 1 "
        "AND row_number() OVER (PARTITION BY to_n ORDER BY amount DESC, n) = 1"
    )
    largest = session.one("SELECT max(seen) FROM split_pairs JOIN split_metered USING (n)")[0]
    if largest is None:
        return False
    rows = (
        "SELECT p.to_n, p.amount AS units, m.oid, m.amount AS w, m.seen, o.key FROM split_pairs p "
        "JOIN split_metered m USING (n) JOIN split_owners o USING (oid) WHERE m.amount > 0"
    )
    part = largest_remainder("q", "r", "w", "key", "units", "to_n")
    session.sql(
        f"INSERT INTO split_amounts SELECT to_n, oid, TRUE, CAST({part} AS HUGEINT) "
        f"FROM ({divided(rows, 'units', 'w', 'seen', int(largest))})"
    )
    session.sql("INSERT INTO split_moved SELECT n, to_n, amount FROM split_pairs")
    return True


#: What a bucket has too much of (above zero) or lacks, after what was moved so far, in billionths of its unit.
_OPEN = f"""
    SELECT {SIBLINGS}, model, meter, tier, r_lines, b.n, CAST(coalesce(m.seen, 0) - coalesce({whole("b_q")}, 0)
      - coalesce(o.amount, 0) + coalesce(i.amount, 0) AS HUGEINT) AS spare
    FROM buckets b LEFT JOIN (SELECT DISTINCT n, seen FROM split_metered) m USING (n)
    LEFT JOIN (SELECT n, sum(amount) AS amount FROM split_moved GROUP BY n) o USING (n)
    LEFT JOIN (SELECT to_n AS n, sum(amount) AS amount FROM split_moved GROUP BY to_n) i USING (n)
    WHERE kind = 'usage' AND meter IS NOT NULL AND (b_lines = 0 OR b_q IS NOT NULL)
      AND (r_lines = 0 OR m.seen IS NOT NULL)"""
_SAID = (
    f"SELECT channel, here, there, unit, {plain('CAST(sum(amount) AS HUGEINT)', 9)} FROM (SELECT b.channel, b.unit, "
    "CASE WHEN a.meter <> b.meter THEN a.meter ELSE a.meter || ' / ' || coalesce(a.tier, '?') END AS here, "
    "CASE WHEN a.meter <> b.meter THEN b.meter ELSE b.meter || ' / ' || coalesce(b.tier, '?') END AS there, m.amount "
    "FROM split_moved m JOIN buckets a ON a.n = m.n JOIN buckets b ON b.n = m.to_n) "
    "GROUP BY channel, here, there, unit ORDER BY channel, here, there, unit"
)

__all__ = ["share_moved"]
