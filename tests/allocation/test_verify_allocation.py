"""`allocate --verify`: an allocated data set is right as written, and every change to it is found and named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rows_of import dataset, owned, read, row, rules

from focus_ai import api
from focus_ai.cli import main
from focus_ai.errors import InputError

RULES = """
allocation:
  - id: tokens
    version: 1
    documentation: Shares by the tokens of the teams, unattributed usage kept.
    match: {service: Licence}
    method: proportional
    basis: {metric: tokens}
  - id: seats
    version: 2
    documentation: Half by seats of a table, half evenly over two teams.
    match: {category: Credit}
    method: tiered
    stages:
      - {share: "0.5", method: proportional, basis: {metric: table, file: seats.csv, unit: Seats}}
      - {share: "0.5", method: even, targets: [{team: a}, {team: b}]}
"""
SIDE = "allocation/billing_period=2026-11"
Rows = list[dict[str, Any]]


def source_rows() -> Rows:
    """Two origin rows, a credit, and direct rows of 3 : 1 tokens; synthetic."""
    credit = {n: D("-10") for n in ("ListCost", "ContractedCost", "EffectiveCost", "BilledCost")}
    none = dict.fromkeys(("PricingQuantity", "ListUnitPrice", "ContractedUnitPrice", "ConsumedQuantity"))
    return [
        row(1, ServiceName="Licence", ListUnitPrice=D("1.01"), SubAccountId="proj-1", Tags='{"team":"platform"}'),
        owned(2, "a", 300, ListUnitPrice=D(0)),
        row(3, "2026-11-04", ServiceName="Licence", PricingQuantity=D("0.000003"), x_InputTokens=3, x_RequestCount=2),
        owned(4, "b", 100, ListUnitPrice=D(0)),
        row(5, ChargeCategory="Credit", **none, **credit),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify")
    held = rules(folder, RULES)
    (folder / "seats.csv").write_text("team,value\na,2\nb,1\n", encoding="utf-8")
    api.allocate(dataset(folder / "in", source_rows()), held, out=folder / "out")
    return folder / "out"


@pytest.fixture
def copy(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "copy"))


def edit(path: Path, change: Callable[[Rows], Any]) -> None:
    table = pq.read_table(path, partitioning=None)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)


def data(folder: Path) -> Path:
    return folder / "data" / "billing_period=2026-11" / "focus-00000.parquet"


def found(folder: Path) -> dict[str, Rows]:
    """Findings by kind, without the hashes of files, which every change breaks."""
    report = api.verify_allocation(folder)
    assert not report["ok"]
    assert report["counts"].pop("file") == 1
    kinds: dict[str, Rows] = {}
    for finding in report["findings"]:
        if finding["kind"] != "file":
            kinds.setdefault(finding["kind"], []).append(finding)
    assert set(kinds) == set(report["counts"])
    return kinds


def share(rows: Rows, origin: int, resource: str | None) -> dict[str, Any]:
    return next(r for r in rows if r["x_OriginChargeId"] == f"{origin:016x}" and r["AllocatedResourceId"] == resource)


def test_as_written_it_is_right(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["allocate", str(written), "--verify"]) == 0
    said = capsys.readouterr().out
    # Two teams for each of three origin rows; weights: tokens a, b; seats a and b in two stages each.
    assert "3 origin rows, 6 shares, 6 weights, 5 files checked" in said
    assert "right: " in said
    held = {
        r["x_OriginChargeId"][-1] + (r["AllocatedResourceId"] or ""): r for r in read(written) if r["AllocatedMethodId"]
    }
    # -10 x (1/2 x 2/3 + 1/2 x 1/2) = -10 x 7/12; the missing unit goes to the larger remainder, 1/3 against 2/3.
    assert held["5team/a"]["EffectiveCost"] == D("-5.833333333333333333")
    assert held["5team/b"]["EffectiveCost"] == D("-4.166666666666666667")


def test_one_cent_is_found(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def change(rows: Rows) -> None:
        share(rows, 1, "team/a")["EffectiveCost"] += D("0.01")

    edit(data(copy), change)
    kinds = found(copy)
    # 1.01 x 3/4, and the cent
    assert [(f["where"], f["target"], f["column"], D(f["value"]), D(f["expected"])) for f in kinds.pop("share")] == [
        ("data/billing_period=2026-11/focus-00000.parquet, row 1", "team/a", "EffectiveCost", D("0.7675"), D("0.7575")),
    ]  # fmt: skip
    assert [(f["origin"], f["column"], f["value"], f["expected"]) for f in kinds.pop("sum")] == [
        ("0000000000000001", "EffectiveCost", "1.02", "1.01"),
    ]
    assert not kinds
    capsys.readouterr()
    assert main(["allocate", str(copy), "--verify"]) == 1
    said = capsys.readouterr().out
    assert "focus-00000.parquet, row 1 (origin 0000000000000001, target team/a)" in said
    assert "EffectiveCost: 0.767500000000000000, expected 0.757500000000000000" in said


def test_a_removed_row_is_named(copy: Path) -> None:
    edit(data(copy), lambda rows: rows.remove(share(rows, 1, "team/b")))
    kinds = found(copy)
    assert [(f["origin"], f["target"], f["value"]) for f in kinds.pop("missing")] == [
        ("0000000000000001", "team/b", "0")
    ]
    assert [(f["value"], f["expected"]) for f in kinds.pop("sum")] == [("0.7575", "1.01")]
    assert [(f["value"], f["expected"]) for f in kinds.pop("ratio_sum")] == [("0.75", "1")]
    assert not kinds


def test_a_row_twice_is_named(copy: Path) -> None:
    edit(data(copy), lambda rows: rows.append(dict(share(rows, 3, "team/a"))))
    kinds = found(copy)
    assert [(f["origin"], f["target"], f["value"]) for f in kinds["missing"]] == [("0000000000000003", "team/a", "2")]


def test_a_changed_weight_is_named_and_shares_are_not_blamed(copy: Path) -> None:
    def change(rows: Rows) -> None:
        next(r for r in rows if r["method_id"] == "tokens@1" and r["target"] == "team/a")["ratio"] = "2/3"

    edit(copy / SIDE / "weights.parquet", change)
    kinds = found(copy)
    assert [(f["rule"], f["target"], f["column"], f["value"], f["expected"]) for f in kinds.pop("weight")] == [
        ("tokens@1", "team/a", "ratio", "2/3", "3/4"),
    ]
    assert [f["value"] for f in kinds.pop("weight_sum")] == ["11/12"]
    assert not kinds


@pytest.mark.parametrize(("where", "change", "kind", "column"), [
    ("data", lambda rows: share(rows, 1, "team/a").update(x_Team="b"), "share", "x_Team"),
    ("data", lambda rows: share(rows, 1, "team/a").update(Tags="{}"), "share", "Tags"),
    ("data", lambda rows: share(rows, 1, "team/a").update(AllocatedTags='{"team":"a"}'), "share", "AllocatedTags"),
    ("data", lambda rows: share(rows, 3, "team/a").update(x_InputTokens=3), "share", "x_InputTokens"),
    ("data", lambda rows: share(rows, 1, "team/a").update(x_ChargeId="0"), "share", "x_ChargeId"),
    ("data", lambda rows: share(rows, 1, "team/a").update(AllocatedResourceId="team/c"), "target", "AllocatedResourceId"),
    ("data", lambda rows: share(rows, 1, "team/a").update(x_OriginChargeId="x"), "no_origin", "x_OriginChargeId"),
    ("data", lambda rows: rows[2].update(ConsumedQuantity=D(200)), "weight", "ratio"),
    ("origins", lambda rows: rows[0].update(EffectiveCost=D(2)), "sum", "EffectiveCost"),
    ("origins", lambda rows: rows[0].update(ServiceName="Other"), "rule", "rule"),
    ("origins", lambda rows: rows[0].update(x_ChargeId=rows[1]["x_ChargeId"]), "origin_id", "x_ChargeId"),
    ("weights", lambda rows: rows[0].update(quantity="1/1"), "weight", "quantity"),
    ("weights", lambda rows: rows[0].update(ratio="much"), "weight", "ratio"),
    ("weights", lambda rows: rows.pop(), "weight", "target"),
])  # fmt: skip
def test_every_change_is_found(copy: Path, where: str, change: Callable[[Rows], Any], kind: str, column: str) -> None:
    edit(data(copy) if where == "data" else copy / SIDE / f"{where}.parquet", change)
    kinds = found(copy)
    assert column in {f["column"] for f in kinds[kind]}, kinds


def test_changed_rules_and_tables_are_found(copy: Path) -> None:
    path = copy / SIDE / "rules.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace('share: "0.5"', 'share: "0.50"'), encoding="utf-8")
    assert set(found(copy)) == {"rules"}
    table = next((copy / SIDE / "tables").iterdir())
    table.write_text("team,value\na,1\nb,1\n", encoding="utf-8")
    report = api.verify_allocation(copy)
    assert {f["target"] for f in report["findings"] if f["kind"] == "weight"} == {"team/a", "team/b"}


@pytest.mark.parametrize(("name", "words"), [
    ("weights.parquet", "the weights behind the shares are missing"),
    ("origins.parquet", "the origin rows of the shares are missing"),
    ("rules.yaml", "the rules behind the shares are missing"),
    ("tables/1-seats.csv", "a table of weights is missing"),
])  # fmt: skip
def test_missing_files_are_a_sentence(copy: Path, name: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / SIDE / name).unlink()
    capsys.readouterr()
    assert main(["allocate", str(copy), "--verify"]) == 3
    said = capsys.readouterr().err
    assert words in said
    assert "next: take the whole data set" in said


def test_shares_without_the_folder_beside_them(copy: Path) -> None:
    shutil.rmtree(copy / "allocation")
    with pytest.raises(InputError, match="the origin rows of the shares are missing"):
        api.verify_allocation(copy)


def test_damaged_side_files_and_rules_are_inputs(copy: Path) -> None:
    weights = (copy / SIDE / "weights.parquet").read_bytes()
    (copy / SIDE / "weights.parquet").write_bytes(b"x")
    with pytest.raises(InputError, match="a file of the allocation cannot be read"):
        api.verify_allocation(copy)
    (copy / SIDE / "weights.parquet").write_bytes(weights)
    (copy / SIDE / "rules.yaml").write_text("allocation: [", encoding="utf-8")
    with pytest.raises(InputError, match="the kept rules cannot be read"):
        api.verify_allocation(copy)


def test_a_data_set_without_shares(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing was allocated"):
        api.verify_allocation(dataset(tmp_path, [row(1)]))


def test_verify_takes_no_other_task(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["allocate", str(written), "--verify", "--dry-run"]) == 2
    assert main(["allocate", str(written)]) == 2
    assert "--verify to check an allocated data set" in capsys.readouterr().err


SECOND = """
allocation:
  - id: rest
    version: 1
    documentation: What is left by the cost that the teams have of their own.
    match: {team: none}
    method: even
    targets: [{team: b}, {team: c}]
"""


def test_an_allocation_on_top_of_another(tmp_path: Path) -> None:
    # The first rule measures a row of nobody (5), which the second splits: at its time that row was direct.
    rows = [*source_rows()[:4], row(9, PricingQuantity=D("0.0004"), x_InputTokens=400)]
    one = rules(tmp_path / "one", RULES.split("  - id: seats")[0])
    api.allocate(dataset(tmp_path / "in", rows), one, out=tmp_path / "first")
    api.allocate(tmp_path / "first", rules(tmp_path / "two", SECOND), out=tmp_path / "second")
    methods = {r["AllocatedMethodId"] for r in read(tmp_path / "second")}
    assert methods == {None, "tokens@1", "rest@1"}
    report = api.verify_allocation(tmp_path / "second")
    assert report["ok"], report["findings"]
    # Rows 1 and 3 over a, b and nobody; row 9 over b and c.
    assert report["checked"] == {"origins": 3, "shares": 8, "weights": 5, "files": 7}
    assert (tmp_path / "second" / SIDE / "earlier" / "origins.parquet").is_file()
    edit(tmp_path / "second" / SIDE / "earlier" / "origins.parquet", lambda found: found[0].update(BilledCost=D(9)))
    assert {f["column"] for f in api.verify_allocation(tmp_path / "second")["findings"]} >= {"BilledCost"}


def test_a_period_of_an_earlier_run_keeps_its_own_files(tmp_path: Path) -> None:
    def month(day: str) -> Rows:
        return [row(1, day, ServiceName="Licence"), owned(2, "a", 5, day=day)]

    text = RULES.split("  - id: seats")[0]
    for name, day, held in (
        ("old", "2026-10-03", text),
        ("new", "2026-11-03", text.replace("version: 1", "version: 2")),
    ):
        api.allocate(dataset(tmp_path / name, month(day)), rules(tmp_path / f"r{name}", held), out=tmp_path / "out")
    assert json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))["kept_periods"] == ["2026-10"]
    report = api.verify_allocation(tmp_path / "out")
    assert report["ok"], report["findings"]
    assert report["checked"]["shares"] == 2


def test_weights_of_a_day_whose_sellers_begin_the_month_at_other_hours(tmp_path: Path) -> None:
    """Google bills months of Pacific time: one folder, two BillingPeriodStart. Two months are another matter."""
    daily = RULES.replace("basis: {metric: tokens}", "basis: {metric: tokens, window: day}", 1)
    held = rules(tmp_path, daily[: daily.index("  - id: seats")])
    month = row(1)["BillingPeriodStart"]
    for number, (start, notes) in enumerate([(month.replace(hour=7), 0), (month.replace(month=10), 1)]):
        found = [row(1, ServiceName="Licence"), owned(2, "a", 300), owned(3, "b", 100, BillingPeriodStart=start)]
        out = tmp_path / f"out-{number}"
        api.allocate(dataset(tmp_path / f"in-{number}", found), held, out=out)
        checked = api.verify_allocation(out)
        assert (checked["ok"], len(checked["notes"])) == (True, notes)


def test_what_convert_allocates_is_verified_too(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    demo = root / "fixtures" / "demo"
    exports = [str(demo / "exports"), "--config", str(demo / "focus-ai.toml"), "-q", "-o", str(tmp_path / "out")]
    text = "allocation:\n  - id: unowned\n    version: 1\n    documentation: Evenly over two teams.\n" \
           "    match: {team: none}\n    method: even\n    targets: [{team: care}, {team: search}]\n"  # fmt: skip
    assert main(["convert", *exports, "--allocation", str(rules(tmp_path, text))]) == 0
    report = api.verify_allocation(tmp_path / "out")
    assert report["ok"], report["findings"]
    assert report["checked"]["shares"] == 2 * report["checked"]["origins"] > 0


def test_pieces_do_not_change_what_is_found(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(rows: Rows) -> None:
        share(rows, 3, "team/b")["BilledCost"] += D(1)
        rows.remove(share(rows, 1, "team/a"))

    edit(data(copy), change)
    whole = api.verify_allocation(copy)
    monkeypatch.setattr("focus_ai.allocate_verify.PIECE", 2)
    monkeypatch.setattr("focus_ai.allocation.recheck._BUCKET", 1)
    assert api.verify_allocation(copy) == whole
    assert whole["counts"] == {"file": 1, "share": 1, "missing": 1, "sum": 2, "ratio_sum": 1}
