"""Small data sets in memory for the rules of the validator; all values synthetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from focus_ai.engine import Session, ident, literal
from focus_ai.findings import Findings
from focus_ai.validation import Column, Dataset, Options, validate
from focus_ai.validation.load import rule_set

Rows = Sequence[Mapping[str, Any]]
KINDS = {
    "VARCHAR": "text", "BIGINT": "integer", "DOUBLE": "double", "BOOLEAN": "boolean", "TIMESTAMP": "timestamp",
    "TIMESTAMPTZ": "timestamptz", "DATE": "date",
}  # fmt: skip


def kind_of(physical: str) -> Any:
    """Kind of a DuckDB type."""
    for start, kind in (("DECIMAL", "decimal"), ("MAP", "map"), ("STRUCT", "struct"), ("TIMESTAMP_", "timestamp")):
        if physical.startswith(start):
            return kind
    return KINDS[physical]


class Bench:
    """Makes data sets and checks single rules on them."""

    def __init__(self, session: Session) -> None:
        self.session, self.made = session, 0

    def data(self, rows: Rows, types: Mapping[str, str] | None = None, files: Sequence[int] = ()) -> Dataset:
        """A data set of text columns, or of the given DuckDB types (then cells are text that is cast)."""
        self.made += 1
        names = list(dict.fromkeys(n for row in rows for n in row)) or list(types or {})
        kinds = {n: (types or {}).get(n, "VARCHAR") for n in [*names, *(n for n in types or {} if n not in names)]}
        table = ident(f"data_{self.made}")
        columns = ", ".join(f"{ident(n)} {k}" for n, k in kinds.items())
        self.session.sql(f"CREATE TABLE {table} ({columns}, _file INTEGER, _row BIGINT)")
        counts: dict[int, int] = {}
        for i, row in enumerate(rows):
            file = files[i] if files else 0
            counts[file] = counts.get(file, 0) + 1
            cells = [f"CAST({literal(row.get(n))} AS {k})" for n, k in kinds.items()]
            self.session.sql(f"INSERT INTO {table} VALUES ({', '.join([*cells, str(file), str(counts[file])])})")
        described = {n: Column(n, kind_of(k), k) for n, k in kinds.items()}
        named = tuple(f"part-{i}.csv" for i in range(max(files, default=0) + 1))
        return Dataset(table, described, named, typed=types is not None)

    def check(self, rules: Sequence[Mapping[str, Any]], data: Dataset, **options: Any) -> Findings:
        """Findings of rules that are written as in a rule file, on version 1.2."""
        listed = rule_set({"rules": rules}, "test")
        return validate(self.session, data, [listed], Options(**options), version="1.2", dataset_name="CostAndUsage")

    def rows(self, require: Any, rows: Rows, when: Any = None, types: Mapping[str, str] | None = None) -> list[int]:
        """Row numbers that break a requirement."""
        rule = {"id": "T-1", "require": require, **({"when": when} if when else {})}
        found = self.check([rule], self.data(rows, types), samples=50)
        return [sample.row or 0 for finding in found.findings for sample in finding.samples]

    def status(self, require: Any, rows: Rows, when: Any = None, types: Mapping[str, str] | None = None) -> str:
        """How a rule about column A ends."""
        rule = {"id": "T-1", "column": "A", "require": require, **({"when": when} if when else {})}
        return self.check([rule], self.data(rows, types)).rules[0].status


@pytest.fixture
def bench(tmp_path: Path) -> Any:
    """A bench with a session of its own."""
    with Session(tmp_path / "work") as session:
        yield Bench(session)


MakeBench = Callable[[], Bench]
