"""What a file is, from its bytes: compression, then Parquet, JSON document, JSON Lines or CSV. Names do not count."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

from focus_ai.sources.packed import Damage, opened, packing, salvaged

__all__ = ["BOM", "HEAD", "LONGEST_CELL", "LONGEST_LINE", "Format", "head_of", "opened", "sniff"]

HEAD = 1 << 20
BOM = b"\xef\xbb\xbf"
# The engine holds two buffers of the longest record per thread, so this bounds the memory of a run.
LONGEST_LINE = 16 << 20
# The csv module refuses longer cells than 128 KB unless told; a logged prompt is longer.
LONGEST_CELL = 1 << 30
_HIGH = re.compile(rb"[\x80-\xff]+")
_WINDOWS_ONLY = re.compile(rb"[\x80-\x9f]")


@dataclass(frozen=True)
class Format:
    """kind: json, jsonl, csv, parquet, empty or unknown; compression: none, gzip or zstd; bom: a UTF-8 mark leads;
    array: the first JSON document is an array, of records or of documents that hold them; encoding: utf-8, else one
    that was assumed (latin-1, cp1252), or utf-16, which is not read; fault: why nothing of the file can be read, and
    `detail` in other words."""

    kind: str
    compression: str = "none"
    bom: bool = False
    delimiter: str = ","
    encoding: str = "utf-8"
    header: tuple[str, ...] = ()
    array: bool = False
    fault: str = ""
    detail: str = ""


def sniff(path: Path) -> Format:
    """Find the format of a file from its first megabyte. A damaged tail does not matter here."""
    with path.open("rb") as raw:
        magic = raw.read(4)
    if magic == b"PAR1":
        return _parquet(path)
    compression = packing(magic)
    damage: list[Damage] = []
    head = _head(path, compression, damage)
    bom = head.startswith(BOM)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return Format("unknown", compression, encoding="utf-16")
    body = head[3:] if bom else head
    if not body.strip() and damage:
        return Format("unknown", compression, fault=damage[0].reason, detail=damage[0].note)
    if not body.strip():
        return Format("empty", compression, bom)
    first = body.lstrip()[:1]
    if first != b"[" and damage and damage[0].cut and b"\n" not in body and not _complete(body):
        # Not even the header or the first record is whole.
        return Format("unknown", compression, fault=damage[0].reason, detail=damage[0].note)
    if first in (b"{", b"["):
        cut = len(head) >= HEAD
        lines = _is_lines(body, cut) and not (cut and b"\n" not in body and _one_long_line(path, compression))
        kind = "jsonl" if lines else "json"
        return Format(kind, compression, bom, array=kind == "json" and first == b"[")
    return _table(path, body, compression, bom, cut=len(head) >= HEAD)


def head_of(path: Path, compression: str) -> bytes:
    """The first megabyte, decompressed as far as that goes."""
    return _head(path, compression, [])


def _head(path: Path, compression: str, damage: list[Damage]) -> bytes:
    with salvaged(path, compression, damage) as stream:
        return stream.read(HEAD)


def _parquet(path: Path) -> Format:
    """Parquet says at its end what it holds: without that nothing in it can be found."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.read_metadata(path)
    except (pa.ArrowException, OSError) as error:
        detail = (str(error).splitlines() or [type(error).__name__])[0]
        return Format("parquet", fault="damaged_parquet", detail=f"{path.stat().st_size:,} bytes; {detail}"[:300])
    return Format("parquet")


def _complete(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), (dict, list))
    except (ValueError, RecursionError):
        return False


def _is_lines(body: bytes, cut: bool) -> bool:
    """JSON Lines: an object on its own line. One damaged first line does not hide the good ones below it."""
    lines = [line for line in body.split(b"\n") if line.strip()]
    if cut and len(lines) > 1:
        lines = lines[:-1]
    if cut and len(lines) == 1:
        return body.lstrip()[:1] == b"{"
    first = lines[0].strip()
    if first.startswith(b"{") and _complete(first):
        return True
    if len(lines) == 1:
        return first.startswith(b"{")
    if not cut and _complete(body):
        return False
    return any(line.strip().startswith(b"{") and _complete(line) for line in lines[1:50])


def _one_long_line(path: Path, compression: str) -> bool:
    """One object on one line that is longer than a record may be, and nothing else: a document that was not written
    for people. Asked of files whose first megabyte is part of a line."""
    size, ended = 0, False
    with salvaged(path, compression, []) as stream:
        while piece := stream.readline(HEAD):
            if ended and piece.strip():
                return False
            size += len(piece)
            ended = ended or piece.endswith(b"\n")
    return size > LONGEST_LINE


def _table(path: Path, body: bytes, compression: str, bom: bool, *, cut: bool) -> Format:
    encoding = "utf-8"
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        if not (cut and error.start > len(body) - 4):  # the last character is only half there
            encoding = _encoding(path, compression)
        text = body.decode(encoding, errors="replace")
    first = text.split("\n", 1)[0].rstrip("\r")
    if not first.replace("\t", " ").isprintable():
        return Format("unknown", compression, bom)
    delimiter = max(",;\t|", key=first.count)
    if first.count(delimiter) == 0:
        return Format("unknown", compression, bom)
    csv.field_size_limit(LONGEST_CELL)
    header = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    return Format("csv", compression, bom, delimiter, encoding, _named([name.strip() for name in header]))


def _encoding(path: Path, compression: str) -> str:
    """What a text that is not UTF-8 throughout is written in, from all of it: the place of the odd bytes must not
    decide. Where most of what is not ASCII is UTF-8, the rest is damage; else a table of one byte per letter is
    assumed: that of Windows where it uses letters that Latin-1 lacks."""
    fitting = odd = 0
    encoding = "latin-1"
    with salvaged(path, compression, []) as stream:
        for line in iter(lambda: stream.readline(HEAD), b""):
            if line.isascii():
                continue
            for run in _HIGH.findall(line):
                try:
                    run.decode("utf-8")
                    fitting += 1
                except UnicodeDecodeError:
                    odd += 1
                    if _WINDOWS_ONLY.search(run):
                        encoding = "cp1252"
    return encoding if odd > fitting else "utf-8"


def _named(header: list[str]) -> tuple[str, ...]:
    """The names of a header; a column without one is named by its place."""
    named: list[str] = []
    for place, name in enumerate(header):
        own = f"column{place}"
        while not name and own in (*header, *named):
            own += "_"
        named.append(name or own)
    return tuple(named)
