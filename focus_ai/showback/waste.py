"""Retry waste: from rows of single requests, or from the report of an audit; other rows cannot tell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from focus_ai.engine import literal
from focus_ai.errors import InputError
from focus_ai.showback.dataset import Dataset, rows
from focus_ai.showback.exact import share, total
from focus_ai.showback.spending import name_of

_WASTE = ("retry.loop", "retry.superseded", "retry.failed")


def retries(data: Dataset, currency: str, whole: Any, audit: Mapping[str, Any] | None) -> dict[str, Any]:
    """What attempts cost whose answer was not used, by team and model."""
    if audit is not None:
        return _from_audit(audit, currency, whole)
    named = data.has("x_LogicalRequestId", "x_RequestId") and bool(
        data.session.rows("SELECT 1 FROM chosen WHERE logical_id IS NOT NULL LIMIT 1")
    )
    if not named:
        return {
            "known": False,
            "why": "rows of whole days do not name attempts; convert with --grain request, or give the report of "
            "focus-ai audit with --audit",
        }
    found = rows(
        data.session,
        f"""WITH attempts AS (SELECT logical_id, request_id, min(started) AS begun, sum(cost) AS cost,
              any_value({name_of("team")}) AS team, any_value({name_of("model")}) AS model
              FROM chosen WHERE currency = {literal(currency)} AND logical_id IS NOT NULL GROUP BY ALL),
            placed AS (SELECT *, row_number() OVER (
              PARTITION BY logical_id ORDER BY begun DESC, request_id DESC) AS place
              FROM attempts)
            SELECT team, model, count(*)::BIGINT AS attempts, sum(cost) AS waste FROM placed WHERE place > 1
            GROUP BY ALL ORDER BY waste DESC, team, model""",
    )
    cost = total(row["waste"] for row in found)
    return {"known": True, "source": "rows of requests: all attempts but the last", "waste": cost,
            "share": share(cost, whole), "groups": found}  # fmt: skip


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
        {"team": row.get("team"), "model": row.get("model"), "attempts": row.get("attempts", row.get("events")),
         "waste": dec(row["waste"])} for finding in findings for row in finding["rows"]
    ]  # fmt: skip
    cost = total(dec(f["cost"]) for f in findings if f["cost"] is not None)
    groups.sort(key=lambda row: (-row["waste"], str(row["team"]), str(row["model"])))
    return {"known": True, "source": "report of focus-ai audit", "waste": cost, "share": share(cost, whole),
            "groups": groups}  # fmt: skip
