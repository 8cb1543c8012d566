"""The words that a run writes beside its numbers: reasons, warnings, flags, assumptions; what each means, what helps.

In: `schemas/words.yaml`. Out: a `Word` for what stands in a report or a file of exceptions. It knows no run; the rooms
that set a word aside, price or own choose it, and a test holds that all of theirs are here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from focus_ai import resources

# What a star stands for, where a word is told without its record.
NAME = "NAME"
# How the warnings of a report name words of other groups.
_PREFIXES = {"quality:": "quality", "price_assumption:": "assumptions"}


@dataclass(frozen=True, slots=True)
class Word:
    """One word. `name` may hold one `*`, which stands for a field, a path or a list; `{}` in the texts repeats it."""

    group: str
    name: str
    means: str
    helps: str | None

    def fits(self, said: str) -> str | None:
        """What the `*` stands for in this word ("" without one); None when it is another word."""
        before, star, after = self.name.partition("*")
        if not star:
            return "" if said == self.name else None
        inside = said[len(before) : len(said) - len(after)]
        return inside if inside and said == before + inside + after else None

    def said(self, said: str, inside: str) -> Word:
        """This word as it stands in a report."""
        # `service_tier_assumed` is about the service tier; after a colon stands a name as the record spells it.
        shown = inside.replace("_", " ") if self.name.startswith("*") else inside
        helps = self.helps and self.helps.replace("{}", shown)
        return replace(self, name=said, means=self.means.replace("{}", shown), helps=helps)


@dataclass(frozen=True, slots=True)
class Group:
    """The words of one place. `where` they stand, and what they have in common."""

    name: str
    title: str
    where: str
    about: str
    words: Mapping[str, Word]


@cache
def groups() -> dict[str, Group]:
    """All groups by name, in the order of the file."""
    table = resources.load_yaml(resources.schemas() / "words.yaml")
    return {
        name: Group(name=name, **{**entry, "words": {w: _word(name, w, **told) for w, told in entry["words"].items()}})
        for name, entry in table.items()
    }


def _word(group: str, name: str, means: str, helps: str | None = None) -> Word:
    """One entry of the file; an unknown key (a comma without quotes makes one) is a `TypeError`."""
    return Word(group, name, means, helps)


def meaning(group: str, said: str) -> Word | None:
    """The word of this group; None for one that only a mapping or a rate file of the user knows.

    Of several that fit, the one without a star, then the first.
    """
    words = groups()[group].words
    if said in words:
        return words[said]
    for word in words.values():
        inside = word.fits(said)
        if inside is not None:
            return word.said(said, inside)
    return None


def means(group: str, said: str, otherwise: str) -> str:
    """What the word means in one sentence; `otherwise` for a word that is not known here."""
    word = meaning(group, said)
    return otherwise if word is None else word.means


def find(said: str) -> list[Word]:
    """The meanings of a word as a report prints it, one per group that has it. A word with a star is found by its
    beginning too (`missing`)."""
    for prefix, group in _PREFIXES.items():
        if said.startswith(prefix):
            return [w for w in (meaning(group, said.removeprefix(prefix)),) if w]
    found = [w for name in groups() if (w := meaning(name, said))]
    if found:
        return found
    return [
        word.said(word.name.replace("*", NAME), NAME)
        for group in groups().values()
        for word in group.words.values()
        if word.name.partition("*")[0].rstrip(":") == said
    ]


def names() -> list[str]:
    """Every word, without what its star stands for."""
    return [word.partition(":*")[0] for group in groups().values() for word in group.words]
