"""What a file is, from its bytes: compression, then Parquet, JSON document, JSON Lines or CSV. Names do not count."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

HEAD = 1 << 20
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Format:
    """kind: json, jsonl, csv, parquet, empty or unknown; compression: none, gzip or zstd; bom: a UTF-8 mark leads;
    array: the first JSON document is an array, of records or of documents that hold them."""

    kind: str
    compression: str = "none"
    bom: bool = False
    delimiter: str = ","
    encoding: str = "utf-8"
    header: tuple[str, ...] = ()
    array: bool = False


def opened(path: Path, compression: str) -> IO[bytes]:
    """The decompressed byte stream of a file."""
    if compression == "gzip":
        return io.BufferedReader(gzip.open(path, "rb"))
    if compression == "zstd":
        import pyarrow as pa

        return io.BufferedReader(pa.CompressedInputStream(pa.OSFile(str(path)), "zstd"))
    return path.open("rb")


def sniff(path: Path) -> Format:
    """Find the format of a file from its first megabyte. A damaged tail does not matter here."""
    with path.open("rb") as raw:
        magic = raw.read(4)
    if magic == b"PAR1":
        return Format("parquet")
    compression = "gzip" if magic[:2] == b"\x1f\x8b" else "zstd" if magic == b"\x28\xb5\x2f\xfd" else "none"
    head = head_of(path, compression)
    bom = head.startswith(BOM)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return Format("unknown", compression, encoding="utf-16")
    body = head[3:] if bom else head
    if not body.strip():
        return Format("empty", compression, bom)
    first = body.lstrip()[:1]
    if first in (b"{", b"["):
        kind = "jsonl" if _is_lines(body, len(head) >= HEAD) else "json"
        return Format(kind, compression, bom, array=kind == "json" and first == b"[")
    return _table(body, compression, bom, cut=len(head) >= HEAD)


def head_of(path: Path, compression: str) -> bytes:
    """The first megabyte, decompressed as far as the file is whole."""
    try:
        with opened(path, compression) as stream:
            return stream.read(HEAD)
    except (OSError, EOFError, zlib.error):
        return partial(path, compression, HEAD)


def partial(path: Path, compression: str, limit: int) -> bytes:
    """What can be read of a damaged compressed file, at most `limit` bytes."""
    out = bytearray()
    if compression != "gzip":
        with contextlib.suppress(OSError), opened(path, compression) as stream:
            while len(out) < limit and (chunk := stream.read1(1 << 16)):  # type: ignore[attr-defined]
                out += chunk
        return bytes(out[:limit])
    engine = zlib.decompressobj(wbits=31)
    with path.open("rb") as raw:
        while len(out) < limit and (chunk := raw.read(1 << 16)):
            try:
                out += engine.decompress(chunk)
            except zlib.error:
                break
    return bytes(out[:limit])


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


def _table(body: bytes, compression: str, bom: bool, *, cut: bool) -> Format:
    encoding = "utf-8"
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        cut_character = cut and error.start > len(body) - 4
        encoding = "utf-8" if cut_character else "latin-1"
        text = body.decode(encoding, errors="ignore")
    first = text.split("\n", 1)[0].rstrip("\r")
    if not first.replace("\t", " ").isprintable():
        return Format("unknown", compression, bom)
    delimiter = max(",;\t|", key=first.count)
    if first.count(delimiter) == 0:
        return Format("unknown", compression, bom)
    header = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    return Format("csv", compression, bom, delimiter, encoding, tuple(name.strip() for name in header))
