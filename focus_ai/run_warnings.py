"""What a person should look at after a run, each with its size in records and money; part of OUT/run.json.

In: the state of the engine after the rows are written. Out: entries with a code, a sentence and amounts as exact text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from difflib import get_close_matches

from focus_ai import words
from focus_ai.adapters.staged import Staged
from focus_ai.double_counts import double_counts
from focus_ai.engine import Session, literals
from focus_ai.focus.places import UNSPECIFIED, unmet_accounts, unmet_defaults
from focus_ai.ownership.attach import sums_over_a_change
from focus_ai.pipeline import Rated
from focus_ai.settings import Settings
from focus_ai.usage.units import tokens_sql
from focus_ai.warned import Warned, sized, warning

# Clocks of two machines may differ by less; a time zone taken for another is at least half an hour off.
_SLACK = timedelta(minutes=15)
# A rate file of the user may state further assumptions.
_ITS_OWN = "an assumption that the rate itself states"
# Why spans are passed over that hold the sums of the calls below them.
_SUMS = ("span_repeats_its_children", "span_not_inference", "repeats_its_generations")
# Defaults that every source leaves unsaid are no news.
_SILENT = {f"{name}_assumed" for name in ("processing", "service_tier", "speed", "geo", "region")}


def changed(names: Iterable[str]) -> list[Warned]:
    """A warning for each input that somebody wrote to while it was read."""
    message = "the file changed while it was read: records may be missing, and its sha256 may be of other bytes; " \
              "convert it again when nothing writes to it"  # fmt: skip
    return [warning("changed_while_read", f"{name}: {message}") for name in names]


def stated_in_vain(sentences: Iterable[str]) -> list[Warned]:
    """A warning for each fact of `[files]` that changed nothing."""
    return [warning("file_facts_without_effect", sentence) for sentence in sentences]


def warnings(
    session: Session, relation: str, rated: Rated, staged: Sequence[Staged], now: datetime, settings: Settings
) -> list[Warned]:
    """What a person should look at, each with its size in records and money. `now` is the time of the run."""
    found = [*_of_files(staged)]
    if relation:
        found += [
            *_of_accounts(session, relation, rated.present, settings),
            *_of_prices(session, relation),
            *double_counts(session, relation, rated, staged),
            *_of_owners_behind(session, relation, rated),
        ]
    return [
        *found,
        *_of_records(session, rated.present, now),
        *_of_owners(session, rated),
        *_of_copies(session, rated),
        *_of_sums(session, rated.present),
    ]


def _of_files(staged: Sequence[Staged]) -> Iterator[Warned]:
    for source in staged:
        for reject in source.rejects:
            if reject.row is None:
                yield warning(
                    reject.reason, f"{source.source}: {words.means('rejected', reject.reason, 'the file is damaged')}"
                )
        if source.read == 0 and not source.rejects:
            yield warning("no_records", f"{source.source}: the file holds no record")


def _of_accounts(session: Session, relation: str, present: frozenset[str], settings: Settings) -> Iterator[Warned]:
    for row in session.dicts(
        "SELECT InvoiceIssuerName AS p, BillingCurrency AS currency, count(*) AS n, sum(EffectiveCost) AS e "
        f"FROM {relation} WHERE BillingAccountId = '{UNSPECIFIED}' GROUP BY 1, 2 ORDER BY 1, 2"
    ):
        yield sized(
            "account_unspecified", f"the billing account of {row['p']} is not known; name it in focus-ai.toml "
            "[accounts] or with --account", row,
        )  # fmt: skip
    for name, meant in unmet_accounts(session, settings):
        yield warning(
            "account_without_records", f"no record is of the account {name} of the settings or of --account; "
            f"the records have {_nearest(name, meant)}",
        )  # fmt: skip
    for name, meant in unmet_defaults(session, present, settings):
        yield warning(
            "owner_default_without_records", f"no record is of {name} of the settings (owners.defaults), so it gave no "
            f"owner; the records have {_nearest(name, meant)}",
        )  # fmt: skip


def _nearest(name: str, meant: Sequence[str]) -> str:
    """The names that look like this one, the nearest first, or else all, of which three are enough."""
    return ", ".join(get_close_matches(name, meant, n=3, cutoff=0.8) or meant[:3])


def _of_prices(session: Session, relation: str) -> Iterator[Warned]:
    for row in session.dicts(
        "SELECT a, currency, count(*) AS n, sum(e) AS e FROM (SELECT EffectiveCost AS e, BillingCurrency AS currency, "
        f"unnest(string_split(x_PriceAssumptions, ',')) AS a FROM {relation} WHERE x_PriceAssumptions IS NOT NULL) "
        "GROUP BY 1, 2 ORDER BY 1, 2"
    ):
        if row["a"] not in _SILENT:
            yield sized(f"price_assumption:{row['a']}", words.means("assumptions", row["a"], _ITS_OWN), row)


def _of_records(session: Session, present: frozenset[str], now: datetime) -> Iterator[Warned]:
    if "flags" in present:
        for flag, number in session.rows(
            "SELECT f, count(*) FROM (SELECT unnest(string_split(flags, ',')) AS f FROM events "
            "WHERE flags IS NOT NULL) GROUP BY 1 ORDER BY 1"
        ):
            yield warning(f"quality:{flag}", words.means("quality", flag, "a quality flag of the records"), int(number))
    limit = f"TIMESTAMPTZ '{(now + _SLACK).isoformat()}'"
    later = int(session.one(f"SELECT count(*) FROM events WHERE kind = 'usage' AND event_time > {limit}")[0])
    if later:
        yield warning(
            "time_in_the_future", "usage after this run; look at the time zone that the export writes, or at the clock "
            "that stamped it", later,
        )  # fmt: skip


def _of_owners(session: Session, rated: Rated) -> Iterator[Warned]:
    if "bucket_end" not in rated.present:
        return
    aside = f"(kind = 'usage' AND ({rated.carriers.usage})) OR (kind = 'billed' AND ({rated.carriers.billed}))"
    for currency, number, paid, tokens in sums_over_a_change(
        session, rated.owner_hash, f"NOT ({aside})", tokens_sql(rated.present)
    ):
        size = f" ({tokens:,} tokens)" if tokens else ""
        yield sized(
            "owner_change_in_bucket", "the owner changed within a summed record; the owner at its beginning was taken; "
            f"an export by shorter times tells them apart{size}", {"n": number, "e": paid, "currency": currency},
        )  # fmt: skip


def _of_owners_behind(session: Session, relation: str, rated: Rated) -> Iterator[Warned]:
    """Bills and usage exports that name no owner at all and carry the money of usage that names some."""
    if rated.carriers.usage == "FALSE":
        return
    keys = f"{rated.owner_hash} AS owner_hash, {rated.place_hash} AS place_hash"
    named = (
        f"SELECT DISTINCT CAST(l.service AS VARCHAR) AS p FROM (SELECT event_time, {keys} FROM events "
        f"WHERE kind = 'usage' AND ({rated.carriers.usage})) e JOIN places l USING (place_hash) "
        "JOIN owner_spans s ON s.owner_hash = e.owner_hash AND e.event_time >= s.t_from AND e.event_time < s.t_to "
        "JOIN owners o USING (owner_id) WHERE o.team IS NOT NULL"
    )
    for row in session.dicts(
        "WITH nameless AS (SELECT ServiceName AS p, BillingCurrency AS currency, x_CostBasis AS basis, count(*) AS n, "
        f"sum(EffectiveCost) AS e FROM {relation} WHERE ChargeCategory = 'Usage' "
        f"GROUP BY ALL HAVING bool_and(x_Team IS NULL)) FROM nameless SEMI JOIN ({named}) USING (p) "
        "ORDER BY p, currency, basis"
    ):
        if row["basis"] == "billed":
            yield sized(
                "owners_behind_a_bill", f"the bill of {row['p']} carries the money and names no owner, the usage "
                "behind it does; focus-ai reconcile --rated USAGE --billed BILL --close split gives its owners to the "
                "bill", row,
            )  # fmt: skip
        else:
            yield sized(
                "owners_behind_an_export", f"the usage export of {row['p']} carries the money and names no owner, a "
                "log beside it does; focus-ai reconcile --rated LOG --usage EXPORT --close split gives its owners to "
                "the export", row,
            )  # fmt: skip


def _of_copies(session: Session, rated: Rated) -> Iterator[Warned]:
    """Records that contradict each other: how many, and what the largest version of each holds."""
    if not rated.duplicates.conflicting:
        return
    for row in session.dicts(
        "SELECT currency, CAST(sum(n) AS BIGINT) AS n, sum(e) AS e, CAST(sum(t) AS BIGINT) AS tokens FROM ("
        "SELECT record_key, kind, CASE WHEN kind = 'billed' THEN currency END AS currency, count(*) AS n, "
        f"max(CASE WHEN kind = 'billed' THEN billed_cost END) AS e, max({tokens_sql(rated.present)}) AS t FROM staged "
        "SEMI JOIN (SELECT * FROM left_out WHERE reason = 'conflicting_duplicate') l "
        "ON staged.file_no = l.file_no AND staged.row_no = l.row_no GROUP BY ALL) "
        "GROUP BY kind, currency ORDER BY kind, currency"
    ):
        size = f" (up to {row['tokens']:,} tokens)" if row["tokens"] else ""
        yield sized(
            "conflicting_duplicates", "records of one identity say different things and were set aside; give only the "
            "newest export, or map a version; of several organisations, say in [files] of the settings which file is "
            f"whose{size}", row,
        )  # fmt: skip


def _of_sums(session: Session, present: frozenset[str]) -> Iterator[Warned]:
    """Spans with sums of traces of which nothing else is there, as in an export of the roots; their tokens."""
    if "trace_id" not in present:
        return
    counts = tokens_sql(present)
    sums = f"FROM set_aside WHERE ignored IN ({literals(_SUMS)}) AND trace_id IS NOT NULL AND {counts} > 0"
    if not session.rows(f"SELECT 1 {sums} LIMIT 1"):
        return
    spans, tokens = session.one(
        f"""WITH sums AS (SELECT adapter, trace_id, count(*) AS n, max({counts}) AS t {sums} GROUP BY ALL)
        SELECT CAST(sum(n) AS BIGINT), CAST(sum(t) AS BIGINT) FROM sums
        ANTI JOIN (SELECT adapter, trace_id FROM staged WHERE {counts} > 0) USING (adapter, trace_id)"""
    )
    if spans:
        yield warning(
            "spans_without_calls", "spans hold the sums of calls, and of their traces no call is in the inputs, so "
            f"nothing of them counts; export all spans, not the roots alone (at least {tokens:,} tokens)", spans,
        )  # fmt: skip
