"""Inputs that are large in a way of their own: does the memory of a run stay bounded?

    python benchmarks/kinds.py [--scale 1.0]

Each case is written (some 50 to 400 MB, made of the lines of a fixture; synthetic), converted in a process of its own
with default settings, and deleted. A Markdown table: records read, input, wall, CPU and peak memory.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from measure import ROOT, environment, run

EXPORTS = ROOT / "fixtures" / "exports"
START = "from focus_ai.cli import main; main()"


CALL = {
    "timestamp": "2026-10-07T10:00:00Z", "provider": "openai", "model": "gpt-5", "input_tokens": 1000,
    "output_tokens": 10, "status": "success", "team": "search", "note": "x" * 200,
}  # fmt: skip


def lines(path: Path, rows: Iterable[Any]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def table(path: Path, rows: Iterable[dict[str, str]], header: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(header))
        writer.writeheader()
        writer.writerows(rows)


def first_row(name: str) -> dict[str, str]:
    with (EXPORTS / name).open(encoding="utf-8-sig", newline="") as file:
        return next(csv.DictReader(file))


def bill(folder: Path, number: int) -> None:
    """A cost and usage report of 120 columns, of which one line is AI."""
    line = first_row("aws/cur2/refund-csv/input.csv") | {f"column_of_other_services_{n}": "value" for n in range(90)}
    other = line | {
        "line_item_product_code": "AmazonEC2", "product": '{"product_name": "Amazon Elastic Compute Cloud"}',
        "line_item_usage_type": "BoxUsage:m5.large", "pricing_unit": "Hrs",
    }  # fmt: skip
    rows = (other | {"identity_line_item_id": f"other-{n}"} if n else line for n in range(number))
    table(folder / "cur.csv", rows, line)


def focus(folder: Path, number: int) -> None:
    """A FOCUS file with a resource for each row."""
    line = first_row("focus/focus-cost-and-usage/aws-one-two-csv/input.csv")
    table(folder / "focus.csv", (line | {"ResourceId": f"resource-{n}"} for n in range(number)), line)


def traces(folder: Path, number: int) -> None:
    """A hundred calls in each line."""
    story = EXPORTS / "opentelemetry/otlp-genai/story/input.jsonl"
    (resource, *_) = json.loads(story.read_text(encoding="utf-8").splitlines()[0])["resourceSpans"]
    (scope, *_) = resource["scopeSpans"]
    call = next(s for s in scope["spans"] if s["name"].startswith("chat")) | {"parentSpanId": ""}

    def batch(line: int) -> dict[str, Any]:
        spans = [
            call | {"spanId": f"{n:016x}", "traceId": f"{n:032x}"} for n in range(100 * line + 1, 100 * line + 101)
        ]
        return {"resourceSpans": [resource | {"scopeSpans": [scope | {"spans": spans}]}]}

    lines(folder / "traces.jsonl", map(batch, range(number // 100)))


def events(folder: Path, number: int, name: str = "events", **fields: Any) -> None:
    lines(folder / f"{name}.jsonl", ({"event_id": f"event-{n}", **CALL, **fields} for n in range(number)))


def contradictions(folder: Path, number: int) -> None:
    """Every call in two files, with other counts."""
    events(folder, number // 2, "first")
    events(folder, number // 2, "second", output_tokens=11)


def customers(folder: Path, number: int) -> None:
    """Every call for another customer."""
    rows = ({"event_id": f"event-{n}", "tenant_id": f"customer-{n}", **CALL} for n in range(number))
    lines(folder / "calls.jsonl", rows)


def document(folder: Path, number: int) -> None:
    """All calls in one JSON document on one line, as a page of the gateway has them."""
    story = EXPORTS / "litellm/spend-logs/story/input.jsonl"
    call = json.loads(story.read_text(encoding="utf-8").splitlines()[0])
    page = {"data": [call | {"request_id": f"call-{n}"} for n in range(number)], "total": number, "page": 1}
    (folder / "page.json").write_text(json.dumps(page | {"page_size": number, "total_pages": 1}), encoding="utf-8")


CASES: dict[str, tuple[Callable[[Path, int], None], int]] = {
    "AWS report, one line is AI": (bill, 300_000),
    "FOCUS file, a resource for each row": (focus, 200_000),
    "traces, a hundred calls in a line": (traces, 200_000),
    "calls without a price": (lambda folder, number: events(folder, number, model="nobody-knows"), 500_000),
    "calls whose time nobody can read": (lambda folder, number: events(folder, number, timestamp="noon"), 300_000),
    "calls that two files tell differently": (contradictions, 400_000),
    "calls, each for another customer": (customers, 300_000),
    "one JSON document on one line": (document, 60_000),
}


def main() -> None:
    """Command line; prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0)
    scale, env = parser.parse_args().scale, environment()
    print("| input | records | MB | wall s | CPU s | peak MB |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, (write, number) in CASES.items():
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "in"
            folder.mkdir()
            write(folder, int(number * scale))
            size = sum(p.stat().st_size for p in folder.iterdir()) / 1e6
            out = ["--out", str(Path(place) / "out"), "--format", "json"]
            found = run([sys.executable, "-c", START, "convert", str(folder), *out], env)
            read = found.printed["records"]["read"]
            print(
                f"| {name} | {read:,} | {size:.0f} | {found.wall:.1f} | {found.cpu:.1f} | {found.rss:.0f} |", flush=True
            )


if __name__ == "__main__":
    main()
