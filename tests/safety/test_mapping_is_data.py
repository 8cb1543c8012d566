"""A mapping, an input and a name are data: no text in them reaches another file, SQL, or the shell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from data_builders import convert, event, jsonl, rows, snapshot, staged
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from focus_ai.adapters.mapping import load
from focus_ai.engine import Session, ident, literal
from focus_ai.errors import FocusAiError, UsageError

SECRET = "the-content-of-another-file"
HEAD: dict[str, Any] = {
    "id": "evil", "title": "evil", "checked": "2026-11-22", "kind": "usage", "system": "t", "reads": ["jsonl"],
    "recognise": {"keys": ["event_id"]},
    "fields": {"record_id": "event_id", "event_time": {"time": "timestamp", "unit": "iso"}, "provider": "provider",
               "model_served": "model"},
    "tokens": {"convention": "inclusive", "input": "input_tokens", "output": "output_tokens"},
}  # fmt: skip
PAYLOADS = [
    "x' || (SELECT content FROM read_text('{secret}')) || '",
    "x\"; COPY (SELECT 1) TO '{target}'; --",
    "') FROM read_csv('{secret}') --",
    "(SELECT 1 FROM read_text('{secret}'))",
    "$$||getenv('HOME')||$$",
    "x'::JSON; ATTACH '{target}' AS a; --",
    'r"} UNION ALL SELECT 1 --',
    "@@R0@@",
    "{relation}",
    "__v0",
    "\\'; DROP TABLE events; --",
    'a"]."b',
]
PLACES: dict[str, Any] = {
    "path": lambda p: p,
    "quoted path": lambda p: '"' + p.replace('"', "") + '"',
    "const": lambda p: {"const": p},
    "lookup key": lambda p: {"lookup": "provider", "in": {p: p}, "else": {"const": p}},
    "concat separator": lambda p: {"concat": ["event_id", "model"], "sep": p},
    "split separator": lambda p: {"split": "event_id", "sep": p, "item": 0},
    "pattern": lambda p: {"extract": "event_id", "pattern": p},
    "header": lambda p: {"header": "tags", "name": p},
    "tag": lambda p: {"tag": "tags", "key": p},
    "entry": lambda p: {"entry": "tags", "key": p, "name": p, "value": p},
    "pick": lambda p: {"pick": "tags", "where": {p: p}, "take": p},
    "object": lambda p: {"object": {p: "event_id", "b": {"const": p}}},
    "condition": lambda p: {"if": {"eq": ["event_id", p]}, "then": {"const": p}, "else": {"const": "x"}},
    "matches": lambda p: {"if": {"matches": ["event_id", p]}, "then": {"const": "y"}},
    "zone": lambda p: {"time": "timestamp", "zone": p},
    "table": lambda p: {"lookup": "provider", "table": p},
    "unit": lambda p: {"time": "timestamp", "unit": p},
    "times": lambda p: {"decimal": "input_tokens", "times": p},
}


@pytest.fixture
def guarded(tmp_path: Path) -> tuple[Path, Path]:
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    return secret, tmp_path / "written.txt"


@pytest.mark.parametrize("place", PLACES)
def test_texts_of_a_mapping_are_never_sql(place: str, guarded: tuple[Path, Path], tmp_path: Path) -> None:
    """Refused with a message, or taken as the text that it is; in a sealed session and in an open one."""
    secret, target = guarded
    source = jsonl(tmp_path / "x.jsonl", [event(1, tags=[{"k": "v"}])])
    for number, payload in enumerate(PAYLOADS):
        text = payload.replace("{secret}", str(secret)).replace("{target}", str(target))
        path = tmp_path / f"{number}.yaml"
        path.write_text(yaml.safe_dump({**HEAD, "fields": {**HEAD["fields"], "region": PLACES[place](text)}}))
        before = _outside(tmp_path)
        try:
            result, found = staged(source, tmp_path / "work", load(path))
        except FocusAiError:
            continue
        finally:
            assert _outside(tmp_path) == before
        told = json.dumps([found, [r.as_dict() for r in result.rejects]], default=str)
        assert SECRET not in told, text


def _outside(folder: Path) -> dict[str, bytes]:
    """Every file but those of the work folder."""
    return {name: content for name, content in snapshot(folder).items() if not name.startswith("work/")}


@pytest.mark.parametrize("part", ["records", "id", "let", "identity", "version", "ignore", "meter", "code", "extends"])
def test_other_parts_of_a_mapping(part: str, guarded: tuple[Path, Path], tmp_path: Path) -> None:
    secret, target = guarded
    source = jsonl(tmp_path / "x.jsonl", [event(1)])
    for payload in [*PAYLOADS, "../../secret", "os.system", str(secret)]:
        text = payload.replace("{secret}", str(secret)).replace("{target}", str(target))
        extra: dict[str, Any] = {
            "records": {"records": text + "[]"}, "id": {"id": text}, "let": {"let": {text: {"parse": "tags"}}},
            "identity": {"identity": [text, {"const": text}]}, "version": {"version": {"const": text}},
            "ignore": {"ignore": [{"when": {"eq": ["event_id", text]}, "reason": text}]},
            "meter": {"meters": [{"meter": text, "quantity": "input_tokens"}]}, "code": {"code": text},
            "extends": {"extends": text},
        }[part]  # fmt: skip
        path = tmp_path / "m.yaml"
        path.write_text(yaml.safe_dump({**HEAD, **extra}))
        try:
            result, found = staged(source, tmp_path / "work", load(path))
        except FocusAiError:
            continue
        assert not target.exists()
        assert SECRET not in json.dumps([found, [r.as_dict() for r in result.rejects]], default=str), text


@pytest.mark.parametrize("hole", ["\x00relation\x00", "\x00R0\x00"])
def test_the_marks_of_the_compiler_cannot_be_written(hole: str, tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    for extra in ({"region": {"const": hole}}, {"region": hole}, {"region": {"lookup": "model", "in": {hole: "x"}}}):
        path.write_text(yaml.safe_dump({**HEAD, "fields": {**HEAD["fields"], **extra}}))
        with pytest.raises(UsageError, match="NUL"):
            load(path)


def test_a_mapping_that_is_yaml_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text("id: !!python/object/apply:os.system ['touch written']\n")
    with pytest.raises(FocusAiError):
        load(path)
    assert not (tmp_path / "written").exists()


def test_a_sealed_session_refuses_other_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    allowed = jsonl(tmp_path / "in" / "x.jsonl", [event(1)])
    beside = jsonl(tmp_path / "in" / "y.jsonl", [event(1)])
    with Session(tmp_path / "work") as session:
        session.seal([tmp_path / "folder"], [allowed])
        assert session.one(f"SELECT count(*) FROM read_json_objects({literal(str(allowed))})") == (1,)
        for statement in (
            f"SELECT * FROM read_text({literal(str(secret))})",
            f"SELECT * FROM read_text({literal(str(tmp_path / 'work' / '..' / 'secret.txt'))})",
            f"SELECT * FROM read_json_objects({literal(str(beside))})",
            f"SELECT * FROM glob({literal(str(tmp_path))} || '/*')",
            f"COPY (SELECT 1) TO {literal(str(tmp_path / 'written.csv'))}",
            f"ATTACH {literal(str(tmp_path / 'a.db'))} AS a",
            "INSTALL httpfs",
            "LOAD httpfs",
            "SELECT * FROM read_csv('https://127.0.0.1:9/x.csv')",
            "SET enable_external_access = true",
            "SET allowed_directories = ['/']",
            "SET memory_limit = '100GB'",
            f"EXPORT DATABASE {literal(str(tmp_path / 'export'))}",
        ):
            with pytest.raises(duckdb.Error):
                found = session.rows(statement)
                assert found == [], statement
                raise duckdb.Error("nothing was given")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "secret.txt", "work"]


def test_malicious_values_stay_values(tmp_path: Path, out: Path, guarded: tuple[Path, Path]) -> None:
    """Every text field of an event with SQL, paths, formulas and odd characters: written as it came, and nothing more."""
    secret, target = guarded
    texts = [p.replace("{secret}", str(secret)).replace("{target}", str(target)) for p in PAYLOADS]
    texts += [
        "../../../etc/passwd",
        "=cmd|' /C calc'!A0",
        "%(x)s {0} ${HOME} `id`",
        "\u202etxt\u0000.exe",
        "a" * 5000,
        "<b>",
    ]
    names = ("team", "product", "feature", "environment", "project_id", "cost_center", "tenant_id", "user_id",
             "api_key_id", "request_source", "region", "model", "provider", "gateway_id", "endpoint")  # fmt: skip
    lines = [
        event(f"{n}-{m}", **{name: text}, **({} if name in ("model", "provider") else {"provider": "openai"}))
        for n, name in enumerate(names) for m, text in enumerate(texts)
    ]  # fmt: skip
    lines += [event(f"t{m}", tags={text: text}, **{text: text}) for m, text in enumerate(texts) if text not in event(1)]
    report = convert(out, jsonl(tmp_path / "x.jsonl", lines), grain="request", events=True)
    assert report["records"]["events"] == len(lines)
    teams = {r["x_Team"] for r in rows(out)} - {None}
    assert {t.strip() for t in texts[:12]} <= teams
    assert not target.exists()
    assert SECRET.encode() not in b"".join(snapshot(out).values())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["result", "secret.txt", "x.jsonl"]


def test_malicious_columns(tmp_path: Path, out: Path, guarded: tuple[Path, Path]) -> None:
    secret, target = guarded
    texts = [p.replace("{secret}", str(secret)).replace("{target}", str(target)) for p in PAYLOADS]
    quoted = ",".join('"' + t.replace('"', '""') + '"' for t in texts)
    row = event(1)
    path = tmp_path / "x.csv"
    path.write_text(",".join(row) + f",{quoted},\n" + ",".join(map(str, row.values())) + f",{quoted},\n")
    assert convert(out, path)["records"]["events"] == 1
    assert not target.exists()


@settings(max_examples=60, phases=[Phase.explicit, Phase.generate])
@given(text=st.text(max_size=30))
def test_quoting_gives_back_every_text(text: str) -> None:
    if "\x00" in text:
        for quote in (literal, ident):
            with pytest.raises(ValueError, match="NUL"):
                quote(text)
        return
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    with duckdb.connect() as connection:
        assert connection.execute(f"SELECT {literal(text)}").fetchall() == [(text,)]
        if text:
            assert connection.execute(f"SELECT 1 AS {ident(text)}").description[0][0] == text


def test_no_secret_of_the_environment_is_written(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        name: f"s3cr3t-{number}-value-of-the-test"
        for number, name in enumerate(
            ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "OPENAI_ADMIN_KEY", "ANTHROPIC_ADMIN_KEY", "FOCUS_AI_USER_KEY",
             "GOOGLE_APPLICATION_CREDENTIALS", "DATABASE_URL")
        )
    }  # fmt: skip
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    lines: list[Any] = [event(1, user_id="a@example.com"), "broken", event(2, model="nobody"), event(1, input_tokens=5)]
    convert(out, jsonl(tmp_path / "x.jsonl", lines), grain="request", events=True)
    written = b"".join(snapshot(out).values())
    assert [name for name, value in secrets.items() if value.encode() in written] == []
    assert b"a@example.com" not in b"".join(v for k, v in snapshot(out).items() if not k.startswith("exceptions/"))
