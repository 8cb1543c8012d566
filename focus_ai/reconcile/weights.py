"""Weights of a split bill, for all buckets at once: who used how much of every billed bucket, as exact whole numbers.

In: `rated_rows` (owner columns, `n`, `quantity`, `EffectiveCost`), `buckets`, and `split_units` (unit, its size, its
name as JSON). Out: `split_owners` (oid, owner fields, reason) and `split_weights` (n, oid, pos, w, details): what every
owner gets of every bucket, the largest first. Whole numbers of 128 bits throughout: quantities in billionths, costs in
10^-18; ratios are divided digit by digit (a million at a time), so that no product leaves them.
"""

from __future__ import annotations

from collections.abc import Sequence

from focus_ai.engine import Session, literal
from focus_ai.engine.exact import STEP, largest_remainder, plain, whole
from focus_ai.reconcile.buckets import BILL
from focus_ai.reconcile.moved import share_moved

#: Largest sum of the weights of one bucket.
LARGEST = 10**18
UNMETERED = "unmetered_usage"
NO_OWNER = "no_owner"


def create_owners(session: Session, fields: Sequence[str], columns: Sequence[str]) -> None:
    """Tables `split_seen` (n, oid, counted, quantity, cost) and `split_owners`.

    `fields` name the owner and `columns` hold it, in one order. Without the first one nobody is named.
    """
    owner = ", ".join(columns)
    session.sql(
        f"CREATE OR REPLACE TABLE split_rows AS SELECT n, {owner}, bool_and(quantity IS NOT NULL) AS counted, "
        "coalesce(sum(quantity), 0) AS quantity, greatest(sum(EffectiveCost), 0) AS cost "
        f"FROM rated_rows GROUP BY n, {owner}"
    )
    named = ", ".join(
        f"CASE WHEN {columns[0]} IS NOT NULL THEN {c} END AS {f}" for f, c in zip(fields, columns, strict=True)
    )
    reason = f"CASE WHEN {columns[0]} IS NULL THEN {literal(NO_OWNER)} END AS reason"
    words = f"'{fields[0]}=' || {fields[0]}" + "".join(f" || coalesce('/{f}=' || {f}, '')" for f in fields[1:])
    rest = ", ".join(f"NULL AS {f}" for f in fields)
    session.sql(
        "CREATE OR REPLACE TABLE split_owners AS SELECT CAST(row_number() OVER (ORDER BY key) AS INTEGER) AS oid, * "
        f"FROM (SELECT *, coalesce({words}, '~' || reason) AS key FROM ("
        f"SELECT DISTINCT {named}, {reason} FROM split_rows UNION "
        f"SELECT {rest}, {literal(UNMETERED)} AS reason))"
    )
    same = " AND ".join(f"o.{f} IS NOT DISTINCT FROM r.{f}" for f in fields)
    session.sql(
        "CREATE OR REPLACE TABLE split_seen AS SELECT r.n, o.oid, bool_and(counted) AS counted, "
        "CAST(sum(quantity) AS DECIMAL(38, 9)) AS quantity, CAST(sum(cost) AS DECIMAL(38, 18)) AS cost "
        f"FROM (SELECT n, counted, quantity, cost, {named}, {reason} FROM split_rows) r "
        f"JOIN split_owners o ON {same} AND o.reason IS NOT DISTINCT FROM r.reason GROUP BY r.n, o.oid"
    )
    session.sql("DROP TABLE split_rows")


def create_weights(session: Session, other: str = BILL) -> list[str]:
    """Create `split_weights`; returns in words what was metered above the `other` side, or under another name.

    Weights are quantities where bill and usage count, else rated costs. What was metered under another meter or tier
    takes its owners along (`split_moved`). What nobody metered is a share of its own, and so is everything where
    nothing was seen at all. A sum below zero (refunds) takes no share.
    """
    session.sql(
        "CREATE OR REPLACE TABLE split_buckets AS SELECT b.n, b.unit, "
        f"CASE WHEN b.meter IS NOT NULL AND coalesce(s.counted, TRUE) THEN {whole('b.b_q')} END AS billed "
        "FROM buckets b LEFT JOIN (SELECT n, bool_and(counted) AS counted FROM split_seen GROUP BY n) s USING (n) "
        "WHERE b.kind = 'usage' AND b.b_lines > 0"
    )
    session.sql(
        "CREATE OR REPLACE TABLE split_amounts AS SELECT n, oid, billed IS NOT NULL AS counted, greatest("
        f"CASE WHEN billed IS NOT NULL THEN {whole('s.quantity')} ELSE {whole('s.cost')} END, 0) AS amount "
        "FROM split_seen s JOIN split_buckets USING (n)"
    )
    notes = share_moved(session)
    nobody = f"(SELECT oid FROM split_owners WHERE reason = {literal(UNMETERED)})"
    session.sql(
        f"""CREATE OR REPLACE TABLE split_rest AS
        SELECT n, {nobody} AS oid, billed > 0 AND seen - moved > billed AS over, billed > 0 AS counted,
               CASE WHEN billed > 0 THEN greatest(billed - seen, 0) WHEN seen = 0 THEN 1 ELSE 0 END AS amount
        FROM (SELECT n, billed, CAST(coalesce(seen, 0) AS HUGEINT) AS seen, CAST(coalesce(moved, 0) AS HUGEINT) AS moved
              FROM split_buckets LEFT JOIN (SELECT n, sum(amount) AS seen FROM split_amounts GROUP BY n) USING (n)
              LEFT JOIN (SELECT n, sum(amount) AS moved FROM split_moved GROUP BY n) USING (n))"""
    )
    over = int(session.one("SELECT count(*) FROM split_rest WHERE over")[0])
    if over:
        what = f"{over} buckets were metered above the {other}"
        notes.append(f"{what}: their shares were scaled down (over_count)")
    session.sql(f"CREATE OR REPLACE TABLE split_weights AS {_weights()}")
    for table in ("split_seen", "split_buckets", "split_amounts", "split_rest"):
        session.sql(f"DROP TABLE {table}")
    return notes


def _weights() -> str:
    """SELECT of the weights: ratios of twelve places for the details, whole numbers for the split."""
    level = (
        "SELECT n, oid, counted, amount FROM split_amounts WHERE amount > 0 "
        "UNION ALL SELECT n, oid, counted, amount FROM split_rest WHERE amount > 0"
    )
    # Whole numbers in the smallest terms: most sums are small then, and nothing has to be rounded.
    whole = (
        "SELECT n, list_reduce(list(amount), lambda a, b: gcd(a, b)) AS divisor, sum(amount) AS total "
        f"FROM ({level}) GROUP BY n"
    )
    level = (
        "SELECT a.n, a.oid, a.counted, a.amount, a.amount // t.divisor AS v, CAST(t.total AS HUGEINT) // t.divisor AS "
        f"whole, o.key, k.unit FROM ({level}) a JOIN ({whole}) t USING (n) JOIN split_owners o USING (oid) "
        "JOIN split_buckets k USING (n)"
    )
    level = f"SELECT *, (v * {STEP}) // whole AS d1, (v * {STEP}) % whole AS m1 FROM ({level})"
    level = f"SELECT *, (m1 * {STEP}) // whole AS d2, (m1 * {STEP}) % whole AS m2 FROM ({level})"
    level = f"SELECT *, (m2 * {STEP}) // whole AS d3, (m2 * {STEP}) % whole AS m3 FROM ({level})"
    twelve, eighteen = f"d1 * {STEP} + d2", f"(d1 * {STEP} + d2) * {STEP} + d3"
    level = (
        f"SELECT *, {_parts(twelve, 'm2', 10**12)} AS ratio, "
        f"CASE WHEN whole <= {LARGEST} THEN v ELSE {_parts(eighteen, 'm3', LARGEST)} END AS w FROM ({level})"
    )
    return (
        "SELECT n, oid, CAST(row_number() OVER (PARTITION BY n ORDER BY w DESC, key) AS BIGINT) AS pos, "
        f"CAST(w AS BIGINT) AS w, {_details()} AS details FROM ({level}) l JOIN split_units u "
        "ON u.unit IS NOT DISTINCT FROM l.unit WHERE w > 0"
    )


def _parts(floor: str, remainder: str, total: int) -> str:
    return largest_remainder(floor, remainder, "v", "key", str(total), "n")


def _details() -> str:
    """SQL of AllocatedMethodDetails: the ratio, and the usage behind it where it was counted."""
    ratio = plain("ratio", 12)
    used = "',\"UsageUnit\":' || u.name || ',\"UsageQuantity\":' || " + plain("(amount * u.size)", 9)
    return f"'{{\"Elements\":[{{\"AllocatedRatio\":' || {ratio} || CASE WHEN counted THEN {used} ELSE '' END || '}}]}}'"


__all__ = ["LARGEST", "NO_OWNER", "UNMETERED", "create_owners", "create_weights"]
