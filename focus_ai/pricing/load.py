"""Reading a user's own files over the shipped card: rates (CSV or YAML), contracts, exchange rates.

Rates in CSV have one row per meter (`cost_rates.csv`) or, in the wide form, one column per meter, which is unpivoted.
Rows of kind `contracted` are negotiated prices: they change the contracted price of what they fit. So are rows of kind
`multiplier` for any tier or the standard one; a multiplier for another tier or a region makes list prices of its own.
Every complaint names file, row, value and what was expected.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations, pairwise
from pathlib import Path

from focus_ai.errors import InputError, nearest
from focus_ai.meters import meters
from focus_ai.pricing import multiplier
from focus_ai.pricing.aliases import Alias
from focus_ai.pricing.card import RateCard
from focus_ai.pricing.contract import COLUMNS, CONDITION_KEYS, Contract, contract_of
from focus_ai.pricing.files import check_shape, csv_rows, no_misspelling, only
from focus_ai.pricing.fx import COLUMNS as FX_COLUMNS
from focus_ai.pricing.fx import FxTable, fx_of
from focus_ai.pricing.multiplier import Multiplier
from focus_ai.pricing.overlay import read_overlay
from focus_ai.pricing.rate_row import ANY, USER, Rate, Source, normal_when, tiers_named
from focus_ai.pricing.tables import amount, channel, currency, moment, pricing_unit, published, read_yaml

#: Meter names of the generic event contract -> leaf meters.
METER_NAMES = {
    "input_uncached": "input", "input_tokens": "input", "cached_input": "cache_read", "input_cache_read": "cache_read",
    "input_cache_read_audio": "cache_read_audio", "input_cache_read_image": "cache_read_image",
    "input_cache_write_5m": "cache_write_5m", "input_cache_write_30m": "cache_write_30m",
    "input_cache_write_1h": "cache_write_1h", "input_cache_write_12h": "cache_write_12h",
    "input_cache_write_other": "cache_write", "input_cache_write": "cache_write", "output_text": "output",
    "output_tokens": "output", "input_tool_use": "input", "code_interpreter": "code_execution",
    "request": "request_fee", "requests": "request_fee",
    "fixed_request_fee": "request_fee", "fixed_request_fees": "request_fee",
}  # fmt: skip
_UNITS = {
    "tokens": "Tokens", "calls": None, "requests": "Requests", "images": "Images", "seconds": "Seconds",
    "characters": "Characters", "pages": "Pages", "hours": "Hours", "sessions": "Sessions",
    "token-hours": "Token-Hours",
}  # fmt: skip
_WIDE = re.compile(r"(?P<meter>[a-z0-9_]+?)(_tokens?)?(_price|_rate|_cost)?(_usd)?(_per_(?P<size>[a-z0-9_]+))?\Z")
_SIZES = {
    "1m": 1_000_000, "1m_tokens": 1_000_000, "million": 1_000_000, "million_tokens": 1_000_000, "mtok": 1_000_000,
    "1k": 1000, "1k_tokens": 1000, "thousand": 1000, "token": 1, "request": 1, "call": 1, "1000_requests": 1000,
}  # fmt: skip
_LONG = {"provider", "model", "meter", "price"}
_RATE_COLUMNS = _LONG | {
    "region", "service_tier", "unit", "unit_size", "currency", "effective_from", "effective_to", "rate_card_id",
    "price_kind", "source_note",
}  # fmt: skip
_KINDS = ("list", "contracted", "multiplier", "fixed_request_fee")


def load(
    user_files: Sequence[str | Path],
    contract_files: Sequence[str | Path],
    fx_file: str | Path | None = None,
    billing_currency: str | None = None,
) -> RateCard:
    """Build a card. User rows of one key must not overlap in time."""
    card = RateCard(billing_currency=billing_currency)
    places: list[str] = []  # the file of each contract entry
    for name in user_files:
        path = _existing(name, card, "rates")
        if path.suffix.lower() in (".yaml", ".yml"):
            own = read_overlay(path, USER)
            card.user_rates += [replace(row, channel=_channel(row.channel, path.name)) for row in own.rows]
            card.user_aliases += own.aliases
        else:
            rates, contracts, factors = read_rate_csv(path)
            card.user_rates += rates
            card.contracts += contracts
            places += [path.name] * len(contracts)
            card.multipliers += factors
    refuse_overlaps(card.user_rates)
    refuse_two_meanings(card.user_aliases)
    multiplier.refuse_overlaps(card.multipliers)
    for name in contract_files:
        contracts = read_contracts(path := _existing(name, card, "contracts"))
        card.contracts += contracts
        places += [path.name] * len(contracts)
    refuse_repeated(zip(places, card.contracts, strict=True))
    if fx_file is not None:
        path = _existing(fx_file, card, "fx")
        card.fx = FxTable(fx_of(row, f"{path.name}: row {n}") for n, row in csv_rows(path, only(FX_COLUMNS)))
    return card


def read_contracts(path: Path) -> list[Contract]:
    """Contract entries from YAML (`contracts: [...]`) or CSV."""
    if path.suffix.lower() in (".yaml", ".yml"):
        data = read_yaml(path)
        check_shape(data, "contracts", path.name, but=["when"])
        entries = data["contracts"]
        return [contract_of(entry, f"{path.name}: entry {n}") for n, entry in enumerate(entries, 1)]
    return [
        contract_of({"when": {key: row[key] for key in CONDITION_KEYS if row.get(key)}, **row}, f"{path.name}: row {n}")
        for n, row in csv_rows(path, only(COLUMNS))
    ]


def read_rate_csv(path: Path) -> tuple[list[Rate], list[Contract], list[Multiplier]]:
    """Rates, negotiated prices and multipliers of one CSV file, long or wide."""
    rates: list[Rate] = []
    contracts: list[Contract] = []
    factors: list[Multiplier] = []
    for number, row in csv_rows(path, no_misspelling(_RATE_COLUMNS)):
        where = f"{path.name}: row {number}"
        for flat in [row] if row.keys() >= _LONG else _unpivot(row, where):
            made = _rate(flat, where, path.name)
            if isinstance(made, Contract):
                contracts.append(made)
            elif isinstance(made, Multiplier):
                factors.append(made)
            else:
                rates.append(made)
    return rates, contracts, factors


def _rate(row: dict[str, str], where: str, file: str) -> Rate | Contract | Multiplier:
    kind = (row.get("price_kind") or "list").strip()
    if kind not in _KINDS:
        raise InputError("the price_kind is unknown", where=where, value=kind, expected=", ".join(_KINDS))
    named = row["meter"].strip()
    meter = "request_fee" if kind == "fixed_request_fee" else METER_NAMES.get(named, named)
    table = meters()
    if meter not in table and not (kind == "multiplier" and meter == ANY):
        known = {*table, *METER_NAMES}
        raise InputError("the meter is unknown", where=where, value=named, expected=nearest(named, known))
    start, end = moment(row.get("effective_from"), where), moment(row.get("effective_to"), where)
    if start and end and end <= start:
        raise InputError("a price ends before it starts", where=where, value=f"{start} to {end}")
    price = None if not row["price"].strip() else amount(row["price"], f"{where}, price")
    if price is None and kind != "list":
        raise InputError("an amount is missing", where=where, expected="digits")
    seller, model = _channel(row["provider"], where), row["model"].strip() or ANY
    source = Source(file, row.get("rate_card_id") or "", note=row.get("source_note") or "")
    if kind == "multiplier" and price is not None:
        for_what = _price_of(row)
        if for_what:
            return Multiplier(seller, model, meter, price, tuple(sorted(for_what.items())), start, end, source)
    if kind == "contracted" or kind == "multiplier":
        value = {"unit_price": row["price"], "currency": row.get("currency"), "unit_size": _size(row, meter, where)}
        if kind == "multiplier":
            value = {"multiplier": row["price"]}
        return contract_of(
            {
                "contract_id": row.get("rate_card_id") or where, "provider": seller, "model": model, "meter": meter,
                "effective_from": row.get("effective_from"), "effective_to": row.get("effective_to"),
                "when": _conditions(row), **value,
            },
            where,
        )  # fmt: skip
    unit, size = table[meter].consumed_unit, _size(row, meter, where)
    said = (row.get("unit") or "").strip().lower()
    if said and said not in _UNITS:
        raise InputError("the unit is unknown", where=where, value=said, expected=", ".join(_UNITS))
    if said and _UNITS[said] not in (unit, None):
        raise InputError("the unit does not fit the meter", where=where, value=said, expected=unit)
    exact = None if price is None else published(price, meter, size)
    return Rate(
        seller, model, meter, exact, currency(row.get("currency")) or "USD", unit, size,
        pricing_unit(unit, size), start, end, normal_when(_conditions(row)), 0, None, "user", None, source, USER,
    )  # fmt: skip


def _size(row: dict[str, str], meter: str, where: str) -> int:
    said = (row.get("unit_size") or "").strip()
    if said:
        if not said.isdigit() or int(said) == 0:
            raise InputError("unit_size is not a whole number", where=where, value=said, expected="such as 1000000")
        return int(said)
    if meter == "request_fee":
        return 1
    raise InputError(
        "it is not said what the price is per", where=where, value=row.get("price"),
        expected="a unit_size column (1000000 for per-million prices) or a header such as input_price_per_1m",
    )  # fmt: skip


def _conditions(row: dict[str, str]) -> dict[str, str]:
    """`*`, or an absent tier, means any tier, processing and speed; `batch` is a way of processing.

    What a row says is kept in full: for a negotiated price `standard` is a limit, for a list price it is the default.
    """
    tier = (row.get("service_tier") or ANY).strip().lower()
    if tier == ANY:
        said = {"service_tier": ANY, "processing": ANY}
    elif tier == "batch":
        said = {"service_tier": ANY, "processing": "batch"}
    else:
        standard = tier in ("standard", "default", "on_demand")
        said = {"service_tier": "default" if standard else tier, "processing": "realtime"}
    region = (row.get("region") or ANY).strip().lower()
    return {"geo": ANY, "speed": ANY, **said, **({} if region == ANY else {"region": region})}


def _price_of(row: dict[str, str]) -> dict[str, str]:
    """The tier or region whose price a multiplier states; empty for a factor on prices as they are."""
    said = _conditions(row)
    place = {"region": said["region"]} if "region" in said else {}
    tier = {key: said[key] for key in ("processing", "service_tier")}
    if not tiers_named(tier):
        return place
    return {**tier, **place} if normal_when(tier) or place else {}


def _unpivot(row: dict[str, str], where: str) -> Iterator[dict[str, str]]:
    found = False
    for header, value in row.items():
        match = _WIDE.match(header)
        if not match or not value.strip() or header in ("provider", "model", "region", "service_tier"):
            continue
        meter = match["meter"]
        leaf = METER_NAMES.get(meter, meter)
        size = match["size"]
        if leaf not in meters() and size:
            known = {*meters(), *METER_NAMES}
            raise InputError("the meter is unknown", where=where, value=header, expected=nearest(meter, known))
        if leaf not in meters():
            continue
        if size and size not in _SIZES:
            raise InputError("the header says an unknown block", where=where, value=header, expected=", ".join(_SIZES))
        found = True
        flat = {**row, "meter": leaf, "price": value}
        if leaf == "request_fee":
            flat["unit_size"] = str(_SIZES[size] if size else 1)
        elif size:
            flat["unit_size"] = str(_SIZES[size])
        yield flat
    if not found:
        missing = sorted(_LONG - row.keys())
        raise InputError(
            "a price column is missing: " + ", ".join(missing) if len(missing) < len(_LONG) else
            "no price column was recognised", where=where, value=", ".join(row),
            expected="columns provider, model, meter, price, or price columns such as input_price_per_1m",
        )  # fmt: skip


def refuse_overlaps(rates: Iterable[Rate]) -> None:
    """Raise `InputError` when two rows say different things about one key at one instant."""
    groups: dict[tuple[object, ...], list[Rate]] = {}
    for rate in rates:
        groups.setdefault(rate.key, []).append(rate)
    low = datetime.min.replace(tzinfo=UTC)
    for rows in groups.values():
        rows.sort(key=lambda r: r.effective_from or low)
        for first, second in pairwise(rows):
            if first.effective_to is None or first.effective_to > (second.effective_from or low):
                raise InputError(
                    "two rows price the same thing at the same time",
                    where=f"{first.source.name}, {second.source.name}",
                    value=f"{first.sku_price_id} from {first.effective_from} and from {second.effective_from}",
                    expected="effective_to of the older row (exclusive) at or before effective_from of the newer one",
                )  # fmt: skip


def refuse_two_meanings(aliases: Iterable[Alias]) -> None:
    """Raise `InputError` when one name means two models at one instant: which one would be for the order to say."""
    low, high = (edge.replace(tzinfo=UTC) for edge in (datetime.min, datetime.max))
    groups: dict[tuple[str, str], list[Alias]] = {}
    for alias in aliases:
        groups.setdefault((alias.channel, alias.alias), []).append(alias)
    for one, other in (pair for group in groups.values() for pair in combinations(group, 2)):
        starts = max(one.effective_from or low, other.effective_from or low)
        ends = min(one.effective_to or high, other.effective_to or high)
        if one.model != other.model and starts < ends:
            raise InputError(
                "an alias means two models at the same time", where=f"{one.source}, {other.source}",
                value=f"{one.alias} of {one.channel}: {' and '.join(sorted((one.model, other.model)))}",
                expected="effective_to of the older one (exclusive) at or before effective_from of the newer one",
            )  # fmt: skip


def refuse_repeated(contracts: Iterable[tuple[str, Contract]]) -> None:
    """Raise `InputError` for an entry that stands there twice: its discount would be taken twice."""
    seen: dict[Contract, str] = {}
    for place, entry in contracts:
        if entry in seen and entry.kind != "unit_price":
            raise InputError(
                "a discount stands there twice", where=f"{seen[entry]}, {place}",
                value=f"{entry.contract_id}: {entry.kind} {entry.value} for {entry.model} at {entry.channel}",
                expected="each entry once; discounts of different contracts need their own contract_id",
            )  # fmt: skip
        seen[entry] = place


def _channel(name: str, where: str) -> str:
    if not name.strip():
        raise InputError("a rate needs a provider", where=where, expected="a provider such as openai, or *")
    return ANY if name.strip() == ANY else channel(name).name


def _existing(name: str | Path, card: RateCard, kind: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise InputError("a price file is missing", where=str(path))
    card.files.append((kind, path.name, hashlib.sha256(path.read_bytes()).hexdigest()))
    return path
