"""One export in two forms is one export: CSV, JSON Lines and Parquet of the same records, and JSON written otherwise."""

from __future__ import annotations

import csv
import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from data_builders import EXPORTS, convert

from focus_ai.adapters import Mapping, recognise, shipped
from focus_ai.adapters.record import fields
from focus_ai.adapters.tasks import stage_all
from focus_ai.engine import Session
from focus_ai.errors import InputError
from focus_ai.sources import discover
from focus_ai.usage import create_view, deduplicate

COUNTED = tuple(
    name for name, field in fields().items() if field.type in ("integer", "decimal") and name != "source_row"
)
CASES = sorted(p for p in EXPORTS.rglob("input.*") if p.suffix in (".csv", ".jsonl", ".json"))


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The records of a file. Raises ValueError when there is one among them that cannot be written again as it is."""
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix == ".csv":
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        if any(None in row or None in row.values() for row in rows):
            raise ValueError("a row of another length")
        return rows
    if path.suffix == ".jsonl":
        return [parsed(line) for line in text.splitlines() if line.strip()]
    whole = parsed(text)
    return whole if isinstance(whole, list) else [whole]


def parsed(text: str) -> Any:
    """JSON in which a number that a binary float does not hold is the text of its digits."""
    return json.loads(text, parse_float=lambda digits: float(digits) if len(digits) < 16 else digits)


def turned(value: Any) -> Any:
    """The same with the members of all objects in the opposite order."""
    if isinstance(value, dict):
        return {name: turned(value[name]) for name in reversed(value)}
    return [turned(item) for item in value] if isinstance(value, list) else value


def as_json(path: Path, found: list[dict[str, Any]], target: Path) -> Path:
    target.write_text("\n".join(json.dumps(turned(row), separators=(" , ", " : ")) for row in found) + "\n")
    return target


def as_csv(path: Path, found: list[dict[str, Any]], target: Path) -> Path:
    names = list(dict.fromkeys(name for row in found for name in row))
    with target.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(names)
        for row in found:
            writer.writerow([cell(row.get(name)) for name in names])
    return target


def cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def as_parquet(path: Path, found: list[dict[str, Any]], target: Path) -> Path:
    """Typed columns, as a platform writes them: instants, numbers, nested objects."""
    import pyarrow as pa
    import pyarrow.csv as pacsv
    import pyarrow.parquet as pq

    names = dict.fromkeys(name for row in found for name in row)
    if path.suffix == ".csv":
        table = pacsv.read_csv(path)
    else:
        table = pa.table({name: pa.array([row.get(name) for row in found]) for name in names})
    pq.write_table(table, target)
    return target


FORMS = {"jsonl": as_json, "csv": as_csv, "parquet": as_parquet}


def others(path: Path, folder: Path) -> tuple[Mapping | None, list[Path]]:
    """The adapter of a case, and its records in every form that the adapter reads and that can hold them."""
    try:
        mapping = recognise(discover([str(path)], folder)[0], shipped())
    except InputError:  # a case that no adapter recognises
        return None, []
    if mapping.line is not None or mapping.code:
        return None, []
    semicolons = path.suffix == ".csv" and b";" in path.read_bytes().split(b"\n")[0]
    found = []
    for form, write in FORMS.items():
        if form in mapping.reads and (form == "jsonl" or not mapping.depth) and not (semicolons and form != "csv"):
            with suppress(ValueError, TypeError, NotImplementedError):  # made to be damaged, or not one table
                found.append(write(path, rows_of(path), folder / f"other.{form}"))
    return mapping, found


def counted(files: list[Path], mapping: Mapping, work: Path) -> Any:
    """How many events count once the files are read, and the sums of their tokens and amounts."""
    if mapping.focus_rows:  # these are laid beside each other by a whole run
        report = convert(work, *files)
        return report["totals"], report["tokens"], report["rows"]
    work.mkdir()
    staged = stage_all([(source, mapping, {}) for source in discover([str(f) for f in files], work)], work)
    with Session(work / "engine") as session:
        present = create_view(session, staged)
        deduplicate(
            session, present, leaf_spans=(mapping.id,) if mapping.leaf_spans else (), mappings=[mapping],
            evidence=frozenset(),
        )  # fmt: skip
        sums = [f"sum({n})::VARCHAR AS {n}" for n in COUNTED if n in present]
        return session.dicts(f"SELECT {', '.join(['count(*) AS events', *sums])} FROM events")


@pytest.mark.parametrize("path", CASES, ids=lambda p: "/".join(p.parts[-4:-1]))
def test_other_forms_add_nothing(path: Path, tmp_path: Path) -> None:
    mapping, forms = others(path, tmp_path)
    if mapping is None or not forms:
        pytest.skip("the export has no other form")
    assert counted([path, *forms], mapping, tmp_path / "again") == counted([path], mapping, tmp_path / "alone")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"env":"prod"}', '{"env": "prod"}'),
        ('{"a":"1","b":"2"}', '{"b":"2","a":"1"}'),
        ("{}", "null"),
        ('{"a":"1","none":null}', '{"a":"1"}'),
        ('{"in":{"a":"1","b":"2"}}', '{"in":{"b":"2", "a":"1"}}'),
        ('{"in":[{"a":"1","b":"2"},{"c":3}]}', '{"in":[{"b":"2","a":"1"}, {"c":3}]}'),
    ],
)
def test_tags_say_the_same_however_they_are_written(one: str, other: str, tmp_path: Path) -> None:
    """1,000 input and 10 output tokens of gpt-5: 0.00125 and 0.0001 USD, once."""
    event = (
        '{"event_id":"e1","timestamp":"2026-09-01T10:00:00Z","provider":"openai","model":"gpt-5","input_tokens":1000,'
        '"output_tokens":10,"status":"success","tags":%s}\n'
    )
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    first.write_text(event % one)
    second.write_text(event % other)
    report = convert(tmp_path / "out", first, second)
    assert (report["records"]["duplicates"], report["records"]["rejected"]) == (1, 0)
    assert report["totals"][0]["list_cost"] == "0.00135"
    second.write_text(event % '{"env":"another"}')
    report = convert(tmp_path / "conflict", first, second)
    # Who says nothing contradicts nobody.
    assert (report["records"]["duplicates"], report["records"]["rejected"]) == ((1, 0) if one == "{}" else (0, 2))
