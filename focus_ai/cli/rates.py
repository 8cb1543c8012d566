"""`focus-ai rates`: which price applies, where it comes from, and the checks of a rate card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from focus_ai.cli.options import ConfigOption, Format, FormatOption

if TYPE_CHECKING:
    from focus_ai.pricing import RateCard
    from focus_ai.settings import Settings

app = typer.Typer(name="rates", help="Prices: what applies when, where it comes from.", rich_markup_mode=None)

RatesOption = Annotated[
    list[Path] | None,
    typer.Option("--rates", metavar="FILE", help="Your own rates; repeatable, replaces the settings."),
]
AtOption = Annotated[
    str | None,
    typer.Option("--at", metavar="TIME", help="Day, or time (UTC without offset), such as 2026-11-18; now by default."),
]


@app.command("list")
def list_(
    channel: Annotated[
        str | None, typer.Option("--channel", metavar="NAME", help="Only what this channel sells.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", metavar="TEXT", help="Only model ids with this text.")] = None,
    meter: Annotated[str | None, typer.Option("--meter", metavar="NAME", help="Only this leaf meter.")] = None,
    at: AtOption = None,
    history: Annotated[bool, typer.Option("--history", help="Also rows that are not in force at that time.")] = False,
    rates: RatesOption = None,
    config: ConfigOption = None,
    format_: FormatOption = Format.text,
) -> None:
    """List the rates of a channel, a model or a meter."""
    from focus_ai.cli import rates_cmd

    card = _card(_settings(config, rates))
    when = None if history else rates_cmd.instant(at)
    rows = rates_cmd.list_rates(card, channel=channel, model=model, meter=meter, at=when)
    _show({"schema": "focus-ai/rates@1", "card": card.card_id, "rates": rows}, rates_cmd.list_lines(rows), format_)


@app.command("explain")
def explain(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="Who bills: openai, anthropic, azure ...")],
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Model name as your export writes it.")],
    meter: Annotated[str | None, typer.Argument(metavar="[METER]", help="One leaf meter; all without it.")] = None,
    at: AtOption = None,
    batch: Annotated[bool, typer.Option("--batch", help="The call was part of a batch.")] = False,
    tier: Annotated[str | None, typer.Option("--tier", metavar="WORD", help="Service tier of the response.")] = None,
    geo: Annotated[str | None, typer.Option("--geo", metavar="WORD", help="Where inference ran, such as us.")] = None,
    speed: Annotated[str | None, typer.Option("--speed", metavar="WORD", help="Speed, such as fast.")] = None,
    context: Annotated[int | None, typer.Option("--context", min=0, help="All input tokens of the request.")] = None,
    rates: RatesOption = None,
    config: ConfigOption = None,
    format_: FormatOption = Format.text,
) -> None:
    """Tell which price applies to a model at a time and under which conditions, and where it was read."""
    from focus_ai.cli import rates_cmd
    from focus_ai.pricing import Conditions

    conditions = Conditions.of(
        service_tier=tier, is_batch=batch or None, inference_geo=geo, speed=speed, context=context
    )
    settings, when = _settings(config, rates), rates_cmd.instant(at)
    account = settings.account(channel).id
    facts = rates_cmd.explain_rate(_card(settings), channel, model, when, conditions, meter, account)
    _show({"schema": "focus-ai/rate@1", **facts}, rates_cmd.explain_lines(facts), format_)


@app.command("check")
def check(rates: RatesOption = None, config: ConfigOption = None, format_: FormatOption = Format.text) -> None:
    """Check the rate card with your files over it: overlaps, gaps, prices to review. Errors end with exit code 1."""
    from focus_ai.cli import rates_cmd

    facts = rates_cmd.check_card(_card(_settings(config, rates)), rates_cmd.instant(None).date())
    _show({"schema": "focus-ai/rates-check@1", **facts}, rates_cmd.check_lines(facts), format_)
    if facts["errors"]:
        raise typer.Exit(1)


@app.command("refresh")
def refresh(
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Folder of the snapshot; the shipped one by default.")
    ] = None,
    format_: FormatOption = Format.text,
) -> None:
    """Write the shipped prices again from the installed genai-prices package (for maintainers)."""
    from focus_ai.cli import rates_cmd

    facts = rates_cmd.refresh_snapshot(rates_cmd.instant(None).date(), to)
    _show({"schema": "focus-ai/rates-refresh@1", **facts}, rates_cmd.refresh_lines(facts), format_)


def _settings(config: Path | None, rates: list[Path] | None) -> Settings:
    from focus_ai.cli.settings import effective

    return effective(config, rates=rates or ())


def _card(settings: Settings) -> RateCard:
    """The card that a conversion with these settings would use."""
    from focus_ai.cli.rates_cmd import card_of
    from focus_ai.errors import UsageError

    own = settings.rates
    files, contracts, fx = ([str(path) for path in paths] for paths in (own.files, own.contracts, own.fx))
    if len(fx) > 1:
        raise UsageError("one file of currency rates can be used at a time", value=", ".join(fx))
    return card_of(files, contracts, fx[0] if fx else None, settings.convert.billing_currency)


def _show(facts: dict[str, Any], lines: list[str], format_: Format) -> None:
    from focus_ai.cli.terminal import say, say_json

    if format_ is Format.json:
        say_json(facts)
    else:
        say("\n".join(lines))


def sku_facts(sku: str) -> dict[str, Any]:
    """What is known about `channel/model/meter`, or about all meters of `channel/model`, today."""
    from focus_ai.cli import rates_cmd
    from focus_ai.meters import meters
    from focus_ai.pricing import Conditions

    channel, _, rest = sku.partition("/")
    model, _, last = rest.rpartition("/")
    meter = last if model and last in meters() else None
    now, settings = rates_cmd.instant(None), _settings(None, None)
    account = settings.account(channel).id
    asked = model if meter else rest
    return rates_cmd.explain_rate(_card(settings), channel, asked, now, Conditions(), meter, account)


def card_facts() -> dict[str, Any]:
    """Name, number of models and age in days of the shipped prices."""
    from datetime import UTC, date, datetime

    from focus_ai.pricing import snapshot

    lists = [snapshot.price_list(name) for name in snapshot.list_names()]
    about = snapshot.header()
    age = datetime.now(UTC).date() - date.fromisoformat(about["checked_on"])
    models = sum(len(prices.models) for prices in lists if prices)
    return {"id": f"{about['name']}-{about['version']}", "models": models, "days": age.days}
