"""Records of billing periods that a run was not asked to write.

They are set aside last: it is decided before which record repeats another and which export carries the money of a day,
so that a charge is in the same period, and in one only, whichever periods a run writes.
"""

from __future__ import annotations

from collections.abc import Sequence

from focus_ai.engine import Session, literals

REASON = "other_month"


def leave_out_other_months(
    session: Session, present: frozenset[str], months: Sequence[str], stated: str | None = None
) -> int:
    """Add the events outside `months` (YYYY-MM; none means all) to `left_out`; returns how many.

    A line of a bill is in the period that the bill states, else in the month (UTC) of its time, as usage is.
    `stated`: SQL of a relation `file_no`, `row_no`, `period` (an instant) for rows that say more than that.
    """
    if not months:
        return 0
    period, beside = "e.event_time", ""
    if "billing_period_start" in present:
        period = f"CASE WHEN e.kind = 'billed' THEN coalesce(e.billing_period_start, {period}) ELSE {period} END"
    if stated is not None:
        period, beside = f"coalesce(f.period, {period})", f"LEFT JOIN ({stated}) f USING (file_no, row_no)"
    before = session.one("SELECT count(*) FROM left_out")[0]
    session.sql(
        "INSERT INTO left_out SELECT e.file_no, e.row_no, e.source_file, e.source_row, e.record_id, NULL, NULL, "
        f"'{REASON}' FROM events e {beside} WHERE strftime({period}, '%Y-%m') NOT IN ({literals(months)})"
    )
    return int(session.one("SELECT count(*) FROM left_out")[0]) - int(before)
