"""How fast every adapter reads: a golden input, repeated to a few megabytes, staged in one process.

    python benchmarks/adapters.py [--megabytes 12] [--only litellm,openai]

Per adapter: records/s and MB/s of CPU, the ratio to plain DuckDB reading of the same file, and per byte to the
LiteLLM spend logs of the same run (wanted: at most 3). Only line formats (JSON Lines, CSV) can be repeated; an export
that is one JSON document is read whole and small. Exit 1 when an adapter is slower than wanted.
"""

from __future__ import annotations

import argparse
import importlib
import resource
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
EXPORTS = HERE.parent / "fixtures" / "exports"
YARDSTICK = "litellm-spend-logs"
WANTED = 3.0


@dataclass
class Speed:
    """CPU seconds of staging and of plain reading for a file of so many bytes and records."""

    adapter: str
    size: int
    records: int
    staged: float
    read: float

    @property
    def per_byte(self) -> float:
        """CPU seconds per megabyte."""
        return self.staged / (self.size / 1e6)


def cpu() -> float:
    """CPU seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def repeated(source: Path, target: Path, size: int) -> None:
    """The file with its records again and again, up to about `size` bytes."""
    lines = source.read_bytes().splitlines(keepends=True)
    head, body = (lines[:1], lines[1:]) if source.suffix == ".csv" else ([], lines)
    if body and not body[-1].endswith(b"\n"):
        body[-1] += b"\n"
    block = b"".join(body)
    with target.open("wb") as stream:
        stream.writelines(head)
        for _ in range(max(1, size // max(1, len(block)))):
            stream.write(block)


def inputs() -> dict[str, Path]:
    """Adapter -> one golden input in lines that it recognises, without rejected records where there is one."""
    from focus_ai.adapters import recognise, shipped
    from focus_ai.errors import InputError
    from focus_ai.sources import discover

    found: dict[str, Path] = {}
    for path in sorted(EXPORTS.glob("*/*/*/input.*")):
        if path.suffix not in (".jsonl", ".csv", ".ndjson") or "bad" in path.parent.name:
            continue
        try:
            found.setdefault(recognise(discover([str(path)], path.parent)[0], shipped()).id, path)
        except InputError:
            continue
    return found


def measured(adapter: str, path: Path, size: int, work: Path) -> Speed:
    """Stage the repeated file once, and read it once with plain DuckDB."""
    import duckdb

    from focus_ai.adapters import shipped
    from focus_ai.adapters.tasks import stage_all
    from focus_ai.sources import discover

    big = work / f"{adapter}{path.suffix}"
    repeated(path, big, size)
    source = discover([str(big)], work)[0]
    before = cpu()
    staged = stage_all([(source, shipped()[adapter], {})], work / adapter)[0]
    took = cpu() - before
    reader = (
        "read_csv('{}', all_varchar=true)"
        if path.suffix == ".csv"
        else "read_json_objects('{}', format='newline_delimited')"
    )
    before = cpu()
    duckdb.connect().execute(f"SELECT count(*) FROM {reader.format(big)}").fetchall()
    plain = cpu() - before
    speed = Speed(adapter, big.stat().st_size, staged.read, took, plain)
    big.unlink()
    return speed


def main() -> None:
    """Command line; prints a Markdown table, the slowest per byte first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=12)
    parser.add_argument("--only", help="ids that begin with one of these words, comma separated")
    given = parser.parse_args()
    importlib.import_module("duckdb")
    chosen = inputs()
    if given.only:
        words = tuple(given.only.split(","))
        chosen = {name: path for name, path in chosen.items() if name.startswith(words) or name == YARDSTICK}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "warm").mkdir()
        measured(YARDSTICK, chosen[YARDSTICK], 1_000_000, work / "warm")  # imports and tables are not the adapters
        speeds = [measured(name, path, given.megabytes * 1_000_000, work) for name, path in sorted(chosen.items())]
    base = next(s for s in speeds if s.adapter == YARDSTICK)
    print("| adapter | MB | records/s | MB/s | CPU / reading | per byte / LiteLLM |")
    print("| --- | --- | --- | --- | --- | --- |")
    for s in sorted(speeds, key=lambda s: -s.per_byte):
        print(
            f"| {s.adapter} | {s.size / 1e6:.0f} | {s.records / s.staged:,.0f} | {1 / s.per_byte:.1f} | "
            f"{s.staged / max(s.read, 0.001):.1f} | {s.per_byte / base.per_byte:.1f} |"
        )
    slow = [s.adapter for s in speeds if s.per_byte > WANTED * base.per_byte]
    print(f"\n{len(speeds)} adapters; slower than wanted: {', '.join(slow) or 'none'}")
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    main()
