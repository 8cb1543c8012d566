"""A data set is read, its rows are changed, and it is delivered again with everything that belongs to it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from focus_ai import __version__, report
from focus_ai.clock import created_at
from focus_ai.engine import Session, literals
from focus_ai.errors import InputError, InternalError
from focus_ai.pipeline import Plan
from focus_ai.settings import Settings
from focus_ai.sinks import Delivery, Written, metadata
from focus_ai.sinks.manifest import manifest, write_json

GENERATOR = "focus-ai"
#: Files of a data set that speak of its sources and stay true when rows are split.
_BESIDE = ("exceptions", "events")


@dataclass(frozen=True)
class DataSet:
    """A data set of ours: files by billing period (YYYY-MM), the schema they share, and its run report."""

    folder: Path
    files: Mapping[str, Sequence[Path]]
    schema: Any
    run: Mapping[str, Any]

    @property
    def focus(self) -> str:
        """FOCUS version of the rows."""
        return str(self.run.get("focus") or ("1.3" if "AllocatedMethodId" in self.schema.names else "1.2"))

    @property
    def columns(self) -> dict[str, str]:
        """Column -> Arrow type as text."""
        return {f.name: str(f.type) for f in self.schema}


def open_dataset(folder: Path) -> DataSet:
    """Read where the files are. Raises `InputError` for a folder that is none of ours, or without exact decimals."""
    import pyarrow.parquet as pq

    files: dict[str, list[Path]] = {}
    for path in sorted((folder / "data").rglob("*.parquet")):
        files.setdefault(path.parent.name.removeprefix("billing_period="), []).append(path.absolute())
    if not files:
        raise InputError(
            "this is no data set", where=str(folder), expected="a folder made by `focus-ai convert`, with data/ in it",
        )  # fmt: skip
    schemas = [(period, plain(pq.read_schema(p))) for period, paths in files.items() for p in paths]
    first, schema = schemas[0]
    for period, other in schemas:
        if other != schema:
            raise InputError(
                "the periods of the data set have different columns", where=str(folder),
                value="; ".join(f"{one}: {', '.join(f'{c.name} {c.type}' for c in only)}" for one, only in (
                    (first, [f for f in schema if f not in list(other)]),
                    (period, [f for f in other if f not in list(schema)]),
                ) if only) or f"another order in {period}",
                next_step="convert the inputs of all periods into one folder in one run; a run of other inputs keeps "
                "the columns of theirs",
            )  # fmt: skip
    exact(schema, str(folder))
    run = folder / "run.json"
    held = json.loads(run.read_text(encoding="utf-8")) if run.is_file() else {}
    return DataSet(folder, files, schema, held)


def plain(schema: Any) -> Any:
    """The schema without dictionary encoding and metadata."""
    import pyarrow as pa

    return pa.schema([
        pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type) for f in schema
    ])  # fmt: skip


def exact(schema: Any, where: str) -> None:
    """Raise `InputError` unless the costs are exact decimals."""
    import pyarrow as pa

    if not pa.types.is_decimal(schema.field("EffectiveCost").type):
        raise InputError("the amounts are binary doubles; shares of them would not add up", where=where,
                         next_step="convert with --numeric decimal")  # fmt: skip


def relation(paths: Sequence[Path], extra: str = "") -> str:
    """SQL of the rows of some files."""
    return f"read_parquet([{literals(map(str, paths))}], hive_partitioning=false{extra})"


Write = Callable[[Path, dict[str, str]], dict[str, list[Written]]]


def deliver(
    delivery: Delivery,
    session: Session,
    source: DataSet,
    write: Write,
    *,
    kind: str,
    facts: Mapping[str, Any],
    sources: Sequence[Mapping[str, Any]],
    beside: Sequence[Path] = (),
    grain: str | None = None,
) -> dict[str, Any]:
    """Write the rows (`write` gets the folder and the footer), metadata, manifests and run.json of schema `kind`."""
    created = created_at()
    grain = grain or str(source.run.get("grain", "day"))
    instance = metadata.dataset_instance(f"{GENERATOR} {grain}")
    described = metadata.schema_object(
        source.focus, source.schema, created=created, generator_version=__version__,
        instance_id=instance["DatasetInstanceId"] if metadata.has_instances(source.focus) else None,
    )  # fmt: skip
    written = write(delivery.folder, metadata.footer(described, GENERATOR))
    files = [f for found in written.values() for f in found]
    report.create_totals(session, report.data_relation(files))
    money = report.money_totals(session)
    if money["rows"] != sum(f.rows for f in files):
        raise InternalError("rows written and rows read back differ", value=f"{money['rows']}")
    result: dict[str, Any] = {
        "schema": kind,
        "version": __version__,
        "created_at": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "focus": source.focus,
        "grain": grain,
        "rows": money["rows"],
        "totals": money["totals"],
        "unattributed": money["unattributed"],
        **{k: money[k] for k in ("by_provider", "by_model", "by_team")},
        "rate_card": source.run.get("rate_card"),
        "inputs": [dict(s) for s in sources],
        **facts,
    }
    result["run_id"] = report.digest({k: result[k] for k in ("version", "focus", "schema", "inputs")})
    carry_over(source.folder, delivery.folder)
    aside = [p for p in beside if p.is_file()]
    known = {f.path: f for f in files}
    result["files"] = report.file_entries(delivery.folder, [*known, *aside], known)
    plan = Plan(Settings(), source.focus, grain, "decimal")
    write_metadata(session, delivery, plan, described, instance, written, result, sources, created)
    kept = delivery.keep_untouched({f"billing_period={p}" for p in written})
    result["kept_periods"] = [k.removeprefix("billing_period=") for k in kept]
    result["out"] = str(delivery.out)
    write_json(delivery.folder / "run.json", {k: v for k, v in result.items() if k != "out"})
    return result


def carry_over(source: Path, folder: Path) -> None:
    """Link what the data set holds beside its rows (exceptions, events, the first run report) into the new one."""
    for name in _BESIDE:
        link_files(source / name, folder / name)
    if (source / "run.json").is_file():
        _link(source / "run.json", folder / "source-run.json")
    if (source / "source-run.json").is_file():
        target = folder / "source-run.json"
        target.unlink(missing_ok=True)
        _link(source / "source-run.json", target)


def link_files(source: Path, target: Path) -> list[Path]:
    """Link every file below a folder to the same place below another; returns the new ones."""
    found = []
    for path in sorted(source.rglob("*")):
        if path.is_file():
            found.append(target / path.relative_to(source))
            _link(path, found[-1])
    return found


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def write_metadata(
    session: Session,
    delivery: Delivery,
    plan: Plan,
    described: dict[str, Any],
    instance: dict[str, Any],
    written: Mapping[str, Sequence[Written]],
    result: Mapping[str, Any],
    sources: Sequence[Mapping[str, Any]],
    created: Any,
) -> None:
    """The FOCUS metadata objects and one manifest per billing period, below `metadata/`. How fresh the days of months
    are that stay as they were is taken over."""
    folder, recency = delivery.folder, None
    instances = instance if metadata.has_instances(plan.focus) else None
    if instances is not None and written:
        every = report.data_relation([f for fs in written.values() for f in fs])
        days = [r[0] for r in session.rows(f"SELECT DISTINCT CAST(ChargePeriodStart AS DATE) FROM {every} ORDER BY 1")]
        recency = metadata.recency(
            instance["DatasetInstanceId"], written=created, data_updated=created,
            sectors=metadata.join_sectors(
                metadata.day_sectors(days, updated=created),
                metadata.sectors_of(delivery.out / "metadata", instance["DatasetInstanceId"]), set(written),
            ),
        )  # fmt: skip
    for name, content in metadata.sidecar(GENERATOR, described, instances, recency).items():
        write_json(folder / "metadata" / name, content)
    by_path = {f["path"]: f for f in result["files"]}
    for period, files in written.items():
        totals = report.money_totals(session, period)
        entries = [by_path[f.path.relative_to(folder).as_posix()] for f in files]
        write_json(
            folder / "metadata" / f"billing_period={period}" / "manifest.json",
            manifest(
                period, created=result["created_at"], generator={"name": GENERATOR, "version": __version__},
                focus_version=plan.focus, schema_id=described["SchemaId"], files=entries, totals=totals["totals"],
                unattributed=totals["unattributed"], sources=sources,
                run={"run_id": result["run_id"], "grain": plan.grain, "rate_card": result["rate_card"]},
            ),
        )  # fmt: skip


def work_folder(out: Path | None) -> _Work:
    """A work folder beside the output, or in the system's place for such; removed afterwards."""
    return _Work(out)


class _Work:
    def __init__(self, out: Path | None) -> None:
        parent = None if out is None else out.absolute().parent
        if parent is not None:
            parent.mkdir(parents=True, exist_ok=True)
        self.path = Path(tempfile.mkdtemp(prefix=".focus-ai-work-", dir=parent))

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
