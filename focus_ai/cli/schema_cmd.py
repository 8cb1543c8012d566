"""What `focus-ai schema` prints: the columns of a FOCUS version, or the JSON Schema of one of our own files."""

from __future__ import annotations

from pathlib import Path

from focus_ai.errors import UsageError, nearest

_SUFFIX = ".schema.json"


def schema(name: str, as_: str | None = None, *, numeric: str = "exact", dataset: str = "CostAndUsage") -> str:
    """The text of a schema.

    `name` is a FOCUS version (1.2, 1.3, 1.4) or the name of one of our files (event, mapping, settings ...);
    `as_` is a form of `focus_ai.focus.exports.FORMS` for a version (default markdown), `json` for a file.
    Raises `UsageError` with the nearest name for anything unknown.
    """
    from focus_ai.focus.columns import versions
    from focus_ai.focus.exports import export

    if name in versions():
        if numeric not in ("exact", "double"):
            raise UsageError(f"unknown numeric form {numeric!r}", value=numeric, expected="exact or double")
        return export(name, as_ or "markdown", "double" if numeric == "double" else "exact", dataset)
    files = _files()
    if name not in files:
        raise UsageError(f"there is no schema {name!r}", value=name, expected=nearest(name, names()))
    if as_ not in (None, "json", "json-schema"):
        raise UsageError(f"the schema {name!r} is a JSON Schema; only --as json is possible", value=as_)
    return files[name].read_text(encoding="utf-8")


def names() -> list[str]:
    """Everything `schema` accepts: the FOCUS versions, then our own files in alphabetical order."""
    from focus_ai.focus.columns import versions

    return [*versions(), *_files()]


def _files() -> dict[str, Path]:
    from focus_ai import resources

    found = sorted(resources.schemas().glob("*" + _SUFFIX))
    return {path.name.removesuffix(_SUFFIX): path for path in found}
