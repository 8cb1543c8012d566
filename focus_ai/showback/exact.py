"""Exact arithmetic of the report: sums are never rounded, quotients once, half-even."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from focus_ai.money import CTX, text

ZERO = Decimal(0)
_NINE = Decimal("0.000000001")


def less(value: Decimal, other: Decimal) -> Decimal:
    """The exact difference."""
    return CTX.subtract(value, other)


def shifted(value: Decimal, places: int) -> Decimal:
    """The value times a power of ten, exactly."""
    return CTX.scaleb(value, Decimal(places))


def ratio(top: Decimal | int, bottom: Decimal | int) -> Decimal | None:
    """A quotient with nine places; None when there is nothing to divide by."""
    return CTX.quantize(CTX.divide(Decimal(top), Decimal(bottom)), _NINE) if bottom else None


def plain(value: Any) -> Any:
    """The value with every Decimal as plain digits, through lists and dictionaries."""
    if isinstance(value, Decimal):
        return text(value)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value
