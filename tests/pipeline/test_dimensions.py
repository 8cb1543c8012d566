"""Columns of few values are laid beside the sorted rows; the rows are those of one query that makes every column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_builders import convert, data_files, event, jsonl

from focus_ai import pipeline

BILL = Path(__file__).parents[2] / "fixtures/exports/anthropic/cost-report/grouped/input.json"


def table(out: Path) -> pa.Table:
    """All rows in their order, dictionaries as plain text."""
    parts = [pq.read_table(path) for path in data_files(out)]
    plain = [pa.schema([pa.field(f.name, getattr(f.type, "value_type", f.type)) for f in p.schema]) for p in parts]
    return pa.concat_tables([p.cast(s) for p, s in zip(parts, plain, strict=True)])


def rated(out: Path) -> list[dict[str, Any]]:
    """The rows of usage."""
    return [r for r in table(out).to_pylist() if r["x_CostBasis"] == "rated"]


def events() -> list[dict[str, Any]]:
    """Two months, providers and accounts; priced and unpriced, with and without an owner."""
    found = []
    for n in range(40):
        fields: dict[str, Any] = {
            "timestamp": f"2026-{8 + n % 2:02d}-{1 + n % 27:02d}T{n % 24:02d}:00:00Z",
            "provider": "anthropic" if n % 3 else "openai",
            "model": ("claude-sonnet-4-5" if n % 5 else "claude-of-nobody") if n % 3 else "gpt-5",
            "input_tokens": 1000 + n,
            "account_id": f"acc-{n % 2}",
        }
        found.append(event(n, **fields, **({"team": f"t{n % 7}"} if n % 4 else {})))
    return found


@pytest.mark.parametrize("grain", ["request", "hour", "day", "month"])
@pytest.mark.parametrize("options", [{"focus": "1.2"}, {"focus": "1.3", "numeric": "double"}, {"focus": "1.4"}])
def test_the_rows_are_those_of_one_query(
    grain: str, options: dict[str, str], tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = jsonl(tmp_path / "x.jsonl", events())
    convert(out, source, grain=grain, **options)
    taken: list[Any] = []
    monkeypatch.setattr(pipeline, "_dimensions", lambda *given: taken.append(given))
    convert(out.with_name("whole"), source, grain=grain, **options)
    found, expected = table(out), table(out.with_name("whole"))
    assert len(taken) == 1
    assert found.num_rows > 20
    assert found.equals(expected)


def test_a_bill_beside_usage_changes_no_row_of_usage(tmp_path: Path, out: Path) -> None:
    """Lines of a bill name their own models and meters, so all rows of that run come from one query."""
    usage = jsonl(tmp_path / "x.jsonl", [event(1, provider="openai", model="gpt-5")])
    alone = out.with_name("alone")
    convert(out, usage, BILL)
    convert(alone, usage)
    assert len(rated(alone)) == 2
    assert rated(out) == rated(alone)
    assert table(out).num_rows > 2
