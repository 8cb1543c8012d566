"""The same events at every grain, in every FOCUS version, as decimals and doubles; and the events beside the rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_builders import COSTS, ask, convert, data_files, event, jsonl, rows, total

from focus_ai.errors import UsageError
from focus_ai.focus import arrow_schema
from focus_ai.focus.columns import load

EVENTS = [
    event(n, timestamp=f"2026-{10 + n % 2}-{1 + n % 9:02d}T{n % 24:02d}:{n % 60:02d}:00Z", team=("a", "b", None)[n % 3],
          input_tokens=1000 + n, cached_input_tokens=n, reasoning_tokens=n % 10, user_id=f"u{n % 4}",
          tool_calls={"web_search": n % 2}, retry_count=n % 2, latency_ms=n, tenant_id=f"t{n % 2}")
    for n in range(60)
]  # fmt: skip


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return jsonl(tmp_path_factory.mktemp("shapes") / "x.jsonl", EVENTS)


@pytest.fixture(scope="module")
def by_grain(source: Path) -> dict[str, Path]:
    found = {}
    for grain in ("request", "hour", "day", "month"):
        found[grain] = source.parent / grain
        convert(found[grain], source, grain=grain)
    return found


def test_grains_have_equal_totals(by_grain: dict[str, Path]) -> None:
    columns = (*COSTS, "ConsumedQuantity", "x_InputTokens", "x_CacheReadTokens", "x_OutputTokens", "x_ReasoningTokens")
    totals = {grain: [total(rows(out), c) for c in columns] for grain, out in by_grain.items()}
    assert len({tuple(t) for t in totals.values()}) == 1
    assert totals["day"][columns.index("x_InputTokens")] == 60_000
    assert totals["day"][columns.index("x_ReasoningTokens")] == sum(n % 10 for n in range(60))
    sizes = [len(rows(by_grain[g])) for g in ("request", "hour", "day", "month")]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[2] > sizes[3]


@pytest.mark.parametrize(
    ("grain", "bounds"),
    [
        ("hour", ("date_trunc('hour', ChargePeriodStart)", "ChargePeriodStart + INTERVAL 1 hour")),
        ("day", ("date_trunc('day', ChargePeriodStart)", "ChargePeriodStart + INTERVAL 1 day")),
        ("month", ("date_trunc('month', ChargePeriodStart)", "ChargePeriodStart + INTERVAL 1 month")),
    ],
)
def test_charge_periods(grain: str, bounds: tuple[str, str], by_grain: dict[str, Path]) -> None:
    start, end = bounds
    odd = f"SELECT * FROM data WHERE ChargePeriodStart <> {start} OR ChargePeriodEnd <> {end}"
    assert ask(by_grain[grain], odd) == []


def test_request_grain_names_the_request(by_grain: dict[str, Path]) -> None:
    found = rows(by_grain["request"])
    assert {r["x_RequestId"] for r in found} == {e["event_id"] for e in EVENTS}
    assert {r["x_UserId"] for r in found} == {"u0", "u1", "u2", "u3"}
    assert {r["x_AttemptKind"] for r in found} == {None, "retry"}
    one = [r for r in found if r["x_RequestId"] == "e7"]
    assert {r["ChargePeriodStart"].isoformat() for r in one} == {"2026-11-08T07:07:00+00:00"}
    assert {r["ChargePeriodEnd"] - r["ChargePeriodStart"] for r in one} <= {
        timedelta(seconds=1),
        timedelta(milliseconds=7),
    }
    for grain in ("hour", "day", "month"):
        assert {(r["x_RequestId"], r["x_UserId"]) for r in rows(by_grain[grain])} == {(None, None)}


def test_buckets_longer_than_the_grain_keep_their_bounds(tmp_path: Path) -> None:
    """A week, a day and an hour of usage, and a day at hour grain: no bucket is cut or stretched."""
    mapping = tmp_path / "m.yaml"
    mapping.write_text(
        "extends: generic-event\nid: buckets\nrecognise: {keys: [event_id, until]}\n"
        "fields: {bucket_end: {time: until, unit: iso}, grain: {const: aggregate}}\n"
    )
    buckets = [
        event(1, timestamp="2026-10-05T00:00:00Z", until="2026-10-12T00:00:00Z"),
        event(2, timestamp="2026-10-05T00:00:00Z", until="2026-10-06T00:00:00Z"),
        event(3, timestamp="2026-10-05T07:00:00Z", until="2026-10-05T08:00:00Z"),
        event(4, timestamp="2026-10-05T07:10:00Z", until="2026-10-05T07:15:00Z"),
    ]
    source = jsonl(tmp_path / "x.jsonl", buckets)
    seen: dict[str, list[tuple[str, str, Any]]] = {}
    for grain in ("hour", "day", "month"):
        convert(tmp_path / grain, source, mapping=[mapping], grain=grain)
        seen[grain] = [
            (r["ChargePeriodStart"].strftime("%dT%H"), r["ChargePeriodEnd"].strftime("%dT%H"), int(r["x_InputTokens"]))
            for r in rows(tmp_path / grain) if r["x_InputTokens"]
        ]  # fmt: skip
    assert sorted(seen["hour"]) == [("05T00", "06T00", 1000), ("05T00", "12T00", 1000), ("05T07", "05T08", 2000)]
    assert sorted(seen["day"]) == [("05T00", "06T00", 3000), ("05T00", "12T00", 1000)]
    assert sorted(seen["month"]) == [("01T00", "01T00", 4000)]


@pytest.mark.parametrize(("version", "numeric"), [("1.2", "decimal"), ("1.3", "double"), ("1.4", "decimal")])
def test_columns_and_types(version: str, numeric: str, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = convert(out, source, focus=version, numeric=numeric)
    wanted = arrow_schema(version, "double" if numeric == "double" else "exact")
    for path in data_files(out):
        have = pq.read_schema(path)
        assert have.names == list(load(version).all_names) == wanted.names
        for mine, theirs in zip(have, wanted, strict=True):
            kind = mine.type.value_type if pa.types.is_dictionary(mine.type) else mine.type
            assert kind == theirs.type, mine.name
        assert pq.read_metadata(path).metadata[b"focus.version"] == version.encode()
    if numeric == "decimal":
        assert Decimal(report["totals"][0]["effective_cost"]) == total(rows(out))
    facts = {c.name: c for c in load(version).all_columns}
    never = [name for name, c in facts.items() if c.nulls is False and not name.startswith("x_")]
    assert "BilledCost" in never
    usage = ("SkuId", "SkuPriceId", "SkuMeter", "PricingQuantity", "PricingUnit", "ListUnitPrice", "ContractedUnitPrice",
             "ConsumedQuantity", "ConsumedUnit", "PricingCategory", "x_Source", "x_CostBasis", "x_RateId", "x_ChargeId",
             "x_OwnerStatus", "x_RequestCount")  # fmt: skip
    found = rows(out)
    assert [name for name in (*never, *usage) if any(r[name] is None for r in found)] == []


def test_what_is_not_known_is_refused(source: Path, tmp_path: Path) -> None:
    for options in ({"focus": "0.9"}, {"grain": "week"}, {"numeric": "float"}, {"memory_limit": "much"},
                    {"adapter": "generic-evnt"}):  # fmt: skip
        with pytest.raises(UsageError):
            convert(tmp_path / "out", source, **options)
        assert [p.name for p in tmp_path.iterdir()] == []


@pytest.mark.parametrize("grain", ["day", "request"])
def test_events_beside_the_rows(grain: str, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = convert(out, source, grain=grain, events=True)
    (entry,) = [f for f in report["files"] if f["path"].startswith("events/")]
    table = pq.read_table(out / entry["path"])
    assert table.num_rows == 60
    found = {r["record_id"]: r for r in table.to_pylist()}
    assert found["e7"]["event_time"] == datetime.fromisoformat("2026-11-08T07:07:00+00:00")
    known = ("end_user_id", "tenant_id", "duration_ms", "attempt_index", "source_row", "owner_team")
    assert [found["e7"][name] for name in known] == ["u3", "t1", 7, 1, 8, "b"]
    assert "x_RequestId" in load("1.3").all_names


def test_nothing_priced_writes_no_parquet(tmp_path: Path) -> None:
    report = convert(tmp_path / "out", jsonl(tmp_path / "x.jsonl", [event(1, model="nobody-knows")]), events=True)
    assert (report["rows"], report["totals"]) == (0, [])
    assert report["unpriced"]["events"] == 1
    assert report["unpriced"]["tokens"] == 1010
    assert [p.name for p in (tmp_path / "out").rglob("*.parquet")] == ["events.parquet"]
    assert not (tmp_path / "out" / "data").exists()


def test_doubles_are_the_nearest_to_the_exact_numbers(tmp_path: Path) -> None:
    """A direct cast of 1,000,000 with nine decimals gives 1000000.0000000001."""
    large = [event(n, input_tokens=tokens, output_tokens=3) for n, tokens in enumerate((1_000_000, 7, 123_456_789))]
    given = jsonl(tmp_path / "x.jsonl", large)
    for numeric in ("decimal", "double"):
        convert(tmp_path / numeric, given, grain="request", numeric=numeric)
    names = ("ConsumedQuantity", "PricingQuantity", "ListUnitPrice", *COSTS)
    exact, doubles = ([[row[n] for n in names] for row in rows(tmp_path / kind)] for kind in ("decimal", "double"))
    assert [[float(str(value)) for value in row] for row in exact] == doubles
    assert 1_000_000 in [row[0] for row in doubles]
