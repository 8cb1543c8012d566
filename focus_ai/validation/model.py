"""The two things the validator joins: rules (data) and a data set (a relation with described columns).

`Dataset` is the contract with whoever opens files. Its `relation` is SQL text that can stand after FROM, and besides
the columns it gives `_file` (INTEGER, index into `files`) and `_row` (BIGINT, record number in that file from 1, the
header of a CSV file not counted). A query that does not name `_file` or `_row` must not pay for them.

Cells: in a file without types (CSV, JSON Lines) every column has kind `text`, cells exactly as written. CSV: an empty
cell is null, quoted or not, because CSV has no other way to write a null. JSON Lines: null and an absent key are
null, an empty string stays an empty string, objects and arrays are JSON text. In a file with types (Parquet, Arrow)
a column keeps its physical type; the validator judges the values and reports the physical form apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from focus_ai.findings import Deviation, Severity

Kind = Literal[
    "text", "decimal", "integer", "double", "boolean", "timestamp", "timestamptz", "date", "map", "struct", "list",
    "json", "other",
]  # fmt: skip
Tree = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a data set. `physical` is the type as DuckDB names it: VARCHAR, DECIMAL(18,9), MAP(…)."""

    name: str
    kind: Kind
    physical: str = "VARCHAR"


@dataclass(frozen=True)
class Dataset:
    """A data set that is open for queries in the session. `columns` are in the order of the file.

    `typed` tells whether the format carries types (Parquet) or not (CSV). `version` and `dataset` are what the
    metadata or the columns say, None when nothing does. `deviations` are those seen while opening (the validator adds
    its own).
    """

    relation: str
    columns: Mapping[str, Column]
    files: tuple[str, ...] = ()
    typed: bool = True
    version: str | None = None
    dataset: str | None = None
    deviations: tuple[Deviation, ...] = ()


@dataclass(frozen=True)
class Rule:
    """One rule. `require` and `when` are trees of tests (schemas/rule-set.schema.json tells the words).

    A rule has exactly one of: `require` (checked), `parts` (a bundle of other rules) or `undecidable` (why data
    cannot tell). `each` repeats it for several columns, named `$column` in the tree. `official` holds what the
    official validator does instead when that differs: `when`, `require` or `skip`.
    """

    id: str
    column: str = ""
    keyword: str = "MUST"
    require: Tree | None = None
    when: Tree | None = None
    parts: tuple[str, ...] = ()
    undecidable: str = ""
    criteria: tuple[str, ...] = ()
    sentence: str = ""
    why: str = ""
    fix: str = ""
    section: str = ""
    official_id: bool = False
    each: Mapping[str, Any] | None = None
    official: Mapping[str, Any] | None = None
    note: str = ""
    given_severity: Severity | None = None

    @property
    def severity(self) -> Severity:
        """MUST is an error, SHOULD and RECOMMENDED a warning, MAY information, unless the rule says otherwise."""
        if self.given_severity:
            return self.given_severity
        if self.keyword.startswith("MUST"):
            return "error"
        return "info" if self.keyword == "MAY" else "warning"

    @property
    def attribute(self) -> bool:
        """Whether the rule belongs to an attribute of the specification (a format) rather than to a column."""
        return "-A-" in self.id


@dataclass(frozen=True)
class RuleSet:
    """Rules of one dataset of one version, or of nobody in particular (`focus_version` empty: a user's own).

    `types`: FOCUS types of columns that the rules themselves tell, for a version without a column model.
    """

    name: str
    focus_version: str
    dataset: str
    rules: tuple[Rule, ...]
    notes: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)

    def rule(self, rule_id: str) -> Rule:
        """The rule of that id. Raises `KeyError`."""
        for rule in self.rules:
            if rule.id == rule_id:
                return rule
        raise KeyError(rule_id)


@dataclass(frozen=True)
class Options:
    """How to validate.

    `criteria`: None infers them from the data; otherwise the ids that hold (`all` as an only entry: every one).
    `select` and `ignore`: ids or globs (`ListCost-*`, `FAI-1*`). `samples`: rows shown per finding. `others`: further
    data sets by name for rules that look across (`ContractCommitment`, `rates`, …).
    """

    criteria: Sequence[str] | None = None
    select: Sequence[str] = ()
    ignore: Sequence[str] = ()
    strict_official: bool = False
    samples: int = 5
    others: Mapping[str, Dataset] = field(default_factory=dict)


def union(sets: Iterable[RuleSet]) -> tuple[Rule, ...]:
    """All rules of several sets in order; a later set replaces a rule of the same id."""
    found: dict[str, Rule] = {}
    for rule_set in sets:
        for rule in rule_set.rules:
            found[rule.id] = rule
    return tuple(found.values())
