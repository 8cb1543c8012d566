"""Lines of a bill that correct what was invoiced before are rows of their own, with ChargeClass Correction."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from data_builders import EXPORTS, convert, rows


@pytest.mark.parametrize("focus", ["1.2", "1.3", "1.4"])
@pytest.mark.parametrize("grain", ["request", "day", "month"])
def test_a_refund_of_a_report_corrects_the_line_beside_it(focus: str, grain: str, out: Path) -> None:
    """A line of 0.03 USD for 10,000 tokens, and its refund."""
    convert(out, EXPORTS / "aws" / "cur2" / "refund-csv" / "input.csv", validate=True, focus=focus, grain=grain)
    found = {r["ChargeClass"]: (r["BilledCost"], r["ConsumedQuantity"]) for r in rows(out)}
    assert found == {None: (Decimal("0.03"), 10_000), "Correction": (Decimal("-0.03"), -10_000)}
    assert len({r["x_ChargeId"] for r in rows(out)}) == 2
