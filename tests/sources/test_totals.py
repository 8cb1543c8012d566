"""Lines of a table that state a total are set aside by name, whatever else in it looks like a record."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from data_builders import convert, exceptions, rows, total

ACCOUNT = {"accounts": {"anthropic": {"id": "org"}}}
HEAD = "usage_date_utc,model,workspace,api_key,usage_type,token_type,cost_usd"
LINES = [
    "2026-11-02,Claude Sonnet 5.5,chat,chat-prod,message,input_no_cache,0.18",
    "2026-11-02,Claude Sonnet 5.5,chat,chat-prod,message,output,0.82",
]


def table(path: Path, *lines: str) -> Path:
    path.write_text("\n".join([HEAD, *lines]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-02,Total,,,,,1.00",
        "2026-11-30,,,,,Summe:,1.00",
        "2026-11-30,GRAND TOTAL,USD,-,,,1.00",
        # the total of a workspace, which is named
        "2026-11-02,Total,chat,chat-prod,,,1.00",
        "2026-11-02,Gesamt,Gesamt,,n/a,,1.00",
    ],
)
def test_a_totals_line_with_a_date_is_set_aside(line: str, tmp_path: Path, out: Path) -> None:
    alone = table(tmp_path / "cost.csv", *LINES, line)
    # Small files are staged together, and one that the engine cannot read is read anew.
    other = table(tmp_path / "other.csv", LINES[0].replace("11-02", "11-03"))
    odd = tmp_path / "odd.csv"
    odd.write_bytes(table(tmp_path / "cp.csv", *LINES, line).read_bytes().replace(b",chat,", b",ch\x80t,"))
    for inputs, money in (((alone,), "1.00"), ((alone, other), "1.18"), ((odd,), "1.00")):
        report = convert(out, *inputs, settings=ACCOUNT)
        assert total(rows(out), "BilledCost") == Decimal(money)
        assert report["records"]["rejected"] == 1
        assert [r["reason"] for r in exceptions(out, "rejects")] == ["totals_line"]


@pytest.mark.parametrize(
    ("lines", "money"),
    [
        # a workspace of that name has lines like others
        ([*LINES, "2026-11-02,Claude Sonnet 5.5,Total,chat-prod,message,output,0.50"], "1.50"),
        # nothing but totals: one line for each month is what there is
        (["2026-10-31,Total,,,,,3.00", "2026-11-30,Total,,,,,4.00"], "7.00"),
    ],
)
def test_what_is_no_totals_line_counts(lines: list[str], money: str, tmp_path: Path, out: Path) -> None:
    for inputs in (
        (table(tmp_path / "cost.csv", *lines),),
        (table(tmp_path / "cost.csv", *lines), table(tmp_path / "none.csv")),
    ):
        report = convert(out, *inputs, settings=ACCOUNT)
        assert total(rows(out), "BilledCost") == Decimal(money)
        assert {r["reason"] for r in exceptions(out, "rejects")} <= {"empty_file"} and report["records"]["read"]
