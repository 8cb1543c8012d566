"""Standard output and standard error: results, messages, colour and a reader that went away."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

BOLD, PLAIN = "\x1b[1m", "\x1b[0m"


def say(text: str) -> None:
    """A result on standard output. A reader that closed the pipe ends the output, not the command."""
    _write(sys.stdout, text if text.endswith("\n") else text + "\n")


def say_json(value: Mapping[str, Any] | list[Any]) -> None:
    """A result for machines: one JSON document, keys in their own order, amounts already text."""
    say(json.dumps(value, indent=2, ensure_ascii=False))


def tell(text: str, *, quiet: bool = False) -> None:
    """A remark on standard error."""
    if not quiet:
        _write(sys.stderr, text + "\n")


def say_error(*lines: str) -> None:
    """What went wrong, on standard error: the first line carries the program's name. Where that takes nothing, the exit
    code alone tells."""
    with contextlib.suppress(OSError):
        _write(sys.stderr, "\n".join([f"focus-ai: {lines[0]}", *lines[1:]]) + "\n")


def colour(no_color: bool) -> bool:
    """Whether standard output may carry colour: a terminal, no `--no-color`, no NO_COLOR, no TERM=dumb."""
    wanted = not no_color and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return wanted and sys.stdout is not None and sys.stdout.isatty()


def bold_headings(text: str, *, on: bool) -> str:
    """The first line of each block in bold, when colour is on."""
    if not on:
        return text
    blocks = [block.split("\n", 1) for block in text.split("\n\n")]
    return "\n\n".join("\n".join([BOLD + head[0] + PLAIN, *head[1:]]) for head in blocks)


def close_quietly(code: int) -> int:
    """Flush the output before the interpreter does, so that a closed pipe leaves no message behind."""
    try:
        if sys.stdout is not None:  # closed by whoever started the command
            sys.stdout.flush()
    except BrokenPipeError:
        _to_nowhere(sys.stdout)
    return code


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # closed by whoever started the command, as services do
        return
    try:
        stream.write(text)
        stream.flush()
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    except BrokenPipeError:
        _to_nowhere(stream)


def _to_nowhere(stream: TextIO) -> None:
    """Point the stream's file descriptor at the null device; later writes succeed and vanish."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
