"""Inputs as people name them: files, folders, globs, standard input, odd names."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
from data_builders import convert, event, exceptions, jsonl, rows, snapshot

from focus_ai.adapters import quick
from focus_ai.cli import main
from focus_ai.errors import InputError
from focus_ai.sources import discover

ODD = [
    "it's a \"quote\".jsonl", "a b\tc.jsonl", "a[1].jsonl", "a*.jsonl", "a?.jsonl", "..jsonl", "%41.jsonl",
    "\u00fcml\u00e4ut.jsonl", "'; DROP TABLE x; --.jsonl", "new\nline.jsonl", "$HOME.jsonl", "-dash.jsonl", "~x.jsonl",
    "{relation}.jsonl", "@@R0@@.jsonl", "__v0.jsonl",
]  # fmt: skip


def names(*inputs: str, spool: Path) -> list[str]:
    return [source.name for source in discover(inputs, spool)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    work = tmp_path / "w"
    made = ("b.jsonl", "a.jsonl", "deep/c.jsonl", ".hidden.jsonl", "_skip/d.jsonl", ".git/e.jsonl")
    for number, name in enumerate(made):
        jsonl(work / name, [event(number)])
    (work / "README.md").write_text("words")
    monkeypatch.chdir(work)
    return work


def test_a_folder_is_read_in_name_order_without_hidden_files(folder: Path, tmp_path: Path) -> None:
    assert names(".", spool=tmp_path) == ["a.jsonl", "b.jsonl", "deep/c.jsonl"]


def test_manifests_beside_the_files_of_a_delivery_are_passed_over(folder: Path, tmp_path: Path) -> None:
    """Azure writes manifest.json into the folder of a run, AWS NAME-Manifest.json."""
    for name in ("deep/manifest.json", "bill-Manifest.json"):
        (folder / name).write_text('{"blobs": [{"blobName": "part_0_0001.csv"}]}')
    found = [s.name for s in discover(["."], tmp_path, own=False)]
    assert found == ["a.jsonl", "b.jsonl", "deep/c.jsonl"]
    assert names("deep/manifest.json", spool=tmp_path) == ["deep/manifest.json"]


def test_a_glob(folder: Path, tmp_path: Path) -> None:
    assert names("*.jsonl", spool=tmp_path) == ["a.jsonl", "b.jsonl"]
    assert names("**/*.jsonl", spool=tmp_path)[-1] == "deep/c.jsonl"
    assert names("dee*", spool=tmp_path) == ["deep/c.jsonl"], "a folder that fits is read, as when the shell names it"
    assert names("*", spool=tmp_path) == ["README.md", "_skip/d.jsonl", "a.jsonl", "b.jsonl", "deep/c.jsonl"]


def test_a_file_named_twice_is_read_once(folder: Path, tmp_path: Path) -> None:
    assert names("a.jsonl", "*.jsonl", "a.jsonl", spool=tmp_path) == ["a.jsonl", "b.jsonl"]


@pytest.mark.parametrize("given", ["nothing.jsonl", "*.parquet", "empty-folder"])
def test_what_is_not_there_is_told(given: str, folder: Path, tmp_path: Path) -> None:
    (folder / "empty-folder").mkdir()
    with pytest.raises(InputError) as told:
        discover([given], tmp_path)
    assert given in str(told.value)


@pytest.mark.parametrize("given", ["", "  "])
def test_an_empty_name_is_not_the_current_folder(given: str, folder: Path, tmp_path: Path) -> None:
    """As a shell gives it for a variable that is not set."""
    with pytest.raises(InputError, match="empty"):
        discover([given], tmp_path)


def test_our_own_data_sets_are_passed_over_where_exports_are_asked_for(folder: Path, tmp_path: Path) -> None:
    """A data set in the folder of the exports, and one that is the folder itself; files of others stay inputs."""
    written = ("run.json", "data/billing_period=2026-10/focus-00000.parquet", "exceptions/rejects.jsonl",
               "metadata/billing_period=2026-10/manifest.json", "events/events.parquet")  # fmt: skip
    for place in (folder, folder / "deep" / "focus"):
        for name in written:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text('{\n  "schema": "focus-ai/run@1",\n  "version": "1"\n}')
    jsonl(folder / "data" / "mine.jsonl", [event(9)])
    (folder / "other").mkdir()
    (folder / "other" / "run.json").write_text('{"schema": "another-tool/run@1"}')
    jsonl(folder / "other" / "data" / "billing_period=1" / "x.jsonl", [event(10)])
    found = [s.name for s in discover(["."], tmp_path, own=False)]
    wanted = ["a.jsonl", "b.jsonl", "data/mine.jsonl", "deep/c.jsonl", "other/data/billing_period=1/x.jsonl"]
    assert found == sorted([*wanted, "other/run.json"])
    assert len(names(".", spool=tmp_path)) == len(found) + 2 * len(written)  # a check of files looks at all


def test_a_data_set_of_ours_alone_is_its_rows(folder: Path, tmp_path: Path) -> None:
    """Its events, origins and exceptions tell of the same money once more. Data sets below a folder must be named."""
    rows = "data/billing_period=2026-10/focus-00000.parquet"
    for name in ("run.json", rows, "events/events.parquet", "allocation/billing_period=2026-10/origins.parquet",
                 "metadata/billing_period=2026-10/manifest.json"):  # fmt: skip
        path = folder / "deep" / "focus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"schema": "focus-ai/run@1"}')
    given = folder / "deep" / "focus"
    assert [s.name for s in discover([str(given)], tmp_path, own=False)] == [str(given / rows)]
    (folder / "deep" / "c.jsonl").unlink()
    with pytest.raises(InputError, match="holds no export"):
        discover([str(folder / "deep")], tmp_path, own=False)


def test_standard_input(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = jsonl(tmp_path / "x.jsonl", [event(1), event(2)]).read_bytes()
    stream = io.TextIOWrapper(io.BytesIO(data))
    monkeypatch.setattr(sys, "stdin", stream)
    assert convert(out, "-")["records"]["events"] == 2
    assert rows(out)[0]["x_RequestCount"] == 2


def test_standard_input_named_twice_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is empty when read again; and a file called stdin is another input."""
    data = jsonl(tmp_path / "stdin", [event(1)]).read_bytes()
    for given in (["-", "-"], ["-", "stdin"]):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        monkeypatch.chdir(tmp_path)
        if given[1] == "-":
            assert [s.size for s in discover(given, tmp_path / "spool")] == [len(data)]
        else:
            with pytest.raises(InputError, match="same name"):
                discover(given, tmp_path / "spool")


def test_a_name_that_is_no_utf8(tmp_path: Path, out: Path) -> None:
    try:
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jsonl"))
        jsonl(path, [event(1), "broken"])
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    report = convert(out, path)
    assert (report["records"]["events"], report["records"]["rejected"]) == (1, 1)
    assert report["inputs"][0]["path"] == f"{tmp_path}/caf\\xe9.jsonl"
    assert exceptions(out, "rejects")[0]["file"] == f"{tmp_path}/caf\\xe9.jsonl"


def test_odd_names_are_names_and_nothing_else(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names with quotes, patterns, dots and newlines: each file is read itself, and nothing is written beside them."""

    monkeypatch.setattr(quick, "SMALL", 0)  # the engine opens the files by their own names
    work = tmp_path / "w"
    for number, name in enumerate([*ODD, "a1.jsonl", "ab.jsonl"]):
        jsonl(work / name, [event(number)])
    before = snapshot(work)
    report = convert(out, *(work / name for name in [*ODD, "a1.jsonl", "ab.jsonl"]))
    assert report["records"] == {
        "read": len(ODD) + 2, "events": len(ODD) + 2, "billed_lines": 0, "duplicates": 0, "rejected": 0, "ignored": 0,
    }  # fmt: skip
    assert {f["path"] for f in report["inputs"]} == {str(work / n) for n in [*ODD, "a1.jsonl", "ab.jsonl"]}
    assert snapshot(work) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["result", "w"]


def test_a_csv_and_a_parquet_file_whose_names_look_like_patterns(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from data_builders import staged

    for name, wanted in (("x[1].csv", "right"), ("x1.csv", "wrong")):
        row = event(1, team=wanted)
        (tmp_path / name).write_text(",".join(row) + "\n" + ",".join(map(str, row.values())) + "\n")
    for name, wanted in (("x[1].parquet", "right"), ("x1.parquet", "wrong")):
        pq.write_table(pa.table({k: [v] for k, v in event(1, team=wanted).items()}), tmp_path / name)
    for name in ("x[1].csv", "x[1].parquet"):
        assert [r["owner_team"] for r in staged(tmp_path / name, tmp_path / "w")[1]] == ["right"], name


def test_a_path_with_dots_is_read_where_it_points(folder: Path, out: Path) -> None:
    os.chdir(folder / "deep")
    assert convert(out, "../deep/../a.jsonl")["records"]["events"] == 1
    assert not list(out.rglob("a.jsonl"))


def test_a_link_to_a_file_is_read(folder: Path, out: Path) -> None:
    (folder / "link.jsonl").symlink_to(folder / "a.jsonl")
    report = convert(out, "link.jsonl", "a.jsonl")
    assert (report["records"]["events"], report["records"]["duplicates"]) == (1, 1)


def test_links_to_folders_are_followed_and_each_folder_is_read_once(folder: Path, tmp_path: Path) -> None:
    jsonl(tmp_path / "disk" / "month" / "m.jsonl", [event(20)])
    (folder / "archive").symlink_to(tmp_path / "disk")  # elsewhere: its records count
    (folder / "again").symlink_to(folder / "deep")  # a second name of what is read already
    (folder / "deep" / "up").symlink_to(folder.parent)  # a loop
    (tmp_path / "disk" / "back").symlink_to(tmp_path / "disk")
    assert names(".", spool=tmp_path) == ["a.jsonl", "archive/month/m.jsonl", "b.jsonl", "deep/c.jsonl"]


def test_a_link_that_leads_nowhere_is_told(folder: Path, tmp_path: Path) -> None:
    (folder / ".lock").symlink_to("nobody@host")  # hidden: an editor's, and passed over
    assert names(".", spool=tmp_path) == ["a.jsonl", "b.jsonl", "deep/c.jsonl"]
    (folder / "deep" / "gone.jsonl").symlink_to("../moved.jsonl")
    with pytest.raises(InputError, match="leads to nothing") as told:
        discover(["."], tmp_path)
    assert "deep/gone.jsonl" in str(told.value)


def test_a_folder_that_must_not_be_read_is_told(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Passing it over would lose its records without a word."""
    scan = os.scandir

    def refusing(path: str) -> object:
        if Path(path).name in ("deep", ".git"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(InputError, match="must not be read") as told:
        discover(["."], tmp_path)
    assert "deep" in str(told.value)


def test_a_file_that_must_not_be_read_is_told(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Path.open

    def refusing(path: Path, *given: object, **options: object) -> object:
        if path.name == "b.jsonl":
            raise PermissionError(13, "Permission denied", str(path))
        return whole(path, *given, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refusing)
    with pytest.raises(InputError, match="must not be read") as told:
        discover(["."], tmp_path)
    assert "b.jsonl" in str(told.value)


def test_a_pipe_is_not_a_file_that_is_missing(folder: Path, tmp_path: Path) -> None:
    os.mkfifo(folder / "calls")
    with pytest.raises(InputError, match="pipe") as told:
        discover(["calls"], tmp_path)
    assert "standard input" in str(told.value)


def test_local_files_are_not_named_as_addresses(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="file://"):
        discover([f"file://{folder}/a.jsonl"], tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes")
def test_a_folder_that_the_engine_cannot_name_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As output, above the output, and as the data set of a report; a name of any letters in UTF-8 is fine."""
    data, odd = jsonl(tmp_path / "x.jsonl", [event(1)]), tmp_path / os.fsdecode(b"\xff")
    for out in (odd, odd / "out"):
        assert main(["convert", str(data), "--out", str(out)]) == 3
        assert f"where: {tmp_path}/\\xff" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["x.jsonl"]
    fine = tmp_path / "\u00fc \u6771"
    assert main(["convert", str(data), "--out", str(fine)]) == 0
    fine.rename(odd)
    capsys.readouterr()
    assert main(["report", str(odd)]) == 3
    assert f"where: {tmp_path}/\\xff/data" in capsys.readouterr().err
