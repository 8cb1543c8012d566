"""What goes into the ownership room and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

OWNER_FIELDS = ("team", "product", "feature", "environment", "cost_center", "business_unit")
"""The owner tuple, in the order in which it is shown."""

CARRIED_FIELDS = ("department", "product_line")
"""Facts of owner maps and accounts that are no part of the tuple and travel as tags."""

OWNED, PARTIAL, UNATTRIBUTED = "owned", "partial", "unattributed"


class Evidence(NamedTuple):
    """Everything a neutral record says that may decide its owner; `None` = not known.

    Field names equal those of the neutral record, so `Evidence._fields` is the list to select, in order, and
    `Evidence(*row)` takes the selected row. `tags` and `other_columns` are texts of JSON objects.
    """

    provider: str | None = None
    account_id: str | None = None
    sub_account_id: str | None = None
    owner_team: str | None = None
    owner_product: str | None = None
    owner_feature: str | None = None
    owner_environment: str | None = None
    owner_project: str | None = None
    owner_cost_center: str | None = None
    owner_business_unit: str | None = None
    tenant_id: str | None = None
    end_user_id: str | None = None
    api_key_id: str | None = None
    api_key_name: str | None = None
    workspace_id: str | None = None
    organization_id: str | None = None
    service_name: str | None = None
    model_deployment: str | None = None
    tags: str | None = None
    other_columns: str | None = None


@dataclass(frozen=True, slots=True)
class Owner:
    """Who pays, and why we say so.

    `status` is `owned`, `partial` (a required field is missing) or `unattributed` (no team). `reason` is set for the
    last two. `evidence` says per field where the value came from (`event:owner_team`, `tag:teamId`,
    `owner_map:api_key_id=...`, `default:openai`, `account:growth`); its key `conflict` lists disagreements between
    the event and the owner map. `tags` are further facts for Tags, keys sorted.
    """

    team: str | None = None
    product: str | None = None
    feature: str | None = None
    environment: str | None = None
    cost_center: str | None = None
    business_unit: str | None = None
    contact: str | None = None
    status: str = UNATTRIBUTED
    reason: str | None = None
    evidence: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def key(self) -> tuple[object, ...]:
        """A hashable identity of everything but the evidence, to group charges by."""
        values = (*(getattr(self, name) for name in OWNER_FIELDS), self.contact, self.status, self.reason)
        return (*values, tuple(self.tags.items()))


class OwnerSpan(NamedTuple):
    """An owner and when it holds: `t_from` inclusive, `t_to` exclusive, both at UTC midnight."""

    t_from: datetime
    t_to: datetime
    owner: Owner
