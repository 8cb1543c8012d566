"""`focus-ai reconcile`: rated charges against what the provider billed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from focus_ai.cli.options import (
    AccountOption,
    ConfigOption,
    Focus,
    Format,
    FormatOption,
    MappingOption,
    MemoryOption,
    NoColorOption,
    OwnerMapOption,
    QuietOption,
    RatesOption,
    ThreadsOption,
    pairs,
)
from focus_ai.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from focus_ai.reconcile.causes import Limits
    from focus_ai.settings import Settings


class Measure(StrEnum):
    """Cost column that is compared."""

    billed = "billed"
    effective = "effective"


class Close(StrEnum):
    """How a period is brought to its bill."""

    by_split = "split"
    by_adjustment = "adjust"
    by_scaling = "scale"


class FailOn(StrEnum):
    """What makes the run end with exit code 1."""

    breach = "breach"
    warn = "warn"
    unexplained = "unexplained"
    never = "never"


def reconcile(
    rated: Annotated[
        list[str] | None,
        typer.Option("--rated", metavar="INPUT", help="Data set, FOCUS file, usage export or log; repeatable."),
    ] = None,
    billed: Annotated[
        list[str] | None,
        typer.Option("--billed", metavar="INPUT", help="Cost export, FOCUS file, bill as CSV or YAML; repeatable."),
    ] = None,
    usage: Annotated[
        list[str] | None,
        typer.Option(
            "--usage",
            metavar="INPUT",
            help="Where there is no bill: usage export of the provider, for a log that saw part of it; repeatable.",
        ),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="NAME",
            help="Compare by: day or month, channel, account, sub_account, model, meter, tier; all by default.",
        ),
    ] = None,
    tolerance: Annotated[
        str,
        typer.Option(
            "--tolerance", metavar="RULE", help="bucket, invoice, strict, or ABSOLUTE,WARN,BREACH in numbers."
        ),
    ] = "bucket",
    measure: Annotated[
        Measure | None, typer.Option("--measure", help="Cost column of both sides; chosen per file by default.")
    ] = None,
    period: Annotated[
        str | None, typer.Option("--period", metavar="DAYS", help="Compare these days only: 2026-11 or FIRST..LAST.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Folder for reconcile.json and buckets.parquet."),
    ] = None,
    close: Annotated[
        Close | None,
        typer.Option(
            "--close",
            help="Write rows that sum to the bill: split the bill, adjust the rated rows, or scale their costs.",
        ),
    ] = None,
    close_out: Annotated[
        Path | None, typer.Option("--close-out", metavar="DIR", help="Folder of the closed data set.")
    ] = None,
    invoiced: Annotated[
        list[str] | None,
        typer.Option("--invoiced", metavar="YYYY-MM", help="Month that was invoiced: changes become Correction rows."),
    ] = None,
    focus: Annotated[
        Focus | None, typer.Option("--focus", help="FOCUS version of the closed data set; 1.3 by default.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="TIME", help="Age of buckets is counted to here; now by default.")
    ] = None,
    top: Annotated[int, typer.Option("--top", min=0, help="Buckets listed in the report; 0 lists all.")] = 20,
    fail: Annotated[FailOn, typer.Option("--fail-on", help="What ends with exit code 1.")] = FailOn.breach,
    adapter: Annotated[
        str | None, typer.Option("--adapter", metavar="ID", help="Read raw inputs as this export.")
    ] = None,
    mapping: MappingOption = None,
    config: ConfigOption = None,
    rates: RatesOption = None,
    owner_map: OwnerMapOption = None,
    account: AccountOption = None,
    memory_limit: MemoryOption = None,
    threads: ThreadsOption = None,
    format_: FormatOption = Format.text,
    quiet: QuietOption = False,
    no_color: NoColorOption = False,
) -> None:
    """Compare rated charges with the bill: differences, their causes, and a period closed to the bill.

    --usage lays a log beside what the provider counted instead: --close split gives the owners of the log to it.
    """
    if (close is None) != (close_out is None):
        raise UsageError("--close and --close-out belong together", next_step="name the folder of the closed data set")
    from focus_ai import api
    from focus_ai.cli.mapping_check import finished
    from focus_ai.cli.progress import Progress
    from focus_ai.cli.settings import effective

    settings = effective(
        config, rates=rates or (), owner_map=owner_map or (), account=pairs("--account", account or ()),
        flags={"convert.focus": focus and focus.value},
    )  # fmt: skip
    rule, limits = _tolerance(tolerance, settings)
    with Progress(quiet=quiet or format_ is Format.json) as progress:
        report = api.reconcile(
            list(rated or ()),
            list(billed or ()),
            usage=list(usage or ()),
            settings=settings,
            out=out,
            by=list(by or ()),
            rule=rule,
            limits=limits,
            measure=None if measure is None else {"billed": "BilledCost", "effective": "EffectiveCost"}[measure],
            period=period,
            as_of=_instant(as_of),
            listed=top,
            close=None if close is None else close.value,
            close_out=close_out,
            invoiced=list(invoiced or ()),
            adapter=adapter,
            mapping=finished(mapping or ()),
            memory_limit=memory_limit or settings.engine.memory_limit,
            threads=threads or settings.engine.threads,
            progress=progress,
        )
    _show(report, format_, no_color=no_color)
    if problem := found(report, fail):
        from focus_ai.cli.terminal import tell

        tell(f"focus-ai: --fail-on {fail.value}: {problem}")
        raise typer.Exit(1)


def _tolerance(word: str, settings: Settings) -> tuple[str, Limits | None]:
    """The rule and, where numbers are given, the limits."""
    if word in ("bucket", "invoice", "strict"):
        return word, None
    from focus_ai.money import dec
    from focus_ai.reconcile_run import limits_of

    try:
        numbers = [dec(part) for part in word.split(",")]
        if len(numbers) not in (1, 3) or min(numbers) < 0 or max(numbers[1:], default=dec(0)) >= 1000:
            raise ValueError
    except ValueError:
        raise UsageError(
            "--tolerance is not understood", value=word,
            expected="bucket, invoice, strict, or numbers such as 0.05 or 0.01,0.01,0.02 (absolute, warn, breach)",
        ) from None  # fmt: skip
    held = limits_of(settings)
    if len(numbers) == 1:
        return "bucket", replace(held, absolute=numbers[0])
    return "bucket", replace(held, absolute=numbers[0], warn=numbers[1], breach=numbers[2])


def _instant(word: str | None) -> datetime | None:
    if word is None:
        return None
    from datetime import UTC, datetime

    try:
        read = datetime.fromisoformat(word.replace("Z", "+00:00"))
    except ValueError:
        raise UsageError(
            "--as-of is not a time", value=word, expected="such as 2026-11-22 or 2026-11-22T08:00Z"
        ) from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def found(report: Mapping[str, Any], fail: FailOn) -> str | None:
    """Why the run fails, or None."""
    statuses = report["statuses"]
    if fail is FailOn.never:
        return None
    if fail is FailOn.unexplained:
        open_ = [t for t in report["totals"] if t["unexplained_outside"]]
        return f"{sum(t['unexplained_outside'] for t in open_):,} buckets not explained" if open_ else None
    if fail is FailOn.warn and statuses["warn"]:
        return f"{statuses['warn']:,} buckets above the warning limit"
    if report["passed"]:
        return None
    names = ("breach", "missing_in_billed", "missing_in_rated", "unpriced")
    counts = [f"{statuses[s]:,} {s}" for s in names if statuses[s]]
    return f"outside tolerance ({report['tolerance']['rule']}): " + (", ".join(counts) or "invoice total")


def _show(report: Mapping[str, Any], format_: Format, *, no_color: bool) -> None:
    from focus_ai.cli.terminal import bold_headings, colour, say, say_json

    if format_ is Format.json:
        say_json(dict(report))
        return
    from focus_ai.reports.reconcile import reconcile_text

    say(bold_headings(reconcile_text(report), on=colour(no_color)))
