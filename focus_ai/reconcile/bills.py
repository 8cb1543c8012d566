"""Invoices and manual totals as a small CSV or YAML table (schema `focus-ai/reconcile-bill@1`) become billed lines."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from focus_ai.engine import Session
from focus_ai.errors import InputError, nearest
from focus_ai.money import CTX, dec, round9
from focus_ai.reconcile.lines import Meter, add_lines

COLUMNS = ("channel", "amount", "currency", "day", "month", "from", "through", "category", "account", "sub_account",
           "model", "meter", "tier", "quantity", "invoice_id")  # fmt: skip
_CATEGORIES = ("Usage", "Purchase", "Credit", "Tax", "Adjustment")


def is_bill(header: Sequence[str]) -> bool:
    """Whether a CSV header is that of a bill table."""
    names = set(header)
    return {"channel", "amount"} <= names <= set(COLUMNS)


def read_bill(path: Path, meters: Mapping[str, Meter]) -> list[dict[str, Any]]:
    """The lines of one file. Raises `InputError` (file, row, value, expected)."""
    entries = _yaml(path) if path.suffix.lower() in (".yaml", ".yml") else _csv(path)
    return [_line(entry, where, meters) for where, entry in entries]


def _yaml(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    import yaml

    from focus_ai.resources import load_yaml

    try:
        held = load_yaml(path)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError("the bill cannot be read", where=path.name, value=str(error).split("\n")[0]) from error
    entries = held.get("bill") if isinstance(held, dict) else None
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise InputError("this is no bill", where=path.name, expected="a list of lines under `bill`")
    for number, entry in enumerate(entries, 1):
        yield f"{path.name}, line {number} of bill", {str(k): v for k, v in entry.items()}


def _csv(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            for number, row in enumerate(csv.DictReader(stream), 1):
                yield f"{path.name}, row {number}", {str(k): v for k, v in row.items() if v not in (None, "")}
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("the bill cannot be read", where=path.name, value=str(error)) from error


def _line(entry: Mapping[str, Any], where: str, meters: Mapping[str, Meter]) -> dict[str, Any]:
    for name in entry:
        if name not in COLUMNS:
            raise InputError("the bill has an unknown column", where=where, value=name, expected=nearest(name, COLUMNS))
    for name in ("channel", "amount"):
        if entry.get(name) in (None, ""):
            raise InputError(f"a line of the bill needs {name}", where=where)
    category = str(entry.get("category") or "Usage")
    if category not in _CATEGORIES:
        raise InputError(
            "the category is unknown", where=where, value=category, expected=nearest(category, _CATEGORIES)
        )
    start, end = _span(entry, where)
    amount = _number(entry["amount"], f"{where}, amount")
    meter = meters.get(str(entry["meter"])) if entry.get("meter") else None
    if entry.get("meter") and meter is None:
        raise InputError("the meter is unknown", where=where, value=entry["meter"],
                         expected=nearest(str(entry["meter"]), meters))  # fmt: skip
    quantity = None
    if entry.get("quantity") not in (None, ""):
        if meter is None:
            raise InputError("a quantity needs its meter", where=where, value=entry["quantity"])
        quantity = CTX.divide(_number(entry["quantity"], f"{where}, quantity"), Decimal(meter.size))
    places = next((n for n in (2, 4, 6, 9) if amount == round(amount, n)), 18)
    return {
        "day_from": start, "day_to": end, "currency": str(entry.get("currency") or "USD"),
        "channel": str(entry["channel"]).lower(), "account": _text(entry, "account"),
        "sub_account": _text(entry, "sub_account"), "model": _text(entry, "model"),
        "meter": meter.name if meter else None, "tier": _text(entry, "tier"), "marks": None, "kind": category.lower(),
        "unit": meter.block if meter and quantity is not None else None, "price": None,
        "invoice": _text(entry, "invoice_id"), "quantity": quantity, "cost": amount, "lines": 1,
        "unattributed": Decimal(0), "places": places,
    }  # fmt: skip


def _text(entry: Mapping[str, Any], name: str) -> str | None:
    value = entry.get(name)
    return None if value in (None, "") else str(value)


def _number(value: Any, where: str) -> Decimal:
    try:
        return dec(value)
    except (TypeError, ValueError):
        raise InputError(
            "an amount is not readable", where=where, value=value, expected="digits such as 1234.56"
        ) from None


def _span(entry: Mapping[str, Any], where: str) -> tuple[date, date]:
    """First day and day after the last one."""
    try:
        if entry.get("month"):
            first = date.fromisoformat(f"{entry['month']}-01")
            return first, date(first.year + first.month // 12, first.month % 12 + 1, 1)
        if entry.get("day"):
            first = date.fromisoformat(str(entry["day"]))
            return first, first + timedelta(days=1)
        if entry.get("from") and entry.get("through"):
            first, last = (date.fromisoformat(str(entry[name])) for name in ("from", "through"))
            if last >= first:
                return first, last + timedelta(days=1)
    except ValueError:
        pass
    raise InputError(
        "a line of the bill needs its time", where=where,
        value=", ".join(f"{k} {entry[k]}" for k in ("day", "month", "from", "through") if entry.get(k)) or None,
        expected="day, month (YYYY-MM), or from and through (both inclusive)",
    )  # fmt: skip


def as_rows(
    lines: Sequence[Mapping[str, Any]], sellers: Mapping[str, Mapping[str, str]], seen: Counter[str]
) -> list[dict[str, Any]]:
    """The lines as FOCUS rows, for a period that is closed to this bill. `sellers`: names by channel.

    `seen` counts equal lines over all bills, so that each has an id of its own wherever it stands.
    """
    rows = []
    for line in lines:
        said = str(sorted(map(str, line.items())))
        rows.append(_focus_row(line, sellers.get(line["channel"], {}), f"{said}{seen[said]}"))
        seen[said] += 1
    return rows


def _focus_row(line: Mapping[str, Any], seller: Mapping[str, str], key: str) -> dict[str, Any]:
    from hashlib import md5

    name, amount, kind = seller.get("name", line["channel"]), line["cost"], str(line["kind"]).capitalize()
    start, end = (datetime(d.year, d.month, d.day, tzinfo=UTC) for d in (line["day_from"], line["day_to"]))
    month = start.replace(day=1)
    after = month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)
    account = line["account"] or "unspecified"
    sku = "/".join(p for p in (line["channel"], line["model"], line["meter"] or "unspecified") if p)
    row = {
        "BillingAccountId": account, "BillingAccountName": account,
        "BillingAccountType": seller.get("account", "Account"),
        "BillingCurrency": line["currency"], "BillingPeriodStart": month, "BillingPeriodEnd": after,
        "ChargeCategory": kind, "ChargeDescription": f"{name} {line['model'] or ''} bill".replace("  ", " "),
        "ChargeFrequency": "Usage-Based" if kind == "Usage" else "One-Time", "ChargePeriodStart": start,
        "ChargePeriodEnd": end, "HostProviderName": seller.get("host", name), "InvoiceId": line["invoice"],
        "InvoiceIssuerName": name, "ProviderName": name, "PublisherName": name, "ServiceProviderName": name,
        "ServiceName": seller.get("service", name), "ServiceCategory": "AI and Machine Learning",
        "ServiceSubcategory": "Generative AI", "SubAccountId": line["sub_account"],
        "SubAccountName": line["sub_account"], "PricingCurrency": line["currency"], "Tags": "{}",
        "SubAccountType": seller.get("sub_account", "Sub Account") if line["sub_account"] else None,
        "PricingCurrencyEffectiveCost": amount, "ListCost": amount, "ContractedCost": amount, "EffectiveCost": amount,
        "BilledCost": amount, "x_CostBasis": "billed", "x_ModelId": line["model"], "x_TokenType": line["meter"],
        "x_ProcessingTier": line["tier"], "x_OwnerStatus": "unattributed", "x_UnattributedReason": "no_evidence",
        "x_Source": "reconcile-bill",
        "x_ChargeId": md5(key.encode(), usedforsecurity=False).hexdigest()[:16],
    }  # fmt: skip
    if kind not in ("Usage", "Purchase"):
        return row
    counted = line["quantity"] is not None and line["quantity"] > 0 and amount >= 0
    quantity = round(line["quantity"], 9) if counted else Decimal(-1 if amount < 0 else 1)
    price = round9(CTX.divide(abs(amount), abs(quantity)))
    cost = CTX.multiply(price, quantity)
    row |= {
        "PricingCategory": "Standard", "PricingQuantity": quantity,
        "PricingUnit": line["unit"] if counted else "Charges",
        "SkuId": sku, "SkuPriceId": sku, "SkuMeter": "Charges", "ListCost": cost, "ContractedCost": cost,
        "x_QuantityBasis": "billed" if counted else "none",
        **dict.fromkeys(("ListUnitPrice", "ContractedUnitPrice", "PricingCurrencyListUnitPrice",
                         "PricingCurrencyContractedUnitPrice"), price),
    }  # fmt: skip
    if kind == "Usage":
        size, _, base = str(line["unit"] or "").partition(" ")
        row["ConsumedQuantity"] = quantity * int(size) if counted and size.isdigit() else quantity
        row["ConsumedUnit"] = (base or size) if counted else "Charges"
    return row


def append(session: Session, side: str, lines: Sequence[Mapping[str, Any]]) -> None:
    """Add the lines to the facts of a side."""
    import pyarrow as pa

    if not lines:
        return
    kinds = {
        "day_from": pa.date32(), "day_to": pa.date32(), "price": pa.decimal128(18, 9),
        "quantity": pa.decimal128(38, 9), "cost": pa.decimal128(38, 18), "unattributed": pa.decimal128(38, 18),
        "lines": pa.int64(), "places": pa.int32(), "unpriced": pa.bool_(),
    }  # fmt: skip
    data = {n: pa.array([line.get(n) for line in lines], type=kinds.get(n, pa.string())) for n in lines[0]}
    data["unpriced"] = pa.array([bool(line.get("unpriced")) for line in lines])
    session.connection.register("incoming_bill", pa.table(data))
    add_lines(session, side, "incoming_bill")
    session.connection.unregister("incoming_bill")
