"""Time-of-day windows: when in the week a price holds, in the clock of the price list's own time zone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from focus_ai.errors import InputError

_DAY = timedelta(days=1)
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\Z")
EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)


@dataclass(frozen=True, slots=True)
class Window:
    """`start` is inside, `end` outside; `end` at or before `start` means the next day. `days`: 1 = Monday.

    A window that passes midnight belongs to the day on which it starts. Example: 16:30 to 00:30 UTC.
    """

    start: str
    end: str
    zone: str = "UTC"
    days: tuple[int, ...] = EVERY_DAY
    name: str = ""

    def __post_init__(self) -> None:
        for clock in (self.start, self.end):
            if not _CLOCK.match(clock):
                raise InputError("a time window needs clock times", value=clock, expected="HH:MM, 00:00 to 23:59")
        if not self.days or not set(self.days) <= set(EVERY_DAY):
            raise InputError("a time window needs days", value=self.days, expected="numbers 1 (Monday) to 7")
        _zone(self.zone)

    @property
    def label(self) -> str:
        """The part of SkuPriceId that tells this window's price from others."""
        return self.name or f"{self.start.replace(':', '')}-{self.end.replace(':', '')}"

    def span(self, day: date) -> tuple[datetime, datetime] | None:
        """The window that starts on a local day, as UTC instants; None when that weekday has none."""
        if day.isoweekday() not in self.days:
            return None
        zone = _zone(self.zone)
        start = datetime.combine(day, time.fromisoformat(self.start), zone).astimezone(UTC)
        last = day if self.end > self.start else day + _DAY
        return start, datetime.combine(last, time.fromisoformat(self.end), zone).astimezone(UTC)

    def spans(self, first: datetime, last: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Every occurrence that touches the closed range from `first` to `last` (UTC)."""
        day = first.astimezone(_zone(self.zone)).date() - _DAY
        final = last.astimezone(_zone(self.zone)).date()
        while day <= final:
            span = self.span(day)
            if span and span[0] <= last and span[1] > first:
                yield span
            day += _DAY

    def holds(self, at: datetime) -> bool:
        """Whether an instant lies inside an occurrence."""
        return any(start <= at < end for start, end in self.spans(at, at))


@cache
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise InputError(
            "the time zone of a price window is unknown", value=name, expected="an IANA name such as Asia/Shanghai"
        ) from None
