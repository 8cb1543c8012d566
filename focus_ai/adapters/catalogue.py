"""The mappings that travel with the package. To recognise a file only the heads of all of them are read, one whole."""

from __future__ import annotations

import re
from collections.abc import Mapping as MappingType
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from focus_ai import resources
from focus_ai.adapters.mapping import Head, Mapping, extended_from, load, readers
from focus_ai.errors import UsageError, nearest
from focus_ai.sources.lines import line_form

# The keys of a mapping file that make its head; they are a sixteenth of the text.
HEAD = ("extends", *(f.name for f in fields(Head) if f.name != "path"))
_BLOCK = re.compile(r"^(?=\w+:)", re.MULTILINE)


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
            id=raw["id"],
            kind=raw["kind"],
            reads=readers(raw["reads"]),
            recognise=raw.get("recognise", {}),
            line=line_form(raw["line"]) if "line" in raw else None,
            money_family=raw.get("money_family"),
            seen_from=raw.get("seen_from"),
            path=path,
        )
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
