"""Facts that the settings state for the inputs at one place: exports of several organisations in one run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import duckdb
import pytest
from data_builders import convert

from focus_ai.adapters import by_id
from focus_ai.settings import Settings
from focus_ai.stated import facts, without_effect

COST = by_id("anthropic-cost-report", {})
LOG = by_id("langfuse-observations", {})


def page(*days: list[tuple[str | None, str]]) -> dict[str, Any]:
    """A page of the cost report: by day its lines as workspace and cents."""
    line = {
        "currency": "USD", "description": "Claude Sonnet 4.5 Usage - Input Tokens", "cost_type": "tokens",
        "context_window": "0-200k", "model": "claude-sonnet-4-5", "service_tier": "standard",
        "token_type": "uncached_input_tokens", "inference_geo": "not_available",
    }  # fmt: skip
    return {"has_more": False, "next_page": None, "data": [
        {"starting_at": f"2026-10-{n:02d}T00:00:00Z", "ending_at": f"2026-10-{n + 1:02d}T00:00:00Z",
         "results": [line | {"workspace_id": workspace, "amount": cents} for workspace, cents in lines]}
        for n, lines in enumerate(days, 1)
    ]}  # fmt: skip


def two_organisations(folder: Path) -> Path:
    """Neither says whose it is. Of the default workspace, one day has other amounts and one day the same."""
    for name, first in (("emea", [(None, "300.00"), ("wrk_a", "100")]), ("apac", [(None, "700"), ("wrk_b", "100")])):
        (folder / name).mkdir(parents=True)
        (folder / name / "cost.json").write_text(json.dumps(page(first, [(None, "50.00")])))
    return folder


def test_two_organisations_are_kept_apart_by_where_their_files_are(tmp_path: Path) -> None:
    """3.00 + 1.00 + 0.50 and 7.00 + 1.00 + 0.50 dollars. The one table of names is that of an account."""
    source = two_organisations(tmp_path / "in")
    settings = {
        "files": {str(source / "emea"): {"account_id": "org-emea"}, str(source / "a*c"): {"account_id": "org-apac"}},
        "accounts": {"anthropic/org-apac": {"name": "Example APAC"}},
    }
    report = convert(tmp_path / "out", source, settings=settings)
    assert report["records"] == {
        "read": 6, "events": 0, "billed_lines": 6, "duplicates": 0, "rejected": 0, "ignored": 0
    }  # fmt: skip
    rows = f"read_parquet('{tmp_path}/out/data/**/*.parquet')"
    assert duckdb.sql(
        "SELECT BillingAccountId, any_value(BillingAccountName), sum(BilledCost)::VARCHAR, count(*) "
        f"FROM {rows} GROUP BY 1 ORDER BY 1"
    ).fetchall() == [
        ("org-apac", "Example APAC", "8.500000000000000000", 3), ("org-emea", "org-emea", "4.500000000000000000", 3)
    ]  # fmt: skip
    assert not [w for w in report["warnings"] if w["code"] == "file_facts_without_effect"]


def used(workspace: str | None, tokens: int) -> dict[str, Any]:
    return {
        "has_more": False, "next_page": None, "data": [
            {"starting_at": "2026-10-01T00:00:00Z", "ending_at": "2026-10-02T00:00:00Z", "results": [{
                "uncached_input_tokens": tokens, "cache_read_input_tokens": 0, "output_tokens": 0,
                "cache_creation": {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 0},
                "server_tool_use": {"web_search_requests": 0}, "api_key_id": "k", "workspace_id": workspace,
                "model": "claude-sonnet-4-5", "service_tier": "standard", "context_window": "0-200k",
                "inference_geo": "not_available",
            }]},
        ],
    }  # fmt: skip


@pytest.mark.parametrize("grain", ["day", "month"])
def test_the_bill_of_one_organisation_is_no_doubt_about_the_usage_of_another(tmp_path: Path, grain: str) -> None:
    """1M input tokens at 3.00 of each; the bill of emea is there, that of apac is not yet. The day of one account may
    hold both: here usage of another workspace than the bill's."""
    emea, apac = tmp_path / "emea", tmp_path / "apac"
    for folder in (emea, apac):
        folder.mkdir()
        (folder / "usage.json").write_text(json.dumps(used(None, 1_000_000)))
    (emea / "cost.json").write_text(json.dumps(page([(None, "300")])))

    def doubts(name: str, usage_of: str) -> list[tuple[int, str]]:
        files = {str(emea): {"account_id": "org-emea"}, str(apac): {"account_id": usage_of}}
        report = convert(tmp_path / name, emea, apac, settings={"files": files}, grain=grain)
        assert report["totals"][0]["effective_cost"] == "6"
        return [(w["records"], w["money"]) for w in report["warnings"] if w["code"] == "possible_double_count"]

    assert doubts("two", "org-apac") == []
    (emea / "cost.json").write_text(json.dumps(page([("wrk_a", "300")])))
    (emea / "usage.json").write_text(json.dumps(used("wrk_a", 1_000_000)))
    (apac / "usage.json").write_text(json.dumps(used("wrk_b", 1_000_000)))
    assert doubts("one", "org-emea") == [(1, "3")]


def test_without_them_the_run_says_what_helps(tmp_path: Path) -> None:
    """The line with two amounts is one of which nobody knows whose it is; the equal line looks like a copy."""
    report = convert(tmp_path / "out", two_organisations(tmp_path / "in"))
    assert report["records"]["rejected"] == 2 and report["records"]["duplicates"] == 1
    told = [w["message"] for w in report["warnings"] if w["code"] == "conflicting_duplicates"]
    assert len(told) == 1 and "[files]" in told[0]


def test_a_place_without_inputs_and_a_fact_that_nobody_takes_are_told(tmp_path: Path) -> None:
    source = two_organisations(tmp_path / "in")
    settings = {"files": {
        str(source / "emea"): {"account_id": "org-emea", "region": "eu"},
        str(source / "apca"): {"account_id": "org-apac"},
    }}  # fmt: skip
    report = convert(tmp_path / "out", source, settings=settings)
    told = [w["message"] for w in report["warnings"] if w["code"] == "file_facts_without_effect"]
    assert len(told) == 2
    assert f"'{source / 'apca'}'" in told[0] and str(source / "apac" / "cost.json") in told[0]
    assert f"'{source / 'emea'}' takes region" in told[1]


def settings_at(folder: Path, **places: dict[str, str]) -> Settings:
    return Settings.from_dict({"files": places}, base=folder)


@pytest.mark.parametrize(
    ("place", "name", "holds"),
    [
        ("emea", "/data/emea/cost.json", True),
        ("emea/", "/data/emea/deep/er/cost.json", True),
        ("emea", "/data/emea", True),
        ("emea", "/data/emea2/cost.json", False),
        ("emea", "/data/old/emea/cost.json", False),
        ("**/emea", "/data/old/emea/cost.json", True),
        ("**/emea/*.json", "/data/emea/cost.json", True),
        ("*-emea.json", "/data/cost-emea.json", True),
        ("*-emea.json", "/data/sub/cost-emea.json", False),
        ("./emea/../apac", "/data/apac/cost.json", True),
        ("../other/emea", "/other/emea/cost.json", True),
        ("/mnt/exports/emea", "/mnt/exports/emea/cost.json", True),
        ("/mnt/exports/emea", "/data/mnt/exports/emea/cost.json", False),
        ("EMEA", "/data/emea/cost.json", False),
        ("s3://bucket/emea", "s3://bucket/emea/2026/cost.json", True),
        ("s3://bucket/*/2026", "s3://bucket/emea/2026/cost.json", True),
        ("s3://bucket/emea", "s3://other/emea/cost.json", False),
    ],
)
def test_a_place_is_a_path_beside_the_settings_or_a_url(place: str, name: str, *, holds: bool) -> None:
    found = facts(COST, settings_at(Path("/data"), **{place: {"account_id": "org"}}), name)
    assert found == ({"account_id": "org"} if holds else {})


def test_signs_of_a_glob_in_the_folder_of_the_settings_stand_for_themselves() -> None:
    stated = settings_at(Path("/da[t]a*"), emea={"account_id": "org"})
    assert facts(COST, stated, "/da[t]a*/emea/x.json") == {"account_id": "org"}
    assert facts(COST, stated, "/data1/emea/x.json") == {}


def test_an_input_is_named_from_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stated = settings_at(tmp_path, emea={"account_id": "org"})
    assert facts(COST, stated, os.path.join("emea", "x.json")) == {"account_id": "org"}  # noqa: PTH118 - as typed
    assert facts(COST, stated, "x.json") == {}


def test_the_longer_name_wins_fact_by_fact_and_over_what_holds_for_the_export() -> None:
    settings = Settings.from_dict(
        {
            "exports": {"langfuse-observations": {"account_id": "of-export", "provider": "openai"}},
            "accounts": {"anthropic": {"id": "of-channel"}},
            "files": {
                "emea": {"account_id": "of-folder", "provider": "mistral"},
                "emea/labs": {"account_id": "of-labs"},
            },
        },
        base=Path("/data"),
    )
    assert {"account_id", "provider"} <= set(LOG.settings)
    assert facts(LOG, settings, "/data/x.jsonl") == {"account_id": "of-export", "provider": "openai"}
    assert facts(LOG, settings, "/data/emea/x.jsonl") == {"account_id": "of-folder", "provider": "mistral"}
    assert facts(LOG, settings, "/data/emea/labs/x.jsonl") == {"account_id": "of-labs", "provider": "mistral"}
    # The cost report asks for no provider, and has one seller.
    assert facts(COST, settings, "/data/emea/labs/x.json") == {"account_id": "of-labs"}
    assert facts(COST, settings, "/data/x.json") == {"account_id": "of-channel"}


def test_places_that_a_run_does_not_read_are_no_mistake() -> None:
    """All inputs are at a place; or the one that is not takes nothing of what the other place states."""
    settings = settings_at(Path("/data"), emea={"account_id": "a"}, apac={"account_id": "b"}, logs={"provider": "x"})
    assert without_effect(settings, {"/data/emea/x.json": COST}) == []
    only = settings_at(Path("/data"), logs={"provider": "openai"})
    assert without_effect(only, {"/data/emea/x.json": COST}) == []
    assert len(without_effect(only, {"/data/log/x.jsonl": LOG})) == 1
