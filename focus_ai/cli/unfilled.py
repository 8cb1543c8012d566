"""Fields of a mapping that a sample never fills because none of their paths stands anywhere in it.

Most often a fixed word was written where a path belongs: `provider: acme` reads a key called `acme`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Mapping as MappingType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from focus_ai.adapters import Mapping
    from focus_ai.adapters.paths import Path
    from focus_ai.adapters.recognise import Sample
    from focus_ai.sources import SourceFile


def unfilled(
    source: SourceFile, mapping: Mapping, found: Sequence[MappingType[str, Any]]
) -> tuple[list[str], list[str]]:
    """What is surely wrong, and what a larger sample may fill. `found`: the records that came of the sample.

    A field counts as wrong when it is the provider, or when its path is one of the words that the field can hold.
    """
    from focus_ai.adapters.mapping import table
    from focus_ai.adapters.recognise import sample
    from focus_ai.adapters.record import fields

    if mapping.code or mapping.series:  # its paths are those of rewritten records
        return [], []
    levels = _levels(mapping, sample(source))
    providers = {*table("providers"), *table("providers").values()}
    wrong: list[str] = []
    notes: list[str] = []
    if not levels[0]:
        return wrong, notes
    for name, expression in mapping.fields.items():
        if any(name in record for record in found):
            continue
        paths = _paths(mapping, name, expression)
        if not paths or any(_stands(path, levels, mapping) for path in paths):
            continue
        field = fields().get(name)
        words = providers if name == "provider" else set(field.values if field else ())
        word = expression if isinstance(expression, str) else None
        said = ", ".join(f"`{path.text}`" for path in paths)
        line = f"`{name}` is never filled: {said} {'is a path' if len(paths) == 1 else 'are paths'} the sample lacks"
        if word is not None and "." not in word and not word.startswith(("^", "$")):
            line += f"; a fixed word is {{const: {word}}}"
        (wrong if name == "provider" or word in words else notes).append(line)
    return wrong, [*notes, *_uncounted(mapping, levels)]


def _uncounted(mapping: Mapping, levels: list[list[Any]]) -> list[str]:
    """Counts of tokens and quantities of meters none of whose paths stands in the sample."""
    words = {"convention", "output_convention", "default", "long"}
    counts = {f"tokens.{name}": (e, "integer") for name, e in mapping.tokens.items() if name not in words}
    counts |= {f"meters.{entry['meter']}": (entry["quantity"], "decimal") for entry in mapping.meters}
    found = []
    for name, (expression, kind) in counts.items():
        paths = _read(mapping, expression, kind)
        if paths and not any(_stands(path, levels, mapping) for path in paths):
            found.append(f"`{name}` counts nothing: the sample lacks {', '.join(f'`{path.text}`' for path in paths)}")
    return found


def _paths(mapping: Mapping, name: str, expression: Any) -> list[Path]:
    """The paths that the expression of a field reads from the record."""
    from focus_ai.adapters.record import fields

    return _read(mapping, expression, fields()[name].type) if name in fields() else []


def _read(mapping: Mapping, expression: Any, kind: str) -> list[Path]:
    """The paths that an expression reads from the record; none when it also reads a let value or a fixed word."""
    from focus_ai.adapters.compiler import typed
    from focus_ai.adapters.scope import Let, Scope

    if _settled(expression):
        return []
    scope = Scope("json", depth=mapping.depth, lets=dict.fromkeys(mapping.let, Let("NULL")))
    typed(scope, kind, expression, rounded=True)
    return scope.read_paths()


def _settled(expression: Any) -> bool:
    """Does a part of it need no path: a fixed word, a let value, or what the user states?"""
    if isinstance(expression, str):
        return expression.startswith("$")
    if isinstance(expression, MappingType):
        return bool({"const", "get", "setting"} & set(expression)) or any(map(_settled, expression.values()))
    return isinstance(expression, list) and any(map(_settled, expression))


def _levels(mapping: Mapping, seen: Sample) -> list[list[Any]]:
    """The documents of the sample, then the elements of each array on the way to the records."""
    from focus_ai.adapters.paths import record_levels
    from focus_ai.sources.lines import fitting

    documents = fitting(mapping.line, seen.lines) if mapping.line is not None else seen.documents
    levels: list[list[Any]] = [list(documents)]
    for keys in record_levels(mapping.records):
        arrays = [value for document in levels[-1] for value in _at(document, keys)]
        levels.append([item for array in arrays if isinstance(array, list) for item in array])
    return levels


def _stands(path: Path, levels: list[list[Any]], mapping: Mapping) -> bool:
    if mapping.beside and path.keys and path.keys[0] in mapping.beside["take"]:
        return True
    return any(True for document in levels[mapping.depth - path.up] for _ in _at(document, path.keys))


def _at(value: Any, keys: Iterable[str | int]) -> list[Any]:
    """The value at a path, as a list of none or one. What lies inside JSON text is taken as there."""
    for key in keys:
        if isinstance(value, str):
            return [value] if value[:1] in ("{", "[") else []
        inside = isinstance(value, dict) and key in value
        if not inside and not (isinstance(value, list) and isinstance(key, int) and key < len(value)):
            return []
        value = value[key]
    return [value]
