"""The progress line: late, on a terminal only, and gone at the end."""

from __future__ import annotations

import io

import pytest

from focus_ai.cli.progress import Progress, line


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


@pytest.mark.parametrize(("stream", "quiet"), [(io.StringIO(), False), (Terminal(), True)])
def test_nothing_without_a_terminal_or_when_quiet(stream: io.StringIO, quiet: bool) -> None:
    clock = Clock()
    with Progress(quiet=quiet, stream=stream, clock=clock) as progress:
        clock.now = 60
        progress("reading", 1, 2)
    assert stream.getvalue() == ""


def test_a_short_run_shows_nothing_and_a_long_one_cleans_up() -> None:
    stream, clock = Terminal(), Clock()
    with Progress(stream=stream, clock=clock) as progress:
        progress("reading", 1, 4)
        assert stream.getvalue() == ""
        clock.now = 2
        progress("reading", 2, 4)
        assert "reading" in stream.getvalue() and "2/4" in stream.getvalue()
    last = stream.getvalue().split("\r")
    assert last[-1] == "" and last[-2].strip() == ""


def test_the_bar_is_full_at_the_end_and_a_counter_when_the_length_is_unknown() -> None:
    assert line("writing", 4, 4) == "writing  ########################  4/4"
    assert line("writing", 0, 4) == "writing  ------------------------  0/4"
    assert line("reading", 12345, 0) == "reading  12,345"
