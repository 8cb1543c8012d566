"""The finished comparison: status of every bucket, totals that add up, and the document `focus-ai/reconcile@1`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from focus_ai.engine import Session
from focus_ai.errors import InternalError
from focus_ai.money import text
from focus_ai.reconcile.causes import Limits, young
from focus_ai.reconcile.tolerance import invoice_tolerance

SCHEMA = "focus-ai/reconcile@1"
KEY = ("from", "to", "channel", "account", "sub_account", "model", "meter", "tier", "category")
#: Statuses that count as outside tolerance.
OUTSIDE = ("breach", "missing_in_billed", "missing_in_rated", "unpriced")
STATUSES = ("ok", "warn", "breach", "missing_in_billed", "missing_in_rated", "provisional", "unpriced", "untold")
#: Statuses that say nothing about a difference.
_APART = ("provisional", "untold")
_DIFFERS = "(delta <> 0 OR status <> 'ok') AND status <> 'untold'"


def create_result(session: Session, limits: Limits, as_of: datetime, *, apart: bool = False) -> None:
    """Create the view `result`: buckets with status, variances, what was explained and what is left.

    `apart`: the table `untold` says which buckets are not compared. Most buckets do not differ: products are only
    computed where something is left to compare.
    """

    def within(limit: Decimal) -> str:
        return f"abs(delta) <= CAST(abs(b_cost) AS DECIMAL(27, 9)) * CAST({text(limit)} AS DECIMAL(9, 6))"

    # Tax, credits and purchases have no usage against them: they stand as the bill says and are no breach.
    untold = "WHEN n IN (SELECT n FROM untold WHERE stays) THEN 'untold' " if apart else ""
    status = (
        f"CASE {untold}WHEN abs(delta) <= CAST({text(limits.absolute)} AS DECIMAL(38, 18)) THEN 'ok' "
        f"WHEN {within(limits.warn)} OR (kind IN ('tax', 'credit', 'purchase') AND r_lines = 0) THEN 'ok' "
        f"WHEN {young(limits, as_of)} AND kind = 'usage' THEN 'provisional' "
        "WHEN r_unpriced > 0 THEN 'unpriced' WHEN b_lines = 0 THEN 'missing_in_billed' "
        f"WHEN r_lines = 0 THEN 'missing_in_rated' WHEN {within(limits.breach)} THEN 'warn' ELSE 'breach' END"
    )
    price = "coalesce(r_price, r_mean)"
    volume = (
        f"CASE WHEN q_r = q_b AND {price} IS NOT NULL THEN 0 "
        f"WHEN q_r IS NOT NULL AND q_b IS NOT NULL AND {price} IS NOT NULL THEN "
        f"CAST(q_b - q_r AS DECIMAL(19, 9)) * {price} END"
    )
    session.sql("CREATE OR REPLACE TABLE rests AS SELECT n, rest, r_mean FROM open")
    session.sql(
        f"""CREATE OR REPLACE VIEW result AS
        SELECT * EXCLUDE (q_r, q_b), CAST(delta - volume_variance AS DECIMAL(38, 18)) AS price_variance FROM (
          SELECT b.*, {status} AS status,
                 CAST({volume} AS DECIMAL(38, 18)) AS volume_variance,
                 CAST(coalesce(o.rest, 0) AS DECIMAL(38, 18)) AS unexplained,
                 CAST(delta - coalesce(o.rest, 0) AS DECIMAL(38, 18)) AS explained, q_r, q_b
          FROM (SELECT *, CASE WHEN r_lines = 0 AND kind = 'usage' THEN 0 ELSE r_q END AS q_r,
                       CASE WHEN b_lines = 0 AND kind = 'usage' THEN 0 ELSE b_q END AS q_b FROM buckets) b
          LEFT JOIN rests o USING (n))"""
    )
    session.sql(
        "CREATE OR REPLACE TABLE found_causes AS SELECT n, step, cause, "
        "CAST(sum(amount) AS DECIMAL(38, 18)) AS amount, "
        "CAST(sum(quantity) AS DECIMAL(38, 9)) AS quantity, CAST(sum(events) AS BIGINT) AS events, "
        "string_agg(DISTINCT note, '; ' ORDER BY note) AS note FROM causes GROUP BY n, step, cause"
    )
    wrong = session.one(
        "SELECT count(*) FROM result r LEFT JOIN (SELECT n, sum(amount) AS amount FROM found_causes GROUP BY n) c "
        "USING (n) WHERE r_cost + coalesce(c.amount, 0) + unexplained <> b_cost"
    )[0]
    if wrong:
        raise InternalError(
            "rated, explained and unexplained amounts do not add up to the bill", value=f"{wrong} buckets"
        )


def document(session: Session, facts: Mapping[str, Any], limits: Limits, *, top: int, verdict: str) -> dict[str, Any]:
    """The report without the run's own facts added twice. `top` limits the listed buckets (0: all that differ)."""
    totals = _totals(session, f"CAST({text(limits.absolute)} AS DECIMAL(38, 18))")
    buckets = _buckets(session, top)
    counts = dict(session.rows("SELECT status, count(*) FROM result GROUP BY status"))
    invoices = _invoices(session)
    passed = _passed(verdict, counts, invoices)
    return {
        "schema": SCHEMA, **facts,
        "tolerance": {"rule": verdict, "absolute": text(limits.absolute), "warn": text(limits.warn),
                      "breach": text(limits.breach), "invoice_rule": "focus-1.4"},
        "passed": passed,
        "statuses": {s: int(counts.get(s, 0)) for s in STATUSES},
        "totals": totals,
        "invoices": invoices,
        "causes": _causes(session),
        "buckets": buckets,
        "buckets_listed": len(buckets),
        "buckets_differing": int(session.one(f"SELECT count(*) FROM result WHERE {_DIFFERS}")[0]),
        "buckets_total": sum(int(n) for n in counts.values()),
    }  # fmt: skip


def _passed(verdict: str, counts: Mapping[str, int], invoices: Sequence[Mapping[str, Any]]) -> bool:
    if verdict == "invoice":
        return all(i["status"] == "ok" for i in invoices)
    return not any(counts.get(s) for s in OUTSIDE)


def _totals(session: Session, tol: str) -> list[dict[str, Any]]:
    rows = session.rows(
        "SELECT currency, sum(r_cost), sum(b_cost), sum(delta), sum(volume_variance), "
        "sum(delta) FILTER (volume_variance IS NULL), sum(price_variance), sum(explained), sum(unexplained), "
        "sum(unattributed), sum(CAST(r_lines AS HUGEINT))::BIGINT, sum(CAST(b_lines AS HUGEINT))::BIGINT, count(*), "
        f"count(*) FILTER (abs(unexplained) > {tol} AND status NOT IN {_APART}) "
        "FROM result GROUP BY currency ORDER BY currency"
    )
    found = []
    for (
        currency,
        rated,
        billed,
        delta,
        volume,
        without,
        price,
        explained,
        rest,
        nobody,
        r_lines,
        b_lines,
        n,
        left,
    ) in rows:
        found.append({
            "currency": currency, "rated": text(rated), "billed": text(billed), "delta": text(delta),
            "volume_variance": _maybe(volume), "price_variance": _maybe(price),
            "delta_without_quantities": _maybe(without), "explained": text(explained), "unexplained": text(rest),
            "unattributed_rated": text(nobody), "rated_lines": int(r_lines), "billed_lines": int(b_lines),
            "buckets": int(n), "unexplained_outside": int(left),
        })  # fmt: skip
    return found


def _invoices(session: Session) -> list[dict[str, Any]]:
    """The invoice test: per channel, account, currency and month, without tax."""
    rows = session.rows(
        "SELECT channel, account, currency, strftime(p_from, '%Y-%m') AS month, "
        "list(DISTINCT invoice ORDER BY invoice) FILTER (invoice IS NOT NULL), sum(r_cost), sum(b_cost), sum(delta), "
        "sum(r_lines)::BIGINT FROM result WHERE kind <> 'tax' AND status <> 'untold' GROUP BY ALL ORDER BY ALL"
    )
    found = []
    for channel, account, currency, month, invoices, rated, billed, delta, lines in rows:
        allowed = invoice_tolerance(int(lines), currency or "USD")
        found.append({
            "channel": channel, "account": account, "currency": currency, "month": month, "invoices": invoices or [],
            "rated": text(rated), "billed": text(billed), "delta": text(delta), "tolerance": text(allowed),
            "status": "ok" if abs(delta) <= allowed else "breach",
        })  # fmt: skip
    return found


def _causes(session: Session) -> list[dict[str, Any]]:
    rows = session.rows(
        "SELECT cause, currency, CAST(sum(amount) AS DECIMAL(38, 18)), count(*), sum(events)::BIGINT, min(step), "
        "list(DISTINCT note ORDER BY note)[1:3] FROM found_causes JOIN (SELECT n, currency FROM result) USING (n) "
        "GROUP BY cause, currency ORDER BY min(step), cause, currency"
    )
    return [
        {"cause": c, "currency": cur, "amount": text(a), "buckets": int(n),
         **({"events": int(e)} if e is not None else {}), "notes": [w for w in notes or [] if w]}
        for c, cur, a, n, e, _, notes in rows
    ]  # fmt: skip


def _buckets(session: Session, top: int) -> list[dict[str, Any]]:
    limit = f"LIMIT {top}" if top else ""
    rows = session.arrow(
        "SELECT n, p_from, p_to, channel, account, sub_account, model, meter, tier, kind, currency, unit, r_q, r_cost, "
        "r_price, r_lines, b_q, b_cost, b_lines, delta, volume_variance, price_variance, status, unexplained "
        f"FROM result WHERE {_DIFFERS} ORDER BY abs(delta) DESC, n {limit}"
    ).to_pylist()
    wanted = ", ".join(str(r["n"]) for r in rows)
    causes: dict[int, list[dict[str, Any]]] = {}
    if rows:
        for n, cause, amount, events, note in session.rows(
            f"SELECT n, cause, amount, events, note FROM found_causes WHERE n IN ({wanted}) ORDER BY n, step, cause"
        ):
            entry = {"cause": cause, "amount": text(amount)}
            entry |= {"events": int(events)} if events is not None else {}
            causes.setdefault(int(n), []).append(entry | ({"note": note} if note else {}))
    return [_bucket(r, causes.get(r["n"], [])) for r in rows]


def _bucket(row: Mapping[str, Any], causes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    values = (row["p_from"].isoformat(), row["p_to"].isoformat(), row["channel"], row["account"], row["sub_account"],
              row["model"], row["meter"], row["tier"], row["kind"])  # fmt: skip
    return {
        "key": {name: value for name, value in zip(KEY, values, strict=True) if value is not None},
        "currency": row["currency"],
        "rated": {"quantity": _maybe(row["r_q"]), "unit": row["unit"], "price": _maybe(row["r_price"]),
                  "cost": text(row["r_cost"]), "lines": row["r_lines"]},
        "billed": {"quantity": _maybe(row["b_q"]), "cost": text(row["b_cost"]), "lines": row["b_lines"]},
        "delta": text(row["delta"]), "volume_variance": _maybe(row["volume_variance"]),
        "price_variance": _maybe(row["price_variance"]), "status": row["status"], "causes": list(causes),
        "unexplained": text(row["unexplained"]),
    }  # fmt: skip


def _maybe(value: Decimal | None) -> str | None:
    return None if value is None else text(value)


def create_cause_lists(session: Session) -> None:
    """Create the table `cause_lists`: the causes of a bucket as one JSON text, as `PARQUET` reads them."""
    session.sql(
        "CREATE OR REPLACE TABLE cause_lists AS SELECT n, to_json(list({'cause': cause, 'amount': "
        "CAST(amount AS VARCHAR), 'events': events, 'note': note} ORDER BY step, cause)) AS causes FROM found_causes "
        "GROUP BY n"
    )


#: Columns of the Parquet file of buckets.
PARQUET = (
    "SELECT n, p_from AS period_from, p_to AS period_to, currency, channel, account, sub_account, model, meter, tier, "
    "kind AS category, unit, r_q AS rated_quantity, r_price AS rated_price, r_cost AS rated_cost, "
    "r_lines AS rated_lines, "
    "b_q AS billed_quantity, b_cost AS billed_cost, b_lines AS billed_lines, delta, volume_variance, price_variance, "
    "status, explained, unexplained, c.causes FROM result LEFT JOIN cause_lists c USING (n)"
)
