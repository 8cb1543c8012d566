"""Model names: from what an export calls a model to the id that the price list of a channel uses.

Order: exact id; the channel's own decorations taken off (path, ARN, `@date`, `-v1:0`, geography prefix); the dated
alias table; ids which the imported list names as equal; its patterns (flagged). No nearest-name guessing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from focus_ai.errors import InputError
from focus_ai.pricing.tables import channel, moment, prices_folder, read_yaml

_PREFIXES = {
    "openai": ("openai/",),
    "azure_openai": ("azure/", "azure_ai/", "openai/"),
    "azure_ai": ("azure_ai/", "azure/"),
    "anthropic": ("anthropic/",),
    "gemini": ("gemini/", "google/", "models/"),
    "gcp_vertex": ("vertex_ai/", "google/", "models/", "anthropic/"),
    "aws_bedrock": ("bedrock/", "converse/", "invoke/"),
}
_GEO = re.compile(r"(global|us-gov|us|eu|apac|au|jp|ca|sa|me|af)\.(?=[a-z0-9]+\.)")
_COMPACT = re.compile(r"-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|\Z)")
_VERSION = re.compile(r"-v\d+(:\d+){0,2}(:[0-9a-z]+)?\Z")


@dataclass(frozen=True, slots=True)
class Name:
    """The spellings of one model name, most literal first, and the geography read out of it."""

    spellings: tuple[str, ...]
    geo: str | None = None


def spellings(channel_name: str, raw: str) -> Name:
    """Take a channel's decorations off a model name, step by step."""
    text = raw.strip()
    found, geo = [text, text.lower()], None
    name = text.lower()
    if name.startswith("arn:"):
        name = name.rsplit("/", 1)[-1]
    if "/models/" in name:
        name = name.rsplit("/models/", 1)[-1]
    changed = True
    while changed:
        changed = False
        for prefix in (*_PREFIXES.get(channel_name, ()), f"{channel_name}/"):
            if name.startswith(prefix) and len(name) > len(prefix):
                name, changed = name[len(prefix) :], True
    found.append(name)
    if channel_name == "aws_bedrock":
        match = _GEO.match(name)
        if match:
            geo = "global" if match[1] == "global" else "regional"
            name = name[match.end() :]
            found.append(name)
        elif "." in name:
            geo = "regional"
        name = bedrock_id(name)
        found.append(name)
    if "@" in name:
        base, _, date = name.partition("@")
        found += [f"{base}-{date}", base]
    found += [_COMPACT.sub(r"-\1-\2-\3", spelling) for spelling in found]
    return Name(tuple(dict.fromkeys(found)), geo)


def bedrock_id(name: str) -> str:
    """A Bedrock model id without its `-v1:0` ending."""
    return _VERSION.sub("", name)


@dataclass(frozen=True, slots=True)
class Alias:
    """`alias` means `model` in a channel from `effective_from` until before `effective_to`."""

    alias: str
    channel: str
    model: str
    effective_from: datetime | None = None
    effective_to: datetime | None = None
    source: str = ""

    @property
    def dated(self) -> bool:
        """Whether the alias says when it held."""
        return self.effective_from is not None or self.effective_to is not None

    def live(self, at: datetime) -> bool:
        """Whether the alias holds at an instant."""
        return (self.effective_from is None or self.effective_from <= at) and (
            self.effective_to is None or at < self.effective_to
        )


@cache
def shipped_aliases() -> tuple[Alias, ...]:
    """The entries of `mappings/prices/aliases.yaml`."""
    return read_aliases(prices_folder() / "aliases.yaml")


def read_aliases(path: Path) -> tuple[Alias, ...]:
    """An alias file: `aliases: [{alias, channel, model, effective_from, effective_to, source}]`."""
    entries = read_yaml(path).get("aliases") or []
    return tuple(alias_of(entry, f"{path.name}: entry {number}") for number, entry in enumerate(entries, 1))


def alias_of(entry: Any, where: str) -> Alias:
    """One alias entry. Raises `InputError` when a name is missing or the dates are reversed."""
    if not isinstance(entry, dict) or not all(entry.get(key) for key in ("alias", "channel", "model")):
        raise InputError("an alias is incomplete", where=where, value=entry, expected="alias, channel and model")
    start, end = moment(entry.get("effective_from"), where), moment(entry.get("effective_to"), where)
    if start and end and end <= start:
        raise InputError("an alias ends before it starts", where=where, value=entry["alias"])
    return Alias(
        str(entry["alias"]).lower(), channel(entry["channel"]).name, str(entry["model"]), start, end,
        str(entry.get("source") or where),
    )  # fmt: skip


def clause_match(clause: list[Any], name: str) -> bool:
    """An imported match clause: [op, text or clauses]; ops `=`, `^` starts, `$` ends, `~` contains, `re`, `|`, `&`."""
    op, body = clause[0], clause[1:]
    if op == "|":
        return any(clause_match(part, name) for part in body)
    if op == "&":
        return all(clause_match(part, name) for part in body)
    text = str(body[0])
    if op == "re":
        return re.search(text, name) is not None
    text = text.lower()
    if op == "=":
        return name == text
    if op == "^":
        return name.startswith(text)
    return name.endswith(text) if op == "$" else text in name


def equal_ids(clause: list[Any]) -> list[str]:
    """The ids that a clause names as equal, without patterns (only through `or`)."""
    if clause[0] == "=":
        return [str(clause[1]).lower()]
    return [name for part in clause[1:] for name in equal_ids(part)] if clause[0] == "|" else []


_DATED = re.compile(r"[-@](20\d{2}-\d{2}-\d{2}|20\d{6})\Z")


def is_dated_id(model: str, clause: list[Any], name: str) -> bool:
    """Whether a name that a pattern matched is only a listed id with a release date behind it."""
    base = _DATED.sub("", name)
    return base != name and base in {model, *_literals(clause)}


def _literals(clause: list[Any]) -> list[str]:
    if clause[0] in ("=", "^"):
        return [str(clause[1]).lower().rstrip("-@")]
    return [text for part in clause[1:] for text in _literals(part)] if clause[0] in "|&" else []
