"""The command line: words in, one call of `focus_ai.api`, a report out.

Comes in: arguments and the environment. Goes out: results on standard output, everything else on standard error, and
an exit code: 0 fine, 1 findings that `--fail-on` asks about, 2 wrong command, option or settings, 3 input missing,
unreadable or not recognised, 4 our own fault; after a signal 128 and its number. This room must not compute, read
exports or know how a number is made.

Starting it imports no data library: a command imports what it needs when it runs.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

from focus_ai.errors import FocusAiError

if TYPE_CHECKING:
    from focus_ai.cli.stop import Stop


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. `argv` without the program name; default: the process's own."""
    from focus_ai.cli.stop import Stop

    with Stop() as stop:
        try:
            return _main(list(sys.argv[1:] if argv is None else argv), stop)
        except KeyboardInterrupt:
            return _stopped(stop)


def _stopped(stop: Stop) -> int:
    from focus_ai.cli.terminal import say_error

    said, code = stop.told()
    say_error(said)
    return code


def _main(arguments: list[str], stop: Stop) -> int:
    from focus_ai.cli.machine import of_the_machine
    from focus_ai.cli.terminal import close_quietly, say_error

    try:
        return _run(arguments)
    except BrokenPipeError:
        return close_quietly(0)
    except Exception as error:
        if os.environ.get("FOCUS_AI_DEBUG") == "1" and not isinstance(error, FocusAiError):
            traceback.print_exception(error, file=sys.stderr)
        if stop.signal is not None:
            return _stopped(stop)
        if (told := error if isinstance(error, FocusAiError) else of_the_machine(error)) is not None:
            say_error(*told.lines())
            return told.exit_code
        say_error(
            f"internal error: {type(error).__name__}: {error}",
            "  this is a fault of focus-ai, not of your data; the files in place were not touched",
            "  next: run it again with FOCUS_AI_DEBUG=1 and report what it prints in the issue tracker of focus-ai",
        )
        return 4


def _run(arguments: list[str]) -> int:
    from typer import Abort, Exit

    from focus_ai.cli.app import run
    from focus_ai.cli.terminal import close_quietly

    try:
        run(arguments)
        return close_quietly(0)
    except Exit as end:
        return close_quietly(end.exit_code)
    except Abort:
        raise KeyboardInterrupt from None
