"""What a rule file may not say, and how it is told."""

from __future__ import annotations

from decimal import Decimal as D
from pathlib import Path

import pytest
from rows_of import dataset, owned, row, rules

from focus_ai import api
from focus_ai.allocation.rules import load
from focus_ai.errors import FocusAiError, InputError, UsageError
from focus_ai.reports.allocation import allocation_text

HEAD = "allocation:\n"


def rule(name: str, body: str) -> str:
    return f"""  - id: {name}
    version: 1
    documentation: A rule of this test.
{body}
"""


PLATFORM = "    match: {team: platform}\n    method: even\n"


@pytest.mark.parametrize(("text", "said"), [
    (HEAD + rule("a", "    match: {team: x}\n    method: magic"), "rule a, method"),
    (HEAD + rule("a", "    match: {team: x}\n    method: proportional"), "needs a basis"),
    (HEAD + rule("a", "    match: {team: x}\n    method: proportional\n    basis: {metric: token}"), "did you mean tokens"),
    (HEAD + rule("a", "    match: {team: x}\n    method: fixed\n    targets: [{team: y}]"), "with a share each"),
    (HEAD + rule("a", "    match: {team: x}\n    method: fixed\n    targets: [{team: y, share: '0.7'}, {team: z, share: '0.7'}]"), "more than 1"),
    (HEAD + rule("a", "    match: {team: x}\n    method: tiered\n    stages: [{share: '0.5', method: even}]"), "do not add up to 1"),
    (HEAD + rule("a", "    match: {team: x}\n    method: commitment-usage\n    basis: {metric: tokens}"), "capacity"),
    (HEAD + rule("a", "    match: {team: x}\n    method: even\n    targets: [{team: y}, {team: y}]"), "each once"),
    (HEAD + rule("a", PLATFORM) + rule("a", PLATFORM), "same id and version"),
    (HEAD + rule("a", PLATFORM + "    from: 2026-12-01\n    through: 2026-11-01"), "ends before it starts"),
    ("costs: [x.csv]\n", "allocation"),
    ("allocation: [", "cannot be read"),
])  # fmt: skip
def test_wrong_rules(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        load(rules(tmp_path, text))
    assert said in str(error.value)
    assert "allocation.yaml" in str(error.value)


def test_rules_in_a_circle(tmp_path: Path) -> None:
    text = HEAD + rule("first", PLATFORM + "    targets: [{team: data}, {team: search}]")
    text += rule("second", "    match: {team: data}\n    method: even\n    targets: [{team: platform}]")
    with pytest.raises(UsageError) as error:
        load(rules(tmp_path, text))
    assert "the rules go in a circle" in str(error.value)
    assert "first@1 -> second@1 -> first@1" in str(error.value)


def test_a_target_that_is_a_source(tmp_path: Path) -> None:
    text = HEAD + rule("first", PLATFORM + "    targets: [{team: data}]")
    text += rule("second", "    match: {team: da*}\n    method: even\n    targets: [{team: search}]")
    with pytest.raises(UsageError) as error:
        load(rules(tmp_path, text))
    assert "a target of a rule is the source of a rule" in str(error.value)
    assert "first@1 -> second@1 (target team=data)" in str(error.value)
    # Rules that never hold on the same day may hand over.
    apart = text.replace("    match: {team: platform}", "    through: 2026-10-31\n    match: {team: platform}")
    apart = apart.replace("    match: {team: da*}", "    from: 2026-11-01\n    match: {team: da*}")
    assert [r.method_id for r in load(rules(tmp_path, apart)).rules] == ["first@1", "second@1"]


def test_effective_dates_and_the_first_rule_wins(tmp_path: Path) -> None:
    text = HEAD + rule("old", PLATFORM + "    through: 2026-11-03\n    targets: [{team: a}]")
    text += rule("new", PLATFORM + "    from: 2026-11-04\n    targets: [{team: b}]")
    text += rule("never", PLATFORM + "    targets: [{team: c}]")
    source = dataset(tmp_path / "in", [owned(n, "platform", 1_000_000, day=f"2026-11-0{n}") for n in (3, 4)])
    report = api.allocate(source, rules(tmp_path, text))
    assert [(r["rule"], r["rows"]) for r in report["rules"]] == [("old@1", 1), ("new@1", 1), ("never@1", 0)]
    assert report["dry_run"]
    assert report["untouched"] == {"rows": 0, "totals": []}


def test_what_is_not_shared_is_told_by_currency(tmp_path: Path) -> None:
    """Two million tokens at 3.00 in USD, one in EUR."""
    rows = [row(1, ServiceName="Licence"), *(owned(n, "a", 1_000_000) for n in (2, 3)),
            owned(4, "b", 1_000_000, BillingCurrency="EUR")]  # fmt: skip
    text = HEAD + rule("a", "    match: {service: Licence}\n    method: even\n    targets: [{team: a}]")
    report = api.allocate(dataset(tmp_path / "in", rows), rules(tmp_path, text))
    assert report["untouched"] == {"rows": 3, "totals": [
        {"currency": "EUR", "rows": 1, "effective_cost": "3"}, {"currency": "USD", "rows": 2, "effective_cost": "6"},
    ]}  # fmt: skip
    assert "Not shared  3 rows, 3.00 EUR, 6.00 USD effective, unchanged" in allocation_text(report)


@pytest.mark.parametrize(("match", "rows"), [
    ("{service: OpenAI*}", 3), ("{model: [gpt-5, gpt-4]}", 3), ("{team: none}", 1), ("{tag.team: search}", 1),
    ("{BillingAccountId: org-1, team: support}", 1), ("{service: 'OpenAI_API'}", 0),
])  # fmt: skip
def test_selectors(tmp_path: Path, match: str, rows: int) -> None:
    text = HEAD + rule("a", f"    match: {match}\n    method: even\n    targets: [{{team: finance}}]")
    source = dataset(tmp_path / "in", [row(1), owned(2, "search", 10), owned(3, "support", 10)])
    assert api.allocate(source, rules(tmp_path, text))["rules"][0]["rows"] == rows


def test_a_selector_of_an_unknown_column(tmp_path: Path) -> None:
    text = HEAD + rule("a", "    match: {servce: x}\n    method: even\n    targets: [{team: finance}]")
    with pytest.raises(UsageError) as error:
        api.allocate(dataset(tmp_path / "in", [row(1)]), rules(tmp_path, text))
    assert "did you mean service" in str(error.value)


def test_requests_and_products_as_weights(tmp_path: Path) -> None:
    # A call is on each of its meter rows; it counts once.
    direct = [
        owned(2, "a", 10, requests=3, x_Product="p1"), owned(3, "a", 10, requests=3, x_TokenType="output", x_Product="p1"),
        owned(4, "b", 10, requests=9, x_Product="p2"), owned(5, "b", 10, requests=0, x_Product="p3", ResourceId="r"),
    ]  # fmt: skip
    for metric, shares in (("requests", ["0.25", "0.75"]), ("active_products", ["0.333333333", "0.666666667"])):
        text = HEAD + rule(
            "a", f"    match: {{service: Licence}}\n    method: proportional\n    basis: {{metric: {metric}}}"
        )
        source = dataset(tmp_path / metric, [row(1, ServiceName="Licence"), *direct])
        window = api.allocate(source, rules(tmp_path, text))["rules"][0]["windows"][0]
        assert [(t["target"], t["ratio"]) for t in window["targets"]] == [("team/a", shares[0]), ("team/b", shares[1])]


def test_rows_of_one_meter_are_other_requests(tmp_path: Path) -> None:
    """Ten calls of one product and ten of another, of which two were dear ones, are twenty; on the rows of the output
    most of them stand again. Against them stand ten of b."""
    direct = [
        owned(2, "a", 10, requests=10, x_Product="p1"), owned(3, "a", 10, requests=10, x_Product="p1", x_TokenType="output"),
        owned(4, "a", 10, requests=8, x_Product="p2"), owned(5, "a", 10, requests=8, x_Product="p2", x_TokenType="output"),
        owned(6, "a", 10, requests=2, x_Product="p2", ListUnitPrice=D(9)), owned(7, "b", 10, requests=10, x_Product="p1"),
    ]  # fmt: skip
    text = HEAD + rule("a", "    match: {service: Licence}\n    method: proportional\n    basis: {metric: requests}")
    source = dataset(tmp_path / "in", [row(1, ServiceName="Licence"), *direct])
    window = api.allocate(source, rules(tmp_path, text))["rules"][0]["windows"][0]
    found = [(t["target"], t["why"][0]["quantity"]) for t in window["targets"]]
    assert found == [("team/a", "20"), ("team/b", "10")]


def test_tokens_of_rows_that_count_them_in_other_units(tmp_path: Path) -> None:
    """Three million Tokens of a, a million of b in blocks of a thousand Units, none in the requests of c: 4.00 becomes
    3.00 and 1.00."""
    units = {"PricingUnit": "Units", "ConsumedUnit": "Units", "ListUnitPrice": D("0.0025")}
    cloud = owned(3, "b", 1_000_000, **units) | {"PricingQuantity": D(1000), "ConsumedQuantity": D(1_000_000)}
    calls = owned(4, "c", 500, **units | {"ConsumedUnit": "requests"}) | {"x_InputTokens": None}
    rows = [row(1, ServiceName="Licence", ListUnitPrice=D(4)), owned(2, "a", 3_000_000), cloud, calls]
    text = HEAD + rule("a", "    match: {service: Licence}\n    method: proportional\n    basis: {metric: tokens}")
    made = api.allocate(dataset(tmp_path / "in", rows), rules(tmp_path, text))
    assert [(t["target"], t["effective_cost"]) for t in made["rules"][0]["windows"][0]["targets"]] == [
        ("team/a", "3"), ("team/b", "1"),
    ]  # fmt: skip


def test_a_table_of_weights(tmp_path: Path) -> None:
    (tmp_path / "seats.csv").write_text(
        "team,value,month\na,30,2026-11\nb,10,2026-11\nb,99,2026-10\n", encoding="utf-8"
    )
    text = HEAD + rule(
        "a", "    match: {service: Licence}\n    method: proportional\n"
        "    basis: {metric: table, file: seats.csv, unit: Seats}",
    )  # fmt: skip
    window = api.allocate(dataset(tmp_path / "in", [row(1, ServiceName="Licence")]), rules(tmp_path, text))
    targets = window["rules"][0]["windows"][0]["targets"]
    assert [(t["target"], t["ratio"], t["why"][0]["unit"]) for t in targets] == [
        ("team/a", "0.75", "Seats"), ("team/b", "0.25", "Seats"),
    ]  # fmt: skip
    (tmp_path / "seats.csv").write_text("team,value\na,-1\n", encoding="utf-8")
    with pytest.raises(InputError, match="negative"):
        api.allocate(tmp_path / "in", rules(tmp_path, text))


def test_an_owner_with_more_credits_than_cost(tmp_path: Path) -> None:
    text = HEAD + rule("a", "    match: {service: Licence}\n    method: proportional\n    basis: {metric: cost}")
    source = dataset(tmp_path / "in", [row(1, ServiceName="Licence"), owned(2, "a", -10)])
    with pytest.raises(InputError) as error:
        api.allocate(source, rules(tmp_path, text))
    assert "negative weight" in str(error.value)
    assert "team=a" in str(error.value)


def test_shared_cost_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "shared.csv").write_text(
        "shared_cost,provider,amount,month,currency\nvector-store,Acme,100.00,2026-11,USD\n", encoding="utf-8"
    )
    text = "costs: [shared.csv]\n" + HEAD + rule(
        "vectors", "    match: {shared_cost: vector-store}\n    method: proportional\n    basis: {metric: tokens}"
    )  # fmt: skip
    source = dataset(tmp_path / "in", [owned(2, "a", 300), owned(3, "b", 100)])
    report = api.allocate(source, rules(tmp_path, text), out=tmp_path / "out")
    window = report["rules"][0]["windows"][0]
    assert [(t["target"], t["effective_cost"]) for t in window["targets"]] == [("team/a", "75"), ("team/b", "25")]
    assert report["totals"][0]["effective_cost"] == "100.0012"
    assert report["totals_before"][0]["billed_cost"] == "100.0012"


@pytest.mark.parametrize(("line", "said"), [
    ("x,Acme,ten,2026-11", "not readable"), ("x,Acme,10,November", "needs its time"), (",Acme,10,2026-11", "needs shared_cost"),
    ("x,Acme,-10,2026-11", "category Credit"),
])  # fmt: skip
def test_wrong_files_of_shared_cost(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "shared.csv").write_text(f"shared_cost,provider,amount,month\n{line}\n", encoding="utf-8")
    text = "costs: [shared.csv]\n" + HEAD + rule("a", PLATFORM + "    targets: [{team: b}]")
    with pytest.raises(FocusAiError) as error:
        api.allocate(dataset(tmp_path / "in", [row(1)]), rules(tmp_path, text))
    assert said in str(error.value)
    assert "shared.csv, row 1" in str(error.value)


def test_what_is_no_data_set(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no data set"):
        api.allocate(tmp_path / "empty", rules(tmp_path, HEAD + rule("a", PLATFORM + "    targets: [{team: b}]")))
    with pytest.raises(UsageError, match="not found"):
        api.allocate(tmp_path / "empty", tmp_path / "missing.yaml")
