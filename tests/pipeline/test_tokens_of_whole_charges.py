"""A reseller charges one amount for all tokens of a call: no column of one kind holds them, the totals still count them."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
from data_builders import convert


def test_the_quantity_of_a_charge_for_all_tokens_is_in_the_totals(tmp_path: Path, out: Path) -> None:
    """10,000 + 1,000 and 5,000 + 500 tokens; of the call on one's own key the fee counts, the tokens are the
    upstream's."""
    line = {
        "date": "2026-10-07", "model": "openai/gpt-5", "model_permaslug": "openai/gpt-5", "endpoint_id": "e1",
        "provider_name": "OpenAI", "usage": 0.0225, "byok_usage_inference": 0, "requests": 2, "prompt_tokens": 10000,
        "completion_tokens": 1000, "reasoning_tokens": 200,
    }  # fmt: skip
    own = line | {"usage": 0.001, "byok_usage_inference": 0.02, "endpoint_id": "e2", "provider_name": "Azure"}
    later = line | {"date": "2026-10-08", "prompt_tokens": 5000, "completion_tokens": 500, "usage": 0.01125}
    source = tmp_path / "activity.json"
    source.write_text(json.dumps({"data": [line, own, later]}))
    report = convert(out, source)
    for key in ("by_provider", "by_model", "by_team"):
        assert [entry["tokens"] for entry in report[key]] == [16_500], key
    rows = duckdb.sql(
        "SELECT ConsumedQuantity::VARCHAR, ConsumedUnit, "
        "coalesce(x_InputTokens, x_CacheReadTokens, x_CacheWriteTokens, x_OutputTokens) "
        f"FROM read_parquet('{out}/data/**/*.parquet') ORDER BY ConsumedUnit, 1"
    ).fetchall()
    assert rows == [
        ("1.000000000", "Charges", None), ("11000.000000000", "Tokens", None), ("5500.000000000", "Tokens", None)
    ]  # fmt: skip
