"""`focus-ai validate` as people use it: exit codes, reports in one pass, baselines, selections, sizes at the edges."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import focus_files as ff
import pytest

from focus_ai import api
from focus_ai.cli import main
from focus_ai.errors import InputError


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return ff.write_parquet(tmp_path / "good.parquet", ff.rows(5))


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """One wrong cell: row 4 has a list cost of 9 instead of 0.002; billed 0.002."""
    data = [*ff.rows(3), ff.row(9, ListCost="9"), *ff.rows(2)]
    return ff.write_csv(tmp_path / "bad.csv", data)


def report(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, dict[str, Any]]:
    code = main(["validate", *map(str, words), "--format", "json"])
    captured = capsys.readouterr()
    assert code in (0, 1), captured.err
    data: dict[str, Any] = json.loads(captured.out)
    return code, data


def test_a_right_file_is_green_and_a_wrong_cell_is_red_with_row_value_and_money(
    good: Path, bad: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", str(good)]) == 0
    assert "Result    PASSED" in capsys.readouterr().out
    assert main(["validate", str(bad)]) == 1
    text = capsys.readouterr().out
    assert "ListCost-C-009-C  ListCost  1 row  billed 0.002 USD" in text
    assert f"{bad} row 4 (line 5): '9'" in text
    assert "ListUnitPrice" in text and "PricingQuantity" in text


def test_all_reports_come_from_one_pass(bad: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {
        form: tmp_path / "r" / f"f.{form}" for form in ("sarif", "junit", "html", "markdown", "json", "text", "github")
    }
    words = [w for form, file in files.items() for w in ("--report", f"{form}:{file}")]
    assert main(["validate", str(bad), *words, "--quiet"]) == 1
    out = capsys.readouterr()
    assert out.err == "" and "Result    FAILED" in out.out
    assert json.loads(files["sarif"].read_text())["version"] == "2.1.0"
    assert ElementTree.parse(files["junit"]).getroot().tag == "testsuites"
    data = json.loads(files["json"].read_text())
    (wrong,) = [f for f in data["findings"] if f["rule"] == "ListCost-C-009-C"]
    assert data["failed"] and wrong["samples"][0]["line"] == 5
    assert all("ListCost-C-009-C" in file.read_text() for file in files.values())


def test_a_baseline_accepts_what_was_there_and_nothing_more(
    bad: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = tmp_path / "known.json"
    assert main(["validate", str(bad), "--write-baseline", str(known)]) == 0
    assert main(["validate", str(bad), "--baseline", str(known)]) == 0
    more = ff.write_csv(tmp_path / "more.csv", [ff.row(1, ListCost="9"), ff.row(2, ListCost="9")])
    assert main(["validate", str(more), "--baseline", str(known)]) == 1
    other = ff.write_csv(tmp_path / "other.csv", [ff.row(1, ChargeCategory="Usge")])
    capsys.readouterr()
    assert main(["validate", str(other), "--baseline", str(known)]) == 1
    text = capsys.readouterr().out
    assert "Gone since the baseline" in text and "ChargeCategory" in text


@pytest.mark.parametrize(("how", "code"), [("never", 0), ("error", 1), ("warning", 1)])
def test_fail_on(bad: Path, how: str, code: int) -> None:
    assert main(["validate", str(bad), "--fail-on", how]) == code


def test_fail_on_warning_fails_where_error_passes(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, data = report(capsys, good)
    assert code == 0 and data["summary"]["warnings"] > 0  # InvoiceId should be there and is not
    assert main(["validate", str(good), "--fail-on", "warning"]) == 1


def test_select_and_ignore(bad: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, data = report(capsys, bad, "--select", "ListCost-C-009-C")
    assert code == 1 and [r["id"] for r in data["rules"]] == ["ListCost-C-009-C"]
    code, data = report(capsys, bad, "--ignore", "List*")
    assert code == 0 and not any(r["id"].startswith("List") for r in data["rules"])
    code, data = report(capsys, bad, "--select", "FAI-IN-*")
    assert code == 0 and all(r["id"].startswith("FAI-IN-") for r in data["rules"])


def test_the_users_own_rules_run_beside_ours(bad: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "my.yaml"
    rules.write_text("rules:\n- {id: OWN-1, column: SubAccountId, require: {in: {SubAccountId: [proj-2]}}}\n")
    _, data = report(capsys, bad, "--rules", rules)
    mine = next(f for f in data["findings"] if f["rule"] == "OWN-1")
    assert mine["rows"] == 6 and mine["severity"] == "error"


def test_samples_are_as_many_as_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = ff.write_csv(tmp_path / "a.csv", [ff.row(1 + i, ChargeCategory="x") for i in range(20)])
    for count in (0, 1, 12):
        _, data = report(capsys, path, "--samples", count, "--select", "ChargeCategory-C-003-M")
        assert data["findings"][0]["rows"] == 20 and len(data["findings"][0]["samples"]) == count


WRONG: dict[str, tuple[list[str], int, str]] = {
    "no such file": (["nowhere.parquet"], 3, "does not exist"),
    "unknown form": (["{good}", "--report", "sarrif:x"], 2, "did you mean sarif"),
    "form without file": (["{good}", "--report", "sarif"], 2, "FORM:FILE"),
    "report into a folder": (["{good}", "--report", "json:{tmp}"], 2, "folder"),
    "unknown version": (["{good}", "--focus", "1.7"], 2, "1.7"),
    "unknown dataset": (["{good}", "--dataset", "CostUsage"], 2, "CostUsage"),
    "unknown rule": (["{good}", "--select", "ListCost-C-999-C"], 2, "did you mean"),
    "unknown criterion": (["{good}", "--criteria", "TAGING_SUPPORTED"], 2, "did you mean"),
    "missing baseline": (["{good}", "--baseline", "none.json"], 2, "--write-baseline"),
    "missing rules": (["{good}", "--rules", "none.yaml"], 2, "none.yaml"),
    "missing model": (["{good}", "--model", "none.json"], 2, "none.json"),
    "bad memory": (["{good}", "--memory-limit", "much"], 2, "memory"),
    "bad samples": (["{good}", "--samples", "-1"], 2, "samples"),
    "no input": ([], 2, "INPUT"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_words_end_with_one_clear_message(
    case: str, good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, code, told = WRONG[case]
    given = [w.format(good=good, tmp=tmp_path) for w in words]
    assert main(["validate", *given]) == code
    out = capsys.readouterr()
    assert told in out.err and out.out == "" and "Traceback" not in out.err


def test_criteria_are_inferred_or_set(good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, inferred = report(capsys, good)
    assert {c["id"]: c["holds"] for c in inferred["criteria"]}["TAGGING_SUPPORTED"] is True
    assert all(c["why"] for c in inferred["criteria"])
    _, none = report(capsys, good, "--criteria", "none")
    assert not any(c["holds"] for c in none["criteria"])
    _, every = report(capsys, good, "--criteria", "all")
    assert all(c["holds"] for c in every["criteria"])
    assert every["summary"]["errors"] > 0  # columns of commitments and regions are missing then
    (tmp_path / "c.yaml").write_text("TAGGING_SUPPORTED: true\nREGION_SUPPORTED: false\n")
    for word in ("TAGGING_SUPPORTED", str(tmp_path / "c.yaml")):
        _, data = report(capsys, good, "--criteria", word)
        assert [c["id"] for c in data["criteria"] if c["holds"]] == ["TAGGING_SUPPORTED"]


@pytest.mark.parametrize("write", [ff.write_csv, ff.write_jsonl, ff.write_parquet])
def test_wide_rows_and_long_cells(tmp_path: Path, write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    wide = {f"x_Column{i:03d}": "v" * 10_000 for i in range(200)}
    data = [ff.row(1, **wide), ff.row(2, ChargeDescription="y" * 10_000, ChargeCategory="z" * 10_000, **wide)]
    code, found = report(capsys, write(tmp_path / "wide", data))
    assert code == 1 and found["rows"] == 2
    assert any(f["rule"] == "ChargeCategory-C-003-M" and f["samples"][0]["row"] == 2 for f in found["findings"])
    assert main(["validate", str(tmp_path / "wide")]) == 1
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) < 2000 and "zzzzz" in text


@pytest.mark.parametrize("count", [0, 1])
def test_no_row_and_one_row(tmp_path: Path, count: int, capsys: pytest.CaptureFixture[str]) -> None:
    path = ff.write_csv(tmp_path / "a.csv", ff.rows(1))
    if count == 0:
        path.write_text(path.read_text().splitlines()[0] + "\n")
    code, data = report(capsys, path)
    assert code == 0 and data["rows"] == count and data["summary"]["passed"] > 0


def test_an_empty_data_set_is_judged_for_its_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = ff.csv_text(ff.rows(1)).splitlines()[0].replace("ServiceName", "x_Other")
    (tmp_path / "a.csv").write_text(text + "\n")
    code, data = report(capsys, tmp_path / "a.csv", "--focus", "1.2")
    assert code == 1 and any(f["column"] == "ServiceName" for f in data["findings"])


def test_ragged_rows_fail_the_run_with_their_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ff.csv_text(ff.rows(4)).splitlines()
    lines[3] += ",more"
    (tmp_path / "r.csv").write_text("\n".join(lines) + "\n")
    code, data = report(capsys, tmp_path / "r.csv")
    assert code == 1 and data["rows"] == 3
    ragged = next(f for f in data["findings"] if f["rule"] == "FAI-IN-001")
    assert (ragged["samples"][0]["row"], ragged["samples"][0]["line"]) == (3, 4)


def test_the_api_gives_the_judgement(bad: Path) -> None:
    judgement = api.validate([str(bad)], select=["ListCost-*"])
    (finding,) = judgement.failing
    assert (finding.rule, finding.samples[0].row, finding.billed_cost) == ("ListCost-C-009-C", 4, {"USD": "0.002"})
    with pytest.raises(InputError):
        api.validate(["nowhere"])


def test_help_imports_no_data_library() -> None:
    probe = "import sys; from focus_ai.cli import main; main(['validate', '--help']); sys.exit(bool({'duckdb', 'pyarrow', 'yaml', 'pandera'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", probe], capture_output=True, check=False).returncode == 0


def test_rules_are_listed_and_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "list", "--focus", "1.2", "--format", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    ids = [r["id"] for r in listed["rules"]]
    assert "ListCost-C-009-C" in ids and "FAI-IN-001" in ids and len(ids) == len(set(ids))
    assert main(["rules", "list", "--focus", "1.2"]) == 0
    assert "ListCost-C-009-C" in capsys.readouterr().out
    assert main(["explain", "ListCost-C-009-C", "--focus", "1.2"]) == 0
    text = capsys.readouterr().out
    assert "PricingQuantity" in text and "SQL" in text and "FOCUS 1.2" in text
    assert main(["explain", "fai-in-001"]) == 0
    assert "57 names" in capsys.readouterr().out
    assert main(["explain", "ListCost-C-99"]) == 2
