"""Whatever sources are given together: no money is lost, none is counted twice, and their order decides nothing.

A world has one unit of money (a thousand tokens) per account, project and hour. A source tells of some accounts and
projects over some hours, in buckets of an hour, a day or its whole span, with or without naming the account. What the
run keeps is compared with the union of what was told.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from focus_ai.adapters import shipped
from focus_ai.engine import Session
from focus_ai.engine.tables import create_table
from focus_ai.usage.billing_source import Carriers, choose
from focus_ai.usage.overlap import choose_place

START = datetime(2026, 10, 5, tzinfo=UTC)
HOURS = 72
# The kinds of source: adapter, record kind, group of the same usage, and the buckets it can have.
KINDS = {
    "usage": ("openai-usage-completions", "usage", "openai-completions", ("hour", "day", "span")),
    "usage 2": ("openai-dashboard-completions-usage", "usage", "openai-completions", ("hour", "day", "span")),
    "bodies": ("openai-chat-completion", "usage", "openai-completions/bodies", ("call",)),
    "bill": ("openai-costs", "billed", None, ("day", "span")),
    "bill 2": ("openai-dashboard-costs", "billed", None, ("day", "span")),
    "log": ("generic-event", "usage", None, ("call",)),
}
COLUMNS = {
    "kind": "VARCHAR", "adapter": "VARCHAR", "money_family": "VARCHAR", "same_usage": "VARCHAR", "provider": "VARCHAR",
    "account_id": "VARCHAR", "sub_account_id": "VARCHAR", "grain": "VARCHAR", "event_time": "TIMESTAMPTZ",
    "bucket_end": "TIMESTAMPTZ", "charge_category": "VARCHAR", "billed_cost": "DECIMAL(38, 18)", "currency": "VARCHAR",
    "input_uncached_tokens": "BIGINT",
}  # fmt: skip
PRESENT = frozenset(COLUMNS) | {"money_family", "same_usage"}
Cell = tuple[str, str, int]


@dataclass(frozen=True)
class Source:
    """`first` and `last`: hours of the world, exclusive at the end."""

    kind: str
    accounts: tuple[str, ...]
    projects: tuple[str, ...]
    named: bool
    of_projects: bool
    bucket: str
    first: int
    last: int

    def cells(self) -> set[Cell]:
        """What it tells of, if it is let speak: one unit of money each."""
        return set(itertools.product(self.accounts, self.projects, range(self.first, self.last)))

    def rows(self) -> Iterator[dict[str, object]]:
        adapter, kind, same, _ = KINDS[self.kind]
        cuts = {self.first, self.last}
        if self.bucket in ("hour", "call"):
            cuts = {*range(self.first, self.last + 1)}
        elif self.bucket == "day":  # a day that is asked for in part is a bucket of that part
            cuts |= {h for h in range(0, HOURS + 1, 24) if self.first < h < self.last}
        for account, project in itertools.product(self.accounts, self.projects):
            for start, end in itertools.pairwise(sorted(cuts)):
                call = self.bucket == "call"
                yield {
                    "kind": kind, "adapter": adapter, "money_family": None if self.kind == "log" else "openai-organization",
                    "same_usage": same, "provider": "openai", "account_id": account if self.named else None,
                    "sub_account_id": project if self.named and (self.of_projects or not call) else None,
                    "grain": "request" if call else "aggregate",
                    "event_time": START + timedelta(hours=start, minutes=30 if call else 0),
                    "bucket_end": None if call else START + timedelta(hours=end),
                    "billed_cost": Decimal(end - start) if kind == "billed" else None, "currency": "USD",
                    "input_uncached_tokens": 1000 * (end - start) if kind == "usage" else None,
                }  # fmt: skip


def kept(sources: list[Source], source: str, folder: Path) -> tuple[int, Carriers]:
    """The money that counts, in units, and what was decided."""
    mappings = [shipped()[KINDS[s.kind][0]] for s in sources]
    with Session(folder, memory_limit=None, threads=1) as session:
        create_table(session, "records", COLUMNS, [row for s in sources for row in s.rows()])
        session.sql(
            "CREATE VIEW events AS SELECT *, CAST(NULL AS VARCHAR) AS served_from, "
            "CAST(NULL AS STRUCT(meter VARCHAR, quantity DECIMAL(38, 9))[]) AS other_meters FROM records"
        )
        carriers = choose(session, PRESENT, source)
        carriers = choose_place(session, mappings, PRESENT, source, carriers)
        tokens, billed = session.one(
            f"SELECT coalesce(sum(input_uncached_tokens) FILTER (kind = 'usage' AND NOT ({carriers.usage})), 0), "
            f"coalesce(sum(billed_cost) FILTER (kind = 'billed' AND NOT ({carriers.billed})), 0) FROM events"
        )
    return int(tokens) // 1000 + int(billed), carriers


@st.composite
def sources(draw: st.DrawFn, named: bool) -> list[Source]:
    """Two to four sources. One that names no account or project is of all of them, and so are the others of its run:
    that a source is of less than another can be seen only where both say of what they are."""
    kinds = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=2, max_size=4, unique=True))
    of_projects = draw(st.booleans()) or "log" not in kinds
    says = {kind: named or draw(st.booleans()) for kind in kinds}
    found = []
    for kind in kinds:
        first = draw(st.sampled_from([0, 0, 0, 17, 24, 30]))
        last = draw(st.sampled_from([24, 24, 40, 48, 72, 72]))
        accounts = draw(st.sampled_from([("a",), ("b",), ("a", "b")]))
        projects = draw(st.sampled_from([("p",), ("p", "q")]))
        if not all(says.values()):
            accounts = ("a", "b")
        if not of_projects or not all(says.values()):
            projects = ("p", "q")
        bucket = draw(st.sampled_from(KINDS[kind][3]))
        found.append(Source(kind, accounts, projects, says[kind], of_projects, bucket, first, max(last, first + 7)))
    return found


def of_whole_days(log: Source) -> Source:
    """Calls do not say when nobody listened: who lets the log carry says that it is the log of its days."""
    return replace(log, first=log.first // 24 * 24, last=-(-log.last // 24) * 24)


def money(cells: set[Cell]) -> int:
    return len(cells)


@settings(max_examples=80)
@given(given_sources=sources(named=True), source=st.sampled_from(["bill", "usage"]))
def test_nothing_is_lost_or_doubled_where_accounts_are_named(
    given_sources: list[Source], source: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Exactly the union; where spans overlap only in part, no less, and the report names what may be in it twice."""
    if source == "usage":
        given_sources = [s if s.bucket != "call" else of_whole_days(s) for s in given_sources]
    total, carriers = kept(given_sources, source, tmp_path_factory.mktemp("w"))
    union = money(set().union(*(s.cells() for s in given_sources)))
    doubts = [d["why"] for d in carriers.decisions if d.get("carried_by") == "both"]
    assert total >= union
    assert total <= sum(money(s.cells()) for s in given_sources)
    if "overlaps_partly" not in doubts:
        assert total == union


@settings(max_examples=80)
@given(given_sources=sources(named=False))
def test_never_less_than_the_largest_source(
    given_sources: list[Source], tmp_path_factory: pytest.TempPathFactory
) -> None:
    total, _ = kept(given_sources, "bill", tmp_path_factory.mktemp("w"))
    assert total >= max(money(s.cells()) for s in given_sources)


@settings(max_examples=30)
@given(given_sources=sources(named=False), source=st.sampled_from(["bill", "usage"]), data=st.data())
def test_the_order_of_sources_decides_nothing(
    given_sources: list[Source], source: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = data.draw(st.permutations(given_sources))
    first, second = (kept(s, source, tmp_path_factory.mktemp("w")) for s in (given_sources, list(other)))
    assert first == second
