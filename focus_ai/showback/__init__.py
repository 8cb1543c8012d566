"""Showback: who spent what, read from FOCUS rows.

Comes in: a converted data set, or any FOCUS file as far as it has the columns; budgets and business units as small
tables. Goes out: one report (`focus-ai/showback@1`): spend by day, model, team and product, budgets, shared cost,
unattributed spend with its age, caching, batch, unit cost, movers and alerts. What a file cannot tell is said, not
estimated. Must not know: adapters, prices, owners, how a report is shown.
"""

from focus_ai.showback.run import SCHEMA, run

__all__ = ["SCHEMA", "run"]
