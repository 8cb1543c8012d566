"""Checks of column names: `columns` tests. They need no row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

PREFIX = "x_"


def check_names(test: Mapping[str, Any], there: Sequence[str], model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Columns that break the test, each with what is wrong. `model`: the columns of the version by name."""
    focus = [n for n in there if n in model and not n.startswith(PREFIX)]
    custom = [n for n in there if n.startswith(PREFIX)]
    scope = {"focus": focus, "custom": custom, "all": list(there),
             "other": [n for n in there if n not in focus and n not in custom]}[test["scope"]]  # fmt: skip
    if test.get("none"):
        return [(n, f"{n} is no column of this version.") for n in scope]
    if "max_length" in test:
        return [(n, f"{n} has {len(n)} characters.") for n in scope if len(n) > test["max_length"]]
    if "place" in test:
        rest = [there.index(n) for n in there if n not in scope]
        first = test["place"] == "first"
        wrong = [n for n in scope if rest and (there.index(n) > min(rest) if first else there.index(n) < max(rest))]
        return [(n, f"{n} stands among other columns.") for n in wrong[:1]]
    pattern = re.compile(test["match"])
    return [(n, f"{n} does not match.") for n in scope if not pattern.fullmatch(n)]
