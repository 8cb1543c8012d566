"""`focus-ai allocate --verify`: an allocated data set against its own rules, weights and origin rows, exactly.

Nothing is believed that can be worked out: weights are measured again on the direct rows, shares are split again from
the origin rows, and independently of that the shares of every origin row are added up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from focus_ai.allocation import kept
from focus_ai.allocation.apply import Allocation
from focus_ai.allocation.recheck import Recheck, orphans
from focus_ai.allocation.shares import allocated_names
from focus_ai.allocation.weights import Plan
from focus_ai.engine import Session, ident
from focus_ai.errors import InputError
from focus_ai.money import dec, text
from focus_ai.rewrite import DataSet, open_dataset, relation, work_folder
from focus_ai.sources.digests import sha256

SCHEMA = "focus-ai/allocation-check@1"
#: Rows of one kind that are listed; all are counted.
MOST = 20
#: Rows of a file that are compared at once.
PIECE = 2_000_000
Progress = Callable[[str, int, int], None]
Row = dict[str, Any]


@dataclass
class Check:
    """What was looked at and what was found."""

    folder: Path
    counts: dict[str, int] = field(default_factory=dict)
    findings: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=lambda: {"origins": 0, "shares": 0, "weights": 0, "files": 0})

    def add(self, kind: str, rows: Iterable[Row], count: int | None = None) -> None:
        """Findings of a kind; `count` of them when `rows` are examples."""
        listed = list(rows)
        count = len(listed) if count is None else count
        if count:
            self.counts[kind] = self.counts.get(kind, 0) + count
            self.findings += [{"kind": kind, **row} for row in listed]

    def left(self, kind: str) -> int:
        """How many rows of a kind may still be listed."""
        return max(0, MOST - len({f["where"] for f in self.findings if f["kind"] == kind}))

    def place(self, path: str | Path, row: int | None = None) -> str:
        """A file of the data set by its place in it."""
        inside = Path(path).relative_to(self.folder).as_posix()
        return inside if row is None else f"{inside}, row {row}"


def run(
    dataset: Path, *, memory_limit: str | None = None, threads: int | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """See `focus_ai.api.verify_allocation`."""
    source = open_dataset(dataset)
    check = Check(source.folder.absolute())
    with work_folder(None) as work, Session(work / "engine", memory_limit=memory_limit, threads=threads) as session:
        # Joins as they are written: shares to their origins first, then to targets. Left to itself, the engine may
        # build every possible share of every origin to look the shares up in.
        session.sql("SET disabled_optimizers='join_order'")
        session.seal([work, check.folder])
        names = allocated_names(source.columns)
        steps = {period: list(_steps(check.folder, period)) for period in source.files}
        for period, paths in source.files.items():
            rows = _rows(relation(paths, ", filename=true, file_row_number=true"), source)
            shared = session.one(f"SELECT count({ident(names['MethodId'])}) FROM {rows}")[0]
            if shared and not steps[period]:
                raise kept.missing(check.folder / "allocation" / f"billing_period={period}" / kept.ORIGINS)
        if not any(steps.values()):
            raise InputError(
                "nothing was allocated in this data set", where=str(dataset),
                expected="a folder made by `focus-ai allocate` or `focus-ai convert --allocation`",
            )  # fmt: skip
        _files(check)
        done, whole = 0, sum(map(len, steps.values()))
        for period, folders in steps.items():
            for number, folder in enumerate(folders):
                if progress:
                    progress("verify", done, whole)
                done += 1
                later = folders[:number]
                _step(session, check, source, period, folder, later, work / f"step-{done}")
            if folders:
                _orphans(session, check, source, period, folders)
    return {
        "schema": SCHEMA, "dataset": str(dataset), "ok": not check.counts, "checked": check.checked,
        "counts": check.counts, "findings": check.findings, "notes": check.notes,
    }  # fmt: skip


def _steps(folder: Path, period: str) -> Iterator[Path]:
    """The kept folders of a period, the latest allocation first."""
    place = folder / "allocation" / f"billing_period={period}"
    while place.is_dir():
        yield place
        place = place / kept.EARLIER


def _rows(relation: str, source: DataSet) -> str:
    names = ", ".join(ident(n) for n in source.columns)
    return f"(SELECT {names}, filename, file_row_number FROM {relation})"


def _origins(folder: Path, source: DataSet) -> str:
    names = ", ".join(ident(n) for n in source.columns)
    return f"(SELECT {names} FROM {relation([folder / kept.ORIGINS])})"


def _files(check: Check) -> None:
    """Every file that the run report and the manifests name has the bytes that were delivered."""
    told: dict[str, str] = {}
    for path in [*sorted(check.folder.glob("metadata/billing_period=*/manifest.json")), check.folder / "run.json"]:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            told |= {f["path"]: f["sha256"] for f in content.get("files", ()) if f.get("sha256")}
        except (OSError, ValueError, AttributeError, KeyError, TypeError):
            check.notes.append(f"{check.place(path)} cannot be read: hashes that it holds were not compared")
    wanted = {p: h for p, h in told.items() if p.split("/")[0] in ("data", "allocation")}
    for name, digest in sorted(wanted.items()):
        path = check.folder / name
        held = sha256(path) if path.is_file() else None
        if held is None:
            check.add("file", [{"where": name, "column": "sha256", "value": "the file is missing", "expected": digest}])
        elif held != digest:
            check.add("file", [{"where": name, "column": "sha256", "value": held, "expected": digest}])
    check.checked["files"] += len(wanted)
    if not wanted:
        check.notes.append("no hashes of files are known: run.json and the manifests are missing")


def _step(
    session: Session, check: Check, source: DataSet, period: str, folder: Path, later: list[Path], work: Path
) -> None:
    """One allocation of one period."""
    rules, held = kept.read(folder)
    _digest(check, folder, held)
    every = relation([p for paths in source.files.values() for p in paths])
    names = ", ".join(ident(n) for n in source.columns)
    method = ident(allocated_names(source.columns)["MethodId"])
    parts = [f"SELECT {names} FROM {every} WHERE {method} IS NULL", *(f"FROM {_origins(p, source)}" for p in later)]
    work.mkdir()
    allocation = Allocation(session, rules, source.columns, work)
    allocation.stage({period: _origins(folder, source)}, f"({' UNION ALL '.join(parts)})")
    staged = allocation.origins(period)
    count, taken = session.one(
        f"SELECT (SELECT count(*) FROM {_origins(folder, source)}), (SELECT count(*) FROM {staged})"
    )
    origins = check.place(folder / kept.ORIGINS)
    if count != taken:
        loose = {"value": f"{count - taken} rows", "expected": f"rows that a rule of {kept.RULES} takes"}
        check.add("rule", [{"where": origins, "column": "rule", **loose}], int(count - taken))
    plans = _weights(session, check, folder, period, allocation, held)
    allocation.use(plans)
    recheck = Recheck(session, allocation, period, list(_pieces(source, period)))
    recheck.create()
    single = int(session.one("SELECT count(*) FROM origin_rows")[0])
    if single != taken:
        shared = {"value": f"{taken - single} rows", "expected": "an id of its own for every origin row"}
        check.add("origin_id", [{"where": origins, "column": "x_ChargeId", **shared}], int(taken - single))
    check.checked["origins"] += int(count)
    _shares(session, check, recheck)


def _digest(check: Check, folder: Path, held: list[Row]) -> None:
    """The rules are those whose hash stands with the weights."""
    digest = sha256(folder / kept.RULES)
    where = check.place(folder / kept.RULES)
    for told in sorted({str(row["rules_sha256"]) for row in held} - {digest}):
        check.add("rules", [{"where": where, "column": "sha256", "value": digest, "expected": told}])


def _weights(
    session: Session, check: Check, folder: Path, period: str, allocation: Allocation, held: list[Row]
) -> list[Plan]:
    """The plans to compare shares with: those of the kept weights where they are sound, else those measured again."""
    where = check.place(folder / kept.WEIGHTS)
    unsure = _several_periods(session)
    by_head: dict[tuple[str, str, str], list[tuple[int, Row]]] = {}
    for number, row in enumerate(held, 1):
        by_head.setdefault((row["method_id"], row["window"], row["currency"]), []).append((number, row))
    plans = []
    for plan, (_, window, currency) in zip(allocation.plans, allocation.heads, strict=True):
        head = (plan.rule.method_id, window, currency)
        rows = by_head.pop(head, [])
        check.checked["weights"] += len(rows)
        before = sum(check.counts.values())
        if window in unsure:
            check.notes.append(f"weights of {plan.rule.method_id} {window} were not measured again: rows of that day "
                               "stand in several billing periods")  # fmt: skip
        else:
            wanted = kept.plan_rows(plan, window, currency)
            differ = list(_differences(where, period, rows, wanted))
            check.add("weight", differ[: 3 * MOST], len({(f["where"], f["target"]) for f in differ}))
        own_plan = _sound(check, where, period, plan, window, rows)
        plans.append(plan if own_plan is None else own_plan)
        if own_plan is None and sum(check.counts.values()) > before:
            check.notes.append(
                f"shares of {plan.rule.method_id} {window} were compared with the weights measured again"
            )
    for (method_id, window, currency), rows in by_head.items():
        check.add("weight", [{"period": period, "rule": method_id, "where": f"{where}, row {rows[0][0]}",
                              "column": "window", "value": f"{window} {currency}",
                              "expected": "a rule and a window of an origin row"}], len(rows))  # fmt: skip
    return plans


def _several_periods(session: Session) -> set[str]:
    """Days whose direct rows stand in several billing periods; not all of them may have been there at the time.

    A period is a month here, as in the folders: two sellers may begin the same month in different time zones.
    """
    return {str(d) for (d,) in session.rows(
        "SELECT strftime(ChargePeriodStart, '%Y-%m-%d') FROM direct GROUP BY 1 "
        "HAVING count(DISTINCT strftime(BillingPeriodStart, '%Y-%m')) > 1"
    )}  # fmt: skip


def _differences(where: str, period: str, held: list[tuple[int, Row]], wanted: list[Row]) -> Iterator[Row]:
    """Weights that are not those which the rule gives on the direct rows."""
    left = {(r["target"], r["element"]): (n, r) for n, r in held}
    for row in wanted:
        fact = {"period": period, "rule": row["method_id"], "target": row["target"]}
        number, found = left.pop((row["target"], row["element"]), (0, {}))
        if not found:
            yield {**fact, "where": where, "column": "target", "value": None, "expected": f"ratio {row['ratio']}"}
        for name in kept.SAYS:
            if found and found[name] != row[name]:
                yield {**fact, "where": f"{where}, row {number}", "column": name, "value": found[name],
                       "expected": row[name]}  # fmt: skip
    for number, row in left.values():
        yield {"period": period, "rule": row["method_id"], "target": row["target"], "where": f"{where}, row {number}",
               "column": "target", "value": f"ratio {row['ratio']}", "expected": None}  # fmt: skip


def _sound(check: Check, where: str, period: str, plan: Plan, window: str, rows: list[tuple[int, Row]]) -> Plan | None:
    """The plan of kept weights, if their ratios are not negative and add up to 1; what is wrong is a finding."""
    try:
        own = kept.plan_of(plan.rule, window, [row for _, row in rows])
    except ValueError as error:
        check.add("weight", [{"period": period, "rule": plan.rule.method_id, "where": where, "column": "ratio",
                              "value": str(error), "expected": "a fraction such as 1/3"}])  # fmt: skip
        return None
    ratios = own.ratios().values()
    whole = sum(ratios, Fraction(0))
    if whole != 1 or any(r < 0 for r in ratios):
        check.add("weight_sum", [{"period": period, "rule": plan.rule.method_id, "where": where, "column": "ratio",
                                 "value": str(whole), "expected": "1"}])  # fmt: skip
        return None
    return own


def _pieces(source: DataSet, period: str) -> Iterator[str]:
    """SQL of the rows of a period, a number of rows at a time."""
    import pyarrow.parquet as pq

    for path in source.files[period]:
        rows = _rows(relation([path], ", filename=true, file_row_number=true"), source)
        for start in range(0, max(pq.read_metadata(path).num_rows, 1), PIECE):
            yield f"(SELECT * FROM {rows} WHERE file_row_number >= {start} AND file_row_number < {start + PIECE})"


def _shares(session: Session, check: Check, recheck: Recheck) -> None:
    """Every share against its origin and its weight, and the shares of every origin together."""
    period = recheck.period
    for piece in recheck.pieces:
        recheck.take(piece)
        _ratios(session, recheck)
        differing, wrong, compared = recheck.differing()
        check.checked["shares"] += compared
        check.add("share", [
            {"period": period, "where": check.place(f, n), "origin": o, "target": t, "column": column, "value": have,
             "expected": want} for f, n, o, t, column, have, want in recheck.examples(differing, check.left("share"))
        ], wrong)  # fmt: skip
        stranger, found = recheck.strangers(check.left("target"))
        check.add("target", [
            {"period": period, "where": check.place(f, n), "origin": o, "column": "AllocatedResourceId", "value": to,
             "expected": "a target of the rule"} for f, n, o, to in found
        ], stranger)  # fmt: skip
        recheck.gather()
    for kind, (count, examples) in recheck.together(MOST).items():
        check.add(kind, [
            {"period": period, "where": f"data/billing_period={period}", "origin": o,
             **({"target": t} if t is not None else {}), "column": c, "value": have and text(dec(have)),
             "expected": want and text(dec(want))} for o, t, c, have, want in examples
        ], count)  # fmt: skip


def _ratios(session: Session, recheck: Recheck) -> None:
    """Table `detail_ratios`: every text of AllocatedMethodDetails of a piece with the sum of its ratios, exactly."""
    import pyarrow as pa

    name = ident(allocated_names(recheck.columns)["MethodDetails"])
    texts = [str(t) for (t,) in session.rows(f"SELECT DISTINCT {name} FROM held_shares WHERE {name} IS NOT NULL")]
    data = pa.table({
        "details": pa.array(texts, pa.string()), "ratio": pa.array(map(_ratio, texts), pa.decimal128(38, 18))
    })  # fmt: skip
    session.connection.register("incoming_ratios", data)
    session.sql("CREATE OR REPLACE TABLE detail_ratios AS SELECT * FROM incoming_ratios")
    session.connection.unregister("incoming_ratios")


def _ratio(details: str) -> Decimal | None:
    try:
        held = json.loads(details, parse_float=Decimal, parse_int=Decimal)
        total = sum((e["AllocatedRatio"] for e in held["Elements"]), Decimal(0))
        return total if isinstance(total, Decimal) and abs(total) <= 2 else None
    except (ValueError, TypeError, KeyError, ArithmeticError):
        return None


def _orphans(session: Session, check: Check, source: DataSet, period: str, folders: list[Path]) -> None:
    rows = _rows(relation(source.files[period], ", filename=true, file_row_number=true"), source)
    count, found = orphans(session, source.columns, rows, [_origins(f, source) for f in folders], MOST)
    check.add("no_origin", [
        {"period": period, "where": check.place(f, n), "rule": method, "column": "x_OriginChargeId", "value": origin,
         "expected": f"a row of {check.place(folders[0] / kept.ORIGINS)}"} for f, n, origin, method in found
    ], count)  # fmt: skip


__all__ = ["SCHEMA", "run"]
