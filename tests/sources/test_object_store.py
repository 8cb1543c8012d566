"""Inputs in an object store, served by a local S3 server on the loopback address."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from data_builders import convert, event, jsonl

from focus_ai import api
from focus_ai.errors import InputError

SECRET = "not-a-real-secret-3f9c"
pytest.importorskip("moto", reason="the S3 server of moto is a development dependency")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    pytest.importorskip("flask", reason="moto[server]")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-c", "from moto.server import main; import sys; main(sys.argv[1:])", "-H", "127.0.0.1",
         "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/moto-api/", timeout=1).close()
                break
            except (urllib.error.URLError, OSError):
                assert server.poll() is None, "the S3 server stopped"
                time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture
def store(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from pyarrow import fs

    for name, value in {
        "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    s3 = fs.S3FileSystem(
        access_key="tester", secret_key=SECRET, endpoint_override=endpoint, region="us-east-1",
        allow_bucket_creation=True, allow_bucket_deletion=True,
    )  # fmt: skip
    s3.create_dir("logs")
    objects = {
        "logs/2026/10/a.jsonl": json.dumps(event(1)).encode(),
        "logs/2026/10/b.jsonl.gz": gzip.compress(json.dumps(event(2)).encode()),
        "logs/2026/11/a.jsonl": json.dumps(event(3, timestamp="2026-11-02T00:00:00Z")).encode(),
        "logs/odd/it's #1 [x].jsonl": json.dumps(event(4)).encode(),
    }
    for name, content in objects.items():
        with s3.open_output_stream(name) as stream:
            stream.write(content)
    yield
    s3.delete_dir("logs")


@pytest.mark.parametrize(
    ("address", "events"),
    [
        ("s3://logs/2026/10/a.jsonl", 1),
        ("s3://logs/2026/10/", 2),
        ("s3://logs/2026/10", 2),
        ("s3://logs/2026/*/a.jsonl", 2),
        ("s3://logs/2026/10/*.gz", 1),
        ("s3://logs/2026", 3),
    ],
)
def test_objects_folders_and_globs(address: str, events: int, store: None, out: Path) -> None:
    report = convert(out, address)
    assert report["records"]["events"] == events
    assert all(f["path"].startswith("s3://logs/2026/1") for f in report["inputs"])
    everything = b"".join(p.read_bytes() for p in out.rglob("*") if p.is_file())
    assert SECRET.encode() not in everything
    assert list(out.parent.iterdir()) == [out]


def test_several_addresses_and_a_local_file(store: None, out: Path, tmp_path: Path) -> None:
    from data_builders import jsonl

    local = jsonl(tmp_path / "l.jsonl", [event(1), event(9)])
    report = convert(out, "s3://logs/2026/10/", "s3://logs/2026/11/a.jsonl", local)
    assert (report["records"]["events"], report["records"]["duplicates"]) == (4, 1)


def test_a_prefix_is_read_as_a_folder_is(store: None, out: Path, tmp_path: Path) -> None:
    """Markers and hidden objects are passed over, and so is a data set of ours among exports; alone it is the input."""
    from pyarrow import fs

    first = convert(tmp_path / "first", "s3://logs/2026/10/")
    fs.copy_files(str(tmp_path / "first"), "s3://logs/2026/10/focus")
    for name in ("_SUCCESS", ".part.crc", "_tmp/x.jsonl", "notes.md"):
        with fs.S3FileSystem(
            access_key="tester", secret_key=SECRET, endpoint_override=os.environ["AWS_ENDPOINT_URL"], region="us-east-1"
        ).open_output_stream(f"logs/2026/10/{name}") as stream:
            stream.write(b"{not json")
    again = convert(out, "s3://logs/2026/10/")
    assert [f["path"] for f in again["inputs"]] == [f["path"] for f in first["inputs"]]
    assert again["totals"] == first["totals"]
    rows = convert(tmp_path / "rows", "s3://logs/2026/10/focus/")
    assert [f["path"].rpartition("/")[2] for f in rows["inputs"]] == ["focus-00000.parquet"]
    assert rows["totals"][0]["effective_cost"] == first["totals"][0]["effective_cost"]
    assert api.validate("s3://logs/2026/10/focus").findings.rows == first["rows"]


def test_an_object_with_an_odd_name(store: None, out: Path) -> None:
    assert convert(out, "s3://logs/odd/")["records"]["events"] == 1


@pytest.mark.parametrize("address", ["s3://logs/none.jsonl", "s3://logs/2026/*.parquet", "s3://no-such-bucket/x.jsonl"])
def test_what_is_not_there_is_told_without_secrets(address: str, store: None, out: Path) -> None:
    with pytest.raises(InputError) as told:
        convert(out, address)
    assert address.split("*")[0][:12] in str(told.value)
    assert SECRET not in str(told.value)
    assert not out.exists()


def test_a_scheme_that_nobody_knows(out: Path) -> None:
    with pytest.raises(InputError):
        convert(out, "nowhere://bucket/x.jsonl")
    assert list(out.parent.iterdir()) == []


def test_a_key_inside_an_address_is_not_repeated(store: None, out: Path) -> None:
    """pyarrow accepts keys in the address; they belong into the environment and are never shown."""
    for address in (f"s3://tester:{SECRET}@logs/none.jsonl", f"s3://tester:{SECRET}@logs/2026/*.parquet",
                    f"nowhere://tester:{SECRET}@host/x"):  # fmt: skip
        with pytest.raises(InputError) as told:
            convert(out, address)
        assert SECRET not in str(told.value)
    convert(out, f"s3://tester:{SECRET}@logs/2026/10/a.jsonl")
    assert SECRET.encode() not in b"".join(p.read_bytes() for p in out.rglob("*") if p.is_file())


def test_a_focus_file_of_a_bucket_is_judged_where_it_lies(store: None, tmp_path: Path) -> None:
    """`validate` reads the store as `convert` does: a right data set passes, a wrong cell fails with its address."""
    from pyarrow import fs

    convert(tmp_path / "out", jsonl(tmp_path / "in.jsonl", [event(1, team="orbit")]))
    [made] = (tmp_path / "out" / "data").rglob("*.parquet")
    fs.copy_files(str(made), "s3://logs/focus/part.parquet")
    assert api.validate(["s3://logs/focus/"], focus="1.3").findings.summary["errors"] == 0
    wrong = tmp_path / "wrong.csv"
    columns = (
        "BilledCost,EffectiveCost,ListCost,BillingAccountId,BillingCurrency,ChargeCategory,ServiceName,ServiceCategory"
    )
    wrong.write_text(f"{columns}\nmany,1,1,a,USD,Usage,S,Storage\n", encoding="utf-8")
    fs.copy_files(str(wrong), "s3://logs/wrong/part.csv")
    found = api.validate(["s3://logs/wrong/*.csv"], focus="1.3", select=["CAU-BilledCost-*"]).findings.findings
    assert {(s.file, s.row) for f in found for s in f.samples if s.row} == {("s3://logs/wrong/part.csv", 1)}
