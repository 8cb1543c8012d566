"""Columns of few values: they are put beside the sorted rows, not sorted with them.

Most columns of a row of usage say something of its place, its owner or its price, and a run has few of those. The
engine sorts what differs from row to row, with the numbers of the three; the other columns are laid beside as
dictionaries. The expressions are those of `rows`, so the rows are the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from focus_ai.engine import Session
from focus_ai.focus.columns import output_columns
from focus_ai.focus.rows import column_sql, expressions, order_sql, span_sql

if TYPE_CHECKING:
    import pyarrow as pa

# Alias in the expressions -> its table and the number of its row among the sorted rows.
_TABLES = {"l": ("places", "place_no"), "o": ("owners", "owner_no"), "c": ("prices", "price_no")}
_REFERENCE = re.compile(r"\b([clo])\.(\w+)")


class Dimensions:
    """The rows of usage in two parts: what differs from row to row, and what place, owner and price tell."""

    def __init__(
        self, session: Session, version: str, *, request: bool, prices: Collection[str], extra: Sequence[str] = ()
    ) -> None:
        """`prices`: names of the columns of the table `prices`, which a charge carries too."""
        self._session, self._request = session, request
        self._columns = output_columns(version, extra=extra)
        columns = self._sql("2000-01-01")
        self._homes = {name: _home(sql, prices) for name, sql in columns.items()}
        self._found: dict[str, tuple[str, _Codes]] = {}
        for alias, (table, number) in _TABLES.items():
            told = self._told(columns, alias, f"FROM {table} {alias} ORDER BY {alias}.rowid")
            self._found |= {name: (number, codes) for name, codes in told.items()}
        self.varying = [name for name, home in self._homes.items() if home is None]

    def _sql(self, month: str) -> dict[str, str]:
        known = expressions(month, billed=False, request=self._request)
        return {c.name: column_sql(c, known) for c in self._columns}

    def _told(self, columns: Mapping[str, str], alias: str, source: str = "") -> dict[str, _Codes]:
        wanted = ", ".join(sql for name, sql in columns.items() if self._homes[name] == alias)
        if not wanted:
            return {}
        table = self._session.connection.cursor().sql(f"SELECT {wanted} {source}").to_arrow_table()
        return {name: _Codes.of(table[name]) for name in table.column_names}

    def select(self, charges: str, month: str, span: tuple[str, str]) -> str:
        """SELECT of the varying columns of the charges that start in the span, and of the numbers."""
        columns = self._sql(month)
        numbers = "l.rowid AS place_no, o.rowid AS owner_no, c.price_no AS price_no"
        return f"SELECT {', '.join(columns[name] for name in self.varying)}, {numbers} {span_sql(charges, span)}"

    @property
    def order(self) -> str:
        """The order of the rows; a column that the price tells is the same for charges of one id."""
        return order_sql(self.varying)

    def beside(self, month: str) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
        """A function from a batch of `select` to a batch of all columns in their order."""
        import pyarrow as pa

        same = {name: ("", codes) for name, codes in self._told(self._sql(month), "").items()}
        found = {**self._found, **same}

        def whole(batch: Any) -> Any:
            have = dict(zip(batch.schema.names, batch.columns, strict=True))
            have[""] = pa.repeat(pa.scalar(0, pa.int64()), batch.num_rows)
            columns = []
            for column in self._columns:
                number, codes = found.get(column.name, (column.name, None))
                columns.append(have[number] if codes is None else codes.at(have[number]))
            return pa.RecordBatch.from_arrays(columns, names=[c.name for c in self._columns])

        return whole


@dataclass(frozen=True)
class _Codes:
    """A column of a small table, ready to be looked up: text as codes of its sorted words, all else as it is."""

    values: Any
    words: Any = None

    @classmethod
    def of(cls, column: Any) -> _Codes:
        import pyarrow as pa
        import pyarrow.compute as pc

        values = column.combine_chunks()
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        if not pa.types.is_string(values.type):
            return cls(values)
        words = pc.unique(values).drop_null().sort()
        size = pa.uint8() if len(words) < 256 else pa.uint16() if len(words) < 65_536 else pa.int32()
        return cls(pc.index_in(values, words).cast(size), words)

    def at(self, rows: Any) -> Any:
        """The values at these row numbers."""
        import pyarrow as pa

        taken = self.values.take(rows)
        return taken if self.words is None else pa.DictionaryArray.from_arrays(taken, self.words)


def _home(sql: str, prices: Collection[str]) -> str | None:
    """The alias of the one table that an expression reads, nothing for a constant; None when it needs the charge."""
    read = set(_REFERENCE.findall(sql))
    aliases = {alias for alias, _ in read}
    if len(aliases) > 1 or any(alias == "c" and name not in prices for alias, name in read):
        return None
    return aliases.pop() if aliases else ""
