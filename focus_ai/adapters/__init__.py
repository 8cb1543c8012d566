"""Adapters: raw records become neutral records (consumption, or an amount that a provider billed).

In: a source file. Out: staged Parquet of neutral records with disjoint token meters, and rejects. An adapter is a
mapping file; the compiler turns it into one query. Must not know: prices, owners' names, FOCUS columns, or what any
other adapter does.
"""

from focus_ai.adapters.catalogue import by_id, heads, shipped
from focus_ai.adapters.mapping import Mapping, load
from focus_ai.adapters.recognise import recognise
from focus_ai.adapters.stage import stage
from focus_ai.adapters.staged import Staged

__all__ = ["Mapping", "Staged", "by_id", "heads", "load", "recognise", "shipped", "stage"]
