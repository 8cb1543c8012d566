"""Measure `focus-ai convert` against the floor and against a hand-written script, and check that all agree.

    python benchmarks/run.py [--rows 1000000] [--repeats 3] [--cases floor,day,...] [--litellm-python PATH]

Every case runs in its own process, round after round (A B C, A B C, ...), and every ratio is to the floor of the same
round. Prints a Markdown table of medians with the smallest and largest value. Inputs are made on the first run and kept
in benchmarks/data. Exit 1 when a check fails.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import measure
from measure import Sample

HERE = Path(__file__).resolve().parent
DATA = HERE / "data"
OUT = DATA / "out"
ENV = measure.environment(SOURCE_DATE_EPOCH="1700000000", LITELLM_LOCAL_MODEL_COST_MAP="True")
START = "import sys; from focus_ai.cli import main; sys.exit(main())"
# Columns on which convert and the hand-written script must agree row by row.
KEY = [
    "BillingPeriodStart", "ChargePeriodStart", "ChargePeriodEnd", "SkuPriceId", "x_RateId", "x_ModelId", "x_TokenType",
    "x_Team", "x_Product", "x_Environment", "x_OwnerStatus", "Tags", "x_RequestId", "x_UserId", "ConsumedQuantity",
    "PricingQuantity", "ListUnitPrice", "ListCost", "EffectiveCost", "BilledCost", "x_ReasoningTokens",
    "x_RequestCount", "ProviderName", "ServiceName",
]  # fmt: skip


@dataclass
class Case:
    """One thing to measure. `out` is its folder of rows, if it writes any; `grain` says what its rows are."""

    name: str
    command: list[str]
    out: Path | None = None
    grain: str | None = None
    samples: list[Sample] = field(default_factory=list)
    hashes: set[str] = field(default_factory=set)

    def rows_hash(self) -> str | None:
        """Digest of the Parquet bytes that a run of `convert` wrote."""
        if self.out is None:
            return None
        digest = hashlib.sha256()
        for path in sorted(self.out.rglob("*.parquet")):
            digest.update(path.name.encode() + path.parent.name.encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()[:16]


def size_name(rows: int) -> str:
    """1000000 -> 1m, 50000 -> 50k."""
    return f"{rows // 1_000_000}m" if rows % 1_000_000 == 0 else f"{rows // 1000}k"


def input_paths(rows: int) -> dict[str, Path]:
    """Where the input files of one size are."""
    plain = DATA / f"events-{size_name(rows)}.jsonl"
    return {
        "plain": plain, "gzip": plain.with_name(plain.name + ".gz"), "parts": DATA / f"parts-{size_name(rows)}",
        "prices": DATA / "prices.parquet", "daily": DATA / f"daily-{size_name(rows)}.parquet",
    }  # fmt: skip


def make_inputs(files: dict[str, Path], rows: int, chosen: Sequence[Case], litellm: str | None) -> None:
    """Write what the cases read and is not there yet; the price table always, as the rate card may have changed."""
    generate = [sys.executable, str(HERE / "generate.py"), "--rows", str(rows), "--out"]
    make = {
        "plain": [*generate, str(files["plain"])],
        "gzip": [*generate, str(files["plain"]), "--gzip"],
        "parts": [*generate, str(files["parts"] / "part.jsonl"), "--files", "4"],
        "prices": [sys.executable, str(HERE / "prices.py"), "--out", str(files["prices"])],
        "daily": [str(litellm), str(HERE / "litellm_focus.py"), "--data", str(files["daily"]), "--write", str(rows)],
    }
    files["prices"].unlink(missing_ok=True)
    for name, command in make.items():
        if not files[name].exists() and any(str(files[name]) in c.command for c in chosen):
            subprocess.run(command, check=True, env=ENV, stdout=sys.stderr)
    for path in files.values():  # once through everything, so that no case pays for a cold page cache
        if any(str(path) in c.command for c in chosen):
            for part in sorted(path.iterdir()) if path.is_dir() else [path]:
                with part.open("rb") as stream:
                    while stream.read(1 << 24):
                        pass


def cases(files: dict[str, Path], litellm: str | None) -> dict[str, Case]:
    """All cases by name."""
    python = sys.executable
    plain, prices = str(files["plain"]), str(files["prices"])

    def convert(name: str, source: Path | str, grain: str, *more: str) -> Case:
        out = OUT / name
        command = [python, "-c", START, "convert", str(source), "--out", str(out), "--grain", grain, "--format", "json"]
        return Case(name, [*command, "--quiet", *more], out, grain)

    def written(name: str, grain: str, *more: str) -> Case:
        out = OUT / name
        command = [python, str(HERE / "handwritten.py"), plain, "--prices", prices, "--out", str(out), "--grain", grain]
        return Case(name, [*command, *more], out, grain)

    found = [
        Case("help", [python, "-c", START, "--help"]),
        Case("floor", [python, str(HERE / "floor.py"), plain]),
        Case("stream", [python, str(HERE / "floor.py"), plain, "--stream"]),
        convert("day", plain, "day", "--no-validate"),
        convert("request", plain, "request", "--no-validate"),
        convert("day-checked", plain, "day"),
        convert("request-checked", plain, "request"),
        convert("gzip-day", files["gzip"], "day", "--no-validate"),
        convert("jobs2-day", files["parts"], "day", "--jobs", "2", "--no-validate"),
        convert("threads1-day", plain, "day", "--threads", "1", "--no-validate"),
        convert("400MB-day", plain, "day", "--memory-limit", "400MB", "--no-validate"),
        convert("400MB-request", plain, "request", "--memory-limit", "400MB", "--no-validate"),
        written("handwritten-day", "day"),
        written("handwritten-request", "request"),
        written("trusting-day", "day", "--trusting"),
        written("trusting-request", "request", "--trusting"),
    ]
    if litellm:
        found.append(Case("litellm", [litellm, str(HERE / "litellm_focus.py"), "--data", str(files["daily"])]))
    return {case.name: case for case in found}


def measure_all(chosen: Sequence[Case], repeats: int) -> float:
    """Fill the samples of every case; returns the median load of other work, in cores, during the runs."""
    loads = []
    for number in range(repeats):
        for case in chosen:
            if case.out is not None:
                shutil.rmtree(case.out, ignore_errors=True)
            sample = measure.run(case.command, ENV)
            if case.name == "litellm":  # its clock runs inside: import and reading the frame are not its work
                own = sample.printed
                sample = Sample(own["wall"], own["cpu"], own["rss"], own, sample.others)
            if case.grain and not isinstance(sample.printed, dict):
                raise SystemExit(f"{case.name} printed no report")
            case.samples.append(sample)
            loads.append(sample.others)
            if digest := case.rows_hash():
                case.hashes.add(digest)
            print(f"round {number + 1} {case.name}: {sample.wall:.2f} s, CPU {sample.cpu:.2f} s, {sample.rss:.0f} MB, "
                  f"others {sample.others:.1f} cores", file=sys.stderr, flush=True)  # fmt: skip
    return median(loads)


def spread(values: Sequence[float], form: str) -> str:
    """Median (min-max)."""
    shown = [form.format(v) for v in (median(values), min(values), max(values))]
    return shown[0] if len(values) == 1 else f"{shown[0]} ({shown[1]}-{shown[2]})"


def table(chosen: Sequence[Case], rows: int) -> str:
    """Markdown: one line per case, ratios to the floor of the same round."""
    floor = next((c.samples for c in chosen if c.name == "floor"), None)
    lines = [
        "| case | wall s | CPU s | peak MB | wall / F | CPU / F | events/s | others, cores |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for case in chosen:
        of_wall = of_cpu = "-"
        if floor:
            pairs = list(zip(case.samples, floor, strict=True))
            of_wall = spread([s.wall / f.wall for s, f in pairs], "{:.2f}")
            of_cpu = spread([s.cpu / f.cpu for s, f in pairs], "{:.2f}")
        walls = [s.wall for s in case.samples]
        rate = "-" if case.name == "help" else f"{rows / median(walls):,.0f}"
        lines.append(
            f"| {case.name} | {spread(walls, '{:.2f}')} | {spread([s.cpu for s in case.samples], '{:.2f}')} | "
            f"{spread([s.rss for s in case.samples], '{:.0f}')} | {of_wall} | {of_cpu} | {rate} | "
            f"{spread([s.others for s in case.samples], '{:.1f}')} |"
        )
    return "\n".join(lines)


def compare(one: Path, other: Path) -> list[str]:
    """Differences between two folders of rows: totals first, then rows that only one of them has."""
    import duckdb

    con = duckdb.connect()
    con.execute("SET TimeZone='UTC'")
    con.execute(f"SET temp_directory='{OUT}/spill'; SET memory_limit='3GB'")
    for name, folder in (("a", one), ("b", other)):
        con.execute(
            f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{folder}/**/*.parquet', hive_partitioning=false)"
        )
    totals = ("SELECT count(*), sum(EffectiveCost)::VARCHAR, sum(ListCost)::VARCHAR, sum(ConsumedQuantity)::VARCHAR, "
              "sum(x_ReasoningTokens)::VARCHAR FROM ")  # fmt: skip
    found = []
    left, right = (con.execute(totals + name).fetchone() for name in ("a", "b"))
    if left != right:
        found.append(f"totals differ: {left} and {right}")
    columns = ", ".join(f'"{c}"' for c in KEY)
    for first, second in (("a", "b"), ("b", "a")):
        rows = "SELECT hash({}) FROM {}"
        query = f"{rows.format(columns, first)} EXCEPT ALL {rows.format(columns, second)}"
        only = con.execute(f"SELECT count(*) FROM ({query})").fetchone()
        if only and only[0]:
            found.append(f"{only[0]} rows of {first} are not in {second}")
    return found


def checks(by_name: dict[str, Case]) -> list[tuple[str, list[str]]]:
    """Named checks with what is wrong (nothing when right)."""
    found: list[tuple[str, list[str]]] = []
    ran = [c for c in by_name.values() if c.samples]
    for grain in ("day", "request"):
        same = [c for c in ran if c.grain == grain and not c.name.startswith(("handwritten", "trusting"))]
        hashes = set().union(*(c.hashes for c in same)) if same else set()
        names = ", ".join(c.name for c in same)
        if same:
            found.append((f"same bytes in every run: {names}", [] if len(hashes) == 1 else sorted(hashes)))
        pair = [by_name.get(grain), by_name.get(f"handwritten-{grain}")]
        if all(c is not None and c.samples and c.out for c in pair):
            one, other = (c.out for c in pair if c is not None)
            assert one is not None and other is not None
            found.append((f"{grain}: convert and hand-written have the same rows and totals", compare(one, other)))
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cases", help="names, comma separated; all by default")
    parser.add_argument("--litellm-python", help="interpreter of an environment with litellm and polars")
    given = parser.parse_args()
    if given.rows % 1000:
        parser.error("--rows must be a multiple of 1000")
    files = input_paths(given.rows)
    by_name = cases(files, given.litellm_python)
    wanted = given.cases.split(",") if given.cases else list(by_name)
    if unknown := [name for name in wanted if name not in by_name]:
        parser.error(f"unknown case {', '.join(unknown)}; known: {', '.join(by_name)}")
    chosen = [by_name[name] for name in wanted]
    make_inputs(files, given.rows, chosen, given.litellm_python)
    load = measure_all(chosen, given.repeats)
    print(f"{given.rows:,} events, {given.repeats} rounds, median load of other work {load:.1f} cores\n")
    print(table(chosen, given.rows))
    print()
    wrong = False
    for name, problems in checks(by_name):
        wrong = wrong or bool(problems)
        print(f"- {'FAILED' if problems else 'ok'}: {name}" + (f" ({'; '.join(problems)})" if problems else ""))
    counts = {c.name: c.samples[-1].printed for c in chosen if isinstance(c.samples[-1].printed, dict)}
    rows_out = {name: found["rows"] for name, found in counts.items() if "rows" in found}
    print(f"- rows written: {json.dumps(rows_out)}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
