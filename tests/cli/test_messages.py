"""Every kind of failure with its command, its words and its exit code: `fixtures/cli/*.txt`.

First line the command, last line the exit code, between them what the person sees; `...` at the end of a line stands
for anything. The commands run in a folder with a copy of `fixtures/cli/files`.
"""

from __future__ import annotations

import shlex
import shutil
from itertools import zip_longest
from pathlib import Path

import pytest

from focus_ai.cli import main

CASES = Path(__file__).parents[2] / "fixtures" / "cli"


def alike(wanted: str | None, found: str | None) -> bool:
    if wanted is None or found is None:
        return False
    return found.startswith(wanted[:-3]) if wanted.endswith("...") else wanted == found


@pytest.mark.parametrize("case", sorted(CASES.glob("*.txt")), ids=lambda case: case.stem)
def test_the_message_is_the_one_on_file(
    case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(CASES / "files", tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    command, *wanted = case.read_text(encoding="utf-8").splitlines()
    program, *arguments = shlex.split(command.removeprefix("$ "))
    assert program == "focus-ai"
    code = main(arguments)
    shown = capsys.readouterr()
    found = [*(shown.out + shown.err).splitlines(), f"exit {code}"]
    assert [pair for pair in zip_longest(wanted, found) if not alike(*pair)] == []
    assert shown.err == "" or shown.out == ""


def test_no_message_shows_a_traceback_or_the_words_of_a_library() -> None:
    for case in CASES.glob("*.txt"):
        text = case.read_text(encoding="utf-8")
        assert not any(word in text for word in ("Traceback", "Error:", "Exception", "[Errno")), case.name
