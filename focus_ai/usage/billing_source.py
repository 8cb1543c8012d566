"""One spend, one carrier: when several exports that describe the same spend are given together.

The exports of one `money_family` describe the same spend. By default the bill carries the money and the usage that it
covers is kept aside (`exceptions/carried_elsewhere.jsonl`); with `billing.source = "usage"` it is the other way round.
Two cost exports of one family, and two usage exports of one `same_usage` group, also count once: the finer one carries,
an exact one before one that rounds its lines, unless another one tells of more than it does (a log that was kept for
some of the calls only must not stand for the whole day). Adapters that write one `group/part` are parts of one export:
responses of several endpoints, kept in one log, add up. What covers what is decided in `carriers`; a run without an
overlap asks no more than which exports it has.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from focus_ai.engine import Session, literals
from focus_ai.usage.answers import choose_answers, told_answers
from focus_ai.usage.carriers import Outcome, Preference, cover, one_of_several, several
from focus_ai.usage.decisions import told
from focus_ai.usage.fetches import only_in_older
from focus_ai.usage.focus_exports import choose_exports
from focus_ai.usage.units import Unit, collect, set_aside, word


@dataclass(frozen=True)
class Carriers:
    """SQL conditions over `events`: usage and billed lines whose money another export carries; and what was decided.

    `repeated`: of that usage, what another answer of the same report tells of.
    """

    usage: str
    billed: str
    decisions: tuple[dict[str, Any], ...]
    repeated: str = "FALSE"

    @property
    def behind_bills(self) -> str:
        """Usage that a bill may carry, each of it once."""
        return self.usage if self.repeated == "FALSE" else f"({self.usage}) AND NOT ({self.repeated})"

    def with_quantities(self, counts: Mapping[str, tuple[int, int]]) -> Carriers:
        """The same, with how many lines of a bill took their quantity from usage and how many found none."""
        decisions = [
            {**d, "enriched": counts.get(d["family"], (0, 0))[0], "not_matched": counts.get(d["family"], (0, 0))[1]}
            if d["between"] == "usage and bill" and d["carried_by"] == "bill"
            else d
            for d in self.decisions
        ]
        return replace(self, decisions=tuple(decisions))

    def with_left(self, session: Session, present: frozenset[str], outcome: Outcome, form: str = "") -> Carriers:
        """The same, with more units left out. `form`: what told the units apart, see `collect`."""
        if not outcome.left:
            return self
        usage, billed = set_aside(session, present, outcome.left, form)
        return replace(self, usage=_either(self.usage, usage), billed=_either(self.billed, billed))


def choose(
    session: Session,
    present: frozenset[str],
    source: str,
    estimates: frozenset[str] = frozenset(),
    asked_by: Mapping[str, tuple[str, ...]] | None = None,
    rounded: Mapping[str, Decimal] | None = None,
) -> Carriers:
    """Decide per group and account. `source` is `bill` or `usage`: which of the two carries the money.

    `estimates`: adapters whose amounts are a gateway's own estimate, no bill; usage of their time always carries.
    `asked_by`: adapters of reports that can be asked for in several ways, see `choose_answers`.
    `rounded`: cost exports whose lines are rounded, and to what.
    """
    billed: list[str] = []
    doubles = choose_exports(session, present, billed)
    answers, form = choose_answers(session, present, asked_by or {})
    carriers = Carriers("FALSE", _either(*billed), ()).with_left(session, present, answers, form)
    carriers = replace(carriers, repeated=carriers.usage)
    families, groups = _shared(session, estimates)
    if not families and not groups:
        gone = _only_in_older(session, present, asked_by or {}, carriers)
        return replace(carriers, decisions=(*told_answers(answers, ()), *gone, *doubles))
    where = [
        f"{group_word(column)} IN ({literals(sorted(words))})"
        for column, words in (("money_family", families), ("same_usage", groups))
        if words
    ]
    counts = f"NOT (kind = 'billed' AND ({carriers.billed})) AND NOT (kind = 'usage' AND ({carriers.usage}))"
    units = collect(session, present, f"({' OR '.join(where)}) AND {counts}")
    outcome, decisions = Outcome(), list[dict[str, Any]]()
    prefer = Preference(rounded=rounded or {})
    for family in sorted(families):
        decisions += _family([u for u in units if word(u.family) == family], family, source, estimates, prefer, outcome)
    for group in sorted(groups):
        same = [u for u in units if u.kind == "usage" and word(u.same_usage) == group]
        judged = one_of_several(outcome.keep(same), lambda u: u.usage_export, Preference(), one=not several(same))
        decisions += told(judged, group, "usage exports")
        outcome.add(judged)
    carriers = carriers.with_left(session, present, outcome)
    gone = _only_in_older(session, present, asked_by or {}, carriers)
    return replace(carriers, decisions=(*decisions, *told_answers(answers, outcome.left), *gone, *doubles))


def group_word(column: str) -> str:
    """SQL of the group: `openai-completions` of `openai-completions/bodies`."""
    return f"split_part({column}, '/', 1)"


def export_name(column: str, adapter: str = "adapter") -> str:
    """SQL of what counts as one export: adapters that write the same `group/part` hold parts of one log."""
    return f"CASE WHEN contains({column}, '/') THEN {column} ELSE {adapter} END"


def _only_in_older(
    session: Session, present: frozenset[str], reports: Collection[str], carriers: Carriers
) -> list[dict[str, Any]]:
    left = f"CASE WHEN kind = 'billed' THEN {carriers.billed} ELSE {carriers.usage} END"
    return only_in_older(session, present, reports, left) if reports else []


def _either(*conditions: str) -> str:
    kept = [c for c in dict.fromkeys(conditions) if c != "FALSE"]
    return " OR ".join(kept) or "FALSE"


def _shared(session: Session, estimates: frozenset[str]) -> tuple[set[str], set[str]]:
    """The families and groups that more than one export of the run tells of."""
    sides: dict[str, set[tuple[str, str]]] = {}
    exports: dict[str, set[str]] = {}
    for kind, adapter, family, same in session.rows(
        "SELECT DISTINCT kind, adapter, money_family, same_usage FROM events "
        "WHERE money_family IS NOT NULL OR same_usage IS NOT NULL"
    ):
        if family is not None:
            side = "estimate" if adapter in estimates else str(kind)
            export = "" if side != "billed" else str(family) if "/" in family else str(adapter)
            sides.setdefault(str(word(family)), set()).add((side, export))
        if same is not None and kind == "usage":
            exports.setdefault(str(word(same)), set()).add(str(same) if "/" in same else str(adapter))
    return ({w for w, seen in sides.items() if len(seen) > 1}, {w for w, seen in exports.items() if len(seen) > 1})


def _family(
    units: Sequence[Unit], family: str, source: str, estimates: frozenset[str], prefer: Preference, outcome: Outcome
) -> list[dict[str, Any]]:
    """Decide about one family; adds to the outcome."""
    decisions: list[dict[str, Any]] = []
    one = not several(units)
    usage = [u for u in units if u.kind == "usage"]
    bills = [u for u in units if u.kind == "billed" and u.adapter not in estimates]
    judged = one_of_several(bills, lambda u: u.family_export, prefer, one=one)
    decisions += told(judged, family, "cost exports")
    outcome.add(judged)
    bills = outcome.keep(bills)
    if source == "bill":
        judged = cover(bills, usage, ("bill", "usage"), one=one)
    else:
        judged = cover([u for u in usage if u.billable], bills, ("usage", "bill"), one=one)
    decisions += told(judged, family, "usage and bill")
    outcome.add(judged)
    guesses = [u for u in units if u.kind == "billed" and u.adapter in estimates]
    judged = cover(outcome.keep(usage), guesses, ("usage", "estimate"), one=one)
    decisions += told(judged, family, "usage and estimate")
    outcome.add(judged)
    return decisions
