"""One set of events in every form of file: the records that come out are the same."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_builders import convert, event, exceptions, jsonl, rows, staged

from focus_ai.errors import InputError
from focus_ai.sources import discover
from focus_ai.sources.sniff import Format, sniff
from focus_ai.validation.inputs.find import find

EVENTS = [
    event(1, team="caf\u00e9", user_id="line one\nline two"),
    event(2, cost="0.003848", currency="USD", product='says "yes", often'),
    event(3, input_tokens=0, output_tokens=0, status="error", feature="a;b"),
]


def told(path: Path, work: Path) -> list[dict[str, Any]]:
    """The records of a file without what names the file."""
    result, found = staged(path, work)
    assert [(r.row, r.reason) for r in result.rejects] == []
    assert result.read == len(EVENTS)
    return [{k: v for k, v in r.items() if k != "source_file"} for r in found]


def as_csv(events: list[dict[str, Any]], delimiter: str = ",", end: str = "\n") -> str:
    names = list(dict.fromkeys(name for e in events for name in e))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, delimiter=delimiter, lineterminator=end)
    writer.writeheader()
    writer.writerows(events)
    return text.getvalue()


def with_unnamed(text: str) -> str:
    """As spreadsheets write it: two more columns without names and values."""
    out = io.StringIO(newline="")
    rows = csv.reader(io.StringIO(text, newline=""))
    csv.writer(out, lineterminator="\n").writerows([*row, "", ""] for row in rows)
    return out.getvalue()


def as_lines(events: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(e, ensure_ascii=False) + "\n" for e in events)


def as_parquet(path: Path) -> None:
    names = dict.fromkeys(name for e in EVENTS for name in e)
    pq.write_table(pa.table({name: [e.get(name) for e in EVENTS] for name in names}), path)


def zstd(data: bytes) -> bytes:
    packed: bytes = pa.compress(data, codec="zstd", asbytes=True)
    return packed


BOM = "\ufeff"
FORMS: dict[str, bytes] = {
    "lines.jsonl": as_lines(EVENTS).encode(),
    "array.json": json.dumps(EVENTS).encode(),
    "pretty.json": json.dumps(EVENTS, indent=2).encode(),
    "one-after-another.json": "\n\n".join(json.dumps(e, indent=1) for e in EVENTS).encode(),
    "comma-between.json": ",\n".join(json.dumps(e, indent=1) for e in EVENTS).encode(),
    "no-last-newline.jsonl": as_lines(EVENTS).encode().rstrip(b"\n"),
    "blank-lines.jsonl": as_lines(EVENTS).replace("\n", "\n\n \n").encode(),
    "windows.jsonl": as_lines(EVENTS).replace("\n", "\r\n").encode(),
    "bom.jsonl": (BOM + as_lines(EVENTS)).encode(),
    "bom.json": (BOM + json.dumps(EVENTS)).encode(),
    "plain.csv": as_csv(EVENTS).encode(),
    "semicolon.csv": as_csv(EVENTS, ";").encode(),
    "tab.tsv": as_csv(EVENTS, "\t").encode(),
    "pipe.txt": as_csv(EVENTS, "|").encode(),
    "bom-windows.csv": (BOM + as_csv(EVENTS, end="\r\n")).encode(),
    "latin-1.csv": as_csv(EVENTS).encode("latin-1"),
    "windows-then-unix.csv": "".join(
        line + ("\r\n" if number < 3 else "\n") for number, line in enumerate(as_csv(EVENTS).split("\n")[:-1])
    )
    .replace("line one\r\n", "line one\n")
    .encode(),
    "unnamed-columns.csv": with_unnamed(as_csv(EVENTS)).encode(),
    "lines.jsonl.gz": gzip.compress(as_lines(EVENTS).encode(), mtime=0),
    "array.json.gz": gzip.compress(json.dumps(EVENTS).encode(), mtime=0),
    "plain.csv.gz": gzip.compress(as_csv(EVENTS).encode(), mtime=0),
    "two-members.jsonl.gz": b"".join(gzip.compress(as_lines(e).encode(), mtime=0) for e in (EVENTS[:1], EVENTS[1:])),
    "lines.jsonl.zst": zstd(as_lines(EVENTS).encode()),
    "plain.csv.zst": zstd(as_csv(EVENTS).encode()),
    "wrong-name.parquet": as_lines(EVENTS).encode(),
    "no-name": as_lines(EVENTS).encode(),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_records(name: str, tmp_path: Path) -> None:
    reference = jsonl(tmp_path / "reference.jsonl", EVENTS)
    path = tmp_path / name
    path.write_bytes(FORMS[name])
    assert told(path, tmp_path / "w") == told(reference, tmp_path / "r")


def test_parquet_gives_the_same_records(tmp_path: Path) -> None:
    as_parquet(tmp_path / "events.parquet")
    reference = jsonl(tmp_path / "reference.jsonl", EVENTS)
    assert told(tmp_path / "events.parquet", tmp_path / "w") == told(reference, tmp_path / "r")


def test_parquet_types_keep_their_values(tmp_path: Path) -> None:
    """Decimals keep every digit, instants their zone, nested values become JSON, doubles of whole numbers are whole."""
    from datetime import UTC, datetime

    table = pa.table({
        "event_id": ["p1"], "provider": ["openai"], "model": ["gpt-5"], "status": ["success"],
        "timestamp": pa.array([datetime(2026, 10, 7, 10, 0, 0, 123456, UTC)], pa.timestamp("us", "UTC")),
        "input_tokens": pa.array([1000.0]), "output_tokens": pa.array([10], pa.int32()),
        "cost": pa.array([Decimal("0.000000000000000001")], pa.decimal128(38, 18)), "currency": ["USD"],
        "tags": pa.array([{"release": "r1", "list": [1, 2]}]),
        "tool_calls": pa.array([[("web_search", 2)]], pa.map_(pa.string(), pa.int64())),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "typed.parquet")
    result, (record,) = staged(tmp_path / "typed.parquet", tmp_path / "w")
    assert result.rejects == ()
    assert record["event_time"] == "2026-10-07T10:00:00.123456Z"
    assert record["reported_cost"] == "0.000000000000000001"
    assert (record["input_uncached_tokens"], record["output_text_tokens"]) == (1000, 10)
    assert json.loads(record["tags"]) == {"release": "r1", "list": [1, 2]}
    assert record["other_meters"] == [{"meter": "web_search", "quantity": "2"}]


def test_parquet_instants_in_another_zone(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    rows = {k: [v] for k, v in event(1).items()}
    stamp = pa.array([datetime(2026, 10, 7, 22, 30, tzinfo=UTC)], pa.timestamp("ms", "Europe/Berlin"))
    pq.write_table(pa.table({**rows, "timestamp": stamp}), tmp_path / "zone.parquet")
    _, (record,) = staged(tmp_path / "zone.parquet", tmp_path / "w")
    assert record["event_time"] == "2026-10-07T22:30:00Z"


def test_a_parquet_instant_without_zone_is_not_guessed(tmp_path: Path) -> None:
    from datetime import datetime

    rows = {k: [v] for k, v in event(1).items()}
    pq.write_table(pa.table({**rows, "timestamp": [datetime(2026, 10, 7, 22, 30)]}), tmp_path / "naive.parquet")
    result, found = staged(tmp_path / "naive.parquet", tmp_path / "w")
    assert found == []
    assert [(r.row, r.reason) for r in result.rejects] == [(1, "no_time_zone:timestamp")]


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (b"", Format("empty")),
        (b" \n\t\n", Format("empty")),
        (b"\xef\xbb\xbf", Format("empty", bom=True)),
        (gzip.compress(b"", mtime=0), Format("empty", "gzip")),
        (b'{"a": 1}', Format("jsonl")),
        (b'{\n"a": 1}', Format("json")),
        (b"[]", Format("json", array=True)),
        (b"a,b\n", Format("csv", header=("a", "b"))),
        ("a;b\n1;\u00e9".encode("latin-1"), Format("csv", delimiter=";", encoding="latin-1", header=("a", "b"))),
        (b"\x00\x01\x02\x03,\n", Format("unknown")),
        (b"just words\n", Format("unknown")),
    ],
)
def test_what_a_file_is_comes_from_its_bytes(content: bytes, form: Format, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    assert sniff(path) == form


def test_a_damaged_first_line_does_not_hide_the_lines_below(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "x.jsonl", ['{"event_id": "cut', *EVENTS])
    assert sniff(path).kind == "jsonl"
    result, found = staged(path, tmp_path / "w")
    assert (result.read, len(found)) == (4, 3)


def test_a_csv_header_that_names_a_column_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.csv"
    path.write_text(as_csv(EVENTS).replace("event_id,timestamp,provider", "event_id,timestamp,provider,provider", 1))
    with pytest.raises(InputError, match="provider"):
        staged(path, tmp_path / "w")


def test_a_header_alone_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "header.csv"
    path.write_text(as_csv(EVENTS).split("\n")[0] + "\n")
    result, found = staged(path, tmp_path / "w")
    assert (result.read, found, result.rejects) == (0, [], ())


@pytest.mark.parametrize("packed", [False, True])
def test_letters_of_windows_are_read(packed: bool, tmp_path: Path) -> None:
    """The euro sign is byte 128 there, which Latin-1 lacks. The byte 129 is no letter: its row is set aside."""
    lines = as_csv([event(1, team="\u20ac\u00e9"), event(2, team="XX"), event(3, team="\u00fc")]).encode("cp1252")
    path = tmp_path / "windows.csv"
    path.write_bytes(gzip.compress(lines, mtime=0) if packed else lines)
    assert discover([str(path)], tmp_path)[0].format.encoding == "cp1252"
    assert [r["owner_team"] for r in staged(path, tmp_path / "w")[1]] == ["\u20ac\u00e9", "XX", "\u00fc"]
    path.write_bytes(lines.replace(b"XX", b"\x81"))
    result, found = staged(path, tmp_path / "w")
    assert [r["owner_team"] for r in found] == ["\u20ac\u00e9", "\u00fc"]
    assert [(r.row, r.reason) for r in result.rejects] == [(2, "csv:invalid_encoding")]
    assert "\\x81" in str(result.rejects[0].raw)


@pytest.mark.parametrize("place", [2, 2000, 29_000])
def test_one_odd_byte_costs_its_row_wherever_it_stands(place: int, tmp_path: Path) -> None:
    """30,000 rows are more than the first megabyte; most letters that are not ASCII are UTF-8, so the file is."""
    path = tmp_path / "x.csv"
    lines = as_csv([event(n, team="orb\u00e9") for n in range(1, 30_001)]).encode().split(b"\n")
    lines[place] = lines[place].replace(b"orb", b"orb\xff")
    path.write_bytes(b"\n".join(lines))
    assert discover([str(path)], tmp_path)[0].format.encoding == "utf-8"
    result, found = staged(path, tmp_path / "w")
    assert {r["owner_team"] for r in found} == {"orb\u00e9"}
    assert len(found) == 29_999
    assert [(r.row, r.reason) for r in result.rejects] == [(place, "csv:invalid_encoding")]


def test_a_latin_1_file_is_one_wherever_its_letters_stand(tmp_path: Path) -> None:
    """In the first megabyte there is a letter of UTF-8, behind it two hundred of Latin-1: counted in all of the file."""
    path = tmp_path / "x.csv"
    text = as_csv([event(n, team="\u00e9" if n > 29_800 else "a") for n in range(30_000)]).encode("latin-1")
    path.write_bytes(text.replace(b",a\n", b",\xc3\xa9\xff\n", 1))
    assert discover([str(path)], tmp_path)[0].format.encoding == "latin-1"
    assert staged(path, tmp_path / "w")[0].rows == 30_000


def test_columns_without_a_name_are_named_by_their_place(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,,b,,column1\n1,2,3,4,5\n")
    assert sniff(path).header == ("a", "column1_", "b", "column3", "column1")


def test_names_that_differ_in_capital_letters_only_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(as_csv([event(1, team="a", Team="b")]))
    with pytest.raises(InputError, match="team, Team"):
        staged(path, tmp_path / "w")


@pytest.mark.parametrize("size", [140_000, 2_000_000])
def test_a_very_long_cell_is_a_cell(size: int, tmp_path: Path) -> None:
    """Logged prompts; the csv module alone refuses cells above 128 KB."""
    path = tmp_path / "x.csv"
    path.write_text(as_csv([event(1, note="y" * size), event(2, note='say "' + "x" * size)]))
    assert [r["record_id"] for r in staged(path, tmp_path / "w")[1]] == ["e1", "e2"]


def test_a_quote_in_the_first_rows_does_not_stop_recognition(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    lines = as_csv([event(n, team="a") for n in range(5000)]).split("\n")
    lines[3] = lines[3].replace(",a", ',"a')
    path.write_text("\n".join(lines))
    result, found = staged(path, tmp_path / "w")
    assert (len(found), [r.row for r in result.rejects]) == (4999, [3])


def parquet_of(path: Path, groups: int) -> None:
    table = pa.Table.from_pylist([event(n) for n in range(groups * 100)])
    pq.write_table(table, path, row_group_size=100)


def test_a_parquet_file_without_its_end(tmp_path: Path) -> None:
    """What it holds stands at the end, so nothing of it can be read."""
    path = tmp_path / "x.parquet"
    parquet_of(path, 2)
    path.write_bytes(path.read_bytes()[:3000])
    found = discover([str(path)], tmp_path)[0]
    assert (found.format.kind, found.format.fault) == ("parquet", "damaged_parquet")
    with pytest.raises(InputError, match="3,000 bytes"):
        staged(path, tmp_path / "w")


@pytest.mark.parametrize("group", [0, 1, 2])
def test_a_damaged_part_of_a_parquet_file_costs_that_part(group: int, tmp_path: Path) -> None:
    """Three parts of a hundred rows, the beginning of one overwritten; the rows of the others keep their numbers."""
    path = tmp_path / "x.parquet"
    parquet_of(path, 3)
    place = pq.read_metadata(path).row_group(group).column(0).dictionary_page_offset
    data = bytearray(path.read_bytes())
    data[place : place + 100] = b"\xff" * 100
    path.write_bytes(data)
    result, found = staged(path, tmp_path / "w")
    good = [n for n in range(300) if n // 100 != group]
    assert sorted((r["source_row"], r["record_id"]) for r in found) == [(n + 1, f"e{n}") for n in good]
    (reject,) = result.rejects
    assert (reject.row, reject.reason, reject.lines) == (100 * group + 1, "damaged_parquet", 100)
    assert f"rows {100 * group + 1} to {100 * group + 100}" in str(reject.note)


def test_utf_16_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(as_csv(EVENTS).encode("utf-16"))
    found = discover([str(path)], tmp_path)[0].format
    assert (found.kind, found.encoding) == ("unknown", "utf-16")


@pytest.mark.parametrize(("mark", "tokens"), [(";", [12, 0]), (",", [12, 12, 0])])
def test_a_point_that_may_group_thousands_is_no_guess(mark: str, tokens: list[int], tmp_path: Path, out: Path) -> None:
    """Where cells end with semicolons, 12.000 is twelve or twelve thousand; 12.0 and 0.000 are what they are."""
    lines = ["event_id,timestamp,provider,model,input_tokens,output_tokens,status"]
    lines += [f"e{n},2026-10-07T10:00:00Z,openai,gpt-5,{n},7,success" for n in ("12.0", "12.000", "0.000")]
    source = tmp_path / "calls.csv"
    source.write_text("\n".join(lines).replace(",", mark))
    report = convert(out, source, grain="request")
    assert report["records"]["rejected"] == 3 - len(tokens)
    assert report["tokens"]["input"] == sum(tokens)
    assert [line["reason"] for line in exceptions(out, "rejects")] == ["wrong_type:input_tokens"] * (3 - len(tokens))


def test_an_archive_is_named(tmp_path: Path) -> None:
    lines = b'{"a": 1}\n' * 100
    made = {"bzip2": bz2.compress(lines), "xz": lzma.compress(lines)}
    for name, member in (("a ZIP archive", "a.jsonl"), ("an office document", "[Content_Types].xml")):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(member, lines)
        made[name] = packed.getvalue()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("a.jsonl"), None)
    made["a tar archive"] = gzip.compress(packed.getvalue())
    for name, content in made.items():
        path = tmp_path / "export"
        path.write_bytes(content)
        for read in (partial(convert, tmp_path / "out"), lambda given: find([str(given)], tmp_path / "spool")):
            with pytest.raises(InputError) as refused:
                read(path)
            assert refused.value.value == name
            assert refused.value.next_step is not None


@pytest.mark.parametrize(
    ("amounts", "billed", "rejected"),
    [
        # nothing in the table says what the point means
        (("1.500", "2", "-3.250"), "2", 2),
        # one amount tells that points stand before decimals: 1.5 + 0.12 - 3.25
        (("1.500", "0.12", "-3.250"), "-1.63", 0),
        # commas before decimals are not read, and then the point groups thousands, or nobody knows
        (("1.500", "0,12", "4"), "4", 2),
        (("1.500", "0,12", "4.5"), "4.5", 2),
        # leading zeros and other lengths are no groups of thousands
        (("0.500", "1.2345", "2.25"), "3.9845", 0),
    ],
)
def test_a_point_in_an_amount_is_no_guess(
    amounts: tuple[str, ...], billed: str, rejected: int, tmp_path: Path, out: Path
) -> None:
    """The Console's cost table with semicolons, as a spreadsheet of a country with the decimal comma writes it."""
    lines = ["usage_date_utc;model;workspace;api_key;usage_type;token_type;cost_usd"]
    lines += [f"2026-10-0{n};claude-opus-4-1;Default;k;message;output;{a}" for n, a in enumerate(amounts, start=1)]
    source = tmp_path / "cost.csv"
    source.write_text("\n".join(lines))
    report = convert(out, source, settings={"accounts": {"anthropic": {"id": "org"}}})
    assert report["records"]["rejected"] == rejected
    assert sum((Decimal(row["BilledCost"]) for row in rows(out)), Decimal(0)) == Decimal(billed)
    assert {line["reason"] for line in exceptions(out, "rejects")} == ({"wrong_type:cost_usd"} if rejected else set())


def test_an_amount_that_a_mapping_rewrites_is_what_it_says(tmp_path: Path, out: Path) -> None:
    mapping = tmp_path / "own.yaml"
    mapping.write_text(
        "id: own\ntitle: t\nchecked: 2026-11-22\nsystem: own\nrecognise: {keys: [day, paid]}\nkind: billed\n"
        "reads: [csv]\nfields:\n  event_time: {time: day, unit: iso, zone: UTC}\n"
        '  billed_cost: {decimal: {replace: paid, pattern: ",", with: "."}}\n  currency: {const: EUR}\n'
        "identity: [day]\n"
    )
    source = tmp_path / "own.csv"
    source.write_text("day;paid\n2026-10-01;1,500\n2026-10-02;2,250\n")
    convert(out, source, mapping=[str(mapping)])
    assert sum((Decimal(row["BilledCost"]) for row in rows(out)), Decimal(0)) == Decimal("3.75")


@pytest.mark.parametrize(
    ("content", "shown", "why"),
    [
        (b'{"a": \n{"b": \n', '{"a": {"b":', "is no JSON"),
        (b'{"data": [1,2', '{"data": [1,2', "is no JSON"),
        (b"[1, 2]", "1", "valid JSON, but no object"),
        (b'{"a": 1, "a": 2}\n', '{"a": 1, "a": 2}', "one object has the key a twice"),
        (b'{"a": "' + b"x" * 500 + b'", "a": 2}\n', '{"a": "' + "x" * 113 + " ...", "has the key a twice"),
    ],
)
def test_a_file_without_one_readable_record_says_why(content: bytes, shown: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match="no record of the file can be read") as refused:
        convert(tmp_path / "out", path)
    assert refused.value.value == shown
    assert why in str(refused.value.expected)
    assert refused.value.next_step
