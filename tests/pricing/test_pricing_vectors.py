"""Worked amounts: plain bills, cache, tiers, batch and tools, history and contracts.

Prices are inputs; amounts were worked out by hand or taken from real bills. A comment "not" names the amount which a
common mistake gives.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal as D

import pytest
from pricing_builders import NOON, card, rated, rows, stamp, total

from focus_ai.money import dec
from focus_ai.pricing import Window
from focus_ai.pricing.contract import Contract
from focus_ai.pricing.fx import FxRate, FxTable

M = 1_000_000


def plain(model: str, **prices: str) -> object:
    return card(rows(model, prices))


@pytest.mark.parametrize(
    ("prices", "tokens", "amount"),
    [
        pytest.param(("2.50", "15"), (1_200_000, 300_000), "7.50", id="1 search"),
        pytest.param(("2.50", "15"), (900_000, 300_000), "6.75", id="2 support"),
        pytest.param(("0.75", "4.50"), (10 * M, 2 * M), "16.50", id="3 gpt-5.4-mini"),
        pytest.param(("3", "15"), (10 * M, 2 * M), "60.00", id="3 sonnet 4"),
        pytest.param(("0.50", "3"), (10 * M, 2 * M), "11.00", id="3 gemini 3 flash preview"),
        pytest.param(("0.25", "2"), (80_992, 274_770), "0.569788", id="4 bill of 2025-10-07"),
        pytest.param(("0.25", "2"), (124_784, 154_852), "0.3409", id="5 bill of 2025-10-10"),
        pytest.param(("0.25", "2"), (22_688, 33_191), "0.072054", id="6 bill of 2025-10-11"),
    ],
)
def test_plain_bills(prices: tuple[str, str], tokens: tuple[int, int], amount: str) -> None:
    own = card(rows("m", {"input": prices[0], "output": prices[1]}))
    assert total(own, "m", {"input": tokens[0], "output": tokens[1]}) == D(amount)


def costs(own: object, model: str, quantities: dict[str, int | D], **more: object) -> dict[str, D]:
    result = rated(own, model, quantities, **more)  # type: ignore[arg-type]
    assert not result.unpriced
    return {str(charge.meter): charge.effective_cost for charge in result.charges}


def test_07_cached_part_of_a_prompt() -> None:
    own = card(rows("gpt-4o", {"input": "2.50", "cache_read": "1.25", "output": "10"}))
    found = costs(own, "gpt-4o", {"input": 59_200 - 5_760, "cache_read": 5_760, "output": 10_646})
    assert found == {"input": D("0.1336"), "cache_read": D("0.0072"), "output": D("0.10646")}
    assert sum(found.values()) == D("0.24726")


def test_08_cache_writes_are_not_input() -> None:
    prices = {"input": "3", "cache_write_5m": "3.75", "cache_read": "0.30", "output": "15"}
    amount = total(card(rows("m", prices)), "m", {"input": 3, "cache_write_5m": 12_304, "output": 550})
    assert amount == D("0.054399")  # not 0.091311


def test_09_two_cache_lifetimes() -> None:
    own = card(rows("m", {"input": "3", "cache_write_5m": "3.75", "cache_write_1h": "6", "output": "15"}))
    found = costs(own, "m", {"input": 504, "cache_write_5m": 123, "cache_write_1h": 77, "output": 97})
    assert list(found.values()) == [D("0.001512"), D("0.00046125"), D("0.000462"), D("0.001455")]
    assert sum(found.values()) == D("0.00389025")


def test_10_one_hour_writes_have_their_own_price() -> None:
    own = card(rows("m", {"input": "10", "cache_write_5m": "12.50", "cache_write_1h": "20"}))
    assert total(own, "m", {"cache_write_1h": 37_175}) == D("0.7435")  # not 0.4646875


def test_11_reads_and_writes_inside_the_input() -> None:
    own = card(rows("m", {"input": "4", "cache_write": "5", "cache_read": "0.40", "output": "20"}))
    found = costs(own, "m", {"input": 3_586, "cache_write": 3_207, "cache_read": 3_207, "output": 500})
    assert list(found.values()) == [D("0.014344"), D("0.016035"), D("0.0012828"), D("0.01")]
    assert sum(found.values()) == D("0.0416618")


def test_12_realtime_by_modality() -> None:
    prices = {
        "input": "0.60", "cache_read": "0.30", "input_audio": "10", "cache_read_audio": "0.30", "output": "2.40",
        "output_audio": "20",
    }  # fmt: skip
    counts = {
        "input": 2, "cache_read": 5_376, "input_audio": 29, "cache_read_audio": 2_816, "output": 250,
        "output_audio": 1_019,
    }  # fmt: skip
    found = costs(card(rows("m", prices)), "m", dict(counts))
    expected = ["0.0000012", "0.0016128", "0.00029", "0.0008448", "0.0006", "0.02038"]
    assert list(found.values()) == [D(e) for e in expected]
    assert sum(found.values()) == D("0.0237288")


def test_13_cache_write_and_read_as_own_rows() -> None:
    own = card(rows("m", {"input": "3", "cache_write": "3.75", "cache_read": "0.30", "output": "15"}))
    counts = {"input": 500_000, "cache_write": 2 * M, "cache_read": 8 * M, "output": 1_500_000}
    found = costs(own, "m", dict(counts))
    assert list(found.values()) == [D("1.50"), D("7.50"), D("2.40"), D("22.50")]
    assert sum(found.values()) == D("33.90")


def test_14_cache_storage_in_token_hours() -> None:
    own = card(rows("m", {"input": "3", "cache_read": "0.30", "cache_storage": "1.00", "output": "15"}))
    counts = {"input": 2_500_000, "cache_read": 8 * M, "cache_storage": 2 * M * 3, "output": 1_500_000}
    found = costs(own, "m", dict(counts))
    assert list(found.values()) == [D("7.50"), D("2.40"), D("6.00"), D("22.50")]
    assert sum(found.values()) == D("38.40")


GEMINI = card(
    rows("g", {"input": "1.25", "cache_read": "0.125", "output": "10"}),
    rows("g", {"input": "2.50", "cache_read": "0.25", "output": "15"}, context_gt=200_000),
)


def test_15_at_the_context_bound() -> None:
    assert total(GEMINI, "g", {"input": 200_000, "output": 1_000}, context=None) == D("0.26")


def test_16_above_the_context_bound_everything_is_dearer() -> None:
    assert total(GEMINI, "g", {"input": 200_001, "output": 1_000}, context=None) == D("0.5150025")


def test_17_cached_tokens_count_for_the_context() -> None:
    amount = total(GEMINI, "g", {"input": 5_005, "cache_read": 257_955, "output": 1_744}, context=None)
    assert amount == D("0.10316125")  # not 0.055940625


def test_18_an_inclusive_bound() -> None:
    own = card(
        rows("grok", {"input": "2", "output": "6"}),
        rows("grok", {"input": "4", "output": "12"}, context_gt=199_999),
    )
    assert total(own, "grok", {"input": 199_999, "output": 1_000}, context=None) == D("0.405998")
    assert total(own, "grok", {"input": 200_000, "output": 1_000}, context=None) == D("0.812")


def test_19_every_input_kind_counts_for_the_context() -> None:
    meters = ("input", "cache_write", "cache_read", "output")
    own = card(
        rows("h", dict(zip(meters, ("0.10", "0.125", "0.01", "0.50"), strict=True))),
        rows("h", dict(zip(meters, ("0.50", "0.625", "0.05", "2.50"), strict=True)), context_gt=100_000),
    )
    counts = {"input": 40_000, "cache_write": 30_000, "cache_read": 40_000, "output": 2_000}
    found = costs(own, "h", dict(counts), context=None)
    assert list(found.values()) == [D("0.02"), D("0.01875"), D("0.002"), D("0.005")]
    assert sum(found.values()) == D("0.04575")  # not 0.00915


def test_20_thoughts_are_output() -> None:
    own = card(rows("g3", {"input": "0.50", "cache_read": "0.05", "output": "3"}))
    found = costs(own, "g3", {"input": 20_212 - 16_298, "cache_read": 16_298, "output": 331 + 600})
    assert list(found.values()) == [D("0.001957"), D("0.0008149"), D("0.002793")]
    assert sum(found.values()) == D("0.0055649")  # not 0.0037649


@pytest.mark.parametrize(("output", "amount"), [(1_000, "0.008"), (200, "0.0032")], ids=["21 outside", "22 inside"])
def test_reasoning_beside_or_inside_the_completion(output: int, amount: str) -> None:
    own = card(rows("grok", {"input": "2", "output": "6"}))
    assert total(own, "grok", {"input": 1_000, "output": output}) == D(amount)


def test_23_batch() -> None:
    own = card(
        rows("s", {"input": "3", "cache_read": "0.30", "output": "15"}),
        rows("s", {"input": "1.50", "cache_read": "0.15", "output": "7.50"}, when={"processing": "batch"}),
    )
    counts = {"input": M, "cache_read": 400_000, "output": 200_000}
    assert total(own, "s", counts, is_batch=True) == D("3.06")
    assert total(own, "s", counts, is_batch=False) == D("6.12")
    assert total(own, "s", counts, service_tier="batch") == D("3.06")


def test_24_a_published_price_beats_half_of_another() -> None:
    own = card(
        rows("f", {"input": "2.50", "cache_read": "0.25", "output": "15"}),
        rows("f", {"input": "1.25", "cache_read": "0.13", "output": "7.50"}, when={"service_tier": "flex"}),
    )
    amount = total(own, "f", {"input": 700_000, "cache_read": 300_000, "output": 50_000}, service_tier="flex")
    assert amount == D("1.289")  # not 1.2875


def test_25_batch_without_a_batch_price_has_no_price() -> None:
    result = rated(card(rows("b", {"input": "2.50"})), "b", {"input": 1_000}, is_batch=True)
    assert result.charges == ()
    assert [(meter, why.reason) for meter, _, why in result.unpriced] == [("input", "no_rate")]


def test_26_geography() -> None:
    meters = ("input", "cache_write_5m", "cache_read", "output")
    own = card(
        rows("o", dict(zip(meters, ("5", "6.25", "0.50", "25"), strict=True))),
        rows("o", dict(zip(meters, ("5.50", "6.875", "0.55", "27.50"), strict=True)), when={"geo": "us"}),
    )
    counts = {"input": 100_000, "cache_write_5m": 20_000, "cache_read": 300_000, "output": 10_000}
    found = costs(own, "o", dict(counts), inference_geo="us")
    assert list(found.values()) == [D("0.55"), D("0.1375"), D("0.165"), D("0.275")]
    assert sum(found.values()) == D("1.1275")


def test_27_web_searches() -> None:
    (charge,) = rated(card(rows("w", {"web_search": "10"})), "w", {"web_search": 3}).charges
    assert (charge.pricing_quantity, charge.effective_cost) == (D("0.003"), D("0.03"))
    assert charge.price.pricing_unit == "1000 Requests"


def test_28_price_cut() -> None:
    own = card(
        rows("o3", {"input": "10", "output": "40"}, until="2025-06-10"),
        rows("o3", {"input": "2", "output": "8"}, since="2025-06-10"),
    )
    counts = {"input": 1_000, "output": 700}
    assert total(own, "o3", counts, at=stamp("2025-06-09T23:59:59")) == D("0.038")
    assert total(own, "o3", counts, at=stamp("2025-06-10T00:00:00")) == D("0.0076")


def test_29_price_cut_of_a_small_model() -> None:
    own = card(
        rows("luna", {"input": "1", "output": "6"}, until="2026-07-30"),
        rows("luna", {"input": "0.20", "output": "1.20"}, since="2026-07-30"),
    )
    counts = {"input": M, "output": 100_000}
    assert total(own, "luna", counts, at=stamp("2026-07-29T12:00:00")) == D("1.60")
    assert total(own, "luna", counts, at=stamp("2026-07-30T12:00:00")) == D("0.32")


def test_30_a_context_tier_that_ended() -> None:
    own = card(
        rows("o46", {"input": "5", "output": "25"}),
        rows("o46", {"input": "10", "output": "37.50"}, context_gt=200_000, until="2026-03-13"),
    )
    counts = {"input": 300_000, "output": 1_000}
    assert total(own, "o46", counts, at=stamp("2026-03-12T12:00:00"), context=None) == D("3.0375")
    assert total(own, "o46", counts, at=stamp("2026-03-13T12:00:00"), context=None) == D("1.525")


@pytest.mark.parametrize(
    ("at", "amount"),
    [
        ("2025-03-10T12:00:00", "1.37"),
        ("2025-03-10T20:00:00", "0.685"),
        ("2025-09-05T15:59:59", "1.37"),
        ("2025-09-05T16:00:00", "2.24"),
    ],
)
def test_31_night_discount_until_a_change_in_the_afternoon(at: str, amount: str) -> None:
    night = Window("16:30", "00:30")
    own = card(
        rows("d", {"input": "0.27", "output": "1.10"}, until="2025-09-05T16:00:00"),
        rows("d", {"input": "0.135", "output": "0.55"}, until="2025-09-05T16:00:00", window=night),
        rows("d", {"input": "0.56", "output": "1.68"}, since="2025-09-05T16:00:00"),
    )
    assert total(own, "d", {"input": M, "output": M}, at=stamp(at)) == D(amount)


def peak_card() -> object:
    workdays = (1, 2, 3, 4, 5)
    low = {"input": "0.66", "cache_read": "0.022", "output": "1.98"}
    high = {"input": "1.32", "cache_read": "0.044", "output": "3.96"}
    change, weekend = "2026-08-16T16:00:00", "2026-08-22T16:00:00"
    return card(
        rows("v4", {"input": "0.435", "cache_read": "0.003625", "output": "0.87"}, until=change),
        rows("v4", low, since=change),
        *[
            rows("v4", high, since=change, until=weekend, window=Window(start, end))
            for start, end in (("01:00", "04:00"), ("06:00", "10:00"))
        ],
        *[
            rows("v4", high, since=weekend, window=Window(start, end, days=workdays))
            for start, end in (("01:00", "04:00"), ("06:00", "10:00"))
        ],
    )


@pytest.mark.parametrize(
    ("at", "amount"), [("2026-11-16T02:00:00", "0.2508"), ("2026-11-21T02:00:00", "0.1254")], ids=["Monday", "Saturday"]
)
def test_32_peak_hours_on_workdays(at: str, amount: str) -> None:
    counts = {"input": 100_000, "cache_read": 900_000, "output": 20_000}
    assert total(peak_card(), "v4", counts, at=stamp(at)) == D(amount)  # type: ignore[arg-type]


@pytest.mark.parametrize(("at", "amount"), [("2026-06-01T02:00:00", "0.435"), ("2026-08-16T17:00:00", "0.66")])
def test_33_windows_hold_only_since_their_date(at: str, amount: str) -> None:
    assert total(peak_card(), "v4", {"input": M}, at=stamp(at)) == D(amount)  # type: ignore[arg-type]


def discount(percent: str) -> Contract:
    return Contract("c1", "openai", "*", "*", "percent_off", D(percent))


def test_34_contract_discount() -> None:
    own = card(rows("m", {"input": "3"}), contracts=[discount("12.5")])
    (charge,) = rated(own, "m", {"input": 12_345_678}).charges
    assert charge.price.contracted_unit_price == D("2.625000000")
    assert (charge.list_cost, charge.contracted_cost) == (D("37.037034"), D("32.40740475"))


def test_35_tiny_amounts_do_not_vanish() -> None:
    own = card(rows("m", {"input": "0.05"}), contracts=[discount("17.5")])
    (charge,) = rated(own, "m", {"input": 7}).charges
    assert charge.price.contracted_unit_price == D("0.041250000")
    assert charge.contracted_cost == D("0.00000028875")  # not 0


def fx(quote: str, rate: str) -> dict[str, object]:
    table = FxTable([FxRate(datetime(2026, 11, 13, tzinfo=UTC).date(), "USD", quote, D(rate))])
    return {"fx": table, "billing_currency": quote}


def test_36_euro() -> None:
    own = card(rows("m", {"input": "2.50", "output": "15"}), **fx("EUR", "0.923417"))
    first, second = rated(own, "m", {"input": 1_200_000, "output": 300_000}).charges
    assert (first.price.list_unit_price, second.price.list_unit_price) == (D("2.308542500"), D("13.851255000"))
    assert (first.list_cost, second.list_cost) == (D("2.770251"), D("4.1553765"))
    assert first.list_cost + second.list_cost == D("6.9256275")
    assert (first.price.currency, first.price.pricing_currency) == ("EUR", "USD")


def test_37_yen_rows_keep_decimals() -> None:
    own = card(rows("m", {"input": "2.50"}), **fx("JPY", "149.8765"))
    (charge,) = rated(own, "m", {"input": 1_200_000}).charges
    assert charge.price.list_unit_price == D("374.691250000")
    assert charge.list_cost == D("449.6295")


def test_a_float_is_no_amount() -> None:
    with pytest.raises(TypeError):
        dec(0.1)  # type: ignore[arg-type]


def test_seconds_priced_per_hour_are_rounded_once() -> None:
    (charge,) = rated(card(rows("w", {"audio_seconds": "0.006"})), "w", {"audio_seconds": 100}, at=NOON).charges
    assert charge.pricing_quantity == D("1.666666667")
    assert charge.list_cost == D("0.010000000002")
