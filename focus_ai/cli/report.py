"""`focus-ai report`: who spent what, against which budget, what moved it and what is waste."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from focus_ai.cli.options import ConfigOption, MemoryOption, NoColorOption, QuietOption, ThreadsOption
from focus_ai.errors import UsageError, nearest
from focus_ai.files import write_whole


class Shape(StrEnum):
    """How the report is written."""

    text = "text"
    json = "json"
    markdown = "markdown"
    csv = "csv"
    html = "html"


def report(
    dataset: Annotated[
        Path, typer.Argument(metavar="DATASET", help="A data set of focus-ai, or FOCUS rows as Parquet or CSV.")
    ],
    format_: Annotated[Shape, typer.Option("--format", help="Form of the report.")] = Shape.text,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write to a file instead of standard output.")
    ] = None,
    team: Annotated[str | None, typer.Option("--team", help="Only this team; Unattributed means none.")] = None,
    product: Annotated[str | None, typer.Option("--product", help="Only this product.")] = None,
    feature: Annotated[str | None, typer.Option("--feature", help="Only this feature.")] = None,
    environment: Annotated[str | None, typer.Option("--environment", help="Only this environment.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Only this model.")] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="First day or month, such as 2026-11-01.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last day or month, included.")] = None,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--compare",
            metavar="A B",
            help="Two periods: 2026-10 2026-11, or days such as 2026-11-01..2026-11-07; the last two weeks by default.",
        ),
    ] = None,
    budgets: Annotated[
        Path | None, typer.Option("--budgets", metavar="FILE", help="CSV: team, month, budget, currency.")
    ] = None,
    accounts: Annotated[
        list[Path] | None,
        typer.Option("--accounts", metavar="FILE", help="Chargeback accounts: their budgets; repeatable."),
    ] = None,
    denominator: Annotated[
        list[Path] | None,
        typer.Option("--denominator", metavar="FILE", help="CSV: date, unit, value, team, product; repeatable."),
    ] = None,
    audit: Annotated[
        Path | None,
        typer.Option("--audit", metavar="FILE", help="Report of focus-ai audit (JSON): tells the retry waste."),
    ] = None,
    currency: Annotated[
        str | None, typer.Option("--currency", help="Currency of the tables; the one with most money by default.")
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="Rows of a table.")] = 10,
    config: ConfigOption = None,
    fail: Annotated[
        list[str] | None, typer.Option("--fail-on", metavar="CAUSE", help="Exit 1 when there is an alert: alert, none.")
    ] = None,
    memory_limit: MemoryOption = None,
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    no_color: NoColorOption = False,
) -> None:
    """Show who spent what from FOCUS rows: trends, budgets, shared cost, waste, unit cost and what moved."""
    causes = _causes(fail or ())
    from focus_ai import api
    from focus_ai.cli.settings import effective
    from focus_ai.cli.terminal import say, tell

    settings = effective(config, accounts=accounts or ())
    given = {"team": team, "product": product, "feature": feature, "environment": environment, "model": model}
    found = api.report(
        dataset,
        settings=settings,
        filters={name: value for name, value in given.items() if value is not None},
        first=first,
        last=last,
        compare=compare,
        budgets=budgets,
        denominators=list(denominator or ()),
        audit=audit,
        currency=currency,
        memory_limit=memory_limit or settings.engine.memory_limit,
        threads=threads or settings.engine.threads,
    )
    text = _render(found, format_, top, bold=out is None and format_ is Shape.text, no_color=no_color)
    if out is None:
        say(text)
    else:
        _write(out, text)
        tell(f"report written to {out}", quiet=quiet)
    if "alert" in causes and found["alerts"]:
        tell(f"focus-ai: --fail-on: {len(found['alerts'])} alerts")
        raise typer.Exit(1)


def _causes(words: list[str] | tuple[str, ...]) -> frozenset[str]:
    known = {"alert", "none"}
    asked = {part.strip() for word in words for part in word.split(",") if part.strip()}
    for word in sorted(asked - known):
        raise UsageError(f"--fail-on does not know {word!r}", expected=nearest(word, known))
    return frozenset(asked - {"none"})


def _render(found: Mapping[str, Any], shape: Shape, top: int, *, bold: bool, no_color: bool) -> str:
    if shape is Shape.json:
        import json

        return json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    if shape is Shape.html:
        from focus_ai.reports.showback_html import showback_html

        return showback_html(found, top=top)
    if shape is Shape.csv:
        from focus_ai.reports.showback_csv import showback_csv

        return showback_csv(found)
    from focus_ai.reports.showback import showback_markdown, showback_text

    if shape is Shape.markdown:
        return showback_markdown(found, top=top)
    from focus_ai.cli.terminal import bold_headings, colour

    text = showback_text(found, top=top)
    return bold_headings(text, on=colour(no_color)) if bold else text


def _write(path: Path, text: str) -> None:
    try:
        write_whole(path, text)
    except OSError as error:
        raise UsageError("the report cannot be written", where=str(path), value=error.strerror) from None
