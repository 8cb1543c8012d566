"""`focus-ai allocate`: shared cost of a data set split by rules, and what was split checked again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from focus_ai.cli.options import Format, FormatOption, MemoryOption, NoColorOption, QuietOption, ThreadsOption
from focus_ai.errors import UsageError


def allocate(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Folder made by convert or reconcile --close.")],
    rules: Annotated[
        Path | None, typer.Option("--rules", metavar="FILE", help="Allocation rules (allocation.yaml).")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder of the new data set.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would move and why; write nothing.")] = False,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Work out every share of an allocated data set again; exit 1 if one differs."),
    ] = False,
    costs: Annotated[
        list[Path] | None,
        typer.Option(
            "--costs", metavar="FILE", help="Shared cost as CSV, besides those that the rules name; repeatable."
        ),
    ] = None,
    fail_unallocated: Annotated[
        bool, typer.Option("--fail-on-unallocated", help="Exit 1 when a part of a shared cost finds no owner.")
    ] = False,
    memory_limit: MemoryOption = None,
    threads: ThreadsOption = None,
    format_: FormatOption = Format.text,
    quiet: QuietOption = False,
    no_color: NoColorOption = False,
) -> None:
    """Split shared cost over its owners by rules, exactly; show what would move and why; or verify what was split."""
    if verify:
        if dry_run or fail_unallocated or out is not None or rules is not None or costs:
            raise UsageError(
                "--verify reads rules and weights from the data set and writes nothing",
                expected="focus-ai allocate DATASET --verify",
            )  # fmt: skip
        _verify(dataset, format_, memory_limit=memory_limit, threads=threads, quiet=quiet, no_color=no_color)
        return
    if rules is None:
        raise UsageError("give the allocation rules with --rules FILE, or --verify to check an allocated data set",
                         next_step="focus-ai allocate --help")  # fmt: skip
    if dry_run == (out is not None):
        raise UsageError("give --out DIR to write, or --dry-run to look", next_step="focus-ai allocate --help")
    from focus_ai import api
    from focus_ai.cli.progress import Progress

    with Progress(quiet=quiet or format_ is Format.json) as progress:
        report = api.allocate(
            dataset, rules, out=out, costs=list(costs or ()), memory_limit=memory_limit, threads=threads,
            progress=progress,
        )  # fmt: skip
    _show(report, format_, no_color=no_color)
    if fail_unallocated and (left := unallocated(report)):
        from focus_ai.cli.terminal import tell

        tell(f"focus-ai: --fail-on-unallocated: {', '.join(left)}")
        raise typer.Exit(1)


def _verify(
    dataset: Path, format_: Format, *, memory_limit: str | None, threads: int | None, quiet: bool, no_color: bool
) -> None:
    from focus_ai import api
    from focus_ai.cli.progress import Progress
    from focus_ai.cli.terminal import bold_headings, colour, say, say_json
    from focus_ai.reports.allocation_check import check_text

    with Progress(quiet=quiet or format_ is Format.json) as progress:
        report = api.verify_allocation(dataset, memory_limit=memory_limit, threads=threads, progress=progress)
    if format_ is Format.json:
        say_json(dict(report))
    else:
        say(bold_headings(check_text(report), on=colour(no_color)))
    if not report["ok"]:
        raise typer.Exit(1)


def unallocated(report: Mapping[str, Any]) -> list[str]:
    """Rules that leave something to nobody, with the amount."""
    return [
        f"{rule['rule']} {window['window']} {target['target']} {target['effective_cost']} {window['currency']}"
        for rule in report["rules"]
        for window in rule["windows"]
        for target in window["targets"]
        if target["unallocated"]
    ]


def _show(report: Mapping[str, Any], format_: Format, *, no_color: bool) -> None:
    from focus_ai.cli.terminal import bold_headings, colour, say, say_json

    if format_ is Format.json:
        say_json(dict(report))
        return
    from focus_ai.reports.allocation import allocation_text

    say(bold_headings(allocation_text(report), on=colour(no_color)))
