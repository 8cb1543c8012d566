"""Parallel lists of ElevenLabs character stats become one record per label and bucket.

In: {"time": [ms, ...], "usage": {label: [number, ...]}, "metric"?, "breakdown_type"?}. Out: {start, end, label, amount}
with the two words when the user added them. A bucket ends where the next one starts; the last is as long as the one
before and has no end when it is the only one. Zeros are passed on as numbers of a bucket without use and left out of
the meters there (API page of the deprecated endpoint, 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def rewrite(documents: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """One record per label and entry of `time`. A list of another length keeps its rest under `start: null`."""
    for document in documents:
        times, usage = document.get("time"), document.get("usage")
        if not isinstance(times, list) or not isinstance(usage, dict):
            yield document
            continue
        told: dict[str, Any] = {key: document[key] for key in ("metric", "breakdown_type") if key in document}
        for label, amounts in usage.items():
            for place, amount in enumerate(amounts if isinstance(amounts, list) else [amounts]):
                start = times[place] if place < len(times) else None
                yield {"start": start, "end": _end(times, place), "label": label, "amount": amount, **told}


def _end(times: list[Any], place: int) -> Any:
    if place + 1 < len(times):
        return times[place + 1]
    last_two = times[-2:]
    if place == len(times) - 1 and len(last_two) == 2 and all(isinstance(t, int) for t in last_two):
        return 2 * last_two[1] - last_two[0]
    return None
