"""What the mapping language cannot say: one module per export that turns its documents into records.

A module has one function `rewrite(documents)`: it takes the JSON documents of a file in their order (broken ones are
set aside before) and yields JSON objects, which the mapping then reads. It keeps numbers as it finds them, knows no
other export and does not open anything.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from focus_ai.sources.discover import SourceFile
from focus_ai.sources.documents import readable, spool_values
from focus_ai.sources.reject import Reject


def spool_by_code(module: str, source: SourceFile, target: Path) -> tuple[list[Reject], int]:
    """Write the records that the module makes of a file to `target`, one line each.

    Returns the documents that could not be read, with their numbers in the file, and the length of the longest line.
    """
    rejects: list[Reject] = []
    documents: Iterator[dict[str, Any]] = readable(source.name, source.path, source.format, rejects)
    made, longest = spool_values(source.name, importlib.import_module(module).rewrite(documents), target)
    return [*rejects, *made], longest
