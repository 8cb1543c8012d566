"""Events of Anthropic message streams become one message each, with the counts of its last event.

In: documents message_start, content_block_*, message_delta, message_stop in the order they were received, one stream
after another. Out: objects shaped as the body of a message, plus `stream_complete` and what the caller put beside
message_start (received_at, request_id, workspace_id, owner). A delta repeats the counts so far, so each of its keys
replaces the earlier value; keys that it leaves out keep theirs (streaming page of the Messages API, 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_BESIDE = ("received_at", "request_id", "workspace_id", "owner")


def rewrite(documents: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """One message per message_start; a delta without a start before it is passed on and finds no id there."""
    current: dict[str, Any] | None = None
    for event in documents:
        kind = event.get("type")
        if kind == "message_start":
            if current is not None:
                yield current
            message = event.get("message")
            current = dict(message) if isinstance(message, dict) else {}
            current |= {key: event[key] for key in _BESIDE if key in event}
            current["stream_complete"] = False
        elif kind == "message_delta" and current is not None:
            _lay_over(current, event)
        elif kind == "message_delta":
            yield event
        elif kind == "message_stop" and current is not None:
            current["stream_complete"] = True
            yield current
            current = None
    if current is not None:
        yield current


def _lay_over(message: dict[str, Any], event: dict[str, Any]) -> None:
    """Put the newer counts and the reason for stopping over those of the message."""
    delta, usage = event.get("delta"), event.get("usage")
    if isinstance(delta, dict):
        message |= {key: value for key, value in delta.items() if value is not None}
    if isinstance(usage, dict):
        known = message.get("usage")
        newer = {key: value for key, value in usage.items() if value is not None}
        message["usage"] = {**(known if isinstance(known, dict) else {}), **newer}
