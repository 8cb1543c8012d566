"""A run that is killed at any moment leaves the old data set whole; the next run works and clears up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from data_builders import convert, data_files, event, jsonl, rows, snapshot

# The child stops itself with SIGKILL when it enters the named function.
CHILD = """
import importlib, os, signal, sys
from pathlib import Path
place, source, out = sys.argv[1:4]
module, _, name = place.rpartition(":")
target = importlib.import_module(module)
*path, last = name.split(".")
for part in path:
    target = getattr(target, part)
whole = getattr(target, last)
def dying(*given, **options):
    if sys.argv[4] == "after":
        whole(*given, **options)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(target, last, dying)
from focus_ai import api
api.convert([source], Path(out), events=True)
"""
PLACES = [
    ("focus_ai.convert:stage_all", "before"),
    ("focus_ai.convert:stage_all", "after"),
    ("focus_ai.pipeline:deduplicate", "after"),
    ("focus_ai.pipeline:write_parquet", "after"),
    ("focus_ai.convert:write_events", "after"),
    ("focus_ai.convert:Delivery.keep_untouched", "after"),
    ("focus_ai.convert:Delivery.commit", "before"),
]
pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def old(tmp_path: Path, out: Path) -> dict[str, bytes]:
    lines = [event(1, timestamp="2026-10-05T00:00:00Z"), event(2, timestamp="2026-11-05T00:00:00Z")]
    convert(out, jsonl(tmp_path / "old.jsonl", lines))
    return snapshot(out)


def child(place: str, moment: str, source: Path, out: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, place, str(source), str(out), moment], env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize(("place", "moment"), PLACES)
def test_killed_at_a_stage(place: str, moment: str, old: dict[str, bytes], tmp_path: Path, out: Path) -> None:
    source = jsonl(tmp_path / "new.jsonl", [event(n, timestamp="2026-10-06T00:00:00Z", user_id="u") for n in range(50)])
    child(place, moment, source, out)
    assert snapshot(out) == old
    assert len(rows(out)) == 4
    report = convert(out, source)
    assert report["kept_periods"] == ["2026-11"]
    assert [p.name for p in out.parent.iterdir()] == [out.name], "the next run clears up what was left"
    assert len(data_files(out)) == 2


def test_killed_after_the_exchange(old: dict[str, bytes], tmp_path: Path, out: Path) -> None:
    """The new data set stands whole; what remains of the old one is removed by the next run."""
    source = jsonl(tmp_path / "new.jsonl", [event(n, timestamp="2026-10-06T00:00:00Z") for n in range(50)])
    child("focus_ai.sinks.swap:_exchange", "after", source, out)
    assert {r["x_RequestCount"] for r in rows(out)} == {50, 1}
    assert (out / "run.json").is_file()
    convert(out, source)
    assert [p.name for p in out.parent.iterdir()] == [out.name]


def test_killed_at_random_moments(old: dict[str, bytes], tmp_path: Path, out: Path) -> None:
    """Every file is of the old data set or every file is of the new one."""
    source = jsonl(tmp_path / "new.jsonl", [event(n, timestamp="2026-10-06T00:00:00Z") for n in range(2000)])
    convert(out.parent / "expected", jsonl(tmp_path / "old.jsonl", [event(2, timestamp="2026-11-05T00:00:00Z")]))
    code = "import sys; from pathlib import Path; from focus_ai import api; print('go', flush=True); " \
           "api.convert([sys.argv[1]], Path(sys.argv[2]))"  # fmt: skip
    for wait in (0.15, 0.35, 0.5, 0.65, 0.8):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(source), str(out)], env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(wait)
        process.kill()
        process.wait()
        process.stdout.close()
        now = snapshot(out)
        counts = {r["x_RequestCount"] for r in rows(out)}
        assert now == old or counts == {2000, 1}
        assert (out / "run.json").is_file()
    convert(out, source)
    assert [p.name for p in sorted(out.parent.iterdir())] == ["expected", out.name]


# The signal comes while the engine works, which then puts an error of its own in the place of the interruption.
BUSY = """
import os, signal, sys, time
import focus_ai.convert
from focus_ai.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background work is started without it
def busy(*given, **options):
    try:
        os.kill(os.getpid(), int(sys.argv[1]))
        time.sleep(10)
    except KeyboardInterrupt:
        raise RuntimeError("Query interrupted") from None
focus_ai.convert.stage_all = busy
sys.exit(main(["convert", sys.argv[2], "--out", sys.argv[3]]))
"""


@pytest.mark.parametrize(("number", "code", "word"), [
    (signal.SIGINT, 130, "focus-ai: interrupted;"), (signal.SIGTERM, 143, "focus-ai: stopped by SIGTERM;"),
])  # fmt: skip
def test_stopped_while_the_engine_works(
    number: signal.Signals, code: int, word: str, old: dict[str, bytes], tmp_path: Path, out: Path
) -> None:
    """It is no fault of the program, the old data set stands, and nothing is left beside it."""
    done = subprocess.run(
        [sys.executable, "-c", BUSY, str(int(number)), str(jsonl(tmp_path / "new.jsonl", [event(3)])), str(out)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (code, 1), done.stderr
    assert done.stderr.startswith(word)
    assert snapshot(out) == old
    assert [p.name for p in out.parent.iterdir()] == [out.name]


def _ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    """All that it says until nobody holds its output open."""
    try:
        return process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


# The run is ended from outside while other processes read its inputs.
SEVERAL = """
import multiprocessing, os, sys, threading, time
from focus_ai.cli import main
def end():
    while len(multiprocessing.active_children()) < 2:
        time.sleep(0.01)
    time.sleep(0.5)
    os.kill(os.getpid(), int(sys.argv[1]))
if __name__ == "__main__":
    threading.Thread(target=end, daemon=True).start()
    sys.exit(main(["convert", sys.argv[2], "--jobs", "2", "--out", sys.argv[3]]))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143)])
def test_the_processes_of_a_run_end_with_it(number: int, code: int, tmp_path: Path, out: Path) -> None:
    """They hold the output open: whoever reads it to its end, as a pipeline does, would wait for ever."""
    for name in ("a", "b"):
        jsonl(tmp_path / "in" / f"{name}.jsonl", [event(f"{name}{n}") for n in range(40_000)])
    with subprocess.Popen(
        [sys.executable, "-c", SEVERAL, str(int(number)), str(tmp_path / "in"), str(out)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        shown, said = _ended(process)
    assert (process.returncode, shown) == (code, ""), said
    assert not out.exists()
