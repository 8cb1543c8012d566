"""What a sample tells about the mapping that will read it: where its records lie, and what each path seems to hold.

Guesses by shape and name only; `adapters new` writes them as comments or behind the word `fill` where they decide.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

_INTEGER = re.compile(r"-?\d{1,18}")
_DECIMAL = re.compile(r"-?\d*\.\d+([eE][+-]?\d+)?|-?\d+[eE][+-]?\d+")
_INSTANT = re.compile(r"20\d\d-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?\s?(Z|[+-]\d\d:?\d\d)?")
_EPOCHS = (("s", 10), ("ms", 13), ("us", 16), ("ns", 19))
_TIME_NAME = re.compile(
    r"(^|_)(time|timestamp|ts|t|at|date|day|created|start|started|end|ended|when|from|to)(_|$)|Time$|At$"
)
_COMMA = re.compile(r"-?(\d+|\d{1,3}(\.\d{3})+),\d+")
_LISTS = ("data", "results", "items", "rows", "records", "entries")
# Keys that half of all exports have tell nothing.
_COMMON = {
    "id", "model", "created", "created_at", "timestamp", "time", "date", "object", "data", "usage", "name", "type",
    "status", "start", "end", "cost", "amount", "currency", "provider", "results", "has_more", "next_page", "user",
    "input_tokens", "output_tokens", "total_tokens", "prompt_tokens", "completion_tokens", "tokens", "requests",
}  # fmt: skip


@dataclass(frozen=True)
class Records:
    """Where the records lie (`data[].results[]`, None = each document is one), and the objects on the way to them."""

    path: str | None
    levels: tuple[tuple[Any, ...], ...]


def find_records(documents: Sequence[Any]) -> Records:
    """Walk into the array of objects with the most numbers, as long as it has more of them than what surrounds it.

    An array with one of the usual names of a page (`data`, `results`) needs only as many.
    """
    levels: list[tuple[Any, ...]] = [tuple(documents)]
    path = ""
    while True:
        arrays: dict[str, list[Any]] = {}
        for document in levels[-1]:
            for name, items in _arrays(document, ""):
                arrays.setdefault(name, []).extend(items)
        best = max(arrays, key=lambda name: _weight(arrays[name]), default=None)
        around = _numbers(levels[-1]) + (best is None or best.rpartition(".")[2] not in _LISTS)
        if best is None or _weight(arrays[best]) < max(around, 1):
            return Records(path or None, tuple(levels))
        levels.append(tuple(arrays[best]))
        path = f"{path}.{best}[]" if path else f"{best}[]"


def _arrays(value: Any, path: str) -> Iterator[tuple[str, list[Any]]]:
    """Arrays of objects inside an object, not those inside other arrays."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _arrays(inner, f"{path}.{quoted(key)}" if path else quoted(key))
    elif isinstance(value, list) and path and value and all(isinstance(item, dict) for item in value):
        yield path, value


def _weight(documents: Sequence[Any]) -> int:
    """The numbers of these objects, or of the objects in arrays inside them where those have more."""
    arrays: dict[str, list[Any]] = {}
    for document in documents:
        for name, items in _arrays(document, ""):
            arrays.setdefault(name, []).extend(items)
    return max([_numbers(documents), *map(_weight, arrays.values())])


def _numbers(documents: Sequence[Any]) -> int:
    """How many different paths of these objects hold a number, arrays left out."""
    return len({path for document in documents for path, value in leaves(document) if _is_number(value)})


def _is_number(value: Any) -> bool:
    return kind_of(value) in ("int", "decimal")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every path below an object that does not go through an array; an array is a leaf."""
    if isinstance(value, dict) and (value or path == ""):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{quoted(key)}" if path else quoted(key))
    else:
        yield path, value


def quoted(key: object) -> str:
    """A key as a path of the mapping language writes it."""
    return str(key) if re.fullmatch(r"\w+", str(key)) else f'"{key}"'


def last_key(path: str) -> str:
    """The last key of a path, without quotes."""
    return path.removesuffix('"').rpartition('"')[2] if path.endswith('"') else path.rpartition(".")[2]


def kind_of(value: Any, name: str = "") -> str:
    """`time`, `int`, `decimal`, `list` or `text`, by the value and, for whole numbers, by the name of the path."""
    if isinstance(value, list):
        return "list"
    text = "" if value is None or isinstance(value, (bool, dict)) else str(value)
    if _INSTANT.fullmatch(text):
        return "time"
    if _INTEGER.fullmatch(text):
        last = last_key(name)
        return "time" if _TIME_NAME.search(last) and len(text) in {n for _, n in _EPOCHS} else "int"
    return "decimal" if _DECIMAL.fullmatch(text) else "text"


def form(path: str, value: Any) -> str:
    """How the mapping language reads a path with such a value: `{int: usage.in}`."""
    kind, written = kind_of(value, path), yaml_path(path)
    if kind == "time":
        text = str(value)
        unit = next((unit for unit, digits in _EPOCHS if text.isdigit() and len(text) == digits), "iso")
        zone = ", zone: fill" if unit == "iso" and not re.search(r"(Z|[+-]\d\d:?\d\d)$", text[10:]) else ""
        return f"{{time: {written}, unit: {unit}{zone}}}"
    return f"{{{kind}: {written}}}" if kind in ("int", "decimal") else written


def decimal_commas(seen: dict[str, Any]) -> list[str]:
    """Paths whose value looks like a number with a decimal comma, such as 1,25; it may group thousands as well."""
    return [path for path, value in seen.items() if isinstance(value, str) and _COMMA.fullmatch(value)]


def yaml_path(path: str) -> str:
    """A path as YAML text."""
    return path if re.fullmatch(r"\^*[\w.]*", path) else "'" + path.replace("'", "''") + "'"


def paths(found: Records) -> dict[str, Any]:
    """Every path that a record can read, as the language writes it, with its first value; a fraction if it has any."""
    seen: dict[str, Any] = {}
    depth = len(found.levels) - 1
    last = [step.rpartition("[]")[0].lstrip(".") for step in re.findall(r"[^\[]+\[\]", found.path or "")]
    for level in range(depth, -1, -1):
        prefix = "^" * (depth - level) + ("." if level < depth else "")
        skip = last[level] if level < depth else None
        for document in found.levels[level]:
            for path, value in leaves(document):
                known = seen.get(prefix + path)
                wider = kind_of(known) == "int" and kind_of(value) == "decimal"
                if path and path != skip and (known in (None, "") or wider):
                    seen[prefix + path] = value
    return seen


def distinctive(found: Records, most: int = 5) -> list[str]:
    """Paths for `recognise`: in every record, the least common names first, one key of the document with them."""
    head = f"{found.path}." if found.path else ""
    chosen = [head + path for path in _rare(found.levels[-1])][:most]
    if found.path:
        chosen += [p for p in _rare(found.levels[0]) if not found.path.startswith(p)][:1]
    return chosen


def _rare(documents: Sequence[Any]) -> list[str]:
    every = [[path for path, _ in leaves(document)] for document in documents if isinstance(document, dict)]
    shared = [path for path in (every[0] if every else ()) if path and all(path in paths for paths in every)]
    return sorted(shared, key=lambda path: last_key(path).lower() in _COMMON)


def looks_like(seen: dict[str, Any], pattern: str, *kinds: str, whole: bool = False) -> list[str]:
    """Paths whose last key (`whole`: any key) matches a pattern and whose value is of these kinds (none given: any)."""
    found = [p for p in seen if re.search(pattern, p if whole else last_key(p), re.IGNORECASE)]
    return [p for p in found if not kinds or kind_of(seen[p], p) in kinds]
