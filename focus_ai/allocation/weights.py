"""Weights of a rule: measured on the direct rows of the data set, read from a table, or fixed. Exact rationals.

In: the view `direct` (rows that no rule takes), a rule, a window (`2026-11` or `2026-11-03`). Out: for every target its
elements, one per stage, each a ratio with the unit and quantity behind it. All ratios of a plan add up to 1.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from focus_ai.allocation.amounts import token_count
from focus_ai.allocation.match import COLUMNS
from focus_ai.allocation.rules import NOBODY, Basis, Rule, Stage, Target, float_free
from focus_ai.engine import Session, ident, literal
from focus_ai.errors import InputError, UsageError
from focus_ai.money import dec

UNITS = {"tokens": "Tokens", "requests": "Requests", "active_products": "Count"}
#: Rows that agree in all of this are meters of the same calls.
_CALL = (
    "ChargePeriodStart", "BillingAccountId", "SubAccountId", "ResourceId", "x_ModelId", "x_ProcessingTier", "x_Source",
    "x_InferenceGeo", "x_RequestId",
)  # fmt: skip
#: What tells the meters of a call apart, the first of these that a file has.
_METER = ("x_TokenType", "SkuMeter")
UNATTRIBUTED = Target(reason="no_owner_in_basis")
UNUSED = Target(reason="unused_commitment")
NO_WEIGHTS = Target(reason="no_weights")


@dataclass(frozen=True, slots=True)
class Element:
    """One stage's part of a target's share."""

    ratio: Fraction
    unit: str | None = None
    quantity: Fraction | None = None


@dataclass
class Plan:
    """The shares of one rule in one window."""

    rule: Rule
    window: str
    elements: dict[Target, list[Element]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def ratios(self) -> dict[Target, Fraction]:
        """Target -> its whole ratio."""
        return {t: sum((e.ratio for e in found), Fraction(0)) for t, found in self.elements.items()}


class Weights:
    """Reads weights once per basis and window. `columns` are those of the rows."""

    def __init__(self, session: Session, columns: Collection[str]) -> None:
        self.session, self.columns = session, columns
        self._measured: dict[tuple[object, ...], dict[str, dict[Target, Fraction]]] = {}

    def plan(self, rule: Rule, window: str, currency: str) -> Plan:
        """The plan of a rule for rows of one window."""
        plan = Plan(rule, window)
        for stage in rule.stages:
            for target, element in self._stage(rule, stage, window, currency, plan.notes):
                plan.elements.setdefault(target, []).append(element)
        assert sum(plan.ratios().values(), Fraction(0)) == 1
        return plan

    def _stage(
        self, rule: Rule, stage: Stage, window: str, currency: str, notes: list[str]
    ) -> Iterable[tuple[Target, Element]]:
        unit, amounts = self._amounts(rule, stage, window, currency, notes)
        whole = sum(amounts.values(), Fraction(0))
        if whole == 0:
            notes.append("no weights in this window: nothing could be split")
            yield NO_WEIGHTS, Element(stage.share)
            return
        for target, amount in sorted(amounts.items(), key=lambda item: item[0].key):
            if amount == 0:
                continue
            ratio = stage.share * amount / whole
            quantity = amount if unit else None
            if stage.then is None or target.reason is not None:
                yield target, Element(ratio, unit, quantity)
                continue
            inside = self._inside(stage, target, window, currency)
            below = sum(inside.values(), Fraction(0))
            if below == 0:
                yield target, Element(ratio, unit, quantity)
            for part, weight in sorted(inside.items(), key=lambda item: item[0].key):
                if weight:
                    yield part, Element(ratio * weight / below, self._unit(stage.then.basis, currency), weight)

    def _amounts(
        self, rule: Rule, stage: Stage, window: str, currency: str, notes: list[str]
    ) -> tuple[str | None, dict[Target, Fraction]]:
        """Unit and weights of a stage, with what belongs to nobody."""
        if stage.method == "fixed":
            fixed = {t: t.share or Fraction(0) for t in stage.targets or ()}
            rest = 1 - sum(fixed.values(), Fraction(0))
            return None, fixed | ({NOBODY: rest} if rest else {})
        if stage.method == "even" and stage.targets is not None:
            return "Count", dict.fromkeys(stage.targets, Fraction(1))
        assert stage.basis is not None
        found = dict(self._seen(stage.basis, stage.by, window, currency))
        nobody = found.pop(UNATTRIBUTED, Fraction(0))
        if stage.targets is not None:
            found, outside = _listed(stage.targets, found)
            if outside and stage.method == "commitment-usage" and stage.unused == "keep":
                notes.append("what owners outside the listed targets drew counts as unused")
            elif outside:
                notes.append("owners outside the listed targets got no share")
        if stage.method == "even":
            return "Count", {t: Fraction(1) for t, amount in found.items() if amount > 0}
        if stage.method == "commitment-usage":
            unused = (stage.capacity or Fraction(0)) - sum(found.values(), nobody)
            if unused < 0:
                notes.append("more was drawn than the commitment holds")
            elif unused and stage.unused == "keep":
                found[UNUSED] = unused
        if nobody and rule.unattributed == "keep":
            found[UNATTRIBUTED] = nobody
        elif nobody and isinstance(rule.unattributed, Target):
            found[rule.unattributed] = found.get(rule.unattributed, Fraction(0)) + nobody
        return self._unit(stage.basis, currency), found

    def _unit(self, basis: Basis, currency: str) -> str | None:
        if basis.metric == "cost":
            return currency
        return UNITS.get(basis.metric, basis.unit)

    def _seen(self, basis: Basis, by: Sequence[str], window: str, currency: str) -> dict[Target, Fraction]:
        """Weights per observed owner; owners that nobody knows are `UNATTRIBUTED`."""
        if basis.metric == "table":
            assert basis.file is not None
            return _table(basis.file, tuple(by), window)
        when = (
            "strftime(ChargePeriodStart, '%Y-%m-%d')"
            if basis.window == "day"
            else "strftime(BillingPeriodStart, '%Y-%m')"
        )
        key = (basis.metric, basis.filter, tuple(sorted(basis.meters.items())), tuple(by), basis.window,
               currency if basis.metric == "cost" else None)  # fmt: skip
        if key not in self._measured:
            self._measured[key] = self._measure(basis, by, when, currency)
        span = window if basis.window == "day" else window[:7]
        return self._measured[key].get(span, {})

    def _inside(self, stage: Stage, target: Target, window: str, currency: str) -> dict[Target, Fraction]:
        """Owners by the finer fields within one target."""
        assert stage.then is not None
        outer = dict(target.owner)
        fields = tuple(dict.fromkeys([*outer, *stage.then.by]))
        seen = self._seen(stage.then.basis, fields, window, currency)
        return {t: w for t, w in seen.items() if t.owner and all(dict(t.owner).get(n) == v for n, v in outer.items())}

    def _measure(self, basis: Basis, by: Sequence[str], when: str, currency: str) -> dict[str, dict[Target, Fraction]]:
        names = [ident(COLUMNS[name]) for name in by]
        condition = basis.filter.sql(self.columns) if basis.filter else "TRUE"
        group = ", ".join(f"{column} AS g{n}" for n, column in enumerate(names))
        keys = ", ".join(f"g{n}" for n in range(len(names)))
        if basis.metric == "tokens":
            weight, count = self._token_weight(basis), token_count(self.columns)
            query = (
                f"SELECT {when} AS w, {group}, {weight} AS weight, sum({count}) AS value FROM direct "
                f"WHERE {count} IS NOT NULL AND {condition} GROUP BY ALL"
            )
        elif basis.metric == "requests":
            # Every meter row of a call counts it: one meter, that with the most calls, speaks for all. Its rows add up:
            # they are other calls, at another price or of another product.
            parts = ", ".join(c for c in _CALL if c in self.columns)
            meter = next((c for c in _METER if c in self.columns), "NULL")
            query = (
                f"SELECT w, {keys}, '1' AS weight, CAST(sum(calls) AS DECIMAL(38, 9)) AS value FROM ("
                f"SELECT w, {keys}, {parts}, max(calls) AS calls FROM ("
                f"SELECT {when} AS w, {group}, {parts}, {meter} AS meter, sum(coalesce(x_RequestCount, 0)) AS calls "
                f"FROM direct WHERE {condition} GROUP BY ALL) GROUP BY ALL) GROUP BY w, {keys}"
            )
        elif basis.metric == "cost":
            query = (
                f"SELECT {when} AS w, {group}, '1' AS weight, sum(EffectiveCost) AS value FROM direct "
                f"WHERE BillingCurrency = {literal(currency)} AND {condition} GROUP BY ALL"
            )
        else:
            query = (
                f"SELECT {when} AS w, {group}, '1' AS weight, "
                "CAST(count(DISTINCT x_Product) AS DECIMAL(38, 9)) AS value "
                f"FROM direct WHERE EffectiveCost > 0 AND {condition} GROUP BY ALL"
            )
        found: dict[str, dict[Target, Fraction]] = {}
        for window, *values, weight, value in self.session.rows(query):
            owner = tuple((name, str(v)) for name, v in zip(by, values, strict=True) if v is not None)
            target = Target(owner) if values[0] is not None else UNATTRIBUTED
            held = found.setdefault(str(window), {})
            held[target] = held.get(target, Fraction(0)) + Fraction(weight) * Fraction(value or 0)
        for window, amounts in found.items():
            for target, amount in amounts.items():
                if amount < 0:
                    raise InputError(
                        "an owner has a negative weight", where=f"{window}, {target.key}", value=float_free(amount),
                        next_step="leave credits out with basis.filter, such as category: Usage",
                    )  # fmt: skip
        return found

    @staticmethod
    def _token_weight(basis: Basis) -> str:
        cases = " ".join(
            f"WHEN {literal(name)} THEN {literal(f'{w.numerator}/{w.denominator}')}" for name, w in basis.meters.items()
        )
        return f"CASE x_TokenType {cases} ELSE '1' END" if cases else "'1'"


def _listed(targets: Sequence[Target], seen: Mapping[Target, Fraction]) -> tuple[dict[Target, Fraction], bool]:
    """Weights of the listed targets: an observed owner counts for the target whose fields it has."""
    found = dict.fromkeys(targets, Fraction(0))
    outside = False
    for owner, amount in seen.items():
        held = dict(owner.owner)
        fits = [t for t in targets if t.owner and all(held.get(n) == v for n, v in t.owner)]
        if not fits:
            outside = outside or amount > 0
            continue
        best = max(fits, key=lambda t: (len(t.owner), t.key))
        found[best] += amount
    return found, outside


def _table(path: Path, by: tuple[str, ...], window: str) -> dict[Target, Fraction]:
    """Weights from a CSV: the fields of `by`, value, and optionally month. Raises `InputError`."""
    found: dict[Target, Fraction] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("a table of weights cannot be read", where=str(path), value=str(error)) from error
    for number, row in enumerate(rows, 1):
        where = f"{path.name}, row {number}"
        if row.get("value") in (None, "") or not any(row.get(name) for name in by):
            raise InputError(
                "a row of weights needs an owner and a value", where=where, expected=f"{', '.join(by)}, value"
            )
        month = row.get("month")
        if month and month != window[:7]:
            continue
        try:
            value = dec(row["value"])
        except ValueError:
            raise InputError("a weight is not readable", where=where, value=row["value"], expected="a number") from None
        if value < 0:
            raise InputError("a weight is negative", where=where, value=row["value"])
        target = Target(tuple((name, row[name]) for name in by if row.get(name)))
        found[target] = found.get(target, Fraction(0)) + Fraction(value)
    if not rows:
        raise UsageError("a table of weights is empty", where=str(path))
    return found
