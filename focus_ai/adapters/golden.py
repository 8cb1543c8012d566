"""Golden pairs: an export in `fixtures/exports/<provider>/<export>/<case>/` and the records it must become.

`python -m focus_ai.adapters.golden [FOLDER]` prints what differs. An expected record lists the fields of interest;
every one must be equal, and the number of records must agree. An `expected.json` beside it can state how many records
are `read` and `ignored`, which are `rejected` (`[{"row": 2, "reason": "missing:event_time"}]`), and the `adapter` of an
input that no mapping claims by itself.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from focus_ai.adapters import mapping as mappings
from focus_ai.adapters.catalogue import by_id, heads
from focus_ai.adapters.recognise import recognise
from focus_ai.adapters.stage import stage
from focus_ai.adapters.staged import Staged, good_sql
from focus_ai.engine import Session
from focus_ai.money import text
from focus_ai.sources import SourceFile, discover


def cases(folder: Path) -> Iterator[Path]:
    """Case folders below `folder`: those with an input and an expected.jsonl."""
    for expected in sorted(folder.rglob("expected.jsonl")):
        yield expected.parent


def records(source: SourceFile, mapping: mappings.Mapping, work: Path) -> tuple[Staged, list[dict[str, Any]]]:
    """Stage one file and return its good records with only the fields that have a value, as JSON-like values."""
    with Session(work) as session:
        staged = stage(session, source, mapping, work / "staged.parquet")
        if not staged.columns:
            return staged, []
        table = session.arrow(good_sql(staged))
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
    about = stated(case)
    mapping = by_id(about["adapter"] if "adapter" in about else recognise(source, heads()).id)
    with tempfile.TemporaryDirectory() as work:
        staged, found = records(source, mapping, Path(work))
    return [f"{case}: {problem}" for problem in differences(case, staged, found)]


def stated(case: Path) -> dict[str, Any]:
    """What `expected.json` says about a case: read, ignored, rejected, adapter; nothing when there is no such file."""
    path = case / "expected.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def differences(case: Path, staged: Staged, found: Sequence[Mapping[str, Any]]) -> list[str]:
    """What differs from `expected.jsonl` (every field named there, in order) and `expected.json`; empty = it holds."""
    text, about = (case / "expected.jsonl").read_text(encoding="utf-8"), stated(case)
    wanted = [json.loads(line) for line in text.splitlines() if line.strip()]
    problems = [] if len(found) == len(wanted) else [f"{len(wanted)} records expected, {len(found)} found"]
    for number, (want, got) in enumerate(zip(wanted, found, strict=False), start=1):
        problems += [
            f"record {number}: {name}: expected {value!r}, found {got.get(name)!r}"
            for name, value in want.items()
            if not _equal(value, got.get(name))
        ]
    facts = {"read": staged.read, "ignored": staged.ignored}
    problems += [f"{k}: expected {about[k]}, found {v}" for k, v in facts.items() if k in about and about[k] != v]
    got_rejects = [(r.row, r.reason) for r in staged.rejects]
    want_rejects = [(r.get("row"), r["reason"]) for r in about.get("rejected", ())]
    if "rejected" not in about and got_rejects:
        problems.append(f"unexpected rejects {got_rejects}")
    elif sorted(map(str, got_rejects)) != sorted(map(str, want_rejects)):
        problems.append(f"rejects: expected {want_rejects}, found {got_rejects}")
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
