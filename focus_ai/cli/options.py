"""Options that several commands share, so that a word means the same everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from focus_ai.errors import UsageError, nearest


class Format(StrEnum):
    """How a result is printed."""

    text = "text"
    json = "json"


class Focus(StrEnum):
    """Versions of the FOCUS specification that can be written."""

    v12 = "1.2"
    v13 = "1.3"
    v14 = "1.4"


class Grain(StrEnum):
    """The charge period of a row."""

    day = "day"
    hour = "hour"
    month = "month"
    request = "request"


class Numeric(StrEnum):
    """How amounts are stored in Parquet."""

    decimal = "decimal"
    double = "double"


FormatOption = Annotated[Format, typer.Option("--format", help="Print a table or one JSON document.")]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings file; default: focus-ai.toml or pyproject.toml above."),
]
InputsArgument = Annotated[
    list[str], typer.Argument(metavar="INPUT...", help="Files, folders, globs, object store URLs or - for stdin.")
]
AdapterOption = Annotated[str | None, typer.Option("--adapter", metavar="ID", help="Read every input as this export.")]
MappingOption = Annotated[
    list[Path] | None, typer.Option("--mapping", metavar="FILE", help="Your own mapping file; repeatable.")
]
RatesOption = Annotated[list[Path] | None, typer.Option("--rates", metavar="FILE", help="Your own rates; repeatable.")]
OwnerMapOption = Annotated[
    list[Path] | None, typer.Option("--owner-map", metavar="FILE", help="Who owns which key, project or workspace.")
]
AccountsOption = Annotated[
    list[Path] | None, typer.Option("--accounts", metavar="FILE", help="Chargeback accounts: cost centre, budget.")
]
AccountOption = Annotated[
    list[str] | None,
    typer.Option("--account", metavar="CHANNEL=ID", help="Billing account of a channel; repeatable."),
]
JobsOption = Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes that read inputs.")]
MemoryOption = Annotated[
    str | None, typer.Option("--memory-limit", metavar="SIZE", help="Memory of the engine, such as 400MB.")
]
ThreadsOption = Annotated[int | None, typer.Option("--threads", min=1, help="Threads of the engine.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no remarks on standard error.")]
NoColorOption = Annotated[bool, typer.Option("--no-color", help="No colour; the variable NO_COLOR does the same.")]


def fail_on(words: Iterable[str], causes: Iterable[str] = ("unpriced", "rejected", "unattributed")) -> frozenset[str]:
    """The causes named by `--fail-on`, given as words or comma lists. Raises `UsageError` for an unknown word."""
    known = ("none", *causes)
    asked = [part.strip() for word in words for part in word.split(",") if part.strip()]
    for word in asked:
        if word not in known:
            raise UsageError(f"--fail-on does not know {word!r}", expected=nearest(word, known))
    if "none" in asked and len(set(asked)) > 1:
        raise UsageError("--fail-on none cannot be combined with other causes", value=", ".join(asked))
    return frozenset(asked) - {"none"}


def pairs(option: str, words: Iterable[str]) -> dict[str, str]:
    """`CHANNEL=ID` options as a dictionary. Raises `UsageError` for a word without `=` or a repeated key."""
    found: dict[str, str] = {}
    for word in words:
        key, mark, value = word.partition("=")
        if not mark or not key or not value:
            raise UsageError(f"{option} needs NAME=VALUE", value=word, next_step=f"for example {option} openai=org-123")
        if found.setdefault(key, value) != value:
            raise UsageError(f"{option} gives two values for {key!r}", value=f"{found[key]} and {value}")
    return found
