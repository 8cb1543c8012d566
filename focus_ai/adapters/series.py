"""Records that are single numbers: an object of named lists, and a list that tells when each place begins.

A record has four members: `name` of its list, its `value`, `from` and `until`. A place ends where the next one starts;
the last of whole-numbered times is as long as the one before it, and without such has no end. A list that is longer
than the times keeps its rest without them; one number in the place of a list is a list of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from focus_ai.adapters.paths import Path, parse
from focus_ai.engine import literal
from focus_ai.errors import UsageError

MEMBERS = ("name", "value", "from", "until")


def member(path: Path) -> str:
    """SQL of one member of the record. Raises `UsageError` when there is no such member."""
    if len(path.keys) != 1 or path.keys[0] not in MEMBERS:
        raise UsageError("a record of a series has no such member", value=path.text, expected=", ".join(MEMBERS))
    return f"of_{path.keys[0]}"


def whole() -> str:
    """SQL of the whole record as JSON."""
    return f"json_object({', '.join(f'{literal(name)}, of_{name}' for name in MEMBERS)})"


def shapes(series: Mapping[str, str]) -> dict[str, str]:
    """What a document must hold: JSON path -> JSON type."""
    return {parse(series["values"]).json_path(): "OBJECT", parse(series["times"]).json_path(): "ARRAY"}


def laid_apart(series: Mapping[str, str], layer: str, kept: Sequence[str], taken: Sequence[str]) -> str:
    """The query of the records in the documents `j0` of a layer; `kept` columns go with each, `taken` are made here."""
    values, times = (literal(parse(series[key]).json_path()) for key in ("values", "times"))
    layer = (
        f"SELECT {', '.join([*kept, *taken])}, TRY_CAST(j0 -> {times} AS VARCHAR[]) AS times, "
        f"map_entries(TRY_CAST(j0 -> {values} AS MAP(VARCHAR, JSON))) AS lists FROM ({layer})"
    )
    names = ", ".join([*kept, *(part.rpartition(" AS ")[2] for part in taken)])
    digits = "regexp_full_match({}, '[0-9]{{1,18}}')"
    counted = " AND ".join(digits.format(f"times[{place}]") for place in (-1, -2))
    last = f"CASE WHEN {counted} THEN CAST(2 * CAST(times[-1] AS BIGINT) - CAST(times[-2] AS BIGINT) AS VARCHAR) END"
    layer = f"SELECT {names}, times, list_append(times[2:], {last}) AS ends, unnest(lists) AS list FROM ({layer})"
    numbers = "coalesce(TRY_CAST(list.value AS VARCHAR[]), [list.value ->> '$'])"
    layer = f"SELECT {names}, times, ends, list.key AS of_name, {numbers} AS numbers FROM ({layer})"
    return (
        f"SELECT {names}, of_name, unnest(numbers) AS of_value, unnest(times[:len(numbers)]) AS of_from, "
        f"unnest(ends[:len(numbers)]) AS of_until FROM ({layer})"
    )
