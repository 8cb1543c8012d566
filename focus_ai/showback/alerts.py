"""What somebody should act on: budgets, days far above the usual, spend that has stood without an owner too long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from focus_ai.engine import Session
from focus_ai.money import CTX, total
from focus_ai.showback.exact import ratio
from focus_ai.showback.series import NOISE, spikes
from focus_ai.showback.spending import DIMENSIONS, costs

_WORDS = {
    "over": "has spent more than its budget", "alert": "has used most of its budget",
    "forecast": "will exceed its budget at this pace",
}  # fmt: skip

_KINDS = ("budget.over", "budget.alert", "budget.forecast", "unattributed.", "spike.")


def find(
    session: Session, currency: str, days: Sequence[date], budgets: Sequence[Mapping[str, Any]],
    nobody: Mapping[str, Any], factor: Decimal,
) -> list[dict[str, Any]]:  # fmt: skip
    """All alerts: budgets, old unattributed spend, then spikes; inside each the largest excess first."""
    found: list[dict[str, Any]] = []
    for row in budgets:
        if row["status"] != "ok":
            found.append({
                "id": f"budget.{row['status']}", "name": row["team"], "day": None, "value": row["forecast"]
                if row["status"] == "forecast" else row["spent"], "limit": row["budget"],
                "what": f"{row['team']} {_WORDS[row['status']]} ({row['period']})",
            })  # fmt: skip
    every = costs(session, currency, long=False).get("", {})
    floor = CTX.multiply(ratio(total(every.values()), max(len(days), 1)) or Decimal(0), NOISE)
    groups: list[tuple[str, str, Mapping[date, Decimal]]] = [("total", "", every)]
    groups += [
        (d, name, by_day) for d in DIMENSIONS for name, by_day in costs(session, currency, d, long=False).items()
    ]
    for dimension, name, by_day in groups:
        for spike in spikes(by_day, days, factor, floor):
            subject = "everything together" if dimension == "total" else f"{dimension} {name}"
            found.append({
                "id": f"spike.{dimension}", "name": name or None, "day": spike.day.isoformat(), "value": spike.cost,
                "limit": CTX.multiply(factor, spike.usual),
                "what": f"{subject} spent far more than in the seven days before" if spike.usual
                else f"{subject} spent for the first time in seven days",
            })  # fmt: skip
    if nobody["older_than_limit"]:
        found.append({
            "id": "unattributed.old", "name": None, "day": nobody["oldest_day"], "value": nobody["older_than_limit"],
            "limit": Decimal(0),
            "what": f"spend has stood without an owner for {nobody['limit_days']} days or more",
        })  # fmt: skip
    return sorted(found, key=_order)


def _order(alert: Mapping[str, Any]) -> tuple[Any, ...]:
    kind = next(number for number, word in enumerate(_KINDS) if alert["id"].startswith(word))
    return kind, CTX.subtract(alert["limit"], alert["value"]), alert["id"], str(alert["name"]), str(alert["day"])
