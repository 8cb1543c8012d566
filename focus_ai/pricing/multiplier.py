"""A user's multipliers: what a tier or region costs as a factor of the standard price.

A rate file may say "batch: 0.5" instead of a row for every model and meter. Such a factor makes list prices: rows under
its condition, made from the standard rows of the same model and meter. It is never a discount on a row that already
has that condition, or a batch price would be halved twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

from focus_ai.errors import InputError
from focus_ai.meters import meters
from focus_ai.money import CTX
from focus_ai.pricing.rate_row import ANY, MULTIPLIED, USER, USER_DERIVED, Rate, Source, normal_when, tiers_named

_LOW, _HIGH = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Multiplier:
    """Under `when`, a meter costs `factor` times its standard price. `meter` `*` means every kind of token."""

    channel: str
    model: str
    meter: str
    factor: Decimal
    when: tuple[tuple[str, str], ...]
    effective_from: datetime | None = None
    effective_to: datetime | None = None
    source: Source = field(default_factory=lambda: Source("user"))

    def covers(self, channel: str, names: Iterable[str]) -> bool:
        """Whether the factor speaks about a model of a channel."""
        if self.channel not in (ANY, channel):
            return False
        if self.model.endswith(ANY):
            return any(name.startswith(self.model[:-1]) for name in names)
        return self.model in names

    @property
    def precision(self) -> tuple[bool, bool, int, bool]:
        """The more precise of two factors is taken: exact model, longer prefix, named meter."""
        return (self.channel != ANY, not self.model.endswith(ANY), len(self.model), self.meter != ANY)

    @property
    def span(self) -> tuple[datetime, datetime]:
        """From when until when the factor holds."""
        return self.effective_from or _LOW, self.effective_to or _HIGH


def multiplied(rows: Sequence[Rate], factors: Sequence[Multiplier]) -> list[Rate]:
    """The rows that factors make of the standard rows of one meter of one model.

    Rows of a user stand above all shipped ones, rows made of them as well; a row that the user wrote for the same
    condition stands above those.
    """
    made: list[tuple[Rate, Rate]] = []
    for factor in sorted(factors, key=lambda f: (f.precision, f.source.name), reverse=True):
        when = dict(factor.when)
        for row in rows:
            if row.price is None or not _meant(factor, row) or not _is_standard(row, when):
                continue
            start, end = (row.effective_from or _LOW), (row.effective_to or _HIGH)
            start, end = max(start, factor.span[0]), min(end, factor.span[1])
            new = replace(
                row, price=CTX.multiply(row.price, factor.factor), when=normal_when({**row.conditions, **when}),
                effective_from=None if start == _LOW else start, effective_to=None if end == _HIGH else end,
                status="derived", review_by=None, source=factor.source,
                layer=USER_DERIVED if row.layer == USER else MULTIPLIED,
            )  # fmt: skip
            if start < end and not any(base is row and _meet(new, other) for base, other in made):
                made.append((row, new))
    return [new for _, new in made]


def _meant(factor: Multiplier, row: Rate) -> bool:
    if factor.meter != ANY:
        return factor.meter == row.meter
    entry = meters().get(row.meter)
    return entry is not None and entry.consumed_unit == "Tokens"


def _is_standard(row: Rate, when: dict[str, str]) -> bool:
    """Whether a row states the price that a factor under `when` is a factor of."""
    if tiers_named(when) and tiers_named(row.conditions):
        return False
    return all(row.conditions.get(key, ANY) == ANY for key in when)


def _meet(one: Rate, other: Rate) -> bool:
    """Whether two rows speak about the same conditions at the same time."""
    starts, ends = (one.effective_from or _LOW, other.effective_from or _LOW), (one.effective_to, other.effective_to)
    return one.key == other.key and max(starts) < min(end or _HIGH for end in ends)


def refuse_overlaps(factors: Iterable[Multiplier]) -> None:
    """Raise `InputError` when two factors say different things about one condition at one instant."""
    groups: dict[tuple[object, ...], list[Multiplier]] = {}
    for factor in factors:
        groups.setdefault((factor.channel, factor.model, factor.meter, factor.when), []).append(factor)
    for group in groups.values():
        group.sort(key=lambda f: f.span)
        for first, second in pairwise(group):
            if first.span[1] > second.span[0] and first.factor != second.factor:
                raise InputError(
                    "two multipliers hold for the same thing at the same time",
                    where=f"{first.source.name}, {second.source.name}",
                    value=f"{first.channel}/{first.model}/{first.meter} {dict(first.when)}",
                    expected="effective_to of the older row (exclusive) at or before effective_from of the newer one",
                )
