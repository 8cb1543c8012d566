"""Leaf meters: what can be priced, with its SKU text, units and token properties.

The one table is `schemas/meters.yaml`; adapters (billed meter names), pricing (units) and the row builder read it here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from focus_ai import resources
from focus_ai.errors import UsageError, nearest

TOKEN_COLUMNS = {
    "input": "x_InputTokens",
    "cache_read": "x_CacheReadTokens",
    "cache_write": "x_CacheWriteTokens",
    "output": "x_OutputTokens",
}


@dataclass(frozen=True, slots=True)
class Meter:
    """One leaf meter. `unit_size` consumed units make one pricing unit; `fields` are neutral record fields to add up.

    `fields` is empty for meters that come from `other_meters`. `column` is the x_ column that counts the tokens of the
    row, None for other meters. `part_of` takes the quantity where a price list does not price this meter apart.
    """

    name: str
    sku_meter: str
    direction: str | None
    cache_action: str | None
    consumed_unit: str
    pricing_unit: str
    unit_size: int
    token_type: str
    ttl: str | None
    fields: tuple[str, ...]
    column: str | None
    part_of: str | None

    @property
    def is_token(self) -> bool:
        """Whether the meter counts tokens of a call."""
        return self.consumed_unit == "Tokens"


@cache
def meters() -> dict[str, Meter]:
    """All leaf meters by name, in the order of the table."""
    table = resources.load_yaml(resources.schemas() / "meters.yaml")["meters"]
    return {
        name: Meter(
            name=name,
            sku_meter=entry["sku_meter"],
            direction=entry["direction"],
            cache_action=entry["cache_action"],
            consumed_unit=entry["consumed_unit"],
            pricing_unit=entry["pricing_unit"],
            unit_size=entry["unit_size"],
            token_type=entry["token_type"],
            ttl=entry["ttl"],
            fields=tuple(entry["fields"]),
            column=TOKEN_COLUMNS.get(entry["column"]),
            part_of=entry["part_of"],
        )
        for name, entry in table.items()
    }


def meter(name: str) -> Meter:
    """The meter of that name. Raises `UsageError` with the nearest names."""
    try:
        return meters()[name]
    except KeyError:
        raise UsageError(f"unknown meter {name!r}", value=name, expected=nearest(name, meters())) from None


def meter_of_field() -> dict[str, str]:
    """Neutral token field -> the leaf meter that it adds to."""
    return {field: m.name for m in meters().values() for field in m.fields}


def fold(names: Iterable[str], priced: Iterable[str]) -> dict[str, str]:
    """Meter -> the meter whose row it joins: itself when priced, else the nearest priced wider meter, else itself."""
    known, result = set(priced), {}
    for name in names:
        target: str | None = name
        while target is not None and target not in known:
            target = meter(target).part_of
        result[name] = target or name
    return result
