"""Usage: staged records become events that count once.

In: the staged Parquet files of all inputs. Out: one view `events` (records that count), and lists of what does not:
duplicates with the key that proved them, conflicting versions, spans that repeat a child span. This is the one stage
that must see the whole data set. Must not know: prices, owners, FOCUS columns.
"""

from focus_ai.usage import attempts
from focus_ai.usage.identity import Duplicates, deduplicate
from focus_ai.usage.relation import create_view

__all__ = ["Duplicates", "attempts", "create_view", "deduplicate"]
