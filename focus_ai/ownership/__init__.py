"""Ownership: who pays for a piece of consumption.

In: `Evidence`, the owner-relevant fields of neutral records (distinct combinations, not rows), and the first and
last time at which each combination was seen; the settings name the owner map and the chargeback accounts. Out:
`OwnerSpan`s, time ranges with the `Owner` that holds in them: team, product, feature, environment, cost center,
business unit, contact, a status, the reason when there is no owner, and for every field where it came from.

This room must not know prices, adapters, files of usage or FOCUS columns: it never sees an amount, and what becomes
of an owner in an output row is decided elsewhere.

Way in: `OwnerBook.load(settings)` then `book.resolve(evidence, t_min, t_max)`. Ids of people go through
`Pseudonyms.from_settings(settings)`.
"""

from __future__ import annotations

from .accounts import Account
from .book import OwnerBook
from .model import Evidence, Owner, OwnerSpan
from .pseudonym import Pseudonyms, looks_like_email

__all__ = ["Account", "Evidence", "Owner", "OwnerBook", "OwnerSpan", "Pseudonyms", "looks_like_email"]
