"""Closing a period: rows whose costs add up to the bill, by splitting the bill or by adjusting the rated rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from focus_ai.allocation.match import Match
from focus_ai.allocation.rules import FIELDS, Rule, Target
from focus_ai.allocation.shares import create_plans, shares_sql
from focus_ai.allocation.weights import Element, Plan
from focus_ai.engine import Session, ident, literal
from focus_ai.errors import InternalError, UsageError
from focus_ai.focus.rows import month_bounds
from focus_ai.money import text
from focus_ai.reconcile.buckets import bucket_of
from focus_ai.reconcile.close import OWNER, adjusted_sql, adjustments_sql, corrections_sql, weights_sql
from focus_ai.reconcile.lines import row_lines
from focus_ai.rewrite import DataSet, deliver, relation
from focus_ai.sinks import Delivery, Written
from focus_ai.sinks.parquet import write_parquet

SCHEMA = "focus-ai/closed-period@1"
UNMETERED = Target(reason="unmetered_usage")
NO_OWNER = Target(reason="no_owner")
RULE = Rule(
    "billed-split", "1", "Every billed amount is split by the usage that was metered for it.",
    Match((), "reconcile --close split"), "billed-split", (), None, None, "keep",
)  # fmt: skip
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
        month: bool,
        work: Path,
    ) -> None:
        self.session, self.rated, self.billed = session, rated, billed
        self.by, self.month, self.work = by, month, work
        self.columns = billed.columns
        self.notes: list[str] = []
        for side, source in (("rated", rated), ("billed", billed)):
            self._number(side, source)

    def _number(self, side: str, source: DataSet) -> None:
        """Table `<side>_rows`: the rows of a side with their number and bucket."""
        paths = [p for found in source.files.values() for p in found]
        numbered = f"(SELECT *, row_number() OVER () AS seq FROM {relation(paths)})"
        self.session.sql(f"CREATE OR REPLACE TABLE {side}_all AS SELECT * FROM {numbered}")
        columns = {n: k.upper() if k.startswith("decimal") else k for n, k in source.columns.items()}
        lines = row_lines(f"{side}_all", columns, billed=side == "billed", carry="seq")
        keyed = bucket_of(lines, self.by, "l.seq AS seq", month=self.month)
        self.session.sql(
            f"CREATE OR REPLACE TABLE {side}_rows AS SELECT r.*, k.n, k.quantity FROM {side}_all r "
            f"JOIN ({keyed}) k USING (seq)"
        )
        self.session.sql(f"DROP TABLE {side}_all")

    def split(self) -> None:
        """Create the view `closed_rows`: the bill, split by the owners of the metered usage."""
        owners: dict[int, list[tuple[Target, Fraction, Fraction, bool]]] = {}
        for n, *values, counted, quantity, cost in self.session.rows(weights_sql()):
            owner = tuple((f, str(v)) for f, v in zip(FIELDS, values, strict=True) if v is not None)
            target = Target(owner) if values[0] is not None else NO_OWNER
            owners.setdefault(int(n), []).append((target, Fraction(quantity or 0), Fraction(cost), bool(counted)))
        sizes = {
            int(n): (quantity, meter, unit)
            for n, quantity, meter, unit in self.session.rows(
                "SELECT n, b_q, meter, unit FROM buckets WHERE kind = 'usage' AND b_lines > 0 ORDER BY n"
            )
        }
        plans, numbers = [], []
        over = 0
        for n, (billed, meter, unit) in sizes.items():
            plan, scaled = _plan(owners.get(n, []), billed if meter is not None else None, unit)
            over += scaled
            plans.append(plan)
            numbers.append(n)
        if over:
            self.notes.append(f"{over} buckets were metered above the bill: their shares were scaled down (over_count)")
        create_plans(self.session, plans)
        self._plan_table(numbers)
        plain = ", ".join(ident(n) for n in self.columns)
        origin = f"(SELECT {plain}, seq, plan_no FROM billed_rows JOIN close_plans USING (n) WHERE {{within}})"
        self.session.sql(f"CREATE OR REPLACE VIEW unsplit AS SELECT {plain}, seq FROM billed_rows "
                         "ANTI JOIN close_plans USING (n)")  # fmt: skip
        self._pieces = [
            f"SELECT {plain}, seq, 0 AS pos FROM unsplit WHERE {{within}}",
            f"SELECT {plain}, seq, pos FROM ({shares_sql(self.columns, origin)})",
        ]
        self._source = "billed_rows"

    def _plan_table(self, numbers: Sequence[int]) -> None:
        import pyarrow as pa

        data = pa.table({"plan_no": pa.array(range(len(numbers)), pa.int64()), "n": pa.array(numbers, pa.int64())})
        self.session.connection.register("incoming_numbers", data)
        self.session.sql("CREATE OR REPLACE TABLE close_plans AS SELECT * FROM incoming_numbers")
        self.session.connection.unregister("incoming_numbers")

    def adjust(self) -> None:
        """Create the pieces: the rated rows, the bill's other lines, and one adjustment per differing bucket."""
        plain = ", ".join(ident(n) for n in self.columns)
        self.session.sql(
            f"CREATE OR REPLACE TABLE adjusted_rows AS SELECT {plain}, "
            "row_number() OVER (ORDER BY part, seq, x_ChargeId) AS seq FROM ("
            f"SELECT *, 1 AS part FROM ({adjusted_sql(self.columns)}) UNION ALL BY NAME "
            f"SELECT *, 2 AS part FROM ({adjustments_sql(self.columns)}))"
        )
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


def _plan(
    owners: Sequence[tuple[Target, Fraction, Fraction, bool]], billed: Decimal | None, unit: str | None
) -> tuple[Plan, bool]:
    """The shares of one bucket: by quantity where both sides count, else by rated cost. True when scaled down."""
    plan = Plan(RULE, "")
    counted = billed is not None and all(c for *_, c in owners)
    amounts: dict[Target, Fraction] = {}
    for target, quantity, cost, _ in owners:
        weight = quantity if counted else max(cost, Fraction(0))
        amounts[target] = amounts.get(target, Fraction(0)) + weight
    seen = sum(amounts.values(), Fraction(0))
    scaled = False
    if counted and billed is not None and billed > 0:
        scaled = seen > Fraction(billed)
        if Fraction(billed) > seen:
            amounts[UNMETERED] = Fraction(billed) - seen
    elif seen == 0:
        amounts = {UNMETERED: Fraction(1)}
    whole = sum(amounts.values(), Fraction(0))
    if whole == 0:
        amounts, whole = {UNMETERED: Fraction(1)}, Fraction(1)
    size, base = _block(unit)
    for target, amount in amounts.items():
        if amount:
            held = amount * size if counted else None
            plan.elements[target] = [Element(amount / whole, base if counted else None, held)]
    return plan, scaled


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
    if method == "split":
        closing.split()
    else:
        closing.adjust()
    closing.create_rows()
    corrected = _corrected(closing, delivery.out, invoiced, as_of)

    def write(folder: Path, footer: dict[str, str]) -> dict[str, list[Written]]:
        return _write(closing, folder, delivery.out, footer, corrected)

    facts = {"method": method, "corrected": sorted(corrected), "notes": closing.notes}
    source = DataSet(closing.billed.folder, closing.billed.files, closing.billed.schema, closing.billed.run)
    result = deliver(delivery, session, source, write, kind=SCHEMA, facts=facts, sources=sources, grain="day")
    plain = "SELECT currency, CAST(sum(b_cost) AS DECIMAL(38, 18)) FROM buckets GROUP BY 1 ORDER BY 1"
    bill = dict(session.rows(plain))
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
        if pq.read_schema(path).names != closing.billed.schema.names:
            raise UsageError(
                "the data set in place was made with other columns", where=str(path.parent.name),
                next_step="use the --focus version it was made with, or choose another --close-out",
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
        ours = f"SELECT {names} FROM closed_rows WHERE {of} = {literal(month)}"
        # Rows of the later period that this run does not make again stay; so does every correction made before.
        held = f"SELECT {names} FROM {relation(delivered)} WHERE coalesce(ChargeClass, '')" if delivered else ""
        query, by = (ours, "seq, pos") if month in months or not held else (f"{held} <> 'Correction'", order)
        first = write_parquet(session, [query], by, schema, path / "focus-00000.parquet", footer)
        parts = [f"SELECT {names} FROM {table}" for table in into.get(month, ())]
        parts += [f"{held} = 'Correction'"] if held else []
        more = None
        if parts:
            union = f"SELECT {names} FROM ({' UNION ALL '.join(parts)})"
            more = write_parquet(session, [union], order, schema, path / "corrections-00000.parquet", footer)
        found[month] = [w for w in (first, more) if w is not None]
    return {m: files for m, files in found.items() if files}


__all__ = ["OWNER", "SCHEMA", "Closing", "close"]
