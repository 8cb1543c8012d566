"""What people write after `--criteria`, as ids of applicability criteria."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from focus_ai.errors import UsageError, nearest
from focus_ai.focus.columns import criteria


def criteria_of(word: str | None) -> list[str] | None:
    """`--criteria`: None infers, `all` and `none` as they say, else the ids of a comma list or of a file.

    A file is YAML or JSON: a list of ids, or a table of ids to true or false. Raises `UsageError`.
    """
    if word is None or word == "infer":
        return None
    if word in ("all", "none"):
        return ["all"] if word == "all" else []
    path = Path(word)
    found = (
        _criteria_file(path) if path.suffix in (".yaml", ".yml", ".json", ".txt") or path.is_file() else word.split(",")
    )
    ids = [str(name).strip() for name in found if str(name).strip()]
    for name in ids:
        if name not in criteria():
            raise UsageError("unknown applicability criterion", value=name, expected=_near(name, criteria()))
    return ids


def _near(name: str, known: Iterable[str]) -> str:
    hint = nearest(name, known)
    return "an id such as TAGGING_SUPPORTED, or all, none, or a file" if hint.startswith("known:") else hint


def _criteria_file(path: Path) -> list[str]:
    import yaml

    from focus_ai import resources

    try:
        data = resources.load_yaml(path)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        told = (str(error).splitlines() or [""])[0]
        raise UsageError("the criteria cannot be read", where=str(path), value=told) from error
    if isinstance(data, dict):
        data = data.get("criteria", data)
    if isinstance(data, dict):
        return [str(name) for name, holds in data.items() if holds]
    if isinstance(data, list):
        return [str(name) for name in data]
    if isinstance(data, str):
        return data.replace(",", " ").split()
    raise UsageError(
        "the criteria file holds no list of ids", where=str(path), expected="a list, or a table of true and false"
    )
