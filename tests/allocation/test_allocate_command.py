"""`focus-ai allocate` and `convert --allocation` on the example exports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from data_builders import convert, event, jsonl
from focus_files import row as focus_row
from focus_files import write_csv
from rows_of import read, total

from focus_ai.cli import main

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "fixtures" / "demo"
RULES = ROOT / "fixtures" / "allocation" / "allocation.yaml"


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "focus"
    assert main(["convert", str(DEMO / "exports"), "--config", str(DEMO / "focus-ai.toml"), "-o", str(out), "-q"]) == 0
    return out


def test_a_dry_run_writes_nothing_and_says_why(converted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(converted.rglob("*"))
    capsys.readouterr()
    assert main(["allocate", str(converted), "--rules", str(RULES), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "vector-store@1  proportional  where shared_cost = vector-store" in said
    # 4 964 625 of 10 029 927 tokens.
    assert "team/care" in said and "49.498117" in said and "4,964,625 Tokens" in said
    assert sorted(converted.rglob("*")) == before


def test_written_data_sets_keep_every_total(
    converted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    arguments = ["allocate", str(converted), "--rules", str(RULES), "-o", str(tmp_path / "out"), "--format", "json"]
    assert main(arguments) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["schema"] == "focus-ai/allocation-run@1"
    assert [t["effective_cost"] for t in report["totals"]] == [t["effective_cost"] for t in report["totals_before"]]
    rows = read(tmp_path / "out")
    assert total(rows, "EffectiveCost") == total(read(converted), "EffectiveCost") + 110
    assert len({r["x_ChargeId"] for r in rows}) == len(rows)


def test_convert_applies_the_same_rules(converted: Path, tmp_path: Path) -> None:
    exports = [str(DEMO / "exports"), "--config", str(DEMO / "focus-ai.toml"), "-q"]
    assert main(["convert", *exports, "-o", str(tmp_path / "one"), "--allocation", str(RULES)]) == 0
    assert main(["allocate", str(converted), "--rules", str(RULES), "-o", str(tmp_path / "two"), "-q"]) == 0
    one, two = (sorted((tmp_path / n / "data").rglob("*.parquet")) for n in ("one", "two"))
    assert [p.read_bytes() for p in one] == [p.read_bytes() for p in two]
    run = json.loads((tmp_path / "one" / "run.json").read_text(encoding="utf-8"))
    assert [r["rule"] for r in run["allocation"]["rules"]] == ["vector-store@1", "gateway@1", "unowned@1"]


@pytest.mark.parametrize(("arguments", "code"), [
    ([], 2), (["--dry-run", "-o", "x"], 2), (["--rules", "missing.yaml", "--dry-run"], 2),
])  # fmt: skip
def test_wrong_commands(converted: Path, arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    given = arguments if "--rules" in arguments else [*arguments, "--rules", str(RULES)]
    assert main(["allocate", str(converted), *given]) == code
    assert "Traceback" not in capsys.readouterr().err


def test_a_rest_that_nobody_takes_can_fail_the_run(converted: Path, tmp_path: Path) -> None:
    rules = tmp_path / "allocation.yaml"
    rules.write_text(
        "allocation:\n  - id: half\n    version: 1\n    documentation: Half of it is agreed.\n    match: {team: none}\n"
        "    method: fixed\n    targets: [{team: care, share: '0.5'}]\n", encoding="utf-8",
    )  # fmt: skip
    assert main(["allocate", str(converted), "--rules", str(rules), "--dry-run", "--fail-on-unallocated", "-q"]) == 1


def test_months_with_different_columns_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A FOCUS file of another tool brings a column of its own into the month of its rows (November) and no other."""
    out = tmp_path / "both"
    convert(out, write_csv(tmp_path / "other.csv", [{**focus_row(), "x_Campaign": "spring"}]))
    convert(out, jsonl(tmp_path / "log.jsonl", [event(1, timestamp="2026-10-03T10:00:00Z")]))
    assert len(list((out / "data").iterdir())) == 2
    assert main(["allocate", str(out), "--rules", str(RULES), "--dry-run"]) == 3
    said = capsys.readouterr().err
    assert "different columns" in said and "found: 2026-11: x_Campaign string\n" in said and "in one run" in said
