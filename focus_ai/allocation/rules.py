"""Allocation rules from `allocation.yaml` (schema `focus-ai/allocation@1`), checked before anything is split."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

from focus_ai.allocation.match import Match, may_meet
from focus_ai.errors import UsageError, nearest

FIELDS = ("team", "product", "feature", "environment", "cost_center", "business_unit")
METRICS = ("tokens", "requests", "cost", "active_products", "table")


@dataclass(frozen=True, slots=True)
class Target:
    """Who gets a share: owner fields, or nobody (`reason` says why). `share` only for the method fixed."""

    owner: tuple[tuple[str, str], ...] = ()
    resource: str | None = None
    name: str | None = None
    share: Fraction | None = None
    reason: str | None = None

    @property
    def key(self) -> str:
        """Order and identity of targets; nobody comes last."""
        if self.resource is not None:
            return self.resource
        if self.reason is not None:
            return f"~{self.reason}"
        return "/".join(f"{name}={value}" for name, value in self.owner)


#: The target of everything that no owner takes.
NOBODY = Target(reason="unallocated")


@dataclass(frozen=True, slots=True)
class Basis:
    """What weights are measured by."""

    metric: str
    window: str = "month"
    filter: Match | None = None
    meters: Mapping[str, Fraction] = field(default_factory=dict)
    file: Path | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Then:
    """The split inside the share of every target."""

    by: tuple[str, ...]
    basis: Basis


@dataclass(frozen=True, slots=True)
class Stage:
    """One method with its share of the whole. `targets` None: the owners that the basis finds."""

    share: Fraction
    method: str
    basis: Basis | None
    targets: tuple[Target, ...] | None
    by: tuple[str, ...]
    capacity: Fraction | None
    unused: str
    then: Then | None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `stages` has one entry unless the method is tiered."""

    id: str
    version: str
    documentation: str
    match: Match
    method: str
    stages: tuple[Stage, ...]
    first: date | None
    last: date | None
    unattributed: str | Target

    @property
    def method_id(self) -> str:
        """What AllocatedMethodId says."""
        return f"{self.id}@{self.version}"


@dataclass(frozen=True, slots=True)
class Rules:
    """A whole file: rules in their order, and files of shared cost."""

    rules: tuple[Rule, ...]
    costs: tuple[Path, ...]
    path: Path


def load(path: Path) -> Rules:
    """Read and check a file. Raises `UsageError` (file, rule, value, expected)."""
    import yaml
    from jsonschema import Draft202012Validator

    from focus_ai import resources

    try:
        data = resources.load_yaml(path)
    except FileNotFoundError:
        raise UsageError("the allocation rules were not found", where=str(path), next_step="check the path") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(
            "the allocation rules cannot be read", where=str(path), value=str(error).split("\n")[0]
        ) from error
    schema = json.loads((resources.schemas() / "allocation.schema.json").read_text(encoding="utf-8"))
    problems = sorted(Draft202012Validator(schema).iter_errors(data), key=lambda p: [str(x) for x in p.absolute_path])
    if problems:
        worst = problems[0]
        raise UsageError(
            "an allocation rule is not right", where=f"{path}, {_place(worst.absolute_path, data)}",
            value=worst.message.split("\n")[0][:300],
            next_step="the form is schemas/allocation.schema.json; docs/allocation.md has examples",
        )  # fmt: skip
    rules = tuple(_rule(entry, path) for entry in data["allocation"])
    _check(rules, path)
    return Rules(rules, tuple(path.parent / name for name in data.get("costs", ())), path)


def tables(rules: Rules) -> list[Path]:
    """Files of weights that the rules name, each once, in their order."""
    stages = [stage for rule in rules.rules for stage in rule.stages]
    bases = [basis for s in stages for basis in (s.basis, s.then.basis if s.then else None)]
    return list(dict.fromkeys(b.file for b in bases if b is not None and b.file is not None))


def with_tables(rules: Rules, files: Mapping[Path, Path]) -> Rules:
    """The same rules with their tables of weights in other places."""

    def basis(held: Basis) -> Basis:
        return held if held.file is None else replace(held, file=files[held.file])

    def stage(held: Stage) -> Stage:
        then = held.then and replace(held.then, basis=basis(held.then.basis))
        return replace(held, basis=held.basis and basis(held.basis), then=then)

    return replace(rules, rules=tuple(replace(r, stages=tuple(map(stage, r.stages))) for r in rules.rules))


def _place(parts: Sequence[Any], data: Any) -> str:
    """`rule vector-store, basis.metric` for the path of a problem."""
    words = list(parts)
    if len(words) >= 2 and words[0] == "allocation" and isinstance(data, dict):
        entry = data["allocation"][words[1]]
        named = entry.get("id") if isinstance(entry, dict) else None
        rest = ".".join(str(w) for w in words[2:])
        return f"rule {named or int(words[1]) + 1}" + (f", {rest}" if rest else "")
    return ".".join(str(w) for w in words) or "the whole file"


def _rule(entry: Mapping[str, Any], path: Path) -> Rule:
    where = f"{path}, rule {entry['id']}"
    method = entry["method"]
    if (method == "tiered") != ("stages" in entry):
        raise UsageError("method tiered and stages belong together", where=where)
    if method == "tiered":
        for name in ("basis", "targets", "then", "capacity", "unused"):
            if name in entry:
                raise UsageError(f"a tiered rule has {name} in its stages, not beside them", where=where)
        stages = tuple(_stage({"by": entry.get("by", ["team"]), **s}, where, path) for s in entry["stages"])
        if sum((s.share for s in stages), Fraction(0)) != 1:
            raise UsageError("the shares of the stages do not add up to 1", where=where,
                             value=" + ".join(str(s["share"]) for s in entry["stages"]))  # fmt: skip
    else:
        stages = (_stage({**entry, "share": "1"}, where, path),)
    rest = entry.get("unattributed", "keep")
    return Rule(
        entry["id"], str(entry["version"]), " ".join(entry["documentation"].split()), Match.of(entry["match"], where),
        method, stages, _day(entry.get("from"), where), _day(entry.get("through"), where),
        rest if isinstance(rest, str) else _target(rest),
    )  # fmt: skip


def _stage(entry: Mapping[str, Any], where: str, path: Path) -> Stage:
    method = entry["method"]
    basis = _basis(entry["basis"], where, path) if "basis" in entry else None
    listed = entry.get("targets", "observed")
    targets = None if listed == "observed" else tuple(_target(t) for t in listed)
    if method == "fixed":
        if targets is None or any(t.share is None for t in targets):
            raise UsageError("method fixed needs targets with a share each", where=where)
        whole = sum((t.share for t in targets if t.share is not None), Fraction(0))
        if whole > 1:
            raise UsageError("the fixed shares add up to more than 1", where=where, value=str(float_free(whole)))
    elif targets and any(t.share is not None for t in targets):
        raise UsageError(f"method {method} takes no share on a target", where=where)
    if method in ("proportional", "commitment-usage") and basis is None:
        raise UsageError(f"method {method} needs a basis", where=where, expected=f"metric: {', '.join(METRICS)}")
    if method == "even" and targets is None and basis is None:
        basis = Basis("cost")
    if method == "commitment-usage" and entry.get("capacity") is None:
        raise UsageError("method commitment-usage needs the capacity of the commitment", where=where)
    if targets is not None:
        keys = [t.key for t in targets]
        if "" in keys or len(set(keys)) != len(keys):
            raise UsageError("targets must name somebody, each once", where=where, value=", ".join(keys))
    then = entry.get("then")
    return Stage(
        Fraction(str(entry["share"])), method, basis, targets, tuple(entry.get("by", ("team",))),
        Fraction(str(entry["capacity"])) if entry.get("capacity") is not None else None, entry.get("unused", "keep"),
        Then(tuple(then["by"]), _basis(then["basis"], where, path)) if then else None,
    )  # fmt: skip


def _basis(entry: Mapping[str, Any], where: str, path: Path) -> Basis:
    metric = entry["metric"]
    if metric not in METRICS:
        raise UsageError("the metric is unknown", where=where, value=metric, expected=nearest(metric, METRICS))
    if (metric == "table") != ("file" in entry):
        raise UsageError("metric table and file belong together", where=where)
    if "meters" in entry and metric != "tokens":
        raise UsageError("weights of meters need metric tokens", where=where, value=metric)
    return Basis(
        metric, entry.get("window", "month"), Match.of(entry["filter"], where) if "filter" in entry else None,
        {name: Fraction(str(w)) for name, w in entry.get("meters", {}).items()},
        path.parent / entry["file"] if "file" in entry else None, entry.get("unit"),
    )  # fmt: skip


def _target(entry: Mapping[str, Any]) -> Target:
    owner = tuple((name, entry[name]) for name in FIELDS if name in entry)
    share = Fraction(str(entry["share"])) if entry.get("share") is not None else None
    return Target(owner, entry.get("resource"), entry.get("name"), share)


def _day(value: str | None, where: str) -> date | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise UsageError("a day is not readable", where=where, value=value, expected="YYYY-MM-DD") from None


def float_free(value: Fraction) -> str:
    """A fraction for people: whole, decimal, or numerator over denominator."""
    return str(value.numerator) if value.denominator == 1 else f"{value.numerator}/{value.denominator}"


def _check(rules: Sequence[Rule], path: Path) -> None:
    seen: set[str] = set()
    for rule in rules:
        if rule.first and rule.last and rule.last < rule.first:
            raise UsageError("a rule ends before it starts", where=f"{path}, rule {rule.id}")
        same = [r for r in rules if r.id == rule.id and r is not rule]
        if rule.method_id in seen:
            raise UsageError("two rules have the same id and version", where=str(path), value=rule.method_id)
        seen.add(rule.method_id)
        for other in same:
            if rule.method_id != other.method_id and _overlap(rule, other):
                raise UsageError("two versions of a rule hold at the same time", where=str(path),
                                 value=f"{rule.method_id}, {other.method_id}")  # fmt: skip
    edges = {rule.method_id: _feeds(rule, rules) for rule in rules}
    for start, found in edges.items():
        if found:
            chain = _chain(start, {name: [n for n, _ in hits] for name, hits in edges.items()})
            fed, target = found[0]
            raise UsageError(
                "a target of a rule is the source of a rule" + (": the rules go in a circle" if chain else ""),
                where=str(path), value=f"{' -> '.join(chain)}" if chain else f"{start} -> {fed} (target {target})",
                expected="targets that no rule matches; `match` of the other rule can name more fields",
            )  # fmt: skip


def _overlap(a: Rule, b: Rule) -> bool:
    return (a.first or date.min) <= (b.last or date.max) and (b.first or date.min) <= (a.last or date.max)


def _feeds(rule: Rule, rules: Sequence[Rule]) -> list[tuple[str, str]]:
    """Rules whose source one of this rule's named targets would be."""
    named = [t for s in rule.stages for t in s.targets or ()]
    if isinstance(rule.unattributed, Target):
        named.append(rule.unattributed)
    return [
        (other.method_id, target.key)
        for other in rules
        for target in named
        if _overlap(rule, other) and may_meet(other.match, dict(target.owner))
    ]


def _chain(start: str, edges: Mapping[str, Sequence[str]]) -> list[str]:
    """A circle through `start`, or an empty list."""
    stack: list[list[str]] = [[start]]
    while stack:
        trail = stack.pop()
        for following in edges.get(trail[-1], ()):
            if following == start:
                return [*trail, start]
            if following not in trail:
                stack.append([*trail, following])
    return []
