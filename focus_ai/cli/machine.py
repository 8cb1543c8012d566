"""Failures of the machine that are nobody's fault in the program: no room to write, files that go away, no right to
them, a working folder that is gone."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from focus_ai.errors import FocusAiError, InputError, UsageError

_FULL = tuple(getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name))


def of_the_machine(error: Exception) -> FocusAiError | None:
    """The failure in words for the person at the terminal, or `None` when it is of another kind."""
    full = next((code for code in _FULL if _says(error, code)), None)
    if full is not None:
        return InputError(
            "there is no room to write; no file in place is half written", value=os.strerror(full),
            next_step="free some space, or choose a place with more of it",
        )  # fmt: skip
    if isinstance(error, FileNotFoundError) and _nowhere():
        return UsageError("the folder you are in no longer exists", next_step="change to one that does")
    if isinstance(error, FileNotFoundError | PermissionError) and error.filename is not None:
        gone = isinstance(error, FileNotFoundError)
        return InputError(
            "a file went away while it was in use" if gone else "a file or folder must not be used",
            where=str(error.filename), value=error.strerror,
            next_step="run it again when nothing moves its files" if gone else "get the right to it, or name another",
        )  # fmt: skip
    return None


def _says(error: Exception, code: int) -> bool:
    """Whether the error is this one of the system. The engine hands its words on without the number."""
    if isinstance(error, OSError):
        return error.errno == code
    return type(error).__name__ == "IOException" and os.strerror(code) in str(error)


def _nowhere() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False
