"""The report of `allocate --verify` as text. Input is the report `focus-ai/allocation-check@1`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from focus_ai.reports.table import count

Report = Mapping[str, Any]

#: Kind of a finding -> what it means, in the order of the report.
_KINDS = {
    "file": "Files that are not the ones that were delivered",
    "rules": "Kept rules that are not those of the weights",
    "rule": "Origin rows that no rule takes",
    "origin_id": "Origin rows whose id is not theirs alone",
    "weight": "Weights that are not what the rule gives on the direct rows",
    "weight_sum": "Rules whose weights do not add up to 1",
    "share": "Shares that are not what origin, rule and weights give",
    "target": "Shares that go to nobody the rule names",
    "missing": "Origin rows of which a target has no share, or several",
    "sum": "Origin rows whose shares do not add up to them",
    "ratio_sum": "Origin rows whose ratios do not add up to 1",
    "no_origin": "Shares without an origin row",
}


def check_text(report: Report) -> str:
    """The whole report, ending with a newline."""
    checked, counts = report["checked"], report["counts"]
    lines = [f"Allocation of {report['dataset']}", "  " + ", ".join(
        f"{count(checked[name])} {word}" for name, word in
        (("origins", "origin rows"), ("shares", "shares"), ("weights", "weights"), ("files", "files"))
    ) + " checked"]  # fmt: skip
    if report["ok"]:
        lines.append("  right: every share is what its origin, rule and weight give, and nothing is lost or added")
    for kind in [*_KINDS, *(k for k in counts if k not in _KINDS)]:
        if kind in counts:
            lines += ["", f"{_KINDS.get(kind, kind)}: {count(counts[kind])}"]
            found = [f for f in report["findings"] if f["kind"] == kind]
            places = dict.fromkeys(_place(f) for f in found)
            for place in places:
                lines.append(f"  {place}")
                lines += [f"    {_difference(f)}" for f in found if _place(f) == place]
            if counts[kind] > len(places):
                lines.append("  and more")
    lines += ["", *(f"note: {note}" for note in report["notes"])] if report["notes"] else []
    return "\n".join(lines) + "\n"


def _place(finding: Report) -> str:
    facts = [f"{name} {finding[name]}" for name in ("rule", "origin", "target") if finding.get(name)]
    return str(finding["where"]) + (f" ({', '.join(facts)})" if facts else "")


def _difference(finding: Report) -> str:
    return f"{finding['column']}: {_value(finding['value'])}, expected {_value(finding['expected'])}"


def _value(value: Any) -> str:
    return "nothing" if value is None else str(value)
