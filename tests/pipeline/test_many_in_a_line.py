"""Traces of a collector: lines of JSON that hold many spans each need memory by the line, not by the file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from data_builders import EXPORTS, convert, jsonl

STORY = EXPORTS / "opentelemetry/otlp-genai/story/input.jsonl"


def batches(lines: int, spans: int) -> Iterator[str]:
    """Lines of one resource with so many calls to a model; each has an attribute of no interest of 300 characters."""
    document = json.loads(STORY.read_text(encoding="utf-8").splitlines()[0])
    (resource, *_) = document["resourceSpans"]
    (scope, *_) = resource["scopeSpans"]
    call = next(s for s in scope["spans"] if s["name"].startswith("chat"))
    call = call | {
        "parentSpanId": "",
        "attributes": [*call["attributes"], {"key": "note", "value": {"stringValue": "x" * 300}}],
    }
    for line in range(lines):
        made = [
            call | {"spanId": f"{line * spans + n + 1:016x}", "traceId": f"{line * spans + n + 1:032x}"}
            for n in range(spans)
        ]
        yield json.dumps({"resourceSpans": [resource | {"scopeSpans": [scope | {"spans": made}]}]})


def test_forty_megabytes_in_lines_of_a_hundred_spans(out: Path, tmp_path: Path) -> None:
    """The engine takes 32 MB of lines at a time, laid apart level by level."""
    one = convert(tmp_path / "one", jsonl(tmp_path / "one.jsonl", batches(1, 100)))
    path = jsonl(tmp_path / "many.jsonl", batches(330, 100))
    assert path.stat().st_size > 40_000_000
    many = convert(out, path)
    assert many["records"]["events"] == 330 * one["records"]["events"] == 33_000
    assert many["tokens"]["input"] == 330 * one["tokens"]["input"] > 0
