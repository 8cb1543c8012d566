"""What a line of an export speaks for: its time, its account, its project."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from focus_ai.usage.reach import Reach, blocks, holds, meets, merged
from focus_ai.usage.units import DAY, HOUR, Unit

LINE = Unit(
    "billed", "costs", "family", None, "openai", "a", "p", calls=False, fine=False, fee=False, refund=False,
    billable=True, key=1, first=0, last=0, start=0, end=DAY, fineness=0, records=1, tokens=0, cached=0, others=Decimal(0),
    paid=Decimal(1), reach=(0, DAY), day=(0, DAY),
)  # fmt: skip


def test_spans_that_touch_are_one() -> None:
    union = merged([(10, 20), (0, 10), (30, 40), (32, 35)])
    assert union == [(0, 20), (30, 40)]
    assert holds(union, 5, 15) and not holds(union, 15, 35) and not holds(union, 25, 27)
    assert meets(union, 15, 35) and not meets(union, 20, 30) and not meets([], 0, 1)


def test_two_days_cover_a_line_over_midnight_and_one_does_not() -> None:
    second = replace(LINE, reach=(DAY, 2 * DAY), day=(DAY, 2 * DAY))
    over = replace(LINE, start=16 * HOUR, end=DAY + 16 * HOUR)
    assert Reach([LINE, second], one=True).covers(over)
    assert not Reach([second], one=True).covers(over) and Reach([second], one=True).touches(over)


@pytest.mark.parametrize(
    ("there", "here", "alike"),
    [("p", "p", True), ("p", "q", False), (None, "q", True), ("p", None, True), ("310000000001", "q", True),
     ("310000000001", "310000000002", False)],
)  # fmt: skip
def test_projects_are_compared_where_both_name_one(there: str | None, here: str | None, alike: bool) -> None:
    """A bill that names projects says nothing about usage that numbers them."""
    assert Reach([replace(LINE, sub=there)], one=True).covers(replace(LINE, sub=here)) is alike


@pytest.mark.parametrize(
    ("account", "sub", "one", "alike"),
    [("a", "q", True, False), ("b", "p", False, False), (None, "p", False, True), (None, None, False, False),
     (None, None, True, True)],
)  # fmt: skip
def test_a_source_without_an_account_is_of_the_only_one_or_of_the_project(
    account: str | None, sub: str | None, one: bool, alike: bool
) -> None:
    assert Reach([LINE], one=one).covers(replace(LINE, account=account, sub=sub)) is alike


def test_refunds_and_calls_at_the_edge_stand_for_less() -> None:
    assert not Reach([replace(LINE, refund=True)], one=True).touches(LINE)
    log = replace(LINE, calls=True, fine=True, reach=(12 * HOUR, DAY))
    assert Reach([log], one=True).covers(LINE) and not Reach([log], one=True, strict=True).covers(LINE)


def test_blocks_are_tied_by_time() -> None:
    week = replace(LINE, end=7 * DAY, reach=(0, 7 * DAY))
    third = replace(LINE, start=2 * DAY, end=3 * DAY, reach=(2 * DAY, 3 * DAY))
    ninth = replace(LINE, start=8 * DAY, end=9 * DAY, reach=(8 * DAY, 9 * DAY))
    tenth = replace(LINE, start=9 * DAY, end=10 * DAY, reach=(9 * DAY, 10 * DAY))
    assert [len(b) for b in blocks([tenth, third, week, ninth])] == [2, 1, 1]
