"""Settings: where they are found, what is refused and how it is said; defaults equal the schema; the page is fresh."""

from __future__ import annotations

import dataclasses
import json
import pickle
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from focus_ai import settings as module
from focus_ai.errors import UsageError
from focus_ai.settings import Account, Settings
from focus_ai.settings_docs import render

ROOT = Path(__file__).parents[1]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def error(text: str, tmp_path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        Settings.load(write(tmp_path / "focus-ai.toml", text))
    assert caught.value.exit_code == 2
    assert "focus-ai.toml" in str(caught.value)
    return str(caught.value)


def test_empty_settings_are_the_defaults(tmp_path: Path) -> None:
    assert Settings.load(write(tmp_path / "focus-ai.toml", "")).convert.focus == "1.3"
    assert dataclasses.replace(Settings.load(tmp_path / "focus-ai.toml"), source=None) == Settings()
    assert Settings.from_dict({}) == Settings()


def test_providers_have_one_name_however_they_are_spelled(tmp_path: Path) -> None:
    text = "[accounts.bedrock]\nid = '1'\n[accounts.'azure/sub']\nid = '2'\n[accounts.own-llm]\nid = '3'\n"
    found = Settings.load(write(tmp_path / "focus-ai.toml", text))
    assert {name: account.id for name, account in found.accounts.items()} == {
        "aws_bedrock": "1", "azure_openai/sub": "2", "own-llm": "3",
    }  # fmt: skip
    assert found.account("aws.bedrock").id == "1"
    assert found.override({"accounts.bedrock": {"id": "4"}}).accounts["aws_bedrock"].id == "4"
    told = error("[accounts.bedrock]\nid = '1'\n[accounts.aws_bedrock]\nid = '2'\n", tmp_path)
    assert "two tables are for the same provider" in told


def test_defaults_equal_the_schema() -> None:
    sections = module.schema()["properties"]
    for name, kind in module._SECTIONS.items():
        made = dataclasses.asdict(kind())
        described = {key: module.node(part).get("default") for key, part in sections[name]["properties"].items()}
        assert json.loads(json.dumps(made, default=str)) == described, name
    account = {
        key: module.node(part).get("default") for key, part in module.schema()["$defs"]["account"]["properties"].items()
    }
    assert dataclasses.asdict(Account()) == account


def test_every_section_of_the_schema_exists() -> None:
    names = {field.name for field in dataclasses.fields(Settings)} - {"source"}
    assert names == set(module.schema()["properties"]) == {*module._SECTIONS, "accounts", "exports", "files"}


def test_nearest_file_wins_and_paths_are_relative_to_it(tmp_path: Path) -> None:
    write(tmp_path / "focus-ai.toml", '[convert]\ngrain = "hour"\n')
    write(tmp_path / "a" / "pyproject.toml", '[tool.focus-ai.owners]\nmap = ["o/map.csv"]\n')
    (tmp_path / "a" / "b").mkdir()
    found = Settings.load(start=tmp_path / "a" / "b")
    assert found.source == tmp_path / "a" / "pyproject.toml"
    assert found.owners.map == (tmp_path / "a" / "o" / "map.csv",)
    write(tmp_path / "a" / "focus-ai.toml", '[convert]\ngrain = "month"\n')
    assert Settings.load(start=tmp_path / "a" / "b").convert.grain == "month"


def test_pyproject_without_our_table_is_passed_by(tmp_path: Path) -> None:
    write(tmp_path / "focus-ai.toml", '[convert]\ngrain = "hour"\n')
    write(tmp_path / "a" / "pyproject.toml", '[project]\nname = "x"\n')
    assert Settings.load(start=tmp_path / "a").convert.grain == "hour"
    with pytest.raises(UsageError, match=r"no \[tool.focus-ai\] table"):
        Settings.load(tmp_path / "a" / "pyproject.toml")


def test_only_the_nearest_pyproject_counts(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", '[tool.focus-ai.convert]\ngrain = "hour"\n')
    write(tmp_path / "a" / "pyproject.toml", '[project]\nname = "x"\n')
    assert Settings.load(start=tmp_path / "a").convert.grain == "day"


def test_windows_text_is_read(tmp_path: Path) -> None:
    path = tmp_path / "focus-ai.toml"
    path.write_bytes(b'\xef\xbb\xbf[convert]\r\nfocus = "1.2"\r\n')
    assert Settings.load(path).convert.focus == "1.2"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('[convert]\ngrian = "day"', ["unknown setting 'convert.grian'", "did you mean grain?"]),
        ('[owner]\nmap = "x"', ["unknown setting 'owner'", "did you mean owners"]),
        ("[convert]\nfocus = 1.3", ["convert.focus", "1.3 (number)", '"1.2", "1.3", "1.4" (write it in quotes)']),
        ('[convert]\ngrain = "week"', ["convert.grain", "'week' (text)", '"request"']),
        ('[convert]\nbilling_currency = "usd"', ["convert.billing_currency", "three capital letters"]),
        ('[owners]\nmap = "map.csv"', ["owners.map", "'map.csv' (text)", "list of paths"]),
        ("[owners]\nmap = [1]", ["owners.map.0", "1 (whole number)", "a path"]),
        ('[owners]\nrequired = ["team", "teem"]', ["owners.required.1", "'teem'", '"team"']),
        ('[owners.tag_keys]\ntema = ["x"]', ["owners.tag_keys.tema", "team"]),
        ('[owners.defaults."Open AI"]\nteam = "x"', ["'Open AI' is not a channel name"]),
        ("[engine]\nthreads = true", ["engine.threads", "True (true or false)", "whole number"]),
        ('[engine]\nmemory_limit = "lots"', ["engine.memory_limit", "400MB"]),
        ('[accounts.openai]\nbilling_mode = "later"', ["accounts.openai.billing_mode", '"prepaid"']),
        ("convert = 3", ["'convert'", "a table"]),
        ("[convert\n", ["not valid TOML"]),
    ],
)
def test_wrong_settings_name_file_key_and_what_is_allowed(text: str, parts: list[str], tmp_path: Path) -> None:
    message = error(text, tmp_path)
    for part in parts:
        assert part in message


def test_a_secret_in_the_file_is_refused_and_never_shown(tmp_path: Path) -> None:
    message = error('[privacy]\nuser_key = "correct-horse-battery"', tmp_path)
    assert "environment variables only" in message
    assert "correct-horse" not in message


def test_missing_and_undecodable_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not found"):
        Settings.load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_bytes(b"[convert]\nfocus = '\xff'")
    with pytest.raises(UsageError, match="not UTF-8"):
        Settings.load(tmp_path / "bad.toml")
    with pytest.raises(UsageError, match="cannot be read"):
        Settings.load(tmp_path)


def test_accounts_by_channel_and_id() -> None:
    made = Settings.from_dict(
        {"accounts": {"openai": {"id": "org-a"}, "openai/org-b": {"name": "B", "sub_accounts": {"p": "P"}}}}
    )
    assert made.account("openai").id == "org-a"
    assert made.account("openai", "org-b").name == "B"
    assert made.account("openai", "org-b").sub_accounts == {"p": "P"}
    assert made.account("openai", "org-c").id == "org-a"
    assert made.account("anthropic") == Account()


def test_flags_win_and_are_checked() -> None:
    base = Settings.from_dict({"convert": {"grain": "hour", "focus": "1.2"}, "owners": {"map": ["m.csv"]}})
    flagged = base.override({"convert.focus": "1.4", "convert.grain": None, "engine.threads": 2})
    assert (flagged.convert.focus, flagged.convert.grain, flagged.engine.threads) == ("1.4", "hour", 2)
    assert flagged.owners == base.owners
    with pytest.raises(UsageError, match=r"command line, key convert\.focus"):
        base.override({"convert.focus": "2.0"})


def test_settings_can_travel_to_another_process() -> None:
    made = Settings.from_dict({"owners": {"defaults": {"openai": {"team": "x"}}, "tag_keys": {"team": ["squad"]}}})
    assert pickle.loads(pickle.dumps(made)) == made


def test_examples_of_the_page_are_valid_settings() -> None:
    sections: dict[str, Any] = module.schema()["properties"]
    text = "\n".join("\n".join(section["x-example"]) for section in sections.values())
    assert Settings.from_dict(tomllib.loads(text)) != Settings()


@pytest.mark.parametrize("page", ["ownership.md"])
def test_settings_in_other_pages_are_valid(page: str) -> None:
    blocks = (ROOT / "docs" / page).read_text(encoding="utf-8").split("```toml\n")[1:]
    assert blocks
    for block in blocks:
        Settings.from_dict(tomllib.loads(block.split("```")[0]))


def test_page_equals_its_regeneration() -> None:
    written = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert written == render(), "run: python -m focus_ai.settings_docs > docs/settings.md"


def test_importing_settings_is_light() -> None:
    heavy = ("duckdb", "pyarrow", "jsonschema", "yaml")
    code = f"import sys, focus_ai.settings; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
