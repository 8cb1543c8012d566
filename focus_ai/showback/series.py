"""Daily series: calendar days without gaps, moving averages, days that spend far more than usual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from focus_ai.money import total
from focus_ai.showback.exact import ZERO, ratio

WINDOW = 7
# A day is compared with the days before it only when there are at least so many.
HISTORY = 3
# What exceeds the average by less than this share of an average day of everything is noise.
NOISE = Decimal("0.05")


@dataclass(frozen=True)
class Point:
    """One day: its spend, and the average of it and the six days before (of as many as there are)."""

    day: date
    cost: Decimal
    average: Decimal


@dataclass(frozen=True)
class Spike:
    """A day that spent more than `factor` times the average of the seven days before it."""

    day: date
    cost: Decimal
    usual: Decimal


def calendar(first: date, last: date) -> list[date]:
    """Every day from the first to the last."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def points(costs: Mapping[date, Decimal], days: Sequence[date]) -> list[Point]:
    """The series of all days; a day without rows spent nothing."""
    values = [costs.get(day, ZERO) for day in days]
    found = []
    for number, day in enumerate(days):
        window = values[max(0, number - WINDOW + 1) : number + 1]
        found.append(Point(day, values[number], ratio(total(window), len(window)) or ZERO))
    return found


def spikes(costs: Mapping[date, Decimal], days: Sequence[date], factor: Decimal, floor: Decimal) -> list[Spike]:
    """Days above `factor` times the average of the (up to seven) days before, by more than `floor`."""
    values = [costs.get(day, ZERO) for day in days]
    found = []
    for number, day in enumerate(days):
        before = values[max(0, number - WINDOW) : number]
        if len(before) < HISTORY:
            continue
        usual = ratio(total(before), len(before)) or ZERO
        if values[number] > factor * usual and values[number] - usual > floor:
            found.append(Spike(day, values[number], usual))
    return found
