"""How far the rows of an issued invoice may be from its amount."""

from __future__ import annotations

from decimal import Decimal

from focus_ai.money import CTX

#: Smallest printed unit of currencies that have no cents or more than two places (ISO 4217, read 2026-11-22).
_PLACES = {
    "BHD": 3, "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "IQD": 3, "ISK": 0, "JOD": 3, "JPY": 0, "KMF": 0, "KRW": 0,
    "KWD": 3, "LYD": 3, "OMR": 3, "PYG": 0, "RWF": 0, "TND": 3, "UGX": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0,
    "XPF": 0,
}  # fmt: skip


def invoice_tolerance(rows: int, currency: str) -> Decimal:
    """The larger of 100 subunits and half a subunit per root of rows, in units of the currency (ISO 4217 code).

    Rule of FOCUS 1.4, read 2026-11-22. Raises `ValueError` for a negative number of rows.
    """
    if rows < 0:
        raise ValueError("the number of rows is negative")
    subunit = Decimal(1).scaleb(-_PLACES.get(currency, 2))
    drift = CTX.multiply(CTX.multiply(CTX.sqrt(Decimal(rows)), Decimal("0.5")), subunit)
    return max(CTX.multiply(Decimal(100), subunit), drift)
