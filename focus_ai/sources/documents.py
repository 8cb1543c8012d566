"""JSON documents, read strictly and written as one line each, so that the engine can take them record by record.

Numbers keep their digits: a fraction that a binary float would change is passed on as the text of the file.
A repeated key, NaN or Infinity, broken JSON and bytes that are not UTF-8 are rejects with their record number.
"""

from __future__ import annotations

import gc
import json
import math
import re
from collections.abc import Generator, Iterator
from decimal import Decimal, InvalidOperation
from itertools import islice
from pathlib import Path
from typing import Any

from focus_ai.sources.packed import Damage, bounded_lines, salvaged
from focus_ai.sources.pieces import LARGE, Levels, pieces
from focus_ai.sources.reject import Reject, excerpt
from focus_ai.sources.slips import document_end, element_end, ends_too_early
from focus_ai.sources.sniff import BOM, LONGEST_LINE, Format, head_of

LARGEST = 1 << 30
LARGE_TEXT = 1 << 20
# As a longer line, so a longer document that is read at once would cost too much memory.
LONGEST_DOCUMENT = 64 << 20
TOO_LARGE = "document_too_large"
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


class _Unnumbered(str):
    """A text whose lines nobody counts: the decoder does so before every error, from the beginning, and
    in a long text with many errors that takes nearly all the time."""

    def count(self, *_: Any) -> int:
        return 0

    def rfind(self, *_: Any) -> int:
        return -1


class Text(str):
    """The text of a refused record, with a note of its size and place, and the number of its lines."""

    note: str | None = None
    lines: int = 1


def _noted(text: str, note: str | None, lines: int = 1) -> Text:
    noted = Text(text)
    noted.note, noted.lines = note, lines
    return noted


def _rejected(name: str, row: int | None, reason: str, raw: str | None) -> Reject:
    told = raw if isinstance(raw, Text) else Text(raw or "")
    return Reject(name, row, reason, None if raw is None else str(raw), told.note, told.lines)


def spool_lines(name: str, path: Path, form: Format, target: Path, levels: Levels = ()) -> tuple[list[Reject], int]:
    """Write the file as JSON Lines to `target`, one line per record in the same order, `null` where one was refused.

    A JSON array becomes one line per element; several documents after one another become one line each. A large
    document whose records lie in arrays (`levels`: their keys) becomes several. Returns the rejects and the length of
    the longest line.
    """
    rejects: list[Reject] = []
    longest = 0
    with target.open("wb") as out:
        for _, line in lines_of(name, path, form, rejects, levels):
            line = b"null" if line is None else line
            longest = max(longest, len(line) + 1)
            out.write(line + b"\n")
    return rejects, longest


def lines_of(
    name: str, path: Path, form: Format, rejects: list[Reject], levels: Levels = ()
) -> Iterator[tuple[int, bytes | None]]:
    """Every record of a file with its number, as one line of JSON; None for one that was refused, see `rejects`. A
    large document may have several lines (`levels`)."""
    damage: list[Damage] = []
    for row, (value, raw, reason) in enumerate(items(path, form, damage), start=1):
        if reason is not None:
            rejects.append(_rejected(name, row, reason, raw))
            yield row, None
            continue
        for line, why in _laid_apart(value, levels):
            if why is not None:
                rejects.append(_rejected(name, row, why, excerpt(json.dumps(value))))
            yield row, line if why is None else None
    rejects += unpackable(name, damage)


def _laid_apart(value: Any, levels: Levels) -> Iterator[tuple[bytes, str | None]]:
    """The lines of one document, each with the reason why it cannot be written."""
    line, reason = _written(value)
    if not levels or reason not in (None, TOO_LARGE) or (reason is None and len(line) <= LARGE):
        yield line, reason
        return
    for piece in pieces(value, levels, lambda element: len(_ENCODER.encode(element)), LARGE):
        yield _written(piece)


def readable(name: str, path: Path, form: Format, rejects: list[Reject]) -> Iterator[dict[str, Any]]:
    """The documents of a file that can be read; the others go to `rejects` with their number."""
    damage: list[Damage] = []
    for row, (value, raw, reason) in enumerate(items(path, form, damage), start=1):
        if reason is None:
            yield value
        else:
            rejects.append(_rejected(name, row, reason, raw))
    rejects += unpackable(name, damage)


def items(path: Path, form: Format, damage: list[Damage]) -> Iterator[_Item]:
    """Every record or document of a JSON file in order: its value, or its text and the reason why it is refused.

    Damage of a packed file that no refused record tells of is added to the list.
    """
    return _lines(path, form, damage) if form.kind == "jsonl" else _documents(path, form, damage)


def unpackable(name: str, damage: list[Damage]) -> list[Reject]:
    """What of a packed file could not be unpacked."""
    return [Reject(name, None, found.reason, None, found.note) for found in damage]


def spool_values(name: str, values: Iterator[dict[str, Any]], target: Path) -> tuple[list[Reject], int]:
    """Write records to `target` as `spool_lines` writes them. Returns those that cannot be, and the longest line."""
    rejects: list[Reject] = []
    longest = 0
    with target.open("wb") as out:
        for row, value in enumerate(values, start=1):
            line, reason = _written(value)
            if reason is not None:
                rejects.append(Reject(name, row, reason, excerpt(json.dumps(value))))
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
    return (line, None) if len(line) <= LONGEST_DOCUMENT else (b"", TOO_LARGE)


_Item = tuple[Any, str | None, str | None]


def _lines(path: Path, form: Format, damage: list[Damage] | None = None) -> Iterator[_Item]:
    with salvaged(path, form.compression, [] if damage is None else damage) as stream:
        for number, (line, size) in enumerate(bounded_lines(stream, LONGEST_LINE)):
            text = line.removeprefix(BOM) if number == 0 else line
            if size > LONGEST_LINE:
                note = f"a line of {size:,} bytes, of which the first 200 stand here"
                yield None, _noted(line[:200].decode("utf-8", "replace"), note), "line_too_long"
            elif text.strip():
                yield _one(text)


def _one(line: bytes) -> _Item:
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


def _documents(path: Path, form: Format, damage: list[Damage] | None = None) -> Iterator[_Item]:
    found: list[Damage] = []
    with salvaged(path, form.compression, found) as stream:
        body = stream.read(LARGEST + 1)
    cut = found.pop() if found and found[-1].cut else None
    told = False
    if len(body) > LARGEST:
        note = f"JSON documents are read up to {LARGEST:,} bytes; nothing of this one was read"
        yield None, _noted(body[:200].decode("utf-8", "replace"), note), TOO_LARGE
        return
    try:
        text, odd = body.removeprefix(BOM).decode("utf-8"), False
    except UnicodeDecodeError:
        text, odd = body.removeprefix(BOM).decode("utf-8", "surrogateescape"), True
    del body
    for item in _parsed(text, cut):
        told = told or (cut is not None and item[2] == cut.reason)
        yield _if_utf8(item) if odd else item
    if damage is not None:
        damage += [*found, *([cut] if cut and not told else [])]


def _parsed(text: str, cut: Damage | None) -> Iterator[_Item]:
    """The documents of a text; an array stands for its elements."""
    position = _next(text, 0)
    while position < len(text):
        if text[position] == "[":
            position = _next(text, (yield from _elements(text, position + 1, cut)))
            continue
        try:
            value, position = _decoded(text, position)
        except (ValueError, RecursionError) as error:
            text = text if isinstance(text, _Unnumbered) else _Unnumbered(text)
            end = document_end(text, position)
            yield _broken(text, position, end, error, cut)
            position = _next(text, end)
            continue
        yield _item(value)
        position = _next(text, position)


def _broken(text: str, start: int, end: int, error: Exception, cut: Damage | None) -> _Item:
    """The refused text between two places. What ends with a file that was cut off is told as cut off."""
    reason = str(error) if isinstance(error, _Refused) else "broken_json"
    last = end == len(text)
    while end > start and text[end - 1] in " \t\r\n,":
        end -= 1
    lines = str.count(text, "\n", start, end) + 1
    size = f"{end - start:,} characters from character {start:,} on" + (f", {lines:,} lines" if lines > 1 else "")
    if reason == "broken_json" and cut is not None and last:
        reason, size = cut.reason, f"{size}; {cut.note}"
    return None, _noted(excerpt(text, start, end), size, lines), reason


def _if_utf8(item: _Item) -> _Item:
    """The item, unless bytes that are not UTF-8 (now half characters) stand in it."""
    value, raw, reason = item
    text = json.dumps(value, ensure_ascii=False) if reason is None else raw or ""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        told = excerpt(text).encode("utf-8", "backslashreplace").decode("utf-8")
        return None, _noted(told, raw.note, raw.lines) if isinstance(raw, Text) else told, "not_utf8"
    return item


def first_documents(path: Path, form: Format, number: int) -> list[dict[str, Any]]:
    """The first readable documents of a file, without reading all of a long array."""
    if form.array:
        head = head_of(path, form.compression).removeprefix(BOM).decode("utf-8", "ignore")
        found = _first(_elements(head, _next(head, 0) + 1, None), number)
        if len(found) == number:
            return found
    return _first(items(path, form, []), number)


def _first(items: Iterator[_Item], number: int) -> list[dict[str, Any]]:
    return list(islice((value for value, _, reason in items if reason is None), number))


def _next(text: str, position: int) -> int:
    """The place of the next value: blanks are passed over, and commas, where one may be missing or too many."""
    return _GAP.match(text, position).end()  # type: ignore[union-attr]


def _elements(text: str, position: int, cut: Damage | None) -> Generator[_Item, None, int]:
    """The elements of an array one after another. Behind one that cannot be read the next one is looked for. Returns
    where the text goes on."""
    before = None
    position = _next(text, position)
    while text[position : position + 1] != "]":
        start = position
        try:
            try:
                value, position = _decoded(text, start)
                position = _next(text, position)
                if ends_too_early(text, position, value):
                    raise ValueError
                before = value
                yield _item(value)
            except _Refused as error:
                # It is JSON all the same, so the next element can be found.
                end = _LENIENT.raw_decode(text, start)[1]
                yield None, excerpt(text, start, end), str(error)
                position = _next(text, end)
        except (ValueError, RecursionError) as error:
            text = text if isinstance(text, _Unnumbered) else _Unnumbered(text)
            end = element_end(text, start, before)
            yield _broken(text, start, end, error, cut)
            if end == len(text):
                return end
            position = _next(text, end)
    return position + 1


def _item(value: Any) -> _Item:
    return (value, None, None) if isinstance(value, dict) else (None, excerpt(json.dumps(value)), "not_an_object")
