"""`focus-ai rules list`: the rules of `validate`; and what `focus-ai explain` says about one of them."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from focus_ai.cli.options import Format, FormatOption

if TYPE_CHECKING:
    from focus_ai.validation.model import Rule, RuleSet

app = typer.Typer(name="rules", help="The rules of validate.", rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """The rules of validate."""


@app.command("list")
def list_(
    focus: Annotated[
        str | None, typer.Option("--focus", metavar="VERSION", help="FOCUS version; the newest by default.")
    ] = None,
    dataset: Annotated[str, typer.Option("--dataset", metavar="NAME", help="Dataset of the version.")] = "CostAndUsage",
    format_: FormatOption = Format.text,
) -> None:
    """List the rules of a FOCUS version with their severity and what they are about."""
    from focus_ai.cli.terminal import say, say_json
    from focus_ai.reports.table import table

    version, found = known(focus, dataset)
    if format_ is Format.json:
        say_json({"schema": "focus-ai/rules@1", "focus_version": version, "dataset": dataset, "rules": found})
        return
    rows = [(r["id"], r["severity"], r["column"] or "-", r["kind"], r["sentence"][:90]) for r in found]
    say("\n".join(table(["rule", "severity", "column", "kind", ""], rows)))
    say(f"{len(found)} rules of FOCUS {version} {dataset}")


def known(focus: str | None, dataset: str) -> tuple[str, list[dict[str, Any]]]:
    """The version and its rules as plain facts. Raises `UsageError` for an unknown version or dataset."""
    from focus_ai.focus import columns
    from focus_ai.validation import load_rules
    from focus_ai.validation.inputs.shape import RULES

    version = focus or columns.versions()[-1]
    columns.load(version, dataset)
    shape: list[dict[str, Any]] = [
        {"id": r.id, "severity": r.severity, "column": "", "kind": "form", "sentence": r.sentence, "official": False}
        for r in RULES.values()
    ]
    return version, shape + [_listed(rule) for rule_set in load_rules(version, dataset) for rule in rule_set.rules]


def _listed(rule: Rule) -> dict[str, Any]:
    from focus_ai.validation.phrases import sentence

    kind = "bundle" if rule.parts else "not decidable" if rule.undecidable else "checked"
    return {
        "id": rule.id, "severity": rule.severity, "column": rule.column, "kind": kind, "sentence": sentence(rule),
        "official": rule.official_id,
    }  # fmt: skip


def facts(topic: str, focus: str | None = None) -> dict[str, Any] | None:
    """What is known about the rule of that id, from the newest version that has it (or `focus`); None for no rule."""
    from focus_ai.focus import columns
    from focus_ai.validation import explain, load_rules
    from focus_ai.validation.inputs.shape import RULES

    asked = topic.upper()
    if asked in RULES:
        shape = RULES[asked]
        return {
            "kind": "rule", "name": shape.id, "severity": shape.severity, "sentence": shape.sentence, "why": shape.why,
            "example": shape.example, "fix": shape.fix, "decided": "while the files are opened, without SQL",
        }  # fmt: skip
    for version in [focus] if focus else reversed(columns.versions()):
        for dataset in columns.datasets(version):
            for rule_set in load_rules(version, dataset):
                for rule in rule_set.rules:
                    if rule.id.lower() == topic.lower():
                        return _facts(rule, rule_set, version, dataset, explain(rule, version))
    return None


def _facts(rule: Rule, rule_set: RuleSet, version: str, dataset: str, told: Any) -> dict[str, Any]:
    found = {
        "kind": "rule", "name": rule.id, "severity": rule.severity, "keyword": rule.keyword, "column": rule.column,
        "focus": rule_set.focus_version or "any", "dataset": rule_set.dataset or "any", "section": rule.section,
        "criteria": list(rule.criteria), "sentence": told.sentence, "why": told.why,
        "example": told.example, "fix": told.fix,
        "not_checked": rule.undecidable, "parts": list(rule.parts), "note": rule.note,
        "reference": getattr(told, "reference", ""), "sql": told.sql,
    }  # fmt: skip
    found["versions_searched"] = f"{dataset} of FOCUS {version}"
    return {key: value for key, value in found.items() if value not in ("", None, [])}


def lines(found: Mapping[str, Any]) -> list[str]:
    """The facts for reading."""
    shown = [f"{found['name']}  (rule, {found['severity']})", "", *wrap(str(found.get("sentence", "")), 100), ""]
    for label in ("why", "example", "fix", "decided", "not_checked", "note"):
        if found.get(label):
            shown += _hang(label.replace("_", " "), str(found[label]))
    for label in ("column", "keyword", "focus", "dataset", "section", "reference"):
        if found.get(label):
            shown += _hang(label, str(found[label]))
    for label in ("criteria", "parts"):
        if found.get(label):
            shown += _hang(label, ", ".join(found[label]))
    if found.get("sql"):
        shown += [
            "",
            "SQL of the check (true for a row that breaks the rule)",
            *(f"  {line}" for line in found["sql"].splitlines()),
        ]
    return shown


def _hang(label: str, value: str) -> list[str]:
    first, *rest = wrap(" ".join(value.split()), 86) or [""]
    return [f"{label:<13} {first}", *(" " * 14 + line for line in rest)]
