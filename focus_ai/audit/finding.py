"""What a finding is, and the exact numbers in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from focus_ai.money import share, text, total

ERROR, WARNING, INFO = "error", "warning", "info"
RANK = {ERROR: 0, WARNING: 1, INFO: 2}
ZERO = Decimal(0)


@dataclass(frozen=True)
class Finding:
    """One thing that a person should know, with its size.

    `cost` is money in the currency of the audit, None when it cannot be known; `cost_means` says what it is (spend
    concerned, wasted, overstated, possible error). `rows` are the largest parts, dearest first, as flat dictionaries.
    """

    id: str
    severity: str
    title: str
    why: str
    fix: str
    events: int
    tokens: int | None = None
    cost: Decimal | None = None
    cost_means: str | None = None
    rows: Sequence[Mapping[str, Any]] = field(default_factory=tuple)

    def document(self, total: Decimal) -> dict[str, Any]:
        """The finding for a JSON document; `share` is its part of the total money."""
        return {
            "id": self.id, "severity": self.severity, "title": self.title, "events": self.events,
            "tokens": self.tokens, "cost": None if self.cost is None else text(self.cost),
            "cost_means": self.cost_means,
            "share": None if self.cost is None else text(share(self.cost, total)),
            "why": self.why, "fix": self.fix, "rows": [plain(row) for row in self.rows],
        }  # fmt: skip


def total_of(rows: Iterable[Mapping[str, Any]], name: str) -> Decimal:
    """The exact sum of one fact of the rows."""
    return total(row[name] for row in rows)


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with every Decimal as plain digits."""
    return {name: text(value) if isinstance(value, Decimal) else value for name, value in row.items()}


def cut(rows: Sequence[Mapping[str, Any]], top: int) -> list[Mapping[str, Any]]:
    """The first rows."""
    return list(rows[:top])
