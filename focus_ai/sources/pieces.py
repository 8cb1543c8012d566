"""Large documents laid apart: a page with many records becomes several with some of them each.

The engine holds a document whole, many times over, so its memory grows with the largest one. Where the records are the
elements of an array inside the document, pages with a part of that array and all else of the document hold the same
records, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

# Bytes of a document that are read at once. Smaller ones stay as they are.
LARGE = 4 << 20

# The keys of the array at each level on the way to the records.
Levels = Sequence[tuple[str, ...]]


def pieces(document: Any, levels: Levels, size: Callable[[Any], int], most: int) -> Iterator[Any]:
    """The document in parts of about `most` bytes, as far as the arrays on the way to its records allow."""
    found = _at(document, levels[0]) if levels else None
    if not isinstance(found, list) or not found:
        yield document
        return
    part: list[Any] = []
    held = 0
    for element in found:
        own = size(element)
        if part and held + own > most:
            yield _with(document, levels[0], part)
            part, held = [], 0
        if own > most and len(levels) > 1:
            for smaller in pieces(element, levels[1:], size, most):
                yield _with(document, levels[0], [smaller])
        else:
            part.append(element)
            held += own
    if part:
        yield _with(document, levels[0], part)


def _at(value: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _with(document: Any, keys: Sequence[str], part: list[Any]) -> Any:
    """The same document with this part of the array under the keys."""
    if not keys:
        return part
    return {**document, keys[0]: _with(document[keys[0]], keys[1:], part)}
