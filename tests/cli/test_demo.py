"""The shipped example exports: what they are, what they add up to, and what `focus-ai demo` makes of them."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from focus_ai import resources
from focus_ai.adapters import recognise, shipped
from focus_ai.cli import main
from focus_ai.cli.demo import answer
from focus_ai.sources import discover

EXPORTS = {
    "anthropic_cost_report.json": "anthropic-cost-report",
    "anthropic_usage_report.json": "anthropic-usage-report-messages",
    "generic_events.csv": "generic-event",
    "litellm_spend_logs.jsonl": "litellm-spend-logs",
    "nginx_access.jsonl": "nginx-json-access-log",
    "openai_costs.json": "openai-costs",
    "openai_usage_completions.json": "openai-usage-completions",
    "otel_spans.jsonl": "otlp-genai",
}
# Worked out by hand from the token counts and the list prices of November 2026 (per million tokens: gpt-5.4 2.50 and
# 15.00, gpt-5-mini 0.25, cached 0.025 and 2.00, Claude Sonnet 4.5 3.00, read 0.30, writes 3.75 and 6.00, 15.00).
OPENAI_BILL = Decimal("16.168")  # 7.50 + 0.795 + 0.0205 + 6.75 + 0.6825 + 0.42
ANTHROPIC_BILL = Decimal("5.0535")  # 4.095 + 0.885 + 0.0735


def exports() -> Path:
    return resources.root("demo") / "exports"


def test_every_export_is_recognised_as_what_it_is(tmp_path: Path) -> None:
    found = {Path(s.name).name: recognise(s, shipped()).id for s in discover([str(exports())], tmp_path)}
    assert found == EXPORTS


def test_the_bills_add_up_to_the_sums_worked_out_by_hand() -> None:
    openai = json.loads((exports() / "openai_costs.json").read_text(), parse_float=Decimal)
    lines = [Decimal(r["amount"]["value"]) for bucket in openai["data"] for r in bucket["results"]]
    assert sum(lines) == OPENAI_BILL
    anthropic = json.loads((exports() / "anthropic_cost_report.json").read_text())
    cents = [Decimal(r["amount"]) for bucket in anthropic["data"] for r in bucket["results"]]
    assert sum(cents) / 100 == ANTHROPIC_BILL


@pytest.mark.parametrize("table", ["owner_map.csv", "chargeback_accounts.csv", "focus-ai.toml", "README.md"])
def test_the_tables_that_tie_the_exports_together_are_shipped(table: str) -> None:
    assert (resources.root("demo") / table).is_file()


def test_the_settings_of_the_demo_are_valid_and_point_to_its_tables() -> None:
    from focus_ai.ownership import OwnerBook
    from focus_ai.settings import Settings

    settings = Settings.load(resources.root("demo") / "focus-ai.toml")
    assert all(path.is_file() for path in (*settings.owners.map, *settings.owners.accounts))
    assert OwnerBook.load(settings)


# By hand as well: what the rated sources cost at list prices (LiteLLM: the spend column of the lines that count once).
RATED = {
    "generic-event": Decimal("0.124623"),  # batch 0.06 + Claude 0.039425 + retry 0.003698 + pilot 0.0215
    "litellm-spend-logs": Decimal("0.21223595"),
    "nginx-json-access-log": Decimal("0.006988"),  # 0.003698 + 0.002625 + 0.00034 + 0.000325
}


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The demo run once: its folder and the report."""
    out = tmp_path_factory.mktemp("demo") / "out"
    with redirect_stdout(StringIO()) as printed:
        assert main(["demo", "--out", str(out), "--format", "json"]) == 0
    return out, json.loads(printed.getvalue())


def test_the_spend_column_of_litellm_is_what_the_hand_sum_says() -> None:
    lines = (exports() / "litellm_spend_logs.jsonl").read_text().splitlines()
    rows = {row["request_id"]: row for row in (json.loads(line, parse_float=Decimal) for line in lines[:-1])}
    assert sum(Decimal(row["spend"]) for row in rows.values()) == RATED["litellm-spend-logs"]


def test_every_cent_of_the_demo_is_explained(converted: tuple[Path, dict[str, Any]]) -> None:
    import duckdb

    out, report = converted
    with duckdb.connect() as session:
        rows = session.execute(
            "SELECT x_Source, sum(EffectiveCost) FROM read_parquet(?) GROUP BY ALL", [f"{out}/data/*/*.parquet"]
        ).fetchall()
    by_source = dict(rows)
    assert by_source["openai-costs"] == OPENAI_BILL
    assert by_source["anthropic-cost-report"] == ANTHROPIC_BILL
    assert {name: by_source[name] for name in RATED} == RATED
    assert set(by_source) == {*RATED, "openai-costs", "anthropic-cost-report", "otlp-genai"}
    assert Decimal(report["totals"][0]["effective_cost"]) == sum(by_source.values())


def test_the_records_of_the_demo_add_up(converted: tuple[Path, dict[str, Any]]) -> None:
    records = converted[1]["records"]
    assert records["read"] == 10 + 3 + 7 + 43 + 5 + 13 + 5 + 18
    assert records["read"] == sum(count for name, count in records.items() if name != "read")
    assert (records["duplicates"], records["rejected"], records["ignored"]) == (1, 1, 6)
    assert converted[1]["unpriced"]["events"] == 1


def test_the_written_report_is_the_printed_one(converted: tuple[Path, dict[str, Any]]) -> None:
    out, report = converted
    written = json.loads((out / "run.json").read_text())
    assert {key: report[key] for key in written} == written


def test_nothing_is_counted_as_tokens_that_is_none(converted: tuple[Path, dict[str, Any]]) -> None:
    import duckdb

    tokens = "coalesce(x_InputTokens, x_OutputTokens, x_CacheReadTokens, x_CacheWriteTokens)"
    query = f"SELECT count(*) FROM read_parquet(?) WHERE ConsumedUnit <> 'Tokens' AND {tokens} IS NOT NULL"
    with duckdb.connect() as session:
        found = session.execute(query, [f"{converted[0]}/data/*/*.parquet"]).fetchall()
    assert found == [(0,)]


def test_the_question_of_the_demo_has_its_answer(converted: tuple[Path, dict[str, Any]]) -> None:
    lines = answer(converted[0])
    assert len(lines) == 6
    assert lines[1].split() == ["search", "gpt-5.4", "1,500,000", "7.50"]
    assert lines[2].split() == ["care", "gpt-5.4", "1,200,000", "6.75"]


@pytest.mark.parametrize(
    "shape", [["--focus", "1.2"], ["--focus", "1.4"], ["--grain", "request"], ["--grain", "month"]]
)
def test_the_money_does_not_depend_on_version_or_grain(
    shape: list[str], converted: tuple[Path, dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = resources.root("demo") / "focus-ai.toml"
    command = ["convert", str(exports()), "--config", str(settings), "--out", str(tmp_path / "out"), "--format", "json"]
    assert main([*command, *shape]) == 0
    report = json.loads(capsys.readouterr().out)
    # In FOCUS 1.4 an estimate is not billed, so only the other three costs are the same in every version.
    alike = ("currency", "list_cost", "contracted_cost", "effective_cost")
    assert [[t[key] for key in alike] for t in report["totals"]] == [
        [t[key] for key in alike] for t in converted[1]["totals"]
    ]
    assert report["records"] == converted[1]["records"]
    assert report["tokens"] == converted[1]["tokens"]


def test_an_unknown_account_is_a_warning_in_every_version(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for version in ("1.2", "1.3", "1.4"):
        out = str(tmp_path / version)
        command = ["convert", str(exports() / "nginx_access.jsonl"), "--out", out, "--focus", version]
        assert main([*command, "--format", "json"]) == 0
        warned = {warning["code"] for warning in json.loads(capsys.readouterr().out)["warnings"]}
        assert "account_unspecified" in warned


def test_what_the_demo_prints_depends_on_no_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a machine whose clock stands before the days of the examples no record is in the future."""
    shown = []
    for clock in ("1577836800", "1893456000"):  # 2020 and 2030
        monkeypatch.setenv("SOURCE_DATE_EPOCH", clock)
        assert main(["demo", "--out", str(tmp_path / "out"), "--format", "json"]) == 0
        shown.append(json.loads(capsys.readouterr().out))
    assert shown[0] == shown[1] and shown[0]["created_at"] == "2026-11-21T00:00:00Z"
    assert "time_in_the_future" not in {warning["code"] for warning in shown[0]["warnings"]}
