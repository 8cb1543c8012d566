"""Every case of fixtures/exports gives the records it states, and exactly one shipped mapping claims its input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from data_builders import EXPORTS

from focus_ai.adapters import shipped
from focus_ai.adapters.golden import cases, check
from focus_ai.adapters.recognise import claims, sample
from focus_ai.sources import discover

CASES = {case.relative_to(EXPORTS).as_posix(): case for case in cases(EXPORTS)}


def _input(case: Path) -> Path:
    (found,) = (p for p in case.iterdir() if p.name.startswith("input."))
    return found


def _forced(case: Path) -> str | None:
    about = case / "expected.json"
    adapter = json.loads(about.read_text(encoding="utf-8")).get("adapter") if about.exists() else None
    return None if adapter is None else str(adapter)


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    assert check(CASES[name]) == []


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if _forced(case) is None])
def test_exactly_one_mapping_claims_the_input(name: str, tmp_path: Path) -> None:
    seen = sample(discover([str(_input(CASES[name]))], tmp_path)[0])
    assert len([m.id for m in shipped().values() if claims(m, seen)]) == 1


def test_every_shipped_mapping_has_a_case(tmp_path: Path) -> None:
    seen = [(_forced(c), sample(discover([str(_input(c))], tmp_path)[0])) for c in CASES.values()]
    lonely = [m.id for m in shipped().values() if not any(m.id == forced or claims(m, s) for forced, s in seen)]
    assert lonely == []
