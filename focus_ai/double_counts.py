"""Spend that may stand twice in the rows: usage beside bills that are not known to hold it, deliveries of one bill.

In: the rows of a run and its records. Out: warnings. What is known to be one spend was counted once before
(`usage.carriers`); here nothing is set aside any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from focus_ai.adapters.staged import Staged
from focus_ai.engine import Session, literals
from focus_ai.focus.places import UNSPECIFIED
from focus_ai.pipeline import Rated
from focus_ai.usage.redelivered import delivered_again
from focus_ai.warned import Warned, sized


def double_counts(session: Session, relation: str, rated: Rated, staged: Sequence[Staged]) -> Iterator[Warned]:
    """A warning per seller and currency whose rated rows meet billed ones, and per currency of bills that were given in
    two deliveries. `relation`: the rows of the run."""
    for row in delivered_again(session, rated.duplicates.said, staged, rated.carriers.billed):
        yield sized(
            "delivered_again", f"{row['one']} and {row['other']} are deliveries of one bill, and lines of it stand in "
            "both with other ids or amounts: they count twice; give only the newest delivery of a month", row,
        )  # fmt: skip
    if session.one("SELECT bool_or(rated) AND bool_or(billed) FROM row_totals")[0] is not True:
        return
    for row in _of_one_seller(session, relation, rated):
        yield sized(
            "possible_double_count", f"{row['p']} has rated usage and billed lines for the same days "
            f"({row['days']}): the bill may hold the same spend; give one of the two, or split the bill later", row,
        )  # fmt: skip
    for row in _of_another_seller(session, relation, rated):
        yield sized(
            "possible_double_count", f"the seller {row['p']} was read off the model, and {row['others']} billed the "
            f"same models on the same days ({row['days']}): the bill may hold the same spend; name the seller with "
            "provider in [exports.ADAPTER] of the settings, or give one of the two", row,
        )  # fmt: skip


def _of_one_seller(session: Session, relation: str, rated: Rated) -> list[dict[str, Any]]:
    """Rated money of sellers and days for which a bill counts too, from exports that are not known to be one spend."""
    sums = (
        "sums AS (SELECT InvoiceIssuerName AS p, BillingAccountId AS account, CAST(ChargePeriodStart AS DATE) AS day, "
        "BillingCurrency AS currency, bool_or(x_CostBasis = 'billed') AS held, count(*) FILTER (x_CostBasis = 'rated') "
        f"AS n, sum(EffectiveCost) FILTER (x_CostBasis = 'rated') AS e FROM {relation} GROUP BY ALL), "
        "days AS (SELECT *, bool_or(held) OVER (PARTITION BY p, day) AS billed FROM sums)"
    )
    total = "CAST(sum(n) AS BIGINT) AS n, sum(e) AS e FROM days"
    if rated.carried:
        return session.dicts(
            f"WITH {sums} SELECT p, currency, count(DISTINCT day) AS days, {total} "
            "WHERE billed AND n > 0 GROUP BY p, currency ORDER BY p, currency"
        )
    # Rows of a month hold days with a bill and days without: the records tell whether a day has both. The bill of one
    # account does not hold what another account of the provider used, where both exports say whose they are.
    family = "money_family" if "money_family" in rated.present else "CAST(NULL AS VARCHAR)"
    aside = f"CASE WHEN kind = 'billed' THEN {rated.carriers.billed} ELSE {rated.carriers.usage} END"
    return session.dicts(
        "WITH seen AS (SELECT DISTINCT CAST(l.issuer AS VARCHAR) AS p, CAST(l.account_id AS VARCHAR) AS account, kind, "
        f"family, CAST(e.event_time AS DATE) AS day FROM (SELECT event_time, kind, {family} AS family, "
        f"{rated.place_hash} AS place_hash FROM events WHERE NOT ({aside})) e JOIN places l "
        "USING (place_hash)), met AS (SELECT DISTINCT u.p, u.account, u.day FROM seen u "
        "JOIN seen b ON b.p = u.p AND b.day = u.day WHERE u.kind = 'usage' AND b.kind = 'billed' "
        "AND NOT (u.family IS NOT NULL AND u.family IS NOT DISTINCT FROM b.family "
        f"AND u.account <> b.account AND '{UNSPECIFIED}' NOT IN (u.account, b.account))), {sums} "
        "SELECT p, currency, any_value((SELECT count(DISTINCT day) FROM met m WHERE m.p = days.p)) AS days, "
        f"{total} SEMI JOIN met USING (p, account) WHERE billed AND n > 0 GROUP BY p, currency ORDER BY p, currency"
    )


def _of_another_seller(session: Session, relation: str, rated: Rated) -> list[dict[str, Any]]:
    """Rated money of models and days that another seller billed, where the records do not say who sold the tokens."""
    if "flags" not in rated.present or "provider" not in rated.present:
        return []
    guessed = [str(name) for (name,) in session.rows(
        "SELECT DISTINCT provider FROM events WHERE kind = 'usage' AND provider IS NOT NULL "
        f"AND contains(coalesce(flags, ''), 'provider_inferred') AND NOT ({rated.carriers.usage}) ORDER BY 1"
    )]  # fmt: skip
    if not guessed:
        return []
    return session.dicts(
        "WITH days AS (SELECT InvoiceIssuerName AS p, x_ModelId AS model, "
        "split_part(SkuId, '/', 1) AS seller, "
        "CAST(ChargePeriodStart AS DATE) AS day, BillingCurrency AS currency, x_CostBasis AS basis, count(*) AS n, "
        f"sum(EffectiveCost) AS e FROM {relation} WHERE x_ModelId IS NOT NULL GROUP BY ALL), "
        "met AS (SELECT u.*, (SELECT string_agg(DISTINCT b.p, ', ' ORDER BY b.p) FROM days b WHERE b.basis = 'billed' "
        "AND b.model = u.model AND b.day = u.day AND b.p <> u.p) AS others FROM days u WHERE u.basis = 'rated' "
        f"AND u.seller IN ({literals(guessed)})) "
        "SELECT p, others, currency, count(DISTINCT day) AS days, CAST(sum(n) AS BIGINT) AS n, sum(e) AS e FROM met "
        "WHERE others IS NOT NULL GROUP BY p, others, currency ORDER BY ALL",
    )  # fmt: skip
