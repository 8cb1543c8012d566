"""The mapping language reads a record the same way from JSON (exact and quick) and from columns.

One mapping with every form of expression; random records; three ways to read them.
"""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from data_builders import staged
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from focus_ai.adapters.mapping import Mapping, load
from focus_ai.errors import UsageError

EVERYTHING = r"""
id: everything
title: every form of the language
checked: 2026-11-22
kind: usage
system: test
reads: [jsonl, json, csv, parquet]
recognise: {keys: [id]}
let:
  meta: {parse: meta}
  inner: $meta.inner
  list: {parse: list}
fields:
  record_id: {concat: [id, n], sep: "-"}
  event_time: {time: {first: [at, other_at]}, unit: iso, zone: Europe/Berlin}
  end_time: {time: at, unit: iso, zone: Europe/Berlin, plus: {hours: 2}}
  bucket_end: {time: epoch, unit: ms}
  provider: {lookup: vendor, in: {OpenAI: openai, Azure: azure_openai}, lower: true, else: {lower: vendor}}
  provider_raw: vendor
  model_served: $meta.model
  model_requested: {first: [$inner.model, $meta.model, {const: unnamed}]}
  model_alias: {extract: vendor, pattern: "^([A-Za-z]+)"}
  region: {split: path, sep: "/", item: -1}
  endpoint_path: {split: path, sep: "/", item: 0}
  attempt_index: {count: path, sep: "/"}
  is_batch: flag
  is_streaming: {all: [{present: vendor}, {not: {absent: $meta.model}}]}
  http_status: {int: status}
  outcome: {if: {gt: [status, 399]}, then: {const: error}, else: {if: {in: [status, [200, 201]]}, then: {const: success}}}
  error_code: {if: {matches: [vendor, "^[A-Z]"]}, then: {upper: vendor}}
  duration_ms: {sum: [n, {sub: [big, n]}]}
  reported_cost: {decimal: cost, times: "0.01"}
  reported_cost_currency: {const: USD}
  owner_team: {tag: $list, key: team}
  owner_product: {header: meta, name: X-Product}
  owner_feature: {entry: $meta.entries, key: feature}
  owner_project: $meta.arr[1].name
  tags: {object: {a: vendor, b: $inner.model}}
tokens:
  convention: inclusive
  input: {pick: $meta.parts, where: {modality: TEXT}, take: count}
  output: n
identity: [id, n]
"""

words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=8)
numbers = st.one_of(st.integers(0, 10**6), st.integers(0, 10**6).map(str), st.none())


@st.composite
def metas(draw: st.DrawFn) -> dict[str, Any] | None:
    if draw(st.booleans()):
        return None
    return {
        "model": draw(st.one_of(st.none(), words)),
        "inner": draw(st.one_of(st.none(), st.fixed_dictionaries({"model": words}))),
        "X-product": draw(st.one_of(st.none(), words, st.just("-"))),
        "entries": draw(st.lists(st.fixed_dictionaries({"key": st.sampled_from(["feature", "x"]), "value": words}))),
        "arr": draw(st.lists(st.fixed_dictionaries({"name": words}), max_size=3)),
        "parts": draw(
            st.lists(
                st.fixed_dictionaries({"modality": st.sampled_from(["TEXT", "AUDIO"]), "count": st.integers(0, 99999)}),
                max_size=3,
            )
        ),
    }


records_ = st.fixed_dictionaries(
    {
        "id": st.one_of(words, st.integers(0, 99)),
        "n": numbers,
        "big": st.integers(10**6, 10**9),
        "at": st.sampled_from(
            [
                "2026-10-07T10:00:00Z",
                "2026-10-07 10:00:00",
                "2026-10-25T02:30:00.5",
                "2026-10-07T10:00:00+09:00",
                "",
                "x",
            ]
        ),
        "other_at": st.sampled_from(["2026-11-01T00:00:00Z", None]),
        "epoch": st.sampled_from([1791367200000, "1791367200123", None, -5]),
        "vendor": st.sampled_from(["OpenAI", "azure", "x'y\"z", "", None, "Fremd; --"]),
        "path": st.sampled_from(["a/b/c", "a", "", None, " a / b "]),
        "flag": st.sampled_from([True, False, "yes", "0", None, "maybe"]),
        "status": st.sampled_from([200, 404, "201", None, 12.5, "x"]),
        "cost": st.sampled_from(["0.5", 12, None, "1e-3", "abc", "0.12345678901234567", ""]),
        "list": st.lists(st.sampled_from(["team:a", "team=b", "team: c ", "xteam:d", "e"]), max_size=3),
        "meta": metas(),
    }
)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Mapping:
    path = tmp_path_factory.mktemp("mapping") / "everything.yaml"
    path.write_text(EVERYTHING)
    return load(path)


def as_csv(rows: list[dict[str, Any]]) -> str:
    """The same records as columns; objects and lists are JSON texts, null is an empty cell."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    for row in rows:
        writer.writerow({k: json.dumps(v) if isinstance(v, (dict, list, bool)) else v for k, v in row.items()})
    return text.getvalue()


def read(path: Path, work: Path, mapping: Mapping) -> tuple[list[dict[str, Any]], list[tuple[int | None, str]]]:
    result, found = staged(path, work, mapping)
    hidden = ("source_file", "source_row")
    return [{k: v for k, v in r.items() if k not in hidden} for r in found], [(r.row, r.reason) for r in result.rejects]


@settings(max_examples=25, phases=[Phase.explicit, Phase.generate])
@given(rows=st.lists(records_, min_size=1, max_size=8))
def test_all_ways_to_read_give_the_same_records(rows: list[dict[str, Any]], everything: Mapping) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        work = Path(folder)
        (work / "x.jsonl").write_text(lines)
        (work / "x.csv").write_text(as_csv(rows), encoding="utf-8", newline="")
        exact = read(work / "x.jsonl", work / "1", everything)
        columns = read(work / "x.csv", work / "2", everything)
        patch.setattr("focus_ai.adapters.quick.SMALL", 0)
        quick = read(work / "x.jsonl", work / "3", everything)
        # a sample of the first record or two tells what the others are expected to lack
        for name, value in (("LARGE", 0), ("PIECES", 1), ("PIECE", 400)):
            patch.setattr(f"focus_ai.adapters.quick.{name}", value)
        sampled = read(work / "x.jsonl", work / "4", everything)
    assert quick == exact
    assert sampled == exact
    assert columns == exact


def test_what_the_forms_give(everything: Mapping, tmp_path: Path) -> None:
    """The forms once by hand. 02:30 on 25 October 2026 happens twice in Berlin; the engine takes the second, UTC+1."""
    row = {
        "id": "r", "n": 7, "big": 1000, "at": "2026-10-07 10:00:00", "other_at": None, "epoch": 1791367200123,
        "vendor": "Azure", "path": "v1/eu/west", "flag": "yes", "status": 404, "cost": "12.5",
        "list": ["env:prod", "team: orbit "],
        "meta": {"model": "m", "inner": {"model": "i"}, "x-PRODUCT": "desk", "entries": [{"key": "feature", "value": "f"}],
                 "arr": [{"name": "zero"}, {"name": "one"}], "parts": [{"modality": "TEXT", "count": 5}]},
    }  # fmt: skip
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(row) + "\n")
    (record,), rejects = read(path, tmp_path / "w", everything)
    assert rejects == []
    want = {
        "record_id": "r-7", "event_time": "2026-10-07T08:00:00Z", "end_time": "2026-10-07T10:00:00Z",
        "bucket_end": "2026-10-07T10:00:00.123Z", "provider": "azure_openai", "provider_raw": "Azure",
        "model_served": "m", "model_requested": "i", "model_alias": "Azure", "region": "west", "endpoint_path": "v1",
        "attempt_index": 3, "is_batch": True, "is_streaming": True, "http_status": 404, "outcome": "error",
        "error_code": "AZURE", "duration_ms": 1000, "reported_cost": "0.125", "owner_team": "orbit",
        "owner_product": "desk", "owner_feature": "f", "owner_project": "one", "input_uncached_tokens": 5,
        "output_text_tokens": 7,
    }  # fmt: skip
    assert {name: record.get(name) for name in want} == want
    assert json.loads(record["tags"]) == {"a": "Azure", "b": "i"}


@pytest.mark.parametrize(
    "expression",
    ['""', "a..b", "a[x]", "'a[0'", "^^a", "$nothing.x", "{unknown: a}", "{const: a, extra: 1}", "5", "[a]",
     "{extract: a, pattern: '('}", "{time: a, unit: fortnights}", "{time: a, zone: \"x'; DROP\"}",
     "{lookup: a, table: ../../etc/passwd}", "{get: [$nothing, x]}"],
)  # fmt: skip
def test_what_is_no_expression_is_told(expression: str, tmp_path: Path) -> None:
    from focus_ai.adapters.compiler import compile_mapping

    path = tmp_path / "m.yaml"
    head = "id: m\ntitle: m\nchecked: 2026-11-22\nkind: usage\nsystem: t\nreads: [jsonl]\nrecognise: {keys: [a]}\n"
    path.write_text(f"{head}fields:\n  record_id: id\n  event_time: {{time: at, unit: s}}\n  region: {expression}\n")
    with pytest.raises(UsageError):
        compile_mapping(load(path), "json")
