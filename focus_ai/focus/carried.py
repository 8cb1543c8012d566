"""Rows of FOCUS files keep what they hold: the same row in the columns of the version asked for.

In: the view `events` with the rows of FOCUS files (`focus_row`, a JSON object of texts), the owners, the SKUs that
`billed_skus` tells, the places. Out: the table `carried_rows` with every column of the version, our x_ columns, the x_
columns of others and whatever no other column holds, and the report of what was filled in, rounded or moved. Which
column is found where: schemas/focus/carry.yaml. Must not know files or prices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from focus_ai.engine import Session, ident
from focus_ai.errors import InternalError
from focus_ai.focus import carry_report
from focus_ai.focus.carry_cells import Cells
from focus_ai.focus.carry_kept import leftovers, names_for, staying
from focus_ai.focus.carry_readings import create_macros
from focus_ai.focus.carry_values import per_more, value
from focus_ai.focus.columns import load

TABLE = "carried_rows"


@dataclass(frozen=True)
class Carried:
    """What the rows of FOCUS files brought along: the columns beyond our own, and what the report has to say."""

    extra: tuple[str, ...]
    report: Mapping[str, Any]


def stated_periods(session: Session, version: str) -> str:
    """SQL of `file_no`, `row_no` and `period`: the billing period that the row of a FOCUS file will have."""
    rows = "FROM events WHERE focus_row IS NOT NULL"
    cells = _cells(session)
    create_macros(session)
    start = value(load(version).column("BillingPeriodStart"), cells)
    return (
        f"SELECT file_no, row_no, {start} AS period FROM (SELECT file_no, row_no, event_time, bucket_end, "
        f"{cells.read('CAST(focus_row AS JSON)')} {rows})"
    )


def create_carried(
    session: Session, version: str, *, owner_hash: str, sku_key: str, place_hash: str, carried: str
) -> Carried | None:
    """Create the table `carried_rows`; None, and no table, when no FOCUS file was read.

    `owner_hash`, `sku_key` and `place_hash` are the SQL of the keys by which an event finds its owner, SKU and place;
    `carried` is the SQL condition of the rows whose money another export carries. Raises `InternalError` when a row
    would be lost or doubled on the way.
    """
    rows = f"FROM events WHERE focus_row IS NOT NULL AND NOT ({carried})"
    if not session.rows("SELECT 1 FROM events WHERE focus_row IS NOT NULL LIMIT 1"):
        return None
    cells = _cells(session)
    create_macros(session)
    facts = (
        "CASE WHEN e.billed_unit = 'Tokens' THEN e.billed_quantity END AS tokens, "
        "e.event_time, e.bucket_end, e.billed_meter, e.record_key, e.adapter, e.billed_cost AS paid, "
        "e.currency AS paid_in, e.charge_category AS category, e.same_usage IS NOT NULL AS for_models, "
        f"{cells.read('CAST(e.focus_row AS JSON)')}"
    )
    source = (
        f"SELECT *, {per_more(cells)} AS per_more FROM ("
        f"SELECT {facts}, o.* EXCLUDE (owner_id), s.* EXCLUDE (sku_hash), l.account_id, l.service FROM "
        f"(SELECT *, {owner_hash} AS evidence_hash, {sku_key} AS sku_hash, {place_hash} AS place_hash {rows}) e "
        "JOIN owner_spans n ON e.evidence_hash = n.owner_hash AND e.event_time >= n.t_from AND e.event_time < n.t_to "
        "JOIN owners o ON o.owner_id = n.owner_id JOIN billed_skus s ON s.sku_hash = e.sku_hash "
        "JOIN places l ON l.place_hash = e.place_hash)"
    )
    model = load(version)
    values = {column.name: f"v{number}" for number, column in enumerate(model.all_columns)}
    found = [f"{value(column, cells)} AS {values[column.name]}" for column in model.all_columns]
    session.sql(f"CREATE TEMP TABLE focus_read AS SELECT *, {', '.join(found)} FROM ({source})")
    stays = staying(cells, model)
    left = leftovers(cells, model, values)
    kept = names_for(carry_report.used(session, left), [*model.all_names, *stays])
    columns = [f"{sql} AS {ident(name)}" for name, sql in values.items()]
    columns += [f"{cells.first(*group)} AS {ident(name)}" for name, group in stays.items()]
    columns += [f"{entry.sql} AS {ident(name)}" for entry, name in kept.items() if entry.into is None]
    session.sql(f"CREATE TABLE {TABLE} AS SELECT {', '.join(columns)} FROM focus_read")
    _all_there(session, rows)
    report = carry_report.told(session, model, cells, values, kept)
    session.sql("DROP TABLE focus_read")
    extra = {*stays, *(name for entry, name in kept.items() if entry.into is None)}
    return Carried(tuple(sorted(extra)), report)


def _cells(session: Session) -> Cells:
    query = "SELECT DISTINCT unnest(json_keys(focus_row)) FROM events WHERE focus_row IS NOT NULL"
    return Cells(str(name) for (name,) in session.rows(query))


def _all_there(session: Session, rows: str) -> None:
    """Every row that was read stands in the table once, in a month and at a time that some file will hold."""
    wanted = session.one(f"SELECT count(*) {rows}")[0]
    placed = "isfinite(BillingPeriodStart) AND year(BillingPeriodStart) < 10000 AND isfinite(ChargePeriodStart)"
    made, in_months = session.one(f"SELECT count(*), coalesce(sum(CAST(({placed}) AS INTEGER)), 0) FROM {TABLE}")
    if not wanted == made == in_months:
        raise InternalError(
            "rows of FOCUS files were lost or doubled", value=f"{made} rows, {in_months} in a month",
            expected=f"{wanted} rows",
        )  # fmt: skip
