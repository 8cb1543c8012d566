"""The progress line of a long run: on standard error, on a terminal only, after about a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

Clock = Callable[[], float]
WIDTH = 24


class Progress:
    """A context manager; call it with (stage, done, total). `total` 0 means the length is not known.

    It writes nothing when the stream is no terminal, when `quiet`, or when the run ends within `patience` seconds,
    and removes its line at the end.
    """

    def __init__(
        self, *, quiet: bool = False, stream: TextIO | None = None, patience: float = 1.0, clock: Clock = time.monotonic
    ) -> None:
        self._stream = stream or sys.stderr  # `None` where it is closed
        self._on = not quiet and self._stream is not None and self._stream.isatty()
        self._clock, self._patience = clock, patience
        self._start = self._last = clock()
        self._shown = 0

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = self._clock()
        if not self._on or now - self._start < self._patience or (self._shown and now - self._last < 0.1):
            return
        self._last = now
        self._draw(line(stage, done, total))

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._shown:
            self._draw("")
            self._stream.write("\r")
            self._stream.flush()

    def _draw(self, text: str) -> None:
        self._stream.write("\r" + text.ljust(self._shown))
        self._stream.flush()
        self._shown = len(text)


def line(stage: str, done: int, total: int) -> str:
    """`reading  ######------  3/12`, or a plain counter when the total is not known."""
    if total <= 0:
        return f"{stage}  {done:,}"
    filled = WIDTH * min(done, total) // total
    return f"{stage}  {'#' * filled}{'-' * (WIDTH - filled)}  {done:,}/{total:,}"
