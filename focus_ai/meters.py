"""Leaf meters: what can be priced, with its SKU text, units and token properties.

The one table is `schemas/meters.yaml`; adapters (fields), pricing (units) and the row builder read it here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from focus_ai import resources

#: `column` of the table -> the column of a row that counts its tokens.
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
