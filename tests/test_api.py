"""The public functions take what a program has at hand: names as texts or paths, one or several."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from focus_ai import api
from focus_ai.errors import UsageError

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


def test_settings_hold_where_no_argument_says_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(json.dumps(EVENT) + "\n")
    file = tmp_path / "focus-ai.toml"
    file.write_text('[convert]\nfocus = "1.2"\ngrain = "month"\n[accounts.openai]\nid = "org-1"\n')
    report = api.convert(path, tmp_path / "of-file", settings=file, validate=False)
    assert (report["focus"], report["grain"], report["warnings"]) == ("1.2", "month", [])
    given = {"convert": {"grain": "hour"}, "engine": {"threads": 1}}
    report = api.convert(path, tmp_path / "of-mapping", settings=given, focus="1.4", validate=False)
    assert (report["focus"], report["grain"]) == ("1.4", "hour")
    with pytest.raises(UsageError, match="grain"):
        api.convert(path, tmp_path / "wrong", settings={"convert": {"grain": "week"}})
