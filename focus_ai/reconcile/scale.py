"""Rated rows scaled to their bill: what an invoice charges for a month is spread over the rated rows of that month.

For bills with a discount that no line of them can be given to. In: `rated_rows`, `billed_rows` (the columns of the data
set, `seq`, `n`) and `buckets`. Out: table `scaled_rows`. Quantities, unit prices, ListCost and ContractedCost stay as
they were rated; BilledCost and EffectiveCost are shares of the bill by the rated EffectiveCost, largest remainder at 18
places, so that they add up to it. Tax and purchases stay rows of the bill, and so does what no rated row can take.
"""

from __future__ import annotations

from collections.abc import Mapping

from focus_ai.engine import Session, ident
from focus_ai.engine.exact import cost, divided, largest_remainder, whole
from focus_ai.money import text
from focus_ai.reconcile.buckets import money

#: Lines of a bill that are spread.
_KINDS = "('usage', 'credit', 'adjustment')"
_NAMED = 10


def create_scaled(session: Session, columns: Mapping[str, str]) -> list[str]:
    """Create `scaled_rows` (the columns, `part`, `seq`); returns what was spread over what, in words."""
    session.sql(
        "CREATE OR REPLACE TABLE scale_buckets AS SELECT n, kind, currency, p_from, p_to, b_lines, "
        "dense_rank() OVER (ORDER BY currency, channel, account, strftime(p_from, '%Y-%m')) AS g, "
        "concat_ws(' ', channel, account, strftime(p_from, '%Y-%m'), currency) AS name FROM buckets"
    )
    session.sql(
        "CREATE OR REPLACE TABLE scale_bills AS SELECT g, sum(r.EffectiveCost) AS effective, "
        "sum(r.BilledCost) AS billed, CASE WHEN count(DISTINCT r.InvoiceId) = 1 THEN min(r.InvoiceId) END AS invoice, "
        "min(b.p_from) FILTER (b.kind = 'usage') AS first, max(b.p_to) FILTER (b.kind = 'usage') AS after "
        f"FROM billed_rows r JOIN scale_buckets b USING (n) WHERE b.kind IN {_KINDS} GROUP BY g"
    )
    session.sql(
        f"CREATE OR REPLACE TABLE scale_rows AS SELECT r.seq, g, coalesce(r.x_ChargeId, '') AS key, "
        f"{whole('r.EffectiveCost')} AS w FROM rated_rows r JOIN scale_buckets b USING (n) "
        "JOIN scale_bills i USING (g) WHERE b.kind = 'usage' AND b.p_from >= i.first AND b.p_to <= i.after"
    )
    session.sql(
        "CREATE OR REPLACE TABLE scale_groups AS SELECT i.*, CAST(t.total AS HUGEINT) AS total FROM scale_bills i "
        "JOIN (SELECT g, sum(w) AS total FROM scale_rows GROUP BY g) t USING (g) WHERE t.total > 0"
    )
    largest = int(session.one("SELECT coalesce(max(total), 1) FROM scale_groups")[0])
    for name in ("effective", "billed"):
        session.sql(f"CREATE OR REPLACE TABLE scale_{name} AS {_spread(name, largest)}")
    session.sql(f"CREATE OR REPLACE TABLE scaled_rows AS {_rows(columns)}")
    notes = _notes(session)
    for table in ("buckets", "bills", "rows", "groups", "effective", "billed"):
        session.sql(f"DROP TABLE scale_{table}")
    return notes


def _spread(name: str, largest: int) -> str:
    """SELECT of the share of every rated row in one amount of its bill."""
    rows = (
        f"SELECT r.*, t.total, sign({whole('t.' + name)}) AS sign, abs({whole('t.' + name)}) AS units "
        "FROM scale_rows r JOIN scale_groups t USING (g)"
    )
    part = largest_remainder("q", "r", "w", "key, seq", "units", "g")
    return f"SELECT seq, {cost('sign * part')} AS amount FROM (SELECT seq, sign, {part} AS part FROM (" \
           f"{divided(rows, 'units', 'w', 'total', largest)}))"  # fmt: skip


def _rows(columns: Mapping[str, str]) -> str:
    """SELECT of the scaled rows and of the lines of the bill that stay."""
    new = {
        "EffectiveCost": "e.amount", "BilledCost": "b.amount", "x_CostBasis": "'adjusted'",
        "InvoiceId": "coalesce(r.InvoiceId, t.invoice)",
    }  # fmt: skip
    held = "PricingCurrencyEffectiveCost"
    if held in columns:
        # In another pricing currency there is no bill to add up to: the amount follows the scaled one.
        new[held] = (
            f"CASE WHEN r.{held} = r.EffectiveCost THEN e.amount WHEN r.{held} IS NULL OR r.EffectiveCost = 0 "
            f"THEN r.{held} ELSE f.amount END"
        )
    chosen = ", ".join(f"{new.get(n, f'r.{ident(n)}')} AS {ident(n)}" for n in columns)
    plain = ", ".join(f"r.{ident(n)}" for n in columns)
    scaled = (
        f"SELECT {chosen}, 1 AS part, r.seq FROM rated_rows r JOIN scale_rows s USING (seq) "
        "JOIN scale_groups t USING (g) JOIN scale_effective e USING (seq) JOIN scale_billed b USING (seq) "
    )
    if held in columns:
        scaled += f"LEFT JOIN ({_foreign(held)}) f USING (seq)"
    stays = (
        f"SELECT {plain}, 2 AS part, r.seq FROM billed_rows r JOIN scale_buckets k USING (n) "
        f"WHERE k.kind NOT IN {_KINDS} OR k.g NOT IN (SELECT g FROM scale_groups)"
    )
    return f"{scaled} UNION ALL {stays}"


def _foreign(held: str) -> str:
    """SELECT of an amount in another currency, scaled like the EffectiveCost of its row and rounded down."""
    rows = (
        f"SELECT r.seq, {whole('r.' + held)} AS foreign_units, {whole('r.EffectiveCost')} AS own, "
        f"{whole('e.amount')} AS scaled FROM rated_rows r JOIN scale_effective e USING (seq) "
        f"WHERE r.{held} <> r.EffectiveCost AND r.EffectiveCost <> 0"
    )
    rows = (
        "SELECT seq, sign(foreign_units) * sign(own) * sign(scaled) AS sign, abs(foreign_units) AS foreign_units, "
        f"abs(own) AS own, abs(scaled) AS scaled FROM ({rows})"
    )
    return f"SELECT seq, {cost('sign * q')} AS amount FROM ({divided(rows, 'foreign_units', 'scaled', 'own', 10**29)})"


def _notes(session: Session) -> list[str]:
    found = session.rows(
        "SELECT any_value(b.name), any_value(t.effective), any_value(w.total) FROM scale_groups t "
        "JOIN scale_buckets b USING (g) JOIN (SELECT g, sum(r.EffectiveCost) AS total FROM rated_rows r "
        "JOIN scale_rows s USING (seq) GROUP BY g) w USING (g) WHERE t.effective <> w.total GROUP BY t.g ORDER BY t.g"
    )
    notes = [
        f"{name}: {text(effective)} of the bill spread over {text(rated)} rated"
        for name, effective, rated in found[:_NAMED]
    ]
    if len(found) > _NAMED:
        notes.append(f"and {len(found) - _NAMED} more bills that were spread")
    count, sums = _summed(
        session,
        "SELECT k.currency, count(*), sum(r.EffectiveCost) FROM rated_rows r JOIN scale_buckets k USING (n) "
        "WHERE r.seq NOT IN (SELECT seq FROM scale_rows JOIN scale_groups USING (g)) GROUP BY 1",
    )
    if count:
        notes.append(f"{count} rated rows with {sums} stand outside the bill and are left out")
    count, sums = _summed(
        session,
        "SELECT k.currency, count(*), sum(r.EffectiveCost) FROM billed_rows r JOIN scale_buckets k USING (n) "
        f"WHERE k.kind IN {_KINDS} AND k.g NOT IN (SELECT g FROM scale_groups) GROUP BY 1",
    )
    if count:
        notes.append(f"{count} billed rows with {sums} have no rated cost beside them and stay as they are")
    return notes


def _summed(session: Session, query: str) -> tuple[int, str]:
    """Rows, and their sums by currency in words, of a query for currency, count and sum."""
    found = session.rows(query)
    return sum(n for _, n, _ in found), money({currency: amount for currency, _, amount in found})


__all__ = ["create_scaled"]
