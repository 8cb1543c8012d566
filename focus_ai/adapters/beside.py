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
from focus_ai.sources.documents import _documents, _lines
from focus_ai.sources.sniff import opened

Rows = dict[tuple[str, ...], list[tuple[datetime | None, datetime | None, dict[str, str | None]]]]


def lay_beside(sources: Sequence[SourceFile], chosen: Mapping[str, mappings.Mapping], work: Path) -> list[SourceFile]:
    """The sources, those that want rows of another input replaced by files that hold them."""
    laid = []
    for number, source in enumerate(sources):
        rule = chosen[source.name].beside if source.name in chosen else None
        others = [s for s in sources if rule and s.name in chosen and chosen[s.name].id == rule["rows"]]
        if rule and others:
            laid.append(_copy(source, rule, _index(others, rule), work / "beside" / f"{number:05d}"))
        else:
            laid.append(source)
    return laid


def _index(others: Iterable[SourceFile], rule: Mapping[str, Any]) -> Rows:
    """The other table by its key, spans as they stand in it."""
    found: Rows = {}
    during = rule.get("during", {})
    for source in others:
        for row in _rows(source):
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
    target.parent.mkdir(parents=True, exist_ok=True)
    form = source.format
    if form.kind == "parquet":
        _copy_parquet(source.path, rule, rows, target)
    elif form.kind == "csv":
        form = replace(
            form, compression="none", bom=False, encoding="utf-8", header=_copy_csv(source, rule, rows, target)
        )
    else:
        form = replace(form, kind="jsonl", compression="none", bom=False)
        with target.open("w", encoding="utf-8", newline="\n") as out:
            for value, raw, reason in _items(source):
                line = (
                    (raw or "?") if reason else json.dumps({**value, **_beside(value, rule, rows)}, ensure_ascii=False)
                )
                out.write(" ".join(line.splitlines()) + "\n")
    return replace(source, path=target, format=form, size=target.stat().st_size)


def _copy_csv(source: SourceFile, rule: Mapping[str, Any], rows: Rows, target: Path) -> tuple[str, ...]:
    header = source.format.header
    added = [name for name in rule["take"] if name not in header]
    with _cells(source) as stream, target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, delimiter=source.format.delimiter, lineterminator="\n")
        for number, cells in enumerate(csv.reader(stream, delimiter=source.format.delimiter)):
            if number == 0:
                writer.writerow([*header, *added])
            elif len(cells) != len(header):
                # A row that does not fit the header must not fit the longer one either.
                writer.writerow([*cells, *["", ""] * (len(cells) == len(header) + len(added))])
            else:
                row = dict(zip(header, cells, strict=True))
                row |= {name: value or "" for name, value in _beside(row, rule, rows).items()}
                writer.writerow([row.get(name, "") for name in (*header, *added)])
    return (*header, *added)


def _copy_parquet(path: Path, rule: Mapping[str, Any], rows: Rows, target: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    found = [_beside(row, rule, rows) for row in table.to_pylist()]
    for name in rule["take"]:
        values = pa.array([row.get(name) for row in found], pa.string())
        if name in table.column_names:
            own = [None if v is None else _text(v) for v in table.column(name).to_pylist()]
            values = pa.array([o or v for o, v in zip(own, values.to_pylist(), strict=True)], pa.string())
            table = table.drop_columns([name])
        table = table.append_column(name, values)
    pq.write_table(table, target)


def _rows(source: SourceFile) -> Iterator[Mapping[str, Any]]:
    """The readable records of a file of any kind."""
    if source.format.kind == "parquet":
        import pyarrow.parquet as pq

        yield from pq.read_table(source.path).to_pylist()
    elif source.format.kind == "csv":
        with _cells(source) as stream:
            yield from csv.DictReader(stream, delimiter=source.format.delimiter)
    else:
        yield from (value for value, _, reason in _items(source) if reason is None)


def _items(source: SourceFile) -> Iterator[tuple[Any, str | None, str | None]]:
    read = _lines if source.format.kind == "jsonl" else _documents
    return read(source.path, source.format)


def _cells(source: SourceFile) -> io.TextIOWrapper:
    encoding = "utf-8-sig" if source.format.encoding == "utf-8" else source.format.encoding
    stream = opened(source.path, source.format.compression)
    return io.TextIOWrapper(stream, encoding=encoding, errors="replace", newline="")


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
