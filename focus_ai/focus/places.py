"""Where charges arise: seller, billing account, sub account and resource, as FOCUS names them.

Distinct places are resolved once. An account that neither the export nor the settings name is `unspecified`, and the
report says so with the money at stake; nothing else is filled in.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from focus_ai import resources
from focus_ai.engine import Session, ident
from focus_ai.engine.tables import create_table, fingerprint
from focus_ai.errors import misspelt
from focus_ai.pricing.charges import PLACE
from focus_ai.providers import known
from focus_ai.settings import Settings

UNSPECIFIED = "unspecified"
_COLUMNS = (
    "source", "service_provider", "host", "issuer", "service", "account_id", "account_name", "account_type",
    "sub_account_id", "sub_account_name", "sub_account_type", "resource_id", "resource_name", "resource_type",
    "region_id", "region_name",
)  # fmt: skip


@cache
def sellers() -> dict[str, dict[str, str]]:
    """Names of the sellers by channel (mappings/tables/sellers.yaml)."""
    raw = resources.load_yaml(resources.mappings() / "tables" / "sellers.yaml")["sellers"]
    return {str(k): dict(v) for k, v in raw.items()}


def create_places(session: Session, columns: Mapping[str, str], place_hash: str, settings: Settings) -> None:
    """Create the table `places` with one row per distinct place of the events. `columns`: SQL of each fact of a place
    that the events have; `place_hash`: SQL of the key of them all."""
    facts = ", ".join(f"any_value({sql})" for sql in columns.values())
    found = session.rows(f"SELECT {place_hash} AS h, {facts} FROM events GROUP BY h ORDER BY h")
    rows = []
    for key, *values in found:
        told = dict.fromkeys(PLACE) | dict(zip(columns, values, strict=True))
        place = _place(told, settings)
        channel = told["provider"] or "unknown"
        rows.append({"place_hash": key, "place_key": fingerprint(*place.values()), "channel": channel, **place})
    create_table(
        session,
        "places",
        {
            "place_hash": "UBIGINT",
            "place_key": "VARCHAR",
            "channel": "VARCHAR",
            "invoiced": "BOOLEAN",
            "primary_source": "BOOLEAN",
            **dict.fromkeys(_COLUMNS, "ENUM"),
        },
        rows,
    )


def unmet_accounts(session: Session, settings: Settings) -> list[tuple[str, list[str]]]:
    """Tables of `[accounts]` that no record meets while one like it, or one without a table, is met: misspelt, likely.

    Each with what the records name instead. Settings may hold more accounts than one run has records of, so a known
    seller or account that is merely absent is none.
    """
    met = {(str(c), str(a)) for c, a in session.rows("SELECT DISTINCT channel, account_id FROM places")}
    tables = settings.accounts.keys()
    bare = {(c, a) for c, a in met if c not in tables and f"{c}/{a}" not in tables}
    found: list[tuple[str, list[str]]] = []
    for name in sorted(tables):
        channel, _, account = name.partition("/")
        here = {a for c, a in met if c == channel}
        if not here:
            others = {c for c, _ in bare}
            meant = sorted(others) if not known(channel) or misspelt(channel, others) else []
        elif account and account not in here:
            others = {a for a in here if f"{channel}/{a}" not in tables and a != UNSPECIFIED}
            alone = {a for a in others if (channel, a) in bare}
            meant = [f"{channel}/{a}" for a in sorted(others if misspelt(account, others) else alone)]
        else:
            meant = []
        found += [(name, meant)] if meant else []
    return found


def unmet_defaults(session: Session, present: frozenset[str], settings: Settings) -> list[tuple[str, list[str]]]:
    """The same for `[owners.defaults]`, whose ids are those of accounts and of sub accounts."""
    tables = settings.owners.defaults.keys()
    if not tables:
        return []
    columns = (ident(c) if c in present else "NULL" for c in ("provider", "account_id", "sub_account_id"))
    met: dict[str, set[str]] = {}
    for channel, *ids in session.rows(f"SELECT DISTINCT {', '.join(columns)} FROM events"):
        account, sub_account = ids[0] or settings.account(str(channel or "")).id, ids[1]
        met.setdefault(str(channel or ""), set()).update(str(i) for i in (account, sub_account) if i)
    found: list[tuple[str, list[str]]] = []
    for name in sorted(tables):
        channel, _, own = name.partition("/")
        meant: list[str] = []
        if channel not in met:
            others = {c for c in met if c and c not in tables}
            meant = sorted(others) if not known(channel) or misspelt(channel, others) else []
        elif own and own not in met[channel]:
            others = {i for i in met[channel] if f"{channel}/{i}" not in tables}
            meant = [f"{channel}/{i}" for i in sorted(others)] if misspelt(own, others) else []
        found += [(name, meant)] if meant else []
    return found


def _place(facts: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    channel = facts["provider"] or "unknown"
    seller = sellers().get(channel, {})
    name = seller.get("name", channel)
    issuer = facts["invoice_issuer"]
    issuer_name = sellers().get(issuer, {}).get("name", issuer) if issuer else None
    # The table of one account speaks for it alone, that of the channel for every other one.
    account_id = facts["account_id"] or settings.account(channel).id
    account = settings.account(channel, account_id)
    own = account is settings.accounts.get(f"{channel}/{account_id}") or account_id == account.id
    sub_account = facts["sub_account_id"] or facts["sub_account_name"]
    return {
        "source": facts["adapter"],
        "service_provider": name,
        "host": seller.get("host", name),
        "issuer": account.invoice_issuer or issuer_name or name,
        "service": seller.get("service", name),
        "account_id": account_id or UNSPECIFIED,
        # An account without a known name has its id for one: where other accounts have names, none may lack it
        # (BillingAccountName-C-003-C).
        "account_name": facts["account_name"] or (account.name if own else None) or account_id or UNSPECIFIED,
        "account_type": seller.get("account", "Account"),
        "sub_account_id": sub_account,
        "sub_account_name": (
            facts["sub_account_name"] or account.sub_accounts.get(sub_account, sub_account) if sub_account else None
        ),
        "sub_account_type": seller.get("sub_account", "Sub Account") if sub_account else None,
        "resource_id": facts["resource_id"],
        # A generated id is no name (ResourceName-C-006-C), so a resource without a display name has none.
        "resource_name": facts["resource_name"] if facts["resource_id"] else None,
        "resource_type": _resource_type(facts["resource_id"], channel),
        "region_id": _region(facts["region"]),
        "region_name": _region(facts["region"]),
        "invoiced": account.billing_mode == "postpaid" and account.billing_source == "primary",
        "primary_source": account.billing_source == "primary",
    }


def _resource_type(resource: str | None, channel: str) -> str | None:
    """Kind of a resource, read off its id: AWS profile, Azure deployment, else the key that calls were made with."""
    if resource is None:
        return None
    lowered = resource.lower()
    if lowered.startswith("arn:"):
        return "Inference Profile" if "inference-profile/" in lowered else "Model Resource"
    if lowered.startswith("/subscriptions/"):
        return "Model Deployment" if "/deployments/" in lowered else "Model Account"
    if lowered.startswith("//"):
        return "Model Resource"
    return "Model Endpoint" if channel == "databricks" else "API Key"


def _region(region: str | None) -> str | None:
    """A region only where the source names one; `global` and the like are not regions."""
    return None if region in (None, "global", "us", "eu", "not_available") else region
