"""Rows of another input laid beside each record: spans, formats, broken lines, and nothing taken as free."""

from __future__ import annotations

import csv
import gzip
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from data_builders import convert, jsonl, rows

SKU = "PREMIUM_ORBIT"


def usage(number: int, quantity: str, end: str = "2026-11-03T10:00:00.000+00:00", **more: Any) -> dict[str, Any]:
    return {
        "record_id": f"u{number}", "account_id": "a-1", "workspace_id": "w-1", "sku_name": SKU, "cloud": "AWS",
        "usage_start_time": "2026-11-03T09:00:00.000+00:00", "usage_end_time": end, "usage_unit": "DBU",
        "usage_quantity": quantity, "record_type": "ORIGINAL", "usage_metadata": {"endpoint_name": "e"},
        "billing_origin_product": "MODEL_SERVING", **more,
    }  # fmt: skip


def price(
    amount: str, start: str = "2026-01-01T00:00:00.000+00:00", end: str | None = None, **more: Any
) -> dict[str, Any]:
    return {
        "price_start_time": start, "price_end_time": end, "sku_name": SKU, "cloud": "AWS", "currency_code": "USD",
        "usage_unit": "DBU", "pricing": {"effective_list": {"default": amount}}, **more,
    }  # fmt: skip


def total(out: Path) -> Decimal:
    return sum((row["BilledCost"] for row in rows(out)), Decimal(0))


def test_the_price_of_the_end_of_the_usage_counts(tmp_path: Path) -> None:
    old = price("0.06", end="2026-11-03T10:00:00.000+00:00")
    new = price("0.10", start="2026-11-03T10:00:00.000+00:00")
    early = usage(1, "10", end="2026-11-03T09:59:59.000+00:00")
    used, prices = jsonl(tmp_path / "u.jsonl", [early, usage(2, "10")]), jsonl(tmp_path / "p.jsonl", [new, old])
    convert(tmp_path / "out", used, prices)
    assert total(tmp_path / "out") == Decimal("1.6")


def test_a_row_without_a_price_is_set_aside_and_the_others_count(tmp_path: Path) -> None:
    used = jsonl(tmp_path / "u.jsonl", [usage(1, "10"), usage(2, "10", sku_name="OTHER"), usage(3, "10", cloud="GCP")])
    report = convert(tmp_path / "out", used, jsonl(tmp_path / "p.jsonl", [price("0.07")]))
    assert total(tmp_path / "out") == Decimal("0.7")
    assert report["records"]["rejected"] == 2
    told = (tmp_path / "out" / "exceptions" / "rejects.jsonl").read_text().splitlines()
    assert [json.loads(line)["reason"] for line in told] == ["no_list_price"] * 2
    assert [json.loads(line)["row"] for line in told] == [2, 3]


def test_a_price_in_the_record_itself_stays(tmp_path: Path) -> None:
    used = jsonl(tmp_path / "u.jsonl", [usage(1, "10", list_price="0.05", currency_code="USD")])
    convert(tmp_path / "out", used, jsonl(tmp_path / "p.jsonl", [price("0.07")]))
    assert total(tmp_path / "out") == Decimal("0.5")


def test_a_broken_line_keeps_its_number(tmp_path: Path) -> None:
    used = jsonl(tmp_path / "u.jsonl", [usage(1, "10"), '{"record_id": "u2", ', usage(3, "20")])
    report = convert(tmp_path / "out", used, jsonl(tmp_path / "p.jsonl", [price("0.07")]))
    assert total(tmp_path / "out") == Decimal("2.1")
    assert report["records"]["rejected"] == 1
    told = json.loads((tmp_path / "out" / "exceptions" / "rejects.jsonl").read_text())
    assert (told["row"], told["reason"]) == (2, "broken_json")


def _csv(found: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(found[0]))
    writer.writeheader()
    writer.writerows({k: json.dumps(v) if isinstance(v, dict) else v for k, v in row.items()} for row in found)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "parquet"])
def test_every_format_gives_the_same(kind: str, tmp_path: Path) -> None:
    found = {"u": [usage(1, "10"), usage(2, "-4")], "p": [price("0.07")]}
    for name, content in found.items():
        path = tmp_path / f"{name}.{kind}"
        if kind == "jsonl":
            jsonl(path, content)
        elif kind == "json":
            path.write_text(json.dumps(content))
        elif kind == "csv":
            path.write_text(_csv(content))
        else:
            import pyarrow as pa
            import pyarrow.parquet as pq

            pq.write_table(pa.Table.from_pylist(content), path)
    convert(tmp_path / "out", tmp_path / f"u.{kind}", tmp_path / f"p.{kind}")
    assert total(tmp_path / "out") == Decimal("0.42")


def test_a_row_with_too_few_cells_is_still_refused(tmp_path: Path) -> None:
    text = _csv([usage(1, "10"), usage(2, "10")])
    (tmp_path / "u.csv").write_text(text + "u3,a-1\n")
    report = convert(tmp_path / "out", tmp_path / "u.csv", jsonl(tmp_path / "p.jsonl", [price("0.07")]))
    assert report["records"]["rejected"] == 1
    assert total(tmp_path / "out") == Decimal("1.4")


def test_a_damaged_table_is_laid_beside_as_far_as_it_goes(tmp_path: Path) -> None:
    """A quote that does not close, a letter of no encoding, and garbage behind the packed rows: 10 + 10 DBU count."""
    lines = _csv([usage(n, "10") for n in range(1, 5)]).encode().split(b"\n")
    lines[2] = lines[2].replace(b"u2", b'"u2')
    lines[3] = lines[3].replace(b"u3", b"u3\xff\xc3\xa9\xc3\xa9 \xc3\xa9")
    (tmp_path / "u.csv.gz").write_bytes(gzip.compress(b"\n".join(lines)) + b"garbage")
    report = convert(tmp_path / "out", tmp_path / "u.csv.gz", jsonl(tmp_path / "p.jsonl", [price("0.07")]))
    told = (tmp_path / "out" / "exceptions" / "rejects.jsonl").read_text().splitlines()
    assert [(r["row"], r["reason"]) for r in map(json.loads, told)] == [
        (None, "damaged_compression"), (2, "csv:unquoted_value"), (3, "csv:invalid_encoding"),
    ]  # fmt: skip
    assert report["records"]["rejected"] == 2
    assert total(tmp_path / "out") == Decimal("1.4")


@pytest.mark.parametrize("damaged", ["u", "p"])
def test_a_damaged_part_of_a_parquet_table_costs_that_part(damaged: str, tmp_path: Path) -> None:
    """Two parts of one row each. Without the second usage 10 DBU count; without the second price, of another key, all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = {"u": [usage(1, "10"), usage(2, "5")], "p": [price("0.07"), price("9", sku_name="OTHER")]}
    for name, content in tables.items():
        pq.write_table(pa.Table.from_pylist(content), tmp_path / f"{name}.parquet", row_group_size=1)
    path = tmp_path / f"{damaged}.parquet"
    place = pq.read_metadata(path).row_group(1).column(0).dictionary_page_offset
    data = bytearray(path.read_bytes())
    data[place : place + 20] = b"\xff" * 20
    path.write_bytes(data)
    report = convert(tmp_path / "out", tmp_path / "u.parquet", tmp_path / "p.parquet")
    told = (tmp_path / "out" / "exceptions" / "rejects.jsonl").read_text().splitlines()
    assert [(r["row"], r["reason"]) for r in map(json.loads, told)] == [(2, "damaged_parquet")]
    assert report["records"]["rejected"] == 1
    assert total(tmp_path / "out") == Decimal("0.7" if damaged == "u" else "1.05")
