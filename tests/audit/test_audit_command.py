"""The command: forms, exit codes, messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from data_builders import convert, event, jsonl

from focus_ai import api
from focus_ai.cli import main

OWNER = {"team": "search", "product": "shop", "feature": "rank", "environment": "production"}


@pytest.fixture
def log(tmp_path: Path) -> str:
    """Two calls of search and one of nobody."""
    return str(jsonl(tmp_path / "log.jsonl", [event(1, **OWNER), event(2, **OWNER, model="gpt-5-mini"), event(3)]))


def test_text(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", log, "--by", "day", "--by", "environment"]) == 0
    out = capsys.readouterr().out
    assert "Showback    NOT READY" in out
    assert "A request without an owner is not FinOps-ready telemetry." in out
    assert "2026-10-07" in out and "Environment" in out and "\nModel" not in out


def test_json_is_one_document(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", log, "--format", "json", "--by", "provider"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["schema"] == "focus-ai/audit@1"
    assert found["spend"]["by_provider"][0]["name"] == "openai"


def test_a_drill_shows_only_what_is_below(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", log, "--drill", "team=search"]) == 0
    out = capsys.readouterr().out
    assert "Selected  team search: 2 events, 0.00162" in out and "Findings" not in out
    assert main(["audit", log, "--drill", "team=nobody"]) == 0
    assert "nothing matches" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("cause", "code"), [("showback", 1), ("chargeback", 1), ("error", 1), ("warning", 1), ("none", 0)]
)
def test_fail_on(log: str, cause: str, code: int) -> None:
    assert main(["audit", log, "-q", "--fail-on", cause]) == code


def test_fail_on_refused(log: str, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\ntags: {required: [team]}\n", encoding="utf-8")
    assert main(["audit", log, "-q", "--policy", str(policy), "--fail-on", "refused"]) == 1
    policy.write_text("version: 1\ntags: {required: [team], mode: soft}\n", encoding="utf-8")
    assert main(["audit", log, "-q", "--policy", str(policy), "--fail-on", "refused"]) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["LOG", "--fail-on", "rain"], 2, "does not know 'rain'"),
        (["LOG", "--fail-on", "refused"], 2, "needs --policy"),
        (["LOG", "--fail-on", "none,error"], 2, "cannot be combined"),
        (["LOG", "--drill", "colour=red"], 2, "does not know 'colour'"),
        (["LOG", "--policy", "nothing.yaml"], 2, "policy file not found"),
        (["LOG", "--by", "colour"], 2, "colour"),
        (["LOG", "--adapter", "no-such"], 2, "no-such"),
        (["nothing.jsonl"], 3, "does not exist"),
    ],
)
def test_mistakes_are_told(
    log: str, arguments: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", *(log if word == "LOG" else word for word in arguments)]) == code
    said = capsys.readouterr().err
    assert says in said and "Traceback" not in said


def test_records_that_cannot_be_read_are_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = jsonl(tmp_path / "log.jsonl", [event(1, **OWNER), "{broken", event(2, **OWNER)])
    assert main(["audit", str(log), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["findings"][0]["id"] == "records.rejected"
    assert found["records"]["rejected"] == 1


def test_settings_for_an_unknown_export_are_refused(
    log: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `convert` does: such a table would be without effect."""
    settings = tmp_path / "focus-ai.toml"
    settings.write_text('[exports.generic-evnt]\naccount_id = "a"\n', encoding="utf-8")
    assert main(["audit", log, "--config", str(settings)]) == 2
    said = capsys.readouterr().err
    assert "no adapter is called 'generic-evnt'" in said and "generic-event" in said


@pytest.mark.parametrize("grain", ["day", "request"])
def test_requests_of_rows_count_once_for_all_their_meters(tmp_path: Path, grain: str) -> None:
    """Five calls of two products, each with input and output, one of them without output."""
    calls = [event(n, product=f"p{n % 2}") for n in range(4)] + [event(9, product="p0", output_tokens=0)]
    convert(tmp_path / "out", jsonl(tmp_path / "log.jsonl", calls), grain=grain)
    totals = api.audit([str(tmp_path / "out")])["totals"]
    assert (totals["requests"], totals["tokens"], totals["cost"]) == (5, 5040, "0.00665")
