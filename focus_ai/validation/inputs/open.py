"""Open the files of a data set in a session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from focus_ai.engine import Session
from focus_ai.findings import Deviation, Finding, Verdict
from focus_ai.focus import columns as model
from focus_ai.sources import SourceFile
from focus_ai.validation.inputs import columnar, delimited, lines
from focus_ai.validation.inputs.combine import combine
from focus_ai.validation.inputs.shape import judge
from focus_ai.validation.inputs.table import Table
from focus_ai.validation.inputs.versions import Identity, identify
from focus_ai.validation.model import Dataset

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Opened:
    """A data set ready for rules. `tables` stand in the order of `_file`; `remarks` are sentences for the report."""

    dataset: Dataset
    identity: Identity
    tables: tuple[Table, ...]
    verdicts: tuple[Verdict, ...]
    findings: tuple[Finding, ...]
    remarks: tuple[str, ...] = ()
    _lines: dict[tuple[int, int], int] = field(default_factory=dict, compare=False)

    def line(self, file: str, row: int | None) -> int | None:
        """The line of a text file on which a record starts; None for Parquet or when it was not looked up."""
        index = next((i for i, table in enumerate(self.tables) if table.source.name == file), None)
        return None if index is None or row is None else self._lines.get((index, row))

    def find_lines(self, wanted: Sequence[tuple[str, int]]) -> None:
        """Look up the lines of these (file, row); every file is read once, to its last wanted record."""
        for index, table in enumerate(self.tables):
            rows = {row for file, row in wanted if file == table.source.name}
            kind = table.source.format.kind
            if rows and kind in ("csv", "jsonl"):
                for row, line in delimited.lines_of(table.source.path, kind == "csv", rows).items():
                    self._lines[index, row] = line


def open_files(
    session: Session,
    sources: Sequence[SourceFile],
    *,
    version: str | None = None,
    dataset: str | None = None,
    samples: int = 5,
    remarks: Sequence[str] = (),
    progress: Progress | None = None,
) -> Opened:
    """Open the files as one data set. Raises `InputError` for a file that is damaged or holds no FOCUS columns.

    `version` and `dataset` as given, None to find them. Text files are staged in the work folder of the session.
    """
    described: dict[Any, list[tuple[str, str]]] = {}
    tables = []
    for number, source in enumerate(sources):
        if progress:
            progress("reading", number, len(sources))
        tables.append(_open(session, source, session.work / f"staged-{number}.parquet", described))
    relation, columns, ordered = combine(session, tables)
    identity = identify(ordered, version, dataset)
    facts = identity.version if identity.version in model.versions() else model.versions()[-1]
    kind = identity.dataset if identity.dataset in model.datasets(facts) else model.COST_AND_USAGE
    verdicts, findings = judge(ordered, facts, kind, samples)
    opened = Dataset(
        relation, columns, tuple(t.source.name for t in ordered), typed=not any(t.staged for t in ordered),
        version=identity.version, dataset=identity.dataset, deviations=tuple(_nested(ordered, facts, kind)),
    )  # fmt: skip
    return Opened(opened, identity, ordered, tuple(verdicts), tuple(findings), tuple(remarks))


def _open(session: Session, source: SourceFile, staged: Path, described: dict[Any, list[tuple[str, str]]]) -> Table:
    kind = source.format.kind
    if kind == "parquet":
        return columnar.open_parquet(session, source, described)
    return delimited.stage(session, source, staged) if kind == "csv" else lines.stage(session, source, staged)


def _nested(tables: Sequence[Table], version: str, dataset: str) -> list[Deviation]:
    """Physical forms of JSON Lines cells: an object where the column is JSON text, a number where it is text."""
    found: dict[str, Deviation] = {}
    for table in tables:
        for name, kinds in table.nested.items():
            expected = _expected(version, dataset, name)
            if expected and not (expected == "number" and kinds == "number"):
                found.setdefault(name, Deviation(name, f"JSON {kinds}", expected, f"in {table.source.name}"))
    return list(found.values())


def _expected(version: str, dataset: str, name: str) -> str | None:
    """What a JSON cell of the column should be; None for a column the version does not know."""
    for column in model.load(version, dataset).all_columns:
        if column.name == name:
            if column.type in ("Decimal", "Integer"):
                return "number"
            return "JSON text" if column.type == "JSON" else "text"
    return None
