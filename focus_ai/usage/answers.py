"""One report asked for in several ways counts once: by project and by model, by the day and by the hour.

Providers' usage and cost reports answer with the grouping and the length of buckets that was asked for. Two answers for
the same time tell of the same use, yet their records have nothing in common. An answer is known by what any record of
its file, or of its page where a file holds several, names and by the length of its buckets. Where two answers of one
account have the same amount, the one that tells more carries it. So does a longer bucket the shorter one inside it,
such as the part of today that was fetched before the day was over. Where the amounts differ otherwise, nobody knows
what is in both: both count and are named.

A page that goes on is one answer with the page that follows it in its file. Where the following page is missing or in
another file, a page of some names may be the rest of an answer and no grouping of its own. Two such pages hardly have
one amount to the last digit, and answers for one time do.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from focus_ai.engine import Session, ident, literal, literals
from focus_ai.money import total
from focus_ai.usage.carriers import DIFFER, Outcome, as_much, measure, several
from focus_ai.usage.decisions import told
from focus_ai.usage.reach import Reach, blocks, grouped, merged
from focus_ai.usage.units import LENGTH, Unit, collect

_PAID, _LISTED = attrgetter("paid"), attrgetter("listed")
# What a grouping can name, and how it is called. The model comes first: without it usage has no price.
_NAMES = {
    "model_served": "model", "line_item": "line item", "sub_account_id": "sub account", "resource_id": "key",
    "service_tier": "tier", "is_batch": "batch", "context_gt": "context", "inference_geo": "geography",
    "speed": "speed", "price_variant": "variant", "tags": "tags", "end_user_id": "user",
    "owner_cost_center": "cost center",
}  # fmt: skip
_FIRST = 100
GROUPING, BUCKETS = "grouping", "length"


class Rank(NamedTuple):
    """How much an answer tells, its grouping in words, and what it names."""

    tells: int
    words: str
    names: tuple[str, ...]


def choose_answers(
    session: Session, present: frozenset[str], asked_by: Mapping[str, tuple[str, ...]]
) -> tuple[Outcome, str]:
    """What is left to another answer of the same report, and the SQL that tells the answers apart.

    `asked_by`: per adapter what the reader of the report chooses, `grouping` and `length` of the buckets.
    """
    outcome = Outcome()
    forms, rank, adapters, parts = _forms(session, present, asked_by) if asked_by else ("", {}, [], set[str]())
    for adapter in adapters:
        units = collect(session, present, f"adapter = {literal(adapter)}", forms)
        for part in grouped(units, lambda u: u.account).values() if several(units) else [units]:
            # Money of one currency says nothing about that of another.
            for same in grouped(part, lambda u: u.currency).values():
                for block in blocks(same):
                    _one_amount(block, rank, outcome, exact=adapter in parts)
    return outcome, forms


def told_answers(answers: Outcome, left: Collection[Unit]) -> list[dict[str, Any]]:
    """The decisions about answers. `left`: what other exports carry after all, about which there is no doubt."""
    decisions: list[dict[str, Any]] = []
    for adapter in sorted({u.adapter for u in [*answers.left, *answers.doubts]}):
        gone = Reach((u for u in left if u.adapter == adapter), one=False)
        judged = Outcome(
            {u: by for u, by in answers.left.items() if u.adapter == adapter},
            {u: why for u, why in answers.doubts.items() if u.adapter == adapter and not gone.covers(u, "same_sub")},
        )
        decisions += told(judged, adapter, "answers of one report")
    return decisions


def _forms(
    session: Session, present: frozenset[str], asked_by: Mapping[str, tuple[str, ...]]
) -> tuple[str, dict[str, Rank], list[str], set[str]]:
    """SQL of the form of a record's answer, the rank of each form, the adapters that have several, and those of which
    a page may be the rest of an answer."""
    names = [n for n in _NAMES if n in present]
    named = ", ".join(f"coalesce(bool_or({ident(n)} IS NOT NULL), FALSE)" for n in names)
    page = "coalesce(page_no, 0)" if "page_no" in present else "0"
    asked = f"WHERE adapter IN ({literals(sorted(asked_by))}) GROUP BY ALL ORDER BY ALL"
    # A page is known by all that it held, what another page holds too included.
    grouping: dict[tuple[int, int], set[str]] = {}
    goes_on: dict[tuple[int, int], str] = {}
    for file_no, number, adapter, said, on, *flags in session.rows(
        f"SELECT file_no, {page} AS page, adapter, {_said(present)}{', ' if names else ''}{named} FROM staged {asked}"
    ):
        place = int(file_no), int(number)
        found = {_NAMES[n] for n, flag in zip(names, flags, strict=True) if flag} if said is None else {*said} - {""}
        grouping[place] = found if GROUPING in asked_by[adapter] else set()
        if on:
            goes_on[place] = adapter
    parts = _joined(grouping, goes_on)
    rank, forms, words = dict[str, Rank](), dict[str, set[str]](), dict[tuple[int, int], str]()
    for file_no, number, adapter, length in session.rows(
        f"SELECT file_no, {page} AS page, adapter, {LENGTH} AS length FROM events {asked}"
    ):
        place = int(file_no), int(number)
        words[place] = _words(grouping[place]) if GROUPING in asked_by[adapter] else ""
        form = (length if BUCKETS in asked_by[adapter] else "") + words[place]
        named_here = tuple(sorted(grouping[place]))
        tells = len(named_here) + _FIRST * ("model" in named_here)
        rank[form] = Rank(tells, words[place], named_here)
        forms.setdefault(adapter, set()).add(form)
    several_forms = sorted(a for a, found in forms.items() if len(found) > 1)
    long = literals(sorted(a for a in several_forms if BUCKETS in asked_by[a]))
    length = f"CASE WHEN adapter IN ({long}) THEN {LENGTH} ELSE '' END" if long else "''"
    return f"({length} || {_grouped(words, page)})", rank, several_forms, parts


def _grouped(words: Mapping[tuple[int, int], str], page: str) -> str:
    """SQL of the grouping of a record's page."""
    files: dict[int, dict[int, str]] = {}
    for (file_no, number), told_of in words.items():
        files.setdefault(file_no, {})[number] = told_of
    # Most files are one answer.
    whole = {n: min(pages.values()) for n, pages in files.items() if len({*pages.values()}) == 1}
    listed = ", ".join(literal(whole[n]) if n in whole else "NULL" for n in range(max(files, default=0) + 1))
    several_pages = "".join(
        f" WHEN {n} THEN [{literals(pages.get(p, '') for p in range(max(pages) + 1))}][{page} + 1]"
        for n, pages in sorted(files.items())
        if n not in whole
    )
    parts = [f"[{listed}][file_no + 1]", *([f"CASE file_no{several_pages} END"] if several_pages else []), "''"]
    return f"coalesce({', '.join(parts)})"


def _words(named: set[str]) -> str:
    known = [w for w in _NAMES.values() if w in named]
    return " by " + ", ".join([*known, *sorted(named - {*known})]) if named else " without grouping"


def _said(present: frozenset[str]) -> str:
    """SQL of what the records of a page name of a grouping (NULL: their fields say it), and whether it goes on."""
    if "grouped_by" not in present:
        return "NULL, FALSE"
    listed = "list_distinct(flatten(list(string_split(grouped_by, ', ')) FILTER (grouped_by IS NOT NULL)))"
    return f"CASE WHEN bool_or(grouped_by IS NOT NULL) THEN {listed} END, coalesce(bool_or(goes_on), FALSE)"


def _joined(grouping: dict[tuple[int, int], set[str]], goes_on: Mapping[tuple[int, int], str]) -> set[str]:
    """Give the pages of one answer what all of them name; the adapters of which a page is missing in its file."""
    parts = set()
    for (file_no, number), adapter in sorted(goes_on.items()):
        following = grouping.get((file_no, number + 1))
        if following is None:
            parts.add(adapter)
        else:
            following |= grouping[file_no, number]
    for file_no, number in sorted(goes_on, reverse=True):
        grouping[file_no, number] |= grouping.get((file_no, number + 1), set())
    return parts


def _one_amount(block: Sequence[Unit], rank: Mapping[str, Rank], found: Outcome, *, exact: bool) -> None:
    """Of the answers in one stretch of time the one that tells most carries what it holds of the others.

    `exact`: only one amount to the last digit tells that two groupings are no pages of one answer."""
    sides = grouped(block, lambda u: u.form)
    amount, listing = measure(block), all(u.listing for u in block)

    def excerpt(x: str, y: str) -> bool:
        """Is x an answer for some users, where a quota pays for the others? y asks for fewer names, tells the same of
        what is paid and more of what it would have cost."""
        paid, listed = ((total(a(u) for u in sides[x]), total(a(u) for u in sides[y])) for a in (_PAID, _LISTED))
        fewer = {*rank[y].names} < {*rank[x].names}
        return listing and fewer and not exact and as_much(*paid) and as_much(*paid[::-1]) and not as_much(*listed)

    while len(sides) > 1:
        whole = [x for x in sides if not any(excerpt(x, y) for y in sides)]
        best = max(whole, key=lambda form: (*rank[form], _time(sides[form]), sum(u.records for u in sides[form]), form))
        carrying = sides[best]
        reach = Reach(carrying, one=True)
        for form, others in sorted(sides.items()):
            if form == best:
                continue
            known = Reach(others, one=True)
            held, asked = amount(u for u in carrying if known.knows(u)), amount(others)
            if exact and rank[form] != rank[best]:
                same = held == asked != 0
            else:
                same = as_much(asked, held) or rank[form] == rank[best] or excerpt(form, best)
            if same and as_much(held, asked) and all(reach.covers(u) for u in others):
                found.left |= dict.fromkeys(others, best.strip())
                del sides[form]
            else:
                found.doubts |= {u: (DIFFER, True) for u in others if reach.touches(u)}
        del sides[best]
    # What one answer cannot hold may be held by the next.
    for u in found.left.keys() & block:
        found.doubts.pop(u, None)


def _time(units: Sequence[Unit]) -> int:
    return sum(end - start for start, end in merged(u.reach for u in units))


__all__ = ["choose_answers", "told_answers"]
