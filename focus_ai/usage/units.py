"""What each export tells of, cut into units that are small enough to be decided about, and large enough to be few.

In: the view `events`. Out: `Unit`s in Python, and the table `left_units` of those whose money another source carries.
A line of more than an hour is a unit with its own span. Calls and lines of an hour or less are fine: those of one UTC
day and scope are one unit, cut where a span of another source begins or ends, so that a unit lies in such a span or
beside it. How far a unit speaks for time that it does not hold is its reach: a coarse line speaks for its span; fine
ones are silent in quiet hours, so they speak for their UTC day, from the first to the last hour of their export.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import Any

from focus_ai import resources
from focus_ai.engine import Session, ident, literal, literals

HOUR = 3_600_000_000
DAY = 24 * HOUR
_SECOND = 1_000_000
_MINUTE = 60 * _SECOND
Interval = tuple[int, int]
TOKENS = "tokens"

_CALLS = "grain IS DISTINCT FROM 'aggregate'"
_BUCKET = "(bucket_end IS NOT NULL AND bucket_end > event_time)"
# A sum without an end is the sum of its day, as in the rows that it becomes.
_STARTS = f"CASE WHEN {_CALLS} OR {_BUCKET} THEN event_time ELSE date_trunc('day', event_time) END"
_ENDS = (
    f"CASE WHEN {_CALLS} THEN event_time + INTERVAL 1 microsecond WHEN {_BUCKET} THEN bucket_end "
    "ELSE date_trunc('day', event_time) + INTERVAL 1 day END"
)
_COARSE = f"(NOT ({_CALLS}) AND ({_ENDS}) > ({_STARTS}) + INTERVAL 1 hour)"
_SECONDS = f"CAST(epoch({_ENDS}) - epoch({_STARTS}) AS BIGINT)"
# How long a bucket is, in words; where the export does not say so it can be of any length. Longer ones are what the
# reader asked for, so two of one length can overlap; the buckets of one answer never do.
LENGTH = (
    f"CASE WHEN NOT {_BUCKET} THEN 'moments' WHEN {_SECONDS} = 86400 THEN 'days' WHEN {_SECONDS} = 3600 THEN 'hours' "
    f"WHEN {_SECONDS} = 60 THEN 'minutes' WHEN {_SECONDS} < 86400 THEN {_SECONDS} || ' seconds' "
    f"ELSE left(CAST(event_time AS VARCHAR), 16) || ' to ' || left(CAST(bucket_end AS VARCHAR), 16) END"
)
# Taxes, credits and purchases, often of a whole month, do not pay the usage beside them; a refund does not either.
_FEE = "(kind = 'billed' AND coalesce(charge_category, 'Usage') <> 'Usage')"
_TAX = "(kind = 'billed' AND coalesce(charge_category, 'Usage') = 'Tax')"
_REFUND = "(kind = 'billed' AND coalesce(billed_cost, 0) < 0)"
_LISTED = "CASE WHEN kind = 'billed' THEN list_amount END"
_COUNTED = "(kind = 'billed' AND billed_quantity IS NOT NULL)"
_MONEY = "CASE WHEN kind = 'billed' THEN currency END"


@dataclass(frozen=True, eq=False, slots=True)
class Unit:
    """One source, scope and stretch of time. Instants are microseconds since 1970, ends exclusive.

    `beside`: meters that are billed beside tokens (web searches, storage): the one that a line of a bill pays for,
    or all that usage counts. `cached`: tokens of usage that were read from a cache or written to it. `listed`: the
    amount before discounts and included quotas, as far as the lines state one; `listing`: all of them do. `counted`:
    how many lines of a bill say how much was used.
    """

    kind: str
    adapter: str
    family: str | None
    same_usage: str | None
    channel: str | None
    account: str | None
    sub: str | None
    calls: bool
    fine: bool
    fee: bool
    refund: bool
    billable: bool
    key: int
    first: int
    last: int
    start: int
    end: int
    fineness: int
    records: int
    tokens: int
    cached: int
    others: Decimal
    paid: Decimal
    form: str = ""
    currency: str | None = None
    beside: tuple[str, ...] = ()
    tax: bool = False
    listed: Decimal = Decimal(0)
    listing: bool = False
    counted: int = 0
    reach: Interval = (0, 0)
    day: Interval = (0, 0)

    @property
    def family_export(self) -> str:
        """What counts as one export of the money family."""
        return _export(self.family, self.adapter)

    @property
    def usage_export(self) -> str:
        """What counts as one export of the same usage."""
        return _export(self.same_usage, self.adapter)

    @property
    def about(self) -> str | None:
        """What a carrier must tell of to carry this: tokens, one meter beside them, or None for whatever it holds."""
        if self.kind == "billed":
            return self.beside[0] if self.beside else TOKENS
        return TOKENS if self.tokens else None

    def speaks_of(self, about: str | None) -> bool:
        """May this carry a unit about that? A line that does not say what it pays for may pay for tokens."""
        if about is None or about in self.beside:
            return True
        return about == TOKENS and (not self.beside or (self.kind == "usage" and self.tokens > 0))


def word(name: str | None) -> str | None:
    """The group: `openai-completions` of `openai-completions/bodies`."""
    return name.split("/", 1)[0] if name is not None else None


def _export(name: str | None, adapter: str) -> str:
    """Adapters that write the same `group/part` hold parts of one log."""
    return name if name is not None and "/" in name else adapter


def tokens_sql(present: Collection[str], *kinds: str) -> str:
    """SQL of all tokens of one record, or of those kinds."""
    counted = sorted(n for n in present if n.startswith(kinds or ("input_", "output_")) and n.endswith("_tokens"))
    return "CAST(" + (" + ".join(f"coalesce({ident(n)}, 0)" for n in counted) or "0") + " AS HUGEINT)"


def _cached(present: Collection[str]) -> str:
    """SQL of the tokens of one record of usage that a cache held."""
    return f"CASE WHEN kind = 'usage' THEN {tokens_sql(present, 'input_cache_')} ELSE 0 END"


def collect(session: Session, present: frozenset[str], where: str, form: str = "") -> list[Unit]:
    """The units of the events that meet a condition, in an order that depends on them alone.

    `form`: SQL of a text by which units are told apart too.
    """
    billable = _billable(session, present)
    source = (
        "SELECT kind, adapter, money_family, same_usage, provider, account_id, lower(sub_account_id) AS sub, "
        f"{_CALLS} AS calls, {_COARSE} AS coarse, {_FEE} AS fee, {_REFUND} AS refund, {_TAX} AS tax, "
        f"{billable} AS billable, event_time, {_STARTS} AS starts, {_ENDS} AS ends, "
        f"{_key(session, present, form)} AS unit_key, {_beside(present)} AS beside, "
        "CASE grain WHEN 'attempt' THEN 2 WHEN 'request' THEN 1 ELSE 0 END AS fineness, "
        f"{tokens_sql(present)} AS told, {_cached(present)} AS cached, "
        f"{_others(present)} AS others, coalesce(billed_cost, 0) AS paid, "
        f"{_LISTED if 'list_amount' in present else 'NULL'} AS listed, "
        f"{_COUNTED if 'billed_quantity' in present else 'FALSE'} AS counts, {form or literal('')} AS form, "
        f"{_MONEY} AS money FROM events WHERE {where}"
    )
    cuts = _cuts(session, source)
    slot = "len(list_filter(c.cuts, lambda x: x <= event_time))" if cuts else "0"
    join = "LEFT JOIN unit_cuts c ON c.cut_day = CAST(event_time AS DATE)" if cuts else ""
    rows = session.rows(
        f"""SELECT kind, adapter, money_family, same_usage, provider, account_id, sub, calls, NOT coarse, fee, refund,
            billable, unit_key, epoch_us(min(event_time)), epoch_us(max(event_time)), epoch_us(min(starts)),
            epoch_us(max(ends)), max(fineness), count(*), sum(told), sum(cached), sum(others), sum(paid), form, money,
            sum(coalesce(listed, paid)), bool_and(listed IS NOT NULL), count_if(counts), tax, list(DISTINCT beside)
        FROM ({source}) {join}
        GROUP BY kind, adapter, money_family, same_usage, provider, account_id, sub, calls, coarse, fee, refund,
            tax, billable, unit_key, form, money, CASE WHEN coarse THEN event_time END, CAST(event_time AS DATE),
            CASE WHEN coarse THEN 0 ELSE {slot} END"""
    )
    if cuts:
        session.sql("DROP TABLE unit_cuts")
    found = []
    for *row, listed, listing, counted, tax, beside in rows:
        names = tuple(sorted({*",".join(beside).split(",")} - {""}))
        found.append(replace(Unit(*row), tax=tax, beside=names, listed=listed, listing=listing, counted=counted))
    return _with_reach(found)


def _cuts(session: Session, source: str) -> bool:
    """Table `unit_cuts`: per UTC day the instants inside it at which a span or a fine export begins or ends."""
    session.sql(
        f"""CREATE TABLE unit_cuts AS
        WITH spans AS (
          SELECT DISTINCT starts, ends FROM ({source}) WHERE coarse UNION
          SELECT date_trunc('hour', min(starts)),
                 date_trunc('hour', max(ends) - INTERVAL 1 microsecond) + INTERVAL 1 hour
          FROM ({source}) WHERE NOT coarse GROUP BY kind, adapter, account_id, form),
        instants AS (SELECT DISTINCT unnest([starts, ends]) AS cut FROM spans)
        SELECT CAST(cut AS DATE) AS cut_day, list(cut ORDER BY cut) AS cuts
        FROM instants WHERE cut <> date_trunc('day', cut) GROUP BY ALL"""
    )
    if session.rows("SELECT 1 FROM unit_cuts LIMIT 1"):
        return True
    session.sql("DROP TABLE unit_cuts")
    return False


def _with_reach(units: list[Unit]) -> list[Unit]:
    extents: dict[tuple[str, str, str | None, str], Interval] = {}
    ends = {u: _whole(u.end) for u in units}
    for u in units:
        scope = (u.kind, u.adapter, u.account, u.form)
        first, last = extents.get(scope, (u.start, ends[u]))
        extents[scope] = (min(first, u.start), max(last, ends[u]))
    found = []
    for u in units:
        own = (u.start, ends[u])
        if not u.fine:
            found.append(replace(u, end=ends[u], reach=own, day=own))
            continue
        first, last = extents[u.kind, u.adapter, u.account, u.form]
        day = (u.start // DAY * DAY, max(u.start // DAY * DAY + DAY, u.end))
        reach = (max(day[0], first // HOUR * HOUR), min(day[1], -(-last // HOUR) * HOUR))
        # A log of calls that began at noon is no less the log of that day; an export by the hour has seen its hours.
        found.append(replace(u, reach=reach, day=day if u.calls else reach))
    return sorted(found, key=lambda u: (u.first, u.last, u.key, u.end))


def _whole(end: int) -> int:
    """Exports write the end of a period as 23:59:59 too."""
    return end + (-end % _MINUTE) if -end % _MINUTE <= _SECOND else end


@cache
def _not_billed() -> dict[str, Any]:
    """What a bill does not hold (schemas/not-billed.yaml)."""
    raw: dict[str, Any] = resources.load_yaml(resources.schemas() / "not-billed.yaml")
    return raw


def _billable(session: Session, present: Collection[str]) -> str:
    """SQL: may a bill hold this usage? A tier that some bill of the run names is billed after all."""
    if "service_tier" not in present:
        return "TRUE"
    apart: dict[str, list[str]] = _not_billed()["service_tiers"]
    pairs = [f"({literal(seller)}, {literal(tier)})" for seller, tiers in sorted(apart.items()) for tier in tiers]
    listed = f"(provider, lower(service_tier)) IN ({', '.join(pairs)})"
    named = session.rows(
        f"SELECT DISTINCT provider, lower(service_tier) FROM events WHERE kind = 'billed' AND {listed} ORDER BY ALL"
    )
    billed = {f"({literal(seller)}, {literal(tier)})" for seller, tier in named}
    left = [p for p in pairs if p not in billed]
    if not left:
        return "TRUE"
    return f"(kind <> 'usage' OR coalesce((provider, lower(service_tier)) NOT IN ({', '.join(left)}), TRUE))"


def _others(present: Collection[str]) -> str:
    """SQL of what a record counts besides tokens."""
    if "other_meters" not in present:
        return "CAST(0 AS DECIMAL(38, 9))"
    quantity = "coalesce(list_sum(list_transform(other_meters, lambda m: m.quantity)), 0)"
    return f"CAST({quantity} AS DECIMAL(38, 9))"


def _paid_meter(present: Collection[str]) -> str:
    """SQL of the meter beside tokens that a line of a bill pays for; empty where it may pay for tokens."""
    if "billed_meter" not in present:
        return "''"
    listed = literals(_not_billed()["beside_tokens"])
    return f"CASE WHEN kind = 'billed' AND billed_meter IN ({listed}) THEN billed_meter ELSE '' END"


def _beside(present: Collection[str]) -> str:
    """SQL of the meters beside tokens that a record tells of, with commas between."""
    paid = _paid_meter(present)
    if "other_meters" not in present:
        return paid
    listed = f"m.quantity > 0 AND m.meter IN ({literals(_not_billed()['beside_tokens'])})"
    counted = f"list_transform(list_filter(other_meters, lambda m: {listed}), lambda m: m.meter)"
    return f"CASE WHEN kind = 'usage' THEN coalesce(array_to_string({counted}, ','), '') ELSE {paid} END"


def _key(session: Session, present: Collection[str], form: str) -> str:
    """SQL of the hash that events of one scope share; with the range of its times it names a unit."""
    return (
        "hash(kind, adapter, money_family, same_usage, provider, account_id, lower(sub_account_id), "
        f"{_CALLS}, {_FEE}, {_REFUND}, {_TAX}, {_billable(session, present)}, {_paid_meter(present)}, {_MONEY}, "
        f"CASE WHEN {_COARSE} THEN epoch_us(bucket_end) END"
        f"{', ' if form else ''}{form})"
    )


def set_aside(
    session: Session, present: frozenset[str], units: Iterable[Unit], form: str = "", table: str = "left_units"
) -> tuple[str, str]:
    """Add units to a table; returns the conditions (usage, billed) that name the events of all of one `form`."""
    session.sql(
        f"CREATE TABLE IF NOT EXISTS {table} (unit_kind VARCHAR, unit_key UBIGINT, unit_day DATE, first_at BIGINT, "
        "last_at BIGINT)"
    )
    rows: Sequence[tuple[str, int, int, int, int]] = sorted(
        (u.kind, u.key, u.first // DAY, u.first, u.last) for u in units
    )
    if rows:
        import pyarrow as pa

        names = ("kind", "key", "day", "first_at", "last_at")
        types = (pa.string(), pa.uint64(), pa.int32(), pa.int64(), pa.int64())
        columns = {n: pa.array(v, t) for n, v, t in zip(names, zip(*rows, strict=True), types, strict=True)}
        session.connection.register("incoming_units", pa.table(columns))
        session.sql(
            f"INSERT INTO {table} SELECT kind, key, DATE '1970-01-01' + day, first_at, last_at FROM incoming_units"
        )
        session.connection.unregister("incoming_units")
    kinds = {str(kind) for (kind,) in session.rows(f"SELECT DISTINCT unit_kind FROM {table}")}
    test = (
        f"EXISTS (SELECT 1 FROM {table} WHERE unit_key = {_key(session, present, form)} "
        "AND unit_day = CAST(events.event_time AS DATE) AND epoch_us(events.event_time) >= first_at "
        "AND epoch_us(events.event_time) <= last_at)"
    )
    return test if "usage" in kinds else "FALSE", test if "billed" in kinds else "FALSE"
