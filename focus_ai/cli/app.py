"""The commands and their order. A command's module is light; what it needs to work is imported when it runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer.main import get_command

from focus_ai.cli import (
    adapters,
    allocate,
    audit,
    convert,
    demo,
    doctor,
    explain,
    rates,
    reconcile,
    report,
    rules,
    schema,
    validate,
)
from focus_ai.errors import UsageError

PROGRAM = "focus-ai"

app = typer.Typer(
    name=PROGRAM,
    help="Turn AI usage and cost exports into exact FOCUS data sets: token meters, prices, owners.",
    epilog="Exit codes: 0 fine, 1 findings (--fail-on), 2 wrong command or settings, 3 input, 4 fault of focus-ai.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from focus_ai import __version__
        from focus_ai.cli.terminal import say

        say(f"{PROGRAM} {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        from focus_ai.cli.terminal import tell

        tell(context.get_help())
        raise typer.Exit(2)


app.command()(convert.convert)
app.command()(validate.validate)
app.command()(audit.audit)
app.command()(reconcile.reconcile)
app.command()(allocate.allocate)
app.command()(report.report)
app.add_typer(adapters.app)
app.add_typer(rates.app)
app.add_typer(rules.app)
app.command()(schema.schema)
app.command()(explain.explain)
app.command()(demo.demo)
app.command()(doctor.doctor)


# typer ships or uses click depending on its version; its public BadParameter leads to the common base in both.
_ParserError: type[Exception] = typer.BadParameter.__bases__[0]


def run(arguments: Sequence[str]) -> None:
    """Run one command. Raises `UsageError` for a wrong command line, `typer.Exit`, and what the command raises."""
    command = get_command(app)
    try:
        with command.make_context(PROGRAM, list(map(_at_home, arguments))) as context:
            command.invoke(context)
    except _ParserError as error:
        raise _in_our_words(error) from None


def _at_home(argument: str) -> str:
    """`--out=~/x` as `--out ~/x`: of the first, most shells leave the tilde as it is, and a folder of that name would
    be made."""
    option, equals, value = argument.partition("=")
    if option.startswith("--") and equals and (value == "~" or value.startswith("~/")):
        return f"{option}={Path(value).expanduser()}"
    return argument


def _in_our_words(error: Exception) -> UsageError:
    """The parser's complaint as one of our errors, with the help page that would have told."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else PROGRAM
    sentence = getattr(error, "format_message", lambda: str(error))()
    # The library of the options marks some of its complaints with its own word.
    return UsageError(sentence.rstrip(".").replace("Value error, ", "", 1), next_step=f"{path} --help")
