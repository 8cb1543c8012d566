"""Named values of a mapping: objects it puts together, attribute lists, several calls in one record, repeated parts."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from focus_ai.adapters.compiler import compile_mapping
from focus_ai.adapters.golden import records
from focus_ai.adapters.mapping import Mapping, load
from focus_ai.engine import Session
from focus_ai.errors import UsageError
from focus_ai.sources import discover

quick = importlib.import_module("focus_ai.adapters.quick")
HEAD = """
id: test-lets
title: named values
checked: 2026-11-22
kind: usage
system: test
reads: [json, jsonl, csv]
recognise: {keys: [at]}
"""
Record = dict[str, Any]


def mapping(tmp_path: Path, text: str) -> Mapping:
    (tmp_path / "m.yaml").write_text(HEAD + text)
    return load(tmp_path / "m.yaml")


def lines(tmp_path: Path, data: list[Record]) -> Path:
    file = tmp_path / "in.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in data))
    return file


def run(tmp_path: Path, text: str, data: list[Record]) -> tuple[list[Record], list[tuple[int | None, str]]]:
    source = discover([str(lines(tmp_path, data))], tmp_path)[0]
    staged, found = records(source, mapping(tmp_path, text), tmp_path)
    return found, [(r.row, r.reason) for r in staged.rejects]


OBJECT = """
let:
  seen:
    parse:
      if: {present: kind}
      then: {object: {kind: kind, size: {extract: text, pattern: "([0-9]+)"}, none: missing, "yes": {const: true}}}
fields:
  record_id: id
  event_time: {time: at, unit: s}
  model_served: $seen.size
  operation: $seen.kind
  error_code: {first: [$seen.none, $seen.other, $seen.kind.deeper, {const: nothing}]}
  is_batch: $seen.yes
  raw_usage: {json: $seen}
"""


def test_an_object_of_the_mapping_is_read_by_its_keys_and_as_a_whole(tmp_path: Path) -> None:
    """Without its condition it is not there; keys without a value, unknown keys and keys of a text are null."""
    found, _ = run(tmp_path, OBJECT, [
        {"id": "a", "at": 1793577600, "kind": 'x"y', "text": "n 42"},
        {"id": "b", "at": 1793577600, "kind": "", "text": "n 42"},
        {"id": "c", "at": 1793577600, "kind": "z", "text": "none"},
    ])  # fmt: skip
    assert [(r.get("model_served"), r.get("operation"), r["error_code"], r.get("is_batch")) for r in found] == [
        ("42", 'x"y', "nothing", True), (None, None, "nothing", None), (None, "z", "nothing", True),
    ]  # fmt: skip
    assert [json.loads(r["raw_usage"]) if "raw_usage" in r else None for r in found] == [
        {"kind": 'x"y', "size": "42", "yes": "true"}, None, {"kind": "z", "yes": "true"},
    ]  # fmt: skip


ATTRIBUTES = """
let: {at: {attributes: attributes}}
fields:
  record_id: id
  event_time: {time: {get: [$at, when]}, unit: s}
  model_served: {get: [$at, gen.model]}
  owner_team: {tag: {get: [$at, labels]}, key: team}
  error_code: {first: [{get: [$at, deep.x]}, {const: none}]}
"""


def test_of_equal_attributes_the_first_counts_and_odd_items_do_no_harm(tmp_path: Path) -> None:
    when = {"key": "when", "value": {"intValue": "1793577600"}}
    number = {"key": "when", "value": {"doubleValue": 1793577600}}
    model = [{"key": "gen.model", "value": {"stringValue": name}} for name in ("first", "second")]
    labels = {"key": "labels", "value": {"arrayValue": {"values": [{"stringValue": "team:orbit"}, {"intValue": "1"}]}}}
    odd: list[Any] = [None, "text", 5, [1], {"value": {"stringValue": "unnamed"}}, {"key": "empty", "value": None}]
    found, rejects = run(tmp_path, ATTRIBUTES, [
        {"id": "a", "attributes": [*odd, when, *model, labels]},
        {"id": "b", "attributes": [number, *reversed(model)]},
        {"id": "c", "attributes": {"key": "when"}},
        {"id": "d"},
    ])  # fmt: skip
    assert [(r["record_id"], r.get("model_served"), r.get("owner_team")) for r in found] == [
        ("a", "first", "orbit"), ("b", "second", None),
    ]  # fmt: skip
    assert found[0]["error_code"] == "none"
    assert rejects == [(3, "missing:event_time"), (4, "missing:event_time")]


CALLS = """
calls: {own: gateway.call, judge: gateway.judge, guard: {if: {present: gateway.guard.tokens}, then: gateway.guard}}
fields:
  record_id: {if: {eq: [$called, own]}, then: id, else: {concat: [id, $called], sep: "/"}}
  event_time: {time: at, unit: s}
  model_served: $call.model
tokens: {input: {first: [$call.tokens, $call.used.in]}}
ignore: [{when: {absent: $call}, reason: no_call}]
"""
CALLED = [
    {"id": "a", "at": 1793577600, "gateway": {"call": {"model": "m", "tokens": 5}, "judge": {"used": {"in": 7}}}},
    {"id": "b", "at": 1793577600, "gateway": {"guard": {"model": "g"}}},
    {"id": "c", "at": 1793577600, "gateway": {"guard": {"model": "g", "tokens": 2}}},
    {"id": "d", "at": 1793577600, "gateway": {"call": {"tokens": 1}, "judge": {"tokens": -4}}},
]


def test_each_call_of_a_record_becomes_a_record(tmp_path: Path) -> None:
    """A record without its own call is ignored as such, and the calls beside it count."""
    found, rejects = run(tmp_path, CALLS, CALLED)
    assert [(r["record_id"], r.get("model_served"), r["input_uncached_tokens"], r["source_row"]) for r in found] == [
        ("a", "m", 5, 1), ("a/judge", None, 7, 1), ("c/guard", "g", 2, 3), ("d", None, 1, 4),
    ]  # fmt: skip
    assert rejects == [(4, "negative:$call.tokens")]


def test_the_quick_way_reads_the_same_calls(tmp_path: Path) -> None:
    source = discover([str(lines(tmp_path, CALLED[:1]))], tmp_path)[0]
    with Session(tmp_path / "work") as session:
        staged = quick.stage_quickly(session, source, mapping(tmp_path, CALLS), tmp_path / "quick.parquet")
        query = f"SELECT record_id, input_uncached_tokens FROM read_parquet('{staged.parquet}') ORDER BY 1"
        assert session.rows(query) == [("a", 5), ("a/judge", 7)]


def test_calls_are_plain_paths_and_own_their_two_names(tmp_path: Path) -> None:
    for text in (
        "calls: {own: a, other: {tag: b, key: c}}\nfields: {record_id: id, event_time: {time: at, unit: s}}",
        "calls: {own: a, other: b}\nlet: {call: c}\nfields: {record_id: id, event_time: {time: at, unit: s}}",
    ):
        with pytest.raises(UsageError, match="plain paths"):
            compile_mapping(mapping(tmp_path, text), "json")


REPEATED = """
fields:
  record_id: id
  event_time: {time: at, unit: s}
  owner_team: &team {extract: text, pattern: "team-([a-z]+)"}
  owner_product: {if: {present: *team}, then: *team, else: {const: none}}
  owner_feature: {extract: text, pattern: "team-([a-z]+)"}
"""


def test_what_a_mapping_says_again_and_again_is_computed_once(tmp_path: Path) -> None:
    found, _ = run(tmp_path, REPEATED, [{"id": 1, "at": 1793577600, "text": "team-orbit"}])
    assert [found[0][f"owner_{n}"] for n in ("team", "product", "feature")] == ["orbit"] * 3
    sql = compile_mapping(mapping(tmp_path, REPEATED), "json").sql
    assert sql.count("regexp_extract") == 1
