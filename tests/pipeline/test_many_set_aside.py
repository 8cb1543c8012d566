"""Very many records that are set aside: other services of a cloud bill, a log that nobody can read. Memory is bounded."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from data_builders import EXPORTS, convert, event, exceptions, jsonl, rows, total

from focus_ai.adapters.staged import TEXTS
from focus_ai.usage.contradictions import COMPARED

AWS = EXPORTS / "aws/cur2/refund-csv/input.csv"


def bill(path: Path, others: int, wide: int = 0) -> Path:
    """A cost and usage report: one line of Bedrock (0.03 USD), then lines of EC2 with some columns more."""
    with AWS.open(encoding="utf-8", newline="") as file:
        line = next(csv.DictReader(file)) | {f"pricing_column_of_other_services_{n}": "value" * 5 for n in range(wide)}
    other = line | {
        "line_item_product_code": "AmazonEC2", "product": '{"product_name": "Amazon Elastic Compute Cloud"}',
        "line_item_usage_type": "USE1-BoxUsage:m5.large", "pricing_unit": "Hrs",
    }  # fmt: skip
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, line)
        writer.writeheader()
        writer.writerow(line)
        writer.writerows(other | {"identity_line_item_id": f"other-{n}"} for n in range(others))
    return path


def test_a_bill_of_mostly_other_services_needs_little_memory(out: Path, tmp_path: Path) -> None:
    """The texts of its lines alone are 100 MB."""
    report = convert(out, bill(tmp_path / "cur.csv", 30_000, wide=50), memory_limit="400MB")
    assert report["ignored"] == {"other_service": 30_000}
    assert total(rows(out), "BilledCost") == Decimal("0.03")
    assert [p.name for p in (out / "exceptions").iterdir()] == ["ignored.parquet"]
    listed = pq.read_table(out / "exceptions" / "ignored.parquet").to_pydict()
    assert listed["row"] == list(range(2, 30_002))
    assert set(listed["reason"]) == {"other_service"}
    assert {Path(name).name for name in listed["file"]} == {"cur.csv"}


@pytest.mark.parametrize(("others", "name"), [(TEXTS, "ignored.jsonl"), (TEXTS + 1, "ignored.parquet")])
def test_what_a_few_ignored_lines_say_is_kept(others: int, name: str, out: Path, tmp_path: Path) -> None:
    convert(out, bill(tmp_path / "cur.csv", others))
    assert [p.name for p in (out / "exceptions").iterdir()] == [name]
    # Line 1 counts, so the last one of them is further down than the lines of a table whose texts are made.
    assert [("AmazonEC2" in (r["raw"] or ""), r["row"]) for r in exceptions(out, "ignored")[-2:]] == (
        [(True, TEXTS), (False, TEXTS + 1)] if name == "ignored.jsonl" else []
    )


def requests(pages: Iterable[int]) -> list[dict[str, object]]:
    """Lines of an access log: a call of 1,000 and 10 tokens, then pages that are no calls."""
    story = EXPORTS / "access-log/nginx-json/story/input.jsonl"
    call = json.loads(story.read_text(encoding="utf-8").splitlines()[0])
    page = {key: "" if isinstance(value, str) else None for key, value in call.items()}
    page |= {k: call[k] for k in ("ts", "msec", "status")} | {"method": "GET", "uri": "/index.html"}
    return [call, *({**page, "request_id": f"page-{n}"} for n in pages)]


def test_a_web_log_of_mostly_other_requests(out: Path, tmp_path: Path) -> None:
    many = convert(out, jsonl(tmp_path / "many.jsonl", requests(range(TEXTS + 500))))
    assert many["ignored"] == {"not_an_ai_call": TEXTS + 500}
    listed = pq.read_table(out / "exceptions" / "ignored.parquet").to_pydict()
    assert listed["row"] == list(range(2, TEXTS + 502))
    few = convert(tmp_path / "few", jsonl(tmp_path / "few.jsonl", requests(range(5))))
    assert (many["totals"], many["tokens"]) == (few["totals"], few["tokens"])
    assert ["/index.html" in r["raw"] for r in exceptions(tmp_path / "few", "ignored")] == [True] * 5


@pytest.mark.parametrize("kind", ["ignored", "rejected"])
def test_a_few_thousand_long_texts(kind: str, out: Path, tmp_path: Path) -> None:
    """6,000 records with a text of 30 KB each, 190 MB in all, with the usual memory."""
    text = "a long question " * 2_000
    if kind == "ignored":
        lines = [{**line, "user_agent": text} for line in requests(range(6_000))]
        report = convert(out, jsonl(tmp_path / "x.jsonl", lines))
        assert report["ignored"] == {"not_an_ai_call": 6_000}
        assert pq.read_metadata(out / "exceptions" / "ignored.parquet").num_rows == 6_000
        return
    bad = [event(n, timestamp="noon", note=text) for n in range(6_000)]
    report = convert(out, jsonl(tmp_path / "x.jsonl", [*bad, event("good")]))
    assert (report["records"]["rejected"], report["records"]["events"]) == (6_000, 1)
    found = exceptions(out, "rejects")
    assert [r["row"] for r in found] == list(range(1, 6_001))
    assert {len(r["raw"]) > 30_000 for r in found} == {True}


def test_every_reject_has_its_text_however_many_there_are(out: Path, tmp_path: Path) -> None:
    """A log whose times nobody can read, with broken lines in between, and one good record at its end."""
    bad = [event(n, timestamp=f"noon of day {n}") if n % 1000 != 999 else f"broken {n}" for n in range(TEXTS + 2_500)]
    report = convert(out, jsonl(tmp_path / "x.jsonl", [*bad, event("good")]))
    assert (report["records"]["rejected"], report["records"]["events"]) == (TEXTS + 2_500, 1)
    found = exceptions(out, "rejects")
    assert [r["row"] for r in found] == list(range(1, TEXTS + 2_501))
    for number, reject in enumerate(found):
        assert reject["reason"] == ("impossible_time:timestamp" if number % 1000 != 999 else "broken_json")
        assert (f"noon of day {number}" if number % 1000 != 999 else f"broken {number}") in reject["raw"]


def test_texts_that_are_fetched_are_as_careful_with_people(out: Path, tmp_path: Path) -> None:
    bad = [event(n, timestamp="noon", user="someone@example.com") for n in range(TEXTS + 1)]
    convert(out, jsonl(tmp_path / "x.jsonl", bad))
    assert "@example.com" not in (out / "exceptions" / "rejects.jsonl").read_text(encoding="utf-8")


def test_a_whole_delivery_restated_without_a_version(out: Path, tmp_path: Path) -> None:
    """Every call came twice, with other counts. The first identities are compared field by field, all are listed."""
    number = COMPARED + 3
    files = [
        jsonl(tmp_path / f"{name}.jsonl", [event(n, output_tokens=tokens) for n in range(number)])
        for name, tokens in (("first", 10), ("second", 11))
    ]
    assert convert(out, *files)["rejected"] == {"conflicting_duplicate": 2 * number}
    found = exceptions(out, "rejects")
    assert len(found) == 2 * number
    assert [Path(r["file"]).stem for r in found] == ["first"] * number + ["second"] * number
    differ = [r for r in found if r["note"] == "records of this identity differ in output_text_tokens"]
    assert {json.loads(r["raw"])["output_text_tokens"] for r in differ} == {"10", "11"}
    assert len(differ) == 2 * COMPARED
    others = [r for r in found if r not in differ]
    assert {tuple(json.loads(r["raw"])) for r in others} == {("record_id",)}
    assert {r["note"].split(";")[0] for r in others} == {"one of more than 5,000 identities whose records differ"}
