"""Files that nobody reads, told by their first bytes: archives, other packings, spreadsheets."""

from __future__ import annotations

from focus_ai.sources.discover import SourceFile
from focus_ai.sources.sniff import head_of

# Where the first bytes of each stand, and its name.
_WRAPPED = (
    (0, b"PK\x03\x04", "a ZIP archive"), (0, b"BZh", "bzip2"), (0, b"\xfd7zXZ\x00", "xz"),
    (257, b"ustar", "a tar archive"), (0, b"7z\xbc\xaf'\x1c", "a 7z archive"),
)  # fmt: skip


def what_it_is(source: SourceFile) -> dict[str, str]:
    """What such a file is, where its first bytes say so, and what helps, as facts of an error."""
    head = head_of(source.path, source.format.compression)
    for at, magic, name in _WRAPPED:
        if head.startswith(magic, at):
            if b"[Content_Types].xml" in head:
                return {"value": "an office document", "next_step": "save the table as CSV"}
            return {"value": name, "next_step": "unpack it and give what is in it"}
    return {}
