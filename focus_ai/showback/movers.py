"""Two periods side by side: who and which model moved the spend, and how much of it is volume."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from focus_ai.engine import Session, literal
from focus_ai.errors import UsageError
from focus_ai.money import CTX, share, total
from focus_ai.showback.exact import ZERO, less, ratio
from focus_ai.showback.series import WINDOW
from focus_ai.showback.spending import name_of

Span = tuple[date, date]
_BY = {"team": ("team",), "model": ("model",), "product": ("product",), "team_and_model": ("team", "model")}


def read_span(text: str) -> Span:
    """`2026-11`, `2026-11-03` or `2026-11-01..2026-11-07` as first and last day. Raises `UsageError`."""
    first, mark, last = text.strip().partition("..")
    try:
        start = _bounds(first)
        end = _bounds(last) if mark else start
    except ValueError:
        raise UsageError(
            "a period is not readable", value=text, expected="2026-11, 2026-11-03 or 2026-11-01..2026-11-07"
        ) from None
    if end[1] < start[0]:
        raise UsageError("a period ends before it starts", value=text)
    return start[0], end[1]


def _bounds(text: str) -> Span:
    if re.fullmatch(r"\d{4}-\d{2}", text):
        first = date.fromisoformat(f"{text}-01")
        after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        return first, after - timedelta(days=1)
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        raise ValueError(text)
    day = date.fromisoformat(text)
    return day, day


def usual_spans(days: Sequence[date]) -> tuple[Span, Span] | None:
    """The last seven days and the seven before them, when there are that many."""
    if len(days) < 14:
        return None
    return (days[-14], days[-8]), (days[-7], days[-1])


def last_day(session: Session, currency: str, days: Sequence[date]) -> dict[str, Any]:
    """The last day with data by team, product and model, each beside the average of the (up to seven) days before.

    Charges for more than a day are in neither; `longer` is what they cost that begin on the last day.
    """
    before = list(days[:-1])[-WINDOW:]
    last = f"day = DATE {literal(days[-1].isoformat())}"
    first = literal((before or days)[0].isoformat())
    names = ", ".join(f"{name_of(d)} AS {d}" for d in ("team", "product", "model"))
    where = f"currency = {literal(currency)} AND day >= DATE {first}"
    found = session.dicts(
        f"SELECT {names}, coalesce(sum(cost) FILTER ({last}), 0) AS cost, "
        f"coalesce(sum(cost) FILTER (NOT ({last})), 0) AS past FROM spend WHERE {where} AND NOT long GROUP BY ALL",
    )  # fmt: skip
    longer = session.one(f"SELECT coalesce(sum(cost), 0) FROM spend WHERE {where} AND {last} AND long")[0]
    whole = total(row["cost"] for row in found)
    groups = [
        {**{k: row[k] for k in ("team", "product", "model", "cost")}, "share": share(row["cost"], whole),
         **_beside(row["cost"], row["past"], len(before))} for row in found
    ]  # fmt: skip
    groups.sort(key=lambda r: (-r["cost"], -abs(r["delta"] or ZERO), r["team"], r["product"], r["model"]))
    past = total(row["past"] for row in found)
    return {
        "day": days[-1].isoformat(), "days_before": len(before), "cost": whole, **_beside(whole, past, len(before)),
        "longer": longer, "groups": groups,
    }  # fmt: skip


def _beside(cost: Decimal, past: Decimal, days: int) -> dict[str, Any]:
    """The average of the days before, and the difference to it; both None when there are none."""
    usual = ratio(past, days)
    return {"usual": usual, "delta": less(cost, usual) if usual is not None else None}


def compare(session: Session, currency: str, before: Span, after: Span) -> dict[str, Any]:
    """Differences by team, model, product and team with model, the largest first."""
    whole = _pairs(session, currency, before, after, ())
    result: dict[str, Any] = {
        "before": {"from": before[0].isoformat(), "to": before[1].isoformat()},
        "after": {"from": after[0].isoformat(), "to": after[1].isoformat()},
        "total": whole[0] if whole else None,
    }  # fmt: skip
    for label, dimensions in _BY.items():
        result[f"by_{label}"] = _pairs(session, currency, before, after, dimensions)
    return result


def _pairs(
    session: Session, currency: str, before: Span, after: Span, dimensions: Sequence[str]
) -> list[dict[str, Any]]:
    def inside(span: Span) -> str:
        return f"day BETWEEN DATE {literal(span[0].isoformat())} AND DATE {literal(span[1].isoformat())}"

    names = "".join(f"{name_of(d)} AS {d}, " for d in dimensions)
    sums = ", ".join(
        f"coalesce(sum({column}) FILTER ({inside(span)}), 0) AS {column}_{label}"
        for label, span in (("before", before), ("after", after))
        for column in ("cost", "tokens")
    )
    found = session.dicts(
        f"SELECT {names}{sums} FROM spend WHERE currency = {literal(currency)} "
        f"AND ({inside(before)} OR {inside(after)}) GROUP BY ALL",
    )  # fmt: skip
    result = []
    for row in found:
        delta = less(row["cost_after"], row["cost_before"])
        result.append({
            **{d: row[d] for d in dimensions}, "before": row["cost_before"], "after": row["cost_after"],
            "delta": delta, **_why(row, delta), "tokens_before": int(row["tokens_before"]),
            "tokens_after": int(row["tokens_after"]),
        })  # fmt: skip
    return sorted(result, key=lambda r: (-abs(r["delta"]), *(str(r[d]) for d in dimensions)))


def _why(row: dict[str, Any], delta: Decimal) -> dict[str, Any]:
    """`volume` is what the change of tokens costs at the old price per token, `price` the rest (price or mix)."""
    if not row["cost_before"] and not row["tokens_before"]:
        return {"why": "new", "volume": delta, "price": ZERO}
    if not row["cost_after"] and not row["tokens_after"]:
        return {"why": "gone", "volume": delta, "price": ZERO}
    moved = less(Decimal(row["tokens_after"]), Decimal(row["tokens_before"]))
    volume = ratio(CTX.multiply(row["cost_before"], moved), row["tokens_before"])
    if volume is None:
        return {"why": "unknown", "volume": None, "price": None}
    price = less(delta, volume)
    why = "unchanged" if not delta else "volume" if abs(volume) >= abs(price) else "price or mix"
    return {"why": why, "volume": volume, "price": price}
