"""Start a mapping file from a sample file: its keys listed, the tokens and fields blocks prepared, a case beside it."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from focus_ai.errors import InputError, UsageError

SAMPLE_RECORDS = 50
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def scaffold(id_: str, sample: Path, to: Path) -> list[Path]:
    """Write `ID.yaml` and `fixtures/ID/first/` below `to`; return the paths, the mapping first.

    Raises `UsageError` for a bad id or when something is already there, `InputError` for a sample that cannot be read.
    """
    if not _ID.fullmatch(id_):
        raise UsageError("an adapter id is kebab-case", value=id_, expected="letters, digits and single hyphens")
    if not sample.is_file():
        raise InputError("the sample does not exist", where=str(sample))
    kind, keys = keys_of(sample)
    mapping, case = to / f"{id_}.yaml", to / "fixtures" / id_ / "first"
    for path in (mapping, case):
        if path.exists():
            raise UsageError("this is already there and is not overwritten", where=str(path))
    case.mkdir(parents=True)
    copied = case / f"input.{kind}"
    shutil.copyfile(sample, copied)
    mapping.write_text(_mapping(id_, kind, keys, datetime.now(UTC).date()), encoding="utf-8")
    return [mapping, copied]


def keys_of(sample: Path) -> tuple[str, dict[str, str]]:
    """The format of a sample and its paths, each with one value seen: `usage.prompt_tokens` -> `1200`."""
    if sample.suffix == ".parquet":
        return "parquet", _parquet(sample)
    try:
        text = sample.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("the sample is not UTF-8 text", where=str(sample), next_step="unpack it first") from None
    start = text.lstrip()[:1]
    if start not in ("{", "["):
        rows = list(csv.DictReader(text.splitlines()))[:SAMPLE_RECORDS]
        if not rows:
            raise InputError("the sample has no records", where=str(sample))
        return "csv", _merge(rows)
    try:
        return "json", _merge(_as_list(json.loads(text, parse_float=str)))
    except json.JSONDecodeError:
        pass
    try:
        lines = [json.loads(line, parse_float=str) for line in text.splitlines()[:SAMPLE_RECORDS] if line.strip()]
    except json.JSONDecodeError as error:
        raise InputError("the sample is neither JSON nor JSON Lines", where=f"{sample}: {error.msg}") from None
    return "jsonl", _merge(lines)


def _as_list(document: Any) -> list[Any]:
    return document[:SAMPLE_RECORDS] if isinstance(document, list) else [document]


def _parquet(sample: Path) -> dict[str, str]:
    import pyarrow.parquet as parquet

    return {field.name: str(field.type) for field in parquet.read_schema(sample)}


def _merge(records: list[Any]) -> dict[str, str]:
    """All paths of the records in order of appearance, with the first non-empty value."""
    seen: dict[str, str] = {}
    for record in records:
        for path, value in _paths(record, ""):
            if not seen.get(path):
                seen[path] = value
    return seen


def _paths(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            name = str(key) if re.fullmatch(r"\w+", str(key)) else f'"{key}"'
            yield from _paths(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for inner in value[:3]:
            yield from _paths(inner, f"{path}[]")
    else:
        yield path, "" if value is None else json.dumps(value, ensure_ascii=False)[:60]


def _mapping(id_: str, kind: str, keys: dict[str, str], today: date) -> str:
    """The text of the new mapping file. Lines to fill in hold the word `fill`."""
    top = [key.strip('"') for key in keys if "." not in key and "[" not in key][:6]
    listed = "\n".join(f"#   {path}{'  e.g. ' + value if value else ''}" for path, value in keys.items())
    return f"""\
# Mapping of one export. The language: mappings/README.md. Check it with: focus-ai adapters test {id_}.yaml
# Every word fill stands for a decision. Nothing that the export does not say may be invented here.
id: {id_}
title: fill
# docs: https://...               # the page that explains the fields
checked: {today:%Y-%m-%d}             # the day you read it
kind: usage                       # usage | billed
system: {id_.split("-")[0]}
reads: [{kind}]
recognise:
  keys: [{", ".join(map(_quoted, top))}]
fields:
  event_time: {{time: fill, unit: iso}}
  provider: fill
  model_served: fill
  record_id: fill
tokens:
  convention: inclusive           # does input contain the cache reads and writes? inclusive | exclusive
  input: fill
  output: fill
leaves_out: {{}}
traps: []

# Paths seen in the sample:
{listed}
"""


def _quoted(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z_]\w*", key) else json.dumps(key)
