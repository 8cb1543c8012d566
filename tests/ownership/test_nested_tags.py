"""Owners named inside nested tags: rows that differ only there keep their own owners."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from data_builders import convert, event, jsonl, rows


def teams(tmp_path: Path, *tags: Any) -> list[str | None]:
    found = [event(number, tags=given, model="gpt-5") for number, given in enumerate(tags)]
    convert(tmp_path / "out", jsonl(tmp_path / "in.jsonl", found))
    return sorted({row["x_Team"] for row in rows(tmp_path / "out")}, key=str)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"labels": {"team": "orbit"}}, {"labels": {"team": "lumen"}}),
        ({"labels": [{"key": "team", "value": "orbit"}]}, {"labels": [{"key": "team", "value": "lumen"}]}),
        ({"team": "orbit", "labels": {"x": 1}}, {"team": "lumen", "labels": {"x": 1}}),
        (["team:orbit"], ["team:lumen"]),
        ({"labels": {"team": "orbit"}}, {"team": "lumen"}),
    ],
)
def test_two_teams_stay_two(first: Any, second: Any, tmp_path: Path) -> None:
    assert teams(tmp_path, first, second) == ["lumen", "orbit"]


def test_no_tags_get_no_owner_from_their_neighbours(tmp_path: Path) -> None:
    assert teams(tmp_path, {"labels": {"team": "orbit"}}, {"labels": {}}, {}) == [None, "orbit"]
