"""The mapping language on logs: lines of text, what earlier lines said, lists and maps by place, stated facts, privacy."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from data_builders import jsonl, stage_module, staged

from focus_ai.adapters import quick
from focus_ai.adapters.golden import records
from focus_ai.adapters.mapping import Mapping, load
from focus_ai.adapters.recognise import claims, sample
from focus_ai.engine import Session
from focus_ai.errors import UsageError
from focus_ai.sources import discover

HEAD = """
id: made-up
title: a made-up log
checked: 2026-11-22
kind: usage
system: test
"""


def mapping(folder: Path, text: str, name: str = "made-up.yaml") -> Mapping:
    path = folder / name
    path.write_text(HEAD + text, encoding="utf-8")
    return load(path)


BY_PATTERN = r"""
reads: [text]
line: {pattern: '^(?P<at>\S+) (?P<who>\S+) "(?P<request>[^"]*)" (?P<status>[0-9]{3}|-)(?: in=(?P<tokens>[0-9]+))?$', absent: "-"}
recognise: {matches: {request: "^POST "}}
identity: [at, who]
fields:
  event_time: {time: at, unit: iso}
  http_status: status
  owner_team: who
  endpoint_path: {extract: request, pattern: "^POST (.*)$"}
tokens: {convention: inclusive, input: tokens}
"""
LINES = [
    '2026-10-07T09:00:00Z orbit "POST /v1/a" 200 in=17',
    "",
    '2026-10-07T09:00:01Z - "POST /v1/ä" - ',
    '2026-10-07T09:00:02Z lyra "POST /v1/ä" -',
]


def test_lines_by_a_pattern(tmp_path: Path) -> None:
    made_up = mapping(tmp_path, BY_PATTERN)
    path = tmp_path / "calls.log"
    path.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    result, found = staged(path, tmp_path / "w", made_up)
    assert [(r["owner_team"], r.get("http_status"), r.get("input_uncached_tokens")) for r in found] == [
        ("orbit", 200, 17), ("lyra", None, None),
    ]  # fmt: skip
    assert [r["source_row"] for r in found] == [1, 4]
    assert found[1]["endpoint_path"] == "/v1/ä"
    assert [(r.row, r.reason, r.raw) for r in result.rejects] == [(3, "line_does_not_fit", LINES[2])]
    assert (result.read, result.rows) == (3, 2)


def test_a_packed_log_reads_the_same(tmp_path: Path) -> None:
    made_up = mapping(tmp_path, BY_PATTERN)
    (tmp_path / "a.log").write_text("\n".join(LINES), encoding="utf-8")
    (tmp_path / "b.log.gz").write_bytes(gzip.compress((tmp_path / "a.log").read_bytes()))
    plain = [{**r, "source_file": None} for r in staged(tmp_path / "a.log", tmp_path / "a", made_up)[1]]
    packed = [{**r, "source_file": None} for r in staged(tmp_path / "b.log.gz", tmp_path / "b", made_up)[1]]
    assert plain == packed != []


def test_a_line_that_is_not_utf8_is_named_and_the_others_keep_their_numbers(tmp_path: Path) -> None:
    made_up = mapping(tmp_path, BY_PATTERN)
    lines = [LINES[0].encode(), b'2026-10-07T09:00:01Z x\xff "POST /" 200', LINES[3].encode()]
    path = jsonl(tmp_path / "calls.log", lines)
    result, found = staged(path, tmp_path / "w", made_up)
    assert [r["source_row"] for r in found] == [1, 3]
    assert [(r.row, r.reason) for r in result.rejects] == [(2, "not_utf8")]


def test_a_log_with_padding_or_garbage_behind_its_packed_lines(tmp_path: Path) -> None:
    made_up = mapping(tmp_path, BY_PATTERN)
    packed = gzip.compress("\n".join([LINES[0], LINES[3]]).encode() + b"\n", mtime=0)
    for behind, reasons in ((b"\0" * 512, []), (b"garbage", ["damaged_compression"])):
        (tmp_path / "a.log.gz").write_bytes(packed + behind)
        result, found = staged(tmp_path / "a.log.gz", tmp_path / "w", made_up)
        assert [r["source_row"] for r in found] == [1, 2]
        assert [r.reason for r in result.rejects] == reasons


def test_a_long_line_that_is_not_utf8_is_told_in_full(tmp_path: Path) -> None:
    made_up = mapping(tmp_path, BY_PATTERN)
    path = jsonl(tmp_path / "calls.log", [LINES[0], "", b"\xff" + b"y" * 20_000, LINES[3]])
    result, found = staged(path, tmp_path / "w", made_up)
    assert [r["source_row"] for r in found] == [1, 4]
    assert [(r.row, r.reason, len(r.raw or "")) for r in result.rejects] == [(3, "not_utf8", 20_004)]


@pytest.mark.parametrize(
    ("lines", "known"),
    [
        (LINES, True),
        ([LINES[0], "something else", "and more", "and more"], False),
        (['2026-10-07T09:00:00Z orbit "GET /v1/a" 200'], False),
        (["a,b", "1,2"], False),
    ],
)
def test_a_text_log_is_known_by_its_lines(lines: list[str], known: bool, tmp_path: Path) -> None:
    made_up = mapping(tmp_path, BY_PATTERN)
    path = tmp_path / "calls.log"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert claims(made_up, sample(discover([str(path)], tmp_path)[0])) is known


BY_SEPARATOR = """
reads: [text]
line: {separator: "|", names: [at, team, note], absent: none}
recognise: {keys: [at, team]}
identity: [at]
fields:
  event_time: {time: at, unit: iso}
  owner_team: team
  owner_product: note
"""


def test_lines_by_a_separator_with_quotes_and_more_values_at_the_end(tmp_path: Path) -> None:
    made_up = mapping(tmp_path, BY_SEPARATOR)
    path = tmp_path / "calls.log"
    path.write_text(
        '2026-10-07T09:00:00Z|none|"a | \\"b\\""\n2026-10-07T09:00:01Z|orbit||new|"and | newer"\n'
        "2026-10-07T09:00:02Z|too few\n",
        encoding="utf-8",
    )
    result, found = staged(path, tmp_path / "w", made_up)
    assert [(r.get("owner_team"), r.get("owner_product")) for r in found] == [(None, 'a | "b"'), ("orbit", None)]
    assert [r.row for r in result.rejects] == [3]


@pytest.mark.parametrize(
    "line",
    [
        "{pattern: '^([0-9]+) (?P<b>.*)$'}",
        "{pattern: '^no value at all$'}",
        "{pattern: '^(?P<a>[0-9]+$'}",
        "{pattern: '^(?P<a>.)(?=x)$'}",
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused(line: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        mapping(tmp_path, BY_PATTERN.replace(BY_PATTERN.split("\n")[2], f"line: {line}"))


CARRIED = """
reads: [jsonl]
recognise: {keys: [type]}
let:
  who: {carry: about, when: {eq: [type, start]}}
identity: [n]
fields:
  event_time: {time: at, unit: iso}
  owner_team: $who.team
  model_requested: $who.model
tokens: {convention: inclusive, input: n}
ignore:
  - {when: {not: {eq: [type, count]}}, reason: not_a_count}
"""


def told() -> list[dict[str, Any]]:
    count = {"type": "count", "at": "2026-10-07T09:00:00Z"}
    return [
        {**count, "n": 1},
        {"type": "start", "about": {"team": "orbit", "model": "gpt-5"}},
        {**count, "n": 2},
        {**count, "n": 3, "about": {"team": "not asked"}},
        {"type": "start", "about": {"team": "lyra"}},
        {**count, "n": 4},
    ]


@pytest.mark.parametrize("small", [True, False])
def test_what_an_earlier_line_said_holds_for_the_next_ones(
    small: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not small:
        monkeypatch.setattr(quick, "SMALL", 0)
    made_up = mapping(tmp_path, CARRIED)
    _, found = staged(jsonl(tmp_path / "log.jsonl", told()), tmp_path / "w", made_up)
    seen = [(r["input_uncached_tokens"], r.get("owner_team"), r.get("model_requested")) for r in found]
    assert seen == [(1, None, None), (2, "orbit", "gpt-5"), (3, "orbit", "gpt-5"), (4, "lyra", None)]


PLACES = """
reads: [jsonl]
recognise: {keys: [id]}
settings: [provider]
let:
  use: {parse: {member: usage}}
fields:
  record_id: id
  event_time: {time: at, unit: iso}
  model_served: {member: usage, take: key}
  attempt_count: {length: tries}
  attempt_index: {length: usage}
  model_deployment: {member: tries, at: -1}
  provider: {first: [{setting: provider}, {const: guessed}]}
tokens: {convention: inclusive, input: $use.in}
"""


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"usage": {"gpt-5": {"in": 7}}, "tries": ["a", "b"]}, ("gpt-5", 7, 2, 1, "b")),
        ({"usage": {"a/b.c": {"in": 7}, "z": {"in": 9}}, "tries": [{"m": 1}]}, ("a/b.c", 7, 1, 2, '{"m":1}')),
        ({"usage": {}, "tries": []}, (None, None, 0, 0, None)),
        ({"usage": "text", "tries": 3}, (None, None, None, None, None)),
        ({}, (None, None, None, None, None)),
    ],
)
def test_members_by_their_place(record: dict[str, Any], expected: tuple[Any, ...], tmp_path: Path) -> None:
    made_up = mapping(tmp_path, PLACES)
    line = {"id": "r", "at": "2026-10-07T09:00:00Z", **record}
    names = ("model_served", "input_uncached_tokens", "attempt_count", "attempt_index", "model_deployment")
    for number, lines in enumerate(([line], [line] * 3)):
        _, found = staged(jsonl(tmp_path / f"{number}.jsonl", lines), tmp_path / str(number), made_up)
        assert {tuple(r.get(n) for n in names) for r in found} == {expected}


def test_what_the_user_states_comes_before_a_guess(tmp_path: Path) -> None:
    made_up = mapping(tmp_path, PLACES)
    path = jsonl(tmp_path / "a.jsonl", [{"id": "r", "at": "2026-10-07T09:00:00Z"}])
    source = discover([str(path)], tmp_path)[0]
    assert [r["provider"] for r in records(source, made_up, tmp_path / "w")[1]] == ["guessed"]
    with Session(tmp_path / "e") as session:
        stage_module().stage(session, source, made_up, tmp_path / "s.parquet", facts={"provider": "azure_openai"})
        assert session.rows(f"SELECT provider FROM read_parquet('{tmp_path / 's.parquet'}')") == [("azure_openai",)]


def test_prompts_are_not_copied_into_the_exceptions(tmp_path: Path) -> None:
    lines = [
        *told(),
        '{"type": "count", "secret"',
        {"type": "count", "n": -1, "at": "2026-10-07T09:00:00Z", "p": "secret"},
    ]
    path = jsonl(tmp_path / "log.jsonl", lines)
    for private in (False, True):
        made_up = mapping(tmp_path, CARRIED + ("private: true\n" if private else ""))
        source = discover([str(path)], tmp_path)[0]
        with Session(tmp_path / f"e{private}") as session:
            target = tmp_path / f"{private}.parquet"
            result = stage_module().stage(session, source, made_up, target)
            kept = session.rows(f"SELECT raw FROM read_parquet('{target}') WHERE ignored IS NOT NULL")
        texts = [r.raw for r in result.rejects] + [raw for (raw,) in kept]
        assert len(result.rejects) == 2 and len(kept) == 2
        assert all(text is None for text in texts) if private else sum("secret" in str(t) for t in texts) == 2


def test_a_transcript_leaves_nothing_of_its_text_in_the_records(tmp_path: Path) -> None:
    from focus_ai.adapters import shipped

    line = {
        "parentUuid": None, "isSidechain": False, "sessionId": "s", "uuid": "u", "timestamp": "2026-10-07T09:00:00Z",
        "cwd": "/srv/somebody/customer-x/help", "type": "assistant", "requestId": "q",
        "message": {"id": "m", "role": "assistant", "model": "claude-sonnet-4-5", "content": [{"text": "top secret"}],
                    "usage": {"input_tokens": 1, "output_tokens": 2}},
    }  # fmt: skip
    path = jsonl(tmp_path / "t.jsonl", [line, {**line, "type": "user", "uuid": "v"}])
    _, found = staged(path, tmp_path / "w", shipped()["claude-code-transcripts"])
    text = json.dumps(found)
    assert "top secret" not in text
    assert "somebody" not in text
    assert found[0]["owner_project"] == "help"


def test_the_text_log_of_the_readme(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / "mappings" / "README.md").read_text(encoding="utf-8")
    (described,) = re.findall(r"```yml\n(reads: \[text\].*?)```", readme, re.S)
    rest = "identity: [at]\nfields: {event_time: {time: at, unit: iso}, http_status: status, endpoint_path: request}\n"
    path = tmp_path / "a.log"
    path.write_text('2026-10-07T09:00:00Z "POST /v1/messages" 200\n', encoding="utf-8")
    made_up = mapping(tmp_path, described + rest)
    assert claims(made_up, sample(discover([str(path)], tmp_path)[0]))
    (record,) = staged(path, tmp_path / "w", made_up)[1]
    assert (record["http_status"], record["endpoint_path"]) == (200, "POST /v1/messages")
