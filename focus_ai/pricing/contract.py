"""Negotiated prices: what a contract makes of a list price.

Order: a fixed `unit_price` wins; otherwise every `percent_off` and `multiplier` that fits is multiplied exactly and the
result is rounded once to nine places. Entries are dated and may be limited to a model, meter, condition or account.

What an entry says about conditions is taken at its word: a stated default (`service_tier: default`) means only the
default, `*` means any. About conditions that it does not name, a discount holds for all of them, as a share of each
list price; a fixed price is one amount and so, like a row of the card, the price of the default only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from focus_ai.errors import InputError, nearest
from focus_ai.meters import meters
from focus_ai.money import CTX
from focus_ai.pricing.rate_row import ANY, DEFAULTS, OPEN_KEYS, VARIANT_KEYS, Conditions, NoRate, Rate, stated_when
from focus_ai.pricing.tables import amount, channel, currency, moment, whole

KINDS = ("unit_price", "percent_off", "multiplier")
#: What an entry may be limited to; in a CSV file each of them is a column.
CONDITION_KEYS = (*DEFAULTS, *VARIANT_KEYS, "context_gt")
COLUMNS = (
    "contract_id", "channel", "provider", "model", "meter", *KINDS, "unit_size", "currency", "effective_from",
    "effective_to", *CONDITION_KEYS, "account_id", "note",
)  # fmt: skip
_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Contract:
    """One entry. `model` is exact, `prefix*` or `*`; `meter` a leaf meter or `*`; `account` None = every account.

    `unit_size` says what a `unit_price` is per (None = as the list price). `when` keeps stated defaults and `*`;
    `context_gt` is the context bound of the rows that are meant, 0 the lowest tier.
    """

    contract_id: str
    channel: str
    model: str
    meter: str
    kind: str
    value: Decimal
    currency: str | None = None
    unit_size: int | None = None
    effective_from: datetime | None = None
    effective_to: datetime | None = None
    when: tuple[tuple[str, str], ...] = ()
    account: str | None = None
    context_gt: int | None = None

    def fits(
        self, rate: Rate, names: Iterable[str], at: datetime, account: str | None, asked: Conditions | None = None
    ) -> bool:
        """Whether the entry speaks about this price for this account at this instant.

        `asked`: the conditions of the event, which a row that holds for any of them does not tell.
        """
        if self.channel not in (ANY, rate.channel) or self.meter not in (ANY, rate.meter):
            return False
        if self.account is not None and self.account != account:
            return False
        if (self.effective_from and at < self.effective_from) or (self.effective_to and at >= self.effective_to):
            return False
        if not self._means(rate, asked or Conditions()):
            return False
        if self.model.endswith(ANY):
            return any(name.startswith(self.model[:-1]) for name in names)
        return self.model in names

    def _means(self, rate: Rate, asked: Conditions) -> bool:
        stated, fixed = dict(self.when), self.kind == "unit_price"
        keys = {*stated, *((DEFAULTS.keys() | rate.conditions.keys()) - OPEN_KEYS if fixed else ())}
        for key in keys:
            want, have = stated.get(key, DEFAULTS.get(key)), rate.conditions.get(key, DEFAULTS.get(key))
            if have == ANY:
                have = asked.value(key) or DEFAULTS.get(key)
            if want not in (ANY, have):
                return False
        bound = 0 if fixed and self.context_gt is None else self.context_gt
        return bound is None or rate.context_gt == bound


@dataclass(frozen=True, slots=True)
class Agreed:
    """A unit price as it was agreed, per the unit of the list price; it is yet to be rounded."""

    price: Decimal
    currency: str
    contract_id: str = ""


def contracted(
    contracts: Sequence[Contract], rate: Rate, names: Iterable[str], at: datetime, account: str | None = None,
    asked: Conditions | None = None,
) -> Agreed | NoRate:  # fmt: skip
    """The contracted unit price; the list price when no entry fits. Only a fixed price may be in another currency."""
    if rate.price is None:
        return NoRate("empty_price", rate.sku_price_id)
    known = (rate.model, *names)
    fitting = [entry for entry in contracts if entry.fits(rate, known, at, account, asked)]
    fixed = [entry for entry in fitting if entry.kind == "unit_price"]
    if fixed:
        return _fixed(fixed, rate)
    price = rate.price
    for entry in fitting:
        share = entry.value if entry.kind == "multiplier" else CTX.divide(_HUNDRED - entry.value, _HUNDRED)
        price = CTX.multiply(price, share)
    return Agreed(price, rate.currency)


def _fixed(fixed: list[Contract], rate: Rate) -> Agreed | NoRate:
    best = max(_precision(entry) for entry in fixed)
    chosen = [entry for entry in fixed if _precision(entry) == best]
    amounts = {_amount(entry, rate) for entry in chosen}
    names = sorted(entry.contract_id for entry in chosen)
    if len(amounts) > 1:
        return NoRate("ambiguous", "contracts " + " and ".join(names))
    return Agreed(*amounts.pop(), names[0])


def _amount(entry: Contract, rate: Rate) -> tuple[Decimal, str]:
    """A fixed price per the unit of the list price, and its currency."""
    size = entry.unit_size or rate.unit_size
    price = CTX.divide(CTX.multiply(entry.value, Decimal(rate.unit_size)), Decimal(size))
    return price, entry.currency or rate.currency


def _precision(entry: Contract) -> tuple[int, int, int, int]:
    model = 0 if entry.model == ANY else len(entry.model) + (0 if entry.model.endswith(ANY) else 1000)
    named = sum(1 for _, value in entry.when if value != ANY) + int(entry.context_gt is not None)
    return (int(entry.account is not None), model, int(entry.meter != ANY), named)


def contract_of(row: dict[str, Any], where: str) -> Contract:
    """One entry of a contract file. Raises `InputError` with place, value and expectation."""
    stated = [kind for kind in KINDS if row.get(kind) not in (None, "")]
    if len(stated) != 1:
        raise InputError(
            "a contract entry needs one kind of price", where=where, value=stated, expected="one of " + ", ".join(KINDS)
        )
    kind = stated[0]
    value = amount(row[kind], f"{where}, {kind}")
    if kind == "percent_off" and value > _HUNDRED:
        raise InputError("a discount is above 100 percent", where=where, value=value, expected="0 to 100")
    meter = str(row.get("meter") or ANY)
    if meter != ANY and meter not in meters():
        raise InputError("the meter is unknown", where=where, value=meter, expected=nearest(meter, meters()))
    start, end = moment(row.get("effective_from"), where), moment(row.get("effective_to"), where)
    if start and end and end <= start:
        raise InputError("a contract entry ends before it starts", where=where, value=f"{start} to {end}")
    size = None if row.get("unit_size") in (None, "") else whole(row["unit_size"], f"{where}, unit_size")
    name = str(row.get("channel") or row.get("provider") or ANY)
    both = [str(row[key]) for key in ("channel", "provider") if row.get(key)]
    if len({word if word == ANY else channel(word).name for word in both}) > 1:
        raise InputError("channel and provider say two sellers", where=where, value=both, expected="one of the two")
    when, context_gt = _when(row.get("when") or {}, where)
    return Contract(
        str(row.get("contract_id") or where), name if name == ANY else channel(name).name,
        str(row.get("model") or ANY), meter, kind, value, currency(row.get("currency")),
        size, start, end, when,
        str(row["account_id"]) if row.get("account_id") else None, context_gt,
    )  # fmt: skip


def _when(said: Any, where: str) -> tuple[tuple[tuple[str, str], ...], int | None]:
    """The conditions of an entry, and its context bound."""
    if not isinstance(said, Mapping):
        raise InputError(
            "conditions must be named", where=where, value=said, expected="columns such as service_tier, or a mapping"
        )
    for key in said.keys() - set(CONDITION_KEYS):
        expected = ", ".join(CONDITION_KEYS)
        raise InputError("a negotiated price cannot depend on this", where=where, value=key, expected=expected)
    words = {str(key): str(value).strip() for key, value in said.items()}
    bound = words.pop("context_gt", "")
    if bound and not bound.isdecimal():
        raise InputError("context_gt is not a whole number", where=where, value=bound, expected="such as 272000, or 0")
    when = stated_when(words)
    if when.get("processing", ANY) not in ("realtime", "batch", ANY):
        raise InputError(
            "the processing is unknown", where=where, value=when["processing"], expected="realtime, batch or *"
        )
    return tuple(sorted(when.items())), int(bound) if bound else None
