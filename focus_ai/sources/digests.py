"""SHA-256 of files, of inputs beside the run: the report names what was read, and anybody can compare (`sha256sum`)."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

# What is hashed between two looks at the others: small pieces would make the thread wait for the interpreter's lock
# after every one of them while the other thread imports and parses.
PIECE = 8 << 20


def sha256(path: Path, stop: threading.Event | None = None) -> str:
    """Hex digest of a file; of its beginning when `stop` is set meanwhile."""
    found, piece = hashlib.sha256(), memoryview(bytearray(min(PIECE, path.stat().st_size + 1)))
    with path.open("rb", buffering=0) as stream:
        while (size := stream.readinto(piece)) and not (stop and stop.is_set()):
            found.update(piece[:size])
    return found.hexdigest()


def _state(path: Path) -> tuple[int, int]:
    seen = path.stat()
    return seen.st_size, seen.st_mtime_ns


class Digests:
    """Digests of the inputs of a run, worked out one after another by a thread of their own.

    Use as a context manager: where the run ends early, so does the thread.
    """

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(1, "digests")
        self._begun: dict[Path, Future[str]] = {}
        self._states: dict[Path, tuple[int, int]] = {}

    def begin(self, paths: Iterable[Path]) -> None:
        """Work out the digests of these files, of each once."""
        for path in paths:
            if path not in self._begun:
                self._states[path] = _state(path)
                self._begun[path] = self._pool.submit(sha256, path, self._stop)

    def begin_early(self, inputs: Sequence[str]) -> None:
        """The same for inputs as people name them, as far as they are files."""
        for given in inputs:
            with contextlib.suppress(OSError, ValueError):  # whoever opens it tells what is wrong with it
                if (path := Path(given)).is_file():
                    self.begin([path])

    def of(self, path: Path) -> str:
        """The digest of a file; waits until it is known."""
        self.begin([path])
        return self._begun[path].result()

    def changed(self, path: Path) -> bool:
        """Whether somebody wrote to a file since its digest was begun, so that this may be of other bytes than the
        records that were read."""
        try:
            return self._states[path] != _state(path)
        except OSError:
            return True

    def __enter__(self) -> Digests:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)
