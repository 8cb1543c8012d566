"""A warning of a run: the shape in which all rooms that warn give theirs; part of OUT/run.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focus_ai.report import amount

# An entry of the report: code, message, records, money as exact text and its currency.
Warned = dict[str, Any]


def warning(code: str, message: str, records: int | None = None) -> Warned:
    """A warning without an amount."""
    return {"code": code, "message": message, "records": records, "money": None}


def sized(code: str, message: str, row: Mapping[str, Any]) -> Warned:
    """With the records (`n`) and the money (`e`, `currency`) of a row. Money of two currencies makes two warnings;
    where no amount is known, as of usage before it is rated, the records alone are told."""
    found = warning(code, message, row["n"])
    return found if row["e"] is None else found | {"money": amount(row["e"]), "currency": row["currency"]}
