"""What counts once: repeated files, overlapping exports, at-least-once delivery, versions, attempts, caches, spans."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from data_builders import convert, event, exceptions, jsonl, rows, staged, total

from focus_ai.adapters import quick

LITELLM = {
    "request_id": "r1", "call_type": "acompletion", "startTime": "2026-10-07T09:00:00Z", "endTime": "2026-10-07T09:00:02Z",
    "spend": 0.1, "model": "openai/gpt-5", "custom_llm_provider": "openai", "prompt_tokens": 1000,
    "completion_tokens": 10, "total_tokens": 1010, "cache_hit": "None", "status": "success", "metadata": {},
}  # fmt: skip


def spend_log(**fields: Any) -> dict[str, Any]:
    return {**LITELLM, **fields}


def test_the_same_file_twice_under_other_names(tmp_path: Path, out: Path) -> None:
    first = jsonl(tmp_path / "a.jsonl", [event(1), event(2)])
    second = jsonl(tmp_path / "b.jsonl", [event(1), event(2)])
    report = convert(out, first, second)
    assert (report["records"]["events"], report["records"]["duplicates"]) == (2, 2)
    told = exceptions(out, "duplicates")
    assert [(d["file"], d["row"], d["key"], d["reason"]) for d in told] == [
        (str(second), 1, "e1", "same_record"), (str(second), 2, "e2", "same_record"),
    ]  # fmt: skip
    assert {(d["kept_file"], d["kept_row"]) for d in told} == {(str(first), 1), (str(first), 2)}


def test_overlapping_exports_in_other_forms(tmp_path: Path, out: Path) -> None:
    """A JSON array, JSON Lines and CSV of overlapping days: every event once."""
    array = tmp_path / "a.json"
    array.write_text(json.dumps([event(n) for n in range(0, 10)]))
    lines = jsonl(tmp_path / "b.jsonl", [event(n) for n in range(5, 15)])
    table = tmp_path / "c.csv"
    events = [event(n) for n in range(12, 20)]
    table.write_text(",".join(events[0]) + "\n" + "".join(",".join(map(str, e.values())) + "\n" for e in events))
    report = convert(out, array, lines, table)
    assert (report["records"]["read"], report["records"]["events"], report["records"]["duplicates"]) == (28, 20, 8)


def test_duplicates_across_the_quick_and_the_exact_way(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large file and a small one with the same records, amounts as binary floats included."""
    events = [event(n, cost=0.1 * n / 7, currency="USD", tags={"share": 0.5}) for n in range(30)]
    large = jsonl(tmp_path / "large.jsonl", [*events, event("x", note="n" * 2000)])
    small = jsonl(tmp_path / "small.jsonl", events[:10])
    monkeypatch.setattr(quick, "SMALL", small.stat().st_size + 1)
    report = convert(out, large, small)
    assert (report["records"]["events"], report["records"]["duplicates"], report["records"]["rejected"]) == (31, 10, 0)


def test_the_newest_version_wins(tmp_path: Path, out: Path) -> None:
    old = spend_log(prompt_tokens=500, endTime="2026-10-07T09:00:01Z")
    new = spend_log(prompt_tokens=1000, endTime="2026-10-07T09:00:02Z")
    for number, order in enumerate(([old, new], [new, old], [new, old, old, new])):
        report = convert(out.parent / f"o{number}", jsonl(tmp_path / f"{number}.jsonl", order))
        assert report["tokens"]["input"] == 1000
        assert report["records"]["duplicates"] == len(order) - 1
        reasons = sorted(d["reason"] for d in exceptions(out.parent / f"o{number}", "duplicates"))
        assert reasons == (["older_version"] if number < 2 else ["older_version", "older_version", "same_record"])


def test_versions_are_compared_as_numbers_where_they_are_numbers(tmp_path: Path, out: Path) -> None:
    mapping = tmp_path / "m.yaml"
    mapping.write_text("extends: generic-event\nid: versioned\nrecognise: {keys: [event_id, v]}\nversion: v\n")
    lines = [event(1, v=9, input_tokens=1), event(1, v=10, input_tokens=2), event(1, v=None, input_tokens=3)]
    report = convert(out, jsonl(tmp_path / "x.jsonl", lines), mapping=[mapping])
    assert (report["tokens"]["input"], report["records"]["duplicates"]) == (2, 2)


def test_contradictions_are_set_aside_together(tmp_path: Path, out: Path) -> None:
    lines = [event(1), event(1, input_tokens=999), event(2), event(1)]
    report = convert(out, jsonl(tmp_path / "x.jsonl", lines))
    assert report["records"] == {
        "read": 4, "events": 1, "billed_lines": 0, "duplicates": 0, "rejected": 3, "ignored": 0,
    }  # fmt: skip
    assert [(r["row"], r["reason"]) for r in exceptions(out, "rejects")] == [
        (n, "conflicting_duplicate") for n in (1, 2, 4)
    ]
    assert "conflicting_duplicates" in [w["code"] for w in report["warnings"]]


def test_contradictions_say_what_they_differ_in(tmp_path: Path, out: Path) -> None:
    """In every form of export, with what each record says; what only one of them says is a difference too."""
    lines = [event(1, input_tokens=100, organization_id="org-1"), event(2), event(2, region="eu"), event(2)]
    table = tmp_path / "b.csv"
    other = event(1, input_tokens=120, organization_id="org-1")
    table.write_text(",".join(other) + "\n" + ",".join(map(str, other.values())) + "\n")
    convert(out, jsonl(tmp_path / "a.jsonl", lines), table)
    told = [(Path(r["file"]).name, r["row"], json.loads(r["raw"]), r["note"]) for r in exceptions(out, "rejects")]
    tokens, region = ("records of this identity differ in " + n for n in ("input_uncached_tokens", "region"))
    assert told == [
        ("a.jsonl", 1, {"record_id": "e1", "input_uncached_tokens": "100"}, tokens),
        ("a.jsonl", 2, {"record_id": "e2", "region": None}, region),
        ("a.jsonl", 3, {"record_id": "e2", "region": "eu"}, region),
        ("a.jsonl", 4, {"record_id": "e2", "region": None}, region),
        ("b.csv", 1, {"record_id": "e1", "input_uncached_tokens": "120"}, tokens),
    ]


@pytest.mark.parametrize("how", [{}, {"events": True}, {"grain": "request"}])
def test_what_no_row_holds_is_no_contradiction(tmp_path: Path, out: Path, how: dict[str, Any]) -> None:
    """A run exported before and after its cost was estimated is one run, whatever is asked for beside the rows;
    another count of its tokens is a contradiction."""
    at = "2026-10-07T09:12:40.250000"
    run = {
        "id": "r-1", "run_type": "llm", "start_time": at, "end_time": at, "dotted_order": "d", "trace_id": "t-1",
        "status": "success", "prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010,
        "extra": {"metadata": {"ls_provider": "openai", "ls_model_name": "gpt-5"}},
    }  # fmt: skip
    later = {**run, "total_cost": "0.00135"}
    first = jsonl(tmp_path / "a.jsonl", [run])
    report = convert(out, first, jsonl(tmp_path / "b.jsonl", [later]), **how)
    assert (report["records"]["events"], report["records"]["duplicates"]) == (1, 1)
    assert report["totals"][0]["effective_cost"] == "0.00135"
    other = {**later, "prompt_tokens": 999, "total_tokens": 1009}
    report = convert(out, first, jsonl(tmp_path / "b.jsonl", [other]), **how)
    assert report["rejected"] == {"conflicting_duplicate": 2}


def test_contradictions_name_nobody_whose_name_is_not_to_be_written(tmp_path: Path, out: Path) -> None:
    lines = [event(1, region="ann@example.com"), event(1, region="bob@example.com")]
    source = jsonl(tmp_path / "a.jsonl", lines)
    convert(out, source)
    assert [json.loads(r["raw"])["region"] for r in exceptions(out, "rejects")] == ["user-redacted"] * 2
    convert(out.parent / "dropped", source, settings={"privacy": {"user_ids": "drop"}})
    assert [r["raw"] for r in exceptions(out.parent / "dropped", "rejects")] == [None, None]


def test_equal_ids_of_two_gateways_are_two_events(tmp_path: Path, out: Path) -> None:
    lines = [event(1, gateway_id="eu"), event(1, gateway_id="us"), event(1, gateway_id="us")]
    report = convert(out, jsonl(tmp_path / "x.jsonl", lines))
    assert (report["records"]["events"], report["records"]["duplicates"]) == (2, 1)


def test_equal_ids_in_two_kinds_of_export_are_two_events(tmp_path: Path, out: Path) -> None:
    report = convert(
        out, jsonl(tmp_path / "a.jsonl", [event(1)]), jsonl(tmp_path / "b.jsonl", [spend_log(request_id="e1")])
    )
    assert report["records"]["events"] == 2


def test_keys_cannot_be_forged_by_separators(tmp_path: Path, out: Path) -> None:
    """Identity parts that contain the separator, look null or are empty stay different."""
    mapping = tmp_path / "m.yaml"
    mapping.write_text(
        "extends: generic-event\nid: parts\nrecognise: {keys: [event_id, p]}\nidentity: [p, q]\nfields: {record_id: p}\n"
    )
    pairs = [("a|b", "c"), ("a", "b|c"), ("a\x1fb", "c"), ("a", "b\x1fc"), ("a", None), ("a", "\x00"), ("a", "NULL")]
    lines = [event(n, p=p, q=q) for n, (p, q) in enumerate(pairs)]
    report = convert(out, jsonl(tmp_path / "x.jsonl", lines), mapping=[mapping])
    assert (report["records"]["events"], report["records"]["rejected"]) == (len(pairs), 0)


def test_attempts_of_one_request_are_kept_apart(tmp_path: Path, out: Path) -> None:
    lines = [
        event("1a", logical_request_id="L", attempt_kind="primary", status="error", input_tokens=0, output_tokens=0),
        event("1b", logical_request_id="L", attempt_kind="retry", retry_count=1, status="timeout", output_tokens=0),
        event("1c", logical_request_id="L", attempt_kind="fallback", retry_count=2, provider="anthropic",
              model="claude-sonnet-4-5-20250929"),
    ]  # fmt: skip
    report = convert(out, jsonl(tmp_path / "x.jsonl", lines), grain="request")
    assert report["records"]["events"] == 3
    found = {(r["x_RequestId"], r["x_AttemptKind"], r["x_LogicalRequestId"]) for r in rows(out)}
    assert found == {("e1b", "retry", "L"), ("e1c", "fallback", "L")}


def test_a_gateway_cache_hit_costs_nothing(tmp_path: Path, out: Path) -> None:
    hit = event(2, gateway_cache_hit=True, tool_calls={"web_search": 5})
    report = convert(out, jsonl(tmp_path / "x.jsonl", [event(1), hit]))
    assert report["records"]["events"] == 2
    assert (report["tokens"]["input"], report["tokens"]["output"]) == (1000, 10)
    assert str(total(rows(out))) == "0.001350000000000000"
    assert {r["x_TokenType"] for r in rows(out)} == {"Input", "Output"} or len(rows(out)) == 2


SPAN = "11" * 8


def otlp(*spans: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceSpans": [
            {"resource": {"attributes": []}, "scopeSpans": [{"scope": {"name": "s"}, "spans": list(spans)}]}
        ]
    }


def span(number: int, parent: int | None, *, tokens: int = 1000, model: str = "gpt-5", response: str | None = None,
         operation: str = "chat", second: int = 0, served: str | None = "gpt-5", read: int = 0, write: int = 0,
         out: int = 10) -> dict[str, Any]:  # fmt: skip
    values: dict[str, Any] = {
        "gen_ai.operation.name": operation, "gen_ai.system": "openai",
        "gen_ai.usage.input_tokens": tokens, "gen_ai.usage.output_tokens": out,
    }  # fmt: skip
    if model:
        values["gen_ai.request.model"] = model
    if served:
        values["gen_ai.response.model"] = served
    if read or write:
        values |= {"gen_ai.usage.cache_read.input_tokens": read, "gen_ai.usage.cache_write.input_tokens": write}
    if response:
        values["gen_ai.response.id"] = response
    start = 1791367200 + second
    made = {
        "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": f"{number:016x}", "name": f"{operation} {model}", "kind": 3,
        "startTimeUnixNano": f"{start}000000000", "endTimeUnixNano": f"{start + 60 - number}000000000",
        "attributes": [
            {"key": k, "value": {"intValue": str(v)} if isinstance(v, int) else {"stringValue": v}} for k, v in values.items()
        ],
    }  # fmt: skip
    return made if parent is None else {**made, "parentSpanId": f"{parent:016x}"}


@pytest.mark.parametrize(
    ("spans", "tokens", "repeated"),
    [
        # framework span above client span, same response id
        ((span(1, None, response="r"), span(2, 1, response="r")), 1000, 1),
        # same model and counts inside the time of the parent, through a span that is no inference
        ((span(1, None), span(2, 1, operation="execute_tool"), span(3, 2)), 1000, 1),
        # the outer span knows the model that was asked for, the inner one the snapshot that answered
        ((span(1, None, served=None), span(2, 1, served="gpt-5-2025-08-07")), 1000, 1),
        # the outer instrumentation counts the cache inside the input, the inner one beside it: 1000 = 100 + 600 + 300
        ((span(1, None), span(2, 1, tokens=100, read=600, write=300)), 100, 1),
        # equal counts of two models are two calls
        ((span(1, None, served=None), span(2, 1, model="gpt-5-mini", served="gpt-5-mini-2025-08-07")), 2000, 0),
        # three levels of the same call
        ((span(1, None, response="r"), span(2, 1, response="r"), span(3, 2, response="r")), 1000, 2),
        # two different calls under one parent that is itself a call
        ((span(1, None, response="a"), span(2, 1, response="b", tokens=5)), 1005, 0),
        # siblings with equal counts are two calls
        ((span(2, 1), span(3, 1)), 2000, 0),
        # a framework's span states the sum of two calls below it (1000 = 400 + 600), of which one lies below a tool
        (
            (
                span(1, None, out=20),
                span(2, 1, tokens=400),
                span(3, 1, operation="execute_tool"),
                span(4, 3, tokens=600),
            ),
            1000,
            1,
        ),
        # sums of sums: 1000 = 300 + 700, 700 = 200 + 500
        (
            (
                span(1, None, out=30),
                span(2, 1, tokens=300),
                span(3, 1, tokens=700, out=20),
                span(4, 3, tokens=200),
                span(5, 3, tokens=500),
            ),
            1000,
            2,
        ),
        # a sum over calls that are themselves told of twice
        ((span(1, None, out=20), span(2, 1, tokens=400), span(3, 2, tokens=400), span(4, 1, tokens=600)), 1000, 2),
        # the input is the sum, the output is not: a call of its own
        ((span(1, None), span(2, 1, tokens=400), span(3, 1, tokens=600)), 2000, 0),
        # the counts are the sum, the response is another one: a call of its own
        (
            (
                span(1, None, out=20, response="a"),
                span(2, 1, tokens=400, response="b"),
                span(3, 1, tokens=600, response="c"),
            ),
            2000,
            0,
        ),
        # an agent's span without a model above one call
        ((span(1, None, model="", served=None), span(2, 1)), 1000, 1),
    ],
)
def test_parent_spans_are_not_added_to_their_children(
    spans: tuple[dict[str, Any], ...], tokens: int, repeated: int, tmp_path: Path, out: Path
) -> None:
    report = convert(out, jsonl(tmp_path / "x.jsonl", [otlp(*spans)]))
    assert report["tokens"]["input"] == tokens
    assert report["ignored"].get("repeated_by_child_span", 0) == repeated


def owned(made: dict[str, Any], **owner: str) -> dict[str, Any]:
    more = [{"key": f"app.owner.{name}", "value": {"stringValue": value}} for name, value in owner.items()]
    return {**made, "attributes": [*made["attributes"], *more]}


@pytest.mark.parametrize(
    ("spans", "team", "product"),
    [
        # the gateway's span knows the owner, the client's span below it is the one that counts
        ((owned(span(1, None), team="gate", product="desk"), span(2, 1)), "gate", "desk"),
        # of two above, the nearer one; what belongs to the other's team is not mixed in
        (
            (owned(span(1, None), team="gate", product="desk"), owned(span(2, 1), team="frame"), span(3, 2)),
            "frame",
            None,
        ),
        (
            (owned(span(1, None), team="gate", product="desk"), owned(span(2, 1), product="app"), span(3, 2)),
            "gate",
            "app",
        ),
        # its own word goes first, and then nothing of another team
        ((owned(span(1, None), team="gate", product="desk"), owned(span(2, 1), team="own")), "own", None),
        ((owned(span(1, None), team="gate", product="desk"), owned(span(2, 1), team="gate")), "gate", "desk"),
        # a span that states the sum of the calls below it: its owner is theirs
        (
            (
                owned(span(1, None, tokens=1600, out=20), team="gate", product="desk"),
                span(2, 1),
                span(3, 1, tokens=600),
            ),
            "gate",
            "desk",
        ),
        # another call above is no source
        ((owned(span(1, None, tokens=7), team="gate"), span(2, 1)), None, None),
    ],
)
def test_a_span_that_repeats_the_call_below_lends_its_owner(
    spans: tuple[dict[str, Any], ...], team: str | None, product: str | None, tmp_path: Path, out: Path
) -> None:
    for number, order in enumerate((spans, spans[::-1])):
        convert(out, jsonl(tmp_path / f"{number}.jsonl", [otlp(*order)]))
        found = {(r["x_Team"], r["x_Product"]) for r in rows(out) if r["ConsumedQuantity"] >= 1000}
        assert found == {(team, product)}


def test_spans_in_several_files_meet(tmp_path: Path, out: Path) -> None:
    parent, child = span(1, None, response="r"), span(2, 1, response="r")
    report = convert(
        out, jsonl(tmp_path / "a.jsonl", [otlp(parent)]), jsonl(tmp_path / "b.jsonl", [otlp(child), otlp(parent)])
    )
    assert report["tokens"]["input"] == 1000
    assert (report["records"]["events"], report["records"]["duplicates"], report["records"]["ignored"]) == (1, 1, 1)


def test_hexadecimal_ids_of_spans_are_the_same_in_either_case(tmp_path: Path, out: Path) -> None:
    """By the protocol the ids are hexadecimal texts without regard to case; two exporters write them differently."""
    spans = [span(0xAB, None, response="r"), span(0xCD, 0xAB, response="r")]

    def shouted(made: dict[str, Any]) -> dict[str, Any]:
        return {n: v.upper() if n in ("traceId", "spanId", "parentSpanId") else v for n, v in made.items()}

    first = jsonl(tmp_path / "a.jsonl", [otlp(*spans)])
    report = convert(out, first, jsonl(tmp_path / "b.jsonl", [otlp(*map(shouted, spans))]))
    assert (report["records"]["events"], report["records"]["duplicates"], report["records"]["ignored"]) == (1, 2, 1)
    report = convert(out, first, jsonl(tmp_path / "b.jsonl", [otlp(shouted(span(0xEF, 0xCD, response="r")))]))
    assert (report["records"]["events"], report["records"]["ignored"]) == (1, 2)


def test_the_staged_key_keeps_every_bit(tmp_path: Path) -> None:
    """Parquet has no 128-bit integer; a key kept as a double would let strangers meet in a run of many millions."""
    import pyarrow.parquet as pq

    result, _ = staged(jsonl(tmp_path / "x.jsonl", [event(1), event(2)]), tmp_path)
    schema = pq.read_schema(result.parquet)
    # Older releases of pyarrow show what a UUID is made of.
    assert str(schema.field("record_key").type) in ("extension<arrow.uuid>", "fixed_size_binary[16]")
    assert [f.name for f in schema if str(f.type) in ("double", "float")] == []
