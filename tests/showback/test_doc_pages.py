"""The examples of docs/audit.md and docs/report.md are what the program prints.

`python tests/showback/test_doc_pages.py` writes them again.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# When the examples were printed: what is later than a run is a finding.
PRINTED = "1795305600"  # 2026-11-22
PAGES = ("audit.md", "report.md")
_EXAMPLE = re.compile(r"(<!-- example:begin (.*?) -->\n).*?(<!-- example:end -->)", re.DOTALL)


def printed(command: str, data: Path) -> str:
    """What a command prints, run in the repository; `data` stands for the converted sample."""
    from focus_ai.cli import main

    arguments = [str(data) if word == "data" else word for word in command.split()]
    out = io.StringIO()
    with contextlib.chdir(ROOT), contextlib.redirect_stdout(out):
        assert main([*arguments, "--no-color", "-q"]) == 0
    return out.getvalue()


def with_examples(page: str, data: Path) -> str:
    """The page with its examples printed anew."""
    return _EXAMPLE.sub(
        lambda found: f"{found[1]}```\n$ focus-ai {found[2]}\n{printed(found[2], data)}```\n{found[3]}", page
    )


def convert_sample(out: Path) -> Path:
    from focus_ai import api

    sample = ROOT / "fixtures" / "company" / "sample"
    api.convert([str(sample / "gateway.jsonl")], out, allocation=sample / "allocation.yaml")
    return out


@pytest.mark.parametrize("name", PAGES)
def test_the_examples_are_true(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", PRINTED)
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert len(_EXAMPLE.findall(page)) == 1
    assert page == with_examples(page, convert_sample(tmp_path / "data")), f"run: python {Path(__file__).name}"


if __name__ == "__main__":
    os.environ |= {"NO_COLOR": "1", "SOURCE_DATE_EPOCH": PRINTED}
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as folder:
        for each in PAGES:
            path = ROOT / "docs" / each
            path.write_text(
                with_examples(path.read_text(encoding="utf-8"), convert_sample(Path(folder) / each)), encoding="utf-8"
            )
