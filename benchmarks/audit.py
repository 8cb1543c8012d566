"""Measure `focus-ai audit` against `focus-ai convert` at day grain on the same log, and the check of one call.

    python benchmarks/audit.py [--rows 1000000] [--repeats 5]

Every case runs in its own process, round after round, each round in the other order than the one before; each ratio is
to the conversion of its own round. Checks that both say the same money. The wish is a median ratio of at most 1: two
runs of the same program on a shared machine differ by several per cent, so exit 1 means a median above 1.10, a check
of a policy above 50 microseconds, or other money.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from statistics import median
from time import perf_counter_ns

import measure

HERE = Path(__file__).resolve().parent
DATA = HERE / "data"
ENV = measure.environment()
# What a median ratio may exceed 1 by before it counts as slower: the noise of two equal runs.
TOLERANCE = Decimal("0.10")
START = "import sys; from focus_ai.cli import main; sys.exit(main())"


def log(rows: int) -> Path:
    """The log of `benchmarks/generate.py`, made on the first run."""
    name = f"{rows // 1_000_000}m" if rows % 1_000_000 == 0 else str(rows)
    path = DATA / f"events-{name}.jsonl"
    if not path.exists():
        subprocess.run([sys.executable, str(HERE / "generate.py"), "--rows", str(rows), "--out", str(path)], check=True)
    return path


def check_time() -> int:
    """Nanoseconds of one check of a policy with every rule."""
    sys.path.insert(0, str(HERE.parent))
    from focus_ai.policy import check, compile_policy

    policy = compile_policy(
        {
            "version": 1, "tags": {"required": ["team", "feature"]}, "service_accounts": {"allow": ["svc-*"]},
            "models": {"allow": ["gpt-*"], "deny": ["*-latest"], "priced": True},
            "request_source": {"allow": ["ui", "api"]}, "budgets": {"monthly": {"default": "100"}},
        },
        priced=lambda provider, model: True,
    )  # fmt: skip
    call = {"team": "a", "feature": "b", "service_name": "svc-a", "model": "gpt-5", "request_source": "ui"}
    best = 0
    for _ in range(7):
        start = perf_counter_ns()
        for _ in range(20_000):
            check(call, policy, Decimal(1))
        took = (perf_counter_ns() - start) // 20_000
        best = took if not best else min(best, took)
    return best


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    source, out = str(log(given.rows)), DATA / "out" / "audit"
    out.mkdir(parents=True, exist_ok=True)
    cases = {
        "convert, day grain": ["convert", source, "--out", str(out / "day"), "--format", "json"],
        "audit": ["audit", source, "--format", "json"],
    }
    samples: dict[str, list[measure.Sample]] = {name: [] for name in cases}
    money: dict[str, str] = {}
    for number in range(given.repeats):
        order = list(cases.items())
        for name, arguments in order[::-1] if number % 2 else order:
            shutil.rmtree(out / "day", ignore_errors=True)
            sample = measure.run([sys.executable, "-c", START, *arguments], ENV)
            samples[name].append(sample)
            report = sample.printed
            money[name] = report["totals"]["cost"] if name == "audit" else report["totals"][0]["effective_cost"]
    ratios = [a.cpu / c.cpu for a, c in zip(samples["audit"], samples["convert, day grain"], strict=True)]
    print("| case | wall s | CPU s | peak MB |\n| --- | --- | --- | --- |")
    for name, found in samples.items():
        print(f"| {name} | {median(s.wall for s in found):.1f} | {median(s.cpu for s in found):.1f} | "
              f"{max(s.rss for s in found):.0f} |")  # fmt: skip
    one = check_time()
    limit, ratio = 1 + TOLERANCE, median(ratios)
    verdict = "not slower" if ratio <= 1 else "within the noise" if ratio <= limit else "SLOWER"
    print(f"\naudit / convert in CPU: {ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f}), {verdict}; limit {limit}")
    print(f"one check of a policy: {one / 1000:.1f} microseconds")
    same = len(set(money.values())) == 1
    print("the same money" if same else f"money differs: {money}")
    return 0 if same and ratio <= limit and one < 50_000 else 1


if __name__ == "__main__":
    sys.exit(main())
