"""Settings of the test session: no settings, keys or clocks of the machine reach a test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Runs through real engines take as long as the machine needs; how long is measured in benchmarks/, not here. The same
# examples every time, so that a red run is a change's fault; FOCUS_AI_TEST_RANDOM=1 looks for new ones.
settings.register_profile(
    "focus-ai",
    deadline=None,
    derandomize="FOCUS_AI_TEST_RANDOM" not in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("focus-ai")


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that change an output must be set by the test that wants them."""
    for name in ("FOCUS_AI_USER_KEY", "SOURCE_DATE_EPOCH", "NO_COLOR", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where a run writes; its parent is otherwise empty."""
    folder = tmp_path / "result"
    folder.mkdir()
    return folder / "focus"
