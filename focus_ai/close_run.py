"""Closing a period: rows whose costs add up to the bill, by splitting the bill or by adjusting the rated rows."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from focus_ai.allocation.amounts import measure
from focus_ai.allocation.match import Match
from focus_ai.allocation.rules import FIELDS, Rule, Target
from focus_ai.allocation.shares import create_plans, shares_sql
from focus_ai.allocation.weights import Element, Plan
from focus_ai.engine import Session, ident, literal
from focus_ai.engine.tables import create_table
from focus_ai.errors import InternalError, UsageError
from focus_ai.focus.rows import month_bounds
from focus_ai.money import text
from focus_ai.reconcile.buckets import BILL, USAGE, Sums, bucket_of
from focus_ai.reconcile.close import OWNER, adjusted_sql, adjustments_sql, corrections_sql
from focus_ai.reconcile.lines import row_lines
from focus_ai.reconcile.scale import create_scaled
from focus_ai.reconcile.untold import add_untold, any_stays, gone
from focus_ai.reconcile.weights import create_owners, create_weights
from focus_ai.rewrite import DataSet, deliver, relation
from focus_ai.sinks import Delivery, Written
from focus_ai.sinks.parquet import write_parquet

SCHEMA = "focus-ai/closed-period@1"
_SAID = {
    BILL: ("billed-split", "Every billed amount is split by the usage that was metered for it."),
    USAGE: ("usage-split", "What the provider counted is split by the usage that was metered for it."),
}
#: By what the rows of the second side are split: of a bill, or of a usage export.
RULES = {
    other: Rule(name, "1", said, Match((), "reconcile --close split"), name, (), None, None, "keep")
    for other, (name, said) in _SAID.items()
}
# Rows that are sorted and written at once.
SLICE = 50_000


class Closing:
    """One closing over the tables of a finished comparison."""

    def __init__(
        self,
        session: Session,
        rated: DataSet,
        billed: DataSet,
        by: Collection[str],
        *,
        work: Path,
        other: str = BILL,
    ) -> None:
        self.session, self.rated, self.billed = session, rated, billed
        self.by, self.work, self.other = by, work, other
        self.stayed: Sums = {}
        self.columns = billed.columns
        self.notes: list[str] = []
        self.slices: list[Path] = []

    def _number(self, side: str, names: Collection[str]) -> None:
        """Table `<side>_rows`: these columns of the rows of a side, with their number and bucket."""
        import pyarrow.parquet as pq

        source = self.rated if side == "rated" else self.billed
        paths = [p for found in source.files.values() for p in found]
        # Columns that no file of this side has are those of the other side's exports.
        held = {f.name for path in paths for f in pq.read_schema(path)}
        other = "".join(f"CAST(NULL AS VARCHAR) AS {ident(n)}, " for n in source.columns if n not in held)
        self.session.sql(
            f"CREATE OR REPLACE VIEW {side}_all AS SELECT *, {other}row_number() OVER () AS seq "
            f"FROM {relation(paths, ', union_by_name=true')}"
        )
        columns = {n: k.upper() if k.startswith("decimal") else k for n, k in source.columns.items()}
        bill = side == "billed" and self.other == BILL
        lines = row_lines(f"{side}_all", columns, billed=bill, carry="seq")
        keyed = bucket_of(lines, self.by, "l.seq AS seq")
        self.session.sql(
            f"CREATE OR REPLACE TABLE {side}_rows AS SELECT {', '.join(f'r.{ident(n)}' for n in names)}, r.seq, k.n, "
            f"k.quantity FROM {side}_all r JOIN ({keyed}) k USING (seq)"
        )

    def split(self) -> None:
        """Create the pieces: the bill, split by the owners of the metered usage."""
        session = self.session
        stays = self.other == USAGE and any_stays(session)
        self._number("rated", self.columns if stays else (*OWNER, "EffectiveCost", "BillingCurrency"))
        self._number("billed", self.columns)
        if stays:
            self.stayed, notes = add_untold(session)
            self.notes += notes
        create_owners(session, FIELDS, OWNER)
        create_units(session)
        self.notes += create_weights(session, self.other)
        if self.other == USAGE:
            self.notes += gone(session)
        kept, mixed = self._keep_owners()
        self._create_plans()
        plain = ", ".join(ident(n) for n in self.columns)
        origin = (
            f"(SELECT {plain}, seq, n AS plan_no FROM billed_rows SEMI JOIN plans ON no = n "
            f"WHERE {{within}} AND NOT ({kept}))"
        )
        session.sql(
            f"CREATE OR REPLACE VIEW unsplit AS SELECT {plain}, seq FROM billed_rows LEFT JOIN plans ON no = n "
            f"WHERE no IS NULL OR ({kept})"
        )
        shape = measure(session, self.columns, origin.replace("{within}", "TRUE"))
        shares = shares_sql(self.columns, origin, shape)
        self._pieces = [
            f"SELECT {plain}, seq, 0 AS pos FROM unsplit WHERE {{within}}",
            f"SELECT {plain}, seq, pos FROM ({self._own_rest(shares) if mixed else shares})",
        ]
        self._source = "billed_rows"

    def _keep_owners(self) -> tuple[str, bool]:
        """SQL of the rows that stay whole: they name an owner, and none of the usage beside them does; and whether
        there are others that name an owner."""
        session = self.session
        session.sql(
            "CREATE OR REPLACE TABLE split_nobody AS SELECT n FROM split_weights JOIN split_owners USING (oid) "
            "GROUP BY n HAVING bool_and(reason IS NOT NULL)"
        )
        named = f"{ident(OWNER[0])} IS NOT NULL"
        kept = f"{named} AND coalesce(n IN (FROM split_nobody), FALSE)"
        found = session.rows(
            f"SELECT {kept} AS stays, count(*), BillingCurrency, sum(EffectiveCost) FROM billed_rows "
            f"SEMI JOIN split_weights USING (n) WHERE {named} GROUP BY ALL ORDER BY ALL"
        )
        for stays, count, currency, cost in found:
            what = "keep it, for no usage names another"
            if not stays:
                what = "were split over the owners of the usage and keep what nobody metered"
            rows = f"{count} {'billed rows' if self.other == BILL else 'rows of the usage export'}"
            self.notes.append(f"{rows} with an owner of their own {what}: {text(cost)} {currency}")
        return kept, any(not stays for stays, *_ in found)

    def _own_rest(self, shares: str) -> str:
        """SELECT of the shares; what nobody metered, or nobody owns, stays with the owner that its row names."""
        names = (*OWNER, "x_OwnerStatus", "x_UnattributedReason", "x_OwnerEvidence", "x_Owner")
        own = f"s.{ident(OWNER[0])} IS NULL AND o.{ident(OWNER[0])} IS NOT NULL"
        chosen = ", ".join(
            f"CASE WHEN {own} THEN o.{ident(n)} ELSE s.{ident(n)} END AS {ident(n)}" for n in self.columns if n in names
        )
        return f"SELECT s.* REPLACE ({chosen}) FROM ({shares}) s JOIN billed_rows o USING (seq)"

    def _create_plans(self) -> None:
        """Tables `plans` and `targets` of the allocation, one plan per bucket (its number is that of the bucket).

        What a share says about its owner is made once per owner, by a plan that has them all.
        """
        session = self.session
        everybody = Plan(RULES[self.other], "")
        owners = session.rows(f"SELECT {', '.join(FIELDS)}, reason FROM split_owners ORDER BY oid")
        for *values, reason in owners:
            owner = tuple((f, str(v)) for f, v in zip(FIELDS, values, strict=True) if v is not None)
            everybody.elements[Target(owner, reason=reason)] = [Element(Fraction(1, len(owners)))]
        create_plans(session, [everybody])
        same = " AND ".join(f"t.{f} IS NOT DISTINCT FROM o.{f}" for f in (*FIELDS, "reason"))
        session.sql("CREATE OR REPLACE TABLE owner_targets AS SELECT o.oid, t.* FROM targets t "
                    f"JOIN split_owners o ON {same}")  # fmt: skip
        session.sql(
            "CREATE OR REPLACE TABLE targets AS SELECT t.* EXCLUDE (oid) REPLACE (w.target AS target, w.n AS plan_no, "
            "w.pos AS pos, w.w AS w, w.details AS details) FROM (SELECT *, row_number() OVER (ORDER BY n, pos) - 1 "
            "AS target FROM split_weights) w JOIN owner_targets t USING (oid)"
        )
        session.sql(
            "CREATE OR REPLACE TABLE plans AS SELECT plan_no AS no, list(w ORDER BY pos) AS ws, "
            "CAST(sum(w) AS BIGINT) AS wsum, count(*) AS size, min(target) AS first_target, "
            "list(mask ORDER BY pos) AS masks, list(suffix ORDER BY pos) AS suffixes FROM targets GROUP BY plan_no"
        )
        for table in ("split_weights", "split_owners", "owner_targets"):
            session.sql(f"DROP TABLE {table}")

    def adjust(self) -> None:
        """Create the pieces: the rated rows, the bill's other lines, and one adjustment per differing bucket."""
        self._number("rated", self.columns)
        self._number("billed", self.columns)
        plain = ", ".join(ident(n) for n in self.columns)
        self.session.sql(
            f"CREATE OR REPLACE TABLE adjusted_rows AS SELECT {plain}, "
            "row_number() OVER (ORDER BY part, seq, x_ChargeId) AS seq FROM ("
            f"SELECT *, 1 AS part FROM ({adjusted_sql(self.columns)}) UNION ALL BY NAME "
            f"SELECT *, 2 AS part FROM ({adjustments_sql(self.columns)}))"
        )
        self._pieces = [f"SELECT {plain}, seq, 0 AS pos FROM adjusted_rows WHERE {{within}}"]
        self._source = "adjusted_rows"

    def scale(self) -> None:
        """Create the pieces: the rated rows with their shares of the bill, and the lines of it that stay."""
        self._number("rated", self.columns)
        self._number("billed", self.columns)
        self.notes += create_scaled(self.session, self.columns)
        plain = ", ".join(ident(n) for n in self.columns)
        self.session.sql(
            f"CREATE OR REPLACE TABLE adjusted_rows AS SELECT {plain}, "
            "row_number() OVER (ORDER BY part, seq) AS seq FROM scaled_rows"
        )
        self.session.sql("DROP TABLE scaled_rows")
        self._pieces = [f"SELECT {plain}, seq, 0 AS pos FROM adjusted_rows WHERE {{within}}"]
        self._source = "adjusted_rows"

    def create_rows(self) -> None:
        """Write all closed rows into the work folder, once, and give them the billing period of their charge."""
        count = int(self.session.one(f"SELECT coalesce(max(seq), 0) FROM {self._source}")[0])
        folder = self.work / "closed"
        folder.mkdir(parents=True, exist_ok=True)
        plain = ", ".join(ident(n) for n in self.columns)
        paths = []
        for start in range(0, max(count, 1), SLICE):
            within = f"seq > {start} AND seq <= {start + SLICE}"
            pieces = " UNION ALL ".join(piece.replace("{within}", within) for piece in self._pieces)
            paths.append(folder / f"{start:012d}.parquet")
            self.session.sql(
                f"COPY (SELECT {plain}, seq, pos FROM ({pieces}) ORDER BY seq, pos) "
                f"TO {literal(str(paths[-1]))} (FORMAT parquet)"
            )
        self.session.sql(f"CREATE OR REPLACE VIEW closed_rows AS SELECT * FROM {relation(paths)}")
        self.slices = paths


def create_units(session: Session) -> None:
    """Table `split_units`: a unit of the buckets, how many of its base it holds, and the base as JSON text."""
    units = [u for (u,) in session.rows("SELECT DISTINCT unit FROM buckets")]
    rows = [{"unit": u, "size": _block(u)[0], "name": json.dumps(_block(u)[1])} for u in units]
    session.sql("DROP TABLE IF EXISTS split_units")
    create_table(session, "split_units", {"unit": "VARCHAR", "size": "BIGINT", "name": "VARCHAR"}, rows)


def _block(unit: str | None) -> tuple[int, str]:
    """`1000000 Tokens` -> (1000000, Tokens)."""
    number, _, name = (unit or "").partition(" ")
    return (int(number), name) if number.isdigit() and name else (1, unit or "Count")


def close(
    closing: Closing,
    method: str,
    delivery: Delivery,
    *,
    invoiced: Sequence[str],
    as_of: datetime,
    sources: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Write the closed data set into the delivery and say whether it equals the bill."""
    session = closing.session
    _same_columns(delivery.out, closing)
    {"split": closing.split, "adjust": closing.adjust, "scale": closing.scale}[method]()
    closing.create_rows()
    corrected = _corrected(closing, delivery.out, invoiced, as_of)

    def write(folder: Path, footer: dict[str, str]) -> dict[str, list[Written]]:
        return _write(closing, folder, delivery.out, footer, corrected)

    facts = {"method": method, "corrected": sorted(corrected), "notes": closing.notes}
    source = DataSet(closing.billed.folder, closing.billed.files, closing.billed.schema, closing.billed.run)
    result = deliver(delivery, session, source, write, kind=SCHEMA, facts=facts, sources=sources, grain="day")
    plain = "SELECT currency, CAST(sum(b_cost) AS DECIMAL(38, 18)) FROM buckets GROUP BY 1 ORDER BY 1"
    bill = dict(session.rows(plain))
    bill |= {currency: bill.get(currency, Decimal(0)) + cost for currency, cost in closing.stayed.items()}
    held = dict(session.rows("SELECT BillingCurrency, CAST(sum(EffectiveCost) AS DECIMAL(38, 18)) FROM closed_rows "
                             "GROUP BY 1"))  # fmt: skip
    counts = dict(session.rows("SELECT BillingCurrency, count(*) FROM closed_rows GROUP BY 1"))
    zero = Decimal(0)
    totals = [
        {"currency": c, "rows": int(counts.get(c, 0)), "effective_cost": text(held.get(c, zero)), "bill": text(amount),
         "equal": held.get(c, zero) == amount}
        for c, amount in bill.items()
    ]  # fmt: skip
    if not all(t["equal"] for t in totals):
        raise InternalError("the closed rows do not add up to the bill", value=str(totals))
    paths = [str(f["path"]) for f in result["files"]]
    return {
        "method": method, "out": str(delivery.out), "totals": totals, "rows": result["rows"],
        "corrections": [{"month": m, "rows": n} for m, (_, n) in sorted(corrected.items())], "notes": closing.notes,
        "periods": sorted({p.partition("=")[2].partition("/")[0] for p in paths if p.startswith("data/")}),
    }  # fmt: skip


def _same_columns(out: Path, closing: Closing) -> None:
    """Raise `UsageError` when the data set in place has other columns: its rows could not be carried over."""
    import pyarrow.parquet as pq

    for path in sorted((out / "data").rglob("*.parquet")):
        if (names := pq.read_schema(path).names) != closing.billed.schema.names:
            raise UsageError(
                "the data set in place was made with other columns", where=str(path.parent.name),
                value=", ".join(sorted(set(names) ^ set(closing.billed.schema.names))[:5]),
                next_step="use its --focus version and the exports of its clouds, or choose another --close-out",
            )  # fmt: skip


def _corrected(closing: Closing, out: Path, invoiced: Sequence[str], as_of: datetime) -> dict[str, tuple[str, int]]:
    """Month that was invoiced and delivered -> name of the table of its corrections, and how many there are."""
    session = closing.session
    found: dict[str, tuple[str, int]] = {}
    into = as_of.strftime("%Y-%m")
    for month in invoiced:
        if month >= into:
            raise UsageError("corrections go into a later billing period than the invoiced one", value=month,
                             expected=f"a month before {into}; --as-of sets the month of the correction")  # fmt: skip
        delivered = sorted((out / "data" / f"billing_period={month}").glob("*.parquet"))
        if not delivered:
            closing.notes.append(f"{month} was not delivered before: its rows are written as they are")
            continue
        later = [p for p in sorted((out / "data").rglob("*.parquet")) if p.parent.name > f"billing_period={month}"]
        start, end = (f"CAST({literal(d + ' 00:00:00+00')} AS TIMESTAMPTZ)" for d in month_bounds(month))
        inside = f"ChargePeriodStart >= {start} AND ChargePeriodStart < {end}"
        names = ", ".join(ident(n) for n in closing.columns)
        old = f"SELECT {names} FROM {relation(delivered)}"
        if later:
            old += f" UNION ALL SELECT {names} FROM {relation(later)} WHERE ChargeClass = 'Correction' AND {inside}"
        new = f"SELECT {names} FROM closed_rows WHERE {inside}"
        table = f"corrections_{month.replace('-', '_')}"
        session.sql(
            f"CREATE OR REPLACE TABLE {table} AS {corrections_sql(closing.columns, old, new, month_bounds(into))}"
        )
        found[month] = (table, int(session.one(f"SELECT count(*) FROM {table}")[0]))
    return found


def _write(
    closing: Closing, folder: Path, out: Path, footer: dict[str, str], corrected: Mapping[str, tuple[str, int]]
) -> dict[str, list[Written]]:
    """The rows of every period; an invoiced one stays as it was delivered and its changes go into the later period."""
    session, schema = closing.session, closing.billed.schema
    names = ", ".join(ident(n) for n in closing.columns)
    of = "strftime(BillingPeriodStart, '%Y-%m')"
    months = [str(m) for (m,) in session.rows(f"SELECT DISTINCT {of} FROM closed_rows ORDER BY 1")]
    into: dict[str, list[str]] = {}
    for table, number in corrected.values():
        if number:
            for (month,) in session.rows(f"SELECT DISTINCT {of} FROM {table}"):
                into.setdefault(str(month), []).append(table)
    order = '"ChargePeriodStart", "x_ChargeId", "SkuPriceId"'
    found: dict[str, list[Written]] = {}
    for month in sorted({*months, *into}):
        if month in corrected:
            continue
        path = folder / "data" / f"billing_period={month}"
        delivered = sorted((out / "data" / f"billing_period={month}").glob("*.parquet"))
        ours = [f"SELECT {names} FROM {relation([part])} WHERE {of} = {literal(month)}" for part in closing.slices]
        # Rows of the later period that this run does not make again stay; so does every correction made before.
        held = f"SELECT {names} FROM {relation(delivered)} WHERE coalesce(ChargeClass, '')" if delivered else ""
        queries, by = (ours, "seq, pos") if month in months or not held else ([f"{held} <> 'Correction'"], order)
        first = write_parquet(session, queries, by, schema, path / "focus-00000.parquet", footer)
        parts = [f"SELECT {names} FROM {table}" for table in into.get(month, ())]
        parts += [f"{held} = 'Correction'"] if held else []
        more = None
        if parts:
            union = f"SELECT {names} FROM ({' UNION ALL '.join(parts)})"
            more = write_parquet(session, [union], order, schema, path / "corrections-00000.parquet", footer)
        found[month] = [w for w in (first, more) if w is not None]
    return {m: files for m, files in found.items() if files}


__all__ = ["OWNER", "SCHEMA", "Closing", "close"]
