"""A log beside the provider's own usage export, where there is no bill: every token the provider counted gets the owner
that the log names, and what the log did not see is a line of its own. Prices of gpt-5: 1.25 input, 0.125 cache read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sides import check

from focus_ai import api
from focus_ai.cli import main
from focus_ai.errors import InputError, UsageError
from focus_ai.money import dec
from focus_ai.settings import Settings

DAY = "2026-11-03"
LATER = datetime(2026, 12, 24, tzinfo=UTC)
Call = tuple[str, str | None, int]


def log_of(path: Path, calls: list[Call], **more: Any) -> Path:
    """A log of gpt-5 calls: day, team and input tokens of each."""
    lines = [
        {"event_id": f"e{n}", "timestamp": f"{day}T10:00:00Z", "provider": "openai", "model": "gpt-5",
         "input_tokens": tokens, "output_tokens": 0, "status": "success", **({"team": team} if team else {}), **more}
        for n, (day, team, tokens) in enumerate(calls)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def counted(
    path: Path, days: dict[str, int], *, cached: int = 0, model: str = "gpt-5", project: str | None = None,
    batch: bool = False,
) -> Path:  # fmt: skip
    """Pages of OpenAI's usage API: input tokens (with the cached ones) of a day."""
    buckets = []
    for day, tokens in days.items():
        start = datetime.fromisoformat(day).replace(tzinfo=UTC)
        result = {
            "object": "organization.usage.completions.result", "input_tokens": tokens, "output_tokens": 0,
            "input_cached_tokens": cached, "input_audio_tokens": 0, "output_audio_tokens": 0, "num_model_requests": 3,
            "project_id": project, "user_id": None, "api_key_id": None, "model": model, "batch": batch,
        }  # fmt: skip
        ends = start + timedelta(days=1)
        buckets.append({"object": "bucket", "start_time": int(start.timestamp()), "end_time": int(ends.timestamp()),
                        "results": [result]})  # fmt: skip
    path.write_text(json.dumps({"object": "page", "data": buckets, "has_more": False, "next_page": None}), "utf-8")
    return path


def split(tmp_path: Path, log: Path, usage: Path | list[Path], **options: Any) -> dict[str, Any]:
    inputs = usage if isinstance(usage, list) else [usage]
    report = api.reconcile(
        [str(log)], usage=[str(p) for p in inputs], close="split", close_out=tmp_path / "closed", as_of=LATER,
        listed=0, **options,
    )  # fmt: skip
    check(report)
    assert report["against"] == "usage export"
    assert all(t["equal"] for t in report["closed"]["totals"])
    return report


def rows(tmp_path: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    files = sorted((tmp_path / "closed" / "data").rglob("*.parquet"))
    return [r for p in files for r in pq.read_table(p, partitioning=None).to_pylist()]


def shares(tmp_path: Path, *columns: str) -> set[tuple[Any, ...]]:
    return {tuple(r[c] for c in columns) for r in rows(tmp_path)}


def test_a_log_that_saw_part_of_it(tmp_path: Path) -> None:
    """Two million tokens at 1.25 per million: 1.2M of a, 0.7M of b, and 0.1M that no log saw."""
    log = log_of(tmp_path / "log.jsonl", [(DAY, "a", 1_200_000), (DAY, "b", 700_000)])
    report = split(tmp_path, log, counted(tmp_path / "usage.json", {DAY: 2_000_000}))
    assert shares(tmp_path, "x_Team", "ConsumedQuantity", "x_InputTokens", "EffectiveCost", "x_UnattributedReason") == {
        ("a", 1_200_000, 1_200_000, D("1.5"), None), ("b", 700_000, 700_000, D("0.875"), None),
        (None, 100_000, 100_000, D("0.125"), "unmetered_usage"),
    }  # fmt: skip
    assert shares(tmp_path, "x_CostBasis", "AllocatedMethodId") == {("rated", "usage-split@1")}
    assert report["closed"]["totals"] == [
        {"currency": "USD", "rows": 3, "effective_cost": "2.5", "bill": "2.5", "equal": True}
    ]
    assert [(c["cause"], c["amount"]) for c in report["causes"]] == [("unmetered_usage", "0.125")]


def test_a_log_that_does_not_know_the_cache(tmp_path: Path) -> None:
    """The log counts a million fresh tokens, the provider 600,000 fresh and 400,000 cached: 0.75 + 0.05."""
    log = log_of(tmp_path / "log.jsonl", [(DAY, "a", 750_000), (DAY, "b", 250_000)])
    report = split(tmp_path, log, counted(tmp_path / "usage.json", {DAY: 1_000_000}, cached=400_000))
    assert shares(tmp_path, "x_Team", "x_TokenType", "ConsumedQuantity", "EffectiveCost") == {
        ("a", "input", 450_000, D("0.5625")), ("b", "input", 150_000, D("0.1875")),
        ("a", "cache_read", 300_000, D("0.0375")), ("b", "cache_read", 100_000, D("0.0125")),
    }  # fmt: skip
    assert (
        "openai: 0.4 x 1000000 Tokens of cache_read were metered as input; they are shared like those"
        in (report["closed"]["notes"])
    )


def test_more_cached_than_was_metered_above_it_belongs_to_nobody(tmp_path: Path) -> None:
    """800,000 metered beside 600,000 fresh and 400,000 cached: 200,000 of the cached ones have an owner."""
    log = log_of(tmp_path / "log.jsonl", [(DAY, "a", 800_000)])
    split(tmp_path, log, counted(tmp_path / "usage.json", {DAY: 1_000_000}, cached=400_000))
    assert shares(tmp_path, "x_Team", "x_TokenType", "ConsumedQuantity", "EffectiveCost") == {
        ("a", "input", 600_000, D("0.75")), ("a", "cache_read", 200_000, D("0.025")),
        (None, "cache_read", 200_000, D("0.025")),
    }  # fmt: skip


def test_a_log_that_knows_the_cache_shares_no_fresh_input_with_it(tmp_path: Path) -> None:
    """It metered 100,000 cached tokens, so the other 300,000 went past it; the fresh ones were counted too often."""
    log = log_of(tmp_path / "log.jsonl", [(DAY, "a", 1_000_000)])
    known = json.loads(log.read_text("utf-8")) | {
        "event_id": "k",
        "input_tokens": 100_000,
        "cached_input_tokens": 100_000,
    }
    log.write_text(log.read_text("utf-8") + json.dumps(known) + "\n", encoding="utf-8")
    split(tmp_path, log, counted(tmp_path / "usage.json", {DAY: 1_000_000}, cached=400_000))
    assert shares(tmp_path, "x_Team", "x_TokenType", "ConsumedQuantity") == {
        ("a", "input", 600_000), ("a", "cache_read", 100_000), (None, "cache_read", 300_000),
    }  # fmt: skip


def test_writes_of_a_lifetime_that_the_log_does_not_know(tmp_path: Path) -> None:
    """A log knows one kind of cache writes, the bill two lifetimes: both belong to who wrote."""
    log = log_of(tmp_path / "log.jsonl", [(DAY, "a", 0), (DAY, "b", 0)])
    calls = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    for call, tokens in zip(calls, (300_000, 100_000), strict=True):
        call |= {"provider": "anthropic", "model": "claude-sonnet-4-5", "input_tokens": tokens,
                 "cache_write_tokens": tokens}  # fmt: skip
    log.write_text("".join(json.dumps(call) + "\n" for call in calls), encoding="utf-8")
    bill = tmp_path / "bill.csv"
    bill.write_text(
        "channel,day,model,meter,quantity,amount\n"
        f"anthropic,{DAY},claude-sonnet-4-5,cache_write_1h,100000,0.60\n"
        f"anthropic,{DAY},claude-sonnet-4-5,cache_write_30m,200000,0.80\n"
        f"anthropic,{DAY},claude-sonnet-4-5,cache_write_5m,100000,0.375\n",
        encoding="utf-8",
    )
    api.reconcile([str(log)], [str(bill)], close="split", close_out=tmp_path / "closed", as_of=LATER)
    assert shares(tmp_path, "x_Team", "x_TokenType", "EffectiveCost") == {
        ("a", "cache_write_5m", D("0.28125")), ("b", "cache_write_5m", D("0.09375")),
        ("a", "cache_write_30m", D("0.6")), ("b", "cache_write_30m", D("0.2")),
        ("a", "cache_write_1h", D("0.45")), ("b", "cache_write_1h", D("0.15")),
    }  # fmt: skip


def test_a_tier_that_the_log_does_not_know(tmp_path: Path) -> None:
    """The log takes a batch for a call at full price; the provider counts it as batch, at half of it."""
    log = log_of(tmp_path / "log.jsonl", [(DAY, "a", 2_000_000)], service_tier="standard")
    report = split(tmp_path, log, counted(tmp_path / "usage.json", {DAY: 2_000_000}, batch=True))
    assert shares(tmp_path, "x_Team", "x_ProcessingTier", "EffectiveCost") == {("a", "batch", D("1.25"))}
    assert [n for n in report["closed"]["notes"] if "input / batch were metered as input / standard" in n]
    assert not any("no row" in n for n in report["closed"]["notes"])


def test_more_of_a_tier_than_was_counted(tmp_path: Path) -> None:
    """Two million metered at full price and 1.5 million counted, all of it batch: half a million is in no row."""
    log = log_of(tmp_path / "log.jsonl", [(DAY, "a", 2_000_000)], service_tier="standard")
    report = split(tmp_path, log, counted(tmp_path / "usage.json", {DAY: 1_500_000}, batch=True))
    assert shares(tmp_path, "x_Team", "EffectiveCost") == {("a", D("0.9375"))}
    assert [n for n in report["closed"]["notes"] if "gpt-5 are only in part in" in n and "up to 2.5 USD" in n]


def test_what_the_export_tells_nothing_of_stays(tmp_path: Path) -> None:
    """Another seller, and another day, as the log rated them; another model of its day is not in the export."""
    log = log_of(tmp_path / "log.jsonl", [(DAY, "a", 1_000_000), ("2026-11-09", "a", 2_000_000)])
    others = [
        {"event_id": "c1", "timestamp": f"{DAY}T10:00:00Z", "provider": "anthropic", "model": "claude-sonnet-4-5",
         "input_tokens": 100_000, "output_tokens": 0, "status": "success", "team": "b"},
        {"event_id": "m1", "timestamp": f"{DAY}T10:00:00Z", "provider": "openai", "model": "gpt-5-nano",
         "input_tokens": 1_000_000, "output_tokens": 0, "status": "success", "team": "c"},
        {"event_id": "u1", "timestamp": f"{DAY}T10:00:00Z", "provider": "nobody-knows", "model": "own-1",
         "input_tokens": 5, "output_tokens": 0, "status": "success", "team": "c"},
    ]  # fmt: skip
    log.write_text(log.read_text("utf-8") + "".join(json.dumps(e) + "\n" for e in others), encoding="utf-8")
    report = split(tmp_path, log, counted(tmp_path / "usage.json", {DAY: 1_000_000}))
    assert shares(tmp_path, "x_Team", "x_ModelId", "EffectiveCost", "AllocatedMethodId") == {
        ("a", "gpt-5", D("1.25"), "usage-split@1"), ("a", "gpt-5", D("2.5"), None),
        ("b", "claude-sonnet-4-5", D("0.3"), None),
    }  # fmt: skip
    assert report["closed"]["totals"][0]["bill"] == "4.05"
    # What the export tells nothing of is no difference; what it has not is.
    assert {k: n for k, n in report["statuses"].items() if n} == {"ok": 1, "untold": 3, "missing_in_billed": 1}
    assert [(c["cause"], c["amount"]) for c in report["causes"]] == [("untold", "-2.8")]
    assert [(b["key"]["model"], b["unexplained"]) for b in report["buckets"]] == [("gpt-5-nano", "-0.05")]
    assert not report["passed"]
    notes = report["closed"]["notes"]
    assert "openai: 1 rated rows that the usage export tells nothing of stay as they are: 2.5 USD" in notes
    assert "anthropic: 1 rated rows that the usage export tells nothing of stay as they are: 0.3 USD" in notes
    assert [n for n in notes if n.startswith("openai: 1 rated rows of gpt-5-nano are not in") and "0.05 USD" in n]
    assert [n for n in report["notes"] if "own-1 has no price; 0.000005 x 1000000 Tokens of input are in no row" in n]


def test_calls_without_an_account_are_not_counted_beside_it(tmp_path: Path) -> None:
    """The export names the account and its project, one call of the log neither: it is among what was counted."""
    log = log_of(tmp_path / "log.jsonl", [(DAY, "a", 600_000)], project_id="proj-1")
    extra = log_of(tmp_path / "more.jsonl", [(DAY, "b", 400_000)])
    extra.write_text(extra.read_text("utf-8").replace('"e0"', '"f0"'), encoding="utf-8")
    log.write_text(log.read_text("utf-8") + extra.read_text("utf-8"), encoding="utf-8")
    report = split(tmp_path, log, counted(tmp_path / "usage.json", {DAY: 1_000_000}, project="proj-1"))
    assert sum(r["EffectiveCost"] for r in rows(tmp_path)) == D("1.25")
    assert report["closed"]["totals"][0]["bill"] == "1.25"


def test_a_price_that_nobody_knows_is_told(tmp_path: Path) -> None:
    log = log_of(tmp_path / "log.jsonl", [(DAY, "a", 1_000_000)])
    papers = [counted(tmp_path / "usage.json", {DAY: 1_000_000}),
              counted(tmp_path / "other.json", {DAY: 2_000_000}, model="gpt-unheard-of")]  # fmt: skip
    report = split(tmp_path, log, papers)
    assert shares(tmp_path, "x_Team", "EffectiveCost") == {("a", D("1.25"))}
    told = [n for n in report["notes"] if "gpt-unheard-of has no price; 2 x 1000000 Tokens of input are in no row" in n]
    assert len(told) == 1


def test_the_rest_keeps_the_owner_of_its_project(tmp_path: Path) -> None:
    owners = tmp_path / "owners.csv"
    owners.write_text("id_type,id_value,team\nproject_id,proj-1,core\n", encoding="utf-8")
    log = log_of(tmp_path / "log.jsonl", [(DAY, "a", 600_000), (DAY, None, 100_000)])
    usage = counted(tmp_path / "usage.json", {DAY: 1_000_000}, project="proj-1")
    settings = Settings.from_dict({"owners": {"map": [str(owners)]}})
    report = split(tmp_path, log, usage, settings=settings)
    found = {r["x_Team"]: D(0) for r in rows(tmp_path)}
    for r in rows(tmp_path):
        found[r["x_Team"]] += r["EffectiveCost"]
        assert (r["x_OwnerStatus"], r["x_UnattributedReason"]) == ("owned", None)
    assert found == {"a": D("0.75"), "core": D("0.5")}
    assert any("keep what nobody metered" in n for n in report["closed"]["notes"])


def test_the_order_of_inputs_changes_nothing(tmp_path: Path) -> None:
    logs = [log_of(tmp_path / f"{t}.jsonl", [(DAY, t, 300_000)], request_id=f"r-{t}") for t in "ab"]
    for t, path in zip("ab", logs, strict=True):
        path.write_text(path.read_text("utf-8").replace('"e0"', f'"{t}0"'), encoding="utf-8")
    papers = [counted(tmp_path / "one.json", {DAY: 700_000}), counted(tmp_path / "two.json", {"2026-11-04": 5})]
    written = []
    for step in (1, -1):
        api.reconcile(
            [str(p) for p in logs[::step]], usage=[str(p) for p in papers[::step]], close="split",
            close_out=tmp_path / "closed", as_of=LATER,
        )  # fmt: skip
        written.append([p.read_bytes() for p in sorted((tmp_path / "closed" / "data").rglob("*.parquet"))])
    assert written[0] == written[1]
    assert sum(r["EffectiveCost"] for r in rows(tmp_path)) == D("0.87500625")  # 700,005 tokens


CALLS = st.lists(
    st.tuples(st.sampled_from([DAY, "2026-11-04"]), st.sampled_from(["a", "b", None]), st.integers(1, 10**7)),
    min_size=1, max_size=6,
)  # fmt: skip
DAYS = st.dictionaries(st.sampled_from([DAY, "2026-11-04", "2026-11-05"]), st.integers(1, 10**7), min_size=1)


@settings(max_examples=5)
@given(CALLS, DAYS, st.floats(0, 1))
def test_every_token_of_the_export_has_one_row(
    tmp_path_factory: pytest.TempPathFactory, calls: list[Call], days: dict[str, int], share: float
) -> None:
    tmp_path = tmp_path_factory.mktemp("usage")
    cached = int(min(days.values()) * share)
    report = split(
        tmp_path, log_of(tmp_path / "log.jsonl", calls), counted(tmp_path / "usage.json", days, cached=cached)
    )
    stays = sum(tokens for day, _, tokens in calls if not min(days) <= day <= max(days))
    tokens: dict[str, D] = {}
    for r in rows(tmp_path):
        tokens[r["x_TokenType"]] = tokens.get(r["x_TokenType"], D(0)) + r["ConsumedQuantity"]
    fresh = sum(days.values()) - cached * len(days) + stays
    assert {name: n for name, n in tokens.items() if n} == {
        **({"input": fresh} if fresh else {}), **({"cache_read": cached * len(days)} if cached else {}),
    }  # fmt: skip
    money = (D(fresh) * D("1.25") + D(cached * len(days)) * D("0.125")).scaleb(-6)
    assert sum((r["EffectiveCost"] for r in rows(tmp_path)), D(0)) == money
    assert dec(report["closed"]["totals"][0]["bill"]) == money


def test_what_cannot_be_asked_for(tmp_path: Path) -> None:
    log = log_of(tmp_path / "log.jsonl", [(DAY, "a", 1)])
    usage = counted(tmp_path / "usage.json", {DAY: 1})
    bill = tmp_path / "bill.csv"
    bill.write_text(f"channel,day,amount\nopenai,{DAY},1.00\n", encoding="utf-8")
    with pytest.raises(UsageError, match="beside a bill or beside a usage export"):
        api.reconcile([log], [bill], usage=[usage])
    with pytest.raises(UsageError, match="only a split"):
        api.reconcile([log], usage=[usage], close="adjust", close_out=tmp_path / "closed")
    with pytest.raises(UsageError, match="a bill is no usage export"):
        api.reconcile([log], usage=[bill])
    with pytest.raises(InputError, match="the billed side holds no billed amounts") as told:
        api.reconcile([log], [usage])
    assert "usage: what the provider counted" in str(told.value)
    with pytest.raises(UsageError, match="reconcile needs --billed") as told_too:
        api.reconcile([log])
    assert "--usage PATH" in str(told_too.value)
    assert not (tmp_path / "closed").exists()


def test_the_command_that_convert_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`convert` of both says whose owners are lost and what helps; that command gives them to what was counted."""
    log = log_of(tmp_path / "log.jsonl", [(DAY, "a", 1_200_000)])
    usage = counted(tmp_path / "usage.json", {DAY: 2_000_000})
    assert main(["convert", str(log), str(usage), "--out", str(tmp_path / "both")]) == 0
    assert "focus-ai reconcile --rated LOG --usage EXPORT --close split" in capsys.readouterr().out
    given = ["--rated", str(log), "--usage", str(usage), "--close", "split", "--close-out", str(tmp_path / "closed")]
    assert main(["reconcile", *given, "--fail-on", "never", "--as-of", "2026-12-24"]) == 0
    printed = capsys.readouterr().out
    assert "Rated against usage export" in printed
    assert "Invoice test" not in printed
    assert shares(tmp_path, "x_Team", "EffectiveCost") == {("a", D("1.5")), (None, D(1))}
    assert main(["validate", str(tmp_path / "closed")]) == 0
