"""What comes of reading one file: neutral records in Parquet, beside what was set aside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, field, replace
from pathlib import Path

from focus_ai.engine import Session, ident, literal
from focus_ai.sources.reject import Reject

# Of so many records that are set aside, and so many bytes, the texts are held in memory, or kept at all where a rule
# ignores the records.
TEXTS = 10_000
TEXT_BYTES = 64 << 20
# Texts that are fetched at once; one is a line of the input, and may have a megabyte.
FETCHED = 2_000


@dataclass(frozen=True)
class Staged:
    """What came of a file: `read` source records = good rows + ignored + rejects with a row.

    `columns` are those that at least one record may fill. Those in `constants` (name -> value as SQL) have the same
    value in every record and are not in the file. Ignored records stand in the file too, without number and text when
    there is `aside`, which holds only them and holds them whole. Of files that were staged together, the column `part`
    tells which records are of this one. `texts_apart`: rejects with a row came without their text, which stands in the
    file (`with_texts`).
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
    texts_apart: bool = False

    @property
    def stored(self) -> frozenset[str]:
        """The columns that the Parquet file holds."""
        return frozenset(self.columns) - frozenset(self.constants)


def too_many(session: Session, number: int, query: str) -> bool:
    """Are the texts (`raw`) of so many records, which the query tells, too many to hold?"""
    if number > TEXTS:
        return True
    return bool(session.one(f"SELECT coalesce(sum(strlen(raw)), 0) > {TEXT_BYTES} FROM ({query})")[0])


def with_texts(session: Session, staged: Staged) -> Iterator[Reject]:
    """The rejects of a file in the order of its records, with their texts."""
    if not staged.texts_apart:
        yield from staged.rejects
        return
    mine = "" if staged.part is None else f" AND part = {staged.part}"
    for some in (staged.rejects[n : n + FETCHED] for n in range(0, len(staged.rejects), FETCHED)):
        rows = [r.row for r in some if r.row is not None]
        texts = dict(session.rows(
            f"SELECT source_row, raw FROM read_parquet({literal(str(staged.parquet))}) WHERE problem IS NOT NULL "
            f"AND source_row BETWEEN {rows[0]} AND {rows[-1]}{mine}"
        )) if rows else {}  # fmt: skip
        yield from (replace(r, raw=texts.get(r.row)) if r.raw is None else r for r in some)


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
    # Whoever writes or reads a column holds that of a whole group of rows, and a row of a FOCUS file is some 4 KB of
    # text; the text of a record that is set aside can be as long.
    groups = ", ROW_GROUP_SIZE_BYTES 33554432" if "raw" in columns else ""
    groups = ", ROW_GROUP_SIZE 8192" if "focus_row" in columns else groups
    return (
        f"COPY (SELECT {stored} FROM ({query}) WHERE {where}) TO {literal(str(target))} "
        f"(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1{groups})"
    )
