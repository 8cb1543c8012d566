"""What `validate` reads and what it makes of it: forms, packings, encodings, several files, versions, bad files."""

from __future__ import annotations

import csv
import gzip
import io
import sys
from decimal import Decimal
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

import focus_files as ff
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from focus_ai.engine import Session, ident
from focus_ai.errors import InputError
from focus_ai.validation.inputs import Opened, find, open_files


def opened(tmp: Path, *inputs: object, query: str = "", **how: Any) -> tuple[Opened, list[tuple[Any, ...]]]:
    """Open the inputs and return what a query on `{r}` gives (default: all cells of three columns with their place)."""
    work = tmp / "work"
    sources, remarks = find([str(i) for i in inputs], work / "spool")
    with Session(work / "engine") as session:
        session.seal([work], [s.path for s in sources])
        found = open_files(session, sources, remarks=remarks, **how)
        query = query or 'SELECT "BillingAccountId", "BilledCost", _file, _row FROM {r} ORDER BY _file, _row'
        return found, session.rows(query.format(r=found.dataset.relation))


def finding(found: Opened, rule: str) -> Any:
    return next(f for f in found.findings if f.rule == rule)


FIRST_TWO = [("000123456789", "0.002000", 0, 1), ("000123456789", "0.002002", 0, 2)]


@pytest.mark.parametrize("packing", ["plain", "gz", "zst"])
@pytest.mark.parametrize(
    "how",
    [{}, {"end": "\r\n"}, {"delimiter": ";"}, {"delimiter": "\t"}, {"encoding": "utf-8-sig"}, {"encoding": "utf-16"}],
    ids=str,
)
def test_csv_in_every_dress_gives_the_same_cells(tmp_path: Path, how: dict[str, Any], packing: str) -> None:
    path = ff.write_csv(tmp_path / "a.csv", ff.rows(2), **how)
    if packing == "gz":
        path.write_bytes(gzip.compress(path.read_bytes()))
    elif packing == "zst":
        with pa.CompressedOutputStream(pa.OSFile(str(tmp_path / "z"), "wb"), "zstd") as out:
            out.write(path.read_bytes())
        path = tmp_path / "z"
    found, cells = opened(tmp_path, path)
    assert cells == FIRST_TWO  # the all-digit id keeps its zeros and stays text
    assert {c.kind for c in found.dataset.columns.values()} == {"text"}
    assert not found.findings and not found.dataset.typed


def test_latin_1_is_read_and_said(tmp_path: Path) -> None:
    path = ff.write_csv(tmp_path / "a.csv", [ff.row(ServiceName="Müller")], encoding="latin-1")
    found, cells = opened(tmp_path, path, query='SELECT "ServiceName" FROM {r}')
    assert cells == [("Müller",)]
    assert any("Latin-1" in remark for remark in found.remarks)


def test_an_empty_cell_is_null_quoted_or_not_and_the_word_null_is_not(tmp_path: Path) -> None:
    data = [ff.row(ChargeClass="", SubAccountName="NULL")]
    text = ff.csv_text(data).replace(",Example Org,", ',"",')
    (tmp_path / "a.csv").write_text(text)
    _, cells = opened(tmp_path, tmp_path / "a.csv",
                      query='SELECT "ChargeClass", "BillingAccountName", "SubAccountName" FROM {r}')  # fmt: skip
    assert cells == [(None, None, "NULL")]


def test_quoted_line_breaks_keep_row_and_line_apart(tmp_path: Path) -> None:
    data = [ff.row(1, ChargeDescription="two\nlines"), ff.row(2), ff.row(3)]
    found, cells = opened(
        tmp_path, ff.write_csv(tmp_path / "a.csv", data), query='SELECT "ChargeDescription", _row FROM {r}'
    )
    assert cells[0] == ("two\nlines", 1) and [c[1] for c in cells] == [1, 2, 3]
    found.find_lines([(str(tmp_path / "a.csv"), r) for r in (1, 2, 3)])
    assert [found.line(str(tmp_path / "a.csv"), r) for r in (1, 2, 3)] == [2, 4, 5]


def ragged(tmp_path: Path) -> Path:
    lines = ff.csv_text(ff.rows(6)).splitlines()
    lines[2] += ",one too many"
    lines[4] = "only,three,cells"
    (tmp_path / "r.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "r.csv"


def test_ragged_rows_are_a_finding_with_their_numbers_and_the_others_stay(tmp_path: Path) -> None:
    found, cells = opened(tmp_path, ragged(tmp_path), query="SELECT _row FROM {r} ORDER BY 1")
    assert [c[0] for c in cells] == [1, 3, 5, 6]
    told = finding(found, "FAI-IN-001")
    assert told.rows == 2 and [s.row for s in told.samples] == [2, 4]
    assert "row 2, line 3" in told.message and told.severity == "error"


def test_a_quote_that_is_not_closed_properly_is_a_finding(tmp_path: Path) -> None:
    lines = ff.csv_text(ff.rows(4)).splitlines()
    lines[2] = '"x"y' + lines[2]
    (tmp_path / "q.csv").write_text("\n".join(lines) + "\n")
    found, cells = opened(tmp_path, tmp_path / "q.csv", query="SELECT _row FROM {r} ORDER BY 1")
    assert [c[0] for c in cells] == [1, 3, 4]
    assert finding(found, "FAI-IN-002").samples[0].row == 2


def test_one_byte_that_is_no_utf8_after_a_megabyte_is_named_with_its_row(tmp_path: Path) -> None:
    body = ff.csv_text(ff.rows(4000)).encode()
    assert len(body) > 1 << 20
    (tmp_path / "b.csv").write_bytes(body[:-3] + b"\xff" + body[-3:])
    found, cells = opened(tmp_path, tmp_path / "b.csv", query="SELECT count(*) FROM {r}")
    assert cells == [(4000,)]
    assert finding(found, "FAI-IN-003").samples[0].row == 4000


def test_json_lines_keep_text_digits_and_objects(tmp_path: Path) -> None:
    text = (
        '{"BillingAccountId": 7, "BilledCost": 0.1234567890123456789012, "Tags": {"a": "b"}, "ServiceName": null}\n'
        '\n{"BillingAccountId": "x", "BilledCost": "1.50", "ServiceName": ""}\n'
    )
    (tmp_path / "a.jsonl").write_text(text)
    found, cells = opened(
        tmp_path, tmp_path / "a.jsonl",
        query='SELECT "BillingAccountId", "BilledCost", "Tags", "ServiceName", _row FROM {r} ORDER BY _row',
    )  # fmt: skip
    assert cells == [("7", "0.1234567890123456789012", '{"a":"b"}', None, 1), ("x", "1.50", None, "", 2)]
    told = {d.column: (d.found, d.expected) for d in found.dataset.deviations}
    assert told["Tags"] == ("JSON object", "JSON text") and told["BillingAccountId"] == ("JSON number", "text")
    assert "BilledCost" not in told
    found.find_lines([(str(tmp_path / "a.jsonl"), 2)])
    assert found.line(str(tmp_path / "a.jsonl"), 2) == 3


@pytest.mark.parametrize("bad", ["{broken", "[1, 2]", '{"a": 1, "a": 2}', '{"a": NaN}', "plain words", '{"a": 1,}'])
def test_a_bad_json_line_is_a_finding_and_the_others_stay(tmp_path: Path, bad: str) -> None:
    lines = ff.write_jsonl(tmp_path / "a.jsonl", ff.rows(3)).read_text().splitlines()
    lines.insert(1, bad)
    (tmp_path / "a.jsonl").write_text("\n".join(lines) + "\n")
    found, cells = opened(tmp_path, tmp_path / "a.jsonl", query="SELECT _row FROM {r} ORDER BY 1")
    assert [c[0] for c in cells] == [1, 3, 4]
    told = finding(found, "FAI-IN-002")
    assert told.rows == 1 and told.samples[0].row == 2


def test_a_json_array_is_read_like_lines(tmp_path: Path) -> None:
    lines = ff.write_jsonl(tmp_path / "a.json", ff.rows(2)).read_text().splitlines()
    (tmp_path / "a.json").write_text("[" + ",\n".join(lines) + "]")
    assert opened(tmp_path, tmp_path / "a.json")[1] == FIRST_TWO


def test_parquet_keeps_types_and_hive_folders_are_no_columns(tmp_path: Path) -> None:
    for month in ("2026-10", "2026-11"):
        ff.write_parquet(tmp_path / f"out/data/billing_period={month}/part.parquet", ff.rows(2))
    (tmp_path / "out/metadata").mkdir()
    (tmp_path / "out/metadata/manifest.json").write_text("{}")
    found, cells = opened(tmp_path, tmp_path / "out", query="SELECT _file, _row FROM {r} ORDER BY 1, 2")
    assert cells == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert found.dataset.columns["BilledCost"].kind == "decimal"
    assert found.dataset.columns["ChargePeriodStart"].kind == "timestamptz"
    assert "billing_period" not in found.dataset.columns and found.dataset.typed


def test_the_record_number_costs_nothing_when_it_is_not_asked_for(tmp_path: Path) -> None:
    path = ff.write_csv(tmp_path / "a.csv", ff.rows(3))
    work = tmp_path / "work"
    sources, _ = find([str(path)], work / "spool")
    with Session(work / "engine") as session:
        relation = open_files(session, sources).dataset.relation
        plan = session.rows(f'EXPLAIN SELECT count("BilledCost") FROM {relation}')[0][1]
    assert "WINDOW" not in plan.upper() and "_row" not in plan


def test_files_that_differ_become_one_relation_and_say_so(tmp_path: Path) -> None:
    first = [{k: v for k, v in ff.row(1, price="0.1", quantity=3).items() if k != "BilledCost"}]
    ff.write_parquet(tmp_path / "d/a.parquet", first)
    ff.write_parquet(tmp_path / "d/b.parquet", [ff.row(2)], numeric="text")
    ff.write_csv(tmp_path / "d/c.csv", [ff.row(3)])
    found, cells = opened(
        tmp_path, tmp_path / "d",
        query='SELECT "BilledCost", "ListCost", "ChargePeriodStart", _file, _row FROM {r} ORDER BY _file',
    )  # fmt: skip
    assert cells == [
        (None, "0.300000000000", "2026-11-01T00:00:00.000000Z", 0, 1),
        ("0.002000", "0.002000", "2026-11-02T00:00:00.000000Z", 1, 1),
        ("0.002000", "0.002000", "2026-11-03T00:00:00Z", 2, 1),
    ]
    lacks = finding(found, "FAI-IN-006")
    assert (lacks.column, lacks.rows, lacks.severity) == ("BilledCost", 1, "error") and "a.parquet" in lacks.message
    differ = {f.column for f in found.findings if f.rule == "FAI-IN-007"}
    # A CSV holds text: a text column of Parquet is no other type, a number or a time is.
    assert {"ListCost", "ChargePeriodStart"} <= differ and not {"BillingAccountId", "ServiceName"} & differ


def test_a_column_without_values_fits_the_type_of_the_other_files(tmp_path: Path) -> None:
    """pyarrow writes a column of nothing but nulls with the type null; that is no other type than the one beside it."""
    pq.write_table(
        pa.table({"BilledCost": ["1"], "Tags": pa.nulls(1), "ListCost": pa.nulls(1)}), tmp_path / "a.parquet"
    )
    pq.write_table(pa.table({"BilledCost": ["2"], "Tags": ["{}"], "ListCost": ["3"]}), tmp_path / "b.parquet")
    query = 'SELECT "Tags", "ListCost" FROM {r} ORDER BY _file'
    found, cells = opened(tmp_path, tmp_path / "a.parquet", tmp_path / "b.parquet", query=query)
    assert cells == [(None, None), ("{}", "3")]
    assert not [f for f in found.findings if f.rule == "FAI-IN-007"]
    pq.write_table(pa.table({"BilledCost": ["4"], "Tags": ["{}"], "ListCost": [3]}), tmp_path / "c.parquet")
    found, _ = opened(tmp_path, *(tmp_path / f"{n}.parquet" for n in "abc"), query=query)
    [differs] = [f for f in found.findings if f.rule == "FAI-IN-007"]
    assert differs.column == "ListCost" and "NULL" not in differs.message


def test_parquet_files_that_only_lack_columns_are_one_scan(tmp_path: Path) -> None:
    """A column that was added later, at the end or in between, and one file that spells it otherwise."""

    def write(name: str, **columns: str) -> None:
        pq.write_table(pa.table({k: [v] for k, v in columns.items()}), tmp_path / name)

    write("a.parquet", BilledCost="1", ServiceName="s", ListCost="2")
    write("b.parquet", SkuId="k", BilledCost="3", ListCost="4", ServiceName="t")
    query = 'SELECT "BilledCost", "SkuId", "ServiceName", _file, _row FROM {r} ORDER BY _file'
    found, cells = opened(tmp_path, tmp_path / "a.parquet", tmp_path / "b.parquet", query=query)
    assert cells == [("1", None, "s", 0, 1), ("3", "k", "t", 1, 1)]
    assert found.dataset.relation.count("read_parquet") == 1 and "UNION" not in found.dataset.relation
    write("c.parquet", billedcost="5", ListCost="6", ServiceName="u")
    found, cells = opened(tmp_path, *(tmp_path / f"{n}.parquet" for n in "abc"), query=query)
    assert cells[2] == (None, None, "u", 2, 1)  # another spelling is not the column


def test_numbers_beside_doubles_become_doubles_and_decimals_keep_every_digit(tmp_path: Path) -> None:
    def write(name: str, kind: Any, value: Any) -> None:
        table = pa.table({"BilledCost": pa.array([value], kind), "ListCost": ["1"], "ServiceName": ["s"]})
        pq.write_table(table, tmp_path / name)

    from decimal import Decimal

    write("a.parquet", pa.decimal128(20, 2), Decimal("123456789012345678.25"))
    write("b.parquet", pa.decimal128(20, 12), Decimal("0.000000000001"))
    found, cells = opened(tmp_path, tmp_path / "a.parquet", tmp_path / "b.parquet",
                          query='SELECT CAST("BilledCost" AS VARCHAR) FROM {r} ORDER BY _file')  # fmt: skip
    assert found.dataset.columns["BilledCost"].physical == "DECIMAL(30,12)"
    assert cells == [("123456789012345678.250000000000",), ("0.000000000001",)]
    write("c.parquet", pa.float64(), 0.5)
    found, _ = opened(tmp_path, tmp_path / "a.parquet", tmp_path / "c.parquet", query="SELECT 1 FROM {r}")
    assert found.dataset.columns["BilledCost"].kind == "double"


@pytest.mark.parametrize(
    ("written", "told"),
    [("billedcost", "'billedcost' should be BilledCost"), (" BilledCost", "with a space"), ("billed_cost", "BilledCost"),
     ("\ufeffBilledCost", "invisible")],
)  # fmt: skip
def test_a_name_in_another_spelling_is_not_accepted(tmp_path: Path, written: str, told: str) -> None:
    text = ff.csv_text(ff.rows(1)).replace("BilledCost", written, 1)
    (tmp_path / "a.csv").write_text("\ufeff" + text)
    found, _ = opened(tmp_path, tmp_path / "a.csv", query="SELECT 1 FROM {r}")
    assert told in finding(found, "FAI-IN-005").message
    assert "BilledCost" not in found.dataset.columns


def test_a_column_that_is_there_twice_is_a_finding(tmp_path: Path) -> None:
    text = ff.csv_text(ff.rows(1)).replace("BillingAccountName", "billedcost", 1).replace("SubAccountName", "SkuId", 1)
    (tmp_path / "a.csv").write_text(text)
    found, cells = opened(tmp_path, tmp_path / "a.csv", query='SELECT "BilledCost", "SkuId" FROM {r}')
    assert cells == [("0.002000", "example/model-1/input")]
    assert {f.column for f in found.findings if f.rule == "FAI-IN-004"} == {"BilledCost", "SkuId"}


def test_columns_of_the_engines_own_names_do_no_harm(tmp_path: Path) -> None:
    table = pa.table(
        {"BilledCost": ["1"], "ListCost": ["1"], "ServiceName": ["s"], "file_row_number": [9], "_row": [8]}
    )
    pq.write_table(table, tmp_path / "a.parquet")
    _, cells = opened(tmp_path, tmp_path / "a.parquet", query='SELECT _file, _row, "file_row_number" FROM {r}')
    assert cells == [(0, 1, 9)]


def version(tmp_path: Path, path: Path, **how: Any) -> tuple[str, str, str]:
    found, _ = opened(tmp_path, path, query="SELECT 1 FROM {r}", **how)
    return found.identity.version, found.identity.dataset, found.identity.how_version


def test_version_and_dataset_come_from_footer_metadata_or_columns(tmp_path: Path) -> None:
    from focus_ai.focus.columns import load

    def empty(version: str, dataset: str = "CostAndUsage") -> dict[str, Any]:
        return {c.name: pa.array([], pa.string()) for c in load(version, dataset).columns}

    for asked in ("1.2", "1.3", "1.4"):
        pq.write_table(pa.table(empty(asked)), tmp_path / "v.parquet")
        assert version(tmp_path, tmp_path / "v.parquet")[0] == asked
    table = pa.table(empty("1.4", "InvoiceDetail"))
    pq.write_table(table, tmp_path / "i.parquet")
    assert version(tmp_path, tmp_path / "i.parquet")[:2] == ("1.4", "InvoiceDetail")
    marked = pa.table(empty("1.4")).replace_schema_metadata({"focus.version": "1.2", "focus.dataset": "CostAndUsage"})
    pq.write_table(marked, tmp_path / "f.parquet")
    assert version(tmp_path, tmp_path / "f.parquet") == ("1.2", "CostAndUsage", "from the Parquet footer")
    beside = tmp_path / "beside"
    ff.write_csv((beside / "data").mkdir(parents=True) or beside / "data" / "a.csv", ff.rows(1))
    (beside / "metadata").mkdir()
    (beside / "metadata" / "schema.json").write_text('{"FocusVersion": "1.3"}')
    assert version(tmp_path, beside / "data" / "a.csv")[0] == "1.3"
    assert version(tmp_path, beside / "data" / "a.csv", version="1.4")[2] == "as given"


def test_a_file_that_fits_several_versions_is_the_newest(tmp_path: Path) -> None:
    from focus_ai.focus.columns import load

    both = {c.name for c in load("1.2").columns} & {c.name for c in load("1.3").columns}
    needed = {c.name for v in ("1.2", "1.3") for c in load(v).columns if c.level == "Mandatory"}
    assert needed <= both | {c.name for c in load("1.3").columns}
    names = sorted(both | needed)
    (tmp_path / "a.csv").write_text(",".join(names) + "\n")
    fits = [v for v in ("1.2", "1.3") if set(names) <= {c.name for c in load(v).columns}]
    found, _ = opened(tmp_path, tmp_path / "a.csv", query="SELECT 1 FROM {r}")
    assert found.identity.version == fits[-1]


BAD = {
    "a NUL in a name of CSV": (b"BilledCost,ListCost\x00,ServiceName\n1,1,s\n", "no table"),
    "a NUL in a key of JSON": (b'{"BilledCost": "1", "ListCost\\u0000": "1", "ServiceName": "s"}\n', "name is damaged"),
    "missing": (None, "does not exist"),
    "empty": (b"", "empty"),
    "blank": (b"  \n\n", "empty"),
    "empty gzip": (gzip.compress(b"", mtime=0), "empty"),
    "other csv": (b"id,name,price\n1,a,2\n", "not a FOCUS file"),
    "other json": (b'{"id": 1}\n{"id": 2}\n', "not a FOCUS file"),
    "words": (b"this is a letter\n", "no table"),
    "image": (b"\x89PNG\r\n\x1a\n" + bytes(64), "no table"),
    "zip": (b"PK\x03\x04" + bytes(64), "no table"),
    "parquet head only": (b"PAR1" + bytes(64), "damaged or was cut off"),
    "tiny parquet": (b"PAR1", "damaged or was cut off"),
    "broken utf-16": (b"\xff\xfe\x00", "neither UTF-8"),
}


@pytest.mark.parametrize("case", BAD)
def test_files_that_cannot_be_judged_are_named(tmp_path: Path, case: str) -> None:
    body, told = BAD[case]
    path = tmp_path / "x"
    if body is not None:
        path.write_bytes(body)
    with pytest.raises(InputError) as caught:
        opened(tmp_path, path)
    assert told in str(caught.value) and caught.value.exit_code == 3


@pytest.mark.parametrize("form", ["csv", "jsonl", "gz", "parquet"])
def test_half_a_file_is_no_file(tmp_path: Path, form: str) -> None:
    data = ff.rows(50)
    path = tmp_path / f"a.{form}"
    if form == "parquet":
        ff.write_parquet(path, data)
    elif form == "jsonl":
        ff.write_jsonl(path, data)
    else:
        ff.write_csv(path, data)
        if form == "gz":
            path.write_bytes(gzip.compress(path.read_bytes()))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(InputError, match="cut off") as error:
        opened(tmp_path, path)
    # The message goes to logs of pipelines; what stands in the half record may name people.
    said = str(vars(error.value))
    assert "cut off" in said and "example model" not in said


@pytest.mark.parametrize("write", [ff.write_csv, ff.write_parquet])
def test_a_header_without_rows_is_an_empty_data_set(tmp_path: Path, write: Any) -> None:
    path = write(tmp_path / "a", ff.rows(1))
    if write is ff.write_csv:
        path.write_text(path.read_text().splitlines()[0] + "\n")
    else:
        pq.write_table(pq.read_table(path).slice(0, 0), path)
    found, cells = opened(tmp_path, path, query="SELECT count(*) FROM {r}")
    assert cells == [(0,)] and not found.findings


def test_standard_input_and_globs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = ff.csv_text(ff.rows(2)).encode()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(body)))
    found, cells = opened(tmp_path, "-")
    assert cells == FIRST_TWO and found.dataset.files == ("stdin",)
    for name in ("a1.csv", "a2.csv", "b1.csv"):
        ff.write_csv(tmp_path / name, ff.rows(1))
    assert len(opened(tmp_path, tmp_path / "a*.csv")[0].dataset.files) == 2


def test_a_folder_passes_over_what_describes_data_and_says_so(tmp_path: Path) -> None:
    ff.write_csv(tmp_path / "a.csv", ff.rows(1))
    (tmp_path / "manifest.json").write_text("{}")
    (tmp_path / "notes.json").write_text('{"made": "by hand"}')
    (tmp_path / "exceptions").mkdir()
    (tmp_path / "exceptions" / "rejects.jsonl").write_text('{"file": "x"}\n')
    found, _ = opened(tmp_path / "elsewhere", tmp_path, query="SELECT 1 FROM {r}")
    assert found.dataset.files == (str(tmp_path / "a.csv"),)
    (remark,) = found.remarks
    assert "manifest.json" in remark and "notes.json" in remark and "rejects.jsonl" in remark
    with pytest.raises(InputError, match="not a FOCUS file"):
        opened(tmp_path / "elsewhere", tmp_path / "notes.json")


def test_records_may_lack_keys_and_may_not_have_thousands(tmp_path: Path) -> None:
    import json

    base = {"BilledCost": "1", "ListCost": "1", "ServiceName": "s"}
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({**base, f"x_{i}": i}) + "\n" for i in range(300)))
    found, cells = opened(tmp_path, path, query='SELECT count("x_299"), max("x_299"), count(*) FROM {r}')
    assert cells == [(1, "299", 300)] and len(found.dataset.columns) == 303
    path.write_text("".join(json.dumps({**base, f"x_{i}": i}) + "\n" for i in range(6000)))
    with pytest.raises(InputError, match="too many different keys"):
        opened(tmp_path, path)


def test_objects_of_a_store_are_read_like_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `sources.remote` hands over (tested there against a store) is judged; manifests beside it are not."""
    from focus_ai.sources import remote

    def fetched(url: str, spool: Path, wanted: Any) -> Any:
        spool.mkdir(parents=True, exist_ok=True)
        assert wanted(PurePosixPath("data/a.csv")) and not wanted(PurePosixPath("data/_SUCCESS"))
        (spool / "2").write_text('{"files": []}')
        return [
            ("s3://bucket/focus/data/a.csv", ff.write_csv(spool / "1", ff.rows(2))),
            ("s3://bucket/focus/metadata/manifest.json", spool / "2"),
        ]

    monkeypatch.setattr(remote, "fetch", fetched)
    found, cells = opened(tmp_path, "s3://bucket/focus/")
    assert cells == FIRST_TWO and found.dataset.files == ("s3://bucket/focus/data/a.csv",)
    assert "manifest.json" in found.remarks[0]


def test_different_datasets_are_not_mixed(tmp_path: Path) -> None:
    from focus_ai.focus.columns import load

    ff.write_csv(tmp_path / "a.csv", ff.rows(1))
    (tmp_path / "b.csv").write_text(",".join(c.name for c in load("1.4", "InvoiceDetail").columns) + "\n")
    with pytest.raises(InputError, match="different FOCUS datasets"):
        opened(tmp_path, tmp_path / "a.csv", tmp_path / "b.csv")


def test_the_careful_reader_and_the_quick_one_read_the_same(tmp_path: Path) -> None:
    """One ragged row sends a file to the careful reader; its other rows must be what the quick one reads."""
    tricky = [
        "plain",
        'a "quoted" word',
        "comma, inside",
        "line\nbreak",
        "crlf\r\nbreak",
        " spaces ",
        "ünï",
        "'",
        "null",
        "-",
    ]
    data = [ff.row(1 + i, ChargeDescription=word) for i, word in enumerate(tricky)]
    quick = ff.write_csv(tmp_path / "quick.csv", data)
    careful = tmp_path / "careful.csv"
    careful.write_bytes(quick.read_bytes() + b"ragged,row\n")
    columns = ", ".join(ident(name) for name in ff.names(data))
    query = f"SELECT {columns}, _row FROM {{r}} ORDER BY _row"
    assert opened(tmp_path, quick, query=query)[1] == opened(tmp_path, careful, query=query)[1]
    read = list(csv.DictReader(io.StringIO(quick.read_bytes().decode(), newline="")))
    assert [r["ChargeDescription"] for r in read] == tricky


def test_many_small_files_are_one_scan_with_their_places(tmp_path: Path) -> None:
    """Thirty Parquet files, one of which lacks a column: every cell keeps its file, its row and its exact value."""
    for number in range(30):
        path = ff.write_parquet(tmp_path / f"part-{number:02d}.parquet", ff.rows(2))
        if number == 7:
            pq.write_table(pq.read_table(path).drop_columns(["SkuId"]), path)
    query = 'SELECT _file, _row, "BilledCost", "SkuId" IS NULL FROM {r} ORDER BY _file, _row'
    found, cells = opened(tmp_path, *sorted(tmp_path.glob("*.parquet")), query=query)
    assert "combined.parquet" in found.dataset.relation
    assert [Path(name).name for name in found.dataset.files] == [f"part-{n:02d}.parquet" for n in range(30)]
    assert [(file, row) for file, row, *_ in cells] == [(f, r) for f in range(30) for r in (1, 2)]
    assert {cost for _, _, cost, _ in cells} == {Decimal("0.002"), Decimal("0.002002")}
    assert [file for file, _, _, lacks in cells if lacks] == [7, 7]
    assert found.dataset.typed
