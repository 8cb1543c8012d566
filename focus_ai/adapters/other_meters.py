"""Paid things that are no tokens (`meters` of a mapping): a list of meter and quantity for each record."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from typing import Any

from focus_ai.adapters import expression
from focus_ai.adapters.mapping import Mapping
from focus_ai.adapters.paths import describe
from focus_ai.adapters.scope import Scope
from focus_ai.engine import literal
from focus_ai.errors import UsageError

# Decimals that a quantity in `other_meters` keeps.
METER_PLACES = 9


def counted(scope: Scope, mapping: Mapping) -> list[tuple[str, str]]:
    """SQL of the name and of the quantity of each meter. Raises `UsageError` for a meter that is there twice."""
    found = [_one(scope, entry) for entry in mapping.meters]
    names = [name for name, _ in found]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise UsageError(
            "a mapping counts one meter twice, which would be two charges", where=str(mapping.path), value=repeated,
            expected="one quantity for each meter: {sum: [a, b]}",
        )  # fmt: skip
    return found


def listed(meters: list[tuple[str, str]]) -> str:
    """SQL of the list of those that a record has; NULL where it has none."""
    # Most records have none of them, and then there is no list to make.
    any_of_them = f"coalesce({', '.join(quantity for _, quantity in meters)}) IS NOT NULL"
    structs = ", ".join(f"{{'meter': {meter}, 'quantity': {quantity}}}" for meter, quantity in meters)
    return (
        f"CASE WHEN {any_of_them} THEN list_filter([{structs}], lambda m: m.quantity > 0 AND m.meter IS NOT NULL) END"
    )


def _one(scope: Scope, entry: MappingType[str, Any]) -> tuple[str, str]:
    name = entry["meter"]
    meter = literal(name) if isinstance(name, str) else expression.as_text(scope, name)
    quantity = f"CAST({expression.as_decimal(scope, entry['quantity'], places=METER_PLACES)} AS DECIMAL(38, 9))"
    scope.problem(f"{quantity} < 0", f"negative:{describe(entry['quantity'])}")
    if "when" in entry:
        quantity = f"CASE WHEN {expression.condition(scope, entry['when'])} THEN {quantity} END"
    return meter, quantity
