"""`focus-ai explain`: what a column, a meter, an export, a SKU or a word of a report means, from the same data that the
program uses."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from focus_ai.cli.options import Format, FormatOption

if TYPE_CHECKING:
    from focus_ai.focus.columns import Column
    from focus_ai.meters import Meter


def explain(
    topic: Annotated[
        str,
        typer.Argument(
            metavar="TOPIC",
            help="Column, rule, meter, adapter id, SKU such as openai/gpt-5/cache_read, "
            "word of a report such as no_rate.",
        ),
    ],
    focus: Annotated[
        str | None, typer.Option("--focus", metavar="VERSION", help="FOCUS version of a rule; the newest by default.")
    ] = None,
    format_: FormatOption = Format.text,
) -> None:
    """Explain a column, a rule of validate, a meter, an adapter, a SKU or a word of a report."""
    from focus_ai.cli.terminal import say, say_json

    facts = look_up(topic, focus)
    if format_ is Format.json:
        say_json({"schema": "focus-ai/explain@1", **facts})
    else:
        say("\n".join(text(facts)))


def look_up(topic: str, focus: str | None = None) -> dict[str, Any]:
    """The facts about one topic, with its `kind`. Raises `UsageError` with the nearest known names."""
    word = _word(topic)
    if word:
        return word
    if "/" in topic:
        from focus_ai.cli.rates import sku_facts

        return {"kind": "sku", "name": topic, **sku_facts(topic)}
    return _column(topic) or _meter(topic) or _adapter(topic) or _rule(topic, focus) or _unknown(topic)


def _column(topic: str) -> dict[str, Any] | None:
    """A column in every version that has it; upper and lower case do not matter."""
    from focus_ai.focus import columns

    found: dict[str, Column] = {}
    for version in columns.versions():
        for column in columns.load(version).all_columns:
            if column.name.lower() == topic.lower():
                found[version] = column
    if not found:
        return None
    newest = found[max(found, key=lambda v: tuple(map(int, v.split("."))))]
    facts: dict[str, Any] = {
        "kind": "column",
        "name": newest.name,
        "type": newest.type,
        "versions": list(found),
        "nulls": newest.nulls,
        "level": newest.level,
        "format": newest.format,
        "values": list(newest.values),
        "example": newest.example,
        "removed": newest.removed,
        "replaced_by": list(newest.replaced_by),
        "description": newest.description,
        "note": newest.note,
    }
    return {key: value for key, value in facts.items() if value not in (None, [])}


def _meter(topic: str) -> dict[str, Any] | None:
    from focus_ai.meters import meters

    meter: Meter | None = meters().get(topic)
    if meter is None:
        return None
    facts = {
        "kind": "meter",
        "name": meter.name,
        "sku_meter": meter.sku_meter,
        "direction": meter.direction,
        "cache_action": meter.cache_action,
        "ttl": meter.ttl,
        "consumed_unit": meter.consumed_unit,
        "pricing_unit": meter.pricing_unit,
        "column": meter.column,
    }
    return {key: value for key, value in facts.items() if value is not None}


def _adapter(topic: str) -> dict[str, Any] | None:
    from focus_ai import api

    known = {str(adapter["id"]) for adapter in api.adapters()}
    return {"kind": "adapter", "name": topic, "adapter": api.adapter(topic)} if topic in known else None


def _word(topic: str) -> dict[str, Any] | None:
    """A reason, a warning, a flag or an assumption, as reports and files of exceptions print it."""
    from focus_ai import words

    meanings = [
        {
            "stands_in": words.groups()[word.group].where,
            "word": word.name,
            "means": word.means,
            **({"helps": word.helps} if word.helps else {}),
            "about": words.groups()[word.group].about,
        }
        for word in words.find(topic)
    ]
    return {"kind": "word", "name": topic, "meanings": meanings} if meanings else None


def _rule(topic: str, focus: str | None) -> dict[str, Any] | None:
    """A rule of `validate`; a topic without a hyphen is none."""
    from focus_ai.cli import rules

    return rules.facts(topic, focus) if "-" in topic else None


def _unknown(topic: str) -> dict[str, Any]:
    from focus_ai import api, words
    from focus_ai.errors import UsageError, nearest
    from focus_ai.focus import columns
    from focus_ai.meters import meters

    names = [name for version in columns.versions() for name in columns.load(version).all_names]
    names += [*words.names(), *meters(), *(str(adapter["id"]) for adapter in api.adapters())]
    hint = nearest(topic, set(names))
    if hint.startswith("known:"):
        hint = "a column, a rule, a meter, an adapter id, a SKU written channel/model/meter, or a word of a report"
    raise UsageError(f"nothing is known about {topic!r}", expected=hint, next_step="focus-ai adapters list")


def text(facts: Mapping[str, Any]) -> list[str]:
    """The facts for reading."""
    if facts["kind"] == "adapter":
        from focus_ai.cli.adapters import describe

        return describe(facts["adapter"])
    if facts["kind"] == "rule":
        from focus_ai.cli.rules import lines as rule_lines

        return rule_lines(facts)
    if facts["kind"] == "word":
        return _word_lines(facts)
    if facts["kind"] == "sku":
        from focus_ai.cli.rates_cmd import explain_lines

        return explain_lines(dict(facts))
    lines = [f"{facts['name']}  ({facts['kind']})", ""]
    for key, value in facts.items():
        if key in ("kind", "name", "description", "note"):
            continue
        shown = ", ".join(map(str, value)) if isinstance(value, list) else _yes_no(value)
        lines += _hang(key.replace("_", " "), shown)
    for key in ("description", "note"):
        if facts.get(key):
            lines += ["", *wrap(" ".join(str(facts[key]).split()), 100)]
    return lines


def _word_lines(facts: Mapping[str, Any]) -> list[str]:
    """Each meaning of the word: what it means, what helps, where it stands."""
    lines = [f"{facts['name']}  (word of a report)"]
    for meaning in facts["meanings"]:
        lines.append("")
        if meaning["word"] != facts["name"]:
            lines += _hang("word", meaning["word"])
        for label, key in (("means", "means"), ("what helps", "helps"), ("stands in", "stands_in")):
            lines += _hang(label, meaning[key]) if key in meaning else []
        lines += ["", *wrap(meaning["about"], 100)]
    return lines


def _hang(label: str, value: str) -> list[str]:
    """`label   value`, wrapped under itself."""
    first, *rest = wrap(value, 84) or [""]
    return [f"{label:<14}{first}", *(" " * 14 + line for line in rest)]


def _yes_no(value: Any) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
