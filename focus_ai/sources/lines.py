"""Plain text logs: one record a line, its values found by a pattern or by a separator with quotes.

In: the description of a line as a mapping gives it. Out: a relation with one text column per named value, like that of
a CSV file; a line that does not fit is a reject with its number (line numbers count from 1, blank lines included).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from focus_ai.engine import Session, ident, literal, literals
from focus_ai.errors import UsageError
from focus_ai.sources.discover import SourceFile
from focus_ai.sources.reject import Reject
from focus_ai.sources.relation import COMPRESSION, csv_rejects, renumbered, with_raw_text
from focus_ai.sources.rows import LONGEST_ROW

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class LineForm:
    """How a line is written: `pattern` with one named group per value; `quoted` values lose their double quotes and
    the backslash before a quote; the text `absent` stands for no value."""

    pattern: str
    names: tuple[str, ...]
    quoted: bool = False
    absent: str | None = None

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern)

    def values(self, line: str) -> dict[str, str] | None:
        """The values of one line, None when it does not fit. The same reading as `text_lines`, for recognition."""
        found = self._compiled.search(line)
        if found is None:
            return None
        values = {name: found[name] or "" for name in self.names}
        if self.quoted:
            values = {n: v[1:-1].replace('\\"', '"') if v[:1] == '"' else v for n, v in values.items()}
        return {n: v for n, v in values.items() if v not in ("", self.absent)}


def line_form(raw: Mapping[str, Any]) -> LineForm:
    """From `{pattern}` or `{separator, names}` of a mapping. Raises `UsageError` for a pattern that cannot be used."""
    absent = raw.get("absent")
    if "separator" in raw:
        names = tuple(str(name) for name in raw["names"])
        apart = re.escape(str(raw["separator"]))
        value = f'("(?:[^"\\\\]|\\\\.)*"|[^{apart}"]*)'
        # newer versions of a format append values, so what follows the named ones is passed over
        pattern = f"^{apart.join(value for _ in names)}(?:{apart}.*)?$"
        named = pattern
        for name in names:
            named = named.replace("(" + value[1:], f"(?P<{name}>" + value[1:], 1)
        pattern, quoted = named, True
    else:
        pattern, quoted = str(raw["pattern"]), False
        try:
            groups = re.compile(pattern)
        except re.error as error:
            raise UsageError("not a regular expression", value=pattern, expected=str(error)) from error
        names = tuple(sorted(groups.groupindex, key=lambda name: groups.groupindex[name]))
        if not names or groups.groups != len(names):
            raise UsageError(
                "every group in the pattern of a line needs a name", value=pattern,
                expected="(?P<name>...) for a value, (?:...) for anything else",
            )  # fmt: skip
    if len(set(names)) != len(names) or not all(_NAME.fullmatch(name) for name in names):
        raise UsageError("the names of the values of a line must be different words", value=", ".join(names))
    return LineForm(pattern, names, quoted, None if absent is None else str(absent))


def text_lines(session: Session, source: SourceFile, form: LineForm) -> tuple[str, tuple[str, ...], list[Reject]]:
    """The relation of a text log, its column names, and the lines that do not fit."""
    lines = (
        f"(SELECT row_number() OVER () AS rn, line AS r FROM read_csv({literal(str(source.path))}, auto_detect=false, "
        "header=false, columns={'line': 'VARCHAR'}, delim=chr(1), quote='', escape='', strict_mode=false, "
        f"compression={literal(COMPRESSION[source.format.compression])}, encoding={literal(source.format.encoding)}, "
        f"max_line_size={LONGEST_ROW}, buffer_size={2 * LONGEST_ROW}, store_rejects=true, rejects_limit=0))"
    ).replace("chr(1)", literal("\x01"))
    fits = f"regexp_matches(r, {literal(form.pattern)})"
    unfit = session.rows(_lines(lines, f"NOT {fits}"))
    # the reader numbers rejected lines as if a header stood above them
    rejects = [Reject(r.file, (r.row or 0) + 1, _reason(r), None) for r in csv_rejects(session, source.name)]
    if rejects:
        rejects = with_raw_text(rejects, source, blank=True)
        lines = renumbered(session, lines, rejects)
        unfit = session.rows(_lines(lines, f"NOT {fits}"))
    rejects += [Reject(source.name, int(row), "line_does_not_fit", text) for row, text in sorted(unfit)]
    groups = f"regexp_extract(r, {literal(form.pattern)}, [{literals(form.names)}])"
    columns = ", ".join(f"{ident(name)} := {_value(form, f'g.{ident(name)}')}" for name in form.names)
    fitting = f"(SELECT rn, {groups} AS g FROM ({_lines(lines, fits if unfit else 'TRUE')}))"
    csv_rejects(session, source.name)
    return f"(SELECT rn, struct_pack({columns}) AS r FROM {fitting})", form.names, rejects


def _reason(reject: Reject) -> str:
    return "line_too_long" if reject.reason == "csv:line_size_over_maximum" else "not_utf8"


def _lines(relation: str, condition: str) -> str:
    """Lines that are not blank and for which the condition holds."""
    return f"SELECT rn, r FROM {relation} WHERE trim(r) <> '' AND {condition}"


def _value(form: LineForm, sql: str) -> str:
    if form.quoted:
        bare = f"replace({sql}[2:-2], {literal(chr(92) + chr(34))}, {literal(chr(34))})"
        sql = f"CASE WHEN starts_with({sql}, {literal(chr(34))}) THEN {bare} ELSE {sql} END"
    return sql if form.absent is None else f"NULLIF({sql}, {literal(form.absent)})"


def fitting(form: LineForm, lines: Iterable[str]) -> list[dict[str, str]]:
    """The values of those lines that fit."""
    return [values for line in lines if line.strip() and (values := form.values(line)) is not None]
