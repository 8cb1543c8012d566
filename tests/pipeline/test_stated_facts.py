"""`[exports.ID]` of the settings: facts that an export lacks and its mapping asks for."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from data_builders import convert, jsonl, rows

from focus_ai import resources
from focus_ai.errors import UsageError
from focus_ai.settings import Settings

MAPPING = """
id: own-log
title: our log
checked: 2026-11-22
kind: usage
system: own
reads: [jsonl]
recognise: {keys: [call]}
settings: [account_id, provider, sub_account_id]
fields:
  record_id: call
  event_time: {time: at, unit: s}
  provider: {first: [vendor, {setting: provider}]}
  sub_account_id: team
  model_served: {const: gpt-5}
tokens: {convention: inclusive, input: n}
"""
LINES = [
    {"call": "a", "at": 1791367200, "n": 1000},
    {"call": "b", "at": 1791367200, "n": 10, "vendor": "azure_openai", "team": "orbit"},
]


def run(tmp_path: Path, **settings: Any) -> set[tuple[str, str, str]]:
    (tmp_path / "own-log.yaml").write_text(MAPPING)
    source = jsonl(tmp_path / "x.jsonl", LINES)
    convert(tmp_path / "out", source, mapping=[tmp_path / "own-log.yaml"], settings=settings)
    return {(r["ServiceProviderName"], r["BillingAccountId"], r["SubAccountId"]) for r in rows(tmp_path / "out")}


def test_stated_facts_fill_what_a_record_does_not_say(tmp_path: Path) -> None:
    found = run(tmp_path, exports={"own-log": {"provider": "openai", "account_id": "org-9", "sub_account_id": "night"}})
    assert found == {("OpenAI", "org-9", "night"), ("Microsoft", "org-9", "orbit")}


def test_the_account_of_a_provider_goes_to_its_own_records_only(tmp_path: Path) -> None:
    found = run(tmp_path, exports={"own-log": {"provider": "openai"}}, accounts={"openai": {"id": "org-1"}})
    assert {row[:2] for row in found} == {("OpenAI", "org-1"), ("Microsoft", "unspecified")}


def test_the_table_of_one_account_goes_before_that_of_its_channel(tmp_path: Path) -> None:
    """Two accounts at one seller: one has credits bought before, so its usage is billed with nothing (1000 tokens of
    gpt-5 at 1.25 per million cost 0.00125), the other one gets an invoice."""
    (tmp_path / "own-log.yaml").write_text(MAPPING.replace("sub_account_id: team", "account_id: org"))
    lines = [{"call": org, "org": org, "at": 1791367200, "n": 1000, "vendor": "openai"} for org in ("org-1", "org-2")]
    convert(
        tmp_path / "out", jsonl(tmp_path / "x.jsonl", lines), mapping=[tmp_path / "own-log.yaml"],
        settings={"accounts": {
            "openai": {"id": "org-2", "name": "Second"},
            "openai/org-1": {"name": "First", "billing_mode": "prepaid"},
        }},
    )  # fmt: skip
    found = {(r["BillingAccountId"], r["BillingAccountName"], r["EffectiveCost"], r["BilledCost"]) for r in rows(
        tmp_path / "out"
    )}  # fmt: skip
    cost = Decimal("0.00125")
    assert found == {("org-1", "First", cost, Decimal(0)), ("org-2", "Second", cost, cost)}


def test_a_contract_of_an_account_holds_where_the_settings_name_the_account(tmp_path: Path) -> None:
    """gpt-5 input is 1.25 per million; 20 percent off leaves 1 for the account of the contract, which no record names.
    Line b is sold by another seller, whose account is another one."""
    (tmp_path / "c.yaml").write_text("contracts: [{model: gpt-5, percent_off: 20, account_id: org-1}]")
    (tmp_path / "own-log.yaml").write_text(MAPPING)
    convert(
        tmp_path / "out", jsonl(tmp_path / "x.jsonl", LINES), mapping=[tmp_path / "own-log.yaml"],
        settings={
            "exports": {"own-log": {"provider": "openai"}}, "rates": {"contracts": [str(tmp_path / "c.yaml")]},
            "accounts": {"openai": {"id": "org-1"}, "azure_openai": {"id": "sub-2"}},
        },
    )  # fmt: skip
    found = {(r["BillingAccountId"], r["ListUnitPrice"], r["ContractedUnitPrice"]) for r in rows(tmp_path / "out")}
    listed = Decimal("1.25")
    assert found == {("org-1", listed, Decimal(1)), ("sub-2", listed, listed)}


@pytest.mark.parametrize(
    ("exports", "told"),
    [
        ({"own-log": {"region": "eu"}}, "account_id, provider, sub_account_id"),
        ({"own-logs": {"provider": "openai"}}, "did you mean own-log"),
        ({"own-log": {"provder": "openai"}}, "did you mean provider"),
        ({"own-log": {"billing_path": "free"}}, '"direct", "byok", "resold", "hosted"'),
    ],
)
def test_a_fact_without_effect_is_refused(exports: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        run(tmp_path, exports=exports)
    assert told in str(caught.value)


def test_a_mapping_can_ask_for_exactly_what_the_settings_can_state() -> None:
    schema = json.loads((resources.schemas() / "mapping.schema.json").read_text(encoding="utf-8"))
    stated = json.loads((resources.schemas() / "settings.schema.json").read_text(encoding="utf-8"))["$defs"]["export"]
    assert sorted(stated["properties"]) == schema["properties"]["settings"]["items"]["enum"]
    words = {name: "USD" if name == "currency" else "direct" for name in stated["properties"]}
    assert Settings.from_dict({"exports": {"x": words}}).exports == {"x": words}
