"""The rate card as one more data set for `validate --rates`: every price that was ever valid, per model and meter.

The validation room knows no prices; this composing module hands them in as a table `rates` with the columns model,
meter, pricing_unit, currency and price. A price per million tokens is given per token too, because files of others
choose their unit.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from focus_ai.engine import Session
from focus_ai.engine.tables import create_table
from focus_ai.money import CTX
from focus_ai.pricing import snapshot
from focus_ai.pricing.card import RateCard
from focus_ai.pricing.rate_row import ANY, Rate
from focus_ai.settings import Settings
from focus_ai.validation.model import Column, Dataset

TABLE = "rate_card_prices"
_COLUMNS = {"model": "VARCHAR", "meter": "VARCHAR", "pricing_unit": "VARCHAR", "currency": "VARCHAR",
            "price": "DECIMAL(38, 18)"}  # fmt: skip


def rates(session: Session, settings: Settings) -> Dataset:
    """The prices of the shipped card and of the settings' own rate files as a data set in the session."""
    given = settings.rates
    card = RateCard.load(user_files=given.files, contracts=given.contracts, fx=given.fx[0] if given.fx else None)
    rows = {_key(row): row for rate in _rates(card) for row in _units(rate)}
    create_table(session, TABLE, _COLUMNS, list(rows.values()))
    relation = f"(SELECT *, 0 AS _file, row_number() OVER () AS _row FROM {TABLE})"
    columns = {
        name: Column(name, "decimal" if kind.startswith("DECIMAL") else "text", kind) for name, kind in _COLUMNS.items()
    }
    return Dataset(relation, columns, (card.card_id,), typed=True)


def _rates(card: RateCard) -> Iterator[Rate]:
    for listed in snapshot.list_names():
        for model in card.shipped_models(listed):
            yield from card.shipped_rows(listed, listed, model)
    yield from card.user_rates


def _units(rate: Rate) -> Iterator[dict[str, Any]]:
    """The price in its own unit and, for more than one unit at once, for a single one."""
    if rate.price is None or rate.model == ANY:
        return
    facts = {"model": rate.model, "meter": rate.meter, "currency": rate.currency}
    yield {**facts, "pricing_unit": rate.pricing_unit, "price": rate.price}
    if str(rate.unit_size).strip("0") == "1" and rate.unit_size > 1:
        single = rate.price.scaleb(1 - len(str(rate.unit_size)), CTX)
        yield {**facts, "pricing_unit": rate.unit, "price": single}


def _key(row: dict[str, Any]) -> tuple[str, str, str, str, Decimal]:
    return row["model"], row["meter"], row["pricing_unit"], row["currency"], row["price"]
