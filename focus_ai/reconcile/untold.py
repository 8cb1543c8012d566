"""Rated rows that a usage export tells nothing of: a log sees other sellers, accounts and days too.

A bill is the whole of what a period costs; a usage export is the whole of what it speaks of only: its channels, their
accounts and sub accounts as far as both sides name one, from its first day to its last. What was metered beside that is
no difference (cause and status `untold`), and a split leaves it as it was rated. What was metered within it and is not
in it goes: the export is what the seller counted. In: `buckets`, and for a split `rated_rows` and `billed_rows` (with
the same columns where a row stays).
"""

from __future__ import annotations

from decimal import Decimal

from focus_ai.engine import Session
from focus_ai.engine.exact import whole
from focus_ai.reconcile.buckets import Sums, money
from focus_ai.reconcile.causes import Hunt, hit

#: Models that a note names.
_NAMED = 5


def create_untold(session: Session) -> None:
    """Table `untold` (n, channel, model, stays): buckets that the export has no line of. What it tells nothing of
    `stays` as it was rated."""
    session.sql(
        """CREATE OR REPLACE TABLE untold AS
        WITH told AS (SELECT channel, account, sub_account, min(p_from) AS first, max(p_to) AS after FROM buckets
                      WHERE kind = 'usage' AND b_lines > 0 GROUP BY ALL)
        SELECT n, channel, model, NOT EXISTS (
          SELECT 1 FROM told t WHERE t.channel IS NOT DISTINCT FROM b.channel
          AND b.p_from < t.after AND b.p_to > t.first
          AND coalesce(t.account = b.account, TRUE) AND coalesce(t.sub_account = b.sub_account, TRUE)) AS stays
        FROM buckets b WHERE b_lines = 0"""
    )


def any_stays(session: Session) -> bool:
    """Whether rated rows stay as they are."""
    return bool(session.rows("SELECT 1 FROM untold WHERE stays LIMIT 1"))


def untold(_: Hunt) -> str:
    """The test of the cause `untold`."""
    return f"SELECT {hit('rest', 'dq')} FROM o SEMI JOIN (SELECT n FROM untold WHERE stays) USING (n)"


def add_untold(session: Session) -> tuple[Sums, list[str]]:
    """Add the rated rows that stay to `billed_rows`; returns their money by currency, and what stays in words."""
    stayed: Sums = {}
    notes = []
    for channel, rows, _, sums in _sums(session, "stays"):
        notes.append(
            f"{channel}: {rows} rated rows that the usage export tells nothing of stay as they are: {money(sums)}"
        )
        for currency, cost in sums.items():
            stayed[currency] = stayed.get(currency, Decimal(0)) + cost
    last = "(SELECT coalesce(max(seq), 0) FROM billed_rows)"
    session.sql(
        f"INSERT INTO billed_rows BY NAME SELECT * REPLACE (seq + {last} AS seq) FROM rated_rows "
        "SEMI JOIN (SELECT n FROM untold WHERE stays) USING (n)"
    )
    return stayed, notes


def gone(session: Session) -> list[str]:
    """What was metered in the time of the usage export and is not in it under any name (`split_moved`), in words."""
    notes = []
    moved = "SELECT n FROM split_moved"
    session.sql(
        "CREATE OR REPLACE TEMP VIEW split_parts AS SELECT n FROM (SELECT n, sum(amount) AS amount FROM split_moved "
        f"GROUP BY n) JOIN (SELECT n, sum({whole('quantity')}) AS seen FROM rated_rows SEMI JOIN ({moved}) USING (n) "
        "GROUP BY n) USING (n) WHERE amount < seen"
    )
    for chosen, are, most in (
        (f"n NOT IN ({moved})", "are not", ""),
        ("n IN (FROM split_parts)", "are only in part", "up to "),
    ):
        for channel, rows, models, sums in _sums(session, f"NOT stays AND {chosen}"):
            of = f" of {', '.join(models[:_NAMED])}{', ...' * (len(models) > _NAMED)}" if models else ""
            notes.append(
                f"{channel}: {rows} rated rows{of} {are} in the usage export of their days, so {most}{money(sums)} is "
                "in no row; give the exports of all endpoints"
            )
    session.sql("DROP VIEW split_parts")
    session.sql("DROP TABLE untold")
    return notes


def _sums(session: Session, chosen: str) -> list[tuple[str, int, list[str], Sums]]:
    """Channel, rows, models and money of the rated rows of these buckets."""
    found: dict[str, tuple[int, list[str], Sums]] = {}
    for channel, currency, models, rows, cost in session.rows(
        "SELECT channel, BillingCurrency, list(DISTINCT model ORDER BY model) FILTER (model IS NOT NULL), count(*), "
        "CAST(sum(EffectiveCost) AS DECIMAL(38, 18)) FROM rated_rows "
        f"JOIN (SELECT * FROM untold WHERE {chosen}) USING (n) GROUP BY 1, 2 ORDER BY 1, 2"
    ):
        count, named, sums = found.get(channel, (0, [], {}))
        found[channel] = (count + rows, sorted({*named, *(models or [])}), {**sums, currency: cost})
    return [(channel, *held) for channel, held in found.items()]


__all__ = ["add_untold", "any_stays", "create_untold", "gone", "untold"]
