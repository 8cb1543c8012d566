"""`focus-ai schema`: the columns of a FOCUS version, or the JSON Schema of one of our own files."""

from __future__ import annotations

from typing import Annotated

import typer

from focus_ai.cli.options import Numeric


def schema(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="FOCUS version such as 1.3, or event, mapping, settings ...; none lists all."
        ),
    ] = None,
    as_: Annotated[
        str | None, typer.Option("--as", metavar="FORM", help="Form of a version's columns; markdown by default.")
    ] = None,
    numeric: Annotated[Numeric, typer.Option("--numeric", help="Type of the amounts.")] = Numeric.decimal,
    dataset: Annotated[str, typer.Option("--dataset", metavar="NAME", help="Dataset of the version.")] = "CostAndUsage",
) -> None:
    """Print the columns of a FOCUS version or the JSON Schema of one of our own files."""
    from focus_ai.cli import schema_cmd
    from focus_ai.cli.terminal import say

    if name is None:
        say("\n".join(schema_cmd.names()))
        return
    form = "exact" if numeric is Numeric.decimal else "double"
    say(schema_cmd.schema(name, as_, numeric=form, dataset=dataset))
