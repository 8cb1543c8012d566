"""Inputs of the validator: files as people have them become one data set that rules can be asked of.

In: names of files, folders, globs, `-` and object-store addresses, and a session. Out: `Opened`: the `Dataset` (a
relation with `_file` and `_row`), its version and dataset with how they were found, the verdicts about the form of
the files, and remarks. Cells are never typed by looking at them: text stays text, Parquet keeps its types. Must not
know: any rule about a value.
"""

from focus_ai.validation.inputs.find import find
from focus_ai.validation.inputs.open import Opened, open_files

__all__ = ["Opened", "find", "open_files"]
