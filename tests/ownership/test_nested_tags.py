"""Owners named inside nested tags: rows that differ only there keep their own owners."""

from __future__ import annotations

from decimal import Decimal
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
        ([{"Key": "team", "Value": "orbit"}], [{"Key": "team", "Value": "lumen"}]),
        ("team=orbit;env=prod", "team=lumen;env=prod"),
        ("team:orbit", '{"team": "lumen"}'),
    ],
)
def test_two_teams_stay_two(first: Any, second: Any, tmp_path: Path) -> None:
    assert teams(tmp_path, first, second) == ["lumen", "orbit"]


def test_no_tags_get_no_owner_from_their_neighbours(tmp_path: Path) -> None:
    assert teams(tmp_path, {"labels": {"team": "orbit"}}, {"labels": {}}, {}) == [None, "orbit"]


def test_tags_speak_beside_an_owner_that_the_record_names(tmp_path: Path) -> None:
    """One team, two products in the tags; and a refused team word leaves the team to the tags. One event is 1010
    tokens and 0.00135 USD, so every owner below has exactly that."""
    found = [
        event(1, team="orbit", tags={"product": "maps", "cost_center": "C-1"}),
        event(2, team="orbit", tags={"product": "mail", "cost_center": "C-2"}),
        event(3, team="unknown", tags={"team": "lumen"}),
        event(4, team="unknown", tags={"team": "quartz"}),
    ]
    for name, lines in (("a", found), ("b", found[::-1])):
        convert(tmp_path / name, jsonl(tmp_path / f"{name}.jsonl", lines))
    sums: dict[Any, Decimal] = {}
    for row in rows(tmp_path / "a"):
        key = (row["x_Team"], row["x_Product"], row["x_CostCenter"])
        sums[key] = sums.get(key, Decimal(0)) + row["EffectiveCost"]
    owners = {("orbit", "maps", "C-1"), ("orbit", "mail", "C-2"), ("lumen", None, None), ("quartz", None, None)}
    assert sums == dict.fromkeys(owners, Decimal("0.00135"))
    assert rows(tmp_path / "a") == rows(tmp_path / "b")


@pytest.mark.parametrize("key", ['"labels', "\\labels", "labels\x00"])
def test_a_tag_key_that_no_path_can_name(key: str, tmp_path: Path) -> None:
    assert teams(tmp_path, {key: {"team": "orbit"}}, {key: {"team": "lumen"}}) == ["lumen", "orbit"]
