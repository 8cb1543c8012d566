"""Sources: bytes become readable files of records.

In: names of inputs (files, folders, globs, `-`, object-store URLs). Out: local files with their format found from
content, and the DuckDB relation that reads them record by record; what cannot be a record is named with its file,
record number and reason. Must not know: what any field means, which export it is, tokens, prices, owners.
"""

from focus_ai.sources.discover import SourceFile, discover
from focus_ai.sources.reject import Reject

__all__ = ["Reject", "SourceFile", "discover"]
