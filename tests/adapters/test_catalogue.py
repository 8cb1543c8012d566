"""Recognition reads the heads of the shipped mappings alone; a head says what the whole file says."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from focus_ai.adapters import by_id, catalogue, heads, load, shipped
from focus_ai.adapters.mapping import Head
from focus_ai.errors import UsageError

STORY = "fixtures/exports/litellm/spend-logs/story/input.jsonl"


@pytest.mark.parametrize("name", sorted(heads()))
def test_a_head_is_the_beginning_of_the_whole(name: str) -> None:
    head, whole = heads()[name], load(heads()[name].path, checked=True)
    said = [f.name for f in fields(Head)]
    assert [getattr(head, n) for n in said] == [getattr(whole, n) for n in said]


def test_every_mapping_file_has_its_head() -> None:
    files = [p for p in Path("mappings").glob("*/*.yaml") if p.parent.name not in ("prices", "tables")]
    assert len(files) > 100
    assert {h.path.resolve() for h in heads().values()} == {p.resolve() for p in files}
    assert shipped().keys() == heads().keys()


def test_one_file_is_read_whole_for_one_export() -> None:
    """What a run loads of 120 mappings: that of its input."""
    program = (
        "from pathlib import Path\n"
        "from focus_ai.adapters import catalogue\n"
        "from focus_ai.intake import choose\n"
        "from focus_ai.sources import discover\n"
        f"found = choose(discover([{STORY!r}], Path('work')), None, {{}})\n"
        "print([m.id for m in found.values()], catalogue._whole.cache_info().currsize)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "['litellm-spend-logs'] 1"


def test_an_unknown_id_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="no adapter is called 'litellm-spend-log'") as error:
        by_id("litellm-spend-log")
    assert "litellm-spend-logs" in (error.value.expected or "")


def test_an_own_mapping_comes_before_a_shipped_one_of_its_name() -> None:
    own = by_id("openai-costs")
    assert by_id("litellm-spend-logs", {"litellm-spend-logs": own}) is own


def test_blocks_that_repeat_others_are_understood() -> None:
    """A head whose blocks repeat what stands elsewhere in the file (`*name`) cannot be read without the rest."""
    repeating = [h for h in heads().values() if catalogue._raw(h.path).keys() - set(catalogue.HEAD)]
    assert repeating, "no shipped mapping does so any more: the way out in _raw can go"
    assert all("*" in h.path.read_text() for h in repeating)
