"""`focus-ai convert`: exports and logs in, a FOCUS data set and the run report out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from focus_ai.cli.options import (
    AccountOption,
    AccountsOption,
    AdapterOption,
    ConfigOption,
    Focus,
    Format,
    FormatOption,
    Grain,
    InputsArgument,
    JobsOption,
    MappingOption,
    MemoryOption,
    NoColorOption,
    Numeric,
    OwnerMapOption,
    QuietOption,
    RatesOption,
    ThreadsOption,
    fail_on,
    pairs,
)


def convert(
    inputs: InputsArgument,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder of the data set.")],
    adapter: AdapterOption = None,
    mapping: MappingOption = None,
    config: ConfigOption = None,
    focus: Annotated[Focus | None, typer.Option("--focus", help="FOCUS version to write; 1.3 by default.")] = None,
    grain: Annotated[Grain | None, typer.Option("--grain", help="Length of a charge period; day by default.")] = None,
    numeric: Annotated[
        Numeric | None, typer.Option("--numeric", help="Exact decimals (default), or doubles for old receivers.")
    ] = None,
    month: Annotated[
        list[str] | None,
        typer.Option("--month", metavar="YYYY-MM", help="Write this billing period only; repeatable."),
    ] = None,
    events: Annotated[bool, typer.Option("--events", help="Also write the request-level events.")] = False,
    ai_only: Annotated[
        bool, typer.Option("--ai-only", help="Of FOCUS files, take only the rows that are AI spend.")
    ] = False,
    allocation: Annotated[
        Path | None, typer.Option("--allocation", metavar="FILE", help="Split shared cost by these rules.")
    ] = None,
    rates: RatesOption = None,
    owner_map: OwnerMapOption = None,
    accounts: AccountsOption = None,
    account: AccountOption = None,
    fail: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-on",
            metavar="CAUSE",
            help="Exit 1 when the run has unpriced, rejected or unattributed records; none by default.",
        ),
    ] = None,
    validate: Annotated[
        bool, typer.Option("--validate/--no-validate", help="Check what was written against the FOCUS rules.")
    ] = True,
    jobs: JobsOption = 1,
    memory_limit: MemoryOption = None,
    threads: ThreadsOption = None,
    format_: FormatOption = Format.text,
    quiet: QuietOption = False,
    no_color: NoColorOption = False,
) -> None:
    """Convert exports and logs into a FOCUS data set with exact costs, tokens and owners."""
    causes = fail_on(fail or ())
    from focus_ai import api
    from focus_ai.cli.mapping_check import finished
    from focus_ai.cli.progress import Progress
    from focus_ai.cli.settings import effective

    settings = effective(
        config,
        rates=rates or (),
        owner_map=owner_map or (),
        accounts=accounts or (),
        account=pairs("--account", account or ()),
        flags={
            "convert.focus": focus and focus.value,
            "convert.grain": grain and grain.value,
            "convert.numeric": numeric and numeric.value,
        },
    )
    if not settings.rates.allow_unpriced:
        causes |= {"unpriced"}
    with Progress(quiet=quiet or format_ is Format.json) as progress:
        report = api.convert(
            inputs,
            out,
            adapter=adapter,
            mapping=finished(mapping or ()),
            settings=settings,
            focus=settings.convert.focus,
            grain=settings.convert.grain,
            numeric=settings.convert.numeric,
            months=month or (),
            events=events,
            ai_only=ai_only,
            validate=validate,
            allocation=allocation,
            jobs=jobs,
            memory_limit=memory_limit or settings.engine.memory_limit,
            threads=threads or settings.engine.threads,
            progress=progress,
        )
    show(report, format_, out, no_color=no_color)
    stop_on(report, causes)


def show(report: Mapping[str, Any], format_: Format, out: Path, *, no_color: bool) -> None:
    """Print the run report the asked way; in text the folder is named as it was typed."""
    from focus_ai.cli.terminal import bold_headings, colour, say, say_json

    if format_ is Format.json:
        say_json(dict(report))
        return
    from focus_ai.reports.run import run_text

    say(bold_headings(run_text({**report, "out": str(out)}), on=colour(no_color)))


def found(report: Mapping[str, Any], causes: Collection[str]) -> list[str]:
    """Which of the causes the run has, each as a short sentence."""
    counts = {
        "unpriced": (report["unpriced"]["events"], "events without a price"),
        "rejected": (report["records"]["rejected"], "rejected records"),
        "unattributed": (report["unattributed"]["rows"], "rows without an owner"),
    }
    return [f"{counts[c][0]:,} {counts[c][1]}" for c in sorted(causes) if counts[c][0]]


def stop_on(report: Mapping[str, Any], causes: Collection[str]) -> None:
    """Exit 1 when a cause of `--fail-on` occurred. The data set stays written."""
    from focus_ai.cli.terminal import tell

    if problems := found(report, causes):
        tell("focus-ai: --fail-on: " + ", ".join(problems))
        raise typer.Exit(1)
