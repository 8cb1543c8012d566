"""Who owns the spend: fields without an owner, and personal data where an owner should stand."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from focus_ai.audit.finding import ERROR, INFO, WARNING, ZERO, Finding, cut
from focus_ai.audit.inputs import Opened
from focus_ai.engine import ident, literal
from focus_ai.money import share, text, total
from focus_ai.ownership import looks_like_email

FIELDS = ("team", "product", "feature", "environment")
_FIX = {
    "team": "make the gateway refuse calls without a team, or name the key in the owner map ([owners] map)",
    "product": "send the product with every call (header, tag or metadata), or name it in the owner map",
    "feature": "send the feature with every call; without it a product's spend cannot be explained",
    "environment": "send the environment with every call; else tests and production cannot be told apart",
}


def coverage(audit: Opened, currency: str) -> dict[str, dict[str, Any]]:
    """Per owner field: requests, tokens and money without it, and the shares of the total."""
    sums = ", ".join(
        f"coalesce(sum(events) FILTER (w.{ident(f)} IS NULL), 0)::BIGINT, "
        f"coalesce(sum(tokens) FILTER (w.{ident(f)} IS NULL), 0)::BIGINT, "
        f"coalesce(sum(cost) FILTER (w.{ident(f)} IS NULL), 0)"
        for f in FIELDS
    )
    row = audit.session.one(
        f"SELECT coalesce(sum(events), 0)::BIGINT, coalesce(sum(tokens), 0)::BIGINT, coalesce(sum(cost), 0), {sums} "
        f"FROM spend w WHERE w.currency = {literal(currency)}"
    )
    events, tokens, cost = row[:3]
    found: dict[str, dict[str, Any]] = {}
    for number, name in enumerate(FIELDS):
        n, t, c = row[3 + 3 * number : 6 + 3 * number]
        found[name] = {
            "events": int(n), "tokens": int(t), "cost": text(c), "share_of_events": text(share(n, events)),
            "share_of_tokens": text(share(t, tokens)), "share_of_cost": text(share(c, cost)),
        }  # fmt: skip
    return found


def find(audit: Opened, currency: str, top: int) -> Iterator[Finding]:
    """Findings on owners."""
    required = set(audit.settings.owners.required) | {"team"}
    for name, said in coverage(audit, currency).items():
        if not said["events"] and said["cost"] == "0":
            continue
        reason = "coalesce(w.owner_reason, 'not said')" if name == "team" else "coalesce(w.team, 'Unattributed')"
        rows = audit.session.dicts(
            f"SELECT {reason} AS {'reason' if name == 'team' else 'team'}, w.model, sum(events)::BIGINT AS events, "
            f"sum(cost) AS cost FROM spend w WHERE w.{ident(name)} IS NULL AND w.currency = {literal(currency)} "
            "GROUP BY ALL ORDER BY cost DESC, 1, 2",
        )
        yield Finding(
            f"owner.no_{name}", ERROR if name == "team" else WARNING if name in required else INFO,
            f"{'requests' if name == 'team' else 'spend'} without {'an' if name == 'environment' else 'a'} {name}",
            "a request without an owner is not FinOps-ready telemetry" if name == "team"
            else f"nobody can say which {name} this money went to",
            _FIX[name], said["events"], said["tokens"], Decimal(said["cost"]), "spend concerned", cut(rows, top),
        )  # fmt: skip
    yield from _spellings(audit, currency, top)
    yield from _personal(audit, top)


def _spellings(audit: Opened, currency: str, top: int) -> Iterator[Finding]:
    """Teams and products written in several ways: each spelling is an owner of its own in every report."""
    rows: list[dict[str, Any]] = []
    for name in ("team", "product"):
        plain = f"lower(regexp_replace(w.{ident(name)}, '[ ._-]+', '', 'g'))"
        rows += audit.session.dicts(
            f"WITH said AS (SELECT {plain} AS plain, w.{ident(name)} AS spelling, sum(w.events)::BIGINT AS events, "
            f"sum(w.cost) AS cost FROM spend w WHERE w.{ident(name)} IS NOT NULL AND w.currency = {literal(currency)} "
            f"GROUP BY ALL) SELECT {literal(name)} AS field, spelling, events, cost FROM said WHERE plain IN "
            "(SELECT plain FROM said GROUP BY plain HAVING count(*) > 1) ORDER BY plain, cost DESC, spelling",
        )
    if rows:
        yield Finding(
            "owner.spellings", WARNING, "one owner in several spellings",
            "each spelling is an owner of its own in every report and bill",
            "write one spelling at the source, or list the aliases in the chargeback accounts",
            sum(row["events"] for row in rows), None, total(row["cost"] for row in rows), "spend concerned",
            cut(rows, max(top, 2)),
        )  # fmt: skip


def _personal(audit: Opened, top: int) -> Iterator[Finding]:
    """E-mail addresses among owner values, tags and end users. Ids of end users are never printed."""
    rows: list[dict[str, Any]] = []
    names = (*FIELDS, "cost_center", "business_unit", "tags")
    owners = audit.session.rows(
        f"SELECT owner_id, {', '.join(f'o.{ident(n)}::VARCHAR' for n in names)} FROM owners o ORDER BY owner_id"
    )
    for number, name in enumerate(names, start=1):
        ids = [str(row[0]) for row in owners if row[number] and looks_like_email(row[number])]
        if ids:
            events, cost = audit.session.one(
                "SELECT coalesce(sum(events), 0)::BIGINT, coalesce(sum(cost), 0) FROM cube "
                f"WHERE owner_id IN ({', '.join(ids)})"
            )
            if name != "tags" or not any(r["field"] != "tags" for r in rows):
                rows.append({"field": name, "values": len(ids), "events": int(events), "cost": cost})
    if "end_user_id" in audit.present:
        values, events = audit.session.one(
            "SELECT count(DISTINCT end_user_id), count(*) FROM events WHERE end_user_id IS NOT NULL "
            "AND contains(end_user_id, '@')"
        )
        if events:
            rows.append({"field": "end_user_id", "values": int(values), "events": int(events), "cost": ZERO})
    if rows:
        only_users = all(row["field"] == "end_user_id" for row in rows)
        yield Finding(
            "privacy.personal_data", INFO if only_users else WARNING, "personal data in owner fields",
            "owner fields travel into every report and bill; an address of a person does not belong there",
            "use team names and opaque ids; end users can be pseudonymised ([privacy] user_ids)",
            sum(row["events"] for row in rows), None, total(row["cost"] for row in rows), "spend concerned",
            cut(rows, top),
        )  # fmt: skip
