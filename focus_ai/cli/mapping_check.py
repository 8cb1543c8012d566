"""The checks of `adapters test`: does a mapping follow the language, claim its samples alone, and give the records?"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from focus_ai.errors import InputError

if TYPE_CHECKING:
    from focus_ai.adapters import Mapping
    from focus_ai.sources import SourceFile

# Written by the program into every record, so no part of what a case expects.
LINEAGE = ("source_file", "source_row", "adapter", "raw_usage", "record_key", "profile_hash", "owner_hash")


def check(path: Path, samples: Sequence[Path], *, regenerate: bool = False) -> list[dict[str, Any]]:
    """One result per case (or sample): case, read, records, rejected, problems; empty problems = it holds.

    Cases are folders with one `input.*` and an `expected.jsonl`: `fixtures/ID/CASE` beside a mapping of your own,
    `fixtures/exports/PROVIDER/EXPORT/CASE` for one of this repository. Raises `UsageError` for a wrong mapping and
    `InputError` when there is nothing to check.
    """
    from focus_ai.adapters import load, shipped

    mapping = load(path)
    known = {**shipped(), mapping.id: mapping}
    if samples:
        return [_run(sample, sample.name, mapping, known, None) for sample in samples]
    folders = _cases(path, mapping)
    if not folders:
        raise InputError(
            "there is no case to check", where=str(path.parent), next_step="give a file with --sample FILE"
        )
    return [_case(folder, mapping, known, regenerate=regenerate) for folder in folders]


def _cases(path: Path, mapping: Mapping) -> list[Path]:
    own = path.parent / "fixtures" / mapping.id
    ours = path.parent.parent.parent / "fixtures" / "exports" / path.parent.name / path.stem
    return [folder for root in (own, ours) if root.is_dir() for folder in sorted(root.iterdir()) if folder.is_dir()]


def _case(folder: Path, mapping: Mapping, known: MappingType[str, Mapping], *, regenerate: bool) -> dict[str, Any]:
    inputs = sorted(folder.glob("input.*"))
    if len(inputs) != 1:
        problem = f"one input.* file expected, found {len(inputs)}"
        return {"case": folder.name, "read": 0, "records": 0, "rejected": 0, "problems": [problem]}
    expected = folder / "expected.jsonl"
    result = _run(inputs[0], folder.name, mapping, known, None if regenerate else expected)
    if regenerate:
        expected.write_text("".join(json.dumps(record) + "\n" for record in result["found"]), encoding="utf-8")
    return result


def _run(
    file: Path, name: str, mapping: Mapping, known: MappingType[str, Mapping], expected: Path | None
) -> dict[str, Any]:
    """Stage one file and compare. `found` holds the records without lineage."""
    from focus_ai.adapters.golden import records
    from focus_ai.sources import discover

    with tempfile.TemporaryDirectory() as work:
        source = discover([str(file)], Path(work))[0]
        problems = _recognition(source, mapping, known)
        staged, found = records(source, mapping, Path(work))
    plain = [{key: value for key, value in record.items() if key not in LINEAGE} for record in found]
    if expected is not None:
        problems += _differences(expected, plain)
    return {
        "case": name,
        "read": staged.read,
        "records": len(plain),
        "rejected": len(staged.rejects),
        "rejects": [f"record {r.row}: {r.reason}" for r in staged.rejects],
        "problems": problems,
        "found": plain,
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


def _differences(expected: Path, found: Sequence[MappingType[str, Any]]) -> list[str]:
    """Every expected field must be equal, and the number of records must agree."""
    if not expected.exists():
        return ["no expected.jsonl yet: write it by hand, or with --regenerate and check every value"]
    wanted = [json.loads(line) for line in expected.read_text(encoding="utf-8").splitlines() if line.strip()]
    problems = [] if len(wanted) == len(found) else [f"{len(wanted)} records expected, {len(found)} found"]
    for number, (want, got) in enumerate(zip(wanted, found, strict=False), start=1):
        problems += [
            f"record {number}: {key}: expected {value!r}, found {got.get(key)!r}"
            for key, value in want.items()
            if _comparable(value) != _comparable(got.get(key))
        ]
    return problems


def _comparable(value: Any) -> Any:
    """JSON text and the object it holds are the same."""
    return json.loads(value) if isinstance(value, str) and value.startswith("{") else value
