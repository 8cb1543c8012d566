"""Forms for amounts, dates and lists: sums over arrays, products, pairs, other notations of time, binary floats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from data_builders import jsonl, staged

from focus_ai.adapters import quick
from focus_ai.adapters.mapping import load
from focus_ai.errors import UsageError

BILL = r"""
id: bill
title: a bill
checked: 2026-11-22
kind: billed
system: test
reads: [jsonl, csv]
recognise: {keys: [id]}
fields:
  event_time: {time: day, zone: Europe/Berlin, format: "%m/%d/%Y"}
  billed_cost: {sum: [{decimal: cost, approximate: true}, {decimal: {total: credits, take: amount}, approximate: true}]}
  list_amount: {product: [quantity, price]}
  billed_quantity: {total: credits, take: parts.count, where: {parts.kind: token}}
  currency: {const: USD}
  model_served: {replace: {lower: model}, pattern: "[ _]+", with: "-"}
  bucket_end: {if: {matches: [end, "^[0-9]+$"]}, then: {time: end, unit: s}, else: {time: end, zone: UTC}}
  tags: {object: {labels: {pairs: labels}, own: {pairs: own, strip: user_}, note: note}}
identity: [id]
"""


def read(tmp_path: Path, *rows: dict[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    mapping = tmp_path / "bill.yaml"
    mapping.write_text(BILL)
    result, found = staged(jsonl(tmp_path / "in.jsonl", rows), tmp_path / "work", load(mapping))
    return found, [r.reason for r in result.rejects]


def test_net_cost_is_the_cost_and_its_credits(tmp_path: Path) -> None:
    credits = [{"amount": -0.1}, {"amount": "-0.15"}, {"other": 1}]
    (found,), _ = read(tmp_path, {"id": 1, "day": "11/03/2026", "cost": 0.5, "credits": credits})
    assert found["billed_cost"] == "0.25"


@pytest.mark.parametrize("credits", [{"amount": -0.1}, "[{'amount': -0.1}]", "-0.1", -0.1, True])
def test_credits_that_are_no_array_set_the_record_aside(tmp_path: Path, credits: Any) -> None:
    found, reasons = read(tmp_path, {"id": 1, "day": "11/03/2026", "cost": 0.5, "credits": credits})
    assert (found, reasons) == ([], ["wrong_type:credits"])


@pytest.mark.parametrize("credits", [[], None, "", "[]", "null", "{}"])
def test_nothing_is_no_credit(tmp_path: Path, credits: Any) -> None:
    (found,), _ = read(tmp_path, {"id": 1, "day": "11/03/2026", "cost": 0.5, "credits": credits})
    assert found["billed_cost"] == "0.5"


def test_no_credits_are_no_zero_and_a_word_is_no_credit(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "day": "11/03/2026", "cost": 0.5, "credits": []},
        {"id": 2, "day": "11/03/2026", "cost": 0.5, "credits": [{"amount": "much"}]},
    ]
    found, reasons = read(tmp_path, *rows)
    assert [r["billed_cost"] for r in found] == ["0.5"]
    assert reasons == ["wrong_type:credits"]


def test_binary_noise_behind_the_eighteenth_decimal_is_rounded_where_the_mapping_says_so(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "day": "11/03/2026", "cost": 1.2345678901234567e-05},
        {"id": 2, "day": "11/03/2026", "cost": 1, "quantity": "0.1234567890123456789", "price": "1"},
    ]
    found, reasons = read(tmp_path, *rows)
    assert [r["billed_cost"] for r in found] == ["0.000012345678901235"]
    assert reasons == ["too_many_decimals:quantity"]


@pytest.mark.parametrize(
    ("quantity", "price", "amount"),
    [
        ("12.857142857142857000", "0.07", "0.89999999999999999"),
        ("-12.857142857142857", "0.07", "-0.89999999999999999"),
        ("123456789012.5", "0.000000001", "123.4567890125"),
        ("3", "0", "0"),
    ],
)
def test_products_are_exact(quantity: str, price: str, amount: str, tmp_path: Path) -> None:
    row = {"id": 1, "day": "11/03/2026", "cost": 1, "quantity": quantity, "price": price}
    assert read(tmp_path, row)[0][0]["list_amount"] == amount


def test_a_product_without_a_price_is_nothing(tmp_path: Path) -> None:
    (found,), _ = read(tmp_path, {"id": 1, "day": "11/03/2026", "cost": 1, "quantity": "3"})
    assert "list_amount" not in found


def test_a_price_with_ten_decimals_is_refused(tmp_path: Path) -> None:
    row = {"id": 1, "day": "11/03/2026", "cost": 1, "quantity": "3", "price": "0.0000000001"}
    assert read(tmp_path, row) == ([], ["too_many_decimals:price"])


def test_members_of_members_are_paths(tmp_path: Path) -> None:
    parts = [
        {"parts": {"kind": "token", "count": 4}},
        {"parts": {"kind": "page", "count": 9}},
        {"parts": {"kind": "token", "count": 3}},
    ]
    (found,), _ = read(
        tmp_path, {"id": 1, "day": "11/03/2026", "cost": 1, "credits": [{**p, "amount": 0} for p in parts]}
    )
    assert found["billed_quantity"] == "7"


def test_dates_in_other_notations_stand_in_their_zone(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "day": "11/03/2026", "cost": 1},
        {"id": 2, "day": "2026-11-03T00:00:00Z", "cost": 1},
        {"id": 3, "day": "13/03/2026", "cost": 1},
    ]
    found, reasons = read(tmp_path, *rows)
    assert [r["event_time"] for r in found] == ["2026-11-02T23:00:00Z", "2026-11-03T00:00:00Z"]
    assert reasons == ["impossible_time:day"]


def test_an_offset_may_stand_apart_from_its_stamp(tmp_path: Path) -> None:
    """Ten in the morning eight hours behind UTC is 18:00, five and a half hours ahead of it 04:30; -99 is no offset."""
    rows = [
        {"id": 1, "day": "2026-11-20 10:00:00.000 -0800", "cost": 1},
        {"id": 2, "day": "2026-11-20 10:00:00 +05:30", "cost": 1},
        {"id": 3, "day": "2026-11-20 10:00:00 -9900", "cost": 1},
    ]
    found, reasons = read(tmp_path, *rows)
    assert [r["event_time"] for r in found] == ["2026-11-20T18:00:00Z", "2026-11-20T04:30:00Z"]
    assert reasons == ["impossible_time:day"]


def test_a_choice_of_instants_does_not_complain_about_the_branch_not_taken(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "day": "11/03/2026", "cost": 1, "end": "1793696400"},
        {"id": 2, "day": "11/03/2026", "cost": 1, "end": "2026-11-03 09:00:00"},
        {"id": 3, "day": "11/03/2026", "cost": 1, "end": "soon"},
    ]
    found, reasons = read(tmp_path, *rows)
    assert [r["bucket_end"] for r in found] == ["2026-11-03T09:00:00Z", "2026-11-03T09:00:00Z"]
    assert reasons == ["impossible_time:end"]


def test_pairs_become_an_object_inside_the_tags(tmp_path: Path) -> None:
    row = {
        "id": 1, "day": "11/03/2026", "cost": 1, "note": '{"a":1}', "own": {"user_team": "orbit", "n": None, "x": 3},
        "labels": [{"key": "team", "value": "a", "inherited": True}, {"key": "team", "value": "b"}, {"key": "", "value": "c"}],
    }  # fmt: skip
    (found,), _ = read(tmp_path, row)
    assert found["tags"] == '{"labels":{"team":"a"},"own":{"team":"orbit","x":"3"},"note":"{\\"a\\":1}"}'


def test_text_is_replaced_everywhere(tmp_path: Path) -> None:
    (found,), _ = read(tmp_path, {"id": 1, "day": "11/03/2026", "cost": 1, "model": "Big Model_2  X"})
    assert found["model_served"] == "big-model-2-x"


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ('{time: day, format: "%d"}', "zone"),
        ('{time: day, unit: s, format: "%d", zone: UTC}', "one of the two"),
        ('{replace: day, pattern: "(", with: ""}', "regular expression"),
    ],
)
def test_what_makes_no_sense_is_refused(form: str, words: str, tmp_path: Path) -> None:
    mapping = tmp_path / "bad.yaml"
    mapping.write_text(BILL.replace('{time: day, zone: Europe/Berlin, format: "%m/%d/%Y"}', form))
    with pytest.raises(UsageError) as caught:
        staged(jsonl(tmp_path / "in.jsonl", [{"id": 1}]), tmp_path / "work", load(mapping))
    assert any(words in str(line) for line in [str(caught.value), caught.value.expected, caught.value.what])


METERED = """
id: metered
title: meters
checked: 2026-11-22
kind: usage
system: test
reads: [jsonl, csv]
recognise: {keys: [id]}
fields: {record_id: id, event_time: {time: at, unit: s}}
meters:
  - {meter: credits, quantity: {decimal: h}}
  - {meter: audio_seconds, quantity: {decimal: scaled, times: "0.001"}}
  - {meter: session_runtime, quantity: {decimal: about, approximate: true}}
  - {meter: pages, quantity: {if: {eq: [kind, exact]}, then: n, else: {decimal: n, approximate: true}}}
  - {meter: images, quantity: {product: [amount, each]}}
"""


def metered(folder: Path, kind: str, row: dict[str, Any]) -> tuple[Any, list[str]]:
    """One record in one of the two ways to write it."""
    mapping = folder / "metered.yaml"
    mapping.write_text(METERED)
    row = {"id": "r", "at": 1791367200, **row}
    file = jsonl(folder / "in.jsonl", [row])
    if kind == "csv":
        file = folder / "in.csv"
        file.write_text(",".join(row) + "\n" + ",".join(map(str, row.values())) + "\n")
    result, found = staged(file, folder / "work", load(mapping))
    return found[0].get("other_meters") if found else None, [r.reason for r in result.rejects]


@pytest.fixture(params=["json", "typed", "csv"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "typed":
        monkeypatch.setattr(quick, "SMALL", 0)
    return str(request.param)


@pytest.mark.parametrize(
    ("row", "path"),
    [
        ({"h": "0.30000000000000004"}, "h"),
        ({"h": 0.30000000000000004}, "h"),
        ({"h": "1e-10"}, "h"),
        ({"scaled": "0.1234567"}, "scaled"),
        ({"kind": "exact", "n": "0.1234567891"}, "n"),
        ({"amount": "0.0000001", "each": "0.001"}, "amount"),
    ],
)
def test_a_quantity_with_more_decimals_than_are_kept_is_set_aside(
    row: dict[str, Any], path: str, way: str, tmp_path: Path
) -> None:
    assert metered(tmp_path, way, row) == (None, [f"too_many_decimals:{path}"])


@pytest.mark.parametrize(
    ("row", "meter", "quantity"),
    [
        ({"h": "0.300000000"}, "credits", "0.3"),
        ({"h": "0.12345678900000"}, "credits", "0.123456789"),
        ({"h": "12345678901.123456789"}, "credits", "12345678901.123456789"),
        ({"scaled": "0.123456"}, "audio_seconds", "0.000123456"),
        ({"about": 0.30000000000000004}, "session_runtime", "0.3"),
        ({"kind": "other", "n": 0.30000000000000004}, "pages", "0.3"),
        ({"amount": "0.000001", "each": "0.001"}, "images", "0.000000001"),
    ],
)
def test_a_quantity_of_nine_decimals_or_said_to_be_approximate_counts(
    row: dict[str, Any], meter: str, quantity: str, way: str, tmp_path: Path
) -> None:
    assert metered(tmp_path, way, row) == ([{"meter": meter, "quantity": quantity}], [])
