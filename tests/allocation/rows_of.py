"""Small data sets of origin and direct rows, and readers of what became of them. Synthetic amounts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from focus_ai import api
from focus_ai.allocation.split import split
from focus_ai.focus import arrow_schema

SUMS = ("ListCost", "ContractedCost", "EffectiveCost", "BilledCost", "PricingQuantity", "ConsumedQuantity",
        "PricingCurrencyEffectiveCost", "CommitmentDiscountQuantity")  # fmt: skip


def row(number: int, day: str = "2026-11-03", **fields: Any) -> dict[str, Any]:
    """One million tokens at 3.00, owned by nobody."""
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    month = start.replace(day=1)
    quantity = fields.get("PricingQuantity", D(1))
    listed, own = (
        fields.get("ListUnitPrice", D(3)),
        fields.get("ContractedUnitPrice", fields.get("ListUnitPrice", D(3))),
    )
    priced = quantity is not None and listed is not None
    cost = own * quantity if priced else fields.get("EffectiveCost", D(0))
    held = {
        "ChargePeriodStart": start, "ChargePeriodEnd": start + timedelta(days=1), "BillingPeriodStart": month,
        "BillingPeriodEnd": (month + timedelta(days=32)).replace(day=1), "BillingCurrency": "USD",
        "ChargeCategory": "Usage", "ServiceName": "OpenAI API", "ServiceProviderName": "OpenAI",
        "InvoiceIssuerName": "OpenAI", "BillingAccountId": "org-1", "PricingUnit": "1000000 Tokens",
        "ConsumedUnit": "Tokens", "PricingQuantity": quantity, "ListUnitPrice": listed, "ContractedUnitPrice": own,
        "ConsumedQuantity": quantity * 1_000_000 if quantity is not None else None,
        "ListCost": listed * quantity if priced else cost, "ContractedCost": cost, "EffectiveCost": cost,
        "BilledCost": cost, "SkuId": "openai/gpt-5/input", "x_TokenType": "input", "x_ModelId": "gpt-5",
        "x_ChargeId": f"{number:016x}", "x_OwnerStatus": "unattributed", "x_Source": "test", "Tags": "{}",
    }  # fmt: skip
    return {**held, **fields}


def owned(number: int, team: str, tokens: int, **fields: Any) -> dict[str, Any]:
    """A direct row of a team."""
    return row(number, PricingQuantity=D(tokens).scaleb(-6), x_Team=team, x_OwnerStatus="owned", x_InputTokens=tokens,
               x_RequestCount=fields.pop("requests", 1), Tags=json.dumps({"team": team}), **fields)  # fmt: skip


def dataset(folder: Path, rows: Sequence[Mapping[str, Any]], focus: str = "1.3") -> Path:
    """Write rows as a data set of ours."""
    schema = arrow_schema(focus)
    periods: dict[str, list[Mapping[str, Any]]] = {}
    for one in rows:
        periods.setdefault(one["BillingPeriodStart"].strftime("%Y-%m"), []).append(one)
    for period, held in periods.items():
        path = folder / "data" / f"billing_period={period}" / "focus-00000.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        columns = [pa.array([r.get(f.name) for r in held], type=f.type) for f in schema]
        pq.write_table(pa.Table.from_arrays(columns, schema=schema), path)
    (folder / "run.json").write_text(
        json.dumps({"focus": focus, "grain": "day", "rate_card": "test"}), encoding="utf-8"
    )
    return folder


def rules(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "allocation.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def read(folder: Path, where: str = "data") -> list[dict[str, Any]]:
    """All rows below a folder, in file order."""
    files = sorted((folder / where).rglob("*.parquet"))
    return [r for p in files for r in pq.read_table(p, partitioning=None).to_pylist()]


def allocate(tmp_path: Path, rows: Sequence[Mapping[str, Any]], text: str, **options: Any) -> list[dict[str, Any]]:
    """Split a small data set and return its rows; every sum must be what it was."""
    source = dataset(tmp_path / "in", rows, options.pop("focus", "1.3"))
    api.allocate(source, rules(tmp_path, text), out=tmp_path / "out", **options)
    found = read(tmp_path / "out")
    same_sums(rows, found)
    return found


def same_sums(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> None:
    for column in SUMS:
        assert total(before, column) == total(after, column), column


def total(rows: Sequence[Mapping[str, Any]], column: str) -> D:
    return sum((D(r.get(column) or 0) for r in rows), D(0))


def shares(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Shares by receiving resource; nobody is the empty text."""
    return {r["AllocatedResourceId"] or "": dict(r) for r in rows if r["AllocatedMethodId"]}


def ratio(share: Mapping[str, Any]) -> D:
    """The sum of the ratios of a share, read as decimals."""
    held = json.loads(share["AllocatedMethodDetails"], parse_float=D, parse_int=D)
    return sum((e["AllocatedRatio"] for e in held["Elements"]), D(0))


@dataclass(frozen=True, slots=True)
class Share:
    """What one target gets of an origin row. Unit prices are those of the origin."""

    quantity: D
    list_cost: D
    effective_cost: D
    billed_cost: D


def split_charge(
    quantity: D, price: D, effective: D, billed: D, weights: Mapping[str, int], scale: int = 9
) -> dict[str, Share]:
    """The shares of a row by plain arithmetic, to compare with: quantity split, list cost derived from it.

    `scale` 6 keeps token rows in whole tokens. Effective and billed cost follow the list cost where they equal it, and
    are split on their own otherwise.
    """
    parts = split(quantity, weights, scale)
    listed = {key: price * part for key, part in parts.items()}

    def own(amount: D) -> dict[str, D]:
        return listed if amount == price * quantity else split(amount, weights, 18)

    costs = own(effective), own(billed)
    return {key: Share(part, listed[key], *(cost[key] for cost in costs)) for key, part in parts.items()}
