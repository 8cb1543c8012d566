"""What a policy would have refused: every combination of the log is judged by the same function as a single call."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

from focus_ai.audit.cube import Cube
from focus_ai.audit.finding import ZERO, plain
from focus_ai.audit.inputs import Opened
from focus_ai.audit.spend import UNATTRIBUTED
from focus_ai.engine.tables import create_table
from focus_ai.money import text, total
from focus_ai.policy import HARD, Policy, check

_OWNER = ("team", "product", "feature", "environment", "cost_center", "business_unit")


def judge(audit: Opened, cube: Cube, policy: Policy, top: int) -> dict[str, Any]:
    """Calls, tokens and money that hard and soft rules would have caught; a call counts once in each sum.

    Whether a model has a price is what this run found out (own rate files included), not asked again. Budgets are
    checked call by call in order of time: a call is refused when its team's spend before it has reached the budget.
    """
    combinations = _combinations(audit, cube)
    groups: dict[tuple[str, str, str], dict[str, Any]] = {}
    caught: dict[str, list[Any]] = {"hard": [0, ZERO], "soft": [0, ZERO]}
    verdicts: list[dict[str, Any]] = []
    for row in combinations:
        known = Policy(**{**_fields(policy), "priced": (lambda ok: lambda _provider, _model: ok)(row["priced"])}) if (
            policy.wants_prices
        ) else policy  # fmt: skip
        decision = check(row, known)
        for refusal in decision.refusals:
            team = row["team"] or UNATTRIBUTED
            entry = groups.setdefault(
                (refusal.rule, refusal.why, team),
                {"rule": refusal.rule, "mode": refusal.mode, "why": refusal.why, "team": team, "events": 0,
                 "cost": ZERO},
            )  # fmt: skip
            entry["events"] += row["events"]
            entry["cost"] = total((entry["cost"], row["cost"]))
        if decision.refusals:
            mode = "soft" if decision.allowed else "hard"
            caught[mode][0] += row["events"]
            caught[mode][1] = total((caught[mode][1], row["cost"]))
        verdicts.append(
            {"combination": row["combination"], "refused": bool(decision.refusals) and not decision.allowed}
        )
    budgets, over = _budgets(audit, cube, policy, verdicts)
    if over[0]:
        mode = "hard" if policy.budgets_mode == HARD else "soft"
        caught[mode][0] += over[0]
        caught[mode][1] = total((caught[mode][1], over[1]))
    rows = sorted(groups.values(), key=lambda e: (e["mode"] != HARD, -e["cost"], -e["events"], e["rule"], e["why"]))
    by_rule: dict[tuple[str, str], list[Any]] = defaultdict(lambda: [0, ZERO])
    for entry in rows:
        sums = by_rule[entry["rule"], entry["mode"]]
        sums[0] += entry["events"]
        sums[1] = total((sums[1], entry["cost"]))
    return {
        "refused": {"events": caught["hard"][0], "cost": text(caught["hard"][1])},
        "reported": {"events": caught["soft"][0], "cost": text(caught["soft"][1])},
        "rules": [
            {"rule": rule, "mode": mode, "events": n, "cost": text(cost)} for (rule, mode), (n, cost) in by_rule.items()
        ],
        "rows": [plain(row) for row in rows[: max(top, 10)]],
        "budgets": budgets,
    }  # fmt: skip


def _fields(policy: Policy) -> dict[str, Any]:
    return {name: getattr(policy, name) for name in policy.__dataclass_fields__}


def _combinations(audit: Opened, cube: Cube) -> list[dict[str, Any]]:
    """Distinct combinations of everything that a rule without a budget can ask about, with their calls and money."""
    names = {
        "provider": audit.column("provider"), "model": _model(audit),
        "service_name": audit.column("service_name"), "api_key_name": audit.column("api_key_name"),
        "api_key_id": audit.column("api_key_id"), "request_source": audit.column("request_source"),
    }  # fmt: skip
    keys = ", ".join(f"{sql} AS {name}" for name, sql in names.items())
    audit.session.sql(
        f"CREATE TABLE asked AS SELECT row_number() OVER () AS combination, * FROM (SELECT o.owner_id, {keys}, "
        f"bool_and({cube.unpriced} = 0 AND p.currency IS NOT NULL) AS priced, count(*)::BIGINT AS events, "
        f"CAST(sum({cube.cost}) AS DECIMAL(38, 18)) AS cost FROM {cube.events} GROUP BY ALL)"
    )
    owner = ", ".join(f"w.{name}" for name in _OWNER)
    return audit.session.dicts(
        f"SELECT a.* EXCLUDE (owner_id), {owner} FROM asked a JOIN owners w USING (owner_id) ORDER BY combination",
    )


def _model(audit: Opened) -> str:
    names = ("model_requested", "model_alias", "model_deployment", "model_served")
    return f"coalesce({', '.join(audit.column(name) for name in names)})"


def _budgets(
    audit: Opened, cube: Cube, policy: Policy, verdicts: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], tuple[int, Decimal]]:
    """Per team and month: budget, spend, when it was used up, and the calls after that which no other rule refused."""
    if not policy.budgets:
        return [], (0, ZERO)
    teams = [row[0] for row in audit.session.rows("SELECT DISTINCT team FROM owners ORDER BY 1 NULLS LAST")]
    limits = [
        {"team": team, "budget": limit} for team in teams if (limit := policy.budget(team)) is not None
    ]  # fmt: skip
    create_table(audit.session, "budgets", {"team": "VARCHAR", "budget": "DECIMAL(38, 18)"}, limits)
    create_table(audit.session, "refused", {"combination": "BIGINT"}, [v for v in verdicts if v["refused"]])
    same = " AND ".join(
        f"a.{name} IS NOT DISTINCT FROM {sql}"
        for name, sql in {
            "owner_id": "o.owner_id", "provider": audit.column("provider"), "model": _model(audit),
            "service_name": audit.column("service_name"), "api_key_name": audit.column("api_key_name"),
            "api_key_id": audit.column("api_key_id"), "request_source": audit.column("request_source"),
        }.items()
    )  # fmt: skip
    rows = audit.session.dicts(
        f"""WITH calls AS (SELECT w.team, date_trunc('month', e.event_time) AS month, e.event_time, e.record_id,
              CAST({cube.cost} AS DECIMAL(38, 18)) AS cost, r.combination IS NULL AS open
              FROM {cube.events} JOIN owners w ON w.owner_id = o.owner_id JOIN asked a ON {same}
              LEFT JOIN refused r ON r.combination = a.combination),
            running AS (SELECT c.*, b.budget, coalesce(sum(c.cost) OVER (PARTITION BY c.team, c.month
              ORDER BY c.event_time, c.record_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
              FROM calls c JOIN budgets b ON b.team IS NOT DISTINCT FROM c.team)
            SELECT coalesce(team, '{UNATTRIBUTED}') AS team, strftime(month, '%Y-%m') AS month,
              any_value(budget) AS budget,
              sum(cost) AS spent,
              strftime(min(event_time) FILTER (before >= budget), '%Y-%m-%dT%H:%M:%SZ') AS used_up_at,
              count(*) FILTER (before >= budget)::BIGINT AS events_over,
              coalesce(sum(cost) FILTER (before >= budget), 0) AS cost_over,
              count(*) FILTER (before >= budget AND open)::BIGINT AS open_events,
              coalesce(sum(cost) FILTER (before >= budget AND open), 0) AS open_cost
            FROM running GROUP BY ALL ORDER BY 1, 2""",
    )
    events = sum(row.pop("open_events") for row in rows)
    cost = total(row.pop("open_cost") for row in rows)
    return [plain({**row, "mode": policy.budgets_mode}) for row in rows], (events, cost)
