"""Every form of report names rule, column, rows, file, row, value, money and remedy, and survives hostile text."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from findings_example import FILE, findings, judgement, many
from jsonschema import Draft202012Validator

from focus_ai import resources
from focus_ai.findings import Findings
from focus_ai.reports.findings import FORMS, render

LIST_COST = ("CAU-ListCost-C-009-C", "ListCost")


@pytest.mark.parametrize("form", FORMS)
def test_every_form_says_what_where_how_much_and_what_to_do(form: str) -> None:
    text = render(form, judgement())
    for word in ("CAU-ListCost-C-009-C", "ListCost must equal ListUnitPrice x PricingQuantity", "Write the exact product",
                 "data/b.parquet" if form != "github" else "costs"):  # fmt: skip
        assert word in text, word
    assert re.search(r"1,?234\.56", text) and re.search(r"\b17\b", text) and re.search(r"\b12\b", text)
    text.encode("utf-8")
    assert "\x1b" not in text and "\x00" not in text
    assert text.endswith("\n")


@pytest.mark.parametrize("form", FORMS)
def test_every_form_works_without_findings_rows_or_rules(form: str) -> None:
    empty = judgement(findings=findings(findings=(), rules=(), rows=0, files=("a.csv",), deviations=(), criteria=()))
    assert render(form, empty)


def test_text_says_the_verdict_the_counts_and_the_next_step() -> None:
    text = render("text", judgement())
    lines = text.splitlines()
    assert lines[0] == "FOCUS 1.3 CostAndUsage: 2 files, 1,000,000 rows"
    assert lines[1].strip() == "version 1.3 from the Parquet footer"
    assert "Rules     1 passed, 4 failed (2 errors, 1 warning, 1 remark), 1 not applicable, 1 not checked" in lines
    assert "Result    FAILED: 2 findings to fix" in lines
    assert "Next      focus-ai explain CAU-ListCost-C-009-C" in lines
    assert "  CAU-ListCost-C-009-C  ListCost  12 rows  billed 1,234.56 USD" in lines
    assert any(line.startswith(f"    {FILE} row 17 (line 18): '<script>") for line in lines)
    assert "    and 10 more rows" in lines
    assert "  DOUBLE instead of a decimal: BilledCost" in lines
    # the dearest error first, then errors without money, then warnings, then remarks
    order = [text.index(word) for word in ("ListCost-C-009", "The column BilledCost", "FAI-101", "FAI-102")]
    assert order == sorted(order)


def test_text_is_capped_and_counts_the_rest() -> None:
    text = render("text", many(100, text="short"))
    assert len(text.splitlines()) < 25 * 8 + 40
    assert "and 75 more" in text


def test_json_has_its_published_shape() -> None:
    schema = json.loads((resources.schemas() / "findings.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    for made in (judgement(), judgement({LIST_COST: 12}), judgement({("gone", "x"): 1})):
        data = json.loads(render("json", made))
        Draft202012Validator(schema).validate(data)
    data = json.loads(render("json", judgement()))
    listed = data["findings"][3]
    assert listed["billed_cost"] == "1234.56" and listed["samples"][0]["line"] == 18
    assert data["summary"] == {"errors": 2, "warnings": 1, "infos": 1, "passed": 1, "failed": 4, "not_applicable": 1,
                               "not_checked": 1}  # fmt: skip
    assert data["failed"] is True
    assert Findings.from_json(json.dumps(data)).findings == findings().findings


def test_sarif_has_one_result_per_rule_and_column_with_places_and_fingerprints() -> None:
    log = json.loads(render("sarif", judgement()))
    assert log["version"] == "2.1.0"
    run = log["runs"][0]
    assert run["results"][0]["ruleId"] == "CAU-ListCost-C-009-C"
    assert len(run["results"]) == 4 == len(run["tool"]["driver"]["rules"])
    first = run["results"][0]
    assert first["level"] == "error" and first["occurrenceCount"] == 12
    places = [loc["physicalLocation"] for loc in first["locations"]]
    assert [p["region"]["startLine"] for p in places] == [18, 99]
    assert places[0]["artifactLocation"]["uri"] == "data/billing_period%3D2026-11/costs%2C%20part%3A1.csv"
    for result in run["results"]:
        assert result["locations"] and result["message"]["text"] and result["ruleIndex"] >= 0
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    again = json.loads(render("sarif", judgement(findings=findings(rows=5, files=("other.csv",)))))
    prints = [r["partialFingerprints"] for r in again["runs"][0]["results"]]
    assert prints == [r["partialFingerprints"] for r in run["results"]]
    assert len({p["focusAiFinding/v1"] for p in prints}) == 4


def test_sarif_stays_under_the_limits_of_github() -> None:
    import gzip

    text = render("sarif", many(6000, samples=3, text="y" * 2000))
    run = json.loads(text)["runs"][0]
    assert len(run["results"]) == 5000 and run["properties"]["leftOut"] == 1000
    assert len(gzip.compress(text.encode())) < 10_000_000
    text = render("sarif", many(1, samples=1000, text="short"))
    assert len(json.loads(text)["runs"][0]["results"][0]["locations"]) == 100


def test_sarif_names_known_findings_as_such() -> None:
    run = json.loads(render("sarif", judgement({LIST_COST: 12, ("FAI-101", "Tags"): 6})))["runs"][0]
    states = {r["ruleId"]: r["baselineState"] for r in run["results"]}
    assert states == {"CAU-ListCost-C-009-C": "unchanged", "CAU-BilledCost-C-001-M": "new", "FAI-101": "updated", "FAI-102": "new"}  # fmt: skip
    assert [bool(r.get("suppressions")) for r in run["results"]] == [True, False, False, False]


def test_junit_has_a_case_per_rule() -> None:
    root = ElementTree.fromstring(render("junit", judgement()))
    suite = root.find("testsuite")
    assert suite is not None
    cases = {case.get("name"): case for case in suite}
    assert len(cases) == 7 == int(suite.get("tests", ""))  # the bundle is not a case
    assert int(suite.get("failures", "")) == 2 and int(suite.get("skipped", "")) == 2
    failed = cases["CAU-ListCost-C-009-C"].find("failure")
    assert failed is not None and failed.get("message", "").startswith("ListCost must equal")
    assert "row 17 (line 18)" in (failed.text or "")
    assert cases["FAI-101"].find("failure") is None and cases["FAI-101"].find("system-out") is not None
    skipped = cases["CAU-Region-C-001-C"].find("skipped")
    assert skipped is not None and "REGION_SUPPORTED" in skipped.get("message", "")
    strict = ElementTree.fromstring(render("junit", judgement(fail_on="warning")))
    assert strict.get("failures") == "3"


def test_annotations_are_at_most_ten_of_a_kind_and_cannot_be_forged() -> None:
    text = render("github", judgement())
    commands = [line for line in text.splitlines() if line.startswith("::")]
    assert [c.split(" ")[0] for c in commands] == ["::error", "::error", "::warning", "::notice"]
    assert commands[0].startswith(
        "::error file=data/billing_period=2026-11/costs%2C part%3A1.csv,line=18,title=CAU-ListCost-C-009-C ListCost::"
    )
    assert "%250A" in commands[0]  # a percent sign of the data is not a line break
    crowd = [line for line in render("github", many(40)).splitlines() if line.startswith("::error")]
    assert len(crowd) == 10 and "31 more findings" in crowd[-1]


def test_markdown_stays_below_a_mebibyte_and_is_inert() -> None:
    text = render("markdown", judgement())
    assert "<script>" not in re.sub(r"`+[^`]*`+", "", text.replace("`tick`", ""))
    assert "| error | `CAU-ListCost-C-009-C` | ListCost | 12 rows | billed 1,234.56 USD |" in text
    big = render("markdown", many(3000))
    assert len(big.encode()) < 1 << 20 and "more findings are left out" in big


class _Page(HTMLParser):
    """What a page refers to and whether its elements are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.refers: list[str] = []
        self.open: list[str] = []
        self.rules: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given: dict[str, Any] = dict(attrs)
        self.refers += [given[k] for k in ("src", "href", "action", "data") if k in given]
        self.scripts += tag == "script"
        if tag == "details" and "rule" in (given.get("class") or "").split():
            self.rules.append(given["id"])
        if tag not in ("meta", "input", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag


def test_the_page_stands_alone_and_has_a_part_per_rule() -> None:
    page = _Page()
    text = render("html", judgement())
    page.feed(text)
    assert page.open == [] and page.refers == [] and page.scripts == 1
    assert not re.search(r"https?://|@import|url\(", text)
    assert page.rules[:2] == ["CAU-ListCost-C-009-C", "CAU-BilledCost-C-001-M"] and len(page.rules) == 7
    assert "Content-Security-Policy" in text and "A wrong product hides a discount." in text


def test_the_page_works_in_a_browser(tmp_path: Path) -> None:
    """The script of the page runs under its own policy: the shown parts are counted after loading."""
    import shutil
    import subprocess

    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("no headless Chromium on this machine")
    (tmp_path / "page.html").write_text(render("html", judgement()), encoding="utf-8")
    run = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
         "--enable-logging=stderr", "--dump-dom", (tmp_path / "page.html").as_uri()],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if not run.stdout:
        pytest.skip("Chromium does not start here")
    assert "4 of 7 rules" in run.stdout  # only the failed ones are shown at first
    assert "CONSOLE" not in run.stderr  # no error, nothing refused by the policy


def test_the_baseline_shows_in_every_form() -> None:
    made = judgement({LIST_COST: 12, ("FAI-101", "Tags"): 6, ("old", "Column"): 3})
    text = render("text", made)
    assert "Errors  1  (and 1 known)" in text and "grown from 6 rows" in text and "Gone since the baseline  1" in text
    assert "CAU-ListCost-C-009-C" not in render("github", made)
    assert "Gone since the baseline" in render("markdown", made) and "Gone since the baseline" in render("html", made)
    data = json.loads(render("json", made))
    assert data["baseline"] == {
        "known": 1,
        "grown": 1,
        "new": 2,
        "gone": [{"rule": "old", "column": "Column", "rows": 3}],
    }
