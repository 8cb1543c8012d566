"""Which applicability criteria hold: said by the user, or inferred from the data with the inference shown.

The evidence for each criterion is data (`schemas/focus/criteria.yaml`). Inferred criteria decide which columns have to
be there and the few rules that name a criterion themselves. A column that is in the data is always judged by its
rules. With criteria given by the user, as in the official validator, the rules of a column whose criterion does not
hold are not applicable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from focus_ai.engine import ident
from focus_ai.findings import Criterion
from focus_ai.validation.compile_scan import Scan
from focus_ai.validation.predicates import Tests

if TYPE_CHECKING:
    from focus_ai.focus.columns import Column as FocusColumn


class Evidence:
    """Infers criteria: asks the scan for what it needs, then answers."""

    def __init__(self, tests: Tests, criteria: Mapping[str, Mapping[str, Any]]) -> None:
        self.tests, self.columns, self.criteria = tests, tests.columns, criteria

    def ask(self, scan: Scan) -> None:
        """Add the aggregates that the evidence needs."""
        for entry in self.criteria.values():
            evidence = entry.get("evidence", {})
            for name in (*evidence.get("any", ()), *evidence.get("virtual", ())):
                if self.columns.column(name) is not None:
                    scan.ask(f"count({ident(name)})")
            for sql in (self._differ(evidence), self._virtual(evidence)):
                if sql:
                    scan.count(sql)

    def infer(self, scan: Scan) -> list[Criterion]:
        """The criteria and why each holds or not."""
        return [self._one(name, entry.get("evidence", {}), scan) for name, entry in self.criteria.items()]

    def _one(self, name: str, evidence: Mapping[str, Any], scan: Scan) -> Criterion:
        if not evidence:
            return Criterion(name, False, "data cannot show it; set it with --criteria")
        columns = [c for c in evidence.get("any", ()) if self.columns.column(c) is not None]
        for column in columns:
            filled = scan.filled(ident(column))
            if filled:
                return Criterion(name, True, f"{column} has a value in {filled} of {scan.rows} rows")
        differ, virtual = self._differ(evidence), self._virtual(evidence)
        if differ and scan.number(differ):
            pair = " and ".join(evidence["differ"])
            return Criterion(name, True, f"{pair} differ in {scan.number(differ)} rows")
        if virtual and scan.number(virtual):
            return Criterion(name, True, f"{evidence['virtual'][0]} is no ISO 4217 code in {scan.number(virtual)} rows")
        reasons = []
        if evidence.get("any"):
            reasons.append(f"{', '.join(evidence['any'])}: no value")
        if evidence.get("differ"):
            reasons.append(f"{' and '.join(evidence['differ'])} never differ")
        if evidence.get("virtual"):
            reasons.append(f"{evidence['virtual'][0]} holds ISO 4217 codes only, or nothing")
        return Criterion(name, False, "; ".join(reasons))

    def _differ(self, evidence: Mapping[str, Any]) -> str | None:
        if "differ" not in evidence:
            return None
        first, second = evidence["differ"]
        if not (self.columns.known(first) and self.columns.known(second)):
            return None
        found = self.tests.sql({"compare": [first, "<>", second]})
        return found if isinstance(found, str) else None

    def _virtual(self, evidence: Mapping[str, Any]) -> str | None:
        name = next(iter(evidence.get("virtual", ())), None)
        if name is None or self.columns.column(name) is None:
            return None
        found = self.tests.sql({"not": {"format": {name: "national-currency"}}})
        return found if isinstance(found, str) else None


def column_applies(column: FocusColumn | None, holding: Sequence[str]) -> bool:
    """Whether the rules of a column apply when the user has set the criteria: one of its presence rules does."""
    if column is None or not column.presence:
        return True
    return any(all(criterion in holding for criterion in presence.when) for presence in column.presence)
