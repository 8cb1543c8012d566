"""One record in two exports, of which one leaves columns out: the copy that tells more counts."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from data_builders import convert, data_bytes, exceptions, jsonl, rows


def portkey(number: int = 1, *, answer: bool = True, seller: str = "openai", **fields: Any) -> dict[str, Any]:
    """A call of 1000 tokens in, of them 600 from the cache, and 10 out. Anthropic's input leaves the cache out."""
    given = 1000 if seller == "openai" else 400
    usage = {
        "prompt_tokens": given, "completion_tokens": 10, "total_tokens": 1010,
        "prompt_tokens_details": {"cached_tokens": 600},
        **({} if seller == "openai" else {"cache_read_input_tokens": 600, "cache_creation_input_tokens": 0}),
    }  # fmt: skip
    model = "gpt-5" if seller == "openai" else "claude-sonnet-4-5"
    body = {"status": 200, "body": {"id": f"r-{number}", "model": model, "usage": usage}}
    return {
        "id": f"pk-{number}", "trace_id": "t", "created_at": "2026-10-07T12:00:00.000Z", "is_success": True,
        "ai_org": seller, "ai_model": model, "req_units": given, "res_units": 10, "total_units": 1010, "cost": 0.1,
        "cost_currency": "USD", "response_time": 2550, "response_status_code": 200, "mode": "SINGLE",
        "request_url": "https://api.example/v1/chat/completions", "metadata": {"team": "search"},
        **({"response": body} if answer else {}), **fields,
    }  # fmt: skip


def helicone(version: int, tokens: int = 1000, team: str | None = "search") -> dict[str, Any]:
    return {
        "request_id": "c0000000-0000-4000-8000-000000000001", "request_created_at": "2026-10-07T12:00:00Z",
        "response_status": 200, "provider": "OPENAI", "request_model": "gpt-5", "prompt_tokens": tokens,
        "completion_tokens": 10, "cache_reference_id": "00000000-0000-0000-0000-000000000000", "delay_ms": 1000,
        "target_url": "https://api.openai.com/v1/chat/completions", "updated_at": f"2026-10-0{version}T13:00:00Z",
        **({"properties": {"team": team}} if team else {}),
    }  # fmt: skip


def told(tmp_path: Path, *files: list[dict[str, Any]]) -> tuple[dict[str, Any], list[tuple[str, str, str]], Path]:
    """The report, and the duplicates as (file, reason, the file that counts); whatever the order of the files."""
    paths = [jsonl(tmp_path / f"{n}.jsonl", lines) for n, lines in enumerate(files)]
    found, bytes_of = [], []
    for number, order in enumerate(permutations(paths)):
        out = tmp_path / f"out{number}"
        report = convert(out, *order)
        left = [
            (Path(d["file"]).stem, d["reason"], Path(d["kept_file"]).stem)
            for d in (exceptions(out, "duplicates") if report["records"]["duplicates"] else [])
        ]
        found.append((report, left, out))
        bytes_of.append(data_bytes(out))
    assert all(b == bytes_of[0] for b in bytes_of)
    assert all(left == found[0][1] for _, left, _ in found)
    return found[0]


@pytest.mark.parametrize(
    ("seller", "cost"),
    # 400 * 1.25 / 1e6 + 600 * 0.125 / 1e6 + 10 * 10 / 1e6, and at 3, 0.30 and 15
    [("openai", "0.000675"), ("anthropic", "0.00153")],
)
def test_a_log_exported_without_the_answers_and_with_them(seller: str, cost: str, tmp_path: Path) -> None:
    report, left, out = told(tmp_path, [portkey(answer=False, seller=seller)], [portkey(seller=seller)])
    assert (report["totals"][0]["effective_cost"], left) == (cost, [("0", "tells_less", "1")])
    assert "quality:cache_not_reported" not in {w["code"] for w in report["warnings"]}
    assert {row["x_Team"] for row in rows(out)} == {"search"}


def test_an_owner_that_one_export_leaves_out(tmp_path: Path) -> None:
    report, left, _ = told(tmp_path, [portkey(metadata=None)], [portkey()], [portkey(answer=False, metadata=None)])
    assert left == [("0", "tells_less", "1"), ("2", "tells_less", "1")]
    assert (report["totals"][0]["effective_cost"], report["unattributed"]["rows"]) == ("0.000675", 0)


@pytest.mark.parametrize(
    "copies",
    [
        # another owner, another number of tokens
        [[portkey(metadata={"team": "ads"})], [portkey()]],
        [[portkey(answer=False, req_units=999)], [portkey()]],
        # each tells what the other one does not
        [[portkey(answer=False)], [portkey(metadata=None)]],
        # a third one that contradicts
        [[portkey(metadata=None)], [portkey()], [portkey(metadata={"team": "ads"})]],
        # nobody left out a column within one file
        [[portkey(metadata=None), portkey()]],
    ],
)  # fmt: skip
def test_contradictions_stay_set_aside(copies: list[list[dict[str, Any]]], tmp_path: Path) -> None:
    report, left, _ = told(tmp_path, *copies)
    assert (report["rejected"], left) == ({"conflicting_duplicate": sum(map(len, copies))}, [])


def counted(number: int = 1, **tokens: int) -> dict[str, Any]:
    """A generic event of 1000 tokens in and 10 out."""
    return {
        "event_id": f"e{number}", "timestamp": "2026-10-07T12:00:00Z", "provider": "openai", "model": "gpt-5",
        "status": "success", "input_tokens": 1000, "output_tokens": 10, **tokens,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("less", "counts"),
    [
        # neither cache nor reasoning are told
        ({}, True),
        ({"cached_input_tokens": 600}, True),
        ({"reasoning_tokens": 4}, True),
        # none were cached, says one of them
        ({"cached_input_tokens": 0}, False),
        ({"cached_input_tokens": 500}, False),
        ({"output_tokens": 11}, False),
    ],
)
def test_a_copy_that_counts_fewer_kinds_of_tokens(less: dict[str, int], counts: bool, tmp_path: Path) -> None:
    """400 * 1.25 / 1e6 + 600 * 0.125 / 1e6 + 10 * 10 / 1e6: reasoning costs what other output does."""
    report, left, _ = told(tmp_path, [counted(**less)], [counted(cached_input_tokens=600, reasoning_tokens=4)])
    assert left == ([("0", "tells_less", "1")] if counts else [])
    assert [t["effective_cost"] for t in report["totals"]] == (["0.000675"] if counts else [])
    assert report["tokens"]["reasoning"] == (4 if counts else 0)


def test_the_others_of_the_files_are_not_touched(tmp_path: Path) -> None:
    """Two calls in both files, one of them contradictory; a third in one file."""
    less = [portkey(1, answer=False), portkey(2, answer=False, req_units=999)]
    report, left, _ = told(tmp_path, less, [portkey(1), portkey(2), portkey(3)])
    assert left == [("0", "tells_less", "1")]
    assert report["records"] == {
        "read": 5, "events": 2, "billed_lines": 0, "duplicates": 1, "rejected": 2, "ignored": 0,
    }  # fmt: skip


def test_of_the_newest_version_the_fuller_copy_counts(tmp_path: Path) -> None:
    report, left, _ = told(tmp_path, [helicone(7, tokens=1)], [helicone(8, team=None)], [helicone(8)])
    assert left == [("0", "older_version", "2"), ("1", "tells_less", "2")]
    assert report["totals"][0]["effective_cost"] == "0.00135"
