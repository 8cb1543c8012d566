"""Run one command and measure it from outside: wall, CPU and peak resident memory of its whole process tree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PAGE = os.sysconf("SC_PAGE_SIZE")
INTERVAL = 0.05
ROOT = Path(__file__).resolve().parent.parent


def environment(**more: str) -> dict[str, str]:
    """The environment of measured commands: this checkout, with its modules compiled as an installation has them.

    Where Python is told to keep no compiled modules, every run would compile the package again (0.2 s).
    """
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0", **more}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(ROOT / "focus_ai")], env=env, check=True)
    return env


@dataclass(frozen=True)
class Sample:
    """One run: seconds, CPU seconds (user and system, children too), peak MB of the tree, and what it printed.

    `others`: cores that all other processes kept busy meanwhile; the noise of this very run.
    """

    wall: float
    cpu: float
    rss: float
    printed: Any
    others: float = 0.0


def run(command: Sequence[str], env: Mapping[str, str]) -> Sample:
    """Run to the end. Raises `SystemExit` with the end of its messages when the command fails."""
    peak = [0]
    done = threading.Event()
    busy, start = _busy(), time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(env), text=True)
    errors: list[str] = []
    reader = threading.Thread(target=lambda: errors.append(process.stderr.read() if process.stderr else ""))
    watcher = threading.Thread(target=_watch, args=(process.pid, peak, done))
    reader.start()
    watcher.start()
    text = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    wall, busy = time.perf_counter() - start, _busy() - busy
    process.returncode = os.waitstatus_to_exitcode(status)
    done.set()
    watcher.join()
    reader.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{''.join(errors)[-2000:]}")
    try:
        printed = json.loads(text)
    except ValueError:
        printed = None
    # ru_maxrss is the largest single process, exact; the samples add up the tree but may miss a short peak.
    cpu, rss = usage.ru_utime + usage.ru_stime, max(peak[0] / 1e6, usage.ru_maxrss * 1024 / 1e6)
    return Sample(wall, cpu, rss, printed, max(0.0, (busy - cpu) / wall))


def _watch(pid: int, peak: list[int], done: threading.Event) -> None:
    while not done.wait(INTERVAL):
        peak[0] = max(peak[0], sum(map(_resident, _tree(pid))))


def _tree(pid: int) -> list[int]:
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        for path in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                waiting += map(int, path.read_text().split())
            except OSError:
                continue
    return found


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0


def _busy() -> float:
    """CPU seconds that all processes of the machine have used since it started."""
    values = [int(v) for v in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(values) - values[3] - values[4]) / os.sysconf("SC_CLK_TCK")
