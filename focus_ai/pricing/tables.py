"""Small tables of the pricing room: channels and their price lists, units of a price, makers of models."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from focus_ai.errors import InputError
from focus_ai.meters import meters
from focus_ai.money import CTX, dec, round9
from focus_ai.resources import mappings


def prices_folder() -> Path:
    """`mappings/prices`: snapshot, overlay files and tables."""
    return mappings() / "prices"


class PlainFloat(str):
    """A YAML number with a decimal point that was not quoted; refused where an amount is asked for."""


def read_yaml(path: Path) -> Any:
    """YAML with floats kept as the text that was written (type `PlainFloat`) and dates as text.

    Raises `InputError` for text that is not YAML.
    """
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        """Safe loader without floats and dates."""

    Loader.add_constructor("tag:yaml.org,2002:float", lambda loader, node: PlainFloat(loader.construct_scalar(node)))
    Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: str(loader.construct_scalar(node)))
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader)
    except (yaml.YAMLError, ValueError) as error:  # a ValueError: no UTF-8, or a date that does not exist
        raise InputError("a price file is not readable YAML", where=str(path), value=str(error)) from None


def amount(value: object, where: str) -> Decimal:
    """An exact, non-negative amount. Raises `InputError` naming the place for floats, words and negative numbers."""
    if isinstance(value, PlainFloat):
        raise InputError("an amount must be quoted", where=where, value=str(value), expected=f'"{value}"')
    try:
        number = dec(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise InputError("an amount is not a number", where=where, value=value, expected="quoted digits") from None
    if number < 0:
        raise InputError("an amount is negative", where=where, value=value, expected="0 or more")
    return number


def whole(value: object, where: str) -> int:
    """A whole number above zero. Raises `InputError` naming the place."""
    text = str(value).strip()
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise InputError("a whole number is expected", where=where, value=value, expected="such as 1000000")
    return int(text)


def currency(value: object) -> str | None:
    """A currency as it is compared everywhere: `usd` is USD. Other words are credits, None is nothing."""
    text = str(value or "").strip()
    return (text.upper() if re.fullmatch(r"[A-Za-z]{3}", text) else text) or None


def moment(value: object, where: str) -> datetime | None:
    """A point in time: a date means midnight UTC, a stamp needs its offset. None or '' means open."""
    if value is None or value == "":
        return None
    text = str(value).strip()
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
        stamp = datetime.fromisoformat(text)
    except ValueError:
        stamp = None
    if stamp is None or stamp.tzinfo is None:
        raise InputError(
            "a date is not readable", where=where, value=value, expected="YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ"
        )
    return stamp.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Channel:
    """Who bills: its slug, and the price lists it sells by; later lists are used with an assumption.

    `own_names`: customers name their deployments, so that an unknown name may be one of theirs.
    """

    name: str
    lists: tuple[str, ...]
    own_names: bool = False


@cache
def _channel_table() -> tuple[dict[str, Channel], dict[str, str]]:
    data = read_yaml(prices_folder() / "channels.yaml")
    channels: dict[str, Channel] = {}
    aliases: dict[str, str] = {}
    for name, entry in data["channels"].items():
        channels[name] = Channel(name, tuple(entry.get("lists", [name])), bool(entry.get("own_names")))
        for alias in [name, *entry.get("aliases", [])]:
            aliases[_slug(alias)] = name
    return channels, aliases


def _slug(name: str) -> str:
    return re.sub(r"[\s._-]+", "_", name.strip().lower())


def channel(name: str | None) -> Channel:
    """The channel for any spelling of a provider; an unknown one becomes a channel without shipped prices."""
    channels, aliases = _channel_table()
    found = aliases.get(_slug(name or ""))
    if found:
        return channels[found]
    return _unlisted((name or "").strip().lower())


@cache
def _unlisted(name: str) -> Channel:
    """A seller outside the table: an imported list of its own name when there is one."""
    plain = [name, _slug(name).replace("_", "-")] if re.fullmatch(r"[a-z0-9 ._-]+", name) else []
    known = {path.stem for path in (prices_folder() / "genai-prices").glob("*.jsonl")}
    lists = [item for item in plain if item in known]
    return Channel(name, tuple(lists[:1]))


def known_channels() -> tuple[str, ...]:
    """The channels of the table, in order."""
    return tuple(sorted(_channel_table()[0]))


def pricing_unit(unit: str, size: int) -> str:
    """The text of a priced block: `1000000 Tokens`, `1000 Requests`, `Images`; seconds by 60 and 3600 have names."""
    if unit == "Seconds" and size in (60, 3600):
        return "Minutes" if size == 60 else "Hours"
    return unit if size == 1 else f"{size} {unit}"


def blocks_in_usual(meter: str, size: int) -> int:
    """How many blocks of a price make the usual one of its meter (1000 of "per 1000 tokens"); 1 for other sizes.

    Unit prices have nine decimals: of a price per token, or of a discount on it, they would lose digits.
    """
    entry = meters().get(meter)
    many, rest = divmod(entry.unit_size if entry else size, size)
    return many if not rest and str(many).strip("0") == "1" else 1


def published(price: Decimal, meter: str, size: int) -> Decimal:
    """A price per `size` units, rounded once to nine decimals of the usual block of its meter where that is larger."""
    many = Decimal(blocks_in_usual(meter, size))
    return CTX.divide(round9(CTX.multiply(price, many)), many)


@cache
def _makers() -> list[tuple[re.Pattern[str], str]]:
    data = read_yaml(prices_folder() / "makers.yaml")
    return [(re.compile(entry["pattern"]), str(entry["developer"])) for entry in data["makers"]]


@cache
def model_facts(model: str) -> tuple[str | None, str | None, str | None]:
    """Developer, family and version read off a canonical model id; None for what the id does not say."""
    name = model.lower().rsplit("/", 1)[-1]
    for pattern, developer in _makers():
        match = pattern.search(name)
        if match:
            parts = match.groupdict()
            version = (parts.get("version") or "").strip("-.").replace("-", ".") or None
            return developer, parts.get("family"), version
    return None, None, None
