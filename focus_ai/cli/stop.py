"""A command that somebody stops: Ctrl-C, SIGTERM (a cancelled job, `docker stop`), the end of a terminal.

All of them end a command the way Ctrl-C does, so that it clears up behind it. The engine puts an error of its own in
the place of the interruption; therefore the signal itself is remembered.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Stop:
    """A context manager; `signal` is the one that came, as a number, or `None`."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._before: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {}

    def told(self) -> tuple[str, int]:
        """What to say, and the exit code: 128 and the number of the signal, as shells count."""
        number = self.signal or signal.SIGINT
        word = "interrupted" if number == signal.SIGINT else f"stopped by {signal.Signals(number).name}"
        return f"{word}; a data set in place is whole, the old one or the new one", 128 + number

    def __enter__(self) -> Stop:
        if threading.current_thread() is threading.main_thread():
            for number in (getattr(signal, name) for name in _NAMES if hasattr(signal, name)):
                handler = signal.getsignal(number)
                if handler in (signal.SIG_DFL, signal.default_int_handler):  # what was set on purpose stays (nohup)
                    self._before[number] = handler
                    signal.signal(number, self._came)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _came(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        raise KeyboardInterrupt
