"""`focus-ai adapters`: which exports are known, how to get them, how to check and to start a mapping."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from focus_ai.cli.options import Format, FormatOption

app = typer.Typer(name="adapters", help="Known exports, and mapping files of your own.", rich_markup_mode=None)
_CASE = ("case", "read", "records", "rejected")


@app.command("list")
def list_(format_: FormatOption = Format.text) -> None:
    """List the exports that focus-ai recognises."""
    from focus_ai import api
    from focus_ai.cli.terminal import say, say_json
    from focus_ai.reports.table import table

    known = sorted(api.adapters(), key=lambda adapter: str(adapter["id"]))
    if format_ is Format.json:
        say_json({"schema": "focus-ai/adapters@1", "adapters": known})
        return
    rows = [(a["id"], a["kind"], " ".join(a["reads"]), a["title"]) for a in known]
    say("\n".join(table(["id", "kind", "reads", "title"], rows)))


@app.command("show")
def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="Adapter id, see adapters list.")],
    format_: FormatOption = Format.text,
) -> None:
    """Show one export: how to get it, how it is recognised, its traps and what is left out."""
    from focus_ai import api
    from focus_ai.cli.terminal import say, say_json

    facts = api.adapter(id_)
    if format_ is Format.json:
        say_json({"schema": "focus-ai/adapter@1", **facts})
        return
    say("\n".join(describe(facts)))


def describe(facts: dict[str, Any]) -> list[str]:
    """One adapter for reading."""
    lines = [f"{facts['id']}  {facts['title']}", ""]
    lines.append(f"Kind        {facts['kind']}")
    lines.append(f"Reads       {', '.join(facts['reads'])}")
    lines.append(f"Documented  {facts['docs']} (checked {facts['checked']})")
    if facts.get("settings"):
        lines.append(f"Needs       {', '.join(facts['settings'])} (the export does not say)")
        lines.append(f"            from focus-ai.toml, [exports.{facts['id']}] or [files]")
    lines += _section("How to get it", str(facts.get("export") or "").rstrip().splitlines())
    lines += _section("Recognised by", _flat(facts.get("recognise") or {}))
    lines += _section("What it says", [f"{name}: {text}" for name, text in (facts.get("facts") or {}).items()])
    lines += _section("What it fills", [f"{field} <- {source}" for field, source in (facts.get("maps") or {}).items()])
    for kind, title in _RULES.items():
        lines += _section(title, [_rule(rule) for rule in (facts.get("rules") or {}).get(kind, ())])
    lines += _section("Traps", [f"- {trap}" for trap in facts.get("traps") or ()])
    left = facts.get("leaves_out") or {}
    lines += _section("Left out", [f"- {field}: {why}" for field, why in left.items()])
    return lines


_RULES = {"ignored": "Ignored, no consumption of its own", "rejected": "Set aside", "quality": "Flagged"}


def _rule(rule: dict[str, str]) -> str:
    """`word: what it means (by the paths that decide)`."""
    means = f": {rule['means']}" if rule["means"] else ""
    return f"- {rule['word']}{means}" + (f" (by {rule['by']})" if rule["by"] else "")


def _section(title: str, body: list[str]) -> list[str]:
    return ["", title, *(f"  {line}".rstrip() for line in body)] if body else []


def _flat(recognise: dict[str, Any]) -> list[str]:
    """The recognition conditions, one line each."""
    lines = [f"has {', '.join(recognise['keys'])}"] if recognise.get("keys") else []
    if recognise.get("any"):
        lines.append("has one of: " + "; ".join(", ".join(group) for group in recognise["any"]))
    if recognise.get("absent"):
        lines.append(f"has no {', '.join(recognise['absent'])}")
    if recognise.get("nowhere"):
        lines.append(f"has nowhere {', '.join(recognise['nowhere'])}")
    lines += [f"with {path} like {pattern}" for path, pattern in recognise.get("matches", {}).items()]
    for path, wanted in recognise.get("values", {}).items():
        values = wanted if isinstance(wanted, list) else [wanted]
        lines.append(f"with {path} = {' or '.join(map(str, values))}")
    return lines


@app.command("test")
def test(
    mapping: Annotated[Path, typer.Argument(metavar="MAPPING", help="A mapping file.")],
    sample: Annotated[
        list[Path] | None,
        typer.Option("--sample", metavar="FILE", help="Check this file instead of the fixtures beside the mapping."),
    ] = None,
    regenerate: Annotated[
        bool, typer.Option("--regenerate", help="Write expected.jsonl again; read the difference before you commit it.")
    ] = False,
    format_: FormatOption = Format.text,
) -> None:
    """Check a mapping file: schema, recognition, and its golden cases or your samples."""
    from focus_ai.cli.mapping_check import check
    from focus_ai.cli.terminal import say, say_json
    from focus_ai.reports.table import table

    cases = check(mapping, sample or [], regenerate=regenerate)
    if format_ is Format.json:
        say_json({"schema": "focus-ai/mapping-test@1", "mapping": mapping.name, "cases": cases})
    else:
        rows = [(*(c[key] for key in _CASE), "FAILED" if c["problems"] else "ok") for c in cases]
        say("\n".join(table([*_CASE, ""], rows)))
        for case in cases:
            notes = (f"note: {line}" for line in case["notes"])
            for line in (*case["problems"], *case["rejects"], *notes):
                say(f"  {case['case']}: {line}")
    if any(case["problems"] for case in cases):
        raise typer.Exit(1)


@app.command("new")
def new(
    id_: Annotated[str, typer.Argument(metavar="ID", help="Kebab-case id of the new adapter.")],
    from_: Annotated[Path, typer.Option("--from", metavar="FILE", help="A sample of the export.")],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Folder to write into.")] = Path(),
) -> None:
    """Start a mapping file from a sample: keys listed, fixture folder beside it."""
    from focus_ai.cli.scaffold import scaffold
    from focus_ai.cli.terminal import say

    written = scaffold(id_, from_, to)
    say("\n".join(["written:", *(f"  {path}" for path in written)]))
    say(f"next: fill in the fields, then focus-ai adapters test {written[0]}")
