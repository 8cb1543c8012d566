"""Rows apart from their names, comparisons between two values, flags, recognition by pattern, and records by code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from focus_ai.adapters.code import anthropic_stream
from focus_ai.adapters.golden import records
from focus_ai.adapters.mapping import load
from focus_ai.adapters.recognise import claims, sample
from focus_ai.errors import UsageError
from focus_ai.sources import discover

HEAD = """
id: test-records
title: records
checked: 2026-11-22
kind: billed
system: test
reads: [json, jsonl, csv]
recognise: {keys: [at]}
"""
FIELDS = """
fields:
  event_time: {time: at, unit: s}
  currency: {const: USD}
  billed_cost: n
"""


def run(tmp_path: Path, mapping: str, data: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    (tmp_path / "m.yaml").write_text(HEAD + mapping)
    file = tmp_path / "in.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in data))
    staged, found = records(discover([str(file)], tmp_path)[0], load(tmp_path / "m.yaml"), tmp_path)
    return found, [r.reason for r in staged.rejects]


ZIPPED = """
records: rows[]
let: {row: {zip: [^.names, .]}}
fields:
  event_time: {time: $row.at, unit: s}
  currency: {const: USD}
  billed_cost: $row.n
  line_item: $row.text
"""


def test_rows_are_read_by_the_names_beside_them(tmp_path: Path) -> None:
    found, rejects = run(tmp_path, ZIPPED, [
        {"names": ["n", "at", "text"], "rows": [[1.5, 1793577600, "a"], [2, 1793577600]]},
        {"names": ["at", None, "n", "n"], "rows": [[1793577600, "x", 3, 4]]},
        {"names": None, "rows": [[1793577600]]},
    ])  # fmt: skip
    assert [(r["billed_cost"], r.get("line_item")) for r in found] == [("1.5", "a"), ("2", None), ("3", None)]
    assert rejects == ["missing:event_time"]


def test_the_whole_record_has_a_name_only_inside_a_document(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="whole record"):
        run(tmp_path, FIELDS.replace("billed_cost: n", "billed_cost: n\n  line_item: ."), [{"at": 1793577600, "n": 1}])


COMPARED = (
    FIELDS
    + """
  line_item: {if: {gt: [a, {int: b}]}, then: {const: more}, else: {const: less}}
  invoice_id: {if: {eq: [a, {int: b}]}, then: {const: same}, else: {const: other}}
flags:
  - {when: {gt: [a, {int: b}]}, flag: too_many}
  - {when: {eq: [word, {lower: other}]}, flag: one_word}
"""
)


def test_two_values_of_a_record_are_compared_and_flagged(tmp_path: Path) -> None:
    rows = [{"a": 9, "b": 10}, {"a": "10.0", "b": 10}, {"a": 11, "b": "10"}, {"a": 1, "word": "x", "other": "X"}]
    found, rejects = run(tmp_path, COMPARED, [{"at": 1793577600, "n": 1, **row} for row in rows])
    assert rejects == []
    assert [(r["line_item"], r["invoice_id"], r.get("flags")) for r in found] == [
        ("less", "other", None), ("less", "same", None), ("more", "other", "too_many"), ("less", "other", "one_word"),
    ]  # fmt: skip


NESTED = """
fields:
  event_time: {time: at, unit: s}
  currency: {const: USD}
  billed_cost: delta.cost
  line_item: alpha.line
  invoice_id: gamma.invoice
  service_tier: beta.tier
  region: epsilon.region
"""


def test_of_several_faults_the_first_of_the_mapping_is_told(tmp_path: Path) -> None:
    places = ("epsilon", "beta", "alpha", "gamma", "delta")
    rows = [{"at": 1793577600, **dict.fromkeys(places[n:], "text")} for n in range(len(places))]
    _, rejects = run(tmp_path, NESTED, rows)
    assert rejects == ['wrong_type:$."delta"'] * 5
    faulty = [{"at": 1793577600, "delta": {"cost": 1}, **dict.fromkeys(places[:n], "text")} for n in range(1, 5)]
    _, rejects = run(tmp_path, NESTED, faulty)
    assert rejects == [f'wrong_type:$."{place}"' for place in ("epsilon", "beta", "alpha", "alpha")]


@pytest.mark.parametrize(("model", "claimed"), [("gpt-5.5", True), ("my-gpt-5.5", False), (None, False)])
def test_recognition_by_a_pattern(tmp_path: Path, model: str | None, claimed: bool) -> None:
    (tmp_path / "m.yaml").write_text(HEAD.replace("{keys: [at]}", "{keys: [at], matches: {model: '^gpt-'}}") + FIELDS)
    file = tmp_path / "in.json"
    file.write_text(json.dumps({"at": 1793577600, "n": 1, "model": model}))
    assert claims(load(tmp_path / "m.yaml"), sample(discover([str(file)], tmp_path)[0])) is claimed


def events(*found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return iter(found)


def test_the_last_event_of_a_stream_counts_and_keeps_what_it_does_not_repeat() -> None:
    start = {"type": "message_start", "message": {"id": "m1", "usage": {"input_tokens": 5, "output_tokens": 1}}}
    deltas = [{"type": "message_delta", "usage": {"output_tokens": n, "input_tokens": None}} for n in (4, 9)]
    (message,) = anthropic_stream.rewrite(events(start, {"type": "ping"}, *deltas, {"type": "message_stop"}))
    assert message["usage"] == {"input_tokens": 5, "output_tokens": 9}
    assert message["stream_complete"] is True


def test_a_stream_that_is_cut_off_and_a_delta_without_a_start_are_not_lost() -> None:
    start = {"type": "message_start", "message": {"id": "m1", "usage": {"output_tokens": 1}}}
    lost = {"type": "message_delta", "usage": {"output_tokens": 7}}
    found = list(anthropic_stream.rewrite(events(lost, start, {**start, "message": {"id": "m2"}})))
    assert [(m.get("id"), m.get("stream_complete")) for m in found] == [(None, None), ("m1", False), ("m2", False)]


SERIES = """
series: {values: data.usage, times: data.time}
fields:
  event_time: {time: from, unit: ms}
  bucket_end: {time: until, unit: ms}
  currency: {const: USD}
  billed_cost: value
  line_item: name
  account_id: ^.account
identity: [from, name]
"""
DAY, NEXT = 1793491200000, 1793577600000  # 1 and 2 November 2026


def series(tmp_path: Path, *documents: dict[str, Any]) -> tuple[list[tuple[Any, ...]], list[str]]:
    found, rejects = run(tmp_path, SERIES, [{"at": 1, "account": "a", **document} for document in documents])
    members = ("line_item", "event_time", "bucket_end", "billed_cost", "account_id")
    return [tuple(r.get(name) for name in members) for r in found], rejects


def test_numbers_of_named_lists_are_records(tmp_path: Path) -> None:
    """The last place is as long as the one before it; a fraction keeps its digits."""
    first, second, third = "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z", "2026-11-03T00:00:00Z"
    both = {"x": [1, "0.30000000000000004"], "a|b": [0, 3]}
    found, rejects = series(tmp_path, {"data": {"time": [DAY, NEXT], "usage": both}})
    assert rejects == []
    assert found == [
        ("x", first, second, "1", "a"), ("x", second, third, "0.30000000000000004", "a"),
        ("a|b", first, second, "0", "a"), ("a|b", second, third, "3", "a"),
    ]  # fmt: skip


def test_lists_of_another_length_lose_nothing(tmp_path: Path) -> None:
    found, rejects = series(
        tmp_path,
        {"data": {"time": [DAY], "usage": {"longer": [1, 2], "one number": 3, "none": []}}},
        {"data": {"time": [DAY, NEXT], "usage": {"shorter": [4], "nothing": [None], "words": [5, {"no": 1}]}}},
    )
    assert [(name, money) for name, _, _, money, _ in found] == [
        ("longer", "1"), ("one number", "3"), ("shorter", "4"), ("words", "5"),
    ]  # fmt: skip
    assert found[0][2] is None  # a single place does not tell how long it is
    assert sorted(rejects) == ["missing:billed_cost", "missing:event_time", "wrong_type:value"]


def test_documents_without_the_lists_are_set_aside(tmp_path: Path) -> None:
    good = {"data": {"time": [DAY], "usage": {"x": [1]}}}
    found, rejects = series(tmp_path, {"data": {"time": [DAY], "usage": [1]}}, good, {"data": {"usage": {"x": [1]}}})
    assert len(found) == 1
    assert rejects == ['missing:"data"."usage"', 'missing:"data"."time"']


def test_a_series_has_four_members(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a record of a series has no such member"):
        run(tmp_path, SERIES.replace("line_item: name", "line_item: label"), [{"at": 1}])
