"""Sums over a time in which the price changes: rated at their first instant, and always with the assumption."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal as D
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pricing_builders import card, rows, stamp
from test_pricing_properties import END, START, cards, instants

from focus_ai import api
from focus_ai.pricing import Price, Profile, RateCard, Window, resolve
from focus_ai.pricing.buckets import MARKS, resolve_buckets

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SHIPPED = RateCard.load()


def marks(price: object) -> set[str]:
    assert isinstance(price, Price)
    return set(price.assumptions) & set(MARKS)


def of(own: RateCard, model: str, start: str, length: timedelta, channel: str = "deepseek") -> tuple[D, set[str]]:
    """The list price of input in a bucket, and what was assumed about time."""
    at = stamp(start)
    (segment,) = resolve_buckets(own, Profile(channel, (model,), aggregate=True), ["input"], at, at, length)
    price = segment.prices["input"]
    assert isinstance(price, Price) and segment.t_to == at + timedelta(microseconds=1)
    return price.list_unit_price, marks(price)


@pytest.mark.parametrize(
    ("start", "length", "amount", "assumed"),
    [
        # Monday in Beijing: peak 09:00 to 12:00 and 14:00 to 18:00 (01:00 to 04:00 and 06:00 to 10:00 UTC)
        ("2026-11-15T16:00:00", DAY, "0.66", {"time_window_assumed"}),
        ("2026-11-16T00:00:00", HOUR, "0.66", set()),  # ends where the peak begins
        ("2026-11-16T00:30:00", HOUR, "0.66", {"time_window_assumed"}),
        ("2026-11-16T01:00:00", HOUR, "1.32", set()),
        ("2026-11-16T03:00:00", 2 * HOUR, "1.32", {"time_window_assumed"}),
        ("2026-11-20T16:00:00", 2 * DAY, "0.66", set()),  # Saturday and Sunday in Beijing have no peak
        # the price list of 2026-08-16T16:00Z: 0.435 flat before, 0.66 or 1.32 by the hour after
        ("2026-08-16T00:00:00", DAY, "0.435", {"price_change_in_bucket"}),
        ("2026-08-16T00:00:00", 2 * DAY, "0.435", {"price_change_in_bucket", "time_window_assumed"}),
        ("2026-08-15T16:00:00", DAY, "0.435", set()),
    ],
)
def test_a_bucket_across_a_change_says_so(start: str, length: timedelta, amount: str, assumed: set[str]) -> None:
    assert of(SHIPPED, "deepseek-v4-pro", start, length) == (D(amount), assumed)


def test_a_change_of_another_meter_marks_that_meter_only() -> None:
    own = card(
        rows("m", {"input": "1", "output": "2"}, until="2026-03-25T12:00:00"),
        rows("m", {"input": "1", "output": "3"}, since="2026-03-25T12:00:00"),
    )
    at = stamp("2026-03-25")
    (segment,) = resolve_buckets(own, Profile("openai", ("m",), aggregate=True), ["input", "output"], at, at, DAY)
    assert marks(segment.prices["input"]) == set()
    assert marks(segment.prices["output"]) == {"price_change_in_bucket"}


def test_an_absurd_end_of_a_bucket_costs_no_time() -> None:
    assert of(SHIPPED, "deepseek-v4-pro", "2026-11-16T01:00:00", timedelta(days=400_000))[1] == {"time_window_assumed"}


@settings(max_examples=60, deadline=None)
@given(cards(), st.lists(instants, min_size=1, max_size=4), st.integers(0, 60 * 72).map(lambda n: timedelta(minutes=n)))
def test_marks_are_those_of_the_single_bucket(own: RateCard, starts: list[datetime], length: timedelta) -> None:
    """All buckets at once say of each what a look at every price inside it says; amounts are those of its start."""
    profile, meters = Profile("openai", ("m",), aggregate=True), ["input", "output"]
    segments = resolve_buckets(own, profile, meters, START, END, length)
    assert segments[0].t_from == START and segments[-1].t_to == END + timedelta(microseconds=1)
    assert all(one.t_to == other.t_from for one, other in pairwise(segments))
    changes = [s.t_from for s in resolve(own, profile, meters, START, END + length)]
    tick = timedelta(microseconds=1)
    for at in [*starts, *[s.t_from for s in segments], *[s.t_to - tick for s in segments]]:
        (segment,) = [s for s in segments if s.t_from <= at < s.t_to]
        inside = [
            resolve_buckets(own, profile, meters, moment, moment, timedelta())[0]
            for moment in {at, *[change for change in changes if at < change < at + length]}
        ]
        for meter in meters:
            price = segment.prices[meter]
            (first,) = resolve_buckets(own, profile, meters, at, at, timedelta())
            if not isinstance(price, Price):
                assert price == first.prices[meter]
                continue
            start = first.prices[meter]
            assert isinstance(start, Price)
            assert (price.list_unit_price, price.rate_id) == (start.list_unit_price, start.rate_id)
            answers = [s.prices[meter] for s in inside]
            amounts = {(p.list_unit_price, p.contracted_unit_price) if isinstance(p, Price) else None for p in answers}
            assert bool(marks(price)) is (len(amounts) > 1)


def test_hours_beside_days_of_one_export(tmp_path: Path) -> None:
    """1M tokens of a day at 0.66, marked; 1M in a peak hour at 1.32 and 1M in a quiet hour at 0.66, exact."""
    head = "user_id,start_time_iso,end_time_iso,model,api_key_name,api_key,type,price,amount\n"
    line = "u-1,{}+08:00,{}+08:00,deepseek-v4-pro,orbit,sk-ab***01,input_cache_miss_tokens,0,1000000\n"
    spans = [
        ("2026-11-16T00:00:00", "2026-11-17T00:00:00"),
        ("2026-11-17T10:00:00", "2026-11-17T11:00:00"),
        ("2026-11-17T12:00:00", "2026-11-17T13:00:00"),
    ]
    path = tmp_path / "amount.csv"
    path.write_text(head + "".join(line.format(*span) for span in spans), encoding="utf-8")
    api.convert([str(path)], tmp_path / "out")
    found = duckdb.sql(
        "SELECT ListUnitPrice, EffectiveCost, coalesce(x_PriceAssumptions, '') LIKE '%time_window_assumed%' "
        f"FROM read_parquet('{tmp_path}/out/data/*/*.parquet') ORDER BY ALL"
    ).fetchall()
    assert found == [(D("0.66"), D("0.66"), False), (D("0.66"), D("0.66"), True), (D("1.32"), D("1.32"), False)]


@settings(max_examples=40, deadline=None)
@given(cards())
def test_single_requests_have_no_bucket(own: RateCard) -> None:
    profile, meters = Profile("openai", ("m",)), ["input", "output"]
    wanted = resolve(own, profile, meters, START, END)
    assert resolve_buckets(own, profile, meters, START, END, timedelta()) == wanted
    assert resolve_buckets(own, profile, meters, START, END, DAY) == wanted


def test_requests_of_any_context_beside_each_other_are_not_marked(tmp_path: Path) -> None:
    """gpt-5.4 costs more above 272k input tokens: two prices at one time are no price change."""
    line = '{{"event_id": "e{}", "timestamp": "2026-11-{:02d}T10:00:00Z", "provider": "openai", "model": "gpt-5.4", '
    line += '"input_tokens": {}, "output_tokens": 10, "status": "success"}}\n'
    path = tmp_path / "calls.jsonl"
    path.write_text("".join(line.format(n, 10 + n, 200_000 * n) for n in (1, 2, 3)), encoding="utf-8")
    api.convert([str(path)], tmp_path / "out")
    ((marked,),) = duckdb.sql(
        "SELECT count(*) FILTER (x_PriceAssumptions LIKE '%bucket%' OR x_PriceAssumptions LIKE '%window%') "
        f"FROM read_parquet('{tmp_path}/out/data/*/*.parquet')"
    ).fetchall()
    assert marked == 0


def test_a_window_ends_at_its_last_minute() -> None:
    own = card(
        rows("m", {"input": "2"}, channel="deepseek"),
        rows("m", {"input": "1"}, channel="deepseek", window=Window("10:00", "11:00")),
    )
    assert of(own, "m", "2026-03-25T10:00:00", HOUR) == (D(1), set())
    assert of(own, "m", "2026-03-25T10:00:00", HOUR + timedelta(microseconds=1)) == (D(1), {"time_window_assumed"})
