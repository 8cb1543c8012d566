"""The form of price files that people write: rows of a CSV, and YAML checked against `schemas/*.schema.json`.

What a file says and nothing reads would be a price that nobody meant, so a column or key without a meaning is refused.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from focus_ai.errors import InputError, misspelt, nearest
from focus_ai.resources import schemas

#: How a place inside a file is called: the list, and one item of it.
_ITEMS = {"entries": "entry", "contracts": "entry", "aliases": "alias"}
_KINDS = {"object": "a mapping", "array": "a list", "string": "text", "integer": "a whole number", "null": "nothing"}


def read_text(path: Path) -> str:
    """The text of a price file. Raises `InputError` when it is not UTF-8."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError(
            "a price file is not UTF-8 text", where=f"{path.name}, line {line}", expected="UTF-8"
        ) from None


def csv_rows(path: Path, strange: Callable[[str], str | None]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a CSV file with their line numbers; every row must have the header's number of cells.

    `strange`: what was expected instead of a column of this name; None when it is fine.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        if "provider" not in header:  # YAML rate files call it by its other name
            header = ["provider" if name == "channel" else name for name in header]
        if not header:
            raise InputError("the file is empty", where=path.name, expected="a header row")
        _check_header(path, header, strange)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                raise InputError(
                    "a row has another number of cells than the header", where=f"{path.name}: row {reader.line_num}",
                    value=len(cells), expected=str(len(header)),
                )  # fmt: skip
            yield reader.line_num, {key: cell.strip() for key, cell in zip(header, cells, strict=True)}
    except csv.Error as error:
        where = f"{path.name}: line {reader.line_num}"
        raise InputError("a price file is not valid CSV", where=where, value=str(error)) from None


def _check_header(path: Path, header: list[str], strange: Callable[[str], str | None]) -> None:
    where = f"{path.name}: row 1"
    if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
        raise InputError(
            "the columns are not separated by commas", where=where, value=header[0],
            expected="commas between the cells, and a point in amounts",
        )  # fmt: skip
    for name in filter(None, header):  # a spreadsheet may leave empty columns behind
        if header.count(name) > 1:
            raise InputError("a column occurs twice", where=where, value=name)
        if (expected := strange(name)) is not None:
            raise InputError("a column has no meaning here", where=where, value=name, expected=expected)


def only(known: Iterable[str]) -> Callable[[str], str | None]:
    """For `csv_rows`: no column but these."""
    names = frozenset(known)
    return lambda name: None if name in names else nearest(name, names)


# Words of columns that would limit a price, or say what money it is in.
_LIMITS = frozenset({
    "account", "batch", "ccy", "context", "currency", "effective", "end", "expires", "expiry", "geo", "processing",
    "quality", "region", "resolution", "route", "speed", "start", "tier", "until", "valid", "variant", "window",
})  # fmt: skip


def no_misspelling(known: Iterable[str]) -> Callable[[str], str | None]:
    """For `csv_rows`: other columns may be there, unless they look like one of these, or like a limit of the price."""
    names = frozenset(known)

    def strange(name: str) -> str | None:
        low = name.lower()
        if name in names:
            return None
        if misspelt(low, names) or low.startswith("effective"):
            return nearest(low, names)
        limits = low in ("from", "to") or _LIMITS & set(re.split(r"[^a-z]+", low))
        known = ", ".join(sorted(names))
        return f"known: {known}; other limits of a price stand in a YAML rate file" if limits else None

    return strange


def check_shape(data: Any, schema: str, where: str, but: Iterable[str] = ()) -> None:
    """Raise `InputError` for the first thing that `schemas/<schema>.schema.json` does not allow.

    Amounts are left to `tables.amount`, and what stands under a key of `but` to its reader: both say more.
    """
    from jsonschema import Draft202012Validator

    page, passed = _schema(schema), set(but)
    found = Draft202012Validator(page, format_checker=Draft202012Validator.FORMAT_CHECKER).iter_errors(data)
    # An unknown key first: where another one is lacking besides, it is its misspelling.
    for problem in sorted(found, key=lambda p: ([str(part) for part in p.absolute_path], p.validator, p.message)):
        path = list(problem.absolute_path)
        if problem.schema == page["$defs"]["amount"] or passed & set(map(str, path)) or problem.validator == "oneOf":
            continue
        place = f"{where}: {_place(path)}" if path else where
        described: Any = problem.schema
        if problem.validator == "additionalProperties" and isinstance(problem.instance, dict):
            unknown = min(str(key) for key in problem.instance if key not in described["properties"])
            hint = nearest(unknown, described["properties"])
            raise InputError("a price file has an unknown key", where=place, value=unknown, expected=hint)
        if problem.validator in ("required", "anyOf"):
            lacks = [one for part in described.get("anyOf", [described]) for one in part.get("required", ())]
            gone = [name for name in lacks if not isinstance(problem.instance, dict) or name not in problem.instance]
            raise InputError(
                "a price file lacks a key", where=place, value=problem.instance, expected=" or ".join(gone)
            )
        raise InputError(
            "a price file has a wrong value", where=place, value=problem.instance, expected=_expected(described)
        )


def _place(path: list[str | int]) -> str:
    words: list[str] = []
    for part in path:
        if isinstance(part, int) and words:
            words[-1] = f"{_ITEMS.get(words[-1], words[-1])} {part + 1}"
        else:
            words.append(str(part))
    return ", ".join(words)


def _expected(described: Any) -> str | None:
    if "enum" in described:
        return ", ".join(map(str, described["enum"]))
    kinds = described.get("type", ())
    said = " or ".join(_KINDS.get(kind, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds))
    if "minimum" in described:
        said += f", {described['minimum']} or more"
    if described.get("format") == "date":
        return "YYYY-MM-DD"
    return said or described.get("description")


@cache
def _schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((schemas() / f"{name}.schema.json").read_text(encoding="utf-8"))
    return loaded
