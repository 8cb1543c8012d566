"""JSON documents, read strictly and written as one line each, so that the engine can take them record by record.

Numbers keep their digits: a fraction that a binary float would change is passed on as the text of the file.
A repeated key, NaN or Infinity, broken JSON and bytes that are not UTF-8 are rejects with their record number.
"""

from __future__ import annotations

import gc
import json
import math
import re
import zlib
from collections.abc import Generator, Iterator
from decimal import Decimal, InvalidOperation
from itertools import islice
from pathlib import Path
from typing import Any

from focus_ai.sources.reject import Reject
from focus_ai.sources.sniff import BOM, Format, head_of, opened, partial

LARGEST = 1 << 30
LARGE_TEXT = 1 << 20
# The engine holds two buffers of the longest record per thread, so these bound the memory of a run.
LONGEST_LINE = 16 << 20
LONGEST_DOCUMENT = 64 << 20
_GAP = re.compile(r"[ \t\r\n,]*")


class _Refused(ValueError):
    """A JSON text that another parser would let pass."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Refused(f"duplicate_key:{key}")
            seen.add(key)
    return found


def _constant(word: str) -> Any:
    raise _Refused(f"not_a_number:{word}")


def _integer(digits: str) -> Any:
    return int(digits) if len(digits) < 19 else digits


def _fraction(digits: str) -> Any:
    """A number where a binary float holds exactly these digits when written back, else the text itself."""
    value = float(digits)
    if len(digits) < 16 and "e" not in digits and "E" not in digits:
        return value  # a float holds every number of fifteen digits
    if not math.isfinite(value) or len(digits) > 40:
        return digits
    try:
        return value if Decimal(repr(value)) == Decimal(digits) else digits
    except InvalidOperation:  # an exponent beyond all use
        return digits


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_float=_fraction, parse_int=_integer, strict=True
)
_LENIENT = json.JSONDecoder()
_ENCODER = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"))


def spool_lines(name: str, path: Path, form: Format, target: Path) -> tuple[list[Reject], int]:
    """Write the file as JSON Lines to `target`, one line per record in the same order, `null` where one was refused.

    A JSON array becomes one line per element; several documents after one another become one line each. Returns the
    rejects and the length of the longest line.
    """
    rejects: list[Reject] = []
    longest = 0
    with target.open("wb") as out:
        source = _lines(path, form) if form.kind == "jsonl" else _documents(path, form)
        for row, (value, raw, reason) in enumerate(source, start=1):
            line = b""
            if reason is None:
                line, reason = _written(value)
                raw = None if reason is None else json.dumps(value)
            if reason is not None:
                line = b"null"
                rejects.append(Reject(name, row, reason, raw))
            longest = max(longest, len(line) + 1)
            out.write(line + b"\n")
    return rejects, longest


def readable(name: str, path: Path, form: Format, rejects: list[Reject]) -> Iterator[dict[str, Any]]:
    """The documents of a file that can be read; the others go to `rejects` with their number."""
    source = _lines(path, form) if form.kind == "jsonl" else _documents(path, form)
    for row, (value, raw, reason) in enumerate(source, start=1):
        if reason is None:
            yield value
        else:
            rejects.append(Reject(name, row, reason, raw))


def spool_values(name: str, values: Iterator[dict[str, Any]], target: Path) -> tuple[list[Reject], int]:
    """Write records to `target` as `spool_lines` writes them. Returns those that cannot be, and the longest line."""
    rejects: list[Reject] = []
    longest = 0
    with target.open("wb") as out:
        for row, value in enumerate(values, start=1):
            line, reason = _written(value)
            if reason is not None:
                rejects.append(Reject(name, row, reason, json.dumps(value)))
                line = b"null"
            longest = max(longest, len(line) + 1)
            out.write(line + b"\n")
    return rejects, longest


def _written(value: Any) -> tuple[bytes, str | None]:
    """One record as a line of UTF-8, or why it cannot be one (a lone surrogate, a document beyond the limit)."""
    try:
        line = _ENCODER.encode(value).encode("utf-8")
    except UnicodeEncodeError:
        return b"", "broken_json"
    return (line, None) if len(line) <= LONGEST_DOCUMENT else (b"", "document_too_large")


_Item = tuple[Any, str | None, str | None]


def _lines(path: Path, form: Format) -> Iterator[_Item]:
    try:
        with opened(path, form.compression) as stream:
            for number, line in enumerate(stream):
                text = line.removeprefix(BOM) if number == 0 else line
                if text.strip():
                    yield _one(text)
    except (EOFError, OSError, zlib.error) as error:
        yield None, None, f"truncated_compression:{type(error).__name__}"


def _one(line: bytes) -> _Item:
    if len(line) > LONGEST_LINE:
        return None, line[:200].decode("utf-8", "replace"), "line_too_long"
    try:
        text = line.decode("utf-8").strip()
    except UnicodeDecodeError:
        return None, line.decode("utf-8", "backslashreplace").strip(), "not_utf8"
    value, reason = _parse(text)
    return (value, None, None) if reason is None else (None, text, reason)


def _parse(text: str) -> tuple[Any, str | None]:
    try:
        value, end = _decoded(text, 0)
    except _Refused as error:
        return None, str(error)
    except (ValueError, RecursionError):
        return None, "broken_json"
    if text[end:].strip():
        return None, "broken_json"
    if not isinstance(value, dict):
        return None, "not_an_object"
    return value, None


def _decoded(text: str, position: int) -> tuple[Any, int]:
    """One document and where it ends. A large one is many objects without a cycle: looking for cycles among them would
    take longer than reading them, so nobody looks meanwhile."""
    pause = gc.isenabled() and len(text) > LARGE_TEXT
    if pause:
        gc.disable()
    try:
        return _DECODER.raw_decode(text, position)
    finally:
        if pause:
            gc.enable()


def _documents(path: Path, form: Format) -> Iterator[_Item]:
    truncated = None
    try:
        with opened(path, form.compression) as stream:
            body = stream.read(LARGEST + 1)
    except (EOFError, OSError, zlib.error) as error:
        truncated = f"truncated_compression:{type(error).__name__}"
        body = partial(path, form.compression, LARGEST)
    if len(body) > LARGEST:
        yield None, None, "document_too_large"
        return
    try:
        text = body.removeprefix(BOM).decode("utf-8")
    except UnicodeDecodeError:
        items = _parsed(body.removeprefix(BOM).decode("utf-8", "surrogateescape"), truncated)
        yield from (_if_utf8(item) for item in items)
        return
    del body
    yield from _parsed(text, truncated)


def _parsed(text: str, truncated: str | None) -> Iterator[_Item]:
    """The documents of a text; an array stands for its elements."""
    position = _next(text, 0)
    while position < len(text):
        if text[position] == "[":
            position = _next(text, (yield from _elements(text, position + 1, truncated)))
            continue
        try:
            value, position = _decoded(text, position)
        except (ValueError, RecursionError) as error:
            yield None, text[position : position + 2000], _reason(error, truncated)
            break
        yield _item(value)
        position = _next(text, position)


def _if_utf8(item: _Item) -> _Item:
    """The item, unless bytes that are not UTF-8 (now half characters) stand in it."""
    value, raw, reason = item
    text = json.dumps(value, ensure_ascii=False) if reason is None else raw or ""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return None, text[:2000].encode("utf-8", "backslashreplace").decode("utf-8"), "not_utf8"
    return item


def first_documents(path: Path, form: Format, number: int) -> list[dict[str, Any]]:
    """The first readable documents of a file, without reading all of a long array."""
    if form.array:
        head = head_of(path, form.compression).removeprefix(BOM).decode("utf-8", "ignore")
        found = _first(_elements(head, _next(head, 0) + 1, None), number)
        if len(found) == number:
            return found
    return _first(_lines(path, form) if form.kind == "jsonl" else _documents(path, form), number)


def _first(items: Iterator[_Item], number: int) -> list[dict[str, Any]]:
    return list(islice((value for value, _, reason in items if reason is None), number))


def _next(text: str, position: int) -> int:
    """The place of the next value: blanks are passed over, and commas, where one may be missing or too many."""
    return _GAP.match(text, position).end()  # type: ignore[union-attr]


def _elements(text: str, position: int, truncated: str | None) -> Generator[_Item, None, int]:
    """The elements of an array one after another, as far as they can be read; returns where the text goes on."""
    while True:
        position = _next(text, position)
        if text[position : position + 1] == "]":
            return position + 1
        try:
            try:
                value, position = _decoded(text, position)
                yield _item(value)
            except _Refused as error:
                # It is JSON all the same, so the next element can be found.
                start, position = position, _LENIENT.raw_decode(text, position)[1]
                yield None, text[start:position][:2000], str(error)
        except (ValueError, RecursionError) as error:
            yield None, text[position : position + 2000], _reason(error, truncated)
            return len(text)


def _item(value: Any) -> _Item:
    return (value, None, None) if isinstance(value, dict) else (None, json.dumps(value)[:2000], "not_an_object")


def _reason(error: Exception, truncated: str | None) -> str:
    return str(error) if isinstance(error, _Refused) else truncated or "broken_json"
