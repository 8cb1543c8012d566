"""The neutral record: its fields and their SQL types (schemas/usage-event.yaml is the source)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from focus_ai import resources

SQL_TYPES = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "decimal": "DECIMAL(38, 18)",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "boolean": "BOOLEAN",
    "meters": "STRUCT(meter VARCHAR, quantity DECIMAL(38, 9))[]",
}

# What decides a price, in the order the pricing room wants it; equal values share one price lookup.
PROFILE = (
    "provider", "model_served", "model_deployment", "model_requested", "model_alias", "service_tier", "is_batch",
    "inference_geo", "speed", "region", "context_gt", "price_variant", "account_id", "grain",
)  # fmt: skip
# What every run needs of a record, besides its meters; the other fields are staged when somebody asks for them.
CORE = (
    "kind", "adapter", "source_file", "source_row", "record_id", "record_version", "grain", "request_count",
    "event_time", "end_time", "bucket_end", "served_from", "invoice_issuer", "billing_path", "billed_cost",
    "list_amount", "currency", "line_item", "billed_meter", "billed_quantity", "billed_unit", "charge_category",
    "charge_class", "invoice_id", "billing_period_start", "account_name", "sub_account_id", "sub_account_name",
    "resource_id", "resource_name", "flags",
)  # fmt: skip
SPANS = (
    "trace_id", "span_id", "parent_span_id", "provider_response_id", "reported_input_tokens", "reported_output_tokens",
    "source_instance",
)  # fmt: skip
# Columns that every staged record has besides its fields.
HOUSEKEEPING = {
    "record_key": "UUID",
    "profile_hash": "UBIGINT",
    "problem": "VARCHAR",
    "ignored": "VARCHAR",
    "money_family": "VARCHAR",
    "same_usage": "VARCHAR",
    # Of reports whose reader chooses the grouping: the document of the file, for one file may hold several answers.
    "page_no": "BIGINT",
    # What the record names of a grouping, in words, and whether the next page goes on with the same answer.
    "grouped_by": "VARCHAR",
    "goes_on": "BOOLEAN",
    # The whole row of a FOCUS file as a JSON object of texts.
    "focus_row": "VARCHAR",
}


@dataclass(frozen=True)
class Field:
    """One field: name, type word, group, meaning, and the closed list of values where there is one."""

    name: str
    type: str
    group: str
    meaning: str
    values: tuple[str, ...] = ()

    @property
    def sql_type(self) -> str:
        """The DuckDB type."""
        return SQL_TYPES[self.type]


@cache
def fields() -> dict[str, Field]:
    """All fields of the neutral record by name, in their fixed order."""
    raw = resources.load_yaml(resources.schemas() / "usage-event.yaml")["fields"]
    return {f["name"]: Field(f["name"], f["type"], f["group"], f["meaning"], tuple(f.get("values") or ())) for f in raw}


def all_columns() -> dict[str, str]:
    """Name and SQL type of every column of the staged records."""
    return {**{name: f.sql_type for name, f in fields().items()}, **HOUSEKEEPING}


def needed(extra: frozenset[str], *, spans: bool) -> frozenset[str]:
    """Columns to stage for a run: the core, what decides prices, all meters, and what the run asks for (`extra`)."""
    meters = {name for name, f in fields().items() if f.group == "meters"}
    return frozenset((*CORE, *PROFILE, *HOUSEKEEPING, *meters, *extra, *(SPANS if spans else ())))
