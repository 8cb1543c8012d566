"""Shared cost that no export carries (licences, evaluation runs, platform teams), from a small CSV into rows."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from focus_ai.allocation.match import SHARED
from focus_ai.errors import InputError, nearest
from focus_ai.money import dec

COLUMNS = ("shared_cost", "provider", "amount", "currency", "month", "from", "through", "description", "category",
           "account", "sub_account", "invoice_id", "model")  # fmt: skip
_CATEGORIES = ("Purchase", "Usage", "Credit", "Tax", "Adjustment")
SOURCE = "shared-cost-csv"


def read_costs(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """FOCUS rows of the files, in file order. Raises `InputError` (file, row, value, expected)."""
    return [row for path in paths for row in _file(path)]


def _file(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            rows = list(reader)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("a file of shared cost cannot be read", where=str(path), value=str(error)) from error
    for name in reader.fieldnames or ():
        if name not in COLUMNS:
            raise InputError("a file of shared cost has an unknown column", where=path.name, value=name,
                             expected=nearest(name, COLUMNS))  # fmt: skip
    for number, row in enumerate(rows, 1):
        yield _row({k: v.strip() for k, v in row.items() if v and v.strip()}, f"{path.name}, row {number}", number)


def _row(row: Mapping[str, str], where: str, number: int) -> dict[str, Any]:
    for name in ("shared_cost", "provider", "amount"):
        if name not in row:
            raise InputError(f"a shared cost needs {name}", where=where)
    category = row.get("category", "Purchase")
    if category not in _CATEGORIES:
        raise InputError("the category is unknown", where=where, value=category,
                         expected=nearest(category, _CATEGORIES))  # fmt: skip
    try:
        amount = dec(row["amount"])
    except ValueError:
        raise InputError(
            "an amount is not readable", where=where, value=row["amount"], expected="such as 500.00"
        ) from None
    start, end = _span(row, where)
    month = date(start.year, start.month, 1)
    after = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    priced = category in ("Purchase", "Usage")
    if priced and (amount < 0 or amount != round(amount, 9)):
        raise InputError("the amount of a purchase or usage is negative or finer than nine places", where=where,
                         value=row["amount"], next_step="give money back as category Credit")  # fmt: skip
    name, provider = row["shared_cost"], row["provider"]
    account = row.get("account", "unspecified")
    key = json.dumps([dict(sorted(row.items())), number])
    facts = {
        "BilledCost": amount, "EffectiveCost": amount, "ListCost": amount, "ContractedCost": amount,
        "BillingAccountId": account, "BillingAccountName": account, "BillingAccountType": "Account",
        "BillingCurrency": row.get("currency", "USD"), "BillingPeriodStart": _at(month), "BillingPeriodEnd": _at(after),
        "ChargeCategory": category, "ChargeDescription": row.get("description", f"{provider} {name}"),
        "ChargeFrequency": {"Purchase": "Recurring", "Usage": "Usage-Based"}.get(category, "One-Time"),
        "ChargePeriodStart": _at(start), "ChargePeriodEnd": _at(end), "HostProviderName": provider,
        "InvoiceId": row.get("invoice_id"), "InvoiceIssuerName": provider, "ProviderName": provider,
        "PublisherName": provider, "ServiceProviderName": provider, "ServiceName": name,
        "ServiceCategory": "AI and Machine Learning", "ServiceSubcategory": "Other (AI and Machine Learning)",
        "SubAccountId": row.get("sub_account"), "SubAccountName": row.get("sub_account"),
        "SubAccountType": "Sub Account" if row.get("sub_account") else None,
        "PricingCurrency": row.get("currency", "USD"), "PricingCurrencyEffectiveCost": amount,
        "Tags": json.dumps({SHARED: name}, separators=(",", ":"), ensure_ascii=False),
        "x_CostBasis": "billed", "x_ModelId": row.get("model"), "x_OwnerStatus": "unattributed",
        "x_UnattributedReason": "shared_cost", "x_Source": SOURCE, "x_LineItem": row.get("description"),
        "x_ChargeId": hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()[:16],
    }  # fmt: skip
    if priced:
        facts |= {
            "PricingCategory": "Standard", "PricingQuantity": Decimal(1), "PricingUnit": "Charges",
            "ListUnitPrice": amount, "ContractedUnitPrice": amount, "PricingCurrencyListUnitPrice": amount,
            "PricingCurrencyContractedUnitPrice": amount, "SkuId": f"shared/{name}", "SkuPriceId": f"shared/{name}",
            "SkuMeter": "Charges", "x_QuantityBasis": "none",
        }  # fmt: skip
    if category == "Usage":
        facts |= {"ConsumedQuantity": Decimal(1), "ConsumedUnit": "Charges"}
    return facts


def _at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _span(row: Mapping[str, str], where: str) -> tuple[date, date]:
    try:
        if "month" in row:
            first = date.fromisoformat(f"{row['month']}-01")
            return first, date(first.year + first.month // 12, first.month % 12 + 1, 1)
        first, last = date.fromisoformat(row["from"]), date.fromisoformat(row["through"])
        if last >= first:
            return first, last + timedelta(days=1)
    except (KeyError, ValueError):
        pass
    raise InputError(
        "a shared cost needs its time", where=where, expected="month (YYYY-MM), or from and through"
    ) from None


def add_rows(rows: Sequence[Mapping[str, Any]], schema: Any, path: Path) -> None:
    """Write rows as Parquet with the columns of a data set; what the rows do not say is null."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = [pa.array([row.get(f.name) for row in rows], type=f.type) for f in schema]
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), path)
