"""Documents with many records: laid apart they hold the same records, and on one line they are documents still."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from data_builders import EXPORTS, convert, staged
from hypothesis import given
from hypothesis import strategies as st

from focus_ai import words
from focus_ai.adapters import recognise, shipped
from focus_ai.errors import InputError
from focus_ai.sources import discover, documents, sniff
from focus_ai.sources.pieces import pieces
from focus_ai.sources.sniff import sniff as format_of

LEVELS = [("page", "data"), ("results",)]
_ANY = st.one_of(st.none(), st.integers(), st.text(max_size=3), st.lists(st.integers(), max_size=2))
_BUCKET = st.fixed_dictionaries({"start": st.integers()}, optional={"results": st.one_of(_ANY, st.lists(_ANY))})
_PAGE = st.fixed_dictionaries(
    {"object": st.just("page"), "page": st.fixed_dictionaries({"data": st.one_of(_ANY, st.lists(_BUCKET))})}
)


def records(document: Any) -> list[tuple[Any, Any, Any]]:
    """The records of a document with what stands beside them at each level."""
    data = document["page"]["data"]
    found = []
    for bucket in data if isinstance(data, list) else []:
        results = bucket.get("results") if isinstance(bucket, dict) else None
        around = {k: v for k, v in bucket.items() if k != "results"} if isinstance(bucket, dict) else bucket
        found += [(document["object"], around, result) for result in (results if isinstance(results, list) else [])]
    return found


@given(_PAGE, st.integers(0, 60))
def test_the_pieces_hold_the_same_records(page: Any, most: int) -> None:
    found = list(pieces(page, LEVELS, lambda value: len(json.dumps(value)), most))
    assert [record for piece in found for record in records(piece)] == records(page)
    assert [{**piece, "page": None} for piece in found] == [{**page, "page": None}] * len(found)


def test_pieces_are_small_where_the_records_are() -> None:
    page = {"page": {"data": [{"results": list(range(100))}, {"results": []}, {"results": [1, 2]}], "total": 102}}
    found = list(pieces(page, LEVELS, lambda value: len(json.dumps(value)), 40))
    assert max(len(json.dumps(piece)) for piece in found) < 160
    assert {piece["page"]["total"] for piece in found} == {102}
    assert list(pieces({"page": {"data": []}}, LEVELS, len, 0)) == [{"page": {"data": []}}]


CASES = sorted(p for p in EXPORTS.rglob("input.json") if b"\n" in p.read_bytes().strip())


@pytest.mark.parametrize("path", CASES, ids=lambda p: "/".join(p.parts[-4:-1]))
def test_an_export_laid_apart_is_the_same_export(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        mapping = recognise(discover([str(path)], tmp_path)[0], shipped())
    except InputError:
        pytest.skip("this case is one that no adapter recognises")
    if not mapping.depth or mapping.code:
        pytest.skip("its records do not lie in an array of a document")
    whole, found = staged(path, tmp_path / "whole", mapping)
    monkeypatch.setattr(documents, "LARGE", 100)
    apart, again = staged(path, tmp_path / "apart", mapping)
    assert again == found
    assert (apart.read, apart.rows, apart.ignored) == (whole.read, whole.rows, whole.ignored)
    assert [(r.reason, r.raw) for r in apart.rejects] == [(r.reason, r.raw) for r in whole.rejects]


def _page(buckets: int) -> str:
    """Usage of gpt-5, 1,000 input tokens in each of so many minutes; each result has a long name of a project."""
    results = [
        {
            "object": "bucket", "start_time": 1793491200 + 60 * n, "end_time": 1793491260 + 60 * n,
            "results": [{"object": "organization.usage.completions.result", "input_tokens": 1000, "output_tokens": 0,
                         "input_cached_tokens": 0, "num_model_requests": 1, "model": "gpt-5", "batch": False,
                         "project_id": "proj_" + "x" * 4000}],
        }
        for n in range(buckets)
    ]  # fmt: skip
    return json.dumps({"object": "page", "has_more": False, "next_page": None, "data": results})


@pytest.mark.parametrize("packed", [False, True])
def test_a_large_document_on_one_line(packed: bool, tmp_path: Path) -> None:
    """4,200 buckets of 4 KB: 4.2 million input tokens of gpt-5 at 1.25 USD."""
    path = tmp_path / "usage.json"
    body = _page(4_200).encode()
    assert len(body) > sniff.LONGEST_LINE and b"\n" not in body
    path.write_bytes(gzip.compress(body, 1) if packed else body)
    report = convert(tmp_path / "out", path)
    assert (report["records"]["read"], report["records"]["rejected"]) == (4_200, 0)
    assert report["totals"][0]["list_cost"] == "5.25"


def test_what_one_long_line_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sniff, "HEAD", 50)
    monkeypatch.setattr(sniff, "LONGEST_LINE", 200)
    path = tmp_path / "x"

    def kind(body: str) -> str:
        path.write_text(body, encoding="utf-8")
        return format_of(path).kind

    record, page = json.dumps({"a": "x" * 100}), json.dumps({"data": ["x" * 60] * 5})
    assert len(record) < 200 < len(page)
    assert [kind(record), kind(f"{record}\n{record}\n"), kind(f"{page}\n{record}\n")] == ["jsonl"] * 3
    assert [kind(page), kind(f"{page}\n"), kind(f"{page}\n \n")] == ["json"] * 3


def test_a_document_that_stays_too_large_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of two pages has a record that is larger than any may be; the other one counts."""
    monkeypatch.setattr(documents, "LARGE", 1_000)
    monkeypatch.setattr(documents, "LONGEST_DOCUMENT", 20_000)
    good, long = json.loads(_page(3)), json.loads(_page(3))
    long["data"][1]["results"][0]["project_id"] = "y" * 30_000
    path = tmp_path / "usage.json"
    path.write_text(json.dumps(good, indent=1) + "\n" + json.dumps(long, indent=1), encoding="utf-8")
    report = convert(tmp_path / "out", path)
    assert report["rejected"] == {documents.TOO_LARGE: 1}
    assert words.meaning("rejected", documents.TOO_LARGE) is not None
    assert report["tokens"]["input"] == 3_000
