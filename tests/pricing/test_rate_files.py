"""A user's own files: long and wide rates, wildcards, contracts, exchange rates, aliases, and clear complaints."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D
from itertools import permutations
from pathlib import Path

import pytest
from one_event import rate
from pricing_builders import NOON, stamp

from focus_ai.cli import rates_cmd
from focus_ai.errors import FocusAiError, InputError, UsageError
from focus_ai.pricing import Conditions, NoRate, Price, Profile, RateCard, Unpriced, lookup, resolve
from focus_ai.pricing import check as check_module
from focus_ai.pricing.check import check_rows
from focus_ai.pricing.fx import FxRate, FxTable

HEADER = (
    "provider,model,region,service_tier,meter,unit,unit_size,price,currency,effective_from,effective_to,rate_card_id,"
    "price_kind,source_note\n"
)


def files(tmp_path: Path, **texts: str) -> list[Path]:
    made = []
    for name, body in texts.items():
        path = tmp_path / name.replace("__", ".")
        path.write_text(body, encoding="utf-8")
        made.append(path)
    return made


def own_card(tmp_path: Path, *lines: str) -> RateCard:
    return RateCard.load(files(tmp_path, cost_rates__csv=HEADER + "".join(line + "\n" for line in lines)))


def price(card: RateCard, channel: str, model: str, meter: str, **said: object) -> D | str | None:
    found = lookup(card, channel, model, meter, said.pop("at", NOON), Conditions.of(**said))  # type: ignore[arg-type]
    return found.reason if isinstance(found, NoRate) else found.price


def test_long_form_beats_the_shipped_price_only_where_it_speaks(tmp_path: Path) -> None:
    card = own_card(
        tmp_path,
        "openai,gpt-5,*,*,input_uncached,tokens,1000000,1.00,USD,2026-01-01,2026-12-01,own-1,list,agreed",
        "openai,gpt-5,eu-west-1,*,input_uncached,tokens,1000000,1.10,USD,2026-01-01,,own-1,list,",
        "openai,gpt-5,*,flex,input_uncached,tokens,1000000,0.40,USD,2026-01-01,,own-1,list,",
    )
    assert price(card, "openai", "gpt-5-2025-08-07", "input") == D(1)
    assert price(card, "openai", "gpt-5", "input", service_tier="priority") == D(1)
    assert price(card, "openai", "gpt-5", "input", service_tier="flex") == D("0.4")
    assert price(card, "openai", "gpt-5", "input", region="eu-west-1") == D("1.1")
    assert price(card, "openai", "gpt-5", "output") == D(10)
    assert price(card, "openai", "gpt-5", "input", at=stamp("2025-12-31T23:59:59")) == D("1.25")
    assert price(card, "openai", "gpt-5", "input", at=stamp("2026-12-01")) == D("1.25")


def test_wildcards_and_fixed_fees(tmp_path: Path) -> None:
    card = own_card(
        tmp_path,
        "gateway,*,*,*,request,requests,1,0.0001,USD,,,own,fixed_request_fee,",
        "gateway,house-*,*,*,input_uncached,tokens,1000000,2,USD,,,own,list,",
        "gateway,house-large,*,*,input_uncached,tokens,1000000,5,USD,,,own,list,",
        "*,*,*,*,pages,pages,1000,4,USD,,,own,list,",
    )
    assert price(card, "gateway", "anything", "request_fee") == D("0.0001")
    assert price(card, "gateway", "house-small", "input") == D(2)
    assert price(card, "gateway", "house-large", "input") == D(5)
    assert price(card, "gateway", "other", "input") == "no_rate"
    assert price(card, "openai", "gpt-5", "pages") == D(4)
    result = rate(card, Profile("gateway", ("house-small",)), {"input": 500_000, "request_fee": 1}, NOON)
    assert [(c.price.sku_id, c.effective_cost) for c in result.charges] == [
        ("gateway/house-small/input", D(1)),
        ("gateway/house-small/request_fee", D("0.0001")),
    ]


def test_contracted_and_multiplied_rows(tmp_path: Path) -> None:
    card = own_card(
        tmp_path,
        "openai,gpt-5,*,*,output,tokens,1000000,8.00,USD,2026-01-01,,deal,contracted,",
        "openai,gpt-5*,*,*,input_uncached,tokens,1000000,0.9,USD,2026-01-01,,deal,multiplier,",
    )
    result = rate(card, Profile("openai", ("gpt-5",)), {"input": 1_000_000, "output": 1_000_000}, NOON)
    assert [(c.list_cost, c.contracted_cost) for c in result.charges] == [(D("1.25"), D("1.125")), (D(10), D(8))]


def contracted_prices(card: RateCard, model: str, meter: str = "input") -> dict[str, str]:
    """Contracted price by how a request was bought."""
    bought = {
        "standard": {}, "batch": {"is_batch": True}, "flex": {"service_tier": "flex"},
        "priority": {"service_tier": "priority"}, "long": {"context_gt": 272_000},
    }  # fmt: skip
    found = {}
    for name, said in bought.items():
        (segment, *_) = resolve(card, Profile("openai", (model,), **said), [meter], NOON, NOON)  # type: ignore[arg-type]
        answer = segment.prices[meter]
        found[name] = format(answer.contracted_unit_price.normalize(), "f") if isinstance(answer, Price) else "none"
    return found


LISTED = {"standard": "2.5", "batch": "1.25", "flex": "1.25", "priority": "5", "long": "5"}
FIXED = "openai,gpt-5.4,*,{},input_uncached,tokens,1000000,{},USD,2026-01-01,,deal,contracted,"


@pytest.mark.parametrize(
    ("tier", "amount", "changed"),
    [
        # list prices of gpt-5.4: 2.50; batch and flex 1.25, priority 5.00, above 272k 5.00
        ("standard", "2.00", {"standard": "2"}),
        ("default", "2.00", {"standard": "2"}),
        ("flex", "1.00", {"flex": "1"}),
        ("batch", "1.00", {"batch": "1"}),
        ("*", "1.20", {"standard": "1.2", "batch": "1.2", "flex": "1.2", "priority": "1.2"}),
    ],
)
def test_a_negotiated_row_keeps_to_its_tier(tmp_path: Path, tier: str, amount: str, changed: dict[str, str]) -> None:
    card = own_card(tmp_path, FIXED.format(tier, amount))
    assert contracted_prices(card, "gpt-5.4") == LISTED | changed


@pytest.mark.parametrize(
    ("entry", "changed"),
    [
        ('unit_price: "2.00", when: {service_tier: default, processing: realtime}', {"standard": "2"}),
        ('unit_price: "2.00", when: {service_tier: standard}', {"standard": "2"}),
        # a fixed price that names no condition is the price of the default, as a row of the card would be
        ('unit_price: "2.00"', {"standard": "2"}),
        ('unit_price: "4.00", when: {context_gt: 272000}', {"long": "4"}),
        ('unit_price: "1.00", when: {service_tier: "*", processing: "*"}',
         {"standard": "1", "batch": "1", "flex": "1", "priority": "1"}),
        # a share of each list price: 20 % off
        ('percent_off: "20"', {"standard": "2", "batch": "1", "flex": "1", "priority": "4", "long": "4"}),
        ('percent_off: "20", when: {context_gt: 0}', {"standard": "2", "batch": "1", "flex": "1", "priority": "4"}),
        # flex and priority are realtime too; only batch is not
        ('percent_off: "20", when: {processing: realtime}',
         {"standard": "2", "flex": "1", "priority": "4", "long": "4"}),
        ('percent_off: "20", when: {service_tier: default}', {"standard": "2", "batch": "1", "long": "4"}),
        ('multiplier: "0.8", when: {service_tier: standard}', {"standard": "2", "long": "4"}),
    ],
)  # fmt: skip
def test_a_contract_keeps_to_its_conditions(tmp_path: Path, entry: str, changed: dict[str, str]) -> None:
    body = f"contracts: [{{channel: openai, model: gpt-5.4, meter: input, {entry}}}]\n"
    card = RateCard.load(contracts=files(tmp_path, deal__yaml=body))
    assert contracted_prices(card, "gpt-5.4") == LISTED | changed


def test_a_contract_in_csv_has_conditions_as_columns(tmp_path: Path) -> None:
    body = "channel,model,meter,unit_price,service_tier,processing,context_gt\nopenai,gpt-5.4,input,2.00,standard,,\n"
    card = RateCard.load(contracts=files(tmp_path, deal__csv=body))
    assert contracted_prices(card, "gpt-5.4") == LISTED | {"standard": "2"}


def test_a_contract_on_a_price_for_any_tier_asks_the_event(tmp_path: Path) -> None:
    card = own_card(
        tmp_path,
        "openai,house,*,*,input_uncached,tokens,1000000,4.00,USD,,,own,list,",
        "openai,house,*,standard,input_uncached,tokens,1000000,3.00,USD,,,own,contracted,",
    )
    any_tier = dict.fromkeys(LISTED, "4")
    assert contracted_prices(card, "house") == any_tier | {"standard": "3", "long": "3"}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("when: {processing: batches}", ["processing is unknown", "realtime"]),
        ("when: {context_gt: many}", ["context_gt", "many"]),
        ("when: {tier: flex}", ["cannot depend", "tier", "service_tier"]),
        ("when: flex", ["conditions must be named", "flex"]),
    ],
)
def test_complaints_about_conditions(tmp_path: Path, entry: str, words: list[str]) -> None:
    paths = files(tmp_path, deal__yaml=f'contracts: [{{channel: openai, percent_off: "5", {entry}}}]\n')
    with pytest.raises(InputError) as caught:
        RateCard.load(contracts=paths)
    assert all(word in str(caught.value) for word in ["deal.yaml: entry 1", *words])


GATEWAY_RATES = (
    "openai,gpt-5,*,standard,input_uncached,tokens,1000000,1.25,USD,2025-08-07,,public,list,",
    "openai,gpt-5,*,standard,output,tokens,1000000,10.00,USD,2025-08-07,,public,list,",
    "openai,gpt-5,*,batch,*,factor,1,0.5,,2025-08-07,,public,multiplier,",
)


def test_a_multiplier_of_a_tier_makes_list_prices(tmp_path: Path) -> None:
    """1.25 x 0.5 = 0.625 and 10 x 0.5 = 5, list and contracted; not 0.3125, half of a price that is half already."""
    card = own_card(tmp_path, *GATEWAY_RATES)
    result = rate(card, Profile("openai", ("gpt-5",), is_batch=True), {"input": 10**6, "output": 10**6}, NOON)
    assert [(c.list_cost, c.contracted_cost) for c in result.charges] == [(D("0.625"), D("0.625")), (D(5), D(5))]
    assert result.charges[0].price.sku_price_id == "openai/gpt-5/input#batch"
    assert price(card, "openai", "gpt-5", "input") == D("1.25")
    assert price(card, "openai", "gpt-5", "input", service_tier="flex") == D("0.625")  # the shipped row stands


def test_multipliers_and_own_models(tmp_path: Path) -> None:
    card = own_card(
        tmp_path,
        "acme,acme-1,*,standard,input_uncached,tokens,1000000,4.00,USD,2026-01-01,,x,list,",
        "acme,acme-1,*,standard,web_search,calls,1000,10.00,USD,2026-01-01,,x,list,",
        "acme,acme-1,*,batch,*,factor,1,0.5,,2026-01-01,,x,multiplier,",
        "acme,acme-*,*,priority,*,factor,1,1.5,,2026-06-01,2026-12-01,x,multiplier,",
        "acme,acme-1,*,priority,input_uncached,factor,1,2,,2026-01-01,,x,multiplier,",
        "acme,acme-1,eu,*,*,factor,1,1.1,,2026-01-01,,x,multiplier,",
        "acme,acme-1,*,flex,input_uncached,tokens,1000000,1.00,USD,2026-01-01,,x,list,",
        "acme,acme-1,*,flex,*,factor,1,0.5,,2026-01-01,,x,multiplier,",
    )

    def ask(**said: object) -> D | str | None:
        return price(card, "acme", "acme-1", "input", **said)

    assert ask() == D(4)
    assert ask(is_batch=True) == D(2)
    assert ask(service_tier="priority") == D(8)  # 4.00 x 2: the row for the exact model and meter
    assert ask(service_tier="flex") == D(1)  # a price that the user wrote stands above a factor
    assert ask(region="eu") == D("4.4")
    assert ask(at=stamp("2025-12-31"), is_batch=True) == "not_yet_effective"
    assert price(card, "acme", "acme-1", "web_search", is_batch=True) == D(10)  # tool calls are no tokens
    assert price(card, "openai", "gpt-5", "input", is_batch=True) == D("0.625")


def test_a_multiplier_over_shipped_prices_states_the_price(tmp_path: Path) -> None:
    """The factor is of the standard price (1.25 x 0.4 = 0.5), also where the card has a price for batch (0.625)."""
    card = own_card(tmp_path, "openai,gpt-5,*,batch,*,factor,1,0.4,,,,deal,multiplier,")
    assert price(card, "openai", "gpt-5", "input", is_batch=True) == D("0.5")
    result = rate(card, Profile("openai", ("gpt-5",), is_batch=True), {"input": 10**6}, NOON)
    assert [(c.list_cost, c.contracted_cost) for c in result.charges] == [(D("0.5"), D("0.5"))]


def test_a_multiplier_of_the_standard_tier_is_a_discount(tmp_path: Path) -> None:
    card = own_card(tmp_path, "openai,gpt-5.4,*,standard,input_uncached,factor,1,0.8,,,,deal,multiplier,")
    assert contracted_prices(card, "gpt-5.4") == LISTED | {"standard": "2", "long": "4"}


def test_overlapping_multipliers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two multipliers"):
        own_card(tmp_path, GATEWAY_RATES[2], "openai,gpt-5,*,batch,*,factor,1,0.6,,2026-01-01,,other,multiplier,")


def test_a_user_says_what_a_deployment_named_like_a_model_is(tmp_path: Path) -> None:
    """An Azure deployment called gpt-4o that runs gpt-4o-mini costs 0.15, not 2.50; outside the dates the id counts."""
    body = "aliases: [{alias: gpt-4o, channel: azure_openai, model: gpt-4o-mini, effective_from: 2026-10-01}]\n"
    card = RateCard.load(files(tmp_path, own__yaml=body))
    assert price(card, "azure_openai", "azure/gpt-4o", "input") == D("0.15")
    assert price(card, "azure_openai", "gpt-4o", "input", at=stamp("2026-09-30")) == D("2.5")
    assert price(card, "azure_openai", "gpt-4o-2024-08-06", "input") == D("2.5")
    assert price(card, "openai", "gpt-4o", "input") == D("2.5")


def test_wide_form(tmp_path: Path) -> None:
    body = (
        "provider,model,currency,input_price_per_1m,cached_input_price_per_1m,output_price_per_1m,fixed_request_fees\n"
        "acme,alpha,USD,2.00,0.50,8.00,0.001\n"
    )
    card = RateCard.load(files(tmp_path, wide__csv=body))
    counts = {"input": 10**6, "cache_read": 10**6, "output": 10**6, "request_fee": 2}
    result = rate(card, Profile("acme", ("alpha",)), counts, NOON)
    assert [c.effective_cost for c in result.charges] == [D(2), D("0.5"), D(8), D("0.002")]


def test_yaml_rates_with_own_alias_and_window(tmp_path: Path) -> None:
    body = """
list: openai
windows: {night: [{start: "22:00", end: "06:00", zone: Europe/Berlin}]}
entries:
  - {model: gpt-5, from: 2026-11-01, prices: {input: "1.20"}}
  - {model: gpt-5, from: 2026-11-01, window: night, prices: {input: "0.60"}}
aliases:
  - {alias: gpt-latest, channel: openai, model: gpt-5, effective_from: 2026-10-01}
  - {alias: house-model, channel: openai, model: gpt-5}
"""
    card = RateCard.load(files(tmp_path, own__yaml=body))
    assert price(card, "openai", "gpt-latest", "input") == D("1.2")
    assert price(card, "openai", "gpt-latest", "input", at=stamp("2026-11-18T22:00:00")) == D("0.6")
    assert price(card, "openai", "gpt-latest", "input", at=stamp("2026-09-30")) == "alias_unmapped"
    undated = card.find("openai", ("house-model",), "input", NOON, Conditions())
    assert not isinstance(undated, NoRate) and "alias_undated" in undated.assumptions
    segments = resolve(card, Profile("openai", ("gpt-latest",)), ["output"], stamp("2026-09-30"), stamp("2026-10-02"))
    kinds = [type(s.prices["output"]) for s in segments]
    assert kinds == [Unpriced, Price]
    assert segments[1].t_from == stamp("2026-10-01")


def test_contract_file(tmp_path: Path) -> None:
    body = """
contracts:
  - {contract_id: all, channel: anthropic, percent_off: "10", effective_from: 2026-01-01}
  - {contract_id: more, channel: anthropic, model: "claude-opus-*", percent_off: "5", effective_from: 2026-01-01}
  - {contract_id: fixed, channel: anthropic, model: claude-sonnet-4-5, meter: output, unit_price: "12.00",
     account_id: acme, effective_from: 2026-01-01}
"""
    (path,) = files(tmp_path, contracts__yaml=body)
    card = RateCard.load(contracts=[path])

    def contracted(model: str, meter: str, **more: str) -> D:
        (segment, *_) = resolve(card, Profile("anthropic", (model,), **more), [meter], NOON, NOON)  # type: ignore[arg-type]
        found = segment.prices[meter]
        assert isinstance(found, Price)
        return found.contracted_unit_price

    assert contracted("claude-sonnet-4-5", "input") == D("2.7")
    assert contracted("claude-opus-5", "input") == D("4.275")
    assert contracted("claude-sonnet-4-5", "output") == D("13.5")
    assert contracted("claude-sonnet-4-5", "output", account_id="acme") == D(12)


def test_exchange_rates_are_dated_and_never_inverted(tmp_path: Path) -> None:
    body = "date,base,quote,rate,source\n2026-11-13,USD,EUR,0.90,bank\n2026-11-17,USD,EUR,0.923417,bank\n"
    (path,) = files(tmp_path, fx__csv=body)
    card = RateCard.load(fx=path, billing_currency="EUR")
    profile = Profile("openai", ("gpt-5.4",), context_gt=0)
    segments = resolve(card, profile, ["input"], stamp("2026-11-12"), NOON)
    found = [s.prices["input"] for s in segments]
    assert isinstance(found[0], Unpriced) and found[0].reason == "no_fx_rate"
    assert [p.list_unit_price for p in found[1:] if isinstance(p, Price)] == [D("2.25"), D("2.3085425")]
    table = FxTable([FxRate(date(2026, 11, 13), "USD", "EUR", D("0.9"))])
    assert table.find("EUR", "USD", date(2026, 11, 14)) is None
    weekend = table.find("USD", "EUR", date(2026, 11, 15))
    assert weekend is not None and weekend.day == date(2026, 11, 13)


def test_a_contract_in_another_currency_is_converted_at_the_rate_of_the_day(tmp_path: Path) -> None:
    """A list price of 9 dollars, a contract of 8 euro per million. In dollars: 8 * 1.10 = 8.8 until the 14th, then
    8 * 1.25 = 10, and nothing before the first rate. In euro the contract stands as it is, and the list price becomes
    9 * 0.9 = 8.1; in yen 8 euro are 8.8 dollars first, times 150 = 1320, beside 9 * 150 = 1350."""
    rates, entry, fx = files(
        tmp_path, own__csv="provider,model,meter,unit_size,price\nacme,m,output,1000000,9\n",
        c__yaml='contracts: [{contract_id: K, meter: output, unit_price: "0.008", unit_size: 1000, currency: EUR}]\n',
        fx__csv="date,base,quote,rate,source\n2026-11-10,EUR,USD,1.10,bank\n2026-11-14,EUR,USD,1.25,bank\n"
        "2026-11-01,USD,EUR,0.9,\n2026-11-01,USD,JPY,150,\n",
    )  # fmt: skip

    def prices(billing: str, since: str) -> list[Price | Unpriced]:
        card = RateCard.load([rates], [entry], fx=fx, billing_currency=billing)
        found = resolve(card, Profile("acme", ("m",)), ["output"], stamp(since), NOON)
        return [segment.prices["output"] for segment in found]

    early, first, second = prices("USD", "2026-11-09")
    assert isinstance(early, Unpriced) and early.reason == "contract_currency" and "2026-11-09" in early.detail
    for price, amount, factor in ((first, "8.8", "1.10"), (second, "10", "1.25")):
        assert isinstance(price, Price) and price.fx is not None
        assert (price.list_unit_price, price.contracted_unit_price, price.fx.rate) == (D(9), D(amount), D(factor))
        assert price.pc_contracted_unit_price == D(amount) and "contract_currency_converted" in price.assumptions
    euro, yen = prices("EUR", "2026-11-14")[-1], prices("JPY", "2026-11-13")[0]
    assert isinstance(euro, Price) and isinstance(yen, Price) and yen.fx is not None
    assert (euro.list_unit_price, euro.contracted_unit_price) == (D("8.1"), D(8))
    assert (euro.pricing_currency, euro.pc_contracted_unit_price) == ("USD", D(10))
    assert (yen.list_unit_price, yen.contracted_unit_price) == (D(1350), D(1320))
    assert (yen.fx.quote, yen.fx.source) == ("JPY", "fx.csv")


def test_prices_of_small_units_keep_their_digits(tmp_path: Path) -> None:
    """0.0000000125 a token is 0.0125 per million, of which 12.5 % off leave 0.0109375: a million tokens cost that, not
    0.012 and 0.011. A contract that says no unit is per token as its list price: 0.000000011 is 0.011 per million."""
    body = "provider,model,meter,unit_size,price\nacme,a,input,1,0.0000000125\nacme,b,input,1,1.25E-8\n"
    deal = 'contracts: [{model: a, percent_off: "12.5"}, {model: b, unit_price: "0.000000011"}]\n'
    rates, contracts = files(tmp_path, r__csv=body, c__yaml=deal)
    card = RateCard.load([rates], [contracts])
    for model, amount in (("a", "0.0109375"), ("b", "0.011")):
        (charge,) = rate(card, Profile("acme", (model,)), {"input": 10**6}, NOON).charges
        assert (charge.list_cost, charge.contracted_cost) == (D("0.0125"), D(amount))
        assert (charge.pricing_quantity, charge.price.pricing_unit) == (D(1), "1000000 Tokens")


def test_a_price_that_no_row_holds_is_not_priced(tmp_path: Path) -> None:
    """900 million dollars fit into nine digits; in rupiah, at 16,000 each, they do not."""
    rates, fx = files(
        tmp_path, r__csv="provider,model,meter,unit_size,price\nacme,m,input,1000000,900000000\n",
        fx__csv="date,base,quote,rate\n2026-11-01,USD,IDR,16000\n",
    )  # fmt: skip
    found = []
    for billing in ("USD", "IDR"):
        card = RateCard.load([rates], fx=fx, billing_currency=billing)
        found += [s.prices["input"] for s in resolve(card, Profile("acme", ("m",)), ["input"], NOON, NOON)]
    assert isinstance(found[0], Price) and found[0].list_unit_price == D(900_000_000)
    assert isinstance(found[1], Unpriced) and found[1].reason == "price_too_large"


def test_fixed_prices_are_compared_with_their_unit_and_currency(tmp_path: Path) -> None:
    """8 per million and 0.008 per thousand are one price; 8 euro and 8 dollars are two, in either order."""
    body = """contracts:
  - {contract_id: A, meter: input, unit_price: "8", unit_size: 1000000}
  - {contract_id: B, meter: input, unit_price: "0.008", unit_size: 1000}
  - {contract_id: C, meter: output, unit_price: "8", currency: USD}
  - {contract_id: D, meter: output, unit_price: "8", currency: EUR}
"""
    (path,) = files(tmp_path, c__yaml=body)
    card = RateCard.load(contracts=[path])
    (segment,) = resolve(card, Profile("openai", ("gpt-5.4",), context_gt=0), ["input", "output"], NOON, NOON)
    same, other = segment.prices["input"], segment.prices["output"]
    assert isinstance(same, Price) and same.contracted_unit_price == D(8)
    assert isinstance(other, Unpriced) and (other.reason, other.detail) == ("ambiguous", "contracts C and D")


def test_an_exchange_rate_of_long_ago_is_told(tmp_path: Path) -> None:
    """A table that ends: its last rate holds for 35 days, to 18 October; what it prices later says so."""
    (path,) = files(tmp_path, fx__csv="date,base,quote,rate\n2026-09-13,USD,EUR,0.90\n2026-11-17,USD,EUR,0.92\n")
    card = RateCard.load(fx=path, billing_currency="EUR")
    profile = Profile("openai", ("gpt-5.4",), context_gt=0)
    told = [
        (f"{s.t_from:%m-%d}", "exchange_rate_of_long_ago" in p.assumptions, p.list_unit_price)
        for s in resolve(card, profile, ["input"], stamp("2026-10-17"), NOON)
        if isinstance(p := s.prices["input"], Price)
    ]
    assert told == [("10-17", False, D("2.25")), ("10-19", True, D("2.25")), ("11-17", False, D("2.3"))]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("openai,gpt-5,*,*,inputs,tokens,1000000,1,USD,,,r,list,", ["meter is unknown", "row 2", "input"]),
        ("openai,gpt-5,*,*,input_uncached,tokens,1000000,one,USD,,,r,list,", ["not a number", "row 2", "one"]),
        ("openai,gpt-5,*,*,input_uncached,tokens,1000000,-1,USD,,,r,list,", ["negative", "row 2"]),
        ("openai,gpt-5,*,*,input_uncached,tokens,1000000,NaN,USD,,,r,list,", ["not a number"]),
        ("openai,gpt-5,*,*,input_uncached,tokens,,1,USD,,,r,list,", ["what the price is per", "unit_size"]),
        ("openai,gpt-5,*,*,input_uncached,pages,1000,1,USD,,,r,list,", ["unit does not fit", "Tokens"]),
        ("openai,gpt-5,*,*,input_uncached,tokens,1000000,1,USD,2026-13-01,,r,list,", ["date", "2026-13-01"]),
        ("openai,gpt-5,*,*,input_uncached,tokens,1000000,1,USD,2026-02-01,2026-01-01,r,list,", ["ends before"]),
        ("openai,gpt-5,*,*,input_uncached,tokens,1000000,1,USD,,,r,offer,", ["price_kind", "offer"]),
        ("openai,gpt-5,eu,*,output,tokens,1000000,1,USD,,,r,contracted,", ["cannot depend", "region"]),
        (",gpt-5,*,*,input_uncached,tokens,1000000,1,USD,,,r,list,", ["provider"]),
        ("openai,gpt-5,*,*,input_uncached", ["number of cells", "row 2"]),
    ],
)
def test_complaints_say_where_and_what(tmp_path: Path, line: str, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        own_card(tmp_path, line)
    for word in words:
        assert word in str(caught.value)
    assert "cost_rates.csv" in str(caught.value)


def test_a_rate_csv_may_say_channel_as_yaml_does(tmp_path: Path) -> None:
    body = "channel,model,meter,price,unit_size\nopenai,house-model,input,0.40,1000000\n"
    card = RateCard.load(files(tmp_path, rates__csv=body))
    assert price(card, "openai", "house-model", "input") == D("0.40")


def test_a_missing_column_of_a_rate_csv_is_named(tmp_path: Path) -> None:
    body = "provider,model,meter,unit_size\nopenai,house-model,input,1000000\n"
    with pytest.raises(InputError, match="a price column is missing: price"):
        RateCard.load(files(tmp_path, rates__csv=body))


ENTRY = "list: own\nentries: [{{model: m, {}}}]\n"
DEAL = 'contracts: [{{channel: openai, percent_off: "50", {}}}]\n'


@pytest.mark.parametrize(
    ("kind", "name", "body", "words"),
    [
        # A word that nothing reads would leave a price without its dates, its model or its limits.
        ("contracts", "c.csv", "model,percent_off,efective_from\nm,50,2027-01-01\n", ["row 1", "effective_from"]),
        ("contracts", "c.csv", "model,percent_off,region\nm,50,eu\n", ["row 1", "region"]),
        ("contracts", "c.csv", "model,percent_off,percent_off\nm,50,5\n", ["twice", "percent_off"]),
        ("contracts", "c.csv", "model,unit_price,unit_size\nm,5,many\n", ["row 2, unit_size", "many"]),
        ("contracts", "c.csv", "model;percent_off\nm;12,5\n", ["not separated by commas"]),
        ("contracts", "c.yaml", DEAL.format("modell: m"), ["entry 1", "did you mean model?"]),
        ("contracts", "c.yaml", "contract: []\n", ["unknown key", "did you mean contracts?"]),
        ("contracts", "c.yaml", "- {percent_off: 50}\n", ["a mapping"]),
        ("contracts", "c.yaml", "contracts: [half]\n", ["entry 1", "half", "a mapping"]),
        ("contracts", "c.yaml", 'contracts: [{unit_price: "5", unit_size: -5}]\n', ["unit_size", "-5", "1 or more"]),
        ("contracts", "c.yaml", DEAL.format("account_id: 001234567012"), ["entry 1, account_id", "text"]),
        ("user_files", "r.csv", HEADER.replace("effective_to", "effective_till"), ["row 1", "effective_to"]),
        ("user_files", "r.csv", HEADER.replace("service_tier", "service_teir"), ["row 1", "service_tier"]),
        *(
            ("user_files", "r.csv", HEADER.replace("source_note", name), ["row 1", name, "YAML rate file"])
            for name in ("context_gt", "processing", "valid_from", "start date", "currency_code", "account_id", "to")
        ),
        (
            "user_files",
            "r.csv",
            "provider,model,unit_size,input_price,cashed_input_price_per_1m\na,m,1000,1,2\n",
            ["row 2", "cashed_input", "cached_input"],
        ),
        ("user_files", "r.csv", 'provider,model,meter,price\nm,"m,input,1\n', ["not valid CSV", "line 2"]),
        ("user_files", "r.yaml", ENTRY.format('prices: {input: "1"}, unit_size: many'), ["entry 1, unit_size", "many"]),
        (
            "user_files",
            "r.yaml",
            ENTRY.format('prices: {input: "1"}, context_gt: many'),
            ["entry 1, context_gt", "many"],
        ),
        ("user_files", "r.yaml", ENTRY.format('prices: {input: "1"}, window: night'), ["window is unknown", "night"]),
        ("user_files", "r.yaml", ENTRY.format('prices: {input: "1"}, when: flex'), ["entry 1, when", "flex"]),
        (
            "user_files",
            "r.yaml",
            ENTRY.format('prices: {input: "1"}, when: {tier: flex}'),
            ["when", "tier", "service_tier"],
        ),
        ("user_files", "r.yaml", ENTRY.format('prices: {input: "1"}, review_by: soon'), ["review_by", "YYYY-MM-DD"]),
        ("user_files", "r.yaml", ENTRY.format('price: {input: "1"}'), ["entry 1", "did you mean prices?"]),
        ("user_files", "r.yaml", "covers: [{models: '[', meters: [input]}]\n", ["no regular expression", "["]),
        ("fx", "fx.csv", "date,base,quote,rate,rate\n2026-01-01,EUR,USD,1.1,1.9\n", ["twice", "rate"]),
        ("fx", "fx.csv", "date,base,quote,rate\n2026-01-01,eur,usd,1.1\n", ["row 2", "eur", "EUR"]),
        ("contracts", "c.yaml", DEAL.format("provider: azure"), ["entry 1", "openai", "azure"]),
        ("contracts", "c.csv", "contract_id,model,percent_off\nK,m,50\nK,m,50.0\n", ["twice", "K", "m"]),
        *(
            ("user_files", "r.yaml", f"list: a\naliases: [{', '.join(pair)}]\n", ["x of a: m and w", "effective_to"])
            for pair in permutations(
                (
                    "{alias: x, channel: a, model: m, effective_from: 2026-11-01}",
                    "{alias: x, channel: a, model: w, effective_from: 2026-11-10, effective_to: 2026-11-12}",
                )
            )
        ),
    ],
)
def test_what_has_no_meaning_in_a_price_file_is_refused(
    tmp_path: Path, kind: str, name: str, body: str, words: list[str]
) -> None:
    (tmp_path / name).write_text(body)
    given: str | list[str] = str(tmp_path / name) if kind == "fx" else [str(tmp_path / name)]
    with pytest.raises(InputError) as caught:
        RateCard.load(**{kind: given})  # type: ignore[arg-type]
    assert all(word in str(caught.value) for word in [name, *words])


def test_further_columns_of_a_rate_csv_are_passed_over(tmp_path: Path) -> None:
    body = "provider,model,meter,price,unit_size,max_tokens,\nopenai,house-model,input,0.40,1000000,8000,\n"
    card = RateCard.load(files(tmp_path, rates__csv=body))
    assert price(card, "openai", "house-model", "input") == D("0.40")


@pytest.mark.parametrize(("name", "line"), [("r.csv", 2), ("r.yaml", None)])
def test_a_price_file_in_another_encoding_is_told(tmp_path: Path, name: str, line: int | None) -> None:
    (tmp_path / name).write_bytes("provider,model,meter,price\nmünchen,m,input,1\n".encode("latin-1"))
    with pytest.raises(InputError, match=f"{name}, line {line}" if line else name):
        RateCard.load([str(tmp_path / name)])


def test_overlapping_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="same time"):
        own_card(
            tmp_path,
            "openai,gpt-5,*,*,input_uncached,tokens,1000000,1,USD,2026-01-01,2026-07-01,r,list,",
            "openai,gpt-5,*,*,input_uncached,tokens,1000000,2,USD,2026-06-01,,r,list,",
        )


def test_a_gap_is_reported(tmp_path: Path) -> None:
    card = own_card(
        tmp_path,
        "openai,gpt-5,*,*,input_uncached,tokens,1000000,1,USD,2026-01-01,2026-02-01,r,list,",
        "openai,gpt-5,*,*,input_uncached,tokens,1000000,2,USD,2026-03-01,,r,list,",
    )
    (problem,) = check_rows(card.user_rates, date(2026, 11, 22))
    assert (problem.severity, problem.kind) == ("error", "gap")


def test_an_unquoted_yaml_price_is_refused(tmp_path: Path) -> None:
    (path,) = files(tmp_path, own__yaml="list: openai\nentries: [{model: m, prices: {input: 2.50}}]\n")
    with pytest.raises(InputError, match="quoted"):
        RateCard.load([path])


def test_a_missing_file_is_told() -> None:
    with pytest.raises(FocusAiError, match="missing"):
        RateCard.load(["no-such-file.csv"])


def test_commands_list_and_explain() -> None:
    card = rates_cmd.card_of()
    found = rates_cmd.list_rates(card, channel="openai", model="gpt-5-mini", meter="output", at=NOON)
    assert {r["price"] for r in found if not r["when"]} == {"2"}
    assert any("openai/gpt-5-mini/output" in line for line in rates_cmd.list_lines(found))
    facts = rates_cmd.explain_rate(card, "openai", "gpt-5-2025-08-07", NOON, Conditions(), "input")
    assert (facts["model"], facts["alias_source"]) == ("gpt-5", "imported_id")
    (row,) = facts["meters"]
    assert (row["price"], row["per"], row["status"]) == ("1.25", "1000000 Tokens", "imported")
    text = "\n".join(rates_cmd.explain_lines(facts))
    assert "1.25 USD per 1000000 Tokens" in text and "https://" in text
    unknown = rates_cmd.explain_rate(card, "openai", "gpt-latest", NOON, Conditions())
    assert "alias_unmapped" in "\n".join(rates_cmd.explain_lines(unknown))
    batch = rates_cmd.explain_rate(card, "groq", "openai/gpt-oss-120b", NOON, Conditions.of(service_tier="x"), "input")
    assert "no price: no_rate" in "\n".join(rates_cmd.explain_lines(batch))
    with pytest.raises(UsageError, match="channel"):
        rates_cmd.list_rates(card, channel="opnai")
    with pytest.raises(UsageError, match="--at"):
        rates_cmd.instant("yesterday")


def test_a_contract_of_a_model_or_seller_without_prices_is_told(tmp_path: Path) -> None:
    """A misspelt entry leaves the list price; a spelling, a prefix or a seller that some price is of is none."""
    entries = ["opneai,gpt-5", "openai,gpt-5-mni", "openai,gtp-*", "acme,m2", "openai,gpt-5-2025-08-07",
               "openai,gpt-5*", "*,gpt-5", "azure,*", "acme,*", "acme,m", "*,*"]  # fmt: skip
    body = "contract_id,channel,model,percent_off\n" + "".join(f"K{n},{e},50\n" for n, e in enumerate(entries))
    rates, contracts = files(
        tmp_path, r__csv="provider,model,meter,unit_size,price\nacme,m,input,1000000,4\n", c__csv=body
    )
    found = check_module.check(RateCard.load([rates], [contracts]), date(2026, 11, 22))
    told = {p.subject: p.text for p in found if p.kind == "contract_unmet"}
    assert sorted(told) == ["K0", "K1", "K2", "K3"]
    assert "did you mean openai?" in told["K0"] and "gpt-5-mini" in told["K1"]


def test_commands_check_and_refresh(tmp_path: Path) -> None:
    facts = rates_cmd.check_card(rates_cmd.card_of(), date(2026, 11, 22))
    assert facts["errors"] == 0 and facts["warnings"] > 0
    assert "0 errors" in rates_cmd.check_lines(facts)[-1]
    pytest.importorskip("genai_prices", reason="extra `prices` is not installed")
    first = rates_cmd.refresh_snapshot(date(2026, 11, 22), tmp_path)
    assert len(first["changes"]) == len(list(rates_cmd.refresh_lines(first))) - 1 > 1000
    assert rates_cmd.refresh_snapshot(date(2026, 11, 22), tmp_path)["changes"] == []
