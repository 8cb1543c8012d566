"""The shipped snapshot of imported prices: one JSON Lines file per price list, one line per model.

Line: {"id", "match": clause, "rows": [{"p": {meter: price | [price, [gt, price]...]}, "f", "t", "w", "win"}],
"noise": [meters], "url"}. Prices are text per the pricing unit of the meter; "f" and "t" are UTC dates; "win" is
[start, end] in UTC. A model whose "rows" is empty is known without an amount. Written by `refresh.py` only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from focus_ai.meters import meters
from focus_ai.money import dec
from focus_ai.pricing.aliases import equal_ids
from focus_ai.pricing.rate_row import SNAPSHOT, Rate, Source, normal_when
from focus_ai.pricing.tables import moment, prices_folder, pricing_unit
from focus_ai.pricing.window import Window

#: Meters whose imported amount is per another block than the meter table says: unit size.
IMPORTED_SIZES = {"audio_seconds": 3600}


@cache
def header() -> dict[str, Any]:
    """Name, version, licence and digest of the imported source."""
    path = prices_folder() / "genai-prices" / "source.json"
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


@dataclass
class PriceList:
    """The models of one imported list, rows made on demand."""

    name: str
    models: dict[str, dict[str, Any]]

    @cached_property
    def equals(self) -> dict[str, str]:
        """Other ids that the list names as equal to a model."""
        table: dict[str, str] = {}
        for model, line in self.models.items():
            for other in equal_ids(line["match"]):
                table.setdefault(other, model)
        return table

    def rates(self, channel: str, model: str) -> list[Rate]:
        """The rows of one model under the name of a channel."""
        line = self.models.get(model)
        return list(_rates(channel, model, line)) if line else []


@cache
def price_list(name: str) -> PriceList | None:
    """One list, or None when the snapshot has none of that name."""
    if name not in list_names():  # the name may come from an export: it never becomes a path unless it is known
        return None
    path = prices_folder() / "genai-prices" / f"{name}.jsonl"
    lines = (json.loads(text) for text in path.read_text(encoding="utf-8").splitlines())
    return PriceList(name, {line["id"]: line for line in lines})


def list_names() -> list[str]:
    """The names of the imported lists."""
    return sorted(path.stem for path in (prices_folder() / "genai-prices").glob("*.jsonl"))


def _rates(channel: str, model: str, line: dict[str, Any]) -> Iterator[Rate]:
    about = header()
    source = Source(about["name"], about["version"], line.get("url", ""), about["checked_on"], about["sha256"])
    table, noise = meters(), set(line.get("noise", ()))
    for row in line["rows"]:
        start, end = moment(row.get("f"), model), moment(row.get("t"), model)
        window = Window(*row["win"]) if "win" in row else None
        when = normal_when(row.get("w", {}))
        for meter, price in row["p"].items():
            size = IMPORTED_SIZES.get(meter, table[meter].unit_size)
            unit = table[meter].consumed_unit
            tiers: list[Any] = [[0, price]] if isinstance(price, str) else [[0, price[0]], *price[1:]]
            for context_gt, text in tiers:
                yield Rate(
                    channel, model, meter, dec(text), "USD", unit, size, pricing_unit(unit, size), start, end, when,
                    context_gt, window, "imported", None, source, SNAPSHOT,
                    ("price_rounded_9",) if meter in noise else (),
                )  # fmt: skip
