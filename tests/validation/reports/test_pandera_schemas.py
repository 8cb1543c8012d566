"""Pandera schemas for data frames of users: a small pipeline reads a FOCUS file, checks the frame, refuses a bad one."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import focus_files as ff
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import focus_ai.pandera
from focus_ai.errors import UsageError


def frame(library: str, path: Path) -> Any:
    """What a pipeline step of that library has in hand."""
    if library == "pyarrow":
        return pq.read_table(path)
    if library == "polars":
        return importlib.import_module("polars").read_parquet(path)
    pandas = importlib.import_module("pandas")
    if library == "pandas, Arrow types":
        return pandas.read_parquet(path, dtype_backend="pyarrow")
    return pandas.read_parquet(path)


LIBRARIES = ["pandas", "pandas, Arrow types", "polars", "pyarrow"]


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    pytest.importorskip("pandera", reason="extra pandera is not installed")
    backend = name.split(",")[0]
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    if backend == "pyarrow":
        pytest.importorskip("narwhals", reason="pandera needs narwhals for pyarrow")
    return name


def check(library: str, path: Path, version: str = "1.2") -> str:
    """Empty when the frame is right, else what pandera says."""
    errors = importlib.import_module("pandera.errors")
    schema = focus_ai.pandera.schema(version, library.split(",")[0])  # type: ignore[arg-type]
    try:
        schema.validate(frame(library, path), lazy=True)
    except errors.SchemaErrors as error:
        return str(error)
    return ""


@pytest.mark.parametrize("numeric", ["decimal", "double"])
def test_a_right_frame_passes(tmp_path: Path, library: str, numeric: str) -> None:
    assert check(library, ff.write_parquet(tmp_path / "a.parquet", ff.rows(3), numeric=numeric)) == ""


BREAKS = {
    "a value that is not allowed": ({"ChargeCategory": "Usge"}, "ChargeCategory"),
    "a null where none may be": ({"BilledCost": None}, "BilledCost"),
}


@pytest.mark.parametrize("case", BREAKS)
def test_a_wrong_cell_is_found(tmp_path: Path, library: str, case: str) -> None:
    change, column = BREAKS[case]
    path = ff.write_parquet(tmp_path / "a.parquet", [ff.row(1), ff.row(2, **change)])
    assert column in check(library, path)


@pytest.mark.parametrize(
    ("how", "column"), [({"numeric": "text"}, "BilledCost"), ({"instant": "naive"}, "ChargePeriodStart")]
)
def test_a_wrong_kind_is_found(tmp_path: Path, library: str, how: dict[str, str], column: str) -> None:
    assert column in check(library, ff.write_parquet(tmp_path / "a.parquet", ff.rows(2), **how))


def test_a_missing_mandatory_column_is_found_and_others_may_lack(tmp_path: Path, library: str) -> None:
    table = pq.read_table(ff.write_parquet(tmp_path / "a.parquet", ff.rows(2)))
    pq.write_table(table.drop_columns(["ServiceName"]), tmp_path / "b.parquet")
    assert "ServiceName" in check(library, tmp_path / "b.parquet")
    pq.write_table(
        table.drop_columns(["Tags", "SkuMeter"]).append_column("x_Own", pa.array([1, 2])), tmp_path / "c.parquet"
    )
    assert check(library, tmp_path / "c.parquet") == ""


def test_unknown_words_and_a_missing_library_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="did you mean pandas"):
        focus_ai.pandera.schema("1.3", "panda")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="unknown FOCUS version"):
        focus_ai.pandera.schema("9.9")

    def missing(name: str) -> Any:
        raise ImportError(name=name)

    monkeypatch.setattr(focus_ai.pandera, "import_module", missing)
    with pytest.raises(UsageError, match="focus-ai\\[pandera\\]"):
        focus_ai.pandera.schema("1.3", "polars")
