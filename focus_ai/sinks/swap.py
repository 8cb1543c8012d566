"""A run builds the whole new data set beside the old one and puts it in place in one step.

The new folder holds the periods of this run and links to the untouched periods of the old one. Then the two folders
are exchanged, where the system can do that atomically; elsewhere by two renames, repaired at the next start if the
process dies between them. Killed at any moment, the old or the new data set stands.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
from pathlib import Path

from focus_ai.errors import InputError, UsageError
from focus_ai.files import shown

_EXCHANGE = 2
_HERE = -100


class Delivery:
    """The next state of an output folder. `folder` is where a run writes; `commit` makes it the output folder."""

    def __init__(self, out: Path) -> None:
        self._lock: int | None = None
        if shown(str(out.absolute())) != str(out.absolute()):
            raise InputError("the path of the output is not UTF-8 text", where=shown(str(out.absolute())),
                             next_step="choose another --out, or rename the folder above it")  # fmt: skip
        try:
            # A link is followed: the folder that it names is replaced, not the link.
            self.out = out.resolve() if out.is_symlink() else out.absolute()
            if self.out.exists() and not self.out.is_dir():
                raise InputError("the output is a file, not a folder", where=str(out), next_step="choose another --out")
            _refuse_where_we_stand(self.out, out)
            self._prefix = f".{self.out.name}.focus-ai-"
            self.folder = self.out.parent / f"{self._prefix}next-{os.getpid()}"
            self.work = self.folder / ".work"
            self.out.parent.mkdir(parents=True, exist_ok=True)
            self._repair()
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir()
            self.work.mkdir()
        except OSError as error:
            raise InputError(
                f"the output folder cannot be written: {error.strerror}", where=str(out.parent),
                next_step="choose another --out",
            ) from error  # fmt: skip

    def _repair(self) -> None:
        """Put back an old data set that a killed run left aside, and remove what dead runs left behind."""
        for left in sorted(self.out.parent.glob(self._prefix + "old-*")):
            if self.out.exists():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.rename(self.out)
        for left in self.out.parent.glob(self._prefix + "next-*"):
            pid = left.name.rpartition("-")[2]
            if not _alive(int(pid) if pid.isdigit() else 0):
                shutil.rmtree(left, ignore_errors=True)

    def keep_untouched(self, periods: set[str]) -> list[str]:
        """Link everything of the old data set that this run does not replace; returns the periods kept.

        From here to the exchange no other run may change the folder, or what it writes meanwhile would be lost.
        """
        self._lock = _locked(self.out.parent)
        kept: list[str] = []
        if not self.out.is_dir():
            return kept
        shutil.copymode(self.out, self.folder)
        for path in sorted(self.out.rglob("*")):
            relative = path.relative_to(self.out)
            parts = relative.parts
            target = self.folder / relative
            if parts[0] in ("exceptions", "events") or (relative.name == "run.json" and len(parts) == 1):
                continue
            period = next((p for p in parts[:2] if p.startswith("billing_period=")), None)
            if period is not None and period in periods:
                continue
            if target.exists() or (path.is_dir() and not path.is_symlink()):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            _link(path, target)
            if period and parts[0] == "data" and period not in kept:
                kept.append(period)
        return kept

    def commit(self) -> None:
        """Make the new folder the output folder."""
        try:
            self._commit()
        finally:
            self._unlock()

    def _commit(self) -> None:
        shutil.rmtree(self.work, ignore_errors=True)
        if not self.out.exists():
            self.folder.rename(self.out)
            return
        if _exchange(self.folder, self.out):
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        old = self.out.parent / f"{self._prefix}old-{os.getpid()}"
        self.out.rename(old)
        self.folder.rename(self.out)
        shutil.rmtree(old, ignore_errors=True)

    def discard(self) -> None:
        """Remove what was built; the output folder stays as it was."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _refuse_where_we_stand(out: Path, given: Path) -> None:
    """The output folder is exchanged for a new one. Under somebody's feet that leaves them in a folder that is gone."""
    here = Path.cwd()
    if here.resolve().is_relative_to(out.resolve()):
        raise UsageError(
            "the output is the folder you are in, or one above it; a run puts a new folder in its place",
            where=str(given), next_step="name a folder of its own, such as --out focus-data",
        )  # fmt: skip


def _locked(folder: Path) -> int | None:
    """A lock on a folder, freed when it is closed or the process ends; `None` where the system has no such locks."""
    try:
        import fcntl

        handle = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError:
        os.close(handle)
        return None
    return handle


def _link(source: Path, target: Path) -> None:
    if source.is_symlink():
        target.symlink_to(source.readlink())
        return
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _alive(pid: int) -> bool:
    if pid <= 0:
        return False
    with contextlib.suppress(ProcessLookupError, OverflowError):
        try:
            os.kill(pid, 0)
        except PermissionError:
            return True
        return True
    return False


def _exchange(first: Path, second: Path) -> bool:
    """Swap two folders in one step (Linux renameat2); False where that cannot be done."""
    try:
        library = ctypes.CDLL(None, use_errno=True)
        swap = library.renameat2
    except (OSError, AttributeError, TypeError):
        return False
    done = swap(_HERE, os.fsencode(first), _HERE, os.fsencode(second), _EXCHANGE)
    return bool(done == 0)
