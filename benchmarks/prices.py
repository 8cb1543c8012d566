"""Write the price table that the hand-written script joins to: one row per model, validity, context range and meter.

Rows of equal `price_set` have equal prices; the hand-written script groups by it.

    python benchmarks/prices.py --out benchmarks/data/prices.parquet

Prices and descriptions come from the shipped rate card, for the generator's models and days. Not part of any timing.
"""

from __future__ import annotations

import argparse
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from generate import DAYS, FIRST_DAY, model_names

from focus_ai.focus.places import sellers
from focus_ai.meters import meters
from focus_ai.pricing.card import RateCard
from focus_ai.pricing.profile import Price, Profile, Unpriced, resolve

CHANNEL = {"xai": "x-ai"}
METERS = ("input", "cache_read", "cache_write_5m", "output")
OPEN = 2**62
SCHEMA = pa.schema(
    [
        ("deployment", pa.string()), ("price_set", pa.int32()), ("t_from", pa.timestamp("us", "UTC")),
        ("t_to", pa.timestamp("us", "UTC")), ("context_gt", pa.int64()), ("context_le", pa.int64()),
        ("meter", pa.string()), ("price", pa.decimal128(18, 9)),
        *((name, pa.string()) for name in (
            "rate_id", "sku_id", "sku_price_id", "details", "assumptions", "model", "developer", "family", "version",
            "sku_meter", "token_type", "direction", "cache_action", "provider", "host", "service", "account_type",
        )),
    ]
)  # fmt: skip


def _identity(price: Price | Unpriced) -> tuple[Any, ...]:
    return () if isinstance(price, Unpriced) else (price.rate_id, price.sku_price_id, price.assumptions)


def rows() -> list[dict[str, Any]]:
    """All rows; raises `SystemExit` when a model of the generator has no price."""
    card, found = RateCard.load(), []
    sets: dict[tuple[Any, ...], int] = {}
    table = meters()
    last = FIRST_DAY + timedelta(days=DAYS)
    for provider, model in model_names():
        channel = CHANNEL.get(provider, provider)
        seller = sellers()[channel]
        name = seller["name"]
        names = (None, f"{provider}/{model}", model, model)
        for part in resolve(card, Profile(channel, names), METERS, FIRST_DAY, last):
            identity = (model, *(_identity(part.prices[m]) for m in METERS))
            number = sets.setdefault(identity, len(sets))
            for meter in METERS:
                price = part.prices[meter]
                if isinstance(price, Unpriced):
                    if meter in ("input", "output") or (provider == "anthropic") or meter == "cache_read":
                        raise SystemExit(f"{provider}/{model} has no price for {meter}: {price.reason}")
                    continue
                facts = table[meter]
                found.append(
                    {
                        "deployment": f"{provider}/{model}", "price_set": number, "t_from": part.t_from,
                        "t_to": part.t_to, "context_gt": part.context_gt, "context_le": part.context_le or OPEN,
                        "meter": meter, "price": price.list_unit_price, "rate_id": price.rate_id,
                        "sku_id": price.sku_id, "sku_price_id": price.sku_price_id,
                        "details": json.dumps(dict(sorted(price.details.items())), separators=(",", ":")),
                        "assumptions": ",".join(sorted(price.assumptions)) or None, "model": price.model,
                        "developer": price.developer, "family": price.family, "version": price.version,
                        "sku_meter": facts.sku_meter, "token_type": facts.token_type, "direction": facts.direction,
                        "cache_action": facts.cache_action, "provider": name, "host": seller.get("host", name),
                        "service": seller.get("service", name), "account_type": seller.get("account", "Account"),
                    }
                )  # fmt: skip
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    found = rows()
    pq.write_table(pa.Table.from_pylist(found, SCHEMA), given.out)
    print(f"{given.out}: {len(found)} rows")


if __name__ == "__main__":
    main()
