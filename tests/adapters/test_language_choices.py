"""Choices and scales in the mapping language: a branch not taken is no fault, a factor applies once to every part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from focus_ai.adapters.golden import records
from focus_ai.adapters.mapping import load
from focus_ai.adapters.recognise import claims, sample
from focus_ai.resources import load_yaml
from focus_ai.sources import discover

HEAD = """
id: test-choice
title: choice
checked: 2026-11-22
kind: billed
system: test
reads: [jsonl]
recognise: {keys: [at]}
fields:
  event_time: {time: at, unit: s}
  currency: {const: USD}
"""


def run(tmp_path: Path, cost: str, *rows: dict[str, Any]) -> tuple[list[str], list[str]]:
    mapping = tmp_path / "m.yaml"
    mapping.write_text(HEAD + f"  billed_cost: {cost}\n")
    data = tmp_path / "in.jsonl"
    data.write_text("".join(json.dumps({"at": 1793577600, **row}) + "\n" for row in rows))
    staged, found = records(discover([str(data)], tmp_path)[0], load(mapping), tmp_path)
    return [r["billed_cost"] for r in found], [r.reason for r in staged.rejects]


CHOICE = '{if: {eq: [unit, kilo]}, then: {decimal: n, times: "1000000000000"}, else: {decimal: n}}'


def test_a_value_too_large_for_the_other_branch_is_fine(tmp_path: Path) -> None:
    rows = ({"unit": "one", "n": "90000000000000000"}, {"unit": "kilo", "n": "2"})
    assert run(tmp_path, CHOICE, *rows) == (["90000000000000000", "2000000000000"], [])


def test_a_fault_in_the_branch_taken_is_told(tmp_path: Path) -> None:
    assert run(tmp_path, CHOICE, {"unit": "one", "n": "x"}, {"unit": "kilo", "n": "y"})[1] == ["wrong_type:n"] * 2


@pytest.mark.parametrize(
    ("inner", "result"),
    [
        ("{sum: [a, b]}", "0.123"),
        ("{sub: [a, b]}", "0.117"),
        ("{if: {present: c}, then: c, else: a}", "0.12"),
        ("{first: [c, a]}", "0.12"),
    ],
)
def test_a_factor_reaches_every_part_once(tmp_path: Path, inner: str, result: str) -> None:
    row = {"a": "12", "b": "0.3"}
    assert run(tmp_path, f'{{decimal: {inner}, times: "0.01"}}', row) == ([result], [])


def test_nowhere_looks_at_every_document_of_the_sample(tmp_path: Path) -> None:
    mapping = tmp_path / "m.yaml"
    mapping.write_text((HEAD + "  billed_cost: n\n").replace("{keys: [at]}", '{keys: [at], nowhere: ["list[]"]}'))
    assert load_yaml(mapping)["recognise"]["nowhere"] == ["list[]"]
    data = tmp_path / "in.jsonl"
    for second, claimed in (([], True), ([1], False)):
        data.write_text(json.dumps({"at": 1, "list": []}) + "\n" + json.dumps({"at": 1, "list": second}) + "\n")
        assert claims(load(mapping), sample(discover([str(data)], tmp_path)[0])) is claimed


def test_a_text_chosen_between_two_notations_of_an_instant_reads_only_the_one_that_is_there(tmp_path: Path) -> None:
    """The identity of both rows is the same hour, and the notation that a row does not have is no fault."""
    mapping = tmp_path / "m.yaml"
    hour = "{if: {present: unix}, then: {time: unix, unit: s}, else: {time: stamp, zone: UTC}}"
    mapping.write_text(HEAD + f"  billed_cost: {{decimal: n}}\nidentity: [{hour}]\n")
    data = tmp_path / "in.jsonl"
    rows = [{"at": 1793577600, "n": 1, "unix": 1793577600}, {"at": 1793577600, "n": 1, "stamp": "2026-11-02 00:00:00"}]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    staged, found = records(discover([str(data)], tmp_path)[0], load(mapping), tmp_path)
    assert staged.rejects == ()
    assert [r["record_id"] for r in found] == ["2026-11-02T00:00:00.000000Z"] * 2
