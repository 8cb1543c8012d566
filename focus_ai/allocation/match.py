"""Selectors of rules: field -> allowed texts, compiled to a SQL condition over the rows of a data set."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from focus_ai.engine import ident, literal
from focus_ai.errors import UsageError, nearest

COLUMNS = {
    "team": "x_Team", "product": "x_Product", "feature": "x_Feature", "environment": "x_Environment",
    "cost_center": "x_CostCenter", "business_unit": "x_BusinessUnit", "provider": "ServiceProviderName",
    "service": "ServiceName", "account": "BillingAccountId", "sub_account": "SubAccountId", "resource": "ResourceId",
    "model": "x_ModelId", "meter": "x_TokenType", "tier": "x_ProcessingTier", "category": "ChargeCategory",
    "source": "x_Source", "line_item": "x_LineItem", "description": "ChargeDescription",
    "commitment": "CommitmentDiscountId",
}  # fmt: skip
#: Key in Tags that names a class of shared cost.
SHARED = "shared_cost"
_OWNER = ("team", "product", "feature", "environment", "cost_center", "business_unit")


@dataclass(frozen=True, slots=True)
class Match:
    """All fields must fit; a field fits when one of its patterns does. `none` means an empty field."""

    fields: tuple[tuple[str, tuple[str, ...]], ...]
    where: str

    @classmethod
    def of(cls, entry: Mapping[str, object], where: str) -> Match:
        """From the words of a rule. Column names are checked when the rows are known."""
        fields = []
        for name, value in entry.items():
            values = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else ()
            fields.append((name, tuple(str(v) for v in values)))
        return cls(tuple(fields), where)

    def sql(self, columns: Collection[str]) -> str:
        """The condition. Raises `UsageError` for a field that the rows do not have."""
        return " AND ".join(self._one(name, values, columns) for name, values in self.fields) or "TRUE"

    def _one(self, name: str, values: tuple[str, ...], columns: Collection[str]) -> str:
        if name == SHARED or name.startswith("tag."):
            key = SHARED if name == SHARED else name.removeprefix("tag.")
            held = f"json_extract_string(Tags, {literal('$.' + _quoted(key))})"
        else:
            column = COLUMNS.get(name, name)
            if column == "ServiceProviderName" and column not in columns:
                column = "ProviderName"
            if column not in columns:
                known = {*COLUMNS, *columns, SHARED, "tag.NAME"}
                raise UsageError(
                    f"a rule matches by {name!r}, which the rows do not have", where=self.where,
                    expected=nearest(name, known),
                )  # fmt: skip
            held = ident(column)
        return "(" + " OR ".join(_fits(held, value) for value in values) + ")"

    def admits(self, name: str, value: str) -> bool | None:
        """Whether a value of a field fits; None when the field is not asked for."""
        for asked, values in self.fields:
            if asked == name:
                return any(fnmatchcase(value, _pattern(v)) for v in values if v != "none")
        return None

    def text(self) -> str:
        """The selector in words."""
        return ", ".join(f"{name} = {' or '.join(values)}" for name, values in self.fields)


def may_meet(match: Match, owner: Mapping[str, str]) -> bool:
    """Whether a row owned by the target could be a source of the rule: every owner field asked for fits it.

    A selector that asks for something else than owners describes a kind of row, which a share never becomes.
    """
    asked = [name for name, _ in match.fields]
    if not asked or any(name not in _OWNER for name in asked):
        return False
    return all(name in owner and match.admits(name, owner[name]) for name in asked)


def _quoted(key: str) -> str:
    return '"' + key.replace('"', "") + '"'


def _pattern(value: str) -> str:
    return value.replace("[", "[[]").replace("?", "[?]")


def _fits(held: str, value: str) -> str:
    if value == "none":
        return f"{held} IS NULL"
    if "*" not in value:
        return f"{held} = {literal(value)}"
    escaped = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")
    return f"{held} LIKE {literal(escaped)} ESCAPE '\\'"
