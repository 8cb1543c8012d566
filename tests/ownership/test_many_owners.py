"""Owners of more evidence than is held at once: the same rows, whatever the size of the pieces."""

from __future__ import annotations

from pathlib import Path

import pytest
from data_builders import ask, convert, data_bytes, event, jsonl

from focus_ai.engine import Session, tables
from focus_ai.engine.tables import create_table
from focus_ai.ownership import attach as attach_module
from focus_ai.ownership import book


def test_a_table_of_several_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "PIECE", 2)
    rows = [{"n": n, "word": word} for n, word in enumerate(["b", None, "a", "b", "c"])]
    with Session(tmp_path) as session:
        create_table(session, "made", {"n": "INTEGER", "word": "ENUM", "none": "ENUM"}, rows)
        assert session.rows("SELECT n, CAST(word AS VARCHAR), none FROM made ORDER BY n") == [
            (0, "b", None), (1, None, None), (2, "a", None), (3, "b", None), (4, "c", None)
        ]  # fmt: skip
        assert session.rows("SELECT table_name FROM duckdb_tables() WHERE table_name <> 'made'") == []


@pytest.mark.parametrize("few", [0, 200])
def test_odd_words(few: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words are values, whether they are told to the engine or the engine takes them out of the rows."""
    monkeypatch.setattr(tables, "FEW", few)
    words = ["a\x00b", "'; DROP TABLE made; --", "", "é\U0001f600", "a"]
    with Session(tmp_path) as session:
        create_table(session, "plain", {"word": "ENUM"}, [{"word": w} for w in words if "\x00" not in w])
        create_table(session, "made", {"word": "ENUM"}, [{"word": w} for w in words])
        kept = [w for (w,) in session.rows("SELECT CAST(word AS VARCHAR) FROM made ORDER BY word")]
        assert kept == sorted(words)
        kept = [w for (w,) in session.rows("SELECT CAST(word AS VARCHAR) FROM plain ORDER BY word")]
        assert kept == sorted(w for w in words if "\x00" not in w)


@pytest.mark.parametrize("grain", ["day", "request"])
def test_more_owners_than_are_held_at_once(grain: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven tenants, two calls each, in pieces of three; one tenant's team moves to another cost center in between."""
    calls = [
        event(
            n, timestamp=f"2026-09-{n // 7 * 20 + 1:02d}T10:00:00Z", tenant_id=f"tenant-{n % 7}",
            tags={"team": "search" if n % 7 == 3 else f"team-{n % 7}"},
        )
        for n in range(14)
    ]  # fmt: skip
    path = jsonl(tmp_path / "calls.jsonl", calls)
    accounts = tmp_path / "accounts.csv"
    accounts.write_text(
        "team_id,cost_center,effective_from,effective_to\nunattributed,0,,\n"
        "search,100,2026-01-01,2026-09-15\nsearch,200,2026-09-15,\n",
        encoding="utf-8",
    )
    settings = {"owners": {"accounts": [str(accounts)], "tags": ["tenant"]}}
    whole = convert(tmp_path / "whole", path, settings=settings, grain=grain)
    for module in (tables, attach_module):
        monkeypatch.setattr(module, "PIECE", 3)
    monkeypatch.setattr(book, "_MEMO_LIMIT", 3)
    pieces = convert(tmp_path / "pieces", path, settings=settings, grain=grain)
    assert pieces["totals"] == whole["totals"] and pieces["rows"] == whole["rows"]
    assert data_bytes(tmp_path / "pieces") == data_bytes(tmp_path / "whole")
    found = ask(tmp_path / "pieces", "SELECT DISTINCT Tags->>'tenant', x_Team, x_CostCenter FROM data ORDER BY ALL")
    assert ("tenant-3", "search", "100") in found and ("tenant-3", "search", "200") in found
    assert len(found) == 8
