"""`focus-ai doctor`: does this installation work here, and which settings and prices would be used?"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import typer

from focus_ai.cli.options import ConfigOption, Format, FormatOption
from focus_ai.errors import FocusAiError

PACKAGES = ("duckdb", "pyarrow", "typer", "jsonschema", "PyYAML")
OPTIONAL = ("genai-prices", "fsspec", "s3fs")
OLD_CARD_DAYS = 60


@dataclass(frozen=True)
class Check:
    """One line of the report; `next_step` says what to do when `ok` is false."""

    name: str
    ok: bool
    found: str
    next_step: str = ""


def doctor(config: ConfigOption = None, format_: FormatOption = Format.text) -> None:
    """Check the installation: versions, engine, Parquet, settings and age of the rate card."""
    from focus_ai.cli.terminal import say, say_json
    from focus_ai.reports.table import table

    checks = examine(config)
    if format_ is Format.json:
        say_json({"schema": "focus-ai/doctor@1", "checks": [vars(check) for check in checks]})
    else:
        say("\n".join(table(["check", "", "found"], [(c.name, "ok" if c.ok else "PROBLEM", c.found) for c in checks])))
        for check in checks:
            if not check.ok:
                say(f"next: {check.next_step}")
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


def examine(config: Path | None) -> list[Check]:
    """All checks, in order. A check that breaks is a problem, not an exception."""
    steps: list[tuple[str, Callable[[], Check]]] = [
        ("python", _python),
        ("packages", _packages),
        ("optional packages", _optional),
        ("data files", _data_files),
        ("engine", _engine),
        ("parquet", _parquet),
        ("settings", lambda: _settings(config)),
        ("rate card", _rate_card),
    ]
    return [_safely(name, step) for name, step in steps]


def _safely(name: str, step: Callable[[], Check]) -> Check:
    try:
        return step()
    except FocusAiError as error:
        return Check(name, False, "; ".join(line.strip() for line in error.lines()), error.next_step or error.what)
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
        return Check(name, False, found, "install focus-ai again in a fresh virtual environment")


def _python() -> Check:
    version = sys.version.split()[0]
    return Check("python", sys.version_info >= (3, 11), version, "install Python 3.11 or newer")


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _packages() -> Check:
    from focus_ai import __version__

    found = {package: _version(package) for package in PACKAGES}
    missing = [package for package, version in found.items() if version is None]
    text = ", ".join([f"focus-ai {__version__}", *(f"{p} {v or 'missing'}" for p, v in found.items())])
    return Check("packages", not missing, text, "pip install " + " ".join(missing))


def _optional() -> Check:
    found = ", ".join(f"{package} {_version(package) or 'not installed'}" for package in OPTIONAL)
    return Check("optional packages", True, found)


def _data_files() -> Check:
    from focus_ai import resources

    mappings = sum(1 for path in resources.mappings().rglob("*.yaml") if path.parent.name not in ("tables", "prices"))
    schemas = sum(1 for path in resources.schemas().rglob("*") if path.is_file())
    found = f"{schemas} schema files, {mappings} mapping files"
    return Check("data files", mappings > 0 and schemas > 0, found, "install focus-ai again")


def _engine() -> Check:
    from tempfile import TemporaryDirectory

    from focus_ai.engine import Session

    with TemporaryDirectory() as work, Session(Path(work)) as session:
        tenth, fifth, sum_ = (f"CAST('{text}' AS DECIMAL(38,18))" for text in ("0.1", "0.2", "0.3"))
        question = f"SELECT {tenth} + {fifth} = {sum_}"
        exact = session.one(question)[0] is True
        memory, threads = session.one("SELECT current_setting('memory_limit'), current_setting('threads')")
    return Check("engine", exact, f"exact decimals, memory {memory}, threads {threads}", "reinstall duckdb")


def _parquet() -> Check:
    from decimal import Decimal
    from tempfile import TemporaryDirectory

    import pyarrow as pa
    import pyarrow.parquet as parquet

    cost = Decimal("0.000000000000000001")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "check.parquet"
        parquet.write_table(pa.table({"cost": pa.array([cost], pa.decimal128(38, 18))}), path, compression="zstd")
        same = parquet.read_table(path)["cost"][0].as_py() == cost
    return Check("parquet", same, "written and read back exactly", "reinstall pyarrow")


def _settings(config: Path | None) -> Check:
    from focus_ai.cli.settings import effective

    source = effective(config).source
    return Check("settings", True, str(source) if source else "no focus-ai.toml found, defaults are used")


def _rate_card() -> Check:
    from focus_ai.cli.rates import card_facts

    facts = card_facts()
    old = facts["days"] > OLD_CARD_DAYS
    found = f"{facts['id']}, {facts['models']:,} models, {facts['days']} days old"
    return Check("rate card", not old, found, "upgrade focus-ai, or add newer prices with --rates")
