"""`explain`, `schema`, `adapters list|show` and `doctor` answer from the data that the program uses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from focus_ai.cli import main
from focus_ai.cli.doctor import examine


def said(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int = 0) -> str:
    assert main(arguments) == code
    return capsys.readouterr().out


def test_a_column_is_explained_in_every_spelling(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(["explain", "billedcost"], capsys)
    assert text.startswith("BilledCost  (column)")
    assert "1.2, 1.3, 1.4" in text


def test_our_own_columns_are_explained_too(capsys: pytest.CaptureFixture[str]) -> None:
    facts = json.loads(said(["explain", "x_CostBasis", "--format", "json"], capsys))
    assert facts["schema"] == "focus-ai/explain@1"
    assert facts["kind"] == "column"
    assert facts["values"]


def test_a_meter_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(["explain", "cache_read"], capsys)
    assert "Cache Read Input Tokens" in text
    assert "1000000 Tokens" in text


def test_an_adapter_is_explained_and_shown_alike(capsys: pytest.CaptureFixture[str]) -> None:
    explained = said(["explain", "litellm-spend-logs"], capsys)
    assert explained == said(["adapters", "show", "litellm-spend-logs"], capsys)
    for heading in ("How to get it", "Recognised by", "Traps"):
        assert heading in explained


def test_a_sku_is_explained_with_its_prices(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(["explain", "openai/gpt-5/cache_read"], capsys)
    assert "0.125" in text


def test_an_unknown_topic_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "x_Tema"]) == 2
    assert "x_Team" in capsys.readouterr().err


def test_every_adapter_can_be_shown(capsys: pytest.CaptureFixture[str]) -> None:
    listed = json.loads(said(["adapters", "list", "--format", "json"], capsys))
    known = [adapter["id"] for adapter in listed["adapters"]]
    assert known == sorted(known)
    assert "openai-costs" in known
    for name in known:
        assert said(["adapters", "show", name], capsys).startswith(name)


def test_an_unknown_adapter_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["adapters", "show", "litellm-spend-log"]) == 2
    assert "litellm-spend-logs" in capsys.readouterr().err


def test_schema_without_a_name_lists_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    names = said(["schema"], capsys).split()
    assert {"1.2", "1.3", "event", "mapping", "settings"} <= set(names)
    assert json.loads(said(["schema", "event"], capsys))["$schema"]
    assert "CREATE TABLE" in said(["schema", "1.3", "--as", "sql"], capsys)


def test_a_sound_installation_has_no_problem(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    checks = [check for check in examine(None) if check.name != "rate card"]
    assert [(check.name, check.found) for check in checks if not check.ok] == []
    assert [check.name for check in checks][:2] == ["python", "packages"]


def test_doctor_tells_what_to_do_about_a_problem(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "focus-ai.toml").write_text('[convert]\nfocsu = "1.3"\n')
    monkeypatch.chdir(tmp_path)
    text = said(["doctor"], capsys, code=1)
    line = next(line for line in text.splitlines() if line.startswith("settings"))
    assert "PROBLEM" in line
    assert "did you mean focus?" in line
