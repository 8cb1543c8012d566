"""schemas/mapping.schema.json: every shipped mapping follows it, broken ones are refused, its words are current."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from focus_ai import resources
from focus_ai.adapters.catalogue import shipped
from focus_ai.adapters.mapping import load, table
from focus_ai.adapters.recognise import recognise
from focus_ai.adapters.record import fields
from focus_ai.errors import InputError, UsageError
from focus_ai.sources import discover

SCHEMA = json.loads((resources.schemas() / "mapping.schema.json").read_text(encoding="utf-8"))
FILES = sorted(
    p for p in (Path(__file__).parents[2] / "mappings").glob("*/*.yaml") if p.parent.name not in ("tables", "prices")
)
GOOD: dict[str, Any] = {
    "id": "acme-log",
    "title": "Acme log",
    "checked": "2026-11-22",
    "kind": "usage",
    "system": "acme",
    "reads": ["jsonl"],
    "recognise": {"keys": ["id"]},
    "fields": {"record_id": "id", "event_time": {"time": "at", "unit": "s"}},
}


def problems(mapping: dict[str, Any]) -> list[str]:
    return [e.message for e in jsonschema.Draft202012Validator(SCHEMA).iter_errors(mapping)]


def test_the_schema_itself_is_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_every_mapping_file_follows_the_schema_as_it_is_written(path: Path) -> None:
    assert problems(resources.load_yaml(path)) == []
    assert load(path).checked >= "2026-11-22"


def test_ids_are_unique_and_every_file_is_loaded() -> None:
    assert len(shipped()) == len(FILES)


EXPRESSIONS: list[Any] = [
    "a.b",
    '"a.b"."c"',
    {"const": None},
    {"const": "x"},
    {"first": ["a", {"const": "b"}]},
    {"time": "a", "unit": "auto", "zone": "Europe/Berlin", "plus": {"days": 1}},
    {"decimal": "a", "times": "0.01"},
    {"int": "a"},
    {"sum": ["a", "b"]},
    {"sub": ["a", "b"]},
    {"lookup": "a", "in": {"x": "y"}, "else": "a", "lower": True},
    {"lookup": "a", "table": "providers"},
    {"if": {"eq": ["a", 1]}, "then": "b", "else": "c"},
    {"concat": ["a", "b"], "sep": "/"},
    {"extract": "a", "pattern": "x(.)"},
    {"lower": "a"},
    {"upper": "a"},
    {"hex_id": "a"},
    {"get": ["$x", "a.b"]},
    {"header": "a", "name": "x-team"},
    {"tag": "a", "key": "team"},
    {"entry": "a", "key": "team"},
    {"pick": "a", "where": {"modality": "AUDIO"}, "take": "n"},
    {"json": "a"},
    {"object": {"k": "a"}},
    {"split": "a", "sep": ",", "item": -1},
    {"count": "a", "sep": ","},
    {"present": "a"},
    {"not": {"matches": ["a", "^x"]}},
]


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=json.dumps)
def test_every_form_of_the_language_is_accepted(expression: Any) -> None:
    assert problems({**GOOD, "fields": {**GOOD["fields"], "provider": expression}}) == []


BROKEN_EXPRESSIONS: list[Any] = [
    "",
    12,
    ["a"],
    {},
    {"firts": ["a"]},
    {"first": []},
    {"first": "a"},
    {"time": "a", "unit": "hours"},
    {"time": "a", "plus": {"months": 1}},
    {"decimal": "a", "times": 0.01},
    {"lookup": "a"},
    {"lookup": "a", "in": {"x": "y"}, "table": "providers"},
    {"lookup": "a", "table": "../secrets"},
    {"if": "a", "then": "b"},
    {"if": {"eq": ["a", 1]}},
    {"if": {"eq": ["a"]}, "then": "b"},
    {"if": {"like": ["a", "b"]}, "then": "b"},
    {"if": {"gt": ["a", 0.5]}, "then": "b"},
    {"extract": "a"},
    {"get": ["x", "a"]},
    {"header": "a"},
    {"pick": "a", "where": {}, "take": "n"},
    {"const": "x", "first": ["a"]},
    {"sql": "SELECT 1"},
    {"parse": "a"},
]


@pytest.mark.parametrize("expression", BROKEN_EXPRESSIONS, ids=json.dumps)
def test_a_broken_expression_is_refused(expression: Any) -> None:
    assert problems({**GOOD, "fields": {**GOOD["fields"], "provider": expression}})


BROKEN: dict[str, dict[str, Any]] = {
    "unknown key": {"feilds": {}},
    "id with capitals": {"id": "AcmeLog"},
    "unknown kind": {"kind": "invoice"},
    "unknown reader": {"reads": ["xml"]},
    "no reader": {"reads": []},
    "date": {"checked": "22.11.2026"},
    "recognise nothing": {"recognise": {}},
    "recognise unknown": {"recognise": {"name": "x.json"}},
    "records without array": {"records": "data.results"},
    "unknown field": {"fields": {**GOOD["fields"], "owner_tema": "x"}},
    "no event time": {"fields": {"record_id": "id"}},
    "no identity": {"fields": {"event_time": "at"}},
    "billed without cost": {"kind": "billed"},
    "unknown token": {"tokens": {"inputs": "a"}},
    "unknown convention": {"tokens": {"convention": "guess", "input": "a"}},
    "unknown meter": {"meters": [{"meter": "websearch", "quantity": "a"}]},
    "meter without quantity": {"meters": [{"meter": "web_search"}]},
    "ignore without reason": {"ignore": [{"when": {"present": "a"}}]},
    "reject without condition": {"reject": [{"reason": "x"}]},
    "let name": {"let": {"Big Name": "a"}},
    "let form": {"let": {"x": {"const": "a"}}},
    "code elsewhere": {"code": "os.path"},
    "setting of anything": {"settings": ["billed_cost"]},
    "link": {"docs": "file:///etc/passwd"},
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=list(BROKEN))
def test_a_broken_mapping_is_refused(change: dict[str, Any]) -> None:
    assert problems(GOOD) == []
    assert problems({**copy.deepcopy(GOOD), **change})


def test_without_extends_the_main_keys_are_required() -> None:
    for key in ("title", "checked", "kind", "system", "reads", "recognise", "fields"):
        assert problems({k: v for k, v in GOOD.items() if k != key})


def test_word_lists_are_those_of_the_neutral_record_and_the_meter_table() -> None:
    own = {
        "kind",
        "adapter",
        "source_file",
        "source_row",
        "input_semantics",
        "output_semantics",
        "other_meters",
        "flags",
        "other_columns",
    }
    mapped = set(SCHEMA["properties"]["fields"]["properties"])
    filled_by_tokens = {n for n in fields() if n.endswith("_tokens") and not n.startswith("avoided_")}
    assert mapped - {"kind"} == set(fields()) - own - filled_by_tokens
    meters = resources.load_yaml(resources.schemas() / "meters.yaml")["meters"]
    assert set(SCHEMA["$defs"]["meter_name"]["enum"]) == set(meters)


def test_the_message_names_file_place_and_expectation(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(json.dumps({**GOOD, "fields": {**GOOD["fields"], "provider": {"first": []}}}))
    with pytest.raises(UsageError) as caught:
        load(path)
    text = str(caught.value)
    assert "bad.yaml" in text and "fields.provider" in text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"fields": {"event_time": "at"}},
            "expected: `identity` (what makes two records the same record) or `fields.record_id`",
        ),
        (
            {"fields": {**GOOD["fields"], "model_servd": "m"}},
            "found: model_servd\n  expected: did you mean model_served",
        ),
        ({"titel": "x"}, "did you mean title?"),
        ({"fields": {**GOOD["fields"], "provider": {"zzz": "x"}}}, "one of the forms concat, const, count, decimal"),
        ({"fields": {**GOOD["fields"], "provider": {"len": "x"}}}, "did you mean length?"),
        (
            {"fields": {**GOOD["fields"], "region": {"if": {"equal": ["a", 1]}, "then": "b"}}},
            "one of the conditions eq, in",
        ),
        ({"fields": {**GOOD["fields"], "region": {"constant": "x"}}}, "expected: did you mean const"),
        ({"meters": [{"meter": "accelerator_second", "quantity": "s"}]}, "did you mean accelerator_seconds"),
    ],
)
def test_frequent_mistakes_are_told_in_words(change: dict[str, Any], told: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(json.dumps({**GOOD, **change}))
    with pytest.raises(UsageError) as caught:
        load(path)
    assert told in str(caught.value)
    assert len(str(caught.value)) < 700


def test_all_lacking_keys_are_told_at_once_and_after_a_misspelt_one(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    short = {key: GOOD[key] for key in GOOD if key not in ("title", "system")}
    path.write_text(json.dumps(short))
    with pytest.raises(UsageError) as caught:
        load(path)
    assert caught.value.expected == "also title, system"
    path.write_text(json.dumps({**short, "titel": "x"}))
    with pytest.raises(UsageError, match=r"did you mean title\?"):
        load(path)


def test_of_an_empty_page_the_adapters_that_share_its_keys_are_near(tmp_path: Path) -> None:
    (tmp_path / "page.json").write_text(
        '{"start": "2026-10-01", "end": "2026-10-02", "resolution": {"units": "day", "amount": 1}, "results": []}'
    )
    with pytest.raises(InputError) as caught:
        recognise(discover([str(tmp_path / "page.json")], tmp_path)[0], shipped())
    near = str(caught.value.expected)
    assert near.startswith("nearest: deepgram-billing-breakdown") and "deepgram-usage-breakdown" in near


def test_provider_spellings_are_lower_case_and_lead_to_known_slugs() -> None:
    spellings = table("providers")
    assert all(key == key.lower() for key in spellings)
    for seen, slug in {
        "az.ai.openai": "azure_openai", "gcp.vertex_ai": "gcp_vertex", "x_ai": "x-ai", "bedrock": "aws_bedrock",
        "mistral_ai": "mistral", "together_ai": "together", "fireworks_ai": "fireworks",
    }.items():  # fmt: skip
        assert spellings[seen] == slug
    # A slug is its own spelling, so a source that already uses our words keeps them.
    assert [slug for slug in spellings.values() if spellings.get(slug) != slug] == []
