"""Audit: is a log or export ready for showback and chargeback, and what in it costs money for nothing.

Comes in: the same inputs as a conversion. Goes out: one report (`focus-ai/audit@1`) with findings, spend by owner,
model and day, the dearest requests and a verdict; no data set is written. Staging, duplicates, owners and prices are
those of the conversion (`pipeline.rate`), so both say the same money. Must not know: FOCUS columns, sinks, how a report
is shown.
"""

from focus_ai.audit.run import SCHEMA, run

__all__ = ["SCHEMA", "run"]
