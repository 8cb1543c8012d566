"""Exchange rates: a dated table; the rate of a day is the last one on or before it, and is never inverted."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from focus_ai.errors import InputError
from focus_ai.money import CTX, text
from focus_ai.pricing.tables import amount

COLUMNS = ("date", "base", "quote", "rate", "source")
# Tables are kept by the day or by the month; after more than a month a rate was forgotten.
KEEPS = timedelta(days=35)
_PLACES = Decimal("1e-18")
_CODE = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class FxRate:
    """One unit of `base` costs `rate` units of `quote` from `day` on."""

    day: date
    base: str
    quote: str
    rate: Decimal
    source: str = ""
    where: str = ""

    def __str__(self) -> str:
        return f"{self.base}/{self.quote} {text(self.rate)} of {self.day.isoformat()} ({self.source})"

    def of_long_ago(self, day: date) -> bool:
        """Whether newer rates were to be expected on a day."""
        return day - self.day > KEEPS


class FxTable:
    """Rates by pair, sorted by day. Raises `InputError` when one pair has two rates on one day."""

    def __init__(self, rates: Iterable[FxRate]) -> None:
        self._pairs: dict[tuple[str, str], list[FxRate]] = {}
        for rate in sorted(rates, key=lambda r: (r.base, r.quote, r.day)):
            pair = self._pairs.setdefault((rate.base, rate.quote), [])
            if pair and pair[-1].day == rate.day:
                raise InputError(
                    "two exchange rates for one day", value=f"{rate.base}/{rate.quote} {rate.day}", where=rate.where
                )
            pair.append(rate)

    def find(self, base: str, quote: str, day: date) -> FxRate | None:
        """The rate in force on a day, or None; the inverse pair is another row and is not derived."""
        if base == quote:
            return FxRate(day, base, quote, Decimal(1), "same currency")
        pair = self._pairs.get((base, quote), [])
        position = bisect_right(pair, day, key=lambda rate: rate.day)
        return pair[position - 1] if position else None

    def days(self, base: str, quote: str) -> list[date]:
        """The days on which the rate of a pair changes, or is of long ago."""
        changes = [rate.day for rate in self._pairs.get((base, quote), [])]
        return [*changes, *(day + KEEPS + timedelta(days=1) for day in changes)]


def fx_of(row: dict[str, str], where: str) -> FxRate:
    """One row of an exchange-rate file: date, base, quote, rate, source."""
    try:
        day = date.fromisoformat(str(row.get("date") or "").strip())
    except ValueError:
        raise InputError("a date is not readable", where=where, value=row.get("date"), expected="YYYY-MM-DD") from None
    for key in ("base", "quote"):
        code = str(row.get(key) or "").strip()
        if not code:
            raise InputError(f"an exchange rate needs {key}", where=where, expected="a currency code such as EUR")
        if not _CODE.fullmatch(code):
            raise InputError(f"{key} is no currency code", where=where, value=code, expected="capitals, such as EUR")
    rate = amount(row.get("rate"), f"{where}, rate")
    if rate == 0:
        raise InputError("an exchange rate is zero", where=where, value=row.get("rate"))
    if rate != CTX.quantize(rate, _PLACES):
        raise InputError("an exchange rate has more than 18 decimals", where=where, value=row.get("rate"))
    source = str(row.get("source") or where.partition(": row ")[0])
    return FxRate(day, str(row["base"]).strip(), str(row["quote"]).strip(), rate, source, where)
