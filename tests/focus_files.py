"""A small synthetic FOCUS 1.2 CostAndUsage data set and writers of it in every form that `validate` reads.

All cells are text, as in a CSV file; None is no value. Every value is invented and made to satisfy the specification.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

Row = dict[str, str | None]

NUMBERS = (
    "BilledCost", "ConsumedQuantity", "ContractedCost", "ContractedUnitPrice", "EffectiveCost", "ListCost", "ListUnitPrice",
    "PricingQuantity",
)  # fmt: skip
INSTANTS = ("BillingPeriodEnd", "BillingPeriodStart", "ChargePeriodEnd", "ChargePeriodStart")


def row(day: int = 1, quantity: int = 1000, price: str = "0.000002", **changes: str | None) -> Row:
    """One usage row of FOCUS 1.2: `quantity` tokens at `price`, on a day of November 2026."""
    cost = format(Decimal(price) * quantity, "f")
    made: Row = {
        "BilledCost": cost, "BillingAccountId": "000123456789", "BillingAccountName": "Example Org",
        "BillingAccountType": "Organization", "BillingCurrency": "USD", "BillingPeriodEnd": "2026-12-01T00:00:00Z",
        "BillingPeriodStart": "2026-11-01T00:00:00Z", "ChargeCategory": "Usage", "ChargeClass": None,
        "ChargeDescription": "input tokens, example model", "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": f"2026-11-{day + 1:02d}T00:00:00Z", "ChargePeriodStart": f"2026-11-{day:02d}T00:00:00Z",
        "ConsumedQuantity": str(quantity), "ConsumedUnit": "Tokens", "ContractedCost": cost,
        "ContractedUnitPrice": price, "EffectiveCost": cost, "InvoiceIssuerName": "Example AI", "ListCost": cost,
        "ListUnitPrice": price, "PricingCategory": "Standard", "PricingCurrency": "USD",
        "PricingQuantity": str(quantity), "PricingUnit": "Tokens", "ProviderName": "Example AI",
        "PublisherName": "Example AI", "ServiceCategory": "AI and Machine Learning", "ServiceName": "Example Models",
        "ServiceSubcategory": "Generative AI", "SkuId": "example/model-1/input", "SkuMeter": "Input Tokens",
        "SkuPriceDetails": '{"x_Tier":"standard"}', "SkuPriceId": "example/model-1/input/standard",
        "SubAccountId": "proj-1", "SubAccountName": "Project One", "SubAccountType": "Project",
        "Tags": '{"team":"search"}',
    }  # fmt: skip
    return {**made, **changes}


def rows(count: int = 5) -> list[Row]:
    """Different days and quantities."""
    return [row(1 + i % 28, 1000 + i) for i in range(count)]


def names(data: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for one in data for name in one))


def csv_text(data: Sequence[Row], delimiter: str = ",", end: str = "\n", quoted: bool = False) -> str:
    """`quoted`: every cell in quotes; else only where Python finds it needed (not for a lone carriage return)."""
    out = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    writer = csv.DictWriter(out, names(data), delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writeheader()
    writer.writerows(data)
    return out.getvalue()


def write_csv(path: Path, data: Sequence[Row], *, encoding: str = "utf-8", **how: Any) -> Path:
    path.write_bytes(csv_text(data, **how).encode(encoding))
    return path


def write_jsonl(path: Path, data: Sequence[Row], *, numbers: bool = False) -> Path:
    """`numbers`: amounts as JSON numbers with the digits of the text."""
    lines = []
    for one in data:
        line = json.dumps({k: v for k, v in one.items() if not (numbers and k in NUMBERS)})
        if numbers:
            extra = ", ".join(f'"{k}": {one[k] or "null"}' for k in NUMBERS if k in one)
            line = line[:-1] + ", " + extra + "}"
        lines.append(line)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def write_parquet(path: Path, data: Sequence[Row], *, numeric: str = "decimal", instant: str = "us") -> Path:
    """`numeric`: decimal, double or text; `instant`: us, ms, ns, naive or text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {}
    for name in names(data):
        cells = [one.get(name) for one in data]
        columns[name] = _array(pa, name, cells, numeric, instant)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def _array(pa: Any, name: str, cells: list[str | None], numeric: str, instant: str) -> Any:
    from datetime import datetime

    if name in NUMBERS and numeric != "text":
        if numeric == "double":
            return pa.array([None if c is None else float(c) for c in cells], pa.float64())
        return pa.array([None if c is None else Decimal(c) for c in cells], pa.decimal128(38, 12))
    if name in INSTANTS and instant != "text":
        stamps = [None if c is None else datetime.fromisoformat(c) for c in cells]
        unit = "us" if instant == "naive" else instant
        zone = None if instant == "naive" else "UTC"
        if zone is None:
            stamps = [None if s is None else s.replace(tzinfo=None) for s in stamps]
        return pa.array(stamps, pa.timestamp(unit, tz=zone))
    return pa.array(cells, pa.string())
