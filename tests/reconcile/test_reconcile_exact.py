"""Exact arithmetic inside the engine, against whole numbers of Python: weights of a split, scaled costs, division."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from decimal import Decimal as D
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from focus_ai.allocation.rules import FIELDS
from focus_ai.allocation.split import integers, split
from focus_ai.close_run import create_units
from focus_ai.engine import Session, exact
from focus_ai.engine.tables import create_table
from focus_ai.money import CTX, largest_remainder
from focus_ai.reconcile.close import OWNER
from focus_ai.reconcile.scale import create_scaled
from focus_ai.reconcile.weights import LARGEST, create_owners, create_weights


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session(tmp_path / "engine", threads=1) as opened:
        yield opened


def weigh(
    session: Session, usage: list[tuple[int, str | None, str | None, str | None, str]],
    buckets: list[tuple[int, str | None, str | None]],
) -> tuple[dict[tuple[int, str], int], dict[tuple[int, str], dict[str, Any]], list[str]]:  # fmt: skip
    """Weights and details by bucket and owner key. Usage: bucket, team, product, quantity, cost; bucket: n, b_q, meter."""
    empty = dict.fromkeys(OWNER, "VARCHAR")
    create_table(
        session, "given_rows", {"n": "BIGINT", **empty, "quantity": "VARCHAR", "cost": "VARCHAR"},
        [{"n": n, "x_Team": team, "x_Product": product, "quantity": q, "cost": cost}
         for n, team, product, q, cost in usage],
    )  # fmt: skip
    session.sql(
        "CREATE TABLE rated_rows AS SELECT * EXCLUDE (cost) REPLACE (CAST(quantity AS DECIMAL(19, 9)) AS quantity), "
        "CAST(cost AS DECIMAL(38, 18)) AS EffectiveCost FROM given_rows"
    )
    create_table(
        session, "given_buckets", {"n": "BIGINT", "b_q": "VARCHAR", "meter": "VARCHAR"},
        [{"n": n, "b_q": q, "meter": meter} for n, q, meter in buckets],
    )  # fmt: skip
    session.sql(
        "CREATE TABLE buckets AS SELECT * REPLACE (CAST(b_q AS DECIMAL(38, 9)) AS b_q), '1000000 Tokens' AS unit, "
        "'usage' AS kind, 1 AS b_lines, 1 AS r_lines, CAST(NULL AS DATE) AS p_from, CAST(NULL AS DATE) AS p_to, "
        "'c' || n AS channel, 'USD' AS currency, NULL AS account, NULL AS sub_account, NULL AS model, NULL AS tier "
        "FROM given_buckets"
    )
    create_owners(session, FIELDS, OWNER)
    create_units(session)
    notes = create_weights(session)
    found = session.rows("SELECT n, key, w, details FROM split_weights JOIN split_owners USING (oid) ORDER BY n, pos")
    return (
        {(n, key): w for n, key, w, _ in found},
        {(n, key): json.loads(details, parse_float=D)["Elements"][0] for n, key, _, details in found},
        notes,
    )


def test_52_and_53_weights_of_counted_buckets(session: Session) -> None:
    weights, details, notes = weigh(
        session,
        [(1, "Search", None, "1.2", "3"), (1, "Support", None, "0.7", "1.75"),
         (2, "a", None, "1.5", "1"), (2, "b", None, "1.0", "1")],
        [(1, "2.0", "input"), (2, "2.0", "input")],
    )  # fmt: skip
    assert weights == {
        (1, "team=Search"): 12, (1, "team=Support"): 7, (1, "~unmetered_usage"): 1, (2, "team=a"): 3, (2, "team=b"): 2,
    }  # fmt: skip
    assert notes == ["1 buckets were metered above the bill: their shares were scaled down (over_count)"]
    assert details[1, "team=Support"] == {
        "AllocatedRatio": D("0.35"), "UsageUnit": "Tokens", "UsageQuantity": 700_000,
    }  # fmt: skip
    assert details[1, "~unmetered_usage"]["UsageQuantity"] == 100_000
    assert details[2, "team=a"]["AllocatedRatio"] == D("0.6")


def test_nobody_and_owners_without_a_team_are_one(session: Session) -> None:
    weights, details, _ = weigh(
        session,
        [(1, "a", "shop", None, "1"), (1, "a", None, None, "2"), (1, None, "shop", None, "1"), (1, None, None, None, "4"),
         (1, "b", None, None, "-3")],
        [(1, "9", "input"), (2, "0", "input"), (3, None, None)],
    )  # fmt: skip
    # A refund takes no share. Without usage, or with nothing billed but money, all of it belongs to nobody.
    assert weights == {
        (1, "~no_owner"): 5, (1, "team=a"): 2, (1, "team=a/product=shop"): 1,
        (2, "~unmetered_usage"): 1, (3, "~unmetered_usage"): 1,
    }  # fmt: skip
    assert details[1, "~no_owner"] == {"AllocatedRatio": D("0.625")}
    assert details[2, "~unmetered_usage"] == {"AllocatedRatio": 1}


def test_weights_equal_those_of_single_plans(session: Session) -> None:
    chance = random.Random(7)
    usage, buckets = [], []
    for n in range(60):
        places, counted = chance.choice([2, 9, 18]), n % 3 == 0
        for team in chance.sample(["a", "b", "c", "d/e", "d", "é"], chance.randint(1, 6)):
            amount = min(D(chance.randint(1, 10 ** chance.choice([3, 12, 25]))).scaleb(-places), D(10**15))
            usage.append((n, team, None, f"{round(min(amount, D(10**9)), 9):f}" if counted else None, f"{amount:f}"))
        buckets.append((n, "0.000000001" if counted else None, "input" if counted else None))
    weights, details, _ = weigh(session, usage, buckets)
    seen_large = False
    for n in range(60):
        held = {f"team={u[1]}": D(u[3] or u[4]) for u in usage if u[0] == n}
        held = {k: v for k, v in sorted(held.items()) if v}
        whole = sum(map(Fraction, held.values()))
        expected = integers([Fraction(v) / whole for v in held.values()])
        if sum(expected) > LARGEST:
            expected, seen_large = largest_remainder(LARGEST, expected, list(held)), True
        assert {k: w for (m, k), w in weights.items() if m == n} == {
            k: w for k, w in zip(held, expected, strict=True) if w
        }  # fmt: skip
        ratios = split(D(1), held, 12)
        assert all(details[n, k]["AllocatedRatio"] == ratios[k] for (m, k) in weights if m == n)
    assert seen_large


def test_division_of_any_size(session: Session) -> None:
    chance = random.Random(11)
    cases = []
    for size in (3, 12, 20, 29):
        for _ in range(20):
            over = chance.randint(1, 10**size)
            cases.append((chance.randint(0, 10 ** chance.randint(1, 29)), chance.randint(-over, over), over))
    cases = [(u, w, o) for u, w, o in cases if abs(u // o * w) < 10**37]
    values = ", ".join(f"('{u}'::HUGEINT, '{w}'::HUGEINT, '{o}'::HUGEINT)" for u, w, o in cases)
    rows = exact.divided(f"SELECT * FROM (VALUES {values}) t(u, w, o)", "u", "w", "o", max(o for *_, o in cases))
    found = session.rows(f"SELECT u, w, o, q, r FROM ({rows})")
    assert len(found) == len(cases) > 60
    for u, w, o, q, r in found:
        assert (q, r) == divmod(u * w, o)


def test_costs_and_digits(session: Session) -> None:
    assert session.one(f"SELECT {exact.cost('-1500000000000000001::HUGEINT')}")[0] == D("-1.500000000000000001")
    assert session.one(f"SELECT {exact.whole('CAST(-0.5 AS DECIMAL(9, 3))')}")[0] == -500
    written = [session.one(f"SELECT {exact.plain(f'{n}::HUGEINT', 3)}")[0] for n in (0, 7, 1500, 20000)]
    assert written == ["0", "0.007", "1.5", "20"]


def scaled(
    session: Session, rated: list[tuple[str, str]], billed: str, *, bill_of_usage: bool = True
) -> list[tuple[D, D, D]]:
    """EffectiveCost, BilledCost and the amount in the pricing currency of every rated row. Rated: two amounts each."""
    amounts = "CAST({0} AS DECIMAL(38, 18)) AS {1}"
    columns = ["EffectiveCost", "BilledCost", "PricingCurrencyEffectiveCost"]
    for side, rows in (("rated", rated), ("billed", [(billed, billed)])):
        values = ", ".join(f"({n}, '{own}', '{foreign}')" for n, (own, foreign) in enumerate(rows, 1))
        chosen = ", ".join(amounts.format("foreign_" if c.startswith("Pricing") else "own", c) for c in columns)
        session.sql(
            f"CREATE TABLE {side}_rows AS SELECT {chosen}, 'rated' AS x_CostBasis, CAST(NULL AS VARCHAR) AS InvoiceId, "
            f"'c' || seq AS x_ChargeId, seq, 1 AS n FROM (VALUES {values}) t(seq, own, foreign_)"
        )
    session.sql(
        "CREATE TABLE buckets AS SELECT 1 AS n, 'usage' AS kind, DATE '2026-11-03' AS p_from, DATE '2026-11-04' AS p_to, "
        "1 AS b_lines, 'EUR' AS currency, 'openai' AS channel, 'o' AS account"
    )
    create_scaled(session, dict.fromkeys([*columns, "x_CostBasis", "InvoiceId", "x_ChargeId"], ""))
    return session.rows(f"SELECT {', '.join(columns)} FROM scaled_rows WHERE part = 1 ORDER BY seq")


def test_refunds_and_another_pricing_currency(session: Session) -> None:
    # Rated 10 - 2 = 8 EUR, billed 4: half of each. The dollars behind the first row are halved with it.
    assert scaled(session, [("10", "11"), ("-2", "-2.2"), ("0", "0")], "4") == [
        (D(5), D(5), D("5.5")), (D(-1), D(-1), D("-1.1")), (D(0), D(0), D(0)),
    ]  # fmt: skip


def test_large_and_crooked_amounts_are_met(session: Session) -> None:
    rated = [f"{D(n * 10**18 + 7919 * n):f}" for n in range(3, 40)]
    given = [CTX.scaleb(D(n), -10) for n in rated]
    found = scaled(session, [(f"{g:f}", f"{g:f}") for g in given], "123456789.123456789123456789")
    parts = largest_remainder(
        123456789123456789123456789, [int(CTX.scaleb(g, 18)) for g in given],
        [f"c{n}" for n in range(1, len(given) + 1)],
    )  # fmt: skip
    assert [effective for effective, *_ in found] == [CTX.scaleb(D(p), -18) for p in parts]
