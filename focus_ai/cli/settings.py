"""Settings of a command: the file that applies, with the command's flags laid over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from focus_ai.settings import Settings


def effective(
    config: Path | None,
    *,
    rates: Sequence[Path] = (),
    owner_map: Sequence[Path] = (),
    accounts: Sequence[Path] = (),
    account: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """The settings file named by `config` (or the nearest one), then the flags. Raises `UsageError`.

    File options replace the list in the settings; `account` sets the id of a channel and keeps its other facts, but not
    the name of an account with another id.
    """
    from focus_ai.settings import Settings

    settings = Settings.load(config)
    given: dict[str, Any] = {
        **(flags or {}),
        "rates.files": [str(path) for path in rates] or None,
        "owners.map": [str(path) for path in owner_map] or None,
        "owners.accounts": [str(path) for path in accounts] or None,
    }
    for channel, identity in (account or {}).items():
        known = asdict(settings.account(channel))
        if known["id"] not in (None, identity):
            known["name"] = None
        given[f"accounts.{channel}"] = {**{k: v for k, v in known.items() if v is not None}, "id": identity}
    return settings.override(given)
