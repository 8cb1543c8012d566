"""`focus-ai reconcile` on files as a user has them: exports, data sets, FOCUS files, invoices."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from sides import billed, check, row, write

from focus_ai.cli import main

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "fixtures" / "demo"
EXPORTS = DEMO / "exports"
CASE = ROOT / "fixtures" / "reconcile"
USAGE, COSTS = EXPORTS / "openai_usage_completions.json", EXPORTS / "openai_costs.json"
LATE = "2026-12-24"


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, dict[str, Any]]:
    """Exit code and document of a run; the sums of every document must add up, and it must fit its schema."""
    capsys.readouterr()
    given = [str(a) for a in ("reconcile", *arguments, "--format", "json", "--as-of", LATE)]
    code = main(given)
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    report = json.loads(printed.out) if printed.out else {}
    if report:
        check(report)
        schema = json.loads((ROOT / "schemas" / "reconcile.schema.json").read_text(encoding="utf-8"))
        Draft202012Validator(schema).validate(report)
    return code, report


def demo(*inputs: str | Path) -> list[str | Path]:
    return [*inputs, "--config", DEMO / "focus-ai.toml"]


def test_usage_export_against_cost_export(capsys: pytest.CaptureFixture[str]) -> None:
    code, report = run(capsys, *demo("--rated", USAGE, "--billed", COSTS))
    # The bill has 42 web searches at 10.00 per 1000, which the usage export of completions does not hold.
    assert code == 1
    assert report["totals"][0]["rated"] == "15.748"
    assert report["totals"][0]["billed"] == "16.168"
    assert [(c["cause"], c["amount"]) for c in report["causes"]] == [("unmetered_usage", "0.42")]
    assert report["statuses"]["ok"] == 12
    anthropic = [EXPORTS / "anthropic_usage_report.json", "--billed", EXPORTS / "anthropic_cost_report.json"]
    code, report = run(capsys, *demo("--rated", *anthropic), "--tolerance", "strict")
    assert (code, report["totals"][0]["delta"]) == (0, "0")


def test_the_worked_case_of_the_documentation(capsys: pytest.CaptureFixture[str]) -> None:
    code, report = run(capsys, "--rated", CASE / "gateway.jsonl", "--billed", CASE / "bill.csv")
    assert code == 1
    assert {c["cause"]: c["amount"] for c in report["causes"]} == {
        "duplicate_events": "-1.25", "retry_billed": "0.25", "cached_as_fresh": "-0.45", "unmetered_usage": "0.15",
    }  # fmt: skip
    assert report["totals"][0]["unexplained"] == "0"


def test_a_converted_data_set_says_the_same_as_its_exports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = CASE / "gateway.jsonl"
    assert main(["convert", str(log), "-o", str(tmp_path / "focus"), "--events", "-q"]) == 0
    one = run(capsys, "--rated", log, "--billed", CASE / "bill.csv")
    two = run(capsys, "--rated", tmp_path / "focus", "--billed", CASE / "bill.csv")
    for part in ("totals", "causes", "buckets", "statuses"):
        assert one[1][part] == two[1][part]


def test_an_invoice_of_totals(capsys: pytest.CaptureFixture[str]) -> None:
    invoice = ["--billed", CASE / "invoice.csv"]
    code, report = run(capsys, *demo("--rated", USAGE), *invoice, "--tolerance", "invoice")
    assert code == 0
    assert report["invoices"][0]["invoices"] == ["INV-2026-11-001"]
    assert report["invoices"][0]["delta"] == "0.42"
    assert report["invoices"][0]["tolerance"] == "1"
    assert any("days were added up" in note for note in report["notes"])
    assert run(capsys, *demo("--rated", USAGE), *invoice)[0] == 1


def test_a_bill_in_yaml(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paper = tmp_path / "bill.yaml"
    paper.write_text(
        "bill:\n  - {channel: openai, from: 2026-11-16, through: 2026-11-17, amount: 15.748}\n", encoding="utf-8"
    )
    code, report = run(capsys, *demo("--rated", USAGE, "--billed", paper), "--tolerance", "strict")
    assert (code, report["passed"], report["buckets_total"]) == (0, True, 1)


def test_focus_files_of_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    day = "2026-11-03"
    theirs = tmp_path / "cloud.csv"
    with theirs.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["ChargePeriodStart", "ChargePeriodEnd", "BillingCurrency", "BilledCost", "EffectiveCost",
                         "ServiceName", "ProviderName", "BillingAccountId", "ChargeCategory", "SkuMeter", "PricingUnit",
                         "PricingQuantity", "ConsumedQuantity", "ConsumedUnit", "SkuPriceDetails"])  # fmt: skip
        writer.writerow([f"{day}T00:00:00Z", "2026-11-04T00:00:00Z", "USD", "4.75", "4.75", "OpenAI API", "OpenAI", "org-1",
                         "Usage", "Input Tokens", "1K Tokens", "1900", "1900000", "Tokens", '{"x_ModelId":"gpt-5.4"}'])  # fmt: skip
    rated = write(tmp_path / "rated.parquet", [row(day, "input", 2_000_000, price="2.5")])
    code, report = run(capsys, "--rated", rated, "--billed", theirs)
    bucket = report["buckets"][0]
    # 1900 blocks of a thousand are 1.9 blocks of a million.
    assert (bucket["billed"]["quantity"], bucket["volume_variance"], bucket["price_variance"]) == ("1.9", "-0.25", "0")
    assert code == 1


def test_what_is_compared_can_be_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rated = write(
        tmp_path / "r.parquet",
        [row("2026-11-03", "input", 1_000_000, price="2"), row("2026-11-20", "output", 10, price="1")],
    )
    paper = write(tmp_path / "b.parquet", [billed("2026-11-04", "input", 1_000_000, "2.00001")])
    code, report = run(capsys, "--rated", rated, "--billed", paper, "--by", "month,channel")
    assert (code, report["by"], report["buckets_total"]) == (0, ["period", "channel"], 1)
    assert report["buckets"] == [] and report["totals"][0]["delta"] == "0"
    code, report = run(capsys, "--rated", rated, "--billed", paper, "--period", "2026-11-03..2026-11-04")
    assert (code, report["period"]) == (1, ["2026-11-03", "2026-11-05"])


def test_files_of_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet as pq

    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    found = []
    for name in ("one", "two"):
        _, report = run(capsys, "--rated", CASE / "gateway.jsonl", "--billed", CASE / "bill.csv", "-o", tmp_path / name)
        held = json.loads((tmp_path / name / "reconcile.json").read_text(encoding="utf-8"))
        assert held == report
        found.append({p.name: p.read_bytes() for p in sorted((tmp_path / name).iterdir())})
    assert list(found[0]) == ["buckets.parquet", "reconcile.json"]
    assert found[0] == found[1]
    table = pq.read_table(tmp_path / "one" / "buckets.parquet").to_pylist()
    assert len(table) == report["buckets_total"]
    for r in table:
        assert r["rated_cost"] + r["explained"] + r["unexplained"] == r["billed_cost"]


@pytest.mark.parametrize(("word", "code"), [
    ("breach", 1), ("unexplained", 0), ("never", 0), ("warn", 1),
])  # fmt: skip
def test_fail_on(word: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, *demo("--rated", USAGE, "--billed", COSTS), "--fail-on", word)[0] == code


def test_numbers_as_tolerance(capsys: pytest.CaptureFixture[str]) -> None:
    code, report = run(capsys, *demo("--rated", USAGE, "--billed", COSTS), "--tolerance", "0.5")
    assert (code, report["tolerance"]["absolute"], report["statuses"]["ok"]) == (0, "0.5", 13)


@pytest.mark.parametrize(("arguments", "code", "said"), [
    (["--rated", str(USAGE)], 2, "needs --billed"),
    (["--rated", str(USAGE), "--billed", "missing.csv"], 3, "does not exist"),
    (["--rated", str(COSTS), "--billed", str(COSTS)], 3, "holds no rated usage"),
    (["--rated", str(USAGE), "--billed", str(USAGE)], 3, "holds no billed amounts"),
    (["--rated", str(USAGE), "--billed", str(COSTS), "--by", "modl"], 2, "did you mean model"),
    (["--rated", str(USAGE), "--billed", str(COSTS), "--tolerance", "loose"], 2, "not understood"),
    (["--rated", str(USAGE), "--billed", str(COSTS), "--period", "Nov"], 2, "--period"),
    (["--rated", str(USAGE), "--billed", str(COSTS), "--close", "split"], 2, "belong together"),
])  # fmt: skip
def test_wrong_commands(arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["reconcile", *arguments]) == code
    message = capsys.readouterr().err
    assert said in message
    assert "Traceback" not in message


@pytest.mark.parametrize(("line", "said"), [
    ("openai,2026-11-03,gpt-5,inpt,1,2", "did you mean input"), ("openai,,gpt-5,input,1,2", "needs its time"),
    ("openai,2026-11-03,gpt-5,,1,2", "needs its meter"), ("openai,2026-11-03,gpt-5,input,1,two", "not readable"),
    (",2026-11-03,gpt-5,input,1,2", "needs channel"),
])  # fmt: skip
def test_wrong_bills(line: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paper = tmp_path / "bill.csv"
    paper.write_text(f"channel,day,model,meter,quantity,amount\n{line}\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["reconcile", "--rated", str(USAGE), "--billed", str(paper)]) == 3
    message = capsys.readouterr().err
    assert said in message and "bill.csv, row 1" in message


def test_the_closed_data_set_of_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        *demo("--rated", EXPORTS, "--billed", COSTS, "--period", "2026-11-16..2026-11-17"),
        "--fail-on",
        "never",
    ]
    code, report = run(capsys, *arguments, "--close", "split", "--close-out", tmp_path / "closed")
    assert code == 0
    assert report["closed"]["totals"][0]["effective_cost"] == report["closed"]["totals"][0]["bill"] == "16.168"
    assert (tmp_path / "closed" / "run.json").is_file()
    text = main([str(a) for a in ("reconcile", *arguments, "--close", "adjust", "--close-out", tmp_path / "adjusted")])
    assert text == 0
    assert "Closed by adjust" in capsys.readouterr().out
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_rows_without_a_day_are_named_with_their_money(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody can say which bucket such a row belongs to; it is compared with nothing, and said."""
    lost = {**billed("2026-10-07", "input", None, "1.25"), "ChargePeriodStart": None, "ChargePeriodEnd": None}
    bill = write(tmp_path / "b.parquet", [billed("2026-10-07", "input", 1_000_000, price="2.50"), lost])
    rated = write(tmp_path / "r.parquet", [row("2026-10-07", "input", 1_000_000, price="2.50")])
    code, report = run(capsys, "--rated", rated, "--billed", bill)
    assert code == 0
    told = "1 billed rows with 1.25 USD have no ChargePeriodStart"
    assert any(note.startswith(told) for note in report["notes"])


def test_standard_input_keeps_its_name_and_can_be_one_side_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy of it lies in a folder of the run, whose name says nothing and differs from run to run."""

    def given(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    given(COSTS.read_bytes())
    _, report = run(capsys, *demo("--rated", USAGE, "--billed", "-"))
    assert report["totals"][0]["billed"] == "16.168"
    assert [i["path"] for side in report["inputs"].values() for i in side] == [str(USAGE), "stdin"]
    for data, said in ((COSTS.read_bytes(), "holds no rated usage"), (b"garbage", "neither"), (b"", "is empty")):
        given(data)
        assert main([str(a) for a in ("reconcile", *demo("--rated", "-", "--billed", COSTS))]) == 3
        error = capsys.readouterr().err
        assert said in error and "where: stdin\n" in error
    assert main(["reconcile", "--rated", "-", "--billed", "-"]) == 2
    assert "standard input cannot be both sides" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes")
def test_an_export_whose_name_is_no_utf_8_is_compared(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"kosten-\xe4.json")
    odd.write_bytes(COSTS.read_bytes())
    _, report = run(capsys, *demo("--rated", USAGE, "--billed", odd))
    assert report["totals"][0]["billed"] == "16.168"
