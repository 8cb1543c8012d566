"""What a person should look at after a run, each with its size in records and money; part of OUT/run.json.

In: the state of the engine after the rows are written. Out: entries with a code, a sentence and amounts as exact text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Mapping as MappingType
from datetime import datetime, timedelta
from typing import Any

from focus_ai import words
from focus_ai.adapters.staged import Staged
from focus_ai.engine import Session
from focus_ai.errors import misspelt
from focus_ai.focus.places import UNSPECIFIED, unmet_accounts
from focus_ai.ownership.attach import sums_over_a_change
from focus_ai.pipeline import Rated, summary
from focus_ai.report import amount
from focus_ai.settings import Settings
from focus_ai.usage.units import tokens_sql

# Clocks of two machines may differ by less; a time zone taken for another is at least half an hour off.
_SLACK = timedelta(minutes=15)


def changed(names: Iterable[str]) -> list[dict[str, Any]]:
    """A warning for each input that somebody wrote to while it was read."""
    message = "the file changed while it was read: records may be missing, and its sha256 may be of other bytes; " \
              "convert it again when nothing writes to it"  # fmt: skip
    return [
        {"code": "changed_while_read", "message": f"{name}: {message}", "records": None, "money": None}
        for name in names
    ]


def warnings(
    session: Session, relation: str, rated: Rated, staged: Sequence[Staged], now: datetime,
    settings: Settings,
) -> list[dict[str, Any]]:  # fmt: skip
    """What a person should look at, each with its size in records and money. `now` is the time of the run."""
    found: list[dict[str, Any]] = []

    def add(code: str, message: str, row: MappingType[str, Any] | None = None, records: int | None = None) -> None:
        entry = {"code": code, "message": message, "records": records, "money": None}
        # Money of two currencies makes two warnings.
        found.append(entry if row is None else entry | {
            "records": row["n"], "money": amount(row["e"]), "currency": row["currency"],
        })  # fmt: skip

    for source in staged:
        for reject in source.rejects:
            if reject.row is None:
                add(reject.reason, f"{source.source}: {words.means('rejected', reject.reason, 'the file is damaged')}")
        if source.read == 0 and not source.rejects:
            add("no_records", f"{source.source}: the file holds no record")
    if relation:
        for row in summary(
            session, "SELECT InvoiceIssuerName AS p, BillingCurrency AS currency, count(*) AS n, "
            f"sum(EffectiveCost) AS e FROM {relation} WHERE BillingAccountId = '{UNSPECIFIED}' "
            "GROUP BY 1, 2 ORDER BY 1, 2"
        ):  # fmt: skip
            add("account_unspecified", f"the billing account of {row['p']} is not known; name it in focus-ai.toml "
                "[accounts] or with --account", row)  # fmt: skip
        for name, meant in unmet_accounts(session, settings):
            close = sorted(n for n in meant if misspelt(name, [n])) or meant
            add("account_without_records", f"no record is of the account {name} of the settings or of --account; "
                f"the records have {', '.join(close[:3])}")  # fmt: skip
        for row in summary(session, "SELECT a, currency, count(*) AS n, sum(e) AS e FROM (SELECT EffectiveCost AS e, "
                           "BillingCurrency AS currency, "
                           f"unnest(string_split(x_PriceAssumptions, ',')) AS a FROM {relation} "
                           "WHERE x_PriceAssumptions IS NOT NULL) GROUP BY 1, 2 ORDER BY 1, 2"):  # fmt: skip
            if row["a"] not in _SILENT:
                add(f"price_assumption:{row['a']}", words.means("assumptions", row["a"], _ITS_OWN), row)
    if relation:
        for row in _also_billed(session, relation):
            add("possible_double_count", f"{row['p']} has rated usage and billed lines for the same days "
                f"({row['days']}): the bill may hold the same spend; give one of the two, or split the bill later",
                row)  # fmt: skip
    if "flags" in rated.present:
        for flag, number in session.rows(
            "SELECT f, count(*) FROM (SELECT unnest(string_split(flags, ',')) AS f FROM events "
            "WHERE flags IS NOT NULL) GROUP BY 1 ORDER BY 1"
        ):
            add(f"quality:{flag}", words.means("quality", flag, "a quality flag of the records"), records=int(number))
    if number := _later_than(session, now + _SLACK):
        add("time_in_the_future", "usage after this run; look at the time zone that the export writes, or at the clock "
            "that stamped it", records=number)  # fmt: skip
    if "bucket_end" in rated.present:
        aside = f"(kind = 'usage' AND ({rated.carriers.usage})) OR (kind = 'billed' AND ({rated.carriers.billed}))"
        for currency, number, paid, tokens in sums_over_a_change(
            session, rated.owner_hash, f"NOT ({aside})", tokens_sql(rated.present)
        ):
            size = f" ({tokens:,} tokens)" if tokens else ""
            message = ("the owner changed within a summed record; the owner at its beginning was taken; an export by "
                       f"shorter times tells them apart{size}")  # fmt: skip
            if currency is None:
                add("owner_change_in_bucket", message, records=number)
            else:
                add("owner_change_in_bucket", message, {"n": number, "e": paid, "currency": currency})
    if rated.duplicates.conflicting:
        for row in _contradictions(session, rated.present):
            size = f" (up to {row['tokens']:,} tokens)" if row["tokens"] else ""
            message = ("records of one identity say different things and were set aside; give only the newest export, "
                       f"or map a version{size}")  # fmt: skip
            if row["e"] is None:
                add("conflicting_duplicates", message, records=row["n"])
            else:
                add("conflicting_duplicates", message, row)
    return found


def _later_than(session: Session, limit: datetime) -> int:
    """Records of usage that begin after this time."""
    stamp = f"TIMESTAMPTZ '{limit.isoformat()}'"
    return int(session.one(f"SELECT count(*) FROM events WHERE kind = 'usage' AND event_time > {stamp}")[0])


def _contradictions(session: Session, present: frozenset[str]) -> list[dict[str, Any]]:
    """Records that contradict each other: how many, and what the largest version of each holds."""
    return summary(
        session, "SELECT currency, CAST(sum(n) AS BIGINT) AS n, sum(e) AS e, CAST(sum(t) AS BIGINT) AS tokens FROM ("
        "SELECT record_key, kind, CASE WHEN kind = 'billed' THEN currency END AS currency, count(*) AS n, "
        f"max(CASE WHEN kind = 'billed' THEN billed_cost END) AS e, max({tokens_sql(present)}) AS t FROM staged "
        "SEMI JOIN (SELECT * FROM left_out WHERE reason = 'conflicting_duplicate') l "
        "ON staged.file_no = l.file_no AND staged.row_no = l.row_no GROUP BY ALL) "
        "GROUP BY kind, currency ORDER BY kind, currency",
    )  # fmt: skip


def _also_billed(session: Session, relation: str) -> list[dict[str, Any]]:
    """Rated money of sellers and days for which a bill counts too, from exports that are not known to be one spend."""
    if session.one("SELECT bool_or(rated) AND bool_or(billed) FROM row_totals")[0] is not True:
        return []
    return summary(
        session, "WITH sums AS (SELECT InvoiceIssuerName AS p, CAST(ChargePeriodStart AS DATE) AS day, "
        "BillingCurrency AS currency, bool_or(x_CostBasis = 'billed') AS held, count(*) FILTER (x_CostBasis = 'rated') "
        f"AS n, sum(EffectiveCost) FILTER (x_CostBasis = 'rated') AS e FROM {relation} GROUP BY ALL), "
        "days AS (SELECT *, bool_or(held) OVER (PARTITION BY p, day) AS billed FROM sums) "
        "SELECT p, currency, count(*) AS days, CAST(sum(n) AS BIGINT) AS n, sum(e) AS e FROM days "
        "WHERE billed AND n > 0 GROUP BY p, currency ORDER BY p, currency",
    )  # fmt: skip


# A rate file of the user may state further assumptions.
_ITS_OWN = "an assumption that the rate itself states"
# Defaults that every source leaves unsaid are no news.
_SILENT = {f"{name}_assumed" for name in ("processing", "service_tier", "speed", "geo", "region")}
