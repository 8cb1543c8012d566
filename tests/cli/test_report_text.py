"""The run report as text: every amount exact, nothing left out silently."""

from __future__ import annotations

from decimal import Decimal

import pytest
from report_example import report

from focus_ai.reports.run import run_text
from focus_ai.reports.table import amount, table

GOLDEN = """\
Records         count
read            1,290  1 file: litellm-spend-logs, openai-costs
  events        1,200
  billed lines     60
  duplicates       20
  rejected          4  broken_json 3, missing:event_time 1
  ignored           6  span_not_inference 6
unpriced           12  340,000 tokens: alias_unmapped 10, no_rate 2
rows out          431

Cost         list  contracted  effective                billed
USD   1,234.56789    1,200.00   1,200.00  0.000000000000000001

Provider   rows  tokens  effective                 billed
openai      400       9   1,203.00   3.000000000000000001
anthropic    31       0      -3.00  -3.00

Model     rows  tokens  effective  billed
model-12     1      12       0.12    0.00
model-11     1      11       0.11    0.00
model-10     1      10       0.10    0.00
model-09     1       9       0.09    0.00
model-08     1       8       0.08    0.00
model-07     1       7       0.07    0.00
model-06     1       6       0.06    0.00
model-05     1       5       0.05    0.00
model-04     1       4       0.04    0.00
model-03     1       3       0.03    0.00
(2 more)     2       3       0.03    0.00

Team          rows     tokens      effective  billed
search         424  1,020,000  1,199.9999975    0.00
Unattributed     7          5      0.0000025    0.00

Money taken from
  openai-organization: bill (usage and bill given), 2 days, 2026-11-16 to 2026-11-17

Warnings  2
  unpriced: usage without a rate (12 records, 0.50)
  bulk_context_unknown: context of aggregate rows is unknown (3 records)

Written to demo-out                                rows
  data/billing_period=2026-10/focus-00000.parquet    31
  data/billing_period=2026-11/focus-00000.parquet   400
  events/: events.parquet
  exceptions/: rejects.jsonl
  run.json
Rate card genai-prices-0.2.3+abcdef01
Words  focus-ai explain WORD says what one of these means and what helps
"""


def test_of_many_reasons_the_rare_ones_are_counted_together() -> None:
    reasons = {f"wrong_type:column_{n}": n for n in range(1, 10)}
    shown = run_text({**report(), "rejected": reasons})
    assert "wrong_type:column_9 9, " in shown and "wrong_type:column_4 4, other 6\n" in shown


def test_the_whole_report_reads_as_written_here() -> None:
    assert run_text(report()) == GOLDEN


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("0.0000025", "0.0000025"),
        ("0", "0.00"),
        ("7.5", "7.50"),
        ("1234567.891", "1,234,567.891"),
        ("-0.10", "-0.10"),
        ("1E+3", "1,000.00"),
        ("0.000000000000000001", "0.000000000000000001"),
    ],
)
def test_amounts_are_exact_and_never_rounded_to_zero(given: str, shown: str) -> None:
    assert amount(given) == shown


def test_decimal_points_stand_below_each_other() -> None:
    lines = table(["cost"], [[Decimal("10")], [Decimal("0.125")], [None]])
    assert [line.find(".") for line in lines[1:3]] == [2, 2]
    assert lines[3].strip() == "-"


def test_what_is_not_shown_is_summed_exactly() -> None:
    text = run_text(report(), top=10)
    assert "(2 more)" in text
    assert "0.03" in next(line for line in text.splitlines() if "(2 more)" in line)


def test_the_unattributed_line_is_there_when_everything_has_an_owner() -> None:
    owned = report(by_team=[], unattributed={"rows": 0, "effective_cost": "0"})
    line = next(line for line in run_text(owned).splitlines() if line.startswith("Unattributed"))
    assert "0.00" in line


def test_several_currencies_are_never_added() -> None:
    entries = [
        {"name": "a", "rows": 1, "effective_cost": "1", "billed_cost": "1", "tokens": 1, "currency": "EUR"},
        {"name": "b", "rows": 1, "effective_cost": "2", "billed_cost": "2", "tokens": 1, "currency": "USD"},
        {"name": "c", "rows": 1, "effective_cost": "3", "billed_cost": "3", "tokens": 1, "currency": "USD"},
    ]
    text = run_text(report(by_provider=[], by_model=entries), top=1)
    rest = [line.split() for line in text.splitlines() if "more)" in line]
    assert [(line[-1], line[4]) for line in rest] == [("EUR", "1.00"), ("USD", "2.00")]


def test_a_run_without_charges_says_so() -> None:
    empty = report(totals=[], by_provider=[], by_model=[], by_team=[], warnings=[], billing_source=[], files=[])
    text = run_text(empty)
    assert "none: no record became a charge" in text
    assert "Unattributed" in text


def test_warnings_with_more_money_come_first() -> None:
    lines = run_text(report()).splitlines()
    codes = [line.split(":")[0].strip() for line in lines if line.startswith("  unpriced:") or "bulk_context" in line]
    assert codes == ["unpriced", "bulk_context_unknown"]


def test_many_unpriced_meters_are_cut_and_counted() -> None:
    meters = [{"meter": f"m{n}", "unit": None, "quantity": "1", "events": 1} for n in range(5)]
    unpriced = {"events": 1, "tokens": 1234, "reasons": {"no_rate": 1}, "meters": meters}
    told = "1,234 tokens, 1 units (m0), 1 units (m1), 1 units (m2) and 2 more meters: no_rate 1"
    assert told in run_text(report(unpriced=unpriced))
