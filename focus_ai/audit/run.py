"""One audit from arguments to its report (schema `focus-ai/audit@1`, schemas/audit.schema.json)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from focus_ai import __version__, report
from focus_ai.audit import attempts, caching, models, owners, policies, records, spend, verdict
from focus_ai.audit.cube import create_cube
from focus_ai.audit.finding import RANK, Finding
from focus_ai.audit.inputs import FIELDS, POLICY_FIELDS, Opened, Progress, opened
from focus_ai.audit.prices import create_price_sets
from focus_ai.clock import created_at
from focus_ai.money import text
from focus_ai.policy import Policy
from focus_ai.settings import Settings

SCHEMA = "focus-ai/audit@1"
BREAKDOWNS = ("team", "model", "feature", "day")


def run(
    inputs: Sequence[str],
    *,
    adapter: str | None,
    mapping: Sequence[Path],
    settings: Settings,
    policy: Policy | None,
    by: Sequence[str],
    drill: str | None,
    top: int,
    jobs: int,
    memory_limit: str | None,
    threads: int | None,
    progress: Progress | None,
) -> dict[str, Any]:
    """See `focus_ai.api.audit`."""
    filters = spend.read_filters(drill)
    fields = (*FIELDS, *(POLICY_FIELDS if policy else ()))
    with opened(
        inputs, adapter=adapter, mapping=mapping, settings=settings, fields=fields, jobs=jobs,
        memory_limit=memory_limit, threads=threads, progress=progress,
    ) as audit:  # fmt: skip
        return _report(audit, policy, by, filters, top)


def _report(
    audit: Opened, policy: Policy | None, by: Sequence[str], filters: dict[str, str], top: int
) -> dict[str, Any]:
    created = created_at()
    stamp = created.strftime("%Y-%m-%dT%H:%M:%SZ")
    create_price_sets(audit)
    cube = create_cube(audit)
    spend.create_spend(audit)
    currency = audit.settings.convert.billing_currency
    total = spend.main_cost(audit, currency)
    found = [
        *owners.find(audit, currency, top), *models.find(audit, cube, top), *attempts.find(audit, cube, top),
        *caching.find(audit, cube, top), *records.find(audit, cube, top, stamp),
    ]  # fmt: skip
    found.sort(key=_order)
    counted = report.records(audit.session, audit.staged, audit.rated)
    said = owners.coverage(audit, currency)
    sums = spend.totals(audit)
    read = {s.source: s.read for s in audit.staged}
    return {
        "schema": SCHEMA,
        "version": __version__,
        "created_at": stamp,
        "inputs": [
            {
                "path": s.name,
                "adapter": audit.chosen[s.name].id if s.name in audit.chosen else None,
                "records": read.get(s.name, 0),
            }
            for s in audit.sources
        ],
        "rate_card": audit.rated.card.card_id,
        "records": counted,
        "currency": currency,
        "totals": {**sums, "cost": text(total), "waste": text(attempts.waste(found))},
        "verdict": verdict.judge(
            audit.settings.audit, said, counted, found, total, sums["tokens"], audit.settings.owners.required
        ),
        "owners": said,
        "findings": [finding.document(total) for finding in found],
        "spend": {f"by_{name}": spend.by(audit, name) for name in dict.fromkeys((*BREAKDOWNS, *by))},
        "top_requests": spend.top_requests(audit, cube, top),
        "drill": spend.drill(audit, cube, filters, top) if filters else None,
        "policy": policies.judge(audit, cube, policy, top) if policy else None,
        "billing_source": [*audit.rated.carriers.decisions],
    }


def _order(finding: Finding) -> tuple[Any, ...]:
    """Errors first, then by money, then by id."""
    return RANK[finding.severity], -(finding.cost or 0), -finding.events, finding.id
