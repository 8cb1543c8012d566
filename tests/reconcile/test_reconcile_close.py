"""Closed periods: the rows add up to the bill exactly, whatever the method; late data and invoiced months."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sides import check

from focus_ai import api
from focus_ai.errors import UsageError
from focus_ai.money import dec
from focus_ai.settings import Settings

DAY = "2026-11-03"
LATER = datetime(2026, 12, 24, tzinfo=UTC)


def events(path: Path, calls: list[tuple[str, str, int]], day: str = DAY) -> Path:
    """A log of gpt-5 calls (1.25 per million input tokens): day, team and input tokens of each."""
    lines = [
        {"event_id": f"e{n}", "timestamp": f"{on}T10:00:00Z", "provider": "openai", "model": "gpt-5",
         "input_tokens": tokens, "output_tokens": 0, "status": "success", **({"team": team} if team else {})}
        for n, (on, team, tokens) in enumerate(calls)
    ]  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def bill(path: Path, lines: list[str], header: str = "channel,day,model,meter,quantity,amount") -> Path:
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def close(tmp_path: Path, log: Path, paper: Path, method: str = "split", **options: Any) -> dict[str, Any]:
    report = api.reconcile(
        [str(log)], [str(paper)], close=method, close_out=tmp_path / "closed", as_of=options.pop("as_of", LATER),
        listed=0, **options,
    )  # fmt: skip
    check(report)
    assert all(t["equal"] for t in report["closed"]["totals"])
    return report


def rows(tmp_path: Path, pattern: str = "*.parquet") -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    files = sorted((tmp_path / "closed" / "data").rglob(pattern))
    return [r for p in files for r in pq.read_table(p, partitioning=None).to_pylist()]


def cost(found: list[dict[str, Any]], column: str = "EffectiveCost") -> D:
    return sum((r[column] for r in found), D(0))


def test_52_traffic_that_nobody_metered(tmp_path: Path) -> None:
    log = events(tmp_path / "log.jsonl", [(DAY, "Search", 1_200_000), (DAY, "Support", 700_000)])
    paper = bill(tmp_path / "bill.csv", [f"openai,{DAY},gpt-5,input,2000000,5.00"])
    report = close(tmp_path, log, paper)
    found = {r["x_Team"]: r for r in rows(tmp_path)}
    assert {team: r["EffectiveCost"] for team, r in found.items()} == {
        "Search": D(3),
        "Support": D("1.75"),
        None: D("0.25"),
    }
    assert {team: r["ConsumedQuantity"] for team, r in found.items()} == {
        "Search": 1_200_000,
        "Support": 700_000,
        None: 100_000,
    }
    assert found[None]["x_UnattributedReason"] == "unmetered_usage"
    assert found[None]["AllocatedResourceId"] is None
    assert {r["AllocatedMethodId"] for r in found.values()} == {"billed-split@1"}
    assert found["Search"]["AllocatedTags"] == '{"team":"Search"}'
    assert report["closed"]["totals"] == [
        {"currency": "USD", "rows": 3, "effective_cost": "5", "bill": "5", "equal": True}
    ]  # fmt: skip


def test_53_more_metered_than_billed(tmp_path: Path) -> None:
    log = events(tmp_path / "log.jsonl", [(DAY, "a", 1_500_000), (DAY, "b", 1_000_000)])
    report = close(tmp_path, log, bill(tmp_path / "bill.csv", [f"openai,{DAY},gpt-5,input,2000000,5.00"]))
    assert {r["x_Team"]: (r["ConsumedQuantity"], r["EffectiveCost"]) for r in rows(tmp_path)} == {
        "a": (1_200_000, D(3)), "b": (800_000, D(2)),
    }  # fmt: skip
    assert "over_count" in report["closed"]["notes"][0]


def test_a_bill_without_quantities_follows_the_cost(tmp_path: Path) -> None:
    log = events(tmp_path / "log.jsonl", [(DAY, "a", 3_000_000), (DAY, "", 1_000_000)])
    close(tmp_path, log, bill(tmp_path / "bill.csv", [f"openai,{DAY},gpt-5,4.01"], "channel,day,model,amount"))
    found = {r["x_Team"]: r for r in rows(tmp_path)}
    assert (found["a"]["EffectiveCost"], found[None]["EffectiveCost"]) == (D("3.0075"), D("1.0025"))
    assert found[None]["x_UnattributedReason"] == "no_owner"


def test_other_lines_of_the_bill_stay_whole(tmp_path: Path) -> None:
    log = events(tmp_path / "log.jsonl", [(DAY, "a", 2_000_000)])
    paper = bill(tmp_path / "bill.csv", [
        f"openai,{DAY},gpt-5,input,2000000,2.50,Usage", f"openai,{DAY},,,,-1.00,Credit", f"openai,{DAY},,,,0.285,Tax",
    ], "channel,day,model,meter,quantity,amount,category")  # fmt: skip
    for method in ("split", "adjust"):
        close(tmp_path, log, paper, method)
        found = rows(tmp_path)
        assert sorted(r["ChargeCategory"] for r in found) == ["Credit", "Tax", "Usage"]
        assert cost(found) == cost(found, "BilledCost") == D("1.785")


def test_a_cloud_export_with_columns_of_its_own(tmp_path: Path) -> None:
    """A million tokens for 1.00 USD, metered as 750,000 of a and 250,000 of b. Columns of the cloud stay on its rows."""
    at = {"BillingPeriodStart": "2026-11-01", "BillingPeriodEnd": "2026-12-01", "ChargePeriodStart": DAY,
          "ChargePeriodEnd": "2026-11-04"}  # fmt: skip
    cells = {
        **{name: f"{day}T00:00:00Z" for name, day in at.items()}, "BilledCost": "1.00", "EffectiveCost": "1.00",
        "ListCost": "1.00", "ContractedCost": "1.00", "BillingAccountId": "700000000070", "BillingCurrency": "USD",
        "ChargeCategory": "Usage", "ProviderName": "AWS", "ServiceName": "Amazon Bedrock", "ConsumedQuantity": "1000",
        "ServiceCategory": "AI and Machine Learning", "ConsumedUnit": "1K tokens", "PricingQuantity": "1000",
        "PricingUnit": "1K tokens", "SkuId": "S1", "SkuPriceId": "S1.T1", "SkuMeter": "EUW1-Claude4.5Haiku-input-tokens",
        "x_ServiceCode": "AmazonBedrock", "x_UsageType": "EUW1-Claude4.5Haiku-input-tokens",
    }  # fmt: skip
    paper = bill(tmp_path / "aws.csv", [",".join(cells.values())], ",".join(cells))
    log = events(tmp_path / "log.jsonl", [(DAY, "a", 750_000), (DAY, "b", 250_000)])
    text = log.read_text(encoding="utf-8").replace('"openai"', '"aws"')
    log.write_text(text.replace('"gpt-5"', '"anthropic.claude-haiku-4-5-20251001"'), encoding="utf-8")
    for method, used in (("split", "EUW1-Claude4.5Haiku-input-tokens"), ("scale", None)):
        close(tmp_path, log, paper, method)
        assert {r["x_Team"]: (r["EffectiveCost"], r["x_UsageType"]) for r in rows(tmp_path)} == {
            "a": (D("0.75"), used), "b": (D("0.25"), used),
        }  # fmt: skip
        assert {f"x_{n}" for n in ("ServiceCode", "UsageType")} < set(rows(tmp_path)[0])


@pytest.mark.parametrize("method", ["split", "adjust", "scale"])
def test_the_order_of_inputs_changes_nothing(tmp_path: Path, method: str) -> None:
    """Two bills of the same line: two charges, with ids of their own, and the same bytes whichever is named first."""
    logs = [events(tmp_path / f"{team}.jsonl", [(DAY, team, 1_000_000)]) for team in "ab"]
    logs[1].write_text(logs[1].read_text(encoding="utf-8").replace('"e0"', '"f0"'), encoding="utf-8")
    header = "channel,day,model,amount"
    papers = [bill(tmp_path / "one.csv", [f"openai,{DAY},gpt-5,1.25"], header),
              bill(tmp_path / "two.csv", [f"openai,{DAY},gpt-5,1.25", f"openai,{DAY},o3,0.10"], header)]  # fmt: skip
    rated = [tmp_path / name for name in "ab"]
    for log, out in zip(logs, rated, strict=True):
        api.convert([str(log)], out)
    written = []
    for step in (1, -1):
        found = api.reconcile(
            [str(p) for p in rated[::step]], [str(p) for p in papers[::step]], close=method,
            close_out=tmp_path / "closed", as_of=LATER, listed=0,
        )  # fmt: skip
        assert [(t["bill"], t["equal"]) for t in found["closed"]["totals"]] == [("2.6", True)]
        assert len({r["x_ChargeId"] for r in rows(tmp_path)}) == len(rows(tmp_path))
        written.append([p.read_bytes() for p in sorted((tmp_path / "closed" / "data").rglob("*.parquet"))])
    assert written[0] == written[1]


def test_adjustment_rows(tmp_path: Path) -> None:
    log = events(tmp_path / "log.jsonl", [(DAY, "a", 1_900_000), ("2026-11-04", "a", 1_000_000)])
    paper = bill(
        tmp_path / "bill.csv", [f"openai,{DAY},gpt-5,input,2000000,2.50", "openai,2026-11-04,gpt-5,input,1000000,1.25"]
    )
    close(tmp_path, log, paper, "adjust")
    found = rows(tmp_path)
    assert [(r["ChargeCategory"], r["EffectiveCost"], r["x_CostBasis"]) for r in found] == [
        ("Usage", D("2.375"), "adjusted"), ("Usage", D("1.25"), "adjusted"), ("Adjustment", D("0.125"), "adjusted"),
    ]  # fmt: skip
    extra = found[-1]
    assert extra["ListCost"] == extra["ContractedCost"] == extra["BilledCost"] == extra["EffectiveCost"]
    assert (extra["PricingQuantity"], extra["SkuId"], extra["ChargeClass"]) == (None, None, None)
    assert extra["ChargeDescription"] == "Difference between rated usage and bill: unmetered_usage"
    assert (extra["x_OwnerStatus"], extra["x_UnattributedReason"]) == ("unattributed", "bill_difference")


def test_rated_usage_without_a_bill(tmp_path: Path) -> None:
    log = events(tmp_path / "log.jsonl", [(DAY, "a", 2_000_000), ("2026-11-05", "b", 2_000_000)])
    paper = bill(tmp_path / "bill.csv", [f"openai,{DAY},gpt-5,input,2000000,2.50"])
    report = close(tmp_path, log, paper)
    assert {r["x_Team"] for r in rows(tmp_path)} == {"a"}
    assert any("outside with 2.5 USD stand alone" in note for note in report["notes"])
    close(tmp_path, log, paper, "adjust")
    assert sorted(r["EffectiveCost"] for r in rows(tmp_path)) == [D("-2.5"), D("2.5"), D("2.5")]
    close(tmp_path, log, paper, "adjust", period=DAY)
    assert [r["EffectiveCost"] for r in rows(tmp_path)] == [D("2.5")]


def test_late_data_replaces_an_open_period(tmp_path: Path) -> None:
    log = events(tmp_path / "log.jsonl", [(DAY, "a", 2_000_000)])
    close(tmp_path, log, bill(tmp_path / "bill.csv", [f"openai,{DAY},gpt-5,input,2000000,2.50"]))
    first = {p.name: p.read_bytes() for p in (tmp_path / "closed" / "data").rglob("*.parquet")}
    close(tmp_path, log, bill(tmp_path / "bill.csv", [f"openai,{DAY},gpt-5,input,2000000,2.50"]))
    assert {p.name: p.read_bytes() for p in (tmp_path / "closed" / "data").rglob("*.parquet")} == first
    late = events(tmp_path / "log.jsonl", [(DAY, "a", 2_000_000), (DAY, "b", 2_000_000)])
    close(tmp_path, late, bill(tmp_path / "bill.csv", [f"openai,{DAY},gpt-5,input,4000000,5.00"]))
    assert {r["x_Team"]: r["EffectiveCost"] for r in rows(tmp_path)} == {"a": D("2.5"), "b": D("2.5")}
    assert {r["ChargeClass"] for r in rows(tmp_path)} == {None}


def test_41a_an_invoiced_period_gets_corrections(tmp_path: Path) -> None:
    # One million tokens were billed at 3.00; the right price is 2.50.
    log = events(tmp_path / "log.jsonl", [(DAY, "a", 1_000_000)])
    close(tmp_path, log, bill(tmp_path / "bill.csv", [f"openai,{DAY},gpt-5,input,1000000,3.00"]))
    before = rows(tmp_path)
    paper = bill(tmp_path / "bill.csv", [f"openai,{DAY},gpt-5,input,1000000,2.50"])
    report = close(tmp_path, log, paper, invoiced=["2026-11"])
    assert report["closed"]["corrections"] == [{"month": "2026-11", "rows": 2}]
    corrections = rows(tmp_path, "corrections-*.parquet")
    assert sorted((r["PricingQuantity"], r["ListUnitPrice"], r["EffectiveCost"]) for r in corrections) == [
        (D(-1), D(3), D(-3)), (D(1), D("2.5"), D("2.5")),
    ]  # fmt: skip
    for r in corrections:
        assert r["ChargeClass"] == "Correction"
        assert r["ChargePeriodStart"].strftime("%Y-%m-%d") == DAY
        assert r["BillingPeriodStart"].strftime("%Y-%m") == "2026-12"
        assert (r["InvoiceId"], r["x_Team"]) == (None, "a")
    assert cost(corrections) == D("-0.5")
    assert [r for r in rows(tmp_path) if r["ChargeClass"] is None] == before
    # The same once more changes nothing: what was corrected is taken into account.
    again = close(tmp_path, log, paper, invoiced=["2026-11"])
    assert again["closed"]["corrections"] == [{"month": "2026-11", "rows": 0}]
    assert cost(rows(tmp_path)) == D("2.5")
    # A second change comes on top of the first correction.
    paper = bill(tmp_path / "bill.csv", [f"openai,{DAY},gpt-5,input,1000000,2.00"])
    close(tmp_path, log, paper, invoiced=["2026-11"])
    assert cost(rows(tmp_path)) == D(2)


def test_more_usage_in_an_invoiced_period_is_one_row_with_the_difference(tmp_path: Path) -> None:
    log = events(tmp_path / "log.jsonl", [(DAY, "a", 1_000_000)])
    close(tmp_path, log, bill(tmp_path / "bill.csv", [f"openai,{DAY},gpt-5,input,1000000,1.25"]))
    late = events(tmp_path / "log.jsonl", [(DAY, "a", 3_000_000)])
    close(tmp_path, late, bill(tmp_path / "bill.csv", [f"openai,{DAY},gpt-5,input,3000000,3.75"]), invoiced=["2026-11"])
    corrections = rows(tmp_path, "corrections-*.parquet")
    assert [(r["PricingQuantity"], r["EffectiveCost"], r["BilledCost"]) for r in corrections] == [
        (D(2), D("2.5"), D("2.5"))
    ]


def test_closed_rows_of_each_version(tmp_path: Path) -> None:
    log = events(tmp_path / "log.jsonl", [(DAY, "a", 2_000_000)])
    paper = bill(tmp_path / "bill.csv", [f"openai,{DAY},gpt-5,input,2000000,2.50"])
    for focus, column in (("1.2", "x_AllocatedMethodId"), ("1.3", "AllocatedMethodId"), ("1.4", "AllocatedMethodId")):
        out = tmp_path / focus
        close(out, log, paper, settings=Settings.from_dict({"convert": {"focus": focus}}))
        assert [r[column] for r in rows(out)] == ["billed-split@1"]
        run = json.loads((out / "closed" / "run.json").read_text(encoding="utf-8"))
        assert run["focus"] == focus
    with pytest.raises(UsageError, match="other columns"):
        close(tmp_path / "1.2", log, paper)


def test_a_correction_needs_a_later_period(tmp_path: Path) -> None:
    log = events(tmp_path / "log.jsonl", [(DAY, "a", 1_000_000)])
    paper = bill(tmp_path / "bill.csv", [f"openai,{DAY},gpt-5,input,1000000,1.25"])
    with pytest.raises(UsageError, match="later billing period"):
        close(tmp_path, log, paper, invoiced=["2026-11"], as_of=datetime(2026, 11, 30, tzinfo=UTC))
    assert not (tmp_path / "closed").exists()


CALLS = st.lists(
    st.tuples(st.sampled_from([DAY, "2026-11-04"]), st.sampled_from(["a", "b", "c", ""]), st.integers(1, 10**7)),
    min_size=1, max_size=8,
)  # fmt: skip
LINES = st.lists(
    st.tuples(st.sampled_from([DAY, "2026-11-04", "2026-11-05"]), st.integers(0, 10**7), st.integers(0, 10**8)),
    min_size=1, max_size=4, unique_by=lambda line: line[0],
)  # fmt: skip


@settings(max_examples=8)
@given(CALLS, LINES, st.sampled_from(["split", "adjust"]))
def test_any_period_closes_exactly(
    tmp_path_factory: pytest.TempPathFactory,
    calls: list[tuple[str, str, int]],
    lines: list[tuple[str, int, int]],
    method: str,
) -> None:
    tmp_path = tmp_path_factory.mktemp("close")
    log = events(tmp_path / "log.jsonl", calls)
    written = [f"openai,{day},gpt-5,input,{tokens or ''},{D(amount).scaleb(-6):f}" for day, tokens, amount in lines]
    report = close(tmp_path, log, bill(tmp_path / "bill.csv", written), method)
    found = rows(tmp_path)
    assert (
        cost(found) == sum((D(amount).scaleb(-6) for *_, amount in lines), D(0)) == dec(report["totals"][0]["billed"])
    )
    if method == "split":
        assert all(r["EffectiveCost"] >= 0 and (r["PricingQuantity"] or 0) >= 0 for r in found)
