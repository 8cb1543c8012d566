"""Retry waste: what the rows say of their calls (x_AttemptUse), or the report of an audit; other rows cannot tell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from focus_ai.engine import literal, literals
from focus_ai.errors import InputError
from focus_ai.money import share, total
from focus_ai.showback.dataset import Dataset
from focus_ai.showback.spending import UNATTRIBUTED, name_of

_WASTE = ("retry.loop", "retry.superseded", "retry.failed")
# Words of x_AttemptUse for calls that bought nothing.
_NOTHING = ("superseded", "failed")


def retries(data: Dataset, currency: str, whole: Any, audit: Mapping[str, Any] | None) -> dict[str, Any]:
    """What attempts cost whose answer was not used, by team and model, and how much of the spend does not tell."""
    if audit is not None:
        return _from_audit(audit, currency, whole)
    if not data.has("x_AttemptUse"):
        return _unknown("the rows do not say what became of the calls (x_AttemptUse); convert the log again")
    where = f"currency = {literal(currency)}"
    known, not_told = data.session.one(
        "SELECT coalesce(bool_or(use IS NOT NULL), FALSE), "
        f"coalesce(sum(cost) FILTER (use IS NULL AND category = 'Usage'), 0) FROM spend WHERE {where}"
    )
    if not known:
        return _unknown(
            "no row says what became of its calls: their log has no id that the attempts of a request share, or the "
            "rows are those of a bill"
        )
    keys = f"{name_of('team')} AS team, {name_of('model')} AS model, use"
    wasted = f"{where} AND use IN ({literals(_NOTHING)})"
    found = data.session.dicts(
        f"""WITH money AS (SELECT {keys}, sum(cost) AS waste FROM spend WHERE {wasted} GROUP BY ALL),
            numbers AS (SELECT {keys}, sum(requests)::BIGINT AS attempts FROM calls WHERE {wasted} GROUP BY ALL)
            SELECT team, model, use AS what, coalesce(attempts, 0) AS attempts, waste FROM money
            LEFT JOIN numbers USING (team, model, use) ORDER BY waste DESC, team, model, what""",
    )
    cost = total(row["waste"] for row in found)
    return {
        "known": True, "source": "x_AttemptUse of the rows", "waste": cost, "share": share(cost, whole),
        "not_told": not_told, "groups": found,
    }  # fmt: skip


def _unknown(why: str) -> dict[str, Any]:
    return {"known": False, "why": f"{why}, or give the report of focus-ai audit with --audit"}


def read_audit(path: Path) -> Mapping[str, Any]:
    """A report of `focus-ai audit --format json`. Raises `InputError` for anything else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError("the file does not exist", where=str(path)) from None
    except (OSError, ValueError):
        raise InputError("the file is not JSON", where=str(path)) from None
    if not isinstance(found, dict) or not str(found.get("schema", "")).startswith("focus-ai/audit@"):
        raise InputError(
            "this is no report of an audit", where=str(path), expected="the output of focus-ai audit --format json"
        )
    return found


def _from_audit(audit: Mapping[str, Any], currency: str, whole: Any) -> dict[str, Any]:
    from focus_ai.money import dec

    if audit.get("currency") != currency:
        return {"known": False, "why": f"the audit is in {audit.get('currency')}, this report in {currency}"}
    findings = [f for f in audit["findings"] if f["id"] in _WASTE]
    groups = [
        {"team": row.get("team") or UNATTRIBUTED, "model": row.get("model"), "what": f["id"].removeprefix("retry."),
         "attempts": row.get("attempts", row.get("events")), "waste": dec(row["waste"])}
        for f in findings for row in f["rows"]
    ]  # fmt: skip
    cost = total(dec(f["cost"]) for f in findings if f["cost"] is not None)
    groups.sort(key=lambda row: (-row["waste"], str(row["team"]), str(row["model"])))
    return {"known": True, "source": "report of focus-ai audit", "waste": cost, "share": share(cost, whole),
            "not_told": None, "groups": groups}  # fmt: skip
