"""docs/cli.md and the first screen of the README are what the program says."""

from __future__ import annotations

from pathlib import Path

from focus_ai.cli.reference import demo_output, render, with_demo

ROOT = Path(__file__).parents[2]


def test_the_page_equals_its_regeneration() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert page == render(), "run: make docs"


def test_every_command_and_option_is_explained() -> None:
    lines = render().splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    assert len(rows) > 40
    assert [row for row in rows if row.split(" | ")[1].strip() in ("", "None")] == []


def test_the_readme_shows_the_true_output_of_the_demo() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert page == with_demo(page, demo_output()), "run: make docs"


def test_the_first_screen_holds_the_two_commands_and_the_output() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert (
        page.index("make demo     # sets itself up, converts the example exports in fixtures/demo, shows the result")
        < 10
    )
    assert "$ make demo" in page[:15]
