"""A record that was set aside: where it stands, why, and what it said."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_RAW = 1_000_000


@dataclass(frozen=True)
class Reject:
    """One record that cannot be used. `row` is the 1-based record number inside the file, None for the whole file."""

    file: str
    row: int | None
    reason: str
    raw: str | None

    def as_dict(self) -> dict[str, object]:
        """Shape of a line of exceptions/rejects.jsonl; a very long text is cut and says so."""
        raw = self.raw
        if raw is not None and len(raw) > LONGEST_RAW:
            raw = raw[:LONGEST_RAW] + f" ... cut, {len(raw)} characters in all"
        return {"file": self.file, "row": self.row, "reason": self.reason, "raw": raw}
