"""Texts of records as they came (those that were set aside), made fit to be written.

Nobody knows which part of such a text is the id of a person. So under `hash` and `drop` nothing of it is written (file
and record number tell where it stands), under `auto` each e-mail address in it becomes `user-redacted`.
"""

from __future__ import annotations

import re

from focus_ai.engine import literal

from .pseudonym import REDACTED

# In JSON the @ may be written as an escape. A name in front of it has at most 64 bytes (RFC 5321), more with escapes.
_AT = r"(?:@|%40|\\u0040)"
_LONGEST = 256
_ENDS = " \t\n\r\f\v@<>(),;:\"'\\{}[]|=&?"
_TAIL = re.compile(_AT + r"[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}")
_SQL = f"[^{re.escape(_ENDS)}]{{1,{_LONGEST}}}{_AT}" + r"[\pL\pN_-]+(?:\.[\pL\pN_-]+)*\.\pL{2,}"


def raw_text(policy: str, text: str | None) -> str | None:
    """What is written of the text of a record under a policy of `privacy.user_ids`."""
    if text is None or policy == "keep":
        return text
    if policy != "auto":
        return None
    parts: list[str] = []
    done = 0
    for tail in _TAIL.finditer(text):
        start = tail.start()
        while start > done and tail.start() - start < _LONGEST and text[start - 1] not in _ENDS:
            start -= 1
        if start < tail.start():
            parts += [text[done:start], REDACTED]
            done = tail.end()
    return "".join([*parts, text[done:]])


def raw_text_sql(policy: str, column: str) -> str:
    """The same as a SQL expression over a column of texts."""
    if policy == "keep":
        return column
    if policy != "auto":
        return "CAST(NULL AS VARCHAR)"
    return f"regexp_replace({column}, {literal(_SQL)}, {literal(REDACTED)}, 'g')"
