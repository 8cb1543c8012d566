"""A DuckDB session with explicit limits: memory, threads, spill folder, and a fence around the file system."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from focus_ai.engine.sql import literal, literals
from focus_ai.errors import InputError, UsageError
from focus_ai.files import shown

# Bytes that two threads need for any size of input, because the engine spills to the work folder.
USUAL_MEMORY = 400_000_000
_UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


def default_memory_limit(connection: Any, for_two: int = USUAL_MEMORY) -> str:
    """What the engine may use when nobody says so: `for_two` bytes for every two threads, each of which has buffers.

    Never more than 60 % of the machine or container, of which the engine takes 80 % by itself. More memory
    (`--memory-limit 4GB`) makes very large runs somewhat quicker.
    """
    threads, own = connection.execute("SELECT current_setting('threads'), current_setting('memory_limit')").fetchone()
    number, _, unit = str(own).partition(" ")
    whole, _, tenths = number.partition(".")
    most = (int(whole) * 10 + int(tenths[:1] or 0)) * _UNITS.get(unit, 1 << 40) // 10 * 3 // 4
    return f"{max(1, min(for_two * max(2, int(threads)) // 2, most) // 1_000_000)}MB"


def _plain(*paths: Path) -> None:
    """The engine takes paths as UTF-8 text; one with other bytes is told before anything is done."""
    for path in paths:
        if shown(path) != str(path):
            raise InputError("a path is not UTF-8 text, and the engine cannot open it", where=shown(path),
                             next_step="rename the file or folder")  # fmt: skip


class Session:
    """One connection per run. Use as a context manager; `sql` runs a statement, `rows` reads a small result.

    Extensions are never installed or loaded at run time, the time zone is UTC, and after `seal` only the folders
    and files that were named can be opened, so that no text from a mapping or an input reaches another file.
    """

    def __init__(
        self, work: Path, *, memory_limit: str | None = None, threads: int | None = None, keep_order: bool = True,
        for_two: int = USUAL_MEMORY, beside: int = 0,
    ) -> None:  # fmt: skip
        """`for_two`: bytes for every two threads when no limit is given (`default_memory_limit`). `beside`: how many
        other sessions work at the same time, with which the cores are shared when no number of threads is given."""
        import duckdb

        _plain(work)
        self.work = work
        work.mkdir(parents=True, exist_ok=True)
        self.connection: Any = duckdb.connect(":memory:")
        if threads is None and beside:
            (cores,) = self.connection.execute("SELECT current_setting('threads')").fetchone()
            threads = max(1, int(cores) // (beside + 1))
        if threads is not None:
            self.connection.execute(f"SET threads={int(threads)}")
        try:
            limit = memory_limit or default_memory_limit(self.connection, for_two)
            self.connection.execute(f"SET memory_limit={literal(limit)}")
        except duckdb.Error as error:
            raise UsageError(
                "the memory limit is not understood",
                value=memory_limit,
                expected="a number with a unit, such as 400MB or 2GB",
            ) from error
        for statement in (
            f"SET temp_directory={literal(str(work / 'spill'))}",
            "SET TimeZone='UTC'",
            "SET autoinstall_known_extensions=false",
            f"SET preserve_insertion_order={'true' if keep_order else 'false'}",
            "SET enable_progress_bar=false",
        ):
            self.connection.execute(statement)

    def seal(self, folders: Iterable[Path], files: Iterable[Path] = ()) -> None:
        """Shut external access except for these folders and files, and lock the configuration."""
        folders, files = list(folders), list(files)
        _plain(*folders, *files)
        paths = literals([f"{p}/" for p in [self.work, *folders]])
        self.connection.execute(f"SET allowed_directories=[{paths}]")
        named = [str(p) for p in files]
        if named:
            self.connection.execute(f"SET allowed_paths=[{literals(named)}]")
        self.connection.execute("SET enable_external_access=false")
        self.connection.execute("SET lock_configuration=true")

    def sql(self, statement: str) -> None:
        """Run one statement to its end (results stream from DuckDB 2.0 on, so an unread one would block the next)."""
        self.connection.execute(statement).fetchall()

    def one(self, statement: str) -> tuple[Any, ...]:
        """The only row of a query."""
        found: list[tuple[Any, ...]] = self.connection.execute(statement).fetchall()
        if len(found) != 1:
            raise LookupError(f"{len(found)} rows where one was expected: {statement[:200]}")
        return found[0]

    def arrow(self, query: str) -> Any:
        """The whole result of a query as a pyarrow Table; for small results."""
        return self.connection.sql(query).to_arrow_table()

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """All rows of a query; for small results only."""
        found: list[tuple[Any, ...]] = self.connection.execute(statement).fetchall()
        return found

    def dicts(self, query: str) -> list[dict[str, Any]]:
        """The rows of a small query by the names of its columns; a DECIMAL is a Decimal, a HUGEINT an int."""
        found = self.connection.execute(query)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()
