"""Whatever bytes come in, the command ends with a verdict or one clear sentence: never a traceback, never exit code 4."""

from __future__ import annotations

import gzip
import io
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any

import focus_files as ff
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from focus_ai.cli import main


def run(*words: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one command."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["validate", *map(str, words)])
    return code, out.getvalue(), err.getvalue()


def judged(body: bytes, *words: object) -> tuple[int, str, str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(body)
        code, out, err = run(path, "--focus", "1.2", "--select", "BilledCost-*,FAI-IN-*,ListCost-*", *words)
    assert "Traceback" not in out + err
    assert code in (0, 1, 3), err
    if code == 3:
        assert err.startswith("focus-ai: ") and out == ""
    return code, out, err


@cache
def whole(form: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        writers: dict[str, Callable[[Path, Any], Path]] = {"csv": ff.write_csv, "jsonl": ff.write_jsonl,
                                                           "parquet": ff.write_parquet}  # fmt: skip
        body = writers.get(form, ff.write_csv)(path, ff.rows(30)).read_bytes()
    return gzip.compress(body, mtime=0) if form == "gz" else body


FORMS = ("csv", "jsonl", "parquet", "gz")


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=15)
@given(data=st.data())
def test_flipped_bytes(form: str, data: st.DataObject) -> None:
    body = bytearray(whole(form))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    assert judged(bytes(body))[0] in (0, 1, 3)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=10)
@given(data=st.data())
def test_cut_files(form: str, data: st.DataObject) -> None:
    body = whole(form)
    code, _, _ = judged(body[: data.draw(st.integers(0, len(body) - 1))])
    if form in ("parquet", "gz"):
        assert code == 3


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@settings(max_examples=15)
@given(piece=st.binary(min_size=1, max_size=30), data=st.data())
@example(piece=b'"', data=None)
@example(piece=b"\x00", data=None)
@example(piece=b"\r", data=None)
@example(piece=b"\xff\xfe", data=None)
def test_inserted_bytes(form: str, piece: bytes, data: st.DataObject | None) -> None:
    body = whole(form)
    at = data.draw(st.integers(0, len(body))) if data else len(body) // 2
    assert judged(body[:at] + piece + body[at:])[0] in (0, 1, 3)


@settings(max_examples=15)
@given(body=st.binary(max_size=300))
def test_any_bytes(body: bytes) -> None:
    assert judged(body)[0] == 3


_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)


@settings(max_examples=15)
@given(
    cells=st.lists(st.one_of(st.none(), _TEXT), min_size=3, max_size=3), numbers=st.lists(_TEXT, min_size=2, max_size=2)
)
def test_any_text_in_the_cells_is_judged_the_same_in_csv_and_json_lines(
    cells: list[str | None], numbers: list[str]
) -> None:
    """An empty text is no value in CSV, so it is left out of the comparison; everything else must agree."""
    changes = dict(zip(("ServiceName", "ChargeCategory", "Tags"), [c or None for c in cells], strict=True))
    changes |= dict(zip(("BilledCost", "ChargePeriodStart"), [n or None for n in numbers], strict=True))
    data = [ff.row(1), ff.row(2, **changes)]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for path in (ff.write_csv(Path(folder) / "a", data, quoted=True), ff.write_jsonl(Path(folder) / "b", data)):
            code, out, err = run(path, "--format", "json")
            assert code in (0, 1), err
            found.append(_verdicts(out))
    assert found[0] == found[1]


def _verdicts(out: str) -> Any:
    import json

    report = json.loads(out)
    told = {
        (f["rule"], f["column"], f["rows"], f["billed_cost"]) for f in report["findings"] if "-IN-" not in f["rule"]
    }
    return told, {r["id"]: r["status"] for r in report["rules"] if "-IN-" not in r["id"]}
