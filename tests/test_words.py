"""Every word that a run writes is explained, in the terminal and on a page, and no explanation is of a word of the past."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from focus_ai import words
from focus_ai.adapters.catalogue import shipped
from focus_ai.adapters.page import rules
from focus_ai.cli import main
from focus_ai.cli.explain import look_up
from focus_ai.errors import UsageError
from focus_ai.words_docs import render

ROOT = Path(__file__).parents[1]


def test_the_page_equals_its_regeneration() -> None:
    assert (ROOT / "docs" / "words.md").read_text(encoding="utf-8") == render(), "run: make docs"


def test_a_star_stands_for_what_comes_with_the_word() -> None:
    word = words.meaning("rejected", "impossible_time:start_time")
    assert word is not None
    assert (word.name, word.means) == (
        "impossible_time:start_time",
        "start_time is no date, or one before 2015 or after 2100",
    )
    assert words.meaning("rejected", "impossible_time:") is None
    assert words.meaning("rejected", "impossible_time") is None
    assert words.meaning("ignored", "impossible_time:start_time") is None


def test_a_word_without_a_star_goes_before_one_with_it() -> None:
    told = words.means("assumptions", "context_tier_assumed", "")
    assert told == "summed records do not tell the context of a request; the base tier was taken"
    told = words.means("assumptions", "service_tier_assumed", "")
    assert told.startswith("the records do not state the service tier, on which")
    assert words.means("assumptions", "we_agreed_so", "its own") == "its own"


def test_every_group_says_where_its_words_stand() -> None:
    for group in words.groups().values():
        assert group.title and group.where and group.about and group.words
        for name, word in group.words.items():
            assert word.means and name.count("*") <= 1
            if "{}" in word.means + (word.helps or ""):
                assert "*" in name


def test_reasons_and_flags_of_the_shipped_mappings_are_explained() -> None:
    unknown = [
        (mapping.id, group, rule[key])
        for mapping in shipped().values()
        for group, key, rules in (
            ("rejected", "reason", mapping.reject),
            ("ignored", "reason", mapping.ignore),
            ("quality", "flag", mapping.flags),
        )
        for rule in rules
        if words.meaning(group, rule[key]) is None
    ]
    assert unknown == []


def test_reasons_of_the_example_exports_are_explained() -> None:
    """What the golden inputs of every adapter are set aside for."""
    seen = {
        entry["reason"]
        for path in (ROOT / "fixtures").rglob("expected.json")
        for entry in json.loads(path.read_text(encoding="utf-8")).get("rejected") or []
    }
    assert len(seen) > 40
    assert sorted(reason for reason in seen if words.meaning("rejected", reason) is None) == []


# The modules that warn.
WARN = ("run_warnings.py", "double_counts.py", "replaced.py")


def _calls(name: str, at: int, *folders: str) -> set[str]:
    """Texts that the program hands to calls of this function as their argument number `at`."""
    found: set[str] = set()
    for folder in folders:
        paths = [ROOT / "focus_ai" / folder] if folder.endswith(".py") else (ROOT / "focus_ai" / folder).glob("*.py")
        for path in paths:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call) or len(node.args) <= at:
                    continue
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                argument = node.args[at]
                if called == name and isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    found.add(argument.value)
    return found


@pytest.mark.parametrize(
    ("group", "said", "least"),
    [
        ("unpriced", _calls("NoRate", 0, "pricing") | _calls("Unpriced", 0, "pricing"), 9),
        ("warnings", _calls("warning", 0, *WARN) | _calls("sized", 0, *WARN), 13),
        ("rejected", _calls("Reject", 2, "sources", "adapters", "convert.py"), 4),
    ],
)
def test_words_of_the_program_are_explained(group: str, said: set[str], least: int) -> None:
    assert len(said) >= least
    assert sorted(word for word in said if words.meaning(group, word) is None) == []


def test_the_causes_of_a_reconciliation_are_explained_and_no_others() -> None:
    schema = json.loads((ROOT / "schemas" / "reconcile.schema.json").read_text(encoding="utf-8"))
    explained = words.groups()["causes"].words
    assert set(explained) == set(schema["$defs"]["cause"]["enum"])
    assert all(word.helps for word in explained.values())


def test_every_reason_that_the_readers_write_is_explained() -> None:
    """The words before the colon, as the sources write them."""
    code = "".join(
        path.read_text(encoding="utf-8")
        for room in ("sources", "adapters")
        for path in (ROOT / "focus_ai" / room).glob("*.py")
    )
    used = set(re.findall(r"f?[\"']([a-z]+(?:_[a-z]+)*):(?:\{|\$|[a-z_]+')", code))
    assert {"wrong_type", "missing", "no_time_zone", "impossible_time", "negative", "too_many_decimals"} <= used
    known = {name.partition(":")[0] for name in words.groups()["rejected"].words}
    assert sorted(used - known) == []


def test_no_word_is_explained_that_nothing_writes() -> None:
    written = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "focus_ai").rglob("*.py"))
    written += "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "mappings").rglob("*.yaml") if path.is_file()
    )
    # What a fixed word has besides its star must be in the program; the rest of it is put in by the program.
    parts = {(name, max(re.split(r"[*]", name), key=len).rstrip(":")) for name in words.names()}
    assert sorted(name for name, part in parts if part not in written) == []


def test_explain_finds_a_word_as_a_report_prints_it() -> None:
    for topic, name, group in (
        ("wrong_type:usage.input_tokens", "wrong_type:usage.input_tokens", "rejected"),
        ("wrong_type", "wrong_type:NAME", "rejected"),
        ("missing_product", "missing_product", "unattributed"),
        ("quality:provider_inferred", "provider_inferred", "quality"),
        ("price_assumption:price_list_of_azure", "price_list_of_azure", "assumptions"),
        ("overlaps_partly", "overlaps_partly", "carried"),
    ):
        facts: dict[str, Any] = look_up(topic)
        assert facts["kind"] == "word"
        assert [meaning["word"] for meaning in facts["meanings"]] == [name]
        assert facts["meanings"][0]["stands_in"] == words.groups()[group].where
    both = look_up("cache_ttl_unknown")["meanings"]
    assert len(both) == 2
    with pytest.raises(UsageError, match="nothing is known about 'no_rat'") as misspelt:
        look_up("no_rat")
    assert "no_rate" in str(misspelt.value.expected)


def test_an_adapter_says_what_it_ignores_sets_aside_and_flags(capsys: pytest.CaptureFixture[str]) -> None:
    for mapping in shipped().values():
        for kind, told in rules(mapping).items():
            assert [rule["word"] for rule in told if not (rule["means"] and rule["by"])] == [], (mapping.id, kind)
    assert main(["adapters", "show", "codex-rollouts"]) == 0
    shown = capsys.readouterr().out.splitlines()
    at = shown.index("Ignored, no consumption of its own")
    assert shown[at + 2] == "  - rate_limit_only: the line tells of the limits of the plan only (by payload.info)"
    at = shown.index("Set aside")
    assert shown[at + 1].startswith("  - only_a_running_total: the line has the sum of the session,")


def test_words_do_not_hide_other_topics() -> None:
    assert look_up("x_Team")["kind"] == "column"
    assert look_up("cache_read")["kind"] == "meter"
    assert look_up("litellm-spend-logs")["kind"] == "adapter"
    assert look_up("openai/gpt-5/cache_read")["kind"] == "sku"


def test_rejects_say_what_their_reason_means(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A reason of one's own mapping is explained by that mapping, not here."""
    mapping = {
        "id": "own-calls", "title": "Own calls", "kind": "usage", "reads": ["csv"], "system": "own", "checked": "2026-11-23",
        "recognise": {"keys": ["call", "at", "n"]}, "identity": ["call"],
        "fields": {"event_time": {"time": "at"}, "provider": {"const": "openai"}, "model_served": {"const": "gpt-5.4"}},
        "tokens": {"convention": "inclusive", "input": "n"},
        "reject": [{"when": {"eq": ["call", "c"]}, "reason": "we_do_not_like_c"}],
    }  # fmt: skip
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(mapping), encoding="utf-8")
    rows = "call,at,n\na,2026-10-01T00:00:00Z,5\nb,2026-10-01T00:00:00Z,-5\nc,2026-10-01T00:00:00Z,5\n"
    (tmp_path / "calls.csv").write_text(rows, encoding="utf-8")
    out = tmp_path / "out"
    command = ["convert", str(tmp_path / "calls.csv"), "--mapping", str(tmp_path / "own.yaml"), "--out", str(out)]
    assert main([*command, "--quiet"]) == 0
    lines = (out / "exceptions" / "rejects.jsonl").read_text(encoding="utf-8").splitlines()
    told = [{k: v for k, v in json.loads(line).items() if k not in ("file", "raw")} for line in lines]
    assert told == [
        {"row": 2, "reason": "negative:n", "means": "n is a count or quantity below zero"},
        {"row": 3, "reason": "we_do_not_like_c"},
    ]
    assert "focus-ai explain WORD" in capsys.readouterr().out
