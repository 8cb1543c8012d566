"""The public functions take what a program has at hand: names as texts or paths, one or several."""

from __future__ import annotations

import json
from pathlib import Path

from focus_ai import api

EVENT = {
    "event_id": "e1", "timestamp": "2026-03-01T10:00:00Z", "provider": "openai", "model": "gpt-5.4",
    "input_tokens": 120_000, "output_tokens": 30_000, "status": "success",
}  # fmt: skip


def test_names_may_be_texts_or_paths(tmp_path: Path) -> None:
    """120,000 tokens at 2.50 and 30,000 at 15.00 per million are 0.75, however the file is named."""
    path = tmp_path / "events.jsonl"
    path.write_text(json.dumps(EVENT) + "\n")
    for number, given in enumerate((path, str(path), [path], (str(path),))):
        report = api.convert(given, str(tmp_path / f"out-{number}"), validate=False)
        assert [t["effective_cost"] for t in report["totals"]] == ["0.75"]
    assert api.audit(path)["inputs"] == [{"path": str(path), "adapter": "generic-event", "records": 1}]
    rows = tmp_path / "out-0" / "data"
    assert api.validate(rows).findings.rows == 2
    assert api.report(str(tmp_path / "out-0"))["rows"] == 2
