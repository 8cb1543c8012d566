"""LiteLLM's own FOCUS export on synthetic daily rows: transform, then Parquet as its serializer writes it.

    PYTHON_WITH_LITELLM benchmarks/litellm_focus.py --data daily.parquet --write 1000000
    PYTHON_WITH_LITELLM benchmarks/litellm_focus.py --data daily.parquet

Its input is another one: rows of LiteLLM_DailyUserSpend, which are already counted once, priced and summed by day. The
frame is read before the clock starts. Needs `pip install litellm polars` in an environment of its own.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import time
from datetime import timedelta
from importlib.metadata import version

import polars as pl
from generate import DAYS, FIRST_DAY, KEYS, TEAMS, model_names
from litellm.integrations.focus.serializers.parquet import FocusParquetSerializer
from litellm.integrations.focus.transformer import FocusTransformer


def frame(rows: int) -> pl.DataFrame:
    """Daily rows as LiteLLM's database query returns them."""
    rng = random.Random(1)
    models = model_names()
    picked = [models[rng.randrange(len(models))] for _ in range(rows)]
    keys = [rng.randrange(KEYS) for _ in range(rows)]
    days = [(FIRST_DAY + timedelta(days=d)).strftime("%Y-%m-%d") for d in range(DAYS)]
    return pl.DataFrame(
        {
            "date": [days[n * DAYS // rows] for n in range(rows)],
            "user_id": [f"user-{k}" for k in keys],
            "api_key": [f"{k:064x}" for k in keys],
            "model": [f"{p}/{m}" for p, m in picked],
            "model_group": [m for _, m in picked],
            "custom_llm_provider": [p for p, _ in picked],
            "spend": [rng.random() for _ in range(rows)],
            "api_requests": [rng.randrange(1, 50) for _ in range(rows)],
            "team_id": [f"t-{TEAMS[k % len(TEAMS)]}" for k in keys],
            "api_key_alias": [f"key-{k}" for k in keys],
            "team_alias": [TEAMS[k % len(TEAMS)] for k in keys],
            "user_email": [None] * rows,
            "organization_id": [None] * rows,
            "organization_alias": [None] * rows,
        },
        schema_overrides=dict.fromkeys(("user_email", "organization_id", "organization_alias"), pl.String),
    )


def main() -> None:
    """Command line; prints seconds of the transform and the serializer, and memory before and at the peak."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="Parquet file of daily rows")
    parser.add_argument("--write", type=int, metavar="ROWS", help="make that file and stop")
    given = parser.parse_args()
    if given.write:
        frame(given.write).write_parquet(given.data)
        return
    data = pl.read_parquet(given.data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    wall, cpu = time.perf_counter(), time.process_time()
    body = FocusParquetSerializer().serialize(FocusTransformer().transform(data))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    found = {"wall": wall, "cpu": cpu, "rss": peak, "rss_before": before, "bytes": len(body), "rows": len(data)}
    print(json.dumps({**found, "version": version("litellm")}))


if __name__ == "__main__":
    main()
