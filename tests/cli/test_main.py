"""Exit codes, where messages go, and what a person sees when something is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from report_example import report

import focus_ai
from focus_ai.cli import main
from focus_ai.errors import InputError, InternalError, UsageError

HEAVY = ("duckdb", "pyarrow", "jsonschema", "yaml", "rich", "httpx", "pandera")


class Api(ModuleType):
    """Stands in for `focus_ai.api`: records the call and answers with what the test sets."""

    def __init__(self) -> None:
        super().__init__("focus_ai.api")
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        self.answer: Any = report()

    def convert(self, *given: Any, **options: Any) -> dict[str, Any]:
        self.calls.append((given, options))
        if isinstance(self.answer, BaseException):
            raise self.answer
        return dict(self.answer)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Api:
    stand_in = Api()
    monkeypatch.setitem(sys.modules, "focus_ai.api", stand_in)
    monkeypatch.setattr(focus_ai, "api", stand_in, raising=False)
    monkeypatch.chdir(tmp_path)
    return stand_in


def run_process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "import sys; from focus_ai.cli import main; sys.exit(main())", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.mark.parametrize("arguments", [["--help"], ["convert", "--help"], ["rates", "--help"], ["--version"]])
def test_help_and_version_import_no_data_library(arguments: list[str]) -> None:
    code = f"""
import sys
from focus_ai.cli import main
code = main({arguments!r})
print("HEAVY", sorted(set(m.partition(".")[0] for m in sys.modules) & set({HEAVY!r})), code)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY [] 0"


def test_no_command_shows_the_help_and_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "convert" in shown.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["convrt"], "convrt"),
        (["convert"], "INPUT..."),
        (["convert", "a.json"], "--out"),
        (["convert", "a.json", "--out", "o", "--focus", "9"], "'1.2'"),
        (["convert", "a.json", "--out", "o", "--jobs", "0"], "--jobs"),
        (["convert", "a.json", "--out", "o", "--colour"], "--colour"),
        (["convert", "a.json", "--out", "o", "--fail-on", "unprised"], "did you mean unpriced"),
        (["convert", "a.json", "--out", "o", "--fail-on", "none,unpriced"], "cannot be combined"),
        (["convert", "a.json", "--out", "o", "--account", "openai"], "NAME=VALUE"),
        (["convert", "a.json", "--out", "o", "--account", "openai=a", "--account", "openai=b"], "two values"),
        (["convert", "a.json", "--out", "o", "--config", "missing.toml"], "missing.toml"),
        (["adapters"], "adapters --help"),
    ],
)
def test_a_wrong_command_line_ends_with_two_and_says_what_is_right(
    arguments: list[str], told: str, api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("focus-ai: ")
    assert told in shown.err
    assert "Traceback" not in shown.err
    assert api.calls == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("wrong"), 2),
        (InputError("unreadable", where="a.json", next_step="look"), 3),
        (InternalError("x"), 4),
    ],
)
def test_each_kind_of_error_has_its_code(
    error: Exception, code: int, api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    api.answer = error
    assert main(["convert", "a.json", "--out", "o"]) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "focus-ai: " + str(error) + "\n"


def test_a_fault_of_ours_is_one_clear_message(
    api: Api, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FOCUS_AI_DEBUG", raising=False)
    api.answer = ZeroDivisionError("ratio")
    assert main(["convert", "a.json", "--out", "o"]) == 4
    shown = capsys.readouterr().err
    assert "internal error: ZeroDivisionError: ratio" in shown
    assert "Traceback" not in shown
    monkeypatch.setenv("FOCUS_AI_DEBUG", "1")
    assert main(["convert", "a.json", "--out", "o"]) == 4
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs limits of POSIX")
def test_no_room_to_write_is_told_as_such(tmp_path: Path) -> None:
    """A limit on the size of files fails like a full disk; what was there stays and nothing is left behind."""
    (tmp_path / "a.csv").write_text(
        "event_id,timestamp,provider,model,input_tokens,output_tokens,status\n"
        "1,2026-10-07T10:00:00Z,openai,gpt-5,1000,10,success\n"
    )
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)); "
        "from focus_ai.cli import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited, "convert", "a.csv", "--out", "o"], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(focus_ai.__file__).parents[1])}, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.startswith("focus-ai: there is no room to write")
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_standard_output_says_nothing_untrue_about_the_data_set(tmp_path: Path) -> None:
    """The data set was replaced before its report met the full disk, so it is not called untouched."""
    (tmp_path / "a.csv").write_text(
        "event_id,timestamp,provider,model,input_tokens,output_tokens,status\n"
        "1,2026-10-07T10:00:00Z,openai,gpt-5,1000,10,success\n"
    )
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "focus_ai", "convert", "a.csv", "--out", "o"], cwd=tmp_path, stdout=full,
            stderr=subprocess.PIPE, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(Path(focus_ai.__file__).parents[1])},
        )  # fmt: skip
    assert done.returncode == 3
    assert "there is no room to write" in done.stderr and "not touched" not in done.stderr
    assert (tmp_path / "o" / "run.json").exists()


def test_a_wrong_word_is_answered_without_words_of_a_library(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "a.csv", "--out", "o", "--grain", "week"]) == 2
    assert (
        "Invalid value for '--grain': 'week' is not one of 'day', 'hour', 'month', 'request'" in capsys.readouterr().err
    )


def test_a_working_folder_that_is_gone_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert main(["convert", "a.json", "--out", "o"]) == 2
    assert capsys.readouterr().err.startswith("focus-ai: the folder you are in no longer exists")


def test_an_interrupt_ends_with_130(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.answer = KeyboardInterrupt()
    assert main(["convert", "a.json", "--out", "o"]) == 130
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "streams", "code"), [
    ("convert a.csv --out o", ">&- 2>&- <&-", 0), ("schema 1.3", ">&-", 0), ("convert b.csv --out o", "2>/dev/full", 3),
    ("convert - --out o", "<&- 2>&-", 3),
])  # fmt: skip
def test_a_command_without_its_streams(words: str, streams: str, code: int, tmp_path: Path) -> None:
    """As services start it. What it does is done, and the exit code says how it went."""
    (tmp_path / "a.csv").write_text(
        "event_id,timestamp,provider,model,input_tokens,output_tokens,status\n"
        "a,2026-11-02T10:00:00Z,openai,gpt-5,1000,200,success\n"
    )
    done = subprocess.run(
        f"'{sys.executable}' -m focus_ai {words} {streams}", shell=True, cwd=tmp_path, capture_output=True, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (code, b"")
    assert (tmp_path / "o" / "run.json").is_file() == words.startswith("convert a.csv")


def test_a_file_that_goes_away_is_no_fault_of_the_program(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.answer = FileNotFoundError(2, "No such file or directory", "exports/a.json")
    assert main(["convert", "a.json", "--out", "o"]) == 3
    assert "went away" in (said := capsys.readouterr().err)
    assert "exports/a.json" in said


def test_a_reader_that_goes_away_leaves_no_message() -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", "import sys; from focus_ai.cli import main; sys.exit(main(['schema', '1.3']))"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert writer.stdout is not None and writer.stderr is not None
    writer.stdout.close()
    complaint = writer.stderr.read()
    writer.stderr.close()
    assert (writer.wait(), complaint) == (0, b"")


def test_the_report_is_the_only_thing_on_standard_output(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "a.json", "--out", "o"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("Records")
    assert "\x1b" not in shown.out
    assert shown.err == ""


def test_json_is_one_document_with_amounts_as_text(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "a.json", "--out", "o", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out, parse_float=lambda number: pytest.fail(f"a float: {number}"))
    assert document == report()


@pytest.mark.parametrize("given", ["--out=~/focus", "--out=~/focus/"])
def test_a_tilde_behind_an_equals_sign_is_the_home_folder(api: Api, given: str, tmp_path: Path) -> None:
    """Shells leave it as it is there; a folder called ~ is what nobody wants."""
    with pytest.MonkeyPatch.context() as home:
        home.setenv("HOME", str(tmp_path / "me"))
        assert main(["convert", "a=~/b", given]) == 0
    (inputs, out), _ = api.calls[-1]
    assert (inputs, Path(out)) == (["a=~/b"], tmp_path / "me" / "focus")


def test_options_reach_the_conversion(api: Api, tmp_path: Path) -> None:
    words = "convert a.json b/ --out o --adapter litellm-spend-logs --focus 1.2 --grain hour --numeric double --events"
    more = "--jobs 3 --memory-limit 400MB --threads 2 --mapping m.yaml --rates r.csv --owner-map w.csv --accounts c.csv --month 2026-11"
    assert main([*words.split(), *more.split(), "--account", "openai=org-1", "--quiet"]) == 0
    (inputs, out), options = api.calls[0]
    assert (inputs, out) == (["a.json", "b/"], Path("o"))
    settings = options.pop("settings")
    options.pop("progress")
    assert options == {
        "adapter": "litellm-spend-logs",
        "mapping": [Path("m.yaml")],
        "focus": "1.2",
        "grain": "hour",
        "numeric": "double",
        "months": ["2026-11"],
        "events": True,
        "ai_only": False,
        "validate": True,
        "allocation": None,
        "jobs": 3,
        "memory_limit": "400MB",
        "threads": 2,
    }
    assert settings.rates.files == (Path("r.csv"),)
    assert settings.owners.map == (Path("w.csv"),)
    assert settings.owners.accounts == (Path("c.csv"),)
    assert settings.accounts["openai"].id == "org-1"


@pytest.mark.parametrize(("identity", "name"), [("", "Acme"), ('id = "new"', "Acme"), ('id = "old"', None)])
def test_flags_win_over_settings_and_keep_the_other_facts(
    identity: str, name: str | None, api: Api, tmp_path: Path
) -> None:
    """The name of an account is not the name of another one."""
    (tmp_path / "focus-ai.toml").write_text(
        '[convert]\nfocus = "1.2"\ngrain = "month"\n[accounts.openai]\n'
        f'{identity}\nname = "Acme"\nbilling_mode = "prepaid"\n'
    )
    assert main(["convert", "a.json", "--out", "o", "--grain", "day", "--account", "openai=new"]) == 0
    options = api.calls[0][1]
    assert (options["focus"], options["grain"]) == ("1.2", "day")
    account = options["settings"].accounts["openai"]
    assert (account.id, account.name, account.billing_mode) == ("new", name, "prepaid")


@pytest.mark.parametrize(
    ("causes", "code"),
    [
        ([], 0),
        (["none"], 0),
        (["unpriced"], 1),
        (["rejected,unattributed"], 1),
        (["rejected", "--fail-on", "unpriced"], 1),
    ],
)
def test_fail_on_turns_findings_into_exit_code_one(
    causes: list[str], code: int, api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--fail-on", *causes] if causes else []
    assert main(["convert", "a.json", "--out", "o", *flags]) == code
    shown = capsys.readouterr()
    assert shown.out.startswith("Records")
    assert ("--fail-on" in shown.err) == bool(code)


def test_fail_on_is_fine_when_the_cause_did_not_occur(api: Api) -> None:
    api.answer = report(unpriced={"events": 0, "tokens": 0, "reasons": {}})
    assert main(["convert", "a.json", "--out", "o", "--fail-on", "unpriced"]) == 0


def test_settings_can_refuse_unpriced_usage(api: Api, tmp_path: Path) -> None:
    (tmp_path / "focus-ai.toml").write_text("[rates]\nallow_unpriced = false\n")
    assert main(["convert", "a.json", "--out", "o"]) == 1


def test_nothing_in_a_message_depends_on_the_terminal_encoding() -> None:
    done = run_process("schema", "1.3", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert done.stderr == ""


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "focus_ai", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"focus-ai {focus_ai.__version__}\n"
