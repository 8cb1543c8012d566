"""The shipped example exports: what they are, what they add up to, and what `focus-ai demo` makes of them."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from focus_ai import resources
from focus_ai.adapters import recognise, shipped
from focus_ai.sources import discover

EXPORTS = {
    "anthropic_cost_report.json": "anthropic-cost-report",
    "anthropic_usage_report.json": "anthropic-usage-report-messages",
    "generic_events.csv": "generic-event",
    "litellm_spend_logs.jsonl": "litellm-spend-logs",
    "nginx_access.jsonl": "nginx-json-access-log",
    "openai_costs.json": "openai-costs",
    "openai_usage_completions.json": "openai-usage-completions",
    "otel_spans.jsonl": "otlp-genai",
}
# Worked out by hand from the token counts and the list prices of November 2026 (per million tokens: gpt-5.4 2.50 and
# 15.00, gpt-5-mini 0.25, cached 0.025 and 2.00, Claude Sonnet 4.5 3.00, read 0.30, writes 3.75 and 6.00, 15.00).
OPENAI_BILL = Decimal("16.168")  # 7.50 + 0.795 + 0.0205 + 6.75 + 0.6825 + 0.42
ANTHROPIC_BILL = Decimal("5.0535")  # 4.095 + 0.885 + 0.0735


def exports() -> Path:
    return resources.root("demo") / "exports"


def test_every_export_is_recognised_as_what_it_is(tmp_path: Path) -> None:
    found = {Path(s.name).name: recognise(s, shipped()).id for s in discover([str(exports())], tmp_path)}
    assert found == EXPORTS


def test_the_bills_add_up_to_the_sums_worked_out_by_hand() -> None:
    openai = json.loads((exports() / "openai_costs.json").read_text(), parse_float=Decimal)
    lines = [Decimal(r["amount"]["value"]) for bucket in openai["data"] for r in bucket["results"]]
    assert sum(lines) == OPENAI_BILL
    anthropic = json.loads((exports() / "anthropic_cost_report.json").read_text())
    cents = [Decimal(r["amount"]) for bucket in anthropic["data"] for r in bucket["results"]]
    assert sum(cents) / 100 == ANTHROPIC_BILL


@pytest.mark.parametrize("table", ["owner_map.csv", "chargeback_accounts.csv", "focus-ai.toml", "README.md"])
def test_the_tables_that_tie_the_exports_together_are_shipped(table: str) -> None:
    assert (resources.root("demo") / table).is_file()


def test_the_settings_of_the_demo_are_valid_and_point_to_its_tables() -> None:
    from focus_ai.ownership import OwnerBook
    from focus_ai.settings import Settings

    settings = Settings.load(resources.root("demo") / "focus-ai.toml")
    assert all(path.is_file() for path in (*settings.owners.map, *settings.owners.accounts))
    assert OwnerBook.load(settings)
