"""Reconciliation: charges against bills.

Comes in: rated and billed amounts and quantities of the same bucket, and the number of rows of an invoice. Goes out:
the difference split into volume and price, its status against a tolerance, and named causes with what is left. This
room must not change any charge, and must not know where amounts were read from.
"""
