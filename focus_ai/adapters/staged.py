"""What comes of reading one file: neutral records in Parquet, beside what was set aside."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from focus_ai.engine import ident, literal
from focus_ai.sources.reject import Reject


@dataclass(frozen=True)
class Staged:
    """What came of a file: `read` source records = good rows + ignored + rejects with a row.

    `columns` are those that at least one record may fill. Those in `constants` (name -> value as SQL) have the same
    value in every record and are not in the file. Ignored records stand in the file too, without number and text when
    there is `aside`, which holds only them and holds them whole. Of files that were staged together, the column `part`
    tells which records are of this one.
    """

    source: str
    adapter: str
    parquet: Path
    columns: tuple[str, ...]
    read: int
    rows: int
    ignored: int
    rejects: tuple[Reject, ...]
    constants: MappingType[str, str] = field(default_factory=dict)
    aside: Staged | None = None
    part: int | None = None

    @property
    def stored(self) -> frozenset[str]:
        """The columns that the Parquet file holds."""
        return frozenset(self.columns) - frozenset(self.constants)


def good_sql(staged: Staged) -> str:
    """A query for the good records of one file with all their columns."""
    values = "".join(f", {sql} AS {ident(name)}" for name, sql in staged.constants.items())
    tests = [f"{name} IS NULL" for name in ("problem", "ignored") if name in staged.stored] or ["TRUE"]
    if staged.part is not None:
        tests.append(f"part = {staged.part}")
    return f"SELECT *{values} FROM read_parquet({literal(str(staged.parquet))}) WHERE {' AND '.join(tests)}"


def copy_sql(
    query: str, columns: Sequence[str], constants: MappingType[str, str], target: Path, where: str = "TRUE"
) -> str:
    """SQL that writes the columns of a query which differ between records to a Parquet file."""
    stored = ", ".join(ident(n) for n in columns if n not in constants)
    # Whoever reads a column holds that of a whole group of rows, and a row of a FOCUS file is some 4 KB of text.
    groups = ", ROW_GROUP_SIZE 8192" if "focus_row" in columns else ""
    return (
        f"COPY (SELECT {stored} FROM ({query}) WHERE {where}) TO {literal(str(target))} "
        f"(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1{groups})"
    )
