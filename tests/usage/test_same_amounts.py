"""Two cost exports with the same amounts: the one that says more about them carries."""

from __future__ import annotations

import json
from pathlib import Path

from data_builders import convert, rows

DAY = 1790812800  # 2026-10-01


def test_of_two_cost_exports_of_one_amount_the_one_with_quantities_counts(tmp_path: Path, out: Path) -> None:
    """The costs API counts 1,200,000 tokens for 1.50 and none for 2.00; the dashboard's table never counts."""
    lines = [("gpt-5, input", "1.50"), ("gpt-5, output", "2.00")]
    results = [
        {"object": "organization.costs.result", "amount": {"value": amount, "currency": "usd"}, "line_item": line,
         "project_id": "p", "organization_id": "org", "organization_name": "Lyra"}
        for line, amount in lines
    ]  # fmt: skip
    results[0] |= {"quantity": 1_200_000, "quantity_unit": "tokens"}
    bucket = {"object": "bucket", "start_time": DAY, "end_time": DAY + 86400, "results": results}
    (tmp_path / "costs.json").write_text(json.dumps({"object": "page", "data": [bucket], "has_more": False}))
    table = ["start_time,end_time,amount_value,amount_currency,line_item,project_id,organization_id"]
    table += [f'{DAY},{DAY + 86400},{amount},usd,"{line}",p,org' for line, amount in lines]
    (tmp_path / "costs.csv").write_text("\n".join(table))
    report = convert(out, tmp_path / "costs.json", tmp_path / "costs.csv")
    assert [d["carried_by"] for d in report["billing_source"]] == ["openai-costs"]
    assert report["totals"][0]["billed_cost"] == "3.5"
    assert sum(r["x_InputTokens"] or 0 for r in rows(out)) == 1_200_000
