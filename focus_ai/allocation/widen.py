"""Whole rows from narrow ones: what a share does not have of its own is taken from its origin or from its target.

In: narrow rows (`seq`, `target`, amounts, `clash`) in file order, the staged file whose rows they come from, and the
table of targets. Out: rows with the columns of the data set. Text is written as dictionaries, so that what fifty shares
have in common is held and hashed once, not fifty times.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from focus_ai.allocation.shares import allocated_names, facts
from focus_ai.errors import InternalError

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH = 16_384


class Widener:
    """Widens the narrow tables of one staged file, one after another. Column `seq` of the file counts its rows."""

    def __init__(self, path: Path, schema: pa.Schema, amounts: Sequence[str], targets: pa.Table) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.schema, self.amounts, self.targets = schema, set(amounts), targets
        self._file = pq.ParquetFile(path, pre_buffer=False)
        empty = _empty(self._file.metadata)
        columns = {f.name: str(f.type) for f in schema}
        self._facts = facts(columns)
        self._tags = allocated_names(columns)["Tags"]
        wanted = {f.name for f in schema} - self.amounts
        if "x_OriginChargeId" in columns:
            wanted.add("x_ChargeId")
        self._read = [n for n in self._file.schema_arrow.names if n in wanted and n not in empty]
        self._always_null = empty
        self._batches = self._file.iter_batches(_BATCH, columns=["seq", *self._read])
        self._window = self._file.schema_arrow.empty_table().select(["seq", *self._read])
        self._from = 1  # seq of the first row of the window
        self._text = pa.dictionary(pa.int32(), pa.string())

    def __call__(self, narrow: pa.Table) -> pa.Table:
        """The whole rows of one narrow table."""
        import pyarrow as pa
        import pyarrow.compute as pc

        seq = narrow.column("seq")
        origins = self._rows(seq[0].as_py(), seq[-1].as_py())
        place = pc.cast(pc.subtract(seq, self._from), pa.int32()).combine_chunks()
        target = pc.cast(narrow.column("target"), pa.int32()).combine_chunks()
        made = {
            "x_OriginChargeId": lambda: self._either(
                origins, "x_OriginChargeId", self._column(origins, "x_ChargeId"), target, place, place
            ),
            self._tags: lambda: self._allocated_tags(origins, target, place, narrow.column("clash")),
        }
        columns = []
        for field in self.schema:
            name = field.name
            if name in self.amounts:
                columns.append(narrow.column(name))
            elif name in made:
                columns.append(made[name]())
            elif name in self._facts:
                source = self._facts[name]
                own = pa.nulls(self.targets.num_rows, pa.string()) if source is None else self._target(source)
                columns.append(self._either(origins, name, own, target, target, place))
            elif name in self._always_null:
                columns.append(pa.nulls(narrow.num_rows, field.type))
            else:
                column = self._column(origins, name)
                columns.append((column.dictionary_encode() if pa.types.is_string(column.type) else column).take(place))
        return pa.table(columns, names=[f.name for f in self.schema])

    def _rows(self, first: int, last: int) -> pa.Table:
        """Rows of the file by their number; earlier rows are let go."""
        import pyarrow as pa

        while self._from + self._window.num_rows <= last:
            batch = pa.Table.from_batches([next(self._batches)])
            after = self._from + self._window.num_rows
            if batch.column("seq")[0].as_py() != after:
                raise InternalError("rows of a staged file are not in their order", value=str(after))
            self._drop(first)
            self._window = pa.concat_tables([self._window, batch]) if self._window.num_rows else batch
        self._drop(first)
        return self._window.slice(0, last - first + 1)

    def _drop(self, first: int) -> None:
        """Let the rows before `first` go."""
        gone = min(first - self._from, self._window.num_rows)
        self._window, self._from = self._window.slice(gone), self._from + gone

    def _column(self, origins: pa.Table, name: str) -> pa.Array:
        import pyarrow as pa

        if name in self._read:
            return origins.column(name).combine_chunks()
        return pa.nulls(origins.num_rows, pa.string())

    def _target(self, name: str) -> pa.Array:
        return self.targets.column(name).combine_chunks()

    def _either(
        self, origins: pa.Table, name: str, shares: pa.Array, target: pa.Array, of_share: pa.Array, of_direct: pa.Array
    ) -> Any:
        """A column whose shares take from `shares` and whose direct rows keep what they have."""
        import pyarrow as pa
        import pyarrow.compute as pc

        kept = self._column(origins, name)
        both = pa.concat_arrays([shares, kept]).dictionary_encode()
        if both.null_count == len(both):
            return pa.nulls(len(target), self._text)
        own = pc.add(of_direct, pa.scalar(len(shares), pa.int32()))
        return both.take(pc.if_else(pc.is_valid(target), of_share, own))

    def _allocated_tags(self, origins: pa.Table, target: pa.Array, place: pa.Array, clash: Any) -> Any:
        import pyarrow as pa
        import pyarrow.compute as pc

        shares = pa.concat_arrays([self._target("tags"), self._target("tags_prefixed")])
        second = pc.add(target, pa.scalar(self.targets.num_rows, pa.int32()))
        return self._either(
            origins, self._tags, shares, target, pc.if_else(clash.combine_chunks(), second, target), place
        )


def _empty(metadata: Any) -> set[str]:
    """Columns that hold nothing in the whole file."""
    found = {metadata.schema.column(i).name for i in range(metadata.num_columns)}
    for group in range(metadata.num_row_groups):
        for index in range(metadata.num_columns):
            column = metadata.row_group(group).column(index)
            held = column.statistics
            if held is None or not held.has_null_count or held.null_count < column.num_values:
                found.discard(column.path_in_schema)
    return found


__all__ = ["Widener"]
