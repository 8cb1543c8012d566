"""`focus-ai audit`: is this log ready for showback and chargeback, and what in it costs money for nothing?"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from focus_ai.cli.options import (
    AccountOption,
    AccountsOption,
    AdapterOption,
    ConfigOption,
    Format,
    FormatOption,
    InputsArgument,
    JobsOption,
    MappingOption,
    MemoryOption,
    NoColorOption,
    OwnerMapOption,
    QuietOption,
    RatesOption,
    ThreadsOption,
    fail_on,
    pairs,
)
from focus_ai.errors import UsageError

CAUSES = ("showback", "chargeback", "error", "warning", "refused")


class Dimension(StrEnum):
    """What spend is grouped by."""

    team = "team"
    product = "product"
    feature = "feature"
    environment = "environment"
    model = "model"
    provider = "provider"
    day = "day"


def audit(
    inputs: InputsArgument,
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar="FILE", help="Say which requests this policy would have refused.")
    ] = None,
    by: Annotated[
        list[Dimension] | None, typer.Option("--by", help="Breakdown to show; repeatable; team and model by default.")
    ] = None,
    drill: Annotated[
        str | None,
        typer.Option("--drill", metavar="NAME=VALUE,...", help="Look below a selection: team=search,model=gpt-5."),
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="Rows of a list.")] = 10,
    adapter: AdapterOption = None,
    mapping: MappingOption = None,
    config: ConfigOption = None,
    rates: RatesOption = None,
    owner_map: OwnerMapOption = None,
    accounts: AccountsOption = None,
    account: AccountOption = None,
    fail: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-on",
            metavar="CAUSE",
            help="Exit 1 when not ready for showback or chargeback, on a finding of error or warning, or on refused.",
        ),
    ] = None,
    jobs: JobsOption = 1,
    memory_limit: MemoryOption = None,
    threads: ThreadsOption = None,
    format_: FormatOption = Format.text,
    quiet: QuietOption = False,
    no_color: NoColorOption = False,
) -> None:
    """Say whether a log is ready for showback and chargeback, what is waste, and who spent what."""
    causes = fail_on(fail or (), CAUSES)
    if "refused" in causes and policy is None:
        raise UsageError("--fail-on refused needs --policy FILE")
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
    )
    shown = [name.value for name in by or ()] or ["team", "model"]
    with Progress(quiet=quiet or format_ is Format.json) as progress:
        report = api.audit(
            inputs,
            policy=policy,
            by=shown,
            drill=drill,
            top=top,
            adapter=adapter,
            mapping=finished(mapping or ()),
            settings=settings,
            jobs=jobs,
            memory_limit=memory_limit or settings.engine.memory_limit,
            threads=threads or settings.engine.threads,
            progress=progress,
        )
    _show(report, format_, shown, top, no_color=no_color)
    _stop_on(report, causes)


def _show(report: Mapping[str, Any], format_: Format, by: list[str], top: int, *, no_color: bool) -> None:
    from focus_ai.cli.terminal import bold_headings, colour, say, say_json

    if format_ is Format.json:
        say_json(report)
        return
    from focus_ai.reports.audit import audit_text

    say(bold_headings(audit_text(report, by=by, top=top), on=colour(no_color)))


def _stop_on(report: Mapping[str, Any], causes: Collection[str]) -> None:
    """Exit 1 when a cause of `--fail-on` holds; a warning counts for `warning`, an error for both."""
    from focus_ai.cli.terminal import tell

    severities = [finding["severity"] for finding in report["findings"]]
    policy = report["policy"]
    held = {
        "showback": not report["verdict"]["showback"]["ready"],
        "chargeback": not report["verdict"]["chargeback"]["ready"],
        "error": "error" in severities,
        "warning": "error" in severities or "warning" in severities,
        "refused": policy is not None and policy["refused"]["events"] > 0,
    }
    if problems := [name for name in sorted(causes) if held[name]]:
        tell("focus-ai: --fail-on: " + ", ".join(problems))
        raise typer.Exit(1)
