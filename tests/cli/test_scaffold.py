"""`adapters new` and `adapters test`: from a sample to a checked mapping."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from focus_ai.cli import main
from focus_ai.cli.scaffold import keys_of

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
    assert 'keys: [when, vendor, engine, "in tokens", out_tokens, id]' in text
    assert '#   engine  e.g. "gpt-5"' in text
    assert (started.parent / "fixtures/my-export/first/input.csv").read_text() == SAMPLE


def test_an_unfinished_mapping_does_not_pass(started: Path) -> None:
    assert main(["adapters", "test", str(started)]) == 1


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
        ("a.json", '{"data": [{"usage": {"n": 1.50}}]}', "json", "data[].usage.n"),
        ("a.jsonl", '{"gen_ai.model": "x"}\n{"b": 1}\n', "jsonl", '"gen_ai.model"'),
        ("a.csv", "\ufeffone,two\n1,2\n", "csv", "one"),
    ],
)
def test_paths_of_every_format_are_found(tmp_path: Path, name: str, text: str, kind: str, key: str) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    found, keys = keys_of(file)
    assert found == kind
    assert key in keys


@pytest.mark.parametrize(("text", "code"), [(b"", 3), (b"\xff\xfe\x00", 3), (b"{broken", 3)])
def test_a_sample_that_cannot_be_read_is_an_input_error(tmp_path: Path, text: bytes, code: int) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(text)
    assert main(["adapters", "new", "x", "--from", str(file), "--to", str(tmp_path)]) == code


def test_an_id_is_kebab_case(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(SAMPLE)
    assert main(["adapters", "new", "My_Export", "--from", str(tmp_path / "a.csv"), "--to", str(tmp_path)]) == 2
