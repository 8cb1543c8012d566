"""Settings of a run, from `focus-ai.toml` or `[tool.focus-ai]` in the nearest `pyproject.toml`.

`schemas/settings.schema.json` is the one source of names, types, allowed values and defaults; `docs/settings.md` is
generated from it. Paths in a settings file are relative to that file. Secrets are never settings: they come from the
environment only.
"""

from __future__ import annotations

import glob
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import UsageError, nearest
from .providers import provider, scope

if TYPE_CHECKING:
    from jsonschema import ValidationError

FILE_NAME = "focus-ai.toml"
SECRET_WORDS = ("key", "token", "secret", "password", "passwd", "credential", "credentials")


@dataclass(frozen=True, slots=True)
class Convert:
    """`[convert]`: the shape of the FOCUS rows."""

    focus: str = "1.3"
    grain: str = "day"
    numeric: str = "decimal"
    billing_currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Account:
    """`[accounts.<channel>]`: what the exports do not say about one billing account. `None` = not given."""

    id: str | None = None
    name: str | None = None
    sub_accounts: Mapping[str, str] = field(default_factory=dict)
    invoice_issuer: str | None = None
    billing_mode: str = "postpaid"
    billing_source: str = "primary"


@dataclass(frozen=True, slots=True)
class FileFacts:
    """`[files.<path>]`: facts of the inputs at a place. `place` is that path, made absolute where it is no URL."""

    place: str
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Billing:
    """`[billing]`: which of usage and bill carries the money."""

    source: str = "bill"


@dataclass(frozen=True, slots=True)
class Owners:
    """`[owners]`: files, names and preferences of the ownership room."""

    map: tuple[Path, ...] = ()
    accounts: tuple[Path, ...] = ()
    prefer: str = "event"
    required: tuple[str, ...] = ("team",)
    tags: tuple[str, ...] = ("department", "environment_original", "product_line", "project", "tenant")
    environments: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tag_keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Privacy:
    """`[privacy]`: what becomes of ids of people."""

    user_ids: str = "auto"


@dataclass(frozen=True, slots=True)
class Rates:
    """`[rates]`: the user's own prices, contracts and currency rates."""

    files: tuple[Path, ...] = ()
    contracts: tuple[Path, ...] = ()
    fx: tuple[Path, ...] = ()
    allow_unpriced: bool = True


@dataclass(frozen=True, slots=True)
class Audit:
    """`[audit]`: limits of the verdicts of `focus-ai audit`, and what counts as a loop or a storm. Shares are text."""

    unattributed_showback: str = "0.10"
    unattributed_chargeback: str = "0.02"
    unpriced: str = "0.01"
    rejected: str = "0.01"
    convention_error: str = "0.01"
    price_mismatch: str = "0.02"
    loop_attempts: int = 5
    storm_calls: int = 100


@dataclass(frozen=True, slots=True)
class Report:
    """`[report]`: limits of the alerts of `focus-ai report`. Shares and factors are text."""

    budget_alert: str = "0.80"
    spike_factor: str = "2"
    unattributed_days: int = 30


@dataclass(frozen=True, slots=True)
class Reconcile:
    """`[reconcile]`: when rated and billed amounts count as equal. Amounts and shares are exact text."""

    absolute: str = "0.01"
    warn: str = "0.01"
    breach: str = "0.02"
    late_hours: int = 48
    late_hours_cloud: int = 72
    invoice_days: int = 5
    tax_rates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Engine:
    """`[engine]`: resources of the run. `None` = the engine chooses."""

    memory_limit: str | None = None
    threads: int | None = None
    temp: Path | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a run; `Settings()` is what an empty file gives. `source` is the file they came from."""

    convert: Convert = field(default_factory=Convert)
    accounts: Mapping[str, Account] = field(default_factory=dict)
    exports: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    files: Mapping[str, FileFacts] = field(default_factory=dict)
    billing: Billing = field(default_factory=Billing)
    owners: Owners = field(default_factory=Owners)
    privacy: Privacy = field(default_factory=Privacy)
    rates: Rates = field(default_factory=Rates)
    audit: Audit = field(default_factory=Audit)
    report: Report = field(default_factory=Report)
    reconcile: Reconcile = field(default_factory=Reconcile)
    engine: Engine = field(default_factory=Engine)
    source: Path | None = None

    @classmethod
    def load(cls, config: Path | None = None, start: Path | None = None) -> Settings:
        """Read `config`, or the settings nearest to `start` (default: the working folder), or take the defaults.

        Raises `UsageError` for a missing or malformed file, an unknown key or a wrong value.
        """
        found = _read(config, named=True) if config is not None else _search(start or Path.cwd())
        if found is None:
            return cls()
        path, data = found
        return cls.from_dict(data, where=str(path), base=path.parent, source=path)

    @classmethod
    def from_dict(
        cls, data: Mapping[str, Any], *, where: str = "settings", base: Path | None = None, source: Path | None = None
    ) -> Settings:
        """Check `data` (shaped as the TOML file) against the schema and build the settings.

        Relative paths are taken from `base` (default: the working folder). Raises `UsageError`.
        """
        check(data, where)
        built = {name: _section(name, value, base or Path(), where) for name, value in data.items()}
        return cls(**built, source=source)

    def account(self, channel: str, account_id: str | None = None) -> Account:
        """The account table for a channel: `channel/account_id` when present, else `channel`, else all defaults."""
        channel = provider(channel)
        if account_id is not None and (exact := self.accounts.get(f"{channel}/{account_id}")) is not None:
            return exact
        return self.accounts.get(channel) or Account()

    def override(self, flags: Mapping[str, Any]) -> Settings:
        """These settings with flags laid over them: `{"convert.focus": "1.2"}`; `None` means the flag was not given.

        Raises `UsageError` naming the flag's key when a value does not fit the schema.
        """
        data: dict[str, dict[str, Any]] = {}
        for dotted, value in flags.items():
            if value is not None:
                section, _, key = dotted.partition(".")
                data.setdefault(section, {})[key] = value
        check(data, "command line")
        changes: dict[str, Any] = {}
        for section, values in data.items():
            new = _section(section, values, Path(), "command line")
            changes[section] = (
                {**getattr(self, section), **new}
                if section in ("accounts", "exports", "files")
                else replace(getattr(self, section), **{key: getattr(new, key) for key in values})
            )
        return replace(self, **changes)


_SECTIONS: dict[str, type[Any]] = {
    "convert": Convert,
    "billing": Billing,
    "owners": Owners,
    "privacy": Privacy,
    "rates": Rates,
    "audit": Audit,
    "report": Report,
    "reconcile": Reconcile,
    "engine": Engine,
}


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema of the settings."""
    import json

    from . import resources

    loaded: dict[str, Any] = json.loads((resources.schemas() / "settings.schema.json").read_text(encoding="utf-8"))
    return loaded


def node(part: Mapping[str, Any]) -> dict[str, Any]:
    """A part of the settings schema with its local `$ref` filled in; own words win over the referred ones."""
    ref = part.get("$ref")
    base = schema()["$defs"][ref.removeprefix("#/$defs/")] if ref else {}
    return {**base, **{key: value for key, value in part.items() if key != "$ref"}}


def check(data: Mapping[str, Any], where: str) -> None:
    """Raise `UsageError` for the first thing in `data` that the settings schema does not allow."""
    if not data:
        return
    from jsonschema import Draft202012Validator

    problems = sorted(Draft202012Validator(schema()).iter_errors(data), key=lambda error: [str(p) for p in error.path])
    if problems:
        raise _explain(problems[0], where, len(problems) - 1)


def _explain(problem: ValidationError, where: str, more: int) -> UsageError:
    """One schema violation in words, with file and key; values of unknown keys are never shown."""
    path = [str(part) for part in problem.absolute_path]
    rest = f"{more} more problem{'s' if more > 1 else ''} in these settings" if more else None
    described: Any = problem.schema
    if problem.validator == "additionalProperties" and isinstance(problem.instance, Mapping):
        known = described["properties"]
        unknown = min(str(key) for key in problem.instance if key not in known)
        words = unknown.lower().replace("-", "_").split("_")
        if any(word in SECRET_WORDS for word in words):
            rest = "secrets are read from environment variables only; remove this key from the file"
        name = ".".join([*path, unknown])
        return UsageError(
            f"unknown setting {name!r}", where=f"{where}, key {name}", expected=nearest(unknown, known), next_step=rest
        )
    if "propertyNames" in [str(part) for part in problem.absolute_schema_path]:
        return UsageError(
            f"{problem.instance!r} is not a channel name",
            where=f"{where}, key {'.'.join(path)}",
            value=repr(problem.instance),
            expected="a channel such as openai, or a channel and an account id such as openai/org-example",
            next_step=rest,
        )
    name = ".".join(path)
    value = problem.instance
    return UsageError(
        f"setting {name!r} has a wrong value" if name else "settings must be a table",
        where=f"{where}, key {name}" if name else where,
        value=f"{value!r} ({_kind(value)})",
        expected=_expected(described, problem, value),
        next_step=rest,
    )


def _expected(described: Mapping[str, Any], problem: ValidationError, value: object) -> str:
    """What a setting may hold, in words."""
    if problem.validator == "uniqueItems":
        return "every entry only once"
    if "enum" in described:
        allowed = "one of " + ", ".join(f'"{word}"' for word in described["enum"])
        return allowed + (" (write it in quotes)" if isinstance(value, (int, float)) else "")
    if "x-expected" in described:
        return str(described["x-expected"])
    words = {"string": "text in quotes", "array": "a list", "object": "a table", "boolean": "true or false"}
    return words.get(str(described.get("type")), str(described.get("type")))


def _kind(value: object) -> str:
    kinds = ((bool, "true or false"), (int, "whole number"), (float, "number"), (str, "text"), (list, "list"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "table" if _is_map(value) else "date")


def _is_map(value: object) -> bool:
    return isinstance(value, Mapping)


def _section(name: str, data: Mapping[str, Any], base: Path, where: str) -> Any:
    """One checked section as its dataclass."""
    if name == "accounts":
        return {channel: Account(**dict(values)) for channel, values in _scopes(data, f"{where}: accounts").items()}
    if "defaults" in data and name == "owners":
        data = {**data, "defaults": _scopes(data["defaults"], f"{where}: owners.defaults")}
    if name == "exports":
        return {adapter: dict(values) for adapter, values in data.items()}
    if name == "files":
        return {place: FileFacts(_place(place, base), dict(values)) for place, values in data.items()}
    described = schema()["properties"][name]["properties"]
    kind = _SECTIONS[name]
    return kind(**{key: _value(node(described[key]), value, base) for key, value in data.items()})


def _place(name: str, base: Path) -> str:
    """A path of `[files]` as an absolute glob: signs of a glob in the folder of the settings stand for themselves."""
    if "://" in name:
        return name
    return os.path.normpath(Path(glob.escape(str(base.absolute()))) / Path(name).expanduser())


def _scopes(tables: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Tables per provider, or provider and account, under the names that records have, however they were spelled."""
    found: dict[str, Any] = {}
    for name, values in tables.items():
        if (slug := scope(name)) in found:
            raise UsageError("two tables are for the same provider", where=f"{where}.{name}", value=slug)
        found[slug] = values
    return found


def _value(described: Mapping[str, Any], value: Any, base: Path) -> Any:
    """A checked value in its final type: lists as tuples, paths as `Path` below `base`."""
    if described.get("x-kind") == "path":
        return base / Path(value).expanduser()
    if isinstance(value, Sequence) and not isinstance(value, str):
        inner = node(described.get("items", {}))
        return tuple(_value(inner, item, base) for item in value)
    if isinstance(value, Mapping):
        return {key: _value({}, item, base) for key, item in value.items()}
    return value


def _search(start: Path) -> tuple[Path, dict[str, Any]] | None:
    """The nearest settings at or above `start`: `focus-ai.toml` first; of pyproject files only the nearest counts."""
    pyproject_seen = False
    for folder in (start.absolute(), *start.absolute().parents):
        if _is_file(folder / FILE_NAME):
            return _read(folder / FILE_NAME)
        if not pyproject_seen and _is_file(folder / "pyproject.toml"):
            pyproject_seen = True
            if (found := _read(folder / "pyproject.toml")) is not None:
                return found
    return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _read(path: Path, *, named: bool = False) -> tuple[Path, dict[str, Any]] | None:
    """The settings table of one file; `None` for a `pyproject.toml` without one that nobody asked for by name."""
    try:
        data = tomllib.loads(path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n"))
    except FileNotFoundError:
        raise UsageError("settings file not found", where=str(path)) from None
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "not UTF-8 text"
        raise UsageError(f"settings file cannot be read: {reason}", where=str(path)) from None
    except tomllib.TOMLDecodeError as problem:
        raise UsageError(f"settings file is not valid TOML: {problem}", where=str(path)) from None
    if path.name != "pyproject.toml":
        return path, data
    tool = data.get("tool")
    table = tool.get("focus-ai") if isinstance(tool, dict) else None
    if table is None:
        if named:
            raise UsageError("no [tool.focus-ai] table in this file", where=str(path))
        return None
    if not isinstance(table, dict):
        raise UsageError("tool.focus-ai must be a table", where=str(path))
    return path, table
