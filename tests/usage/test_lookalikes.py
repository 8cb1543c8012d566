"""Calls without an id in common: a log that only says when it was written, and systems that see more calls than others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from data_builders import convert, exceptions, jsonl, rows, total
from hypothesis import given, settings
from hypothesis import strategies as st

ACCOUNTS = {"accounts": {"openai": {"id": "a"}}}


def at(seconds: float) -> str:
    """So many seconds after noon of 7 October."""
    return f"2026-10-07T12:{int(seconds) // 60:02d}:{seconds % 60:06.3f}Z"


def litellm(path: Path, *calls: tuple[float, float]) -> Path:
    """Calls of 1000 tokens in and 10 out as (begun, ended)."""
    return jsonl(path, [
        {
            "request_id": f"chatcmpl-{n}", "call_type": "acompletion", "startTime": at(begun), "endTime": at(ended),
            "spend": 0.1, "model": "openai/gpt-5", "custom_llm_provider": "openai", "prompt_tokens": 1000,
            "completion_tokens": 10, "total_tokens": 1010, "cache_hit": "None", "status": "success", "metadata": {},
        }
        for n, (begun, ended) in enumerate(calls)
    ])  # fmt: skip


def cloudflare(path: Path, *logged: float) -> Path:
    """The same calls as Cloudflare's gateway logs them, at the instants when it did."""
    logs = [
        {
            "id": f"cf-{n}", "cached": False, "created_at": at(when), "model": "gpt-5", "path": "chat/completions",
            "provider": "openai", "success": True, "tokens_in": 1000, "tokens_out": 10, "cost": 0.00135,
            "metadata": None, "status_code": 200, "step": 0,
        }
        for n, when in enumerate(logged)
    ]  # fmt: skip
    return jsonl(path, [{"result": logs, "result_info": {"page": 1}, "success": True}])


def helicone(path: Path, *calls: tuple[float, float]) -> Path:
    """The same calls in Helicone's export, as (begun, seconds)."""
    return jsonl(path, [
        {
            "request_id": f"c0000000-0000-4000-8000-{n:012d}", "request_created_at": at(when), "response_status": 200,
            "provider": "OPENAI", "request_model": "gpt-5", "prompt_tokens": 1000, "completion_tokens": 10,
            "cache_reference_id": "00000000-0000-0000-0000-000000000000", "cost": 0.00135, "delay_ms": 1000 * lasted,
            "target_url": "https://api.openai.com/v1/chat/completions", "updated_at": at(100),
        }
        for n, (when, lasted) in enumerate(calls)
    ])  # fmt: skip


def calls(out: Path, *files: Path) -> int:
    """How many calls count; the tokens of the rows are theirs."""
    report = convert(out, *files, settings=ACCOUNTS)
    found = report["records"]
    assert found["read"] == found["events"] + found["duplicates"]
    assert total(rows(out), "ConsumedQuantity") == 1010 * found["events"]
    if found["duplicates"]:
        assert {d["reason"] for d in exceptions(out, "duplicates")} == {"looks_like_same_call"}
    return int(found["events"])


@pytest.mark.parametrize(
    ("gateway", "logged", "count"),
    [
        # written when the answer had ended, half a minute after the beginning
        ([(0, 30)], [30.4], 1),
        # or when the call began
        ([(0, 30)], [0.4], 1),
        # in the middle of it: another call
        ([(0, 30)], [15], 2),
        # two equal calls stay two, however their times are read
        ([(0, 30), (30, 60)], [30.1, 60.1], 2),
        # a third one that only Cloudflare saw is one more, though it ended when the first did
        ([(0, 1), (0.1, 1.1)], [1, 1.1, 1.2], 3),
    ],
)
def test_a_log_that_says_when_it_was_written(
    gateway: list[Any], logged: list[float], count: int, tmp_path: Path, out: Path
) -> None:
    files = litellm(tmp_path / "litellm.jsonl", *gateway), cloudflare(tmp_path / "cloudflare.jsonl", *logged)
    assert calls(out, *files) == count
    assert calls(tmp_path / "turned", *files[::-1]) == count


def test_calls_of_three_systems_count_once_each(tmp_path: Path, out: Path) -> None:
    """Cloudflare's time is near Helicone's alone; LiteLLM saw a second call, which no other did."""
    files = (
        litellm(tmp_path / "litellm.jsonl", (0, 1), (50, 51)),
        helicone(tmp_path / "helicone.jsonl", (1.8, 1)),
        cloudflare(tmp_path / "cloudflare.jsonl", 3.5),
    )
    assert calls(out, *files) == 2
    assert calls(tmp_path / "turned", *files[::-1]) == 2


@settings(max_examples=12)
@given(
    moments=st.lists(
        st.tuples(st.integers(0, 40), st.tuples(*[st.integers(0, 3)] * 3), st.integers(0, 900)), min_size=1, max_size=5
    ),
    turned=st.booleans(),
)
def test_a_call_counts_once_whoever_saw_it(
    moments: list[tuple[int, tuple[int, int, int], int]], turned: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Of equal calls at one moment there were as many as the system that saw most of them knows; clocks differ by less
    than a second, and calls last up to forty."""
    folder = tmp_path_factory.mktemp("calls")
    of_gateway, of_cloudflare, of_helicone = list[tuple[float, float]](), list[float](), list[tuple[float, float]]()
    for place, (lasted, (first, second, third), late) in enumerate(moments):
        begun = 100 * place
        of_gateway += [(begun, begun + lasted)] * first
        of_cloudflare += [begun + lasted + late / 1000] * second
        of_helicone += [(begun + late / 1000, lasted)] * third
    files = [
        write(folder / f"{write.__name__}.jsonl", *seen)
        for write, seen in ((litellm, of_gateway), (cloudflare, of_cloudflare), (helicone, of_helicone))
        if seen
    ]
    if files:
        count = sum(max(seen) for _, seen, _ in moments)
        assert calls(folder / "out", *(files[::-1] if turned else files)) == count
