"""One spend, one carrier: when several exports that describe the same spend are given together.

The exports of one `money_family` describe the same spend. By default the bill carries the money and the usage of the
covered days is kept aside (`exceptions/carried_elsewhere.jsonl`); with `billing.source = "usage"` it is the other way
round. Two cost exports of one family, and two usage exports of one `same_usage` group, also count once per account
and UTC day: the finer one carries, unless another one tells of more than it does (a log that was kept for some of the
calls only must not stand for the whole day). Adapters that write one `group/part` are parts of one export: responses of
several endpoints, kept in one log, add up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from focus_ai.engine import Session, ident, literals
from focus_ai.usage.focus_exports import choose_exports

# A line of several days (a report over a week or a month) speaks for every one of them.
_DAYS = (
    "{'first': CAST(event_time AS DATE), 'last': CAST(greatest(event_time, "
    "coalesce(bucket_end - INTERVAL 1 microsecond, event_time)) AS DATE)} AS day_span"
)
_EACH_DAY = "CAST(unnest(generate_series(day_span.first, day_span.last, INTERVAL 1 day)) AS DATE)"


@dataclass(frozen=True)
class Carriers:
    """SQL conditions over `events`: usage and billed lines whose money another export carries; and what was decided."""

    usage: str
    billed: str
    decisions: tuple[dict[str, Any], ...]

    def with_quantities(self, counts: Mapping[str, tuple[int, int]]) -> Carriers:
        """The same, with how many lines of a bill took their quantity from usage and how many found none."""
        decisions = [
            {**d, "enriched": counts.get(d["family"], (0, 0))[0], "not_matched": counts.get(d["family"], (0, 0))[1]}
            if d["between"] == "usage and bill" and d["carried_by"] == "bill"
            else d
            for d in self.decisions
        ]
        return replace(self, decisions=tuple(decisions))


def choose(session: Session, present: frozenset[str], source: str, estimates: frozenset[str] = frozenset()) -> Carriers:
    """Decide per group, account and UTC day. `source` is `bill` or `usage`: which of the two carries the money.

    `estimates`: adapters whose amounts are a gateway's own estimate, no bill; usage of their days always carries.
    """
    account = "account_id" if "account_id" in present else "CAST(NULL AS VARCHAR)"
    usage: list[str] = []
    billed: list[str] = []
    decisions: list[dict[str, Any]] = []
    several = (
        f"SELECT 1 FROM events WHERE kind = 'usage' AND same_usage IS NOT NULL GROUP BY {group_word('same_usage')} "
        f"HAVING count(DISTINCT {export_name('same_usage')}) > 1 LIMIT 1"
    )
    if session.rows(several):  # looking at the days costs more than this
        _create_spend(session, "same_usage", account, "usage", _tokens(present))
        decisions += _one_per_day(session, "same_usage", account, "usage exports", usage)
    if session.rows("SELECT 1 FROM events WHERE kind = 'billed' AND money_family IS NOT NULL LIMIT 1"):
        _create_spend(
            session, "money_family", account, "billed", "CAST(trunc(billed_cost * 1000000) AS HUGEINT)", estimates
        )
        decisions += _one_per_day(session, "money_family", account, "cost exports", billed)
        decisions += _usage_or_bill(session, account, source, usage, billed)
        decisions += _usage_or_estimate(session, account, estimates, billed)
    decisions += choose_exports(session, present, billed)
    return Carriers(" OR ".join(usage) or "FALSE", " OR ".join(billed) or "FALSE", tuple(decisions))


def group_word(column: str) -> str:
    """SQL of the group: `openai-completions` of `openai-completions/bodies`."""
    return f"split_part({column}, '/', 1)"


def export_name(column: str, adapter: str = "adapter") -> str:
    """SQL of what counts as one export: adapters that write the same `group/part` hold parts of one log."""
    return f"CASE WHEN contains({column}, '/') THEN {column} ELSE {adapter} END"


def _tokens(present: frozenset[str]) -> str:
    """SQL of all tokens of one record."""
    counted = sorted(n for n in present if n.startswith(("input_", "output_")) and n.endswith("_tokens"))
    return "CAST(" + (" + ".join(f"coalesce({ident(n)}, 0)" for n in counted) or "0") + " AS HUGEINT)"


def _create_spend(
    session: Session,
    group: str,
    account: str,
    kind: str,
    measure: str,
    without: frozenset[str] = frozenset(),
) -> None:
    """Table `carriers_<group>`: per group, account and day the export that carries, and how many there are.

    An export that does not name its account belongs to the only account of the group, when there is just one. `measure`
    is what a record tells of (tokens, millionths of money); an export with less than 99 % of the fullest one of the day
    is not complete and carries only when no complete one is there.
    """
    session.sql(
        f"""CREATE TABLE carriers_{group} AS
        WITH spans AS (
          SELECT {group_word(group)} AS word, {account} AS account, {_DAYS}, {export_name(group)} AS adapter,
                 max(CASE grain WHEN 'attempt' THEN 2 WHEN 'request' THEN 1 ELSE 0 END) AS fineness,
                 count(*) AS records, sum({measure}) AS told
          FROM events WHERE kind = '{kind}' AND {group} IS NOT NULL AND {_not_in(without)} GROUP BY ALL),
        exports AS (
          SELECT word, account, day, adapter, max(fineness) AS fineness, sum(records) AS records, sum(told) AS told
          FROM (SELECT * EXCLUDE (day_span, told), {_EACH_DAY} AS day,
                       told // (day_span.last - day_span.first + 1) AS told FROM spans) GROUP BY ALL),
        accounts AS (SELECT word, max(account) AS only_one FROM exports GROUP BY word
                     HAVING count(DISTINCT account) = 1),
        placed AS (
          SELECT word, coalesce(account, only_one) AS account, day, adapter, max(fineness) AS fineness,
                 sum(records) AS records, sum(told) AS told
          FROM exports LEFT JOIN accounts USING (word) GROUP BY ALL),
        judged AS (
          SELECT *, 100 * told >= 99 * max(told) OVER (PARTITION BY word, account, day) AS complete FROM placed)
        SELECT word, account, day, arg_max(adapter, (complete, fineness, records, adapter)) AS adapter,
               count(DISTINCT adapter) AS exports
        FROM judged GROUP BY ALL"""
    )


def _one_per_day(
    session: Session, group: str, account: str, between: str, conditions: list[str]
) -> list[dict[str, Any]]:
    rows = session.rows(
        f"SELECT word, adapter, min(day)::VARCHAR, max(day)::VARCHAR, count(DISTINCT day) FROM carriers_{group} "
        "WHERE exports > 1 GROUP BY word, adapter ORDER BY word, adapter"
    )
    if rows:
        match = _match(group, account)
        conditions.append(
            f"EXISTS (SELECT 1 FROM carriers_{group} c WHERE {match} AND c.exports > 1 "
            f"AND c.adapter <> {export_name(f'events.{group}', 'events.adapter')})"
        )
    return [
        {"family": word, "between": between, "carried_by": adapter, "from": first, "to": last, "days": days}
        for word, adapter, first, last, days in rows
    ]


def _usage_or_bill(
    session: Session, account: str, source: str, usage: list[str], billed: list[str]
) -> list[dict[str, Any]]:
    session.sql(
        f"CREATE TABLE metered AS SELECT DISTINCT word, account, {_EACH_DAY} AS day FROM (SELECT DISTINCT "
        f"{group_word('money_family')} AS word, {account} AS account, {_DAYS} FROM events "
        "WHERE kind = 'usage' AND money_family IS NOT NULL)"
    )
    rows = session.rows(
        "SELECT b.word, min(b.day)::VARCHAR, max(b.day)::VARCHAR, count(DISTINCT b.day) FROM carriers_money_family b "
        "JOIN metered m ON b.word = m.word AND b.day = m.day "
        "AND (b.account IS NULL OR m.account IS NULL OR b.account = m.account) GROUP BY b.word ORDER BY b.word"
    )
    if rows:
        match = _match("money_family", account)
        table = "carriers_money_family" if source == "bill" else "metered"
        (usage if source == "bill" else billed).append(f"EXISTS (SELECT 1 FROM {table} c WHERE {match})")
    return [
        {"family": word, "between": "usage and bill", "carried_by": source, "from": first, "to": last, "days": days}
        for word, first, last, days in rows
    ]


def _not_in(adapters: frozenset[str]) -> str:
    return f"adapter NOT IN ({literals(sorted(adapters))})" if adapters else "TRUE"


def _usage_or_estimate(
    session: Session, account: str, estimates: frozenset[str], billed: list[str]
) -> list[dict[str, Any]]:
    """A gateway's own amounts count on the days for which no usage of its family is there."""
    if not estimates:
        return []
    test = (
        f"adapter IN ({literals(sorted(estimates))}) AND EXISTS (SELECT 1 FROM metered c "
        f"WHERE {_match('money_family', account)})"
    )
    rows = session.rows(
        f"SELECT {group_word('money_family')}, min(CAST(event_time AS DATE))::VARCHAR, "
        f"max(CAST(event_time AS DATE))::VARCHAR, count(DISTINCT CAST(event_time AS DATE)) FROM events WHERE {test} "
        "GROUP BY 1 ORDER BY 1"
    )
    if rows:
        billed.append(f"({test})")
    return [
        {
            "family": word,
            "between": "usage and estimate",
            "carried_by": "usage",
            "from": first,
            "to": last,
            "days": days,
        }
        for word, first, last, days in rows
    ]


def _match(group: str, account: str) -> str:
    """SQL: the carrier `c` is of the same group and day, and of the same account as far as both are known."""
    return (
        f"c.word = {group_word(f'events.{group}')} AND c.day = CAST(events.event_time AS DATE) "
        f"AND (c.account IS NULL OR {account} IS NULL OR c.account = {account})"
    )
