"""Reconciliation: charges against bills.

Comes in: rows of a FOCUS shape on both sides (rated charges, and what was billed), evidence about single calls, and
prices of the rate card. Goes out: buckets with their difference split into volume and price, a status, causes with
exact amounts and what is left, and, to close a period, the weights or adjustments that bring the rows to the bill.
This room must not change any charge, and must not know which export a row came from or how a rate was found.
"""
