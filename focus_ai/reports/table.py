"""Plain text tables: left-aligned words, right-aligned counts, amounts aligned on the decimal point.

Amounts are decimal text and are shown exactly: grouped by thousands, padding zeros removed, at least two decimals.
A tiny cost is never shown as 0.00.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from focus_ai import money

Cell = str | int | Decimal | None


def amount(value: str | Decimal) -> str:
    """An exact amount for reading: `1,234.50`, `0.0000025`, `-3.00`."""
    plain = money.text(money.dec(value))
    sign, digits = ("-", plain[1:]) if plain.startswith("-") else ("", plain)
    whole, _, fraction = digits.partition(".")
    return f"{sign}{int(whole):,}.{fraction.ljust(2, '0')}"


def count(value: int) -> str:
    """A count grouped by thousands: `1,234`."""
    return f"{value:,}"


def table(header: Sequence[str], rows: Sequence[Sequence[Cell]], *, indent: int = 0) -> list[str]:
    """The lines of one table. Text cells align left, integers right, Decimals on their point; None is a dash."""
    columns = [_column(name, [row[i] for row in rows]) for i, name in enumerate(header)]
    return [(" " * indent + "  ".join(cells)).rstrip() for cells in zip(*columns, strict=True)]


def _column(name: str, values: Sequence[Cell]) -> list[str]:
    """Header and cells of one column, all of one width."""
    if any(isinstance(v, Decimal) for v in values):
        shown = _on_point([amount(v) if isinstance(v, Decimal) else "-" if v is None else str(v) for v in values])
    else:
        shown = [count(v) if isinstance(v, int) else "-" if v is None else str(v) for v in values]
    right = any(isinstance(v, (int, Decimal)) for v in values)
    width = max(map(len, [name, *shown]))
    return [text.rjust(width) if right else text.ljust(width) for text in [name, *shown]]


def _on_point(texts: Sequence[str]) -> list[str]:
    """Pad on the right so that decimal points meet once the column is right-aligned."""
    tail = max(len(text.partition(".")[2]) for text in texts)
    return [text + " " * (tail - len(text.partition(".")[2])) for text in texts]
