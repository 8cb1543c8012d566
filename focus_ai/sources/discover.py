"""Inputs as people name them become local files with a known format.

A folder is read with all files below it in name order; hidden files are passed over, and our own data sets where
exports are asked for, unless the folder is such a data set and nothing else: then its rows are meant. Standard input
and object-store objects are copied to the work folder first. Names never leave the place they point to: nothing in a
file name is used to build an output path.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from focus_ai.errors import InputError
from focus_ai.sources.reject import Reject
from focus_ai.sources.sniff import Format, sniff

# The report of a run begins with these words; what a run writes stands beside it.
_REPORT, _RUN = "run.json", re.compile(rb'\s*\{\s*"schema": "focus-ai/[a-z-]+@')
_WRITTEN = re.compile(
    r"(source-)?run\.json|data/billing_period=[^/]+/.*|(metadata|exceptions|events|allocation)/.*", re.DOTALL
)
_SKIPPED = (".md", ".txt~", ".yaml", ".yml", ".toml", ".py", ".html", ".svg", ".png", ".pdf")


@dataclass(frozen=True)
class SourceFile:
    """`name` as shown to people, `path` of the local bytes, and what they are. `aside`: what of the file could not be
    brought into these bytes, where they are a copy of it."""

    name: str
    path: Path
    format: Format
    size: int
    aside: tuple[Reject, ...] = ()


def discover(inputs: Sequence[str], spool: Path, *, own: bool = True) -> list[SourceFile]:
    """Every file that the inputs name, in name order, each once. Raises `InputError` for what does not exist.

    `own`: our own data sets in a folder are inputs too, as they are for a check of files.
    """
    found: dict[str, SourceFile] = {}
    for given in dict.fromkeys(inputs):  # standard input can be read but once
        for spelt, path in _expand(given, spool, own):
            name, plain = _shown(spelt), _plain(path, spool)
            if name not in found:
                found[name] = SourceFile(name, plain, sniff(plain), path.stat().st_size)
            elif found[name].path != plain:
                raise InputError("two inputs have the same name", value=name, next_step=f"write the file as ./{name}")
    if not found:
        raise InputError("no input file was found", value=" ".join(inputs), next_step="name a file, folder or glob")
    return [found[name] for name in sorted(found)]


def _expand(given: str, spool: Path, own: bool) -> Iterator[tuple[str, Path]]:
    if given == "-":
        yield "stdin", _spool_stdin(spool)
    elif "://" in given:
        from focus_ai.sources.remote import fetch

        yield from fetch(given, spool)
    else:
        yield from _local(given, own)


def _local(given: str, own: bool) -> Iterator[tuple[str, Path]]:
    if not given.strip():
        # As a path it would be the current folder.
        raise InputError("the name of an input is empty", value=repr(given), next_step="is a shell variable unset?")
    path = Path(given)
    if path.is_dir():
        files = [p for p in sorted(path.rglob("*")) if p.is_file() and _wanted(p, path)]
        files = files if own else _foreign(files) or _rows_of(files, path)
        if not files:
            raise InputError("the folder holds no export", where=given, next_step="check the path")
        yield from ((str(p), p) for p in files)
    elif path.is_file():
        yield given, path
    else:
        matches = [Path(m) for m in sorted(glob.glob(given, recursive=True))]  # noqa: PTH207
        files = [m for m in matches if m.is_file()]
        if not files:
            raise InputError("the input does not exist", where=given, next_step="check the path; quote a glob")
        yield from ((str(p), p) for p in files)


def _rows_of(files: list[Path], folder: Path) -> list[Path]:
    """The rows of a folder that a run of ours wrote; what stands beside them tells of them once more."""
    return [p for p in files if p.is_relative_to(folder / "data")] if folder in _roots(files) else []


def _roots(files: list[Path]) -> list[Path]:
    """Folders that a run of ours wrote."""
    return [p.parent for p in files if p.name == _REPORT and _is_report(p)]


def _is_report(path: Path) -> bool:
    with path.open("rb") as stream:
        return _RUN.match(stream.read(200)) is not None


def _foreign(files: list[Path]) -> list[Path]:
    """The files of a folder without those that a run of ours wrote."""
    roots = _roots(files)
    written = {
        p for root in roots for p in files
        if root in p.parents and _WRITTEN.fullmatch(p.relative_to(root).as_posix())
    }  # fmt: skip
    return [p for p in files if p not in written]


def _wanted(path: Path, root: Path) -> bool:
    parts = path.relative_to(root).parts
    hidden = any(part.startswith((".", "_")) for part in parts)
    return not hidden and not path.name.endswith(_SKIPPED)


def _shown(name: str) -> str:
    """A file name as text: bytes that are not UTF-8 (names of older systems) are shown as escapes."""
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "backslashreplace")


def _plain(path: Path, spool: Path) -> Path:
    """A path that the engine can take for this file only: a link in the work folder where the name holds * ? or [,
    which would be a pattern, or is no UTF-8."""
    if _shown(str(path)) == str(path) and not any(c in str(path) for c in "*?["):
        return path
    spool.mkdir(parents=True, exist_ok=True)
    link = spool / f"named-{hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:16]}"
    if not link.exists():
        try:
            link.symlink_to(path.absolute())
        except OSError:
            shutil.copyfile(path, link)
    return link


def _spool_stdin(spool: Path) -> Path:
    spool.mkdir(parents=True, exist_ok=True)
    target = spool / "stdin"
    with target.open("wb") as out:
        shutil.copyfileobj(sys.stdin.buffer, out)
    return target
