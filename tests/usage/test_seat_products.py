"""Exports of products sold by the seat (Cursor, GitHub Copilot), given together: their money counts once."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from data_builders import convert

CURSOR_CSV = """\
Date,User,Kind,Model,Max Mode,Input (w/ Cache Write),Input (w/o Cache Write),Cache Read,Output Tokens,Total Tokens,Cost
2026-10-01T14:03:11.412Z,ana@x.example,On-Demand,gpt-5,No,0,1100,5000,250,6350,0.02
2026-10-01T14:04:11.000Z,ben@x.example,Included,gpt-5,No,0,1000,4000,50,5050,0.41
"""
CURSOR_API = {
    "totalUsageEventsCount": 2, "pagination": {"hasNextPage": False}, "usageEvents": [
        {"timestamp": "1790863391412", "userEmail": "ana@x.example", "model": "gpt-5", "kind": "Usage-based",
         "isChargeable": True, "chargedCents": 1.9875},
        {"timestamp": "1790863451000", "userEmail": "ben@x.example", "model": "gpt-5", "kind": "Included in Business",
         "isChargeable": True, "chargedCents": 41.32},
    ],
}  # fmt: skip


def github(gross: int, net: int, **asked: Any) -> dict[str, Any]:
    """The answer about Copilot for one day: AI credits of 0.01 USD, of which the quota pays all but `net`."""
    credits = {"product": "Copilot", "sku": "Copilot AI Credits", "model": "GPT-5", "unitType": "ai-credits",
               "pricePerUnit": 0.01, "grossQuantity": gross * 100, "grossAmount": gross, "netAmount": net,
               "discountQuantity": (gross - net) * 100, "discountAmount": gross - net,
               "netQuantity": net * 100}  # fmt: skip
    return {"timePeriod": {"year": 2026, "month": 10, "day": 1}, "enterprise": "lyra", **asked, "usageItems": [credits]}


def cost_center(number: int) -> dict[str, Any]:
    return {"costCenter": {"id": str(number), "name": f"CC{number}"}}


@pytest.fixture
def together(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def run(*documents: dict[str, Any] | str) -> dict[str, Any]:
        folder = tmp_path / f"in{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        for number, document in enumerate(documents):
            text, suffix = (document, "csv") if isinstance(document, str) else (json.dumps(document), "json")
            (folder / f"{number}.{suffix}").write_text(text, encoding="utf-8")
        return convert(tmp_path / f"out{folder.name}", folder)

    return run


def amounts(report: dict[str, Any]) -> tuple[str, str]:
    (total,) = report["totals"]
    return total["list_cost"], total["billed_cost"]


def test_answers_for_all_users_for_each_and_for_cost_centers_count_once(
    together: Callable[..., dict[str, Any]],
) -> None:
    whole, ana, ben = github(16, 4), github(8, 2, user="ana"), github(8, 2, user="ben")
    centers = [github(8, 2, **cost_center(n)) for n in (1, 2)]
    for documents in permutations([whole, ana, ben]):
        assert amounts(together(*documents)) == ("16", "4")
    assert amounts(together(*centers)) == ("16", "4")
    assert amounts(together(whole, *centers)) == ("16", "4")
    report = together(whole, ana)
    assert amounts(report) == ("24", "6")
    assert [(d["carried_by"], d["why"]) for d in report["billing_source"]] == [("both", "amounts_differ")]


@pytest.mark.parametrize("net", [0, 2])
def test_an_answer_for_one_user_does_not_stand_for_all_where_the_quota_pays(
    net: int, together: Callable[..., dict[str, Any]]
) -> None:
    """Ana pays all that is beyond the quota: 7 of the 12 before it are hers."""
    for documents in permutations([github(12, net), github(7, net, user="ana")]):
        assert amounts(together(*documents)) == ("12", str(net))


def test_of_two_exports_without_anything_to_pay_the_one_that_tells_more_counts(
    together: Callable[..., dict[str, Any]],
) -> None:
    table = (
        "date,username,product,sku,model,quantity,unit_type,applied_cost_per_quantity,gross_amount,discount_amount,"
        "net_amount,organization\n2026-10-01,ana,copilot,copilot_ai_credit,GPT-5,700,ai-credits,0.01,7,7,0,lyra\n"
    )
    assert amounts(together(github(12, 0), table)) == ("12", "0")


def test_of_two_exports_of_cursor_the_one_with_exact_amounts_counts(together: Callable[..., dict[str, Any]]) -> None:
    report = together(CURSOR_CSV, CURSOR_API)
    assert [c["carried_by"] for c in report["billing_source"]] == ["cursor-filtered-usage-events"]
    assert amounts(report)[1] == "0.019875"


def spend(*lines: tuple[str, str, str, str]) -> str:
    """The spend report of Claude Team: user, dollars, first day and the day after the last one, in October 2026."""
    header = (
        "user_email,account_uuid,product,model,total_requests,total_prompt_tokens,total_completion_tokens,"
        "total_net_spend_usd,total_gross_spend_usd,period_start,period_end\n"
    )
    return header + "".join(
        f"{user}@x.example,{user},chat,claude-sonnet-4-5,10,1000,100,{paid},{paid},2026-{start},2026-{end}\n"
        for user, paid, start, end in lines
    )


def test_spend_reports_of_ranges_inside_a_range_count_once(together: Callable[..., dict[str, Any]]) -> None:
    month = spend(("ana", "10.00", "10-01", "11-01"), ("ben", "5.00", "10-01", "11-01"))
    halves = [spend(("ana", "4.00", "10-01", "10-16")), spend(("ana", "6.00", "10-16", "11-01"))]
    middle = spend(("ben", "3.00", "10-10", "10-25"))
    assert amounts(together(month, *halves, middle))[1] == "15"
    report = together(*halves)
    assert (amounts(report)[1], report["billing_source"]) == ("10", [])


def test_spend_reports_of_ranges_that_overlap_are_named(together: Callable[..., dict[str, Any]]) -> None:
    """Both are of fifteen days and have six of them in common: nobody knows how much of the money."""
    report = together(spend(("ana", "4.00", "10-01", "10-16")), spend(("ana", "3.00", "10-10", "10-25")))
    assert amounts(report)[1] == "7"
    assert [(d["carried_by"], d["why"]) for d in report["billing_source"]] == [("both", "amounts_differ")]
