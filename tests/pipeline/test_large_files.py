"""Large JSON Lines and JSON arrays are read the quick way, small ones the exact way: the records, counts and reasons are the same."""

from __future__ import annotations

import gzip
import json
import random
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import pytest
from data_builders import EXPORTS, event, jsonl, staged

from focus_ai.adapters import Mapping, quick, recognise, shipped
from focus_ai.errors import InputError
from focus_ai.sources import discover

# An estimate written as a JSON number is a binary float in a large file: equal to 15 digits, and never money.
FLOAT = Context(prec=15)
CASES = sorted(p for p in EXPORTS.rglob("input.jsonl*") if p.parts[-4] in ("litellm", "generic", "access-log"))


USAGE = sorted(p for p in EXPORTS.rglob("input.json*") if p.suffix in (".json", ".jsonl"))


def read(path: Path, work: Path, mapping: Mapping | None = None) -> tuple[Any, ...]:
    result, found = staged(path, work, mapping)
    for record in found:
        if not result.rejects:  # the quick way does not number records
            record.pop("source_row", None)
        if "reported_cost" in record:
            record["reported_cost"] = FLOAT.plus(Decimal(record["reported_cost"])).normalize()
    rejects = [(r.row, r.reason, "".join((r.raw or "").split()).replace('"', "")) for r in result.rejects]
    return result.read, result.rows, result.ignored, rejects, found


def both(path: Path, work: Path, monkeypatch: pytest.MonkeyPatch, mapping: Mapping | None = None) -> tuple[Any, Any]:
    small = read(path, work / "small", mapping)
    monkeypatch.setattr(quick, "SMALL", 0)
    large = read(path, work / "large", mapping)
    monkeypatch.setattr(quick, "LARGE", 0)
    assert read(path, work / "sampled", mapping) == large
    return small, large


@pytest.mark.parametrize("path", CASES, ids=lambda p: "/".join(p.parts[-4:-1]))
def test_fixtures(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = both(path, tmp_path, monkeypatch)
    other_words = {"not_a_number:NaN": "wrong_type", "not_a_number:Infinity": "wrong_type"}
    for (row, why, raw), (row_, why_, raw_) in zip(small[3], large[3], strict=True):
        same = why == why_ or why_.startswith(other_words.get(why, "duplicate_key:$"))
        assert (row, raw, same) == (row_, raw_, True), (why, why_)
    assert small[:3] == large[:3]
    assert small[4] == large[4]


@pytest.mark.parametrize("path", USAGE, ids=lambda p: "/".join(p.parts[-4:-1]))
def test_fixtures_as_one_array(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records of every adapter, and documents that hold records, as the elements of one array."""
    try:
        mapping = recognise(discover([str(path)], tmp_path)[0], shipped())
    except InputError:
        pytest.skip("this case is one that no adapter recognises")
    if mapping.kind != "usage" or mapping.code:
        pytest.skip("only usage is read the quick way")
    whole = path.read_bytes().strip()
    if path.suffix == ".jsonl":
        body = b",\n".join(line for line in whole.splitlines() if line.strip())
    else:
        body = whole.removeprefix(b"[").removesuffix(b"]")
    array = tmp_path / "array.json"
    array.write_bytes(b"[" + body + b"]")
    small, large = both(array, tmp_path, monkeypatch, mapping)
    if any(why.startswith(("duplicate_key", "not_a_number")) for _, why, _ in small[3]):
        assert [row for row, _, _ in small[3]] == [row for row, _, _ in large[3]]
    else:
        assert small == large


def test_a_key_that_comes_twice_in_a_record_of_a_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The strict reader sees every object; of a large file the objects on the way to the record are looked at."""
    bucket = '{"object": "bucket", "start_time": 1793491200, "end_time": 1793577600, "results": [%s]}'
    result = '{"object": "organization.usage.completions.result", "input_tokens": %s, "output_tokens": 5, "model": "m"}'
    page = '{"object": "page", "data": [%s], "has_more": false}'
    good, bad = result % 7, (result % 7).replace('"model"', '"input_tokens": 8, "model"')
    array = tmp_path / "array.json"
    array.write_text(f"[{page % (bucket % good)}, {page % (bucket % f'{bad}, {good}')}]", encoding="utf-8")
    small, large = both(array, tmp_path, monkeypatch)
    assert small[3][0][1] == "duplicate_key:input_tokens"
    assert [(row, why) for row, why, _ in large[3]] == [(2, "duplicate_key:$")]
    assert large[:3] == (3, 2, 0)


def test_an_array_with_bytes_that_are_not_utf8_costs_one_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = tmp_path / "array.json"
    lines = [json.dumps(event(n)).encode() for n in range(3)]
    array.write_bytes(b"[" + b",".join([lines[0], lines[1].replace(b"gpt-5", b"gpt-\xff"), lines[2]]) + b"]")
    small, large = both(array, tmp_path, monkeypatch)
    assert [(row, why) for row, why, _ in small[3]] == [(2, "not_utf8")]
    assert "gpt-\\udcff" in small[3][0][2]
    assert small == large


def test_the_quick_way_is_really_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick, "SMALL", 0)
    path = jsonl(tmp_path / "x.jsonl", [event(1), event(2)])
    assert all("source_row" not in r for r in staged(path, tmp_path / "w")[1])
    array = tmp_path / "x.json"
    array.write_text(json.dumps([event(1), event(2)]), encoding="utf-8")
    assert all("source_row" not in r for r in staged(array, tmp_path / "w")[1])
    jsonl(path, [event(1), event(2), "broken"])
    assert [r["source_row"] for r in staged(path, tmp_path / "w")[1]] == [1, 2]


@pytest.mark.parametrize("packed", [False, True])
def test_twelve_megabytes(packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the real limit, several engine threads, one line of each kind of trouble; gzip too."""
    noise = random.Random(3)
    events: list[Any] = [
        event(
            n,
            input_tokens=noise.randrange(10**6),
            output_tokens=noise.randrange(10**5),
            note=noise.randbytes(150).hex(),
        )
        for n in range(22_000)
    ]
    events[10_000] = "null"
    events[15_000] = event("bad", input_tokens=12.7)
    events[20_000] = '{"cut": '
    path = jsonl(tmp_path / "x.jsonl", events)
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes(), 1))
    assert path.stat().st_size > 4_300_000
    monkeypatch.setattr(quick, "SMALL", 4 << 20)
    large = read(path, tmp_path / "large")
    monkeypatch.setattr(quick, "SMALL", 1 << 40)
    small = read(path, tmp_path / "small")
    assert [r[:2] for r in large[3]] == [
        (10_001, "not_an_object"), (15_001, "wrong_type:input_tokens"), (20_001, "broken_json"),
    ]  # fmt: skip
    assert large[0] == 22_000
    assert large == small
