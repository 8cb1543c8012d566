"""Rows of another input laid beside each record, before the mapping reads it: a usage table and its price table.

In: the inputs of a run with their mappings. Out: the same inputs, where those whose mapping says `beside` are copies
that carry the taken values as further keys or columns. Records keep their order and number; a line that cannot be
read stays as it is. Without rows of the other table nothing is added, and the mapping says what that means.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from focus_ai.adapters import mapping as mappings
from focus_ai.adapters.paths import parse
from focus_ai.sources.discover import SourceFile
from focus_ai.sources.documents import items, unpackable
from focus_ai.sources.packed import Damage, salvaged
from focus_ai.sources.reject import Reject
from focus_ai.sources.relation import parquet_parts
from focus_ai.sources.rows import BAD_LETTER, good_rows, judged, values

Rows = dict[tuple[str, ...], list[tuple[datetime | None, datetime | None, dict[str, str | None]]]]


def lay_beside(sources: Sequence[SourceFile], chosen: Mapping[str, mappings.Mapping], work: Path) -> list[SourceFile]:
    """The sources, those that want rows of another input replaced by files that hold them."""
    laid = []
    for number, source in enumerate(sources):
        rule = chosen[source.name].beside if source.name in chosen else None
        others = [s for s in sources if rule and s.name in chosen and chosen[s.name].id == rule["rows"]]
        if rule and others:
            target = work / "beside" / f"{number:05d}"
            target.parent.mkdir(parents=True, exist_ok=True)
            laid.append(_copy(source, rule, _index(others, rule, target), target))
        else:
            laid.append(source)
    return laid


def _index(others: Iterable[SourceFile], rule: Mapping[str, Any], spool: Path) -> Rows:
    """The other table by its key, spans as they stand in it."""
    found: Rows = {}
    during = rule.get("during", {})
    for source in others:
        for row in _rows(source, spool):
            key = tuple(_text(row.get(there)) or "" for there in rule["match"].values())
            start, end = (_instant(row.get(during[k])) if during else None for k in ("from", "to"))
            taken = {name: _text(_at(row, path)) for name, path in rule["take"].items()}
            found.setdefault(key, []).append((start, end, taken))
    for rows in found.values():
        # The later row of two that both hold speaks, whatever the order of the file.
        rows.sort(key=lambda r: (r[0] or datetime.min.replace(tzinfo=UTC), json.dumps(r[2], sort_keys=True)))
    return found


def _beside(row: Mapping[str, Any], rule: Mapping[str, Any], rows: Rows) -> dict[str, str | None]:
    """The values for one record: those of the row whose key is equal and whose span holds."""
    at = _instant(row.get(rule["during"]["at"])) if "during" in rule else None
    for start, end, taken in reversed(rows.get(tuple(_text(row.get(here)) or "" for here in rule["match"]), [])):
        if "during" not in rule or (at and (start is None or start <= at) and (end is None or at < end)):
            return {name: value for name, value in taken.items() if row.get(name) in (None, "")}
    return {}


def _copy(source: SourceFile, rule: Mapping[str, Any], rows: Rows, target: Path) -> SourceFile:
    form = source.format
    damage: list[Damage] = []
    unfit: list[Reject] = []
    if form.kind == "parquet":
        unfit = _copy_parquet(source, rule, rows, target)
    elif form.kind == "csv":
        header = _copy_csv(source, rule, rows, target, damage)
        form = replace(form, compression="none", bom=False, encoding="utf-8", header=header)
    else:
        with target.open("w", encoding="utf-8", newline="\n") as out:
            for value, raw, reason in items(source.path, form, damage):
                line = (
                    (raw or "?") if reason else json.dumps({**value, **_beside(value, rule, rows)}, ensure_ascii=False)
                )
                out.write(" ".join(line.splitlines()) + "\n")
        form = replace(form, kind="jsonl", compression="none", bom=False)
    return replace(
        source, path=target, format=form, size=target.stat().st_size,
        aside=(*source.aside, *unfit, *unpackable(source.name, damage)),
    )  # fmt: skip


def _copy_csv(
    source: SourceFile, rule: Mapping[str, Any], rows: Rows, target: Path, damage: list[Damage]
) -> tuple[str, ...]:
    form = source.format
    added = [name for name in rule["take"] if name not in form.header]
    delimiter = form.delimiter.encode()
    with salvaged(source.path, form.compression, damage) as stream, target.open("wb") as out:
        for number, line in enumerate(judged(stream, form)):
            if number == 0:
                out.write(_row([*form.header, *added], form.delimiter))
            elif line.fault is None:
                row = dict(zip(form.header, values(line.raw, form), strict=False))
                row |= {name: value or "" for name, value in _beside(row, rule, rows).items()}
                out.write(_row([row.get(name, "") for name in (*form.header, *added)], form.delimiter))
            else:
                raw = line.raw.rstrip(b"\r\n")
                if form.encoding != "utf-8":
                    raw = raw.decode("cp1252", "surrogateescape").encode("utf-8", "surrogateescape")
                # What does not fit the header must not fit the longer one either; a row with a bad letter fits both.
                fits = raw.count(delimiter) + 1 == len(form.header) + len(added)
                more = len(added) if line.fault == BAD_LETTER else 2 * fits
                out.write(raw + delimiter * more + b"\n")
    return (*form.header, *added)


def _row(cells: Sequence[str], delimiter: str) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


def _copy_parquet(source: SourceFile, rule: Mapping[str, Any], rows: Rows, target: Path) -> list[Reject]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table, unfit = _table(source, target)
    found = [_beside(row, rule, rows) for row in table.to_pylist()]
    for name in rule["take"]:
        values = pa.array([row.get(name) for row in found], pa.string())
        if name in table.column_names:
            own = [None if v is None else _text(v) for v in table.column(name).to_pylist()]
            values = pa.array([o or v for o, v in zip(own, values.to_pylist(), strict=True)], pa.string())
            table = table.drop_columns([name])
        table = table.append_column(name, values)
    pq.write_table(table, target)
    return unfit


def _table(source: SourceFile, spool: Path) -> tuple[Any, list[Reject]]:
    """The rows of a Parquet file, those of damaged parts left out and told."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(source.path), []
    except (pa.ArrowException, OSError):
        parts = spool.with_suffix(".parts")
        unfit = parquet_parts(source, parts)
        return pq.read_table(parts), unfit


def _rows(source: SourceFile, spool: Path) -> Iterator[Mapping[str, Any]]:
    """The readable records of a file of any kind."""
    if source.format.kind == "parquet":
        yield from _table(source, spool)[0].to_pylist()
    elif source.format.kind == "csv":
        yield from good_rows(source.path, source.format)
    else:
        yield from (value for value, _, reason in items(source.path, source.format, []) if reason is None)


def _at(row: Any, path: str) -> Any:
    """The value at a path; objects may stand as JSON text, as in CSV."""
    for key in parse(path).keys:
        if isinstance(row, str):
            try:
                row = json.loads(row)
            except ValueError:
                return None
        row = row.get(key) if isinstance(row, Mapping) else None
    return row


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)


def _instant(value: Any) -> datetime | None:
    """A stamp, in UTC where it has no offset; None for nothing and for what is none."""
    if value is None or value == "":
        return None
    try:
        stamp = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).replace(" UTC", "+00:00"))
    except ValueError:
        return None
    return stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)
