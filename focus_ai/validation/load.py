"""Rule files become rule sets: checked against their JSON Schema, with what they extend taken over first.

Shipped rules: `schemas/focus/<version>/rules/<dataset>.yaml` and `schemas/focus/rules/*.yaml` (for every version).
A user's file has the same shape. Raises `UsageError` for a file that is missing, malformed or contradicts the schema.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from focus_ai import resources
from focus_ai.errors import InternalError, UsageError
from focus_ai.validation.model import Rule, RuleSet

FILES = {
    "CostAndUsage": "cost-and-usage.yaml",
    "ContractCommitment": "contract-commitment.yaml",
    "BillingPeriod": "billing-period.yaml",
    "InvoiceDetail": "invoice-detail.yaml",
}


@cache
def load_rules(version: str, dataset: str = "CostAndUsage") -> tuple[RuleSet, ...]:
    """The shipped rule sets for a dataset of a version: those of the specification, then our own."""
    path = resources.schemas() / "focus" / version / "rules" / FILES.get(dataset, "none")
    if not path.is_file():
        raise UsageError(
            f"there are no rules for {dataset} of FOCUS {version}",
            value=f"{version} {dataset}",
            expected=", ".join(f"{v} {d}" for v, d in shipped()),
        )
    found = [_read(path, check=False)]
    common = resources.schemas() / "focus" / "rules"
    for own in sorted(common.glob("*.yaml")) if common.is_dir() else ():
        rule_set = _read(own, check=False)
        if rule_set.dataset == dataset and rule_set.focus_version in ("", version):
            found.append(rule_set)
    return tuple(found)


def shipped() -> list[tuple[str, str]]:
    """Versions and datasets that have rules, oldest version first."""
    folder = resources.schemas() / "focus"
    versions = sorted((p.name for p in folder.iterdir() if (p / "rules").is_dir()), key=_order)
    return [
        (v, dataset) for v in versions for dataset, file in FILES.items() if (folder / v / "rules" / file).is_file()
    ]


def load_rule_file(path: Path) -> RuleSet:
    """A rule file of the user. Raises `UsageError` with the place of the first mistake."""
    if not path.is_file():
        raise UsageError("the rule file does not exist", where=str(path))
    return _read(path, check=True)


def check_document(document: Any, where: str) -> None:
    """Compare a rule file with its JSON Schema. Raises `UsageError` that names the rule and the word."""
    import jsonschema

    schema = json.loads((resources.schemas() / "rule-set.schema.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    errors = sorted(validator.iter_errors(document), key=lambda e: list(map(str, e.absolute_path)))
    if not errors:
        return
    error = errors[0]
    while error.context:  # of the alternatives, the one that went deepest is what was meant
        error = max(error.context, key=lambda e: len(e.absolute_path))
    steps = list(error.absolute_path)
    label = ""
    if len(steps) > 1 and steps[0] == "rules" and isinstance(document, Mapping):
        rule = document["rules"][steps[1]]
        label = f" rule {rule.get('id', steps[1])}" if isinstance(rule, Mapping) else f" rule {steps[1]}"
    path = "/".join(map(str, steps))
    raise UsageError(
        "the rule file does not have the shape of a rule set",
        where=f"{where}{label}",
        value=f"{path}: {error.message[:300]}",
        next_step="focus-ai schema rule-set shows the shape",
    )


def _read(path: Path, *, check: bool) -> RuleSet:
    import yaml

    try:
        document = resources.load_yaml(path)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError("the rule file is not YAML", where=str(path), value=str(error)[:300]) from error
    if check:
        check_document(document, path.name)
    return rule_set(document, path.stem)


def rule_set(document: Mapping[str, Any], name: str) -> RuleSet:
    """A rule set from a document that has the right shape."""
    version, dataset = document.get("focus_version", ""), document.get("dataset", "CostAndUsage")
    inherited: dict[str, Rule] = {}
    extends = document.get("extends")
    if extends:
        for rule in load_rules(extends["version"], dataset)[0].rules:
            taken = _renamed(rule, extends)
            if not any(fnmatch.fnmatchcase(taken.id, pattern) for pattern in extends.get("drop", ())):
                inherited[taken.id] = taken
    for entry in document["rules"]:
        rule = _rule({"official_id": document.get("official_ids", False), **entry})
        inherited[rule.id] = rule
    kept = tuple(_without_lost_parts(rule, inherited) for rule in inherited.values())
    return RuleSet(
        name=document.get("name", name),
        focus_version=version,
        dataset=dataset,
        rules=kept,
        notes=tuple(document.get("notes", ())),
    )


def _rule(entry: Mapping[str, Any]) -> Rule:
    given: dict[str, Any] = dict(entry)
    if "severity" in given:
        given["given_severity"] = given.pop("severity")
    for name in ("criteria", "parts"):
        if name in given:
            given[name] = tuple(given[name])
    given.setdefault("section", given.get("column", ""))
    try:
        return Rule(**given)
    except TypeError as error:
        raise InternalError(f"a shipped rule has an unknown field: {error}", where=str(entry.get("id"))) from error


def _renamed(rule: Rule, extends: Mapping[str, Any]) -> Rule:
    renames: Mapping[str, str] = extends.get("rename", {})

    def new(rule_id: str) -> str:
        if not rule_id.startswith("own-"):
            prefix = extends.get("attribute_prefix" if "-A-" in rule_id else "prefix", "")
            rule_id = prefix + rule_id
        return renames.get(rule_id, rule_id)

    return replace(rule, id=new(rule.id), parts=tuple(map(new, rule.parts)))


def _without_lost_parts(rule: Rule, known: Mapping[str, Rule]) -> Rule:
    """A bundle names only rules that are there (an extending file may drop some)."""
    if not rule.parts or all(part in known for part in rule.parts):
        return rule
    return replace(rule, parts=tuple(part for part in rule.parts if part in known))


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
