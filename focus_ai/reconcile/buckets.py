"""Lines of both sides meet in buckets, by every dimension that both sides know.

A dimension that one side does not know anywhere in a channel (model and tier: in a channel and meter) is added up and
noted, never guessed. Ids of accounts that have nothing in common are added up too. Lines that cover several days pull
the days of their channel and meter together, so that a month's total is compared with a month.
"""

from __future__ import annotations

from collections.abc import Collection

from focus_ai.engine import Session
from focus_ai.money import text

DIMENSIONS = ("period", "channel", "account", "sub_account", "model", "meter", "tier")
#: Group of meters that cause tests look at one by one, also where the meter itself is added up.
CLASSES = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")
_KEY = "p_from, p_to, currency, channel, account, sub_account, model, meter, tier, kind"


def create_buckets(session: Session, by: Collection[str] = DIMENSIONS, *, month: bool = False) -> list[str]:
    """Create the table `buckets` from `rated_lines` and `billed_lines`; returns notes about what was added up."""
    step = "month" if month else "day"
    for side in ("rated", "billed"):
        spans = (
            "CAST(date_trunc('month', day_from) AS DATE) AS d_from, "
            "CAST(date_trunc('month', day_to - 1) + INTERVAL 1 month AS DATE) AS d_to"
            if step == "month"
            else "day_from AS d_from, day_to AS d_to"
        )
        session.sql(f"CREATE OR REPLACE VIEW {side}_spans AS SELECT *, {spans} FROM {side}_lines")
    _create_scope(session, by)
    _create_periods(session, whole="period" not in by)
    kinds = _create_words(session)
    measures = " UNION ALL BY NAME ".join(
        _side(side, mark, by, kinds) for side, mark in (("rated", "r"), ("billed", "b"))
    )
    # Where every bucket has its meter, the quantities by meter follow from the bucket's own.
    whole = "meter" in by and not session.rows("SELECT 1 FROM scope WHERE kind = 'usage' AND NOT keep_meter LIMIT 1")
    sums, classes = [], []
    for mark in "rb":
        mine = f"FILTER (side = '{mark}')"
        sums += [
            f"sum(cost) {mine} AS {mark}_cost",
            f"sum(quantity) {mine} AS {mark}_counted",
            f"bool_and(quantity IS NOT NULL) {mine} AS {mark}_all",
            f"CAST(coalesce(sum(lines) {mine}, 0) AS BIGINT) AS {mark}_lines",
            f"min(price) {mine} AS {mark}_price_min",
            f"max(price) {mine} AS {mark}_price_max",
        ]
        for name in CLASSES:
            if whole:
                held = f"CASE WHEN meter = '{name}' THEN coalesce({mark}_counted, 0) ELSE 0 END"
            else:
                held = f"coalesce({mark}_c_{name}, 0)"
                sums.append(f"sum(quantity) FILTER (side = '{mark}' AND line_meter = '{name}') AS {mark}_c_{name}")
            classes.append(f"CAST({held} AS DECIMAL(38, 9)) AS {mark}_{name}")
    texts = ", ".join(f"CAST({n} AS VARCHAR) AS {n}" for n in kinds)
    counted = ", ".join(
        f"CASE WHEN {m}_all AND one_unit THEN CAST({m}_counted AS DECIMAL(38, 9)) END AS {m}_q" for m in "rb"
    )
    session.sql(
        f"CREATE TABLE grouped AS SELECT {_KEY}, max(unit) AS unit, "
        f"min(unit) IS NOT DISTINCT FROM max(unit) AS one_unit, {', '.join(sums)}, "
        "CAST(coalesce(sum(unattributed) FILTER (side = 'r'), 0) AS DECIMAL(38, 18)) AS unattributed, "
        "max(places) FILTER (side = 'b') AS places, min(invoice) FILTER (side = 'b') AS invoice, "
        "CAST(coalesce(sum(quantity) FILTER (side = 'r' AND unpriced), 0) AS DECIMAL(38, 9)) AS r_unpriced, "
        "CAST(coalesce(sum(quantity) FILTER (side = 'b' AND above), 0) AS DECIMAL(38, 9)) AS b_above "
        f"FROM ({measures}) GROUP BY {_KEY}"
    )
    session.sql(
        f"CREATE TABLE buckets AS SELECT row_number() OVER (ORDER BY {_KEY}) AS n, p_from, p_to, {texts}, "
        f"r_lines, b_lines, r_price_min, r_price_max, b_price_min, b_price_max, unattributed, places, invoice, "
        f"r_unpriced, b_above, {counted}, {', '.join(classes)}, "
        "CAST(coalesce(r_cost, 0) AS DECIMAL(38, 18)) AS r_cost, "
        "CAST(coalesce(b_cost, 0) AS DECIMAL(38, 18)) AS b_cost, "
        "CASE WHEN r_price_min = r_price_max THEN r_price_min END AS r_price, "
        "CAST(coalesce(b_cost, 0) - coalesce(r_cost, 0) AS DECIMAL(38, 18)) AS delta FROM grouped"
    )
    session.sql("DROP TABLE grouped")
    return _notes(session, by)


def _create_words(session: Session) -> dict[str, str]:
    """An enumeration per text of the key, in the order of the words: grouping and sorting use small numbers."""
    kinds = {}
    for name in ("currency", "channel", "account", "sub_account", "model", "meter", "tier", "kind", "unit"):
        words = " UNION ".join(
            f"SELECT {name} AS word FROM {side}_lines WHERE {name} IS NOT NULL" for side in ("rated", "billed")
        )
        kinds[name] = "VARCHAR"
        if session.rows(f"SELECT 1 FROM ({words}) LIMIT 1"):
            session.sql(f"CREATE TYPE word_{name} AS ENUM (SELECT word FROM ({words}) ORDER BY word)")
            kinds[name] = f"word_{name}"
    return kinds


def bucket_of(lines: str, by: Collection[str], carry: str, *, month: bool) -> str:
    """SELECT of `carry` and the number of the bucket `n` for single lines (as `row_lines` gives them)."""
    spans = (
        "CAST(date_trunc('month', day_from) AS DATE) AS d_from, "
        "CAST(date_trunc('month', day_to - 1) + INTERVAL 1 month AS DATE) AS d_to"
        if month
        else "day_from AS d_from, day_to AS d_to"
    )
    keys = _kept_keys(by)
    same = " AND ".join(f"b.{name} IS NOT DISTINCT FROM {sql}" for name, sql in keys.items())
    return (
        f"SELECT {carry}, b.n, l.quantity, l.cost FROM (SELECT *, {spans} FROM ({lines})) l "
        "JOIN scope s ON s.channel IS NOT DISTINCT FROM l.channel AND s.kind = l.kind "
        "AND s.meter IS NOT DISTINCT FROM l.meter "
        "JOIN periods p ON p.channel IS NOT DISTINCT FROM l.channel AND p.kind = l.kind "
        "AND p.meter_key = s.meter_key AND p.d_from = l.d_from AND p.d_to = l.d_to "
        f"JOIN buckets b ON b.p_from = p.p_from AND b.p_to = p.p_to AND b.currency = l.currency "
        f"AND b.kind = l.kind AND {same}"
    )


def _kept_keys(by: Collection[str]) -> dict[str, str]:
    """Dimension of a bucket -> SQL of its value for a line `l` in scope `s`."""
    return {
        "channel": "l.channel" if "channel" in by else "CAST(NULL AS VARCHAR)",
        **{
            name: f"CASE WHEN s.keep_{name} THEN l.{name} END" if name in by else "CAST(NULL AS VARCHAR)"
            for name in ("account", "sub_account", "model", "meter", "tier")
        },
    }


def _side(side: str, mark: str, by: Collection[str], kinds: dict[str, str]) -> str:
    keys = {"currency": "l.currency", "kind": "l.kind", "unit": "l.unit", **_kept_keys(by)}
    unpriced = "l.unpriced" if side == "rated" else "FALSE"
    return (
        f"SELECT '{mark}' AS side, p.p_from, p.p_to, "
        + ", ".join(f"CAST({sql} AS {kinds[name]}) AS {name}" for name, sql in keys.items())
        + ", l.price, l.quantity, l.cost, l.lines, l.unattributed, l.places, l.invoice, l.marks LIKE '%gt%' AS above, "
        f"l.meter AS line_meter, {unpriced} AS unpriced FROM {side}_spans l "
        "JOIN scope s ON s.channel IS NOT DISTINCT FROM l.channel AND s.kind = l.kind "
        "AND s.meter IS NOT DISTINCT FROM l.meter "
        "JOIN periods p ON p.channel IS NOT DISTINCT FROM l.channel AND p.kind = l.kind "
        "AND p.meter_key = s.meter_key AND p.d_from = l.d_from AND p.d_to = l.d_to"
    )


def coverage(session: Session) -> list[str]:
    """Days and channels that only one side has, in words."""
    notes = []
    for channel, first, last, days, cost in session.rows(
        "WITH b AS (SELECT channel, min(day_from) AS first, max(day_to) AS after "
        "FROM billed_lines WHERE kind = 'usage' GROUP BY channel) "
        "SELECT r.channel, b.first::VARCHAR, (b.after - 1)::VARCHAR, count(DISTINCT r.day_from), "
        "sum(r.cost) FROM rated_lines r LEFT JOIN b ON b.channel = r.channel "
        "WHERE b.channel IS NULL OR r.day_to <= b.first OR r.day_from >= b.after GROUP BY ALL ORDER BY ALL"
    ):
        if first is None:
            notes.append(f"{channel}: no bill was given; {days} rated days with {text(cost)} stand alone")
        else:
            notes.append(
                f"{channel}: the bill covers {first} to {last}; {days} rated days outside with {text(cost)} "
                "stand alone (--period leaves them out)"
            )
    for channel, cost in session.rows(
        "SELECT channel, sum(cost) FROM billed_lines WHERE kind = 'usage' AND channel NOT IN "
        "(SELECT channel FROM rated_lines WHERE channel IS NOT NULL) GROUP BY 1 ORDER BY 1"
    ):
        notes.append(f"{channel}: no usage was given; {text(cost)} of the bill stands alone")
    currencies = [
        {str(c) for (c,) in session.rows(f"SELECT DISTINCT currency FROM {side}_lines WHERE currency IS NOT NULL")}
        for side in ("rated", "billed")
    ]
    if currencies[0].isdisjoint(currencies[1]):
        rated, billed = (", ".join(sorted(c)) for c in currencies)
        notes.append(f"rated in {rated}, billed in {billed}: nothing can be compared; set convert.billing_currency")
    return notes


def _create_scope(session: Session, by: Collection[str]) -> None:
    """Table `scope`: per channel, kind and meter which dimensions are compared (`meter_key` '': not meters)."""
    both = " UNION ALL ".join(
        f"SELECT '{mark}' AS side, channel, kind, account, sub_account, model, meter, tier FROM {side}_spans"
        for side, mark in (("rated", "r"), ("billed", "b"))
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

    def shared(name: str) -> str:
        return (
            f"EXISTS (SELECT 1 FROM shared_ids i WHERE i.channel IS NOT DISTINCT FROM x.channel AND i.name = '{name}')"
        )

    session.sql(
        f"""CREATE OR REPLACE TABLE scope AS SELECT DISTINCT channel, kind, meter, meter_key, keep_meter,
          ({_kept("account")}) AND (sides = 1 OR {shared("account")}) AS keep_account,
          ({_kept("sub_account")}) AND (sides = 1 OR {shared("sub_account")}) AS keep_sub_account,
          ({_kept("model", "m_")}) AS keep_model, ({_kept("tier", "m_")}) AS keep_tier
        FROM (SELECT *, {in_meter} FROM (
          SELECT k.side, k.channel, k.kind, k.meter, k.model, k.tier, c.* EXCLUDE (channel, is_usage),
                 {meter_key} AS meter_key
          FROM known k JOIN channel_scope c
            ON c.channel IS NOT DISTINCT FROM k.channel AND c.is_usage = (k.kind = 'usage'))) x"""
    )


def _kept(name: str, prefix: str = "") -> str:
    """SQL: no side is present that never says this dimension (a side without lines says nothing against it)."""
    return f"coalesce({prefix}{name}_r, TRUE) AND coalesce({prefix}{name}_b, TRUE)"


def _create_periods(session: Session, *, whole: bool) -> None:
    """Table `periods`: the stretch of days in which a line is compared. Overlapping spans become one stretch."""
    spans = " UNION ".join(
        f"SELECT l.channel, l.kind, s.meter_key, l.d_from, l.d_to FROM {side}_spans l JOIN scope s "
        "ON s.channel IS NOT DISTINCT FROM l.channel AND s.kind = l.kind AND s.meter IS NOT DISTINCT FROM l.meter"
        for side in ("rated", "billed")
    )
    if whole:
        bounds = "min(d_from) OVER () AS p_from, max(d_to) OVER () AS p_to"
        session.sql(f"CREATE OR REPLACE TABLE periods AS SELECT *, {bounds} FROM ({spans})")
        return
    group = "PARTITION BY channel, kind, meter_key"
    session.sql(
        f"""CREATE OR REPLACE TABLE periods AS
        SELECT channel, kind, meter_key, d_from, d_to,
               min(d_from) OVER ({group}, island) AS p_from, max(d_to) OVER ({group}, island) AS p_to
        FROM (SELECT *, sum(opens) OVER ({group} ORDER BY d_from, d_to ROWS UNBOUNDED PRECEDING) AS island FROM (
          SELECT *, CASE WHEN d_from < max(d_to) OVER ({group} ORDER BY d_from, d_to
                         ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) THEN 0 ELSE 1 END AS opens
          FROM ({spans})))"""
    )


def _notes(session: Session, by: Collection[str]) -> list[str]:
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
                notes.append(f"{channel}: the {'bill' if r else 'rated side'} names no {word}; compared without")
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
            f"{channel}: the {'bill' if r else 'rated side'} names no {name}; compared without"
            for channel, r, b in rows
            if bool(r) != bool(b)
        ]
    for channel, first, last in session.rows(
        "SELECT channel, min(p_from)::VARCHAR, (max(p_to) - 1)::VARCHAR FROM periods WHERE kind = 'usage' "
        "AND p_to - p_from > 1 GROUP BY channel ORDER BY channel"
    ):
        notes.append(f"{channel}: days were added up where a line covers several of them ({first} to {last})")
    return notes
