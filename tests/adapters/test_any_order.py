"""What does not matter does not matter: the order of records, how they are cut into files, copies of them, unknown fields.

And what is missing stays missing: taking a field away never turns an amount or a count into zero.
"""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from data_builders import EXPORTS, convert, jsonl, rows, stage_module, staged, total
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from focus_ai.adapters import Mapping, shipped
from focus_ai.adapters.record import fields
from focus_ai.engine import Session
from focus_ai.sources import discover
from focus_ai.usage import create_view, deduplicate

# Exports whose records stand for themselves, with the version column of each where it has one.
CASES = {
    "agentgateway-request-logs": "agentgateway/request-logs/story",
    "apisix-access-log": "apisix/access-log/story",
    "bifrost-logs": "bifrost/logs/story",
    "claude-code-transcripts": "claude-code/transcripts/one-answer-several-lines",
    "envoy-ai-gateway-access-log": "access-log/envoy-ai-gateway/story",
    "generic-event": "generic/generic-event/story",
    "helicone-request-response-rmt": "helicone/request-response-rmt/two-versions",
    "kong-log": "kong/log/story",
    "langfuse-observations": "langfuse/observations/story",
    "langsmith-runs": "langsmith/runs/story",
    "litellm-slp": "litellm/slp/story",
    "litellm-spend-logs": "litellm/spend-logs/story",
    "portkey-logs": "portkey/logs/story",
    "weave-calls": "weave/calls/story",
}
# Fields that no mapping names are tags in a table of the user's own, and tell no two records apart.
LINEAGE = {"source_file", "source_row", "record_version", "flags", "raw_usage", "other_columns"}
COUNTED = tuple(n for n, f in fields().items() if f.group in ("meters", "reported", "reported cost", "gateway cache"))
SLOW = settings(
    max_examples=3, deadline=None, database=None, phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


def records_of(case: str) -> list[dict[str, Any]]:
    (path,) = (p for p in (EXPORTS / case).iterdir() if p.name.startswith("input."))
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def counted(files: list[list[dict[str, Any]]], mapping: Mapping, work: Path) -> list[str]:
    """The events that count once all files are read, without what names file and row, in a fixed order."""
    stage = stage_module().stage
    found = []
    with Session(work / "engine") as session:
        for number, lines in enumerate(files):
            path = jsonl(work / f"part{number}.jsonl", lines)
            source = discover([str(path)], work)[0]
            found.append(stage(session, source, mapping, work / f"staged{number}.parquet"))
        present = create_view(session, found)
        deduplicate(session, present, leaf_spans=(mapping.id,) if mapping.leaf_spans else ())
        wanted = [name for name in fields() if name in present and name not in LINEAGE]
        listed = session.arrow(f"SELECT {', '.join(wanted)} FROM events").to_pylist()
    return sorted(map(repr, listed))


@st.composite
def spread(draw: st.DrawFn, records: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The records in any order, some twice, over one to three files, with unknown fields here and there."""
    copies = [*records, *draw(st.lists(st.sampled_from(records), max_size=4))]
    order = draw(st.permutations(copies))
    extra = draw(st.sampled_from([{}, {"zz_new": 1}, {"zz_new": {"deep": ["x", None]}, "zz_other": "text"}]))
    files: list[list[dict[str, Any]]] = [[] for _ in range(draw(st.integers(1, 3)))]
    for record in order:
        files[draw(st.integers(0, len(files) - 1))].append({**record, **extra})
    return [lines for lines in files if lines]


@pytest.mark.parametrize("name", CASES)
def test_order_copies_and_unknown_fields_change_nothing(name: str, tmp_path: Path) -> None:
    mapping, records = shipped()[name], records_of(CASES[name])
    numbers = itertools.count()

    def work() -> Path:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        return folder

    expected = counted([records], mapping, work())
    assert expected

    @SLOW
    @given(spread(records))
    def holds(files: list[list[dict[str, Any]]]) -> None:
        assert counted(files, mapping, work()) == expected

    holds()


def without_one_field(value: Any) -> Iterator[Any]:
    """Every copy of a JSON value that lacks one member of one of its objects."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield {k: v for k, v in value.items() if k != key}
            for less in without_one_field(inner):
                yield {**value, key: less}
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            for less in without_one_field(inner):
                yield [*value[:index], less, *value[index + 1 :]]
    elif isinstance(value, str) and value.startswith("{"):
        for less in without_one_field(json.loads(value)):
            yield json.dumps(less)


@pytest.mark.parametrize("name", CASES)
def test_a_missing_field_never_becomes_zero(name: str, tmp_path: Path) -> None:
    mapping, records = shipped()[name], records_of(CASES[name])
    lines = [(number, less) for number, record in enumerate(records, 1) for less in without_one_field(record)]
    _, full = staged(jsonl(tmp_path / "full.jsonl", records), tmp_path / "full", mapping)
    before = {r["source_row"]: r for r in full}
    path = jsonl(tmp_path / "less.jsonl", [less for _, less in lines])
    _, found = staged(path, tmp_path / "less", mapping)
    assert len(found) > len(full)
    invented = []
    for record in found:
        number, _ = lines[record["source_row"] - 1]
        was = before.get(number)
        if was is None or record.get("served_from") == "gateway_cache":
            continue
        zeros = [n for n in COUNTED if record.get(n) in (0, "0") and was.get(n) not in (0, "0")]
        invented += [(number, record["source_row"], n, was.get(n)) for n in zeros]
    assert invented == []


def test_a_run_over_parts_writes_the_same_rows(tmp_path: Path) -> None:
    records = [r for r in records_of(CASES["langfuse-observations"]) if r["id"] != "ob-08"]
    owners = records_of("langfuse/traces/owners")
    convert(tmp_path / "one", jsonl(tmp_path / "o.jsonl", records), jsonl(tmp_path / "t.jsonl", owners))
    later = copy.deepcopy(records[::-1])
    parts = [jsonl(tmp_path / "a.jsonl", later[:3]), jsonl(tmp_path / "b.jsonl", [*later[2:], later[0]])]
    convert(tmp_path / "many", *parts, jsonl(tmp_path / "t2.jsonl", owners * 2))
    first, second = rows(tmp_path / "one"), rows(tmp_path / "many")
    plain = [
        sorted(repr({k: v for k, v in r.items() if "Source" not in k}) for r in found) for found in (first, second)
    ]
    assert plain[0] == plain[1]
    assert total(first) == total(second) > 0
