"""The command itself with real engines: exit codes, what goes to which stream, and the report as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from data_builders import event, jsonl, rows, snapshot

from focus_ai.cli import main


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return jsonl(tmp_path / "x.jsonl", [event(1, team="a"), event(2), "broken", event(3, model="nobody")])


def test_json_on_standard_output(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", str(source), "--out", "out", "--format", "json", "--account", "openai=org-9"]) == 0
    shown = capsys.readouterr()
    report = json.loads(shown.out)
    assert report["schema"] == "focus-ai/run@1"
    assert report["records"]["events"] == 3
    assert {k: v for k, v in report.items() if k != "out"} == json.loads(Path("out/run.json").read_text())
    assert {r["BillingAccountId"] for r in rows(Path("out"))} == {"org-9"}


def test_only_the_months_that_were_named(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named = [part for month in ("2026-11", "2026-12") for part in ("--month", month)]
    assert main(["convert", str(source), "--out", "out", *named]) == 0
    assert "other_month 3" in capsys.readouterr().out
    assert json.loads(Path("out/run.json").read_text())["months"] == ["2026-11", "2026-12"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["x.jsonl"], 0),
        (["x.jsonl", "--fail-on", "rejected"], 1),
        (["x.jsonl", "--fail-on", "unpriced"], 1),
        (["x.jsonl", "--fail-on", "unattributed"], 1),
        (["x.jsonl", "--grain", "week"], 2),
        (["x.jsonl", "--month", "2026-1"], 2),
        (["x.jsonl", "--adapter", "generic-evnt"], 2),
        (["x.jsonl", "--memory-limit", "much"], 2),
        (["x.jsonl", "--config", "none.toml"], 2),
        (["none.jsonl"], 3),
        (["README"], 3),
    ],
)
def test_exit_codes(arguments: list[str], code: int, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("README").write_text("words and nothing else\n")
    before = snapshot(Path())
    assert main(["convert", *arguments, "--out", "out", "--quiet"]) == code
    shown = capsys.readouterr()
    if code >= 2:
        assert shown.out == ""
        assert shown.err
        assert snapshot(Path()) == before
    else:
        assert Path("out/run.json").is_file()
