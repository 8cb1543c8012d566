"""`focus-ai validate`: is this FOCUS data set right? Findings with rows and money, reports for every pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from focus_ai.cli.options import ConfigOption, InputsArgument, MemoryOption, NoColorOption, QuietOption, ThreadsOption
from focus_ai.errors import UsageError, nearest
from focus_ai.files import write_whole

if TYPE_CHECKING:
    from focus_ai.judgement import Judgement


class ReportFormat(StrEnum):
    """Forms of the report."""

    text = "text"
    json = "json"
    sarif = "sarif"
    junit = "junit"
    github = "github"
    markdown = "markdown"
    html = "html"


class FailOn(StrEnum):
    """Which findings end the run with exit code 1."""

    error = "error"
    warning = "warning"
    never = "never"


def validate(
    inputs: InputsArgument,
    focus: Annotated[
        str | None, typer.Option("--focus", metavar="VERSION", help="FOCUS version; found from the data by default.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", metavar="NAME", help="FOCUS dataset; found from the data by default.")
    ] = None,
    criteria: Annotated[
        str | None,
        typer.Option("--criteria", metavar="WHICH", help="all, none, a comma list or a file; inferred by default."),
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option("--select", metavar="RULES", help="Only these rules: ids or patterns; repeatable."),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option("--ignore", metavar="RULES", help="Not these rules: ids or patterns; repeatable."),
    ] = None,
    rules: Annotated[
        list[Path] | None, typer.Option("--rules", metavar="FILE", help="Your own rules beside ours; repeatable.")
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", metavar="FILE", help="An official requirements model instead of our rules."),
    ] = None,
    strict_official: Annotated[
        bool, typer.Option("--strict-official", help="Judge as the official validator does where it differs.")
    ] = False,
    rates: Annotated[
        bool, typer.Option("--rates", help="Also compare unit prices with the rate card that focus-ai ships.")
    ] = False,
    fail_on: Annotated[
        FailOn, typer.Option("--fail-on", help="Exit 1 on findings of this severity or worse.")
    ] = FailOn.error,
    baseline: Annotated[
        Path | None,
        typer.Option("--baseline", metavar="FILE", help="Accept the findings of this file; more rows fail."),
    ] = None,
    write_baseline: Annotated[
        Path | None, typer.Option("--write-baseline", metavar="FILE", help="Accept all findings of now; exit 0.")
    ] = None,
    format_: Annotated[ReportFormat, typer.Option("--format", help="Form on standard output.")] = ReportFormat.text,
    report: Annotated[
        list[str] | None,
        typer.Option("--report", metavar="FORM:FILE", help="Also write this form to a file; repeatable."),
    ] = None,
    samples: Annotated[int, typer.Option("--samples", min=0, max=1000, help="Rows shown per finding.")] = 5,
    config: ConfigOption = None,
    memory_limit: MemoryOption = None,
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    no_color: NoColorOption = False,
) -> None:
    """Check FOCUS data sets, whoever made them: every rule, row by row, with the money behind each finding."""
    wanted = reports(report or ())
    from focus_ai import api
    from focus_ai.cli.progress import Progress
    from focus_ai.cli.settings import effective

    settings = effective(config)
    with Progress(quiet=quiet) as progress:
        judgement = api.validate(
            inputs, focus=focus, dataset=dataset, model=model, criteria=criteria, rules=rules or (),
            select=split(select or ()), ignore=split(ignore or ()), strict_official=strict_official, samples=samples,
            rates=settings if rates else None, baseline=baseline, fail_on=fail_on.value,
            memory_limit=memory_limit or settings.engine.memory_limit, threads=threads or settings.engine.threads,
            temp=settings.engine.temp, progress=progress,
        )  # fmt: skip
    show(judgement, format_, wanted, no_color=no_color)
    if write_baseline:
        from focus_ai.cli.terminal import tell
        from focus_ai.judgement import write_baseline as write

        count = write(judgement.findings, write_baseline)
        tell(f"focus-ai: {count} findings accepted in {write_baseline}", quiet=quiet)
    elif judgement.failing:
        raise typer.Exit(1)


def reports(words: Iterable[str]) -> list[tuple[str, Path]]:
    """`FORM:FILE` words, checked before any work is done. Raises `UsageError`."""
    known = [form.value for form in ReportFormat]
    found = []
    for word in words:
        form, mark, file = word.partition(":")
        if not mark or not file:
            raise UsageError(
                "--report needs FORM:FILE", value=word, next_step="for example --report sarif:findings.sarif"
            )
        if form not in known:
            raise UsageError(f"--report does not know the form {form!r}", value=word, expected=nearest(form, known))
        if Path(file).is_dir():
            raise UsageError("--report names a folder", value=file, expected="the name of a file")
        found.append((form, Path(file)))
    return found


def split(words: Iterable[str]) -> list[str]:
    """Words and comma lists as one list."""
    return [part.strip() for word in words for part in word.split(",") if part.strip()]


def show(judgement: Judgement, format_: ReportFormat, files: Sequence[tuple[str, Path]], *, no_color: bool) -> None:
    """Write the asked files, then print the asked form."""
    from focus_ai.cli.terminal import bold_headings, colour, say
    from focus_ai.reports.findings import render

    for form, file in files:
        _write(file, render(form, judgement))
    shown = render(format_.value, judgement)
    say(bold_headings(shown, on=format_ is ReportFormat.text and colour(no_color)))


def _write(file: Path, text: str) -> None:
    try:
        write_whole(file, text, errors="backslashreplace")
    except OSError as error:
        raise UsageError("a report cannot be written", where=str(file), value=error.strerror) from error
