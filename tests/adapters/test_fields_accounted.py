"""Every field that an export carries is mapped, kept in the raw extra, or named in `leaves_out` with its reason.

For each mapping the fields of all its fixture inputs are compared with the paths that its expressions read. A field
is accounted for when its path, an object above it or a value below it is read, or when its name, written out or with
spaces, stands in `leaves_out`. Names inside free maps (labels, headers, tags) count with the map.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from data_builders import EXPORTS

from focus_ai.adapters.catalogue import shipped
from focus_ai.adapters.golden import cases, records
from focus_ai.adapters.mapping import Mapping
from focus_ai.adapters.paths import parse, record_levels
from focus_ai.adapters.recognise import claims, sample
from focus_ai.errors import InputError, UsageError
from focus_ai.sources import discover
from focus_ai.sources.documents import _documents, _lines
from focus_ai.sources.sniff import head_of

Keys = tuple[str, ...]
SAMPLES = Path(__file__).parents[3] / "shared" / "reference"
# How pages of an API follow one another: about the file, not about use.
ENVELOPE = {"object", "has_more", "next_page", "first_id", "last_id", "page", "total_pages", "total_count"}
# Fields that fixtures add on purpose: they stand for what a later version of an export may bring.
INVENTED = re.compile(r"brand[ _]?new|new_field|future|surprise|added_later|later_field", re.IGNORECASE)


def documents(path: Path, tmp: Path) -> list[dict[str, Any]]:
    """The records of a file as dictionaries; text logs have none."""
    source = discover([str(path)], tmp)[0]
    form = source.format
    if form.kind in ("json", "jsonl"):
        items = _lines(source.path, form) if form.kind == "jsonl" else _documents(source.path, form)
        return [value for value, _, reason in items if reason is None]
    if form.kind == "csv":
        text = head_of(source.path, form.compression).decode(form.encoding, "replace").removeprefix("\ufeff")
        return [dict(row) for row in csv.DictReader(io.StringIO(text), delimiter=form.delimiter)]
    if form.kind == "parquet":
        import pyarrow.parquet as pq

        return [dict(row) for row in pq.read_table(source.path).to_pylist()]
    return []


def leaves(value: Any, at: Keys = ()) -> Iterator[Keys]:
    """Paths of everything that says something; positions in arrays do not count, JSON text is read as JSON."""
    if isinstance(value, str) and value[:1] in "{[":
        try:
            value = json.loads(value)
        except ValueError:
            yield at
            return
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*at, str(key)))
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, at)
    elif value not in (None, ""):
        yield at


def paths(mapping: Mapping) -> set[Keys]:
    """Every path that the mapping reads, from the document down."""
    levels = record_levels(mapping.records)
    lets = {name: list(_texts(e)) for name, e in mapping.let.items()}
    lets["call"] = [text for e in mapping.calls.values() for text in _texts(e)]
    found: set[Keys] = set()

    def add(text: str, seen: tuple[str, ...] = ()) -> None:
        try:
            path = parse(text)
        except UsageError:
            return
        keys = tuple(str(k) for k in path.keys if isinstance(k, str))
        if path.let is not None:
            if path.let in lets and path.let not in seen:
                for inner in lets[path.let]:
                    for base in _resolved(inner, (*seen, path.let)):
                        found.add((*base, *keys))
            return
        found.add((*_above(levels, path.up), *keys))

    def _resolved(text: str, seen: tuple[str, ...]) -> Iterator[Keys]:
        path = parse(text)
        keys = tuple(str(k) for k in path.keys if isinstance(k, str))
        if path.let is not None:
            if path.let in lets and path.let not in seen:
                for inner in lets[path.let]:
                    yield from ((*base, *keys) for base in _resolved(inner, (*seen, path.let)))
        else:
            yield (*_above(levels, path.up), *keys)

    parts: list[Any] = [
        mapping.fields,
        mapping.tokens,
        *mapping.meters,
        *mapping.ignore,
        *mapping.reject,
        *mapping.flags,
    ]
    parts += [mapping.identity, mapping.version, mapping.money_family, mapping.same_usage, mapping.ai_rows]
    for part in parts:
        for text in _texts(part):
            add(text)
    for column in (mapping.beside or {}).get("match", {}):
        add(column)
    # What tells the export from others is read as well.
    rule = mapping.recognise
    told = [*rule.get("keys", ()), *rule.get("values", ()), *rule.get("matches", ())]
    for text in (*told, *(key for group in rule.get("any", ()) for key in group)):
        found.add(tuple(m[0] or m[1] for m in re.findall(r'"([^"]+)"|([^."\[\]]+)', text)))
    return found


def _above(levels: list[tuple[str, ...]], up: int) -> Keys:
    return tuple(key for level in levels[: max(0, len(levels) - up)] for key in level)


_LITERAL = {"const", "in", "sep", "pattern", "with", "unit", "zone", "format", "table", "times", "plus", "take", "name",
            "key", "value", "where", "strip", "item", "at", "reason", "flag", "default", "approximate"}  # fmt: skip


def _texts(e: Any) -> Iterator[str]:
    """The texts of an expression that are paths; literals are passed over."""
    if isinstance(e, str):
        yield e
    elif isinstance(e, list | tuple):
        for part in e:
            yield from _texts(part)
    elif isinstance(e, dict):
        if "get" in e:
            yield f'{e["get"][0]}."{e["get"][1]}"' if '"' not in e["get"][1] else e["get"][0]
            return
        for key, part in e.items():
            if key in ("eq", "gt", "matches") or (key == "in" and isinstance(part, list)):
                yield from _texts(part[0])
                if isinstance(part[1], dict):
                    yield from _texts(part[1])
            elif key == "attributes" and isinstance(part, str):
                yield part
            elif key.endswith("convention") and isinstance(part, str):
                continue
            elif key not in _LITERAL and not (key == "lower" and isinstance(part, bool)):
                yield from _texts(part)


def accounted(leaf: Keys, read: set[Keys], words: str) -> bool:
    """Is this field read, or named as left out?"""
    if any(leaf[: len(p)] == p or p[: len(leaf)] == leaf for p in read if p):
        return True
    if leaf[-1] in ENVELOPE:
        return True
    return any(_named(key, words) for key in leaf) or INVENTED.search(".".join(leaf)) is not None


def _named(key: str, words: str) -> bool:
    forms = {key.lower().strip(":"), re.sub(r"[_\-.]+", " ", key).lower().strip()}
    forms.add(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", key).lower())
    return any(re.search(rf"(?<![a-z0-9_]){re.escape(form)}s?(?![a-z0-9_])", words) for form in forms)


def unread(mapping: Mapping, files: list[Path], tmp: Path) -> list[str]:
    """Fields of the files that the mapping neither reads nor leaves out by name."""
    if mapping.other_columns == "":
        return []
    read = paths(mapping)
    words = " ".join((*mapping.leaves_out, *mapping.leaves_out.values())).lower()
    found = {leaf for path in files for document in documents(path, tmp) for leaf in leaves(document)}
    return sorted(".".join(leaf) for leaf in found if not accounted(leaf, read, words) and not _tag(mapping, leaf))


def _tag(mapping: Mapping, leaf: tuple[str, ...]) -> bool:
    """Is the column one of those that the mapping reads as tags by their beginning?"""
    return mapping.other_columns is not None and leaf[0].startswith(mapping.other_columns)


def counts(mapping: Mapping, files: list[Path], tmp: Path) -> bool:
    """Does any record count? The text of one that does not is kept as a whole, unless it is private."""
    sources = [discover([str(path)], tmp)[0] for path in files]
    return mapping.private or any(records(source, mapping, tmp)[1] for source in sources)


@cache
def inputs() -> dict[str, list[Path]]:
    """The fixture inputs of every mapping."""
    found: dict[str, list[Path]] = defaultdict(list)
    for case in cases(EXPORTS):
        (given,) = (p for p in case.iterdir() if p.name.startswith("input."))
        seen = sample(discover([str(given)], case)[0])
        for m in shipped().values():
            if claims(m, seen):
                found[m.id].append(given)
    return found


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_field_is_accounted_for(name: str, tmp_path: Path) -> None:
    mapping = shipped()[name]
    if mapping.code or mapping.line is not None:
        pytest.skip("records are made by code or from lines of text, not by paths of the document")
    if mapping.focus_rows:
        pytest.skip("a FOCUS file: every column goes to its own place, and what has none is listed with its money")
    missing = unread(mapping, inputs()[name], tmp_path)
    assert missing == [] or not counts(mapping, inputs()[name], tmp_path)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="reference samples are not beside this checkout")
@pytest.mark.parametrize("name", [p.relative_to(SAMPLES).as_posix() for p in sorted(SAMPLES.glob("*/samples/**/*.*"))])
def test_every_field_of_the_reference_samples_is_accounted_for(name: str, tmp_path: Path) -> None:
    path = SAMPLES / name
    try:
        seen = sample(discover([str(path)], tmp_path)[0])
    except InputError:
        pytest.skip("no export")
    for mapping in shipped().values():
        if claims(mapping, seen) and not (mapping.code or mapping.line or mapping.focus_rows):
            missing = unread(mapping, [path], tmp_path)
            assert missing == [] or not counts(mapping, [path], tmp_path)


def test_the_comparison_notices_a_field_that_nobody_reads() -> None:
    read = {("usage", "input"), ("meta",)}
    assert accounted(("usage", "input"), read, "")
    assert accounted(("meta", "labels", "team"), read, "")
    assert accounted(("usage",), read, "")
    assert not accounted(("usage", "cached"), read, "")
    assert accounted(("usage", "cached"), read, "cached: part of input")
    assert accounted(("finishReason",), read, "the finish reason says nothing about use")
    assert not accounted(("cached",), read, "uncached input")
