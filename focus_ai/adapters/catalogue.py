"""The mappings that travel with the package. To recognise a file only the heads of all of them are read, one whole."""

from __future__ import annotations

import re
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from focus_ai import resources
from focus_ai.adapters.mapping import Expression, Mapping, extended_from, load, readers
from focus_ai.errors import UsageError, nearest
from focus_ai.sources.lines import LineForm, line_form

# The keys of a mapping file that make its head; they are a sixteenth of the text.
HEAD = ("id", "extends", "kind", "reads", "recognise", "line", "money_family", "seen_from")
_BLOCK = re.compile(r"^(?=\w+:)", re.MULTILINE)


@dataclass(frozen=True)
class Head:
    """What a mapping says of the files that it reads and of the money that they tell; names as in Mapping."""

    id: str
    kind: str
    reads: tuple[str, ...]
    recognise: MappingType[str, Any]
    line: LineForm | None
    money_family: str | Expression | None
    seen_from: str | None
    path: Path = field(compare=False)


@cache
def heads() -> dict[str, Head]:
    """The heads of all shipped mappings, by id. Price data and lookup tables are not mappings."""
    found: dict[str, Head] = {}
    for path in sorted(resources.mappings().glob("*/*.yaml")):
        if path.parent.name in ("prices", "tables"):
            continue
        raw = _raw(path)
        if "extends" in raw:
            raw = {**_raw(extended_from(str(raw["extends"]), path)), **raw}
        if raw["id"] in found:
            raise UsageError("two mapping files have the same id", where=f"{path}, {found[raw['id']].path}")
        found[raw["id"]] = Head(
            raw["id"], raw["kind"], readers(raw["reads"]), raw.get("recognise", {}),
            line_form(raw["line"]) if "line" in raw else None, raw.get("money_family"), raw.get("seen_from"), path,
        )  # fmt: skip
    return found


@cache
def _raw(path: Path) -> dict[str, Any]:
    """The head of a mapping file: of its blocks, which begin at the margin, those with a key of a head."""
    import yaml

    text = path.read_text(encoding="utf-8")
    raw: dict[str, Any]
    try:
        raw = resources.parse_yaml("".join(b for b in _BLOCK.split(text) if b.partition(":")[0] in HEAD))
    except yaml.YAMLError:  # a block of the head that repeats (`*name`) what stands elsewhere in the file
        raw = resources.parse_yaml(text)
    return raw


@cache
def _whole(name: str) -> Mapping:
    return load(heads()[name].path, checked=True)


def shipped() -> dict[str, Mapping]:
    """Every mapping that travels with the package, whole, by id."""
    return {name: _whole(name) for name in heads()}


def by_id(name: str, extra: MappingType[str, Mapping] | None = None) -> Mapping:
    """The mapping with this id. Raises `UsageError` with the nearest known ids."""
    if extra and name in extra:
        return extra[name]
    if name not in heads():
        raise UsageError(f"no adapter is called {name!r}", expected=nearest(name, {**heads(), **(extra or {})}))
    return _whole(name)
