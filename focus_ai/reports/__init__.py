"""Results for people: the run report of `convert` as plain text.

Comes in: report dictionaries (`focus-ai/run@1`), amounts as decimal text. Goes out: text. This room must not know
how the numbers were made, reads no files and imports neither the engine nor a data library.
"""

from focus_ai.reports.run import run_text

__all__ = ["run_text"]
