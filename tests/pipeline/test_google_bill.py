"""Lines of a Google Cloud Billing export that are easily lost or misread."""

from __future__ import annotations

import json
from pathlib import Path

from data_builders import EXPORTS, convert, jsonl, rows

GOOGLE = EXPORTS / "google"


def test_the_tax_of_a_day_counts_once_where_only_one_of_two_exports_has_a_late_line(out: Path, tmp_path: Path) -> None:
    """3 USD of usage and 2 USD of tax in both exports; 7 USD that came late stand in the detailed one alone."""
    line = json.loads(
        (GOOGLE / "billing-standard" / "hours" / "input.jsonl").read_text(encoding="utf-8").splitlines()[0]
    )
    usage = {**line, "cost": 3.0, "cost_at_list": 3.0, "credits": []}
    tax = {
        **usage, "sku": {"id": "TAX", "description": "Tax"}, "cost": 2.0, "cost_at_list": 2.0, "cost_type": "tax",
        "usage": {"amount": 0.0, "unit": "requests"}, "project": None, "labels": [],
    }  # fmt: skip
    late = {**usage, "sku": {"id": "LATE", "description": "Gemini 2.5 Pro GA Text Output - Predictions"}, "cost": 7.0}
    place = {"resource": {"name": None, "global_name": None}}
    standard = jsonl(tmp_path / "standard.jsonl", [usage, tax])
    detailed = jsonl(tmp_path / "detailed.jsonl", [{**row, **place} for row in (usage, tax, late)])
    convert(out, standard, detailed)
    found = rows(out)
    assert sum(r["BilledCost"] for r in found) == 12
    assert [r["BilledCost"] for r in found if r["ChargeCategory"] == "Tax"] == [2]
