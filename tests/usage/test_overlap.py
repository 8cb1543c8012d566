"""One call seen from several places costs once: provider, gateway and application logs in one run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from data_builders import convert, data_bytes, event, exceptions, jsonl, rows

# 1000 input and 10 output tokens of gpt-5: 1000 * 1.25 / 1e6 + 10 * 10 / 1e6 = 0.00135 USD.
ONE = "0.00135"


def spend_log(number: int, **fields: Any) -> dict[str, Any]:
    """A call through the LiteLLM gateway, one second before noon of 7 October."""
    return {
        "request_id": f"chatcmpl-{number}", "call_type": "acompletion", "startTime": "2026-10-07T11:59:59Z",
        "endTime": "2026-10-07T12:00:02Z", "spend": 0.1, "model": "openai/gpt-5", "custom_llm_provider": "openai",
        "prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010, "cache_hit": "None", "status": "success",
        "metadata": {}, **fields,
    }  # fmt: skip


def span(number: int, **fields: Any) -> dict[str, Any]:
    """The same call as an application's trace shows it (Langfuse observation); it knows no response id."""
    return {
        "id": f"obs-{number}", "trace_id": f"t-{number}", "project_id": "p", "type": "GENERATION", "name": "call",
        "start_time": "2026-10-07 12:00:00.000", "end_time": "2026-10-07 12:00:02.000", "model": "gpt-5",
        "provided_model_name": "openai/gpt-5", "usage_details": {"input": 1000, "output": 10, "total": 1010},
        "cost_details": {}, "metadata": {"ls_provider": "openai"}, "level": "DEFAULT", **fields,
    }  # fmt: skip


def usage_page(tokens: int) -> dict[str, Any]:
    """OpenAI's own usage export of that day."""
    result = {
        "object": "organization.usage.completions.result", "input_tokens": tokens, "output_tokens": 10,
        "input_cached_tokens": 0, "input_audio_tokens": 0, "output_audio_tokens": 0, "num_model_requests": 1,
        "project_id": "proj", "user_id": None, "api_key_id": None, "model": "gpt-5-2025-08-07", "batch": False,
        "service_tier": "default",
    }  # fmt: skip
    return _page(result)


def costs_page(amount: str) -> dict[str, Any]:
    """OpenAI's bill of that day."""
    return _page({
        "object": "organization.costs.result", "amount": {"value": amount, "currency": "usd"},
        "line_item": "gpt-5-2025-08-07, input", "project_id": "proj", "organization_id": "org-1",
    })  # fmt: skip


def _page(result: dict[str, Any]) -> dict[str, Any]:
    bucket = {"object": "bucket", "start_time": 1791331200, "end_time": 1791417600, "results": [result]}
    return {"object": "page", "data": [bucket], "has_more": False, "next_page": None}


def written(path: Path, document: dict[str, Any]) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def effective(report: dict[str, Any]) -> str:
    return str(report["totals"][0]["effective_cost"])


def test_two_logs_that_share_the_response_id(tmp_path: Path, out: Path) -> None:
    """Times and tokens differ a little, the id of the provider's answer decides; the gateway's record stays."""
    gateway = jsonl(tmp_path / "gw.jsonl", [spend_log(1), spend_log(2)])
    body = {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1791374405, "model": "gpt-5-2025-08-07",
        "choices": [], "usage": {"prompt_tokens": 999, "completion_tokens": 10, "total_tokens": 1009},
    }  # fmt: skip
    report = convert(out, gateway, jsonl(tmp_path / "app.jsonl", [body]))
    assert (report["records"]["events"], report["records"]["duplicates"], effective(report)) == (2, 1, "0.0027")
    [left] = exceptions(out, "duplicates")
    assert (left["reason"], left["file"], left["kept_file"]) == ("same_call", str(tmp_path / "app.jsonl"), str(gateway))


def test_without_ids_the_same_tokens_at_the_same_moment(tmp_path: Path, out: Path) -> None:
    """Two equal calls in each log are two calls; a third one, and one a minute later, count on their own."""
    gateway = jsonl(tmp_path / "gw.jsonl", [spend_log(1), spend_log(2)])
    spans = [span(n, start_time="2026-10-07 11:59:58.000") for n in (1, 2, 3)]
    spans.append(span(4, start_time="2026-10-07 12:01:00.000"))
    report = convert(out, gateway, jsonl(tmp_path / "app.jsonl", spans))
    assert (report["records"]["events"], report["records"]["duplicates"], effective(report)) == (4, 2, "0.0054")
    assert {d["reason"] for d in exceptions(out, "duplicates")} == {"looks_like_same_call"}


def ended(number: int, **fields: Any) -> dict[str, Any]:
    """The same call in the log of a gateway that writes the line, and its time, when the answer has ended (APISIX)."""
    return {
        "request_id": f"ng-{number}", "request": "POST /v1/chat/completions HTTP/1.1", "status": "200",
        "provider": "openai", "request_type": "ai_chat", "request_llm_model": "gpt-5", "llm_model": "gpt-5",
        "llm_prompt_tokens": "1000", "llm_completion_tokens": "10", "llm_total_tokens": "1010",
        "time": "2026-10-07T14:00:30+02:00", "request_time": "30.250", **fields,
    }  # fmt: skip


@pytest.mark.parametrize("events", [False, True])
def test_a_log_written_at_the_end_of_a_call_is_met_at_its_beginning(tmp_path: Path, out: Path, events: bool) -> None:
    """12:00:30 less 30.25 seconds is 11:59:59.75, a quarter of a second before the span; another call, which began
    when the first ended, counts on its own."""
    spans = [span(1, end_time="2026-10-07 12:00:30.000"), span(2, start_time="2026-10-07 12:00:30.000")]
    later = ended(2, time="2026-10-07T12:01:09+00:00", request_time="9.000")
    gateway = jsonl(tmp_path / "gw.jsonl", [ended(1), later])
    report = convert(out, gateway, jsonl(tmp_path / "app.jsonl", spans), events=events)
    assert (report["records"]["events"], report["records"]["duplicates"], effective(report)) == (3, 1, "0.00405")
    [left] = exceptions(out, "duplicates")
    assert (left["row"], left["kept_file"], left["kept_row"]) == (1, str(gateway), 1)


def nameless(number: int, **fields: Any) -> dict[str, Any]:
    """A span that names no seller; `gpt-5` is taken to be sold by OpenAI."""
    return span(number, metadata={}, **{"provided_model_name": "gpt-5", **fields})


@pytest.mark.parametrize("shown", ["gpt-5", "gpt-5-2025-08-07"])
def test_a_seller_read_off_the_model_hides_no_call_of_another_seller(tmp_path: Path, out: Path, shown: str) -> None:
    """Azure sold the tokens, as the gateway says; the span of the same call names the model only."""
    gateway = jsonl(tmp_path / "gw.jsonl", [spend_log(1, model="azure/gpt-5", custom_llm_provider="azure")])
    report = convert(out, gateway, jsonl(tmp_path / "app.jsonl", [nameless(1, provided_model_name=shown)]))
    assert (report["records"]["events"], report["records"]["duplicates"], effective(report)) == (1, 1, ONE)
    [left] = exceptions(out, "duplicates")
    assert (left["reason"], left["kept_file"]) == ("looks_like_same_call", str(gateway))
    assert {row["HostProviderName"] for row in rows(out)} == {"Microsoft"}


def test_equal_counts_of_models_of_two_makers_are_two_calls(tmp_path: Path, out: Path) -> None:
    """1000 * 1.25 / 1e6 + 10 * 10 / 1e6 for the one of OpenAI, and the same for Gemini 2.5 Pro: 0.0027 USD."""
    gateway = jsonl(
        tmp_path / "gw.jsonl", [spend_log(1, model="vertex_ai/gemini-2.5-pro", custom_llm_provider="vertex_ai")]
    )
    report = convert(out, gateway, jsonl(tmp_path / "app.jsonl", [nameless(1)]))
    assert (report["records"]["events"], report["records"]["duplicates"], effective(report)) == (2, 0, "0.0027")


def test_a_record_that_names_its_seller_stays_before_one_that_does_not(tmp_path: Path, out: Path) -> None:
    """Google's own log of the call has no owner, but it knows that Vertex AI sold the tokens."""
    call = {
        "endpoint": "projects/31/locations/us-central1/publishers/google/models/gemini-2.5-pro", "request_id": "77",
        "model": "gemini-2.5-pro", "logging_time": "2026-10-07T12:00:00Z", "api_method": "generateContent",
        "full_response": {"responseId": "r1", "modelVersion": "gemini-2.5-pro", "usageMetadata": {
            "promptTokenCount": 1000, "candidatesTokenCount": 10, "totalTokenCount": 1010}},
    }  # fmt: skip
    log = jsonl(tmp_path / "google.jsonl", [call])
    spans = jsonl(tmp_path / "app.jsonl", [nameless(1, provided_model_name="gemini-2.5-pro")])
    report = convert(out, log, spans)
    assert (report["records"]["events"], report["records"]["duplicates"], effective(report)) == (1, 1, ONE)
    assert [d["file"] for d in exceptions(out, "duplicates")] == [str(spans)]
    assert {row["ServiceProviderName"] for row in rows(out)} == {"Google Cloud"}


MADE = "chatcmpl-0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.mark.parametrize(
    ("answer", "other", "events"),
    [
        (MADE, "r1", 1),
        # the provider's own ids differ: two calls, and so are two for which the gateway made up an id
        ("chatcmpl-2", "r1", 2),
        (MADE, MADE.replace("0f8f", "1111"), 2),
    ],
)
def test_an_id_that_the_gateway_made_up_is_not_the_providers(
    answer: str, other: str, events: int, tmp_path: Path, out: Path
) -> None:
    """A call of Gemini through LiteLLM, and Google's own log of it: 1000 * 1.25 / 1e6 + 10 * 10 / 1e6."""
    call = {
        "endpoint": "projects/31/locations/us-central1/publishers/google/models/gemini-2.5-pro", "request_id": "77",
        "model": "gemini-2.5-pro", "logging_time": "2026-10-07T12:00:00Z", "api_method": "generateContent",
        "full_response": {"responseId": other, "modelVersion": "gemini-2.5-pro", "usageMetadata": {
            "promptTokenCount": 1000, "candidatesTokenCount": 10, "totalTokenCount": 1010}},
    }  # fmt: skip
    gateway = spend_log(1, request_id=answer, model="vertex_ai/gemini-2.5-pro", custom_llm_provider="vertex_ai")
    report = convert(out, jsonl(tmp_path / "gw.jsonl", [gateway]), jsonl(tmp_path / "google.jsonl", [call]))
    assert report["records"]["events"] == events
    assert effective(report) == ("0.00135" if events == 1 else "0.0027")


def google_line(model: str, **fields: Any) -> dict[str, Any]:
    """The bill of Google Cloud for 1000 input tokens on that day."""
    return {
        "billing_account_id": "01ORB1-T00000-00000A", "service": {"id": "C7E2-9256-1C43", "description": "Vertex AI"},
        "sku": {"id": "S1", "description": f"{model} GA Text Input - Predictions"}, "project": {"id": "orbit"},
        "usage_start_time": "2026-10-07 12:00:00 UTC", "usage_end_time": "2026-10-07 13:00:00 UTC", "labels": [],
        "location": {"region": "us-central1"}, "cost": 0.00125, "currency": "USD", "credits": [],
        "usage": {"amount": 1000.0, "unit": "requests"}, "invoice": {"month": "202610"}, "cost_type": "regular",
        **fields,
    }  # fmt: skip


def test_a_bill_of_another_seller_is_told_where_the_seller_was_read_off_the_model(tmp_path: Path, out: Path) -> None:
    """The span costs 0.00135 at Google's own list; whether the 0.00125 of the cloud is the same call, nobody says."""
    spans = jsonl(tmp_path / "app.jsonl", [nameless(1, provided_model_name="gemini-2.5-pro")])

    def told(run: str, *lines: dict[str, Any], **settings: Any) -> list[tuple[Any, Any]]:
        report = convert(tmp_path / run, spans, jsonl(tmp_path / f"{run}.jsonl", lines), settings=settings)
        return [(w["records"], w["money"]) for w in report["warnings"] if w["code"] == "possible_double_count"]

    bill = google_line("Gemini 2.5 Pro")
    assert told("same", bill) == [(2, ONE)]
    assert told("model", google_line("Gemini 2.5 Flash")) == []
    later = {"usage_start_time": "2026-10-09 12:00:00 UTC", "usage_end_time": "2026-10-09 13:00:00 UTC"}
    assert told("day", {**bill, **later}) == []
    assert told("named", bill, exports={"langfuse-observations": {"provider": "gcp_vertex"}}) == []


def test_of_two_tables_of_the_gateway_team_the_record_that_tells_more_stays(tmp_path: Path, out: Path) -> None:
    """A table of calls that counts no cached tokens beside generic events that do: the call costs
    400 * 1.25 / 1e6 + 600 * 0.125 / 1e6 + 10 * 10 / 1e6 = 0.000675 USD, once."""
    call = {
        "timestamp_utc": "2026-10-07T12:00:00Z", "team_id": "search", "model": "gpt-5", "provider": "openai",
        "environment": "production", "input_tokens": 1000, "output_tokens": 10, "cache_tokens": 0,
        "request_id": "req-1",
    }  # fmt: skip
    told = event(1, timestamp="2026-10-07T12:00:00Z", output_tokens=10, cached_input_tokens=600)
    table, events = jsonl(tmp_path / "calls.jsonl", [call]), jsonl(tmp_path / "events.jsonl", [told])
    report = convert(out, table, events)
    assert (report["records"]["events"], report["records"]["duplicates"], effective(report)) == (1, 1, "0.000675")
    [left] = exceptions(out, "duplicates")
    assert (left["reason"], left["file"]) == ("looks_like_same_call", str(table))


def body(number: int, tokens: int, **fields: Any) -> dict[str, Any]:
    """The provider's own answer to the call."""
    return {
        "id": f"chatcmpl-{number}", "object": "chat.completion", "created": 1791374405, "model": "gpt-5-2025-08-07",
        "choices": [], "usage": {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens}, **fields,
    }  # fmt: skip


def test_counts_of_the_provider_stay_before_a_guess_of_the_gateway(tmp_path: Path, out: Path) -> None:
    """The stream broke off and the gateway guessed 19 tokens; the body has 100 000 (100 000 * 1.25 / 1e6 = 0.125).
    The gateway knows who called, so its team is lent to the record that stays."""
    cut = spend_log(
        1, prompt_tokens=19, completion_tokens=2, total_tokens=21, request_tags=["team:growth"],
        metadata={"error_information": {"error_code": "499", "error_class": "ClientDisconnected"}},
    )  # fmt: skip
    whole = spend_log(2, request_tags=["team:search"])
    gateway = jsonl(tmp_path / "gw.jsonl", [cut, whole])
    bodies = jsonl(tmp_path / "app.jsonl", [body(1, 100_000), body(2, 999)])
    report = convert(out, gateway, bodies)
    assert (report["records"]["events"], report["records"]["duplicates"]) == (2, 2)
    # The other call broke off nowhere: the gateway's 0.00135 stays.
    assert {t["name"]: t["effective_cost"] for t in report["by_team"]} == {"growth": "0.125", "search": ONE}
    assert [(d["file"], d["row"]) for d in exceptions(out, "duplicates")] == [(str(bodies), 2), (str(gateway), 1)]
    assert data_bytes(out) == (convert(tmp_path / "b", bodies, gateway), data_bytes(tmp_path / "b"))[1]


def test_what_the_record_that_stays_says_of_its_owner_is_not_overwritten(tmp_path: Path, out: Path) -> None:
    gateway = jsonl(tmp_path / "gw.jsonl", [spend_log(1, request_tags=["team:growth"])])
    app = jsonl(tmp_path / "app.jsonl", [body(1, 1000, metadata={"team": "app"})])
    report = convert(out, gateway, app)
    assert [t["name"] for t in report["by_team"]] == ["growth"]


def test_other_tokens_are_another_call(tmp_path: Path, out: Path) -> None:
    other = span(1, usage_details={"input": 1001, "output": 10, "total": 1011})
    report = convert(out, jsonl(tmp_path / "gw.jsonl", [spend_log(1)]), jsonl(tmp_path / "app.jsonl", [other]))
    assert (report["records"]["events"], report["records"]["duplicates"]) == (2, 0)


def test_a_gateway_log_beside_the_bill(tmp_path: Path, out: Path) -> None:
    gateway, bill = jsonl(tmp_path / "gw.jsonl", [spend_log(1)]), written(tmp_path / "bill.json", costs_page("0.005"))
    report = convert(out, gateway, bill)
    assert effective(report) == "0.005"
    assert report["billing_source"] == [
        {"family": "openai", "between": "log and bill", "carried_by": "bill", "from": "2026-10-07", "to": "2026-10-07",
         "days": 1}
    ]  # fmt: skip
    assert [e["adapter"] for e in exceptions(out, "carried_elsewhere")] == ["litellm-spend-logs"]
    assert [w["code"] for w in report["warnings"] if w["code"] == "possible_double_count"] == []
    report = convert(tmp_path / "usage", gateway, bill, settings={"billing": {"source": "usage"}})
    assert (effective(report), report["billing_source"][0]["carried_by"]) == (ONE, "log")


@pytest.mark.parametrize(("tokens", "carrier", "cost"), [(1000, "log", ONE), (1200, "usage export", "0.0016")])
def test_a_gateway_log_beside_the_usage_export(tmp_path: Path, out: Path, tokens: int, carrier: str, cost: str) -> None:
    """The log carries while it is complete; with 200 tokens more at the provider the export does (1200 * 1.25e-6)."""
    page = written(tmp_path / "usage.json", usage_page(tokens))
    report = convert(out, jsonl(tmp_path / "gw.jsonl", [spend_log(1)]), page)
    assert (effective(report), report["billing_source"][0]["carried_by"]) == (cost, carrier)
    assert report["billing_source"][0]["between"] == "log and usage export"


def test_a_log_without_an_account_beside_the_exports_of_two(tmp_path: Path, out: Path) -> None:
    """The log holds the calls of one account only: 1000 of 1500 tokens. Both exports carry: 1500 * 1.25e-6 plus twice
    10 output tokens at 1e-5 each."""
    page = usage_page(1000)
    results = page["data"][0]["results"]
    results[0]["organization_id"] = "org-1"
    results.append({**results[0], "organization_id": "org-2", "input_tokens": 500})
    usage = written(tmp_path / "usage.json", page)
    gateway = jsonl(tmp_path / "gw.jsonl", [spend_log(1)])
    report = convert(out, usage, gateway)
    assert effective(report) == "0.002075"
    assert [d["carried_by"] for d in report["billing_source"]] == ["usage export", "usage export"]
    assert report["billing_source"][1]["why"] == "account_unknown"
    # With the other account's calls too the log is complete, and it has owners.
    both = jsonl(tmp_path / "gw2.jsonl", [spend_log(1), spend_log(2, prompt_tokens=500, total_tokens=510)])
    report = convert(tmp_path / "b", usage, both)
    assert (effective(report), report["billing_source"][0]["carried_by"]) == ("0.002075", "log")


def test_a_log_without_an_account_beside_a_bill_of_one_and_usage_of_another(tmp_path: Path, out: Path) -> None:
    """Every account has a carrier: 0.005 by the bill of org-1, 500 * 1.25e-6 + 10 * 1e-5 by the usage of org-2."""
    page = usage_page(500)
    page["data"][0]["results"][0]["organization_id"] = "org-2"
    inputs = [written(tmp_path / "usage.json", page), written(tmp_path / "bill.json", costs_page("0.005"))]
    assert effective(convert(out, *inputs)) == "0.005725"
    for calls in ([spend_log(1)], [spend_log(1), spend_log(2, prompt_tokens=500)]):
        report = convert(tmp_path / "b", *inputs, jsonl(tmp_path / "gw.jsonl", calls))
        assert effective(report) == "0.005725"
        doubt = report["billing_source"][-1]
        assert (doubt["why"], doubt["carried_by"], doubt["records"]) == ("account_unknown", "bill", len(calls))


def test_calls_before_the_first_bucket_of_a_bill_are_kept(tmp_path: Path, out: Path) -> None:
    """The bill was asked for from 17:00 of the 7th: its first bucket is a part of the day."""
    bill = costs_page("0.005")
    bill["data"][0]["start_time"] += 17 * 3600
    late = spend_log(2, startTime="2026-10-07T17:00:00Z", endTime="2026-10-07T17:00:02Z")
    report = convert(out, jsonl(tmp_path / "gw.jsonl", [spend_log(1), late]), written(tmp_path / "bill.json", bill))
    assert effective(report) == "0.00635"  # 0.005 and one call of 0.00135
    assert [e["record_id"] for e in exceptions(out, "carried_elsewhere")] == ["chatcmpl-2"]


def test_other_days_sellers_and_accounts_count_on_their_own(tmp_path: Path, out: Path) -> None:
    calls = [
        spend_log(1),
        spend_log(2, startTime="2026-10-08T00:00:01Z", endTime="2026-10-08T00:00:02Z"),
        spend_log(3, model="anthropic/claude-sonnet-4-5-20250929", custom_llm_provider="anthropic"),
    ]
    report = convert(out, jsonl(tmp_path / "gw.jsonl", calls), written(tmp_path / "bill.json", costs_page("0.005")))
    # The bill of the 7th, the call of the 8th, and 1000 * 3 / 1e6 + 10 * 15 / 1e6 of the other seller.
    assert effective(report) == "0.0095" and len(exceptions(out, "carried_elsewhere")) == 1
    mapping = tmp_path / "m.yaml"
    mapping.write_text(
        "extends: generic-event\nid: ours\nrecognise: {keys: [event_id, org]}\nfields: {account_id: org}\n"
    )
    other = jsonl(tmp_path / "e.jsonl", [event(1, org="org-2")])
    report = convert(tmp_path / "b", other, tmp_path / "bill.json", mapping=[mapping])
    assert effective(report) == "0.00635"


def test_a_focus_bill_of_a_cloud_speaks_for_its_models_only(tmp_path: Path, out: Path) -> None:
    """The storage rows of the same cloud and day do not stand for the calls in the log."""
    row = {
        "BilledCost": "7", "BillingCurrency": "USD", "ChargeCategory": "Usage", "ProviderName": "AWS",
        "ChargePeriodStart": "2026-10-07T00:00:00Z", "ChargePeriodEnd": "2026-10-08T00:00:00Z",
        "ServiceCategory": "Storage", "ServiceName": "Object Store",
    }  # fmt: skip
    call = event(1, provider="aws_bedrock", model="anthropic.claude-sonnet-4-5-20250929-v1:0")
    log = jsonl(tmp_path / "log.jsonl", [call])
    report = convert(out, log, jsonl(tmp_path / "focus.jsonl", [row]))
    # In one region 3.30 and 16.50 USD per million: 0.0033 + 0.000165.
    assert effective(report) == "7.003465" and report["billing_source"] == []
    models = {**row, "ServiceCategory": "AI and Machine Learning", "ServiceName": "Amazon Bedrock", "BilledCost": "2"}
    report = convert(tmp_path / "b", log, jsonl(tmp_path / "focus.jsonl", [row, models]))
    assert effective(report) == "9" and report["billing_source"][0]["carried_by"] == "bill"


def test_the_order_of_inputs_changes_nothing(tmp_path: Path) -> None:
    gateway = jsonl(tmp_path / "gw.jsonl", [spend_log(n) for n in range(5)])
    spans = jsonl(tmp_path / "app.jsonl", [span(n, start_time="2026-10-07 11:59:58.500") for n in range(4)])
    page = written(tmp_path / "usage.json", usage_page(1000))
    convert(tmp_path / "a", gateway, spans, page)
    convert(tmp_path / "b", page, spans, gateway)
    assert data_bytes(tmp_path / "a") == data_bytes(tmp_path / "b") and len(rows(tmp_path / "a")) > 0


def test_an_estimate_of_the_gateway_is_no_bill(tmp_path: Path, out: Path) -> None:
    """LiteLLM's FOCUS rows hold what its spend logs hold: the logs carry, whatever `billing.source` says."""
    row = {
        "BilledCost": "0.5", "BillingCurrency": "USD", "ChargeCategory": "Usage", "ProviderName": "openai",
        "ChargePeriodStart": "2026-10-07T00:00:00Z", "ChargePeriodEnd": "2026-10-08T00:00:00Z", "ResourceId": "openai/gpt-5",
        "BillingAccountType": "API Key", "BillingAccountId": None, "ServiceCategory": "AI and Machine Learning",
    }  # fmt: skip
    later = {**row, "ChargePeriodStart": "2026-10-08T00:00:00Z", "ChargePeriodEnd": "2026-10-09T00:00:00Z"}
    rows_file = jsonl(tmp_path / "focus.jsonl", [row, later])
    report = convert(out, jsonl(tmp_path / "gw.jsonl", [spend_log(1)]), rows_file)
    assert effective(report) == "0.50135"  # the call of the 7th and the estimate of the 8th
    assert [(d["family"], d["carried_by"], d["days"]) for d in report["billing_source"]] == [("litellm", "usage", 1)]
