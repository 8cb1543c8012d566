"""Columns with few different values are tested once per value instead of once per row.

Measured on a million rows: counting the values of a column takes 5 to 10 ms, a regular expression or a list of
stand-ins on every row 20 to 200 ms. Which columns are worth it is guessed from the first rows (a wrong guess costs
time, never a result), and data with few rows is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from focus_ai.engine import Session, ident, literals
from focus_ai.validation.compile_columns import Columns

LOOKED_AT = 50_000
PROMISING = 1_000
MOST = 20_000
_IN_LINE = 4

Build = Callable[[Sequence[str]], str]


class Few:
    """Answers tests of text cells by their distinct values (or pairs of values), where that is quicker."""

    def __init__(self, session: Session, columns: Columns, name: str = "") -> None:
        self.session, self.columns, self.name = session, columns, name
        self.tables: dict[tuple[str, ...], str | None] = {}
        self.likely: set[str] | None = None
        self.answers: dict[tuple[str, ...], str | bool] = {}

    def test(self, cells: Sequence[str], build: Build) -> str | bool:
        """The test of cells (SQL) as SQL with the same three outcomes; cells that are null make it unknown.

        True when no value is wrong or unknown. Columns that do not qualify get the test itself.
        """
        table = self._table(tuple(cells))
        if table is None:
            return build(cells)
        stand_in = build(self._stand_in(cells))
        key = (*cells, stand_in)
        if key not in self.answers:
            self.answers[key] = self._answer(cells, table, stand_in)
        return self.answers[key]

    def _answer(self, cells: Sequence[str], table: str, test: str) -> str | bool:
        counts = f"count_if(NOT ({test})), count_if(({test}) IS NULL), count_if({test})"
        wrong, unknown, right = (n or 0 for n in self.session.one(f"SELECT {counts} FROM {table}"))
        if not wrong and not unknown:
            return True
        there = " AND ".join(f"{cell} IS NOT NULL" for cell in cells)
        if not right and not unknown:
            return f"(CASE WHEN {there} THEN false END)"
        one = cells[0] if len(cells) == 1 else f"({', '.join(cells)})"
        values = f"SELECT {', '.join(self._stand_in(cells))} FROM {table} WHERE"
        doubt = f" WHEN {one} IN ({values} ({test}) IS NULL) THEN NULL" if unknown else ""
        if len(cells) == 1 and not doubt and min(wrong, right) <= _IN_LINE:
            # A short list is cheaper than a table, a long one much dearer: it is walked for each row.
            word, side = ("NOT IN", f"NOT ({test})") if wrong <= right else ("IN", test)
            few = [row[0] for row in self.session.rows(f"{values} {side}")]
            if not any("\x00" in value for value in few):
                return f"({one} {word} ({literals(few)}))"
        found = f"{one} NOT IN ({values} NOT ({test}))" if wrong else "true"
        if len(cells) == 1 and not doubt:
            return f"({found})"
        return f"(CASE WHEN NOT ({there}) THEN NULL{doubt} ELSE {found} END)"

    @staticmethod
    def _stand_in(cells: Sequence[str]) -> list[str]:
        return [f"v{i}" for i in range(1, len(cells) + 1)]

    def _table(self, cells: tuple[str, ...]) -> str | None:
        if cells not in self.tables:
            likely = self._likely()
            self.tables[cells] = self._counted(cells) if all(cell in likely for cell in cells) else None
        return self.tables[cells]

    def _counted(self, cells: Sequence[str]) -> str | None:
        name = ident(f"few_values_{self.name}_{len(self.tables) + 1}")
        listed = ", ".join(f"{cell} AS {v}" for cell, v in zip(cells, self._stand_in(cells), strict=True))
        there = " AND ".join(f"{cell} IS NOT NULL" for cell in cells)
        source = f"SELECT DISTINCT {listed} FROM {self.columns.relation()} WHERE {there}"
        self.session.sql(f"CREATE OR REPLACE TEMP TABLE {name} AS {source}")
        if self.session.one(f"SELECT count(*) FROM {name}")[0] <= MOST:
            return name
        self.session.sql(f"DROP TABLE {name}")
        return None

    def _likely(self) -> set[str]:
        """Cells of text columns that show few values in the first rows."""
        if self.likely is None:
            texts = [ident(c.name) for c in self.columns.dataset.columns.values() if c.kind == "text"]
            counts = ", ".join(["count(*)", *(f"approx_count_distinct({t})" for t in texts)])
            first = f"(SELECT {', '.join(texts) or '1'} FROM {self.columns.dataset.relation} LIMIT {LOOKED_AT})"
            rows, *different = self.session.one(f"SELECT {counts} FROM {first}")
            enough = rows == LOOKED_AT
            self.likely = {t for t, n in zip(texts, different, strict=True) if enough and n <= PROMISING}
        return self.likely
