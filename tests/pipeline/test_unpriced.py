"""Usage without a price: under its own model's name, with its size, and with the cause that says what to do."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from data_builders import EXPORTS, convert, event, exceptions, jsonl, rows

from focus_ai.reports.run import run_text

# Shape of the Deepgram usage breakdown; twelve hours of audio by no named model.
NIGHT = {
    "start": "2026-10-05", "end": "2026-10-05", "project_id": "prj-night", "resolution": {"units": "day", "amount": 1},
    "results": [{
        "hours": 12, "total_hours": 12, "agent_hours": 0, "tokens_in": 0, "tokens_out": 0, "tts_characters": 1250.5,
        "requests": 9, "grouping": {"endpoint": "listen", "models": []},
    }],
}  # fmt: skip


def models(out: Path) -> set[tuple[str, str]]:
    return {(line["record_id"], line["model"]) for line in exceptions(out, "unpriced")}


def test_models_without_prices_keep_their_own_names(tmp_path: Path) -> None:
    lines = [event(n, provider="deepgram", model=name) for n, name in enumerate(("model-one", "model-two"))]
    convert(tmp_path / "out", jsonl(tmp_path / "x.jsonl", lines))
    assert models(tmp_path / "out") == {("e0", "model-one"), ("e1", "model-two")}


def test_a_model_that_answered_without_a_price_takes_none_from_the_one_asked_for(tmp_path: Path) -> None:
    """Only e2 has a price: its answer is a release of the model that was asked for, not another model."""
    lines = [
        event(0, model="gpt-9-unknown", model_requested="gpt-5-nano"),
        event(1, model="ft:gpt-4.1-2025-04-14:org:n:1", model_requested="gpt-4.1"),
        event(2, model="gpt-5.4-2031-01-01", model_requested="openai/gpt-5.4"),
    ]
    report = convert(tmp_path / "out", jsonl(tmp_path / "x.jsonl", lines))
    assert {line["record_id"] for line in exceptions(tmp_path / "out", "unpriced")} == {"e0", "e1"}
    assert report["unpriced"]["reasons"] == {"alias_unmapped": 2}
    assert {row["x_ModelId"] for row in rows(tmp_path / "out")} == {"gpt-5.4"}
    assert {"model_name_fallback" in row["x_PriceAssumptions"] for row in rows(tmp_path / "out")} == {True}


def test_a_priced_model_with_an_unpriced_meter_stays_one_row(tmp_path: Path) -> None:
    """Two spellings of one model: the tokens are one charge, the unpriced meter bears the name of the card."""
    lines = [event(n, model=name, tool_calls={"maps_grounding": 1}) for n, name in enumerate(("gpt-5", "openai/gpt-5"))]
    report = convert(tmp_path / "out", jsonl(tmp_path / "x.jsonl", lines))
    assert models(tmp_path / "out") == {("e0", "gpt-5"), ("e1", "gpt-5")}
    found = {row["SkuMeter"]: row["x_RequestCount"] for row in rows(tmp_path / "out")}
    assert found == {"Input Tokens": 2, "Output Tokens": 2}
    assert report["rows"] == 2


def test_what_has_no_price_is_sized_by_meter_and_the_missing_list_is_named(tmp_path: Path) -> None:
    (tmp_path / "night.json").write_text(json.dumps(NIGHT))
    report = convert(tmp_path / "out", tmp_path / "night.json")
    wanted: dict[str, Any] = {
        "events": 1, "tokens": 0, "reasons": {"channel_unknown": 1},
        "meters": [
            {"meter": "audio_seconds", "unit": "Seconds", "quantity": "43200", "events": 1},
            {"meter": "characters", "unit": "Characters", "quantity": "1250.5", "events": 1},
        ],
    }  # fmt: skip
    assert report["unpriced"] == wanted
    told = "43,200 seconds (audio_seconds), 1,250.50 characters (characters): channel_unknown 1"
    assert told in run_text(report)


def test_a_cost_without_anything_counted_is_told(out: Path) -> None:
    """Of six calls an image and a minute of audio have a cost and no count; speech and text make the three rows."""
    report = convert(out, EXPORTS / "litellm" / "spend-logs" / "without-tokens" / "input.jsonl")
    told = {w["code"]: w["records"] for w in report["warnings"] if w["code"].startswith("quality:")}
    assert told == {"quality:cost_without_usage": 2}
    assert len(rows(out)) == 3


def test_what_a_price_assumes_is_told_as_it_is(tmp_path: Path) -> None:
    """Azure's own list lacks gpt-5, so OpenAI's price is taken; the rate of the user's file assumes its own thing."""
    own = tmp_path / "own.yaml"
    own.write_text('list: acme\nentries: [{model: m, assumes: [our_guess], prices: {input: "1", output: "1"}}]\n')
    lines = [event(0, provider="azure_openai"), event(1, provider="acme", model="m")]
    report = convert(tmp_path / "out", jsonl(tmp_path / "x.jsonl", lines), settings={"rates": {"files": [str(own)]}})
    told = {w["code"]: w["message"] for w in report["warnings"] if w["code"].startswith("price_assumption:")}
    assert told == {
        "price_assumption:price_list_of_openai": "the seller's own list has no such model; the price of the list "
        "openai was taken",
        "price_assumption:our_guess": "an assumption that the rate itself states",
    }


def test_a_currency_in_small_letters_is_that_currency(tmp_path: Path) -> None:
    """A million tokens at 0.40 `usd` per million, beside a bill of 2.50 in `eur`: no exchange rate is missing."""
    rates = tmp_path / "rates.csv"
    rates.write_text(
        "provider,model,meter,price,unit_size,currency,effective_from\nacme,large,input,0.40,1000000,usd,2026-01-01\n"
    )
    mapping = tmp_path / "bill.yaml"
    mapping.write_text(
        "id: ours\ntitle: Ours\nchecked: 2026-11-23\nkind: billed\nsystem: acme\nreads: [csv]\nrecognise: {keys: [day, paid, code]}\n"
        "fields:\n  event_time: {time: day, unit: iso, zone: UTC}\n  provider: {const: acme}\n"
        "  billed_cost: {decimal: paid}\n  currency: code\n  line_item: day\nidentity: [day]\n"
    )
    bill = tmp_path / "bill.csv"
    bill.write_text("day,paid,code\n2026-10-09,2.50,eur\n")
    call = event(1, provider="acme", model="large", input_tokens=1_000_000, output_tokens=0)
    out = tmp_path / "out"
    report = convert(
        out, jsonl(tmp_path / "e.jsonl", [call]), bill, mapping=[mapping], settings={"rates": {"files": [str(rates)]}}
    )
    assert {(t["currency"], t["effective_cost"]) for t in report["totals"]} == {("USD", "0.4"), ("EUR", "2.5")}
    assert {r["BillingCurrency"] for r in rows(out)} == {"USD", "EUR"} and report["unpriced"]["events"] == 0


def test_two_spellings_of_a_seller_are_one(tmp_path: Path) -> None:
    """Two calls of a million tokens at 0.40 per million: one seller, one row of 0.80."""
    rates = tmp_path / "rates.csv"
    rates.write_text(
        "provider,model,meter,price,unit_size,currency,effective_from\nAcme,large,input,0.40,1000000,USD,2026-01-01\n"
    )
    calls = [event(n, provider=n, model="large", input_tokens=1_000_000, output_tokens=0) for n in ("ACME", "acme")]
    out = tmp_path / "out"
    convert(out, jsonl(tmp_path / "e.jsonl", calls), settings={"rates": {"files": [str(rates)]}})
    assert [(r["ServiceProviderName"], str(r["EffectiveCost"].normalize())) for r in rows(out)] == [("acme", "0.8")]


def test_a_seller_of_your_own_is_named_as_you_like(tmp_path: Path) -> None:
    """Prices, account and owner map name `ACME Corp` in other spellings than the record: 2 million at 1.50 are 3.00."""
    rates, owners = tmp_path / "rates.csv", tmp_path / "owners.csv"
    rates.write_text("provider,model,meter,price,unit_size\nAcme Corp,large,input,1.50,1000000\n")
    owners.write_text("id_type,id_value,provider,team\napi_key_id,k1,ACME CORP,orbit\n")
    call = event(1, provider="acme Corp", model="large", input_tokens=2_000_000, output_tokens=0, api_key_id="k1")
    settings = {
        "rates": {"files": [str(rates)]}, "owners": {"map": [str(owners)]}, "accounts": {"ACME Corp": {"id": "acc-1"}},
    }  # fmt: skip
    report = convert(tmp_path / "out", jsonl(tmp_path / "e.jsonl", [call]), settings=settings)
    (row,) = rows(tmp_path / "out")
    assert (row["BillingAccountId"], row["x_Team"], row["EffectiveCost"]) == ("acc-1", "orbit", Decimal(3))
    assert report["warnings"] == []
