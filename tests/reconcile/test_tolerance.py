"""How far rows may be from an issued invoice: worked amounts."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from focus_ai.reconcile.tolerance import invoice_tolerance


@pytest.mark.parametrize(
    ("rows", "currency", "amount"),
    [(5, "USD", "1.00"), (250_000, "USD", "2.50"), (1_000_000, "USD", "5.00"), (100, "JPY", "100")],
)
def test_43_invoice_tolerance(rows: int, currency: str, amount: str) -> None:
    assert invoice_tolerance(rows, currency) == D(amount)
