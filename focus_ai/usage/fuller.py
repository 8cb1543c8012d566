"""Of two exports of one record the one that tells more, where they contradict each other in nothing: a log exported
once without its answers or owners, and once with them.

What a copy does not tell contradicts nobody. A copy that counts fewer kinds of tokens, without those of the cache or of
the reasoning, says no more than their sum. Within one file a record that lacks a value is another one: there nobody
left out a column.
"""

from __future__ import annotations

from collections.abc import Sequence

from focus_ai.engine import Session, ident

REASON = "tells_less"
# Flags of records that do not tell the cached tokens apart, see schemas/words.yaml.
_BLIND = "regexp_matches(coalesce({0}.flags, ''), 'cache_(not_reported|split_missing)')"


Fields = Sequence[tuple[str, str]]


def keep_fuller(session: Session, present: frozenset[str], less: Fields, more: Fields) -> None:
    """Of contradictions in `left_out` that are none keep the record that tells most; the others become `tells_less`.

    In: tables `ranked` (with `version_place`) and `left_out`. `less`, `more`: the fields that have to agree, with the
    SQL of each over a record `s` and over the one that stays, `k`.
    """
    if not session.rows("SELECT 1 FROM left_out WHERE reason = 'conflicting_duplicate' LIMIT 1"):
        return
    told = " + ".join(f"({sql} IS NOT NULL)::INTEGER" for _, sql in less)
    session.sql(
        f"""CREATE TABLE newest AS
        SELECT r.file_no, r.row_no, r.record_key, r.source_file, r.source_row,
               row_number() OVER (PARTITION BY r.record_key
                                  ORDER BY {told} DESC, r.source_file, r.source_row, r.row_no) AS place
        FROM ranked r JOIN left_out l ON r.file_no = l.file_no AND r.row_no = l.row_no
        JOIN staged s ON r.file_no = s.file_no AND r.row_no = s.row_no
        WHERE l.reason = 'conflicting_duplicate' AND r.version_place = 1"""
    )
    agree = " AND ".join(_agrees(n, this, that, present) for (n, this), (_, that) in zip(less, more, strict=True))
    session.sql(
        f"""CREATE TABLE fuller AS
        SELECT b.record_key, any_value(b.file_no) AS file_no, any_value(b.row_no) AS row_no,
               any_value(b.source_file) AS kept_file, any_value(b.source_row) AS kept_row
        FROM newest n JOIN newest b ON n.record_key = b.record_key AND b.place = 1 AND n.place > 1
        JOIN staged s ON n.file_no = s.file_no AND n.row_no = s.row_no
        JOIN staged k ON b.file_no = k.file_no AND b.row_no = k.row_no
        GROUP BY b.record_key HAVING bool_and({agree} AND n.source_file <> b.source_file)"""
    )
    session.sql("DELETE FROM left_out USING fuller f WHERE left_out.file_no = f.file_no AND left_out.row_no = f.row_no")
    session.sql(
        f"""UPDATE left_out SET kept_file = f.kept_file, kept_row = f.kept_row,
            reason = CASE WHEN r.version_place = 1 THEN '{REASON}' ELSE 'older_version' END
        FROM fuller f JOIN ranked r ON f.record_key = r.record_key
        WHERE left_out.file_no = r.file_no AND left_out.row_no = r.row_no"""
    )
    for table in ("newest", "fuller"):
        session.sql(f"DROP TABLE {table}")


def _agrees(name: str, less: str, more: str, present: frozenset[str]) -> str:
    """SQL: does record `s` say of a field what record `k` says, or nothing?"""
    test = f"{less} IS NULL OR {less} IS NOT DISTINCT FROM {more}"
    side = next((side for side in ("input_", "output_") if name.startswith(side) and name.endswith("_tokens")), None)
    if side is None:
        return f"({test})"

    def tokens(record: str, *sides: str, sql: str = "coalesce({}, 0)") -> str:
        counted = sorted(n for n in present if n.startswith(sides) and n.endswith("_tokens"))
        return " + ".join(sql.format(f"{record}.{ident(n)}") for n in counted)

    kinds = "({} IS NOT NULL)::INTEGER"
    test += (
        f" OR (({tokens('s', side, sql=kinds)}) < ({tokens('k', side, sql=kinds)}) "
        f"AND {tokens('s', side)} = {tokens('k', side)})"
    )
    if side == "input_" and "reported_total_tokens" in present:
        # Where the input leaves the cache out, the total of a record that does not know the cache holds it.
        blind = f"{_BLIND.format('s')} AND NOT {_BLIND.format('k')}"
        test += f" OR ({blind} AND s.reported_total_tokens = {tokens('k', 'input_', 'output_')})"
    return f"({test})"
