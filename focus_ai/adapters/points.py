"""What a point in a number of a table means. Semicolons between cells leave the comma to decimals, as many countries
write them: then 1.500 is one and a half or fifteen hundred.

For amounts the table itself may tell: one amount such as 0.25 says that points stand before decimals, unless another
one has a comma. Where the table does not tell, such an amount is set aside. Counts such as 12.000 always are: nobody
writes decimals of whole numbers.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping
from typing import Any

from focus_ai.sources.discover import SourceFile
from focus_ai.sources.rows import good_rows
from focus_ai.sources.sniff import Format

COUNTS, AMOUNTS = "counts", "amounts"
EITHER = "[+-]?[1-9][0-9]{0,2}\\.[0-9]{3}"
# Rows from the beginning of a table by which it is judged.
LOOKED_AT = 10_000
_EITHER, _POINT, _COMMA = re.compile(EITHER), re.compile(r"[+-]?[0-9]*\.[0-9]+"), re.compile(r"[+-]?[0-9.]*,[0-9]+")


def may_group(form: Format) -> tuple[str, ...]:
    """What a point may group in a file of this form, as far as the form tells."""
    return (COUNTS, AMOUNTS) if form.kind == "csv" and form.delimiter == ";" else ()


def may_be_thousands(raw: str) -> str:
    """SQL: may this count be a thousand times as large?"""
    return f"regexp_full_match({raw}, '[1-9][0-9]{{0,2}}\\.000')"


def may_be_either(raw: str) -> str:
    """SQL: may this amount be a thousand times as large?"""
    return f"regexp_full_match({raw}, '{EITHER}')"


def cells(e: Any) -> list[str]:
    """The cells that an expression reads as they stand; a mapping that rewrites them knows what it does."""
    if isinstance(e, str):
        return [e.strip('"')]
    parts = e["first"] if isinstance(e, Mapping) and "first" in e else ()
    return [cell for part in parts for cell in cells(part)]


def are_decimal(source: SourceFile, amounts: Collection[str]) -> bool:
    """Do the amounts in these columns show that points stand before decimals?"""
    shown = False
    for row in itertools.islice(good_rows(source.path, source.format), LOOKED_AT):
        cells = [row.get(name, "").strip() for name in amounts]
        if any(_COMMA.fullmatch(cell) for cell in cells):
            return False
        shown = shown or any(_POINT.fullmatch(cell) and not _EITHER.fullmatch(cell) for cell in cells)
    return shown
