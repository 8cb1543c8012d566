"""Golden pairs: an export in `fixtures/exports/<provider>/<export>/<case>/` and the records it must become.

`python -m focus_ai.adapters.golden [FOLDER]` prints what differs. An expected record lists the fields of interest;
every one must be equal, and the number of records must agree.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from focus_ai.adapters.mapping import Mapping, shipped
from focus_ai.adapters.recognise import recognise
from focus_ai.adapters.stage import Staged, stage
from focus_ai.engine import Session, literal
from focus_ai.money import text
from focus_ai.sources import SourceFile, discover


def cases(folder: Path) -> Iterator[Path]:
    """Case folders below `folder`: those with an input and an expected.jsonl."""
    for expected in sorted(folder.rglob("expected.jsonl")):
        yield expected.parent


def records(source: SourceFile, mapping: Mapping, work: Path) -> tuple[Staged, list[dict[str, Any]]]:
    """Stage one file and return its good records with only the fields that have a value, as JSON-like values."""
    with Session(work) as session:
        staged = stage(session, source, mapping, work / "staged.parquet")
        if not staged.columns:
            return staged, []
        relation = f"read_parquet({literal(str(staged.parquet))})"
        query = f"SELECT * FROM {relation} WHERE problem IS NULL AND ignored IS NULL"
        table = session.arrow(query)
    return staged, [_plain(row) for row in table.to_pylist()]


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: _value(v) for name, v in row.items() if v is not None}


def _value(v: Any) -> Any:
    if isinstance(v, Decimal):
        return text(v)
    if isinstance(v, datetime):
        stamp = v.astimezone(UTC)
        tail = f".{stamp.microsecond:06d}".rstrip("0").rstrip(".")
        return stamp.strftime("%Y-%m-%dT%H:%M:%S") + tail + "Z"
    if isinstance(v, list):
        return [_value(x) for x in v]
    if isinstance(v, dict):
        return {k: _value(x) for k, x in v.items()}
    return v


def check(case: Path) -> list[str]:
    """Differences between what a case expects and what comes out; empty = it holds."""
    inputs = [p for p in sorted(case.iterdir()) if p.name.startswith("input.")]
    if len(inputs) != 1:
        return [f"{case}: one input.* file expected, found {len(inputs)}"]
    source = discover([str(inputs[0])], case)[0]
    about = json.loads((case / "expected.json").read_text()) if (case / "expected.json").exists() else {}
    mapping = shipped()[about["adapter"]] if "adapter" in about else recognise(source, shipped())
    with tempfile.TemporaryDirectory() as work:
        staged, found = records(source, mapping, Path(work))
    wanted = [json.loads(line) for line in (case / "expected.jsonl").read_text().splitlines() if line.strip()]
    problems = []
    if len(found) != len(wanted):
        problems.append(f"{case}: {len(wanted)} records expected, {len(found)} found")
    for number, (want, got) in enumerate(zip(wanted, found, strict=False), start=1):
        for name, value in want.items():
            if not _equal(value, got.get(name)):
                problems.append(f"{case}: record {number}: {name}: expected {value!r}, found {got.get(name)!r}")
    facts = {"read": staged.read, "ignored": staged.ignored}
    problems += [
        f"{case}: {k}: expected {about[k]}, found {v}" for k, v in facts.items() if k in about and about[k] != v
    ]
    if "rejected" in about:
        got_rejects = [(r.row, r.reason) for r in staged.rejects]
        want_rejects = [(r.get("row"), r["reason"]) for r in about["rejected"]]
        if sorted(map(str, got_rejects)) != sorted(map(str, want_rejects)):
            problems.append(f"{case}: rejects: expected {want_rejects}, found {got_rejects}")
    elif staged.rejects:
        problems.append(f"{case}: unexpected rejects {[(r.row, r.reason) for r in staged.rejects]}")
    return problems


def _equal(want: Any, got: Any) -> bool:
    if isinstance(want, str) and isinstance(got, str) and want.startswith("{") and got.startswith("{"):
        return bool(json.loads(want) == json.loads(got))
    if isinstance(want, dict) and isinstance(got, str) and got.startswith("{"):
        return bool(want == json.loads(got))
    return bool(want == got)


def main() -> int:
    """Check every case below the folders given (default: fixtures/exports)."""
    folders = [Path(a) for a in sys.argv[1:]] or [Path("fixtures/exports")]
    found = [case for folder in folders for case in cases(folder)]
    bad = 0
    for case in found:
        try:
            problems = check(case)
        except Exception as error:  # the command reports every case, whatever is wrong with one
            problems = [f"{case}: {type(error).__name__}: {error}"]
        bad += bool(problems)
        print(*(problems or [f"{case}: ok"]), sep="\n")
    print(f"{len(found) - bad} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
