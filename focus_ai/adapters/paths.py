"""Paths of the mapping language: `a.b`, `"x.y".z`, `^.start`, `$usage.total`, `list[0].name`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from focus_ai.errors import UsageError

_STEP = re.compile(r'(?:"([^"]+)"|([^."\[\]]+))((?:\[\d+\])*)(?:\.|$)')


@dataclass(frozen=True)
class Path:
    """`up` enclosing levels above the record (0 = the record), or a let value, then keys and array positions."""

    up: int
    let: str | None
    keys: tuple[str | int, ...]
    text: str

    def json_path(self, skip: int = 0) -> str:
        """The keys after the first `skip` as a DuckDB JSON path."""
        return "$" + "".join(f"[{k}]" if isinstance(k, int) else member(k) for k in self.keys[skip:])


def member(key: str) -> str:
    """One key as a step of a DuckDB JSON path. Raises `UsageError` for characters that such a step cannot hold."""
    if '"' in key or "\\" in key:
        raise UsageError("a key with a double quote or a backslash cannot be read", value=key, expected="another key")
    return f'."{key}"'


def parse(text: str) -> Path:
    """Read a path. Raises `UsageError` when the text is not one."""
    if text == ".":
        return Path(0, None, (), text)
    rest, up, let = text, 0, None
    while rest.startswith("^"):
        up, rest = up + 1, rest[1:]
    if up:
        rest = rest.removeprefix(".")
    elif rest.startswith("$"):
        let, _, rest = rest[1:].partition(".")
    keys: list[str | int] = []
    position = 0
    while position < len(rest):
        step = _STEP.match(rest, position)
        if step is None:
            raise UsageError(
                "not a path of the mapping language",
                value=text,
                expected="keys joined by dots; a key with dots or brackets in double quotes: '\"a.b\".c'",
            )
        keys.append(step[1] or step[2])
        keys.extend(int(n) for n in re.findall(r"\d+", step[3]))
        position = step.end()
    if not keys and let is None and not up:
        raise UsageError("an empty path in a mapping", value=text, expected="a key, or keys joined by dots")
    return Path(up, let, tuple(keys), text)


def describe(e: Any) -> str:
    """The path an expression reads first, for messages."""
    while not isinstance(e, str):
        if isinstance(e, Mapping):
            if "get" in e:
                return str(e["get"][1])
            e = next((v for k, v in e.items() if k not in ("if", "else", "times", "in", "table")), "value")
        elif isinstance(e, (list, tuple)) and e:
            e = e[0]
        else:
            return str(e)
    return e


def record_levels(records: str | None) -> list[tuple[str, ...]]:
    """`data[].results[]` as the keys of each array on the way to the record: [("data",), ("results",)]."""
    if records is None:
        return []
    levels = []
    for part in records.split("[]"):
        part = part.strip(".")
        if part:
            levels.append(tuple(str(k) for k in parse(part).keys))
    if not records.endswith("[]"):
        raise UsageError("the record path must end with []", value=records, expected="data[] or data[].results[]")
    return levels


def texts(e: Any) -> Iterator[str]:
    """All texts inside an expression: the paths, and the words and patterns beside them."""
    if isinstance(e, str):
        yield e
    elif isinstance(e, Mapping):
        for part in e.values():
            yield from texts(part)
    elif isinstance(e, (list, tuple)):
        for part in e:
            yield from texts(part)
