"""Usage and cost exports of one spend, given together: the money counts once, and the report says which one carries it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from data_builders import convert, exceptions, rows, total

from focus_ai.reports.run import run_text

BILL = {"billing": {"source": "bill"}}
USAGE = {"billing": {"source": "usage"}}


def second(day: float) -> int:
    """Midnight of a day of October; 5.5 is noon of the 5th."""
    return int(datetime(2026, 10, 1, tzinfo=UTC).timestamp() + 86400 * (day - 1))


def page(path: Path, *buckets: tuple[float, float, list[dict[str, Any]]]) -> Path:
    data = [
        {"object": "bucket", "start_time": second(a), "end_time": second(b), "results": results}
        for a, b, results in buckets
    ]
    path.write_text(json.dumps({"object": "page", "data": data, "has_more": False, "next_page": None}))
    return path


def used(tokens: int = 1_000_000, **fields: Any) -> dict[str, Any]:
    """A million input tokens of gpt-5: 1.25 USD."""
    return {
        "object": "organization.usage.completions.result", "input_tokens": tokens, "input_cached_tokens": 0,
        "output_tokens": 0, "input_audio_tokens": 0, "output_audio_tokens": 0, "num_model_requests": 4,
        "project_id": "p", "user_id": None, "api_key_id": None, "model": "gpt-5-2025-08-07", "batch": False, **fields,
    }  # fmt: skip


def cost(amount: str, **fields: Any) -> dict[str, Any]:
    return {
        "object": "organization.costs.result", "amount": {"value": amount, "currency": "usd"},
        "line_item": "gpt-5-2025-08-07, input", "project_id": "p", **fields,
    }  # fmt: skip


def money(out: Path) -> dict[str, Decimal]:
    found = rows(out)
    return {basis: total(r for r in found if r["x_CostBasis"] == basis) for basis in {r["x_CostBasis"] for r in found}}


@pytest.fixture
def exports(tmp_path: Path) -> list[Path]:
    """Three days of usage, and a bill of two of them."""
    return [
        page(tmp_path / "usage.json", (5, 6, [used()]), (6, 7, [used()]), (7, 8, [used()])),
        page(tmp_path / "costs.json", (5, 6, [cost("1.30")]), (6, 7, [cost("1.20")])),
    ]


def test_the_bill_carries_by_default_and_usage_where_it_is_silent(exports: list[Path], out: Path) -> None:
    report = convert(out, *exports)
    assert money(out) == {"billed": Decimal("2.5"), "rated": Decimal("1.25")}
    assert (report["records"]["events"], report["records"]["billed_lines"]) == (3, 2)
    (decision,) = report["billing_source"]
    assert (decision["carried_by"], decision["from"], decision["to"], decision["days"]) == (
        "bill", "2026-10-05", "2026-10-06", 2,
    )  # fmt: skip
    kept = exceptions(out, "carried_elsewhere")
    assert [(k["kind"], k["row"]) for k in kept] == [("usage", 1), ("usage", 2)]


def test_usage_carries_where_the_settings_say_so(exports: list[Path], out: Path) -> None:
    report = convert(out, *exports, settings=USAGE)
    assert money(out) == {"rated": Decimal("3.75")}
    assert report["billing_source"][0]["carried_by"] == "usage"
    assert [k["kind"] for k in exceptions(out, "carried_elsewhere")] == ["billed", "billed"]


def test_the_order_of_the_inputs_decides_nothing(exports: list[Path], out: Path) -> None:
    convert(out, *exports)
    first = money(out)
    convert(out, *reversed(exports))
    assert money(out) == first


def test_other_accounts_are_not_mixed(tmp_path: Path, out: Path) -> None:
    one = {"organization_id": "org-1", "organization_name": "One"}
    two = {"organization_id": "org-2", "organization_name": "Two"}
    usage = page(tmp_path / "usage.json", (5, 6, [used(**one), used(2_000_000, **two)]))
    costs = page(tmp_path / "costs.json", (5, 6, [cost("1.30", **one)]))
    convert(out, usage, costs)
    assert money(out) == {"billed": Decimal("1.3"), "rated": Decimal("2.5")}
    assert {(r["BillingAccountId"], r["x_CostBasis"]) for r in rows(out)} == {("org-1", "billed"), ("org-2", "rated")}


def test_a_bill_over_several_days_covers_all_of_them(tmp_path: Path, out: Path) -> None:
    usage = page(tmp_path / "usage.json", *((d, d + 1, [used()]) for d in range(4, 13)))
    costs = page(tmp_path / "costs.json", (5, 12, [cost("9")]))
    report = convert(out, usage, costs)
    assert money(out) == {"billed": Decimal(9), "rated": Decimal("2.5")}
    assert report["billing_source"][0]["days"] == 7


def test_two_cost_exports_of_one_spend_count_once(tmp_path: Path, out: Path) -> None:
    costs = page(tmp_path / "costs.json", (5, 6, [cost("1.30"), cost("0.10", line_item="web search")]))
    table = tmp_path / "dashboard.csv"
    sample = Path(__file__).parents[2] / "fixtures" / "exports" / "openai" / "dashboard-costs"
    header = next(p for p in sorted(sample.rglob("input.csv"))).read_text(encoding="utf-8-sig").splitlines()[0]
    values = {
        "start_time": str(second(5)), "end_time": str(second(6)), "start_time_iso": "2026-10-05T00:00:00+00:00",
        "end_time_iso": "2026-10-06T00:00:00+00:00", "amount_value": "1.40", "amount_currency": "usd", "project_id": "p",
    }  # fmt: skip
    table.write_text(header + "\n" + ",".join(values.get(c.strip(), "") for c in header.split(",")) + "\n")
    report = convert(out, costs, table)
    assert report["records"]["billed_lines"] == 3
    assert sum(money(out).values()) == Decimal("1.4")
    (decision,) = report["billing_source"]
    assert decision["between"] == "cost exports"


def test_a_bill_alone_and_usage_alone_are_left_alone(exports: list[Path], out: Path) -> None:
    for source, basis in zip(exports, ("rated", "billed"), strict=True):
        report = convert(out, source)
        assert report["billing_source"] == []
        assert set(money(out)) == {basis}


def test_a_credit_stays_a_credit(tmp_path: Path, out: Path) -> None:
    costs = page(tmp_path / "costs.json", (5, 6, [cost("1.30"), cost("-0.30", line_item="promotional credits")]))
    convert(out, costs)
    found = {r["ChargeCategory"]: r for r in rows(out)}
    assert found["Credit"]["BilledCost"] == Decimal("-0.3")
    assert found["Credit"]["SkuPriceId"] is None
    assert total(rows(out), "BilledCost") == Decimal(1)


def hour(number: int) -> float:
    """An hour of the 5th."""
    return 5 + number / 24


@pytest.mark.parametrize("settings", [BILL, USAGE])
@pytest.mark.parametrize("day", [5, 8])
def test_a_line_of_several_days_is_one(tmp_path: Path, out: Path, day: int, settings: dict[str, Any]) -> None:
    """Ten days (5 to 14) in one line of 12.50 USD, beside a source that tells of one of them: the long one carries,
    whichever of the two is the bill and whatever the settings say, for the short one is inside of it."""
    usage = page(tmp_path / "usage.json", (5, 15, [used(10_000_000)]))
    costs = page(tmp_path / "costs.json", (day, day + 1, [cost("1.20")]))
    report = convert(out, usage, costs, settings=settings)
    assert money(out) == {"rated": Decimal("12.5")}
    assert [(d["carried_by"], d["days"]) for d in report["billing_source"]] == [("usage", 1)]
    usage = page(tmp_path / "usage.json", (day, day + 1, [used()]))
    costs = page(tmp_path / "costs.json", (5, 15, [cost("12.00")]))
    report = convert(out, usage, costs, settings=settings)
    assert money(out) == {"billed": Decimal(12)}
    assert [(d["carried_by"], d["days"]) for d in report["billing_source"]] == [("bill", 1)]


def test_a_bill_carries_its_own_days_beside_other_usage_of_the_block(tmp_path: Path, out: Path) -> None:
    """Usage of ten days in one line, by the day for another project: both usage lines carry the days of the bill."""
    other = used(2_000_000, project_id="q")
    usage = page(tmp_path / "usage.json", (5, 15, [used(10_000_000)]), (6, 7, [other]), (20, 21, [used()]))
    costs = page(tmp_path / "costs.json", (6, 7, [cost("3.70", project_id=None)]), (20, 21, [cost("1.20")]))
    convert(out, usage, costs)
    assert money(out) == {"rated": Decimal("15"), "billed": Decimal("1.2")}


def test_spans_that_overlap_only_in_part_both_count_and_are_named(tmp_path: Path, out: Path) -> None:
    """Nobody knows how much of the 10.00 of the 5th to the 9th is in the 7.50 of the 8th to the 13th."""
    usage = page(tmp_path / "usage.json", (8, 14, [used(6_000_000)]))
    costs = page(tmp_path / "costs.json", (5, 10, [cost("10.00")]))
    for settings in (BILL, USAGE):
        report = convert(out, usage, costs, settings=settings)
        assert money(out) == {"rated": Decimal("7.5"), "billed": Decimal(10)}
        (doubt,) = report["billing_source"]
        assert (doubt["why"], doubt["carried_by"], doubt["records"]) == ("overlaps_partly", "both", 1)
        assert doubt.get("tokens", doubt.get("amount")) in (6_000_000, "10")
        assert [w["money"] for w in report["warnings"] if w["code"] == "possible_double_count"] in (["7.5"], [])


@pytest.mark.parametrize("grain", ["day", "month"])
def test_other_days_of_a_month_are_no_double_count(exports: list[Path], tmp_path: Path, out: Path, grain: str) -> None:
    """The bill has two of three days, and the third counts by its usage. Of another project a day may have both."""

    def doubts(*inputs: Path) -> list[tuple[str, str]]:
        report = convert(out, *inputs, grain=grain)
        found = [w for w in report["warnings"] if w["code"] == "possible_double_count"]
        return [(w["money"], w["message"].split("days ")[1].split(":")[0]) for w in found]

    assert doubts(*exports) == []
    costs = page(tmp_path / "costs.json", (5, 6, [cost("1.30", project_id="q")]), (6, 7, [cost("1.20")]))
    assert doubts(exports[0], costs) == [("1.25" if grain == "day" else "2.5", "(1)")]


@pytest.mark.parametrize("settings", [BILL, USAGE])
def test_a_bucket_that_begins_within_the_day_is_not_the_day(
    tmp_path: Path, out: Path, settings: dict[str, Any]
) -> None:
    """24 hours of 100 000 tokens, 0.125 each; the bill was asked for from 17:00. Seven hours by the bill, seventeen by
    usage; or all 24 by usage where the settings say so: 3.00 either way."""
    hours = [(hour(h), hour(h + 1), [used(100_000)]) for h in range(24)]
    usage = page(tmp_path / "usage.json", *hours)
    costs = page(tmp_path / "costs.json", (hour(17), 6, [cost("0.875")]))
    convert(out, usage, costs, settings=settings)
    by_bill = {"billed": Decimal("0.875"), "rated": Decimal("2.125")}
    assert money(out) == (by_bill if settings is BILL else {"rated": Decimal(3)})
    # A bill of the last hour alone is no bill of the day either.
    costs = page(tmp_path / "costs.json", (hour(23), 6, [cost("0.125")]))
    convert(out, usage, costs, settings=BILL)
    assert money(out) == {"billed": Decimal("0.125"), "rated": Decimal("2.875")}
    # The usage of the last seven hours beside the bill of the day: only the bill has the others.
    usage = page(tmp_path / "usage.json", *hours[17:])
    convert(out, usage, page(tmp_path / "costs.json", (5, 6, [cost("3.00")])), settings=settings)
    assert money(out) == {"billed": Decimal(3)}


def test_projects_that_the_bill_does_not_name_keep_their_usage(tmp_path: Path, out: Path) -> None:
    """The bill was filtered to p: the 2.50 of q are in no other number. They count, and the report says so."""
    usage = page(tmp_path / "usage.json", (5, 6, [used(), used(2_000_000, project_id="q")]))
    report = convert(out, usage, page(tmp_path / "costs.json", (5, 6, [cost("1.30")])))
    assert money(out) == {"billed": Decimal("1.3"), "rated": Decimal("2.5")}
    doubt = report["billing_source"][1]
    assert (doubt["why"], doubt["carried_by"], doubt["tokens"]) == ("sub_account_unknown", "both", 2_000_000)
    assert "name the sub account of the other: both count, 2,000,000 tokens, 1 day, " in run_text(report)
    # A line that names no project may be of any: the usage is left to the bill, and the report says how much it is.
    lines = [cost("1.30"), cost("2.40", project_id=None)]
    report = convert(out, usage, page(tmp_path / "costs.json", (5, 6, lines)))
    assert money(out) == {"billed": Decimal("3.7")}
    doubt = report["billing_source"][1]
    assert (doubt["why"], doubt["carried_by"], doubt["tokens"]) == ("sub_account_unknown", "bill", 2_000_000)


def test_a_bill_without_an_account_is_not_the_bill_of_two(tmp_path: Path, out: Path) -> None:
    """It may be of either organization or of a third one: all count, and the report names the doubt."""
    orgs = [used(organization_id="org-1"), used(2_000_000, organization_id="org-2")]
    costs = page(tmp_path / "costs.json", (5, 6, [cost("1.30", project_id=None)]))
    report = convert(out, page(tmp_path / "usage.json", (5, 6, orgs)), costs)
    assert money(out) == {"billed": Decimal("1.3"), "rated": Decimal("3.75")}
    assert [(d["why"], d["tokens"]) for d in report["billing_source"]] == [("account_unknown", 3_000_000)]
    # One organization: the bill is its own.
    convert(out, page(tmp_path / "usage.json", (5, 6, orgs[:1])), costs)
    assert money(out) == {"billed": Decimal("1.3")}


def anthropic(path: Path, name: str, rows: list[dict[str, Any]]) -> Path:
    bucket = {"starting_at": "2026-10-05T00:00:00Z", "ending_at": "2026-10-06T00:00:00Z", "results": rows}
    (path / name).write_text(json.dumps({"data": [bucket], "has_more": False, "next_page": None}))
    return path / name


def test_usage_of_a_tier_that_no_bill_holds_is_not_left_to_the_bill(tmp_path: Path, out: Path) -> None:
    """Priority Tier is paid by a commitment: its 5M tokens stay visible as unpriced, beside the bill of the others."""

    def tokens(tier: str, number: int) -> dict[str, Any]:
        return {
            "uncached_input_tokens": number, "cache_read_input_tokens": 0, "output_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "server_tool_use": {"web_search_requests": 0}, "model": "claude-sonnet-4-5-20250929", "service_tier": tier,
            "context_window": "0-200k", "inference_geo": "global", "workspace_id": "w1", "api_key_id": None,
        }  # fmt: skip

    def line(cents: str, tier: str) -> dict[str, Any]:
        return {
            "amount": cents, "currency": "USD", "cost_type": "tokens", "description": f"Sonnet {tier}",
            "model": "claude-sonnet-4-5", "token_type": "uncached_input_tokens", "service_tier": tier,
            "context_window": "0-200k", "inference_geo": None, "workspace_id": "w1",
        }  # fmt: skip

    usage = anthropic(tmp_path, "usage.json", [tokens("standard", 1_000_000), tokens("priority", 5_000_000)])
    report = convert(out, usage, anthropic(tmp_path, "costs.json", [line("300", "standard")]))
    assert money(out) == {"billed": Decimal(3)}
    assert (report["unpriced"]["tokens"], report["billing_source"][-1]["why"]) == (5_000_000, "tier_not_billed")
    # A bill that names the tier holds it after all.
    lines = [line("300", "standard"), line("2000", "priority")]
    report = convert(out, usage, anthropic(tmp_path, "costs.json", lines))
    assert (money(out), report["unpriced"]["tokens"]) == ({"billed": Decimal(23)}, 0)


def test_cost_exports_of_other_days_and_projects_add_up(tmp_path: Path, out: Path) -> None:
    """A line of ten days in the dashboard's table, 12.00, beside the daily costs of three of them, and of q."""
    table = tmp_path / "dashboard.csv"
    sample = Path(__file__).parents[2] / "fixtures" / "exports" / "openai" / "dashboard-costs"
    header = next(p for p in sorted(sample.rglob("input.csv"))).read_text(encoding="utf-8-sig").splitlines()[0]
    values = {
        "start_time": str(second(5)), "end_time": str(second(15)), "start_time_iso": "2026-10-05T00:00:00+00:00",
        "end_time_iso": "2026-10-15T00:00:00+00:00", "amount_value": "12.00", "amount_currency": "usd", "project_id": "p",
    }  # fmt: skip
    table.write_text(header + "\n" + ",".join(values.get(c.strip(), "") for c in header.split(",")) + "\n")
    for first in (5, 8):
        days = [(d, d + 1, [cost("1.20"), cost("0.50", project_id="q")]) for d in range(first, first + 3)]
        report = convert(out, table, page(tmp_path / "costs.json", *days))
        assert money(out) == {"billed": Decimal("13.5")}  # 12.00 of p, three times 0.50 of q
        assert [(d["carried_by"], d["days"]) for d in report["billing_source"]] == [("openai-dashboard-costs", 3)]


def test_lines_of_two_currencies_are_two_lines(tmp_path: Path, out: Path) -> None:
    """One project, model and day, paid in dollars and in euros: neither contradicts the other."""
    euros = cost("0") | {"amount": {"value": "1.10", "currency": "eur"}}
    convert(out, page(tmp_path / "costs.json", (5, 6, [cost("1.30"), euros])))
    assert {(r["BillingCurrency"], r["BilledCost"]) for r in rows(out)} == {
        ("USD", Decimal("1.3")),
        ("EUR", Decimal("1.1")),
    }


def test_amounts_of_two_currencies_are_not_compared(tmp_path: Path, out: Path) -> None:
    """Two groupings of one bill: 2.00 USD and 3.00 EUR against 5.00 USD are not the same 5.00, and 3.00 EUR against
    7.00 EUR is a doubt of its own."""
    euros = [cost("0") | {"amount": {"value": value, "currency": "eur"}} for value in ("3.00", "7.00")]
    one = page(tmp_path / "a.json", (5, 6, [cost("2.00", project_id=None), {**euros[0], "project_id": None}]))
    report = convert(out, one, page(tmp_path / "b.json", (5, 6, [cost("5.00"), euros[1]])))
    assert {(t["currency"], t["effective_cost"]) for t in report["totals"]} == {("USD", "7"), ("EUR", "10")}
    assert {(d["why"], d["amount"], d["currency"]) for d in report["billing_source"]} == {
        ("amounts_differ", "2", "USD"), ("amounts_differ", "3", "EUR"),
    }  # fmt: skip
    assert "billed 3.00 EUR" in run_text(report)
    report = convert(out, one, page(tmp_path / "b.json", (5, 6, [cost("5.00")])))
    assert {(t["currency"], t["effective_cost"]) for t in report["totals"]} == {("USD", "7"), ("EUR", "3")}


def test_a_line_that_ends_before_it_begins_is_of_its_day(tmp_path: Path, out: Path) -> None:
    """No row may have a negative or empty charge period; the sums of usage without a usable end are of their day too."""
    convert(out, page(tmp_path / "costs.json", (5, 5, [cost("1.30")]), (8, 7, [cost("1.20")])))
    days = {(r["ChargePeriodStart"].day, r["ChargePeriodEnd"].day): r["BilledCost"] for r in rows(out)}
    assert days == {(5, 6): Decimal("1.3"), (8, 9): Decimal("1.2")}


def test_lines_for_something_else_carry_no_tokens(tmp_path: Path, out: Path) -> None:
    """A million tokens (1.25 USD) a day for three days; the bill has them for 1.30 on the 5th, web searches for 0.10
    and storage for 0.40 on the 5th and 6th, and a line without a name for 1.20 on the 7th, which may pay for anything."""
    other = [cost("0.10", line_item="web search tool calls"), cost("0.40", line_item="Vector storage")]
    usage = page(tmp_path / "usage.json", *((d, d + 1, [used()]) for d in (5, 6, 7)))
    days = [(5, 6, [cost("1.30"), *other]), (6, 7, other), (7, 8, [cost("1.20", line_item=None)])]
    costs = page(tmp_path / "costs.json", *days)
    report = convert(out, usage, costs)
    # 1.30 + 0.50 + 0.50 + 1.20 by the bill, and the tokens of the 6th by their price
    assert money(out) == {"billed": Decimal("3.5"), "rated": Decimal("1.25")}
    (doubt,) = [d for d in report["billing_source"] if "why" in d]
    assert (doubt["why"], doubt["from"], doubt["to"], doubt["tokens"]) == (
        "tokens_not_billed", "2026-10-06", "2026-10-06", 1_000_000,
    )  # fmt: skip
    # The other way round: usage of tokens is no usage of storage, and counted searches stand for the searches alone.
    searches = {"object": "organization.usage.web_searches.result", "num_requests": 10, "num_model_requests": 1,
                "project_id": "p", "model": "gpt-5", "context_level": None}  # fmt: skip
    table = page(tmp_path / "searches.json", (5, 6, [searches]))
    convert(out, usage, costs, table, settings=USAGE)
    # 0.40 twice and 0.10 of the 6th stay; the tokens by their price, and ten searches at 10 USD per thousand
    assert len(exceptions(out, "carried_elsewhere")) == 3
    assert money(out) == {"billed": Decimal("0.9"), "rated": Decimal("3.75") + Decimal("0.1")}


def test_an_exact_bill_carries_before_one_that_rounds_every_line(tmp_path: Path, out: Path) -> None:
    """Five lines of 0.9753 cents are 0.01 dollars each in the Console's table: 0.05 there, 0.048765 in the cost report."""
    line = {
        "amount": "4.8765", "currency": "USD", "cost_type": "tokens", "description": "Sonnet", "service_tier": "standard",
        "model": "claude-sonnet-4-5", "token_type": "uncached_input_tokens", "context_window": "0-200k",
        "inference_geo": None, "workspace_id": "w1",
    }  # fmt: skip
    table = tmp_path / "console.csv"
    header = "usage_date_utc,model,workspace,api_key,usage_type,token_type,cost_usd"
    keys = [f"2026-10-05,Claude Sonnet 4.5,chat,key {n},message,input_no_cache,0.01" for n in range(5)]
    table.write_text("\n".join([header, *keys, ""]))
    report = convert(out, table, anthropic(tmp_path, "costs.json", [line]))
    assert money(out) == {"billed": Decimal("0.048765")}
    assert [d["carried_by"] for d in report["billing_source"]] == ["anthropic-cost-report"]
    # 0.01 for a workspace of five is no rounding: the table has the others too.
    report = convert(out, table, anthropic(tmp_path, "costs.json", [{**line, "amount": "1"}]))
    assert money(out) == {"billed": Decimal("0.05")}
    assert [d["carried_by"] for d in report["billing_source"]] == ["anthropic-console-cost"]


def test_searches_counted_with_tokens_that_no_line_bills_count_once(tmp_path: Path, out: Path) -> None:
    """A million tokens (3.00) and ten searches (0.10) in one record; the bill has a line for the searches alone."""
    usage = {
        "uncached_input_tokens": 1_000_000, "cache_read_input_tokens": 0, "output_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "server_tool_use": {"web_search_requests": 10}, "model": "claude-sonnet-4-5", "service_tier": "standard",
        "context_window": "0-200k", "inference_geo": "global", "workspace_id": "w1", "api_key_id": None,
    }  # fmt: skip
    line = {
        "amount": "10", "currency": "USD", "cost_type": "web_search", "description": "Web Search", "model": None,
        "token_type": None, "service_tier": None, "context_window": None, "inference_geo": None, "workspace_id": "w1",
    }  # fmt: skip
    bill = anthropic(tmp_path, "costs.json", [line])
    report = convert(out, anthropic(tmp_path, "usage.json", [usage]), bill)
    assert money(out) == {"rated": Decimal("3.1")}
    assert [(d["why"] if "why" in d else d["carried_by"]) for d in report["billing_source"]] == [
        "usage", "tokens_not_billed",
    ]  # fmt: skip
    # Without searches in the record the line is nobody else's.
    quiet = {**usage, "server_tool_use": {"web_search_requests": 0}}
    convert(out, anthropic(tmp_path, "usage.json", [quiet]), bill)
    assert money(out) == {"rated": Decimal(3), "billed": Decimal("0.1")}
