"""Measure `focus-ai validate` against a yardstick: one DuckDB scan with 300 counting expressions over the same file.

    python benchmarks/validate.py [--rows 1000000] [--repeats 3] [--only NAME …]

Cases run in their own processes, round after round. `yardstick` counts null cells under five conditions in every
column and nothing else. `rules of FOCUS` leaves out our own rules for AI spend. The official validator 2.2.1 needed
55 to 92 s and 2.2 GB for a file of this size (recorded on the same kind of machine, 2026-11).
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from pathlib import Path

import duckdb
from measure import Sample, environment, run

HERE = Path(__file__).parent
DATA = HERE / "data"
CONDITIONS = (
    "ChargeCategory IN ('Usage', 'Purchase') AND ChargeClass IS DISTINCT FROM 'Correction'",
    "ChargeCategory = 'Tax'",
    "CommitmentDiscountId IS NULL",
    "SkuPriceId IS NOT NULL",
    "ChargeClass IS DISTINCT FROM 'Correction'",
)


def yardstick(file: Path) -> None:
    """One scan with 300 counting expressions."""
    connection = duckdb.connect()
    connection.execute("SET memory_limit='400MB'")
    source = f"read_parquet('{file}')"
    columns = [row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()]
    counts = [f'count_if(({condition}) AND "{name}" IS NULL)' for condition in CONDITIONS for name in columns]
    connection.execute(f"SELECT {', '.join(counts)} FROM {source}").fetchall()


def cases(rows: int) -> dict[str, list[str]]:
    """Name -> command. Files are written when they are not there."""
    right, wrong, small = (DATA / f"focus-{name}.parquet" for name in (f"{rows}", f"{rows}-broken", "100"))
    for file, count, breaks in ((right, rows, 0), (wrong, rows, 30), (small, 100, 0)):
        if not file.exists():  # in a process of its own, so that its memory is not counted
            subprocess.run(
                [sys.executable, HERE / "validate_data.py", f"--rows={count}", f"--out={file}", f"--breaks={breaks}"],
                check=True,
            )
    validate = [sys.executable, "-c", "from focus_ai.cli import main; main()", "validate", "--fail-on", "never"]
    return {
        "yardstick": [sys.executable, __file__, "--yardstick", str(right)],
        "rules of FOCUS": [*validate, str(right), "--focus", "1.2", "--ignore", "FAI-*"],
        "all rules": [*validate, str(right), "--focus", "1.2"],
        "all rules, 7 broken": [*validate, str(wrong), "--focus", "1.2"],
        "all rules, 100 rows": [*validate, str(small), "--focus", "1.2"],
    }


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--yardstick", type=Path)
    args = parser.parse_args()
    if args.yardstick:
        yardstick(args.yardstick)
        return
    chosen = {n: c for n, c in cases(args.rows).items() if not args.only or n in args.only or n == "yardstick"}
    env = environment()
    found: dict[str, list[Sample]] = {name: [] for name in chosen}
    for _ in range(args.repeats):
        for name, command in chosen.items():
            found[name].append(run(command, env))
    base = statistics.median(s.cpu for s in found["yardstick"])
    print(f"| {args.rows:,} rows, 60 columns | wall s | CPU s | peak MB | CPU / yardstick | others' cores |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, samples in found.items():
        wall, cpu, rss, others = (
            statistics.median(getattr(s, field) for s in samples) for field in ("wall", "cpu", "rss", "others")
        )
        print(f"| {name} | {wall:.2f} | {cpu:.2f} | {rss:.0f} | {cpu / base:.1f} | {others:.1f} |")


if __name__ == "__main__":
    main()
