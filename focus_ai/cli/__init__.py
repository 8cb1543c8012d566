"""The command line: words in, one call of `focus_ai.api`, a report out.

Comes in: arguments and the environment. Goes out: results on standard output, everything else on standard error, and
an exit code: 0 fine, 1 findings that `--fail-on` asks about, 2 wrong command, option or settings, 3 input missing,
unreadable or not recognised, 4 our own fault. This room must not compute, read exports or know how a number is made.

Starting it imports no data library: a command imports what it needs when it runs.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

from focus_ai.errors import FocusAiError

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. `argv` without the program name; default: the process's own."""
    from typer import Abort, Exit

    from focus_ai.cli.app import run
    from focus_ai.cli.machine import of_the_machine
    from focus_ai.cli.terminal import close_quietly, say_error

    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        run(arguments)
        return close_quietly(0)
    except Exit as end:
        return close_quietly(end.exit_code)
    except FocusAiError as error:
        say_error(*error.lines())
        return error.exit_code
    except (KeyboardInterrupt, Abort):
        say_error("interrupted; nothing was replaced")
        return INTERRUPTED
    except BrokenPipeError:
        return close_quietly(0)
    except Exception as error:
        if os.environ.get("FOCUS_AI_DEBUG") == "1":
            traceback.print_exception(error, file=sys.stderr)
        if (told := of_the_machine(error)) is not None:
            say_error(*told.lines())
            return told.exit_code
        say_error(
            f"internal error: {type(error).__name__}: {error}",
            "  this is a fault of focus-ai, not of your data; the files in place were not touched",
            "  next: run it again with FOCUS_AI_DEBUG=1 and report what it prints in the issue tracker of focus-ai",
        )
        return 4
