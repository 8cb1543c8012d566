"""Which files are the data set: files, folders, Hive partitions, globs, standard input and object-store addresses.

Of a folder that holds `data/` beside `metadata/` or `run.json` (ours, AWS Data Exports and others) only `data/` is
read. In any folder what is plainly no table (manifests, metadata, reports) is passed over and named in the remarks;
a file that was named itself is never passed over.
"""

from __future__ import annotations

import shutil
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from focus_ai.errors import InputError
from focus_ai.sources import SourceFile, discover
from focus_ai.sources.foreign import what_it_is
from focus_ai.sources.sniff import BOM, Format, opened, sniff

_ASIDE = ("metadata", "exceptions", "events")
# At least one of these is in the first record of any FOCUS dataset.
_WORDS = (b"BilledCost", b"BillingAccountId", b"BillingCurrency", b"ContractCommitmentId", b"BillingPeriodStart")
_TABLES = ("parquet", "csv", "jsonl")


def find(inputs: Sequence[str], spool: Path) -> tuple[list[SourceFile], list[str]]:
    """The files of the data set in name order, and remarks on what was passed over.

    Every file is a table (parquet, csv, jsonl or json); text files are plain UTF-8 by then. Raises `InputError` for
    what is missing, empty, truncated or no table.
    """
    found: dict[str, SourceFile] = {}
    passed: list[str] = []
    remarks: list[str] = []
    for given in inputs:
        folder = _folder(given)
        listed = discover([str(folder) if folder else given], spool)
        many = folder is not None or ("://" in given and len(listed) > 1)
        for source in listed:
            if many and _aside(source.name.removeprefix(str(folder or given.rstrip("/"))).strip("/")):
                passed.append(source.name)
                continue
            readable = _readable(source, spool)
            if readable.path != source.path and source.format.encoding == "latin-1":
                remarks.append(f"{source.name} is not UTF-8; read as Latin-1")
            if many and _no_table(readable):
                passed.append(source.name)
            else:
                found.setdefault(source.name, _checked(readable))
    if not found:
        raise InputError(
            "no table was found", where=" ".join(inputs), value=_listed(passed) or None,
            expected="Parquet, CSV or JSON Lines files with FOCUS columns",
        )  # fmt: skip
    if passed:
        remarks.append(f"passed over, no table: {_listed(passed)}")
    return [found[name] for name in sorted(found)], remarks


def _folder(given: str) -> Path | None:
    """The folder to read when `given` is one: its `data/` where metadata lie beside it."""
    if given == "-" or "://" in given or not Path(given).is_dir():
        return None
    folder = Path(given)
    data = folder / "data"
    described = (folder / "metadata").is_dir() or (folder / "run.json").is_file()
    return data if data.is_dir() and described else folder


def _aside(path: str) -> bool:
    """A file that describes data: below metadata/, or a manifest or metadata document by its name."""
    *folders, name = path.lower().replace("\\", "/").split("/")
    document = name.endswith(".json") and ("manifest" in name or "metadata" in name or name == "run.json")
    return document or any(part in _ASIDE for part in folders)


def _no_table(source: SourceFile) -> bool:
    """In a folder: neither a table nor a .json document that speaks of FOCUS columns."""
    if source.format.kind == "unknown":
        return True
    if source.format.kind not in ("json", "jsonl") or not source.name.lower().endswith(".json"):
        return False
    with source.path.open("rb") as stream:
        head = stream.read(1 << 16)
    return not any(word in head for word in _WORDS)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - 3
    return ", ".join(names[:3]) + (f" and {more} more" if more > 0 else "")


def _readable(source: SourceFile, spool: Path) -> SourceFile:
    """The file itself, or its text unpacked and in UTF-8: row numbers and lines are those of the text."""
    form = source.format
    if form.kind == "parquet" or (form.kind == "empty" and form.compression == "none"):
        return source
    if form.compression == "none" and form.encoding == "utf-8":
        return source if form.kind != "unknown" else replace(source, format=_odd_header(source.path) or form)
    spool.mkdir(parents=True, exist_ok=True)
    path = source.path
    if form.compression != "none":
        path = spool / f"plain-{abs(hash(source.name)):x}"
        _unpack(source, path)
        form = sniff(path)
    if form.encoding != "utf-8":
        path = _utf8(source.name, path, form.encoding, spool / f"utf8-{abs(hash(source.name)):x}")
        form = sniff(path)
    if form.kind == "unknown":
        form = _odd_header(path) or form
    return SourceFile(source.name, path, form, source.size)


def _odd_header(path: Path) -> Format | None:
    """The format of a CSV whose header holds invisible characters; None when the first line is no such header."""
    with path.open("rb") as stream:
        line = stream.readline(1 << 20).removeprefix(BOM).rstrip(b"\r\n")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return None
    delimiter = max(",;\t|", key=text.count)
    if text.count(delimiter) == 0 or any(unicodedata.category(c) == "Cc" and c != "\t" for c in text):
        return None
    return Format("csv", delimiter=delimiter)


def _unpack(source: SourceFile, target: Path) -> None:
    try:
        with opened(source.path, source.format.compression) as packed, target.open("wb") as out:
            shutil.copyfileobj(packed, out, 1 << 20)
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(
            "the compressed file is damaged or was cut off", where=source.name,
            value=str(error) or type(error).__name__,
            next_step="fetch or write it again; no row of it was judged",
        ) from error  # fmt: skip


def _utf8(name: str, path: Path, encoding: str, target: Path) -> Path:
    try:
        with path.open(encoding=encoding, newline="") as text, target.open("w", encoding="utf-8", newline="") as out:
            shutil.copyfileobj(text, out, 1 << 20)
    except UnicodeError as error:
        raise InputError(
            "the text is neither UTF-8 nor what its first bytes promise", where=name, value=f"{encoding}: {error}",
            next_step="save it as UTF-8",
        ) from error  # fmt: skip
    return target


def _checked(source: SourceFile) -> SourceFile:
    kind = source.format.kind
    if kind == "empty":
        raise InputError(
            "the file is empty", where=source.name, value=f"{source.size} bytes",
            expected="a table; a data set without rows still has its header or its Parquet schema",
        )  # fmt: skip
    if kind not in (*_TABLES, "json"):
        raise InputError(
            "the file is no table", where=source.name,
            expected="Parquet, CSV (comma, semicolon or tab) or JSON Lines, plain or packed with gzip or zstd",
            **what_it_is(source),
        )  # fmt: skip
    return source
