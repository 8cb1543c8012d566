"""Two deliveries of one bill given together: lines that stand in both under other ids, or with restated amounts.

Clouds write a month anew several times a day, with ids that hold within one delivery only, or without ids. A line that
both deliveries print alike under one identity is left out once as everywhere; one that came under another id, or with
another amount, is a record of its own and counts twice. That a file belongs to another delivery shows where half of its
lines stand in other files too; of files that only go on after each other nothing is found here, and nothing of a
delivery that changed every line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from focus_ai.adapters.record import fields
from focus_ai.adapters.staged import Staged
from focus_ai.engine import Session
from focus_ai.usage.identity import compared

# Names that hold within one delivery, and what is filled in when the month closes.
_OF_A_DELIVERY = ("record_id", "invoice_id")
_AMOUNTS = ("integer", "decimal", "meters")


def delivered_again(
    session: Session, told: frozenset[str], staged: Sequence[Staged], aside: str
) -> list[dict[str, Any]]:
    """Per currency: `one` and `other`, the two files of an export that share the most; `n` lines that count twice in
    all such files, and their money `e` in the first of each two.

    `told`: the fields in which lines are compared; `aside`: SQL of the billed lines that do not carry the money. Lines
    without money are not looked at.
    """
    exports = [s.adapter for s in staged if s.read]
    if "billed_cost" not in told or len(set(exports)) == len(exports):
        return []
    said = [(n, sql) for n, sql in compared(told) if n not in _OF_A_DELIVERY]
    known = fields()
    whole = f"hash({', '.join(sql for _, sql in said)})"  # what a line says
    about = f"hash({', '.join(sql for n, sql in said if known[n].type not in _AMOUNTS)})"
    lines = "kind = 'billed' AND billed_cost <> 0"
    return session.dicts(
        f"""WITH printed AS (
          SELECT file_no, adapter, currency, {about} AS d, {whole} AS k, count(*) AS n, sum(billed_cost) AS cost
          FROM staged s ANTI JOIN (FROM left_out WHERE reason = 'conflicting_duplicate') l
          ON s.file_no = l.file_no AND s.row_no = l.row_no WHERE {lines} GROUP BY ALL),
        -- A line that comes twice in one file is no sign: the charges may be equal.
        met AS (
          SELECT file_no AS a, lead(file_no) OVER again AS b, lag(file_no) OVER again AS before
          FROM printed WHERE n = 1 WINDOW again AS (PARTITION BY adapter, k ORDER BY file_no)),
        shared AS (FROM met SELECT a AS file_no GROUP BY a HAVING 2 * count(coalesce(b, before)) >= count(*)),
        pairs AS (
          SELECT DISTINCT a, b FROM met
          WHERE b IS NOT NULL AND (a IN (FROM shared) OR b IN (FROM shared))),
        counted AS (
          SELECT file_no, {whole} AS k, count(*) AS n, sum(billed_cost) AS cost, any_value(currency) AS currency
          FROM (SELECT * FROM events WHERE {lines} AND NOT ({aside})) s
          WHERE file_no IN (SELECT unnest([a, b]) FROM pairs) GROUP BY ALL),
        of_other_ids AS (
          SELECT a, b, x.currency, least(x.n, y.n) AS n, CASE WHEN x.n < y.n THEN x.cost ELSE y.cost END AS e
          FROM pairs JOIN counted x ON x.file_no = a JOIN counted y ON y.file_no = b AND y.k = x.k),
        -- A restated line is in each of the two files one that the other does not print.
        counting AS (FROM printed SEMI JOIN counted USING (k)),
        gone AS (
          SELECT a, b, d, currency, sum(n) AS n, sum(cost) AS e FROM pairs JOIN counting x ON file_no = a
          ANTI JOIN printed y ON y.file_no = b AND y.k = x.k GROUP BY ALL),
        new AS (
          SELECT a, b, d, currency, sum(n) AS n FROM pairs JOIN counting x ON file_no = b
          ANTI JOIN printed y ON y.file_no = a AND y.k = x.k GROUP BY ALL),
        restated AS (
          SELECT a, b, currency, least(gone.n, new.n) AS n, e FROM gone JOIN new USING (a, b, d, currency)),
        twice AS (
          SELECT a, b, currency, sum(n) AS n, sum(e) AS e
          FROM (FROM of_other_ids UNION ALL FROM restated) GROUP BY a, b, currency),
        names AS (SELECT file_no, any_value(source_file) AS name FROM staged GROUP BY file_no)
        SELECT arg_max(x.name, (n, -a)) AS one, arg_max(y.name, (n, -a)) AS other, currency,
          CAST(sum(n) AS BIGINT) AS n, sum(e) AS e
        FROM twice JOIN names x ON x.file_no = a JOIN names y ON y.file_no = b
        GROUP BY currency ORDER BY currency"""
    )
