"""The data files depend on the events and the settings: not on order, files, names, threads or repetition."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from data_builders import convert, data_bytes, event, jsonl, rows, snapshot
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from focus_ai import api
from focus_ai.adapters import quick
from focus_ai.errors import UsageError
from focus_ai.settings import Settings

TEAMS = ["orbit", "lyra", None]


def made(number: int, noise: random.Random) -> dict[str, Any]:
    return event(
        number, timestamp=f"2026-{noise.choice(('10', '11'))}-{noise.randint(1, 28):02d}T{noise.randint(0, 23):02d}:00:00Z",
        model=noise.choice(("gpt-5", "gpt-5-mini", "claude-sonnet-4-5-20250929", "nobody-knows")),
        provider=noise.choice(("openai", "anthropic", "openai")), input_tokens=noise.randrange(300_000),
        output_tokens=noise.randrange(5000), cached_input_tokens=0, team=noise.choice(TEAMS),
        product=noise.choice(("desk", "search")), user_id=f"u{noise.randrange(5)}",
        tool_calls={"web_search": noise.randrange(2)},
    )  # fmt: skip


EVENTS = [made(n, random.Random(n)) for n in range(120)]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    folder = tmp_path_factory.mktemp("reference")
    source = jsonl(folder / "x.jsonl", EVENTS)
    found = {}
    for grain in ("day", "request"):
        convert(folder / grain, source, grain=grain, threads=2)
        found[grain] = data_bytes(folder / grain)
        assert len(found[grain]) == 2
    return found


@settings(max_examples=6, phases=[Phase.explicit, Phase.generate])
@given(
    seed=st.integers(0, 10**6),
    grain=st.sampled_from(["day", "request"]),
    parts=st.integers(1, 4),
    threads=st.sampled_from([1, 2]),
)
def test_order_splitting_names_and_repetition(
    seed: int, grain: str, parts: int, threads: int,
    reference: dict[str, dict[str, bytes]], tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    """Shuffled lines in files with other names, some lines and one whole file twice: the same bytes."""
    noise = random.Random(seed)
    folder = tmp_path_factory.mktemp("other")
    events = noise.sample(EVENTS, len(EVENTS))
    files = []
    for part in range(parts):
        mine = events[part::parts]
        name = f"{noise.randrange(10**6)}-{part}.{noise.choice(('log', 'jsonl', 'json'))}"
        files.append(jsonl(folder / "in" / name, [*mine, *noise.sample(mine, 2)]))
    copy = folder / "in" / "again.jsonl"
    copy.write_bytes(files[0].read_bytes())
    report = convert(folder / "out", *noise.sample([*files, copy], parts + 1), grain=grain, threads=threads)
    assert report["records"]["events"] == len(EVENTS)
    assert report["records"]["duplicates"] == 2 * parts + len(events[0::parts]) + 2
    assert data_bytes(folder / "out") == reference[grain]


def test_the_quick_reader_makes_no_difference(
    reference: dict[str, dict[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may stage records in any order; repeats among them, two threads."""
    monkeypatch.setattr(quick, "SMALL", 0)
    source = jsonl(tmp_path / "x.jsonl", [*reversed(EVENTS), *EVENTS[:50]])
    for grain in ("day", "request"):
        convert(tmp_path / grain, source, grain=grain, threads=2)
        assert data_bytes(tmp_path / grain) == reference[grain]


def test_jobs_make_no_difference(reference: dict[str, dict[str, bytes]], tmp_path: Path) -> None:
    files = [jsonl(tmp_path / f"{n}.jsonl", EVENTS[n::3]) for n in range(3)]
    convert(tmp_path / "out", *files, jobs=2)
    assert data_bytes(tmp_path / "out") == reference["day"]


def test_the_whole_data_set_is_the_same_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a fixed clock every file is equal: data, manifests, metadata, exceptions and report."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795305600")
    source = jsonl(tmp_path / "x.jsonl", [*EVENTS, EVENTS[0], "broken", event("z", input_tokens=-1)])
    found = []
    for threads in (1, 2):
        convert(tmp_path / "out", source, threads=threads, events=True)
        found.append(snapshot(tmp_path / "out"))
        for path in sorted((tmp_path / "out").rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
    assert found[0].keys() == found[1].keys()
    assert [name for name in found[0] if found[0][name] != found[1][name] and not name.startswith("events/")] == []


def test_a_run_says_which_tables_decided_it(tmp_path: Path) -> None:
    """Prices, contracts, exchange rates and owners change the rows, so other ones make another run; their order not."""
    names = ("own.csv", "deal.yaml", "more.yaml", "fx.csv", "map.csv")
    texts = (
        "provider,model,meter,unit_size,price\nopenai,gpt-5,input,1000000,2\n",
        "contracts: [{percent_off: 10}]",
        "contracts: [{percent_off: 20}]",
        "date,base,quote,rate\n2026-01-01,USD,EUR,0.9\n",
        "id_type,id_value,team\nproject_id,p,a\n",
    )
    for name, content in zip(names, texts, strict=True):
        (tmp_path / name).write_text(content)
    source = jsonl(tmp_path / "x.jsonl", [event(1)])

    def run(*deals: str) -> tuple[str, str, list[str]]:
        own = {
            "rates": {"files": ["own.csv"], "contracts": list(deals), "fx": ["fx.csv"]}, "owners": {"map": ["map.csv"]},
        }  # fmt: skip
        report = api.convert(
            [str(source)], tmp_path / "out", settings=Settings.from_dict(own, base=tmp_path), validate=False
        )
        return report["run_id"], report["rate_card"], [f"{t['kind']} {t['path']}" for t in report["tables"]]

    first = run("deal.yaml", "more.yaml")
    assert first[2] == ["contracts deal.yaml", "contracts more.yaml", "fx fx.csv", "owners map.csv", "rates own.csv"]
    assert run("more.yaml", "deal.yaml") == first
    seen = {first[:2]}
    for name, old, new in (("deal.yaml", "10", "15"), ("fx.csv", "0.9", "0.8")):
        (tmp_path / name).write_text((tmp_path / name).read_text().replace(old, new))
        seen.add(run("deal.yaml", "more.yaml")[:2])
    assert len({run_id for run_id, _ in seen}) == len({card for _, card in seen}) == 3
    (tmp_path / "map.csv").write_text(texts[-1] + "project_id,q,b\n")
    last = run("deal.yaml", "more.yaml")
    assert last[0] not in {run_id for run_id, _ in seen} and last[1] in {card for _, card in seen}


def test_accounts_and_names_that_differ_keep_their_own_rows(tmp_path: Path) -> None:
    """Two names of one account, two gateways with the same request id: rows stay apart and in a fixed order."""
    mapping = tmp_path / "m.yaml"
    mapping.write_text(
        "extends: generic-event\nid: named\nrecognise: {keys: [event_id, account_name]}\n"
        "fields: {account_id: account, account_name: account_name, sub_account_id: sub, sub_account_name: sub_name}\n"
    )
    events = [
        event(n // 4, account="a", account_name=f"name {n % 3}", sub="s", sub_name=f"sub {n % 2}", gateway_id=f"g{n}")
        for n in range(40)
    ]
    found = []
    for seed in (1, 2):
        source = jsonl(tmp_path / f"{seed}.jsonl", random.Random(seed).sample(events, len(events)))
        for grain in ("day", "request"):
            out = tmp_path / f"{seed}-{grain}"
            assert convert(out, source, mapping=[mapping], grain=grain)["records"]["events"] == 40
            found.append(data_bytes(out))
            ids = [r["x_ChargeId"] for r in rows(out)]
            assert len(ids) == len(set(ids)), grain
    assert found[0] == found[2]
    assert found[1] == found[3]


@pytest.mark.parametrize("wrong", ["tomorrow", "1e9", "99999999999999999999"])
def test_a_wrong_source_date_is_told(wrong: str, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Now in its place would break the promise of equal bytes without a word."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", wrong)
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH"):
        convert(out, jsonl(tmp_path / "a.jsonl", [event(1)]))
