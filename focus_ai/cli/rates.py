"""`focus-ai rates`: which price applies, where it comes from, and the checks of a rate card."""

from __future__ import annotations

from typing import Any

import typer

app = typer.Typer(name="rates", help="Prices: what applies when, where it comes from.", rich_markup_mode=None)


@app.command("list")
def list_() -> None:
    """List the rates of a channel or a model."""


@app.command("check")
def check() -> None:
    """Check."""


def sku_facts(sku: str) -> list[dict[str, Any]]:
    return []


def sku_lines(name: str, rates: list[dict[str, Any]]) -> list[str]:
    return []


def card_facts() -> dict[str, Any]:
    return {"id": "none", "rates": 0, "days": None}
