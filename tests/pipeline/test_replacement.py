"""A run replaces whole billing periods; everything else of the data set stays; a failed run changes nothing."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from data_builders import convert, data_files, event, jsonl, rows, snapshot, total

from focus_ai.errors import FocusAiError, InputError, UsageError
from focus_ai.sinks import Delivery


def month(path: Path, number: int, *ids: int, **fields: object) -> Path:
    return jsonl(path, [event(n, timestamp=f"2026-{number:02d}-05T00:00:00Z", **fields) for n in ids])


def periods(out: Path) -> list[str]:
    return sorted(p.parent.name.removeprefix("billing_period=") for p in data_files(out))


def test_another_month_keeps_the_first(tmp_path: Path, out: Path) -> None:
    convert(out, month(tmp_path / "a.jsonl", 10, 1, 2))
    before = snapshot(out)
    report = convert(out, month(tmp_path / "b.jsonl", 11, 3))
    assert periods(out) == ["2026-10", "2026-11"]
    assert report["kept_periods"] == ["2026-10"]
    after = snapshot(out)
    kept = [name for name in before if "billing_period=2026-10" in name]
    assert len(kept) == 2
    assert [name for name in kept if after[name] != before[name]] == []
    for path in sorted((out / "metadata").glob("*/manifest.json")):
        manifest = json.loads(path.read_text())
        for entry in manifest["files"]:
            assert (out / entry["path"]).stat().st_size == entry["bytes"]
        assert path.parent.name == f"billing_period={manifest['billing_period']}"


def lost(report: dict[str, Any]) -> list[tuple[str, int, str]]:
    found = [w for w in report["warnings"] if w["code"] == "replaced_days"]
    return [(w["message"].split(" that this run")[0], w["records"], f"{w['money']} {w['currency']}") for w in found]


def test_days_that_a_replaced_month_loses_are_told(tmp_path: Path, out: Path) -> None:
    """Each event has a row of input and one of output; Claude Sonnet 4.5 costs (1000 x 3 + 10 x 15) / 10^6."""
    first, second, third = (
        jsonl(tmp_path / f"{day}.jsonl", [event(day, timestamp=f"2026-10-{day:02d}T00:00:00Z")]) for day in (5, 6, 7)
    )
    claude = event(9, timestamp="2026-10-07T00:00:00Z", provider="anthropic", model="claude-sonnet-4-5")
    other = jsonl(tmp_path / "other.jsonl", [claude])
    assert lost(convert(out, first, second, other)) == []
    held = "the data set held 2 days of OpenAI (2026-10-05 to 2026-10-06)"
    told = [
        ("the data set held 1 day of Anthropic (2026-10-07 to 2026-10-07)", 2, "0.00315 USD"),
        (held, 4, "0.0027 USD"),
    ]
    assert lost(convert(out, third)) == told
    assert lost(convert(out, third, grain="request")) == []
    assert lost(convert(out, third, first, grain="month")) == []  # the month is there; nobody can tell days apart
    assert lost(convert(out, month(tmp_path / "b.jsonl", 11, 3))) == []  # no month is replaced


def test_what_cannot_be_read_in_place_is_replaced_without_a_word(tmp_path: Path, out: Path) -> None:
    convert(out, month(tmp_path / "a.jsonl", 10, 1))
    for path in data_files(out):
        path.write_bytes(b"no Parquet")
    (out / "run.json").write_text("no JSON")
    assert lost(convert(out, month(tmp_path / "a.jsonl", 10, 2))) == []
    assert len(rows(out)) == 2


def test_how_fresh_the_kept_months_are_stays_told(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TimeSectors of the data set: one day of October (written first), then one of November, then another of October
    in place of the first."""
    told = []
    for at, number, day in ((1_800_000_000, 10, 5), (1_800_000_060, 11, 6), (1_800_000_120, 10, 7)):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(at))
        stamp = f"2026-{number}-{day:02d}T00:00:00Z"
        convert(out, jsonl(tmp_path / "a.jsonl", [event(day, timestamp=stamp)]))
        (path,) = (out / "metadata" / "recency").iterdir()
        sectors = json.loads(path.read_text())["TimeSectors"]
        told.append({s["TimeSectorStart"][5:10]: s["TimeSectorLastUpdated"][14:19] for s in sectors})
    # 1 800 000 000 is 2027-01-15T08:00:00Z, so the three runs are at minute 0, 1 and 2
    assert told == [{"10-05": "00:00"}, {"10-05": "00:00", "11-06": "01:00"}, {"11-06": "01:00", "10-07": "02:00"}]


def test_the_same_month_is_replaced(tmp_path: Path, out: Path) -> None:
    convert(out, month(tmp_path / "a.jsonl", 10, 1, 2), month(tmp_path / "b.jsonl", 11, 3))
    (out / "data" / "billing_period=2026-10" / "focus-00001.parquet").write_bytes(b"a file of an older layout")
    convert(out, month(tmp_path / "c.jsonl", 10, 4))
    assert periods(out) == ["2026-10", "2026-11"]
    assert [p.name for p in (out / "data" / "billing_period=2026-10").iterdir()] == ["focus-00000.parquet"]
    assert sum(r["x_InputTokens"] or 0 for r in rows(out)) == 2000


def test_exceptions_and_events_belong_to_one_run(tmp_path: Path, out: Path) -> None:
    convert(out, jsonl(tmp_path / "a.jsonl", [event(1), "broken", event(2, model="nobody")]), events=True)
    assert {p.name for p in (out / "exceptions").iterdir()} == {"rejects.jsonl", "unpriced.jsonl"}
    convert(out, month(tmp_path / "b.jsonl", 11, 3))
    assert not (out / "exceptions").exists()
    assert not (out / "events").exists()


def test_files_of_others_in_the_folder_stay(tmp_path: Path, out: Path) -> None:
    out.mkdir()
    (out / "README.txt").write_text("mine")
    (out / "notes").mkdir()
    (out / "notes" / "deep.txt").write_text("also mine")
    convert(out, month(tmp_path / "a.jsonl", 10, 1))
    convert(out, month(tmp_path / "a.jsonl", 10, 1))
    assert (out / "README.txt").read_text() == "mine"
    assert (out / "notes" / "deep.txt").read_text() == "also mine"


def test_what_others_set_up_in_the_folder_stays(tmp_path: Path, out: Path) -> None:
    """Who may look into it, and links to other folders."""
    out.mkdir()
    out.chmod(0o700)
    (tmp_path / "elsewhere").mkdir()
    (out / "link").symlink_to(tmp_path / "elsewhere")
    for number in (10, 11):
        convert(out, month(tmp_path / "a.jsonl", number, 1))
        assert stat.S_IMODE(out.stat().st_mode) == 0o700
        assert (out / "link").readlink() == tmp_path / "elsewhere"


@pytest.mark.parametrize("given", ["", ".", "..", "/", "../work"])
def test_the_folder_we_stand_in_is_not_exchanged(given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unset variable in `--out "$X"` must not make the working folder the output."""
    source = month(tmp_path / "a.jsonl", 10, 1)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    with pytest.raises(UsageError, match="folder you are in"):
        convert(Path(given), source)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.jsonl", "work"]


def test_months_that_another_run_writes_meanwhile_stay(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second run begins to put its month in place while the first one has listed what to keep."""
    first, second = month(tmp_path / "a.jsonl", 10, 1), month(tmp_path / "b.jsonl", 11, 2)
    convert(out, month(tmp_path / "c.jsonl", 9, 3))
    code = (
        "import sys; from pathlib import Path; from focus_ai import api\n"
        "api.convert([sys.argv[1]], Path(sys.argv[2]), validate=False)"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    whole = Delivery.commit
    others: list[subprocess.Popen[bytes]] = []

    def slow(delivery: Delivery) -> None:
        others.append(subprocess.Popen([sys.executable, "-c", code, str(second), str(out)], env=env))
        with pytest.raises(subprocess.TimeoutExpired):
            others[0].wait(3)  # it waits for us
        whole(delivery)

    with monkeypatch.context() as patched:
        patched.setattr(Delivery, "commit", slow)
        convert(out, first)
    assert others[0].wait(60) == 0
    assert periods(out) == ["2026-09", "2026-10", "2026-11"]


@pytest.mark.parametrize("fault", ["bad input", "unknown export", "bad rates"])
def test_a_failed_run_changes_nothing(fault: str, tmp_path: Path, out: Path) -> None:
    convert(out, month(tmp_path / "a.jsonl", 10, 1))
    before = snapshot(out.parent)
    source = {"bad input": tmp_path / "none.jsonl", "unknown export": jsonl(tmp_path / "u.jsonl", [{"a": 1}])}
    settings = {"rates": {"files": [str(tmp_path / "none.csv")]}} if fault == "bad rates" else None
    with pytest.raises(FocusAiError):
        convert(out, source.get(fault, tmp_path / "a.jsonl"), settings=settings)
    assert snapshot(out.parent) == before


def test_the_output_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(InputError, match="file"):
        convert(tmp_path / "out", month(tmp_path / "a.jsonl", 10, 1))
    assert (tmp_path / "out").read_text() == "a file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_parent_is_told(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o500)
    try:
        with pytest.raises(InputError, match="cannot be written"):
            convert(locked / "out", month(tmp_path / "a.jsonl", 10, 1))
    finally:
        locked.chmod(0o700)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that nobody can write")
def test_a_parent_that_nobody_can_write_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        convert(Path("/proc/out"), month(tmp_path / "a.jsonl", 10, 1))


def test_a_parent_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError):
        convert(tmp_path / "file" / "out", month(tmp_path / "a.jsonl", 10, 1))


def test_the_output_may_be_the_folder_that_the_inputs_are_in(tmp_path: Path) -> None:
    """Own outputs are not read as inputs of the next run."""
    work = tmp_path / "work"
    month(work / "a.jsonl", 10, 1)
    first = convert(work / "out", work)
    second = convert(work / "out", work / "a.jsonl")
    assert first["records"] == second["records"]
    assert total(rows(work / "out")) == total(rows(work / "out"))


def test_a_link_as_output_is_followed(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    convert(tmp_path / "link", month(tmp_path / "a.jsonl", 10, 1))
    assert periods(tmp_path / "link") == ["2026-10"]
    assert periods(real) == ["2026-10"]
    assert (tmp_path / "link").is_symlink()


def test_what_a_dead_run_left_is_cleaned_up_and_a_living_one_is_not(tmp_path: Path, out: Path) -> None:
    convert(out, month(tmp_path / "a.jsonl", 10, 1))
    dead = out.parent / f".{out.name}.focus-ai-next-999999999"
    dead.mkdir()
    alive = out.parent / f".{out.name}.focus-ai-next-{os.getppid()}"
    alive.mkdir()
    convert(out, month(tmp_path / "b.jsonl", 11, 2))
    assert not dead.exists()
    assert alive.exists()
    alive.rmdir()


def test_an_old_data_set_left_between_two_renames_is_put_back(tmp_path: Path, out: Path) -> None:
    """Where folders cannot be exchanged, a run may die after the first of two renames."""
    convert(out, month(tmp_path / "a.jsonl", 10, 1))
    out.rename(out.parent / f".{out.name}.focus-ai-old-999999999")
    delivery = Delivery(out)
    delivery.discard()
    assert periods(out) == ["2026-10"]
    assert [p.name for p in out.parent.iterdir()] == [out.name]


def test_two_renames_do_the_same_as_an_exchange(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("focus_ai.sinks.swap._exchange", lambda first, second: False)
    convert(out, month(tmp_path / "a.jsonl", 10, 1))
    convert(out, month(tmp_path / "b.jsonl", 11, 2))
    assert periods(out) == ["2026-10", "2026-11"]
    assert [p.name for p in out.parent.iterdir()] == [out.name]
