"""What always holds: segments are disjoint and cover everything, and agree with the lookup of one event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

from hypothesis import given, settings
from hypothesis import strategies as st
from pricing_builders import card, rows

from focus_ai.pricing import NoRate, Price, Profile, RateCard, Segment, Unpriced, Window, lookup, resolve
from focus_ai.pricing.contract import Contract

START = datetime(2026, 3, 20, tzinfo=UTC)
END = datetime(2026, 4, 20, tzinfo=UTC)
instants = st.integers(0, int((END - START).total_seconds()) * 10**6).map(lambda us: START + timedelta(microseconds=us))
clocks = st.tuples(st.integers(0, 23), st.sampled_from([0, 30])).map(lambda t: f"{t[0]:02d}:{t[1]:02d}")
zones = st.sampled_from(["UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York"])
windows = st.builds(
    Window, clocks, clocks, zones, st.lists(st.integers(1, 7), min_size=1, unique=True).map(lambda d: tuple(sorted(d)))
)
amounts = st.integers(0, 10**9).map(lambda n: format(D(n).scaleb(-6), "f"))


@st.composite
def cards(draw: st.DrawFn) -> RateCard:
    """A card with dated prices, context tiers, windows, batch prices and a contract."""
    cut = draw(instants)
    groups = [
        rows("m", {"input": draw(amounts), "output": draw(amounts)}, until=cut.isoformat()),
        rows("m", {"input": draw(amounts), "output": draw(amounts)}, since=cut.isoformat()),
    ]
    for bound in draw(st.lists(st.sampled_from([1_000, 50_000, 200_000]), unique=True, max_size=2)):
        groups.append(rows("m", {"input": draw(amounts)}, context_gt=bound, since=draw(instants).isoformat()))
    for window in draw(st.lists(windows, max_size=1)):
        groups.append(rows("m", {"output": draw(amounts)}, window=window, until=draw(instants).isoformat()))
    if draw(st.booleans()):
        groups.append(rows("m", {"input": draw(amounts)}, when={"processing": "batch"}))
    contract = Contract("c", "*", "*", "*", "percent_off", D(draw(st.integers(0, 100))), effective_from=draw(instants))
    return card(*groups, contracts=[contract])


def covering(segments: list[Segment], at: datetime, context: int) -> list[Segment]:
    return [
        s for s in segments
        if s.t_from <= at < s.t_to and s.context_gt < context and (s.context_le is None or context <= s.context_le)
    ]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(cards(), st.lists(st.tuples(instants, st.integers(0, 300_000)), min_size=1, max_size=8), st.booleans())
def test_segments_cover_once_and_agree_with_lookup(
    own: RateCard, events: list[tuple[datetime, int]], batch: bool
) -> None:
    profile = Profile("openai", ("m",), is_batch=batch)
    segments = resolve(own, profile, ["input", "output"], START, END)
    tick = timedelta(microseconds=1)
    edges = [(edge, c) for s in segments for edge in (s.t_from, s.t_to - tick) for c in (0, 200_001)]
    for at, context in [*events, (START, 0), (END, 10**9), *edges]:
        (segment,) = covering(segments, at, context)
        for meter in ("input", "output"):
            single = lookup(own, "openai", "m", meter, at, profile.conditions(context))
            price = segment.prices[meter]
            if isinstance(single, NoRate):
                assert isinstance(price, Unpriced) and price.reason == single.reason
            else:
                assert isinstance(price, Price)
                assert (price.list_unit_price, price.rate_id) == (single.price, single.rate_id)


@settings(max_examples=60, deadline=None)
@given(cards())
def test_no_float_and_nine_places(own: RateCard) -> None:
    for segment in resolve(own, Profile("openai", ("m",)), ["input", "output"], START, END):
        for price in segment.prices.values():
            if isinstance(price, Price):
                for number in (price.list_unit_price, price.contracted_unit_price, price.pc_list_unit_price):
                    assert type(number) is D and number.as_tuple().exponent == -9
                assert price.contracted_unit_price <= price.list_unit_price


@settings(max_examples=100, deadline=None)
@given(windows, instants, instants)
def test_window_occurrences_and_membership_agree(window: Window, first: datetime, second: datetime) -> None:
    low, high = sorted((first, second))
    spans = list(window.spans(low, high))
    for at in (low, high, low + (high - low) / 2):
        assert window.holds(at) == any(start <= at < end for start, end in spans)


def test_window_bounds_and_midnight() -> None:
    night = Window("16:30", "00:30")
    day = datetime(2026, 3, 25, tzinfo=UTC)
    inside = [day.replace(hour=16, minute=30), day.replace(hour=23), day, day.replace(minute=29, second=59)]
    outside = [day.replace(hour=16, minute=29), day.replace(minute=30), day.replace(hour=12)]
    assert all(night.holds(at) for at in inside)
    assert not any(night.holds(at) for at in outside)
    friday_night = Window("22:00", "02:00", days=(5,))
    assert friday_night.holds(datetime(2026, 3, 28, 1, tzinfo=UTC))
    assert not friday_night.holds(datetime(2026, 3, 27, 1, tzinfo=UTC))


def test_window_follows_the_clock_of_its_zone() -> None:
    morning = Window("08:00", "09:00", "Europe/Berlin")
    assert morning.holds(datetime(2026, 3, 28, 7, 30, tzinfo=UTC))
    assert morning.holds(datetime(2026, 3, 29, 6, 30, tzinfo=UTC))
    assert not morning.holds(datetime(2026, 3, 29, 7, 30, tzinfo=UTC))
