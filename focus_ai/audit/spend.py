"""Spend by owner, model and day, the dearest requests, and the way down from a team to a request."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from focus_ai.allocation.amounts import TOKENS, token_count
from focus_ai.audit.cube import Cube
from focus_ai.audit.finding import plain
from focus_ai.audit.inputs import Opened
from focus_ai.engine import ident, literal
from focus_ai.errors import UsageError, nearest
from focus_ai.money import CTX, share, text, total

UNATTRIBUTED = "Unattributed"
DIMENSIONS = ("team", "product", "feature", "environment", "model", "provider", "day")
_DOWN = ("team", "model", "feature", "day")
_CENT = Decimal("0.01")


def create_spend(audit: Opened) -> None:
    """Table `spend`: rated usage, billed lines and rows of FOCUS files by day, owner and model. A null owner field is
    Unattributed."""
    session = audit.session
    owner = "o.team, o.product, o.feature, o.environment, o.status AS owner_status, o.reason AS owner_reason"
    currency = literal(audit.settings.convert.billing_currency)
    session.sql(
        f"CREATE TABLE spend AS SELECT c.day, {owner}, c.owner_id, c.price_set, c.profile_hash, CAST(c.provider AS "
        f"VARCHAR) AS provider, CAST(c.model AS VARCHAR) AS model, CAST(coalesce(c.currency, {currency}) AS VARCHAR) "
        "AS currency, 'rated' AS basis, sum(c.events)::BIGINT AS events, sum(c.requests)::BIGINT AS requests, "
        "sum(c.tokens)::HUGEINT AS tokens, sum(c.cost) AS cost FROM cube c JOIN owners o USING (owner_id) GROUP BY ALL"
    )
    session.sql(
        f"INSERT INTO spend SELECT CAST(b.period_start AS DATE), {owner}, b.owner_id, NULL, NULL, l.service, b.model, "
        "b.currency, 'billed', 0, sum(b.requests)::BIGINT, "
        "coalesce(sum(b.quantity) FILTER (b.consumed_unit = 'Tokens'), 0)::HUGEINT, sum(b.effective_cost) "
        "FROM billed_charges b JOIN owners o USING (owner_id) JOIN places l USING (place_hash) GROUP BY ALL"
    )
    if audit.rated.carried:
        # Every meter row of a call counts it: of the meters of one account and tier the one with the most calls speaks.
        names = (
            "CAST(ChargePeriodStart AS DATE) AS day, x_Team, x_Product, x_Feature, x_Environment, x_OwnerStatus, "
            "x_UnattributedReason, ServiceName, x_ModelId, BillingCurrency, BillingAccountId, SubAccountId, "
            "x_ProcessingTier, x_Source"
        )
        session.sql(
            "INSERT INTO spend SELECT day, x_Team, x_Product, x_Feature, x_Environment, x_OwnerStatus, "
            "x_UnattributedReason, NULL, NULL, NULL, ServiceName, x_ModelId, BillingCurrency, 'billed', "
            "0, sum(calls)::BIGINT, sum(tokens)::HUGEINT, sum(cost) FROM ("
            "SELECT * EXCLUDE (meter, calls, tokens, cost), max(calls) AS calls, sum(tokens) AS tokens, "
            f"sum(cost) AS cost FROM (SELECT {names}, x_TokenType AS meter, coalesce(sum(x_RequestCount), 0) AS calls, "
            f"coalesce(sum({token_count(TOKENS)}), 0)::HUGEINT AS tokens, coalesce(sum(EffectiveCost), 0) AS cost "
            "FROM carried_rows GROUP BY ALL) GROUP BY ALL) GROUP BY ALL"
        )


def totals(audit: Opened) -> dict[str, Any]:
    """Requests, tokens and money of the whole input, money per currency and basis."""
    events, requests, tokens, first, last = audit.session.one(
        "SELECT coalesce(sum(events), 0)::BIGINT, coalesce(sum(requests), 0)::BIGINT, "
        "coalesce(sum(tokens), 0)::BIGINT, min(day)::VARCHAR, max(day)::VARCHAR FROM spend"
    )
    money = audit.session.dicts(
        "SELECT currency, basis, sum(cost) AS cost FROM spend GROUP BY ALL ORDER BY 1, 2",
    )
    return {
        "events": int(events), "requests": int(requests), "tokens": int(tokens), "from": first, "to": last,
        "money": [plain(row) for row in money],
    }  # fmt: skip


def main_cost(audit: Opened, currency: str) -> Decimal:
    """All money in one currency."""
    found = audit.session.one(f"SELECT coalesce(sum(cost), 0) FROM spend WHERE currency = {literal(currency)}")[0]
    return Decimal(found)


def by(audit: Opened, dimension: str, filters: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Spend grouped by one dimension, dearest first, days in order; null is Unattributed (or no model)."""
    where = _where(filters or {})
    name = "strftime(w.day, '%Y-%m-%d')" if dimension == "day" else f"CAST(w.{ident(dimension)} AS VARCHAR)"
    empty = UNATTRIBUTED if dimension in ("team", "product", "feature", "environment") else "unknown"
    order = "1" if dimension == "day" else "cost DESC, 1"
    rows = audit.session.dicts(
        f"SELECT coalesce({name}, {literal(empty)}) AS name, w.currency, sum(w.events)::BIGINT AS events, "
        f"sum(w.tokens)::BIGINT AS tokens, sum(w.cost) AS cost FROM spend w WHERE {where} "
        f"GROUP BY ALL ORDER BY {order}",
    )
    whole: dict[str | None, Decimal] = {}
    for row in rows:
        whole[row["currency"]] = total((whole.get(row["currency"]), row["cost"]))
    return [plain({**row, "share": share(row["cost"], whole[row["currency"]])}) for row in rows]


def read_filters(words: str | None) -> dict[str, str]:
    """`team=search,model=gpt-5` as a dictionary. Raises `UsageError` for an unknown name or a word without `=`."""
    found: dict[str, str] = {}
    for word in (words or "").split(","):
        if not word.strip():
            continue
        name, mark, value = word.partition("=")
        name = name.strip().lower()
        if not mark or not value.strip():
            raise UsageError("--drill needs NAME=VALUE", value=word.strip(), expected="such as team=search,model=gpt-5")
        if name not in DIMENSIONS:
            raise UsageError(f"--drill does not know {name!r}", expected=nearest(name, DIMENSIONS))
        found[name] = value.strip()
    return found


def drill(audit: Opened, cube: Cube, filters: Mapping[str, str], top: int) -> dict[str, Any]:
    """What is below a selection: the groups of every dimension that it leaves open, and its dearest requests."""
    groups = {name: by(audit, name, filters)[:top] for name in _DOWN if name not in filters}
    events, cost = audit.session.one(
        f"SELECT coalesce(sum(w.events), 0)::BIGINT, coalesce(sum(w.cost), 0) FROM spend w WHERE {_where(filters)}"
    )
    return {
        "filters": dict(filters), "events": int(events), "cost": text(cost), "groups": groups,
        "requests": top_requests(audit, cube, top, filters),
    }  # fmt: skip


def top_requests(audit: Opened, cube: Cube, top: int, filters: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """The dearest single records, each with its distance from the average of its model; sums of days are left out."""
    only = "e.grain <> 'aggregate'"
    if filters:
        audit.session.sql(
            "CREATE OR REPLACE TABLE chosen AS SELECT DISTINCT day, owner_id, price_set, profile_hash FROM spend w "
            f"WHERE {_where(filters)} AND price_set IS NOT NULL"
        )
        only += (
            " AND EXISTS (SELECT 1 FROM chosen k WHERE k.owner_id = o.owner_id AND k.price_set = s.price_set "
            "AND k.profile_hash = e.profile_hash AND k.day = CAST(e.event_time AS DATE))"
        )
    tokens = " + ".join(cube.tokens.values()) or "0"
    rows = audit.session.dicts(
        "WITH dear AS (SELECT e.source_file AS file, e.source_row AS row, e.record_id AS record, "
        "e.event_time AS time, o.owner_id, p.model, e.context_tokens AS input_tokens, "
        f"{tokens} - e.context_tokens AS output_tokens, "
        f"CAST({cube.cost} AS DECIMAL(38, 18)) AS cost FROM {cube.events} WHERE {only} "
        f"ORDER BY cost DESC, record, file LIMIT {int(top)}) "
        "SELECT d.* EXCLUDE (owner_id) REPLACE (strftime(d.time, '%Y-%m-%dT%H:%M:%SZ') AS time), "
        "w.team, w.product, w.feature FROM dear d JOIN owners w USING (owner_id) "
        "ORDER BY d.cost DESC, d.record, d.file",
    )
    averages = {
        str(model): CTX.divide(cost, Decimal(int(number)))
        for model, cost, number in audit.session.rows(
            "SELECT model, sum(cost), sum(events) FROM cube WHERE grain <> 'aggregate' AND tokens > 0 GROUP BY 1"
        )
    }
    for row in rows:
        usual = averages.get(str(row["model"]))
        row["times_average"] = CTX.quantize(CTX.divide(row["cost"], usual), _CENT) if usual else None
    return [plain(row) for row in rows if row["cost"] > 0]


def _where(filters: Mapping[str, str]) -> str:
    """SQL of a selection over `spend w`; names without regard to case, `Unattributed` means without one."""
    tests = ["TRUE"]
    for name, value in filters.items():
        column = "strftime(w.day, '%Y-%m-%d')" if name == "day" else f"w.{ident(name)}"
        if value.casefold() in (UNATTRIBUTED.casefold(), "unknown"):
            tests.append(f"w.{ident(name)} IS NULL")
        else:
            tests.append(f"lower({column}) = lower({literal(value)})")
    return " AND ".join(tests)
