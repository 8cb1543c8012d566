"""What a mapping says, for reading: where each field comes from, token convention, unit of money and time zone.

In: a mapping. Out: plain texts for `adapters show` and the documentation. Nothing here decides how a record is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping as MappingType
from typing import Any

from focus_ai import words
from focus_ai.adapters.mapping import Expression, Mapping

_CONVENTIONS = {
    "inclusive": "cached and written tokens are inside the input total",
    "exclusive": "cached and written tokens come on top of the input",
    "split": "input, cache reads and cache writes are separate numbers",
    "infer": "each record is decided by its own arithmetic",
}
_OUTPUT = {
    "inclusive": "reasoning is inside the output",
    "exclusive": "reasoning comes on top of the output",
    "infer": "reasoning inside or on top of the output, by arithmetic",
}
_STATED = ("convention", "output_convention", "default")
_MONEY = ("billed_cost", "list_amount", "reported_cost")
_LEAVES = ("const", "in", "table", "pattern", "with", "sep", "item", "unit", "zone", "format", "times", "key", "name")


def maps(mapping: Mapping) -> dict[str, str]:
    """Neutral field (also `tokens.<count>` and `meters.<meter>`) to the places of the source that fill it."""
    counts = {f"tokens.{k}": _shown(e) for k, e in mapping.tokens.items() if k not in ("long", *_STATED)}
    long = mapping.tokens.get("long")
    counts |= {f"tokens by {_shown(long['meter'])}": _shown(long["quantity"])} if long else {}
    meters = {f"meters.{_meter(m['meter'])}": _shown(m["quantity"]) for m in mapping.meters}
    found = {**{name: _shown(e) for name, e in mapping.fields.items()}, **counts, **meters}
    return {name: _spelled(text, mapping) for name, text in found.items()}


def facts(mapping: Mapping) -> dict[str, str]:
    """Grain, tokens, money and time of the export in one line each; only what the mapping states."""
    found = {
        "grain": _grain(mapping),
        "tokens": _tokens(mapping),
        "money": "; ".join(f"{n}: {_money(mapping.fields[n])}" for n in _MONEY if n in mapping.fields),
        "time": _time(mapping.fields.get("event_time")),
        "same spend": _group(mapping.money_family),
        "same calls": _group(mapping.same_usage),
        "other columns": _other_columns(mapping.other_columns),
        "calls": "; ".join(f"{name}: {_shown(e)}" for name, e in mapping.calls.items()),
        "names": "; ".join(f"${n}: {_shown(e)}" for n, e in mapping.let.items() if _place(e) is None),
    }
    return {name: _spelled(text, mapping) for name, text in found.items() if text}


def rules(mapping: Mapping) -> dict[str, list[dict[str, str]]]:
    """What becomes of records by rule of the mapping (`ignored`, `rejected`, `quality`): per word what it means, where
    that is known, and the places that decide. What every export is checked for stands in docs/words.md."""
    kinds = {
        "ignored": [(rule["reason"], rule["when"]) for rule in mapping.ignore],
        "rejected": [(rule["reason"], rule["when"]) for rule in mapping.reject],
        "quality": [(rule["flag"], rule["when"]) for rule in mapping.flags],
    }
    found: dict[str, list[dict[str, str]]] = {}
    for kind, told in kinds.items():
        tested: dict[str, list[str]] = {}
        for word, when in told:
            tested.setdefault(word, []).extend(_tested(when))
        found[kind] = [
            {"word": word, "means": words.means(kind, word, ""), "by": _spelled(_listed(paths), mapping)}
            for word, paths in tested.items()
        ]
    return found


def _tested(condition: Any) -> Iterator[str]:
    """Every path that a condition looks at; of a comparison the first part is one."""
    for key, part in condition.items():
        if key in ("all", "any"):
            for inner in part:
                yield from _tested(inner)
        elif key == "not":
            yield from _tested(part)
        else:
            yield from _paths(part[0] if isinstance(part, (list, tuple)) else part)


def _listed(paths: list[str]) -> str:
    return ", ".join(dict.fromkeys(paths))


def _place(e: Expression) -> str | None:
    """The path that a named value stands for, where it stands for one."""
    path = e.get("parse") if isinstance(e, MappingType) else e
    return path if isinstance(path, str) else None


def _spelled(text: str, mapping: Mapping) -> str:
    """The same with the paths that named values stand for, so that nobody has to look up a name."""
    for name, e in reversed(list(mapping.let.items())):
        if (path := _place(e)) is not None:
            text = path.join(re.split(rf"\${name}(?![a-z0-9_])", text))
    return text


def _meter(name: Any) -> str:
    return name if isinstance(name, str) else f"by {_shown(name)}"


def _grain(mapping: Mapping) -> str:
    e = mapping.fields.get("grain")
    texts = {
        "attempt": "one record is one call that was made",
        "request": "one record is one request",
        "aggregate": "one record sums the calls of a period",
    }
    told = [texts[str(part["const"])] for part in _parts(e) if str(part.get("const")) in texts]
    return " or ".join(dict.fromkeys(told)) or ("" if e is None else _shown(e))


def _other_columns(begins: str | None) -> str:
    return "" if begins is None else f"tags: {begins}*" if begins else "tags"


def _tokens(mapping: Mapping) -> str:
    parts = []
    for key, told in (("convention", _CONVENTIONS), ("output_convention", _OUTPUT)):
        e = mapping.tokens.get(key)
        if e is not None:
            parts.append(told.get(e, e) if isinstance(e, str) else f"{key} {_decided(e, told)}")
    return "; ".join(parts)


def _decided(e: Expression, words: MappingType[str, str]) -> str:
    """Which words an expression gives, and by what: `exclusive or inclusive, by model`."""
    lists = [list(part["in"].values()) for part in _parts(e) if isinstance(part.get("in"), MappingType)]
    given = [str(part["const"]) for part in _parts(e) if "const" in part] + [str(v) for found in lists for v in found]
    either = " or ".join(sorted({word for word in given if word in words}))
    places = ", ".join(dict.fromkeys(_paths(e)))
    return ", ".join(text for text in (either, f"by {places}" if places else "") if text)


def _money(e: Expression) -> str:
    factors = sorted({str(part["times"]) for part in _parts(e) if "times" in part})
    return _shown(e) + "".join(f", times {factor}" for factor in factors)


def _time(e: Expression) -> str:
    zones = sorted({str(part["zone"]) for part in _parts(e) if "zone" in part})
    if not zones:
        return "instants with their offset, or seconds since 1970"
    return f"{', '.join(zones)} where a stamp has no offset"


def _group(word: Any) -> str:
    return word if isinstance(word, str) else "" if word is None else f"by {_shown(word)}"


def _shown(e: Expression) -> str:
    paths = list(dict.fromkeys(_paths(e)))
    if paths:
        return ", ".join(paths)
    fixed = [str(part["const"]) for part in _parts(e) if part.get("const") is not None]
    return f"always {' or '.join(dict.fromkeys(fixed))}" if fixed else "never"


def _paths(e: Any) -> Iterator[str]:
    """Every path that an expression names, in its order."""
    if isinstance(e, str):
        yield e
    elif isinstance(e, MappingType):
        for key, part in e.items():
            if key in _LEAVES or (key == "lower" and isinstance(part, bool)):
                continue
            inside = f" {e['name']}" if key == "header" and "name" in e else ""
            yield from (path + inside for path in _named(key, part))
    elif isinstance(e, (list, tuple)):
        for part in e:
            yield from _paths(part)


def _named(key: str, part: Any) -> Iterator[str]:
    if key in ("eq", "in", "gt", "matches") and isinstance(part, (list, tuple)):
        yield from _paths(part[0])
        yield from (p for other in part[1:] if isinstance(other, MappingType) for p in _paths(other))
    elif key == "get" and isinstance(part, (list, tuple)):
        yield ".".join(str(p) for p in part)
    elif key in ("where", "take", "at", "plus", "strip", "approximate"):
        return
    elif key == "object" and isinstance(part, MappingType):
        for inner in part.values():
            yield from _paths(inner)
    else:
        yield from _paths(part)


def _parts(e: Any) -> Iterator[MappingType[str, Any]]:
    """Every object inside an expression, itself included."""
    if isinstance(e, MappingType):
        yield e
        for part in e.values():
            yield from _parts(part)
    elif isinstance(e, (list, tuple)):
        for part in e:
            yield from _parts(part)
