"""Inputs as people name them become local files with a known format.

A folder is read with all files below it in name order, through links too; hidden files and manifests of a delivery are
passed over, and our own data sets where exports are asked for, unless the folder is such a data set and nothing else:
then its rows are meant. What cannot be read ends the run, because records that nobody misses would be lost. Standard
input and object-store objects are copied to the work folder first. Names never leave the place they point to: nothing
in a file name is used to build an output path.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import TypeVar

from focus_ai.errors import InputError
from focus_ai.files import shown
from focus_ai.sources.reject import Reject
from focus_ai.sources.sniff import Format, sniff

# The report of a run begins with these words; what a run writes stands beside it.
_REPORT, _RUN = "run.json", re.compile(rb'\s*\{\s*"schema": "focus-ai/[a-z-]+@')
_WRITTEN = re.compile(
    r"(source-)?run\.json|data/billing_period=[^/]+/.*|(metadata|exceptions|events|allocation)/.*", re.DOTALL
)
# What clouds put beside the files of a delivery to list them. One that is given by its own name is read as any other.
_MANIFEST = "manifest.json"
_SKIPPED = (".md", ".txt~", ".yaml", ".yml", ".toml", ".py", ".html", ".svg", ".png", ".pdf")

_Place = TypeVar("_Place", bound=PurePath)


@dataclass(frozen=True)
class SourceFile:
    """`name` as shown to people, `path` of the local bytes, and what they are. `aside`: what of the file could not be
    brought into these bytes, where they are a copy of it."""

    name: str
    path: Path
    format: Format
    size: int
    aside: tuple[Reject, ...] = ()


def discover(inputs: Sequence[str | SourceFile], spool: Path, *, own: bool = True) -> list[SourceFile]:
    """Every file that the inputs name, in name order, each once. Raises `InputError` for what does not exist.

    `own`: our own data sets in a folder are inputs too, as they are for a check of files. A file that was found
    before stays as it is: standard input is read by then, and its copy has a name of the work folder.
    """
    found: dict[str, SourceFile] = {}
    for given in dict.fromkeys(inputs):  # standard input can be read but once
        try:
            for source in [given] if isinstance(given, SourceFile) else _sources(given, spool, own):
                if found.setdefault(source.name, source).path != source.path:
                    raise InputError(
                        "two inputs have the same name",
                        value=source.name,
                        next_step=f"write the file as ./{source.name}",
                    )
        except PermissionError as error:
            raise _closed(error, str(given)) from error
    if not found:
        raise InputError(
            "no input file was found", value=" ".join(map(str, inputs)), next_step="name a file, folder or glob"
        )
    return [found[name] for name in sorted(found)]


def _sources(given: str, spool: Path, own: bool) -> Iterator[SourceFile]:
    for spelt, path in _expand(given, spool, own):
        plain = _plain(path, spool)
        yield SourceFile(shown(spelt), plain, sniff(plain), path.stat().st_size)


def _expand(given: str, spool: Path, own: bool) -> Iterator[tuple[str, Path]]:
    if given == "-":
        yield "stdin", _spool_stdin(spool)
    elif "://" in given:
        from focus_ai.sources.remote import fetch

        copies = fetch(given, spool, _wanted)
        places = {path: PurePosixPath(name.partition("://")[2]) for name, path in copies}
        folder = PurePosixPath(given.partition("://")[2])
        kept = places if own else _exports({place: path for path, place in places.items()}, folder)
        yield from ((name, path) for name, path in copies if path in kept)
    else:
        yield from _local(given, own)


def _local(given: str, own: bool) -> Iterator[tuple[str, Path]]:
    if not given.strip():
        # As a path it would be the current folder.
        raise InputError("the name of an input is empty", value=repr(given), next_step="is a shell variable unset?")
    path = Path(given)
    if path.is_dir():
        files = _of_folder(path, own)
        if not files:
            raise InputError("the folder holds no export", where=given, next_step="check the path")
        yield from ((str(p), p) for p in files)
    elif path.is_file():
        yield given, path
    else:
        matches = [Path(m) for m in sorted(glob.glob(given, recursive=True))]  # noqa: PTH207
        files = [f for m in matches for f in (_of_folder(m, own) if m.is_dir() else [m] if _is_data(m) else [])]
        if not files and path.exists():
            raise InputError(
                "the input is a pipe or a device, not a file", where=given,
                next_step="give what comes out of it on standard input, with - as the name of the input",
            )  # fmt: skip
        if not files:
            raise InputError("the input does not exist", where=given, next_step="check the path; quote a glob")
        yield from ((str(p), p) for p in files)


def _of_folder(folder: Path, own: bool) -> list[Path]:
    files = sorted(p for p in _below(folder) if _wanted(p.relative_to(folder)) and _is_data(p))
    return files if own else _exports({p: p for p in files}, folder)


def _below(folder: Path) -> Iterator[Path]:
    """All that stands below a folder and is no folder. Links to folders are followed after the folders themselves, and
    each folder is read once, so neither a loop nor a second name of a folder gives its files again."""
    top, seen, starts = folder.resolve(), set[str](), [folder]
    while starts:
        links: list[Path] = []
        for start in starts:
            for here, folders, names in os.walk(start, onerror=_raise):
                real = os.path.realpath(here)
                folders[:] = sorted(f for f in folders if not _hidden(f)) if real not in seen else []
                if real in seen:
                    continue
                seen.add(real)
                links += (
                    p for f in folders if (p := Path(here, f)).is_symlink() and not top.is_relative_to(p.resolve())
                )
                yield from (Path(here, name) for name in names)
        starts = links


def _raise(error: OSError) -> None:
    raise error


def _closed(error: OSError, given: str) -> InputError:
    return InputError(
        "this input must not be read", where=shown(str(error.filename or given)), value=error.strerror,
        next_step="get the right to read it, or name only what is to be read",
    )  # fmt: skip


def _is_data(path: Path) -> bool:
    """Whether it is a file; a link to one that is gone tells of records that would be missed."""
    if path.is_symlink() and not path.exists():
        raise InputError(
            "a link in the folder leads to nothing", where=shown(str(path)), value=path.readlink(),
            next_step="bring back the file that it names, or remove the link",
        )  # fmt: skip
    return path.is_file()


def _exports(files: Mapping[_Place, Path], folder: PurePath) -> list[Path]:
    """Of the files at these places below a folder those that a run of ours did not write, without manifests. Where
    there are none, the rows of the folder: what stands beside them tells of them once more."""
    roots = [place.parent for place, path in files.items() if place.name == _REPORT and _is_report(path)]
    written = {
        place for root in roots for place in files
        if root in place.parents and _WRITTEN.fullmatch(place.relative_to(root).as_posix())
    }  # fmt: skip
    foreign = [
        path for place, path in files.items() if place not in written and not place.name.lower().endswith(_MANIFEST)
    ]
    rows = [path for place, path in files.items() if folder in roots and place.is_relative_to(folder / "data")]
    return foreign or rows


def _is_report(path: Path) -> bool:
    with path.open("rb") as stream:
        return _RUN.match(stream.read(200)) is not None


def _wanted(below: PurePath) -> bool:
    """Is the file one that a folder is read for? `below`: its path from the folder on."""
    return not any(map(_hidden, below.parts)) and not below.name.endswith(_SKIPPED)


def _hidden(name: str) -> bool:
    return name.startswith((".", "_"))


def _plain(path: Path, spool: Path) -> Path:
    """A path that the engine can take for this file only: a link in the work folder where the name holds * ? or [,
    which would be a pattern, or is no UTF-8."""
    if shown(str(path)) == str(path) and not any(c in str(path) for c in "*?["):
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
    if sys.stdin is None:
        raise InputError("standard input is closed", where="-", next_step="name a file, or pipe something into it")
    spool.mkdir(parents=True, exist_ok=True)
    target = spool / "stdin"
    with target.open("wb") as out:
        shutil.copyfileobj(sys.stdin.buffer, out)
    return target
