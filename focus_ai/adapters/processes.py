"""A pool of processes that read inputs: its results in order, and no process that outlives the run."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from focus_ai.errors import UsageError

Call = TypeVar("Call")
Result = TypeVar("Result")


def in_processes(work: Callable[[Call], Result], calls: Sequence[Call], workers: int) -> Iterator[Result]:
    """What `work` makes of each call. Raises `UsageError` when the system ends one of the processes."""
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_stay_with_the_run) as pool:
        try:
            yield from pool.map(work, calls)
        except BrokenProcessPool as error:
            raise UsageError(
                "the system ended a process that reads inputs, most often because memory ran out",
                value=f"--jobs {workers}",
                next_step="give fewer --jobs, or a smaller --memory-limit; a Python script starts its work below "
                'if __name__ == "__main__", else each process runs the script again',
            ) from error  # fmt: skip
        except BaseException:  # nobody waits for what is being read
            for worker in set(multiprocessing.active_children()) - others:
                worker.terminate()
            raise


def _stay_with_the_run() -> None:
    """A process that reads inputs ends with the run, however the run ends. Left alone it would wait for ever, and so
    would whoever reads the output that both of them hold open."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of them; the run itself ends the others
    run = multiprocessing.parent_process()

    def follow() -> None:
        if run is not None:
            run.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
