"""The errors a person can cause, as one short tree.

    FocusAiError              what is wrong, where, the value found, what was expected, what to do next
    ├── UsageError    exit 2  wrong command, option or settings
    ├── InputError    exit 3  input missing, unreadable or not recognised
    └── InternalError exit 4  our own fault

Bad *records* are not exceptions: they are set aside with a reason (see `focus_ai.sources`).
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class FocusAiError(Exception):
    """A clear sentence for the person at the terminal; never shown as a traceback."""

    exit_code = 4

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        value: object = None,
        expected: str | None = None,
        next_step: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what, self.where, self.value, self.expected, self.next_step = what, where, value, expected, next_step

    def lines(self) -> list[str]:
        """The message as lines: what, then where / found / expected / next, each only when known."""
        facts = (("where", self.where), ("found", self.value), ("expected", self.expected), ("next", self.next_step))
        return [self.what, *(f"  {name}: {fact}" for name, fact in facts if fact is not None)]

    def __str__(self) -> str:
        return "\n".join(self.lines())


class UsageError(FocusAiError):
    """Wrong command, option or settings file."""

    exit_code = 2


class InputError(FocusAiError):
    """An input that is missing, unreadable or not recognised."""

    exit_code = 3


class InternalError(FocusAiError):
    """A promise of the program itself was broken."""

    exit_code = 4


def nearest(name: str, known: Iterable[str]) -> str:
    """`did you mean x?` when one known name is close, and the list of known names otherwise."""
    names = sorted(known)
    close = get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(close) + "?"
    return "known: " + ", ".join(names)


def misspelt(name: str, known: Iterable[str]) -> bool:
    """Whether a name that is none of the known ones looks very much like one of them."""
    names = set(known)
    return name not in names and bool(get_close_matches(name, names, n=1, cutoff=0.8))
