"""Rules applied to the rows of a data set: who is a source, what the weights are, and the rows written again.

Stages per billing period: `staged` rows with their number and the rule that takes them, plans per rule, window and
currency, then slices of rows in file order. Direct rows pass unchanged; origin rows go to a side file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from focus_ai.allocation.amounts import Shape, amounts_sql, measure, measured
from focus_ai.allocation.kept import name_of, plan_rows
from focus_ai.allocation.rules import Rule, Rules
from focus_ai.allocation.shares import allocated_names, create_plans, decimal
from focus_ai.allocation.weights import Plan, Weights
from focus_ai.engine import Session, ident, literal
from focus_ai.money import text

#: Narrow rows that are sorted at once.
SLICE = 125_000


@dataclass
class Allocation:
    """One application of rules to staged rows."""

    session: Session
    rules: Rules
    columns: dict[str, str]
    work: Path
    plans: list[Plan] = field(default_factory=list)
    staged: dict[str, Path] = field(default_factory=dict)
    heads: list[tuple[int, str, str]] = field(default_factory=list)
    _window: str = ""
    shape: Shape = field(default_factory=lambda: Shape({}, 0, 1, 1, 1))

    def stage(self, relations: Mapping[str, str], direct: str | None = None) -> None:
        """Number the rows of every period (`relations`: period -> SQL of its rows) and find the rule of each.

        Weights are measured on `direct`, an SQL of rows; by default the rows that no rule takes and that are no shares.
        """
        session = self.session
        folder = self.work / "allocation"
        folder.mkdir(parents=True, exist_ok=True)
        for period, relation in sorted(relations.items()):
            path = folder / f"{period}.parquet"
            session.sql(
                f"COPY (SELECT *, row_number() OVER () AS seq, {self._claim()} AS rule_no FROM {relation}) "
                f"TO {literal(str(path))} (FORMAT parquet, ROW_GROUP_SIZE 16384)"
            )
            self.staged[period] = path
        if not self.staged:
            return
        files = ", ".join(literal(str(p)) for p in self.staged.values())
        session.sql(f"CREATE OR REPLACE VIEW rows_staged AS SELECT * FROM read_parquet([{files}])")
        own = f"rows_staged WHERE rule_no IS NULL AND {ident(allocated_names(self.columns)['MethodId'])} IS NULL"
        session.sql(f"CREATE OR REPLACE VIEW direct AS SELECT * FROM {direct or own}")
        self._plan()

    def _claim(self) -> str:
        """SQL of the number of the first rule that takes a row; shares of earlier runs are never taken."""
        done = allocated_names(self.columns)["MethodId"]
        cases = []
        for number, rule in enumerate(self.rules.rules):
            tests = [rule.match.sql(self.columns)]
            if rule.first:
                tests.append(f"CAST(ChargePeriodStart AS DATE) >= DATE {literal(rule.first.isoformat())}")
            if rule.last:
                tests.append(f"CAST(ChargePeriodStart AS DATE) <= DATE {literal(rule.last.isoformat())}")
            cases.append(f"WHEN {' AND '.join(tests)} THEN {number}")
        return f"CASE WHEN {ident(done)} IS NOT NULL THEN NULL {' '.join(cases)} END"

    def _plan(self) -> None:
        """One plan per rule, window and currency that occurs."""
        daily = [n for n, rule in enumerate(self.rules.rules) if _daily(rule)]
        day = f"rule_no IN ({', '.join(map(str, daily))})" if daily else "FALSE"
        window = (
            f"CASE WHEN {day} THEN strftime(ChargePeriodStart, '%Y-%m-%d') "
            "ELSE strftime(BillingPeriodStart, '%Y-%m') END"
        )
        self.heads = [
            (int(n), str(w), str(c))
            for n, w, c in self.session.rows(
                f"SELECT DISTINCT rule_no, {window}, BillingCurrency FROM rows_staged WHERE rule_no IS NOT NULL "
                "ORDER BY ALL"
            )
        ]
        weights = Weights(self.session, self.columns)
        plans = [weights.plan(self.rules.rules[n], w, c) for n, w, c in self.heads]
        values = ", ".join(f"({i}, {n}, {literal(w)}, {literal(c)})" for i, (n, w, c) in enumerate(self.heads))
        empty = "SELECT 0 AS plan_no, 0 AS rule_no, '' AS win, '' AS cur WHERE FALSE"
        self.session.sql(
            "CREATE OR REPLACE TABLE heads AS "
            + (f"SELECT * FROM (VALUES {values}) h(plan_no, rule_no, win, cur)" if values else empty)
        )
        self._window = window
        self.use(plans)

    def use(self, plans: list[Plan]) -> None:
        """Split by these plans, one per head, from now on."""
        self.plans = plans
        create_plans(self.session, plans)
        every = " UNION ALL ".join(f"SELECT * FROM {self.origins(p)}" for p in self.staged)
        self.shape = measure(self.session, self.columns, f"({every})")

    def origins(self, period: str) -> str:
        """SQL of the origin rows of a period with their plan."""
        path = literal(str(self.staged[period]))
        return (
            f"(SELECT r.*, h.plan_no FROM read_parquet({path}) r JOIN heads h ON h.rule_no = r.rule_no "
            f"AND h.win = {self._window.replace('rule_no', 'r.rule_no')} AND h.cur = r.BillingCurrency)"
        )

    @property
    def amounts(self) -> list[str]:
        """Columns that `queries` give; all others are those of the origin row or of the target."""
        return measured(self.columns, self.shape)

    def queries(self, period: str) -> Iterator[str]:
        """SQL of the narrow rows of a period (seq, target, clash, amounts), piece by piece; to be ordered by the two.

        A row that no rule takes has no target.
        """
        path = literal(str(self.staged[period]))
        names = ", ".join(ident(n) for n in self.amounts)
        count = int(self.session.one(f"SELECT count(*) FROM read_parquet({path})")[0])
        most = max((len(p.elements) for p in self.plans), default=1)
        step = max(100, SLICE // most) if self.plans else SLICE
        for start in range(0, max(count, 1), step):
            within = f"seq > {start} AND seq <= {start + step}"
            parts = [
                f"SELECT seq, CAST(NULL AS BIGINT) AS target, FALSE AS clash, {names} FROM read_parquet({path}) "
                f"WHERE rule_no IS NULL AND {within}"
            ]
            if self.plans:
                source = f"(SELECT * FROM {self.origins(period)} WHERE {within})"
                parts.append(f"SELECT seq, target, clash, {names} FROM "
                             f"({amounts_sql(self.columns, source, self.shape)})")  # fmt: skip
            yield " UNION ALL ".join(parts)

    def outcome(self) -> list[dict[str, Any]]:
        """What every rule moves: rows, amounts, targets with their ratios and amounts, why, and the rest."""
        if not self.plans:
            return [self._empty(rule) for rule in self.rules.rules]
        origins = " UNION ALL ".join(f"SELECT * FROM {self.origins(p)}" for p in self.staged)
        shares = amounts_sql(self.columns, f"({origins})", self.shape)
        rows = self.session.rows(
            "SELECT t.plan_no, t.resource_id, t.reason, s.effective, s.billed FROM (SELECT target, "
            f"sum(EffectiveCost) AS effective, sum(BilledCost) AS billed FROM ({shares}) GROUP BY 1) s "
            "JOIN targets t USING (target) ORDER BY ALL"
        )
        whole = {
            int(n): (int(count), effective, billed)
            for n, count, effective, billed in self.session.rows(
                f"SELECT plan_no, count(*), sum(EffectiveCost), sum(BilledCost) FROM ({origins}) GROUP BY 1"
            )
        }
        found = [self._empty(rule) for rule in self.rules.rules]
        by_plan: dict[int, list[tuple[Any, ...]]] = {}
        for number, *rest in rows:
            by_plan.setdefault(int(number), []).append(tuple(rest))
        for index, (plan, (rule_no, window, currency)) in enumerate(zip(self.plans, self.heads, strict=True)):
            count, effective, billed = whole[index]
            entry = found[rule_no]
            entry["rows"] += count
            ratios = {name_of(t): r for t, r in plan.ratios().items()}
            elements = {name_of(t): e for t, e in plan.elements.items()}
            targets = []
            for resource, reason, cost, paid in by_plan[index]:
                name = resource or f"({reason})"
                targets.append({
                    "target": name, "ratio": text(decimal(ratios[name])), "effective_cost": text(cost),
                    "billed_cost": text(paid), "unallocated": resource is None,
                    "why": [
                        {"ratio": text(decimal(e.ratio)), "unit": e.unit,
                         "quantity": None if e.quantity is None else text(decimal(e.quantity))}
                        for e in elements[name]
                    ],
                })  # fmt: skip
            targets.sort(key=lambda t: (t["unallocated"], t["target"]))
            entry["windows"].append({
                "window": window, "currency": currency, "rows": count, "effective_cost": text(effective),
                "billed_cost": text(billed), "targets": targets, "notes": plan.notes,
            })  # fmt: skip
        return found

    def _empty(self, rule: Rule) -> dict[str, Any]:
        return {
            "rule": rule.method_id, "method": rule.method, "match": rule.match.text(),
            "documentation": rule.documentation, "rows": 0, "windows": [],
        }  # fmt: skip

    def weight_rows(self, period: str) -> list[dict[str, Any]]:
        """The weights behind the shares of a period, one row per plan, target and element."""
        used = {int(n) for (n,) in self.session.rows(f"SELECT DISTINCT plan_no FROM {self.origins(period)}")}
        return [
            row
            for number, (plan, (_, window, currency)) in enumerate(zip(self.plans, self.heads, strict=True))
            if number in used
            for row in plan_rows(plan, window, currency)
        ]


def _daily(rule: Rule) -> bool:
    bases = [s.basis for s in rule.stages] + [s.then.basis for s in rule.stages if s.then]
    return any(b is not None and b.window == "day" for b in bases)
