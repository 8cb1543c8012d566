"""A judgement made by hand with everything that a report has to show, and hostile text where text comes from files."""

from __future__ import annotations

from typing import Any

from focus_ai.findings import Criterion, Deviation, Finding, Findings, Sample, Verdict
from focus_ai.judgement import Fact, Judgement, Known

HOSTILE = '<script>alert("x")</script> & | `tick` \x1b[31mred\x00 %0A ::error:: \ud800 "q"'
FILE = "data/billing_period=2026-11/costs, part:1.csv"


def findings(**changes: Any) -> Findings:
    made: dict[str, Any] = {
        "focus_version": "1.3", "dataset": "CostAndUsage", "rows": 1_000_000, "files": (FILE, "data/b.parquet"),
        "generator": "focus-ai 9.9.9",
        "rules": (
            Verdict("CAU-ListCost-C-009-C", "failed", "error", title="ListCost is price times quantity.", column="ListCost",
                    section="List Cost", rows=900_000),
            Verdict("CAU-BilledCost-C-001-M", "failed", "error", title="BilledCost is there.", column="BilledCost"),
            Verdict("FAI-101", "failed", "warning", title="Rows have an owner.", column="Tags"),
            Verdict("FAI-102", "failed", "info", title="Remark.", column="x_Team"),
            Verdict("CAU-Tags-C-002-C", "passed", "error", title="Tags are key and value.", column="Tags", rows=5),
            Verdict("CAU-Region-C-001-C", "not_applicable", "error", reason="REGION_SUPPORTED does not hold"),
            Verdict("CAU-Delivery-C-001-M", "not_checked", "error", reason="needs the delivery history"),
            Verdict("CAU-ListCost-C-000-M", "failed", "error", group=True, parts=("CAU-ListCost-C-009-C",)),
        ),
        "findings": (
            Finding("FAI-102", "info", "x_Team", 3, "Three rows.", {"USD": "0"}, {}, "Nothing.", ()),
            Finding("FAI-101", "warning", "Tags", 7, "Seven rows lack an owner.", {"USD": "1.5", "EUR": "2"}, {}, "Tag them."),
            Finding("CAU-BilledCost-C-001-M", "error", "BilledCost", 0, "The column BilledCost is missing.", {}, {}, "Add it."),
            Finding(
                "CAU-ListCost-C-009-C", "error", "ListCost", 12, "ListCost must equal ListUnitPrice x PricingQuantity.",
                {"USD": "1234.56"}, {"USD": "1200"}, "Write the exact product.",
                (Sample(FILE, 17, HOSTILE, {"SkuId": HOSTILE, "ChargePeriodStart": "2026-11-01T00:00:00Z"}),
                 Sample("data/b.parquet", 99, None, {})),
            ),
        ),
        "criteria": (Criterion("TAGGING_SUPPORTED", True, "the data has Tags"),),
        "deviations": (Deviation("BilledCost", "DOUBLE", "a decimal", ""),),
        "notes": ("version 1.3 from the Parquet footer",),
    }  # fmt: skip
    return Findings(**{**made, **changes})


def judgement(baseline: dict[tuple[str, str], int] | None = None, **changes: Any) -> Judgement:
    known = None if baseline is None else {at: Known(*at, rows) for at, rows in baseline.items()}
    made: dict[str, Any] = {
        "findings": findings(), "baseline": known, "lines": {(FILE, 17): 18},
        "facts": {"CAU-ListCost-C-009-C": Fact("A wrong product hides a discount.", "", "FOCUS 1.3, List Cost")},
    }  # fmt: skip
    return Judgement(**{**made, **changes})


def many(count: int, samples: int = 5, text: str = "x" * 3000) -> Judgement:
    """A judgement with many findings of many rules, each with long values."""
    rules = [f"R-{i:05d}" for i in range(count)]
    found = tuple(
        Finding(r, "error", "Tags", 10, f"{r}: {text}", {"USD": "1"}, {}, "fix", tuple(Sample("f.csv", n + 1, text) for n in range(samples)))
        for r in rules
    )  # fmt: skip
    verdicts = tuple(Verdict(r, "failed", "error", column="Tags", title=r) for r in rules)
    return judgement(findings=findings(rules=verdicts, findings=found))
