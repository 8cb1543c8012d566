"""What `convert` writes passes every error rule, at every version and grain, and warnings are only those that are true."""

from __future__ import annotations

from pathlib import Path

import pytest
from data_builders import convert, event, jsonl, rows

from focus_ai import api
from focus_ai.settings import Settings

FIXTURES = Path(__file__).parents[3] / "fixtures"
INPUTS = {
    "demo": [FIXTURES / "demo" / "exports"],
    "openai": sorted((FIXTURES / "exports" / "openai" / "usage-completions").glob("*/input.*")),
    "anthropic": sorted((FIXTURES / "exports" / "anthropic" / "cost-report").glob("*/input.*")),
    "litellm": sorted((FIXTURES / "exports" / "litellm" / "spend-logs").glob("*/input.*")),
}
# Estimates in BilledCost of 1.4, usage without an owner, a day without usage.
TRUE_WARNINGS = {"FAI-050", "FAI-080", "FAI-090"}


@pytest.mark.parametrize("name", list(INPUTS))
@pytest.mark.parametrize(("focus", "grain"), [("1.2", "day"), ("1.3", "hour"), ("1.4", "month"), ("1.4", "request")])
def test_converted_rows_pass(tmp_path: Path, name: str, focus: str, grain: str) -> None:
    settings = Settings.load(FIXTURES / "demo" / "focus-ai.toml") if name == "demo" else None
    api.convert([str(p) for p in INPUTS[name]], tmp_path / "out", focus=focus, grain=grain, settings=settings)
    found = api.validate([str(tmp_path / "out")]).findings
    assert [(f.rule, f.column, f.rows, f.samples[:1]) for f in found.findings if f.severity == "error"] == []
    warned = {f.rule for f in found.findings}
    assert warned <= TRUE_WARNINGS
    if name == "demo":
        assert "FAI-050" not in warned  # the demo has an owner or at least a tag on every row


@pytest.mark.parametrize("focus", ["1.2", "1.3", "1.4"])
def test_one_known_account_beside_unknown_ones(tmp_path: Path, focus: str) -> None:
    """Where one row names its billing account, no row may lack the name (BillingAccountName-C-003-C): an account that
    nobody names is `unspecified` in both columns."""
    log = jsonl(tmp_path / "a.jsonl", [event(1), event(2, provider="anthropic", model="claude-sonnet-4-5")])
    settings = {"accounts": {"openai": {"id": "org-123", "name": "Orbit"}}}
    convert(tmp_path / "out", log, settings=settings, focus=focus)
    named = {(r["BillingAccountId"], r["BillingAccountName"]) for r in rows(tmp_path / "out")}
    assert named == {("org-123", "Orbit"), ("unspecified", "unspecified")}
    found = api.validate([str(tmp_path / "out")]).findings
    assert [(f.rule, f.rows) for f in found.findings if f.severity == "error"] == []
