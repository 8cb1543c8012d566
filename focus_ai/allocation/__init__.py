"""Allocation: shared charges to their owners, exactly.

Comes in: rules, rows of a data set (their columns by name), and weights measured on those rows or given in tables. Goes
out: for every shared row its parts, which add up to it to the last digit in every sum, with price times quantity kept
on every part. This room must not read exports, find rates, or decide who owns a direct charge.
"""
