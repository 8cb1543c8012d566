"""Ready for showback, ready for chargeback, or not: a few sums against the limits of the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from focus_ai.audit.finding import ZERO, Finding
from focus_ai.money import share, text
from focus_ai.settings import Audit

RULE = "A request without an owner is not FinOps-ready telemetry."


def judge(
    limits: Audit, owners: Mapping[str, Mapping[str, Any]], records: Mapping[str, int], found: Sequence[Finding],
    total: Decimal, tokens: int, required: Sequence[str],
) -> dict[str, Any]:  # fmt: skip
    """Both verdicts with every check: what was measured, the limit, and whether it holds."""
    size = {finding.id: finding for finding in found}

    def part(name: str) -> Decimal:
        finding = size.get(name)
        return ZERO if finding is None or finding.cost is None else share(finding.cost, total)

    unpriced = size.get("model.unpriced")
    rejected = share(records["rejected"], max(records["read"], 1))
    no_price = ZERO if unpriced is None else share(unpriced.tokens or 0, max(tokens, 1))
    no_team = max(Decimal(owners["team"]["share_of_cost"]), Decimal(owners["team"]["share_of_events"]))
    common = [
        ("records that could not be read", rejected, limits.rejected),
        ("tokens without a price", no_price, limits.unpriced),
    ]
    showback = [("spend or requests without a team", no_team, limits.unattributed_showback), *common]
    chargeback = [
        ("spend or requests without a team", no_team, limits.unattributed_chargeback),
        *(
            (f"spend without a {name}", Decimal(owners[name]["share_of_cost"]), limits.unattributed_chargeback)
            for name in required
            if name in owners and name != "team"
        ),
        *common,
        ("possible error of token conventions", part("tokens.convention_unknown"), limits.convention_error),
        ("probably counted twice", part("records.same_call"), limits.unattributed_chargeback),
    ]
    return {"rule": RULE, "showback": _verdict(showback), "chargeback": _verdict(chargeback)}


def _verdict(checks: Sequence[tuple[str, Decimal, str]]) -> dict[str, Any]:
    said = [
        {"check": name, "value": text(value), "limit": limit, "ok": value <= Decimal(limit)}
        for name, value, limit in checks
    ]
    return {"ready": all(check["ok"] for check in said), "checks": said}
