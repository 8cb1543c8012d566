"""A gateway's log that knows no cache and a trace of the same calls: Anthropic's input leaves the cache out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from data_builders import convert, exceptions, jsonl, rows, total

START = 1791364800250
ACCOUNTS = {"accounts": {name: {"id": "a"} for name in ("openai", "anthropic")}}
CLAUDE, GPT = ("anthropic", "claude-sonnet-4-5"), ("openai", "gpt-5")


def kong(path: Path, *calls: tuple[int, ...], sold: tuple[str, str] = CLAUDE) -> Path:
    """Calls as (milliseconds after the start, prompt tokens, completion tokens and, where known, cached tokens)."""
    return jsonl(
        path,
        [
            {
                "started_at": START + after, "request": {"id": f"k-{n}", "method": "POST", "uri": "/ai"},
                "response": {"status": 200}, "latencies": {"request": 2550}, "service": {"id": "s"}, "workspace": "w",
                "ai": {"proxy": {
                    "meta": {"provider_name": sold[0], "request_model": sold[1], "response_model": sold[1]},
                    "usage": {
                        "prompt_tokens": given, "completion_tokens": taken, "total_tokens": given + taken,
                        **({"prompt_tokens_details": {"cached_tokens": read[0]}} if read else {}),
                    },
                }},
            }
            for n, (after, given, taken, *read) in enumerate(calls)
        ],
    )  # fmt: skip


def trace(path: Path, *calls: tuple[int, ...], sold: tuple[str, str] = CLAUDE) -> Path:
    """Spans as (milliseconds after the start, input in all, of it read from the cache, output and, where there are any,
    tokens written to the cache)."""

    def said(**counts: int) -> list[dict[str, Any]]:
        names = {
            "operation.name": "chat",
            "provider.name": sold[0],
            "request.model": sold[1],
            "response.model": sold[1],
        }
        texts = [{"key": f"gen_ai.{k}", "value": {"stringValue": v}} for k, v in names.items()]
        return texts + [
            {"key": f"gen_ai.usage.{k.replace('__', '.')}", "value": {"intValue": v}} for k, v in counts.items()
        ]

    spans = [
        {
            "traceId": f"{n + 1:032x}", "spanId": f"{n + 1:016x}", "kind": 3, "name": "chat",
            "startTimeUnixNano": str((START + after) * 10**6), "endTimeUnixNano": str((START + after + 2000) * 10**6),
            "attributes": said(
                input_tokens=whole, cache_read__input_tokens=read, output_tokens=taken,
                **({"cache_creation__input_tokens": written[0]} if written else {}),
            ),
        }
        for n, (after, whole, read, taken, *written) in enumerate(calls)
    ]  # fmt: skip
    path.write_text(json.dumps({"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": spans}]}]}))
    return path


@pytest.mark.parametrize(
    ("logged", "traced", "sold", "tokens"),
    [
        # one call: 100 fresh tokens, 5,000 from the cache, 300 out
        ([(50, 100, 300)], [(0, 5100, 5000, 300)], CLAUDE, 5400),
        # two equal calls stay two, and a third that only the gateway saw is one more
        ([(50, 100, 300), (70, 100, 300), (90, 100, 300)], [(0, 5100, 5000, 300), (20, 5100, 5000, 300)], CLAUDE, 11200),
        # the gateway counts what was read from the cache, and not the 2,000 tokens that were written to it
        ([(50, 100, 300, 5000)], [(0, 7100, 5000, 300, 2000)], CLAUDE, 7400),
        # other tokens from the cache: another call
        ([(50, 100, 300, 4000)], [(0, 7100, 5000, 300, 2000)], CLAUDE, 11800),
        # another answer, another time: other calls
        ([(50, 100, 301)], [(0, 5100, 5000, 300)], CLAUDE, 5801),
        ([(9000, 100, 300)], [(0, 5100, 5000, 300)], CLAUDE, 5800),
        # OpenAI's input holds the cache, so 100 tokens are another call, and 5,100 are the same
        ([(50, 100, 300)], [(0, 5100, 5000, 300)], GPT, 5800),
        ([(50, 5100, 300)], [(0, 5100, 5000, 300)], GPT, 5400),
    ],
)  # fmt: skip
def test_a_call_counts_once_with_its_cache(
    logged: list[Any], traced: list[Any], sold: tuple[str, str], tokens: int, tmp_path: Path, out: Path
) -> None:
    inputs = [kong(tmp_path / "kong.jsonl", *logged, sold=sold), trace(tmp_path / "trace.json", *traced, sold=sold)]
    for given in (inputs, inputs[::-1]):
        convert(out, *given, settings=ACCOUNTS)
        assert total(rows(out), "ConsumedQuantity") == tokens
        assert {line["reason"] for line in exceptions(out, "duplicates")} <= {"looks_like_same_call"}
