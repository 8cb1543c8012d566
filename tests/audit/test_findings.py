"""Small logs worked out by hand: each finding with its number of records and its exact money.

Prices per million tokens (list, October 2026): gpt-5 1.25 / 0.125 cached / 10 out; gpt-5-mini 0.25 / 0.025 / 2;
gpt-5.4 2.50 / 0.25 / 15, as batch 1.25 / - / 7.50. `event()` alone is 1000 in and 10 out of gpt-5: 0.00135.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from data_builders import event, jsonl

from focus_ai import api
from focus_ai.errors import UsageError
from focus_ai.settings import Settings

OWNER = {"team": "search", "product": "shop", "feature": "rank", "environment": "production"}


def audited(tmp_path: Path, events: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    return api.audit([str(jsonl(tmp_path / "log.jsonl", events))], **options)


def found(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {finding["id"]: finding for finding in report["findings"]}


def size(finding: dict[str, Any]) -> tuple[int, str | None]:
    return finding["events"], finding["cost"]


def test_a_clean_log_is_ready(tmp_path: Path) -> None:
    report = audited(tmp_path, [event(n, **OWNER, logical_request_id=f"c{n}") for n in range(4)])
    assert report["totals"]["cost"] == "0.0054"
    assert report["verdict"]["showback"]["ready"] and report["verdict"]["chargeback"]["ready"]
    assert {f["severity"] for f in report["findings"]} <= {"info"}
    assert report["totals"]["waste"] == "0"


def test_a_call_without_a_team_is_not_ready(tmp_path: Path) -> None:
    owned = [event(n, **OWNER) for n in range(3)]
    report = audited(tmp_path, [*owned, event(9, product="shop", feature="rank", environment="production")])
    assert size(found(report)["owner.no_team"]) == (1, "0.00135")
    assert report["owners"]["team"] == {
        "events": 1, "tokens": 1010, "cost": "0.00135", "share_of_events": "0.25", "share_of_tokens": "0.25",
        "share_of_cost": "0.25",
    }  # fmt: skip
    assert "owner.no_product" not in found(report)
    assert not report["verdict"]["showback"]["ready"]


def test_limits_of_the_verdict_are_settings(tmp_path: Path) -> None:
    events = [*(event(n, **OWNER) for n in range(3)), event(9)]
    loose = Settings.from_dict({"audit": {"unattributed_showback": "0.25", "unattributed_chargeback": "0.24"}})
    report = audited(tmp_path, events, settings=loose)
    assert report["verdict"]["showback"]["ready"] is True
    assert report["verdict"]["chargeback"]["ready"] is False


def test_a_loop_counts_every_answer_but_the_last(tmp_path: Path) -> None:
    """Five attempts of one request: three answers, two of them wasted, and two refused calls without tokens."""
    refused = {"status": "rate_limited", "http_status": 429, "input_tokens": 0, "output_tokens": 0}
    attempts = [
        event(n, **OWNER, **(refused if n in (1, 3) else {}), logical_request_id="r1", retry_count=n,
              timestamp=f"2026-10-07T10:00:0{n}Z") for n in range(5)
    ]  # fmt: skip
    report = audited(tmp_path, attempts)
    loop = found(report)["retry.loop"]
    assert size(loop) == (5, "0.0027")
    assert loop["cost_means"] == "wasted"
    assert loop["rows"] == [{
        "team": "search", "feature": "rank", "model": "gpt-5", "requests": 1, "attempts": 5, "rate_limited": 2,
        "most_attempts": 5, "first_day": "2026-10-07", "last_day": "2026-10-07", "tokens": 2020, "waste": "0.0027",
    }]  # fmt: skip
    assert report["totals"]["waste"] == "0.0027"


def test_fewer_attempts_are_a_retry_and_a_request_that_never_succeeded_is_all_waste(tmp_path: Path) -> None:
    lost = {"status": "error"}
    events = [
        event(1, **OWNER, **lost, logical_request_id="a", retry_count=0),
        event(2, **OWNER, logical_request_id="a", retry_count=1),
        event(3, **OWNER, **lost, logical_request_id="b", retry_count=0),
        event(4, **OWNER, **lost, logical_request_id="b", retry_count=1),
    ]  # fmt: skip
    report = audited(tmp_path, events)
    assert size(found(report)["retry.superseded"]) == (4, "0.00405")
    assert "retry.failed" not in found(report)
    assert "retry.loop" not in found(report)


def test_a_failed_call_with_tokens_is_waste_of_its_own(tmp_path: Path) -> None:
    report = audited(tmp_path, [event(1, **OWNER), event(2, **OWNER, status="timeout")])
    assert size(found(report)["retry.failed"]) == (1, "0.00135")


def test_a_storm_needs_so_many_refusals_in_one_hour(tmp_path: Path) -> None:
    refused = {"status": "rate_limited", "input_tokens": 0, "output_tokens": 0}
    events = [event(n, **OWNER, **refused, timestamp=f"2026-10-07T1{n // 3}:00:00Z") for n in range(5)]
    strict = Settings.from_dict({"audit": {"storm_calls": 3}})
    storm = found(audited(tmp_path, events, settings=strict))["retry.storm"]
    assert [(row["hour"], row["events"]) for row in storm["rows"]] == [("2026-10-07T10:00Z", 3)]
    assert "retry.storm" not in found(audited(tmp_path, events))


def test_duplicates_are_counted_with_what_they_would_have_cost(tmp_path: Path) -> None:
    once = [event(1, **OWNER), event(2, **OWNER)]
    report = audited(tmp_path, [*once, once[0], once[0]])
    assert size(found(report)["records.duplicate"]) == (2, "0.0027")
    assert report["totals"]["cost"] == "0.0027"


def test_one_provider_id_under_two_record_ids(tmp_path: Path) -> None:
    same = {"request_id": "req_1", "logical_request_id": "x"}
    report = audited(tmp_path, [event(1, **OWNER, **same), event(2, **OWNER, **{**same, "logical_request_id": "y"})])
    assert size(found(report)["records.same_call"]) == (1, "0.00135")


def test_a_cost_that_ignores_the_cache(tmp_path: Path) -> None:
    """600 of 1000 input tokens cached: 400 * 1.25 + 600 * 0.125 + 10 * 10 = 0.000675; as fresh 0.00135."""
    tokens = {"cached_input_tokens": 600, "currency": "USD"}
    report = audited(
        tmp_path,
        [event(1, **OWNER, **tokens, cost="0.00135"), event(2, **OWNER, **tokens, cost="0.000675")],
    )
    assert report["totals"]["cost"] == "0.00135"
    assert size(found(report)["cache.priced_as_fresh"]) == (1, "0.000675")


def test_a_batch_at_full_price(tmp_path: Path) -> None:
    """gpt-5.4, 1000 in and 10 out: 0.00265 at once, 0.001325 as batch."""
    batch = {"model": "gpt-5.4", "processing_mode": "batch", "currency": "USD"}
    report = audited(
        tmp_path, [event(1, **OWNER, **batch, cost="0.00265"), event(2, **OWNER, **batch, cost="0.001325")]
    )
    assert report["totals"]["cost"] == "0.00265"
    assert size(found(report)["batch.at_full_price"]) == (1, "0.001325")


def test_a_batch_at_full_price_of_an_account_with_a_contract(tmp_path: Path) -> None:
    """Half of each list price for the account that the settings name: 0.001325 at once, 0.0006625 as batch."""
    (tmp_path / "c.yaml").write_text("contracts: [{channel: openai, percent_off: 50, account_id: org-1}]")
    settings = Settings.from_dict(
        {"rates": {"contracts": [str(tmp_path / "c.yaml")]}, "accounts": {"openai": {"id": "org-1"}}}
    )
    batch = event(1, **OWNER, model="gpt-5.4", processing_mode="batch", currency="USD", cost="0.001325")
    report = audited(tmp_path, [batch], settings=settings)
    assert size(found(report)["batch.at_full_price"]) == (1, "0.0006625")


def test_a_reported_cost_off_our_price(tmp_path: Path) -> None:
    report = audited(
        tmp_path,
        [
            event(1, **OWNER, cost="0.0016", currency="USD"),
            event(2, **OWNER, model="gpt-5-mini", cost="0.00027", currency="USD"),
        ],
    )
    mismatch = found(report)["price.mismatch"]
    assert size(mismatch) == (1, "0.00025")  # 0.0016 against 0.00135; gpt-5-mini is right to the digit
    assert [row["model"] for row in mismatch["rows"]] == ["gpt-5"]


def test_a_name_that_changed_its_model(tmp_path: Path) -> None:
    """gpt-5-mini (0.00027) became gpt-5 (0.00135): one call more dear by 0.00108."""
    events = [
        event(1, **OWNER, model="gpt-5-mini", model_requested="assistant", timestamp="2026-10-01T10:00:00Z"),
        event(2, **OWNER, model="gpt-5", model_requested="assistant", timestamp="2026-10-02T10:00:00Z"),
    ]  # fmt: skip
    drift = found(audited(tmp_path, events))["model.alias_drift"]
    assert size(drift) == (1, "0.00135")
    assert [row["extra_cost"] for row in drift["rows"]] == [None, "0.00108"]


def test_floating_names_and_unknown_models(tmp_path: Path) -> None:
    events = [event(1, **OWNER, model="gpt-5", model_requested="gpt-latest"), event(2, **OWNER, model="house-model-7")]
    report = audited(tmp_path, events)
    assert size(found(report)["model.floating_name"]) == (1, "0.00135")
    unpriced = found(report)["model.unpriced"]
    assert (unpriced["events"], unpriced["tokens"], unpriced["cost"]) == (1, 1010, None)
    assert unpriced["rows"][0]["model"] == "house-model-7"
    assert not report["verdict"]["showback"]["ready"]


def test_one_name_at_two_providers(tmp_path: Path) -> None:
    events = [
        event(1, **OWNER, model_requested="chat"),
        event(2, **OWNER, provider="anthropic", model="claude-opus-4-5", model_requested="chat"),
    ]
    mixed = found(audited(tmp_path, events))["model.mixed_providers"]
    assert {row["provider"] for row in mixed["rows"]} == {"openai", "anthropic"}


def test_gateway_cache_hits_bought_nothing(tmp_path: Path) -> None:
    report = audited(tmp_path, [event(1, **OWNER), event(2, **OWNER, gateway_cache_hit=True)])
    assert report["totals"]["cost"] == "0.00135"
    assert found(report)["cache.gateway_hits"]["events"] == 1


def test_odd_clocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1793577600")  # 2026-11-02
    events = [event(1, **OWNER), event(2, **OWNER, timestamp="2026-11-03T00:00:00Z")]
    odd = found(audited(tmp_path, events))["time.odd"]
    assert {row["oddity"]: row["events"] for row in odd["rows"]} == {"future": 1, "midnight": 1}


def test_addresses_of_people_are_found_and_not_repeated(tmp_path: Path) -> None:
    report = audited(
        tmp_path, [event(1, **{**OWNER, "team": "ada@example.com"}), event(2, **OWNER, user_id="b@example.com")]
    )
    finding = found(report)["privacy.personal_data"]
    assert {row["field"] for row in finding["rows"]} == {"team", "end_user_id"}
    assert "b@example.com" not in json.dumps(report)


def test_one_owner_in_two_spellings(tmp_path: Path) -> None:
    report = audited(tmp_path, [event(1, **OWNER), event(2, **{**OWNER, "team": "Search"})])
    assert [row["spelling"] for row in found(report)["owner.spellings"]["rows"]] == ["Search", "search"]


def test_the_way_down_to_a_request(tmp_path: Path) -> None:
    events = [
        event(n, **OWNER, model="gpt-5" if n < 2 else "gpt-5-mini", input_tokens=1000 * (n + 1)) for n in range(4)
    ]
    drill = audited(tmp_path, [*events, event(8)], drill="team=SEARCH,model=gpt-5")["drill"]
    assert (drill["events"], drill["cost"]) == (2, "0.00395")  # 0.00125 + 0.0001 and 0.0025 + 0.0001
    assert [r["record"] for r in drill["requests"]] == ["e1", "e0"]
    assert "model" not in drill["groups"] and drill["groups"]["feature"][0]["name"] == "rank"
    nobody = audited(tmp_path, [*events, event(8)], drill="team=Unattributed")["drill"]
    assert [r["record"] for r in nobody["requests"]] == ["e8"]


@pytest.mark.parametrize("words", ["team", "team=", "colour=red"])
def test_a_wrong_selection_is_refused(tmp_path: Path, words: str) -> None:
    with pytest.raises(UsageError):
        audited(tmp_path, [event(1)], drill=words)


def test_the_report_fits_its_schema(tmp_path: Path) -> None:
    from jsonschema import Draft202012Validator

    from focus_ai.resources import schemas

    shape = json.loads((schemas() / "audit.schema.json").read_text(encoding="utf-8"))
    report = audited(tmp_path, [event(1, **OWNER), event(2)], drill="team=search")
    Draft202012Validator.check_schema(shape)
    assert [e.message for e in Draft202012Validator(shape).iter_errors(report)] == []
    assert Decimal(report["totals"]["cost"]) == Decimal("0.0027")
