"""Equal rows of a FOCUS file without ids are charges of their own, and the same ones in every file that holds them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from data_builders import convert, rows
from focus_files import row, write_csv

from focus_ai.adapters import bundle


def ids(out: Path, *files: Path) -> list[str]:
    convert(out, *files)
    return sorted(r["x_ChargeId"] for r in rows(out))


def test_equal_rows_have_the_same_ids_alone_in_a_bundle_and_in_any_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three equal rows, two of another kind and a single one: read alone, together with another file, and shuffled."""
    data = [row(1)] * 3 + [row(2)] * 2 + [row(3)]
    first = write_csv(tmp_path / "a.csv", data)
    other = write_csv(tmp_path / "b.csv", [row(4)])
    alone = ids(tmp_path / "alone", first)
    assert len(set(alone)) == 6
    mixed = random.Random(1).sample(data, len(data))
    assert ids(tmp_path / "mixed", write_csv(tmp_path / "c.csv", mixed)) == alone
    together = ids(tmp_path / "together", first, other)
    assert set(alone) < set(together)
    assert len(together) == 7
    # One delivery again: all of its rows are duplicates, however the two files were read.
    again = write_csv(tmp_path / "again.csv", data)
    assert ids(tmp_path / "twice", first, again, other) == together
    monkeypatch.setattr(bundle, "LARGEST", 0)  # no file is read together with another
    assert ids(tmp_path / "single", first, again, other) == together
