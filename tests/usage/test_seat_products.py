"""Exports of products sold by the seat (Cursor, GitHub Copilot), given together: their money counts once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from data_builders import convert

CURSOR_CSV = """\
Date,User,Kind,Model,Max Mode,Input (w/ Cache Write),Input (w/o Cache Write),Cache Read,Output Tokens,Total Tokens,Cost
2026-10-01T14:03:11.412Z,ana@x.example,On-Demand,gpt-5,No,0,1100,5000,250,6350,0.02
2026-10-01T14:04:11.000Z,ben@x.example,Included,gpt-5,No,0,1000,4000,50,5050,0.41
"""
CURSOR_API = {
    "totalUsageEventsCount": 2, "pagination": {"hasNextPage": False}, "usageEvents": [
        {"timestamp": "1790863391412", "userEmail": "ana@x.example", "model": "gpt-5", "kind": "Usage-based",
         "isChargeable": True, "chargedCents": 1.9875},
        {"timestamp": "1790863451000", "userEmail": "ben@x.example", "model": "gpt-5", "kind": "Included in Business",
         "isChargeable": True, "chargedCents": 41.32},
    ],
}  # fmt: skip


def billed(report: dict[str, Any]) -> str:
    (total,) = report["totals"]
    return str(total["billed_cost"])


def test_of_two_exports_of_cursor_the_one_with_exact_amounts_counts(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(CURSOR_CSV, encoding="utf-8")
    (tmp_path / "events.json").write_text(json.dumps(CURSOR_API), encoding="utf-8")
    report = convert(tmp_path / "out", tmp_path / "events.csv", tmp_path / "events.json")
    assert [c["carried_by"] for c in report["billing_source"]] == ["cursor-filtered-usage-events"]
    assert billed(report) == "0.019875"
