"""Averages, spikes, budgets and movers, worked out by hand."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from focus_ai.errors import InputError, UsageError
from focus_ai.money import share, total
from focus_ai.showback.exact import less, plain, ratio, shifted
from focus_ai.showback.movers import read_span, usual_spans
from focus_ai.showback.series import calendar, points, spikes
from focus_ai.showback.tables import Budget, Unit, read_budgets, read_units

FIRST = date(2026, 10, 1)


def costs(*values: str) -> dict[date, Decimal]:
    return {FIRST + timedelta(days=n): Decimal(v) for n, v in enumerate(values) if v != "0"}


def test_the_average_is_of_seven_calendar_days() -> None:
    """7, 0, 14 and then nothing: 7, 3.5, 7, 5.25, 4.2, 3.5, 3, and from the eighth day on without the first."""
    days = calendar(FIRST, FIRST + timedelta(days=8))
    found = [str(p.average.normalize()) for p in points(costs("7", "0", "14"), days)]
    assert found == ["7", "3.5", "7", "5.25", "4.2", "3.5", "3", "2", "2"]


def test_a_spike_is_over_twice_the_seven_days_before() -> None:
    days = calendar(FIRST, FIRST + timedelta(days=4))
    nothing = Decimal(0)
    at_limit = spikes(costs("10", "10", "10", "20", "10"), days, Decimal(2), nothing)
    assert at_limit == []
    (above,) = spikes(costs("10", "10", "10", "20.01", "10"), days, Decimal(2), nothing)
    assert (above.day, above.cost, above.usual) == (date(2026, 10, 4), Decimal("20.01"), Decimal(10))
    assert spikes(costs("10", "10", "10", "20.01"), days[:4], Decimal(2), Decimal("10.01")) == []
    assert spikes(costs("10", "10", "99"), days[:3], Decimal(2), nothing) == []  # two days are no history


@given(st.lists(st.decimals(0, 1000, places=6), min_size=1, max_size=20))
def test_the_series_holds_every_cent(values: list[Decimal]) -> None:
    days = calendar(FIRST, FIRST + timedelta(days=len(values) - 1))
    found = points(dict(zip(days, values, strict=True)), days)
    assert total(p.cost for p in found) == total(values)
    assert [p.day for p in found] == days


def test_exact_arithmetic() -> None:
    assert share(Decimal(1), Decimal(3)) == Decimal("0.333333")
    assert share(5, 0) == 0
    assert ratio(Decimal(2), 3) == Decimal("0.666666667")
    assert ratio(1, 0) is None
    long = Decimal("12345678901234567890.123456789012345678")
    assert less(long, Decimal("0.000000000000000001")) == Decimal("12345678901234567890.123456789012345677")
    assert shifted(long, -6) == Decimal("12345678901234.567890123456789012345678")
    assert plain({"a": [Decimal("1E+3")], "b": None}) == {"a": ["1000"], "b": None}


def test_periods_as_people_write_them() -> None:
    assert read_span("2026-02") == (date(2026, 2, 1), date(2026, 2, 28))
    assert read_span("2026-12") == (date(2026, 12, 1), date(2026, 12, 31))
    assert read_span("2026-10-03") == (date(2026, 10, 3), date(2026, 10, 3))
    assert read_span("2026-10-03..2026-11") == (date(2026, 10, 3), date(2026, 11, 30))
    for wrong in ("october", "2026-13", "2026-1", "2026-10-03..", "2026-11..2026-10", "20261003"):
        with pytest.raises(UsageError):
            read_span(wrong)


def test_two_weeks_are_compared_when_there_are_two() -> None:
    days = calendar(FIRST, FIRST + timedelta(days=13))
    assert usual_spans(days) == ((days[0], days[6]), (days[7], days[13]))
    assert usual_spans(days[:13]) is None


def test_small_tables(tmp_path: Path) -> None:
    path = tmp_path / "budgets.csv"
    path.write_text("team,month,budget,currency\nsearch,2026-10,12.50,usd\ncare,,3,\n", encoding="utf-8")
    assert read_budgets(path) == [
        Budget("search", "2026-10", Decimal("12.50"), "USD"), Budget("care", None, Decimal(3), None),
    ]  # fmt: skip
    path.write_text("date,unit,value,product\n2026-10-01,tickets,40,shop\n2026-10,users,7,\n", encoding="utf-8")
    assert read_units(path) == [
        Unit("2026-10-01", "tickets", Decimal(40), None, "shop"), Unit("2026-10", "users", Decimal(7)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["team,budget\nsearch,much\n", "team,budget\nsearch,-1\n", "team,money\nsearch,1\n", "team,budget\n,1\n",
     "team,budget,month\nsearch,1,2026-13\n", "team,budget,colour\nsearch,1,red\n", "team,budget\nsearch,1,2\n"],
)  # fmt: skip
def test_wrong_tables_name_the_place(tmp_path: Path, text: str) -> None:
    path = tmp_path / "budgets.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_budgets(path)
    assert "line" in str(error.value.where)
