"""The report over converted rows and over files of others: sums, unit cost, caching, movers, alerts, forms."""

from __future__ import annotations

import csv
import io
import json
import re
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from data_builders import convert, event, jsonl

from focus_ai import api
from focus_ai.cli import main
from focus_ai.errors import InputError, UsageError
from focus_ai.reports.showback import cost, percent, showback_markdown, showback_text
from focus_ai.reports.showback_csv import showback_csv
from focus_ai.reports.showback_html import showback_html
from focus_ai.reports.svg import ceiling
from focus_ai.settings import Settings

SEARCH = {"team": "search", "product": "shop", "feature": "rank", "environment": "production"}
CARE = {"team": "care", "product": "desk", "feature": "answer", "environment": "evaluation"}


def day(number: int) -> dict[str, str]:
    return {"timestamp": f"2026-10-{number:02d}T10:00:00Z"}


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Search: gpt-5 on the 1st to the 3rd (0.00135 each); care: gpt-5-mini on the 3rd (0.00027), cached in part on the
    4th (400 fresh, 600 cached: 0.0001 + 0.000015 + 0.00002 = 0.000135); nobody: gpt-5-mini on the 2nd (0.00027)."""
    events = [
        *(event(n, **SEARCH, **day(n)) for n in (1, 2, 3)),
        event(4, **CARE, model="gpt-5-mini", **day(3)),
        event(5, **CARE, model="gpt-5-mini", cached_input_tokens=600, **day(4)),
        event(6, model="gpt-5-mini", **day(2)),
    ]
    convert(tmp_path / "out", jsonl(tmp_path / "log.jsonl", events))
    return tmp_path / "out"


def test_the_sums(dataset: Path) -> None:
    report = api.report(dataset)
    assert report["totals"]["cost"] == "0.004725"
    assert (report["totals"]["requests"], report["totals"]["tokens"]) == (6, 6060)
    assert [(g["name"], g["cost"]) for g in report["daily"]["team"]] == [
        ("search", "0.00405"), ("care", "0.000405"), ("Unattributed", "0.00027"),
    ]  # fmt: skip
    assert [(p["day"], p["cost"]) for p in report["daily"]["total"]] == [
        ("2026-10-01", "0.00135"), ("2026-10-02", "0.00162"), ("2026-10-03", "0.00162"), ("2026-10-04", "0.000135"),
    ]  # fmt: skip
    assert report["missing_columns"] == []


def test_doubles_are_read_as_the_digits_they_mean(tmp_path: Path, dataset: Path) -> None:
    convert(tmp_path / "double", tmp_path / "log.jsonl", numeric="double")
    assert api.report(tmp_path / "double")["totals"]["cost"] == api.report(dataset)["totals"]["cost"] == "0.004725"


def test_filters_and_periods(dataset: Path) -> None:
    assert api.report(dataset, filters={"team": "CARE"})["totals"]["cost"] == "0.000405"
    assert api.report(dataset, filters={"team": "unattributed"})["totals"]["cost"] == "0.00027"
    assert api.report(dataset, first="2026-10-03")["totals"]["cost"] == "0.001755"
    assert api.report(dataset, first="2026-10-02", last="2026-10-02")["totals"]["cost"] == "0.00162"
    with pytest.raises(InputError, match="no row is left"):
        api.report(dataset, filters={"team": "nobody-here"})
    with pytest.raises(UsageError):
        api.report(dataset, filters={"colour": "red"})
    with pytest.raises(UsageError):
        api.report(dataset, currency="EUR")


def test_nobodys_spend_and_its_age(dataset: Path) -> None:
    said = api.report(dataset)["unattributed"]
    assert (said["cost"], said["share"]) == ("0.00027", "0.057143")
    assert (said["oldest_day"], said["age_days"], said["older_than_limit"]) == ("2026-10-02", 2, "0")
    assert [d["share"] for d in said["days"]] == ["0", "0.166667", "0", "0"]


def test_evaluation_against_production(dataset: Path) -> None:
    said = api.report(dataset)["evaluation"]
    assert (said["evaluation"], said["production"], said["evaluation_per_production"]) == (
        "0.000405", "0.00405", "0.1",
    )  # fmt: skip


def test_what_caching_saved(dataset: Path) -> None:
    """600 of 6000 input tokens; fresh they would have cost 600 * 0.25 / 1M = 0.00015, cached 0.000015."""
    said = api.report(dataset)["caching"]
    assert (said["cached_share"], said["saved"], said["tokens_without_fresh_price"]) == ("0.1", "0.000135", 0)


def test_cost_per_call_token_and_unit(dataset: Path, tmp_path: Path) -> None:
    units = tmp_path / "units.csv"
    units.write_text("date,unit,value,product\n2026-10-01,orders,9,shop\n2026-10-02,orders,18,shop\n", encoding="utf-8")
    report = api.report(dataset, denominators=[units])
    assert report["unit_cost"]["team"][0] == {
        "name": "search", "cost": "0.00405", "requests": 3, "cost_per_thousand_requests": "1.35",
    }  # fmt: skip
    mini = next(m for m in report["models"] if m["name"] == "gpt-5-mini")
    assert (mini["cost"], mini["tokens"], mini["cost_per_million_tokens"]) == ("0.000675", 3030, "0.222772277")
    assert report["business_units"] == [{
        "unit": "orders", "team": None, "product": "shop", "from": "2026-10-01", "to": "2026-10-02", "units": "27",
        "cost": "0.0027", "cost_per_unit": "0.0001",
    }]  # fmt: skip


def test_budgets_burn_and_forecast(dataset: Path, tmp_path: Path) -> None:
    """Four of 31 days are over: a forecast is 31/4 of the spend. Search 0.00405 -> 0.0313875."""
    budgets = tmp_path / "budgets.csv"
    budgets.write_text("team,budget\nsearch,0.005\ncare,1\n", encoding="utf-8")
    report = api.report(dataset, budgets=budgets)
    rows = {b["team"]: b for b in report["budgets"]["teams"]}
    assert (rows["search"]["share"], rows["search"]["status"], rows["search"]["forecast"]) == (
        "0.81",
        "alert",
        "0.0313875",
    )
    assert rows["care"]["status"] == "ok"
    assert report["budgets"]["without"] == [{"team": "Unattributed", "cost": "0.00027"}]
    assert report["alerts"][0]["id"] == "budget.alert"
    budgets.write_text("team,budget\nsearch,0.03\n", encoding="utf-8")
    assert api.report(dataset, budgets=budgets)["budgets"]["teams"][0]["status"] == "forecast"
    budgets.write_text("team,budget\nsearch,0.004\n", encoding="utf-8")
    assert api.report(dataset, budgets=budgets)["budgets"]["teams"][0]["status"] == "over"


def test_who_and_which_model_moved_the_spend(dataset: Path) -> None:
    movers = api.report(dataset, compare=("2026-10-02", "2026-10-03"))["movers"]
    assert movers["total"]["delta"] == "0"
    assert [(m["team"], m["model"], m["delta"], m["why"]) for m in movers["by_team_and_model"]] == [
        ("Unattributed", "gpt-5-mini", "-0.00027", "gone"), ("care", "gpt-5-mini", "0.00027", "new"),
        ("search", "gpt-5", "0", "unchanged"),
    ]  # fmt: skip
    care = api.report(dataset, compare=("2026-10-03", "2026-10-04"))["movers"]["by_team"]
    half = next(m for m in care if m["team"] == "care")
    assert (half["delta"], half["volume"], half["price"], half["why"]) == (
        "-0.000135",
        "0",
        "-0.000135",
        "price or mix",
    )


def test_retry_waste_of_days_and_of_requests(tmp_path: Path, dataset: Path) -> None:
    """Three answers to one request: two of 0.00135 were not used. Rows of days and of requests say the same."""
    unknown = api.report(dataset)["retries"]
    assert unknown["known"] is False and "no id that the attempts of a request share" in unknown["why"]
    events = [event(n, **SEARCH, logical_request_id="r", timestamp=f"2026-10-01T10:0{n}:00Z") for n in range(3)]
    log = jsonl(tmp_path / "loop.jsonl", events)
    for grain in ("day", "request"):
        convert(tmp_path / grain, log, grain=grain)
        report = api.report(tmp_path / grain)
        said = report["retries"]
        assert (said["known"], said["waste"], said["share"], said["not_told"]) == (True, "0.0027", "0.666667", "0")
        assert said["groups"] == [
            {"team": "search", "model": "gpt-5", "what": "superseded", "attempts": 2, "waste": "0.0027"}
        ]
        assert report["totals"]["requests"] == 3


def test_retry_waste_says_what_it_cannot_know(tmp_path: Path) -> None:
    """One of three calls has an id: the other two may have been retried, and 0.0027 is said not to tell."""
    events = [event(1, **SEARCH, logical_request_id="r"), event(2, **SEARCH), event(3, **CARE)]
    convert(tmp_path / "out", jsonl(tmp_path / "log.jsonl", events))
    report = api.report(tmp_path / "out")
    assert (report["retries"]["waste"], report["retries"]["not_told"]) == ("0", "0.0027")
    assert "rows with 0.0027 do not say whether their calls answered" in showback_text(report)


def test_retry_waste_of_an_audit(tmp_path: Path, dataset: Path) -> None:
    events = [event(n, **SEARCH, logical_request_id="r", timestamp=f"2026-10-01T10:0{n}:00Z") for n in range(3)]
    audit = tmp_path / "audit.json"
    audit.write_text(json.dumps(api.audit([str(jsonl(tmp_path / "loop.jsonl", events))])), encoding="utf-8")
    assert api.report(dataset, audit=audit)["retries"]["waste"] == "0.0027"
    with pytest.raises(InputError, match="no report of an audit"):
        audit.write_text("{}", encoding="utf-8")
        api.report(dataset, audit=audit)


def test_the_last_day_by_team_product_and_model(dataset: Path) -> None:
    """On the 4th care spent 0.000135. In the three days before: search 0.00405, care and nobody 0.00027 each, so
    0.00135, 0.00009 and 0.00009 a day."""
    said = api.report(dataset)["last_day"]
    assert (said["day"], said["days_before"], said["cost"], said["usual"], said["delta"]) == (
        "2026-10-04", 3, "0.000135", "0.00153", "-0.001395",
    )  # fmt: skip
    assert [(g["team"], g["product"], g["model"], g["cost"], g["usual"], g["delta"]) for g in said["groups"]] == [
        ("care", "desk", "gpt-5-mini", "0.000135", "0.00009", "0.000045"),
        ("search", "shop", "gpt-5", "0", "0.00135", "-0.00135"),
        ("Unattributed", "Unattributed", "gpt-5-mini", "0", "0.00009", "-0.00009"),
    ]  # fmt: skip


ACCOUNTS = """team_id,team_name,budget_amount,budget_currency,budget_period,effective_from,effective_to
srch,search,0.005,USD,month,,2026-10-15
srch,search,0.03,USD,month,2026-10-15,
care,,0.0004,USD,quarter,,
lab,,9,EUR,month,,
unattributed,,1,USD,year,,
"""


def test_budgets_of_the_chargeback_accounts(tmp_path: Path, dataset: Path) -> None:
    """The row that holds on the last day of October counts: 0.03 for search, whose rows carry the team's name.
    Care: 0.000405 of 0.0004 in the quarter, 4 of 92 days passed: 0.000405 * 23 = 0.009315."""
    accounts = tmp_path / "accounts.csv"
    accounts.write_text(ACCOUNTS, encoding="utf-8")
    settings = Settings.from_dict({"owners": {"accounts": [str(accounts)]}})
    said = api.report(dataset, settings=settings)["budgets"]
    shown = ("team", "period", "budget", "spent", "forecast", "status", "days_of_period", "data_from")
    assert [tuple(row[name] for name in shown) for row in said["teams"]] == [
        ("unattributed", "2026", "1", "0.00027", "0.000355776", "ok", 365, "2026-10-01"),
        ("srch", "2026-10", "0.03", "0.00405", "0.0313875", "forecast", 31, None),
        ("care", "2026-Q4", "0.0004", "0.000405", "0.009315", "over", 92, None),
    ]  # fmt: skip
    assert (said["without"], said["in_other_currencies"]) == (
        [], [{"team": "lab", "budget": "9", "currency": "EUR"}],
    )  # fmt: skip
    budgets = tmp_path / "budgets.csv"
    budgets.write_text("team,budget\nsearch,0.004\n", encoding="utf-8")
    both = api.report(dataset, settings=settings, budgets=budgets)["budgets"]["teams"]
    assert [(b["team"], b["budget"]) for b in both if b["period"] == "2026-10"] == [("search", "0.004")]
    arguments = ["report", str(dataset), "--accounts", str(accounts), "--fail-on", "alert", "-q"]
    assert main(arguments) == 1


def test_budgets_of_days_and_weeks(tmp_path: Path, dataset: Path) -> None:
    """2026-10-01 is a Thursday of week 40: Thursday to Sunday cost 0.00405 for search; its dearest day 0.00135."""
    accounts = tmp_path / "accounts.csv"
    accounts.write_text(
        "team_id,budget_amount,budget_currency,budget_period\nsearch,0.005,USD,week\ncare,0.0002,USD,day\n"
        "unattributed,,,\n", encoding="utf-8",
    )  # fmt: skip
    report = api.report(dataset, settings=Settings.from_dict({"owners": {"accounts": [str(accounts)]}}))
    assert [(b["team"], b["period"], b["spent"], b["status"]) for b in report["budgets"]["teams"]] == [
        ("care", "2026-10-01", "0", "ok"), ("care", "2026-10-02", "0", "ok"), ("care", "2026-10-03", "0.00027", "over"),
        ("care", "2026-10-04", "0.000135", "ok"), ("search", "2026-W40", "0.00405", "alert"),
    ]  # fmt: skip


def test_a_filtered_report_compares_only_budgets_of_whole_teams(dataset: Path, tmp_path: Path) -> None:
    budgets = tmp_path / "budgets.csv"
    budgets.write_text("team,budget\nsearch,0.005\ncare,1\n", encoding="utf-8")
    mine = api.report(dataset, budgets=budgets, filters={"team": "search"})["budgets"]
    assert [b["team"] for b in mine["teams"]] == ["search"]
    part = api.report(dataset, budgets=budgets, filters={"team": "search", "model": "gpt-5"})["budgets"]
    assert (part["given"], part["teams"]) == (False, [])
    assert part["why_not"] == "budgets are of whole teams, and this report is only of one model"


HEADER = "ChargePeriodStart,EffectiveCost,BillingCurrency,Tags,ServiceName,AllocatedMethodId,AllocatedTags"
ROWS = [
    '2026-10-01T00:00:00Z,6.00,USD,"{""team"":""search""}",OpenAI,,',
    '2026-10-01T00:00:00Z,3.00,USD,,OpenAI,share@1,"{""team"":""care""}"',
    "2026-10-01T00:00:00Z,1.00,USD,,OpenAI,share@1,",
    "2026-10-02T00:00:00Z,5.00,EUR,,OpenAI,,",
]


def test_a_focus_file_of_others(tmp_path: Path) -> None:
    """Shared cost goes to whom it was allocated, the rest of it to nobody; what is missing is said."""
    path = tmp_path / "focus.csv"
    path.write_text("\n".join([HEADER, *ROWS]) + "\n", encoding="utf-8")
    report = api.report(path)
    assert (report["currency"], report["totals"]["cost"]) == ("USD", "10")
    assert [(g["name"], g["cost"]) for g in report["daily"]["team"]] == [
        ("search", "6"), ("care", "3"), ("Unattributed", "1"),
    ]  # fmt: skip
    shared = report["shared"]
    assert (shared["cost"], shared["share"]) == ("4", "0.4")
    assert [(t["team"], t["direct"], t["shared"]) for t in shared["teams"]] == [
        ("search", "6", "0"), ("care", "0", "3"), ("Unattributed", "0", "1"),
    ]  # fmt: skip
    assert report["caching"]["known"] is False
    assert "x_TokenType" in report["missing_columns"] and "Tags" not in report["missing_columns"]
    assert api.report(path, currency="EUR")["totals"]["cost"] == "5"
    assert "and 5.00 EUR" in showback_text(report)
    assert "(1 days), 3 rows" in showback_text(report)  # of four: the one in EUR is not in the tables


@pytest.mark.parametrize("text", ["a,b\n1,2\n", f"{HEADER}\n", f"{HEADER}\n2026-10-01T00:00:00Z,much,USD,,,,\n"])
def test_what_is_no_focus_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "focus.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError):
        api.report(path)


def test_a_missing_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        api.report(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError):
        api.report(tmp_path / "empty")


def test_the_report_fits_its_schema(dataset: Path) -> None:
    from jsonschema import Draft202012Validator

    from focus_ai.resources import schemas

    shape = json.loads((schemas() / "showback.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(shape)
    report = api.report(dataset, compare=("2026-10-01", "2026-10-02"))
    assert [e.message for e in Draft202012Validator(shape).iter_errors(report)] == []


def test_amounts_for_reading() -> None:
    assert [cost(v) for v in ("1234.5", "0", "0.004725", "0.996", "-0.02", "0.08")] == [
        "1,234.50", "0.00", "0.0047", "1.00", "-0.020", "0.080",
    ]  # fmt: skip
    assert [percent(v) for v in ("0.4065", "0", "0.0001")] == ["40.6 %", "0.0 %", "<0.1 %"]
    assert [str(ceiling(Decimal(v))) for v in ("0", "7", "0.21", "101")] == ["1", "10", "0.25", "200"]


def test_csv_holds_every_digit(dataset: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(showback_csv(api.report(dataset)))))
    team = [r for r in rows if r["section"] == "daily" and r["dimension"] == "team" and r["measure"] == "cost"]
    assert sum((Decimal(r["value"]) for r in team), Decimal(0)) == Decimal("0.004725")


def test_markdown_tables_are_whole(dataset: Path) -> None:
    text = showback_markdown(api.report(dataset))
    assert text.startswith("# Showback\n")
    tables = re.findall(r"(?:^\|.*\|\n?)+", text, re.MULTILINE)
    assert len(tables) >= 6
    for table in tables:
        assert len({line.count("|") for line in table.strip().splitlines()}) == 1


class Page(HTMLParser):
    """Collects tags that are open, and every address."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.charts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.addresses += [str(known[name]) for name in ("src", "href", "xlink:href") if name in known]
        if tag == "svg":
            self.charts += 1
            assert known.get("role") == "img" and known.get("aria-label")
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_nothing_else(dataset: Path) -> None:
    text = showback_html(api.report(dataset, compare=("2026-10-01", "2026-10-02")))
    page = Page()
    page.feed(text)
    assert (page.open, page.addresses) == ([], [])
    assert page.charts >= 4
    assert "<script" not in text and "@import" not in text and "url(" not in text
    assert "prefers-color-scheme:dark" in text


def test_names_cannot_break_the_page(tmp_path: Path) -> None:
    evil = '<script>alert("x")</script>'
    convert(tmp_path / "out", jsonl(tmp_path / "log.jsonl", [event(1, **{**SEARCH, "team": evil, "product": "a|b"})]))
    report = api.report(tmp_path / "out")
    assert "<script" not in showback_html(report)
    assert "a\\|b" in showback_markdown(report)


def test_the_command(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    budgets = tmp_path / "budgets.csv"
    budgets.write_text("team,budget\nsearch,0.001\n", encoding="utf-8")
    assert main(["report", str(dataset)]) == 0
    assert "Spend by team" in capsys.readouterr().out
    assert main(["report", str(dataset), "--budgets", str(budgets), "--fail-on", "alert", "-q"]) == 1
    page = tmp_path / "new" / "page.html"
    assert main(["report", str(dataset), "--format", "html", "--out", str(page), "-q"]) == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [p.name for p in page.parent.iterdir()] == ["page.html"]
    capsys.readouterr()
    assert main(["report", str(dataset), "--format", "json"]) == 0
    loaded: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert loaded["schema"] == "focus-ai/showback@1"
    assert main(["report", str(dataset), "--fail-on", "rain"]) == 2
    assert main(["report", str(tmp_path / "nothing")]) == 3


FEES = """ChargePeriodStart,ChargePeriodEnd,EffectiveCost,BillingCurrency,Tags,ServiceName
2026-10-01T00:00:00Z,2026-11-01T00:00:00Z,31.00,USD,"{""team"":""search""}",Licence
2026-10-06T00:00:00Z,2026-11-01T00:00:00Z,9.00,USD,"{""team"":""search""}",Seats
"""
DAY = '2026-10-0{0}T00:00:00Z,2026-10-0{1}T00:00:00Z,1.00,USD,"{{""team"":""search""}}",OpenAI'


def test_a_licence_of_a_month_is_no_pace(tmp_path: Path) -> None:
    """6.00 in 6 of 31 days become 31.00; the licences of 31.00 and 9.00 stay 40.00. Neither is a spike, nor part of
    the last day (1.00, as on the five days before)."""
    path, budgets = tmp_path / "focus.csv", tmp_path / "budgets.csv"
    path.write_text(FEES + "\n".join(DAY.format(n, n + 1) for n in range(1, 7)) + "\n", encoding="utf-8")
    budgets.write_text("team,budget\nsearch,70\n", encoding="utf-8")
    report = api.report(path, budgets=budgets)
    row = report["budgets"]["teams"][0]
    assert (row["spent"], row["forecast"], row["status"]) == ("46", "71", "forecast")
    assert [a["id"] for a in report["alerts"]] == ["budget.forecast"]
    last = report["last_day"]
    assert (last["cost"], last["usual"], last["delta"], last["longer"]) == ("1", "1", "0", "9")
    assert (report["totals"]["cost"], report["totals"]["longer"]) == ("46", "40")


def test_a_wrong_source_date_is_told(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Now in its place would break the promise of equal bytes without a word; `convert` refuses it too."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")  # 2027-01-15T08:00:00Z
    assert api.report(dataset)["created_at"] == "2027-01-15T08:00:00Z"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "soon")
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH"):
        api.report(dataset)
