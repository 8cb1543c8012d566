"""A record that was set aside: where it stands, why, and what it said."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_RAW = 1_000_000
# Room for the words that say how much there was.
_KEPT = LONGEST_RAW - 100


@dataclass(frozen=True)
class Reject:
    """One record that cannot be used. `row` is the 1-based record number inside the file, None for the whole file.

    `note`: how much it is and where it stands, when row and text do not tell. It never repeats what the record says.
    `lines`: how many lines of a text, or rows of a table, it stands for when they could not be separated.
    """

    file: str
    row: int | None
    reason: str
    raw: str | None
    note: str | None = None
    lines: int = 1

    def as_dict(self, means: str | None = None) -> dict[str, object]:
        """Shape of a line of exceptions/rejects.jsonl, with what the reason `means` in words where it is known.

        A very long text is cut and says so.
        """
        raw = self.raw
        if raw is not None and len(raw) > LONGEST_RAW:
            raw = raw[:LONGEST_RAW] + f" ... cut, {len(raw)} characters in all"
        found: dict[str, object] = {"file": self.file, "row": self.row, "reason": self.reason}
        found |= {} if means is None else {"means": means}
        return found | {"raw": raw} | ({} if self.note is None else {"note": self.note})


def excerpt(text: str, start: int = 0, end: int | None = None) -> str:
    """A stretch of a text, cut to what a reject may hold; then it says how long the whole is."""
    end = len(text) if end is None else end
    if end - start <= LONGEST_RAW:
        return text[start:end]
    return cut(text[start : start + _KEPT], end - start, "characters")


def cut(kept: str, size: int, unit: str) -> str:
    """The beginning of a long text, with the size of all of it."""
    return f"{kept[:_KEPT]} ... cut, {size} {unit} in all"
