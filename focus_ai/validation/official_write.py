"""Maintainers' command: `python -m focus_ai.validation.official_write MODEL` writes the shipped rules of a version.

MODEL is the official requirements model (JSON); the rules come out of `official.py` with the corrections applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from focus_ai import resources
from focus_ai.validation.model import RuleSet
from focus_ai.validation.official import load_official


def document(rule_set: RuleSet) -> dict[str, Any]:
    """A rule set as the document of a rule file."""
    entries = []
    for rule in rule_set.rules:
        entry: dict[str, Any] = {"id": rule.id}
        for name in ("column", "keyword", "when", "require", "each", "undecidable", "sentence", "note", "official"):
            value = getattr(rule, name)
            if value and not (name == "keyword" and value == "MUST") and not (name == "official" and not value):
                entry[name] = value
        for name in ("criteria", "parts"):
            if getattr(rule, name):
                entry[name] = list(getattr(rule, name))
        if rule.section and rule.section != rule.column:
            entry["section"] = rule.section
        entries.append(entry)
    return {
        "name": f"FOCUS {rule_set.focus_version} {rule_set.dataset}",
        "focus_version": rule_set.focus_version,
        "dataset": rule_set.dataset,
        "official_ids": True,
        "rules": entries,
    }


HEAD = """\
# Rules of FOCUS {version}, dataset {dataset}: {count} rules under their official ids. GENERATED from the official
# requirements model 1.2.0.1 and corrections.yaml by `python -m focus_ai.validation.official_write MODEL`; not by hand.
# Ids, columns, keywords, conditions and value sets are facts of the model (focus_validator, MIT, Copyright (c) 2023
# FinOps Foundation; FOCUS specification, CC-BY-4.0); the form is ours and no sentence of it is taken over.
# The words: ../../../rule-set.schema.json.
"""


def written(rule_set: RuleSet) -> str:
    """The rule file as text: one rule per block, trees in flow style."""
    import yaml

    def flow(value: Any) -> str:
        return yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True).strip()

    shown = document(rule_set)
    lines = [HEAD.format(version=rule_set.focus_version, dataset=rule_set.dataset, count=len(rule_set.rules)).rstrip()]
    for name in ("name", "focus_version", "dataset", "official_ids"):
        lines.append(f"{name}: {flow(shown[name]).removesuffix('...').strip()}")
    lines.append("rules:")
    for entry in shown["rules"]:
        for i, (name, value) in enumerate(entry.items()):
            text = flow(value).removesuffix("...").strip()
            lines.append(f"  {'- ' if i == 0 else '  '}{name}: {text}")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the shipped rules of the model's version."""
    rule_set = load_official(Path(arguments[0]))
    target = resources.schemas() / "focus" / rule_set.focus_version / "rules" / "cost-and-usage.yaml"
    target.write_text(written(rule_set), encoding="utf-8")
    return 0


if __name__ == "__main__":
    import sys

    sys.exit(main(sys.argv[1:]))
