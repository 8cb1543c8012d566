"""One record in two forms of file, or with its ids in two writings, counts once."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from data_builders import EXPORTS, convert, exceptions, rows, total

ACCOUNTS = {"accounts": {name: {"id": "a"} for name in ("openai", "anthropic")}}
RUNS, SPANS = EXPORTS / "langsmith/runs/story/input.jsonl", EXPORTS / "opentelemetry/otlp-genai/nested/input.jsonl"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (RUNS, EXPORTS / "langsmith/runs-page/story/input.jsonl"),
        (SPANS, EXPORTS / "opentelemetry/tempo-trace/nested/input.json"),
        (SPANS, EXPORTS / "opentelemetry/tempo-trace-v2/nested/input.json"),
        (*(EXPORTS / f"opentelemetry/{name}/nested/input.json" for name in ("tempo-trace", "tempo-trace-v2")),),
    ],
)
def test_two_forms_of_one_record_count_once(one: Path, other: Path, out: Path) -> None:
    alone = convert(out, one, settings=ACCOUNTS)
    counts, money = alone["records"], total(rows(out))
    assert money > 0
    for inputs in ((one, other), (other, one), (other,)):
        report = convert(out, *inputs, settings=ACCOUNTS)
        assert (report["records"]["events"], total(rows(out))) == (counts["events"], money)
        assert exceptions(out, "rejects") == [] and report["tokens"] == alone["tokens"]


def test_ids_in_base64_and_in_hexadecimal_are_one(tmp_path: Path, out: Path) -> None:
    """The same spans as another exporter writes them, and the child in one writing with its parent in the other."""

    def written(path: Path, *keys: str) -> Path:
        text = SPANS.read_text()
        for document in map(json.loads, text.splitlines()):
            for span in (s for r in document["resourceSpans"] for p in r["scopeSpans"] for s in p["spans"]):
                for key in keys:
                    value = span.get(key)
                    if value:
                        again: Any = base64.b64encode(bytes.fromhex(value)).decode()
                        text = text.replace(f'"{key}": "{value}"', f'"{key}": "{again}"')
        path.write_text(text)
        return path

    alone = convert(out, SPANS, settings=ACCOUNTS)
    money = total(rows(out))
    both = written(tmp_path / "all.jsonl", "traceId", "spanId", "parentSpanId")
    parents = written(tmp_path / "parents.jsonl", "parentSpanId")
    for inputs in ((SPANS, both), (both,), (parents,), (SPANS, both, parents)):
        report = convert(out, *inputs, settings=ACCOUNTS)
        assert (report["records"]["events"], total(rows(out))) == (alone["records"]["events"], money)
