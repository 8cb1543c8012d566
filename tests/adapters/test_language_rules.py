"""Rules of the mapping language: extends, reject, closed lists of words, arrays in OTLP attributes, text evidence."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from focus_ai.adapters.catalogue import shipped
from focus_ai.adapters.golden import records
from focus_ai.adapters.mapping import load
from focus_ai.errors import UsageError
from focus_ai.sources import discover

BASE = """
id: base
title: base
checked: 2026-11-22
kind: usage
system: test
reads: [jsonl]
recognise: {keys: [id]}
let: {at: {attributes: attributes}}
fields:
  record_id: id
  event_time: {time: at, unit: s}
  outcome: status
  attempt_kind: {if: {present: kind}, then: kind, else: {const: primary}}
  owner_team: {tag: {get: [$at, tag.tags]}, key: team}
tokens: {convention: infer, input: i, input_text: x, input_audio: a, cache_read: c, output: o, total: t}
"""
ROW = {"id": "1", "at": 1793577600, "status": "success"}


def run(mapping: Path, *rows: dict[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    data = mapping.parent / "in.jsonl"
    data.write_text("".join(json.dumps({**ROW, **row}) + "\n" for row in rows))
    staged, found = records(discover([str(data)], mapping.parent)[0], load(mapping), mapping.parent)
    return found, [r.reason for r in staged.rejects]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "base.yaml"
    path.write_text(BASE)
    return path


def test_a_word_outside_its_list_sets_the_record_aside(base: Path) -> None:
    found, reasons = run(base, {}, {"status": "fine"}, {"kind": "hedge"}, {"kind": "third"})
    assert [r["attempt_kind"] for r in found] == ["primary", "hedge"]
    assert reasons == ["unknown_value:status", "unknown_value:kind"]


def test_reject_rules(base: Path) -> None:
    base.write_text(BASE + 'reject: [{when: {absent: o}, reason: "missing:output"}]\n')
    assert run(base, {"o": 1}, {})[1] == ["missing:output"]


def test_a_meter_named_twice_is_refused(base: Path) -> None:
    """Two charges of one meter in one record would bear one id."""
    meters = "meters: [{meter: web_search, quantity: a}, {meter: web_search, quantity: b}]\n"
    base.with_name("twice.yaml").write_text(BASE + meters)
    with pytest.raises(UsageError, match="one meter twice"):
        run(base.with_name("twice.yaml"), {})
    summed = base.with_name("summed.yaml")
    summed.write_text(BASE + "meters: [{meter: web_search, quantity: {sum: [a, b]}}]\n")
    found, _ = run(summed, {"a": 2, "b": 3}, {"b": 3}, {})
    assert [[str(m["quantity"]) for m in r.get("other_meters") or []] for r in found] == [
        ["5"],
        ["3"],
        [],
    ]


def test_columns_that_nobody_names_need_records_that_stand_alone(base: Path) -> None:
    path = base.with_name("inside.yaml")
    path.write_text(BASE + "records: data[]\nother_columns: tags\n")
    (base.parent / "in.json").write_text(json.dumps({"data": [{**ROW, "x": 1}]}))
    with pytest.raises(UsageError, match="stand alone"):
        records(discover([str(base.parent / "in.json")], base.parent)[0], load(path), base.parent)


def test_too_many_columns_that_nobody_names_are_values(base: Path) -> None:
    path = base.with_name("many.yaml")
    path.write_text(BASE + "other_columns: tags\n")
    found, _ = run(path, *({"id": str(n), f"host-{n}": "up"} for n in range(200)))
    assert found[0]["other_columns"] == '{"host-0":"up"}'
    found, _ = run(path, *({"id": str(n), f"host-{n}": "up"} for n in range(201)))
    assert [r.get("other_columns") for r in found] == [None] * 201


def test_of_columns_that_begin_alike_the_rest_of_the_name_is_the_tag(base: Path) -> None:
    path = base.with_name("begins.yaml")
    path.write_text(BASE + "other_columns: {tags: tag_}\n")
    found, _ = run(path, {"tag_team": "growth", "tag_": "x", "tags": "y", "team": "z", "tag_Cost Center": "7"}, {})
    assert json.loads(found[0]["other_columns"]) == {"team": "growth", "Cost Center": "7"}
    assert found[1].get("other_columns") is None


def test_a_mapping_can_state_only_what_differs(base: Path) -> None:
    child = base.parent / "child.yaml"
    child.write_text("extends: base\nid: child\nfields: {model_served: m}\n")
    mapping = load(child)
    assert (mapping.id, mapping.title, mapping.system) == ("child", "base", "test")
    assert set(mapping.fields) == {*load(base).fields, "model_served"}
    assert run(child, {"m": "gpt-5"})[0][0]["model_served"] == "gpt-5"


def test_a_user_mapping_can_extend_a_shipped_one(tmp_path: Path) -> None:
    path = tmp_path / "our-nginx.yaml"
    path.write_text("extends: nginx-json-access-log\nid: our-nginx\nfields: {owner_team: squad}\n")
    assert load(path).tokens == shipped()["nginx-json-access-log"].tokens
    assert load(path).fields["owner_team"] == "squad"


@pytest.mark.parametrize("name", ["nothing-like-this", "child", "../base", "/etc/passwd"])
def test_extending_what_is_not_there_is_told(base: Path, name: str) -> None:
    child = base.parent / "child.yaml"
    child.write_text(f"extends: {name}\nid: child\n")
    with pytest.raises(UsageError):
        load(child)


def test_only_a_complete_mapping_can_be_extended(base: Path) -> None:
    (base.parent / "child.yaml").write_text("extends: base\nid: child\n")
    grandchild = base.parent / "grandchild.yaml"
    grandchild.write_text("extends: child\nid: grandchild\n")
    with pytest.raises(UsageError):
        load(grandchild)


def test_an_array_of_texts_in_otlp_attributes_is_read_as_tags(base: Path) -> None:
    values = [{"stringValue": "env:prod"}, {"stringValue": "team=orbit"}]
    tags = [{"key": "tag.tags", "value": {"arrayValue": {"values": values}}}]
    assert run(base, {"attributes": tags})[0][0]["owner_team"] == "orbit"


@pytest.mark.parametrize(
    ("counts", "uncached", "semantics", "flags"),
    [
        ({"i": 100, "c": 60, "o": 5}, 40, "inclusive", "semantics_inferred"),
        ({"i": 100, "c": 60, "o": 5, "x": 40}, 40, "inclusive", None),
        ({"i": 100, "c": 60, "o": 5, "x": 30, "a": 10}, 30, "inclusive", None),
        ({"i": 100, "c": 60, "o": 5, "t": 165}, 100, "exclusive", None),
        ({"i": 50, "c": 60, "o": 5}, 50, "exclusive", None),
        ({"i": 100, "c": 0, "o": 5}, 100, "inclusive", None),
    ],
)
def test_the_stated_text_part_proves_the_convention(
    base: Path, counts: dict[str, int], uncached: int, semantics: str, flags: str | None
) -> None:
    record = run(base, counts)[0][0]
    assert record["input_uncached_tokens"] == uncached
    assert (record["input_semantics"], record.get("flags")) == (semantics, flags)


def test_the_example_of_the_mapping_readme_holds(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "mappings" / "README.md").read_text(encoding="utf-8")
    mapping, small = re.findall(r"```yaml\n(.*?)```", text, re.S)
    line = json.loads(re.findall(r"```json\n(.*?)```", text, re.S)[0])
    (tmp_path / "acme-log.yaml").write_text(mapping)
    (tmp_path / "our-nginx.yaml").write_text(small)
    load(tmp_path / "our-nginx.yaml")
    (record,), reasons = run(tmp_path / "acme-log.yaml", line)
    assert reasons == []
    assert (record["provider"], record["owner_team"]) == ("azure_openai", "orbit")
    names = ("input_uncached_tokens", "input_cache_read_tokens", "output_text_tokens", "output_reasoning_tokens")
    assert [record[name] for name in names] == [176, 1024, 222, 128]


def test_the_page_of_money_of_the_mapping_readme_holds(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "mappings" / "README.md").read_text(encoding="utf-8")
    (mapping,) = re.findall(r"```yml\n(id: acme-costs.*?)```", text, re.S)
    (tmp_path / "acme-costs.yaml").write_text(mapping)
    page = json.loads(re.findall(r"```json\n(.*?)```", text, re.S)[1])
    records, reasons = run(tmp_path / "acme-costs.yaml", page)
    assert reasons == []
    assert [(r["billed_cost"], r["event_time"], r["bucket_end"]) for r in records] == [
        ("1.7325", "2026-10-01T00:00:00Z", "2026-10-03T00:00:00Z"),
        ("0.125", "2026-10-01T00:00:00Z", "2026-10-03T00:00:00Z"),
    ]
    assert (records[0]["owner_team"], records[1]["line_item"]) == ("orbit", "m-large output")
