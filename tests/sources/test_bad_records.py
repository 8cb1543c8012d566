"""What cannot be a record is set aside with file, row, reason and text; the records beside it are converted.

Every case is read the exact way (small files) and the quick way (large files): the verdict is the same.
"""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_builders import convert, event, exceptions, jsonl, rows, staged

from focus_ai.adapters import quick
from focus_ai.errors import InputError


def line(old: str = "", new: str = "", **fields: Any) -> bytes:
    """Event 2 as a JSON line, with one text replaced."""
    text = json.dumps(event(2, **fields))
    assert old in text
    return text.replace(old, new).encode()


TOO_LONG = "9" * 25
# name -> (line, reason when the file is small, reason when it is large; None = the record is good there)
CASES: dict[str, tuple[bytes, str | None, str | None]] = {
    "cut": (b'{"event_id": "e2", "times', "broken_json", "broken_json"),
    "words": (b"not json at all", "broken_json", "broken_json"),
    "two objects on a line": (line() + b" " + line(), "broken_json", "broken_json"),
    "text behind": (line() + b" // note", "broken_json", "broken_json"),
    "backslash x": (line("gpt-5", "\\x41"), "broken_json", "broken_json"),
    "single quotes": (line().replace(b'"', b"'"), "broken_json", "broken_json"),
    "control character": (line("gpt-5", "gpt\x01"), "broken_json", "broken_json"),
    "lone surrogate": (line("gpt-5", "\\ud800"), "broken_json", "broken_json"),
    "not UTF-8": (line("gpt-5", "XX").replace(b"XX", b"caf\xe9"), "not_utf8", "not_utf8"),
    "null": (b"null", "not_an_object", "not_an_object"),
    "list": (b"[1]", "not_an_object", "not_an_object"),
    "number": (b"17", "not_an_object", "not_an_object"),
    "empty object": (b"{}", "missing:provider", "missing:provider"),
    "NaN": (line("1000", "NaN"), "not_a_number:NaN", "wrong_type:input_tokens"),
    "Infinity": (line("1000", "-Infinity"), "not_a_number:-Infinity", "wrong_type:input_tokens"),
    "key twice": (line('"openai"', '"openai", "provider": "azure"'), "duplicate_key:provider", "duplicate_key:$"),
    "key missing": (line('"event_id"', '"other_id"'), "missing:record_id", "missing:record_id"),
    "key null": (line('"e2"', "null"), "missing:record_id", "missing:record_id"),
    "time missing": (line('"timestamp"', '"when"'), "missing:event_time", "missing:event_time"),
    "impossible day": (line("10-07", "02-30"), "impossible_time:timestamp", "impossible_time:timestamp"),
    "impossible month": (line("10-07", "13-07"), "impossible_time:timestamp", "impossible_time:timestamp"),
    "year 1970": (line("2026", "1970"), "impossible_time:timestamp", "impossible_time:timestamp"),
    "25 hours from UTC": (line("00Z", "00+25:00"), "impossible_time:timestamp", "impossible_time:timestamp"),
    "75 minutes from UTC": (line("00Z", "00+00:75"), "impossible_time:timestamp", "impossible_time:timestamp"),
    "99 hours from UTC": (line("00Z", "00-99"), "impossible_time:timestamp", "impossible_time:timestamp"),
    "no zone": (line("00Z", "00"), "no_time_zone:timestamp", "no_time_zone:timestamp"),
    "negative": (line("1000", "-1"), "negative:input_tokens", "negative:input_tokens"),
    "fraction": (line("1000", "12.7"), "wrong_type:input_tokens", "wrong_type:input_tokens"),
    "25 digits": (line("1000", TOO_LONG), "wrong_type:input_tokens", "wrong_type:input_tokens"),
    "true": (line("1000", "true"), "wrong_type:input_tokens", "wrong_type:input_tokens"),
    "list of counts": (line("1000", "[1000]"), "wrong_type:input_tokens", "wrong_type:input_tokens"),
    "object of counts": (line("1000", '{"n": 1}'), "wrong_type:input_tokens", "wrong_type:input_tokens"),
    "words as a count": (line("1000", '"many"'), "wrong_type:input_tokens", "wrong_type:input_tokens"),
    "absurd": (line("1000", "1000000001"), "absurd:tokens", "absurd:tokens"),
    "cached above input": (line(cached_input_tokens=1001), "meters_mismatch", "meters_mismatch"),
    "unknown status": (line("success", "fine"), "unknown_value:status", "unknown_value:status"),
    "amount in words": (line(cost="1,5", currency="USD"), "wrong_type:cost", "wrong_type:cost"),
    # good records that look odd
    "14 hours from UTC": (line("00Z", "00+14:00"), None, None),
    "offset without colon": (line("00Z", "00-1130"), None, None),
    "offset of hours": (line("00Z", "00+05"), None, None),
    "exponent": (line("1000", "1e3"), None, None),
    "trailing zeros": (line("1000", "1000.000"), None, None),
    "text number": (line("1000", '"1000"'), None, None),
    "carriage return": (line() + b"\r", None, None),
    "spaces around": (b" \t" + line() + b"  ", None, None),
    "amount of a binary float": (line(cost=1.2750000000000001e-05, currency="USD"), None, None),
    "deep": (line('"success"', '"success", "x": ' + '{"a":' * 400 + "1" + "}" * 400), None, None),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bad_line_in_a_large_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One at a time: the quick reader must notice each of them by itself."""
    monkeypatch.setattr(quick, "SMALL", 0)
    text, _, reason = CASES[name]
    path = jsonl(tmp_path / "x.jsonl", [event(1), text, event(3)])
    result, found = staged(path, tmp_path / "w")
    assert result.read == 3
    assert [r["record_id"] for r in found] == (["e1", "e3"] if reason else ["e1", "e2", "e3"])
    assert [(r.file, r.row, r.reason) for r in result.rejects] == ([(str(path), 2, reason)] if reason else [])
    assert all(bare(r.raw) == bare(text.decode("utf-8", "backslashreplace")) for r in result.rejects)
    assert reason is not None or found[1]["input_uncached_tokens"] == 1000


def test_all_bad_lines_in_a_small_file(tmp_path: Path) -> None:
    """All at once, with good lines between them."""
    lines: list[Any] = []
    for number, (text, reason, _) in enumerate(CASES.values()):
        lines += [event(f"good-{number}"), text if reason else text.replace(b'"e2"', f'"odd-{number}"'.encode())]
    path = jsonl(tmp_path / "x.jsonl", lines)
    result, found = staged(path, tmp_path / "w")
    wanted = [(2 * n + 2, reason, bare(text.decode("utf-8", "backslashreplace")))
              for n, (text, reason, _) in enumerate(CASES.values()) if reason]  # fmt: skip
    assert [(r.row, r.reason, bare(r.raw)) for r in result.rejects] == wanted
    assert result.read == len(lines)
    assert [r["source_row"] for r in found] == [n for n in range(1, len(lines) + 1) if n not in {w[0] for w in wanted}]
    assert {r["input_uncached_tokens"] for r in found} == {1000}


def bare(text: str | None) -> str:
    """A raw text without spaces and without the quotes that keep the digits of a large number."""
    return (text or "").replace(" ", "").replace(f'"{TOO_LONG}"', TOO_LONG)


def test_one_file_with_everything(tmp_path: Path, out: Path) -> None:
    """All cases in one file: the exceptions file names each row once, the good ones are charged."""
    good = [name for name, case in CASES.items() if case[1] is None]
    cases = [
        text.replace(b'"e2"', f'"e{n}"'.encode()) if name in good else text
        for n, (name, (text, _, _)) in enumerate(CASES.items(), start=100)
    ]
    report = convert(out, jsonl(tmp_path / "all.jsonl", [event(1), *cases, event(2)]))
    assert report["records"]["events"] == 2 + len(good)
    told = exceptions(out, "rejects")
    assert report["records"]["rejected"] == len(told) == len(CASES) - len(good)
    assert [t["row"] for t in told] == [n for n, c in enumerate(CASES.values(), start=2) if c[1] is not None]
    assert all(t["file"].endswith("all.jsonl") and t["raw"] for t in told)
    assert {(r["x_TokenType"], r["ConsumedQuantity"]) for r in rows(out)} == {
        ("Input", 1000 * (2 + len(good))), ("Output", 10 * (2 + len(good))),
    } or sum(r["x_InputTokens"] or 0 for r in rows(out)) == 1000 * (2 + len(good))  # fmt: skip


@pytest.mark.parametrize("size", ["small", "large"])
def test_a_line_of_ten_megabytes(size: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if size == "large":
        monkeypatch.setattr(quick, "SMALL", 0)
    big = event(2, note="y" * 10_000_000)
    path = jsonl(tmp_path / "x.jsonl", [event(1), big, {**big, "event_id": "e4", "input_tokens": -1}, event(3)])
    result, found = staged(path, tmp_path / "w")
    assert [r["record_id"] for r in found] == ["e1", "e2", "e3"]
    (reject,) = result.rejects
    assert (reject.row, reject.reason) == (3, "negative:input_tokens")
    assert len(str(reject.as_dict()["raw"])) < 1_000_100


@pytest.mark.parametrize("size", ["small", "large"])
def test_a_line_beyond_the_limit_is_set_aside(size: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """40 MB in one line: one reject, cut short; the lines around it are converted, whatever the memory."""
    if size == "large":
        monkeypatch.setattr(quick, "SMALL", 0)
    path = jsonl(tmp_path / "x.jsonl", [event(1), event(2, note="y" * 40_000_000), event(3)])
    result, found = staged(path, tmp_path / "w")
    assert [r["record_id"] for r in found] == ["e1", "e3"]
    assert [(r.row, r.reason, len(r.raw or "")) for r in result.rejects] == [(2, "line_too_long", 200)]


def test_a_large_document_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({**event(1), "note": "\u00e9" * 5_000_000}, indent=1, ensure_ascii=False))
    assert [r["record_id"] for r in staged(path, tmp_path / "w")[1]] == ["e1"]


def test_a_broken_document_keeps_the_documents_before_it(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("\n".join(json.dumps(event(n), indent=1) for n in (1, 2)) + '\n{"event_id": "e3",\n "timest')
    result, found = staged(path, tmp_path / "w")
    assert [r["record_id"] for r in found] == ["e1", "e2"]
    assert [(r.row, r.reason) for r in result.rejects] == [(3, "broken_json")]


def test_elements_of_an_array_that_are_no_objects(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps([event(1), None, 5, "text", [event(9)], event(2)]))
    result, found = staged(path, tmp_path / "w")
    assert [r["record_id"] for r in found] == ["e1", "e2"]
    assert [(r.row, r.reason) for r in result.rejects] == [(n, "not_an_object") for n in (2, 3, 4, 5)]


@pytest.mark.parametrize("packed", [False, True])
def test_a_cut_array_keeps_the_elements_before_the_cut(packed: bool, tmp_path: Path) -> None:
    whole = json.dumps([event(n) for n in range(1, 400)]).encode()
    path = tmp_path / ("x.json.gz" if packed else "x.json")
    data = gzip.compress(whole, mtime=0) if packed else whole
    path.write_bytes(data[: len(data) * 2 // 3])
    result, found = staged(path, tmp_path / "w")
    assert 100 < len(found) < 399
    assert [r["record_id"] for r in found] == [f"e{n}" for n in range(1, len(found) + 1)]
    (cut,) = result.rejects
    assert (cut.row, cut.reason.split(":")[0]) == (len(found) + 1, "truncated_compression" if packed else "broken_json")
    assert result.read == len(found) + 1


def test_one_bad_element_of_an_array_costs_no_other(tmp_path: Path) -> None:
    """A repeated key and a NaN are refused; what stands before and behind them is read, the next document too."""
    texts = [json.dumps(event(1)), '{"event_id": "e2", "event_id": "e2"}', json.dumps(event(3)).replace("1000", "NaN")]
    path = tmp_path / "x.json"
    path.write_text(f"[{', '.join([*texts, json.dumps(event(4))])}]\n[{json.dumps(event(5))}]")
    result, found = staged(path, tmp_path / "w")
    assert [r["record_id"] for r in found] == ["e1", "e4", "e5"]
    assert [(r.row, r.reason) for r in result.rejects] == [(2, "duplicate_key:event_id"), (3, "not_a_number:NaN")]
    assert result.rejects[0].raw == texts[1]


def test_a_refused_element_that_is_broken_too(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(f'[{json.dumps(event(1))}, {{"a": {{"b": 1, "b": 2}}, "c": ')
    result, found = staged(path, tmp_path / "w")
    assert [r["record_id"] for r in found] == ["e1"]
    assert [(r.row, r.reason) for r in result.rejects] == [(2, "broken_json")]


def _zstd(data: bytes) -> bytes:
    import pyarrow as pa

    packed: bytes = pa.compress(data, codec="zstd", asbytes=True)
    return packed


@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize("packing", ["gzip", "zstd"])
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_truncated_file_gives_what_is_whole(
    kind: str, packing: str, size: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bad line in it, the cut tail and the good lines are all told."""
    if size == "large":
        monkeypatch.setattr(quick, "SMALL", 0)
    noise = random.Random(7)
    events = [event(n, note=noise.randbytes(60).hex()) for n in range(6000)]
    if kind == "jsonl":
        text = "".join(json.dumps(e) + "\n" for e in events)
    else:
        text = ",".join(events[0]) + "\n" + "".join(",".join(map(str, e.values())) + "\n" for e in events)
    text = text.replace(json.dumps(events[3]), '{"cut": ')
    packed = gzip.compress(text.encode()) if packing == "gzip" else _zstd(text.encode())
    path = tmp_path / f"x.{kind}.packed"
    path.write_bytes(packed[: len(packed) * 2 // 3])
    result, found = staged(path, tmp_path / "w")
    bad = 1 if kind == "jsonl" else 0
    assert 1000 < len(found) < 6000
    assert [r["record_id"] for r in found] == [f"e{n}" for n in range(len(found) + bad) if n != 3 or not bad]
    told = [(None, "truncated_compression"), (4, "broken_json")][: 1 + bad]
    assert [(r.row, r.reason) for r in result.rejects] == told
    assert result.read == len(found) + bad
    assert result.rejects[0].raw is not None


def test_csv_rows_that_do_not_fit(tmp_path: Path) -> None:
    """Too few cells, too many cells, a bad number; a quoted line break before them does not shift their numbers."""
    names = list(event(1))
    good = [",".join(map(str, event(n).values())) for n in range(1, 6)]
    two_lines = good[1].replace("gpt-5", '"gpt\n-5"')
    bad_number = good[3].replace("1000", "x")
    lines = [",".join(names), good[0], two_lines, "e7,too,few", good[2] + ",one,more", bad_number, good[4]]
    text = "\n".join(lines) + "\n"
    path = tmp_path / "x.csv"
    path.write_text(text)
    result, found = staged(path, tmp_path / "w")
    assert [r["record_id"] for r in found] == ["e1", "e2", "e5"]
    assert found[1]["model_served"] == "gpt\n-5"
    assert [r["source_row"] for r in found] == [1, 2, 6]
    assert result.read == 6
    told = [(r.row, r.reason) for r in result.rejects]
    assert told == [(3, "csv:missing_columns"), (4, "csv:too_many_columns"), (5, "wrong_type:input_tokens")]
    assert all(r.raw for r in result.rejects)


def test_an_open_quote_loses_no_row_silently(tmp_path: Path) -> None:
    good = [",".join(map(str, event(n).values())) for n in range(1, 4)]
    path = tmp_path / "x.csv"
    path.write_text("\n".join([",".join(event(1)), good[0], good[1].replace("gpt-5", '"gpt-5'), good[2]]) + "\n")
    result, found = staged(path, tmp_path / "w")
    assert [r["record_id"] for r in found][:1] == ["e1"]
    assert result.rejects
    assert result.read == len(found) + len([r for r in result.rejects if r.row is not None])


@pytest.mark.parametrize("content", [b"", b"\n\n", gzip.compress(b"", mtime=0)])
def test_an_empty_file_beside_a_good_one(content: bytes, tmp_path: Path, out: Path) -> None:
    (tmp_path / "empty.jsonl").write_bytes(content)
    report = convert(out, tmp_path / "empty.jsonl", jsonl(tmp_path / "good.jsonl", [event(1)]))
    assert report["records"]["events"] == 1
    assert [w["code"] for w in report["warnings"] if "empty.jsonl" in w["message"]] == ["empty_file"]
    assert [(e["row"], e["reason"]) for e in exceptions(out, "rejects")] == [(None, "empty_file")]


EMPTY_PAGE = b'{"data": [], "paging": {"next": null, "tokens": []}, "error": null}'


@pytest.mark.parametrize("content", [b"[]", b"\xef\xbb\xbf[\n]\n", gzip.compress(b"[ ]", mtime=0), EMPTY_PAGE])
def test_an_answer_without_records_beside_a_good_one(content: bytes, tmp_path: Path, out: Path) -> None:
    """`[]` was read whole and holds nothing: told, and no reason to refuse the other files."""
    (tmp_path / "none.json").write_bytes(content)
    report = convert(out, tmp_path / "none.json", jsonl(tmp_path / "good.jsonl", [event(1)]))
    assert (report["records"]["read"], report["records"]["events"], report["records"]["rejected"]) == (1, 1, 0)
    assert [w["code"] for w in report["warnings"] if "none.json" in w["message"]] == ["no_records"]


def test_an_answer_without_records_alone_is_an_error_and_utf_16_is_named(tmp_path: Path, out: Path) -> None:
    (tmp_path / "none.json").write_bytes(b"[]")
    with pytest.raises(InputError, match="empty"):
        convert(out, tmp_path / "none.json")
    (tmp_path / "page.json").write_bytes(EMPTY_PAGE)
    with pytest.raises(InputError, match="no adapter recognises"):
        convert(out, tmp_path / "none.json", tmp_path / "page.json")
    (tmp_path / "excel.csv").write_text("a,b\n1,2\n", "utf-16")
    with pytest.raises(InputError, match="UTF-16"):
        convert(out, tmp_path / "excel.csv")


@pytest.mark.parametrize(
    "content",
    [
        b'{"data": [], "error": {"message": "invalid key"}}',
        b'{"data": [{"x": 1}]}',
        b'{"cost": 12}',
        b'{"a": {"b": [0]}}',
    ],
)
def test_a_file_that_holds_something_else_is_not_passed_over(content: bytes, tmp_path: Path, out: Path) -> None:
    (tmp_path / "odd.json").write_bytes(content)
    with pytest.raises(InputError, match="no adapter recognises"):
        convert(out, tmp_path / "odd.json", jsonl(tmp_path / "good.jsonl", [event(1)]))


@pytest.mark.parametrize("adapter", [None, "generic-event"])
def test_a_damaged_file_beside_a_good_one(adapter: str | None, tmp_path: Path, out: Path) -> None:
    """A Parquet file that lost its end; with and without a forced adapter the good file is converted."""
    pq.write_table(pa.Table.from_pylist([event(1)]), tmp_path / "bad.parquet")
    (tmp_path / "bad.parquet").write_bytes((tmp_path / "bad.parquet").read_bytes()[:500])
    good = jsonl(tmp_path / "good.jsonl", [event(2)])
    report = convert(out, tmp_path / "bad.parquet", good, adapter=adapter)
    assert (report["records"]["read"], report["records"]["events"]) == (1, 1)
    assert [w["code"] for w in report["warnings"] if "bad.parquet" in w["message"]] == ["damaged_parquet"]
    assert [(e["row"], e["reason"]) for e in exceptions(out, "rejects")] == [(None, "damaged_parquet")]
    with pytest.raises(InputError, match="500 bytes"):
        convert(out.with_name("alone"), tmp_path / "bad.parquet", adapter=adapter)


def test_only_empty_files_is_an_error_and_writes_nothing(tmp_path: Path, out: Path) -> None:
    (tmp_path / "empty.jsonl").write_bytes(b"")
    with pytest.raises(InputError, match="empty"):
        convert(out, tmp_path / "empty.jsonl")
    assert list(out.parent.iterdir()) == []


def test_a_file_of_bad_lines_only_is_told(tmp_path: Path, out: Path) -> None:
    """Known export, no good record: no error, no Parquet file, every line in the exceptions."""
    path = jsonl(tmp_path / "x.jsonl", [event(1, input_tokens=-1), event(2, timestamp="never")])
    report = convert(out, path)
    assert (report["rows"], report["totals"], report["records"]["rejected"]) == (0, [], 2)
    assert not (out / "data").exists()
    assert (out / "run.json").is_file()
