"""One account exported twice as FOCUS rows, such as AWS in 1.0 and in 1.2: each day counts once.

Rows of two exports are other rows (other columns, other words), so equal rows do not show that they are the same spend.
Two exports are told apart by the version that their columns belong to, by their format and, where a file has a header,
by its columns. Per adapter, seller, account, sub account and UTC day they describe the same spend when at least half
the charges of the shorter one are in the other too: same period, category, resource and billed amount. Then the
newest version carries, unless another one tells of more money; the others are kept aside with the decision.
"""

from __future__ import annotations

from typing import Any

from focus_ai.engine import Session

# Columns that came with a version; the oldest form has none of them.
_NEWER = {
    "new_names": ("ServiceProviderName",),
    "old_names": ("ProviderName",),
    "middle": ("ServiceSubcategory", "SkuMeter", "PricingCurrency"),
}
_VERSION = (
    "CASE WHEN new_names AND NOT old_names THEN '1.4' WHEN new_names THEN '1.3' WHEN middle THEN '1.2' ELSE '1.0' END"
)
_FORM = (
    "CASE WHEN regexp_matches(source_file, '(?i)[.]parquet$') THEN 'Parquet' "
    "WHEN regexp_matches(source_file, '(?i)[.]csv([.][a-z]+)?$') THEN 'CSV' ELSE 'JSON' END"
)
_KEY = ("adapter", "provider", "account", "sub_account", "day")


def choose_exports(session: Session, present: frozenset[str], billed: list[str]) -> list[dict[str, Any]]:
    """Add to `billed` the SQL condition of the rows that another export carries; returns what was decided."""
    if "focus_row" not in present or not _several(session):
        return []
    account, sub = (n if n in present else "CAST(NULL AS VARCHAR)" for n in ("account_id", "sub_account_id"))
    resource = "resource_id" if "resource_id" in present else "NULL"
    charge = f"hash(event_time, bucket_end, charge_category, {resource}, round(billed_cost, 6), currency)"
    session.sql(
        f"""CREATE TABLE focus_told AS
        SELECT f.export, f.version, e.adapter, provider, {account} AS account, {sub} AS sub_account,
               CAST(event_time AS DATE) AS day, {charge} AS charge, 
               sum(CAST(billed_cost <> 0 AS INTEGER)) AS n, sum(abs(billed_cost)) AS paid
        FROM events e JOIN focus_files f ON e.source_file = f.source_file AND e.adapter = f.adapter
        WHERE focus_row IS NOT NULL GROUP BY ALL"""
    )
    same = " AND ".join(f"a.{name} IS NOT DISTINCT FROM b.{name}" for name in _KEY)
    key, keys = ", ".join(_KEY), ", ".join(f"a.{name}" for name in _KEY)
    session.sql(
        f"""CREATE TABLE focus_doubles AS
        WITH days AS (SELECT {key}, export, version, sum(n) AS records, sum(paid) AS paid FROM focus_told GROUP BY ALL),
        shared AS (SELECT {keys}, a.export, b.export AS other, sum(least(a.n, b.n)) AS n
                   FROM focus_told a JOIN focus_told b ON {same} AND a.charge = b.charge AND a.export <> b.export
                   GROUP BY ALL),
        proven AS (SELECT DISTINCT a.* FROM days a JOIN shared s ON {same.replace("b.", "s.")} AND a.export = s.export
                   JOIN days b ON {same} AND b.export = s.other
                   WHERE s.n > 0 AND 2 * s.n >= least(a.records, b.records)),
        judged AS (SELECT *, 100 * paid >= 99 * max(paid) OVER (PARTITION BY {key}) AS complete FROM proven)
        SELECT {key}, export, first(export) OVER best AS carrier FROM judged
        WINDOW best AS (PARTITION BY {key} ORDER BY complete DESC, version DESC, records DESC, export)"""
    )
    shown = "regexp_replace(focus_doubles.carrier, ', [0-9a-f]{6}[)]$', ')')"
    rows = session.rows(
        f"SELECT provider, {shown} AS carrier, min(day)::VARCHAR, max(day)::VARCHAR, count(DISTINCT day) "
        "FROM focus_doubles WHERE export <> focus_doubles.carrier GROUP BY ALL ORDER BY ALL"
    )
    if rows:
        there = {"account": account, "sub_account": sub, "day": "CAST(event_time AS DATE)"}
        match = " AND ".join(f"c.{n} IS NOT DISTINCT FROM {there.get(n, f'events.{n}')}" for n in _KEY)
        billed.append(
            "EXISTS (SELECT 1 FROM focus_doubles c JOIN focus_files f ON c.export = f.export AND c.adapter = f.adapter "
            f"WHERE f.source_file = events.source_file AND c.export <> c.carrier AND {match})"
        )
    return [
        {"family": seller, "between": "FOCUS exports", "carried_by": carrier, "from": first, "to": last, "days": days}
        for seller, carrier, first, last, days in rows
    ]


def _several(session: Session) -> bool:
    """Create the table `focus_files` (which export a file belongs to); is there more than one?"""
    files = session.rows("SELECT DISTINCT source_file FROM events WHERE focus_row IS NOT NULL LIMIT 2")
    if len(files) < 2:
        return False
    marks = ", ".join(
        "bool_or(" + " OR ".join(f"""contains(focus_row, '"{column}":')""" for column in columns) + f") AS {name}"
        for name, columns in _NEWER.items()
    )
    session.sql(
        f"""CREATE TABLE focus_files AS
        SELECT source_file, adapter, {_VERSION} AS version,
               'FOCUS ' || version || ' (' || {_FORM} ||
               CASE WHEN {_FORM} = 'JSON' THEN ')' ELSE ', ' || len(header) || ' columns, ' ||
                    left(md5(CAST(list_sort(header) AS VARCHAR)), 6) || ')' END AS export
        FROM (SELECT source_file, adapter, {marks}, json_keys(first(focus_row)) AS header
              FROM events WHERE focus_row IS NOT NULL GROUP BY ALL)"""
    )
    return int(session.one("SELECT count(DISTINCT export) FROM focus_files")[0]) > 1
