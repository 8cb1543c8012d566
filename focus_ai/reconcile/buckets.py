"""Lines of both sides meet in buckets, by every dimension that both sides know.

A dimension that one side does not know anywhere in a channel (model and tier: in a channel and meter) is added up and
noted, never guessed. Ids of accounts that have nothing in common are added up too. Lines that cover several days pull
the days of their channel and meter together, so that a month's total is compared with a month.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from focus_ai.engine import Session
from focus_ai.money import text
from focus_ai.reconcile.lines import SIDES

DIMENSIONS = ("period", "channel", "account", "sub_account", "model", "meter", "tier")
#: Group of meters that cause tests look at one by one, also where the meter itself is added up.
CLASSES = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")
#: Sums by currency.
Sums = dict[str | None, Decimal]
#: What the rated side is laid beside, in words.
BILL, USAGE = "bill", "usage export"
_JOINED = "pno, bd, u_min, u_max, cost, lines, counted"


def create_buckets(
    session: Session, by: Collection[str] = DIMENSIONS, *, month: bool = False, other: str = BILL
) -> list[str]:
    """Create `buckets` from the facts of both sides; returns notes about what was added up. `other`: see `coverage`.

    Every bucket is two small numbers: its stretch of days (`pno`) and its texts (`bd`), both in the order of the words.
    """
    _create_scope(session, by)
    _create_keys(session, by)
    _create_periods(session, whole="period" not in by, month=month)
    # Where every bucket has its meter, the quantities by meter follow from the bucket's own.
    whole = "meter" in by and not session.rows("SELECT 1 FROM scope WHERE kind = 'usage' AND NOT keep_meter LIMIT 1")
    for side, mark in (("rated", "r"), ("billed", "b")):
        session.sql(f"CREATE OR REPLACE TABLE {side}_sums AS {_side(side, mark, by_meter=not whole)}")
    # Evidence about calls still needs the prices of the rated facts; nothing looks at single billed facts again.
    session.sql("DROP TABLE billed_facts")
    session.sql(
        "CREATE OR REPLACE TABLE bucket_facts AS SELECT row_number() OVER () AS n, * FROM ("
        "SELECT pno, bd, greatest(r.u_max, b.u_max) AS unit_no, "
        "least(r.u_min, b.u_min) IS NOT DISTINCT FROM greatest(r.u_max, b.u_max) AS one_unit, "
        "coalesce(r.lines, 0) AS r_lines, coalesce(b.lines, 0) AS b_lines, "
        "CAST(coalesce(r.cost, 0) AS DECIMAL(38, 18)) AS r_cost, "
        "CAST(coalesce(b.cost, 0) AS DECIMAL(38, 18)) AS b_cost, r.counted AS r_all, b.counted AS b_all, "
        f"r.* EXCLUDE ({_JOINED}), b.* EXCLUDE ({_JOINED}) "
        "FROM rated_sums r FULL JOIN billed_sums b USING (pno, bd) ORDER BY pno, bd)"
    )
    session.sql("DROP TABLE rated_sums")
    session.sql("DROP TABLE billed_sums")
    session.sql(f"CREATE OR REPLACE VIEW buckets AS {_view(whole=whole)}")
    return _notes(session, by, other)


def _side(side: str, mark: str, *, by_meter: bool) -> str:
    """SELECT of the sums of one side by bucket."""
    if side == "rated":
        own = ["coalesce(sum(unattributed), 0) AS unattributed", f"{_only('unpriced')} AS r_unpriced"]
    else:
        own = ["max(places) AS places", "min(d.invoice_no) AS invoice_no", f"{_only('above')} AS b_above"]
    if by_meter:
        own += [f"sum(CASE WHEN line_meter = '{m}' THEN quantity END) AS {mark}_c_{m}" for m in CLASSES]
    return (
        "SELECT p.pno, d.bd, min(d.unit_no) AS u_min, max(d.unit_no) AS u_max, "
        "CAST(sum(lines) AS BIGINT) AS lines, sum(cost) AS cost, bool_and(counted) AS counted, "
        f"sum(quantity) AS {mark}_counted, min(price_min) AS {mark}_price_min, max(price_max) AS {mark}_price_max, "
        f"{', '.join(own)} FROM {side}_facts f JOIN dim_keys d ON d.dim = f.dim "
        "JOIN day_periods p ON p.gid = d.gid AND p.day_from = f.day_from AND p.day_to = f.day_to GROUP BY p.pno, d.bd"
    )


def _only(flag: str) -> str:
    """SQL of the quantity of marked lines."""
    return f"CAST(coalesce(sum(CASE WHEN {flag} THEN quantity END), 0) AS DECIMAL(38, 9))"


def _view(*, whole: bool) -> str:
    """SELECT of the buckets with their words; what follows from other columns is computed where it is asked for."""
    classes = []
    for mark in "rb":
        for name in CLASSES:
            held = f"CASE WHEN meter = '{name}' THEN {mark}_counted END" if whole else f"{mark}_c_{name}"
            classes.append(f"CAST(coalesce({held}, 0) AS DECIMAL(38, 9)) AS {mark}_{name}")
    counted = ", ".join(f"CASE WHEN {m}_all AND one_unit THEN {m}_counted END AS {m}_q" for m in "rb")
    zero = {"unattributed": "DECIMAL(38, 18)", "r_unpriced": "DECIMAL(38, 9)", "b_above": "DECIMAL(38, 9)"}
    return (
        "SELECT n, p_from, p_to, currency, channel, account, sub_account, model, meter, tier, kind, u.word AS unit, "
        "r_lines, b_lines, r_price_min, r_price_max, b_price_min, b_price_max, "
        + ", ".join(f"CAST(coalesce({name}, 0) AS {sql}) AS {name}" for name, sql in zero.items())
        + f", places, i.word AS invoice, {counted}, {', '.join(classes)}, r_cost, b_cost, "
        "CASE WHEN r_price_min = r_price_max THEN r_price_min END AS r_price, "
        "CAST(b_cost - r_cost AS DECIMAL(38, 18)) AS delta "
        "FROM bucket_facts f JOIN stretches s ON s.pno = f.pno JOIN bucket_keys k ON k.bd = f.bd "
        "LEFT JOIN unit_words u ON u.no = f.unit_no LEFT JOIN invoice_words i ON i.no = f.invoice_no"
    )


def _create_keys(session: Session, by: Collection[str]) -> None:
    """Tables `dim_keys` (texts of a line -> texts of its bucket, by number) and `bucket_keys` (number -> texts)."""
    for name in ("unit", "invoice"):
        session.sql(
            f"CREATE OR REPLACE TABLE {name}_words AS SELECT CAST(row_number() OVER (ORDER BY word) AS INTEGER) AS no, "
            f"word FROM (SELECT DISTINCT {name} AS word FROM dims WHERE {name} IS NOT NULL)"
        )
    keys = {"currency": "l.currency", **_kept_keys(by), "kind": "l.kind"}
    session.sql(
        "CREATE OR REPLACE TABLE dim_keys AS SELECT CAST(dense_rank() OVER (ORDER BY "
        f"{', '.join(f'key_{n}' for n in keys)}) AS INTEGER) AS bd, * FROM (SELECT l.id AS dim, s.gid, "
        f"u.no AS unit_no, i.no AS invoice_no, coalesce(l.marks LIKE '%gt%', FALSE) AS above, l.meter AS line_meter, "
        f"{', '.join(f'{sql} AS key_{n}' for n, sql in keys.items())} FROM dims l JOIN scope s ON {_IN_SCOPE} "
        "LEFT JOIN unit_words u ON u.word = l.unit LEFT JOIN invoice_words i ON i.word = l.invoice)"
    )
    session.sql(
        f"CREATE OR REPLACE TABLE bucket_keys AS SELECT bd, {', '.join(f'any_value(key_{n}) AS {n}' for n in keys)} "
        "FROM dim_keys GROUP BY bd ORDER BY bd"
    )


def bucket_of(lines: str, by: Collection[str], carry: str) -> str:
    """SELECT of `carry` and the number of the bucket `n` for single lines (as `row_lines` gives them)."""
    keys = {"currency": "l.currency", "kind": "l.kind", **_kept_keys(by)}
    same = " AND ".join(f"k.{name} IS NOT DISTINCT FROM {sql}" for name, sql in keys.items())
    return (
        f"SELECT {carry}, f.n, l.quantity, l.cost FROM ({lines}) l JOIN scope s ON {_IN_SCOPE} "
        "JOIN day_periods p ON p.gid = s.gid AND p.day_from = l.day_from AND p.day_to = l.day_to "
        f"JOIN bucket_keys k ON {same} JOIN bucket_facts f ON f.pno = p.pno AND f.bd = k.bd"
    )


_IN_SCOPE = "s.channel IS NOT DISTINCT FROM l.channel AND s.kind = l.kind AND s.meter IS NOT DISTINCT FROM l.meter"


def _kept_keys(by: Collection[str]) -> dict[str, str]:
    """Dimension of a bucket -> SQL of its value for a line `l` in scope `s`."""
    return {
        "channel": "l.channel" if "channel" in by else "CAST(NULL AS VARCHAR)",
        **{
            name: f"CASE WHEN s.keep_{name} THEN l.{name} END" if name in by else "CAST(NULL AS VARCHAR)"
            for name in ("account", "sub_account", "model", "meter", "tier")
        },
    }


def coverage(session: Session, other: str = BILL) -> list[str]:
    """Rows without a day, and days and channels that only one side has, in words. `other`: what the second side is."""
    notes = []
    for side in SIDES:
        held = f"FROM {side}_facts JOIN dims ON id = dim WHERE day_from IS NULL OR day_to IS NULL"
        for currency, lines, cost in session.rows(
            f"SELECT currency, sum(lines), sum(cost) {held} GROUP BY 1 ORDER BY 1"
        ):
            notes.append(
                f"{lines} {side} rows with {text(cost)} {currency or '(no currency)'} have no ChargePeriodStart "
                "and are compared with nothing; `focus-ai validate` names them"
            )
    alone: dict[tuple[str, str | None, str | None], tuple[set[object], Sums]] = {}
    for channel, first, last, day, currency, cost in session.rows(
        "WITH b AS (SELECT channel, min(day_from) AS first, max(day_to) AS after "
        "FROM billed_facts JOIN dims ON id = dim WHERE kind = 'usage' GROUP BY channel) "
        "SELECT r.channel, b.first::VARCHAR, (b.after - 1)::VARCHAR, f.day_from, r.currency, "
        "sum(f.cost) FROM rated_facts f JOIN dims r ON r.id = f.dim LEFT JOIN b ON b.channel = r.channel "
        "WHERE b.channel IS NULL OR f.day_to <= b.first OR f.day_from >= b.after GROUP BY ALL ORDER BY ALL"
    ):
        days, sums = alone.setdefault((channel, first, last), (set(), {}))
        days.add(day)
        sums[currency] = sums.get(currency, Decimal(0)) + cost
    for (channel, first, last), (days, sums) in alone.items():
        if first is None:
            notes.append(f"{channel}: no {other} was given; {len(days)} rated days with {money(sums)} stand alone")
        else:
            notes.append(
                f"{channel}: the {other} covers {first} to {last}; {len(days)} rated days outside with {money(sums)} "
                "stand alone (--period leaves them out)"
            )
    unmet: dict[str, Sums] = {}
    for channel, currency, cost in session.rows(
        "SELECT channel, currency, sum(cost) FROM billed_facts JOIN dims ON id = dim WHERE kind = 'usage' "
        f"AND channel NOT IN (SELECT channel FROM dims WHERE channel IS NOT NULL AND {_seen('rated')}) "
        "GROUP BY 1, 2 ORDER BY 1, 2"
    ):
        unmet.setdefault(channel, {})[currency] = cost
    notes += [
        f"{channel}: no usage was given; {money(sums)} of the {other} stands alone" for channel, sums in unmet.items()
    ]
    if other == USAGE:
        notes += _unpriced(session)
    currencies = [
        {str(c) for (c,) in session.rows(f"SELECT DISTINCT currency FROM dims WHERE {_seen(side)}") if c is not None}
        for side in SIDES
    ]
    if currencies[0].isdisjoint(currencies[1]):
        ours, theirs = (", ".join(sorted(c)) for c in currencies)
        notes.append(f"rated in {ours}, the {other} in {theirs}: nothing can be compared; set convert.billing_currency")
    return notes


def _unpriced(session: Session) -> list[str]:
    """What a usage export counts without a price, and a log beside that: it becomes no row. In words."""
    told = f"SELECT channel FROM dims WHERE channel IS NOT NULL AND {_seen('billed')}"
    alone = f"channel IS NULL OR channel NOT IN ({told})"
    return [
        f"{channel or '(no seller)'}: {model or 'a model without a name'} has no price; {text(quantity)} x "
        f"{unit or 'units'} of {meter} are in no row"
        for channel, model, meter, unit, quantity in session.rows(
            "SELECT channel, model, meter, unit, sum(quantity) FROM (SELECT * FROM billed_facts JOIN dims ON id = dim "
            f"UNION ALL SELECT * FROM rated_facts JOIN dims ON id = dim WHERE {alone}) WHERE unpriced "
            "GROUP BY ALL ORDER BY ALL"
        )
    ]


def money(sums: Sums) -> str:
    """Sums of several currencies in words; they are never added."""
    return ", ".join(f"{text(sums[c])} {c or '(no currency)'}" for c in sorted(sums, key=str))


def _seen(side: str) -> str:
    """SQL: a row of `dims` has lines on this side."""
    return f"id IN (SELECT dim FROM {side}_facts)"


def _create_scope(session: Session, by: Collection[str]) -> None:
    """Table `scope`: per channel, kind and meter which dimensions are compared (`meter_key` '': not meters).

    `gid` numbers channel, kind and `meter_key`: lines of one number share their stretches of days.
    """
    both = " UNION ALL ".join(
        f"SELECT '{side[0]}' AS side, channel, kind, account, sub_account, model, meter, tier FROM dims "
        f"WHERE {_seen(side)}"
        for side in SIDES
    )
    session.sql(f"CREATE OR REPLACE TABLE known AS SELECT DISTINCT * FROM ({both})")
    ids = []
    for name in ("account", "sub_account"):
        ids.append(
            f"SELECT channel, '{name}' AS name FROM known WHERE {name} IS NOT NULL GROUP BY channel, {name} "
            "HAVING count(DISTINCT side) = 2"
        )
    session.sql(f"CREATE OR REPLACE TABLE shared_ids AS SELECT DISTINCT * FROM ({' UNION ALL '.join(ids)})")
    in_channel = ", ".join(
        f"bool_or({name} IS NOT NULL) FILTER (side = '{mark}') AS {name}_{mark}"
        for name in ("account", "sub_account", "meter", "model", "tier")
        for mark in "rb"
    )
    session.sql(
        f"""CREATE OR REPLACE TABLE channel_scope AS
        SELECT *, ({_kept("meter")}) AS keep_meter FROM (
          SELECT channel, kind = 'usage' AS is_usage, {in_channel}, count(DISTINCT side) AS sides
          FROM known GROUP BY channel, kind = 'usage')"""
    )
    meter_key = "CASE WHEN c.keep_meter AND k.kind = 'usage' THEN coalesce(k.meter, '') ELSE '' END"
    if "meter" not in by:
        meter_key = "''"
    in_meter = ", ".join(
        f"bool_or({name} IS NOT NULL) FILTER (side = '{mark}') OVER (PARTITION BY channel, kind, meter_key) "
        f"AS m_{name}_{mark}"
        for name in ("model", "tier")
        for mark in "rb"
    )

    # Credits, tax and adjustments stand on the bill only: their accounts are compared as those of the usage are.
    of_usage = ", ".join(
        f"CASE WHEN u.is_usage IS NULL THEN c.{name} ELSE u.{name} END AS u_{name}"
        for name in ("account_r", "account_b", "sub_account_r", "sub_account_b", "sides")
    )

    def shared(name: str) -> str:
        return (
            f"EXISTS (SELECT 1 FROM shared_ids i WHERE i.channel IS NOT DISTINCT FROM x.channel AND i.name = '{name}')"
        )

    session.sql(
        f"""CREATE OR REPLACE TABLE scope AS SELECT *, CAST(dense_rank() OVER (ORDER BY channel, kind, meter_key)
          AS INTEGER) AS gid FROM (SELECT DISTINCT channel, kind, meter, meter_key, keep_meter,
          ({_kept("account", "u_")}) AND (u_sides = 1 OR {shared("account")}) AS keep_account,
          ({_kept("sub_account", "u_")}) AND (u_sides = 1 OR {shared("sub_account")}) AS keep_sub_account,
          ({_kept("model", "m_")}) AS keep_model, ({_kept("tier", "m_")}) AS keep_tier
        FROM (SELECT *, {in_meter} FROM (
          SELECT k.side, k.channel, k.kind, k.meter, k.model, k.tier, c.* EXCLUDE (channel, is_usage),
                 {of_usage}, {meter_key} AS meter_key
          FROM known k JOIN channel_scope c
            ON c.channel IS NOT DISTINCT FROM k.channel AND c.is_usage = (k.kind = 'usage')
          LEFT JOIN channel_scope u ON u.channel IS NOT DISTINCT FROM k.channel AND u.is_usage)) x)"""
    )


def _kept(name: str, prefix: str = "") -> str:
    """SQL: no side is present that never says this dimension (a side without lines says nothing against it)."""
    return f"coalesce({prefix}{name}_r, TRUE) AND coalesce({prefix}{name}_b, TRUE)"


def _create_periods(session: Session, *, whole: bool, month: bool) -> None:
    """Table `periods`: the stretch of days in which a line is compared. Overlapping spans become one stretch.

    `stretches` numbers them in their order; `day_periods` finds the number by the days of a line.
    """
    days = " UNION ".join(
        f"SELECT d.gid, f.day_from, f.day_to FROM {side}_facts f JOIN dim_keys d ON d.dim = f.dim" for side in SIDES
    )
    spans = (
        "CAST(date_trunc('month', day_from) AS DATE) AS d_from, "
        "CAST(date_trunc('month', day_to - 1) + INTERVAL 1 month AS DATE) AS d_to"
        if month
        else "day_from AS d_from, day_to AS d_to"
    )
    session.sql(f"CREATE OR REPLACE TABLE days AS SELECT *, {spans} FROM ({days})")
    found = "SELECT DISTINCT gid, d_from, d_to FROM days"
    if whole:
        bounds = f"SELECT *, min(d_from) OVER () AS p_from, max(d_to) OVER () AS p_to FROM ({found})"
    else:
        group = "PARTITION BY gid"
        bounds = f"""
        SELECT gid, d_from, d_to,
               min(d_from) OVER ({group}, island) AS p_from, max(d_to) OVER ({group}, island) AS p_to
        FROM (SELECT *, sum(opens) OVER ({group} ORDER BY d_from, d_to ROWS UNBOUNDED PRECEDING) AS island FROM (
          SELECT *, CASE WHEN d_from < max(d_to) OVER ({group} ORDER BY d_from, d_to
                         ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) THEN 0 ELSE 1 END AS opens
          FROM ({found})))"""
    session.sql(
        "CREATE OR REPLACE TABLE periods AS SELECT b.*, s.channel, s.kind, "
        "CAST(dense_rank() OVER (ORDER BY p_from, p_to) AS INTEGER) AS pno "
        f"FROM ({bounds}) b JOIN (SELECT DISTINCT gid, channel, kind FROM scope) s ON s.gid = b.gid"
    )
    session.sql("CREATE OR REPLACE TABLE stretches AS SELECT DISTINCT pno, p_from, p_to FROM periods ORDER BY pno")
    session.sql(
        "CREATE OR REPLACE TABLE day_periods AS SELECT d.gid, d.day_from, d.day_to, p.pno FROM days d "
        "JOIN periods p ON p.gid = d.gid AND p.d_from = d.d_from AND p.d_to = d.d_to"
    )
    session.sql("DROP TABLE days")


def _notes(session: Session, by: Collection[str], other: str) -> list[str]:
    """What was added up because one side does not say it, in words."""
    notes: list[str] = []
    for name in ("account", "sub_account"):
        if name not in by:
            continue
        for channel, r, b in session.rows(
            f"SELECT channel, {name}_r, {name}_b FROM channel_scope WHERE sides = 2 AND is_usage ORDER BY channel"
        ):
            word = name.replace("_", " ")
            if bool(r) != bool(b):
                notes.append(f"{channel}: the {other if r else 'rated side'} names no {word}; compared without")
            elif r and not session.rows(
                f"SELECT 1 FROM scope WHERE channel = '{str(channel).replace(chr(39), chr(39) * 2)}' AND keep_{name}"
            ):
                notes.append(f"{channel}: the {word}s of the two sides have nothing in common; compared without")
    for name in ("meter", "model", "tier"):
        if name not in by:
            continue
        rows = session.rows(
            f"SELECT channel, bool_or({name} IS NOT NULL) FILTER (side = 'r'), bool_or({name} IS NOT NULL) "
            "FILTER (side = 'b') FROM known WHERE kind = 'usage' GROUP BY channel HAVING count(DISTINCT side) = 2 "
            "ORDER BY channel"
        )
        notes += [
            f"{channel}: the {other if r else 'rated side'} names no {name}; compared without"
            for channel, r, b in rows
            if bool(r) != bool(b)
        ]
    for channel, first, last in session.rows(
        "SELECT channel, min(p_from)::VARCHAR, (max(p_to) - 1)::VARCHAR FROM periods WHERE kind = 'usage' "
        "AND p_to - p_from > 1 GROUP BY channel ORDER BY channel"
    ):
        notes.append(f"{channel}: days were added up where a line covers several of them ({first} to {last})")
    return notes
