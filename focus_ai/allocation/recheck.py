"""Shares worked out again and compared with the shares that stand in a data set, exactly. SQL only.

In: an `Allocation` staged with the kept origin rows of one period, and the SQL of the rows of that period in pieces.
`create` makes the table `origin_rows` (one row per origin with what its split needs), `take` looks at one piece: what a
share must be follows from its origin, its target, and the rank above which a missing unit is given. What the shares of
an origin add up to is gathered in `share_sums`. So memory does not grow with the number of shares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from focus_ai.allocation.amounts import TOKENS, measured, origins_sql, remainders, shares_of
from focus_ai.allocation.apply import Allocation
from focus_ai.allocation.shares import allocated_names, facts
from focus_ai.engine import Session, ident, literal

#: Origin rows that are compared with the sums of their shares at once.
_BUCKET = 100_000
_SUMS = (
    "EffectiveCost", "BilledCost", "ContractedCost", "ListCost", "PricingQuantity", "ConsumedQuantity",
    "PricingCurrencyEffectiveCost", "CommitmentDiscountQuantity", *TOKENS, "x_ReasoningTokens", "x_RequestCount",
)  # fmt: skip

#: File, row (from 1), id of the origin, target, column, value, expected.
Example = tuple[str, int, str, str, str, str | None, str | None]
#: Id of the origin, target (of a missing share), column, value, expected.
Together = tuple[str, str | None, str, str | None, str | None]


@dataclass
class Recheck:
    """The comparison of one period. Views `held_shares` and `origin_parts`: the shares of a piece and their origins."""

    session: Session
    allocation: Allocation
    period: str
    pieces: Sequence[str]

    @property
    def columns(self) -> dict[str, str]:
        """Column -> type of the rows."""
        return self.allocation.columns

    @cached_property
    def made(self) -> list[str]:
        """Columns of a share that are worked out: amounts, id, and what names its receiver."""
        texts = [*facts(self.columns), allocated_names(self.columns)["Tags"]]
        return [*measured(self.columns, self.allocation.shape), *(n for n in texts if n in self.columns)]

    @cached_property
    def kept(self) -> list[str]:
        """Columns that a share has from its origin."""
        return [n for n in self.columns if n not in {*self.made, "x_OriginChargeId"}]

    @cached_property
    def sums(self) -> list[str]:
        """Columns whose sum over the shares is the value of the origin."""
        return [n for n in _SUMS if n in self.columns]

    def create(self) -> None:
        """Make `origin_rows` and the empty `share_sums`; origins whose id is not theirs alone are left out."""
        session, shape, origins = self.session, self.allocation.shape, self.allocation.origins(self.period)
        same = ", ".join(ident(n) for n in self.kept)
        source = f"(SELECT *, hash({same}) AS same FROM {origins})"
        lists = ", ".join(["ws", "suffixes", "masks", *(f"r_{n}" for n in shape.largest)])
        session.sql(
            f"CREATE OR REPLACE TABLE origin_rows AS SELECT o.* EXCLUDE ({lists}) FROM "
            f"({origins_sql(self.columns, source, shape, ['same'])}) o ANTI JOIN (SELECT x_ChargeId AS id "
            f"FROM {origins} GROUP BY 1 HAVING count(*) > 1) twice ON twice.id = o.x_ChargeId "
            "WHERE o.x_ChargeId IS NOT NULL"
        )
        session.sql("CREATE OR REPLACE TABLE plan_ranks AS SELECT plan_no, sum(CAST(hash(pos) AS HUGEINT)) AS ranks "
                    "FROM targets GROUP BY 1")  # fmt: skip
        session.sql("DROP TABLE IF EXISTS share_sums")

    def take(self, piece: str) -> None:
        """Make the views of a piece."""
        method = ident(allocated_names(self.columns)["MethodId"])
        self.session.sql(f"CREATE OR REPLACE VIEW held_shares AS SELECT * FROM {piece} WHERE {method} IS NOT NULL")
        # The shares of a piece come from neighbouring origin rows, so few rows of the large table are read.
        self.session.sql(
            "CREATE OR REPLACE TABLE origin_ids AS SELECT seq FROM origin_rows SEMI JOIN "
            "(SELECT DISTINCT x_OriginChargeId AS id FROM held_shares) h ON h.id = x_ChargeId"
        )
        first, last = self.session.one("SELECT coalesce(min(seq), 0), coalesce(max(seq), 0) FROM origin_ids")
        self.session.sql(
            "CREATE OR REPLACE TABLE origin_parts AS SELECT o.* FROM "
            f"(SELECT * FROM origin_rows WHERE seq >= {first} AND seq <= {last}) o SEMI JOIN origin_ids USING (seq)"
        )

    def _to_targets(self, join: str = "LEFT JOIN", shares: str = "held_shares") -> str:
        """Shares `s`, their origins `k` and their targets `t`."""
        return (
            f"{shares} s JOIN origin_parts k ON k.x_ChargeId = s.x_OriginChargeId {join} targets t "
            f"ON t.plan_no = k.plan_no AND t.resource_id IS NOT DISTINCT FROM {self._resource} "
            "AND t.reason IS NOT DISTINCT FROM s.x_UnattributedReason"
        )

    @property
    def _resource(self) -> str:
        return f"s.{ident(allocated_names(self.columns)['ResourceId'])}"

    def _level(self) -> str:
        """Every held share with its origin and target, and what it should be."""
        have = ", ".join(f"s.{ident(n)} AS {ident('have_' + n)}" for n in self.made)
        # The hash is made before the joins, so that they need not carry its columns.
        shares = f"(SELECT *, hash({', '.join(ident(n) for n in self.kept)}) AS own FROM held_shares)"
        level = (
            f"SELECT k.*, t.w, t.pos, t.suffix, t.mask, s.filename, s.file_row_number, {have}, "
            f"s.own = k.same AS same_rest FROM {self._to_targets('JOIN', shares)}"
        )
        level = (
            f"SELECT *, {remainders(self.allocation.shape)} FROM ({level})" if self.allocation.shape.largest else level
        )
        carry = ["filename", "file_row_number", "same_rest", *(ident("have_" + n) for n in self.made)]
        return shares_of(self.columns, level, self.allocation.shape, [*carry, "x_ChargeId AS origin_id"])

    def _should(self) -> dict[str, str]:
        """Column -> SQL of what it should be, over the shares `e` and the targets `t`."""
        texts = {n: f"t.{field}" if field else "CAST(NULL AS VARCHAR)" for n, field in facts(self.columns).items()}
        texts[allocated_names(self.columns)["Tags"]] = "CASE WHEN e.clash THEN t.tags_prefixed ELSE t.tags END"
        return {n: texts.get(n, f"e.{ident(n)}") for n in self.made}

    def differing(self) -> tuple[list[str], int, int]:
        """Columns of which a share holds something else than it should (`""`: a column that is its origin's), how many
        such shares there are, and how many were compared."""
        differs = {n: _differ(f"e.{ident('have_' + n)}", sql) for n, sql in self._should().items()}
        differs[""] = "NOT e.same_rest"
        # One number per share, a bit for each column: almost always one group.
        bits = " + ".join(f"CASE WHEN {sql} THEN {1 << i} ELSE 0 END" for i, sql in enumerate(differs.values()))
        found = self.session.rows(
            f"SELECT CAST({bits} AS BIGINT) AS bits, count(*) FROM ({self._level()}) e "
            "JOIN targets t ON t.target = e.target GROUP BY 1"
        )
        columns = [n for i, n in enumerate(differs) if any(int(value) >> i & 1 for value, _ in found)]
        return columns, sum(int(n) for value, n in found if value), sum(int(n) for _, n in found)

    def examples(self, columns: Sequence[str], most: int) -> list[Example]:
        """The first shares that differ in one of these columns, with each such column."""
        found: list[Example] = []
        made = [n for n in columns if n]
        if made:
            should = self._should()
            pairs = {n: (f"e.{ident('have_' + n)}", should[n]) for n in made}
            found += self._listed(
                "e.filename AS f, e.file_row_number + 1 AS n, e.origin_id AS o, "
                "coalesce(t.resource_id, '(' || t.reason || ')') AS t",
                f"FROM ({self._level()}) e JOIN targets t ON t.target = e.target", pairs, most,
            )  # fmt: skip
        if "" in columns:
            resource = f"s.{ident(allocated_names(self.columns)['ResourceId'])}"
            found += self._listed(
                "s.filename AS f, s.file_row_number + 1 AS n, s.x_OriginChargeId AS o, "
                f"coalesce({resource}, '(' || s.x_UnattributedReason || ')') AS t",
                "FROM held_shares s JOIN origin_parts k ON k.x_ChargeId = s.x_OriginChargeId "
                f"JOIN {self.allocation.origins(self.period)} o ON o.seq = k.seq",
                {n: (f"s.{ident(n)}", f"o.{ident(n)}") for n in self.kept}, most,
            )  # fmt: skip
        return sorted(found, key=lambda e: e[:2])

    def _listed(self, chosen: str, source: str, pairs: Mapping[str, tuple[str, str]], most: int) -> list[Example]:
        """Rows of which a pair of values differs, one entry for each such pair."""
        parts = ", ".join(
            f"CASE WHEN {_differ(have, want)} THEN [{literal(n)}, {_text(have)}, {_text(want)}] END"
            for n, (have, want) in pairs.items()
        )
        anything = " OR ".join(_differ(*pair) for pair in pairs.values())
        rows = self.session.rows(f"SELECT {chosen}, [{parts}] {source} WHERE {anything} ORDER BY f, n LIMIT {most}")
        return [(f, n, o, t, *part) for f, n, o, t, found in rows for part in found if part is not None]

    def gather(self) -> None:
        """Add what the shares of this piece add up to; `detail_ratios` (details, ratio) must exist."""
        details = ident(allocated_names(self.columns)["MethodDetails"])
        sums = ", ".join(f"sum(s.{ident(n)}) AS {ident(n)}" for n in self.sums)
        found = (
            f"SELECT k.seq, count(t.target) AS shares, sum(CAST(hash(t.pos) AS HUGEINT)) AS ranks, "
            f"sum(d.ratio) AS ratio, {sums} FROM {self._to_targets()} "
            f"LEFT JOIN detail_ratios d ON d.details = s.{details} GROUP BY k.seq"
        )
        first = not self.session.rows("SELECT 1 FROM duckdb_tables() WHERE table_name = 'share_sums'")
        self.session.sql(f"CREATE TABLE share_sums AS {found}" if first else f"INSERT INTO share_sums {found}")

    def together(self, most: int) -> dict[str, tuple[int, list[Together]]]:
        """Of the origin rows: how many do not add up (`sum`), whose ratios do not (`ratio_sum`), of which a target has
        no share or several (`missing`); each with examples."""
        found: dict[str, tuple[int, list[Together]]] = {}
        for start in range(0, int(self.session.one("SELECT coalesce(max(seq), 0) FROM origin_rows")[0]), _BUCKET):
            for kind, (count, examples) in self._bucket(start, most).items():
                before, held = found.get(kind, (0, []))
                found[kind] = before + count, (held + examples)[:most]
        return found

    def _bucket(self, start: int, most: int) -> dict[str, tuple[int, list[Together]]]:
        within = f"seq > {start} AND seq <= {start + _BUCKET}"
        sums = ", ".join(f"sum({ident(n)}) AS {ident(n)}" for n in self.sums)
        self.session.sql(
            "CREATE OR REPLACE TABLE origin_sums AS SELECT k.seq, k.x_ChargeId AS id, k.plan_no, "
            "coalesce(h.shares, 0) = k.size AND h.ranks = p.ranks AS whole, h.seq IS NOT NULL AS held, h.ratio, "
            + "".join(f"h.{ident(n)} AS {ident('h' + n)}, k.{ident(n)} AS {ident('w' + n)}, " for n in self.sums)
            + f"FROM (SELECT * FROM origin_rows WHERE {within}) k JOIN plan_ranks p USING (plan_no) LEFT JOIN "
            f"(SELECT seq, sum(shares) AS shares, sum(ranks) AS ranks, sum(ratio) AS ratio, {sums} FROM share_sums "
            f"WHERE {within} GROUP BY seq) h ON h.seq = k.seq"
        )
        differs = {n: _differ(ident("h" + n), ident("w" + n)) for n in self.sums}
        texts = {n: f"{_text(ident('h' + n))}, {_text(ident('w' + n))}" for n in self.sums}
        column = " ".join(f"WHEN {sql} THEN [{literal(n)}, {texts[n]}]" for n, sql in differs.items())
        kinds = {
            "sum": (" OR ".join(differs.values()), f"CASE {column} END"),
            "ratio_sum": (_differ("ratio", "1"), f"['AllocatedRatio', {_text('ratio')}, '1']"),
        }
        found = {}
        for kind, (differ, told) in kinds.items():
            count = int(self.session.one(f"SELECT count(*) FROM origin_sums WHERE held AND ({differ})")[0])
            if count:
                rows = self.session.rows(
                    f"SELECT id, {told} FROM origin_sums WHERE held AND ({differ}) ORDER BY seq LIMIT {most}"
                )
                found[kind] = count, [(i, None, *part) for i, part in rows]
        partial = "SELECT count(*) FROM origin_sums WHERE whole IS DISTINCT FROM TRUE"
        if missing := int(self.session.one(partial)[0]):
            found["missing"] = missing, self._miscounted(most)
        return found

    def _miscounted(self, most: int) -> list[Together]:
        """Targets of origins that have no share, or several."""
        union = " UNION ALL ".join(f"SELECT {self._names} FROM {piece}" for piece in self.pieces)
        rows = self.session.rows(
            "SELECT c.id, coalesce(t.resource_id, '(' || t.reason || ')'), CAST(count(s.x_OriginChargeId) AS VARCHAR) "
            "FROM (SELECT * FROM origin_sums WHERE whole IS DISTINCT FROM TRUE ORDER BY seq "
            f"LIMIT {most}) c JOIN targets t ON t.plan_no = c.plan_no LEFT JOIN ({union}) s "
            f"ON s.x_OriginChargeId = c.id AND t.resource_id IS NOT DISTINCT FROM {self._resource} "
            "AND t.reason IS NOT DISTINCT FROM s.x_UnattributedReason GROUP BY c.seq, c.id, t.pos, 2 "
            f"HAVING count(s.x_OriginChargeId) <> 1 ORDER BY c.seq, t.pos LIMIT {most}"
        )
        return [(i, target, "rows", n, "1") for i, target, n in rows]

    @property
    def _names(self) -> str:
        return f"x_OriginChargeId, x_UnattributedReason, {ident(allocated_names(self.columns)['ResourceId'])}"

    def strangers(self, most: int) -> tuple[int, list[tuple[str, int, str, str]]]:
        """Shares of an origin that go to none of its targets: file, row, id of the origin, receiver."""
        query = f"FROM {self._to_targets()} WHERE t.target IS NULL"
        receiver = f"coalesce({self._resource}, '(' || coalesce(s.x_UnattributedReason, 'nobody') || ')')"
        count = int(self.session.one(f"SELECT count(*) {query}")[0])
        chosen = f"s.filename, s.file_row_number + 1, s.x_OriginChargeId, {receiver}"
        return count, self.session.rows(f"SELECT {chosen} {query} ORDER BY 1, 2 LIMIT {most}") if count else []


def _differ(have: str, want: str) -> str:
    return f"{have} IS DISTINCT FROM {want}"


def _text(value: str) -> str:
    return f"CAST({value} AS VARCHAR)"


def orphans(
    session: Session, columns: dict[str, str], rows: str, origins: Sequence[str], most: int
) -> tuple[int, list[tuple[str, int, str, str]]]:
    """Shares whose origin row is in none of the kept files: file, row, id of the origin, method."""
    method = f"s.{ident(allocated_names(columns)['MethodId'])}"
    known = " UNION ALL ".join(f"SELECT x_ChargeId FROM {o}" for o in origins)
    query = f"FROM {rows} s ANTI JOIN ({known}) o ON o.x_ChargeId = s.x_OriginChargeId WHERE {method} IS NOT NULL"
    count = int(session.one(f"SELECT count(*) {query}")[0])
    found = f"SELECT s.filename, s.file_row_number + 1, s.x_OriginChargeId, {method} {query} ORDER BY 1, 2 LIMIT {most}"
    return count, session.rows(found) if count else []
