"""Properties: spans cover and are disjoint, the order of rows makes no difference, history stays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from focus_ai.ownership import Evidence, OwnerBook, Pseudonyms
from focus_ai.ownership.accounts import Account, Accounts
from focus_ai.ownership.owner_map import MapRow, OwnerMap
from focus_ai.ownership.tables import Period, Place
from focus_ai.settings import Owners

START = date(2026, 1, 1)
DAYS = st.integers(0, 60).map(lambda n: START + timedelta(days=n))
TEAMS = st.sampled_from(["growth", "platform", "search", "unattributed"])
CARRIER = {"api_key_id": "api_key_id", "workspace_id": "workspace_id", "end_user_prefix": "end_user_id"}


def at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


@st.composite
def periods(draw: st.DrawFn) -> list[Period]:
    """Ranges of one id that do not overlap, with gaps, in any order."""
    days = sorted(draw(st.sets(DAYS, max_size=6)))
    made = [Period(a, b) for a, b in zip(days[::2], days[1::2], strict=False)]
    stays_open: bool = draw(st.booleans())
    if made and stays_open:
        made[-1] = Period(made[-1].start, date.max)
    return draw(st.permutations(made))


@st.composite
def map_rows(draw: st.DrawFn) -> list[MapRow]:
    rows: list[MapRow] = []
    for kind in CARRIER:
        for span in draw(periods()):
            values = {"team": (draw(TEAMS), f"owner_map:{kind}=k")} if draw(st.booleans()) else {}
            values["product"] = (draw(st.sampled_from("xyz")), f"owner_map:{kind}=k")
            rows.append(MapRow(kind, "k", None, span, Place("map.csv", len(rows) + 2), values))
    return rows


@st.composite
def account_rows(draw: st.DrawFn) -> list[Account]:
    return [
        Account(team, span, Place("accounts.csv", 2), cost_center=draw(st.sampled_from(["C1", "C2"])))
        for team in ("growth", "platform", "unattributed")
        for span in draw(periods())
    ]


def book(rows: list[MapRow], accounts: list[Account], prefer: str = "event") -> OwnerBook:
    return OwnerBook(Owners(prefer=prefer), OwnerMap(rows), Accounts(accounts), Pseudonyms())


EVIDENCE = st.builds(
    Evidence,
    owner_team=st.sampled_from([None, "growth", "unknown"]),
    api_key_id=st.sampled_from([None, "k"]),
    workspace_id=st.sampled_from([None, "k", "z"]),
    end_user_id=st.sampled_from([None, "k1"]),
)


@given(map_rows(), account_rows(), EVIDENCE, DAYS, st.integers(0, 40), st.sampled_from(["event", "key_map"]))
@settings(deadline=None)
def test_spans_cover_are_disjoint_and_equal_each_day(
    rows: list[MapRow], accounts: list[Account], evidence: Evidence, first: date, length: int, prefer: str
) -> None:
    made = book(rows, accounts, prefer)
    last = first + timedelta(days=length)
    spans = made.resolve(evidence, at(first), at(last))
    assert spans[0].t_from <= at(first) and at(last) < spans[-1].t_to
    for before, after in pairwise(spans):
        assert before.t_to == after.t_from
        assert before.owner != after.owner
    for n in range(length + 1):
        day = at(first + timedelta(days=n))
        holding = [span.owner for span in spans if span.t_from <= day < span.t_to]
        alone = book(rows, accounts, prefer).resolve(evidence, day, day)
        assert holding == [alone[0].owner] and len(alone) == 1
        owner = holding[0]
        assert (owner.team is None) == (owner.status == "unattributed") == (owner.reason is not None)


@given(st.data(), map_rows(), account_rows(), EVIDENCE)
@settings(deadline=None)
def test_order_of_rows_makes_no_difference(
    data: st.DataObject, rows: list[MapRow], accounts: list[Account], evidence: Evidence
) -> None:
    shuffled = book(data.draw(st.permutations(rows)), data.draw(st.permutations(accounts)))
    span = (at(START), at(START + timedelta(days=70)))
    assert book(rows, accounts).resolve(evidence, *span) == shuffled.resolve(evidence, *span)


@given(DAYS, TEAMS, TEAMS)
@settings(deadline=None)
def test_moving_a_key_changes_nothing_before_the_day(day: date, old: str, new: str) -> None:
    def row(team: str, span: Period) -> MapRow:
        return MapRow("api_key_id", "k", None, span, Place("m", 2), {"team": (team, "owner_map:api_key_id=k")})

    before = book([row(old, Period(START))], [])
    after = book(
        [row(old, Period(START, day)), row(new, Period(day))] if day > START else [row(new, Period(START))], []
    )
    moved = book([row(new, Period(START))], [])
    key = Evidence(api_key_id="k")
    for n in range(70):
        moment = at(START + timedelta(days=n))
        want = before if moment.date() < day else moved
        assert after.resolve(key, moment, moment)[0].owner == want.resolve(key, moment, moment)[0].owner


def test_a_row_for_one_id_never_touches_another() -> None:
    row = MapRow("api_key_id", "k", None, Period(), Place("m", 2), {"team": ("growth", "s")})
    assert book([row], []).resolve(Evidence(api_key_id="K"), at(START), at(START))[0].owner.team is None
