"""Small inputs, and readers of what a run wrote. Amounts are read as Decimals, never as floats."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

from focus_ai import api
from focus_ai.adapters import Mapping as AdapterMapping
from focus_ai.adapters import Staged, recognise, shipped
from focus_ai.adapters.golden import records
from focus_ai.settings import Settings
from focus_ai.sources import discover

EXPORTS = Path(__file__).parent.parent / "fixtures" / "exports"
COSTS = ("ListCost", "ContractedCost", "EffectiveCost", "BilledCost")


def event(number: int | str, **fields: Any) -> dict[str, Any]:
    """A generic cost event: 1000 input and 10 output tokens of gpt-5 (1.25 and 10 USD per million: 0.00135 USD)."""
    return {
        "event_id": f"e{number}", "timestamp": "2026-10-07T10:00:00Z", "provider": "openai", "model": "gpt-5",
        "input_tokens": 1000, "output_tokens": 10, "status": "success", **fields,
    }  # fmt: skip


def jsonl(path: Path, lines: Iterable[Mapping[str, Any] | str | bytes]) -> Path:
    """Write JSON Lines; texts and bytes are written as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(_bytes(line) + b"\n" for line in lines))
    return path


def _bytes(line: Mapping[str, Any] | str | bytes) -> bytes:
    if isinstance(line, bytes):
        return line
    return (line if isinstance(line, str) else json.dumps(line)).encode()


def convert(
    out: Path, *inputs: Path | str, settings: Mapping[str, Any] | None = None, **options: Any
) -> dict[str, Any]:
    """Run a conversion; the counts of every run must add up. The rows are checked where a test asks for it."""
    own = Settings.from_dict(settings) if settings else None
    report = api.convert([str(i) for i in inputs], out, settings=own, **{"validate": False, **options})
    counts = report["records"]
    assert counts["read"] == sum(value for name, value in counts.items() if name != "read")
    return report


def data_files(out: Path) -> list[Path]:
    return sorted((out / "data").rglob("*.parquet"))


def rows(out: Path) -> list[dict[str, Any]]:
    """Every row of a data set, in file order."""
    import pyarrow.parquet as pq

    return [row for path in data_files(out) for row in pq.read_table(path, partitioning=None).to_pylist()]


def ask(out: Path, query: str) -> list[tuple[Any, ...]]:
    """A SQL query over the rows of a data set, called `data`."""
    import duckdb

    files = ", ".join("'" + str(p).replace("'", "''") + "'" for p in data_files(out))
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE VIEW data AS SELECT * FROM read_parquet([{files}], hive_partitioning = false)")
        found: list[tuple[Any, ...]] = connection.execute(query).fetchall()
    return found


def total(found: Iterable[Mapping[str, Any]], column: str = "EffectiveCost") -> Decimal:
    return sum((row[column] or Decimal(0) for row in found), Decimal(0))


def exceptions(out: Path, name: str) -> list[dict[str, Any]]:
    path = out / "exceptions" / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def data_bytes(out: Path) -> dict[str, bytes]:
    """The Parquet files of a data set by relative path."""
    return snapshot(out / "data")


def stage_module() -> ModuleType:
    """The module `focus_ai.adapters.stage` (the package exports a function of the same name)."""
    return importlib.import_module("focus_ai.adapters.stage")


def staged(path: Path, work: Path, mapping: AdapterMapping | None = None) -> tuple[Staged, list[dict[str, Any]]]:
    """Stage one file with the mapping that claims it, or the one given."""
    work.mkdir(parents=True, exist_ok=True)
    source = discover([str(path)], work)[0]
    return records(source, mapping or recognise(source, shipped()), work)
