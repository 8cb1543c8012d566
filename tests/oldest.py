"""Prints the oldest versions that pyproject.toml allows, as constraints for pip; what the tests alone need stays as in
constraints.txt: `python tests/oldest.py > oldest.txt`."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def oldest() -> list[str]:
    """Lines such as `pyarrow==18`, one for each package that focus-ai itself needs, then the tested ones of the others."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = dict(re.match(r"([A-Za-z0-9-]+)>=([0-9.]+)", line).groups() for line in project["dependencies"])  # type: ignore[union-attr]
    tested = [line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if "==" in line]
    others = [line for line in tested if line.partition("==")[0].lower() not in {name.lower() for name in needed}]
    return [*(f"{name}=={version}" for name, version in needed.items()), *others]


if __name__ == "__main__":
    print("\n".join(oldest()))
