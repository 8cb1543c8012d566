"""Model names: from what an export calls a model to the id that the price list of a channel uses.

Order: a user's alias; exact id; the channel's own decorations taken off (path, ARN, provider and region prefix,
`@date`, `-v1:0`, geography); the dated alias table; ids which the imported list names as equal; its patterns (flagged).
No nearest-name guessing.
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

#: What stands before a model id besides the names of the channel itself: the other name of a seller, an API, a series.
_PREFIXES = {
    "openai": {"responses"},
    "azure_openai": {"azure", "azure_ai", "openai", "responses", "o_series", "gpt5_series"},
    "azure_ai": {"azure", "azure_ai"},
    "gemini": {"models"},
    "gcp_vertex": {"google", "models", "anthropic"},
    "aws_bedrock": {"converse", "invoke"},
}
#: Geographies of Bedrock profiles. A list tells their price only from the global one.
_PLACES = ("us-gov", "us", "eu", "apac", "au", "jp", "ca", "sa", "me", "af")
_GEO = re.compile(rf"(global|{'|'.join(_PLACES)})\.(?=[a-z0-9]+\.)")
_MAKER = re.compile(r"[a-z][a-z0-9]*\.")
_AWS_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d\Z")
_AZURE_ZONES = {"us": "data-zone", "eu": "data-zone", "global": "global", "global-standard": "global"}
_COMPACT = re.compile(r"-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|\Z)")
_VERSION = re.compile(r"-v\d+(:\d+){0,2}(:[0-9a-z]+)?\Z")


@dataclass(frozen=True, slots=True)
class Name:
    """The spellings of one model name, most literal first, and the geography read out of it.

    `core` is the name without decorations. `own_prefix`: the name begins with the seller's, which may be part of the id
    or the writing of a gateway.
    """

    spellings: tuple[str, ...]
    core: str
    geo: str | None = None
    own_prefix: bool = False


def spellings(channel_name: str, raw: str, *, gateway: bool = False) -> Name:
    """Take a channel's decorations off a model name, step by step.

    `gateway`: the name is how a gateway calls its target, where a leading seller is no part of the id.
    """
    text = raw.strip()
    found, geo = [text, text.lower()], None
    name = text.lower()
    if name.startswith("arn:"):
        name = name.rsplit("/", 1)[-1]
    if "/models/" in name:
        name = name.rsplit("/models/", 1)[-1]
    own_prefix = _has_seller(channel_name, name)
    while "/" in name:
        head, _, rest = name.partition("/")
        place = _segment_geo(channel_name, head)
        if not rest or not (place or head in _PREFIXES.get(channel_name, ()) or _has_seller(channel_name, name)):
            break
        name, geo = rest, place or geo
    found.append(name)
    if channel_name == "aws_bedrock":
        match = _GEO.match(name)
        if match:
            geo = "global" if match[1] == "global" else "regional"
            name = name[match.end() :]
            found.append(name)
        elif _MAKER.match(name):
            geo = "regional"
        name = bedrock_id(name)
        found.append(name)
    core = name
    if "@" in name:
        base, _, date = name.partition("@")
        found += [f"{base}-{date}", base]
    found += [_COMPACT.sub(r"-\1-\2-\3", spelling) for spelling in found]
    if gateway and own_prefix:
        found.sort(key=lambda spelling: _has_seller(channel_name, spelling))
    return Name(tuple(dict.fromkeys(found)), core, geo, own_prefix)


def _has_seller(channel_name: str, name: str) -> bool:
    """Whether a name begins with any spelling of its seller."""
    head, slash, _ = name.partition("/")
    return bool(head and slash) and channel(head).name == channel_name


def _segment_geo(channel_name: str, word: str) -> str | None:
    """The geography that a segment of a gateway's path names: an AWS region, a zone of Azure."""
    if channel_name == "aws_bedrock":
        return "regional" if _AWS_REGION.match(word) else None
    return _AZURE_ZONES.get(word) if channel_name in ("azure_openai", "azure_ai") else None


def price_geo(channel_name: str, named: str | None, said: str | None) -> str | None:
    """The geography that a price is looked up for: what the event says, else what its model name says.

    Bedrock sells through profiles, in two prices: the global one, and one for every profile of a geography.
    """
    if said is None:
        return named
    if channel_name == "aws_bedrock" and said in _PLACES:
        return named or "regional"
    return said


_WORDS = re.compile(r"[^a-z0-9]+")
_DATE = re.compile(r"[-@]20\d{2}-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])(?=[-:]|\Z)")


def same_model(channel_name: str, one: str, other: str) -> bool:
    """Whether two names of an event spell one model: the same words but for the seller's, at most one release date."""
    first, second = (spellings(channel_name, name).core for name in (one, other))
    if channel_name == "aws_bedrock":
        first, second = _MAKER.sub("", first, count=1), _MAKER.sub("", second, count=1)
    dates = {match[0].lstrip("-@").replace("-", "") for match in map(_DATE.search, (first, second)) if match}
    words = [
        sorted(w for w in _WORDS.split(_DATE.sub("", name)) if w not in ("", channel_name)) for name in (first, second)
    ]
    return len(dates) < 2 and words[0] == words[1]


def same_spelling(channel_name: str, one: str | None, other: str | None) -> bool:
    """Whether two names of an event are the same word, prefixes aside."""
    if not one or not other:
        return False
    return not {*spellings(channel_name, one).spellings}.isdisjoint(spellings(channel_name, other).spellings)


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
