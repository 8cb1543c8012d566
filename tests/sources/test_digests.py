"""Digests of inputs: those of `sha256sum`, whatever the size, and no thread that outlives its run."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from focus_ai import api, convert
from focus_ai.errors import InputError
from focus_ai.sources import digests

STORY = Path("fixtures/exports/litellm/spend-logs/story/input.jsonl")


@pytest.mark.parametrize("size", [0, 1, digests.PIECE - 1, digests.PIECE, digests.PIECE + 1, 2 * digests.PIECE])
def test_the_digest_is_that_of_all_bytes(tmp_path: Path, size: int) -> None:
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    path = tmp_path / "input"
    path.write_bytes(content)
    assert digests.sha256(path) == hashlib.sha256(content).hexdigest()


def test_the_empty_text_has_the_known_digest(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    # FIPS 180-4, the digest of no bytes.
    assert digests.sha256(tmp_path / "empty") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_run_that_ends_early_does_not_wait_for_digests(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as stream:
        stream.truncate(1 << 36)  # minutes of work, no bytes on the disk
    with pytest.raises(InputError), digests.Digests() as begun:
        begun.begin_early([str(path)])
        raise InputError("stopped")
    assert not [t for t in threading.enumerate() if t.name.startswith("digests")]


def test_what_is_no_file_is_left_to_whoever_opens_it(tmp_path: Path) -> None:
    with digests.Digests() as begun:
        begun.begin_early(["-", "s3://bucket/key", str(tmp_path), str(tmp_path / "gone"), "x" * 5000, "a\0b"])
        path = tmp_path / "there"
        path.write_bytes(b"abc")
        assert begun.of(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_report_names_the_inputs_with_their_digest(tmp_path: Path) -> None:
    api.convert([str(STORY)], tmp_path / "out")
    (told,) = json.loads((tmp_path / "out" / "run.json").read_text())["inputs"]
    assert told["sha256"] == hashlib.sha256(STORY.read_bytes()).hexdigest()
    for file in json.loads((tmp_path / "out" / "run.json").read_text())["files"]:
        assert file["sha256"] == hashlib.sha256((tmp_path / "out" / file["path"]).read_bytes()).hexdigest()


def test_an_input_that_changes_while_it_is_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that a gateway still writes to: one line more comes after the reading."""
    live, still = tmp_path / "live.jsonl", tmp_path / "still.jsonl"
    line = {"event_id": "1", "timestamp": "2026-10-07T10:00:00Z", "provider": "openai", "model": "gpt-5",
            "input_tokens": 1000, "output_tokens": 10, "status": "success"}  # fmt: skip
    live.write_text(json.dumps(line) + "\n")
    still.write_text(json.dumps({**line, "event_id": "2"}) + "\n")
    whole = convert.stage_all

    def read(*given: Any, **options: Any) -> Any:
        staged = whole(*given, **options)
        with live.open("a") as log:
            log.write(json.dumps({**line, "event_id": "3"}) + "\n")
        return staged

    monkeypatch.setattr(convert, "stage_all", read)
    report = api.convert([str(live), str(still)], tmp_path / "out")
    assert report["records"]["events"] == 2
    told = [w["message"] for w in report["warnings"] if w["code"] == "changed_while_read"]
    assert [message.partition(": ")[0] for message in told] == [str(live)]
    monkeypatch.setattr(convert, "stage_all", whole)
    report = api.convert([str(live), str(still)], tmp_path / "out")
    assert report["records"]["events"] == 3
    assert "changed_while_read" not in {w["code"] for w in report["warnings"]}
