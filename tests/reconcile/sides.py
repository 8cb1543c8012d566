"""Small FOCUS files for both sides of a comparison. Synthetic amounts; prices per million tokens."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from pathlib import Path
from typing import Any

from focus_ai import api
from focus_ai.money import dec
from focus_ai.pricing.card import RateCard
from focus_ai.settings import Settings

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SERVICES = {"openai": "OpenAI API", "anthropic": "Claude API"}


def row(
    day: str, meter: str | None, tokens: int | None, cost: str | None = None, *, price: str | None = None,
    model: str | None = "gpt-5.4", tier: str | None = "standard", channel: str = "openai", basis: str = "rated",
    account: str = "org-1", project: str | None = "proj-1", category: str = "Usage", days: int = 1, marks: str = "",
    team: str | None = "search", currency: str = "USD", invoice: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """One FOCUS row. Give a price or a cost; the other one follows when there are tokens."""
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    quantity = None if tokens is None else D(tokens).scaleb(-6)
    amount = D(cost) if cost is not None else D(price or 0) * (quantity or 0)
    usage = category == "Usage"
    sku = "/".join(p for p in (channel, model, meter) if p)
    mark = "" if tier in (None, "standard") else f"#{tier}"
    priced = usage and quantity is not None
    return {
        "ChargePeriodStart": start, "ChargePeriodEnd": start + timedelta(days=days), "BillingCurrency": currency,
        "ServiceName": SERVICES[channel], "BillingAccountId": account, "SubAccountId": project, "ChargeCategory": category,
        "SkuId": sku if usage else None, "SkuPriceId": f"{sku}{mark}{marks}" if usage else None,
        "PricingUnit": "1000000 Tokens" if priced else "Charges", "ConsumedUnit": "Tokens" if priced else None,
        "PricingQuantity": quantity if priced else D(1), "ConsumedQuantity": None if tokens is None else D(tokens),
        "ContractedUnitPrice": D(price) if price is not None else None, "EffectiveCost": amount, "BilledCost": amount,
        "InvoiceId": invoice, "x_ModelId": model, "x_TokenType": meter, "x_ProcessingTier": tier, "x_CostBasis": basis,
        "x_QuantityBasis": ("metered" if basis == "rated" else "billed") if priced else "none",
        "x_OwnerStatus": "owned" if team else "unattributed",
    }  # fmt: skip


def billed(*args: Any, **kwargs: Any) -> dict[str, Any]:
    return row(*args, **{"basis": "billed", **kwargs})


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {
        "ChargePeriodStart": pa.timestamp("us", tz="UTC"), "ChargePeriodEnd": pa.timestamp("us", tz="UTC"),
        "PricingQuantity": pa.decimal128(19, 9), "ConsumedQuantity": pa.decimal128(38, 9),
        "ContractedUnitPrice": pa.decimal128(18, 9), "EffectiveCost": pa.decimal128(38, 18),
        "BilledCost": pa.decimal128(38, 18),
    }  # fmt: skip
    schema = pa.schema([(n, kinds.get(n, pa.string())) for n in rows[0]])
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return path


def compare(
    tmp_path: Path, rated: list[dict[str, Any]], bill: list[dict[str, Any]] | Path, **options: Any
) -> dict[str, Any]:
    """Reconcile two lists of rows; the sums of the report must add up."""
    side = bill if isinstance(bill, Path) else write(tmp_path / "billed.parquet", bill)
    settings = options.pop("settings", None)
    report = api.reconcile(
        [str(write(tmp_path / "rated.parquet", rated))], [str(side)], as_of=options.pop("as_of", NOW), listed=0,
        settings=Settings.from_dict(settings) if settings else None, **options,
    )  # fmt: skip
    check(report)
    return report


def check(report: dict[str, Any]) -> None:
    """Rated + explained + unexplained = billed, for every bucket and every currency; causes sum to what is explained."""
    for total in report["totals"]:
        assert dec(total["rated"]) + dec(total["explained"]) + dec(total["unexplained"]) == dec(total["billed"])
        named = [dec(c["amount"]) for c in report["causes"] if c["currency"] == total["currency"]]
        assert sum(named, D(0)) == dec(total["explained"])
    for b in report["buckets"]:
        explained = sum((dec(c["amount"]) for c in b["causes"]), D(0))
        assert dec(b["rated"]["cost"]) + explained + dec(b["unexplained"]) == dec(b["billed"]["cost"])
        if b["volume_variance"] is not None:
            assert dec(b["volume_variance"]) + dec(b["price_variance"]) == dec(b["delta"])


def causes(report: dict[str, Any]) -> dict[str, str]:
    """Cause -> amount over all buckets (one currency)."""
    return {c["cause"]: c["amount"] for c in report["causes"]}


def days(first: str, number: int) -> list[str]:
    start = date.fromisoformat(first)
    return [(start + timedelta(days=n)).isoformat() for n in range(number)]


def card_price(model: str, meter: str, *, day: str = "2026-11-03", channel: str = "openai", **facts: Any) -> str:
    """A price of the shipped card, so that planted cases follow it."""
    from focus_ai.pricing.rate_row import Conditions, NoRate

    at = datetime.fromisoformat(day).replace(tzinfo=UTC)
    found = RateCard().find(channel, (model,), meter, at, Conditions.of(**facts))
    assert not isinstance(found, NoRate), found
    return format(found.rate.price, "f") if found.rate.price is not None else ""
