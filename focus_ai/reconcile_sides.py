"""The inputs of a comparison, sorted and read: data sets of ours, FOCUS files of others, bills, raw exports.

Raw exports are converted in the work folder first, so that a comparison always works on finished rows.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from focus_ai.engine import Session, literal, literals
from focus_ai.errors import InputError, UsageError
from focus_ai.focus.places import sellers
from focus_ai.meters import meters
from focus_ai.pricing.card import RateCard
from focus_ai.pricing.rate_row import NoRate
from focus_ai.reconcile import bills, evidence, lines
from focus_ai.reconcile.buckets import BILL, USAGE
from focus_ai.settings import Settings
from focus_ai.sources import SourceFile, discover
from focus_ai.sources.digests import Digests, sha256

#: First day and day after the last one.
Span = tuple[date, date]


@dataclass
class Side:
    """What was given for one side: relations of FOCUS rows with their columns, and bill tables.

    `files` are all Parquet and CSV files of the relations, `datasets` the folders that may hold evidence. `what`: a
    bill, or usage that was rated.
    """

    name: str
    what: str = USAGE
    relations: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    bills: list[Path] = field(default_factory=list)
    datasets: list[Path] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    inputs: list[dict[str, Any]] = field(default_factory=list)


def read_side(
    side: Side, inputs: Sequence[str], work: Path, settings: Settings, options: Mapping[str, Any], *, own: bool = False
) -> Side:
    """Sort the inputs of a side. `own`: rows must have our columns, so FOCUS files of others are converted too."""
    name = side.name
    if not inputs:
        step = f"name an export, a data set or a file: --{name} PATH"
        step += ", or where there is no bill the provider's usage export: --usage PATH" * (name == "billed")
        raise UsageError(f"reconcile needs --{name}", next_step=step)
    settings = settings.override({"billing.source": "bill" if side.what == BILL else "usage"})
    raw: list[SourceFile] = []
    for given in inputs:
        path = Path(given)
        if (path / "data").is_dir() and list((path / "data").rglob("*.parquet")):
            _dataset(side, path.absolute())
        elif path.suffix.lower() in (".yaml", ".yml") and path.is_file():
            _take_bill(side, path)
            side.inputs.append({"path": given, "kind": "bill", "sha256": sha256(path)})
        else:
            for source in discover([given], work / "spool", own=False):
                if not _take(side, source, own=own):
                    raw.append(source)
    if raw:
        from focus_ai.convert import run as convert

        target = work / f"{name}-rows"
        with Digests() as digests:
            made = convert(
                raw, target, digests=digests, settings=settings, focus=settings.convert.focus, grain="day",
                numeric="decimal", events=name == "rated", ai_only=False, validate=False, allocation=None, jobs=1,
                **options,
            )  # fmt: skip
        side.inputs += [{**i, "kind": "export"} for i in made["inputs"]]
        if list((target / "data").rglob("*.parquet")):
            _dataset(side, target, listed=False)
        else:
            side.datasets.append(target)
    return side


def _dataset(side: Side, path: Path, *, listed: bool = True) -> None:
    files = sorted((path / "data").rglob("*.parquet"))
    _parquet(side, files)
    side.datasets.append(path)
    if listed:
        side.inputs += [{"path": path.name, "kind": "dataset", "files": len(files)}]


def add_bill_rows(side: Side, schema: Any, work: Path) -> None:
    """Bill tables as rows with the columns of a data set, in place of the tables: a closed period needs rows."""
    from focus_ai.allocation.costs import add_rows

    known = meter_facts()
    seen: Counter[str] = Counter()
    for number, path in enumerate(sorted(side.bills, key=sha256)):
        rows = bills.as_rows(bills.read_bill(path, known), sellers(), seen)
        target = work / "bills" / f"{number:03d}.parquet"
        add_rows(rows, schema, target)
        _parquet(side, [target])
    side.bills.clear()


def _take(side: Side, source: SourceFile, *, own: bool) -> bool:
    """Take a FOCUS file or a bill table; False for anything else."""
    if source.format.kind == "parquet":
        import pyarrow.parquet as pq

        names = set(pq.read_schema(source.path).names)
        if not lines.is_focus(names) or (own and "x_CostBasis" not in names):
            return False
        _parquet(side, [source.path.absolute()])
    elif source.format.kind == "csv" and lines.is_focus(source.format.header) and not own:
        columns = dict.fromkeys(source.format.header, "VARCHAR")
        text = (
            f"read_csv({literal(str(source.path.absolute()))}, header=true, all_varchar=true, "
            f"delim={literal(source.format.delimiter)}, encoding={literal(source.format.encoding)}, "
            f"compression={literal(source.format.compression)})"
        )
        side.relations.append((text, columns))
        side.files.append(source.path.absolute())
    elif source.format.kind == "csv" and bills.is_bill(source.format.header):
        _take_bill(side, source.path)
    else:
        return False
    side.inputs.append({"path": source.name, "kind": "focus" if source.path not in side.bills else "bill",
                        "sha256": sha256(source.path)})  # fmt: skip
    return True


def _take_bill(side: Side, path: Path) -> None:
    if side.what == USAGE and side.name == "billed":
        raise UsageError("a bill is no usage export", where=path.name, next_step="give it with --billed")
    side.bills.append(path)


def _parquet(side: Side, files: Sequence[Path]) -> None:
    """Files of one schema as one relation."""
    import pyarrow.parquet as pq

    groups: dict[tuple[tuple[str, str], ...], list[Path]] = {}
    for path in files:
        schema = pq.read_schema(path)
        groups.setdefault(tuple((f.name, _kind(f.type)) for f in schema), []).append(path)
    for columns, paths in groups.items():
        names = literals(str(p) for p in paths)
        side.relations.append((f"read_parquet([{names}], hive_partitioning=false)", dict(columns)))
        side.files += paths


def _kind(kind: Any) -> str:
    import pyarrow as pa

    return "DECIMAL" if pa.types.is_decimal(kind) else str(kind)


def load_sides(
    session: Session, sides: Sequence[Side], card: RateCard, measure: str | None, span: Span | None = None
) -> None:
    """Tables `rated_facts` and `billed_facts`, of the days of `span`. Raises `InputError` for a side without a line."""
    known = meter_facts()
    patterns = {slug: entry["rows"] for slug, entry in sellers().items() if "rows" in entry}
    lines.create_names(session, _channels(), patterns, list(known.values()))
    lines.create_facts(session)
    for side in sides:
        for relation, columns in side.relations:
            try:
                lines.add_rows(session, side.name, relation, columns, billed=side.what == BILL, measure=measure)
            except Exception as error:
                if type(error).__module__.partition(".")[0] not in ("duckdb", "_duckdb"):
                    raise
                raise InputError(
                    f"the {side.name} rows cannot be read", value=str(error).split("\n")[0],
                    expected="FOCUS columns with dates and numbers",
                ) from error  # fmt: skip
        for path in side.bills:
            bills.append(session, side.name, bills.read_bill(path, known))
        if side.what == USAGE:
            _add_unpriced(session, side, card)
        if span is not None:
            first, after = (day.isoformat() for day in span)
            session.sql(f"DELETE FROM {side.name}_facts WHERE day_from < DATE '{first}' OR day_to > DATE '{after}'")
        if not session.rows(f"SELECT 1 FROM {side.name}_facts LIMIT 1"):
            what = "rated usage" if side.what == USAGE else "billed amounts"
            name = side.name if side.name == "rated" or side.what == BILL else "usage"
            raise InputError(
                f"the {name} side holds no {what}", where=", ".join(str(i["path"]) for i in side.inputs[:5]),
                next_step="rated: usage exports, logs or their data set; billed: cost exports, invoices, FOCUS files; "
                "usage: what the provider counted, where there is no bill",
            )  # fmt: skip


def _add_unpriced(session: Session, side: Side, card: RateCard) -> None:
    """Usage without a price, from the exceptions of the data set: lines with a quantity and no cost."""
    known = meter_facts()
    for folder in side.datasets:
        path = folder / "exceptions" / "unpriced.jsonl"
        if not path.is_file():
            continue
        summed: dict[tuple[Any, ...], Decimal] = {}
        for row in (json.loads(text, parse_float=Decimal) for text in path.read_text("utf-8").splitlines()):
            day = datetime.fromisoformat(str(row["time"]).replace("Z", "+00:00")).date()
            key = (day, row["provider"], row["model"], row["meter"])
            summed[key] = summed.get(key, Decimal(0)) + Decimal(str(row["quantity"]))
        entries = []
        for (day, channel, model, meter), quantity in sorted(summed.items(), key=str):
            at = datetime(day.year, day.month, day.day, tzinfo=UTC)
            ref = card.place(channel or "", tuple(str(model or "").split(" / ")), at)
            named = model if isinstance(ref, NoRate) else ref.model
            entry = known.get(meter)
            blocks = quantity / (entry.size if entry else 1)
            entries.append({
                "day_from": day, "day_to": day + timedelta(days=1), "currency": settings_currency(card),
                "channel": channel, "account": None, "sub_account": None, "model": named, "meter": meter,
                "tier": "standard", "marks": None, "kind": "usage", "unit": entry.block if entry else None,
                "price": None, "invoice": None, "quantity": round(blocks, 9), "cost": Decimal(0), "lines": 1,
                "unattributed": Decimal(0), "places": 2, "unpriced": True,
            })  # fmt: skip
        bills.append(session, side.name, entries)


def settings_currency(card: RateCard) -> str:
    """Currency of the rated side."""
    return card.billing_currency or "USD"


def create_evidence_of(session: Session, side: Side, card: RateCard) -> None:
    """Evidence from the events beside the rows, where they were written."""
    import pyarrow.parquet as pq

    found = [d / "events" / "events.parquet" for d in side.datasets if (d / "events" / "events.parquet").is_file()]
    if not found:
        evidence.no_evidence(session)
        return
    columns = {f.name: str(f.type) for path in found for f in pq.read_schema(path)}
    relation = f"read_parquet([{literals(map(str, found))}], union_by_name=true, hive_partitioning=false)"
    table = meters()
    fields = {m.name: list(m.fields) for m in table.values() if m.fields and m.name != "output_reasoning"}
    fields["output"] = [*fields["output"], *table["output_reasoning"].fields]
    evidence.create_evidence(session, relation, columns, card, list(meter_facts().values()), fields)


def meter_facts() -> dict[str, lines.Meter]:
    """What reconciliation needs to know of the leaf meters."""
    return {
        m.name: lines.Meter(m.name, m.sku_meter, m.consumed_unit, m.pricing_unit, m.unit_size)
        for m in meters().values()
    }


def _channels() -> dict[str, str]:
    """Names that stand for exactly one channel: services, sellers with one channel, the channels themselves."""
    names: dict[str, set[str]] = {}
    for slug, entry in sellers().items():
        names.setdefault(slug, set()).add(slug)
        names.setdefault(entry.get("service", slug).lower(), set()).add(slug)
    for slug, entry in sellers().items():
        names.setdefault(entry.get("name", slug).lower(), set()).add(slug)
    return {name: min(slugs) for name, slugs in names.items() if len(slugs) == 1}
