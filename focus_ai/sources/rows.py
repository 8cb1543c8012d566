"""CSV row by row, for a file that the engine's reader cannot take as it is: which lines make a row, which make none.

The engine reads clean files. Where it stops or sets a row aside, the file is read once more here and written anew with
the good rows only: in UTF-8, with one kind of line end. A quote that does not close takes no row with it: reading goes
on at the next line that has as many cells as the header. A cell is read as the engine reads it: quotes may stand after
spaces, a quote inside an unquoted cell is a letter, one empty cell behind the last column is none.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from focus_ai.sources.packed import Damage, salvaged
from focus_ai.sources.reject import LONGEST_RAW, Reject, cut
from focus_ai.sources.sniff import BOM, Format

# A row is held whole, so this bounds the memory.
LONGEST_ROW = 16 << 20
UNQUOTED, BAD_LETTER = "csv:unquoted_value", "csv:invalid_encoding"
# A further line of a stretch that could not be separated into rows, and a blank line.
MORE, BLANK = "more", "blank"
_SPACES = re.compile(rb" *")
_CLOSING = re.compile(rb'[^"]*(?:""[^"]*)*+"')
_END = re.compile(rb"\r?\n?\Z")
# Where reading a row ended: with the row, in a cell that makes no sense, else at the cell whose quotes stay open.
_WHOLE, _WRONG = -1, -2


@dataclass(frozen=True)
class Line:
    """One line of a file, or the lines of one row, with their ends. `fault`: None for a row that is in order, else the
    reason why it is none, MORE or BLANK."""

    raw: bytes
    fault: str | None = None


def judged(stream: IO[bytes], form: Format) -> Iterator[Line]:
    """Every line of a CSV file, the header first, lines of one row together."""
    ahead = _Ahead(stream)
    delimiter, width = form.delimiter.encode(), len(form.header)
    header, _, state = _row(ahead.line().removeprefix(BOM), delimiter, ahead)
    if state != _WHOLE:
        ahead.back(header[1:])
        del header[1:]
    yield Line(b"".join(header), None if state == _WHOLE else UNQUOTED)
    usual = _one_line(delimiter, width)
    separate = True
    while line := ahead.line():
        if usual.match(line) and line.isascii() and len(line) < LONGEST_ROW:
            separate = True
            yield Line(line)
            continue
        if len(line) > LONGEST_ROW:
            yield from _too_long(line, stream)
            continue
        if not line.strip(b"\r\n"):
            yield Line(line, BLANK)
            continue
        lines, cells, state = _row(line, delimiter, ahead)
        raw = line if len(lines) == 1 else b"".join(lines)
        if cells == width + 1 and raw.rstrip(b"\r\n").endswith(delimiter):
            cells, raw = width, raw.rstrip(b"\r\n")[: -len(delimiter)] + b"\n"
        if state == _WHOLE and len(raw) >= LONGEST_ROW:
            yield Line(raw, "csv:line_size_over_maximum")
        elif state == _WHOLE and cells == width and not _swallows(lines, delimiter, width):
            separate = True
            yield Line(raw, None if _decodes(raw, form.encoding) else BAD_LETTER)
        elif state != _WHOLE or len(lines) > 1:
            # Somewhere from here on a quote is wrong. Only this line is given up, the others are looked at anew.
            ahead.back(lines[1:])
            yield Line(line, UNQUOTED if separate else MORE)
            separate = False
        elif separate:
            yield Line(line, "csv:missing_columns" if cells < width else "csv:too_many_columns")
        else:
            yield Line(line, MORE)


def values(raw: bytes, form: Format) -> list[str]:
    """The cells of a row that is in order."""
    text = raw if raw.isascii() else raw.decode(form.encoding).encode()
    spans, _ = _scan(text, form.delimiter.encode())
    found = [text[a:b].decode() for a, b in spans]
    return [c[1:-1].replace('""', '"') if c[:1] == '"' and c[-1:] == '"' and c[1:] else c for c in found]


def good_rows(path: Path, form: Format) -> Iterator[dict[str, str]]:
    """The rows of a CSV file that are in order, by column."""
    with salvaged(path, form.compression, []) as stream:
        for line in judged(stream, form):
            if line.fault is None:
                yield dict(zip(form.header, values(line.raw, form), strict=False))


def spool_rows(name: str, path: Path, form: Format, target: Path, damage: list[Damage]) -> list[Reject]:
    """Write the good rows of a CSV file to `target`, below a header line, each with its number as one more cell.

    Returns the others with their numbers.
    """
    with target.open("wb") as out:
        write_header(form, out)
        return write_rows(name, path, form, out, damage)


def write_header(form: Format, out: IO[bytes]) -> None:
    """The header above rows that `write_rows` writes."""
    out.write(form.delimiter.join(f"c{i}" for i in range(len(form.header) + 1)).encode() + b"\n")


def write_rows(
    name: str, path: Path, form: Format, out: IO[bytes], damage: list[Damage], first: int = 0
) -> list[Reject]:
    """The good rows of a file, each with `first` and its number as one more cell; returns the others as rejects."""
    rejects: list[_Aside] = []
    row, place, delimiter = 0, 1, form.delimiter.encode()
    with salvaged(path, form.compression, damage) as stream:
        for number, line in enumerate(judged(stream, form)):
            if number == 0:
                place += line.raw.count(b"\n")
                continue
            if line.fault is None:
                row += 1
                raw = line.raw.rstrip(b"\r\n")
                out.write(raw if raw.isascii() or form.encoding == "utf-8" else raw.decode("cp1252").encode())
                out.write(delimiter + b"%d\n" % (first + row))
            elif line.fault == MORE:
                rejects[-1].add(line.raw, place)
            elif line.fault != BLANK:
                row += 1
                rejects.append(_Aside(row, line.fault))
                rejects[-1].add(line.raw, place)
            place += line.raw.count(b"\n")
    return [r.told(name, form.encoding) for r in rejects]


class _Aside:
    """A row in the making that is set aside: as much of its text as a reject may hold, and its size."""

    def __init__(self, row: int, reason: str) -> None:
        self.row, self.reason = row, reason
        self.kept, self.size, self.lines, self.first = bytearray(), 0, 0, 0

    def add(self, raw: bytes, place: int) -> None:
        """One more line of it, and where that stands in the file."""
        self.first = self.first or place
        self.kept += raw[: max(0, LONGEST_RAW - len(self.kept))]
        self.size += len(raw)
        self.lines = place - self.first + max(1, raw.count(b"\n"))

    def told(self, name: str, encoding: str) -> Reject:
        """The reject; of several lines it says which."""
        raw = bytes(self.kept).rstrip(b"\r\n").decode("utf-8" if encoding == "utf-8" else "cp1252", "backslashreplace")
        if self.size > LONGEST_RAW:
            raw = cut(raw, self.size, "bytes")
        note = None
        if self.lines > 1:
            last = self.first + self.lines - 1
            note = f"lines {self.first:,} to {last:,} of the file, {self.size:,} bytes, which make no rows"
        return Reject(name, self.row, self.reason, raw, note, self.lines)


class _Ahead:
    """The lines of a stream, some of which can be put back. \\r alone ends a line where there are no quotes."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        self.waiting: deque[bytes] = deque()

    def line(self) -> bytes:
        if self.waiting:
            return self.waiting.popleft()
        line = self.stream.readline(LONGEST_ROW + 1)
        if b"\r" in line[:-2] and b'"' not in line:
            self.waiting.extend(line.splitlines(keepends=True))
            return self.waiting.popleft()
        return line

    def back(self, lines: list[bytes]) -> None:
        self.waiting.extendleft(reversed(lines))


def _one_line(delimiter: bytes, width: int) -> re.Pattern[bytes]:
    """The row that nearly every line is: as many cells as the header, in order; at once, not cell by cell."""
    apart = re.escape(delimiter)
    cell = rb'(?> *"[^"]*+(?:""[^"]*+)*+" *|(?! *")[^%b\r\n]*+)' % apart
    return re.compile(rb"%b(?:%b%b){%d}\r?\n?\Z" % (cell, apart, cell, width - 1))


def _too_long(line: bytes, stream: IO[bytes]) -> Iterator[Line]:
    """A line that cannot be held, piece by piece."""
    yield Line(line, "csv:line_size_over_maximum")
    while not line.endswith(b"\n") and (line := stream.readline(LONGEST_ROW)):
        yield Line(line, MORE)


def _row(line: bytes, delimiter: bytes, ahead: _Ahead) -> tuple[list[bytes], int, int]:
    """The lines of the row that begins with this one, the number of its cells, and where reading it ended."""
    if b'"' not in line:
        return [line], line.count(delimiter) + 1, _WHOLE
    lines, size = [line], len(line)
    spans, state = _scan(line, delimiter)
    cells, pending = len(spans), [line[state:]]
    while state >= 0 and size <= LONGEST_ROW and (more := ahead.line()):
        lines.append(more)
        pending.append(more)
        size += len(more)
        if b'"' in more.replace(b'""', b""):  # doubled ones are letters of the open cell
            text = b"".join(pending)
            spans, state = _scan(text, delimiter)
            cells += len(spans)
            pending = [text[state:]]
    return lines, cells, state


def _scan(text: bytes, delimiter: bytes) -> tuple[list[tuple[int, int]], int]:
    """Where the cells of a text begin and end, and where reading ended."""
    spans: list[tuple[int, int]] = []
    at = 0
    while True:
        start = _SPACES.match(text, at).end()  # type: ignore[union-attr]
        if text[start : start + 1] == b'"':
            closing = _CLOSING.match(text, start + 1)
            if closing is None:
                return spans, at
            spans.append((start, closing.end()))
            end = _SPACES.match(text, closing.end()).end()  # type: ignore[union-attr]
        else:
            end = text.find(delimiter, at)
            end = _END.search(text, at).start() if end < 0 else end  # type: ignore[union-attr]
            spans.append((at, end))
            if b"\r" in text[at:end] or b"\n" in text[at:end]:
                return spans, _WRONG
        if text[end : end + 1] != delimiter:
            return spans, _WHOLE if _END.match(text, end) else _WRONG
        at = end + 1


def _swallows(lines: list[bytes], delimiter: bytes, width: int) -> bool:
    """Does a row of several lines hold a line that is a row by itself? Then two wrong quotes made a pair around it."""
    return any(b'"' not in line and line.count(delimiter) + 1 == width for line in lines[1:])


def _decodes(raw: bytes, encoding: str) -> bool:
    if raw.isascii():
        return True
    try:
        raw.decode("utf-8" if encoding == "utf-8" else "cp1252")
    except UnicodeDecodeError:
        return False
    return True
