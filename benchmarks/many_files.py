"""A folder of many small files: pages of the OpenAI usage API, daily CSV files of events, FOCUS files to convert or to
validate.

    python benchmarks/many_files.py [--files 1000]

Each case runs in its own process beside DuckDB reading and counting the same folder in one query, started as often.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from measure import environment, run

START = "from focus_ai.cli import main; main()"
READ = "import duckdb, sys; print(duckdb.sql(f'SELECT count(*) FROM {sys.argv[1]}').fetchall())"
HEADER = "event_id,timestamp,provider,model,input_tokens,output_tokens,status,team"
DAY = 86_400


def pages(folder: Path, files: int) -> None:
    """One bucket of five results in each; synthetic."""
    folder.mkdir()
    for number in range(files):
        start = 1_767_225_600 + number * DAY // 4
        results = [
            {"object": "organization.usage.completions.result", "input_tokens": 1000 + number + n, "output_tokens": 10,
             "num_model_requests": 1, "project_id": f"proj_{n}", "model": "gpt-5.4-mini", "batch": False}
            for n in range(5)
        ]  # fmt: skip
        bucket = {"object": "bucket", "start_time": start, "end_time": start + DAY // 4, "results": results}
        page = {"object": "page", "data": [bucket], "has_more": True, "next_page": "x"}
        (folder / f"{number:05d}.json").write_text(json.dumps(page), encoding="utf-8")


def tables(folder: Path, files: int) -> None:
    """Twenty events in each; synthetic."""
    folder.mkdir()
    for number in range(files):
        day = f"2026-{1 + number % 9:02d}-{1 + number % 28:02d}"
        rows = [f"e{number}-{n},{day}T10:00:00Z,openai,gpt-5.4-mini,{100 + n},10,success,core" for n in range(20)]
        (folder / f"{number:05d}.csv").write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")


def focus_files(rows: Path, folder: Path, files: int) -> None:
    """Twenty rows of a data set in each, all different."""
    import duckdb

    folder.mkdir()
    for number in range(files):
        part = f"SELECT * FROM read_parquet('{rows}/*/*.parquet') ORDER BY x_ChargeId LIMIT 20 OFFSET {20 * number}"
        duckdb.sql(part).write_parquet(str(folder / f"{number:05d}.parquet"))


def main() -> None:
    """Command line; prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1000)
    files, env = parser.parse_args().files, environment()
    with tempfile.TemporaryDirectory() as place:
        work, command = Path(place), [sys.executable, "-c", START]
        pages(work / "pages", files)
        tables(work / "tables", files)
        run([*command, "convert", str(work / "tables"), "--grain", "request", "--out", str(work / "rows")], env)
        focus_files(work / "rows" / "data", work / "focus", files)
        cases = {
            "convert, pages of the OpenAI usage API": ("convert", "pages", "read_json_objects('{}/*.json')"),
            "convert, CSV of events": ("convert", "tables", "read_csv('{}/*.csv')"),
            "convert, FOCUS files": ("convert", "focus", "read_parquet('{}/*.parquet')"),
            "validate, FOCUS files": ("validate", "focus", "read_parquet('{}/*.parquet')"),
        }
        print("| what | files | wall s | CPU s | DuckDB reads and counts, wall s |")
        print("| --- | --- | --- | --- | --- |")
        for name, (verb, folder, reader) in cases.items():
            out = ["--out", str(work / f"out-{folder}")] if verb == "convert" else []
            ours = run([*command, verb, str(work / folder), *out], env)
            plain = run([sys.executable, "-c", READ, reader.format(work / folder)], env)
            print(f"| {name} | {files:,} | {ours.wall:.1f} | {ours.cpu:.1f} | {plain.wall:.1f} |")


if __name__ == "__main__":
    main()
