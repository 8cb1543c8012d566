"""Packed files (gzip, zstd): the plain bytes of a whole one, and as much as can be had of a damaged one.

A packed file is a row of members (gzip) or frames (zstd), each of which can be unpacked without the others. Where one
is damaged, everything before the damage and every later one is read; what could not be unpacked is told with its place
and size in the packed file.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

PIECE = 1 << 16
GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
_MEMBER = GZIP + b"\x08"
_LARGEST_BLOCK = 1 << 17
# Bytes that stand for no member turn into fewer before they make no sense.
_ENOUGH = 512


@dataclass(frozen=True)
class Damage:
    """A stretch of a packed file, `lost` bytes from byte `at` on, not all of which could be unpacked.

    `cut`: the file ends too early there. `doubtful`: all was unpacked, but the checksum does not match. `inside`: what
    was unpacked before it may end in the middle of a line.
    """

    at: int
    lost: int
    cut: bool = False
    doubtful: bool = False
    inside: bool = True

    @property
    def reason(self) -> str:
        """The word in a reject."""
        return "truncated_compression" if self.cut else "damaged_compression"

    @property
    def note(self) -> str:
        """Where and how much."""
        if self.doubtful:
            return f"the checksum at packed byte {self.at:,} does not match: a value before it may have been changed"
        if self.cut:
            return f"the packed file ends too early, at byte {self.at + self.lost:,}"
        return f"{self.lost:,} packed bytes from byte {self.at:,} on could not be unpacked, or not in full"


def packing(magic: bytes) -> str:
    """gzip, zstd or none, from the first four bytes. A zstd file may begin with a frame that readers skip."""
    if magic[:2] == GZIP:
        return "gzip"
    return "zstd" if magic == ZSTD or _skippable(magic) else "none"


def opened(path: Path, compression: str) -> IO[bytes]:
    """The plain byte stream of a file. Damage is an error: OSError, EOFError or zlib.error."""
    if compression == "gzip":
        return io.BufferedReader(gzip.open(path, "rb"))
    if compression == "zstd":
        import pyarrow as pa

        return io.BufferedReader(pa.CompressedInputStream(pa.OSFile(str(path)), "zstd"))
    return path.open("rb")


def salvaged(path: Path, compression: str, damage: list[Damage]) -> IO[bytes]:
    """The plain byte stream as far as it can be read. Every damage passed is added to the list; a line that it cut
    ends there, so that it takes nothing of the next one with it."""
    if compression == "none":
        return path.open("rb")
    return io.BufferedReader(_Salvaged(unpacked(path, compression), damage), PIECE)


def bounded_lines(stream: IO[bytes], longest: int) -> Iterator[tuple[bytes, int]]:
    """The lines of a stream with their sizes; of a longer one only the beginning is held."""
    while line := stream.readline(longest + 1):
        size = len(line)
        if size > longest and not line.endswith(b"\n"):
            while (more := stream.readline(longest)) and not more.endswith(b"\n"):
                size += len(more)
            size += len(more)
        yield line, size


def unpacked(path: Path, compression: str) -> Iterator[bytes | Damage]:
    """The plain bytes of a packed file in pieces, and each damage where it stands."""
    return _gunzipped(path) if compression == "gzip" else _unzstd(path)


class _Salvaged(io.RawIOBase):
    def __init__(self, pieces: Iterator[bytes | Damage], damage: list[Damage]) -> None:
        super().__init__()
        self.pieces, self.damage = pieces, damage
        self.left, self.line_open, self.gap = memoryview(b""), False, False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.left:
            piece = next(self.pieces, None)
            if piece is None:
                return 0
            if isinstance(piece, Damage):
                self.damage.append(piece)
                self.gap = self.line_open
            elif piece:
                self.left = memoryview(b"\n" + piece if self.gap else piece)
                self.gap, self.line_open = False, not piece.endswith(b"\n")
        given = self.left[: len(buffer)]
        buffer[: len(given)] = given
        self.left = self.left[len(given) :]
        return len(given)


def _gunzipped(path: Path) -> Iterator[bytes | Damage]:
    size = path.stat().st_size
    with path.open("rb") as raw:
        at = 0
        while at < size:
            end, bad = yield from _member(raw, at)
            if bad is None:
                end = _behind_zeros(raw, end)
                if end >= size or _magic(raw, end)[:3] == _MEMBER:
                    at = end
                    continue
                bad = Damage(end, 0, cut=GZIP.startswith(_magic(raw, end)[:2]), inside=False)
            # A whole member may follow. It may begin before the place where the error was noticed.
            following = _search(raw, max(at + 1, end), _MEMBER, _begins_member, size)
            if following < bad.at:
                bad = replace(bad, at=at)
            yield replace(bad, lost=following - bad.at, cut=bad.cut and following == size)
            at = following


def _member(raw: IO[bytes], at: int) -> Any:
    """Unpack one gzip member. Returns where it ends and None, or where it began and the damage in it."""
    start = at
    raw.seek(at)
    engine = zlib.decompressobj(wbits=31)
    while chunk := raw.read(PIECE):
        before = engine.copy()
        try:
            yield engine.decompress(chunk)
        except zlib.error:
            # What was unpacked before the error is lost with it, so the piece is read once more byte by byte.
            for place in range(len(chunk)):
                try:
                    yield before.decompress(chunk[place : place + 1])
                except zlib.error as error:
                    sums = any(word in str(error) for word in ("incorrect data check", "incorrect length check"))
                    return (at + place if sums else start), Damage(at + place, 0, doubtful=sums, inside=not sums)
        at += len(chunk)
        if engine.eof:
            return at - len(engine.unused_data), None
    yield engine.flush()
    return start, Damage(at, 0, cut=True)


def _behind_zeros(raw: IO[bytes], at: int) -> int:
    """The place behind the padding that tapes and block devices leave."""
    raw.seek(at)
    while chunk := raw.read(PIECE):
        if behind := chunk.lstrip(b"\0"):
            return at + len(chunk) - len(behind)
        at += len(chunk)
    return at


def _begins_member(raw: IO[bytes], at: int) -> bool:
    """Does a gzip member begin here? Its header has no reserved flags, and more than chance can be unpacked of it."""
    raw.seek(at)
    chunk = raw.read(PIECE)
    if chunk[:3] != _MEMBER or len(chunk) < 18 or chunk[3] & 0xE0:
        return False
    engine, size = zlib.decompressobj(wbits=31), 0
    try:
        for place in range(0, len(chunk), 64):
            size += len(engine.decompress(chunk[place : place + 64]))
            if engine.eof or size >= _ENOUGH:
                return True
    except zlib.error:
        return False
    return True


def _search(raw: IO[bytes], at: int, magic: bytes, begins: Callable[[IO[bytes], int], bool], size: int) -> int:
    """The next place where the bytes stand and `begins` agrees; the end of the file when there is none."""
    while at < size:
        raw.seek(at)
        chunk = raw.read(PIECE)
        found = chunk.find(magic)
        while found >= 0:
            if begins(raw, at + found):
                return at + found
            found = chunk.find(magic, found + 1)
        if len(chunk) < len(magic):
            break
        at += len(chunk) - len(magic) + 1
    return size


def _unzstd(path: Path) -> Iterator[bytes | Damage]:
    size = path.stat().st_size
    with path.open("rb") as raw:
        at = 0
        while at < size:
            skipped, end = _skippable(_magic(raw, at)), _frame(raw, at)
            stop = size if end is None else min(end, size)
            good = skipped and end == stop
            if not skipped and _magic(raw, at) == ZSTD:
                good = yield from _plain(path, at, stop)
            if good:
                at = stop
                continue
            following = _search(raw, at + 1, ZSTD, _begins_frame, size)
            cut = end is not None and end > size and following == size
            yield Damage(at, following - at, cut=cut, inside=_magic(raw, at) == ZSTD)
            at = following


def _plain(path: Path, at: int, stop: int) -> Any:
    """Unpack frames; returns whether that went without an error. All that came before the error is given."""
    import pyarrow as pa

    given = 0
    try:
        with pa.CompressedInputStream(pa.PythonFile(_Part(path, at, stop), mode="r"), "zstd") as stream:
            while piece := stream.read(PIECE):
                given += len(piece)
                yield piece
        return True
    except OSError:
        pass
    # The piece with the error in it is lost as a whole, so it is read once more byte by byte.
    rest = bytearray()
    try:
        with pa.CompressedInputStream(pa.PythonFile(_Part(path, at, stop), mode="r"), "zstd") as stream:
            while given and (piece := stream.read(min(PIECE, given))):
                given -= len(piece)
            while piece := stream.read(1):
                rest += piece
    except OSError:
        pass
    yield bytes(rest)
    return False


class _Part(io.RawIOBase):
    """The bytes of a file from `at` to `stop`."""

    def __init__(self, path: Path, at: int, stop: int) -> None:
        super().__init__()
        self.file, self.stop = path.open("rb"), stop
        self.file.seek(at)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        left = self.stop - self.file.tell()
        return self.file.read(left if size < 0 else min(size, left))

    def close(self) -> None:
        self.file.close()
        super().close()


def _magic(raw: IO[bytes], at: int) -> bytes:
    raw.seek(at)
    return raw.read(4)


def _skippable(magic: bytes) -> bool:
    return len(magic) == 4 and magic[1:] == b"\x2a\x4d\x18" and 0x50 <= magic[0] <= 0x5F


def _begins_frame(raw: IO[bytes], at: int) -> bool:
    return _magic(raw, at) == ZSTD and _frame(raw, at, first=True) is not None


def _frame(raw: IO[bytes], at: int, *, first: bool = False) -> int | None:
    """Where the zstd frame that begins here ends (beyond the file when it was cut), by the sizes of its blocks (RFC
    8878, section 3.1.1); None when none begins here. `first`: look at its first block only."""
    magic = _magic(raw, at)
    if _skippable(magic):
        return at + 8 + int.from_bytes(raw.read(4), "little")
    if magic != ZSTD:
        return None
    descriptor = (raw.read(1) or b"\0")[0]
    single, checksum = bool(descriptor & 0x20), bool(descriptor & 0x04)
    size_field = (1 if single else 0, 2, 4, 8)[descriptor >> 6]
    at += 5 + (not single) + (0, 1, 2, 4)[descriptor & 3] + size_field
    if descriptor & 0x08:
        return None
    while True:
        raw.seek(at)
        header = raw.read(3)
        if len(header) < 3:
            return at + 3
        value = int.from_bytes(header, "little")
        kind, length = value >> 1 & 3, value >> 3
        if kind == 3 or (kind != 1 and length > _LARGEST_BLOCK):
            return None
        at += 3 + (1 if kind == 1 else length)
        if value & 1 or first:
            return at + 4 * checksum
