"""`focus-ai audit`: is this log ready for showback and chargeback, and what in it costs money for nothing?"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from focus_ai.cli.options import ConfigOption, Format, FormatOption, NoColorOption, QuietOption, pairs
from focus_ai.errors import UsageError, nearest

CAUSES = ("showback", "chargeback", "error", "warning", "refused", "none")


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
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="Files, folders, globs, object store URLs or - for stdin.")
    ],
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
    adapter: Annotated[
        str | None, typer.Option("--adapter", metavar="ID", help="Read every input as this export.")
    ] = None,
    mapping: Annotated[
        list[Path] | None, typer.Option("--mapping", metavar="FILE", help="Your own mapping file; repeatable.")
    ] = None,
    config: ConfigOption = None,
    rates: Annotated[
        list[Path] | None, typer.Option("--rates", metavar="FILE", help="Your own rates; repeatable.")
    ] = None,
    owner_map: Annotated[
        list[Path] | None, typer.Option("--owner-map", metavar="FILE", help="Who owns which key, project or workspace.")
    ] = None,
    accounts: Annotated[
        list[Path] | None, typer.Option("--accounts", metavar="FILE", help="Chargeback accounts: cost centre, budget.")
    ] = None,
    account: Annotated[
        list[str] | None,
        typer.Option("--account", metavar="CHANNEL=ID", help="Billing account of a channel; repeatable."),
    ] = None,
    fail: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-on",
            metavar="CAUSE",
            help="Exit 1 when not ready for showback or chargeback, on a finding of error or warning, or on refused.",
        ),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes that read inputs.")] = 1,
    memory_limit: Annotated[
        str | None, typer.Option("--memory-limit", metavar="SIZE", help="Memory of the engine, such as 400MB.")
    ] = None,
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="Threads of the engine.")] = None,
    format_: FormatOption = Format.text,
    quiet: QuietOption = False,
    no_color: NoColorOption = False,
) -> None:
    """Say whether a log is ready for showback and chargeback, what is waste, and who spent what."""
    causes = _causes(fail or ())
    if "refused" in causes and policy is None:
        raise UsageError("--fail-on refused needs --policy FILE")
    from focus_ai import api
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
            mapping=list(mapping or ()),
            settings=settings,
            jobs=jobs,
            memory_limit=memory_limit or settings.engine.memory_limit,
            threads=threads or settings.engine.threads,
            progress=progress,
        )
    _show(report, format_, shown, top, no_color=no_color)
    _stop_on(report, causes)


def _causes(words: Collection[str]) -> frozenset[str]:
    asked = [part.strip() for word in words for part in word.split(",") if part.strip()]
    for word in asked:
        if word not in CAUSES:
            raise UsageError(f"--fail-on does not know {word!r}", expected=nearest(word, CAUSES))
    if "none" in asked and len(set(asked)) > 1:
        raise UsageError("--fail-on none cannot be combined with other causes", value=", ".join(asked))
    return frozenset(asked) - {"none"}


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
