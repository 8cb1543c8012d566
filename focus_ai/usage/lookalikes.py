"""Calls that the logs of two systems tell of without an id in common: the same tokens in and out at the same moment.
One of them has no id of the answer, or one that its gateway made up.

Calls of equal counts whose times touch form a cluster; in it, the n-th call of one system stands for the n-th of the
other, so that two equal calls stay two. The moment is the beginning of the calls. A log that only says when it was
written is taken to mean the end, as most do, and else the beginning.

Anthropic's input leaves the cache out, so in a log that knows no cache, or only what was read from it, the same call
has less input: there the record that tells more of the cache stays.
"""

from __future__ import annotations

from itertools import combinations, product
from typing import NamedTuple

from focus_ai.engine import Session, literal, literals

# An id that a gateway made up for an answer, such as chatcmpl-<UUID> for one of Gemini, is not the provider's.
_OWN = "regexp_full_match({0}.response, '[a-z_]+-[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}')"
# Two clocks that look at one call differ by less than this.
SECONDS = 2


class _Rule(NamedTuple):
    """SQL of what calls have in common besides their output, which ones are looked at, and what is compared of two:
    the one with the smaller value stays."""

    common: str
    looked_at: str
    order: tuple[str, ...]


_EQUAL = _Rule("input", "c.input > 0", ("guess", "inferred", "rank", "less", "system"))
_WITHOUT_CACHE = _Rule(
    "input - cached", "c.input > 0 AND c.maker = 'claude' AND (c.no_cache OR c.cached > 0)", ("no_cache",)
)
_WITHOUT_WRITES = _Rule(
    "input - written", "c.input > 0 AND c.maker = 'claude' AND (c.no_writes OR c.written > 0)", ("no_writes",)
)


def leave_out_lookalikes(session: Session) -> None:
    """Add calls of the table `calls` that look like one of another system to `left_out` (`looks_like_same_call`). Those
    that an id proved are in `same_calls`."""
    logged = bool(session.rows("SELECT 1 FROM calls WHERE logged LIMIT 1"))
    # A record that stands for a call of a system already is no other call of that system.
    session.sql(
        """CREATE TABLE counterparts AS
        SELECT s.kept_file_no AS file_no, s.kept_row_no AS row_no, c.system
        FROM same_calls s JOIN calls c ON s.file_no = c.file_no AND s.row_no = c.row_no"""
    )
    for rule in (_EQUAL, _WITHOUT_WRITES, _WITHOUT_CACHE):
        for moment, pair in product(("ended", "begun") if logged else ("begun",), _pairs(session, rule)):
            _leave_out(session, rule, moment, pair)
    session.sql("DROP TABLE counterparts")


def _pairs(session: Session, rule: _Rule) -> list[tuple[str, str]]:
    """The systems that have calls of equal counts, two by two."""
    shared = session.rows(
        f"SELECT DISTINCT list_sort(list(DISTINCT c.system)) FROM calls c WHERE {rule.looked_at} "
        f"GROUP BY {rule.common}, output HAVING count(DISTINCT c.system) > 1"
    )
    return sorted({(str(a), str(b)) for (systems,) in shared for a, b in combinations(systems, 2)})


def _leave_out(session: Session, rule: _Rule, moment: str, pair: tuple[str, str]) -> None:
    """What two systems have in common, as one rule sees it."""
    touch = f"{moment} - lag({moment}) OVER same <= INTERVAL {SECONDS} second"
    other, this = (f"({', '.join(f'{side}.{name}' for name in rule.order)})" for side in "oc")
    names = f"(CASE c.system WHEN {literal(pair[0])} THEN {literal(pair[1])} ELSE {literal(pair[0])} END)"
    session.sql(
        f"""CREATE TABLE lookalikes AS
        WITH here AS (
          SELECT c.*, {rule.common} AS common, l.reason IS NOT NULL AS gone FROM calls c
          LEFT JOIN left_out l ON c.file_no = l.file_no AND c.row_no = l.row_no
          ANTI JOIN counterparts p ON c.file_no = p.file_no AND c.row_no = p.row_no AND p.system = {names}
          WHERE c.system IN ({literals(pair)}) AND coalesce(l.reason, '') <> 'same_call' AND {rule.looked_at}),
        edges AS (SELECT *, CASE WHEN {touch} THEN 0 ELSE 1 END AS starts FROM here
                  WINDOW same AS (PARTITION BY common, output ORDER BY {moment})),
        clusters AS (SELECT *, sum(starts) OVER (PARTITION BY common, output ORDER BY {moment}
                                                 RANGE UNBOUNDED PRECEDING) AS cluster FROM edges),
        numbered AS (SELECT *, row_number() OVER (
                       PARTITION BY common, output, cluster, system
                       ORDER BY {moment}, adapter, source_file, source_row, row_no) AS nth FROM clusters)
        SELECT c.*, o.source_file AS kept_file, o.source_row AS kept_row, o.file_no AS kept_file_no,
               o.row_no AS kept_row_no, o.system AS kept_system
        FROM numbered c JOIN numbered o
          ON c.common = o.common AND c.output = o.output AND c.cluster = o.cluster AND c.nth = o.nth
         AND c.system <> o.system AND NOT c.gone AND {other} < {this}
         AND (c.provider = o.provider OR c.provider IS NULL OR o.provider IS NULL
              OR (c.inferred <> o.inferred AND c.maker <> '' AND c.maker = o.maker))
         AND (c.response IS NULL OR o.response IS NULL OR {_OWN.format("c")} <> {_OWN.format("o")})
         AND abs(epoch_ms(c.{moment}) - epoch_ms(o.{moment})) <= {1000 * SECONDS}
         {"" if moment == "begun" else "AND (c.logged OR o.logged)"}"""
    )
    session.sql(
        """INSERT INTO left_out
        SELECT file_no, row_no, source_file, source_row, record_id, kept_file, kept_row, 'looks_like_same_call'
        FROM lookalikes"""
    )
    session.sql(
        "INSERT INTO counterparts SELECT kept_file_no, kept_row_no, system FROM lookalikes "
        "UNION ALL SELECT file_no, row_no, kept_system FROM lookalikes"
    )
    session.sql("DROP TABLE lookalikes")
