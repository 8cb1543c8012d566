"""Which mapping reads this file: decided by content, never by name. Exactly one must claim it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from collections.abc import Mapping as MappingType
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from typing import Any, TypeVar

from focus_ai.adapters.mapping import Head
from focus_ai.errors import InputError
from focus_ai.sources.discover import SourceFile
from focus_ai.sources.documents import first_documents, lines_of
from focus_ai.sources.lines import fitting
from focus_ai.sources.reject import Reject
from focus_ai.sources.rows import good_rows
from focus_ai.sources.sniff import head_of
from focus_ai.words import meaning

SAMPLE = 50
Known = TypeVar("Known", bound=Head)
_KEY = re.compile(r'"([^"]+)"|([^."]+)')


@dataclass(frozen=True)
class Sample:
    """The first documents (JSON) or the column names with the first rows (CSV, Parquet)."""

    kind: str
    documents: tuple[MappingType[str, Any], ...]
    columns: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()

    @cached_property
    def members(self) -> frozenset[str]:
        """The names of all members at the top of the documents."""
        return frozenset(name for document in self.documents for name in document)


def damaged(source: SourceFile) -> InputError:
    """The error that names a file of which nothing can be read."""
    return InputError(
        "the file is damaged; nothing of it can be read", where=source.name,
        value=source.format.detail or source.format.fault, next_step="fetch or write it again",
    )  # fmt: skip


def _unreadable(source: SourceFile) -> InputError:
    """The error that names a JSON file without one record that can be read, and says why the first one is none."""
    found: list[Reject] = []
    _, first = next(lines_of(source.name, source.path, source.format, found), (0, None))
    if first is not None or not found:
        return InputError("no record of the file can be read", where=source.name)
    why = meaning("rejected", found[0].reason)
    text = " ".join((found[0].raw or "").split())
    return InputError(
        "no record of the file can be read", where=source.name, value=text[:120] + (" ..." if len(text) > 120 else ""),
        expected=f"JSON or JSON Lines; {why.means if why else found[0].reason}", next_step=why.helps if why else None,
    )  # fmt: skip


def sample(source: SourceFile) -> Sample:
    """Read enough of a file to recognise it. Raises `InputError` for a file of which nothing can be read."""
    form = source.format
    if form.fault:
        raise damaged(source)
    if form.kind in ("json", "jsonl"):
        return Sample(form.kind, tuple(first_documents(source.path, form, SAMPLE)))
    if form.kind == "csv":
        text = head_of(source.path, form.compression).decode(form.encoding, "replace").removeprefix("\ufeff")
        table = tuple(itertools.islice(good_rows(source.path, form), SAMPLE - 1))
        return Sample("csv", table, form.header, _first_lines(text))
    if form.kind == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = tuple(pq.read_schema(source.path).names)
        try:
            batch = next(pq.ParquetFile(source.path).iter_batches(batch_size=SAMPLE), None)
        except (pa.ArrowException, OSError):
            return Sample("parquet", (), columns)  # its first part is damaged; staging tells which parts are not
        rows_found = () if batch is None else tuple(batch.to_pylist())
        return Sample("parquet", rows_found, columns)
    if form.kind == "unknown" and form.encoding != "utf-16":
        text = head_of(source.path, form.compression).decode(form.encoding, "replace").removeprefix("\ufeff")
        return Sample("unknown", (), (), _first_lines(text))
    return Sample(form.kind, ())


def _first_lines(text: str) -> tuple[str, ...]:
    return tuple(itertools.islice((line for line in text.splitlines() if line.strip()), SAMPLE))


def claims(mapping: Head, seen: Sample) -> bool:
    """Does this mapping recognise the sample?"""
    if mapping.line is not None:
        return bool(mapping.recognise and seen.lines) and not missing(mapping, seen)
    wanted = {"json", "jsonl"} if seen.kind in ("json", "jsonl") else {seen.kind}
    if not mapping.recognise or not wanted & set(mapping.reads):
        return False
    # Most mappings are out at the first look, and a folder may hold thousands of files.
    if not seen.columns and any(_steps(key)[0] not in seen.members for key in mapping.recognise.get("keys", ())):
        return False
    return not missing(mapping, seen)


def missing(mapping: Head, seen: Sample) -> list[str]:
    """The conditions of `recognise` that do not hold, in words; empty = recognised."""
    rule = mapping.recognise
    if mapping.line is not None:
        found = fitting(mapping.line, seen.lines)
        if 2 * len(found) < len(seen.lines) or not found:
            return ["lines of the form it describes"]
        seen = Sample("text", tuple(found))
    if seen.columns:
        known = set(seen.columns)
        lacks = [f"column {k}" for k in rule.get("keys", ()) if k not in known]
        if rule.get("any") and not any(set(group) <= known for group in rule["any"]):
            lacks.append("one of the column groups")
        lacks += [f"unexpected column {k}" for k in rule.get("absent", ()) if k in known]
        documents: tuple[MappingType[str, Any], ...] = seen.documents
    else:
        best = min((_lacking(rule, d) for d in seen.documents), key=len, default=["any readable record"])
        lacks = list(best)
        documents = seen.documents
    lacks += [f"unexpected key {k}" for k in rule.get("nowhere", ()) if any(_has(d, k) for d in documents)]
    for path, literals in rule.get("values", {}).items():
        allowed = {str(v) for v in (literals if isinstance(literals, list) else [literals])}
        if not any(str(v) in allowed for d in documents for v in walk(d, path)):
            lacks.append(f"{path} = {' or '.join(sorted(allowed))}")
    for path, pattern in rule.get("unlike", {}).items():
        if any(re.search(pattern, str(v)) for d in documents for v in walk(d, path)):
            lacks.append(f"{path} unlike {pattern}")
    for path, pattern in rule.get("matches", {}).items():
        if not any(re.search(pattern, str(v)) for d in documents for v in walk(d, path)):
            lacks.append(f"{path} like {pattern}")
    return lacks


def _lacking(rule: MappingType[str, Any], document: MappingType[str, Any]) -> list[str]:
    lacks = [f"key {k}" for k in rule.get("keys", ()) if not _has(document, k)]
    if rule.get("any") and not any(all(_has(document, k) for k in group) for group in rule["any"]):
        lacks.append("one of the key groups")
    return lacks + [f"unexpected key {k}" for k in rule.get("absent", ()) if _has(document, k)]


def _has(document: Any, path: str) -> bool:
    return next(walk(document, path), _NOTHING) is not _NOTHING


_NOTHING = object()


def walk(document: Any, path: str) -> Iterator[Any]:
    """Every value at a path; `a[].b` goes through the elements of an array."""
    found: list[Any] = [document]
    for step in _steps(path):
        if step == "[]":
            found = [item for value in found if isinstance(value, list) for item in value]
        else:
            found = [value[step] for value in found if isinstance(value, dict) and step in value]
    yield from found


@cache
def _steps(path: str) -> tuple[str, ...]:
    steps: list[str] = []
    for part in path.split("[]"):
        steps += [m[1] or m[2] for m in _KEY.finditer(part.strip("."))]
        steps.append("[]")
    return tuple(steps[:-1])


def recognise(source: SourceFile, known: MappingType[str, Known]) -> Known:
    """The one mapping that claims the file. None or two raise `InputError` with what was seen and what is near."""
    seen = sample(source)
    claiming = [m for m in known.values() if claims(m, seen)]
    if len(claiming) == 1:
        return claiming[0]
    if claiming:
        raise InputError(
            "more than one adapter recognises this file", where=source.name,
            value=", ".join(sorted(m.id for m in claiming)), next_step="choose one with --adapter ID",
        )  # fmt: skip
    if seen.kind in ("json", "jsonl") and not seen.documents:
        raise _unreadable(source)
    top = list(seen.columns) or sorted({k for d in seen.documents for k in d})
    readable = [m for m in known.values() if m.recognise and set(m.reads) & {seen.kind, "json", "jsonl"}]
    # One that shares keys with the file comes first: of an empty page only the keys around its records are there.
    close = sorted(readable, key=lambda m: (-_shared(m, seen), len(missing(m, seen)) / max(1, _size(m)), m.id))[:3]
    raise InputError(
        "no adapter recognises this file",
        where=source.name,
        value=f"{seen.kind} with {', '.join(top[:12]) or 'no readable record'}{' ...' if len(top) > 12 else ''}",
        expected="nearest: " + "; ".join(f"{m.id} (lacks {', '.join(missing(m, seen)[:3])})" for m in close),
        next_step="see `focus-ai adapters list`, or describe it with --mapping FILE (`focus-ai adapters new`)",
    )


def _shared(mapping: Head, seen: Sample) -> Fraction:
    """The share of the keys that a mapping asks for and the file has; of `data[].x` without records, that of `data`."""
    rule = mapping.recognise
    wanted = [*rule.get("keys", ()), *(key for group in rule.get("any", ()) for key in group)]
    had = sum(
        key in seen.columns
        or any(_has(d, key) or ("[]" in key and _has(d, key.split("[]")[0])) for d in seen.documents)
        for key in wanted
    )
    return Fraction(had, len(wanted)) if wanted else Fraction(0)


def _size(mapping: Head) -> int:
    return sum(len(v) for v in mapping.recognise.values())
