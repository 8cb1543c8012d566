"""Curated prices: `mappings/prices/<list>.yaml`, and the same form for rate files that a user writes in YAML.

An entry states prices with the page they were read on; `derived` rules state multipliers, which become rows of status
`derived`; `covers` says for which models the text price holds for other modalities. Shape: `schemas/rates.schema.json`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from focus_ai.errors import InputError, nearest
from focus_ai.meters import meters
from focus_ai.money import CTX, round9
from focus_ai.pricing.aliases import Alias, alias_of
from focus_ai.pricing.files import check_shape
from focus_ai.pricing.rate_row import ANY, DERIVED, OVERLAY, TIER_KEYS, USER, Rate, Source, normal_when, tiers_named
from focus_ai.pricing.tables import amount, currency, moment, prices_folder, pricing_unit, published, read_yaml
from focus_ai.pricing.window import EVERY_DAY, Window

_OTHER_FILES = {"aliases", "channels", "makers"}


@dataclass(frozen=True)
class DerivedRule:
    """Rows under `when` cost `factor` times the rows without it, for the named meters and models.

    A factor of one tier holds for the standard price: nothing says what two tiers together cost.
    """

    when: tuple[tuple[str, str], ...]
    factor: Decimal
    meters: tuple[str, ...]
    models: re.Pattern[str]
    only_where_published: bool
    source: Source


@dataclass(frozen=True)
class Cover:
    """For these models the price of the wider meter (input, cache_read, output) holds for these meters too."""

    models: re.Pattern[str]
    meters: frozenset[str]


@dataclass
class Overlay:
    """One curated or user-written file."""

    rows: list[Rate] = field(default_factory=list)
    replaces: frozenset[str] = frozenset()
    derived: list[DerivedRule] = field(default_factory=list)
    covers: list[Cover] = field(default_factory=list)
    aliases: list[Alias] = field(default_factory=list)


@cache
def shipped(name: str) -> Overlay:
    """The curated file of a price list; empty when there is none."""
    # The name may come from an export: it never becomes a path unless it is known.
    known = {path.stem: path for path in prices_folder().glob("*.yaml") if path.stem not in _OTHER_FILES}
    return read_overlay(known[name], OVERLAY) if name in known else Overlay()


def read_overlay(path: Path, layer: int, channel: str = "") -> Overlay:
    """Read one file. Raises `InputError` with file, entry, value and what was expected."""
    data = read_yaml(path)
    if layer == USER:  # the shipped files are checked by the tests
        check_shape(data, "rates", path.name)
    windows = data.get("windows") or {}
    overlay = Overlay(replaces=frozenset(map(str, data.get("replaces") or ())))
    for number, entry in enumerate(data.get("entries") or [], 1):
        where = f"{path.name}: entry {number}"
        overlay.rows += _entry(entry, windows, where, layer, str(data.get("list") or channel))
    for number, entry in enumerate(data.get("derived") or [], 1):
        overlay.derived.append(_derived(entry, f"{path.name}: derived {number}"))
    for entry in data.get("covers") or []:
        overlay.covers.append(Cover(_pattern(entry["models"], path.name), frozenset(entry["meters"])))
    for number, entry in enumerate(data.get("aliases") or [], 1):
        overlay.aliases.append(alias_of(entry, f"{path.name}: alias {number}"))
    return overlay


def _entry(entry: Any, windows: dict[str, Any], where: str, layer: int, channel: str) -> Iterator[Rate]:
    status = str(entry.get("status") or ("user" if layer == USER else "verified"))
    if status in ("promo", "announced") and not entry.get("review_by"):
        raise InputError("promo and announced prices need review_by", where=where)
    if layer == OVERLAY and not (entry.get("url") and entry.get("checked_on")):
        raise InputError("a curated price needs url and checked_on", where=where)
    source = Source(
        where.partition(":")[0], url=str(entry.get("url") or ""), checked_on=str(entry.get("checked_on") or ""),
        note=str(entry.get("note") or ""),
    )  # fmt: skip
    start, end = moment(entry.get("from"), where), moment(entry.get("to"), where)
    if start and end and end <= start:
        raise InputError("a price ends before it starts", where=where, value=f"{start} to {end}")
    review = date.fromisoformat(str(entry["review_by"])) if entry.get("review_by") else None
    named = entry.get("window")
    if named and named not in windows:
        known = nearest(str(named), windows) if windows else "a window that the file describes under `windows`"
        raise InputError("the time window is unknown", where=where, value=named, expected=known)
    spans = [_window(span, str(named)) for span in windows[named]] if named else [None]
    when = normal_when({str(k): str(v) for k, v in (entry.get("when") or {}).items()})
    for model in entry.get("models") or [entry["model"]]:
        for meter, price in entry["prices"].items():
            table = meters()
            if meter not in table:
                hint = nearest(str(meter), table)
                raise InputError("the meter is unknown", where=where, value=meter, expected=hint)
            size = int(entry.get("unit_size") or table[meter].unit_size)
            unit = table[meter].consumed_unit
            exact = None if price is None or price == "" else published(amount(price, f"{where}, {meter}"), meter, size)
            for window in spans:
                yield Rate(
                    str(entry.get("channel") or channel), str(model), str(meter), exact,
                    currency(entry.get("currency")) or "USD", unit, size, pricing_unit(unit, size), start, end,
                    when, int(entry.get("context_gt") or 0), window, status, review, source, layer,
                    tuple(map(str, entry.get("assumes") or ())),
                )  # fmt: skip


def _window(span: dict[str, Any], name: str) -> Window:
    days = tuple(int(day) for day in span.get("days") or EVERY_DAY)
    mark = str(span.get("mark") or name)
    return Window(str(span["start"]), str(span["end"]), str(span.get("zone") or "UTC"), days, mark)


def _derived(entry: dict[str, Any], where: str) -> DerivedRule:
    source = Source(where.partition(":")[0], url=str(entry["url"]), checked_on=str(entry["checked_on"]))
    return DerivedRule(
        normal_when({str(k): str(v) for k, v in entry["when"].items()}),
        amount(entry["factor"], where),
        tuple(entry["meters"]),
        _pattern(str(entry.get("models") or ""), where),
        bool(entry.get("only_where_published")),
        source,
    )


def _pattern(text: str, where: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise InputError("a pattern is no regular expression", where=where, value=text, expected=str(error)) from None


def derive(rows: list[Rate], rules: list[DerivedRule]) -> list[Rate]:
    """The rows of one model with the rows which the rules add. Published rows stand; a derived row ends where a
    published row of the same conditions and meter begins."""
    whole = list(rows)
    for rule in rules:
        published = [row for row in rows if set(rule.when) <= set(row.when)]
        keys = {key for key, _ in rule.when}
        for row in list(whole):
            if row.meter not in rule.meters or row.price is None or not rule.models.search(row.model):
                continue
            if keys & row.conditions.keys() or row.model.endswith(ANY):
                continue
            if keys & TIER_KEYS and tiers_named(row.conditions):
                continue
            when = normal_when({**row.conditions, **dict(rule.when)})
            rivals = [other for other in published if other.meter == row.meter and other.when == when]
            if rule.only_where_published and not any(other.meter == row.meter for other in published):
                continue
            end = _earliest(row.effective_to, rivals)
            if end is not None and end <= (row.effective_from or datetime.min.replace(tzinfo=UTC)):
                continue
            price = round9(CTX.multiply(row.price, rule.factor))
            whole.append(
                replace(
                    row, price=price, when=when, effective_to=end, status="derived", layer=DERIVED, source=rule.source
                )
            )
    return whole


def _earliest(end: datetime | None, rivals: list[Rate]) -> datetime | None:
    if not rivals:
        return end
    starts = [row.effective_from or datetime.min.replace(tzinfo=UTC) for row in rivals]
    first = min(starts)
    return first if end is None or first < end else end
