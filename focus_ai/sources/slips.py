"""Where JSON goes on behind a slip: a comma too many, a quote or a bracket that is missing, a cut element.

The text of the slip belongs to one record; the next one must not be lost with it, and no part of the broken one may
pass for a record of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

# How far the brackets of a broken element are followed.
FAR = 1 << 17
_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|[{}\[\],]')
_KEY = re.compile(r'"((?:[^"\\\n]|\\.)*)"\s*:')
_OBJECT = re.compile(r'\s*\{(?=\s*(?:\}|"(?:[^"\\\n]|\\.)*"\s*:))')
_ELEMENT = re.compile(r"[}\],\n][\s,]*(?=\{)")
_DOCUMENT = re.compile(r"\}\s*(?=[{\[])|\n(?=[{\[])")
_ARRAY_END = re.compile(r"\s*(?:[\[{]|\Z)")
_GOES_ON = re.compile(r"\s*(?:[,\]{]|\Z)")
_DECODER = json.JSONDecoder()


def ends_too_early(text: str, end: int, element: Any) -> bool:
    """Does a key that the element lacks stand where the next one must? Then a brace too many closed it."""
    key = _KEY.match(text, end) if text.startswith('"', end) else None
    return key is not None and isinstance(element, dict) and key[1] not in element


def element_end(text: str, start: int, before: Any) -> int:
    """Where the broken element of an array that begins at `start` ends; `before`: the last good element, if any.

    Its brackets tell, unless the slip is among them, or in a quote. Then the next object ends it that can be read and
    looks like another element: it has at least half of the keys of the last good one; without one, half of all the
    keys that the broken one names. Without that test an object inside the broken element would pass for the next.
    """
    known = set(before) if isinstance(before, dict) else set()

    def alike(found: Any, at: int, end: int) -> bool:
        names = known or set(_KEY.findall(text, start, at))
        own = set(found) if known else set(_KEY.findall(text, at, end))
        return 2 * len(names & own) >= len(names)

    limit = _closed(text, start, alike)
    read = start
    for gap in _ELEMENT.finditer(text, start + 1, limit):
        if gap.end() < read:
            continue
        found, read = _decoded(text, gap.end())
        if isinstance(found, dict) and _GOES_ON.match(text, read) and alike(found, gap.end(), read):
            return gap.end()
    return limit


def document_end(text: str, start: int) -> int:
    """Where the broken document that begins at `start` ends: before the next one that stands at the beginning of a
    line, or follows a closing brace without a comma, and can be read."""
    for gap in _DOCUMENT.finditer(text, start + 1):
        if text[gap.end()] == "[" or isinstance(_decoded(text, gap.end())[0], dict):
            return gap.end()
    return len(text)


def _decoded(text: str, at: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        return None, at


def _closed(text: str, start: int, alike: Callable[[Any, int, int], bool]) -> int:
    """The place of the comma or bracket behind a broken element, as far as its brackets tell; else the end of the text.
    Where they do not fit one another, the object behind the comma must look like the next element, or be broken too."""
    open_: list[str] = []
    fit = True
    for token in _TOKEN.finditer(text, start, start + FAR):
        sign = token[0]
        if sign == "{" or sign == "[":
            open_.append(sign)
        elif sign == "}" or sign == "]":
            opener = "{" if sign == "}" else "["
            fit = fit and open_[-1:] == [opener]
            if opener in open_:
                while open_.pop() != opener:
                    pass
            elif sign == "]" and _ARRAY_END.match(text, token.end()):
                return token.start()
        elif sign == "," and not open_ and (behind := _OBJECT.match(text, token.end())):
            at = behind.end() - 1
            found, end = (None, at) if fit else _decoded(text, at)
            if found is None or alike(found, at, end):
                return token.start()
    return len(text)
