"""Damaged packed files: every record that can be unpacked is read, and what cannot be is told with place and size."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from data_builders import event, jsonl, staged
from hypothesis import given
from hypothesis import strategies as st

from focus_ai.adapters import quick
from focus_ai.errors import InputError
from focus_ai.sources.packed import Damage, opened, salvaged, unpacked
from focus_ai.sources.sniff import sniff


def lines(first: int, last: int) -> bytes:
    return b"".join(json.dumps(event(n)).encode() + b"\n" for n in range(first, last))


def table(first: int, last: int) -> bytes:
    head = [",".join(event(0))] if first == 0 else []
    return "".join(
        f"{row}\n" for row in [*head, *(",".join(map(str, event(n).values())) for n in range(first, last))]
    ).encode()


def gz(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def zst(data: bytes) -> bytes:
    packed: bytes = pa.compress(data, codec="zstd", asbytes=True)
    return packed


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


PACK = {"gzip": gz, "zstd": zst}
FORM = {"jsonl": lines, "csv": table}
SKIPPED = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"


@pytest.fixture(params=["small", "large"])
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "large":
        monkeypatch.setattr(quick, "SMALL", 0)
    return str(request.param)


def read(path: Path, data: bytes) -> tuple[list[str], list[tuple[Any, ...]]]:
    path.write_bytes(data)
    result, found = staged(path, path.parent / "w")
    assert result.read == len(found) + sum(1 for r in result.rejects if r.row is not None)
    return [r["record_id"] for r in found], [(r.row, r.reason, r.raw, r.note) for r in result.rejects]


def ids(*numbers: int) -> list[str]:
    return [f"e{n}" for n in numbers]


@pytest.mark.parametrize("number", [20, 500])
@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize("form", FORM)
def test_garbage_behind_several_members(form: str, packing: str, number: int, size: str, tmp_path: Path) -> None:
    """As nginx leaves it: two members, then seven letters that belong to nothing. All records of both are read."""
    pack, write = PACK[packing], FORM[form]
    whole = pack(write(0, number)) + pack(write(number, 2 * number))
    found, told = read(tmp_path / "x", whole + b"garbage")
    assert found == ids(*range(2 * number))
    note = f"7 packed bytes from byte {len(whole):,} on could not be unpacked, or not in full"
    assert told == [(None, "damaged_compression", None, note)]


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize("form", FORM)
def test_garbage_between_members(form: str, packing: str, size: str, tmp_path: Path) -> None:
    pack, write = PACK[packing], FORM[form]
    first = pack(write(0, 300))
    found, told = read(tmp_path / "x", first + b"some garbage" + pack(write(300, 600)))
    assert found == ids(*range(600))
    assert [t[1:] for t in told] == [
        (
            "damaged_compression",
            None,
            f"12 packed bytes from byte {len(first):,} on could not be unpacked, or not in full",
        )
    ]


@pytest.mark.parametrize("packing", PACK)
def test_a_member_that_is_cut_off_in_the_middle_of_the_file(packing: str, size: str, tmp_path: Path) -> None:
    """A writer that was killed and began a new member: the first one is read as far as it goes, the second in full."""
    pack = PACK[packing]
    noise = b"".join(json.dumps(event(n, note=f"{n * 7919 % 10007:x}" * 9)).encode() + b"\n" for n in range(4000))
    first = pack(noise)
    found, told = read(tmp_path / "x", first[: len(first) * 2 // 3] + pack(lines(4000, 4500)))
    good = [n for n in found if int(n[1:]) < 4000]
    assert 500 < len(good) < 4000
    assert good == ids(*range(len(good)))
    assert found[-500:] == ids(*range(4000, 4500))
    assert [t[:2] for t in told if t[0] is None] == [(None, "damaged_compression")]


def test_a_checksum_that_does_not_match(tmp_path: Path) -> None:
    """All 500 records can be unpacked, so all are read; but one of their values may be another than was written."""
    packed = gz(lines(0, 500))
    found, told = read(tmp_path / "x", packed[:-8] + b"\0\0\0\0" + packed[-4:])
    assert found == ids(*range(500))
    (reject,) = told
    assert reject[:3] == (None, "damaged_compression", None)
    assert "checksum" in reject[3]


def test_one_wrong_byte_costs_the_lines_that_hold_it(tmp_path: Path) -> None:
    packed = gz(lines(0, 500))
    found, told = read(tmp_path / "x", gz(lines(500, 600)) + flipped(packed, len(packed) // 2) + gz(lines(600, 700)))
    assert found[:100] == ids(*range(500, 600))
    assert found[-100:] == ids(*range(600, 700))
    assert len(found) > 500
    assert {t[1] for t in told} == {"damaged_compression", "broken_json"}
    assert all(t[2] for t in told if t[0] is not None)


def test_padding_behind_a_packed_file_is_no_damage(size: str, tmp_path: Path) -> None:
    """Tapes and block devices fill up with zeros; gzip passes over them, and so do we."""
    assert read(tmp_path / "x", gz(lines(0, 50)) + b"\0" * 1000) == (ids(*range(50)), [])


@pytest.mark.parametrize("form", FORM)
def test_frames_that_readers_skip(form: str, size: str, tmp_path: Path) -> None:
    """pzstd begins every frame with one that says how long it is."""
    write = FORM[form]
    packed = SKIPPED + zst(write(0, 40)) + SKIPPED + zst(write(40, 80))
    assert read(tmp_path / "x", packed) == (ids(*range(80)), [])


@pytest.mark.parametrize("form", FORM)
@pytest.mark.parametrize("packing", PACK)
def test_a_small_file_without_its_end(packing: str, form: str, tmp_path: Path) -> None:
    """Twelve records in one block: of gzip all can be had, zstd gives a block whole or not at all."""
    packed = PACK[packing](FORM[form](0, 12))
    path = tmp_path / "x"
    if packing == "zstd":
        packed = PACK[packing](FORM[form](0, 4)) + PACK[packing](FORM[form](4, 12))
    found, told = read(path, packed[:-8])
    assert found == ids(*range(4 if packing == "zstd" else 12))
    assert [t[:2] for t in told] == [(None, "truncated_compression")]
    assert f"at byte {len(packed) - 8:,}" in told[0][3]


def test_an_array_in_a_packed_file_with_garbage(tmp_path: Path) -> None:
    array = b"[" + b",".join(lines(0, 300).split(b"\n")[:-1]) + b"]"
    found, told = read(tmp_path / "x", gz(array) + b"garbage")
    assert found == ids(*range(300))
    assert [t[:2] for t in told] == [(None, "damaged_compression")]


@pytest.mark.parametrize("start", [b"event_id,timestamp,provider,mo", b'{"object": "page", "data": [{"ob', b"plain wo"])
def test_a_file_that_ends_within_its_first_line_is_cut_off(tmp_path: Path, start: bytes) -> None:
    """What was unpacked is a piece of a header or of a record: that it is no known export would be a wrong track."""
    packer = zlib.compressobj(wbits=31)
    path = tmp_path / "x.gz"
    path.write_bytes(packer.compress(start) + packer.flush(zlib.Z_SYNC_FLUSH))
    assert (sniff(path).kind, sniff(path).fault) == ("unknown", "truncated_compression")
    # A whole document of which only the checksum is missing is read.
    path.write_bytes(gzip.compress(b'{"a": 1}')[:-8])
    assert (sniff(path).kind, sniff(path).fault) == ("jsonl", "")


def test_nothing_can_be_unpacked(tmp_path: Path) -> None:
    """A file that is not empty is not told as empty."""
    path = tmp_path / "x.gz"
    path.write_bytes(gz(lines(0, 100))[:15])
    assert (sniff(path).kind, sniff(path).fault) == ("unknown", "truncated_compression")
    with pytest.raises(InputError, match="nothing of it can be read"):
        staged(path, tmp_path / "w")


def test_two_damaged_files_of_one_name(tmp_path: Path) -> None:
    for folder, first in (("a", 0), ("b", 10)):
        path = tmp_path / folder / "x.gz"
        path.parent.mkdir()
        assert read(path, gz(lines(first, first + 10)) + b"garbage")[0] == ids(*range(first, first + 10))


@given(
    st.lists(st.binary(min_size=0, max_size=400), min_size=1, max_size=5),
    st.sampled_from(sorted(PACK)),
    st.integers(1, 7),
)
def test_whole_files_come_out_as_they_were(tmp_path: Path, parts: list[bytes], packing: str, step: int) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"".join(map(PACK[packing], parts)))
    damage: list[Damage] = []
    with salvaged(path, packing, damage) as stream:
        found = b"".join(iter(lambda: stream.read(step), b""))
    assert (found, damage) == (b"".join(parts), [])


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=4),
    st.lists(st.sampled_from([b"", b"garbage", b"\x1f", b"x" * 40]), min_size=4, max_size=4),
    st.sampled_from(sorted(PACK)),
    st.integers(0, 30),
)
def test_no_whole_member_is_ever_lost(
    tmp_path: Path, sizes: list[int], between: list[bytes], packing: str, missing: int
) -> None:
    """Whatever stands between the members, and however much of the last one is missing: each whole one comes out in
    full and in order, and where bytes were passed over there is a damage that counts them."""
    parts = [b"%d:" % n + bytes(range(65, 65 + size % 26)) * size + b"\n" for n, size in enumerate(sizes)]
    packed = [PACK[packing](part) for part in parts]
    last = packed.pop()
    kept = last[: max(0, len(last) - missing)]
    data = b"".join(p + b for p, b in zip(packed, between, strict=False)) + kept
    path = tmp_path / "x"
    path.write_bytes(data)
    pieces = list(unpacked(path, packing)) if data else []
    text = b"".join(p for p in pieces if isinstance(p, bytes))
    whole = parts if missing == 0 else parts[:-1]
    assert text.startswith(b"".join(whole[: len(packed)]))
    assert b"".join(whole) in text
    wrong = sum(len(b) for b in between[: len(packed)])
    lost = sum(p.lost for p in pieces if isinstance(p, Damage))
    assert (lost >= wrong) and (lost == 0) <= (wrong == 0)
    assert bool(missing and kept) <= any(isinstance(p, Damage) for p in pieces)


def test_the_strict_stream_still_refuses_damage(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "x", [event(1)])
    path.write_bytes(gz(path.read_bytes())[:-8])
    with opened(path, "gzip") as stream, pytest.raises(EOFError):
        io.BytesIO(stream.read())
