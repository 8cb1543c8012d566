"""Physical forms that differ from the specification while the values may be right; reported apart from the verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focus_ai.findings import Deviation
from focus_ai.validation.model import Column, Dataset


def deviations(dataset: Dataset, model: Mapping[str, Any]) -> list[Deviation]:
    """One entry per column of a typed file whose physical type is not the natural one of its FOCUS type."""
    if not dataset.typed:
        return []
    found = []
    for name, column in dataset.columns.items():
        focus = model.get(name)
        said = _deviation(column, focus.type) if focus is not None else None
        if said:
            found.append(Deviation(name, column.physical, *said))
    return found


def _deviation(column: Column, wanted: str) -> tuple[str, str] | None:
    """What was expected and what the difference means."""
    kind = column.kind
    if wanted in ("Decimal", "Integer"):
        if kind == "double":
            return "a decimal", "binary floats round; products are compared within a relative 1e-9"
        if kind == "text":
            return "a decimal", "numbers are held as text; each cell is judged"
    elif wanted == "DateTime":
        if kind == "timestamp":
            return "a timestamp in UTC", "the timestamps carry no zone; they are taken as UTC"
        if kind == "text":
            return "a timestamp in UTC", "moments are held as text; each cell is judged"
        if kind == "date":
            return "a timestamp in UTC", "dates carry no time"
    elif wanted == "JSON":
        if kind in ("map", "struct", "list", "json"):
            return "JSON text", "the object is held as a structure; it is judged as the JSON it stands for"
    elif wanted == "String" and kind != "text":
        return "text", "the values are judged as text"
    return None
