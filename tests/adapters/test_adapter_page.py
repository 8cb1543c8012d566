"""docs/adapters.md names every shipped export and equals its regeneration."""

from __future__ import annotations

from pathlib import Path

from focus_ai.adapters.docs import render
from focus_ai.adapters.mapping import shipped

PAGE = Path(__file__).parents[2] / "docs" / "adapters.md"


def test_the_page_equals_its_regeneration() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run: make docs"


def test_every_export_has_its_row() -> None:
    text = render()
    assert len(shipped()) > 100
    assert [name for name in shipped() if f"| `{name}` |" not in text] == []
