"""Sinks: rows become files, and a finished data set replaces the old one in a single step.

In: the SQL of rows and their schema, counts and totals. Out: Parquet per billing period, manifests, FOCUS metadata,
exceptions, run.json. Must not know how a row came about.
"""

from focus_ai.sinks.parquet import Written, write_parquet
from focus_ai.sinks.swap import Delivery

__all__ = ["Delivery", "Written", "write_parquet"]
