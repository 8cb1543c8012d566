"""Where the data files are: `schemas/`, `mappings/` and the demo inputs, in a wheel or in a checkout.

The only module that knows. Everything else asks for a `Path` below one of the roots.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).parent


@cache
def root(name: str) -> Path:
    """The folder `schemas`, `mappings` or `demo`."""
    installed = _PACKAGE / "_data" / name
    if installed.is_dir():
        return installed
    checkout = _PACKAGE.parent / ("fixtures/demo" if name == "demo" else name)
    if checkout.is_dir():
        return checkout
    raise FileNotFoundError(f"data folder {name!r} is missing from this installation of focus-ai")


def schemas() -> Path:
    """Column facts of FOCUS and the JSON Schemas of our own files."""
    return root("schemas")


def mappings() -> Path:
    """Mapping files of the exports, lookup tables and price data."""
    return root("mappings")


def load_yaml(path: Path) -> Any:
    """Read a YAML file as `parse_yaml` does."""
    return parse_yaml(path.read_text(encoding="utf-8"))


def parse_yaml(text: str) -> Any:
    """Read YAML with every float kept as the text that was written, so that no amount passes through a float.

    Raises `yaml.YAMLError` on malformed text.
    """
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        """Safe loader (libyaml's where it is built in) whose floats and dates stay text."""

    def keep_text(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
        return str(loader.construct_scalar(node))

    Loader.add_constructor("tag:yaml.org,2002:float", keep_text)
    Loader.add_constructor("tag:yaml.org,2002:timestamp", keep_text)
    return yaml.load(text, Loader)
