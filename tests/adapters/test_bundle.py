"""Small files staged together give what each of them gives by itself."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_builders import EXPORTS

from focus_ai import api
from focus_ai.adapters import Staged, bundle, by_id, heads, recognise
from focus_ai.adapters.bundle import kind, stage_together, together
from focus_ai.adapters.golden import cases, stated
from focus_ai.adapters.mapping import Mapping
from focus_ai.adapters.stage import stage
from focus_ai.adapters.staged import good_sql
from focus_ai.engine import Session
from focus_ai.sources import SourceFile, discover


def _inputs() -> dict[str, list[Path]]:
    """The adapters of the golden cases, each with the inputs that it reads."""
    found: dict[str, list[Path]] = defaultdict(list)
    for case in cases(EXPORTS):
        (path,) = (p for p in case.iterdir() if p.name.startswith("input."))
        about = stated(case)
        source = discover([str(path)], case)[0]
        found[about["adapter"] if "adapter" in about else recognise(source, heads()).id].append(path)
    return found


def _told(session: Session, staged: Staged) -> Any:
    """Everything that a file gave: its counts, its rejects and its good records, in one order."""
    counts = staged.read, staged.rows, staged.ignored, staged.rejects
    if not staged.columns:
        return counts, []
    rows = session.arrow(f"{good_sql(staged)} ORDER BY source_row, record_id").to_pylist()
    return counts, [{k: v for k, v in row.items() if v is not None and k != "part"} for row in rows]


def _compare(sources: list[SourceFile], mapping: Mapping, work: Path) -> None:
    work.mkdir(parents=True, exist_ok=True)
    twice = [*sources, *(replace(s, name=f"{s.name}.again") for s in sources)]
    with Session(work / "engine") as session:
        found = stage_together(session, twice, mapping, work / "together.parquet")
        assert found is not None
        assert [s.source for s in found] == [s.name for s in twice]
        for number, source in enumerate(sources):
            alone = _told(session, stage(session, source, mapping, work / f"{number}.parquet", numbered=True))
            assert _told(session, found[number]) == alone, source.name
            counts, rows = _told(session, found[len(sources) + number])
            rejects = tuple(replace(r, file=source.name) for r in counts[-1])
            assert ((*counts[:-1], rejects), [{**r, "source_file": source.name} for r in rows]) == alone


def test_golden_inputs(tmp_path: Path) -> None:
    tried = 0
    for adapter, paths in sorted(_inputs().items()):
        mapping = by_id(adapter)
        groups: dict[Any, list[SourceFile]] = defaultdict(list)
        for source in discover([str(p) for p in paths], tmp_path / "spool"):
            groups[kind(source, mapping, {})].append(source)
        groups.pop(None, None)
        for number, group in enumerate(groups.values()):
            tried += 1
            _compare(group, mapping, tmp_path / f"{adapter}-{number}")
    assert tried > 100


def _page(number: int, results: int = 2) -> bytes:
    rows = [
        {"object": "organization.usage.completions.result", "input_tokens": 1000 + n, "output_tokens": 10,
         "num_model_requests": 1, "project_id": f"proj_{n}", "model": "gpt-5.4-mini", "batch": False}
        for n in range(results)
    ]  # fmt: skip
    start = 1_767_225_600 + 86_400 * number
    bucket = {"object": "bucket", "start_time": start, "end_time": start + 86_400, "results": rows}
    return json.dumps({"object": "page", "data": [bucket], "has_more": False, "next_page": None}).encode()


def test_faults_stay_with_their_files(tmp_path: Path) -> None:
    """A file that is cut off, one with an impossible record, one without records and a packed one among good ones."""
    files = {
        "a.json": _page(0), "b.json": _page(1)[:-40], "c.json": _page(2).replace(b"1001", b"-7"),
        "d.json": _page(3, results=0), "e.json.gz": gzip.compress(_page(4, results=3)),
        "f.json": _page(5) + b"\n" + _page(6), "g.json": b"[" + _page(7) + b", 3]",
        "h.jsonl.gz": gzip.compress(_page(8) + b"\n" + _page(9) + b"\n", 0)[:-300],
    }  # fmt: skip
    for name, body in files.items():
        (tmp_path / name).write_bytes(body)
    sources = discover([str(tmp_path / n) for n in files], tmp_path / "spool")
    _compare(sources, by_id("openai-usage-completions"), tmp_path / "work")
    with Session(tmp_path / "engine") as session:
        found = stage_together(session, sources, by_id("openai-usage-completions"), tmp_path / "p.parquet")
    assert found is not None
    assert [(s.read, s.rows, [(r.row, r.reason) for r in s.rejects]) for s in found] == [
        (2, 2, []), (1, 0, [(1, "broken_json")]), (2, 1, [(2, "negative:input_tokens")]), (0, 0, []), (3, 3, []),
        (4, 4, []), (3, 2, [(2, "not_an_object")]),
        (2, 2, [(None, "truncated_compression")]),
    ]  # fmt: skip


def test_rows_of_tables(tmp_path: Path) -> None:
    """A row with too few cells, one in an older encoding and a quote that does not close, each in its own file."""
    header = b"event_id,timestamp,provider,model,input_tokens,output_tokens,status,team\n"
    files = {
        "a.csv": header
        + b"1,2026-03-01T00:00:00Z,openai,gpt-5.4-mini,100,10,success,core\n2,2026-03-01T00:00:00Z,openai\n",
        "b.csv": header + b"3,2026-03-01T00:00:00Z,openai,gpt-5.4-mini,100,10,success,Caf\xe9\n",
        "c.csv": header
        + b'4,2026-03-01T00:00:00Z,openai,"gpt,100,10,success,core\n5,2026-03-02T00:00:00Z,openai,gpt-5.4-mini,'
        b"100,10,success,core\n",
        "d.csv": header.replace(b"\n", b"\r\n") + b"6,2026-03-01T00:00:00Z,openai,gpt-5.4-mini,1e2,x,success,core\r\n",
    }
    for name, body in files.items():
        (tmp_path / name).write_bytes(body)
    sources = discover([str(tmp_path / n) for n in files], tmp_path / "spool")
    assert len(together([(s, by_id("generic-event"), {}) for s in sources])) == 1
    _compare(sources, by_id("generic-event"), tmp_path / "work")


def test_rows_of_parquet_files(tmp_path: Path) -> None:
    """Instants, numbers and nested cells of two files with the same columns; a third one has another type."""
    events = [
        {"event_id": f"e{n}", "timestamp": datetime(2026, 3, 1, n, tzinfo=UTC), "provider": "openai",
         "model": "gpt-5.4", "input_tokens": 100 + n, "output_tokens": None if n == 2 else 5, "status": "success",
         "cost": Decimal("0.000123456789"), "tags": {"cost_center": f"CC-{n}"}}
        for n in range(6)
    ]  # fmt: skip
    for name, rows in (("a", events[:3]), ("b", events[3:])):
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"{name}.parquet")
    pq.write_table(pa.Table.from_pylist([{**events[0], "cost": 0.5}]), tmp_path / "c.parquet")
    sources = discover([str(tmp_path / f"{n}.parquet") for n in "abc"], tmp_path / "spool")
    generic = by_id("generic-event")
    assert together([(s, generic, {}) for s in sources]) == [[0, 1], [2]]
    _compare(sources[:2], generic, tmp_path / "work")
    with Session(tmp_path / "engine") as session:
        found = stage_together(session, sources[:2], generic, tmp_path / "p.parquet")
        assert found is not None
        rows = session.rows(
            f"SELECT source_row, record_id, input_uncached_tokens FROM ({good_sql(found[1])}) ORDER BY source_row"
        )
    assert rows == [(1, "e3", 103), (2, "e4", 104), (3, "e5", 105)]


def test_what_goes_together(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(_page(0))
    (source,) = discover([str(tmp_path / "a.json")], tmp_path / "spool")
    openai, generic = by_id("openai-usage-completions"), by_id("generic-event")
    half, large = replace(source, size=bundle.LARGEST // 2), replace(source, size=bundle.LARGEST + 1)
    packed = replace(half, format=replace(source.format, compression="gzip"))
    facts = {"account_id": "acme"}
    tasks = [(source, openai, {}), (source, generic, {}), (large, openai, {}), (source, openai, facts),
             (source, openai, {}), (packed, openai, {}), (source, generic, {})]  # fmt: skip
    assert together(tasks) == [[0, 4], [1, 6], [2], [3], [5]]
    # Sixteen halves of a megabyte fill the room of eight.
    assert [len(places) for places in together([(half, openai, {})] * 40)] == [16, 16, 8]


def test_a_folder_of_pages_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two exports in one folder, a record twice in two files, and a file that is broken."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}-usage.json").write_bytes(_page(number % 3))
        event = {"event_id": f"e{number}", "timestamp": "2026-03-01T10:00:00Z", "provider": "anthropic",
                 "model": "claude-sonnet-4-5", "input_tokens": 50 + number, "output_tokens": 5,
                 "status": "success"}  # fmt: skip
        (folder / f"{number}-events.jsonl").write_text(json.dumps(event) + "\n")
    (folder / "5-events.jsonl").write_text('{"event_id": "e9"\n' + json.dumps({**event, "input_tokens": "many"}) + "\n")

    def run(out: Path, jobs: int) -> tuple[dict[str, Any], dict[str, bytes]]:
        result = api.convert([str(folder)], out, jobs=jobs, as_of=datetime(2026, 4, 1, tzinfo=UTC))
        parts = sorted(p for p in out.rglob("*") if p.is_file() and p.name != "run.json" and "metadata" not in p.parts)
        return result, {p.relative_to(out).as_posix(): p.read_bytes() for p in parts}

    one, bytes_of_one = run(tmp_path / "together", 1)
    _, in_processes = run(tmp_path / "processes", 2)
    monkeypatch.setattr(bundle, "LARGEST", -1)
    other, bytes_of_other = run(tmp_path / "alone", 1)
    assert bytes_of_one == in_processes == bytes_of_other
    assert one["records"] == other["records"] == {
        "read": 14, "events": 10, "billed_lines": 0, "duplicates": 2, "rejected": 2, "ignored": 0,
    }  # fmt: skip
    assert {k: one[k] for k in ("inputs", "rejected", "totals", "run_id")} == {
        k: other[k] for k in ("inputs", "rejected", "totals", "run_id")
    }
