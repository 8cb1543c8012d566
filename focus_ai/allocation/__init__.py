"""Allocation: shared charges to their owners, exactly.

Comes in: an amount or a charge with its quantity, unit prices and costs, and exact weights per target. Goes out: parts
which add up to the whole to the last digit, with price times quantity kept on every part. This room must not know how
weights were measured, which export a charge came from, or FOCUS column names.
"""
