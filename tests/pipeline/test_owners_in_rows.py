"""Owners end to end: evidence in the records, the owner map and accounts with dates, and ids of people."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from data_builders import convert, event, exceptions, jsonl, rows, snapshot, total

from focus_ai.adapters import quick
from focus_ai.errors import UsageError

MAIL = "ada.person@example.com"
KEY = "0123456789abcdef-test-key"


def by(found: list[dict[str, Any]], *names: str) -> dict[Any, Decimal]:
    keys = sorted({tuple(r[n] for n in names) for r in found}, key=str)
    return {k if len(k) > 1 else k[0]: total(r for r in found if tuple(r[n] for n in names) == k) for k in keys}


def test_headers_of_an_access_log(tmp_path: Path, out: Path) -> None:
    usage = json.dumps({"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010})
    line = {"msec": "1791364362.8", "request_id": "n-1", "status": 200, "request_time": 2.5, "provider": "openai",
            "model": "gpt-5", "usage": usage, "owner_team": "orbit", "owner_product": "help-desk",
            "owner_env": "production"}  # fmt: skip
    nameless = {**line, "request_id": "n-2", "owner_team": "-", "owner_product": "", "owner_env": ""}
    convert(out, jsonl(tmp_path / "a.log", [line, nameless]))
    found = rows(out)
    assert by(found, "x_Team", "x_Product", "x_Environment", "x_OwnerStatus") == {
        ("orbit", "help-desk", "production", "owned"): Decimal("0.00135"),
        (None, None, None, "unattributed"): Decimal("0.00135"),
    }
    owned = next(r for r in found if r["x_Team"] == "orbit")
    assert json.loads(owned["Tags"])["team"] == "orbit"
    assert "team" in json.loads(owned["x_OwnerEvidence"])


def test_tags_of_a_gateway(tmp_path: Path, out: Path) -> None:
    line = {
        "request_id": "r1", "call_type": "acompletion", "startTime": "2026-10-07T09:00:00Z",
        "endTime": "2026-10-07T09:00:02Z", "spend": 0.1, "model": "openai/gpt-5", "custom_llm_provider": "openai",
        "prompt_tokens": 1000, "completion_tokens": 10, "cache_hit": "None", "status": "success",
        "request_tags": ["team:orbit", "product=desk", "environment: prod", "User-Agent: curl"], "metadata": {},
    }  # fmt: skip
    convert(out, jsonl(tmp_path / "a.jsonl", [line]))
    assert {(r["x_Team"], r["x_Product"], r["x_Environment"]) for r in rows(out)} == {("orbit", "desk", "production")}


@pytest.fixture
def owners(tmp_path: Path) -> dict[str, Any]:
    """Key k1 moves from alpha to beta on 10 October; beta's cost center changes on the 20th."""
    (tmp_path / "map.csv").write_text(
        "id_type,id_value,provider,team,product,feature,environment,cost_center,department,business_unit,product_line,"
        "effective_from,effective_to\n"
        "api_key_id,k1,,alpha,,,,,,,,2026-01-01,2026-10-10\n"
        "api_key_id,k1,,beta,,,,,,,,2026-10-10,\n"
        f"end_user_prefix,{MAIL},,people,,,,,,,,2026-01-01,\n"
    )
    (tmp_path / "accounts.csv").write_text(
        "team_id,team_name,owner,cost_center,department,business_unit,product_line,budget_amount,budget_currency,"
        "budget_period,allocation_rule,allocation_basis,effective_from,effective_to\n"
        "alpha,Alpha,alpha@example.com,CC-1,,Shop,,,,,direct,,2026-01-01,\n"
        "beta,Beta,beta@example.com,CC-2,,Shop,,,,,direct,,2026-01-01,2026-10-20\n"
        "beta,Beta,beta@example.com,CC-3,,Shop,,,,,direct,,2026-10-20,\n"
        "people,People,,CC-4,,Shop,,,,,direct,,2026-01-01,\n"
        "unattributed,Nobody,,CC-0,,,,,,,direct,,2026-01-01,\n"
    )
    return {"owners": {"map": [str(tmp_path / "map.csv")], "accounts": [str(tmp_path / "accounts.csv")]}}


@pytest.mark.parametrize("grain", ["day", "request"])
def test_an_owner_that_moves_inside_the_data(grain: str, owners: dict[str, Any], tmp_path: Path, out: Path) -> None:
    stamps = ["2026-10-09T23:59:59.999999Z", "2026-10-10T00:00:00Z", "2026-10-19T23:59:59Z", "2026-10-20T00:00:00Z"]
    lines = [event(n, timestamp=t, api_key_id="k1") for n, t in enumerate(stamps)]
    lines += [event("x", timestamp=stamps[1], api_key_id="k2"), event("y", timestamp=stamps[1])]
    convert(out, jsonl(tmp_path / "a.jsonl", lines), settings=owners, grain=grain)
    found = rows(out)
    one = Decimal("0.00135")
    assert by(found, "x_Team", "x_CostCenter", "x_Owner") == {
        ("alpha", "CC-1", "alpha@example.com"): one, ("beta", "CC-2", "beta@example.com"): 2 * one,
        ("beta", "CC-3", "beta@example.com"): one, (None, "CC-0", None): 2 * one,
    }  # fmt: skip
    days = {r["ChargePeriodStart"].date() for r in found if r["x_CostCenter"] == "CC-1"}
    assert days == {date(2026, 10, 9)}
    reasons = {r["x_UnattributedReason"] for r in found if r["x_OwnerStatus"] == "unattributed"}
    assert len(reasons) == 2
    assert None not in reasons


@pytest.mark.parametrize(
    ("first", "last", "team", "told"),
    [("09T12", "10T12", "alpha", 1), ("09T12", "10T00", "alpha", 0), ("10T00", "12T00", "beta", 0),
     ("10T00", "21T00", "beta", 1), ("01T00", "31T00", "alpha", 1)],
)  # fmt: skip
def test_a_sum_over_a_change_of_owner_is_told(
    first: str, last: str, team: str, told: int, owners: dict[str, Any], tmp_path: Path, out: Path
) -> None:
    """One bucket: key k1 moves on the 10th, its new team's cost center changes on the 20th. 1000 input and 10 output
    tokens of gpt-5 are 0.00135 USD, and all of it is with the owner at the beginning."""
    begin, end = (int(datetime.fromisoformat(f"2026-10-{t}:00:00+00:00").timestamp()) for t in (first, last))
    result = {"object": "organization.usage.completions.result", "input_tokens": 1000, "output_tokens": 10,
              "input_cached_tokens": 0, "num_model_requests": 1, "project_id": "p", "user_id": None,
              "api_key_id": "k1", "model": "gpt-5", "batch": False, "service_tier": "default"}  # fmt: skip
    bucket = {"object": "bucket", "start_time": begin, "end_time": end, "results": [result]}
    source = tmp_path / "a.json"
    source.write_text(json.dumps({"object": "page", "data": [bucket], "has_more": False, "next_page": None}))
    report = convert(out, source, settings=owners)
    assert by(rows(out), "x_Team") == {team: Decimal("0.00135")}
    warned = [w for w in report["warnings"] if w["code"] == "owner_change_in_bucket"]
    assert [w["records"] for w in warned] == [told] * bool(told)
    assert all("(1,010 tokens)" in w["message"] for w in warned)
    if told:
        line = {"object": "organization.costs.result", "amount": {"value": "2.50", "currency": "usd"},
                "line_item": "gpt-5, input", "project_id": "p", "api_key_id": "k1"}  # fmt: skip
        source.write_text(json.dumps({"object": "page", "data": [{**bucket, "results": [line]}], "has_more": False}))
        report = convert(out, source, settings=owners)
        warned = [w for w in report["warnings"] if w["code"] == "owner_change_in_bucket"]
        assert [(w["records"], w["money"], w["currency"]) for w in warned] == [(1, "2.5", "USD")]


def test_the_unattributed_line_of_the_report(tmp_path: Path, out: Path) -> None:
    report = convert(out, jsonl(tmp_path / "a.jsonl", [event(1, team="a"), event(2), event(3, team="  ")]))
    assert report["unattributed"] == {"rows": 2, "effective_cost": "0.0027"}
    assert {t["name"] for t in report["by_team"]} == {"a", "Unattributed"}


def everything(out: Path) -> bytes:
    """All bytes of a data set, the Parquet values as text."""
    texts = [json.dumps(pq.read_table(p, partitioning=None).to_pylist(), default=str) for p in out.rglob("*.parquet")]
    return "\n".join(texts).encode() + b"".join(v for k, v in snapshot(out).items() if not k.endswith(".parquet"))


@pytest.mark.parametrize(
    ("policy", "key", "mail", "plain"),
    [
        (None, None, "user-redacted", "u-17"),
        (None, KEY, "usr_", "u-17"),
        ("hash", KEY, "usr_", "usr_"),
        ("drop", None, None, None),
        ("keep", None, MAIL, "u-17"),
    ],
)
def test_ids_of_people(
    policy: str | None, key: str | None, mail: str | None, plain: str | None, owners: dict[str, Any], tmp_path: Path,
    out: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """In the rows, in the events and in the evidence; the key itself is written nowhere."""
    if key:
        monkeypatch.setenv("FOCUS_AI_USER_KEY", key)
    settings = {**owners, **({"privacy": {"user_ids": policy}} if policy else {})}
    lines = [event(1, user_id=MAIL), event(2, user_id="u-17"), event(3, user_id=MAIL.upper(), team="t")]
    convert(out, jsonl(tmp_path / "a.jsonl", lines), settings=settings, grain="request", events=True)
    shown = {r["x_RequestId"]: r["x_UserId"] for r in rows(out)}
    written = {r["record_id"]: r["end_user_id"] for r in pq.read_table(out / "events" / "events.parquet").to_pylist()}
    assert shown == written

    def same(value: str | None, wanted: str | None) -> bool:
        return value == wanted or (wanted == "usr_" and value is not None and value.startswith("usr_"))

    assert same(shown["e1"], mail), shown
    assert same(shown["e2"], plain), shown
    assert {r["x_Team"] for r in rows(out) if r["x_RequestId"] == "e1"} == {"people"}
    if policy != "keep":
        assert shown["e1"] == shown["e3"]
        assert MAIL.encode() not in everything(out).lower()
    if key:
        assert key.encode() not in everything(out)


@pytest.mark.parametrize(
    ("policy", "person", "rejected"),
    [
        ("auto", "user-redacted", {"a": "user-redacted", "b": "u-17"}),
        ("keep", MAIL, {"a": MAIL, "b": "u-17"}),
        ("drop", None, None),
    ],
)
def test_people_in_events_and_in_texts_of_bad_records(
    policy: str, person: str | None, rejected: dict[str, str] | None, tmp_path: Path, out: Path
) -> None:
    """A tenant, a key and a workspace named by an address; and a user in records that were set aside (no time of
    theirs can be read), once as JSON and once cut off."""
    named = event(1, tenant_id=MAIL, api_key_id=MAIL, workspace_id=MAIL, tags={"owner": MAIL, "Customer": MAIL})
    plain = event(2, tenant_id="acme", api_key_id="k1", workspace_id="w1")
    bad = [event(n, timestamp="never", user_id=user) for n, user in (("a", MAIL), ("b", "u-17"))]
    settings = {"privacy": {"user_ids": policy}, "owners": {"tags": ["owner", "customer"]}}
    lines = [named, plain, *bad, f'{{"event_id": "c", "user_id": "{MAIL}"']
    convert(out, jsonl(tmp_path / "a.jsonl", lines), settings=settings, events=True)
    written = {r["record_id"]: r for r in pq.read_table(out / "events" / "events.parquet").to_pylist()}
    for name, value in (("tenant_id", "acme"), ("api_key_id", "k1"), ("workspace_id", "w1")):
        assert (written["e1"][name], written["e2"][name]) == (person, value)
    texts = [r["raw"] for r in exceptions(out, "rejects")]
    if rejected is None:
        assert texts == [None] * 3
    else:
        assert [json.loads(t)["user_id"] for t in texts[:2]] == list(rejected.values())
        assert rejected["a"] in texts[2]
    assert (MAIL.encode() in everything(out)) == (policy == "keep")


@pytest.mark.parametrize("grain", ["day", "request"])
def test_events_without_a_key_are_refused_where_a_hash_is_asked_for(grain: str, tmp_path: Path, out: Path) -> None:
    with pytest.raises(UsageError, match="FOCUS_AI_USER_KEY"):
        convert(out, jsonl(tmp_path / "a.jsonl", [event(1, user_id="u")]), grain=grain, events=True,
                settings={"privacy": {"user_ids": "hash"}})  # fmt: skip
    assert list(out.parent.iterdir()) == []


def named(found: list[dict[str, Any]]) -> dict[tuple[Any, ...], Any]:
    return {(r["x_Team"], r["x_CostCenter"], r["Tags"]): json.loads(r["x_OwnerEvidence"]) for r in found}


def test_columns_that_nobody_names_are_tags(tmp_path: Path, out: Path) -> None:
    """A table of the user's own: what its other columns say of the owner is found, after the record's own fields and
    its tags; of the rest only that goes into Tags which the settings name."""
    lines = [
        event(1, Team="orbit", labels={"cost_center": "CC-7"}, department="Growth", campaign="autumn", pod="p-1"),
        event(2, team="lyra", Team="orbit", tags={"cost_center": "CC-1"}, cost_center_code="CC-2", pod="p-2"),
    ]
    convert(out, jsonl(tmp_path / "x.jsonl", lines), settings={"owners": {"tags": ["department", "campaign"]}})
    assert named(rows(out)) == {
        ("orbit", "CC-7", '{"campaign":"autumn","cost_center":"CC-7","department":"Growth","team":"orbit"}'): {
            "team": "column:Team", "cost_center": "column:labels.cost_center", "department": "column:department",
        },
        ("lyra", "CC-1", '{"cost_center":"CC-1","team":"lyra"}'): {
            "team": "event:owner_team", "cost_center": "tag:cost_center",
        },
    }  # fmt: skip


@pytest.mark.parametrize("small", [0, 1 << 40])
def test_a_column_per_call_splits_no_rows_and_makes_no_conflict(
    small: int, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A collector stamps what it takes in: the same call delivered twice is one call, whichever comes first."""
    monkeypatch.setattr(quick, "SMALL", small)
    lines = [event(n // 2, taken_in=f"10:00:{n:02d}", env="prod" if n % 2 else "production") for n in range(40)]
    found = []
    for name, given in (("a", lines), ("b", lines[::-1])):
        report = convert(out / name, jsonl(tmp_path / f"{name}.jsonl", given))
        assert (report["records"]["duplicates"], report["records"]["rejected"]) == (20, 0)
        found.append(rows(out / name))
    assert found[0] == found[1] and len(found[0]) == 2
    assert [r["x_RequestCount"] for r in found[0]] == [20, 20] and total(found[0]) == Decimal("0.027")


def test_addresses_of_people_in_other_columns_are_written_nowhere(tmp_path: Path, out: Path) -> None:
    lines = [event(1, user_email=MAIL, asked_by=MAIL), event(2, Tenant=MAIL)]
    convert(out, jsonl(tmp_path / "x.jsonl", lines), settings={"owners": {"tags": ["*"]}}, events=True)
    assert [name for name, content in snapshot(out).items() if MAIL.encode() in content] == []
    assert all(MAIL not in str(row) for row in pq.read_table(out / "events" / "events.parquet").to_pylist())
    assert all(MAIL not in str(row) for row in rows(out)) and "user-redacted" in str(rows(out))
