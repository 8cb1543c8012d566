"""`adapters new` and `adapters test`: from a sample to a checked mapping."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from focus_ai.adapters import load
from focus_ai.cli import main
from focus_ai.cli.scaffold import read
from focus_ai.cli.scaffold_hints import find_records, paths

SAMPLE = "when,vendor,engine,in tokens,out_tokens,id\n2026-11-20T01:00:00Z,openai,gpt-5,10,2,a1\n"
MAPPING = """\
id: my-export
title: Calls of our own service
checked: 2026-11-22
kind: usage
system: my
reads: [csv]
recognise: {keys: [when, vendor, engine, in tokens]}
fields:
  event_time: {time: when, unit: iso}
  provider: vendor
  model_served: engine
  record_id: id
tokens:
  convention: inclusive
  input: '"in tokens"'
  output: out_tokens
"""


@pytest.fixture
def started(tmp_path: Path) -> Path:
    (tmp_path / "sample.csv").write_text(SAMPLE)
    assert main(["adapters", "new", "my-export", "--from", str(tmp_path / "sample.csv"), "--to", str(tmp_path)]) == 0
    return tmp_path / "my-export.yaml"


def test_a_new_mapping_lists_the_keys_and_keeps_the_sample(started: Path) -> None:
    text = started.read_text()
    assert "keys: [when, vendor, engine, 'in tokens', out_tokens]" in text
    assert '#   engine  e.g. "gpt-5"' in text
    assert (started.parent / "fixtures/my-export/first/input.csv").read_text() == SAMPLE


def test_an_unfinished_mapping_does_not_pass(started: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["adapters", "test", str(started)]) == 1
    told = "still to fill: title, fields.provider, fields.model_served, fields.record_id, tokens.convention"
    assert told in capsys.readouterr().out


@pytest.mark.parametrize("command", ["convert", "audit", "reconcile"])
def test_an_unfinished_mapping_reads_nothing(
    command: str, started: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It follows the language, so its records would all be set aside, or come out without provider and price."""
    started.write_text(MAPPING.replace("provider: vendor", "provider: fill"))
    assert "provider: fill" in started.read_text()
    sample = str(tmp_path / "sample.csv")
    inputs = {"convert": [sample, "--out", str(tmp_path / "out")], "audit": [sample],
              "reconcile": ["--rated", sample, "--billed", sample]}  # fmt: skip
    assert main([command, *inputs[command], "--mapping", str(started)]) == 2
    assert "still to fill: fields.provider" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_is_there_is_not_overwritten(started: Path) -> None:
    sample = str(started.parent / "sample.csv")
    assert main(["adapters", "new", "my-export", "--from", sample, "--to", str(started.parent)]) == 2


def test_from_sample_to_a_golden_case(started: Path, capsys: pytest.CaptureFixture[str]) -> None:
    started.write_text(MAPPING)
    assert main(["adapters", "test", str(started)]) == 1
    assert "no expected.jsonl yet" in capsys.readouterr().out
    assert main(["adapters", "test", str(started), "--regenerate"]) == 0
    expected = started.parent / "fixtures/my-export/first/expected.jsonl"
    record = json.loads(expected.read_text())
    assert (record["event_time"], record["input_uncached_tokens"], record["output_text_tokens"]) == (
        "2026-11-20T01:00:00Z",
        10,
        2,
    )
    assert main(["adapters", "test", str(started)]) == 0
    expected.write_text(expected.read_text().replace('"gpt-5"', '"gpt-6"'))
    capsys.readouterr()
    assert main(["adapters", "test", str(started)]) == 1
    assert "model_served: expected 'gpt-6', found 'gpt-5'" in capsys.readouterr().out


def test_a_file_that_another_adapter_claims_is_told(started: Path, capsys: pytest.CaptureFixture[str]) -> None:
    started.write_text(MAPPING.replace("[when, vendor, engine, in tokens]", "[absent_column]"))
    assert main(["adapters", "test", str(started)]) == 1
    assert "not recognised: lacks column absent_column" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "text", "kind", "key"),
    [
        ("a.json", '{"data": [{"usage": {"n": 1.50}}]}', "json", "usage.n"),
        ("a.jsonl", '{"gen_ai.model": "x"}\n{"b": 1}\n', "jsonl", '"gen_ai.model"'),
        ("a.csv", "\ufeffone,two\n1,2\n", "csv", "one"),
    ],
)
def test_paths_of_every_format_are_found(tmp_path: Path, name: str, text: str, kind: str, key: str) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    found, documents = read(file)
    assert found == kind
    assert key in paths(find_records(documents))


@pytest.mark.parametrize(("text", "code"), [(b"", 3), (b"\xff\xfe\x00", 3), (b"{broken", 3)])
def test_a_sample_that_cannot_be_read_is_an_input_error(tmp_path: Path, text: bytes, code: int) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(text)
    assert main(["adapters", "new", "x", "--from", str(file), "--to", str(tmp_path)]) == code


def test_a_table_is_read_as_a_conversion_reads_it(tmp_path: Path) -> None:
    """Semicolons, a line break inside a cell, Latin-1, numbers with a decimal comma."""
    sample = tmp_path / "sample.csv"
    sample.write_bytes('Datum;Kunde;Betrag;Menge\r\n2026-10-01;"M\xfcller\r\nSohn";1,25;1.200\r\n'.encode("latin-1"))
    kind, rows = read(sample)
    assert (kind, rows) == (
        "csv",
        [{"Datum": "2026-10-01", "Kunde": "Müller\r\nSohn", "Betrag": "1,25", "Menge": "1.200"}],
    )
    assert main(["adapters", "new", "acme-bill", "--from", str(sample), "--to", str(tmp_path)]) == 0
    text = (tmp_path / "acme-bill.yaml").read_text()
    assert "keys: [Datum, Kunde, Betrag, Menge]" in text
    assert '{decimal: {replace: Betrag, pattern: ",", with: "."}}' in text


def test_tokens_below_a_key_and_a_short_name_of_a_time_are_seen(tmp_path: Path) -> None:
    sample = tmp_path / "log.jsonl"
    sample.write_text('{"t": 1791364360250, "tok": {"prompt": 100, "completion": 20}}\n')
    assert main(["adapters", "new", "acme-log", "--from", str(sample), "--to", str(tmp_path)]) == 0
    text = (tmp_path / "acme-log.yaml").read_text()
    assert "event_time: {time: t, unit: ms}" in text
    assert "input: {int: tok.prompt}\n  output: {int: tok.completion}" in text


def test_an_id_is_kebab_case(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(SAMPLE)
    assert main(["adapters", "new", "My_Export", "--from", str(tmp_path / "a.csv"), "--to", str(tmp_path)]) == 2


PAGE = {
    "start": "2026-10-01", "total": 2, "unit": {"name": "day"},
    "data": [
        {"hours": 0, "model.name": "m-1", "tokens_in": 900, "at": 1791367200, "tags": [{"key": "team", "value": "a"}]},
        {"hours": 1.25, "model.name": "m-1", "tokens_in": 0, "at": 1791367300, "end_time": "2026-10-02T00:00:00Z"},
    ],
}  # fmt: skip


def test_the_records_of_a_page_are_found_and_its_values_typed(tmp_path: Path) -> None:
    (tmp_path / "page.json").write_text(json.dumps(PAGE))
    assert main(["adapters", "new", "acme", "--from", str(tmp_path / "page.json"), "--to", str(tmp_path)]) == 0
    text = (tmp_path / "acme.yaml").read_text()
    for line in (
        "records: 'data[]'   # each element is one record",
        "  keys: ['data[].hours', 'data[].\"model.name\"', 'data[].tokens_in', 'data[].at', total]",
        "  event_time: {time: at, unit: s}   # or ^.start",
        "  # bucket_end: {time: end_time, unit: iso}",
        "  model_served: fill   # perhaps '\"model.name\"'",
        "identity: [fill]",
        "  input: {int: tokens_in}",
        "  output: fill",
        '#   hours  e.g. "1.25"  -> {decimal: hours}',
        '#   ^.start  e.g. "2026-10-01"  -> {time: ^.start, unit: iso, zone: fill}',
    ):
        assert line in text


def test_a_started_mapping_with_its_decisions_made_is_accepted(tmp_path: Path) -> None:
    """What is written must be the language: only the words to fill are missing."""
    (tmp_path / "page.json").write_text(json.dumps(PAGE))
    main(["adapters", "new", "acme", "--from", str(tmp_path / "page.json"), "--to", str(tmp_path)])
    path = tmp_path / "acme.yaml"
    text = path.read_text().replace("convention: fill", "convention: inclusive").replace("zone: fill", "zone: UTC")
    path.write_text(re.sub(r": fill\b", ": hours", text).replace("[fill]", "[hours]"))
    assert main(["adapters", "test", str(path), "--sample", str(tmp_path / "page.json")]) == 0
    assert load(path).records == "data[]"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"id": 1, "n": 5, "items": [{"a": 1}]}], None),
        ([{"page": 1, "data": [{"a": 1, "results": [{"n": 1, "m": 2.5}]}]}], "data[].results[]"),
        ([{"meta": {"rows": [{"n": 1, "m": 2}]}}], "meta.rows[]"),
        ([{"total": 1, "data": [{"n": 1, "tags": [{"key": "a"}]}]}], "data[]"),
        ([{"a": []}], None),
    ],
)
def test_records_are_the_array_with_the_most_numbers(rows: list[object], expected: str | None) -> None:
    assert find_records(rows).path == expected


SURE = {"id": "sure", "title": "x", "checked": "2026-11-22", "kind": "usage", "system": "x", "reads": ["json"],
        "recognise": {"keys": ["only_here"]}, "identity": ["n"], "records": "rows[]", "let": {"m": "meta"}}  # fmt: skip
DOCUMENT = {"only_here": 1, "zone": "west", "meta": {}, "rows": [{"n": "2026-10-01T00:00:00Z"}]}


def outcome(tmp_path: Path, fields: dict[str, object], capsys: pytest.CaptureFixture[str], **document: object) -> str:
    (tmp_path / "sure.yaml").write_text(json.dumps({**SURE, "fields": {"event_time": {"time": "n"}, **fields}}))
    (tmp_path / "s.json").write_text(json.dumps({**DOCUMENT, **document}))
    code = main(["adapters", "test", str(tmp_path / "sure.yaml"), "--sample", str(tmp_path / "s.json")])
    return f"{code} {capsys.readouterr().out}"


@pytest.mark.parametrize(
    ("fields", "code", "told"),
    [
        ({"provider": "deepgram"}, 1, "`deepgram` is a path the sample lacks; a fixed word is {const: deepgram}"),
        ({"grain": "aggregate"}, 1, "`grain` is never filled: `aggregate` is a path"),
        ({"region": "zone"}, 0, "note: `region` is never filled: `zone` is a path the sample lacks"),
        ({"region": {"first": ["a.b", "^.c"]}}, 0, "note: `region` is never filled: `a.b`, `^.c` are paths"),
    ],
)
def test_a_field_whose_path_is_nowhere_is_named(
    fields: dict[str, object], code: int, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = outcome(tmp_path, fields, capsys)
    assert found.startswith(str(code)) and told in found


@pytest.mark.parametrize(
    "fields",
    [{"region": "^.zone"}, {"region": "^.meta"}, {"region": "$m.zone"}, {"region": {"first": ["x", {"const": None}]}}],
)
def test_a_field_that_another_file_may_fill_is_not_named(
    fields: dict[str, object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = outcome(tmp_path, fields, capsys)
    assert found.startswith("0") and "never filled" not in found


@pytest.mark.parametrize("rows", [[{"n": "soon"}, {"n": "2026-13-01T00:00:00Z"}], []])
def test_a_sample_of_which_nothing_counts_does_not_pass(
    rows: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = outcome(tmp_path, {}, capsys, rows=rows)
    assert found.startswith("1") and "no record counts" in found


EXPECTED = [
    ({"read": 3}, "read: expected 3, found 2"),
    ({"ignored": 1}, "ignored: expected 1, found 0"),
    ({"read": 2}, "unexpected rejects [(2, 'impossible_time:when')]"),
    ({"rejected": [{"row": 2, "reason": "missing:event_time"}]}, "rejects: expected [(2, 'missing:event_time')]"),
    ({"adapter": "openai-costs", "rejected": []}, "expected.json names another adapter: openai-costs"),
]


@pytest.mark.parametrize(("about", "told"), EXPECTED, ids=[told[:20] for _, told in EXPECTED])
def test_what_expected_json_states_is_compared(
    about: dict[str, object], told: str, started: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = started.parent / "fixtures/my-export/first"
    started.write_text(MAPPING)
    with (case / "input.csv").open("a") as file:
        file.write("soon,openai,gpt-5,1,1,a2\n")
    assert main(["adapters", "test", str(started), "--regenerate"]) == 0
    stated = json.loads((case / "expected.json").read_text())
    assert stated == {"read": 2, "rejected": [{"row": 2, "reason": "impossible_time:when"}]}
    assert main(["adapters", "test", str(started)]) == 0
    (case / "expected.json").write_text(json.dumps(about))
    capsys.readouterr()
    assert main(["adapters", "test", str(started)]) == 1
    assert told in capsys.readouterr().out


@pytest.mark.parametrize("name", ["kong/kong-log", "openai/usage-vector-stores", "access-log/nginx-json-access-log"])
def test_the_cases_of_this_repository_are_found_and_compared_as_the_golden_tests_do(name: str) -> None:
    assert main(["adapters", "test", str(Path(__file__).parents[2] / "mappings" / f"{name}.yaml")]) == 0


def test_counts_whose_paths_are_nowhere_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts = {"tokens": {"input": "usage.inptu", "output": "n"}, "meters": [{"meter": "pages", "quantity": "pgs"}]}
    (tmp_path / "sure.yaml").write_text(json.dumps({**SURE, "fields": {"event_time": {"time": "n"}}, **counts}))
    (tmp_path / "s.json").write_text(json.dumps(DOCUMENT))
    main(["adapters", "test", str(tmp_path / "sure.yaml"), "--sample", str(tmp_path / "s.json")])
    printed = capsys.readouterr().out
    assert "note: `tokens.input` counts nothing: the sample lacks `usage.inptu`" in printed
    assert "note: `meters.pages` counts nothing: the sample lacks `pgs`" in printed
    assert "`tokens.output`" not in printed
