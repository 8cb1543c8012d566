"""Resolving evidence: precedence, dates, accounts, environments, reasons, conflicts."""

from __future__ import annotations

import json
import pickle
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from focus_ai.ownership import Evidence, Owner, OwnerBook
from focus_ai.settings import Settings

NOV = datetime(2026, 11, 18, 14, 3, 7, tzinfo=UTC)
MAP = """\
id_type,id_value,team,product,feature,environment,cost_center,department,business_unit,product_line,effective_from,\
effective_to
api_key_id,key_growth_01,growth,customer-support-chat,,production,CC-4410,Eng,CX,Support,2026-01-01,
project_id,proj_docs,platform,doc-search,,,CC-4420,Eng,Platform,Shared,2026-01-01,2026-12-01
workspace_id,ws-growth,growth,,,,CC-4410,Eng,CX,Support,2026-01-01,
end_user_prefix,svc-,platform,,,,,,,,,
end_user_prefix,svc-bot-,growth,,,,,,,,,
api_key_id,key_shared,,,,prod,,,,,,
api_key_id,key_parked,unattributed,,,,,,,,,
"""
ACCOUNTS = """\
team_id,team_name,owner,cost_center,department,business_unit,product_line,budget_amount,budget_currency,budget_period,\
allocation_rule,allocation_basis,effective_from,effective_to
growth,Growth Team,ana.lopez@example.com,CC-4410,Eng,CX,Support,1200.00,USD,month,direct,,2026-01-01,
platform,Platform,li.wei@example.com,CC-4420,Eng,Platform,Shared,3000.00,USD,month,shared,input_tokens,2026-01-01,2026-11-20
platform,Platform,li.wei@example.com,CC-4999,Eng,Platform,Shared,3000.00,USD,month,shared,input_tokens,2026-11-20,
unattributed,Unattributed,finops@example.com,CC-9999,Finance,Corporate,,0.00,USD,month,hold,,2026-01-01,
"""


def book(tmp_path: Path, *, owner_map: str | None = None, accounts: str | None = None, **owners: Any) -> OwnerBook:
    for name, text in (("map", owner_map), ("accounts", accounts)):
        if text is not None:
            (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
            owners[name] = [f"{name}.csv"]
    return OwnerBook.load(Settings.from_dict({"owners": owners}, base=tmp_path), environ={})


def one(made: OwnerBook, moment: datetime = NOV, **fields: Any) -> Owner:
    if isinstance(fields.get("tags"), (dict, list)):
        fields["tags"] = json.dumps(fields["tags"])
    spans = made.resolve(Evidence(**fields), moment, moment)
    assert len(spans) == 1
    return spans[0].owner


@pytest.fixture
def full(tmp_path: Path) -> OwnerBook:
    return book(tmp_path, owner_map=MAP, accounts=ACCOUNTS)


def test_headers_alone(tmp_path: Path) -> None:
    owner = one(book(tmp_path), owner_team="growth", owner_product="chat", owner_environment="prod")
    assert (owner.team, owner.product, owner.environment, owner.status) == ("growth", "chat", "production", "owned")
    assert owner.evidence["team"] == "event:owner_team"
    assert owner.tags == {"environment_original": "prod"}


@pytest.mark.parametrize(
    "key",
    ["team", "teamId", "TeamID", "owner_team", "x-owner-team", "http_x_owner_team", "Team", "team_alias", "x-team-id",
     "Helicone-Property-Team", "traceloop.association.properties.team", "app.owner.team", "user_api_key_team_alias",
     "metadata.team"],
)  # fmt: skip
def test_team_under_every_name(tmp_path: Path, key: str) -> None:
    owner = one(book(tmp_path), tags={key: "growth", "other": "x"})
    assert owner.team == "growth"
    assert owner.evidence["team"] == f"tag:{key}"


@pytest.mark.parametrize("key", ["env", "environment", "_environment", "Environment", "deployment.environment.name"])
def test_environment_under_every_name(tmp_path: Path, key: str) -> None:
    assert one(book(tmp_path), tags={key: "PROD"}).environment == "production"


@pytest.mark.parametrize("tags", [["team:growth", "tier:gold"], ["team=growth"], [{"key": "team", "value": "growth"}],
                                  {"request_tags": ["x"], "metadata": {"team": "growth"}},
                                  [{"Key": "tier", "Value": "x"}, {"Key": "team", "Value": "growth"}],
                                  {"labels": [{"name": "team", "value": "growth"}]}, {"team": ["growth"]},
                                  "team=growth", "tier:gold, team:growth", "tier=gold;team=growth;"])  # fmt: skip
def test_tag_shapes(tmp_path: Path, tags: Any) -> None:
    assert one(book(tmp_path), tags=tags).team == "growth"


def test_own_tag_keys_and_headers_come_first(tmp_path: Path) -> None:
    made = book(tmp_path, tag_keys={"team": ["squad"]}, headers={"team": ["x-pod"]})
    assert one(made, tags={"team": "a", "Squad": "b"}).team == "b"
    assert one(made, tags={"team": "a", "x-pod": "c"}).team == "c"


def test_own_environments_win_and_unknown_ones_stay(tmp_path: Path) -> None:
    made = book(tmp_path, environments={"blue": "production", "prod": "live"})
    assert one(made, owner_environment="Blue").environment == "production"
    assert one(made, owner_environment="prod").environment == "live"
    assert one(made, owner_environment="Moonbase").environment == "Moonbase"
    assert one(made, owner_environment="Moonbase").tags == {}


def test_key_map_and_account_fill_the_tuple(full: OwnerBook) -> None:
    owner = one(full, api_key_id="key_growth_01")
    assert owner.key() == (
        "growth", "customer-support-chat", None, "production", "CC-4410", "CX",
        "ana.lopez@example.com", "owned", None, (("department", "Eng"), ("product_line", "Support")),
    )  # fmt: skip
    assert owner.evidence["team"] == "owner_map:api_key_id=key_growth_01"
    assert owner.evidence["contact"] == "account:growth"


def test_event_goes_before_the_map_and_a_conflict_is_noted(full: OwnerBook) -> None:
    owner = one(full, api_key_id="key_growth_01", owner_team="Platform")
    assert (owner.team, owner.cost_center) == ("platform", "CC-4420")
    assert owner.product is None, "the key's product belongs to the other team"
    assert owner.environment == "production"
    assert owner.evidence["conflict"] == (
        "team: event:owner_team says Platform, owner_map:api_key_id=key_growth_01 says growth"
    )


def test_key_map_can_be_preferred(tmp_path: Path) -> None:
    made = book(tmp_path, owner_map=MAP, accounts=ACCOUNTS, prefer="key_map")
    owner = one(made, api_key_id="key_growth_01", owner_team="platform", owner_feature="faq")
    assert (owner.team, owner.feature, owner.product) == ("growth", None, "customer-support-chat")
    assert "owner_map:api_key_id=key_growth_01 says growth" in owner.evidence["conflict"]
    same = one(made, api_key_id="key_growth_01", owner_team="GROWTH TEAM", owner_feature="faq")
    assert (same.team, same.feature) == ("growth", "faq")
    assert "conflict" not in same.evidence


def test_team_by_id_or_name_in_any_case_is_one_account(full: OwnerBook) -> None:
    for word in ("growth", "GROWTH", "Growth Team", "growth team"):
        owner = one(full, owner_team=word)
        assert (owner.team, owner.cost_center) == ("growth", "CC-4410")


def test_of_several_team_tags_the_one_with_an_account_speaks(full: OwnerBook) -> None:
    assert one(full, tags={"team_alias": "7f3a", "team_id": "growth"}).team == "growth"


def test_a_team_without_account_is_kept_and_noted(full: OwnerBook) -> None:
    owner = one(full, owner_team="grwoth")
    assert (owner.team, owner.status, owner.cost_center) == ("grwoth", "owned", None)
    assert owner.evidence["account"] == "team_not_in_accounts"
    early = one(full, datetime(2025, 12, 31, tzinfo=UTC), owner_team="Growth")
    assert (early.team, early.cost_center, early.evidence["account"]) == ("growth", None, "account_not_effective")


def test_project_also_matches_the_sub_account_and_longest_prefix_wins(full: OwnerBook) -> None:
    assert one(full, sub_account_id="proj_docs").product == "doc-search"
    assert one(full, tags={"project_id": "proj_docs"}).team == "platform"
    assert one(full, end_user_id="svc-9").team == "platform"
    assert one(full, end_user_id="svc-bot-9").team == "growth"


def test_unattributed_reasons_and_their_account(full: OwnerBook, tmp_path: Path) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "no_owner_evidence"),
        ({"api_key_id": "other"}, "key_not_in_map"),
        ({"owner_project": "proj_docs"}, "map_not_effective"),
        ({"api_key_id": "key_shared"}, "map_without_team"),
        ({"api_key_id": "key_parked"}, "marked_unattributed"),
        ({"owner_team": "Unknown"}, "placeholder_team"),
        ({"owner_team": "a\nb"}, "invalid_team"),
        ({"owner_team": "x" * 300}, "invalid_team"),
        ({"owner_team": " - "}, "no_owner_evidence"),
    ]
    for fields, reason in cases:
        owner = one(full, datetime(2026, 12, 1, tzinfo=UTC), **fields)
        assert (owner.status, owner.reason, owner.team) == ("unattributed", reason, None), fields
        assert (owner.cost_center, owner.contact) == ("CC-9999", "finops@example.com")
    assert one(book(tmp_path), api_key_id="k").reason == "no_owner_evidence"


def test_partial_only_when_settings_ask(tmp_path: Path) -> None:
    assert one(book(tmp_path), owner_team="a").status == "owned"
    owner = one(book(tmp_path, required=["team", "product", "environment"]), owner_team="a", owner_environment="dev")
    assert (owner.status, owner.reason) == ("partial", "missing_product")


def test_the_account_of_the_settings_is_that_of_records_that_state_none(tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text("id_type,id_value,team\naccount_id,org-acme,growth\n", encoding="utf-8")
    for owners in ({"defaults": {"openai/org-acme": {"team": "growth"}}}, {"map": ["map.csv"]}):
        settings = Settings.from_dict({"owners": owners, "accounts": {"openai": {"id": "org-acme"}}}, base=tmp_path)
        made = OwnerBook.load(settings, environ={})
        assert {"provider", "account_id"} <= made.needs
        teams = [one(made, provider=seller, account_id=own).team for seller, own in (
            ("openai", None), ("openai", "org-acme"), ("openai", "org-other"), ("anthropic", None), (None, None),
        )]  # fmt: skip
        assert teams == ["growth", "growth", None, None, None]


def test_defaults_longer_name_first(tmp_path: Path) -> None:
    made = book(tmp_path, defaults={"openai": {"team": "platform", "environment": "prod"},
                                    "openai/proj_a": {"team": "search", "product": "find"}})  # fmt: skip
    owner = one(made, provider="openai", sub_account_id="proj_a")
    assert (owner.team, owner.product, owner.environment) == ("search", "find", "production")
    assert owner.evidence["team"] == "default:openai/proj_a"
    assert one(made, provider="openai", sub_account_id="x").team == "platform"
    assert one(made, provider="anthropic").status == "unattributed"
    assert one(made, provider="openai", owner_team="own").team == "own"


def test_provider_limits_a_row(tmp_path: Path) -> None:
    made = book(
        tmp_path,
        owner_map="id_type,id_value,provider,team\nworkspace_id,default,,any\nworkspace_id,default,anthropic,claude\n",
    )
    assert one(made, provider="anthropic", workspace_id="default").team == "claude"
    assert one(made, provider="openai", workspace_id="default").team == "any"


def test_a_provider_may_be_spelled_as_in_any_export(tmp_path: Path) -> None:
    made = book(
        tmp_path,
        owner_map="id_type,id_value,provider,team\napi_key_id,k1,bedrock,orbit\napi_key_id,k1,own-llm,lyra\n",
        defaults={"bedrock/1234": {"team": "platform"}},
    )
    assert one(made, provider="aws_bedrock", api_key_id="k1").team == "orbit"
    assert one(made, provider="own-llm", api_key_id="k1").team == "lyra"
    assert one(made, provider="aws_bedrock", account_id="1234").team == "platform"


def test_moving_a_key_keeps_history(tmp_path: Path) -> None:
    made = book(
        tmp_path,
        owner_map="id_type,id_value,team,effective_from,effective_to\n"
        "api_key_id,k,old,2026-01-01,2026-11-15\napi_key_id,k,new,2026-11-15,\n",
    )
    start, end = datetime(2026, 11, 14, 23, 59, 59, 999999, tzinfo=UTC), datetime(2026, 11, 15, tzinfo=UTC)
    spans = made.resolve(Evidence(api_key_id="k"), start, end)
    assert [(s.t_from.day, s.t_to.day, s.owner.team) for s in spans] == [(14, 15, "old"), (15, 16, "new")]
    assert one(made, start, api_key_id="k").team == "old"
    assert one(made, end, api_key_id="k").team == "new"
    assert one(made, datetime(2025, 12, 31, tzinfo=UTC), api_key_id="k").reason == "map_not_effective"


def test_account_change_splits_the_span(full: OwnerBook) -> None:
    spans = full.resolve(Evidence(owner_team="platform"), datetime(2026, 11, 1, tzinfo=UTC), NOV + timedelta(days=9))
    assert [(s.t_from.day, s.t_to.day, s.owner.cost_center) for s in spans] == [(1, 20, "CC-4420"), (20, 28, "CC-4999")]


def test_days_are_utc_days(tmp_path: Path) -> None:
    made = book(tmp_path)
    late = datetime(2026, 11, 18, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
    span = made.resolve(Evidence(), late, late)[0]
    assert (span.t_from, span.t_to) == (datetime(2026, 11, 19, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC))
    naive = datetime(2026, 11, 18, 23, 30)
    assert made.resolve(Evidence(), naive, naive)[0].t_from == datetime(2026, 11, 18)
    with pytest.raises(ValueError, match="before"):
        made.resolve(Evidence(), NOV, NOV - timedelta(days=2))


def test_kept_tags_and_people(tmp_path: Path) -> None:
    made = book(tmp_path, tags=["tier", "user", "tenant"])
    owner = one(made, owner_team="a", end_user_id="ana@example.com", tenant_id="bob@example.com",
                tags={"Tier": "gold", "request": "r-1"})  # fmt: skip
    assert owner.tags == {"Tier": "gold", "tenant": "user-redacted", "user": "user-redacted"}
    every = book(tmp_path, tags=["*"])
    owner = one(every, tags={"created_by": "ana@example.com", "seats": 3, "beta": True, "ratio": 1.5, "gone": None})
    assert owner.tags == {"beta": "true", "created_by": "user-redacted", "ratio": "1.5", "seats": "3"}


def test_numbers_in_tags_stay_as_written(tmp_path: Path) -> None:
    assert one(book(tmp_path, tags=["*"]), tags='{"a": 1.50, "b": 1e3, "c": NaN}').tags == {
        "a": "1.50", "b": "1e3", "c": "NaN"
    }  # fmt: skip


@pytest.mark.parametrize("tags", [{"name": "team", "value": "growth"}, {"team": ["growth", "care"]}, ["team"]])
def test_what_only_looks_like_a_team(tmp_path: Path, tags: Any) -> None:
    """An object with a name and a value is no list of tags; of two teams none is chosen."""
    assert one(book(tmp_path), tags=tags).team is None


@pytest.mark.parametrize("text", ["not json", "3", '"x"', "[" * 100_000, "{", "team=a,b", '{"team": "a"', "=a", ""])
def test_malformed_tags_are_noted(tmp_path: Path, text: str) -> None:
    owner = one(book(tmp_path), owner_team="a", tags=text)
    assert (owner.team, owner.evidence["tags"]) == ("a", "not_a_json_object")


def test_needs_and_relevant_tags(tmp_path: Path, full: OwnerBook) -> None:
    plain = book(tmp_path, tags=[])
    assert "end_user_id" not in plain.needs and "api_key_id" not in plain.needs
    assert {"api_key_id", "end_user_id", "owner_project", "sub_account_id", "workspace_id"} <= full.needs
    assert plain.relevant_tags(["Team", "x-req", "project", "user"]) == {"Team": "team"}
    assert full.relevant_tags(["Team", "x-req", "project", "user"]) == {
        "Team": "team", "project": "project", "user": "user"
    }  # fmt: skip
    evidence = Evidence(owner_team="a", end_user_id="u" * 999, api_key_id="k")
    reduced = evidence._replace(**{name: None for name in Evidence._fields if name not in plain.needs})
    assert plain.resolve(evidence, NOV, NOV) == plain.resolve(reduced, NOV, NOV)


def test_book_travels_and_answers_the_same(full: OwnerBook) -> None:
    evidence = Evidence(api_key_id="key_growth_01", tags='{"feature": "faq"}')
    before = full.resolve(evidence, NOV, NOV)
    copy = pickle.loads(pickle.dumps(full))
    assert copy.resolve(evidence, NOV, NOV) == before
    assert [file.rows for file in full.files] == [7, 4]
    assert {row.team_id: str(row.budget_amount) for row in full.accounts.rows}["growth"] == "1200.00"


def test_fifty_thousand_evidences_are_quick(tmp_path: Path) -> None:
    made = book(tmp_path)
    evidences = [
        Evidence(
            provider="openai", owner_team=f"t{i % 50}", tenant_id=f"c{i}", tags=json.dumps({"env": "prod", "n": str(i)})
        )
        for i in range(50_000)
    ]
    start = time.process_time()
    for evidence in evidences:
        made.resolve(evidence, NOV, NOV)
    assert time.process_time() - start < 4, "about 1 s on a small machine; the limit leaves room for a busy one"
