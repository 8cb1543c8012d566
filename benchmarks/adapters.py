"""How fast every adapter reads: a golden input, repeated to a few megabytes, staged in one process.

    python benchmarks/adapters.py [--megabytes 12] [--only litellm,openai]

Per adapter: records/s and MB/s of CPU, the ratio to plain DuckDB reading of the same file, and per byte to the
LiteLLM spend logs of the same run (wanted: at most 3). Of JSON Lines, CSV and text logs the lines are repeated; of an
export that is one JSON document the outermost array that holds its records; a single body becomes a list of bodies.
Exit 1 when an adapter is slower than wanted.
"""

from __future__ import annotations

import argparse
import importlib
import json
import resource
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
EXPORTS = HERE.parent / "fixtures" / "exports"
YARDSTICK = "litellm-spend-logs"
# How plain DuckDB reads a file of this kind.
READERS = {
    ".csv": "read_csv('{}', all_varchar=true)",
    ".jsonl": "read_json_objects('{}', format='newline_delimited')",
    ".json": "read_json_objects('{}', maximum_object_size=67108864)",
    ".log": "read_csv('{}', auto_detect=false, header=false, delim='\x01', quote='', columns={{'line': 'VARCHAR'}})",
}
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


def repeated(source: Path, target: Path, size: int, records: str | None = None) -> None:
    """The file with its records again and again, up to about `size` bytes. `records`: their path in a document."""
    if source.suffix == ".json":
        repeated_document(source, target, size, records)
        return
    lines = source.read_bytes().splitlines(keepends=True)
    head, body = (lines[:1], lines[1:]) if source.suffix == ".csv" else ([], lines)
    if body and not body[-1].endswith(b"\n"):
        body[-1] += b"\n"
    block = b"".join(body)
    with target.open("wb") as stream:
        stream.writelines(head)
        for _ in range(max(1, size // max(1, len(block)))):
            stream.write(block)


def repeated_document(source: Path, target: Path, size: int, records: str | None) -> None:
    """One JSON document with the outermost array of its records repeated; without one, a list of such documents."""
    whole = json.loads(source.read_text(encoding="utf-8"))
    listed = whole
    if isinstance(whole, dict) and records:
        for key in records.split("[]")[0].split("."):
            listed = listed[key]
    if not isinstance(listed, list):
        whole = listed = [whole]
    listed *= max(1, size // max(1, len(json.dumps(listed))))
    target.write_text(json.dumps(whole), encoding="utf-8")


def clean(case: Path) -> bool:
    """Does no record of this golden case get set aside?"""
    expected = case / "expected.json"
    return not expected.exists() or not json.loads(expected.read_text(encoding="utf-8")).get("rejected")


def inputs() -> dict[str, Path]:
    """Adapter -> one golden input that it recognises: without rejected records, and in lines, where there is one."""
    from focus_ai.adapters import recognise, shipped
    from focus_ai.errors import InputError
    from focus_ai.sources import discover

    found: dict[str, Path] = {}
    golden = sorted(EXPORTS.glob("*/*/*/input.*"), key=lambda p: (not clean(p.parent), p.suffix == ".json", p))
    for path in golden:
        if path.suffix not in READERS or not (path.parent / "expected.jsonl").read_text(encoding="utf-8").strip():
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
    repeated(path, big, size, shipped()[adapter].records)
    source = discover([str(big)], work)[0]
    before = cpu()
    staged = stage_all([(source, shipped()[adapter], {})], work / adapter)[0]
    took = cpu() - before
    reader = READERS[path.suffix]
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
    slow = [s.adapter for s in speeds if s.per_byte / base.per_byte > WANTED]
    print(f"\n{len(speeds)} adapters; slower than wanted: {', '.join(slow) or 'none'}")
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    main()
