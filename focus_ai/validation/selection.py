"""Which rules run: by id or glob, with the parts of bundles; and in which reading, ours or the official one."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import replace

from focus_ai.errors import UsageError, nearest
from focus_ai.validation.model import Options, Rule


def picked(rules: Iterable[Rule], options: Options) -> list[Rule]:
    """Rules that `select` names (with the parts of bundles) and `ignore` does not. Raises `UsageError` for no match."""
    known = {rule.id: rule for rule in rules}
    for pattern in (*options.select, *options.ignore):
        if not any(fnmatch.fnmatchcase(rule_id, pattern) for rule_id in known):
            raise UsageError("no rule has that id", value=pattern, expected=nearest(pattern, known))
    chosen = {i for i in known if not options.select or any(fnmatch.fnmatchcase(i, p) for p in options.select)}
    if options.select:
        queue = list(chosen)
        while queue:
            for part in known[queue.pop()].parts:
                if part in known and part not in chosen:
                    chosen.add(part)
                    queue.append(part)
    chosen -= {i for i in known if any(fnmatch.fnmatchcase(i, p) for p in options.ignore)}
    found = [rule for rule_id, rule in known.items() if rule_id in chosen]
    return [_official(rule) for rule in found] if options.strict_official else found


def _official(rule: Rule) -> Rule:
    """The rule with the trees of the official validator."""
    given = rule.official or {}
    return replace(rule, require=given.get("require", rule.require), when=given.get("when", rule.when))
