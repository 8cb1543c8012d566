"""Deliveries of one bill given together: what stands in both with other ids or amounts is told with its money."""

from __future__ import annotations

import csv
from itertools import permutations
from pathlib import Path
from typing import Any

from data_builders import EXPORTS, convert

CUR = EXPORTS / "aws" / "cur2" / "daily-csv" / "input.csv"
AZURE = EXPORTS / "focus" / "focus-cost-and-usage" / "azure-one-two-csv" / "input.csv"
Rows = list[dict[str, str]]


def lines(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def file(path: Path, rows: Rows) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def told(out: Path, *files: Path) -> list[tuple[Any, ...]]:
    found = convert(out, *files)["warnings"]
    return [(w["records"], w["money"], w["currency"]) for w in found if w["code"] == "delivered_again"]


def restated(rows: Rows, *amounts: tuple[int, str]) -> Rows:
    """The rows with another amount and quantity in some of them."""
    new = [dict(row) for row in rows]
    for number, amount in amounts:
        new[number] |= dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), amount)
    return new


def test_a_delivery_with_new_ids_is_told_with_all_its_money(tmp_path: Path, out: Path) -> None:
    """Fourteen of the fifteen lines are of AI and have money: 13.1413 USD, twice in the rows."""
    rows = lines(CUR)
    again = [row | {"identity_line_item_id": f"again-{n}"} for n, row in enumerate(rows)]
    files = file(tmp_path / "d1.csv", rows), file(tmp_path / "d2.csv", again)
    assert told(out, *files) == [(14, "13.1413", "USD")]


def test_deliveries_may_be_cut_into_files_at_other_lines(tmp_path: Path, out: Path) -> None:
    rows = lines(CUR)
    again = [row | {"identity_line_item_id": f"again-{n}"} for n, row in enumerate(rows)]
    files = [
        file(tmp_path / f"{name}.csv", part)
        for name, part in (("a1", rows[:8]), ("a2", rows[8:]), ("b1", again[:5]), ("b2", again[5:]))
    ]
    for order in (files, files[::-1]):
        assert told(out, *order) == [(14, "13.1413", "USD")]


def test_equal_charges_of_one_delivery_are_no_second_one(tmp_path: Path, out: Path) -> None:
    equal = [row | {"identity_line_item_id": f"line-{n}"} for n, row in enumerate([lines(CUR)[0]] * 6)]
    assert told(out, file(tmp_path / "p1.csv", equal[:3]), file(tmp_path / "p2.csv", equal[3:])) == []


def test_a_restated_line_is_told_with_what_it_was(tmp_path: Path, out: Path) -> None:
    """A line of 2.50 became one of 3.75; all others are the same record. The order of files makes no difference."""
    rows = lines(AZURE)
    assert (rows[0]["BilledCost"], rows[2]["BilledCost"]) == ("2.5", "5.5")
    files = file(tmp_path / "r1.csv", rows[:12]), file(tmp_path / "r2.csv", restated(rows, (0, "3.75")))
    for order in permutations(files):
        assert told(out, *order) == [(1, "2.5", "EUR")]


def test_each_of_three_deliveries_is_held_against_the_one_before(tmp_path: Path, out: Path) -> None:
    """2.50 became 3.75 and then 4.00, 5.50 became 6.00: 2.50 + 3.75 + 5.50 are in the rows too much."""
    rows = lines(AZURE)
    files = (
        file(tmp_path / "r1.csv", rows[:12]), file(tmp_path / "r2.csv", restated(rows[:13], (0, "3.75"))),
        file(tmp_path / "r3.csv", restated(rows, (0, "4"), (2, "6"))),
    )  # fmt: skip
    assert told(out, *files) == [(3, "11.75", "EUR")]


def test_parts_of_one_delivery_and_a_bill_that_goes_on_are_no_second_one(tmp_path: Path, out: Path) -> None:
    rows, cur = lines(AZURE), lines(CUR)
    assert told(out, file(tmp_path / "p1.csv", cur[:8]), file(tmp_path / "p2.csv", cur[8:])) == []
    assert told(out, file(tmp_path / "h1.csv", rows[:9]), file(tmp_path / "h2.csv", rows)) == []
    # A line that came late, for a day, resource and meter that had one, is no restated one: the first still stands.
    late = [*rows, *restated(rows[:1], (0, "0.25"))]
    assert told(out, file(tmp_path / "h1.csv", rows[:9]), file(tmp_path / "h3.csv", late)) == []
