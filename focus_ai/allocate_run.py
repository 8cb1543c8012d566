"""Allocation of a data set: a run of `focus-ai allocate`, and the step that `convert --allocation` adds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from focus_ai.allocation import kept
from focus_ai.allocation.apply import Allocation
from focus_ai.allocation.costs import add_rows, read_costs
from focus_ai.allocation.rules import Rules, load
from focus_ai.allocation.widen import Widener
from focus_ai.engine import Session, ident
from focus_ai.errors import InternalError
from focus_ai.money import text
from focus_ai.rewrite import DataSet, deliver, link_files, open_dataset, plain, relation, work_folder
from focus_ai.sinks import Delivery, Written
from focus_ai.sinks.parquet import BATCH, row_groups, write_groups
from focus_ai.sources.digests import sha256

SCHEMA = "focus-ai/allocation-run@1"
Progress = Callable[[str, int, int], None]
_SUMS = ("ListCost", "ContractedCost", "EffectiveCost", "BilledCost")


def run(
    dataset: Path,
    rules_file: Path,
    *,
    out: Path | None,
    costs: Sequence[Path] = (),
    memory_limit: str | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """See `focus_ai.api.allocate`."""
    rules = load(rules_file)
    source = open_dataset(dataset)
    facts: dict[str, Any] = {"rules_file": rules_file.name, "rules_sha256": sha256(rules_file)}
    inputs = [{"path": p.name, "sha256": sha256(p)} for paths in source.files.values() for p in paths]
    inputs += [{"path": p.name, "sha256": sha256(p)} for p in (*rules.costs, *costs)]
    if out is None:
        with work_folder(None) as work, Session(work / "engine", memory_limit=memory_limit, threads=threads) as session:
            session.seal([work, dataset.absolute()])
            allocation, before = _prepare(session, source, rules, costs, work)
            return {
                "schema": SCHEMA, "dry_run": True, **facts, "inputs": inputs, "totals_before": before,
                "rules": allocation.outcome(), "untouched": _untouched(session),
            }  # fmt: skip
    delivery = Delivery(out)
    try:
        with Session(delivery.work / "engine", memory_limit=memory_limit, threads=threads) as session:
            session.seal([delivery.folder, dataset.absolute()])
            allocation, before = _prepare(session, source, rules, costs, delivery.work)
            facts |= {"totals_before": before, "rules": allocation.outcome(), "untouched": _untouched(session)}
            side: list[Path] = []

            def write(folder: Path, footer: dict[str, str]) -> dict[str, list[Written]]:
                written = write_rows(session, allocation, source.schema, folder, footer, progress)
                before = dataset / "allocation"
                side.extend(write_side(allocation, source.schema, folder, facts["rules_sha256"], before))
                return written

            result = deliver(
                delivery, session, source, write, kind=SCHEMA, facts={"dry_run": False, **facts}, sources=inputs,
                beside=side,
            )  # fmt: skip
            _check(before, result["totals"])
        delivery.commit()
    except BaseException:
        delivery.discard()
        raise
    return result


def _prepare(
    session: Session, source: DataSet, rules: Rules, costs: Sequence[Path], work: Path
) -> tuple[Allocation, list[dict[str, Any]]]:
    """The rules laid over the rows of the data set and of the files of shared cost; and the totals before."""
    relations = {period: relation(paths) for period, paths in source.files.items()}
    for period, path in shared_rows([*rules.costs, *costs], source.schema, work).items():
        own = relations.get(period)
        names = ", ".join(ident(n) for n in source.schema.names)
        shared = f"SELECT {names} FROM {relation([path])}"
        relations[period] = f"(SELECT {names} FROM {own} UNION ALL {shared})" if own else f"({shared})"
    allocation = Allocation(session, rules, source.columns, work)
    allocation.stage(relations)
    return allocation, totals(session)


def shared_rows(paths: Sequence[Path], schema: Any, work: Path) -> dict[str, Path]:
    """Rows of the files of shared cost, one Parquet file per billing period."""
    by_period: dict[str, list[Mapping[str, Any]]] = {}
    for row in read_costs(paths):
        by_period.setdefault(row["BillingPeriodStart"].strftime("%Y-%m"), []).append(row)
    found = {}
    for period, rows in sorted(by_period.items()):
        found[period] = work / "shared" / f"{period}.parquet"
        add_rows(rows, schema, found[period])
    return found


def totals(session: Session) -> list[dict[str, Any]]:
    """Rows and costs per currency of everything staged."""
    sums = ", ".join(f"sum({c})" for c in _SUMS)
    rows = session.rows(f"SELECT BillingCurrency, count(*), {sums} FROM rows_staged GROUP BY 1 ORDER BY 1")
    names = ("list_cost", "contracted_cost", "effective_cost", "billed_cost")
    return [
        {"currency": c, "rows": int(n), **{name: text(v) for name, v in zip(names, values, strict=True)}}
        for c, n, *values in rows
    ]  # fmt: skip


def _untouched(session: Session) -> dict[str, Any]:
    found = session.rows(
        "SELECT BillingCurrency, count(*), sum(EffectiveCost) FROM rows_staged WHERE rule_no IS NULL "
        "GROUP BY 1 ORDER BY 1"
    )
    totals = [{"currency": c, "rows": int(n), "effective_cost": text(cost)} for c, n, cost in found]
    return {"rows": sum(int(n) for _, n, _ in found), "totals": totals}


def _check(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> None:
    """Raise `InternalError` unless every total is what it was, digit for digit."""
    names = ("list_cost", "contracted_cost", "effective_cost", "billed_cost")
    held = {t["currency"]: [t[n] for n in names] for t in before}
    now = {t["currency"]: [t[n] for n in names] for t in after}
    if held != now:
        raise InternalError("the shares do not add up to what was split", value=f"{now}", expected=f"{held}")


def write_rows(
    session: Session, allocation: Allocation, schema: Any, folder: Path, footer: dict[str, str],
    progress: Progress | None = None,
) -> dict[str, list[Written]]:  # fmt: skip
    """Write every period again: direct rows as they are, origin rows as their shares."""
    found: dict[str, list[Written]] = {}
    for done, period in enumerate(allocation.staged):
        if progress:
            progress("split", done, len(allocation.staged))
        path = folder / "data" / f"billing_period={period}" / "focus-00000.parquet"
        written = _write_period(session, allocation, period, schema, path, footer)
        if written is not None:
            found[period] = [written]
    return found


def _write_period(
    session: Session, allocation: Allocation, period: str, schema: Any, path: Path, footer: dict[str, str]
) -> Written | None:
    """The narrow rows of a period, sorted piece by piece, widened one row group after another."""
    import pyarrow as pa

    targets = session.arrow("SELECT * FROM targets ORDER BY target")
    widen = Widener(allocation.staged[period], schema, allocation.amounts, targets)
    narrow = pa.schema([
        pa.field("seq", pa.int64()), pa.field("target", pa.int64()), pa.field("clash", pa.bool_()),
        *(schema.field(n) for n in allocation.amounts),
    ])  # fmt: skip
    readers = (
        session.connection.cursor().sql(f"{query} ORDER BY seq, target").to_arrow_reader(BATCH)
        for query in allocation.queries(period)
    )
    groups = row_groups(itertools.chain.from_iterable(readers), narrow)
    return write_groups(map(widen, groups), path, footer)


def write_side(
    allocation: Allocation, schema: Any, folder: Path, digest: str, before: Path | None = None
) -> list[Path]:
    """Per period the origin rows, the weights and the rules; below `earlier` what an allocation before has left.

    `before` is the folder `allocation` of the data set that was read, `digest` the hash of the rules.
    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    found = []
    for period, path in allocation.staged.items():
        name = f"billing_period={period}"
        target = folder / "allocation" / name
        batches = (
            batch.filter(pc.is_valid(batch.column("rule_no"))).select(list(allocation.columns))
            for batch in pq.ParquetFile(path, pre_buffer=False).iter_batches(
                BATCH, columns=[*allocation.columns, "rule_no"]
            )
        )
        footer = {"focus-ai.content": "origin rows of shares"}
        split = write_groups(row_groups(batches, schema, BATCH), target / kept.ORIGINS, footer)
        if split:
            rows = allocation.weight_rows(period)
            found += [target / kept.ORIGINS, *kept.write(target, rows, allocation.rules, digest)]
        if before is not None:
            found += link_files(before / name, target / kept.EARLIER if split else target)
    return found


def apply(
    session: Session,
    folder: Path,
    work: Path,
    written: Mapping[str, Sequence[Written]],
    rules_file: Path,
    footer: dict[str, str],
) -> tuple[dict[str, list[Written]], list[Path], dict[str, Any]]:
    """Split the rows that `convert` has just written, in place; returns the files, side files and the outcome."""
    import pyarrow.parquet as pq

    rules = load(rules_file)
    files = {period: [f.path for f in found] for period, found in written.items()}
    if not files:
        return {}, [], {"rules": []}
    schema = plain(pq.read_schema(next(iter(files.values()))[0]))
    source = DataSet(folder, files, schema, {})
    allocation, before = _prepare(session, source, rules, (), work)
    digest = sha256(rules_file)
    outcome = {"rules_file": rules_file.name, "rules_sha256": digest, "rules": allocation.outcome()}
    done = write_rows(session, allocation, schema, folder, footer)
    sums = ", ".join(f"sum({c})" for c in _SUMS)
    every = relation([f.path for found in done.values() for f in found])
    after = session.rows(f"SELECT BillingCurrency, {sums} FROM {every} GROUP BY 1 ORDER BY 1")
    names = ("list_cost", "contracted_cost", "effective_cost", "billed_cost")
    _check(before, [{"currency": c, **dict(zip(names, map(text, v), strict=True))} for c, *v in after])
    return done, write_side(allocation, schema, folder, digest), outcome


__all__ = ["apply", "run"]
