"""A hand-written run report for the tests of the command line."""

from __future__ import annotations

from typing import Any


def report(**changes: Any) -> dict[str, Any]:
    """A report with tiny, large and negative amounts; keyword arguments replace parts of it."""
    example: dict[str, Any] = {
        "schema": "focus-ai/run@1",
        "records": {"read": 1290, "events": 1200, "billed_lines": 60, "duplicates": 20, "rejected": 4, "ignored": 6},
        "unpriced": {"events": 12, "tokens": 340000, "reasons": {"no_rate": 2, "alias_unmapped": 10}},
        "rows": 431,
        "totals": [
            {
                "currency": "USD",
                "list_cost": "1234.5678900000",
                "contracted_cost": "1200.000000000",
                "effective_cost": "1200",
                "billed_cost": "0.000000000000000001",
            }
        ],
        "tokens": {"input": 1000000, "output": 20000},
        "unattributed": {"rows": 7, "effective_cost": "0.0000025"},
        "adapters": ["litellm-spend-logs", "openai-costs"],
        "files": [
            {"path": "data/billing_period=2026-10/focus-00000.parquet", "rows": 31, "bytes": 20480, "sha256": "0" * 64},
            {
                "path": "data/billing_period=2026-11/focus-00000.parquet",
                "rows": 400,
                "bytes": 91234,
                "sha256": "1" * 64,
            },
            {"path": "exceptions/rejects.jsonl", "rows": 4, "bytes": 812, "sha256": "2" * 64},
            {"path": "events/events.parquet", "rows": None, "bytes": 9120, "sha256": "4" * 64},
            {"path": "metadata/billing_period=2026-11/manifest.json", "rows": None, "bytes": 900, "sha256": "3" * 64},
        ],
        "rate_card": "genai-prices-0.2.3+abcdef01",
        "by_provider": [
            {"name": "anthropic", "rows": 31, "effective_cost": "-3", "billed_cost": "-3", "tokens": 0},
            {
                "name": "openai",
                "rows": 400,
                "effective_cost": "1203",
                "billed_cost": "3.000000000000000001",
                "tokens": 9,
            },
        ],
        "by_model": [
            {"name": f"model-{n:02d}", "rows": 1, "effective_cost": f"0.{n:02d}", "billed_cost": "0", "tokens": n}
            for n in range(1, 13)
        ],
        "by_team": [
            {"name": "search", "rows": 424, "effective_cost": "1199.9999975", "billed_cost": "0", "tokens": 1020000},
            {"name": "Unattributed", "rows": 7, "effective_cost": "0.0000025", "billed_cost": "0", "tokens": 5},
        ],
        "warnings": [
            {
                "code": "bulk_context_unknown",
                "message": "context of aggregate rows is unknown",
                "records": 3,
                "money": None,
            },
            {"code": "unpriced", "message": "usage without a rate", "records": 12, "money": "0.50"},
        ],
        "billing_source": [
            {
                "family": "openai-organization",
                "carried_by": "bill",
                "from": "2026-11-16",
                "to": "2026-11-17",
                "days": 2,
                "between": "usage and bill",
            }
        ],
        "rejected": {"broken_json": 3, "missing:event_time": 1},
        "ignored": {"span_not_inference": 6},
        "inputs": [{"path": "exports/a.jsonl", "adapter": "litellm-spend-logs", "records": 1290, "sha256": "4" * 64}],
        "out": "demo-out",
    }
    return {**example, **changes}
