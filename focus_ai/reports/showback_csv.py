"""The showback report as CSV: one line per number, every digit kept. Input is schema `focus-ai/showback@1`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Report = Mapping[str, Any]


def showback_csv(report: Report) -> str:
    """One line per number: section, name, day, measure, value; every digit kept."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["section", "dimension", "name", "day", "measure", "value", "currency"])
    writer.writerows(_flat(report))
    return out.getvalue()


def _flat(report: Report) -> Iterator[Sequence[Any]]:
    currency = report["currency"]
    for point in report["daily"]["total"]:
        yield "daily", "total", "", point["day"], "cost", point["cost"], currency
        yield "daily", "total", "", point["day"], "average7", point["average"], currency
    for dimension in ("team", "product", "model"):
        for group in report["daily"][dimension]:
            for point in group["days"]:
                yield "daily", dimension, group["name"], point["day"], "cost", point["cost"], currency
                yield "daily", dimension, group["name"], point["day"], "average7", point["average"], currency
    for row in report["last_day"]["groups"]:
        name = "/".join((row["team"], row["product"], row["model"]))
        for measure in ("cost", "usual", "delta"):
            yield "last_day", "team/product/model", name, report["last_day"]["day"], measure, row[measure], currency
    for row in report["budgets"]["teams"]:
        for measure in ("budget", "spent", "share", "forecast", "status"):
            yield "budget", "team", row["team"], row["period"], measure, row[measure], currency
    for row in report["shared"]["methods"]:
        yield "shared", row["method"], row["team"], "", "cost", row["cost"], currency
    for row in report["shared"]["teams"]:
        for measure in ("direct", "shared"):
            yield "shared", "team", row["team"], "", measure, row[measure], currency
    for row in report["unattributed"]["reasons"]:
        yield "unattributed", "reason", row["reason"], "", "cost", row["cost"], currency
    for point in report["unattributed"]["days"]:
        yield "unattributed", "total", "", point["day"], "cost", point["cost"], currency
        yield "unattributed", "total", "", point["day"], "share", point["share"], currency
    yield "unattributed", "total", "", "", "age_days", report["unattributed"]["age_days"], currency
    if report["retries"]["known"]:
        for row in report["retries"]["groups"]:
            name = f"{row['team']}/{row['model']}"
            yield "retries", row["what"], name, "", "attempts", row["attempts"], currency
            yield "retries", row["what"], name, "", "waste", row["waste"], currency
        for measure in ("waste", "share", "not_told"):
            yield "retries", "total", "", "", measure, report["retries"][measure], currency
    for row in report["evaluation"]["environments"]:
        yield "environment", "environment", row["name"], "", "cost", row["cost"], currency
    said = report["evaluation"]["evaluation_per_production"]
    yield "environment", "total", "", "", "evaluation_per_production", said, currency
    if report["batch"]["known"]:
        for measure in ("cost", "share"):
            yield "batch", "total", "", "", measure, report["batch"][measure], currency
    if report["caching"]["known"]:
        for measure in ("cached_share", "saved", "tokens_without_fresh_price"):
            yield "caching", "total", "", "", measure, report["caching"][measure], currency
        for row in report["caching"]["models"]:
            for measure in ("cached_tokens", "cached_share", "saved"):
                yield "caching", "model", row["name"], "", measure, row[measure], currency
    for dimension in ("team", "product", "model"):
        for row in report["unit_cost"][dimension]:
            for measure in ("requests", "cost_per_thousand_requests"):
                yield "unit_cost", dimension, row["name"], "", measure, row[measure], currency
    for row in report["models"]:
        for measure in (
            "cost", "tokens", "requests", "cost_per_million_tokens", "cost_per_thousand_requests", "output_per_input",
            "cached_share",
        ):  # fmt: skip
            yield "model", "model", row["name"], "", measure, row[measure], currency
    for row in report["business_units"]:
        yield (
            "unit",
            row["unit"],
            row["product"] or row["team"] or "",
            "",
            "cost_per_unit",
            row["cost_per_unit"],
            currency,
        )
    for row in (report["movers"] or {}).get("by_team_and_model", ()):
        yield "movers", row["model"], row["team"], "", "delta", row["delta"], currency
    for alert in report["alerts"]:
        yield "alert", alert["id"], alert["name"] or "", alert["day"] or "", "value", alert["value"], currency
