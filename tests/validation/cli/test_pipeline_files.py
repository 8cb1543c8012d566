"""The files that pipelines use: the action's script runs as written, the hook and the examples name real options."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import focus_files as ff
import pytest
import yaml

from focus_ai.cli import main

ROOT = Path(__file__).parents[3]


def action() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    return loaded


def run_step(tmp_path: Path, **inputs: str) -> tuple[int, str, str, dict[str, str]]:
    """Run the validate step of the action as a runner does; returns code, log, step summary and outputs."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash on this machine")
    made = action()
    step = next(s for s in made["runs"]["steps"] if s.get("id") == "validate")
    given = {name: str(entry.get("default", "")) for name, entry in made["inputs"].items()}
    given |= {name.replace("_", "-"): value for name, value in inputs.items()}
    environment = {}
    for name, text in step["env"].items():
        (wanted,) = re.findall(r"^\$\{\{ inputs\.([a-z-]+) }}$", text)
        environment[name] = given[wanted]
    tools = tmp_path / "bin"
    tools.mkdir(exist_ok=True)
    (tools / "focus-ai").write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "import sys; from focus_ai.cli import main; sys.exit(main(sys.argv[1:]))" "$@"\n')  # fmt: skip
    (tools / "focus-ai").chmod(0o755)
    summary, output = tmp_path / "summary", tmp_path / "output"
    environment |= {"PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    environment |= {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(output)}
    run = subprocess.run(
        [bash, "-e", "-c", step["run"]], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    told = output.read_text() if output.exists() else ""
    outputs = dict(line.split("=", 1) for line in told.splitlines())
    return run.returncode, run.stdout + run.stderr, summary.read_text() if summary.exists() else "", outputs


def test_the_action_writes_annotations_summary_and_reports(tmp_path: Path) -> None:
    ff.write_csv(tmp_path / "a file.csv", [ff.row(1), ff.row(2, ListCost="9")])
    code, log, summary, outputs = run_step(tmp_path, paths="a file.csv\n")
    assert code == 1 and "::error file=a file.csv,line=3,title=ListCost-C-009-C" in log
    assert "❌" in summary and "ListCost-C-009-C" in summary
    assert outputs["failed"] == "true"
    assert all((tmp_path / outputs[name]).is_file() for name in ("sarif", "json", "html", "junit"))
    assert set(outputs) == set(action()["outputs"])


def test_the_action_is_green_for_a_right_file_and_passes_on_options(tmp_path: Path) -> None:
    ff.write_csv(tmp_path / "a.csv", [ff.row(1), ff.row(2, ListCost="9")])
    code, _, summary, outputs = run_step(tmp_path, paths="a.csv", args="--ignore\nList*\n", focus="1.2")
    assert code == 0 and "✅" in summary and outputs["failed"] == "false"


def test_the_action_fails_for_a_missing_file_and_for_words_that_look_like_code(tmp_path: Path) -> None:
    code, log, _, outputs = run_step(tmp_path, paths="$(touch broken)\n")
    assert code == 3 and "does not exist" in log and outputs == {}
    assert not (tmp_path / "broken").exists()


def test_the_hook_runs_the_command(tmp_path: Path) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    words = hook["entry"].split()
    assert words[0] == "focus-ai" and hook["language"] == "python"
    path = ff.write_csv(tmp_path / "focus-1.csv", ff.rows(2))
    assert re.search(hook["files"], str(path))
    assert main([*words[1:], str(path)]) == 0


def test_the_examples_of_the_page_name_options_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "validate.md").read_text(encoding="utf-8")
    assert main(["validate", "--help"]) == 0
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    used = {w for line in page.splitlines() if "focus-ai validate" in line for w in re.findall(r"--[a-z-]+", line)}
    assert used and used <= known, used - known
    assert "--baseline" in known


def test_the_python_example_of_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs" / "validate.md").read_text(encoding="utf-8")
    first = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0]
    ff.write_parquet(tmp_path / "costs.parquet", [ff.row(1, ListCost="9")])
    monkeypatch.chdir(tmp_path)
    exec(first, {})
    assert "ListCost-C-009-C ListCost 1 {'USD': '0.002'}" in capsys.readouterr().out
