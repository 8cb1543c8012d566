"""Every cause planted alone, with the exact amount that it explains. Amounts were worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sides import billed, card_price, causes, compare, row

DAY = "2026-11-03"


def test_equal_sides(tmp_path: Path) -> None:
    found = compare(tmp_path, [row(DAY, "input", 2_000_000, price="2.5")], [billed(DAY, "input", 2_000_000, "5.00")])
    assert found["passed"]
    assert found["causes"] == []
    assert found["statuses"]["ok"] == 1
    assert found["totals"][0]["delta"] == "0"


def test_late_data_is_provisional(tmp_path: Path) -> None:
    found = compare(
        tmp_path, [row(DAY, "input", 2_000_000, price="2.5")], [billed(DAY, "input", 500_000, "1.25")],
        as_of=datetime(2026, 11, 5, 12, tzinfo=UTC),
    )  # fmt: skip
    assert causes(found) == {"late_data": "-3.75"}
    assert found["statuses"]["provisional"] == 1
    assert found["passed"]


def test_44_timezone_shift(tmp_path: Path) -> None:
    found = compare(
        tmp_path,
        [row("2026-11-03", "input", 4_000_000, price="2.5"), row("2026-11-04", "input", 3_600_000, price="2.5")],
        [billed("2026-11-03", "input", 3_200_000, "8.00"), billed("2026-11-04", "input", 4_400_000, "11.00")],
    )
    assert causes(found) == {"timezone_shift": "0"}
    assert [c["amount"] for b in found["buckets"] for c in b["causes"]] == ["-2", "2"]
    assert found["totals"][0]["unexplained"] == "0"


def test_a_shift_over_four_days(tmp_path: Path) -> None:
    rated = [row(f"2026-11-0{d}", "input", 4_000_000, price="2.5") for d in (3, 4, 5, 6)]
    amounts = {3: 3_000_000, 4: 3_600_000, 5: 4_200_000, 6: 5_200_000}
    bill = [billed(f"2026-11-0{d}", "input", n, format(n * 25 // 10_000_000, "d")) for d, n in amounts.items()]
    bill[1] = billed("2026-11-04", "input", 3_600_000, "9.00")
    bill[0] = billed("2026-11-03", "input", 3_000_000, "7.50")
    bill[2] = billed("2026-11-05", "input", 4_200_000, "10.50")
    bill[3] = billed("2026-11-06", "input", 5_200_000, "13.00")
    found = compare(tmp_path, rated, bill)
    assert causes(found) == {"timezone_shift": "0"}
    assert {b["unexplained"] for b in found["buckets"]} == {"0"}


def test_unmetered_usage(tmp_path: Path) -> None:
    found = compare(
        tmp_path, [row(DAY, "input", 1_900_000, price="2.5")], [billed(DAY, "input", 2_000_000, "5.00")]
    )  # fmt: skip
    assert causes(found) == {"unmetered_usage": "0.25"}
    assert found["buckets"][0]["volume_variance"] == "0.25"


def test_a_key_that_nobody_metered(tmp_path: Path) -> None:
    found = compare(
        tmp_path, [row(DAY, "input", 2_000_000, price="2.5")],
        [billed(DAY, "input", 2_000_000, "5"), billed(DAY, "input", 400_000, "1", project="proj-unknown")],
    )  # fmt: skip
    assert causes(found) == {"unmetered_usage": "1"}
    assert found["statuses"]["missing_in_rated"] == 1


def test_42_cached_as_fresh_with_meters(tmp_path: Path) -> None:
    # 400 000 tokens: rated at 2.50, billed at 0.25.
    found = compare(
        tmp_path, [row(DAY, "input", 1_900_000, price="2.5")],
        [billed(DAY, "input", 1_500_000, "3.75"), billed(DAY, "cache_read", 400_000, "0.10")],
    )  # fmt: skip
    assert causes(found) == {"cached_as_fresh": "-0.9"}
    assert found["totals"][0]["unexplained"] == "0"


def test_cached_as_fresh_without_billed_quantities(tmp_path: Path) -> None:
    found = compare(
        tmp_path,
        [row(DAY, "input", 1_900_000, price="3", model="claude-sonnet-4-5", channel="anthropic")],
        [billed(DAY, "input", None, "4.50", model="claude-sonnet-4-5", channel="anthropic"),
         billed(DAY, "cache_read", None, "0.12", model="claude-sonnet-4-5", channel="anthropic")],
    )  # fmt: skip
    assert causes(found) == {"cached_as_fresh": "-1.08"}  # 400 000 tokens at 0.30 instead of 3.00


def test_cached_as_fresh_in_a_total_over_meters(tmp_path: Path) -> None:
    # The bill has one amount per model; the rated side knows 400 000 cached tokens and priced them as fresh.
    found = compare(
        tmp_path, [row(DAY, "input", 1_500_000, price="2.5"), row(DAY, "cache_read", 400_000, price="2.5")],
        [billed(DAY, None, None, "3.85")],
    )  # fmt: skip
    assert causes(found) == {"cached_as_fresh": "-0.9"}
    assert any("names no meter" in note for note in found["notes"])


def test_cache_double_count(tmp_path: Path) -> None:
    # 400 000 cache tokens are in the input total as well: 0.4 x 2.50.
    found = compare(
        tmp_path, [row(DAY, "input", 1_900_000, price="2.5"), row(DAY, "cache_read", 400_000, price="0.25")],
        [billed(DAY, "input", 1_500_000, "3.75"), billed(DAY, "cache_read", 400_000, "0.10")],
    )  # fmt: skip
    assert causes(found) == {"cache_double_count": "-1"}


def test_cache_double_count_in_a_total(tmp_path: Path) -> None:
    found = compare(
        tmp_path, [row(DAY, "input", 1_900_000, price="2.5"), row(DAY, "cache_read", 400_000, price="0.25")],
        [billed(DAY, None, None, "3.85")],
    )  # fmt: skip
    assert causes(found) == {"cache_double_count": "-1"}


@pytest.mark.parametrize("quantity", [200_000, None])
def test_cache_lifetime(tmp_path: Path, quantity: int | None) -> None:
    facts = {"model": "claude-sonnet-4-5", "channel": "anthropic"}
    found = compare(
        tmp_path, [row(DAY, "cache_write_5m", 200_000, price="3.75", **facts)],
        [billed(DAY, "cache_write_1h", quantity, "1.20", **facts)],
    )  # fmt: skip
    assert causes(found) == {"cache_ttl": "0.45"}  # 0.2 x (6.00 - 3.75)


def test_cache_lifetime_of_a_bill_with_one_kind_of_writes(tmp_path: Path) -> None:
    facts = {"model": "claude-sonnet-4-5", "channel": "anthropic"}
    found = compare(
        tmp_path, [row(DAY, "cache_write", 200_000, price="3.75", **facts)],
        [billed(DAY, "cache_write", 200_000, "1.20", **facts)],
    )  # fmt: skip
    assert causes(found) == {"cache_ttl": "0.45"}


@pytest.mark.parametrize("tier", ["standard", None])
def test_writes_without_a_lifetime_billed_at_both(tmp_path: Path, tier: str | None) -> None:
    """300,000 tokens at 3.75 (1.125); 200,000 were kept for five minutes and 100,000 for an hour at 6.00 (1.35)."""
    facts = {"model": "claude-sonnet-4-5", "channel": "anthropic"}
    found = compare(
        tmp_path, [row(DAY, "cache_write", 300_000, price="3.75", **facts)],
        [billed(DAY, "cache_write_5m", 200_000, "0.75", tier=tier, **facts),
         billed(DAY, "cache_write_1h", 100_000, "0.60", tier=tier, **facts)],
    )  # fmt: skip
    assert causes(found) == {"cache_ttl": "0.225"}


@pytest.mark.parametrize("tier", ["standard", None])
def test_cached_tokens_that_only_the_bill_tells(tmp_path: Path, tier: str | None) -> None:
    """A log that counts cached tokens as fresh input beside a bill whose lines of the cache name no tier."""
    found = compare(
        tmp_path, [row(DAY, "input", 1_000_000, price="2.5")],
        [billed(DAY, "input", 600_000, "1.50"), billed(DAY, "cache_read", 400_000, "0.10", tier=tier)],
    )  # fmt: skip
    assert causes(found) == {"cached_as_fresh": "-0.9"}


def test_batch_billed_on_its_own_line(tmp_path: Path) -> None:
    found = compare(
        tmp_path, [row(DAY, "input", 2_000_000, price="2.5")],
        [billed(DAY, "input", 1_500_000, "3.75"), billed(DAY, "input", 500_000, "0.625", tier="batch")],
    )  # fmt: skip
    assert causes(found) == {"batch_discount": "-0.625"}


def test_batch_without_a_tier_on_the_bill(tmp_path: Path) -> None:
    assert card_price("gpt-5.4", "input", is_batch=True) == "1.25"
    found = compare(
        tmp_path, [row(DAY, "input", 2_000_000, price="2.5")], [billed(DAY, "input", 2_000_000, "2.50", tier=None)]
    )  # fmt: skip
    assert causes(found) == {"batch_discount": "-2.5"}


def test_service_tier(tmp_path: Path) -> None:
    found = compare(
        tmp_path, [row(DAY, "output", 300_000, price="15")],
        [billed(DAY, "output", 300_000, "9.00", tier="priority")],
    )  # fmt: skip
    assert causes(found) == {"service_tier": "4.5"}


def test_wrong_model(tmp_path: Path) -> None:
    # Rated as gpt-5.4 (2.50 / 15), billed as gpt-5-mini (0.25 / 2).
    found = compare(
        tmp_path, [row(DAY, "input", 2_000_000, price="2.5"), row(DAY, "output", 100_000, price="15")],
        [billed(DAY, "input", 2_000_000, "0.50", model="gpt-5-mini"),
         billed(DAY, "output", 100_000, "0.20", model="gpt-5-mini")],
    )  # fmt: skip
    assert causes(found) == {"wrong_model": "-5.8"}
    assert "rated as gpt-5.4, billed as gpt-5-mini" in found["causes"][0]["notes"]


def test_wrong_model_under_the_same_name(tmp_path: Path) -> None:
    # The bill keeps the name; the amounts are those of gpt-5-mini on both meters.
    found = compare(
        tmp_path, [row(DAY, "input", 2_000_000, price="2.5"), row(DAY, "output", 100_000, price="15")],
        [billed(DAY, "input", 2_000_000, "0.50"), billed(DAY, "output", 100_000, "0.20")],
    )  # fmt: skip
    assert causes(found) == {"wrong_model": "-5.8"}


def test_price_change_boundary(tmp_path: Path) -> None:
    # o3 cost 10 / 40 until 2025-06-09 and 2 / 8 from 2025-06-10.
    assert card_price("o3", "input", day="2025-06-09").startswith("10")
    found = compare(
        tmp_path, [row("2025-06-10", "input", 1_000_000, price="10", model="o3")],
        [billed("2025-06-10", "input", 1_000_000, "2.00", model="o3")],
    )  # fmt: skip
    assert causes(found) == {"price_change_boundary": "-8"}


def test_context_tier(tmp_path: Path) -> None:
    price = card_price("gpt-5.4", "input", context=300_000)
    assert price.startswith("5")
    found = compare(
        tmp_path, [row(DAY, "input", 2_000_000, price="2.5")],
        [billed(DAY, "input", 1_200_000, "3.00"), billed(DAY, "input", 800_000, "4.00", marks="#gt272k")],
    )  # fmt: skip
    assert causes(found) == {"context_tier": "2"}  # 0.8 x (5.00 - 2.50)


def test_geo_uplift(tmp_path: Path) -> None:
    facts = {"model": "claude-opus-4-6", "channel": "anthropic"}
    found = compare(
        tmp_path, [row(DAY, "output", 1_000_000, price="25", **facts)],
        [billed(DAY, "output", 1_000_000, "27.50", **facts)],
    )  # fmt: skip
    assert causes(found) == {"geo_uplift": "2.5"}


def test_credit_lines_and_free_usage(tmp_path: Path) -> None:
    found = compare(
        tmp_path, [row(DAY, "input", 2_000_000, price="2.5"), row(DAY, "output", 100_000, price="15")],
        [billed(DAY, "input", 2_000_000, "5.00"), billed(DAY, "output", 100_000, "0"),
         billed(DAY, None, None, "-3.00", model=None, tier=None, category="Credit", project=None)],
    )  # fmt: skip
    assert causes(found) == {"free_or_credit": "-4.5"}


def test_contract_rate(tmp_path: Path) -> None:
    # 13 % off on every line; no published price is 13 % below another one.
    rated = [row(f"2026-11-0{d}", "input", 1_000_000 * d, price="2.5") for d in (3, 4, 5, 6)]
    bill = [
        billed("2026-11-03", "input", 3_000_000, "6.525"), billed("2026-11-04", "input", 4_000_000, "8.70"),
        billed("2026-11-05", "input", 5_000_000, "10.875"), billed("2026-11-06", "input", 6_000_000, "13.05"),
    ]  # fmt: skip
    found = compare(tmp_path, rated, bill)
    assert causes(found) == {"contract_rate": "-5.85"}
    assert "0.87" in found["causes"][0]["notes"][0]


def test_tax_lines_and_totals_with_tax(tmp_path: Path) -> None:
    tax = billed("2026-11-01", None, None, "0.95", model=None, tier=None, category="Tax", project=None, days=30)
    found = compare(
        tmp_path, [row(DAY, "input", 2_000_000, price="2.5")], [billed(DAY, "input", 2_000_000, "5.00"), tax]
    )  # fmt: skip
    assert causes(found) == {"tax": "0.95"}
    assert found["passed"]
    total = tmp_path / "bill.csv"
    total.write_text("channel,month,amount\nopenai,2026-11,5.95\n", encoding="utf-8")
    found = compare(
        tmp_path, [row(DAY, "input", 2_000_000, price="2.5")], total, settings={"reconcile": {"tax_rates": ["0.19"]}},
        as_of=datetime(2026, 12, 24, tzinfo=UTC),
    )  # fmt: skip
    assert causes(found) == {"tax": "0.95"}


def test_exchange_rate_of_another_day(tmp_path: Path) -> None:
    table = tmp_path / "fx.csv"
    table.write_text(
        "date,base,quote,rate,source\n2026-11-02,USD,EUR,0.90,test\n2026-11-09,USD,EUR,0.92,test\n", encoding="utf-8"
    )
    found = compare(
        tmp_path, [row(DAY, "input", 2_000_000, price="2.25", currency="EUR")],
        [billed(DAY, "input", 2_000_000, "4.60", currency="EUR")],
        settings={"convert": {"billing_currency": "EUR"}, "rates": {"fx": [str(table)]}},
    )  # fmt: skip
    assert causes(found) == {"fx": "0.1"}
    assert found["causes"][0]["notes"] == ["rate of 2026-11-09"]


def test_41_rounding(tmp_path: Path) -> None:
    found = compare(
        tmp_path, [row(DAY, "input", None, "1234.567891001")], [billed(DAY, "input", None, "1234.57")]
    )  # fmt: skip
    assert causes(found) == {"rounding": "0.002108999"}
    assert found["statuses"]["ok"] == 1
    # Strictly nothing is equal but what is equal; the cause stays.
    found = compare(
        tmp_path, [row(DAY, "input", None, "1234.567891001")], [billed(DAY, "input", None, "1234.57")], rule="strict"
    )  # fmt: skip
    assert found["statuses"]["breach"] == 1
    assert not found["passed"]


def test_purchases_have_no_usage_against_them(tmp_path: Path) -> None:
    bought = billed(DAY, None, None, "100", model=None, tier=None, category="Purchase", project=None)
    found = compare(
        tmp_path, [row(DAY, "input", 2_000_000, price="2.5")], [billed(DAY, "input", 2_000_000, "5.00"), bought]
    )  # fmt: skip
    assert causes(found) == {"purchase": "100"}
    assert found["passed"]


def test_what_nothing_explains(tmp_path: Path) -> None:
    found = compare(
        tmp_path, [row(DAY, "input", 2_000_000, price="2.5")], [billed(DAY, "input", 2_000_000, "4.31")]
    )  # fmt: skip
    assert found["causes"] == []
    assert found["totals"][0]["unexplained"] == "-0.69"
    assert found["totals"][0]["unexplained_outside"] == 1
