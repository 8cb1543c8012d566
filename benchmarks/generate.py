"""Write synthetic LiteLLM spend logs (JSON Lines, about 780 bytes each) for measuring.

    python benchmarks/generate.py --rows 1000000 --out benchmarks/data/events-1m.jsonl

The same arguments give the same bytes. 60 priced models, 90 days in order of time, 400 keys of which each has one owner
(24 owner tuples; 8 % of the keys have none) and uses six models; 2 % of the lines are an earlier line again.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import random
import struct
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

FIRST_DAY = datetime(2026, 8, 1, tzinfo=UTC)
DAYS = 90
CHUNK = 25_000
REPEATED = 50  # every chunk repeats CHUNK / REPEATED lines of an earlier one
KEYS = 400
OWNERLESS = 32  # keys without an owner: 8 %
JITTER_MS = 5 * 60 * 1000

MODELS = {
    "openai": (
        "gpt-4.1 gpt-4.1-mini gpt-4.1-nano gpt-4o gpt-4o-mini gpt-5 gpt-5-mini gpt-5-nano gpt-5.1 gpt-5.2 gpt-5.3 "
        "gpt-5.3-codex gpt-5.4 gpt-5.4-mini gpt-5.4-nano gpt-5.5 gpt-5.6-luna gpt-5.6-sol gpt-5.6-terra gpt-6-luna "
        "gpt-6-sol o1 o3 o4-mini"
    ),
    "anthropic": (
        "claude-fable-5 claude-haiku-4-5 claude-haiku-5-5 claude-opus-4-1 claude-opus-4-5 claude-opus-4-6 "
        "claude-opus-4-7 claude-opus-4-8 claude-opus-5 claude-opus-5-5 claude-sonnet-4-0 claude-sonnet-4-5 "
        "claude-sonnet-4-6 claude-sonnet-5"
    ),
    "gemini": (
        "gemini-2.5-flash gemini-2.5-flash-lite gemini-2.5-pro gemini-3-flash-preview gemini-3-pro-preview "
        "gemini-3.1-flash-lite gemini-3.1-pro-preview gemini-3.5-flash gemini-3.6-flash gemini-3.8-flash"
    ),
    "mistral": "ministral-8b-2512 mistral-large-2512 mistral-medium-3-5 mistral-small-2603 codestral-2508",
    "xai": "grok-3 grok-4-0709 grok-4-fast-reasoning grok-4.3 grok-4.5 grok-4.6",
    "deepseek": "deepseek-v4-flash",
}
TEAMS = ("payments", "search", "support", "growth", "risk", "catalogue", "logistics", "platform")
PRODUCTS = ("checkout-helper", "shop-search", "help-desk", "copywriter", "fraud-review", "enrichment", "routing", "ide")
ENVIRONMENTS = ("production", "staging", "development")

# One random record per line: eight 16-bit numbers, one 32-bit number, 12 bytes for the id.
_RECORD = struct.Struct("<8HI12s")


@cache
def model_names() -> list[tuple[str, str]]:
    """All (provider as LiteLLM names it, model) pairs, 60 of them."""
    return [(provider, model) for provider, names in MODELS.items() for model in names.split()]


@cache
def _keys(seed: int) -> list[tuple[str, str, str, list[tuple[str, str]]]]:
    """Per key: its digest, the owner part of the metadata, request tags, and the models that it uses."""
    rng = random.Random(f"{seed}:keys")
    models = model_names()
    found = []
    for number in range(KEYS):
        digest = hashlib.sha256(f"{seed}:{number}".encode()).hexdigest()
        own = [models[(number * 7 + step * 13) % len(models)] for step in range(2)]
        own += rng.sample(models, 4)
        if number < OWNERLESS:
            owner, tags = "null", "[]"
        else:
            team = number % len(TEAMS)
            environment = ENVIRONMENTS[number // len(TEAMS) % len(ENVIRONMENTS)]
            owner = f'{{"product": "{PRODUCTS[team]}", "env": "{environment}"}}'
            tags = f'["team:{TEAMS[team]}"]'
        found.append((digest, f'"spend_logs_metadata": {owner}', tags, own))
    return found


def _stamp(milliseconds: int) -> str:
    days, rest = divmod(milliseconds, 86_400_000)
    hours, rest = divmod(rest, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    seconds, rest = divmod(rest, 1000)
    return f"{_date(days)}T{hours:02d}:{minutes:02d}:{seconds:02d}.{rest:03d}Z"


@cache
def _date(days: int) -> str:
    return (FIRST_DAY + timedelta(days=days)).strftime("%Y-%m-%d")


def _lines(seed: int, chunk: int, rows: int, count: int, start: int) -> Iterator[str]:
    """The first `count` own lines of a chunk whose first line is number `start` of `rows`."""
    keys = _keys(seed)
    span = DAYS * 86_400_000 - 120_000 - JITTER_MS
    data = random.Random(f"{seed}:{chunk}").randbytes(_RECORD.size * count)
    for number, (a, b, c, d, e, f, g, h, spend, noise) in enumerate(_RECORD.iter_unpack(data), start):
        key, owner, tags, own = keys[a % KEYS]
        provider, model = own[b % len(own)]
        ids = noise.hex()
        begin = number * span // rows + (c * 65_536 + d) % JITTER_MS
        duration = 300 + d % 30_000
        prompt = 120 + e % 9_000 + (280_000 if f < 130 else 0)
        completion = 8 + g % 1_200
        cached = prompt * (h % 90 + 5) // 100 if f % 100 < 35 else 0
        reasoning = completion * (h % 60) // 100 if f % 3 == 0 else 0
        if provider == "anthropic":
            prefix, call = "msg_01", "anthropic_messages"
            written = (prompt - cached) // 2 if f % 100 < 25 else 0
            details = (
                f'"prompt_tokens_details": {{"cached_tokens": {cached}, "cache_creation_tokens": {written}, '
                f'"cache_creation_token_details": {{"ephemeral_5m_input_tokens": {written}}}}}, '
                f'"cache_creation_input_tokens": {written}, "cache_read_input_tokens": {cached}'
            )
        else:
            prefix, call = "chatcmpl-", "acompletion"
            details = f'"prompt_tokens_details": {{"cached_tokens": {cached}}}'
        yield (
            f'{{"request_id":"{prefix}{ids}","call_type":"{call}","api_key":"{key}","cache_hit":"None",'
            f'"startTime":"{_stamp(begin)}","endTime":"{_stamp(begin + duration)}","model":"{provider}/{model}",'
            f'"metadata":{{{owner}, "usage_object": {{"prompt_tokens": {prompt}, "completion_tokens": {completion}, '
            f'"completion_tokens_details": {{"reasoning_tokens": {reasoning}}}, '
            f'{details}}}}},"spend":0.{spend % 100_000_000:08d},"total_tokens":{prompt + completion},'
            f'"prompt_tokens":{prompt},"completion_tokens":{completion},"request_tags":{tags},'
            f'"end_user":"user-{spend % 5_000}","model_group":"{model}","custom_llm_provider":"{provider}",'
            f'"status":"success"}}\n'
        )


def chunk_text(task: tuple[int, int, int]) -> bytes:
    """One chunk: its own lines, then the lines that repeat an earlier chunk."""
    seed, chunk, rows = task
    size = min(CHUNK, rows - chunk * CHUNK)
    repeats = size // REPEATED
    out = io.StringIO()
    out.writelines(_lines(seed, chunk, rows, size - repeats, chunk * CHUNK))
    if repeats:
        # Chunks 2k and 2k + 1 repeat different lines of chunk k.
        earlier, skip = chunk // 2, repeats * (chunk % 2)
        lines = list(_lines(seed, earlier, rows, repeats + skip, earlier * CHUNK))
        out.writelines(lines[skip:])
    return out.getvalue().encode()


def generate(rows: int, paths: list[Path], seed: int, processes: int | None = None) -> None:
    """Write `rows` lines over the paths in order; paths that end in .gz are compressed."""
    chunks = -(-rows // CHUNK)
    per_path = -(-chunks // len(paths))
    tasks = [(seed, chunk, rows) for chunk in range(chunks)]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(processes) as pool, ExitStack() as files:
        streams = []
        for path in paths:
            raw = files.enter_context(path.open("wb"))
            packed = path.suffix == ".gz"
            streams.append(
                files.enter_context(gzip.GzipFile("", "wb", 6, raw, mtime=0)) if packed else raw
            )  # fmt: skip
        window = 16  # chunks in flight, so that memory does not grow with the rows
        for first in range(0, chunks, window):
            for chunk, text in enumerate(pool.map(chunk_text, tasks[first : first + window]), first):
                streams[chunk // per_path].write(text)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, required=True, help="file; with --files N a -0 ... -N-1 is added")
    parser.add_argument("--gzip", action="store_true", help="compress; .gz is added to the name")
    parser.add_argument("--files", type=int, default=1, help="spread the lines over so many files, in order")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int)
    given = parser.parse_args()
    out: Path = given.out
    paths = [out]
    if given.files > 1:
        paths = [out.with_name(f"{out.stem}-{n}{out.suffix}") for n in range(given.files)]
    if given.gzip:
        paths = [p.with_name(p.name + ".gz") for p in paths]
    generate(given.rows, paths, given.seed, given.processes)
    for path in paths:
        print(f"{path} {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
