"""The checks of `adapters test`: does a mapping follow the language, claim its samples alone, and give the records?"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from focus_ai.errors import InputError, UsageError

if TYPE_CHECKING:
    from focus_ai.adapters import Mapping, Staged
    from focus_ai.sources import SourceFile

# Written by the program into every record, so no part of what a case expects.
LINEAGE = ("source_file", "source_row", "adapter", "raw_usage", "record_key", "profile_hash", "owner_hash")
# What `adapters new` writes where a decision is still to be made.
FILL = "fill"


def check(path: Path, samples: Sequence[Path], *, regenerate: bool = False) -> list[dict[str, Any]]:
    """One result per case (or sample): case, read, records, rejected, problems, notes; empty problems = it holds.

    Cases are folders with one `input.*`, an `expected.jsonl` and, where something is set aside, an `expected.json`:
    `fixtures/ID/CASE` beside a mapping of your own, `fixtures/exports/PROVIDER/EXPORT/CASE` for one of this
    repository. Raises `UsageError` for a wrong mapping and `InputError` when there is nothing to check.
    """
    from focus_ai.adapters import load, shipped

    if open_ := unfinished(path):
        return [_result(path.name, [f"still to fill: {', '.join(open_)}"])]
    mapping = load(path)
    known = {**shipped(), mapping.id: mapping}
    if samples:
        return [_sample(sample, mapping, known) for sample in samples]
    folders = _cases(path, mapping)
    if not folders:
        raise InputError(
            "there is no case to check", where=", ".join(map(str, places(path, mapping.id))),
            next_step="put CASE/input.* there, or give a file with --sample FILE",
        )  # fmt: skip
    return [_case(folder, mapping, known, regenerate=regenerate) for folder in folders]


def finished(paths: Sequence[Path]) -> list[Path]:
    """The mapping files of a command. Raises `UsageError` for a started one: its gaps would set every record aside."""
    for path in paths:
        if open_ := unfinished(path):
            raise UsageError(
                "the mapping is not finished", where=str(path), value=f"still to fill: {', '.join(open_)}",
                next_step=f"fill them in, then focus-ai adapters test {path}",
            )  # fmt: skip
    return list(paths)


def unfinished(path: Path) -> list[str]:
    """The places of a started mapping that still hold the word `fill`, such as `fields.provider`."""
    import yaml

    from focus_ai import resources

    try:
        raw = resources.load_yaml(path)
    except (OSError, yaml.YAMLError):
        return []  # `load` says what is wrong with it
    return list(dict.fromkeys(_fills(raw, "")))


def _fills(value: Any, place: str) -> list[str]:
    if isinstance(value, dict):
        return [found for key, part in value.items() for found in _fills(part, f"{place}.{key}" if place else str(key))]
    if isinstance(value, list):
        return [found for part in value for found in _fills(part, place)]
    return [place] if value == FILL else []


def places(path: Path, id_: str) -> list[Path]:
    """The folders where the cases of a mapping lie: beside it, or those of this repository.

    There `kong/kong-log.yaml` has its cases in `kong/log`: the name of the folder is not said twice.
    """
    tool, stem = path.parent.name, path.stem
    ours = path.parent.parent.parent / "fixtures" / "exports" / tool
    short = stem.removeprefix(f"{tool}-").removesuffix(f"-{tool}")
    return [path.parent / "fixtures" / id_, *(ours / name for name in dict.fromkeys((stem, short)))]


def _cases(path: Path, mapping: Mapping) -> list[Path]:
    return [d for root in places(path, mapping.id) if root.is_dir() for d in sorted(root.iterdir()) if d.is_dir()]


def _case(folder: Path, mapping: Mapping, known: MappingType[str, Mapping], *, regenerate: bool) -> dict[str, Any]:
    from focus_ai.adapters.golden import differences, stated

    inputs = sorted(folder.glob("input.*"))
    if len(inputs) != 1:
        return _result(folder.name, [f"one input.* file expected, found {len(inputs)}"])
    about = stated(folder)
    forced = about.get("adapter")
    if forced not in (None, mapping.id):
        return _result(folder.name, [f"expected.json names another adapter: {forced}"])
    staged, found, problems = _run(inputs[0], mapping, None if forced else known)
    expected = folder / "expected.jsonl"
    if regenerate:
        expected.write_text("".join(json.dumps(record) + "\n" for record in map(_plain, found)), encoding="utf-8")
        _restate(folder, about, staged)
    elif not expected.exists():
        problems.append("no expected.jsonl yet: write it by hand, or with --regenerate and check every value")
    if expected.exists():
        problems += differences(folder, staged, found)
    # One case need not fill every field, but each record needs its provider.
    wrong, notes = _unfilled(inputs[0], mapping, found) if found else ([], [])
    return _result(folder.name, problems + wrong, staged, found, notes if regenerate else ())


def _restate(folder: Path, about: dict[str, Any], staged: Staged) -> None:
    """Write `expected.json` again where the case has one, or has records that do not count."""
    if about or staged.rejects or staged.ignored:
        facts: dict[str, Any] = {"read": staged.read}
        facts |= {"ignored": staged.ignored} if staged.ignored or "ignored" in about else {}
        if staged.rejects:
            facts["rejected"] = [{"row": r.row, "reason": r.reason} for r in staged.rejects]
        kept = {key: value for key, value in about.items() if key != "rejected"}
        (folder / "expected.json").write_text(json.dumps({**kept, **facts}) + "\n", encoding="utf-8")


def _sample(file: Path, mapping: Mapping, known: MappingType[str, Mapping]) -> dict[str, Any]:
    """A file without expected records: it must be claimed, some record must count, and paths must exist."""
    staged, found, problems = _run(file, mapping, known)
    if not found:
        what = f"{len(staged.rejects)} set aside, {staged.ignored} ignored" if staged.read else "none was read"
        problems.append(f"no record counts: {what}")
    wrong, notes = _unfilled(file, mapping, found)
    return _result(file.name, problems + wrong, staged, found, notes)


def _unfilled(file: Path, mapping: Mapping, found: Sequence[MappingType[str, Any]]) -> tuple[list[str], list[str]]:
    from focus_ai.cli.unfilled import unfilled

    with tempfile.TemporaryDirectory() as work:
        return unfilled(_source(file, Path(work)), mapping, found)


def _source(file: Path, work: Path) -> SourceFile:
    from focus_ai.sources import discover

    return discover([str(file)], work)[0]


def _run(
    file: Path, mapping: Mapping, known: MappingType[str, Mapping] | None
) -> tuple[Staged, list[dict[str, Any]], list[str]]:
    """Stage one file: what came of it, its records, and what is wrong with its recognition.

    Without `known` the file is not expected to be recognised.
    """
    from focus_ai.adapters.golden import records

    with tempfile.TemporaryDirectory() as work:
        source = _source(file, Path(work))
        problems = _recognition(source, mapping, known) if known else []
        staged, found = records(source, mapping, Path(work))
    return staged, found, problems


def _plain(record: MappingType[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in LINEAGE}


def _result(
    name: str,
    problems: list[str],
    staged: Staged | None = None,
    found: Sequence[MappingType[str, Any]] = (),
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    rejects = staged.rejects if staged else ()
    return {
        "case": name,
        "read": staged.read if staged else 0,
        "records": len(found),
        "rejected": len(rejects),
        "rejects": [f"record {r.row}: {r.reason}" for r in rejects],
        "problems": problems,
        "notes": list(notes),
        "found": [_plain(record) for record in found],
    }


def _recognition(source: SourceFile, mapping: Mapping, known: MappingType[str, Mapping]) -> list[str]:
    """The mapping must claim the file, and no other may."""
    from focus_ai.adapters.recognise import claims, missing, sample

    if not mapping.recognise:
        return []
    seen = sample(source)
    claiming = sorted(other.id for other in known.values() if claims(other, seen))
    if mapping.id not in claiming:
        return [f"not recognised: lacks {', '.join(missing(mapping, seen)) or 'a readable record'}"]
    return [f"also claimed by {other}" for other in claiming if other != mapping.id]
