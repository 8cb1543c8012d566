"""A mapping file: how one export becomes neutral records. Loading, checking, finding.

Shape: `schemas/mapping.schema.json`; explained in `mappings/README.md`. A mapping is data: it can name paths of the
record it reads and nothing else; it cannot open files or run code.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from focus_ai import resources
from focus_ai.adapters.patterns import groups_of
from focus_ai.errors import UsageError, nearest
from focus_ai.sources.lines import LineForm, line_form

if TYPE_CHECKING:
    import jsonschema

Expression = Any
NOT_AI = "not_ai_spend"


@dataclass(frozen=True)
class Head:
    """What a mapping says of the files that it reads and of the money that they tell."""

    id: str
    kind: str
    reads: tuple[str, ...]
    recognise: MappingType[str, Any]
    line: LineForm | None
    money_family: str | Expression | None
    seen_from: str | None
    path: Path = field(compare=False)


@dataclass(frozen=True)
class Mapping(Head):
    """One export. `fields`, `tokens` and `meters` hold expressions of the mapping language."""

    title: str
    docs: str
    checked: str
    system: str
    records: str | None
    series: MappingType[str, str] | None
    beside: MappingType[str, Any] | None
    calls: MappingType[str, Expression]
    let: MappingType[str, Expression]
    fields: MappingType[str, Expression]
    tokens: MappingType[str, Expression]
    meters: tuple[MappingType[str, Expression], ...]
    ignore: tuple[MappingType[str, Any], ...]
    reject: tuple[MappingType[str, Any], ...]
    flags: tuple[MappingType[str, Any], ...]
    identity: tuple[Expression, ...]
    version: Expression | None
    settings: tuple[str, ...]
    same_usage: str | Expression | None
    same_records: str | None
    asked_by: tuple[str, ...]
    answers: MappingType[str, Any]
    rounded_to: Decimal | None
    leaf_spans: bool
    focus_rows: bool
    ai_rows: MappingType[str, Any] | None
    leaves_out: MappingType[str, str]
    traps: tuple[str, ...]
    export: str
    code: str | None
    private: bool
    other_columns: str | None

    def ai_only(self) -> Mapping:
        """The mapping that leaves out rows which are no AI spend, where it can tell them."""
        if self.ai_rows is None:
            return self
        return replace(self, ignore=(*self.ignore, {"when": {"not": self.ai_rows}, "reason": NOT_AI}))

    @property
    def depth(self) -> int:
        """How many arrays deep the record lies inside its document."""
        if self.series:
            return 1
        return 0 if self.records is None else self.records.count("[]")


def load(path: Path, *, checked: bool = False) -> Mapping:
    """Read and check one mapping file. Raises `UsageError` that names the file, the place and what was expected.

    `checked`: the file was compared with the schema before it was shipped, which the tests do for all of them.
    """
    import yaml

    try:
        raw = resources.load_yaml(path)
    except (OSError, yaml.YAMLError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(
            "the mapping file cannot be read", where=str(path), value=why, expected="a YAML file",
            next_step=None if isinstance(error, OSError) else
            "put quotes around a text that holds `: ` or begins with a sign of YAML such as { [ * & ! | > % @",
        ) from error  # fmt: skip
    if isinstance(raw, dict) and "extends" in raw:
        raw = _extended(raw, path)
    if not checked:
        _check(raw, path)
        _refuse_nul(raw, path)
        if "line" in raw:
            groups_of(line_form(raw["line"]).pattern)
    return Mapping(
        id=raw["id"],
        title=raw["title"],
        docs=raw.get("docs", ""),
        checked=str(raw.get("checked", "")),
        kind=raw["kind"],
        system=raw.get("system", raw["id"]),
        reads=readers(raw["reads"]),
        recognise=raw.get("recognise", {}),
        records=raw.get("records"),
        series=raw.get("series"),
        beside=raw.get("beside"),
        calls=raw.get("calls", {}),
        let=raw.get("let", {}),
        fields=raw.get("fields", {}),
        tokens=raw.get("tokens", {}),
        meters=tuple(raw.get("meters", ())),
        ignore=tuple(raw.get("ignore", ())),
        reject=tuple(raw.get("reject", ())),
        flags=tuple(raw.get("flags", ())),
        identity=tuple(raw.get("identity", ())),
        version=raw.get("version"),
        settings=tuple(raw.get("settings", ())),
        money_family=raw.get("money_family"),
        same_usage=raw.get("same_usage"),
        seen_from=raw.get("seen_from"),
        same_records=raw.get("same_records"),
        asked_by=tuple(raw.get("asked_by", ())),
        answers=raw.get("answers", {}),
        rounded_to=Decimal(raw["rounded_to"]) if "rounded_to" in raw else None,
        leaf_spans=bool(raw.get("leaf_spans", False)),
        focus_rows=bool(raw.get("focus_rows", False)),
        ai_rows=raw.get("ai_rows"),
        leaves_out=raw.get("leaves_out", {}),
        traps=tuple(raw.get("traps", ())),
        export=raw.get("export", ""),
        code=raw.get("code"),
        line=line_form(raw["line"]) if "line" in raw else None,
        private=bool(raw.get("private", False)),
        other_columns=_beginning(raw.get("other_columns")),
        path=path,
    )


def _beginning(said: str | MappingType[str, str] | None) -> str | None:
    """What the names of other columns begin with that are read as tags ("": any name); None: none is read."""
    if said is None:
        return None
    return "" if isinstance(said, str) else said["tags"]


def readers(reads: str | list[str]) -> tuple[str, ...]:
    """The kinds of file that a mapping reads: one word or several."""
    return (reads,) if isinstance(reads, str) else tuple(reads)


def _extended(raw: dict[str, Any], path: Path) -> dict[str, Any]:
    """A mapping that names another one of the same folder, or a shipped one, by id and states only what differs.

    Entries of `let`, `fields`, `tokens` and `leaves_out` are laid over those of the base;
    every other key replaces the base's. Raises `UsageError` when there is no such base.
    """
    base_path = extended_from(str(raw["extends"]), path)
    base = resources.load_yaml(base_path)
    if not isinstance(base, dict) or "extends" in base:
        raise UsageError("a mapping can extend only a complete mapping", where=str(path), value=raw["extends"])
    merged = {**base, **raw}
    del merged["extends"]
    for key in ("let", "fields", "tokens", "leaves_out"):
        if key in base and isinstance(raw.get(key), dict):
            merged[key] = {**base[key], **raw[key]}
    return merged


def extended_from(name: str, path: Path) -> Path:
    """The file that the mapping in `path` extends by this name. Raises `UsageError` when there is none."""
    known = {p.stem: p for p in (*_files(resources.mappings(), "*/*.yaml"), *_files(path.parent, "*.yaml"))}
    if name not in known or known[name] == path:
        raise UsageError(
            "a mapping extends one that does not exist", where=str(path), value=name, expected=nearest(name, known)
        )
    return known[name]


@cache
def _files(folder: Path, pattern: str) -> tuple[Path, ...]:
    return tuple(folder.glob(pattern))


def _check(raw: Any, path: Path) -> None:
    """Compare with the JSON Schema; the first deviation becomes the message."""
    import jsonschema

    problems = sorted(_validator().iter_errors(raw), key=lambda e: list(map(str, e.absolute_path)))
    if problems:
        deepest: jsonschema.ValidationError = max(
            (jsonschema.exceptions.best_match([p]) or p for p in problems), key=lambda e: len(e.absolute_path)
        )
        place, value, expected = deepest, str(deepest.instance)[:200], deepest.message[:300]
        plain = [(problem, told) for problem in (*problems, deepest) if (told := _told(problem)) is not None]
        if plain:
            # An unknown key first: where another one is lacking besides, it is its misspelling.
            place, (value, expected) = max(
                plain, key=lambda entry: (len(entry[0].absolute_path), entry[0].validator != "required")
            )
        raise UsageError(
            "the mapping file does not follow the mapping language",
            where=f"{path}: {'.'.join(map(str, place.absolute_path)) or 'top level'}",
            value=value,
            expected=expected,
            next_step="see mappings/README.md, or `focus-ai schema mapping`",
        )


def _told(problem: Any) -> tuple[str, str] | None:
    """What was found and what was expected, in words, for the deviations that people meet most; None for others."""
    rule, found, unions = problem.validator_value, problem.instance, ("anyOf", "oneOf")
    asked = [part.get("required") for part in rule] if problem.validator in unions else []
    if ["identity"] in asked:
        return "neither", "`identity` (what makes two records the same record) or `fields.record_id`"
    if len(asked) > 2 and all(asked) and isinstance(found, dict):
        words = [word for (word,) in asked]
        if "const" not in words:
            return str(found)[:200], f"one of the conditions {', '.join(words)}"
        forms = sorted(set(words) - set(_TESTS))
        meant = nearest(next((key for key in found if key not in words), ""), forms)
        if meant.startswith("did you mean"):
            return str(found)[:200], meant
        return str(found)[:200], f"a path, or one of the forms {', '.join(forms)}"
    if problem.validator == "enum" and isinstance(found, str):
        return found, nearest(found, map(str, rule))
    if problem.validator == "additionalProperties" and rule is False and isinstance(found, dict):
        known = problem.schema.get("properties", {})
        unknown = next((key for key in found if key not in known), None)
        return None if unknown is None else (str(unknown), nearest(str(unknown), known))
    if problem.validator == "required" and problem.parent is None and isinstance(found, dict):
        return f"only {', '.join(map(str, found))}", f"also {', '.join(key for key in rule if key not in found)}"
    return None


_TESTS = ("eq", "present", "absent", "gt", "matches", "all", "any", "not")


def _refuse_nul(value: Any, path: Path) -> None:
    if isinstance(value, str) and "\x00" in value:
        raise UsageError("a mapping text holds the NUL character", where=str(path), value=repr(value)[:200])
    if isinstance(value, dict):
        for key, inner in value.items():
            _refuse_nul(key, path)
            _refuse_nul(inner, path)
    elif isinstance(value, list):
        for inner in value:
            _refuse_nul(inner, path)


@cache
def _validator() -> Any:
    import json

    import jsonschema

    schema = json.loads((resources.schemas() / "mapping.schema.json").read_text(encoding="utf-8"))
    return jsonschema.Draft202012Validator(schema)


@cache
def table(name: str) -> dict[str, str]:
    """A shared lookup table `mappings/tables/<name>.yaml`: text to text."""
    path = resources.mappings() / "tables" / f"{name}.yaml"
    if not path.is_file():
        known = [p.stem for p in (resources.mappings() / "tables").glob("*.yaml")]
        raise UsageError(f"no lookup table is called {name!r}", expected=nearest(name, known))
    raw = resources.load_yaml(path)
    entries = raw.get("entries", raw) if isinstance(raw, dict) else {}
    return {str(key): str(value) for key, value in entries.items()}
