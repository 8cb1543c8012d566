"""When a run takes place, which is all that two runs over the same input may differ in."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from focus_ai.errors import UsageError


def created_at() -> datetime:
    """Now, or the instant of SOURCE_DATE_EPOCH for reproducible builds. Raises `UsageError` for one that is no time."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if not epoch:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        return datetime.fromtimestamp(int(epoch), UTC)
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            "SOURCE_DATE_EPOCH is no time", value=repr(epoch), expected="seconds since 1970-01-01, such as 1800000000"
        ) from None
