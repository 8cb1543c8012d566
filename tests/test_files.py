"""Reports and baselines are replaced as a whole."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from focus_ai.cli import main
from focus_ai.files import write_whole


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes ten characters of a text and then no more."""
    whole = Path.write_text

    def some(path: Path, text: str, **options: str) -> int:
        whole(path, text[:10], **options)  # type: ignore[arg-type]
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(Path, "write_text", some)


@pytest.mark.parametrize("command", [
    ["validate", "rows.csv", "--report", "json:kept"], ["validate", "rows.csv", "--write-baseline", "kept"],
    ["report", "rows.csv", "--out", "kept"],
])  # fmt: skip
def test_a_full_disk_leaves_the_old_file(
    command: list[str], full: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_bytes(
        b"ChargePeriodStart,ChargePeriodEnd,BillingCurrency,BilledCost,EffectiveCost\n"
        b"2026-11-02T00:00:00Z,2026-11-03T00:00:00Z,USD,1,1\n"
    )
    (tmp_path / "kept").write_bytes(b"what was written last month")
    assert main(command) == 2
    assert (tmp_path / "kept").read_bytes() == b"what was written last month"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["kept", "rows.csv"]


def test_links_pipes_and_rights_stay_what_they_are(tmp_path: Path) -> None:
    target, link = tmp_path / "deep" / "file", tmp_path / "link"
    write_whole(target, "one")
    target.chmod(0o640)
    link.symlink_to(target)
    write_whole(link, "two")
    assert (link.is_symlink(), target.read_text(), target.stat().st_mode & 0o777) == (True, "two", 0o640)
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_whole(tmp_path / "pipe", "three")  # as /dev/null or /dev/stdout: never replaced by a file
    assert (os.read(reader, 9), (tmp_path / "pipe").is_fifo()) == (b"three", True)
    os.close(reader)
